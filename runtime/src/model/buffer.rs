//! Buffers that keep their memory.

use alloc::vec::Vec;

/// The first `length` numbers of a buffer, which grows if it is shorter. The numbers are left over
/// from earlier uses.
pub(super) fn grow(buffer: &mut Vec<f32>, length: usize) -> &mut [f32] {
    if buffer.len() < length {
        buffer.resize(length, 0.0);
    }
    &mut buffer[..length]
}

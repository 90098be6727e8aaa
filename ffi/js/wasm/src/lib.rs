//! The functions of `optiformer.h` as exports of a WebAssembly module, and memory for what
//! JavaScript passes to them.

use std::alloc::{Layout, alloc, dealloc};

pub use optiformer_ffi::*;

/// Alignment of what is handed out: that of the largest number.
const ALIGNMENT: usize = 8;

fn layout(size: usize) -> Option<Layout> {
    Layout::from_size_align(size.max(1), ALIGNMENT).ok()
}

/// Memory of `size` bytes, aligned for a double; null where there is none.
#[unsafe(no_mangle)]
pub extern "C" fn optiformer_allocate(size: usize) -> *mut u8 {
    // SAFETY: the layout has at least one byte.
    layout(size).map_or(std::ptr::null_mut(), |layout| unsafe { alloc(layout) })
}

/// Frees memory of [`optiformer_allocate`].
///
/// # Safety
///
/// `memory` was handed out for `size` bytes, and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn optiformer_deallocate(memory: *mut u8, size: usize) {
    if let Some(layout) = layout(size) {
        // SAFETY: the caller vouches for memory and size, which give the same layout.
        unsafe { dealloc(memory, layout) }
    }
}

//! The integer operations of the quantized kernels.

use super::vector::{Portable, Vector};

/// A register of 32-bit sums, to which products of small integers are added.
///
/// Sums are exact, so every implementation gives the same ones; the tests check that.
///
/// # Safety
///
/// The CPU must have the instructions of the implementation, and pointers must be valid for as many
/// numbers as each method names.
#[allow(clippy::missing_safety_doc, reason = "the trait says it for all of them")]
pub unsafe trait Integers: Copy {
    /// A register of as many single-precision numbers.
    type Floats: Vector;
    /// The same four bytes of a row for every lane.
    type Quads: Copy;
    /// Four bytes of a matrix for each lane.
    type Bytes: Copy;
    /// The same two 16-bit numbers of a row for every lane.
    type Pairs: Copy;
    /// Two bytes of a matrix for each lane, widened.
    type Shorts: Copy;
    /// Whether rows store their bytes plus 128.
    const BIASED: bool;

    /// All zero.
    unsafe fn zero() -> Self;
    /// Reads a sum for each lane.
    unsafe fn load(pointer: *const i32) -> Self;
    /// `self + other`.
    unsafe fn add(self, other: Self) -> Self;
    /// Reads four bytes of a row.
    unsafe fn splat_quad(pointer: *const u8) -> Self::Quads;
    /// Reads four bytes for each lane, lane by lane.
    unsafe fn load_bytes(pointer: *const i8) -> Self::Bytes;
    /// Prefetches memory; any address is valid.
    #[inline(always)]
    unsafe fn prefetch(_pointer: *const i8) {}
    /// Adds the four products of each lane; bytes lie between −127 and 127.
    unsafe fn add_quads(self, quads: Self::Quads, bytes: Self::Bytes) -> Self;
    /// Reads two numbers of a row.
    unsafe fn splat_pair(pointer: *const i16) -> Self::Pairs;
    /// Reads two bytes for each lane, lane by lane.
    unsafe fn load_shorts(pointer: *const i8) -> Self::Shorts;
    /// Adds the two products of each lane.
    unsafe fn add_pairs(self, pairs: Self::Pairs, shorts: Self::Shorts) -> Self;
    /// The sums as floating-point numbers.
    unsafe fn to_floats(self) -> Self::Floats;
    /// Rounds to whole numbers (ties to even) between −127 and 127 and stores a signed byte per
    /// lane.
    unsafe fn store_bytes(numbers: Self::Floats, pointer: *mut u8);
    /// Rounds likewise to between −32767 and 32767 and stores 16 bits per lane.
    unsafe fn store_shorts(numbers: Self::Floats, pointer: *mut i16);
}

/// Eight sums in an array.
#[derive(Clone, Copy)]
pub struct PortableIntegers([i32; 8]);

// SAFETY: plain arithmetic, which every CPU has.
unsafe impl Integers for PortableIntegers {
    type Floats = Portable;
    type Quads = [i16; 4];
    type Bytes = [[i8; 4]; 8];
    type Pairs = [i16; 2];
    type Shorts = [[i8; 2]; 8];
    const BIASED: bool = false;

    #[inline(always)]
    unsafe fn zero() -> Self {
        Self([0; 8])
    }

    #[inline(always)]
    unsafe fn load(pointer: *const i32) -> Self {
        // SAFETY: the caller vouches for the memory.
        Self(unsafe { pointer.cast::<[i32; 8]>().read_unaligned() })
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        Self(core::array::from_fn(|lane| self.0[lane] + other.0[lane]))
    }

    #[inline(always)]
    unsafe fn splat_quad(pointer: *const u8) -> Self::Quads {
        // SAFETY: the caller vouches for the memory.
        unsafe { pointer.cast::<[i8; 4]>().read_unaligned() }.map(i16::from)
    }

    #[inline(always)]
    unsafe fn load_bytes(pointer: *const i8) -> Self::Bytes {
        // SAFETY: the caller vouches for the memory.
        unsafe { pointer.cast::<[[i8; 4]; 8]>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn add_quads(self, quads: Self::Quads, bytes: Self::Bytes) -> Self {
        Self(core::array::from_fn(|lane| {
            let products = quads.iter().zip(bytes[lane]).map(|(x, w)| i32::from(x * i16::from(w)));
            self.0[lane] + products.sum::<i32>()
        }))
    }

    #[inline(always)]
    unsafe fn splat_pair(pointer: *const i16) -> Self::Pairs {
        // SAFETY: the caller vouches for the memory.
        unsafe { pointer.cast::<[i16; 2]>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn load_shorts(pointer: *const i8) -> Self::Shorts {
        // SAFETY: the caller vouches for the memory.
        unsafe { pointer.cast::<[[i8; 2]; 8]>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn add_pairs(self, pairs: Self::Pairs, shorts: Self::Shorts) -> Self {
        Self(core::array::from_fn(|lane| {
            let [one, other] = shorts[lane].map(i32::from);
            self.0[lane] + i32::from(pairs[0]) * one + i32::from(pairs[1]) * other
        }))
    }

    #[inline(always)]
    unsafe fn to_floats(self) -> Self::Floats {
        Portable(self.0.map(|sum| sum as f32))
    }

    #[inline(always)]
    unsafe fn store_bytes(numbers: Self::Floats, pointer: *mut u8) {
        // SAFETY: arithmetic; the caller vouches for the memory.
        unsafe {
            let bytes = numbers.round().0.map(|number| number as i8);
            pointer.cast::<[i8; 8]>().write_unaligned(bytes);
        }
    }

    #[inline(always)]
    unsafe fn store_shorts(numbers: Self::Floats, pointer: *mut i16) {
        // SAFETY: arithmetic; the caller vouches for the memory.
        unsafe {
            let shorts = numbers.round().0.map(|number| number as i16);
            pointer.cast::<[i16; 8]>().write_unaligned(shorts);
        }
    }
}

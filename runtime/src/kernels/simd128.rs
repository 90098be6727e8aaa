//! WebAssembly's 128-bit vectors, where the build enables them.

use core::arch::wasm32::*;

use super::{integers::Integers, vector::Vector};

/// Four numbers.
#[derive(Clone, Copy)]
pub struct Simd128(v128);

/// Four sums.
#[derive(Clone, Copy)]
pub struct Simd128Integers(v128);

// SAFETY: this module is compiled where the vectors are there; pointers are the caller's.
unsafe impl Vector for Simd128 {
    const LANES: usize = 4;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        Self(f32x4_splat(value))
    }

    #[inline(always)]
    unsafe fn load(pointer: *const f32) -> Self {
        // SAFETY: the caller vouches for the memory.
        Self(unsafe { v128_load(pointer.cast()) })
    }

    #[inline(always)]
    unsafe fn store(self, pointer: *mut f32) {
        // SAFETY: the caller vouches for the memory.
        unsafe { v128_store(pointer.cast(), self.0) }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        Self(f32x4_add(self.0, other.0))
    }

    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        Self(f32x4_sub(self.0, other.0))
    }

    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        Self(f32x4_mul(self.0, other.0))
    }

    #[inline(always)]
    unsafe fn div(self, other: Self) -> Self {
        Self(f32x4_div(self.0, other.0))
    }

    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
        Self(f32x4_add(f32x4_mul(self.0, factor.0), addend.0))
    }

    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        Self(f32x4_pmax(self.0, other.0))
    }

    #[inline(always)]
    unsafe fn reduce_sum(self) -> f32 {
        let two = f32x4_add(self.0, i32x4_shuffle::<2, 3, 0, 1>(self.0, self.0));
        f32x4_extract_lane::<0>(two) + f32x4_extract_lane::<1>(two)
    }

    #[inline(always)]
    unsafe fn reduce_max(self) -> f32 {
        let two = f32x4_pmax(self.0, i32x4_shuffle::<2, 3, 0, 1>(self.0, self.0));
        f32x4_extract_lane::<0>(two).max(f32x4_extract_lane::<1>(two))
    }

    #[inline(always)]
    unsafe fn round(self) -> Self {
        Self(f32x4_nearest(self.0))
    }

    #[inline(always)]
    unsafe fn exp2_int(self) -> Self {
        let biased = i32x4_add(i32x4_trunc_sat_f32x4(self.0), i32x4_splat(127));
        Self(i32x4_shl(biased, 23))
    }
}

/// Adds the two halves of each pair of sums, of one register and then of the other.
#[inline(always)]
fn add_neighbors(low: v128, high: v128) -> v128 {
    let even = i32x4_shuffle::<0, 2, 4, 6>(low, high);
    let odd = i32x4_shuffle::<1, 3, 5, 7>(low, high);
    i32x4_add(even, odd)
}

// SAFETY: as above.
unsafe impl Integers for Simd128Integers {
    type Floats = Simd128;
    type Quads = v128;
    type Bytes = v128;
    type Pairs = v128;
    type Shorts = v128;
    const BIASED: bool = false;

    #[inline(always)]
    unsafe fn zero() -> Self {
        Self(i32x4_splat(0))
    }

    #[inline(always)]
    unsafe fn load(pointer: *const i32) -> Self {
        // SAFETY: the caller vouches for the memory.
        Self(unsafe { v128_load(pointer.cast()) })
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        Self(i32x4_add(self.0, other.0))
    }

    #[inline(always)]
    unsafe fn splat_quad(pointer: *const u8) -> v128 {
        // SAFETY: the caller vouches for the memory.
        unsafe { v128_load32_splat(pointer.cast()) }
    }

    #[inline(always)]
    unsafe fn load_bytes(pointer: *const i8) -> v128 {
        // SAFETY: the caller vouches for the memory.
        unsafe { v128_load(pointer.cast()) }
    }

    #[inline(always)]
    unsafe fn add_quads(self, quads: v128, bytes: v128) -> Self {
        let low = i32x4_extadd_pairwise_i16x8(i16x8_extmul_low_i8x16(quads, bytes));
        let high = i32x4_extadd_pairwise_i16x8(i16x8_extmul_high_i8x16(quads, bytes));
        Self(i32x4_add(self.0, add_neighbors(low, high)))
    }

    #[inline(always)]
    unsafe fn splat_pair(pointer: *const i16) -> v128 {
        // SAFETY: the caller vouches for the memory.
        unsafe { v128_load32_splat(pointer.cast()) }
    }

    #[inline(always)]
    unsafe fn load_shorts(pointer: *const i8) -> v128 {
        // SAFETY: the caller vouches for the memory.
        unsafe { i16x8_load_extend_i8x8(pointer) }
    }

    #[inline(always)]
    unsafe fn add_pairs(self, pairs: v128, shorts: v128) -> Self {
        Self(i32x4_add(self.0, i32x4_dot_i16x8(pairs, shorts)))
    }

    #[inline(always)]
    unsafe fn to_floats(self) -> Simd128 {
        Simd128(f32x4_convert_i32x4(self.0))
    }

    #[inline(always)]
    unsafe fn store_bytes(numbers: Simd128, pointer: *mut u8) {
        let whole = i32x4_trunc_sat_f32x4(f32x4_nearest(numbers.0));
        let shorts = i16x8_narrow_i32x4(whole, whole);
        let bytes = i8x16_narrow_i16x8(shorts, shorts);
        // SAFETY: the caller vouches for the memory.
        unsafe { v128_store32_lane::<0>(bytes, pointer.cast()) }
    }

    #[inline(always)]
    unsafe fn store_shorts(numbers: Simd128, pointer: *mut i16) {
        let whole = i32x4_trunc_sat_f32x4(f32x4_nearest(numbers.0));
        let shorts = i16x8_narrow_i32x4(whole, whole);
        // SAFETY: the caller vouches for the memory.
        unsafe { v128_store64_lane::<0>(shorts, pointer.cast()) }
    }
}

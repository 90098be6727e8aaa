//! AVX-512: sixteen lanes, with the byte products of VNNI.

use core::arch::x86_64::*;

use super::super::{integers::Integers, vector::Vector};

/// Sixteen numbers in a 512-bit register.
#[derive(Clone, Copy)]
pub struct Avx512(__m512);

/// Sixteen sums in a 512-bit register.
#[derive(Clone, Copy)]
pub struct Vnni(__m512i);

// SAFETY: needs AVX-512F, which the kernels instantiated with it are compiled for and checked for.
unsafe impl Vector for Avx512 {
    const LANES: usize = 16;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        // SAFETY: the caller vouches for the CPU.
        Self(unsafe { _mm512_set1_ps(value) })
    }

    #[inline(always)]
    unsafe fn load(pointer: *const f32) -> Self {
        // SAFETY: the caller vouches for the CPU and the memory.
        Self(unsafe { _mm512_loadu_ps(pointer) })
    }

    #[inline(always)]
    unsafe fn store(self, pointer: *mut f32) {
        // SAFETY: the caller vouches for the CPU and the memory.
        unsafe { _mm512_storeu_ps(pointer, self.0) }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        // SAFETY: the caller vouches for the CPU.
        Self(unsafe { _mm512_add_ps(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        // SAFETY: the caller vouches for the CPU.
        Self(unsafe { _mm512_sub_ps(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        // SAFETY: the caller vouches for the CPU.
        Self(unsafe { _mm512_mul_ps(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn div(self, other: Self) -> Self {
        // SAFETY: the caller vouches for the CPU.
        Self(unsafe { _mm512_div_ps(self.0, other.0) })
    }

    /// Fourteen bits, and Newton's step, which doubles them: a division takes the CPU longer.
    #[inline(always)]
    unsafe fn reciprocal(self) -> Self {
        // SAFETY: the caller vouches for the CPU.
        unsafe {
            let near = _mm512_rcp14_ps(self.0);
            let error = _mm512_fnmadd_ps(self.0, near, _mm512_set1_ps(1.0));
            Self(_mm512_fmadd_ps(near, error, near))
        }
    }

    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
        // SAFETY: the caller vouches for the CPU.
        Self(unsafe { _mm512_fmadd_ps(self.0, factor.0, addend.0) })
    }

    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        // SAFETY: the caller vouches for the CPU.
        Self(unsafe { _mm512_max_ps(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn reduce_sum(self) -> f32 {
        // SAFETY: the caller vouches for the CPU.
        unsafe { _mm512_reduce_add_ps(self.0) }
    }

    #[inline(always)]
    unsafe fn reduce_max(self) -> f32 {
        // SAFETY: the caller vouches for the CPU.
        unsafe { _mm512_reduce_max_ps(self.0) }
    }

    #[inline(always)]
    unsafe fn round(self) -> Self {
        // SAFETY: the caller vouches for the CPU.
        Self(unsafe {
            _mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(self.0)
        })
    }

    #[inline(always)]
    unsafe fn exp2_int(self) -> Self {
        // SAFETY: the caller vouches for the CPU.
        unsafe {
            let biased = _mm512_add_epi32(_mm512_cvtps_epi32(self.0), _mm512_set1_epi32(127));
            Self(_mm512_castsi512_ps(_mm512_slli_epi32::<23>(biased)))
        }
    }
}

// SAFETY: needs AVX-512F, BW, VL and VNNI, which the kernels instantiated with it are compiled for
// and checked for.
unsafe impl Integers for Vnni {
    type Floats = Avx512;
    type Quads = __m512i;
    type Bytes = __m512i;
    type Pairs = __m512i;
    type Shorts = __m512i;
    // The instruction multiplies unsigned bytes by signed ones.
    const BIASED: bool = true;

    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: the caller vouches for the CPU.
        Self(unsafe { _mm512_setzero_si512() })
    }

    #[inline(always)]
    unsafe fn load(pointer: *const i32) -> Self {
        // SAFETY: the caller vouches for the CPU and the memory.
        Self(unsafe { _mm512_loadu_si512(pointer.cast()) })
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        // SAFETY: the caller vouches for the CPU.
        Self(unsafe { _mm512_add_epi32(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn splat_quad(pointer: *const u8) -> Self::Quads {
        // SAFETY: the caller vouches for the CPU and the memory.
        unsafe { _mm512_set1_epi32(pointer.cast::<i32>().read_unaligned()) }
    }

    #[inline(always)]
    unsafe fn load_bytes(pointer: *const i8) -> Self::Bytes {
        // SAFETY: the caller vouches for the CPU and the memory.
        unsafe { _mm512_loadu_si512(pointer.cast()) }
    }

    #[inline(always)]
    unsafe fn prefetch(pointer: *const i8) {
        // SAFETY: a prefetch of an address that cannot be read does nothing.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(pointer) }
    }

    #[inline(always)]
    unsafe fn add_quads(self, quads: Self::Quads, bytes: Self::Bytes) -> Self {
        // SAFETY: the caller vouches for the CPU.
        Self(unsafe { _mm512_dpbusd_epi32(self.0, quads, bytes) })
    }

    #[inline(always)]
    unsafe fn splat_pair(pointer: *const i16) -> Self::Pairs {
        // SAFETY: the caller vouches for the CPU and the memory.
        unsafe { _mm512_set1_epi32(pointer.cast::<i32>().read_unaligned()) }
    }

    #[inline(always)]
    unsafe fn load_shorts(pointer: *const i8) -> Self::Shorts {
        // SAFETY: the caller vouches for the CPU and the memory.
        unsafe { _mm512_cvtepi8_epi16(_mm256_loadu_si256(pointer.cast())) }
    }

    #[inline(always)]
    unsafe fn add_pairs(self, pairs: Self::Pairs, shorts: Self::Shorts) -> Self {
        // SAFETY: the caller vouches for the CPU.
        Self(unsafe { _mm512_dpwssd_epi32(self.0, pairs, shorts) })
    }

    #[inline(always)]
    unsafe fn to_floats(self) -> Self::Floats {
        // SAFETY: the caller vouches for the CPU.
        Avx512(unsafe { _mm512_cvtepi32_ps(self.0) })
    }

    #[inline(always)]
    unsafe fn store_bytes(numbers: Self::Floats, pointer: *mut u8) {
        // SAFETY: the caller vouches for the CPU and the memory.
        unsafe {
            let bytes = _mm512_cvtsepi32_epi8(_mm512_cvtps_epi32(numbers.0));
            _mm_storeu_si128(pointer.cast(), bytes);
        }
    }

    #[inline(always)]
    unsafe fn store_shorts(numbers: Self::Floats, pointer: *mut i16) {
        // SAFETY: the caller vouches for the CPU and the memory.
        unsafe {
            let shorts = _mm512_cvtsepi32_epi16(_mm512_cvtps_epi32(numbers.0));
            _mm256_storeu_si256(pointer.cast(), shorts);
        }
    }
}

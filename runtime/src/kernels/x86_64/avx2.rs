//! AVX2 with FMA.

use core::arch::x86_64::*;

use super::super::{integers::Integers, vector::Vector};

/// Eight numbers in a 256-bit register.
#[derive(Clone, Copy)]
pub struct Avx2(__m256);

/// Eight sums in a 256-bit register.
#[derive(Clone, Copy)]
pub struct Avx2Integers(__m256i);

// SAFETY: needs AVX2 and FMA, which the kernels instantiated with it are compiled for and checked
// for.
unsafe impl Vector for Avx2 {
    const LANES: usize = 8;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        // SAFETY: the caller vouches for the CPU.
        Self(unsafe { _mm256_set1_ps(value) })
    }

    #[inline(always)]
    unsafe fn load(pointer: *const f32) -> Self {
        // SAFETY: the caller vouches for the CPU and the memory.
        Self(unsafe { _mm256_loadu_ps(pointer) })
    }

    #[inline(always)]
    unsafe fn store(self, pointer: *mut f32) {
        // SAFETY: the caller vouches for the CPU and the memory.
        unsafe { _mm256_storeu_ps(pointer, self.0) }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        // SAFETY: the caller vouches for the CPU.
        Self(unsafe { _mm256_add_ps(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        // SAFETY: the caller vouches for the CPU.
        Self(unsafe { _mm256_sub_ps(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        // SAFETY: the caller vouches for the CPU.
        Self(unsafe { _mm256_mul_ps(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn div(self, other: Self) -> Self {
        // SAFETY: the caller vouches for the CPU.
        Self(unsafe { _mm256_div_ps(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
        // SAFETY: the caller vouches for the CPU.
        Self(unsafe { _mm256_fmadd_ps(self.0, factor.0, addend.0) })
    }

    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        // SAFETY: the caller vouches for the CPU.
        Self(unsafe { _mm256_max_ps(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn reduce_sum(self) -> f32 {
        // SAFETY: the caller vouches for the CPU.
        unsafe {
            let four =
                _mm_add_ps(_mm256_castps256_ps128(self.0), _mm256_extractf128_ps::<1>(self.0));
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
        }
    }

    #[inline(always)]
    unsafe fn reduce_max(self) -> f32 {
        // SAFETY: the caller vouches for the CPU.
        unsafe {
            let four =
                _mm_max_ps(_mm256_castps256_ps128(self.0), _mm256_extractf128_ps::<1>(self.0));
            let two = _mm_max_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)))
        }
    }

    #[inline(always)]
    unsafe fn round(self) -> Self {
        // SAFETY: the caller vouches for the CPU.
        Self(unsafe {
            _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(self.0)
        })
    }

    #[inline(always)]
    unsafe fn exp2_int(self) -> Self {
        // SAFETY: the caller vouches for the CPU.
        unsafe {
            let biased = _mm256_add_epi32(_mm256_cvtps_epi32(self.0), _mm256_set1_epi32(127));
            Self(_mm256_castsi256_ps(_mm256_slli_epi32::<23>(biased)))
        }
    }
}

// SAFETY: needs AVX2, which the kernels instantiated with it are compiled for and checked for.
unsafe impl Integers for Avx2Integers {
    type Floats = Avx2;
    /// The bytes, and their absolute values.
    type Quads = (__m256i, __m256i);
    type Bytes = __m256i;
    type Pairs = __m256i;
    type Shorts = __m256i;
    const BIASED: bool = false;

    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: the caller vouches for the CPU.
        Self(unsafe { _mm256_setzero_si256() })
    }

    #[inline(always)]
    unsafe fn load(pointer: *const i32) -> Self {
        // SAFETY: the caller vouches for the CPU and the memory.
        Self(unsafe { _mm256_loadu_si256(pointer.cast()) })
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        // SAFETY: the caller vouches for the CPU.
        Self(unsafe { _mm256_add_epi32(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn splat_quad(pointer: *const u8) -> Self::Quads {
        // SAFETY: the caller vouches for the CPU and the memory.
        unsafe {
            let quads = _mm256_set1_epi32(pointer.cast::<i32>().read_unaligned());
            (quads, _mm256_abs_epi8(quads))
        }
    }

    #[inline(always)]
    unsafe fn load_bytes(pointer: *const i8) -> Self::Bytes {
        // SAFETY: the caller vouches for the CPU and the memory.
        unsafe { _mm256_loadu_si256(pointer.cast()) }
    }

    #[inline(always)]
    unsafe fn add_quads(self, quads: Self::Quads, bytes: Self::Bytes) -> Self {
        // SAFETY: the caller vouches for the CPU.
        unsafe {
            // |x| · (±w): two products of at most 127² each stay within 16 bits.
            let pairs = _mm256_maddubs_epi16(quads.1, _mm256_sign_epi8(bytes, quads.0));
            let sums = _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
            Self(_mm256_add_epi32(self.0, sums))
        }
    }

    #[inline(always)]
    unsafe fn splat_pair(pointer: *const i16) -> Self::Pairs {
        // SAFETY: the caller vouches for the CPU and the memory.
        unsafe { _mm256_set1_epi32(pointer.cast::<i32>().read_unaligned()) }
    }

    #[inline(always)]
    unsafe fn load_shorts(pointer: *const i8) -> Self::Shorts {
        // SAFETY: the caller vouches for the CPU and the memory.
        unsafe { _mm256_cvtepi8_epi16(_mm_loadu_si128(pointer.cast())) }
    }

    #[inline(always)]
    unsafe fn add_pairs(self, pairs: Self::Pairs, shorts: Self::Shorts) -> Self {
        // SAFETY: the caller vouches for the CPU.
        Self(unsafe { _mm256_add_epi32(self.0, _mm256_madd_epi16(pairs, shorts)) })
    }

    #[inline(always)]
    unsafe fn to_floats(self) -> Self::Floats {
        // SAFETY: the caller vouches for the CPU.
        Avx2(unsafe { _mm256_cvtepi32_ps(self.0) })
    }

    #[inline(always)]
    unsafe fn store_bytes(numbers: Self::Floats, pointer: *mut u8) {
        // SAFETY: the caller vouches for the CPU and the memory.
        unsafe {
            let whole = _mm256_cvtps_epi32(numbers.0);
            let (low, high) = (_mm256_castsi256_si128(whole), _mm256_extracti128_si256::<1>(whole));
            let shorts = _mm_packs_epi32(low, high);
            _mm_storel_epi64(pointer.cast(), _mm_packs_epi16(shorts, shorts));
        }
    }

    #[inline(always)]
    unsafe fn store_shorts(numbers: Self::Floats, pointer: *mut i16) {
        // SAFETY: the caller vouches for the CPU and the memory.
        unsafe {
            let whole = _mm256_cvtps_epi32(numbers.0);
            let (low, high) = (_mm256_castsi256_si128(whole), _mm256_extracti128_si256::<1>(whole));
            _mm_storeu_si128(pointer.cast(), _mm_packs_epi32(low, high));
        }
    }
}

//! NEON, which every AArch64 CPU has, and the byte dot products of most of them.

use core::{
    arch::{aarch64::*, asm},
    mem::transmute,
};

use super::{integers::Integers, vector::Vector};

/// Four numbers in a 128-bit register.
#[derive(Clone, Copy)]
pub struct Neon(float32x4_t);

/// Four sums in a 128-bit register; bytes are multiplied by widening.
#[derive(Clone, Copy)]
pub struct NeonIntegers(int32x4_t);

/// Four sums in a 128-bit register; bytes are multiplied by `sdot`.
#[derive(Clone, Copy)]
pub struct DotIntegers(int32x4_t);

/// Whether the CPU has byte dot products. Without `std` the build must enable them, because
/// programs cannot query the CPU.
pub fn has_dot_products() -> bool {
    #[cfg(feature = "std")]
    return std::arch::is_aarch64_feature_detected!("dotprod");
    #[cfg(not(feature = "std"))]
    return cfg!(target_feature = "dotprod");
}

// SAFETY: NEON is part of the architecture.
unsafe impl Vector for Neon {
    const LANES: usize = 4;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        // SAFETY: NEON is part of the architecture.
        Self(unsafe { vdupq_n_f32(value) })
    }

    #[inline(always)]
    unsafe fn load(pointer: *const f32) -> Self {
        // SAFETY: the caller vouches for the memory.
        Self(unsafe { vld1q_f32(pointer) })
    }

    #[inline(always)]
    unsafe fn store(self, pointer: *mut f32) {
        // SAFETY: the caller vouches for the memory.
        unsafe { vst1q_f32(pointer, self.0) }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        // SAFETY: NEON is part of the architecture.
        Self(unsafe { vaddq_f32(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        // SAFETY: NEON is part of the architecture.
        Self(unsafe { vsubq_f32(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        // SAFETY: NEON is part of the architecture.
        Self(unsafe { vmulq_f32(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn div(self, other: Self) -> Self {
        // SAFETY: NEON is part of the architecture.
        Self(unsafe { vdivq_f32(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
        // SAFETY: NEON is part of the architecture.
        Self(unsafe { vfmaq_f32(addend.0, self.0, factor.0) })
    }

    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        // SAFETY: NEON is part of the architecture.
        Self(unsafe { vmaxq_f32(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn reduce_sum(self) -> f32 {
        // SAFETY: NEON is part of the architecture.
        unsafe { vaddvq_f32(self.0) }
    }

    #[inline(always)]
    unsafe fn reduce_max(self) -> f32 {
        // SAFETY: NEON is part of the architecture.
        unsafe { vmaxvq_f32(self.0) }
    }

    #[inline(always)]
    unsafe fn round(self) -> Self {
        // SAFETY: NEON is part of the architecture.
        Self(unsafe { vrndnq_f32(self.0) })
    }

    #[inline(always)]
    unsafe fn exp2_int(self) -> Self {
        // SAFETY: NEON is part of the architecture.
        unsafe {
            let biased = vaddq_s32(vcvtnq_s32_f32(self.0), vdupq_n_s32(127));
            Self(vreinterpretq_f32_s32(vshlq_n_s32::<23>(biased)))
        }
    }
}

/// The operations that both kinds of integers share.
macro_rules! integers {
    ($name:ident, $self:ident, $quads:ident, $bytes:ident, $sum:expr) => {
        // SAFETY: NEON is part of the architecture; whoever instantiates a kernel with dot products
        // has asked for them.
        unsafe impl Integers for $name {
            type Floats = Neon;
            type Quads = int8x16_t;
            type Bytes = int8x16_t;
            type Pairs = int16x8_t;
            type Shorts = int16x8_t;
            const BIASED: bool = false;

            #[inline(always)]
            unsafe fn zero() -> Self {
                // SAFETY: NEON is part of the architecture.
                Self(unsafe { vdupq_n_s32(0) })
            }

            #[inline(always)]
            unsafe fn load(pointer: *const i32) -> Self {
                // SAFETY: the caller vouches for the memory.
                Self(unsafe { vld1q_s32(pointer) })
            }

            #[inline(always)]
            unsafe fn add(self, other: Self) -> Self {
                // SAFETY: NEON is part of the architecture.
                Self(unsafe { vaddq_s32(self.0, other.0) })
            }

            #[inline(always)]
            unsafe fn splat_quad(pointer: *const u8) -> int8x16_t {
                // SAFETY: the caller vouches for the memory.
                unsafe {
                    vreinterpretq_s8_s32(vdupq_n_s32(pointer.cast::<i32>().read_unaligned()))
                }
            }

            #[inline(always)]
            unsafe fn load_bytes(pointer: *const i8) -> int8x16_t {
                // SAFETY: the caller vouches for the memory.
                unsafe { vld1q_s8(pointer) }
            }

            #[inline(always)]
            unsafe fn add_quads($self, $quads: int8x16_t, $bytes: int8x16_t) -> Self {
                // SAFETY: as the implementation says.
                Self(unsafe { $sum })
            }

            #[inline(always)]
            unsafe fn splat_pair(pointer: *const i16) -> int16x8_t {
                // SAFETY: the caller vouches for the memory.
                unsafe {
                    vreinterpretq_s16_s32(vdupq_n_s32(pointer.cast::<i32>().read_unaligned()))
                }
            }

            #[inline(always)]
            unsafe fn load_shorts(pointer: *const i8) -> int16x8_t {
                // SAFETY: the caller vouches for the memory.
                unsafe { vmovl_s8(vld1_s8(pointer)) }
            }

            #[inline(always)]
            unsafe fn add_pairs(self, pairs: int16x8_t, shorts: int16x8_t) -> Self {
                // SAFETY: NEON is part of the architecture.
                unsafe {
                    let low = vmull_s16(vget_low_s16(pairs), vget_low_s16(shorts));
                    let high = vmull_high_s16(pairs, shorts);
                    Self(vaddq_s32(self.0, vpaddq_s32(low, high)))
                }
            }

            #[inline(always)]
            unsafe fn to_floats(self) -> Neon {
                // SAFETY: NEON is part of the architecture.
                Neon(unsafe { vcvtq_f32_s32(self.0) })
            }

            #[inline(always)]
            unsafe fn store_bytes(numbers: Neon, pointer: *mut u8) {
                // SAFETY: the caller vouches for the memory.
                unsafe {
                    let shorts = vqmovn_s32(vcvtnq_s32_f32(numbers.0));
                    let bytes = vqmovn_s16(vcombine_s16(shorts, shorts));
                    let four = transmute::<int8x8_t, [u8; 8]>(bytes);
                    pointer.copy_from_nonoverlapping(four.as_ptr(), 4);
                }
            }

            #[inline(always)]
            unsafe fn store_shorts(numbers: Neon, pointer: *mut i16) {
                // SAFETY: the caller vouches for the memory.
                unsafe { vst1_s16(pointer, vqmovn_s32(vcvtnq_s32_f32(numbers.0))) }
            }
        }
    };
}

integers!(NeonIntegers, self, quads, bytes, {
    let low = vmull_s8(vget_low_s8(quads), vget_low_s8(bytes));
    let high = vmull_high_s8(quads, bytes);
    vaddq_s32(self.0, vpaddq_s32(vpaddlq_s16(low), vpaddlq_s16(high)))
});

integers!(DotIntegers, self, quads, bytes, {
    let mut sums = self.0;
    // The intrinsic is unstable; the instruction is not.
    asm!(
        ".arch_extension dotprod",
        "sdot {sums:v}.4s, {quads:v}.16b, {bytes:v}.16b",
        sums = inout(vreg) sums,
        quads = in(vreg) quads,
        bytes = in(vreg) bytes,
        options(pure, nomem, nostack, preserves_flags),
    );
    sums
});

//! The floating-point operations of the kernels.

/// A register of single-precision numbers.
///
/// # Safety
///
/// The CPU must have the instructions of the implementation; whoever instantiates a kernel ensures
/// that with a `target_feature`.
pub unsafe trait Vector: Copy {
    /// Numbers per register.
    const LANES: usize;

    /// The same number in every lane.
    ///
    /// # Safety
    ///
    /// As the trait says.
    unsafe fn splat(value: f32) -> Self;
    /// Reads [`LANES`](Self::LANES) numbers from `pointer`, which need not be aligned.
    ///
    /// # Safety
    ///
    /// As the trait says; the numbers must be readable.
    unsafe fn load(pointer: *const f32) -> Self;
    /// Writes [`LANES`](Self::LANES) numbers to `pointer`, which need not be aligned.
    ///
    /// # Safety
    ///
    /// As the trait says; the numbers must be writable.
    unsafe fn store(self, pointer: *mut f32);
    /// `self + other`.
    ///
    /// # Safety
    ///
    /// As the trait says.
    unsafe fn add(self, other: Self) -> Self;
    /// `self − other`.
    ///
    /// # Safety
    ///
    /// As the trait says.
    unsafe fn sub(self, other: Self) -> Self;
    /// `self · other`.
    ///
    /// # Safety
    ///
    /// As the trait says.
    unsafe fn mul(self, other: Self) -> Self;
    /// `self / other`.
    ///
    /// # Safety
    ///
    /// As the trait says.
    unsafe fn div(self, other: Self) -> Self;
    /// `1 / self` to within a unit in the last place or two, of a number between 1 and 2¹²⁶.
    ///
    /// # Safety
    ///
    /// As the trait says.
    #[inline(always)]
    unsafe fn reciprocal(self) -> Self {
        // SAFETY: the caller vouches for the CPU.
        unsafe { Self::splat(1.0).div(self) }
    }
    /// `self · factor + addend`, rounded once where the CPU can.
    ///
    /// # Safety
    ///
    /// As the trait says.
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self;
    /// The maximum, lane by lane.
    ///
    /// # Safety
    ///
    /// As the trait says.
    unsafe fn max(self, other: Self) -> Self;
    /// The sum of all lanes.
    ///
    /// # Safety
    ///
    /// As the trait says.
    unsafe fn reduce_sum(self) -> f32;
    /// The largest of all lanes.
    ///
    /// # Safety
    ///
    /// As the trait says.
    unsafe fn reduce_max(self) -> f32;
    /// The nearest whole number (ties to even), for numbers within ±2²².
    ///
    /// # Safety
    ///
    /// As the trait says.
    unsafe fn round(self) -> Self;
    /// `2^self`, for whole numbers between −126 and 127.
    ///
    /// # Safety
    ///
    /// As the trait says.
    unsafe fn exp2_int(self) -> Self;
}

/// Eight numbers in an array, which the compiler may vectorize.
#[derive(Clone, Copy)]
pub struct Portable(pub(super) [f32; 8]);

impl Portable {
    #[inline(always)]
    fn map(self, other: Self, operation: impl Fn(f32, f32) -> f32) -> Self {
        Self(core::array::from_fn(|lane| operation(self.0[lane], other.0[lane])))
    }
}

// SAFETY: plain arithmetic, which every CPU has.
unsafe impl Vector for Portable {
    const LANES: usize = 8;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        Self([value; 8])
    }

    #[inline(always)]
    unsafe fn load(pointer: *const f32) -> Self {
        // SAFETY: the caller vouches for eight readable numbers.
        Self(unsafe { pointer.cast::<[f32; 8]>().read_unaligned() })
    }

    #[inline(always)]
    unsafe fn store(self, pointer: *mut f32) {
        // SAFETY: the caller vouches for eight writable numbers.
        unsafe { pointer.cast::<[f32; 8]>().write_unaligned(self.0) }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        self.map(other, |one, other| one + other)
    }

    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        self.map(other, |one, other| one - other)
    }

    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        self.map(other, |one, other| one * other)
    }

    #[inline(always)]
    unsafe fn div(self, other: Self) -> Self {
        self.map(other, |one, other| one / other)
    }

    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
        Self(core::array::from_fn(|lane| self.0[lane] * factor.0[lane] + addend.0[lane]))
    }

    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        self.map(other, |one, other| if one > other { one } else { other })
    }

    #[inline(always)]
    unsafe fn reduce_sum(self) -> f32 {
        self.0.iter().sum()
    }

    #[inline(always)]
    unsafe fn reduce_max(self) -> f32 {
        self.0.iter().copied().fold(f32::NEG_INFINITY, f32::max)
    }

    #[inline(always)]
    unsafe fn round(self) -> Self {
        // Adding and subtracting 1.5 · 2²³ removes the fraction.
        let magic = 12_582_912.0_f32;
        Self(self.0.map(|number| (number + magic) - magic))
    }

    #[inline(always)]
    unsafe fn exp2_int(self) -> Self {
        Self(self.0.map(|exponent| f32::from_bits(((exponent as i32 + 127) << 23) as u32)))
    }
}

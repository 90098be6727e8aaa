//! The arithmetic of the forward pass: one set of algorithms, compiled for several instruction sets and chosen once.
//!
//! Matrices that stay are packed into *panels* of 32 columns: the 32 numbers of one step of the depth lie together, so that a kernel reads
//! them in order. See [`Packed`].

mod generic;
mod packed;
mod vector;
#[cfg(target_arch = "x86_64")]
mod x86_64;

pub use packed::Packed;

/// How many columns a panel has.
pub const PANEL: usize = 32;

/// An instruction set that this CPU has. It can only be had by asking for what is there, so that holding one is the proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernels(InstructionSet);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum InstructionSet {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

/// The operands of a matrix product; see [`generic::product`].
#[derive(Clone, Copy)]
struct Product {
    x: *const f32,
    x_stride: usize,
    rows: usize,
    depth: usize,
    panels: *const f32,
    panel_stride: usize,
    columns: usize,
    out: *mut f32,
    out_stride: usize,
}

/// Makes a function that calls the generic algorithm, compiled for whichever instruction set was chosen.
macro_rules! dispatch {
    ($self:ident, $algorithm:ident, [$($portable:tt)*], [$($avx2:tt)*], [$($avx512:tt)*], ($($name:ident: $type:ty),*) $(-> $result:ty)?) => {{
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,fma")]
        unsafe fn avx2($($name: $type),*) $(-> $result)? {
            // SAFETY: the caller vouches for the memory, the target feature for the CPU.
            unsafe { generic::$algorithm::<x86_64::Avx2 $($avx2)*>($($name),*) }
        }
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx512f,avx2,fma")]
        unsafe fn avx512($($name: $type),*) $(-> $result)? {
            // SAFETY: the caller vouches for the memory, the target feature for the CPU.
            unsafe { generic::$algorithm::<x86_64::Avx512 $($avx512)*>($($name),*) }
        }
        // SAFETY: `Kernels` holds an instruction set only after the CPU was found to have it; the operands are
        // slices, or were checked against their slices by the caller of this macro.
        unsafe {
            match $self.0 {
                InstructionSet::Portable => {
                    generic::$algorithm::<vector::Portable $($portable)*>($($name),*)
                }
                #[cfg(target_arch = "x86_64")]
                InstructionSet::Avx2 => avx2($($name),*),
                #[cfg(target_arch = "x86_64")]
                InstructionSet::Avx512 => avx512($($name),*),
            }
        }
    }};
}

impl Kernels {
    /// Every instruction set that this CPU has and this build knows, the slowest first.
    pub fn available() -> impl Iterator<Item = Self> {
        [
            Some(InstructionSet::Portable),
            #[cfg(target_arch = "x86_64")]
            has_avx2().then_some(InstructionSet::Avx2),
            #[cfg(target_arch = "x86_64")]
            has_avx512().then_some(InstructionSet::Avx512),
        ]
        .into_iter()
        .flatten()
        .map(Self)
    }

    /// The fastest of them.
    pub fn best() -> Self {
        Self::available().last().unwrap_or(Self(InstructionSet::Portable))
    }

    /// The instruction set's name.
    pub fn name(self) -> &'static str {
        match self.0 {
            InstructionSet::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx512 => "avx512",
        }
    }

    /// `out = x · Wᵀ` for `rows` rows of `x`, `x_stride` apart, and a packed `W` (`[columns, depth]`). The rows of `out` are `out_stride`
    /// apart and get the columns rounded up to whole panels.
    ///
    /// # Panics
    ///
    /// When a slice is too short.
    pub fn product(
        self,
        x: &[f32],
        x_stride: usize,
        rows: usize,
        weights: &Packed,
        out: &mut [f32],
        out_stride: usize,
    ) {
        let panels = (weights.numbers(), weights.depth() * PANEL);
        self.product_of_panels(
            x,
            x_stride,
            rows,
            weights.depth(),
            panels,
            weights.columns(),
            out,
            out_stride,
        );
    }

    /// As [`product`](Self::product), of panels that lie in a larger slice, each so many numbers after the one before it.
    ///
    /// # Panics
    ///
    /// When a slice is too short.
    #[allow(clippy::too_many_arguments)]
    pub fn product_of_panels(
        self,
        x: &[f32],
        x_stride: usize,
        rows: usize,
        depth: usize,
        panels: (&[f32], usize),
        columns: usize,
        out: &mut [f32],
        out_stride: usize,
    ) {
        if rows == 0 || columns == 0 {
            return;
        }
        let wide = columns.next_multiple_of(PANEL);
        let count = columns.div_ceil(PANEL);
        assert!(x.len() >= (rows - 1) * x_stride + depth, "x is too short");
        assert!(panels.0.len() >= (count - 1) * panels.1 + depth * PANEL, "too few panels");
        assert!(out.len() >= (rows - 1) * out_stride + wide, "out is too short");
        let operands = Product {
            x: x.as_ptr(),
            x_stride,
            rows,
            depth,
            panels: panels.0.as_ptr(),
            panel_stride: panels.1,
            columns,
            out: out.as_mut_ptr(),
            out_stride,
        };
        dispatch!(self, product, [, 4, 2], [, 6, 2], [, 12, 2], (operands: Product));
    }

    /// Turns logits into probabilities in place. An empty row stays empty.
    pub fn softmax(self, row: &mut [f32]) {
        dispatch!(self, softmax, [], [], [], (row: &mut [f32]));
    }

    /// `gate ← silu(gate) · up`.
    ///
    /// # Panics
    ///
    /// When the slices are not equally long.
    pub fn gated(self, gate: &mut [f32], up: &[f32]) {
        assert_eq!(gate.len(), up.len());
        dispatch!(self, gated, [], [], [], (gate: &mut [f32], up: &[f32]));
    }

    /// `Σ one · other`.
    ///
    /// # Panics
    ///
    /// When the slices are not equally long.
    pub fn dot(self, one: &[f32], other: &[f32]) -> f32 {
        assert_eq!(one.len(), other.len());
        dispatch!(self, dot, [], [], [], (one: &[f32], other: &[f32]) -> f32)
    }

    /// `out ← out + factor · row`.
    ///
    /// # Panics
    ///
    /// When the slices are not equally long.
    pub fn accumulate(self, factor: f32, row: &[f32], out: &mut [f32]) {
        assert_eq!(row.len(), out.len());
        dispatch!(self, accumulate, [], [], [], (factor: f32, row: &[f32], out: &mut [f32]));
    }

    /// `out = x / √(mean(x²) + epsilon) · gain` (Zhang and Sennrich 2019, equation 4).
    ///
    /// # Panics
    ///
    /// When the slices are not equally long.
    pub fn normalise(self, x: &[f32], gain: &[f32], epsilon: f32, out: &mut [f32]) {
        assert!(x.len() == gain.len() && x.len() == out.len());
        let scale = 1.0 / libm::sqrtf(self.dot(x, x) / x.len() as f32 + epsilon);
        for ((out, x), gain) in out.iter_mut().zip(x).zip(gain) {
            *out = x * scale * gain;
        }
    }
}

/// With the standard library the CPU is asked; without it the build must have been told.
#[cfg(all(target_arch = "x86_64", feature = "std"))]
fn has_avx2() -> bool {
    std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma")
}

#[cfg(all(target_arch = "x86_64", feature = "std"))]
fn has_avx512() -> bool {
    has_avx2() && std::is_x86_feature_detected!("avx512f")
}

#[cfg(all(target_arch = "x86_64", not(feature = "std")))]
fn has_avx2() -> bool {
    cfg!(all(target_feature = "avx2", target_feature = "fma"))
}

#[cfg(all(target_arch = "x86_64", not(feature = "std")))]
fn has_avx512() -> bool {
    has_avx2() && cfg!(target_feature = "avx512f")
}

#[cfg(test)]
mod tests;

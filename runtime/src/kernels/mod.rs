//! The kernels of the forward pass: generic algorithms, compiled for several instruction sets, one
//! of which is chosen at run time.
//!
//! Weight matrices are packed into *panels* of 32 columns, in the order in which a kernel reads
//! them: see [`Packed`] and [`PackedBytes`].

mod generic;
mod integers;
#[cfg(target_arch = "aarch64")]
mod neon;
mod operands;
mod packed;
mod packed_bytes;
mod quantized;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod simd128;
mod vector;
#[cfg(target_arch = "x86_64")]
mod x86_64;

pub use operands::{BytePanels, Destination, PairPanels, Panels, QuantizedRows};
use operands::{ByteProduct, PairProduct, Product, extent};
pub use packed::Packed;
pub use packed_bytes::PackedBytes;

/// Columns of a panel.
pub const PANEL: usize = 32;

/// Number of rows that a product of `rows` rows reads and writes. Kernels process several rows at a
/// time, and buffers must have room for them.
pub const fn padded(rows: usize) -> usize {
    match rows % 12 {
        0 | 1 => rows,
        2..=4 => (rows - rows % 12).saturating_add(4),
        5..=8 => (rows - rows % 12).saturating_add(8),
        _ => (rows - rows % 12).saturating_add(12),
    }
}

/// An instruction set of this CPU. It can only be obtained where it is available, so holding one is
/// the proof that its kernels may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernels(InstructionSet);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum InstructionSet {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Vnni,
    #[cfg(target_arch = "aarch64")]
    Neon,
    #[cfg(target_arch = "aarch64")]
    NeonDot,
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    Simd128,
}

/// Compiles an algorithm for each instruction set and calls the chosen one. Algorithms are generic
/// over vectors of floats or of integers; tiled products also take the numbers of rows and of
/// column vectors in a tile.
macro_rules! dispatch {
    ($self:ident, $module:ident::$algorithm:ident, floats, $($rest:tt)*) => {
        dispatch!(@ $self, $module, $algorithm,
            [vector::Portable],
            [x86_64::Avx2], [x86_64::Avx512], [x86_64::Avx512],
            [neon::Neon], [neon::Neon],
            [simd128::Simd128], $($rest)*)
    };
    ($self:ident, $module:ident::$algorithm:ident, floats in tiles, $($rest:tt)*) => {
        dispatch!(@ $self, $module, $algorithm,
            [vector::Portable, 4, 4, 2],
            [x86_64::Avx2, 4, 4, 2], [x86_64::Avx512, 12, 8, 2], [x86_64::Avx512, 12, 8, 2],
            [neon::Neon, 4, 4, 4], [neon::Neon, 4, 4, 4],
            [simd128::Simd128, 4, 4, 2], $($rest)*)
    };
    ($self:ident, $module:ident::$algorithm:ident, integers, $($rest:tt)*) => {
        dispatch!(@ $self, $module, $algorithm,
            [integers::PortableIntegers],
            [x86_64::Avx2Integers], [x86_64::Avx2Integers], [x86_64::Vnni],
            [neon::NeonIntegers], [neon::DotIntegers],
            [simd128::Simd128Integers], $($rest)*)
    };
    ($self:ident, $module:ident::$algorithm:ident, integers in tiles, $($rest:tt)*) => {
        dispatch!(@ $self, $module, $algorithm,
            [integers::PortableIntegers, 4, 4, 2],
            [x86_64::Avx2Integers, 4, 4, 2], [x86_64::Avx2Integers, 4, 4, 2], [x86_64::Vnni, 12, 8, 2],
            [neon::NeonIntegers, 4, 4, 4], [neon::DotIntegers, 4, 4, 4],
            [simd128::Simd128Integers, 4, 4, 2], $($rest)*)
    };
    (@ $self:ident, $module:ident, $algorithm:ident,
        [$($portable:tt)*],
        [$($avx2:tt)*], [$($avx512:tt)*], [$($vnni:tt)*],
        [$($neon:tt)*], [$($neon_dot:tt)*],
        [$($simd128:tt)*], ($($name:ident: $type:ty),*) $(-> $result:ty)?) => {{
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,fma")]
        unsafe fn avx2($($name: $type),*) $(-> $result)? {
            // SAFETY: the caller vouches for the memory, the target feature for the CPU.
            unsafe { $module::$algorithm::<$($avx2)*>($($name),*) }
        }
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx2,fma")]
        unsafe fn avx512($($name: $type),*) $(-> $result)? {
            // SAFETY: the caller vouches for the memory, the target feature for the CPU.
            unsafe { $module::$algorithm::<$($avx512)*>($($name),*) }
        }
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni,avx2,fma")]
        unsafe fn vnni($($name: $type),*) $(-> $result)? {
            // SAFETY: the caller vouches for the memory, the target feature for the CPU.
            unsafe { $module::$algorithm::<$($vnni)*>($($name),*) }
        }
        // SAFETY: `Kernels` holds an instruction set only after the CPU was found to have it; the
        // operands are slices, or were checked against their slices by the caller of this macro.
        #[allow(unused_unsafe, reason = "some algorithms are safe")]
        unsafe {
            match $self.0 {
                InstructionSet::Portable => $module::$algorithm::<$($portable)*>($($name),*),
                #[cfg(target_arch = "x86_64")]
                InstructionSet::Avx2 => avx2($($name),*),
                #[cfg(target_arch = "x86_64")]
                InstructionSet::Avx512 => avx512($($name),*),
                #[cfg(target_arch = "x86_64")]
                InstructionSet::Vnni => vnni($($name),*),
                // A baseline instruction set needs no function of its own.
                #[cfg(target_arch = "aarch64")]
                InstructionSet::Neon => $module::$algorithm::<$($neon)*>($($name),*),
                #[cfg(target_arch = "aarch64")]
                InstructionSet::NeonDot => $module::$algorithm::<$($neon_dot)*>($($name),*),
                #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
                InstructionSet::Simd128 => $module::$algorithm::<$($simd128)*>($($name),*),
            }
        }
    }};
}

impl Kernels {
    /// Every instruction set that both CPU and build support, the slowest first.
    pub fn available() -> impl Iterator<Item = Self> {
        [
            Some(InstructionSet::Portable),
            #[cfg(target_arch = "x86_64")]
            x86_64::has_avx2().then_some(InstructionSet::Avx2),
            #[cfg(target_arch = "x86_64")]
            x86_64::has_avx512().then_some(InstructionSet::Avx512),
            #[cfg(target_arch = "x86_64")]
            x86_64::has_vnni().then_some(InstructionSet::Vnni),
            #[cfg(target_arch = "aarch64")]
            Some(InstructionSet::Neon),
            #[cfg(target_arch = "aarch64")]
            neon::has_dot_products().then_some(InstructionSet::NeonDot),
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Some(InstructionSet::Simd128),
        ]
        .into_iter()
        .flatten()
        .map(Self)
    }

    /// The fastest available instruction set.
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
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Vnni => "avx512-vnni",
            #[cfg(target_arch = "aarch64")]
            InstructionSet::Neon => "neon",
            #[cfg(target_arch = "aarch64")]
            InstructionSet::NeonDot => "neon-dotprod",
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            InstructionSet::Simd128 => "simd128",
        }
    }

    /// `out (+)= x · Wᵀ` for `rows` rows of `x`, `x_stride` apart, and panels of `W` (`[columns,
    /// depth]`).
    ///
    /// # Panics
    ///
    /// If a slice is too short: `x` and `out` need room for [`padded`] rows, and `out` for whole
    /// panels.
    pub fn product(
        self,
        x: &[f32],
        x_stride: usize,
        rows: usize,
        panels: Panels<'_>,
        out: Destination<'_>,
    ) {
        if rows == 0 || panels.columns == 0 {
            return;
        }
        panels.check();
        out.check(rows, panels.columns);
        assert!(x.len() >= extent(padded(rows), x_stride, panels.depth, 1), "x is too short");
        let operands = Product {
            x: x.as_ptr(),
            x_stride,
            rows,
            depth: panels.depth,
            panels: panels.numbers.as_ptr(),
            panel_stride: panels.stride,
            columns: panels.columns,
            out: out.numbers.as_mut_ptr(),
            out_stride: out.stride,
            add: out.add,
        };
        dispatch!(self, generic::product, floats in tiles, (operands: Product));
    }

    /// As [`product`](Self::product), with quantized rows and panels of bytes. Sums are exact
    /// integers until they are scaled.
    ///
    /// # Panics
    ///
    /// As there.
    pub fn byte_product(
        self,
        x: &QuantizedRows<'_>,
        rows: usize,
        panels: BytePanels<'_>,
        out: Destination<'_>,
    ) {
        if rows == 0 || panels.columns == 0 {
            return;
        }
        panels.check();
        out.check(rows, panels.columns);
        let padded = padded(rows);
        assert!(x.bytes.len() >= extent(padded, x.stride, panels.quads, 4), "x is too short");
        assert!(x.scales.len() >= padded, "x has too few scales");
        let operands = ByteProduct {
            x: x.bytes.as_ptr(),
            x_stride: x.stride,
            row_scales: x.scales.as_ptr(),
            rows,
            quads: panels.quads,
            panels: panels.bytes.as_ptr(),
            panel_stride: panels.stride,
            column_scales: panels.scales.as_ptr(),
            offsets: panels.offsets.as_ptr(),
            columns: panels.columns,
            out: out.numbers.as_mut_ptr(),
            out_stride: out.stride,
            add: out.add,
        };
        dispatch!(self, quantized::byte_product, integers in tiles, (operands: ByteProduct));
    }

    /// `out (+)= factor · x · W` for rows of 16-bit numbers and panels of bytes: the weighted sum
    /// of values in attention.
    ///
    /// # Panics
    ///
    /// As [`product`](Self::product).
    pub fn pair_product(
        self,
        x: &[i16],
        x_stride: usize,
        factors: &[f32],
        rows: usize,
        panels: PairPanels<'_>,
        out: Destination<'_>,
    ) {
        if rows == 0 || panels.columns == 0 {
            return;
        }
        panels.check();
        out.check(rows, panels.columns);
        let padded = padded(rows);
        assert!(x.len() >= extent(padded, x_stride, panels.pairs, 2), "x is too short");
        assert!(factors.len() >= padded, "too few factors");
        let operands = PairProduct {
            x: x.as_ptr(),
            x_stride,
            factors: factors.as_ptr(),
            rows,
            pairs: panels.pairs,
            panels: panels.bytes.as_ptr(),
            panel_stride: panels.stride,
            columns: panels.columns,
            out: out.numbers.as_mut_ptr(),
            out_stride: out.stride,
            add: out.add,
        };
        dispatch!(self, quantized::pair_product, integers in tiles, (operands: PairProduct));
    }

    /// Quantizes a row for [`byte_product`](Self::byte_product): `row ≈ scale · bytes`. Returns the
    /// scale; the rest of `out` gets zeros.
    ///
    /// # Panics
    ///
    /// When `out` is shorter than the row.
    pub fn quantize(self, row: &[f32], out: &mut [u8]) -> f32 {
        assert!(out.len() >= row.len(), "out is too short");
        let biased = true;
        dispatch!(self, quantized::quantize, integers, (row: &[f32], out: &mut [u8], biased: bool) -> f32)
    }

    /// As [`quantize`](Self::quantize), with signed bytes, for numbers that become part of a
    /// matrix.
    ///
    /// # Panics
    ///
    /// As there.
    pub fn quantize_for_panels(self, row: &[f32], out: &mut [i8]) -> f32 {
        assert!(out.len() >= row.len(), "out is too short");
        let (out, biased) = (bytemuck::cast_slice_mut(out), false);
        dispatch!(self, quantized::quantize, integers, (row: &[f32], out: &mut [u8], biased: bool) -> f32)
    }

    /// Quantizes each part of `size` numbers of a row separately, as [`quantize`](Self::quantize)
    /// or, with `signed`, as [`quantize_for_panels`](Self::quantize_for_panels): one scale per
    /// part, and bytes padded to multiples of four.
    ///
    /// # Panics
    ///
    /// If `size` is 0, or an output is too short.
    pub fn quantize_parts(
        self,
        row: &[f32],
        size: usize,
        out: &mut [u8],
        scales: &mut [f32],
        signed: bool,
    ) {
        let parts = row.len() / size;
        assert!(out.len() >= parts * size.next_multiple_of(4), "out is too short");
        assert!(scales.len() >= parts, "too few scales");
        let biased = !signed;
        dispatch!(self, quantized::quantize_parts, integers, (row: &[f32], size: usize, out: &mut [u8], scales: &mut [f32], biased: bool));
    }

    /// The unnormalized softmax `weights = 2^(scores − highest) · value_scales · factor`, rounded
    /// to 16 bits and padded with zeros. Returns the sum of the powers, the normalizer.
    ///
    /// `factor` must keep every product below 32768.
    ///
    /// # Panics
    ///
    /// When `value_scales` or `weights` is shorter than `scores`.
    pub fn softmax_weights(
        self,
        scores: &[f32],
        highest: f32,
        value_scales: &[f32],
        factor: f32,
        weights: &mut [i16],
    ) -> f32 {
        assert!(value_scales.len() >= scores.len() && weights.len() >= scores.len());
        dispatch!(self, quantized::softmax_weights, integers, (scores: &[f32], highest: f32, value_scales: &[f32], factor: f32, weights: &mut [i16]) -> f32)
    }

    /// The unnormalized softmax `row ← e^(row − highest)`; returns the sum, the normalizer.
    pub fn exp_and_sum(self, row: &mut [f32], highest: f32) -> f32 {
        dispatch!(self, generic::exp_and_sum, floats, (row: &mut [f32], highest: f32) -> f32)
    }

    /// The sums over `w = e^((row − highest) · sharpness)` of `w`, `w · gap`, `w · gap²` and `w ·
    /// gain`, where `gap = first − index · step` and `gains` has a gain for each entry of `row`:
    /// all that the expected improvement and the moments of a binned distribution need.
    pub fn gaps(
        self,
        row: &[f32],
        highest: f32,
        sharpness: f32,
        first: f32,
        step: f32,
        gains: &[f32],
    ) -> [f32; 4] {
        dispatch!(self, generic::gaps, floats, (row: &[f32], highest: f32, sharpness: f32, first: f32, step: f32, gains: &[f32]) -> [f32; 4])
    }

    /// The largest number, and `−∞` of none.
    pub fn max(self, row: &[f32]) -> f32 {
        dispatch!(self, generic::max, floats, (row: &[f32]) -> f32)
    }

    /// `row ← row · factor`.
    pub fn scale(self, row: &mut [f32], factor: f32) {
        dispatch!(self, generic::scale, floats, (row: &mut [f32], factor: f32));
    }

    /// `row ← row + other`.
    ///
    /// # Panics
    ///
    /// When the slices are not equally long.
    pub fn add(self, row: &mut [f32], other: &[f32]) {
        assert_eq!(row.len(), other.len());
        dispatch!(self, generic::add, floats, (row: &mut [f32], other: &[f32]));
    }

    /// Rotary position embedding: rotates the pairs `(i, i + half)` of every head of a row by
    /// angles whose cosines, then sines are in `turn` (`2 · half`; Su et al. 2021, equation 34). An
    /// incomplete head at the end is unchanged.
    ///
    /// # Panics
    ///
    /// When `turn` has fewer than two numbers.
    pub fn rope(self, row: &mut [f32], turn: &[f32]) {
        assert!(turn.len() >= 2, "turn is too short");
        dispatch!(self, generic::rope, floats, (row: &mut [f32], turn: &[f32]));
    }

    /// SwiGLU: `gate ← silu(gate) · up` (Shazeer 2020).
    ///
    /// # Panics
    ///
    /// When the slices are not equally long.
    pub fn swiglu(self, gate: &mut [f32], up: &[f32]) {
        assert_eq!(gate.len(), up.len());
        dispatch!(self, generic::swiglu, floats, (gate: &mut [f32], up: &[f32]));
    }

    /// The dot product `Σ one · other`.
    ///
    /// # Panics
    ///
    /// When the slices are not equally long.
    pub fn dot(self, one: &[f32], other: &[f32]) -> f32 {
        assert_eq!(one.len(), other.len());
        dispatch!(self, generic::dot, floats, (one: &[f32], other: &[f32]) -> f32)
    }

    /// `out[p] = factor · Σ one · other`, of each part `p` of as many as `out` has numbers.
    ///
    /// # Panics
    ///
    /// When the slices are not equally long, or shorter than `out`.
    pub fn dots_of_parts(self, one: &[f32], other: &[f32], factor: f32, out: &mut [f32]) {
        assert!(one.len() == other.len() && one.len() >= out.len() && !out.is_empty());
        dispatch!(self, generic::dots_of_parts, floats, (one: &[f32], other: &[f32], factor: f32, out: &mut [f32]));
    }

    /// `row ← row + weights[p] · other`, for each part `p` of as many as there are weights.
    ///
    /// # Panics
    ///
    /// As [`dots_of_parts`](Self::dots_of_parts).
    pub fn add_parts(self, row: &mut [f32], other: &[f32], weights: &[f32]) {
        assert!(row.len() == other.len() && row.len() >= weights.len() && !weights.is_empty());
        dispatch!(self, generic::add_parts, floats, (row: &mut [f32], other: &[f32], weights: &[f32]));
    }

    /// RMSNorm: `out = x / √(mean(x²) + epsilon) · gain` (Zhang and Sennrich 2019, equation 4).
    ///
    /// # Panics
    ///
    /// When the slices are not equally long.
    pub fn rms_norm(self, x: &[f32], gain: &[f32], epsilon: f32, out: &mut [f32]) {
        assert!(x.len() == gain.len() && x.len() == out.len());
        dispatch!(self, generic::rms_norm, floats, (x: &[f32], gain: &[f32], epsilon: f32, out: &mut [f32]));
    }
}

#[cfg(test)]
mod tests;

//! What the products take: safe views of rows and panels, and what the kernels get of them.

use super::{PANEL, padded};

/// How many numbers `count` blocks take, `stride` apart, the last of them `steps` times `size`
/// long. What does not fit a `usize` fits no slice. At least one step is counted, so that a kernel
/// may point to the first even of none.
pub(super) fn extent(count: usize, stride: usize, steps: usize, size: usize) -> usize {
    let last = count.saturating_sub(1).saturating_mul(stride);
    last.saturating_add(steps.max(1).saturating_mul(size))
}

/// Panels of single-precision numbers, `[depth, 32]` each, `stride` numbers apart.
#[derive(Clone, Copy, Debug)]
pub struct Panels<'a> {
    /// The numbers.
    pub numbers: &'a [f32],
    /// From one panel to the next.
    pub stride: usize,
    /// How many numbers each sum has.
    pub depth: usize,
    /// How many columns there are.
    pub columns: usize,
}

impl Panels<'_> {
    pub(super) fn check(&self) {
        let needed = extent(self.columns.div_ceil(PANEL), self.stride, self.depth, PANEL);
        assert!(self.numbers.len() >= needed, "too few panels");
    }
}

/// Panels of bytes, `[quads, 32, 4]` each, `stride` bytes apart.
#[derive(Clone, Copy, Debug)]
pub struct BytePanels<'a> {
    /// The bytes, between −127 and 127.
    pub bytes: &'a [i8],
    /// From one panel to the next.
    pub stride: usize,
    /// How many groups of four bytes each sum has.
    pub quads: usize,
    /// What a column's bytes are multiplied with, for all columns of all panels.
    pub scales: &'a [f32],
    /// −128 times the sum of a column's bytes: what rows stored with 128 added have too much.
    pub offsets: &'a [i32],
    /// How many columns there are.
    pub columns: usize,
}

impl BytePanels<'_> {
    pub(super) fn check(&self) {
        let panels = self.columns.div_ceil(PANEL);
        let needed = extent(panels, self.stride, self.quads, 4 * PANEL);
        assert!(self.bytes.len() >= needed, "too few panels");
        let wide = panels * PANEL;
        assert!(self.scales.len() >= wide && self.offsets.len() >= wide, "too few columns' scales");
    }
}

/// Panels of bytes for rows of 16-bit numbers, `[pairs, 32, 2]` each, `stride` bytes apart.
#[derive(Clone, Copy, Debug)]
pub struct PairPanels<'a> {
    /// The bytes, between −127 and 127.
    pub bytes: &'a [i8],
    /// From one panel to the next.
    pub stride: usize,
    /// How many groups of two bytes each sum has.
    pub pairs: usize,
    /// How many columns there are.
    pub columns: usize,
}

impl PairPanels<'_> {
    pub(super) fn check(&self) {
        let needed = extent(self.columns.div_ceil(PANEL), self.stride, self.pairs, 2 * PANEL);
        assert!(self.bytes.len() >= needed, "too few panels");
    }
}

/// Rows of bytes with a scale each, as [`Kernels::quantize`](super::Kernels::quantize) makes them.
#[derive(Clone, Copy, Debug)]
pub struct QuantizedRows<'a> {
    /// The bytes.
    pub bytes: &'a [u8],
    /// From one row to the next.
    pub stride: usize,
    /// What a row's bytes are multiplied with.
    pub scales: &'a [f32],
}

/// Where a product goes.
#[derive(Debug)]
pub struct Destination<'a> {
    /// The numbers.
    pub numbers: &'a mut [f32],
    /// From one row to the next.
    pub stride: usize,
    /// Whether the product is added to what is there.
    pub add: bool,
}

impl Destination<'_> {
    pub(super) fn check(&self, rows: usize, columns: usize) {
        let needed = extent(padded(rows), self.stride, columns.div_ceil(PANEL), PANEL);
        assert!(self.numbers.len() >= needed, "out is too short");
    }
}

/// The operands of a product of floats.
#[derive(Clone, Copy)]
pub struct Product {
    pub x: *const f32,
    pub x_stride: usize,
    pub rows: usize,
    pub depth: usize,
    pub panels: *const f32,
    pub panel_stride: usize,
    pub columns: usize,
    pub out: *mut f32,
    pub out_stride: usize,
    pub add: bool,
}

/// The operands of a product of bytes.
#[derive(Clone, Copy)]
pub struct ByteProduct {
    pub x: *const u8,
    pub x_stride: usize,
    pub row_scales: *const f32,
    pub rows: usize,
    pub quads: usize,
    pub panels: *const i8,
    pub panel_stride: usize,
    pub column_scales: *const f32,
    pub offsets: *const i32,
    pub columns: usize,
    pub out: *mut f32,
    pub out_stride: usize,
    pub add: bool,
}

/// The operands of a product of 16-bit numbers and bytes.
#[derive(Clone, Copy)]
pub struct PairProduct {
    pub x: *const i16,
    pub x_stride: usize,
    pub factors: *const f32,
    pub rows: usize,
    pub pairs: usize,
    pub panels: *const i8,
    pub panel_stride: usize,
    pub columns: usize,
    pub out: *mut f32,
    pub out_stride: usize,
    pub add: bool,
}

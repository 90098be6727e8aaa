//! Operands of the products: safe views of rows and panels, and the raw form that kernels use.

use super::{PANEL, padded};

/// Length of `count` blocks, `stride` apart, the last of them `steps · size` long; saturates, so
/// that an overflow fits no slice. Counts at least one step, because a kernel may point to the
/// first even of none.
pub(super) fn extent(count: usize, stride: usize, steps: usize, size: usize) -> usize {
    let last = count.saturating_sub(1).saturating_mul(stride);
    last.saturating_add(steps.max(1).saturating_mul(size))
}

/// Panels of single-precision numbers, `[depth, 32]` each, `stride` numbers apart.
#[derive(Clone, Copy, Debug)]
pub struct Panels<'a> {
    /// The numbers.
    pub numbers: &'a [f32],
    /// Distance between panels.
    pub stride: usize,
    /// Terms of each sum.
    pub depth: usize,
    /// Number of columns.
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
    /// Distance between panels.
    pub stride: usize,
    /// Groups of four bytes in each sum.
    pub quads: usize,
    /// Scale of each column, for the columns of all panels.
    pub scales: &'a [f32],
    /// −128 times the sum of each column's bytes, which corrects for rows that store 128 more.
    pub offsets: &'a [i32],
    /// Number of columns.
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
    /// Distance between panels.
    pub stride: usize,
    /// Groups of two bytes in each sum.
    pub pairs: usize,
    /// Number of columns.
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
    /// Distance between rows.
    pub stride: usize,
    /// Scale of each row.
    pub scales: &'a [f32],
}

/// The output of a product.
#[derive(Debug)]
pub struct Destination<'a> {
    /// The numbers.
    pub numbers: &'a mut [f32],
    /// Distance between rows.
    pub stride: usize,
    /// Whether the product is added to the output's content.
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

use alloc::{vec, vec::Vec};

use super::{BytePanels, PANEL};

/// A matrix `[columns, depth]` of bytes with a scale per column, packed for products `x · Wᵀ`:
/// panels of 32 columns, `[depth / 4, 32, 4]` each, zero-padded.
#[derive(Clone, Debug, PartialEq)]
pub struct PackedBytes {
    bytes: Vec<i8>,
    scales: Vec<f32>,
    offsets: Vec<i32>,
    columns: usize,
    quads: usize,
}

impl PackedBytes {
    /// Packs a matrix; `read(column, row)` writes row `column` (`depth` bytes between −127 and 127)
    /// and returns its scale.
    pub fn new(
        columns: usize,
        depth: usize,
        mut read: impl FnMut(usize, &mut [i8]) -> f32,
    ) -> Self {
        let quads = depth.div_ceil(4);
        let wide = columns.next_multiple_of(PANEL);
        let mut bytes = vec![0; wide * quads * 4];
        let (mut scales, mut offsets) = (vec![0.0; wide], vec![0; wide]);
        let mut row = vec![0; quads * 4];
        for column in 0..columns {
            scales[column] = read(column, &mut row[..depth]);
            offsets[column] = -128 * row.iter().map(|byte| i32::from(*byte)).sum::<i32>();
            let panel = &mut bytes[column / PANEL * quads * 4 * PANEL..][..quads * 4 * PANEL];
            let place = column % PANEL * 4;
            for (step, four) in panel.chunks_exact_mut(4 * PANEL).zip(row.chunks_exact(4)) {
                step[place..place + 4].copy_from_slice(four);
            }
        }
        Self { bytes, scales, offsets, columns, quads }
    }

    /// The panels.
    pub fn panels(&self) -> BytePanels<'_> {
        BytePanels {
            bytes: &self.bytes,
            stride: self.quads * 4 * PANEL,
            quads: self.quads,
            scales: &self.scales,
            offsets: &self.offsets,
            columns: self.columns,
        }
    }

    /// The panels `first..end` as a matrix.
    pub fn some(&self, first: usize, end: usize) -> BytePanels<'_> {
        let all = self.panels();
        BytePanels {
            bytes: &all.bytes[first * all.stride..],
            scales: &all.scales[first * PANEL..],
            offsets: &all.offsets[first * PANEL..],
            columns: (end - first) * PANEL,
            ..all
        }
    }
}

use alloc::{vec, vec::Vec};

use super::{PANEL, Panels};

/// A matrix `[columns, depth]`, packed for products `x · Wᵀ`: panels of 32 columns, `[depth, 32]`
/// each, the last one zero-padded.
#[derive(Clone, Debug, PartialEq)]
pub struct Packed {
    numbers: Vec<f32>,
    columns: usize,
    depth: usize,
}

impl Packed {
    /// Packs a matrix; `read(column, row)` writes row `column` (`depth` numbers).
    pub fn new(columns: usize, depth: usize, mut read: impl FnMut(usize, &mut [f32])) -> Self {
        let mut numbers = vec![0.0; columns.div_ceil(PANEL) * depth * PANEL];
        let mut row = vec![0.0; depth];
        for column in 0..columns {
            read(column, &mut row);
            let panel = &mut numbers[column / PANEL * depth * PANEL..][..depth * PANEL];
            for (step, value) in panel.chunks_exact_mut(PANEL).zip(&row) {
                step[column % PANEL] = *value;
            }
        }
        Self { numbers, columns, depth }
    }

    /// The panels.
    pub fn panels(&self) -> Panels<'_> {
        let stride = self.depth * PANEL;
        Panels { numbers: &self.numbers, stride, depth: self.depth, columns: self.columns }
    }
}

use alloc::{vec, vec::Vec};

use super::PANEL;

/// A matrix `[columns, depth]`, packed for products `x · Wᵀ`: panels of 32 columns, each `[depth, 32]`, the last one filled
/// up with zeros.
#[derive(Clone, Debug, PartialEq)]
pub struct Packed {
    numbers: Vec<f32>,
    columns: usize,
    depth: usize,
}

impl Packed {
    /// Packs a matrix given row by row (`rows.len() == columns · depth`), as weights files have it.
    ///
    /// # Panics
    ///
    /// When the slice has another length.
    pub fn new(rows: &[f32], columns: usize, depth: usize) -> Self {
        assert_eq!(rows.len(), columns * depth);
        let mut numbers = vec![0.0; columns.div_ceil(PANEL) * depth * PANEL];
        for (column, row) in rows.chunks_exact(depth).enumerate() {
            let panel = &mut numbers[column / PANEL * depth * PANEL..];
            for (step, value) in row.iter().enumerate() {
                panel[step * PANEL + column % PANEL] = *value;
            }
        }
        Self { numbers, columns, depth }
    }

    /// The panels, one after the other.
    pub fn numbers(&self) -> &[f32] {
        &self.numbers
    }

    /// How many columns the product has.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// How many numbers each sum of the product has.
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// Row `column` of the matrix: what was given as its `depth` numbers.
    pub fn row(&self, column: usize) -> impl Iterator<Item = f32> {
        let panel = &self.numbers[column / PANEL * self.depth * PANEL..];
        (0..self.depth).map(move |step| panel[step * PANEL + column % PANEL])
    }
}

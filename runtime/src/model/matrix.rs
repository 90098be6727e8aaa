//! Weight matrices in either representation, and the input of their products.

use alloc::vec::Vec;

use super::{Precision, buffer::grow, weights::Tensor};
use crate::kernels::{Destination, Kernels, PANEL, Packed, PackedBytes, QuantizedRows, padded};

/// A packed weight matrix, `[columns, depth]`.
#[derive(Clone, Debug)]
pub(super) enum Matrix {
    Floats(Packed),
    Bytes(PackedBytes),
}

/// The rows that a matrix multiplies as bytes; empty if the matrices are floats.
#[derive(Clone, Debug, Default)]
pub(super) struct MatrixInput {
    bytes: Vec<u8>,
    scales: Vec<f32>,
    stride: usize,
}

impl MatrixInput {
    /// Quantizes `rows` rows of `width` numbers, `stride` apart, if the precision asks for it.
    pub fn load(
        &mut self,
        kernels: Kernels,
        precision: Precision,
        numbers: &[f32],
        stride: usize,
        rows: usize,
        width: usize,
    ) {
        if precision != Precision::Int8 {
            return;
        }
        self.stride = width.next_multiple_of(4);
        let room = padded(rows);
        if self.bytes.len() < room * self.stride {
            self.bytes.resize(room * self.stride, 0);
        }
        let scales = grow(&mut self.scales, room);
        for (index, out) in self.bytes.chunks_exact_mut(self.stride).take(rows).enumerate() {
            let row = &numbers[index * stride..index * stride + width];
            scales[index] = kernels.quantize(row, out);
        }
    }
}

impl Matrix {
    /// Packs tensors of shape `[columns, depth]`, concatenated by columns.
    pub fn new(
        precision: Precision,
        kernels: Kernels,
        parts: &[Tensor<'_>],
        columns: usize,
        depth: usize,
    ) -> Self {
        let all = parts.len() * columns;
        if precision != Precision::Int8 {
            return Self::Floats(Packed::new(all, depth, |column, out| {
                parts[column / columns].row(column % columns, out);
            }));
        }
        let mut row = alloc::vec![0.0; depth];
        Self::Bytes(PackedBytes::new(all, depth, |column, out| {
            let part = &parts[column / columns];
            // Tensors that are stored as bytes keep them.
            part.bytes(column % columns, out).unwrap_or_else(|| {
                part.row(column % columns, &mut row);
                kernels.quantize_for_panels(&row, out)
            })
        }))
    }

    /// `out (+)= x · Wᵀ`, where `input` is [loaded](MatrixInput::load) with the rows of `x`.
    pub fn product(
        &self,
        kernels: Kernels,
        (x, stride): (&[f32], usize),
        input: &MatrixInput,
        rows: usize,
        out: Destination<'_>,
    ) {
        match self {
            Self::Floats(matrix) => kernels.product(x, stride, rows, matrix.panels(), out),
            Self::Bytes(matrix) => {
                let MatrixInput { bytes, scales, stride } = input;
                let rows_of = QuantizedRows { bytes, stride: *stride, scales };
                kernels.byte_product(&rows_of, rows, matrix.panels(), out);
            }
        }
    }

    /// As [`product`](Self::product), for the columns of the panels `first..end`.
    pub fn product_of_panels(
        &self,
        kernels: Kernels,
        (x, stride): (&[f32], usize),
        input: &MatrixInput,
        rows: usize,
        (first, end): (usize, usize),
        out: Destination<'_>,
    ) {
        match self {
            Self::Floats(matrix) => {
                let mut panels = matrix.panels();
                panels.numbers = &panels.numbers[first * panels.stride..];
                panels.columns = (end - first) * PANEL;
                kernels.product(x, stride, rows, panels, out);
            }
            Self::Bytes(matrix) => {
                let MatrixInput { bytes, scales, stride } = input;
                let rows_of = QuantizedRows { bytes, stride: *stride, scales };
                kernels.byte_product(&rows_of, rows, matrix.some(first, end), out);
            }
        }
    }
}

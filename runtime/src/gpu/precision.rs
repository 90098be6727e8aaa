//! Storage of matrices in the memory of the device.

use alloc::{format, vec::Vec};

use half::f16;

use crate::{
    Error, ErrorKind, Result,
    model::{Config, LayerWeights, Weights},
};

/// Storage of the numbers of matrices. Inputs and sums are always f32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GpuPrecision {
    /// Four bytes per number.
    F32,
    /// Two bytes per number.
    F16,
    /// One byte per number and a scale per row of a matrix, in which the largest number is 127.
    Int8,
}

/// A matrix as the shaders read it, with `rows` and `depth` padded by zeros.
pub(super) struct PackedMatrix {
    pub bytes: Vec<u8>,
    pub rows: usize,
    pub depth: usize,
}

impl GpuPrecision {
    /// The name: `f32`, `f16` or `int8`.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Int8 => "int8",
        }
    }

    /// The weights rounded to this precision, from which the CPU computes the results of the device
    /// up to the order of sums.
    pub fn rounded(self, config: &Config, weights: &Weights) -> Weights {
        let (hidden, wide) = (config.hidden_size, config.feed_forward_size);
        let round = |matrix: &Vec<f32>, depth: usize| self.rounded_matrix(matrix, depth);
        Weights {
            embedding: round(&weights.embedding, hidden),
            head: weights.head.as_ref().map(|head| round(head, hidden)),
            // Rows are embedded on the CPU.
            trials: weights.trials.clone(),
            norm: weights.norm.clone(),
            layers: weights
                .layers
                .iter()
                .map(|layer| LayerWeights {
                    query: round(&layer.query, hidden),
                    key: round(&layer.key, hidden),
                    value: round(&layer.value, hidden),
                    output: round(&layer.output, hidden),
                    gate: round(&layer.gate, hidden),
                    up: round(&layer.up, hidden),
                    down: round(&layer.down, wide),
                    attention_norm: layer.attention_norm.clone(),
                    feed_forward_norm: layer.feed_forward_norm.clone(),
                })
                .collect(),
        }
    }

    /// Rounds one matrix with rows of `depth` numbers.
    pub(super) fn rounded_matrix(self, matrix: &[f32], depth: usize) -> Vec<f32> {
        matrix.chunks(depth).flat_map(|row| self.rounded_row(row)).collect()
    }

    fn rounded_row(self, row: &[f32]) -> Vec<f32> {
        match self {
            Self::F32 => row.to_vec(),
            Self::F16 => row.iter().map(|number| f16::from_f32(*number).to_f32()).collect(),
            Self::Int8 => {
                let scale = scale_of(row);
                row.iter().map(|number| scale * f32::from(step(*number, scale))).collect()
            }
        }
    }

    /// Packs a matrix of `depth` columns for the shaders.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidWeights`] for a number that is not finite, or that is too large for f16.
    pub(super) fn pack<'a>(
        self,
        name: &str,
        rows: impl Iterator<Item = &'a [f32]>,
        depth: usize,
    ) -> Result<PackedMatrix> {
        let padded = depth.next_multiple_of(super::DEPTH);
        let (mut bytes, mut scales, mut count) = (Vec::new(), Vec::new(), 0_usize);
        for row in rows {
            if let Some(place) = row.iter().position(|number| !number.is_finite()) {
                return Err(bad(format!("{name}, row {count}: number {place} is not finite")));
            }
            count += 1;
            let missing = padded - depth;
            match self {
                Self::F32 => {
                    bytes.extend(row.iter().flat_map(|number| number.to_le_bytes()));
                    bytes.resize(bytes.len() + 4 * missing, 0);
                }
                Self::F16 => {
                    for number in row {
                        let short = f16::from_f32(*number);
                        if !short.is_finite() {
                            return Err(bad(format!("{name}: {number} is too large for f16")));
                        }
                        bytes.extend(short.to_le_bytes());
                    }
                    bytes.resize(bytes.len() + 2 * missing, 0);
                }
                Self::Int8 => {
                    let scale = scale_of(row);
                    scales.extend(scale.to_le_bytes());
                    bytes.extend(row.iter().map(|number| step(*number, scale) as u8));
                    bytes.resize(bytes.len() + missing, 0);
                }
            }
        }
        let rows = count.next_multiple_of(super::TILE);
        bytes.resize(bytes.len() / count * rows, 0);
        // Padding rows have scale zero.
        scales.resize(scales.len() / count * rows, 0);
        bytes.extend(scales);
        Ok(PackedMatrix { bytes, rows, depth: padded })
    }
}

/// The scale that makes the largest number of a row 127.
fn scale_of(row: &[f32]) -> f32 {
    row.iter().fold(0.0_f32, |most, number| most.max(number.abs())) / 127.0
}

/// A number as a rounded multiple of the scale.
fn step(number: f32, scale: f32) -> i8 {
    // A row of zeros has scale zero.
    if scale == 0.0 { 0 } else { libm::roundf(number / scale).clamp(-127.0, 127.0) as i8 }
}

fn bad(what: alloc::string::String) -> Error {
    Error::new(ErrorKind::InvalidWeights, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn int8_is_within_half_a_step_and_keeps_zero_rows() {
        let row: Vec<f32> = (0..40).map(|index| libm::sinf(index as f32 * 1.7)).collect();
        let rounded = GpuPrecision::Int8.rounded_row(&row);
        let scale = scale_of(&row);
        for (have, want) in rounded.iter().zip(&row) {
            assert!((have - want).abs() <= 0.5001 * scale, "{have} for {want}");
        }
        assert_eq!(GpuPrecision::Int8.rounded_row(&[0.0; 3]), [0.0; 3]);
    }

    #[test]
    fn packed_matrices_have_zeros_beyond_their_numbers() {
        let matrix = [1.0_f32, -2.0, 3.0, 0.5, 0.25, -0.125];
        for (precision, size) in [(GpuPrecision::F32, 4), (GpuPrecision::F16, 2)] {
            let packed = precision.pack("matrix", matrix.chunks(3), 3).unwrap();
            assert_eq!((packed.rows, packed.depth), (64, 16));
            assert_eq!(packed.bytes.len(), 64 * 16 * size);
            assert!(packed.bytes[3 * size..16 * size].iter().all(|byte| *byte == 0));
            assert!(packed.bytes[2 * 16 * size..].iter().all(|byte| *byte == 0));
        }
        let packed = GpuPrecision::Int8.pack("matrix", matrix.chunks(3), 3).unwrap();
        assert_eq!(packed.bytes.len(), 64 * 16 + 64 * 4);
        assert_eq!(packed.bytes[..4], [42, -85_i8 as u8, 127, 0]);
        assert_eq!(packed.bytes[64 * 16..64 * 16 + 4], (3.0_f32 / 127.0).to_le_bytes());
        for (number, kind) in [(1e6, GpuPrecision::F16), (f32::NAN, GpuPrecision::Int8)] {
            assert!(kind.pack("matrix", [number].chunks(1), 1).is_err());
        }
    }
}

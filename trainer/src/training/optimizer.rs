//! The optimizer's step on one flat vector: Muon for the blocks' matrices, AdamW for the rest.

use tch::{Kind, Tensor};

use crate::network::layout::ParameterTensor;

/// Adam with decoupled weight decay (Loshchilov and Hutter 2019, algorithm 2) on clipped gradients,
/// and Muon (Jordan et al. 2024, *Muon: an optimizer for hidden layers in neural networks*) for the
/// matrices of attention and feed-forward parts, where [`muon`](OptimizerOptions::muon) is set.
#[derive(Debug)]
pub struct Optimizer {
    /// Running mean of the gradient, `[n]`; Muon's momentum where it trains.
    pub first: Tensor,
    /// Running mean of the squared gradient, `[n]`.
    pub second: Tensor,
    decays: Tensor,
    options: OptimizerOptions,
    /// Matrices of the same shape, which are orthogonalized together.
    groups: Vec<Group>,
}

/// What an optimizer is told.
#[derive(Clone, Copy, Debug)]
pub struct OptimizerOptions {
    /// Weight decay of matrices.
    pub weight_decay: f64,
    /// Gradients longer than this are shortened.
    pub clip: f64,
    /// Muon's learning rate as a multiple of AdamW's; without it, AdamW trains everything.
    pub muon: Option<f64>,
}

/// `count` matrices of `rows × columns` in the flat vector.
#[derive(Debug)]
struct Group {
    rows: i64,
    columns: i64,
    starts: Vec<i64>,
}

/// Decay of the running mean of the gradient.
const BETA_1: f64 = 0.9;
/// Decay of the running mean of the squared gradient.
const BETA_2: f64 = 0.95;
/// Keeps the step finite where there was no gradient yet.
const EPSILON: f64 = 1e-8;
/// Muon's momentum.
const MOMENTUM: f64 = 0.95;
/// Coefficients of the quintic Newton–Schulz iteration (Jordan et al. 2024).
const QUINTIC: (f64, f64, f64) = (3.4445, -4.7750, 2.0315);
/// Number of its iterations.
const ITERATIONS: usize = 5;

impl Optimizer {
    /// An optimizer that has seen nothing, of parameters laid out as `entries` say. `decays` is 1
    /// where weight decay applies.
    pub fn new(
        parameters: &Tensor,
        decays: Tensor,
        entries: &[ParameterTensor],
        options: OptimizerOptions,
    ) -> Self {
        Self {
            first: parameters.zeros_like().detach(),
            second: parameters.zeros_like().detach(),
            decays,
            groups: if options.muon.is_some() { groups(entries) } else { Vec::new() },
            options,
        }
    }

    /// One step, number `step` from 1, along the gradient that `parameters` hold, divided by
    /// `accumulated`; then forgets it. Returns the gradient's norm before clipping.
    pub fn step(&mut self, parameters: &mut Tensor, step: u64, rate: f64, accumulated: u64) -> f64 {
        tch::no_grad(|| {
            // In place where it can be: a fresh allocation costs as much as the arithmetic of a
            // small model's step.
            let mut gradient = parameters.grad();
            gradient /= accumulated as f64;
            let norm = gradient.norm().to_kind(Kind::Float).double_value(&[]);
            if norm.is_finite() {
                gradient *= self.options.clip / norm.max(self.options.clip);
                let orthogonal = self.muon_updates(&gradient);
                let update = self.adam_update(&gradient, step, rate);
                for (start, length, matrix) in &orthogonal {
                    let scale = rate * self.options.muon.unwrap_or(1.0);
                    update.narrow(0, *start, *length).copy_(&(matrix * scale));
                }
                let shrink = &self.decays * (-rate * self.options.weight_decay);
                let _ = parameters.addcmul_(&shrink, &parameters.shallow_clone());
                *parameters -= update;
            }
            parameters.zero_grad();
            norm
        })
    }

    /// AdamW's step of every parameter, `[n]`. Where Muon trains, the running mean of the gradient
    /// is Muon's and stays.
    fn adam_update(&mut self, gradient: &Tensor, step: u64, rate: f64) -> Tensor {
        let momenta: Vec<(i64, i64, Tensor)> = self
            .matrices()
            .map(|(start, length)| (start, length, self.first.narrow(0, start, length).copy()))
            .collect();
        let _ = self.first.lerp_(gradient, 1.0 - BETA_1);
        let _ = self.second.lerp_(&gradient.square(), 1.0 - BETA_2);
        for (start, length, momentum) in momenta {
            self.first.narrow(0, start, length).copy_(&momentum);
        }
        let count = step.min(i32::MAX as u64) as i32;
        let first = 1.0 - BETA_1.powi(count);
        let second = (1.0 - BETA_2.powi(count)).sqrt();
        let mut update = self.second.sqrt();
        update += EPSILON * second;
        let mut update = &self.first / update;
        update *= rate * second / first;
        update
    }

    /// Where Muon's matrices lie: start and length.
    fn matrices(&self) -> impl Iterator<Item = (i64, i64)> {
        self.groups
            .iter()
            .flat_map(|group| group.starts.iter().map(|start| (*start, group.rows * group.columns)))
    }

    /// Muon's step of each of its matrices: start, length, and the orthogonalized momentum.
    fn muon_updates(&mut self, gradient: &Tensor) -> Vec<(i64, i64, Tensor)> {
        let mut updates = Vec::new();
        for group in &self.groups {
            let length = group.rows * group.columns;
            let looked_ahead: Vec<Tensor> = group
                .starts
                .iter()
                .map(|start| {
                    let gradient = gradient.narrow(0, *start, length);
                    let mut momentum = self.first.narrow(0, *start, length);
                    let _ = momentum.lerp_(&gradient, 1.0 - MOMENTUM);
                    gradient.lerp(&momentum, MOMENTUM).view([group.rows, group.columns])
                })
                .collect();
            let orthogonal = orthogonalize(&Tensor::stack(&looked_ahead, 0));
            let scale = (group.rows as f64 / group.columns as f64).max(1.0).sqrt();
            for (index, start) in group.starts.iter().enumerate() {
                let matrix = orthogonal.get(index as i64).flatten(0, -1) * scale;
                updates.push((*start, length, matrix));
            }
        }
        updates
    }
}

/// The matrices that Muon trains, by shape.
fn groups(entries: &[ParameterTensor]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut start = 0;
    for entry in entries {
        if let Some(parts) = entry.muon_parts() {
            let (rows, columns) = (entry.shape[0] / parts, entry.shape[1]);
            for part in 0..parts {
                let at = start + part * rows * columns;
                match groups.iter_mut().find(|g| (g.rows, g.columns) == (rows, columns)) {
                    Some(group) => group.starts.push(at),
                    None => groups.push(Group { rows, columns, starts: vec![at] }),
                }
            }
        }
        start += entry.count();
    }
    groups
}

/// Brings the singular values of each matrix near 1: `[count, rows, columns]`, in bf16.
pub fn orthogonalize(matrices: &Tensor) -> Tensor {
    let size = matrices.size();
    let tall = size[1] > size[2];
    let mut x = matrices.to_kind(Kind::BFloat16);
    if tall {
        x = x.transpose(1, 2);
    }
    let norm =
        x.to_kind(Kind::Float).square().sum_dim_intlist([1_i64, 2].as_slice(), true, Kind::Float);
    x = (x.to_kind(Kind::Float) / (norm.sqrt() + 1e-7)).to_kind(Kind::BFloat16);
    let (a, b, c) = QUINTIC;
    for _ in 0..ITERATIONS {
        let square = x.matmul(&x.transpose(1, 2));
        let polynomial = &square * b + square.matmul(&square) * c;
        x = &x * a + polynomial.matmul(&x);
    }
    if tall {
        x = x.transpose(1, 2);
    }
    x.to_kind(Kind::Float).contiguous()
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    #[test]
    fn orthogonalized_matrices_have_singular_values_near_one() {
        tch::manual_seed(1);
        for shape in [[3, 24, 24], [2, 48, 16], [2, 16, 48]] {
            let x = orthogonalize(&Tensor::randn(shape, (Kind::Float, Device::Cpu)));
            assert_eq!(x.size(), shape);
            // The eigenvalues of the smaller Gram matrix are the squares of the singular values.
            let wide = if shape[1] > shape[2] { x.transpose(1, 2) } else { x };
            let gram = wide.matmul(&wide.transpose(1, 2));
            let values = Tensor::linalg_eigvalsh(&gram, "L").clamp_min(0.0).sqrt();
            let (low, high) = (values.min().double_value(&[]), values.max().double_value(&[]));
            assert!(low > 0.3 && high < 1.4, "{shape:?}: {low} to {high}");
        }
    }
}

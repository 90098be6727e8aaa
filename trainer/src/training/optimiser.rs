//! AdamW on one flat vector.

use tch::{Kind, Tensor};

/// Adam with decoupled weight decay (Loshchilov and Hutter 2019, algorithm 2) and clipping of the gradient's norm.
#[derive(Debug)]
pub struct AdamW {
    /// Running mean of the gradient, `[n]`.
    pub first: Tensor,
    /// Running mean of the squared gradient, `[n]`.
    pub second: Tensor,
    decays: Tensor,
    weight_decay: f64,
    clip: f64,
}

/// How fast the running mean of the gradient forgets.
const BETA_1: f64 = 0.9;
/// How fast the running mean of the squared gradient forgets.
const BETA_2: f64 = 0.95;

impl AdamW {
    /// An optimiser that has seen nothing. `decays` is 1 where weight decay applies; gradients longer than `clip` are shortened.
    pub fn new(parameters: &Tensor, decays: Tensor, weight_decay: f64, clip: f64) -> Self {
        Self {
            first: parameters.zeros_like().detach(),
            second: parameters.zeros_like().detach(),
            decays,
            weight_decay,
            clip,
        }
    }

    /// One step, number `step` from 1, along the gradient that `parameters` hold, divided by `accumulated`; then forgets it. Returns the
    /// gradient's norm before clipping.
    pub fn step(&mut self, parameters: &mut Tensor, step: u64, rate: f64, accumulated: u64) -> f64 {
        tch::no_grad(|| {
            let gradient = parameters.grad() / accumulated as f64;
            let norm = gradient.norm().to_kind(Kind::Float).double_value(&[]);
            if norm.is_finite() {
                let gradient = gradient * (self.clip / norm.max(self.clip));
                self.first = &self.first * BETA_1 + &gradient * (1.0 - BETA_1);
                self.second = &self.second * BETA_2 + gradient.square() * (1.0 - BETA_2);
                let count = step.min(i32::MAX as u64) as i32;
                let (first, second) = (1.0 - BETA_1.powi(count), 1.0 - BETA_2.powi(count));
                let update = (&self.first / first) / ((&self.second / second).sqrt() + 1e-8)
                    + &self.decays * &*parameters * self.weight_decay;
                let next = &*parameters - update * rate;
                parameters.copy_(&next);
            }
            parameters.zero_grad();
            norm
        })
    }
}

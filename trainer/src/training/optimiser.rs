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
/// Keeps the step finite where there was no gradient yet.
const EPSILON: f64 = 1e-8;

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
            // In place where it can be: memory handed out anew costs as much as the arithmetic of a small model's step.
            let mut gradient = parameters.grad();
            gradient /= accumulated as f64;
            let norm = gradient.norm().to_kind(Kind::Float).double_value(&[]);
            if norm.is_finite() {
                gradient *= self.clip / norm.max(self.clip);
                let _ = self.first.lerp_(&gradient, 1.0 - BETA_1);
                let _ = self.second.lerp_(&gradient.square(), 1.0 - BETA_2);
                let count = step.min(i32::MAX as u64) as i32;
                let first = 1.0 - BETA_1.powi(count);
                let second = (1.0 - BETA_2.powi(count)).sqrt();
                let mut update = self.second.sqrt();
                update += EPSILON * second;
                let mut update = &self.first / update;
                update *= rate * second / first;
                let shrink = &self.decays * (-rate * self.weight_decay);
                let _ = parameters.addcmul_(&shrink, &parameters.shallow_clone());
                *parameters -= update;
            }
            parameters.zero_grad();
            norm
        })
    }
}

//! Likelihood of the told trials as a function of the parameters of the adaptation.

use alloc::{vec, vec::Vec};
use core::f64::consts::{PI, SQRT_2};

use super::{AdaptationOptimizer, AdaptationOptions, STOPS};
use crate::{
    Result,
    kernels::Kernels,
    math::lbfgs,
    samplers::optiformer::surrogate::TransformerSurrogate,
    tokenizer::vocabulary::{BINS, Token},
};

/// Number of coefficients of the bias.
pub(super) const COSINES: usize = 12;
/// Learning rate of AdamW, for parameters that move the logits by about 1 per unit.
const LEARNING_RATE: f64 = 0.02;

/// The prediction of a told trial given its own prefix of the history.
#[derive(Clone, Debug)]
pub(super) struct Predicted {
    /// Logits of the score bins, divided by the temperature, `[1000]`.
    pub logits: Vec<f32>,
    /// The observed bin.
    pub bin: usize,
}

/// Logits of the score bins per unit of each parameter, `[hidden + COSINES, 1000]`: the columns of
/// the output layer divided by their root mean square, and cosines of the same root mean square, so
/// that one penalty fits both.
pub(super) fn basis(surrogate: &mut TransformerSurrogate) -> Result<Vec<f32>> {
    let TransformerSurrogate { model, workspace, .. } = surrogate;
    let mut basis = model.head_columns(workspace, 0..BINS as Token)?;
    let square = basis.iter().map(|weight| f64::from(weight * weight)).sum::<f64>();
    let size = libm::sqrt(square / basis.len() as f64).max(1e-12);
    model.kernels().scale(&mut basis, (1.0 / size) as f32);
    for frequency in 1..=COSINES {
        let step = PI * frequency as f64 / (BINS - 1) as f64;
        let cosine = |bin| (SQRT_2 * libm::cos(step * (bin as f64 + 0.5))) as f32;
        basis.extend((0..BINS - 1).map(cosine).chain([0.0]));
    }
    Ok(basis)
}

/// Negative log-likelihood of a bin. Replaces the logits by the unnormalized softmax, whose sum is
/// the second result.
pub(super) fn surprise(kernels: Kernels, logits: &mut [f32], bin: usize) -> (f64, f32) {
    let highest = kernels.max(logits);
    let logit = logits[bin];
    let sum = kernels.exp_and_sum(logits, highest);
    (libm::log(f64::from(sum)) - f64::from(logit - highest), sum)
}

/// Negative log-likelihood of told trials, and its minimization.
pub(super) struct Objective<'a> {
    pub kernels: Kernels,
    /// Output of [`basis`].
    pub basis: &'a [f32],
    pub told: Vec<&'a Predicted>,
}

impl Objective<'_> {
    /// The offset for some parameters, `[1000]`.
    pub fn offset(&self, parameters: &[f64]) -> Vec<f32> {
        let mut offset = vec![0.0; BINS];
        for (row, parameter) in self.basis.chunks_exact(BINS).zip(parameters) {
            self.kernels.add_parts(&mut offset, row, &[*parameter as f32]);
        }
        offset
    }

    /// The sum over trials without the penalty; writes its gradient.
    pub fn likelihood(&self, parameters: &[f64], gradient: &mut [f64]) -> f64 {
        let offset = self.offset(parameters);
        // Expected minus observed counts of each bin.
        let (mut excess, mut row) = (vec![0.0; BINS], Vec::with_capacity(BINS));
        let mut total = 0.0;
        for told in &self.told {
            row.clear();
            row.extend_from_slice(&told.logits);
            self.kernels.add(&mut row, &offset);
            let (surprise, sum) = surprise(self.kernels, &mut row, told.bin);
            total += surprise;
            self.kernels.add_parts(&mut excess, &row, &[1.0 / sum]);
            excess[told.bin] -= 1.0;
        }
        for (slope, row) in gradient.iter_mut().zip(self.basis.chunks_exact(BINS)) {
            *slope = f64::from(self.kernels.dot(row, &excess));
        }
        total
    }

    /// The offsets at a quarter, half and the end of the path of the optimizer from 0.
    pub fn minimize(&self, options: &AdaptationOptions) -> [Vec<f32>; STOPS] {
        let mut path = Vec::new();
        let mut parameters = vec![0.0; self.basis.len() / BINS];
        if !self.told.is_empty() {
            let after = |parameters: &[f64]| path.push(parameters.to_vec());
            match options.optimizer {
                AdaptationOptimizer::Lbfgs => {
                    let function = |x: &[f64], gradient: &mut [f64]| {
                        let value = self.likelihood(x, gradient);
                        let penalty = options.l2_penalty;
                        gradient.iter_mut().zip(x).for_each(|(slope, x)| *slope += penalty * x);
                        value + 0.5 * penalty * x.iter().map(|x| x * x).sum::<f64>()
                    };
                    lbfgs::minimize(&mut parameters, options.max_steps, function, after);
                }
                AdaptationOptimizer::AdamW => self.adam_w(&mut parameters, options, after),
            }
        }
        [4, 2, 1].map(|share| {
            let steps = options.max_steps.div_ceil(share).min(path.len());
            steps.checked_sub(1).map_or_else(|| vec![0.0; BINS], |last| self.offset(&path[last]))
        })
    }

    /// AdamW (Loshchilov and Hutter, Decoupled Weight Decay Regularization, 2019, algorithm 2) on
    /// the mean over trials, with `l2_penalty / trials` as weight decay.
    fn adam_w(
        &self,
        parameters: &mut [f64],
        options: &AdaptationOptions,
        mut after: impl FnMut(&[f64]),
    ) {
        let count = self.told.len() as f64;
        let decay = (LEARNING_RATE * options.l2_penalty / count).min(1.0);
        let mut gradient = vec![0.0; parameters.len()];
        let mut moments = vec![(0.0, 0.0); parameters.len()];
        let (mut first, mut second) = (1.0, 1.0);
        for _ in 0..options.max_steps {
            self.likelihood(parameters, &mut gradient);
            (first, second) = (first * 0.9, second * 0.999);
            for ((x, slope), moment) in parameters.iter_mut().zip(&gradient).zip(&mut moments) {
                let slope = slope / count;
                moment.0 += 0.1 * (slope - moment.0);
                moment.1 += 0.001 * (slope * slope - moment.1);
                let (mean, square) = (moment.0 / (1.0 - first), moment.1 / (1.0 - second));
                *x -= decay * *x + LEARNING_RATE * mean / (libm::sqrt(square) + 1e-8);
            }
            after(parameters);
        }
    }
}

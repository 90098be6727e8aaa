use alloc::string::String;

use crate::{Error, ErrorKind, Result};

/// The optimizer of [`AdaptationOptions`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdaptationOptimizer {
    /// L-BFGS with a line search for the strong Wolfe conditions.
    Lbfgs,
    /// AdamW (Loshchilov and Hutter 2019) on all trials at once.
    AdamW,
}

/// Options of the test-time adaptation of [`OptiFormerSampler`](super::super::OptiFormerSampler):
/// a shift `δ` of the last hidden state and a bias on the logits of the score bins, fitted to the
/// errors of one-step-ahead predictions of the told trials.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdaptationOptions {
    /// The optimizer.
    pub optimizer: AdaptationOptimizer,
    /// Maximum number of steps, from 1 to 1024. The log scores of the told trials select none, a
    /// quarter, half or all of them.
    pub max_steps: usize,
    /// Factor `λ` of the penalty `λ/2 · (|δ|² + |c|²)` on the shift and the coefficients `c` of the
    /// bias, which is added to the sum of the negative log-likelihoods of the trials; above 0.
    pub l2_penalty: f64,
}

impl AdaptationOptions {
    /// Eight steps of L-BFGS.
    pub const LBFGS: Self =
        Self { optimizer: AdaptationOptimizer::Lbfgs, max_steps: 8, l2_penalty: 300.0 };
    /// Twenty-four steps of AdamW.
    pub const ADAM_W: Self =
        Self { optimizer: AdaptationOptimizer::AdamW, max_steps: 24, l2_penalty: 300.0 };

    /// Checks the options.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidValue`], naming the option.
    pub(in crate::samplers::optiformer) fn check(&self) -> Result<()> {
        let bad = |what: &str| Err(Error::new(ErrorKind::InvalidValue, String::from(what)));
        if !(1..=1024).contains(&self.max_steps) {
            return bad("adaptation.max_steps must be between 1 and 1024");
        }
        if !(self.l2_penalty > 0.0 && self.l2_penalty.is_finite()) {
            return bad("adaptation.l2_penalty must be above 0");
        }
        Ok(())
    }
}

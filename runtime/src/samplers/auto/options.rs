use alloc::string::String;

use crate::{Error, ErrorKind, Result};

/// Options of [`AutoSampler`](super::AutoSampler).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct AutoOptions {
    /// Trials below this number that the stack does not take are delegated to local search, which
    /// starts at the center of the space. Default: 6.
    pub local_until: u64,
    /// Number of the trial from which on some are delegated to local search. Default: 15.
    pub refine_from: u64,
    /// Period of these trials; 0 for none. Default: 3.
    pub refine_every: u64,
    /// Number of the trial from which on some of the others are delegated to TPE, which explores
    /// where the Gaussian process, conditioned on a part of a long history, does not. Default: 200.
    pub long_from: u64,
    /// Period of these trials; 0 for none. Default: 6.
    pub long_every: u64,
    /// Number of the trial from which on the stack of transformer and Gaussian process replaces the
    /// process alone, if there is a model. Default: 3.
    pub stack_from: u64,
    /// Number of the trial from which on the process is alone again. Default: 200, because the
    /// transformer is trained on histories of up to 200 trials.
    pub stack_until: u64,
    /// Number of finished trials from which on the stack maximizes the expected improvement of the
    /// loss; before, and with a model that reads the predictions of the process, that of the score,
    /// which avoids risk. Default 15.
    pub risk_neutral_from: usize,
    /// Largest improvement of the loss that counts, in units of the distance from the best loss to
    /// the median. Default 3.
    pub improvement_cap: f64,
    /// Weight of the transformer in the stack, in 0..=1. If it is `None`, the gate of a model that
    /// reads the predictions of the process weighs each candidate; with another model the weight
    /// follows from how well each surrogate has predicted the finished trials. Default: `None`.
    pub transformer_weight: Option<f64>,
    /// Discount of the log score of a trial for each later trial. Default: 0.9.
    pub log_score_discount: f64,
    /// Number of candidates at maxima of the acquisition function of the process. Default: 8.
    pub num_gp_candidates: usize,
    /// Number of candidates from the policy of the transformer. Default: 8.
    pub num_policy_candidates: usize,
    /// Number of candidates near the best trials. Default: 32.
    pub num_local_candidates: usize,
    /// Number of quasi-random candidates in the search box. Default: 32.
    pub num_space_candidates: usize,
    /// Number of candidates near the best ones in each of two rounds of refinement. Default: 16.
    pub num_refined_candidates: usize,
    /// Number of finished trials from which on the stack makes two of three suggestions in a box
    /// around the best trials; 0 for none. Default: 14.
    pub zoom_from: usize,
}

impl Default for AutoOptions {
    fn default() -> Self {
        Self {
            local_until: 6,
            refine_from: 15,
            refine_every: 3,
            long_from: 200,
            long_every: 6,
            stack_from: 3,
            stack_until: 200,
            risk_neutral_from: 15,
            improvement_cap: 3.0,
            transformer_weight: None,
            log_score_discount: 0.9,
            num_gp_candidates: 8,
            num_policy_candidates: 8,
            num_local_candidates: 32,
            num_space_candidates: 32,
            num_refined_candidates: 16,
            zoom_from: 14,
        }
    }
}

/// Maximum number of candidates of a kind.
const MOST_CANDIDATES: usize = 1 << 16;

impl AutoOptions {
    /// Checks the options.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidValue`], naming the option.
    pub fn check(&self) -> Result<()> {
        let bad = |what: &str| Err(Error::new(ErrorKind::InvalidValue, String::from(what)));
        if self.transformer_weight.is_some_and(|weight| !(0.0..=1.0).contains(&weight)) {
            return bad("transformer_weight must be between 0 and 1");
        }
        if !(self.improvement_cap > 0.0 && self.improvement_cap.is_finite()) {
            return bad("improvement_cap must be above 0");
        }
        if !(0.0..=1.0).contains(&self.log_score_discount) {
            return bad("log_score_discount must be between 0 and 1");
        }
        for (name, count) in [
            ("num_gp_candidates", self.num_gp_candidates),
            ("num_policy_candidates", self.num_policy_candidates),
            ("num_local_candidates", self.num_local_candidates),
            ("num_space_candidates", self.num_space_candidates),
            ("num_refined_candidates", self.num_refined_candidates),
        ] {
            if count > MOST_CANDIDATES {
                return bad(&alloc::format!("{name} must be at most {MOST_CANDIDATES}"));
            }
        }
        Ok(())
    }
}

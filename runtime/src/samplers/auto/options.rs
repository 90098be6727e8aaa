use alloc::string::String;

use crate::{Error, ErrorKind, Result};

/// What can be chosen about [`AutoSampler`](super::AutoSampler).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct AutoOptions {
    /// Local search is asked for the trials with numbers below this: it begins in the middle of the
    /// space. Default 6.
    pub local_until: u64,
    /// From this number on, local search is asked for some of the trials. Default 15.
    pub refine_from: u64,
    /// Its turn is every so many trials; 0 for none. Default 2.
    pub refine_every: u64,
    /// From this number on, the tree-structured Parzen estimator is asked for some of the trials
    /// that local search is not asked for: it looks where the Gaussian process, which models a part
    /// of a long history, does not. Default 200.
    pub long_from: u64,
    /// Its turn is every so many trials; 0 for none. Default 3.
    pub long_every: u64,
    /// The trials with numbers from this to `stack_until` that would be the Gaussian process's are
    /// ranked by the stack of transformer and process, where there is a model. Default 6.
    pub stack_from: u64,
    /// See `stack_from`. Default 15; the transformer was trained on histories of up to 200 trials.
    pub stack_until: u64,
    /// Weight of the transformer in the stack, from 0 to 1; without it, the weight follows from how
    /// well each surrogate has predicted the trials told so far. Default none.
    pub transformer_weight: Option<f64>,
    /// Discount of a trial's predictive log score for each trial told since. Default 0.9.
    pub log_score_discount: f64,
    /// Candidates at maxima of the process's acquisition. Default 8.
    pub num_gp_candidates: usize,
    /// Candidates from the transformer's policy. Default 8.
    pub num_policy_candidates: usize,
    /// Candidates near the best trials. Default 64.
    pub num_local_candidates: usize,
    /// Candidates spread over the search box. Default 64.
    pub num_space_candidates: usize,
    /// Candidates near the best ones, in each of two rounds. Default 32.
    pub num_refined_candidates: usize,
    /// Number of finished trials from which on two of three suggestions of the stack are made in a
    /// box around the best trials; 0 for none. Default 14.
    pub zoom_from: usize,
}

impl Default for AutoOptions {
    fn default() -> Self {
        Self {
            local_until: 6,
            refine_from: 15,
            refine_every: 2,
            long_from: 200,
            long_every: 3,
            stack_from: 6,
            stack_until: 15,
            transformer_weight: None,
            log_score_discount: 0.9,
            num_gp_candidates: 8,
            num_policy_candidates: 8,
            num_local_candidates: 64,
            num_space_candidates: 64,
            num_refined_candidates: 32,
            zoom_from: 14,
        }
    }
}

/// The largest number of candidates of a kind that may be asked for.
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

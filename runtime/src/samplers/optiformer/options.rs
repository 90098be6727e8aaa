use alloc::string::String;

use super::AdaptationOptions;
use crate::{Error, ErrorKind, Result, generation::SamplingOptions};

/// Options of [`OptiFormerSampler`](super::OptiFormerSampler).
#[derive(Clone, Debug, PartialEq)]
pub struct OptiFormerOptions {
    /// Number of quasi-random trials before the model is used. Default: 4.
    pub n_startup_trials: usize,
    /// Number of candidates drawn from the policy. Default: 8.
    pub num_policy_candidates: usize,
    /// Number of candidates near the best trials, at log-uniform distances. Default: 56.
    pub num_local_candidates: usize,
    /// Number of quasi-random candidates in the search box. Default: 64.
    pub num_space_candidates: usize,
    /// Number of candidates near the best ones in each round of refinement. Default: 24.
    pub num_refined_candidates: usize,
    /// Number of rounds of refinement. Default: 2.
    pub refinement_rounds: usize,
    /// Suggests the first draw from the policy without ranking. Default: off.
    pub policy_only: bool,
    /// Makes some suggestions inside a box around the best trials. Default: on.
    pub zoom: bool,
    /// Number of finished trials before the first of these. Default: 14.
    pub zoom_from: usize,
    /// Period of the suggestions that look at the whole space nevertheless; 0 for none. Default: 3.
    pub global_every: u64,
    /// Sampling of the values of the policy.
    pub sampling: SamplingOptions,
    /// Divisor of the logits of scores, in addition to the temperature in the weights file.
    /// Default: 1.
    pub score_temperature: f32,
    /// Adaptation of the predictions to the told trials. Default: none, since it does not reduce
    /// the regret on the validation problems.
    pub adaptation: Option<AdaptationOptions>,
    /// Number of threads, without influence on the suggestion. Without the standard library there
    /// is one. Default: 1.
    pub threads: usize,
}

impl Default for OptiFormerOptions {
    fn default() -> Self {
        Self {
            n_startup_trials: 4,
            num_policy_candidates: 8,
            num_local_candidates: 56,
            num_space_candidates: 64,
            num_refined_candidates: 24,
            refinement_rounds: 2,
            policy_only: false,
            zoom: true,
            zoom_from: 14,
            global_every: 3,
            sampling: SamplingOptions::default(),
            score_temperature: 1.0,
            adaptation: None,
            threads: 1,
        }
    }
}

/// Maximum number of candidates of a kind.
const MOST_CANDIDATES: usize = 1 << 16;
/// Maximum number of threads.
const MOST_THREADS: usize = 1024;

impl OptiFormerOptions {
    /// Checks the options.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidValue`], naming the option.
    pub fn check(&self) -> Result<()> {
        self.sampling.check()?;
        let bad = |what: &str| Err(Error::new(ErrorKind::InvalidValue, String::from(what)));
        if !(self.score_temperature > 0.0 && self.score_temperature.is_finite()) {
            return bad("score_temperature must be above 0");
        }
        let counts = [
            self.num_policy_candidates,
            self.num_local_candidates,
            self.num_space_candidates,
            self.num_refined_candidates,
        ];
        if counts[..3].iter().all(|count| *count == 0) {
            return bad(
                "num_policy_candidates, num_local_candidates and num_space_candidates are all 0",
            );
        }
        if counts.iter().any(|count| *count > MOST_CANDIDATES) || self.refinement_rounds > 64 {
            return bad("more than 65536 candidates of a kind, or 64 rounds of refinement");
        }
        if self.policy_only && self.num_policy_candidates == 0 {
            return bad("policy_only needs num_policy_candidates of at least 1");
        }
        if let Some(adaptation) = &self.adaptation {
            adaptation.check()?;
        }
        if !(1..=MOST_THREADS).contains(&self.threads) {
            return bad("threads must be between 1 and 1024");
        }
        Ok(())
    }
}

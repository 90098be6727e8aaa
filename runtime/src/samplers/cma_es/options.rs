use alloc::format;

use crate::{Error, ErrorKind, Result};

/// What can be chosen about [`CmaEsSampler`](super::CmaEsSampler).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct CmaEsOptions {
    /// As long as fewer trials than this have finished, failed ones included, trials are an even spread over the space; the best of
    /// them is where the search starts. With one, the search starts in the middle of the space. At least 1; default 1.
    pub startup_trials: usize,
    /// The standard deviation at the start, as a share of each parameter's range; in (0, 0.5]. It shrinks with the
    /// number of trials that there are already, as the distance of their best from the optimum would. Default ⅙.
    pub initial_step: f64,
    /// How many trials make a generation, at least 4; `None` for 4 + ⌊3 ln n⌋, where `n` is the number of numerical parameters.
    /// Default `None`.
    pub population: Option<usize>,
    /// By how much the population grows when the search has converged and starts again elsewhere; at least 1. Default 2.
    pub restart_growth: f64,
    /// How far the probabilities of choices follow the best trials of a generation; in (0, 1]. Default 0.3.
    pub choice_rate: f64,
}

impl Default for CmaEsOptions {
    fn default() -> Self {
        Self {
            startup_trials: 1,
            initial_step: 1.0 / 6.0,
            population: None,
            restart_growth: 2.0,
            choice_rate: 0.3,
        }
    }
}

/// The largest population: far beyond what finds use, and far below what memory holds.
pub(super) const MAX_POPULATION: usize = 1024;

impl CmaEsOptions {
    pub(super) fn check(&self) -> Result<()> {
        let refuse = |option: &str, value: f64, limits: &str| {
            let context = format!("CMA-ES option \"{option}\": {value} is not {limits}");
            Err(Error::new(ErrorKind::InvalidValue, context))
        };
        if self.startup_trials == 0 {
            return refuse("startup_trials", 0.0, "at least 1");
        }
        if !(self.initial_step > 0.0 && self.initial_step <= 0.5) {
            return refuse("initial_step", self.initial_step, "in (0, 0.5]");
        }
        if let Some(population) = self.population
            && !(4..=MAX_POPULATION).contains(&population)
        {
            return refuse("population", population as f64, "in 4..=1024");
        }
        if !(self.restart_growth >= 1.0 && self.restart_growth.is_finite()) {
            return refuse("restart_growth", self.restart_growth, "at least 1");
        }
        if !(self.choice_rate > 0.0 && self.choice_rate <= 1.0) {
            return refuse("choice_rate", self.choice_rate, "in (0, 1]");
        }
        Ok(())
    }
}

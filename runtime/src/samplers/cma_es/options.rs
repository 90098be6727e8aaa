use alloc::format;

use crate::{Error, ErrorKind, Result};

/// What can be chosen about [`CmaEsSampler`](super::CmaEsSampler).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct CmaEsOptions {
    /// As long as fewer trials than this have finished, failed ones included, trials are an even
    /// spread over the space; the best of them is where the search starts. With one, the search
    /// starts in the middle of the space. At least 1; default 1.
    pub n_startup_trials: usize,
    /// The standard deviation at the start, as a share of each parameter's range; in (0, 0.5]. It
    /// shrinks with the number of trials that there are already, as the distance of their best from
    /// the optimum would. Default ⅙.
    pub sigma0: f64,
    /// How many trials make a generation, at least 4; `None` for 4 + ⌊3 ln n⌋, where `n` is the
    /// number of numerical parameters. Default `None`.
    pub popsize: Option<usize>,
    /// By how much the population grows when the search has converged and starts again elsewhere;
    /// at least 1. Default 2.
    pub inc_popsize: f64,
    /// How far the probabilities of choices follow the best trials of a generation; in (0, 1].
    /// Default 0.3.
    pub categorical_learning_rate: f64,
}

impl Default for CmaEsOptions {
    fn default() -> Self {
        Self {
            n_startup_trials: 1,
            sigma0: 1.0 / 6.0,
            popsize: None,
            inc_popsize: 2.0,
            categorical_learning_rate: 0.3,
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
        if self.n_startup_trials == 0 {
            return refuse("n_startup_trials", 0.0, "at least 1");
        }
        if !(self.sigma0 > 0.0 && self.sigma0 <= 0.5) {
            return refuse("sigma0", self.sigma0, "in (0, 0.5]");
        }
        if let Some(population) = self.popsize
            && !(4..=MAX_POPULATION).contains(&population)
        {
            return refuse("popsize", population as f64, "in 4..=1024");
        }
        if !(self.inc_popsize >= 1.0 && self.inc_popsize.is_finite()) {
            return refuse("inc_popsize", self.inc_popsize, "at least 1");
        }
        if !(self.categorical_learning_rate > 0.0 && self.categorical_learning_rate <= 1.0) {
            return refuse(
                "categorical_learning_rate",
                self.categorical_learning_rate,
                "in (0, 1]",
            );
        }
        Ok(())
    }
}

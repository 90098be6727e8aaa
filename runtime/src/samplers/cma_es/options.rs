use alloc::format;

use crate::{Error, ErrorKind, Result};

/// Options of [`CmaEsSampler`](super::CmaEsSampler).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct CmaEsOptions {
    /// Number of finished trials, failed ones included, that are Sobol points; the search starts at
    /// the best of them, or with 1 in the middle of the space. At least 1; default 1.
    pub n_startup_trials: usize,
    /// Initial σ, as a fraction of each parameter's range; in (0, 0.5]. It shrinks with the number
    /// of earlier trials, as the distance of their best from the optimum does. Default ⅙.
    pub sigma0: f64,
    /// Population size λ, at least 4; `None` for 4 + ⌊3 ln n⌋ with `n` numerical parameters.
    /// Default `None`.
    pub popsize: Option<usize>,
    /// Factor of the population size at each restart; at least 1. Default 2.
    pub inc_popsize: f64,
    /// Learning rate of the categorical probabilities; in (0, 1]. Default 0.3.
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

/// Largest population size: beyond it nothing is gained.
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

use alloc::format;

use crate::{Error, ErrorKind, Result};

/// What can be chosen about [`LocalSearchSampler`](super::LocalSearchSampler).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct LocalSearchOptions {
    /// How many trials a run begins with that are an even spread; at least 1. Default 5.
    pub n_startup_trials: usize,
    /// Half the side of the trust region at the start, as a share of each parameter's range; in (0,
    /// 0.5]. Default 0.2.
    pub initial_radius: f64,
    /// What the radius is multiplied with after a trial within reach that was not better; in (0,
    /// 1). Default 0.7.
    pub shrink_factor: f64,
    /// A run whose radius falls below this has converged, and another one begins elsewhere; in (0,
    /// 0.1]. Default 10⁻⁴: the model's last steps are by then far more precise than that.
    pub min_radius: f64,
    /// How much a candidate of which little is known is preferred: standard deviations that are
    /// taken off what the model expects; at least 0. Default 0.2.
    pub kappa: f64,
    /// Every so many trials one changes a choice, where there are categorical parameters; at least
    /// 2. Default 3.
    pub categorical_every: usize,
}

impl Default for LocalSearchOptions {
    fn default() -> Self {
        Self {
            n_startup_trials: 5,
            initial_radius: 0.2,
            shrink_factor: 0.7,
            min_radius: 1e-4,
            kappa: 0.2,
            categorical_every: 3,
        }
    }
}

impl LocalSearchOptions {
    pub(super) fn check(&self) -> Result<()> {
        let refuse = |option: &str, value: f64, limits: &str| {
            let context = format!("local search option \"{option}\": {value} is not {limits}");
            Err(Error::new(ErrorKind::InvalidValue, context))
        };
        if self.n_startup_trials == 0 {
            return refuse("n_startup_trials", 0.0, "at least 1");
        }
        if !(self.initial_radius > 0.0 && self.initial_radius <= 0.5) {
            return refuse("initial_radius", self.initial_radius, "in (0, 0.5]");
        }
        if !(self.shrink_factor > 0.0 && self.shrink_factor < 1.0) {
            return refuse("shrink_factor", self.shrink_factor, "in (0, 1)");
        }
        if !(self.min_radius > 0.0 && self.min_radius <= 0.1) {
            return refuse("min_radius", self.min_radius, "in (0, 0.1]");
        }
        if !(self.kappa >= 0.0 && self.kappa.is_finite()) {
            return refuse("kappa", self.kappa, "at least 0");
        }
        if self.categorical_every < 2 {
            return refuse("categorical_every", self.categorical_every as f64, "at least 2");
        }
        Ok(())
    }
}

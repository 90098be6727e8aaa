use alloc::format;

use crate::{Error, ErrorKind, Result};

/// What can be chosen about [`LocalSearchSampler`](super::LocalSearchSampler).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct LocalSearchOptions {
    /// How many trials a run begins with that are an even spread; at least 1. Default 5.
    pub startup_trials: usize,
    /// Half the side of the trust region at the start, as a share of each parameter's range; in (0, 0.5].
    /// Default 0.2.
    pub initial_radius: f64,
    /// What the radius is multiplied with after a trial within reach that was not better; in (0, 1). Default 0.7.
    pub shrink: f64,
    /// A run whose radius falls below this has converged, and another one begins elsewhere; in (0, 0.1]. Default
    /// 10⁻⁴: the model's last steps are by then far more precise than that.
    pub least_radius: f64,
    /// How much a candidate of which little is known is preferred: standard deviations that are taken off what the model expects; at least 0.
    /// Default 0.2.
    pub optimism: f64,
    /// Every so many trials one changes a choice, where there are categorical parameters; at least 2. Default 3.
    pub choice_every: usize,
}

impl Default for LocalSearchOptions {
    fn default() -> Self {
        Self {
            startup_trials: 5,
            initial_radius: 0.2,
            shrink: 0.7,
            least_radius: 1e-4,
            optimism: 0.2,
            choice_every: 3,
        }
    }
}

impl LocalSearchOptions {
    pub(super) fn check(&self) -> Result<()> {
        let refuse = |option: &str, value: f64, limits: &str| {
            let context = format!("local search option \"{option}\": {value} is not {limits}");
            Err(Error::new(ErrorKind::InvalidValue, context))
        };
        if self.startup_trials == 0 {
            return refuse("startup_trials", 0.0, "at least 1");
        }
        if !(self.initial_radius > 0.0 && self.initial_radius <= 0.5) {
            return refuse("initial_radius", self.initial_radius, "in (0, 0.5]");
        }
        if !(self.shrink > 0.0 && self.shrink < 1.0) {
            return refuse("shrink", self.shrink, "in (0, 1)");
        }
        if !(self.least_radius > 0.0 && self.least_radius <= 0.1) {
            return refuse("least_radius", self.least_radius, "in (0, 0.1]");
        }
        if !(self.optimism >= 0.0 && self.optimism.is_finite()) {
            return refuse("optimism", self.optimism, "at least 0");
        }
        if self.choice_every < 2 {
            return refuse("choice_every", self.choice_every as f64, "at least 2");
        }
        Ok(())
    }
}

use alloc::format;

use crate::{Error, ErrorKind, Result};

/// Options of [`LocalSearchSampler`](super::LocalSearchSampler).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct LocalSearchOptions {
    /// Number of trials in the even spread that begins a run; at least 1. Default 5.
    pub n_startup_trials: usize,
    /// Initial trust-region radius (half the side), as a fraction of each parameter's range; in (0,
    /// 0.5]. Default 0.2.
    pub initial_radius: f64,
    /// Factor of the radius after an unsuccessful trial in the region; in (0, 1). Default 0.7.
    pub shrink_factor: f64,
    /// Radius below which a run has converged and another begins; in (0, 0.1]. Default 10⁻⁴.
    pub min_radius: f64,
    /// Exploration weight κ of the lower confidence bound `mean − κ·deviation`; at least 0. Default
    /// 0.2.
    pub kappa: f64,
    /// Every how many trials the step exchanges choices, where there are categorical parameters; at
    /// least 2. Default 3.
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

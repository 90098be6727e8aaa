use alloc::format;

use crate::{Error, ErrorKind, Result};

/// Options of [`GpSampler`](super::GpSampler).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct GpOptions {
    /// Number of quasi-random trials before the model is used. Default: 8.
    pub n_startup_trials: usize,
    /// Number of quasi-random points at which the acquisition function is evaluated. Default: 384.
    pub raw_samples: usize,
    /// Number of points near the best trials at which it is evaluated. Default: 128.
    pub local_samples: usize,
    /// Number of those points from which it is maximized. Default: 6.
    pub num_restarts: usize,
    /// Maximum number of trials that the model is conditioned on, which bounds the cost of a
    /// suggestion. A longer history is reduced to its best half, its latest quarter, and an even
    /// selection of the rest; [`Expectation::modeled`](crate::samplers::Expectation::modeled)
    /// reports it. docs/performance-classical.md has the cost of larger numbers. Default: 200.
    pub max_train_points: usize,
    /// Whether losses beyond the median are compressed before they are modeled. Default:
    /// [`TargetWarp::MoreLikely`].
    pub target_warp: TargetWarp,
    /// Prior standard deviation of the logarithms of the two parameters of the Kumaraswamy warp of
    /// each ordered parameter, which are fitted with the other hyperparameters from the sixteenth
    /// trial on. 0 turns input warping off. Default: 0.8.
    pub input_warp: f64,
}

/// Whether losses beyond the median are compressed before they are modeled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TargetWarp {
    /// Losses are standardized only.
    Never,
    /// Distances beyond the median are compressed logarithmically.
    Always,
    /// Whichever gives the losses the larger marginal likelihood, decided at each fit.
    MoreLikely,
}

impl Default for GpOptions {
    fn default() -> Self {
        Self {
            n_startup_trials: 8,
            raw_samples: 384,
            local_samples: 128,
            num_restarts: 6,
            max_train_points: 200,
            target_warp: TargetWarp::MoreLikely,
            input_warp: 0.8,
        }
    }
}

impl GpOptions {
    pub(super) fn check(&self) -> Result<()> {
        for (name, value, least) in [
            ("n_startup_trials", self.n_startup_trials, 1),
            ("raw_samples", self.raw_samples, 1),
            ("num_restarts", self.num_restarts, 1),
            ("max_train_points", self.max_train_points, 8),
        ] {
            if value < least {
                let context = format!("GP option \"{name}\": {value} is below {least}");
                return Err(Error::new(ErrorKind::InvalidValue, context));
            }
        }
        if !(0.0..=10.0).contains(&self.input_warp) {
            let context = format!("GP option \"input_warp\": {} is not in 0..=10", self.input_warp);
            return Err(Error::new(ErrorKind::InvalidValue, context));
        }
        Ok(())
    }
}

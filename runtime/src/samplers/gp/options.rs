use alloc::format;

use crate::{Error, ErrorKind, Result};

/// What can be chosen about [`GpSampler`](super::GpSampler).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct GpOptions {
    /// As long as fewer trials than this have finished, trials are an even spread over the space.
    /// 8.
    pub startup_trials: usize,
    /// Points spread over the space whose expected improvement is compared. 384.
    pub spread: usize,
    /// Points near the best trials whose expected improvement is compared. 128.
    pub near: usize,
    /// How many of the best are refined. 6.
    pub starts: usize,
    /// At most this many trials are conditioned on, so that a suggestion does not cost more and
    /// more: of a longer history the best half, the latest quarter, and a spread of the rest; the
    /// others are not looked at. [`Expectation::modeled`](crate::samplers::Expectation::modeled)
    /// says when that happens. docs/performance-classical.md has what a larger number costs. 200.
    pub most_trials: usize,
    /// Whether bad losses are drawn together before they are modelled. [`Warp::Likelier`].
    pub warp: Warp,
    /// How far the inputs may be warped: the standard deviation of the logarithms of the two
    /// parameters of the Kumaraswamy distribution whose distribution function bends an ordered
    /// parameter, before anything is seen; 0 for no warp. They are fitted with the other
    /// hyperparameters.
    pub input_warp: f64,
}

/// Whether bad losses are drawn together before they are modelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warp {
    /// Losses are modelled as they are.
    Never,
    /// Those beyond the median are drawn together, the more the farther out they are.
    Always,
    /// Whichever makes the losses likelier, decided at each fit.
    Likelier,
}

impl Default for GpOptions {
    fn default() -> Self {
        Self {
            startup_trials: 8,
            spread: 384,
            near: 128,
            starts: 6,
            most_trials: 200,
            warp: Warp::Likelier,
            input_warp: 0.0,
        }
    }
}

impl GpOptions {
    pub(super) fn check(&self) -> Result<()> {
        for (name, value, least) in [
            ("startup_trials", self.startup_trials, 1),
            ("spread", self.spread, 1),
            ("starts", self.starts, 1),
            ("most_trials", self.most_trials, 8),
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

//! What the process expects of a configuration, as a distribution of its loss.

use super::{bins::ScoreBins, improvement::log_expected_improvement, targets::Scale};
use crate::{
    math::normal,
    tokenizer::{ScoreScale, vocabulary::Token},
};

/// What the Gaussian process expects of a configuration.
///
/// Made by [`GpSampler::predict`](super::GpSampler::predict) and
/// [`GpSampler::one_step_ahead`](super::GpSampler::one_step_ahead).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GpPrediction {
    pub(super) mean: f64,
    pub(super) deviation: f64,
    /// The variance of the noise.
    pub(super) noise: f64,
    /// The least that the process expects at any observed point.
    pub(super) best: f64,
    pub(super) transform: Scale,
}

impl GpPrediction {
    /// The distribution of the loss that a trial would report: the function's value and noise.
    pub fn observed(&self) -> LossDistribution {
        let variance = self.deviation * self.deviation + self.noise;
        LossDistribution { deviation: libm::sqrt(variance), ..self.latent() }
    }

    /// The distribution of the function's value, without the noise.
    pub fn latent(&self) -> LossDistribution {
        let Self { mean, deviation, transform, .. } = *self;
        LossDistribution { mean, deviation, transform }
    }

    /// The logarithm of the expected improvement of the latent value on the least that the process
    /// expects at any observed configuration, in units of the target: what the sampler maximizes.
    pub fn log_expected_improvement(&self) -> f64 {
        log_expected_improvement(self.mean, self.deviation, self.best).0
    }

    /// The expected improvement in units of the loss:
    /// [`Expectation::improvement`](crate::samplers::Expectation::improvement) of a suggestion. It
    /// is infinite where losses lie so far apart that their differences overflow.
    pub fn expected_improvement(&self) -> f64 {
        self.transform.gain(libm::exp(self.log_expected_improvement()))
    }

    /// The least loss that the process expects at any observed configuration: what an improvement
    /// is an improvement on.
    pub fn incumbent(&self) -> f64 {
        self.transform.loss(self.best)
    }
}

/// A distribution of the loss whose image under the sampler's target transform is normal.
///
/// The transform is increasing and one-to-one: losses are standardized and, where that makes the
/// history likelier, those beyond the median are first drawn together logarithmically
/// ([`Warp`](super::Warp)). Quantiles and probabilities carry over; means do not.
///
/// A failed trial counts as the worst loss of those that did not fail, so this is the distribution
/// of a loss in which a failure shows as a bad loss: it has no mass of its own for failing, and
/// near failed trials it lies high.
///
/// E. Snelson, C. E. Rasmussen, Z. Ghahramani, Warped Gaussian Processes, NIPS 2003.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LossDistribution {
    pub(super) mean: f64,
    pub(super) deviation: f64,
    pub(super) transform: Scale,
}

impl LossDistribution {
    /// The mean of the target, in standard deviations of the history's targets from their mean.
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// The standard deviation of the target, in standard deviations of the history's targets.
    pub fn deviation(&self) -> f64 {
        self.deviation
    }

    /// The target of a loss: where it lies on the scale of [`mean`](Self::mean). Losses may be
    /// infinite.
    pub fn target(&self, loss: f64) -> f64 {
        self.transform.target(loss)
    }

    /// The loss of a target: the inverse of [`target`](Self::target).
    pub fn loss(&self, target: f64) -> f64 {
        self.transform.loss(target)
    }

    /// The median of the loss.
    pub fn median(&self) -> f64 {
        self.transform.loss(self.mean)
    }

    /// The probability of a loss of at most `loss`.
    pub fn cdf(&self, loss: f64) -> f64 {
        normal::cdf(self.deviations(loss))
    }

    /// The logarithm of the density at a finite loss, by the loss.
    pub fn log_density(&self, loss: f64) -> f64 {
        let z = self.deviations(loss);
        let slope = self.transform.log_derivative(loss);
        -0.5 * z * z - normal::HALF_LOG_TAU - libm::log(self.deviation) + slope
    }

    /// The logarithm of the probability of a score bin, `0..1000`, precise however small it is:
    /// what a log score adds up. −∞ for [`FAILED`](crate::tokenizer::score::FAILED), and where the
    /// bin's mass is beyond a double's logarithm.
    ///
    /// The best and the worst bin that a finite loss can have take what lies beyond them.
    pub fn log_bin(&self, scale: &ScoreScale, bin: Token) -> f64 {
        let [low, high] = super::bins::edges(bin)
            .map(|edge| edge.map(|edge| self.deviations(super::bins::edge_loss(scale, edge))));
        match (low, high) {
            (Some(low), Some(high)) if low < high => normal::log_mass(low, high),
            (None, Some(high)) => normal::log_cdf(high),
            (Some(low), None) => normal::log_cdf(-low),
            _ => f64::NEG_INFINITY,
        }
    }

    /// The probabilities of the score's bins into `out`, `[1000]`; they sum to 1, and that of
    /// [`FAILED`](crate::tokenizer::score::FAILED) is 0. [`ScoreBins`] does the same for many
    /// distributions faster.
    ///
    /// # Panics
    ///
    /// Where `out` does not have 1000 entries.
    pub fn fill_bins(&self, scale: &ScoreScale, out: &mut [f32]) {
        ScoreBins::new(*scale).fill(self, out);
    }

    /// How many deviations from the mean a loss lies.
    fn deviations(&self, loss: f64) -> f64 {
        (self.transform.target(loss) - self.mean) / self.deviation
    }
}

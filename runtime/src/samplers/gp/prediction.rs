//! Predictive distributions of the loss.

use super::{bins::ScoreBins, improvement::log_expected_improvement, targets::TargetTransform};
use crate::{
    math::normal,
    tokenizer::{ScoreScale, rows::PredictionTokens, vocabulary::Token},
};

/// Prediction of the Gaussian process for a configuration, from
/// [`GpSampler::predict`](super::GpSampler::predict),
/// [`GpSampler::one_step_ahead`](super::GpSampler::one_step_ahead) or
/// [`GpSampler::leave_one_out`](super::GpSampler::leave_one_out), whose incumbent is that of all
/// trials.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GpPrediction {
    pub(super) mean: f64,
    pub(super) deviation: f64,
    /// Variance of the observation noise.
    pub(super) noise_variance: f64,
    /// Smallest posterior mean at any training point.
    pub(super) incumbent: f64,
    pub(super) transform: TargetTransform,
}

impl GpPrediction {
    /// Distribution of the loss that a trial would report, with the observation noise.
    pub fn observed(&self) -> LossDistribution {
        let variance = self.deviation * self.deviation + self.noise_variance;
        LossDistribution { deviation: libm::sqrt(variance), ..self.latent() }
    }

    /// Distribution of the function value, without the noise.
    pub fn latent(&self) -> LossDistribution {
        let Self { mean, deviation, transform, .. } = *self;
        LossDistribution { mean, deviation, transform }
    }

    /// The prediction for an observation as the model reads it, in scores: its median, half of the
    /// interval of one standard deviation around it, and the residual of `loss`, where there is
    /// one.
    pub fn tokens(&self, scale: &ScoreScale, loss: Option<f64>) -> PredictionTokens {
        let observed = self.observed();
        let LossDistribution { mean, deviation, .. } = observed;
        let score = |target: f64| scale.score(observed.loss(target));
        PredictionTokens::new(
            score(mean),
            0.5 * (score(mean + deviation) - score(mean - deviation)),
            loss.map(|loss| (observed.target(loss) - mean) / deviation),
        )
    }

    /// Logarithm of the expected improvement of the latent value on the
    /// [incumbent](Self::incumbent), in units of the target: the acquisition function of the
    /// sampler.
    pub fn log_expected_improvement(&self) -> f64 {
        log_expected_improvement(self.mean, self.deviation, self.incumbent).0
    }

    /// Expected improvement in units of the loss, as in
    /// [`Expectation::improvement`](crate::samplers::Expectation::improvement). It is infinite if
    /// differences of the losses overflow.
    pub fn expected_improvement(&self) -> f64 {
        self.transform.loss_difference(libm::exp(self.log_expected_improvement()))
    }

    /// Smallest posterior mean at any training point, as a loss: the reference of the expected
    /// improvement.
    pub fn incumbent(&self) -> f64 {
        self.transform.loss(self.incumbent)
    }
}

/// Distribution of the loss that the target transform of the sampler makes normal.
///
/// The transform is increasing: losses are standardized, and those beyond the median are first
/// compressed logarithmically where that makes the history likelier
/// ([`TargetWarp`](super::TargetWarp)). Quantiles and probabilities carry over; means do not.
///
/// A failed trial counts as the worst loss of a successful one. The distribution therefore has no
/// separate probability of failure, and predicts large losses near failed trials.
///
/// E. Snelson, C. E. Rasmussen, Z. Ghahramani, Warped Gaussian Processes, NIPS 2003.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LossDistribution {
    pub(super) mean: f64,
    pub(super) deviation: f64,
    pub(super) transform: TargetTransform,
}

impl LossDistribution {
    /// Mean of the target. Targets have mean 0 and variance 1 over the history.
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// Standard deviation of the target.
    pub fn deviation(&self) -> f64 {
        self.deviation
    }

    /// Target of a loss, on the scale of [`mean`](Self::mean). Losses may be infinite.
    pub fn target(&self, loss: f64) -> f64 {
        self.transform.target(loss)
    }

    /// Loss of a target, the inverse of [`target`](Self::target).
    pub fn loss(&self, target: f64) -> f64 {
        self.transform.loss(target)
    }

    /// Median of the loss.
    pub fn median(&self) -> f64 {
        self.transform.loss(self.mean)
    }

    /// Probability of a loss of at most `loss`.
    pub fn cdf(&self, loss: f64) -> f64 {
        normal::cdf(self.z_score(loss))
    }

    /// Logarithm of the density at a finite loss.
    pub fn log_density(&self, loss: f64) -> f64 {
        let z = self.z_score(loss);
        let slope = self.transform.log_derivative(loss);
        -0.5 * z * z - normal::HALF_LOG_TAU - libm::log(self.deviation) + slope
    }

    /// Logarithm of the probability of a score bin, `0..1000`, accurate for arbitrarily small
    /// probabilities. −∞ for [`FAILED`](crate::tokenizer::score::FAILED), and where the logarithm
    /// overflows.
    ///
    /// The best and the worst bin of finite losses include everything beyond them.
    pub fn log_bin(&self, scale: &ScoreScale, bin: Token) -> f64 {
        let [low, high] = super::bins::edges(bin)
            .map(|edge| edge.map(|edge| self.z_score(super::bins::edge_loss(scale, edge))));
        match (low, high) {
            (Some(low), Some(high)) if low < high => normal::log_mass(low, high),
            (None, Some(high)) => normal::log_cdf(high),
            (Some(low), None) => normal::log_cdf(-low),
            _ => f64::NEG_INFINITY,
        }
    }

    /// Writes the probabilities of the score bins into `out`, `[1000]`. They sum to 1, and that of
    /// [`FAILED`](crate::tokenizer::score::FAILED) is 0. [`ScoreBins`] is faster for many
    /// distributions.
    ///
    /// # Panics
    ///
    /// If `out` does not have 1000 entries.
    pub fn fill_bins(&self, scale: &ScoreScale, out: &mut [f32]) {
        ScoreBins::new(*scale).fill(self, out);
    }

    /// Distance of a loss from the mean in standard deviations.
    fn z_score(&self, loss: f64) -> f64 {
        (self.transform.target(loss) - self.mean) / self.deviation
    }
}

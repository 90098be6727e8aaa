//! Ratings of candidates by the transformer and the Gaussian process together.

use crate::{
    acquisition::Prediction,
    samplers::{Expectation, optiformer::surrogate::ConditionedTransformer},
};

/// What both surrogates predict of a candidate, on the score scale of the transformer: a mixture of
/// two distributions.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rating {
    /// By the transformer.
    pub learned: Prediction,
    /// By the Gaussian process.
    pub modeled: Prediction,
    /// Weight of the transformer, in `[0, 1]`.
    pub weight: f64,
}

impl Rating {
    /// Expected improvement of the score under the mixture.
    fn expected_improvement(&self) -> f64 {
        self.mean_of(self.learned.expected_improvement, self.modeled.expected_improvement)
    }

    /// Expectation of the mixture, in units of the loss.
    pub fn expectation(&self, conditioned: &ConditionedTransformer) -> Option<Expectation> {
        let mean = self.mean_of(self.learned.mean, self.modeled.mean);
        let second = |one: &Prediction| one.deviation * one.deviation + one.mean * one.mean;
        let variance = self.mean_of(second(&self.learned), second(&self.modeled)) - mean * mean;
        let prediction = Prediction {
            mean,
            deviation: libm::sqrt(variance.max(0.0)),
            expected_improvement: self.expected_improvement(),
        };
        Expectation::of_score(&prediction, conditioned.improvement.incumbent(), &conditioned.scale)
    }

    fn mean_of(&self, learned: f64, modeled: f64) -> f64 {
        mixture(self.weight, learned, modeled)
    }
}

/// An expectation under the mixture, given those under the transformer and the process.
pub(super) fn mixture(weight: f64, learned: f64, modeled: f64) -> f64 {
    weight * learned + (1.0 - weight) * modeled
}

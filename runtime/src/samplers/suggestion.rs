use crate::{
    acquisition::{CandidateOrigin, Prediction},
    space::Configuration,
    tokenizer::ScoreScale,
};

/// A suggested configuration with its explanation.
#[derive(Clone, Debug, PartialEq)]
pub struct Suggestion {
    /// The configuration to try.
    pub configuration: Configuration,
    /// Why it is suggested.
    pub explanation: Explanation,
}

/// Why a configuration is suggested.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Explanation {
    /// Name of the sampler that made the suggestion; under `auto`, the one it delegated to.
    pub sampler: &'static str,
    /// The source of the configuration.
    pub origin: CandidateOrigin,
    /// The predicted outcome, where the sampler predicts one.
    pub expectation: Option<Expectation>,
    /// Weight of the transformer in the stack with the Gaussian process, from 0 to 1, for this
    /// configuration; `None` for other samplers.
    pub transformer_weight: Option<f64>,
    /// Probability that all constraints hold, where the sampler predicts it; `None` in a study
    /// without constraints.
    pub feasibility: Option<f64>,
    /// What was left out because the space is large; `None` where nothing was.
    pub fallback: Option<Fallback>,
}

/// What a sampler leaves out in a large space, so that an ask does not take longer than elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fallback {
    /// The model has only the parameters that explained the losses best when the number of trials
    /// last doubled. The values of the others are those of good trials, some of them drawn again.
    Projection {
        /// Number of parameters in the model.
        modeled: usize,
    },
    /// Only a sample of the exchanges of choices, or of the steps along single parameters, was
    /// compared.
    SampledSteps,
    /// The covariance of CMA-ES is diagonal.
    DiagonalCovariance,
}

impl Fallback {
    /// The name that the tool and the other languages use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Projection { .. } => "projection",
            Self::SampledSteps => "sampled_steps",
            Self::DiagonalCovariance => "diagonal_covariance",
        }
    }
}

/// A prediction of a configuration's loss before it is tried: the objective where it is minimized,
/// its negative where it is maximized.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Expectation {
    /// Median of the predicted loss.
    pub median: f64,
    /// Uncertainty: half of the central interval that holds about two thirds of the predicted
    /// losses.
    pub deviation: f64,
    /// Expected improvement `E[max(best − loss, 0)]`. Under constraints the best is that of the
    /// feasible trials, or of all of them while none is feasible, and whether they hold is not in
    /// it.
    pub improvement: f64,
    /// Number of trials behind the prediction, where only a part of the history was modeled; `None`
    /// where all of it was.
    pub modeled: Option<usize>,
}

impl Expectation {
    /// `None` where differences of losses overflow.
    pub(super) fn new(median: f64, deviation: f64, improvement: f64) -> Option<Self> {
        let finite = [median, deviation, improvement].iter().all(|number| number.is_finite());
        finite.then_some(Self { median, deviation, improvement, modeled: None })
    }

    /// Converts a prediction from the scale of scores to losses.
    ///
    /// The median comes from the score's mean, and the improvement is first-order, with the scale's
    /// slope at the best loss. The scale maps all losses to a bounded interval, so means of losses
    /// would depend on its last bins.
    pub(super) fn of_score(
        prediction: &Prediction,
        incumbent: f64,
        scale: &ScoreScale,
    ) -> Option<Self> {
        let inside = |score: f64| score.clamp(0.002, 0.998);
        let at = |score: f64| scale.loss(inside(score));
        let Prediction { mean, deviation, expected_improvement } = *prediction;
        let slope = scale.slope(incumbent);
        let range = at(mean + deviation) - at(mean - deviation);
        Self::new(at(mean), 0.5 * range, expected_improvement * slope)
    }
}

impl Suggestion {
    /// A suggestion without a prediction.
    pub fn plain(
        configuration: Configuration,
        sampler: &'static str,
        origin: CandidateOrigin,
    ) -> Self {
        let explanation = Explanation {
            sampler,
            origin,
            expectation: None,
            transformer_weight: None,
            feasibility: None,
            fallback: None,
        };
        Self { configuration, explanation }
    }

    /// The same suggestion, made with a fallback.
    #[cfg(feature = "classical")]
    pub(super) fn with_fallback(mut self, fallback: Option<Fallback>) -> Self {
        self.explanation.fallback = fallback;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_become_losses() {
        let scale = ScoreScale::fit([10.0, 12.0, 14.0, 11.0, 30.0]);
        let prediction =
            Prediction { mean: scale.score(11.0), deviation: 0.01, expected_improvement: 0.003 };
        let expectation = Expectation::of_score(&prediction, scale.score(10.0), &scale).unwrap();
        assert!((expectation.median - 11.0).abs() < 1e-9);
        // The scale's slope at the best loss: the median is 2 above it, and three quarters of the
        // scores are for worse losses.
        assert!((expectation.improvement - 0.003 * 2.0 / 0.75).abs() < 1e-4, "{expectation:?}");
        let wider = Prediction { deviation: 0.1, ..prediction };
        let wider = Expectation::of_score(&wider, 0.25, &scale).unwrap();
        assert!(wider.deviation > 5.0 * expectation.deviation);
        let extreme = Prediction { mean: 0.0, deviation: 1.0, expected_improvement: 0.25 };
        assert!(Expectation::of_score(&extreme, 0.25, &scale).is_some());
        assert_eq!(Expectation::new(0.0, f64::INFINITY, 0.0), None);
    }
}

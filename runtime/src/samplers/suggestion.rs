use crate::{
    acquisition::{CandidateOrigin, Prediction},
    space::Configuration,
    tokenizer::ScoreScale,
};

/// What a sampler proposes, with its reasons.
#[derive(Clone, Debug, PartialEq)]
pub struct Suggestion {
    /// What to try.
    pub configuration: Configuration,
    /// Why.
    pub explanation: Explanation,
}

/// Why a configuration was proposed.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Explanation {
    /// The sampler that proposed it; of a sampler that asks others, the one that it asked.
    pub sampler: &'static str,
    /// How the configuration came about.
    pub origin: CandidateOrigin,
    /// What is expected of it, where the sampler predicts anything.
    pub expectation: Option<Expectation>,
}

/// What a sampler expects of a configuration before it is tried, in units of the loss: of the
/// objective where it is minimized, of its negative where it is maximized.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Expectation {
    /// The median of the predicted loss.
    pub median: f64,
    /// How uncertain that is: half of the range in which about two thirds of the predicted losses
    /// lie.
    pub deviation: f64,
    /// By how much the best loss is expected to fall: `E[max(best − loss, 0)]`.
    pub improvement: f64,
    /// Of how many trials it is expected, where the history was longer than what is modeled; `None`
    /// where all were.
    pub modeled: Option<usize>,
}

impl Expectation {
    /// Nothing, where losses lie so far apart that their differences are beyond the largest number.
    pub(super) fn new(median: f64, deviation: f64, improvement: f64) -> Option<Self> {
        let finite = [median, deviation, improvement].iter().all(|number| number.is_finite());
        finite.then_some(Self { median, deviation, improvement, modeled: None })
    }

    /// A prediction on the scale of scores, turned back into losses.
    ///
    /// The score's mean is taken for its median, and the improvement is to first order, with the
    /// slope of the scale at the best loss: the scale maps all losses to a bounded interval, so
    /// that means of losses would hang on its last bins.
    pub(super) fn of_score(
        prediction: &Prediction,
        incumbent: f64,
        scale: &ScoreScale,
    ) -> Option<Self> {
        let inside = |score: f64| score.clamp(0.002, 0.998);
        let at = |score: f64| scale.loss(inside(score));
        let Prediction { mean, deviation, expected_improvement } = *prediction;
        let step = 1e-3;
        let slope = (at(incumbent + step) - at(incumbent - step)) / (2.0 * step);
        let range = at(mean + deviation) - at(mean - deviation);
        Self::new(at(mean), 0.5 * range, expected_improvement * slope)
    }
}

impl Suggestion {
    /// A suggestion of which nothing is said but who made it.
    pub fn plain(
        configuration: Configuration,
        sampler: &'static str,
        origin: CandidateOrigin,
    ) -> Self {
        Self { configuration, explanation: Explanation { sampler, origin, expectation: None } }
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
        // The slope of the scale at the best loss: the median is 2 above it, and three quarters of
        // the scores are for what is worse.
        assert!((expectation.improvement - 0.003 * 2.0 / 0.75).abs() < 1e-4, "{expectation:?}");
        let wider = Prediction { deviation: 0.1, ..prediction };
        let wider = Expectation::of_score(&wider, 0.25, &scale).unwrap();
        assert!(wider.deviation > 5.0 * expectation.deviation);
        let extreme = Prediction { mean: 0.0, deviation: 1.0, expected_improvement: 0.25 };
        assert!(Expectation::of_score(&extreme, 0.25, &scale).is_some());
        assert_eq!(Expectation::new(0.0, f64::INFINITY, 0.0), None);
    }
}

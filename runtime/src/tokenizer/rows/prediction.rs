//! A Gaussian process's predictions in rows.

use crate::tokenizer::{
    numerical,
    vocabulary::{TRIAL_SEP, Token},
};

/// Number of slots behind those of the parameters, for the prediction of a Gaussian process: the
/// score of the predicted median, half the width of the interval of one standard deviation around
/// it, and the residual of a told trial.
pub const PREDICTION_SLOTS: usize = 3;
/// The token whose logit behind a question with a prediction is the log odds of the Gaussian
/// process against the model itself, in a mixture of the predictions of both. No row predicts this
/// token otherwise.
pub const GATE: Token = TRIAL_SEP;
/// The least standard deviation of a score that a token tells from smaller ones.
const LEAST_DEVIATION: f64 = 1e-5;

/// A Gaussian process's prediction for a trial's score, as the tokens of the
/// [prediction slots](PREDICTION_SLOTS).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PredictionTokens {
    /// Bin of the score of the predicted median.
    pub median: Token,
    /// Bin of the logarithm of half the width, in scores, of the interval of one standard deviation
    /// around it.
    pub deviation: Token,
    /// Bin of the outcome's distance from the median in standard deviations; `None` for a question
    /// and for a trial that failed.
    pub residual: Option<Token>,
}

impl PredictionTokens {
    /// A prediction of this median and deviation, in scores, for an outcome at `residual` standard
    /// deviations from the median.
    pub fn new(median: f64, deviation: f64, residual: Option<f64>) -> Self {
        let magnitude =
            libm::log(deviation.clamp(LEAST_DEVIATION, 1.0)) / libm::log(LEAST_DEVIATION);
        let squashed = |z: f64| 0.5 + 0.5 * z.clamp(-1e9, 1e9) / (1.0 + z.abs().min(1e9));
        Self {
            median: numerical::bin(median),
            deviation: numerical::bin(1.0 - magnitude),
            residual: residual.map(|z| numerical::bin(squashed(z))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn predictions_of_any_size_have_tokens() {
        for (mean, deviation, residual) in
            [(-1.0, 0.0, f64::NEG_INFINITY), (7.0, 1e9, f64::INFINITY), (0.5, 1e-3, 0.0)]
        {
            let tokens = PredictionTokens::new(mean, deviation, Some(residual));
            assert!(tokens.median < 1000 && tokens.deviation < 1000);
            assert_eq!(
                tokens.residual.unwrap(),
                numerical::bin(0.5 + 0.5 * residual.signum() * f64::from(residual != 0.0))
            );
        }
    }
}

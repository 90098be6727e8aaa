//! Expected improvement over a binned score distribution.

use crate::tokenizer::vocabulary::BINS;

/// The predicted score of a candidate, in `[0, 1]`, smaller is better.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prediction {
    /// Mean of the predicted score.
    pub mean: f64,
    /// Standard deviation of the predicted score.
    pub deviation: f64,
    /// Expected improvement on the incumbent, `E[max(incumbent − score, 0)]` (Močkus 1975; Jones,
    /// Schonlau and Welch 1998, equation 14, with the model's own distribution in place of a
    /// Gaussian).
    pub expected_improvement: f64,
}

impl Prediction {
    /// Computed from the probabilities of the score's bins (`[1000]`) and the incumbent's score.
    pub fn new(probabilities: &[f32], incumbent: f64) -> Self {
        // Eight partial sums each, which the compiler vectorizes.
        let (mut means, mut squares, mut improvements) = ([0.0; 8], [0.0; 8], [0.0; 8]);
        for (chunk, probabilities) in probabilities.chunks(8).enumerate() {
            for (lane, probability) in probabilities.iter().enumerate() {
                let score = ((8 * chunk + lane) as f64 + 0.5) / BINS as f64;
                let probability = f64::from(*probability);
                means[lane] += probability * score;
                squares[lane] += probability * score * score;
                improvements[lane] += probability * (incumbent - score).max(0.0);
            }
        }
        let [mean, square, improvement] =
            [means, squares, improvements].map(|sums| sums.iter().sum::<f64>());
        let deviation = libm::sqrt((square - mean * mean).max(0.0));
        Self { mean, deviation, expected_improvement: improvement }
    }
}

#[cfg(test)]
mod tests {
    use alloc::{vec, vec::Vec};

    use super::*;
    use crate::tokenizer::numerical;

    #[test]
    fn a_certain_score_improves_by_its_distance() {
        let mut probabilities = vec![0.0; 1000];
        probabilities[100] = 1.0;
        let prediction = Prediction::new(&probabilities, 0.25);
        assert!((prediction.expected_improvement - (0.25 - 0.1005)).abs() < 1e-12);
        assert!((prediction.mean - 0.1005).abs() < 1e-12 && prediction.deviation < 1e-6);
        assert_eq!(Prediction::new(&probabilities, 0.05).expected_improvement, 0.0);
    }

    #[test]
    fn a_gaussian_gives_the_closed_form() {
        let (mean, deviation, incumbent) = (0.4_f64, 0.05_f64, 0.37_f64);
        let weights: Vec<f64> = (0..1000)
            .map(|bin| {
                let z = (numerical::center(bin) - mean) / deviation;
                libm::exp(-0.5 * z * z)
            })
            .collect();
        let total: f64 = weights.iter().sum();
        let probabilities: Vec<f32> = weights.iter().map(|w| (w / total) as f32).collect();
        let z = (incumbent - mean) / deviation;
        let density = libm::exp(-0.5 * z * z) / libm::sqrt(2.0 * core::f64::consts::PI);
        let cumulative = 0.5 * libm::erfc(-z / core::f64::consts::SQRT_2);
        let closed = (incumbent - mean) * cumulative + deviation * density;
        let prediction = Prediction::new(&probabilities, incumbent);
        assert!((prediction.expected_improvement - closed).abs() < 1e-5);
        assert!((prediction.deviation - deviation).abs() < 1e-4);
    }
}

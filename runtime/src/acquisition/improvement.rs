//! Expected improvement over a binned score distribution.

use alloc::{format, vec::Vec};
use core::ops::Range;

use crate::{
    Error, ErrorKind, Result,
    kernels::Kernels,
    model::{Model, Workspace},
    tokenizer::{
        numerical,
        score::{self, HEADROOM},
        vocabulary::BINS,
    },
};

/// The gain of each of the score's bins over the incumbent, which expected improvement averages.
#[derive(Clone, Debug, PartialEq)]
pub struct Improvement {
    incumbent: f64,
    /// `[1000]`, smaller bins first.
    gains: Vec<f32>,
}

impl Improvement {
    /// Gains in scores: `max(incumbent − score, 0)` at a bin's center. Scores below the incumbent's
    /// are concave in the loss, so that this expectation avoids risk: it prefers a small gain that
    /// is sure to a large one that is not.
    pub fn in_scores(incumbent: f64) -> Self {
        let step = 1.0 / BINS as f64;
        let first = (incumbent - 0.5 * step) as f32;
        let gain = |bin: usize| libm::fmaf(bin as f32, -step as f32, first).max(0.0);
        Self { incumbent, gains: (0..BINS).map(gain).collect() }
    }

    /// Gains in losses: the usual, risk-neutral expected improvement. They are at most `cap` times
    /// the distance from the best loss to the median, because the outermost bins reach to infinity,
    /// and multiplied by the score's slope at the best loss, so that small gains are those of
    /// [`in_scores`](Self::in_scores).
    pub fn in_losses(incumbent: f64, cap: f64) -> Self {
        let start = score::distance(incumbent);
        let gain = |bin: usize| {
            let distance = score::distance(numerical::center(bin as u16));
            ((1.0 - HEADROOM) * (start - distance).clamp(0.0, cap)) as f32
        };
        Self { incumbent, gains: (0..BINS).map(gain).collect() }
    }

    /// The gains of the bins that are better than the incumbent: the first ones, because gains do
    /// not increase.
    #[cfg(feature = "classical")]
    pub(crate) fn positive_gains(&self) -> &[f32] {
        let count = self.gains.partition_point(|gain| *gain > 0.0);
        &self.gains[..count]
    }

    /// The incumbent's score.
    pub fn incumbent(&self) -> f64 {
        self.incumbent
    }
}

/// What a model expects of the rows whose states [`Workspace::hidden`] has, in the place of what
/// `predictions` held: its distribution over the scores' bins, at a temperature, and the
/// expectation of an improvement. The logits never leave the processor's caches. `offset` is
/// added to the logits of each row, `[1000]`; it is empty for none.
///
/// # Errors
///
/// [`ErrorKind::InvalidValue`]: rows that are not there, a model whose vocabulary is smaller than
/// the bins, a temperature that is not a number above 0, or so close to it that its inverse is
/// none, an offset of another length.
pub fn predict(
    model: &Model,
    workspace: &mut Workspace,
    rows: Range<usize>,
    temperature: f32,
    offset: &[f32],
    improvement: &Improvement,
    predictions: &mut Vec<Prediction>,
) -> Result<()> {
    if !(temperature > 0.0 && temperature.is_finite() && (1.0 / temperature).is_finite()) {
        let context = format!("temperature {temperature} must be above 0");
        return Err(Error::new(ErrorKind::InvalidValue, context));
    }
    if !(offset.is_empty() || offset.len() == BINS) {
        let context = format!("an offset of {} logits, not {BINS}", offset.len());
        return Err(Error::new(ErrorKind::InvalidValue, context));
    }
    predictions.clear();
    let kernels = model.kernels();
    let mut adapted = Vec::new();
    model.each_logits(workspace, rows, 0..BINS as u16, |logits| {
        let mut predict = |logits: &[f32]| {
            predictions.push(Prediction::from_logits(kernels, logits, temperature, improvement));
        };
        if offset.is_empty() {
            return predict(logits);
        }
        adapted.clear();
        adapted.extend_from_slice(logits);
        kernels.add(&mut adapted, offset);
        predict(&adapted);
    })
}

/// The predicted score of a candidate, in `[0, 1]`, smaller is better.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prediction {
    /// Mean of the predicted score.
    pub mean: f64,
    /// Standard deviation of the predicted score.
    pub deviation: f64,
    /// Expected improvement on the incumbent, `E[gain]` (Močkus 1975; Jones, Schonlau and Welch
    /// 1998, equation 14, with the model's own distribution in place of a Gaussian).
    pub expected_improvement: f64,
}

impl Prediction {
    /// Computed from the probabilities of the score's bins (`[1000]`) and the bins' gains.
    pub fn new(probabilities: &[f32], improvement: &Improvement) -> Self {
        // Eight partial sums each, which the compiler vectorizes.
        let (mut means, mut squares, mut improvements) = ([0.0; 8], [0.0; 8], [0.0; 8]);
        let chunks = probabilities.chunks(8).zip(improvement.gains.chunks(8));
        for (chunk, (probabilities, gains)) in chunks.enumerate() {
            for (lane, (probability, gain)) in probabilities.iter().zip(gains).enumerate() {
                let score = ((8 * chunk + lane) as f64 + 0.5) / BINS as f64;
                let probability = f64::from(*probability);
                means[lane] += probability * score;
                squares[lane] += probability * score * score;
                improvements[lane] += probability * f64::from(*gain);
            }
        }
        let [mean, square, improvement] =
            [means, squares, improvements].map(|sums| sums.iter().sum::<f64>());
        let deviation = libm::sqrt((square - mean * mean).max(0.0));
        Self { mean, deviation, expected_improvement: improvement }
    }

    /// From the logits of the score's bins (`[1000]`), which are divided by a temperature above 0,
    /// and the bins' gains: as [`new`](Self::new) with their softmax, in one pass and in single
    /// precision.
    ///
    /// Sums are of distances from the incumbent, so that they are exact to its neighborhood, where
    /// improvements are small.
    pub fn from_logits(
        kernels: Kernels,
        logits: &[f32],
        temperature: f32,
        improvement: &Improvement,
    ) -> Self {
        let Improvement { incumbent, gains } = improvement;
        let step = 1.0 / BINS as f64;
        let first = (incumbent - 0.5 * step) as f32;
        let highest = kernels.max(logits);
        let sums = kernels.gaps(logits, highest, 1.0 / temperature, first, step as f32, gains);
        let [total, gap, square, gain] = sums.map(f64::from);
        let (gap, square) = (gap / total, square / total);
        Self {
            mean: incumbent - gap,
            deviation: libm::sqrt((square - gap * gap).max(0.0)),
            expected_improvement: gain / total,
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    #[test]
    fn a_certain_score_improves_by_its_distance() {
        let mut probabilities = vec![0.0; 1000];
        probabilities[100] = 1.0;
        let prediction = Prediction::new(&probabilities, &Improvement::in_scores(0.25));
        assert!((prediction.expected_improvement - (0.25 - 0.1005)).abs() < 1e-7);
        assert!((prediction.mean - 0.1005).abs() < 1e-12 && prediction.deviation < 1e-6);
        let nearer = Improvement::in_scores(0.05);
        assert_eq!(Prediction::new(&probabilities, &nearer).expected_improvement, 0.0);
    }

    #[test]
    fn logits_give_what_their_softmax_gives() {
        for (spread, temperature, incumbent) in
            [(0.003, 1.0, 0.31), (0.05, 1.3, 0.02), (0.2, 0.5, 0.999), (1e-4, 1.0, 0.3)]
        {
            let logits: Vec<f32> = (0..BINS as u16)
                .map(|bin| {
                    let z = (numerical::center(bin) - 0.3) / spread;
                    (40.0 - 0.5 * z * z + 0.3 * libm::sin(f64::from(bin))) as f32
                })
                .collect();
            // In double precision throughout.
            let highest = logits.iter().copied().fold(f32::MIN, f32::max);
            let powers: Vec<f64> = logits
                .iter()
                .map(|logit| libm::exp(f64::from(logit - highest) / f64::from(temperature)))
                .collect();
            let total: f64 = powers.iter().sum();
            let expect = |of: &dyn Fn(f64) -> f64| -> f64 {
                let bins = powers.iter().zip(0_u16..);
                bins.map(|(power, bin)| power / total * of(numerical::center(bin))).sum()
            };
            let mean = expect(&|score| score);
            let deviation = libm::sqrt(expect(&|score| (score - mean) * (score - mean)));
            let of_losses = |score| {
                let gain = score::distance(incumbent) - score::distance(score);
                0.75 * gain.clamp(0.0, 2.0)
            };
            let cases = [
                (Improvement::in_scores(incumbent), expect(&|score| (incumbent - score).max(0.0))),
                (Improvement::in_losses(incumbent, 2.0), expect(&of_losses)),
            ];
            let pairs = Kernels::available()
                .flat_map(|kernels| cases.iter().map(move |case| (kernels, case)));
            for (kernels, (gains, improvement)) in pairs {
                let have = Prediction::from_logits(kernels, &logits, temperature, gains);
                let what = alloc::format!("{} with {spread}: {have:?}", kernels.name());
                assert!((have.mean - mean).abs() < 1e-6, "{what}: mean {mean}");
                assert!((have.deviation - deviation).abs() < 1e-6, "{what}: {deviation}");
                // An improvement is right however small it is.
                let ratio = have.expected_improvement / improvement;
                assert!((ratio - 1.0).abs() < 1e-4, "{what}: improvement {improvement}");
            }
        }
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
        let prediction = Prediction::new(&probabilities, &Improvement::in_scores(incumbent));
        assert!((prediction.expected_improvement - closed).abs() < 1e-5);
        assert!((prediction.deviation - deviation).abs() < 1e-4);
    }

    #[test]
    fn a_risky_gain_counts_more_in_losses_than_in_scores() {
        let mut sure = vec![0.0; 1000];
        sure[200] = 1.0;
        let mut risky = vec![0.0; 1000];
        (risky[60], risky[700]) = (0.1, 0.9);
        let rate = |probabilities: &[f32], gains: &Improvement| {
            Prediction::new(probabilities, gains).expected_improvement
        };
        let (scores, losses) = (Improvement::in_scores(0.25), Improvement::in_losses(0.25, 3.0));
        assert!(rate(&sure, &scores) > rate(&risky, &scores));
        assert!(rate(&sure, &losses) < rate(&risky, &losses));
        // Small gains are the same in both.
        let mut small = vec![0.0; 1000];
        small[249] = 1.0;
        let ratio = rate(&small, &scores) / rate(&small, &losses);
        assert!((ratio - 1.0).abs() < 0.01, "{ratio}");
        assert_eq!(losses.incumbent(), 0.25);
    }
}

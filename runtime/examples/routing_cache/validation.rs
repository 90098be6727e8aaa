//! A configuration on text that nothing was tuned on, beside the success criteria.

use serde::Serialize;

use crate::{
    evaluation::{Evaluator, KindMeasurement, MOST_QUALITY_LOSS, Measurement, Timing},
    thresholds::Thresholds,
};

/// The speed-up that was hoped for.
const SPEEDUP: f64 = 1.3;
/// The share of bytes in percent that the model should answer at most.
const LEARNED_PCT: f64 = 15.0;
/// The most that the speed-up may vary between parts of the text: its standard deviation as a share
/// of its mean.
const VARIATION: f64 = 0.1;

/// A mean over parts of the text, with an interval.
#[derive(Clone, Debug, Serialize)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// The ends of the interval that holds the mean with 95 % confidence (Student's t).
    pub interval: [f64; 2],
    /// The value of each part.
    pub values: Vec<f64>,
}

/// A success criterion with what was measured.
#[derive(Clone, Debug, Serialize)]
pub struct Criterion {
    /// What is asked.
    pub name: &'static str,
    /// What was measured.
    pub measured: String,
    /// Whether the mean fulfills it.
    pub passed: bool,
    /// Whether the whole interval does.
    pub certain: bool,
}

/// What validation came to.
#[derive(Clone, Debug, Serialize)]
pub struct Validation {
    /// Which configuration it is.
    pub name: String,
    /// The thresholds.
    pub params: Thresholds,
    /// Relative increase of the perplexity.
    pub quality_loss: Estimate,
    /// Speed-up over the model alone.
    pub speedup: Estimate,
    /// Percent of the bytes that the model answered.
    pub learned_pct: Estimate,
    /// The objective.
    pub score: Estimate,
    /// Each kind of text, over all parts.
    pub kinds: Vec<KindMeasurement>,
    /// The success criteria.
    pub criteria: Vec<Criterion>,
}

/// Measures thresholds on `parts` equal parts of the evaluator's requests, one after another.
///
/// # Panics
///
/// If there are fewer than two parts, or fewer requests than parts.
pub fn validate(
    evaluator: &mut Evaluator,
    name: &str,
    params: &Thresholds,
    parts: usize,
) -> Validation {
    let range = evaluator.range();
    let each = range.len() / parts;
    let measured: Vec<Measurement> = (0..parts)
        .map(|part| {
            let first = range.start + part * each;
            evaluator.measure(params, first..first + each, Timing { requests: each, repeats: 1 })
        })
        .collect();
    let estimate =
        |value: &dyn Fn(&Measurement) -> f64| Estimate::of(measured.iter().map(value).collect());
    let quality_loss = estimate(&|one| one.quality_loss);
    let speedup = estimate(&|one| one.speedup);
    let learned_pct = estimate(&|one| one.learned_pct);
    let score = estimate(&Measurement::score);
    let criteria = criteria(&quality_loss, &speedup, &learned_pct);
    let kinds = over_parts(&measured);
    let (name, params) = (name.to_string(), params.clone());
    Validation { name, params, quality_loss, speedup, learned_pct, score, kinds, criteria }
}

fn criteria(quality: &Estimate, speedup: &Estimate, learned: &Estimate) -> Vec<Criterion> {
    let below = |name, estimate: &Estimate, most: f64, factor: f64| Criterion {
        name,
        measured: estimate.text(factor),
        passed: estimate.mean < most,
        certain: estimate.interval[1] < most,
    };
    let variation = speedup.deviation() / speedup.mean;
    vec![
        below("quality loss below 1 % (measured in %)", quality, MOST_QUALITY_LOSS, 100.0),
        Criterion {
            name: "speed-up above 1.3",
            measured: speedup.text(1.0),
            passed: speedup.mean > SPEEDUP,
            certain: speedup.interval[0] > SPEEDUP,
        },
        below("learned routing below 15 %", learned, LEARNED_PCT, 1.0),
        Criterion {
            name: "speed-up varies by less than 10 % between parts",
            measured: format!("{:.1} %", 100.0 * variation),
            passed: variation < VARIATION,
            certain: variation < VARIATION,
        },
    ]
}

/// The means over parts of equal length, kind by kind.
fn over_parts(measured: &[Measurement]) -> Vec<KindMeasurement> {
    let count = measured.len() as f64;
    let mean = |kind: usize, value: &dyn Fn(&KindMeasurement) -> f64| {
        measured.iter().map(|one| value(&one.kinds[kind])).sum::<f64>() / count
    };
    let kinds = measured.iter().map(|one| one.kinds.len()).min().unwrap_or(0);
    (0..kinds)
        .map(|kind| KindMeasurement {
            kind: measured[0].kinds[kind].kind,
            speedup: mean(kind, &|one| one.speedup),
            perplexity: mean(kind, &|one| one.perplexity),
            quality_loss: mean(kind, &|one| one.quality_loss),
            learned_pct: mean(kind, &|one| one.learned_pct),
        })
        .collect()
}

impl Estimate {
    fn of(values: Vec<f64>) -> Self {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let mut estimate = Self { mean, interval: [mean; 2], values };
        let half = student_t(estimate.values.len() - 1) * estimate.deviation()
            / (estimate.values.len() as f64).sqrt();
        estimate.interval = [mean - half, mean + half];
        estimate
    }

    /// The standard deviation of a part.
    fn deviation(&self) -> f64 {
        let squares = self.values.iter().map(|value| (value - self.mean).powi(2)).sum::<f64>();
        (squares / (self.values.len() - 1) as f64).sqrt()
    }

    /// Mean and interval, times a factor.
    pub fn text(&self, factor: f64) -> String {
        let [low, high] = self.interval.map(|end| factor * end);
        format!("{:.3} [{low:.3}, {high:.3}]", factor * self.mean)
    }
}

/// The 97.5 % quantile of Student's t distribution.
fn student_t(degrees: usize) -> f64 {
    const TABLE: [f64; 10] =
        [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228];
    TABLE.get(degrees.max(1) - 1).copied().unwrap_or_else(|| {
        // Cornish–Fisher, within 0.003 from ten degrees on.
        let (z, n) = (1.959_964_f64, degrees as f64);
        z + (z.powi(3) + z) / (4.0 * n)
            + (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / (96.0 * n * n)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_estimate_has_student_s_interval() {
        let estimate = Estimate::of(vec![1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!(estimate.mean, 3.0);
        // 2.776 · √2.5 / √5
        assert!((estimate.interval[1] - 4.963).abs() < 1e-3, "{estimate:?}");
        assert!((student_t(11) - 2.201).abs() < 3e-3);
        assert!((student_t(60) - 2.000).abs() < 1e-3);
    }
}

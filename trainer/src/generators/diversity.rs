//! How different from each other drawn functions are.

use rand::RngExt;

use super::{SampledFunction, integrity::ProbeSet};
use crate::random::normal;

/// A few numbers that say what a function is like, each in `[0, 1]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LandscapeFeatures {
    /// Correlation of the values at points about a tenth of the cube's edge apart: 1 is smooth, 0
    /// is noise.
    pub smoothness: f64,
    /// Share of the variance that a plane explains.
    pub linearity: f64,
    /// Where the median lies between the 5 % and 95 % quantiles: near 0 is a heavy bad tail, near 1
    /// a plain with holes.
    pub median: f64,
    /// How far the optimum lies below the 5 % quantile, in units of the distance between the 5 %
    /// and 95 % quantiles, as `d/(1 + d)`.
    pub depth: f64,
    /// Whether a coordinate of the optimum lies on a bound (of an ordered parameter).
    pub on_bound: bool,
}

impl LandscapeFeatures {
    /// The traits of a function. Draws from (a copy of) its generator.
    pub fn of(drawn: &SampledFunction) -> Self {
        let probes = &drawn.probes;
        let (low, high) = (probes.quantile(0.05), probes.quantile(0.95));
        let range = (high - low).max(f64::MIN_POSITIVE);
        let depth = ((low - drawn.optimum.loss) / range).max(0.0);
        let structure = &drawn.function.structure;
        let active = structure.active(&drawn.optimum.values);
        let on_bound = structure.kinds.iter().zip(&drawn.optimum.values).zip(active).any(
            |((kind, value), active)| {
                active && !kind.is_categorical() && [0.0, 1.0].contains(&kind.place(*value))
            },
        );
        Self {
            smoothness: smoothness(drawn, low, high),
            linearity: linearity(probes, low, high),
            median: ((probes.quantile(0.5) - low) / range).clamp(0.0, 1.0),
            depth: depth / (1.0 + depth),
            on_bound,
        }
    }

    /// One of 4³ classes of smoothness, linearity and median.
    fn class(&self) -> usize {
        [self.smoothness, self.linearity, self.median]
            .iter()
            .fold(0, |class, value| 4 * class + ((value * 4.0) as usize).min(3))
    }
}

/// How many classes [`effective_classes`] distinguishes.
pub const CLASSES: usize = 64;

/// The effective number of classes among functions, of [`CLASSES`]: `e` to the entropy of their
/// shares. 1 when all functions are alike.
pub fn effective_classes(features: &[LandscapeFeatures]) -> f64 {
    let mut counts = [0usize; CLASSES];
    for one in features {
        counts[one.class()] += 1;
    }
    let total = features.len().max(1) as f64;
    let entropy: f64 = counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| *count as f64 / total)
        .map(|share| -share * share.ln())
        .sum();
    entropy.exp()
}

fn correlation(pairs: &[(f64, f64)]) -> f64 {
    let count = pairs.len().max(1) as f64;
    let (mut mean_x, mut mean_y) = (0.0, 0.0);
    for (x, y) in pairs {
        mean_x += x / count;
        mean_y += y / count;
    }
    let (mut xx, mut yy, mut xy) = (0.0, 0.0, 0.0);
    for (x, y) in pairs {
        xx += (x - mean_x) * (x - mean_x);
        yy += (y - mean_y) * (y - mean_y);
        xy += (x - mean_x) * (y - mean_y);
    }
    if xx > 0.0 && yy > 0.0 { xy / (xx * yy).sqrt() } else { 0.0 }
}

/// Values are clipped at the quantiles: a heavy tail would decide alone otherwise.
fn smoothness(drawn: &SampledFunction, low: f64, high: f64) -> f64 {
    let mut rng = drawn.rng.clone();
    let function = &drawn.function;
    let mut pairs = Vec::with_capacity(128);
    for _ in 0..128 {
        let one = function.uniform(&mut rng);
        let mut other = one.clone();
        let step = 0.1 / (one.len() as f64).sqrt();
        for (index, kind) in function.structure.kinds.iter().enumerate() {
            let moved = step * normal(&mut rng);
            other[index] = match kind {
                // Only what is nearer than the next level stays where it is.
                kind if !kind.is_categorical() => {
                    kind.nearest((kind.place(other[index]) + moved).clamp(0.0, 1.0))
                }
                _ if rng.random_bool(step.min(1.0)) => function.uniform_value(index, &mut rng),
                _ => other[index],
            };
        }
        function.resample_activated(&one, &mut other, &mut rng);
        if let (Some(a), Some(b)) = (function.evaluate(&one), function.evaluate(&other)) {
            pairs.push((a.clamp(low, high), b.clamp(low, high)));
        }
    }
    correlation(&pairs).max(0.0)
}

/// Sum over the parameters of the squared correlation with the value: what a plane explains when
/// the parameters are independent, as they are at uniform points.
fn linearity(probes: &ProbeSet, low: f64, high: f64) -> f64 {
    let dimensions = probes.points().first().map_or(0, |(_, values)| values.len());
    let explained: f64 = (0..dimensions)
        .map(|index| {
            let pairs: Vec<(f64, f64)> = probes
                .points()
                .iter()
                .map(|(loss, values)| (values[index], loss.clamp(low, high)))
                .collect();
            correlation(&pairs).powi(2)
        })
        .sum();
    explained.min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generators::{FunctionOptions, SampledFunction};

    #[test]
    fn drawn_functions_differ() {
        let features: Vec<LandscapeFeatures> = (0..300)
            .map(|index| {
                LandscapeFeatures::of(&SampledFunction::draw(&FunctionOptions::default(), 2, index))
            })
            .collect();
        let effective = effective_classes(&features);
        assert!(effective > 15.0, "{effective} of {CLASSES} classes");
        let on_bound = features.iter().filter(|features| features.on_bound).count();
        assert!((60..270).contains(&on_bound), "{on_bound} of 300 optima on a bound");
        assert!((effective_classes(&features[..1]) - 1.0).abs() < 1e-12);
    }

    /// A sampler that likes the center of the space must gain nothing.
    #[test]
    fn optima_do_not_gather_in_the_middle() {
        let options = FunctionOptions { continuous: 1.0, ..FunctionOptions::default() };
        let (mut middle, mut all) = (0, 0);
        for index in 0..400 {
            let drawn = SampledFunction::draw(&options, 4, index);
            all += drawn.optimum.values.len();
            let inner = |value: &&f64| (0.25..=0.75).contains(*value);
            middle += drawn.optimum.values.iter().filter(inner).count();
        }
        let share = f64::from(middle as u32) / all as f64;
        assert!((0.25..0.55).contains(&share), "{share} of the coordinates in the middle half");
    }
}

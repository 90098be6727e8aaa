//! The validation loss of a learner in closed form, as a function of its hyperparameters.
//!
//! A linear model is fitted by stochastic gradients with momentum. Its features have eigenvalues
//! that fall as a power of their number, and so does what they explain of the target, as is found
//! of kernels and wide networks (Bahri et al., *Explaining Neural Scaling Laws*, 2021). The error
//! is then a sum over features of what is not learned yet, what weight decay shrinks, what the
//! sample misleads about, and what the noise of the batches leaves (Zhang et al., *Which
//! Algorithmic Choices Matter at Which Batch Sizes? Insights From a Noisy Quadratic Model*, 2019).
//! That noise is the stationary one, to first order in the learning rate. So the parameters
//! interact as those of real trainings do: the learning rate that is best depends on batch size,
//! momentum and number of steps, and beyond a limit the training diverges.

use rand::{RngExt, seq::SliceRandom};

use super::Landscape;
use crate::random::{self, SeededRng, log_uniform, normal};

/// What a coordinate sets. All but [`Self::SpectrumDecay`] and [`Self::Dropout`] are logarithms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hyperparameter {
    LearningRate,
    Steps,
    BatchSize,
    /// `1 / (1 − momentum)`.
    Momentum,
    WeightDecay,
    /// How many features there are.
    Capacity,
    /// The power by which eigenvalues fall, as the width of a kernel sets it.
    SpectrumDecay,
    Dropout,
    SampleSize,
    /// By how much the noise of the batches has fallen at the end.
    Annealing,
}

/// A hyperparameter, the middle of its usual values from the least to the greatest, and the usual
/// lengths of its range.
type Usual = (Hyperparameter, [f64; 2], [f64; 2]);

const USUAL: [Usual; 10] = [
    (Hyperparameter::LearningRate, [-4.5, -1.0], [2.0, 10.0]),
    (Hyperparameter::Steps, [3.0, 7.0], [1.0, 4.0]),
    (Hyperparameter::BatchSize, [2.5, 5.5], [1.5, 4.0]),
    (Hyperparameter::Momentum, [0.3, 2.5], [1.0, 4.0]),
    (Hyperparameter::WeightDecay, [-9.0, -2.0], [3.0, 12.0]),
    (Hyperparameter::Capacity, [2.0, 6.0], [1.0, 5.0]),
    (Hyperparameter::SpectrumDecay, [0.9, 2.0], [0.3, 1.6]),
    (Hyperparameter::Dropout, [0.1, 0.5], [0.2, 0.8]),
    (Hyperparameter::SampleSize, [3.5, 8.0], [0.5, 3.0]),
    (Hyperparameter::Annealing, [0.5, 3.0], [1.0, 4.0]),
];

/// A coordinate and what it adds to a hyperparameter at 0 and at 1.
#[derive(Clone, Copy, Debug)]
struct Setting {
    coordinate: usize,
    hyperparameter: Hyperparameter,
    from: f64,
    to: f64,
}

/// What is measured of the error.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Metric {
    SquaredError,
    Deviation,
    Logarithm,
    /// The share of wrong answers, which saturates.
    ErrorRate,
}

/// Neighboring features, whose eigenvalues are treated as equal.
#[derive(Clone, Copy, Debug)]
struct FeatureGroup {
    /// The number of the group's middle feature, from 1.
    number: f64,
    /// How many there are.
    count: f64,
    /// What they explain of the target, as a share of its variance.
    explained: f64,
}

/// A learner whose error is known for all of its hyperparameters.
#[derive(Clone, Debug)]
pub struct SpectralLearner {
    dimensions: usize,
    settings: Vec<Setting>,
    /// The hyperparameters where every setting adds nothing, in the order of [`USUAL`].
    base: [f64; USUAL.len()],
    groups: Vec<FeatureGroup>,
    /// Variance of the labels' noise, where that of the target is 1.
    label_noise: f64,
    /// The bound of the error, which trainings that diverge come near to.
    worst: f64,
    metric: Metric,
}

/// How many groups the features are in.
const GROUPS: usize = 14;
/// How many features there are at most.
const FEATURES: f64 = 4096.0;

impl SpectralLearner {
    /// A random learner with a hyperparameter for each of the coordinates `relevant` (at least
    /// one); beyond ten, some share one.
    pub fn draw(dimensions: usize, relevant: &[usize], rng: &mut SeededRng) -> Self {
        let order = draw_order(rng);
        let settings = relevant.iter().zip(order.iter().cycle()).map(|(coordinate, index)| {
            let (hyperparameter, _, [shortest, longest]) = USUAL[*index];
            let length = rng.random_range(shortest..longest);
            let (from, to) = (-0.5 * length, 0.5 * length);
            let (from, to) = if rng.random_bool(0.5) { (from, to) } else { (to, from) };
            Setting { coordinate: *coordinate, hyperparameter, from, to }
        });
        let settings = settings.collect();
        let base = USUAL.map(|(_, [least, greatest], _)| rng.random_range(least..greatest));
        Self {
            dimensions,
            settings,
            base,
            groups: draw_groups(rng),
            label_noise: log_uniform(0.01, 1.0, rng),
            worst: log_uniform(1.0, 4.0, rng),
            metric: match random::weighted(&[1.0, 1.0, 1.0, 2.0], rng) {
                0 => Metric::SquaredError,
                1 => Metric::Deviation,
                2 => Metric::Logarithm,
                _ => Metric::ErrorRate,
            },
        }
    }

    /// The hyperparameters at a point, in the order of [`USUAL`].
    fn hyperparameters(&self, unit: &[f64]) -> [f64; USUAL.len()] {
        let mut values = self.base;
        for Setting { coordinate, hyperparameter, from, to } in &self.settings {
            values[*hyperparameter as usize] += from + (to - from) * unit[*coordinate];
        }
        values
    }

    /// The mean squared error on new examples, without the noise of their labels.
    fn squared_error(&self, hyperparameters: &[f64; USUAL.len()]) -> f64 {
        let value = |which: Hyperparameter| hyperparameters[which as usize];
        let exp = |which: Hyperparameter| value(which).clamp(-30.0, 12.0).exp();
        let dropout = value(Hyperparameter::Dropout).clamp(0.0, 0.95);
        let momentum = 1.0 - 1.0 / exp(Hyperparameter::Momentum).clamp(1.0, 1e3);
        let (rate, steps) = (exp(Hyperparameter::LearningRate), exp(Hyperparameter::Steps));
        // Dropout shrinks as weight decay does, by a typical eigenvalue, and leaves less of the
        // capacity.
        let decay = exp(Hyperparameter::WeightDecay) + 0.05 * dropout / (1.0 - dropout);
        let capacity = exp(Hyperparameter::Capacity) * (1.0 - dropout);
        let fall = value(Hyperparameter::SpectrumDecay).max(0.3);

        let (mut bias, mut fitted, mut gradient) = (0.0, 0.0, 0.0);
        for FeatureGroup { number, count, explained } in &self.groups {
            let eigenvalue = number.powf(-fall);
            let left = remaining(rate * (eigenvalue + decay), momentum, steps);
            let present = 1.0 / (1.0 + (number / capacity).powi(2));
            let learned = present * (1.0 - left) * eigenvalue / (eigenvalue + decay);
            bias += explained * (1.0 - learned).powi(2);
            fitted += count * learned * learned;
            gradient += count * present * eigenvalue;
        }
        let unexplained = self.label_noise + bias.min(1.0);
        // However many features are fitted, they add at most what is unexplained.
        let per_example = fitted / exp(Hyperparameter::SampleSize);
        let variance = unexplained * per_example / (1.0 + per_example);
        let annealed = (-value(Hyperparameter::Annealing).max(0.0)).exp();
        let batch = exp(Hyperparameter::BatchSize).max(1.0);
        let batch_noise = 0.5 * unexplained * annealed * rate / (1.0 - momentum) * gradient / batch;
        bias + variance + batch_noise
    }
}

/// The order in which coordinates set hyperparameters, as indices into [`USUAL`]: the learning rate
/// first in most, and in most sample size and annealing last, which are best at one end.
fn draw_order(rng: &mut SeededRng) -> Vec<usize> {
    let mut order: Vec<usize> = (0..USUAL.len()).collect();
    order.shuffle(rng);
    if rng.random_bool(0.7) {
        let one_sided = [Hyperparameter::SampleSize, Hyperparameter::Annealing];
        order.sort_by_key(|index| one_sided.contains(&USUAL[*index].0));
    }
    if rng.random_bool(0.6) {
        order.sort_by_key(|index| USUAL[*index].0 != Hyperparameter::LearningRate);
    }
    order
}

/// Features whose eigenvalues and shares of the target fall as powers, unevenly.
fn draw_groups(rng: &mut SeededRng) -> Vec<FeatureGroup> {
    let ratio = FEATURES.powf(1.0 / GROUPS as f64);
    let fall = rng.random_range(1.1..2.5);
    let unevenness = rng.random_range(0.0..0.8);
    let group = |index: usize| {
        let (first, next) = (ratio.powi(index as i32), ratio.powi(index as i32 + 1));
        let (number, count) = ((first * next).sqrt(), next - first);
        let explained = count * number.powf(-fall) * (unevenness * normal(rng)).exp();
        FeatureGroup { number, count, explained }
    };
    let mut groups: Vec<FeatureGroup> = (0..GROUPS).map(group).collect();
    let total: f64 = groups.iter().map(|group| group.explained).sum();
    groups.iter_mut().for_each(|group| group.explained /= total);
    groups
}

/// What is left of a deviation after `steps` steps of gradient descent with momentum, where `step`
/// is learning rate times curvature: the spectral radius of the iteration, to the power of `steps`.
/// Above 1 where it diverges, and cut at 10.
fn remaining(step: f64, momentum: f64, steps: f64) -> f64 {
    let trace = 1.0 + momentum - step;
    let discriminant = trace * trace - 4.0 * momentum;
    let radius = if discriminant < 0.0 {
        momentum.sqrt()
    } else {
        0.5 * (trace.abs() + discriminant.sqrt())
    };
    (steps * radius.max(1e-12).ln()).min(10f64.ln()).exp()
}

impl Landscape for SpectralLearner {
    fn dimensions(&self) -> usize {
        self.dimensions
    }

    fn evaluate(&self, unit: &[f64]) -> f64 {
        let error = self.squared_error(&self.hyperparameters(unit));
        // Errors are bounded, and the noise of the labels keeps them above 0.
        let error = error / (1.0 + error / self.worst) + 0.1 * self.label_noise;
        match self.metric {
            Metric::SquaredError => error,
            Metric::Deviation => error.sqrt(),
            Metric::Logarithm => error.ln(),
            Metric::ErrorRate => 1.0 - (-2.0 * error).exp(),
        }
    }

    fn description(&self) -> String {
        let names: Vec<String> = self
            .settings
            .iter()
            .map(|setting| format!("{:?}", setting.hyperparameter).to_lowercase())
            .collect();
        format!("learner by {}", names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;
    use crate::random::point;

    /// A learner whose learning rate, batch size, momentum and sample size are searched.
    fn learner() -> SpectralLearner {
        let mut rng = SeededRng::seed_from_u64(2);
        let setting = |(coordinate, (hyperparameter, from, to))| Setting {
            coordinate,
            hyperparameter,
            from,
            to,
        };
        let searched = [
            (Hyperparameter::LearningRate, -6.0, 6.0),
            (Hyperparameter::BatchSize, -2.0, 2.0),
            (Hyperparameter::Momentum, -1.0, 2.0),
            (Hyperparameter::SampleSize, -2.0, 2.0),
        ];
        let settings = searched.into_iter().enumerate().map(setting).collect();
        let base = [-3.0, 5.0, 3.0, 1.0, -9.0, 5.0, 1.2, 0.0, 6.0, 0.0];
        let drawn = SpectralLearner::draw(4, &[0, 1, 2, 3], &mut rng);
        SpectralLearner { settings, base, metric: Metric::SquaredError, ..drawn }
    }

    fn best_learning_rate(learner: &SpectralLearner, batch_size: f64) -> f64 {
        let grid = (0..=200).map(|step| f64::from(step) / 200.0);
        let loss = |rate: f64| learner.evaluate(&[rate, batch_size, 0.3, 0.5]);
        grid.min_by(|one, other| loss(*one).total_cmp(&loss(*other))).unwrap()
    }

    #[test]
    fn losses_are_finite_and_depend_on_relevant_coordinates_alone() {
        let mut rng = SeededRng::seed_from_u64(8);
        for number in 0..500 {
            let relevant: Vec<usize> = (1..2 + number % 12).collect();
            let dimensions = relevant.len() + 1;
            let learner = SpectralLearner::draw(dimensions, &relevant, &mut rng);
            let mut one = point(dimensions, &mut rng);
            for corner in [vec![0.0; dimensions], vec![1.0; dimensions], one.clone()] {
                assert!(learner.evaluate(&corner).is_finite(), "{}", learner.description());
            }
            let value = learner.evaluate(&one);
            one[0] = 1.0 - one[0];
            assert_eq!(learner.evaluate(&one), value);
        }
    }

    /// Against the iteration itself, whose deviations shrink by the spectral radius a step in the
    /// long run.
    #[test]
    fn the_spectral_radius_is_that_of_the_iteration() {
        for (step, momentum) in [(0.1, 0.0), (1.7, 0.0), (0.3, 0.5), (0.01, 0.9), (3.7, 0.9)] {
            let (mut before, mut here, mut largest) = (1.0f64, 1.0f64, [0.0f64; 2]);
            for number in 0..400 {
                let next = here - step * here + momentum * (here - before);
                (before, here) = (here, next);
                let part = number / 200;
                largest[part] =
                    largest[part].max(if number % 200 < 100 { 0.0 } else { here.abs() });
            }
            let found = (largest[1] / largest[0]).ln();
            let expected = remaining(step, momentum, 200.0).ln();
            assert!((found - expected).abs() < 0.05 * expected.abs(), "{found} {expected}");
        }
        assert!(remaining(3.9, 0.9, 10.0) > 1.0 && remaining(3.7, 0.9, 1e4) < 1.0);
        assert!((remaining(1e9, 0.0, 1e9) - 10.0).abs() < 1e-9);
    }

    #[test]
    fn larger_batches_want_larger_learning_rates_and_more_data_helps() {
        let learner = learner();
        let (small, large) = (best_learning_rate(&learner, 0.0), best_learning_rate(&learner, 1.0));
        assert!(0.05 < small && small + 0.05 < large && large < 0.95, "{small} {large}");
        let at = |rate: f64, samples: f64| learner.evaluate(&[rate, 0.5, 0.3, samples]);
        assert!(at(large, 1.0) < at(large, 0.5) && at(large, 0.5) < at(large, 0.0));
        // Too small a rate learns nothing, too large a one fails.
        assert!(at(0.0, 0.5) > 1.5 * at(large, 0.5) && at(1.0, 0.5) > 2.0 * at(large, 0.5));
    }
}

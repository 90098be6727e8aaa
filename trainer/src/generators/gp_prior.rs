//! Draws from Gaussian-process priors by random Fourier features.
//!
//! `f(x) = √(2σ²/m) Σᵢ wᵢ cos(ωᵢ·x + bᵢ)` with `wᵢ` standard normal, `bᵢ` uniform over a turn and
//! `ωᵢ` from the kernel's spectral density has covariance `σ² k(x, y)` for every number `m` of
//! features (Rahimi and Recht, *Random Features for Large-Scale Kernel Machines*, 2007). A sum of
//! kernels shares out the features; in a product each feature's frequency is the sum of the
//! factors' frequencies.

use rand::{RngExt, seq::SliceRandom};

use super::{Landscape, cosine::cosine_of_turns, kernel::Kernel};
use crate::random::{SeededRng, normal};

/// Number of features that are evaluated at a time.
const LANES: usize = 8;

/// One addend of a prior's covariance: a product of kernels, times a variance.
#[derive(Clone, Debug)]
pub struct Addend {
    /// The variance.
    pub variance: f64,
    /// The factors.
    pub factors: Vec<Kernel>,
}

/// A Gaussian-process prior with mean 0 whose covariance is a sum of products of kernels.
#[derive(Clone, Debug)]
pub struct GpPrior {
    dimensions: usize,
    addends: Vec<Addend>,
}

impl GpPrior {
    /// A prior over functions of `dimensions` coordinates (at least one addend).
    pub fn new(dimensions: usize, addends: Vec<Addend>) -> Self {
        Self { dimensions, addends }
    }

    /// A random prior with variance 1 that depends on the coordinates `relevant` alone (at least
    /// one).
    pub fn draw(dimensions: usize, relevant: &[usize], rng: &mut SeededRng) -> Self {
        let mut shuffled = relevant.to_vec();
        shuffled.shuffle(rng);
        let structure = if relevant.len() == 1 { 0.0 } else { rng.random::<f64>() };
        let mut addends = if structure < 0.5 {
            vec![vec![Kernel::draw(&shuffled, rng)]]
        } else if structure < 0.65 {
            // A product of kernels of two groups of coordinates.
            let split = rng.random_range(1..shuffled.len());
            let (one, other) = shuffled.split_at(split);
            vec![vec![Kernel::draw(one, rng), Kernel::draw(other, rng)]]
        } else if structure < 0.85 {
            // A sum over groups that share no coordinate.
            let mut rest = shuffled.as_slice();
            let mut addends = Vec::new();
            while !rest.is_empty() {
                let (group, others) = rest.split_at(rng.random_range(1..=rest.len().min(3)));
                addends.push(vec![Kernel::draw(group, rng)]);
                rest = others;
            }
            addends
        } else {
            // A rough function of a few coordinates on top of one of all.
            let few = rng.random_range(1..=shuffled.len());
            vec![vec![Kernel::draw(&shuffled, rng)], vec![Kernel::draw(&shuffled[..few], rng)]]
        }
        .into_iter()
        .map(|factors| Addend { variance: (1.2 * normal(rng)).exp(), factors })
        .collect::<Vec<_>>();
        let total: f64 = addends.iter().map(|addend| addend.variance).sum();
        for addend in &mut addends {
            addend.variance /= total;
        }
        Self { dimensions, addends }
    }

    /// The covariance of the values at two points.
    pub fn covariance(&self, one: &[f64], other: &[f64]) -> f64 {
        self.addends
            .iter()
            .map(|addend| {
                let product: f64 =
                    addend.factors.iter().map(|factor| factor.covariance(one, other)).product();
                addend.variance * product
            })
            .sum()
    }

    /// A function from this prior, made of about `features` cosines (at least one per addend).
    pub fn sample(&self, features: usize, rng: &mut SeededRng) -> GpSample {
        let mut frequencies: Vec<Vec<f64>> = Vec::new();
        let mut amplitudes = Vec::new();
        let share = (features / self.addends.len()).max(1);
        for addend in &self.addends {
            for _ in 0..share {
                let mut frequency = vec![0.0; self.dimensions];
                for factor in &addend.factors {
                    factor.add_frequency(&mut frequency, rng);
                }
                frequencies.push(frequency);
                amplitudes.push((2.0 * addend.variance / share as f64).sqrt() * normal(rng));
            }
        }
        let mut phases: Vec<f64> = amplitudes.iter().map(|_| rng.random()).collect();
        // Silent features fill the last block.
        let padded = amplitudes.len().next_multiple_of(LANES);
        amplitudes.resize(padded, 0.0);
        phases.resize(padded, 0.0);
        frequencies.resize(padded, vec![0.0; self.dimensions]);

        let active: Vec<usize> = (0..self.dimensions)
            .filter(|coordinate| frequencies.iter().any(|frequency| frequency[*coordinate] != 0.0))
            .collect();
        let mut interleaved = Vec::with_capacity(padded * active.len());
        for block in frequencies.chunks_exact(LANES) {
            for coordinate in &active {
                interleaved.extend(block.iter().map(|frequency| frequency[*coordinate]));
            }
        }
        GpSample {
            dimensions: self.dimensions,
            active,
            frequencies: interleaved,
            phases,
            amplitudes,
            name: self.name(),
        }
    }

    fn name(&self) -> String {
        let addends = self.addends.iter().map(|addend| {
            let factors: Vec<&str> = addend.factors.iter().map(Kernel::name).collect();
            factors.join("*")
        });
        addends.collect::<Vec<_>>().join("+")
    }
}

/// One function from a [`GpPrior`].
#[derive(Clone, Debug)]
pub struct GpSample {
    dimensions: usize,
    /// The coordinates that any feature looks at.
    active: Vec<usize>,
    /// Turns per unit: for each block of features, for each active coordinate, one number per
    /// feature.
    frequencies: Vec<f64>,
    /// In turns.
    phases: Vec<f64>,
    amplitudes: Vec<f64>,
    name: String,
}

impl GpSample {
    /// What [`evaluate`](Landscape::evaluate) computes, feature by feature with the standard
    /// cosine.
    pub fn evaluate_plainly(&self, unit: &[f64]) -> f64 {
        (0..self.phases.len())
            .map(|feature| {
                let block = feature / LANES * self.active.len() * LANES;
                let mut turns = self.phases[feature];
                for (row, coordinate) in self.active.iter().enumerate() {
                    turns +=
                        unit[*coordinate] * self.frequencies[block + row * LANES + feature % LANES];
                }
                self.amplitudes[feature] * (std::f64::consts::TAU * turns).cos()
            })
            .sum()
    }
}

impl Landscape for GpSample {
    fn dimensions(&self) -> usize {
        self.dimensions
    }

    fn evaluate(&self, unit: &[f64]) -> f64 {
        let mut rows = self.frequencies.chunks_exact(LANES);
        let mut total = [0.0; LANES];
        let blocks = self.phases.chunks_exact(LANES).zip(self.amplitudes.chunks_exact(LANES));
        for (phases, amplitudes) in blocks {
            let mut turns = [0.0; LANES];
            turns.copy_from_slice(phases);
            for (coordinate, row) in self.active.iter().zip(&mut rows) {
                let value = unit[*coordinate];
                for lane in 0..LANES {
                    turns[lane] += value * row[lane];
                }
            }
            for lane in 0..LANES {
                total[lane] += amplitudes[lane] * cosine_of_turns(turns[lane]);
            }
        }
        total.iter().sum()
    }

    fn description(&self) -> String {
        format!("gp {}", self.name)
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::{super::kernel::KernelShape, *};
    use crate::random::point;

    fn kernel(shape: KernelShape) -> Kernel {
        Kernel { shape, scales: vec![(0, 0.4), (2, 0.9)] }
    }

    /// The covariance of many draws is that of the kernel: at 20 pairs of points, within five
    /// standard errors of the mean of the products (0.05 for 30 000 draws of few features, whose
    /// products have heavier tails than normal ones).
    #[test]
    fn draws_have_the_covariance_of_their_kernel() {
        let single = |shape| vec![Addend { variance: 1.0, factors: vec![kernel(shape)] }];
        let periodic = KernelShape::Periodic { period: 0.7 };
        let priors = [
            ("rbf", single(KernelShape::Rbf)),
            ("matern32", single(KernelShape::Matern32)),
            ("matern52", single(KernelShape::Matern52)),
            ("periodic", single(periodic)),
            (
                "product",
                vec![Addend {
                    variance: 1.0,
                    factors: vec![
                        Kernel { shape: KernelShape::Rbf, scales: vec![(0, 0.3)] },
                        Kernel { shape: periodic, scales: vec![(1, 0.8)] },
                    ],
                }],
            ),
            (
                "sum",
                vec![
                    Addend { variance: 0.3, factors: vec![kernel(KernelShape::Matern32)] },
                    Addend { variance: 0.7, factors: vec![kernel(KernelShape::Rbf)] },
                ],
            ),
        ];
        for (name, addends) in priors {
            let mut rng = SeededRng::seed_from_u64(11);
            let prior = GpPrior::new(3, addends);
            let pairs: Vec<_> = (0..20).map(|_| (point(3, &mut rng), point(3, &mut rng))).collect();
            let draws = 30_000;
            let mut products = vec![0.0; pairs.len()];
            let mut squares = vec![0.0; pairs.len()];
            for _ in 0..draws {
                let sample = prior.sample(4, &mut rng);
                for (place, (one, other)) in pairs.iter().enumerate() {
                    let product = sample.evaluate(one) * sample.evaluate(other);
                    products[place] += product;
                    squares[place] += product * product;
                }
            }
            for (place, (one, other)) in pairs.iter().enumerate() {
                let count = f64::from(draws);
                let mean = products[place] / count;
                let error = ((squares[place] / count - mean * mean) / count).sqrt();
                assert!(error < 0.02, "{name}: the standard error {error} says nothing");
                let expected = prior.covariance(one, other);
                assert!(
                    (mean - expected).abs() < 5.0 * error,
                    "{name}: covariance {mean} ± {error}, expected {expected}"
                );
            }
        }
    }

    #[test]
    fn blocks_of_cosines_agree_with_the_plain_sum() {
        let mut rng = SeededRng::seed_from_u64(5);
        for dimensions in 1..=8 {
            let relevant: Vec<usize> = (0..dimensions).step_by(2).collect();
            let prior = GpPrior::draw(dimensions, &relevant, &mut rng);
            let sample = prior.sample(100, &mut rng);
            for _ in 0..50 {
                let point = point(dimensions, &mut rng);
                let (fast, plain) = (sample.evaluate(&point), sample.evaluate_plainly(&point));
                assert!((fast - plain).abs() < 1e-8, "{fast} {plain}");
            }
        }
    }

    #[test]
    fn irrelevant_coordinates_change_nothing() {
        let mut rng = SeededRng::seed_from_u64(9);
        let sample = GpPrior::draw(4, &[1, 3], &mut rng).sample(64, &mut rng);
        let mut changed = false;
        for _ in 0..20 {
            let one = point(4, &mut rng);
            let other = [0.9, one[1], 0.1, one[3]];
            assert_eq!(sample.evaluate(&one), sample.evaluate(&other));
            changed |= sample.evaluate(&one) != sample.evaluate(&[one[0], 0.5, one[2], 0.5]);
        }
        assert!(changed);
    }
}

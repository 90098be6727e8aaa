//! Mixtures of products of kernels over a space.

use alloc::{vec, vec::Vec};

use rand::RngExt;
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::space::{Configuration, Domain, Space};

/// A configuration as the estimator sees it: the value and, for numbers, its place in `[0, 1]`.
#[derive(Clone, Debug)]
pub struct Point {
    /// For each parameter: nothing where it is inactive.
    coordinates: Vec<Option<Coordinate>>,
}

#[derive(Clone, Copy, Debug)]
struct Coordinate {
    /// Place in `[0, 1]`; the index of a choice.
    place: f64,
    /// The cell of a discrete number; both its ends are `place` for a continuous one.
    cell: (f64, f64),
}

impl Point {
    /// The point of a legal configuration.
    pub fn new(space: &Space, configuration: &Configuration) -> Self {
        let coordinates = space
            .parameters()
            .iter()
            .zip(configuration.values())
            .map(|(parameter, value)| value.map(|value| Coordinate::new(parameter.domain(), value)))
            .collect();
        Self { coordinates }
    }
}

impl Coordinate {
    fn new(domain: &Domain, value: f64) -> Self {
        match domain {
            Domain::Categorical { .. } => Self { place: value, cell: (value, value) },
            Domain::Int { low, high, log: true, .. } => {
                let (bottom, top) = (libm::log(low - 0.5), libm::log(high + 0.5));
                let place = |value: f64| (libm::log(value) - bottom) / (top - bottom);
                Self { place: place(value), cell: (place(value - 0.5), place(value + 0.5)) }
            }
            _ => {
                let place = domain.to_unit(value);
                let half = domain.levels().map_or(0.0, |levels| 0.5 / levels as f64);
                Self { place, cell: (place - half, place + half) }
            }
        }
    }
}

/// The kernels of one parameter, one per component; the last is the prior.
#[derive(Debug)]
enum Kernels {
    /// Normal distributions cut at 0 and 1.
    Numerical {
        middles: Vec<f64>,
        deviations: Vec<f64>,
        /// `−ln(σ √2π · mass inside)` (without σ for cells, whose mass is computed directly).
        constants: Vec<f64>,
        discrete: bool,
    },
    /// `[components, choices]`, the logarithms of the probabilities.
    Categorical { logarithms: Vec<f64>, choices: usize },
}

/// A weighted mixture of products of kernels, one component per trial and a prior.
///
/// A trial in which a parameter was inactive has the prior's kernel there.
#[derive(Debug)]
pub struct Estimator<'a> {
    space: &'a Space,
    kernels: Vec<Kernels>,
    weights: Vec<f64>,
    logarithms: Vec<f64>,
}

impl<'a> Estimator<'a> {
    /// An estimator over trials in the order they were made.
    pub fn new(space: &'a Space, points: Vec<Point>, prior_weight: f64) -> Self {
        let mut weights = recency(points.len());
        weights.push(if points.is_empty() { 1.0 } else { prior_weight });
        let total: f64 = weights.iter().sum();
        weights.iter_mut().for_each(|weight| *weight /= total);
        let kernels = space
            .parameters()
            .iter()
            .enumerate()
            .map(|(index, parameter)| {
                let observed: Vec<Option<f64>> = points
                    .iter()
                    .map(|point| point.coordinates[index].map(|coordinate| coordinate.place))
                    .collect();
                match parameter.domain() {
                    Domain::Categorical { choices } => {
                        Kernels::categorical(&observed, choices.len(), prior_weight)
                    }
                    domain => Kernels::numerical(&observed, domain.levels().is_some()),
                }
            })
            .collect();
        let logarithms = weights.iter().map(|weight| libm::log(*weight)).collect();
        Self { space, kernels, weights, logarithms }
    }

    /// A legal configuration drawn from the mixture. Parameters are drawn in order, so that conditions are known in time.
    pub fn draw(&self, generator: &mut Xoshiro256PlusPlus) -> Configuration {
        let mut left = generator.random::<f64>();
        let component = self
            .weights
            .iter()
            .position(|weight| {
                left -= weight;
                left < 0.0
            })
            .unwrap_or(self.weights.len() - 1);
        let mut values = Vec::with_capacity(self.space.len());
        for (index, parameter) in self.space.parameters().iter().enumerate() {
            let domain = parameter.domain();
            let active = self.space.is_active(index, &values);
            values.push(active.then(|| match &self.kernels[index] {
                Kernels::Numerical { middles, deviations, .. } => {
                    let (middle, deviation) = (middles[component], deviations[component]);
                    domain.from_unit(cut_normal(middle, deviation, generator))
                }
                Kernels::Categorical { logarithms, choices } => {
                    let row = &logarithms[component * choices..(component + 1) * choices];
                    let mut left = generator.random::<f64>();
                    let choice = row.iter().position(|logarithm| {
                        left -= libm::exp(*logarithm);
                        left < 0.0
                    });
                    choice.unwrap_or(choices - 1) as f64
                }
            }));
        }
        Configuration::new(values)
    }

    /// The logarithm of the mixture's density at a point, over its active parameters.
    pub fn log_density(&self, point: &Point) -> f64 {
        let mut exponents = self.logarithms.clone();
        for (kernels, coordinate) in self.kernels.iter().zip(&point.coordinates) {
            let Some(coordinate) = coordinate else { continue };
            match kernels {
                Kernels::Numerical { middles, deviations, constants, discrete } => {
                    for (component, exponent) in exponents.iter_mut().enumerate() {
                        let (middle, deviation) = (middles[component], deviations[component]);
                        *exponent += constants[component];
                        *exponent += if *discrete {
                            let (low, high) = coordinate.cell;
                            let mass =
                                mass((low - middle) / deviation, (high - middle) / deviation);
                            libm::log(mass.max(f64::MIN_POSITIVE))
                        } else {
                            let z = (coordinate.place - middle) / deviation;
                            -0.5 * z * z
                        };
                    }
                }
                Kernels::Categorical { logarithms, choices } => {
                    let choice = coordinate.place as usize;
                    for (component, exponent) in exponents.iter_mut().enumerate() {
                        *exponent += logarithms[component * choices + choice];
                    }
                }
            }
        }
        let highest = exponents.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = exponents.iter().map(|exponent| libm::exp(exponent - highest)).sum();
        highest + libm::log(sum)
    }
}

impl Kernels {
    /// A trial's kernel is as wide as the farther of its neighbours is away, between the "magic clip" `1 / min(100, n + 2)`
    /// and the whole range; the prior's is in the middle and as wide as the range.
    fn numerical(observed: &[Option<f64>], discrete: bool) -> Self {
        let mut order: Vec<usize> =
            (0..observed.len()).filter(|index| observed[*index].is_some()).collect();
        let place = |index: usize| observed[index].unwrap_or(0.5);
        order.sort_by(|one, other| place(*one).total_cmp(&place(*other)));
        let count = order.len();
        let narrowest = 1.0 / (count as f64 + 2.0).min(100.0);
        let (mut middles, mut deviations) = (vec![0.5; observed.len()], vec![1.0; observed.len()]);
        for (rank, index) in order.iter().enumerate() {
            let here = place(*index);
            let below = rank.checked_sub(1).map(|rank| here - place(order[rank]));
            let above = order.get(rank + 1).map(|index| place(*index) - here);
            let width = match (below, above) {
                (Some(below), Some(above)) => below.max(above),
                // The outermost trials look at their one neighbour, a lone trial at both ends.
                (Some(only), None) | (None, Some(only)) => only,
                (None, None) => here.max(1.0 - here),
            };
            middles[*index] = here;
            deviations[*index] = width.clamp(narrowest, 1.0);
        }
        middles.push(0.5);
        deviations.push(1.0);
        let constants = middles
            .iter()
            .zip(&deviations)
            .map(|(middle, deviation)| {
                let inside = mass(-middle / deviation, (1.0 - middle) / deviation);
                let width = if discrete {
                    1.0
                } else {
                    deviation * libm::sqrt(2.0 * core::f64::consts::PI)
                };
                -libm::log(width * inside)
            })
            .collect();
        Self::Numerical { middles, deviations, constants, discrete }
    }

    /// A trial's choice counts 1 and every choice `prior_weight / (n + 1)`; the prior's are equal.
    fn categorical(observed: &[Option<f64>], choices: usize, prior_weight: f64) -> Self {
        let count = observed.iter().flatten().count();
        let smoothing = prior_weight / (count as f64 + 1.0);
        let mut logarithms = Vec::with_capacity((observed.len() + 1) * choices);
        for observed in observed.iter().copied().chain([None]) {
            let total = smoothing * choices as f64 + if observed.is_some() { 1.0 } else { 0.0 };
            logarithms.extend((0..choices).map(|choice| {
                let hit = observed.is_some_and(|observed| observed as usize == choice);
                let weight = smoothing + if hit { 1.0 } else { 0.0 };
                // Without a prior weight an unseen choice has next to no probability, not none.
                libm::log((weight / total.max(f64::MIN_POSITIVE)).max(1e-300))
            }));
        }
        Self::Categorical { logarithms, choices }
    }
}

/// Weights of trials in the order they were made: the last 25 count 1, earlier ones less and less, down to `1/n`.
fn recency(count: usize) -> Vec<f64> {
    let ramp = count.saturating_sub(25);
    (0..count)
        .map(|index| {
            if index >= ramp || ramp < 2 {
                if index < ramp { 1.0 / count as f64 } else { 1.0 }
            } else {
                let share = index as f64 / (ramp - 1) as f64;
                1.0 / count as f64 + share * (1.0 - 1.0 / count as f64)
            }
        })
        .collect()
}

/// The standard normal distribution's mass between `low ≤ high`, accurate in both tails.
fn mass(low: f64, high: f64) -> f64 {
    let upper = |z: f64| 0.5 * libm::erfc(z * core::f64::consts::FRAC_1_SQRT_2);
    if low > 0.0 { upper(low) - upper(high) } else { upper(-high) - upper(-low) }
}

/// A normal number between 0 and 1. The middle lies there too, so at least a third of the draws do.
fn cut_normal(middle: f64, deviation: f64, generator: &mut Xoshiro256PlusPlus) -> f64 {
    for _ in 0..64 {
        let (radius, angle) = (1.0 - generator.random::<f64>(), generator.random::<f64>());
        let normal =
            libm::sqrt(-2.0 * libm::log(radius)) * libm::cos(core::f64::consts::TAU * angle);
        let place = middle + deviation * normal;
        if (0.0..=1.0).contains(&place) {
            return place;
        }
    }
    middle
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;
    use crate::space::Parameter;

    fn space() -> Space {
        Space::new(vec![
            Parameter::float("x", 0.0, 2.0),
            Parameter::int("n", 1, 6).log(),
            Parameter::categorical("c", ["a", "b"]),
            Parameter::int("k", 0, 4).when("c", ["b"]),
        ])
        .unwrap()
    }

    #[test]
    fn densities_sum_to_one() {
        let space = space();
        let configurations = [[0.1, 0.2, 0.1, 0.5], [0.7, 0.9, 0.9, 0.1], [0.72, 0.5, 0.9, 0.9]];
        let points: Vec<Point> =
            configurations.iter().map(|unit| Point::new(&space, &space.from_unit(unit))).collect();
        let estimator = Estimator::new(&space, points, 1.0);
        let steps = 200;
        let mut total = 0.0;
        for step in 0..steps {
            let x = 2.0 * (f64::from(step) + 0.5) / f64::from(steps);
            for n in 1..=6 {
                for (c, k) in [
                    (0, None),
                    (1, Some(0)),
                    (1, Some(1)),
                    (1, Some(2)),
                    (1, Some(3)),
                    (1, Some(4)),
                ] {
                    let values =
                        vec![Some(x), Some(f64::from(n)), Some(f64::from(c)), k.map(f64::from)];
                    let point = Point::new(&space, &Configuration::new(values));
                    total += libm::exp(estimator.log_density(&point)) / f64::from(steps);
                }
            }
        }
        assert!((total - 1.0).abs() < 1e-4, "{total}");
    }

    #[test]
    fn draws_follow_the_density() {
        let space = Space::new(vec![Parameter::float("x", 0.0, 1.0)]).unwrap();
        let points = [0.2, 0.25, 0.9].map(|x| Point::new(&space, &space.from_unit(&[x]))).to_vec();
        let estimator = Estimator::new(&space, points, 1.0);
        let mut generator = Xoshiro256PlusPlus::seed_from_u64(1);
        let mut counts = [0.0; 10];
        for _ in 0..20_000 {
            let x = estimator.draw(&mut generator).get(0).unwrap();
            counts[((x * 10.0) as usize).min(9)] += 1.0 / 20_000.0;
        }
        for (bin, count) in counts.iter().enumerate() {
            let expected: f64 = (0..20)
                .map(|step| {
                    let x = (bin as f64 + (f64::from(step) + 0.5) / 20.0) / 10.0;
                    libm::exp(estimator.log_density(&Point::new(&space, &space.from_unit(&[x]))))
                        / 200.0
                })
                .sum();
            assert!((count - expected).abs() < 0.015, "bin {bin}: {count} for {expected}");
        }
    }

    #[test]
    fn bandwidths_are_those_of_optuna() {
        // _ParzenEstimator of Optuna 5 over [0, 1] with these observations.
        let observed = [Some(0.1), Some(0.5), Some(0.55)];
        let Kernels::Numerical { middles, deviations, .. } = Kernels::numerical(&observed, false)
        else {
            panic!("a number has numerical kernels")
        };
        assert_eq!(middles, [0.1, 0.5, 0.55, 0.5]);
        let expected = [0.4, 0.4, 0.2, 1.0];
        for (have, want) in deviations.iter().zip(expected) {
            assert!((have - want).abs() < 1e-12, "{deviations:?}");
        }
    }

    #[test]
    fn weights_are_those_of_optuna() {
        assert_eq!(recency(3), [1.0; 3]);
        let weights = recency(30);
        assert_eq!(weights[0], 1.0 / 30.0);
        assert!((weights[2] - (1.0 / 30.0 + 0.5 * 29.0 / 30.0)).abs() < 1e-12);
        assert_eq!(weights[4..], [1.0; 26]);
    }

    #[test]
    fn tails_keep_their_mass() {
        assert!((mass(-1.0, 1.0) - 0.682_689_492).abs() < 1e-9);
        assert!((mass(8.0, 9.0) / 6.2209e-16 - 1.0).abs() < 1e-3);
        assert!((mass(8.0, 9.0) - mass(-9.0, -8.0)).abs() < 1e-25);
    }
}

//! A landscape made into a tuning problem: mixed kinds, noise and crashes.

use optiformer::space::{Configuration, Parameter, Space};
use rand::{RngExt, SeedableRng};

use super::{
    Family, Landscape,
    integrity::Survey,
    optimum::Optimum,
    random::{self, Generator, log_uniform, normal},
};
use crate::dataset::shard::Kind;

/// How functions are drawn.
#[derive(Clone, Debug)]
pub struct FunctionOptions {
    /// The most parameters a function may have.
    pub most_dimensions: usize,
    /// Share of functions whose parameters are all continuous.
    pub continuous: f64,
    /// Share of functions whose observations are noisy.
    pub noisy: f64,
    /// Share of functions with a region in which trials crash.
    pub crashing: f64,
}

impl Default for FunctionOptions {
    fn default() -> Self {
        Self { most_dimensions: 20, continuous: 0.3, noisy: 0.4, crashing: 0.1 }
    }
}

/// The most parameters a function can be drawn with.
pub const MOST_DIMENSIONS: usize = 20;
/// How often a function has 1, 2, … 20 parameters: mostly two to eight.
const DIMENSIONS: [f64; MOST_DIMENSIONS] = [
    6.0, 15.0, 15.0, 14.0, 12.0, 10.0, 8.0, 7.0, 2.4, 2.0, 1.6, 1.4, 1.0, 0.9, 0.8, 0.7, 0.6, 0.6,
    0.5, 0.5,
];
/// How often a parameter of a mixed function is continuous, an int, a float with a step, or categorical. With the functions
/// that are all continuous, about 60 % of all parameters are.
const KINDS: [f64; 4] = [0.43, 0.25, 0.1, 0.22];

/// A problem over parameters of several kinds.
///
/// Points are given as *values*: one number per parameter, the coordinate in `[0, 1]` of a continuous one, the
/// number of the level or choice otherwise.
pub struct Function {
    /// The kind of each parameter.
    pub kinds: Vec<Kind>,
    /// The parameters as a space: a float in `[0, 1]`, an int from 0, or a categorical for each kind.
    pub space: Space,
    /// Where the landscape comes from.
    pub family: Family,
    landscape: Box<dyn Landscape>,
    /// For each choice of each categorical, its place along the axis.
    places: Vec<Vec<f64>>,
    noise: Noise,
    crash: Option<Crash>,
}

/// A function that passed the integrity check, and what is known of it.
pub struct Drawn {
    /// The function.
    pub function: Function,
    /// Its values at uniform points.
    pub survey: Survey,
    /// The best point that a search found.
    pub optimum: Optimum,
    /// Where the randomness goes on.
    pub generator: Generator,
}

/// Normal noise whose deviation may depend on one coordinate.
#[derive(Clone, Copy, Debug, Default)]
struct Noise {
    deviation: f64,
    /// A coordinate, and how many times `e` the deviation grows along it.
    slope: Option<(usize, f64)>,
}

/// Where trials fail, in the landscape's coordinates.
#[derive(Clone, Debug)]
enum Crash {
    /// A ball.
    Ball { middle: Vec<f64>, radius: f64 },
    /// What lies beyond a plane.
    Beyond { normal: Vec<f64>, offset: f64 },
}

/// The space over parameters of these kinds.
///
/// # Panics
///
/// When there are no kinds, or one of fewer than two levels or of no choices.
pub fn space(kinds: &[Kind]) -> Space {
    let parameters = kinds.iter().enumerate().map(|(index, kind)| {
        let name = format!("x{index}");
        match *kind {
            Kind::Continuous => Parameter::float(name, 0.0, 1.0),
            Kind::Levels(levels) => Parameter::int(name, 0, i64::from(levels) - 1),
            Kind::Categorical(choices) => Parameter::categorical(name, (0..choices).map(f64::from)),
        }
    });
    Space::new(parameters.collect()).expect("kinds have levels and choices")
}

impl Function {
    /// The function number `index` of a seed. Functions that fail the [integrity check](super::integrity) are drawn again.
    pub fn draw(options: &FunctionOptions, seed: u64, index: u64) -> Drawn {
        let mut generator = Generator::seed_from_u64(
            seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ index.wrapping_mul(0xD1B5_4A32_D192_ED03),
        );
        loop {
            let mut function = Self::draw_once(options, &mut generator);
            let survey = Survey::of(&function, &mut generator);
            if survey.verdict().is_err() {
                continue;
            }
            let Some(optimum) = Optimum::search(&function, &survey, &mut generator) else {
                continue;
            };
            if survey.resolves(optimum.loss).is_err() {
                continue;
            }
            if generator.random_bool(options.noisy) {
                let slope = generator.random_bool(0.25).then(|| {
                    (generator.random_range(0..function.kinds.len()), 1.5 * normal(&mut generator))
                });
                let deviation = survey.spread() * log_uniform(0.001, 0.1, &mut generator);
                function.noise = Noise { deviation, slope };
            }
            return Drawn { function, survey, optimum, generator };
        }
    }

    fn draw_once(options: &FunctionOptions, generator: &mut Generator) -> Self {
        let most = options.most_dimensions.clamp(1, MOST_DIMENSIONS);
        let dimensions = 1 + random::weighted(&DIMENSIONS[..most], generator);
        let continuous = generator.random_bool(options.continuous);
        let kinds: Vec<Kind> = (0..dimensions)
            .map(|_| match if continuous { 0 } else { random::weighted(&KINDS, generator) } {
                0 => Kind::Continuous,
                1 => Kind::Levels(log_uniform(2.0, 101.0, generator) as u16),
                2 => Kind::Levels(generator.random_range(3..=21)),
                _ => Kind::Categorical(generator.random_range(2..=12)),
            })
            .collect();
        let landscape = |generator: &mut Generator| {
            let family = Family::any(generator);
            (family, family.draw(dimensions, generator))
        };
        let (family, landscape) = landscape(generator);
        let mut function = Self::over(kinds, family, landscape, generator);
        if generator.random_bool(options.crashing) {
            function.crash = Some(Crash::draw(dimensions, generator));
        }
        function
    }

    /// A landscape under parameters of these kinds (one per dimension), without noise or crashes. Each choice of a
    /// categorical gets a random place along its axis.
    pub fn over(
        kinds: Vec<Kind>,
        family: Family,
        landscape: Box<dyn Landscape>,
        generator: &mut Generator,
    ) -> Self {
        debug_assert_eq!(kinds.len(), landscape.dimensions());
        let places = kinds
            .iter()
            .map(|kind| match kind {
                Kind::Categorical(choices) => random::point(usize::from(*choices), generator),
                _ => Vec::new(),
            })
            .collect();
        let space = space(&kinds);
        Self { kinds, space, family, landscape, places, noise: Noise::default(), crash: None }
    }

    /// The values of a configuration of [`space`](Self::space).
    pub fn values(&self, configuration: &Configuration) -> Vec<f64> {
        (0..self.kinds.len()).map(|index| configuration.get(index).unwrap_or(0.0)).collect()
    }

    /// The inverse of [`values`](Self::values).
    pub fn configuration(&self, values: &[f64]) -> Configuration {
        Configuration::new(values.iter().copied().map(Some).collect())
    }

    /// Where values lie in the landscape's cube.
    fn place(&self, values: &[f64], unit: &mut [f64]) {
        for (index, (kind, value)) in self.kinds.iter().zip(values).enumerate() {
            unit[index] = match kind {
                Kind::Continuous => *value,
                // The outermost levels lie on the bounds, as a user's do.
                Kind::Levels(levels) => value / (f64::from(*levels) - 1.0),
                Kind::Categorical(_) => self.places[index][*value as usize],
            };
        }
    }

    /// The legal values nearest to a place in the landscape's cube.
    fn nearest(&self, unit: &[f64]) -> Vec<f64> {
        let of_one = |(index, kind): (usize, &Kind)| match kind {
            Kind::Continuous => unit[index].clamp(0.0, 1.0),
            Kind::Levels(levels) => {
                (unit[index].clamp(0.0, 1.0) * (f64::from(*levels) - 1.0)).round()
            }
            Kind::Categorical(_) => {
                let distance = |place: &f64| (place - unit[index]).abs();
                let places = self.places[index].iter().enumerate();
                places
                    .min_by(|one, other| distance(one.1).total_cmp(&distance(other.1)))
                    .map_or(0.0, |(choice, _)| choice as f64)
            }
        };
        self.kinds.iter().enumerate().map(of_one).collect()
    }

    /// Legal values where the landscape is known or likely to be low.
    pub fn hints(&self) -> Vec<Vec<f64>> {
        self.landscape.hints().iter().map(|unit| self.nearest(unit)).collect()
    }

    /// The noiseless value; `None` where trials crash.
    pub fn evaluate(&self, values: &[f64]) -> Option<f64> {
        self.with_unit(values, |unit| {
            if self.crash.as_ref().is_some_and(|crash| crash.holds(unit)) {
                return None;
            }
            Some(self.landscape.evaluate(unit))
        })
    }

    /// The value as a trial observes it.
    pub fn observe(&self, values: &[f64], generator: &mut Generator) -> Option<f64> {
        let value = self.evaluate(values)?;
        if self.noise.deviation == 0.0 {
            return Some(value);
        }
        let slope = self.noise.slope.map_or(0.0, |(index, slope)| {
            self.with_unit(values, |unit| slope * (unit[index] - 0.5))
        });
        Some(value + self.noise.deviation * slope.exp() * normal(generator))
    }

    /// Whether observations are noisy.
    pub fn is_noisy(&self) -> bool {
        self.noise.deviation > 0.0
    }

    fn with_unit<T>(&self, values: &[f64], look: impl FnOnce(&[f64]) -> T) -> T {
        // On the stack: this is called some thousand times per function.
        let mut unit = [0.0; MOST_DIMENSIONS];
        match unit.get_mut(..values.len()) {
            Some(unit) => {
                self.place(values, unit);
                look(unit)
            }
            None => {
                let mut unit = vec![0.0; values.len()];
                self.place(values, &mut unit);
                look(&unit)
            }
        }
    }

    /// Values drawn uniformly.
    pub fn uniform(&self, generator: &mut Generator) -> Vec<f64> {
        self.kinds
            .iter()
            .map(|kind| match *kind {
                Kind::Continuous => generator.random(),
                Kind::Levels(count) | Kind::Categorical(count) => {
                    f64::from(generator.random_range(0..count))
                }
            })
            .collect()
    }

    /// Values near others: one to all parameters moved, by normal steps of `scale`; what leaves the cube stops at its
    /// surface. At least one value of a discrete parameter changes when only such are moved.
    pub fn near(&self, values: &[f64], scale: f64, generator: &mut Generator) -> Vec<f64> {
        let dimensions = self.kinds.len();
        let mut moved = values.to_vec();
        for _ in 0..generator.random_range(1..=dimensions) {
            let index = generator.random_range(0..dimensions);
            let value = moved[index];
            moved[index] = match self.kinds[index] {
                Kind::Continuous => (value + scale * normal(generator)).clamp(0.0, 1.0),
                Kind::Levels(levels) => {
                    let most = f64::from(levels) - 1.0;
                    let step = scale * most * normal(generator);
                    // Less than a level is a level.
                    let step = step.abs().max(1.0).round().copysign(step);
                    (value + step).clamp(0.0, most)
                }
                Kind::Categorical(choices) => f64::from(generator.random_range(0..choices)),
            };
        }
        moved
    }

    /// What it is, for people.
    pub fn description(&self) -> String {
        let mut text = self.landscape.description();
        if self.is_noisy() {
            text.push_str(if self.noise.slope.is_some() { ", uneven noise" } else { ", noise" });
        }
        match self.crash {
            Some(Crash::Ball { .. }) => text.push_str(", crashes in a ball"),
            Some(Crash::Beyond { .. }) => text.push_str(", crashes beyond a plane"),
            None => {}
        }
        text
    }
}

impl Crash {
    /// A region that takes up to a third of the cube.
    fn draw(dimensions: usize, generator: &mut Generator) -> Self {
        let share = generator.random_range(0.03..0.35);
        let probes: Vec<Vec<f64>> = (0..64).map(|_| random::point(dimensions, generator)).collect();
        let quantile = |mut distances: Vec<f64>, share: f64| {
            distances.sort_unstable_by(f64::total_cmp);
            distances[(share * distances.len() as f64) as usize]
        };
        if generator.random_bool(0.5) {
            let middle = random::point(dimensions, generator);
            let distances = probes.iter().map(|point| distance(point, &middle)).collect();
            Self::Ball { radius: quantile(distances, share), middle }
        } else {
            // Few parameters decide, as a step size alone makes training diverge.
            let deciding = generator.random_range(0.3..1.0);
            let mut normal: Vec<f64> = (0..dimensions)
                .map(|_| if generator.random_bool(deciding) { normal(generator) } else { 0.0 })
                .collect();
            normal[generator.random_range(0..dimensions)] = 1.0;
            let heights = probes.iter().map(|point| along(point, &normal)).collect();
            Self::Beyond { offset: quantile(heights, 1.0 - share), normal }
        }
    }

    fn holds(&self, unit: &[f64]) -> bool {
        match self {
            Self::Ball { middle, radius } => distance(unit, middle) < *radius,
            Self::Beyond { normal, offset } => along(unit, normal) > *offset,
        }
    }
}

fn distance(one: &[f64], other: &[f64]) -> f64 {
    one.iter().zip(other).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
}

fn along(point: &[f64], direction: &[f64]) -> f64 {
    point.iter().zip(direction).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(count: u64) -> impl Iterator<Item = Drawn> {
        (0..count).map(|index| Function::draw(&FunctionOptions::default(), 7, index))
    }

    #[test]
    fn whatever_is_drawn_is_legal() {
        for Drawn { function, mut generator, .. } in drawn(60) {
            for _ in 0..20 {
                let uniform = function.uniform(&mut generator);
                function.space.validate(&function.configuration(&uniform)).unwrap();
                let near = function.near(&uniform, 0.5, &mut generator);
                let configuration = function.configuration(&near);
                function.space.validate(&configuration).unwrap();
                assert_eq!(function.values(&configuration), near);
                assert!(function.evaluate(&near).is_none_or(f64::is_finite));
            }
        }
    }

    #[test]
    fn the_mixture_is_what_it_says() {
        let (mut parameters, mut continuous, mut noisy, mut crashing) = (0, 0, 0, 0);
        let mut families = std::collections::BTreeMap::new();
        for Drawn { function, .. } in drawn(600) {
            parameters += function.kinds.len();
            continuous += function.kinds.iter().filter(|kind| **kind == Kind::Continuous).count();
            noisy += usize::from(function.is_noisy());
            crashing += usize::from(function.crash.is_some());
            *families.entry(function.family).or_insert(0) += 1;
        }
        // Three standard deviations of a share of 600 are at most 6 %; the integrity check shifts shares a little.
        let share = |count: usize, of: usize| count as f64 / of as f64;
        assert!((share(continuous, parameters) - 0.6).abs() < 0.07);
        assert!((share(noisy, 600) - 0.4).abs() < 0.07);
        assert!((share(crashing, 600) - 0.1).abs() < 0.05);
        assert_eq!(families.len(), Family::ALL.len());
        assert!(families.values().all(|count| *count > 40), "{families:?}");
    }

    #[test]
    fn noise_has_the_deviation_it_says_and_crashes_have_no_value() {
        let mut noisy = 0;
        let mut crashed = 0;
        for Drawn { function, mut generator, survey, .. } in drawn(240) {
            let values = function.uniform(&mut generator);
            let Some(exact) = function.evaluate(&values) else {
                crashed += 1;
                assert_eq!(function.observe(&values, &mut generator), None);
                continue;
            };
            let mut observe = || function.observe(&values, &mut generator).unwrap();
            if !function.is_noisy() {
                assert_eq!(observe(), exact);
                continue;
            }
            let squares: f64 = (0..2000).map(|_| (observe() - exact).powi(2)).sum();
            let expected = function.noise.deviation.powi(2);
            assert!(function.noise.deviation <= 0.1 * survey.spread());
            if function.noise.slope.is_none() {
                noisy += 1;
                assert!((squares / 2000.0 / expected - 1.0).abs() < 0.2);
            }
        }
        assert!(noisy > 10 && crashed > 0, "{noisy} {crashed}");
    }
}

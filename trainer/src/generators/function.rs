//! A landscape made into a tuning problem: mixed kinds, noise, crashes, and a known optimum.

use optiformer::space::{Configuration, Parameter, Space};
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::{
    Family, Landscape,
    random::{log_uniform, normal},
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
        Self { most_dimensions: 8, continuous: 0.5, noisy: 0.3, crashing: 0.08 }
    }
}

/// How many points the integrity check looks at.
const CHECKED: usize = 64;
/// Fewer different values than this, of [`CHECKED`], and the function is all but constant.
const FEWEST_VALUES: usize = 6;
/// Points of the search for the optimum: uniform ones, then steps from the best.
const SEARCHED: usize = 256;
const REFINED: usize = 400;

/// A problem of known optimum.
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
    noise: f64,
    crash: Option<Crash>,
}

/// A ball in the unit cube where trials fail.
struct Crash {
    middle: Vec<f64>,
    radius: f64,
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
    /// The function number `index` of a seed. Functions that fail the integrity check are drawn again.
    pub fn draw(options: &FunctionOptions, seed: u64, index: u64) -> (Self, Xoshiro256PlusPlus) {
        let mut generator = Xoshiro256PlusPlus::seed_from_u64(
            seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ index.wrapping_mul(0xD1B5_4A32_D192_ED03),
        );
        loop {
            let mut function = Self::draw_once(options, &mut generator);
            if let Some(spread) = function.spread(&mut generator) {
                if generator.random_bool(options.noisy) {
                    function.noise = spread * log_uniform(0.003, 0.2, &mut generator);
                }
                return (function, generator);
            }
        }
    }

    fn draw_once(options: &FunctionOptions, generator: &mut Xoshiro256PlusPlus) -> Self {
        // Weighted to two to six parameters.
        const WEIGHTS: [u32; 8] = [6, 18, 18, 18, 14, 12, 7, 7];
        let weights = &WEIGHTS[..options.most_dimensions.clamp(1, 8)];
        let mut place = generator.random_range(0..weights.iter().sum::<u32>());
        let dimensions = 1 + weights
            .iter()
            .position(|weight| {
                let here = place < *weight;
                place = place.saturating_sub(*weight);
                here
            })
            .unwrap_or(0);
        let continuous = generator.random_bool(options.continuous);
        let kinds: Vec<Kind> = (0..dimensions)
            .map(|_| match generator.random_range(0..10) {
                _ if continuous => Kind::Continuous,
                0..4 => Kind::Continuous,
                4..7 => Kind::Levels(log_uniform(2.0, 101.0, generator) as u16),
                _ => Kind::Categorical(generator.random_range(2..=8)),
            })
            .collect();
        let places = kinds
            .iter()
            .map(|kind| match kind {
                Kind::Categorical(choices) => (0..*choices).map(|_| generator.random()).collect(),
                _ => Vec::new(),
            })
            .collect();
        let family = if generator.random_bool(0.75) { Family::GpPrior } else { Family::Symbolic };
        let crash = generator.random_bool(options.crashing).then(|| Crash {
            middle: (0..dimensions).map(|_| generator.random()).collect(),
            radius: generator.random_range(0.1..0.5) * (dimensions as f64).sqrt(),
        });
        Self {
            space: space(&kinds),
            landscape: family.draw(dimensions, generator),
            kinds,
            family,
            places,
            noise: 0.0,
            crash,
        }
    }

    /// The interquartile range of the values; `None` when the function is constant, nearly so, or not finite.
    fn spread(&self, generator: &mut Xoshiro256PlusPlus) -> Option<f64> {
        let mut values: Vec<f64> =
            (0..CHECKED).filter_map(|_| self.evaluate(&self.uniform(generator))).collect();
        if values.len() < CHECKED / 4 || values.iter().any(|value| !value.is_finite()) {
            return None;
        }
        values.sort_unstable_by(f64::total_cmp);
        let (low, high) = (values[0], values[values.len() - 1]);
        let spread = values[values.len() * 3 / 4] - values[values.len() / 4];
        let different = 1 + values.windows(2).filter(|pair| pair[0] != pair[1]).count();
        let size =
            self.space.enumerate(2 * FEWEST_VALUES).map_or(FEWEST_VALUES, |all| all.len() / 2);
        let enough = different >= FEWEST_VALUES.min(size.max(2));
        let magnitude = low.abs().max(high.abs());
        // A single-precision loss must still tell the values apart.
        let resolved = high - low > 1e-4 * magnitude && magnitude < 1e12;
        (enough && resolved).then_some(spread.max(1e-3 * (high - low)))
    }

    /// The noiseless value; `None` where trials crash.
    pub fn evaluate(&self, configuration: &Configuration) -> Option<f64> {
        let unit: Vec<f64> = self
            .kinds
            .iter()
            .enumerate()
            .map(|(index, kind)| {
                let value = configuration.get(index).unwrap_or(0.0);
                match kind {
                    Kind::Continuous => value,
                    // The outermost levels lie on the bounds, as a user's do.
                    Kind::Levels(levels) => value / (f64::from(*levels) - 1.0),
                    Kind::Categorical(_) => self.places[index][value as usize],
                }
            })
            .collect();
        if let Some(crash) = &self.crash {
            let square: f64 =
                unit.iter().zip(&crash.middle).map(|(x, middle)| (x - middle).powi(2)).sum();
            if square.sqrt() < crash.radius {
                return None;
            }
        }
        Some(self.landscape.evaluate(&unit))
    }

    /// The value as a trial observes it.
    pub fn observe(
        &self,
        configuration: &Configuration,
        generator: &mut Xoshiro256PlusPlus,
    ) -> Option<f64> {
        let noise = if self.noise > 0.0 { self.noise * normal(generator) } else { 0.0 };
        self.evaluate(configuration).map(|value| value + noise)
    }

    /// A configuration drawn uniformly.
    pub fn uniform(&self, generator: &mut Xoshiro256PlusPlus) -> Configuration {
        let unit: Vec<f64> = self.kinds.iter().map(|_| generator.random()).collect();
        self.space.from_unit(&unit)
    }

    /// A configuration near another: up to all parameters moved, by normal steps of `scale`; what leaves the cube stops at its
    /// surface.
    pub fn near(
        &self,
        configuration: &Configuration,
        scale: f64,
        generator: &mut Xoshiro256PlusPlus,
    ) -> Configuration {
        let dimensions = self.kinds.len();
        let mut values = configuration.values().to_vec();
        let moved = generator.random_range(1..=dimensions);
        for _ in 0..moved {
            let index = generator.random_range(0..dimensions);
            let value = values[index].unwrap_or(0.0);
            values[index] = Some(match self.kinds[index] {
                Kind::Continuous => (value + scale * normal(generator)).clamp(0.0, 1.0),
                Kind::Levels(levels) => {
                    let most = f64::from(levels) - 1.0;
                    let step = (normal(generator) * (scale * most).max(0.7)).round();
                    (value + step).clamp(0.0, most)
                }
                Kind::Categorical(choices) => f64::from(generator.random_range(0..choices)),
            });
        }
        Configuration::new(values)
    }

    /// The best configuration that a search of some 650 evaluations finds beyond `tried`, and its noiseless value: uniform
    /// points, then steps that shrink from the best.
    pub fn optimum<'a>(
        &self,
        tried: impl Iterator<Item = &'a Configuration>,
        generator: &mut Xoshiro256PlusPlus,
    ) -> (Configuration, f64) {
        let mut best = (self.uniform(generator), f64::INFINITY);
        let mut consider = |candidate: Configuration, best: &mut (Configuration, f64)| {
            if let Some(value) = self.evaluate(&candidate)
                && value < best.1
            {
                *best = (candidate, value);
            }
        };
        for configuration in tried {
            consider(configuration.clone(), &mut best);
        }
        for _ in 0..SEARCHED {
            consider(self.uniform(generator), &mut best);
        }
        for step in 0..REFINED {
            // From a third of the side to a three-thousandth.
            let scale = 0.3 * 1e-3_f64.powf(step as f64 / REFINED as f64);
            consider(self.near(&best.0, scale, generator), &mut best);
        }
        best
    }

    /// What it is, for people.
    pub fn description(&self) -> String {
        self.landscape.description()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Constant;

    impl Landscape for Constant {
        fn evaluate(&self, _: &[f64]) -> f64 {
            3.0
        }

        fn description(&self) -> String {
            String::from("constant")
        }
    }

    #[test]
    fn constant_functions_are_thrown_out() {
        let mut generator = Xoshiro256PlusPlus::seed_from_u64(1);
        let kinds = vec![Kind::Continuous, Kind::Levels(5)];
        let function = Function {
            space: space(&kinds),
            places: vec![Vec::new(); 2],
            kinds,
            family: Family::Symbolic,
            landscape: Box::new(Constant),
            noise: 0.0,
            crash: None,
        };
        assert_eq!(function.spread(&mut generator), None);
    }

    #[test]
    fn the_optimum_is_at_least_as_good_as_anything_tried() {
        for index in 0..60 {
            let (function, mut generator) = Function::draw(&FunctionOptions::default(), 7, index);
            let tried: Vec<Configuration> =
                (0..40).map(|_| function.uniform(&mut generator)).collect();
            let (best, value) = function.optimum(tried.iter(), &mut generator);
            function.space.validate(&best).unwrap();
            assert_eq!(function.evaluate(&best), Some(value));
            for configuration in &tried {
                function.space.validate(configuration).unwrap();
                assert!(function.evaluate(configuration).is_none_or(|other| value <= other));
            }
            let near = function.near(&best, 0.1, &mut generator);
            function.space.validate(&near).unwrap();
        }
    }
}

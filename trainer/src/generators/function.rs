//! A landscape made into a tuning problem: mixed kinds, noise and crashes.

use optiformer::space::{Configuration, Space};
use rand::{RngExt, SeedableRng};

use super::{
    Family, Landscape,
    crash::Crash,
    integrity::Survey,
    noise::Noise,
    optimum::Optimum,
    random::{self, Generator, normal},
    structure::Structure,
    switch::Switched,
};
use crate::dataset::kind::{Kind, space};

/// How functions are drawn.
#[derive(Clone, Debug)]
pub struct FunctionOptions {
    /// The most parameters a function may have.
    pub most_dimensions: usize,
    /// Share of functions whose parameters are all continuous.
    pub continuous: f64,
    /// Share of mixed functions of two parameters or more in which some parameters are active only
    /// for some values of another.
    pub conditional: f64,
    /// Share of the other mixed functions of two parameters or more in which a categorical
    /// parameter chooses the landscape.
    pub switched: f64,
    /// Share of functions whose observations are noisy.
    pub noisy: f64,
    /// Share of functions with a region in which trials crash.
    pub crashing: f64,
}

impl Default for FunctionOptions {
    fn default() -> Self {
        Self {
            most_dimensions: 20,
            continuous: 0.3,
            conditional: 0.25,
            switched: 0.12,
            noisy: 0.4,
            crashing: 0.1,
        }
    }
}

/// The most parameters a function can be drawn with.
pub const MOST_DIMENSIONS: usize = 20;
/// A problem over parameters of several kinds.
///
/// Points are given as *values*: one number per parameter, as [`Kind`] says; what an inactive
/// parameter's is does not matter.
pub struct Function {
    /// The kinds of the parameters, and when they are active.
    pub structure: Structure,
    /// The parameters as a space.
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

impl Function {
    /// The function number `index` of a seed. Functions that fail the [integrity
    /// check](super::integrity) are drawn again.
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
                let dimensions = function.structure.kinds.len();
                function.noise = Noise::draw(survey.spread(), dimensions, &mut generator);
            }
            return Drawn { function, survey, optimum, generator };
        }
    }

    fn draw_once(options: &FunctionOptions, generator: &mut Generator) -> Self {
        let structure = Structure::draw(options, generator);
        let dimensions = structure.kinds.len();
        let family = Family::any(generator);
        let landscape: Box<dyn Landscape> = match structure.switch {
            Some(switch) => Box::new(Switched::draw(&structure, switch, family, generator)),
            None => family.draw(dimensions, generator),
        };
        let mut function = Self::over(structure, family, landscape, generator);
        if generator.random_bool(options.crashing) {
            function.crash = Some(Crash::draw(dimensions, generator));
        }
        function
    }

    /// A landscape under parameters of this structure (one per dimension), without noise or
    /// crashes. Each choice of a categorical gets a random place along its axis; those of the
    /// switch are spread evenly, as its landscapes are.
    pub fn over(
        structure: Structure,
        family: Family,
        landscape: Box<dyn Landscape>,
        generator: &mut Generator,
    ) -> Self {
        debug_assert_eq!(structure.kinds.len(), landscape.dimensions());
        let kinds = structure.kinds.iter().enumerate();
        let places = kinds
            .map(|(index, kind)| match *kind {
                Kind::Categorical(choices) if structure.switch == Some(index) => (0..choices)
                    .map(|choice| (f64::from(choice) + 0.5) / f64::from(choices))
                    .collect(),
                Kind::Categorical(choices) => random::point(usize::from(choices), generator),
                _ => Vec::new(),
            })
            .collect();
        let space = space(&structure.kinds, &structure.activations);
        Self { structure, space, family, landscape, places, noise: Noise::default(), crash: None }
    }

    /// The values of a configuration of [`space`](Self::space).
    pub fn values(&self, configuration: &Configuration) -> Vec<f64> {
        let value = |(index, kind): (usize, &Kind)| match configuration.get(index) {
            Some(number) => kind.value_of_configured(number),
            None => self.structure.resting(index),
        };
        self.structure.kinds.iter().enumerate().map(value).collect()
    }

    /// The inverse of [`values`](Self::values).
    pub fn configuration(&self, values: &[f64]) -> Configuration {
        let active = self.structure.active(values);
        let kinds = self.structure.kinds.iter().zip(values).zip(active);
        let numbers = kinds.map(|((kind, value), active)| active.then(|| kind.configured(*value)));
        Configuration::new(numbers.collect())
    }

    /// Where values lie in the landscape's cube. An inactive parameter lies in the middle, wherever
    /// it is.
    fn place(&self, values: &[f64], unit: &mut [f64]) {
        for (index, (kind, value)) in self.structure.kinds.iter().zip(values).enumerate() {
            unit[index] = match kind {
                Kind::Categorical(_) => self.places[index][*value as usize],
                kind => kind.place(*value),
            };
        }
        if self.structure.is_conditional() {
            for (place, active) in unit.iter_mut().zip(self.structure.active(values)) {
                if !active {
                    *place = 0.5;
                }
            }
        }
    }

    /// The legal values nearest to a place in the landscape's cube.
    fn nearest(&self, unit: &[f64]) -> Vec<f64> {
        let of_one = |(index, kind): (usize, &Kind)| match kind {
            Kind::Categorical(_) => {
                let distance = |place: &f64| (place - unit[index]).abs();
                let places = self.places[index].iter().enumerate();
                places
                    .min_by(|one, other| distance(one.1).total_cmp(&distance(other.1)))
                    .map_or(0.0, |(choice, _)| choice as f64)
            }
            kind => kind.nearest(unit[index]),
        };
        let mut values: Vec<f64> = self.structure.kinds.iter().enumerate().map(of_one).collect();
        self.rest(&mut values);
        values
    }

    /// Gives inactive parameters the value that they all have, so that the same configuration has
    /// the same values.
    fn rest(&self, values: &mut [f64]) {
        if self.structure.is_conditional() {
            for (index, active) in self.structure.active(values).into_iter().enumerate() {
                if !active {
                    values[index] = self.structure.resting(index);
                }
            }
        }
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
        Some(value + self.with_unit(values, |unit| self.noise.sample(unit, generator)))
    }

    /// Whether all parameters are continuous.
    pub fn is_continuous(&self) -> bool {
        self.structure.kinds.iter().all(|kind| *kind == Kind::Continuous)
    }

    /// Whether observations are noisy.
    pub fn is_noisy(&self) -> bool {
        self.noise.deviation > 0.0
    }

    /// Whether now and then an observation is far off.
    pub fn is_heavy_tailed(&self) -> bool {
        self.is_noisy() && self.noise.heavy
    }

    /// Whether there is a region in which trials fail.
    pub fn crashes(&self) -> bool {
        self.crash.is_some()
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

    /// One value of a parameter, uniformly between its bounds (in the logarithm, where its levels
    /// are so spaced).
    pub fn uniform_value(&self, index: usize, generator: &mut Generator) -> f64 {
        match self.structure.kinds[index] {
            Kind::Continuous => generator.random(),
            Kind::Levels(count) | Kind::Categorical(count) => {
                f64::from(generator.random_range(0..count))
            }
            kind @ Kind::LogLevels(_) => kind.value_of_coordinate(generator.random()),
        }
    }

    /// Values drawn uniformly.
    pub fn uniform(&self, generator: &mut Generator) -> Vec<f64> {
        let mut values: Vec<f64> = (0..self.structure.kinds.len())
            .map(|index| self.uniform_value(index, generator))
            .collect();
        self.rest(&mut values);
        values
    }

    /// Values near others: one to all parameters moved, by normal steps of `scale`; what leaves the
    /// cube stops at its surface. At least one value of a discrete parameter changes when only such
    /// are moved. What becomes active by it is drawn uniformly.
    pub fn near(&self, values: &[f64], scale: f64, generator: &mut Generator) -> Vec<f64> {
        let dimensions = values.len();
        let mut moved = values.to_vec();
        for _ in 0..generator.random_range(1..=dimensions) {
            let index = generator.random_range(0..dimensions);
            let kind = self.structure.kinds[index];
            moved[index] = if kind.is_categorical() {
                self.uniform_value(index, generator)
            } else {
                kind.moved(moved[index], scale * normal(generator))
            };
        }
        self.wake(values, &mut moved, generator);
        moved
    }

    /// Draws what is active at `values` but was not at `before` uniformly, and lets rest what is
    /// not active.
    pub fn wake(&self, before: &[f64], values: &mut [f64], generator: &mut Generator) {
        if !self.structure.is_conditional() {
            return;
        }
        let was = self.structure.active(before);
        for (index, was) in was.into_iter().enumerate() {
            // Parents come first, so a drawn one decides about those that follow.
            if !was && self.structure.active(values)[index] {
                values[index] = self.uniform_value(index, generator);
            }
        }
        self.rest(values);
    }

    /// What it is, for people.
    pub fn description(&self) -> String {
        let mut text = self.landscape.description();
        text.push_str(self.noise.description());
        if self.structure.is_conditional() {
            text.push_str(", conditions");
        }
        match self.crash {
            Some(Crash::Ball { .. }) => text.push_str(", crashes in a ball"),
            Some(Crash::Beyond { .. }) => text.push_str(", crashes beyond a plane"),
            None => {}
        }
        text
    }
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
            parameters += function.structure.kinds.len();
            continuous +=
                function.structure.kinds.iter().filter(|kind| **kind == Kind::Continuous).count();
            noisy += usize::from(function.is_noisy());
            crashing += usize::from(function.crash.is_some());
            *families.entry(function.family).or_insert(0) += 1;
        }
        // Three standard deviations of a share of 600 are at most 6 %; the integrity check shifts
        // shares a little.
        let share = |count: usize, of: usize| count as f64 / of as f64;
        assert!((share(continuous, parameters) - 0.55).abs() < 0.07);
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
            if function.noise.slope.is_none() && !function.noise.heavy {
                noisy += 1;
                assert!((squares / 2000.0 / expected - 1.0).abs() < 0.2);
            }
        }
        assert!(noisy > 10 && crashed > 0, "{noisy} {crashed}");
    }
}

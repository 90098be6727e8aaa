//! A landscape made into a tuning problem: mixed kinds, noise and crashes.

use optiformer::space::{Configuration, Space};
use rand::RngExt;

use super::{
    Landscape, MAX_DIMENSIONS, failure_region::FailureRegion, noise::Noise, structure::Structure,
};
use crate::{
    problem::{FunctionFamily, ParameterKind, space},
    random::{self, SeededRng, normal},
};

/// A problem over parameters of several kinds.
///
/// Points are given as *values*: one number per parameter, as [`ParameterKind`] says; what an
/// inactive parameter's is does not matter.
pub struct Function {
    /// The kinds of the parameters, and when they are active.
    pub structure: Structure,
    /// The parameters as a space.
    pub space: Space,
    /// Where the landscape comes from.
    pub family: FunctionFamily,
    landscape: Box<dyn Landscape>,
    /// For each choice of each categorical, its place along the axis.
    places: Vec<Vec<f64>>,
    noise: Noise,
    failure_region: Option<FailureRegion>,
}

impl Function {
    /// A landscape under parameters of this structure (one per dimension), without noise or
    /// crashes. Each choice of a categorical gets a random place along its axis; those of the
    /// switch are spread evenly, as its landscapes are.
    pub fn over(
        structure: Structure,
        family: FunctionFamily,
        landscape: Box<dyn Landscape>,
        rng: &mut SeededRng,
    ) -> Self {
        debug_assert_eq!(structure.kinds.len(), landscape.dimensions());
        let kinds = structure.kinds.iter().enumerate();
        let places = kinds
            .map(|(index, kind)| match *kind {
                ParameterKind::Categorical(choices) if structure.switch == Some(index) => (0
                    ..choices)
                    .map(|choice| (f64::from(choice) + 0.5) / f64::from(choices))
                    .collect(),
                ParameterKind::Categorical(choices) => random::point(usize::from(choices), rng),
                _ => Vec::new(),
            })
            .collect();
        let space = space(&structure.kinds, &structure.activations);
        Self {
            structure,
            space,
            family,
            landscape,
            places,
            noise: Noise::default(),
            failure_region: None,
        }
    }

    /// The same function with the choices of every categorical spread evenly along its axis, in
    /// their order, so that a landscape can tell which one a place is.
    pub fn with_even_choices(mut self) -> Self {
        for places in &mut self.places {
            let count = places.len() as f64;
            let even = places.iter_mut().enumerate();
            even.for_each(|(choice, place)| *place = (choice as f64 + 0.5) / count);
        }
        self
    }

    /// The same function with a region in which trials fail.
    pub(super) fn with_failure_region(self, region: FailureRegion) -> Self {
        Self { failure_region: Some(region), ..self }
    }

    /// The same function with noisy observations.
    pub(super) fn with_noise(self, noise: Noise) -> Self {
        Self { noise, ..self }
    }

    /// The values of a configuration of [`space`](Self::space).
    pub fn values(&self, configuration: &Configuration) -> Vec<f64> {
        let value = |(index, kind): (usize, &ParameterKind)| match configuration.get(index) {
            Some(number) => kind.value_of_configured(number),
            None => self.structure.inactive_value(index),
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
                ParameterKind::Categorical(_) => self.places[index][*value as usize],
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
        let of_one = |(index, kind): (usize, &ParameterKind)| match kind {
            ParameterKind::Categorical(_) => {
                let distance = |place: &f64| (place - unit[index]).abs();
                let places = self.places[index].iter().enumerate();
                places
                    .min_by(|one, other| distance(one.1).total_cmp(&distance(other.1)))
                    .map_or(0.0, |(choice, _)| choice as f64)
            }
            kind => kind.nearest(unit[index]),
        };
        let mut values: Vec<f64> = self.structure.kinds.iter().enumerate().map(of_one).collect();
        self.reset_inactive(&mut values);
        values
    }

    /// Gives inactive parameters the value that they all have, so that the same configuration has
    /// the same values.
    fn reset_inactive(&self, values: &mut [f64]) {
        if self.structure.is_conditional() {
            for (index, active) in self.structure.active(values).into_iter().enumerate() {
                if !active {
                    values[index] = self.structure.inactive_value(index);
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
            if self
                .failure_region
                .as_ref()
                .is_some_and(|failure_region| failure_region.contains(unit))
            {
                return None;
            }
            self.landscape.outcome(unit)
        })
    }

    /// The value as a trial observes it.
    pub fn observe(&self, values: &[f64], rng: &mut SeededRng) -> Option<f64> {
        let value = self.evaluate(values)?;
        if self.noise.deviation == 0.0 {
            return Some(value);
        }
        Some(value + self.with_unit(values, |unit| self.noise.sample(unit, rng)))
    }

    /// Whether all parameters are continuous.
    pub fn is_continuous(&self) -> bool {
        self.structure.kinds.iter().all(|kind| *kind == ParameterKind::Continuous)
    }

    /// Whether observations are noisy.
    pub fn is_noisy(&self) -> bool {
        self.noise.deviation > 0.0
    }

    /// Whether now and then an observation is far off.
    pub fn is_heavy_tailed(&self) -> bool {
        self.is_noisy() && self.noise.heavy
    }

    /// The noise, for tests.
    #[cfg(test)]
    pub(super) fn noise(&self) -> &Noise {
        &self.noise
    }

    /// Whether there is a region in which trials fail.
    pub fn has_failure_region(&self) -> bool {
        self.failure_region.is_some()
    }

    fn with_unit<T>(&self, values: &[f64], look: impl FnOnce(&[f64]) -> T) -> T {
        // On the stack: this is called some thousand times per function.
        let mut unit = [0.0; MAX_DIMENSIONS];
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
    pub fn uniform_value(&self, index: usize, rng: &mut SeededRng) -> f64 {
        match self.structure.kinds[index] {
            ParameterKind::Continuous => rng.random(),
            ParameterKind::Levels(count) | ParameterKind::Categorical(count) => {
                f64::from(rng.random_range(0..count))
            }
            kind @ ParameterKind::LogLevels(_) => kind.value_of_coordinate(rng.random()),
        }
    }

    /// Values drawn uniformly.
    pub fn uniform(&self, rng: &mut SeededRng) -> Vec<f64> {
        let mut values: Vec<f64> =
            (0..self.structure.kinds.len()).map(|index| self.uniform_value(index, rng)).collect();
        self.reset_inactive(&mut values);
        values
    }

    /// Values near others: one to all parameters moved, by normal steps of `scale`; what leaves the
    /// cube stops at its surface. At least one value of a discrete parameter changes when only such
    /// are moved. What becomes active by it is drawn uniformly.
    pub fn near(&self, values: &[f64], scale: f64, rng: &mut SeededRng) -> Vec<f64> {
        let dimensions = values.len();
        let mut moved = values.to_vec();
        for _ in 0..rng.random_range(1..=dimensions) {
            let index = rng.random_range(0..dimensions);
            let kind = self.structure.kinds[index];
            moved[index] = if kind.is_categorical() {
                self.uniform_value(index, rng)
            } else {
                kind.moved(moved[index], scale * normal(rng))
            };
        }
        self.resample_activated(values, &mut moved, rng);
        moved
    }

    /// Draws what is active at `values` but was not at `before` uniformly, and lets rest what is
    /// not active.
    pub fn resample_activated(&self, before: &[f64], values: &mut [f64], rng: &mut SeededRng) {
        if !self.structure.is_conditional() {
            return;
        }
        let was = self.structure.active(before);
        for (index, was) in was.into_iter().enumerate() {
            // Parents come first, so a drawn one decides about those that follow.
            if !was && self.structure.active(values)[index] {
                values[index] = self.uniform_value(index, rng);
            }
        }
        self.reset_inactive(values);
    }

    /// What it is, for people.
    pub fn description(&self) -> String {
        let mut text = self.landscape.description();
        text.push_str(self.noise.description());
        if self.structure.is_conditional() {
            text.push_str(", conditions");
        }
        match self.failure_region {
            Some(FailureRegion::Ball { .. }) => text.push_str(", crashes in a ball"),
            Some(FailureRegion::Beyond { .. }) => text.push_str(", crashes beyond a plane"),
            None => {}
        }
        text
    }
}

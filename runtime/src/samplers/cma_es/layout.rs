//! The coordinates of the search, and their map to configurations.

use alloc::vec::Vec;

use super::covariance::MAX_FULL;
use crate::space::{Configuration, Domain, Space};

/// Discrete parameters with more levels than this are treated as continuous.
const MAX_LEVELS: u64 = 1 << 20;

/// The cell of the unit interval that belongs to a discrete value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct LevelCell {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Whether a lower value exists.
    pub has_lower: bool,
    /// Whether a higher value exists.
    pub has_upper: bool,
}

/// A numerical parameter.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Coordinate {
    /// Index in the space.
    pub parameter: usize,
    /// Whether it has at most [`MAX_LEVELS`] levels.
    pub is_discrete: bool,
}

/// The numerical coordinates and the categorical parameters of a space.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Layout {
    /// The numerical parameters, one per coordinate of a search point.
    pub coordinates: Vec<Coordinate>,
    /// The categorical parameters: index in the space and number of choices.
    pub categorical: Vec<(usize, usize)>,
}

impl Layout {
    /// Splits the space's parameters by kind.
    pub fn new(space: &Space) -> Self {
        let (mut coordinates, mut categorical) = (Vec::new(), Vec::new());
        for (parameter, description) in space.parameters().iter().enumerate() {
            match description.domain() {
                Domain::Categorical { choices } => categorical.push((parameter, choices.len())),
                domain => {
                    let is_discrete = domain.levels().is_some_and(|levels| levels <= MAX_LEVELS);
                    coordinates.push(Coordinate { parameter, is_discrete });
                }
            }
        }
        Self { coordinates, categorical }
    }

    /// Whether there are too many parameters for a full covariance: it is diagonal, and samples are
    /// drawn one by one.
    pub fn is_large(&self) -> bool {
        self.coordinates.len() + self.categorical.len() > MAX_FULL
    }

    /// The cell of a discrete coordinate that contains `unit`.
    pub fn cell(&self, space: &Space, index: usize, unit: f64) -> LevelCell {
        let domain = space.parameters()[self.coordinates[index].parameter].domain();
        let level = domain.level_of(domain.from_unit(unit));
        let last = domain.levels().unwrap_or(1) - 1;
        let (low, high) = match domain {
            Domain::Int { low, high, log: true, .. } => {
                let (bottom, top) = (libm::log(low - 0.5), libm::log(high + 0.5));
                let value = domain.level(level);
                let place = |end: f64| (libm::log(end) - bottom) / (top - bottom);
                (place(value - 0.5), place(value + 0.5))
            }
            _ => {
                let count = last as f64 + 1.0;
                (level as f64 / count, (level as f64 + 1.0) / count)
            }
        };
        LevelCell { low, high, has_lower: level > 0, has_upper: level < last }
    }

    /// The configuration at `point` (`[coordinates]`, clamped to the unit cube) with `choices`
    /// (`[categorical]`).
    pub fn configuration(&self, space: &Space, point: &[f64], choices: &[usize]) -> Configuration {
        let mut unit = alloc::vec![0.5; space.len()];
        for (coordinate, place) in self.coordinates.iter().zip(point) {
            unit[coordinate.parameter] = *place;
        }
        for ((parameter, count), choice) in self.categorical.iter().zip(choices) {
            unit[*parameter] = (*choice as f64 + 0.5) / *count as f64;
        }
        space.from_unit(&unit)
    }
}

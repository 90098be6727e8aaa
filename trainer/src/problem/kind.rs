//! What the parameters of a recorded problem are: their kinds, and when they are active.

use optiformer::space::{Parameter, Space};

/// What values a parameter takes.
///
/// A *value* is a number per parameter: the coordinate in `[0, 1]` of a continuous one, the number
/// of the level or choice otherwise. A float on a logarithmic scale is continuous: its coordinate
/// is the logarithm's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ParameterKind {
    /// A continuum.
    Continuous,
    /// So many ordered levels, evenly spaced.
    Levels(u16),
    /// So many choices.
    Categorical(u16),
    /// The whole numbers from 1 to this one, on a logarithmic scale.
    LogLevels(u16),
}

/// "Active when the value of `parent` is one of `values`." A parameter whose parent is inactive is
/// inactive too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Activation {
    /// The index of an earlier parameter: categorical, or of at most 64 levels.
    pub parent: usize,
    /// Bit `v` is set when value `v` activates.
    pub values: u64,
}

impl ParameterKind {
    /// How many values there are; `None` for a continuum.
    pub fn count(self) -> Option<u16> {
        match self {
            Self::Continuous => None,
            Self::Levels(count) | Self::Categorical(count) | Self::LogLevels(count) => Some(count),
        }
    }

    /// Whether the values have no order.
    pub fn is_categorical(self) -> bool {
        matches!(self, Self::Categorical(_))
    }

    /// Whether other parameters may depend on its values.
    pub fn can_be_parent(self) -> bool {
        matches!(self, Self::Levels(2..=64) | Self::Categorical(2..=64))
    }

    /// Where a value of an ordered kind lies between the bounds, in `[0, 1]`: the outermost levels
    /// on them, as a user's are. Choices are spaced as levels.
    pub fn place(self, value: f64) -> f64 {
        match self {
            Self::Continuous => value,
            Self::Levels(count) | Self::Categorical(count) => value / f64::from(count.max(2) - 1),
            Self::LogLevels(count) => (value + 1.0).ln() / f64::from(count).ln(),
        }
    }

    /// The value nearest to a place: the inverse of [`place`](Self::place).
    pub fn nearest(self, place: f64) -> f64 {
        let place = place.clamp(0.0, 1.0);
        match self {
            Self::Continuous => place,
            Self::Levels(count) | Self::Categorical(count) => {
                (place * f64::from(count.max(2) - 1)).round()
            }
            Self::LogLevels(count) => (place * f64::from(count).ln()).exp().round() - 1.0,
        }
    }

    /// A value of an ordered kind, moved by a share of the distance between the bounds; by one
    /// level at least. What would leave the bounds stops there.
    pub fn moved(self, value: f64, distance: f64) -> f64 {
        let Some(count) = self.count() else {
            return (value + distance).clamp(0.0, 1.0);
        };
        let to = self.nearest(self.place(value) + distance);
        let to = if to == value { value + 1f64.copysign(distance) } else { to };
        to.clamp(0.0, f64::from(count) - 1.0)
    }

    /// The value that a recorded coordinate stands for: the number of the cell of `[0, 1]` it lies
    /// in, or the choice itself.
    pub fn value_of_coordinate(self, coordinate: f64) -> f64 {
        match self {
            Self::Continuous | Self::Categorical(_) => coordinate,
            Self::Levels(count) => {
                (coordinate * f64::from(count)).floor().min(f64::from(count) - 1.0)
            }
            Self::LogLevels(_) => self.parameter("").domain().from_unit(coordinate) - 1.0,
        }
    }

    /// The inverse of [`value_of_coordinate`](Self::value_of_coordinate): the middle of a level's
    /// cell, as [`Domain::to_unit`](optiformer::space::Domain::to_unit) says.
    pub fn coordinate(self, value: f64) -> f64 {
        match self {
            Self::Continuous | Self::Categorical(_) => value,
            Self::Levels(count) => (value + 0.5) / f64::from(count),
            Self::LogLevels(_) => self.parameter("").domain().to_unit(value + 1.0),
        }
    }

    /// The number by which a configuration of [`space`] has a value.
    pub fn configured(self, value: f64) -> f64 {
        if let Self::LogLevels(_) = self { value + 1.0 } else { value }
    }

    /// The inverse of [`configured`](Self::configured).
    pub fn value_of_configured(self, number: f64) -> f64 {
        if let Self::LogLevels(_) = self { number - 1.0 } else { number }
    }

    /// A parameter of this kind: a float in `[0, 1]`, an int from 0 (from 1 on a logarithmic
    /// scale), or a categorical.
    fn parameter(self, name: impl Into<String>) -> Parameter {
        match self {
            Self::Continuous => Parameter::float(name, 0.0, 1.0),
            Self::Levels(levels) => Parameter::int(name, 0, i64::from(levels) - 1),
            Self::Categorical(choices) => Parameter::categorical(name, (0..choices).map(f64::from)),
            Self::LogLevels(most) => Parameter::int(name, 1, i64::from(most)).log(),
        }
    }
}

/// Which parameters are active, given a value for each (what an inactive one's is does not matter).
pub fn active(activations: &[Option<Activation>], value: impl Fn(usize) -> f64) -> Vec<bool> {
    let mut active: Vec<bool> = Vec::with_capacity(activations.len());
    for activation in activations {
        active.push(activation.is_none_or(|activation| {
            active[activation.parent]
                && activation.values >> value(activation.parent) as u64 & 1 == 1
        }));
    }
    active
}

/// The space over parameters of these kinds, named `x0`, `x1`, …, with their conditions.
///
/// # Panics
///
/// When there are no kinds, one of fewer than two levels or of no choices, or an activation that is
/// not as [`Activation`] says.
pub fn space(kinds: &[ParameterKind], activations: &[Option<Activation>]) -> Space {
    let parameters =
        kinds.iter().zip(activations).enumerate().map(|(index, (kind, activation))| {
            let parameter = kind.parameter(format!("x{index}"));
            match activation {
                None => parameter,
                Some(Activation { parent, values }) => {
                    let wanted = (0..64).filter(|value| values >> value & 1 == 1);
                    parameter.when(format!("x{parent}"), wanted.map(f64::from))
                }
            }
        });
    Space::new(parameters.collect()).expect("kinds have levels, and parents come first")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_coordinates_and_configured_numbers_come_back() {
        for kind in [
            ParameterKind::Levels(2),
            ParameterKind::Levels(37),
            ParameterKind::LogLevels(2),
            ParameterKind::LogLevels(300),
        ] {
            let space = space(&[kind], &[None]);
            let domain = space.parameters()[0].domain();
            let count = kind.count().unwrap();
            assert_eq!(domain.levels(), Some(u64::from(count)));
            assert_eq!((kind.place(0.0), kind.place(f64::from(count) - 1.0)), (0.0, 1.0));
            for value in (0..count).map(f64::from) {
                assert_eq!(kind.nearest(kind.place(value)), value, "{kind:?}");
                let coordinate = kind.coordinate(value);
                assert_eq!(kind.value_of_coordinate(coordinate), value, "{kind:?}");
                let number = kind.configured(value);
                assert_eq!(domain.from_unit(coordinate), number);
                assert_eq!(kind.value_of_configured(number), value);
                for distance in [-0.2, -1e-9, 1e-9, 0.2] {
                    let moved = kind.moved(value, distance);
                    let stuck = if distance > 0.0 { f64::from(count) - 1.0 } else { 0.0 };
                    assert!((moved - value) * distance > 0.0 || value == stuck, "{kind:?} {value}");
                }
            }
        }
    }

    #[test]
    fn a_child_of_an_inactive_parent_is_inactive() {
        // x1 when x0 ∈ {1, 2}; x2 when x1 = 0.
        let kinds =
            [ParameterKind::Categorical(3), ParameterKind::Levels(2), ParameterKind::Continuous];
        let activations = [
            None,
            Some(Activation { parent: 0, values: 0b110 }),
            Some(Activation { parent: 1, values: 0b1 }),
        ];
        let space = space(&kinds, &activations);
        for (values, expected) in [
            ([0.0, 0.0, 0.0], [true, false, false]),
            ([1.0, 0.0, 0.0], [true, true, true]),
            ([2.0, 1.0, 0.0], [true, true, false]),
        ] {
            let active = active(&activations, |index| values[index]);
            assert_eq!(active, expected);
            let mut given = Vec::new();
            for (value, active) in values.iter().zip(&active) {
                assert_eq!(space.is_active(given.len(), &given), *active);
                given.push(active.then_some(*value));
            }
        }
    }
}

//! Configurations as points that a model can be fitted to.

use alloc::vec::Vec;

use crate::space::{Configuration, Domain, Space};

/// The numerical and the categorical parameters of a space.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Layout {
    /// The numerical parameters' indices, and how far their values lie apart in the unit interval (0 for a continuum).
    pub numerical: Vec<(usize, f64)>,
    /// The categorical parameters' indices and numbers of choices.
    pub categorical: Vec<(usize, usize)>,
}

/// A configuration's place.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Point {
    /// The place of each numerical parameter in the unit interval; `None` where it is inactive.
    pub places: Vec<Option<f64>>,
    /// The choice of each categorical parameter.
    pub choices: Vec<Option<usize>>,
}

impl Layout {
    /// Sorts the parameters.
    pub fn new(space: &Space) -> Self {
        let (mut numerical, mut categorical) = (Vec::new(), Vec::new());
        for (index, parameter) in space.parameters().iter().enumerate() {
            match parameter.domain() {
                Domain::Categorical { choices } => categorical.push((index, choices.len())),
                domain => {
                    let apart = domain.levels().map_or(0.0, |levels| 1.0 / levels as f64);
                    numerical.push((index, apart));
                }
            }
        }
        Self { numerical, categorical }
    }

    /// Where a configuration lies.
    pub fn point(&self, space: &Space, configuration: &Configuration) -> Point {
        let place = |(index, _): &(usize, f64)| {
            let value = configuration.get(*index)?;
            Some(space.parameters()[*index].domain().to_unit(value))
        };
        let choice =
            |(index, _): &(usize, usize)| configuration.get(*index).map(|value| value as usize);
        Point {
            places: self.numerical.iter().map(place).collect(),
            choices: self.categorical.iter().map(choice).collect(),
        }
    }

    /// How many numbers an offset has: one for each numerical parameter, then one for each choice.
    pub fn dimensions(&self) -> usize {
        self.numerical.len() + self.categorical.iter().map(|(_, count)| count).sum::<usize>()
    }

    /// What a point is away from `centre`, in units of `radius`; a choice that differs is as far away as the radius.
    ///
    /// A parameter that is inactive on either side does not differ.
    pub fn offset(&self, point: &Point, centre: &Point, radius: f64) -> Vec<f64> {
        let mut offset: Vec<f64> = point
            .places
            .iter()
            .zip(&centre.places)
            .map(|pair| match pair {
                (Some(place), Some(centre)) => (place - centre) / radius,
                _ => 0.0,
            })
            .collect();
        let pairs = point.choices.iter().zip(&centre.choices);
        for ((_, count), pair) in self.categorical.iter().zip(pairs) {
            let from = offset.len();
            offset.resize(from + count, 0.0);
            if let (Some(choice), Some(centre)) = pair
                && choice != centre
            {
                offset[from + choice] = 1.0;
            }
        }
        offset
    }

    /// The configuration with the choices of `like` and the numbers at `places` (`[numerical]`, clamped).
    pub fn configuration(&self, space: &Space, places: &[f64], choices: &[usize]) -> Configuration {
        let mut unit = alloc::vec![0.5; space.len()];
        for ((index, _), place) in self.numerical.iter().zip(places) {
            unit[*index] = *place;
        }
        for ((index, count), choice) in self.categorical.iter().zip(choices) {
            unit[*index] = (*choice as f64 + 0.5) / *count as f64;
        }
        space.from_unit(&unit)
    }
}

impl Point {
    /// The largest difference of a number, and whether all choices are the same.
    pub fn distance(&self, other: &Self) -> (f64, bool) {
        let differences = self.places.iter().zip(&other.places).map(|pair| match pair {
            (Some(one), Some(other)) => (one - other).abs(),
            _ => 0.0,
        });
        (differences.fold(0.0, f64::max), self.choices == other.choices)
    }
}

//! Encodes configurations as points for the local model.

use alloc::vec::Vec;

use crate::space::{Configuration, Domain, Space};

/// The numerical and the categorical parameters of a space.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct PointEncoder {
    /// Index of each numerical parameter, and the distance of its levels in the unit interval (0 if
    /// continuous).
    pub numerical: Vec<(usize, f64)>,
    /// Index of each categorical parameter, and its number of choices.
    pub categorical: Vec<(usize, usize)>,
}

/// Number of exchanges of a choice beyond which those that no trial of the model has are sampled.
pub(super) const MAX_EXCHANGES: usize = 4096;

/// Number of numerical parameters beyond which steps along single coordinates are sampled.
pub(super) const MAX_COORDINATES: usize = 128;

/// An encoded configuration.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Point {
    /// Coordinate of each numerical parameter in the unit interval; `None` where it is inactive.
    pub places: Vec<Option<f64>>,
    /// Choice of each categorical parameter; `None` where it is inactive.
    pub choices: Vec<Option<usize>>,
}

impl PointEncoder {
    /// Splits the space's parameters by kind.
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

    /// Encodes a configuration.
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

    /// Whether candidates are a sample of the steps along single parameters.
    pub fn is_sampled(&self) -> bool {
        let exchanges: usize = self.categorical.iter().map(|(_, count)| count - 1).sum();
        self.numerical.len() > MAX_COORDINATES || exchanges > MAX_EXCHANGES
    }

    /// Length of an offset with a column for every choice.
    pub fn dimensions(&self) -> usize {
        self.numerical.len() + self.categorical.iter().map(|(_, count)| count).sum::<usize>()
    }

    /// Squared length of [`Columns::offset`], equal in every bit; cut short, with any larger
    /// value, once it exceeds `most`.
    pub fn squared_distance(&self, point: &Point, center: &Point, radius: f64, most: f64) -> f64 {
        let mut sum = 0.0;
        for pair in point.places.iter().zip(&center.places) {
            if let (Some(place), Some(center)) = pair {
                let offset = (place - center) / radius;
                sum += offset * offset;
                if sum > most {
                    return sum;
                }
            }
        }
        let choices = point.choices.iter().zip(&center.choices);
        let differ = |(one, other): &(&Option<usize>, &Option<usize>)| {
            one.is_some() && other.is_some() && one != other
        };
        choices.filter(differ).fold(sum, |sum, _| sum + 1.0)
    }

    /// The configuration with the given `choices` and the coordinates `places` (`[numerical]`,
    /// clamped).
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

/// The columns of a local model: one for each numerical parameter and, for each categorical one,
/// one for each choice that the model's points have and the center has not, and one for all others.
///
/// Of choices that no point has the model says the same, so that the number of columns follows from
/// the number of points, whatever the number of choices.
#[derive(Clone, Debug)]
pub(super) struct Columns {
    /// For each categorical parameter, the choices with a column of their own, ascending.
    seen: Vec<Vec<usize>>,
    len: usize,
}

impl Columns {
    /// The columns of a model of `points` around `center`.
    pub fn new<'a>(points: impl Iterator<Item = &'a Point> + Clone, center: &Point) -> Self {
        let seen: Vec<Vec<usize>> = center
            .choices
            .iter()
            .enumerate()
            .map(|(at, here)| {
                let other = |point: &Point| point.choices[at].filter(|_| here.is_some());
                let mut seen: Vec<usize> = points.clone().filter_map(other).collect();
                seen.retain(|choice| Some(*choice) != *here);
                seen.sort_unstable();
                seen.dedup();
                seen
            })
            .collect();
        let len = center.places.len() + seen.iter().map(|choices| choices.len() + 1).sum::<usize>();
        Self { seen, len }
    }

    /// Number of columns.
    pub fn len(&self) -> usize {
        self.len
    }

    /// The choices of a categorical parameter that the model's points have, other than the
    /// center's.
    pub fn seen(&self, parameter: usize) -> &[usize] {
        &self.seen[parameter]
    }

    /// Offset of a point from `center` in units of `radius`; a different choice is one radius away.
    ///
    /// A parameter that is inactive in either point contributes 0.
    pub fn offset(&self, point: &Point, center: &Point, radius: f64) -> Vec<f64> {
        let mut offset = alloc::vec![0.0; self.len];
        for (column, element) in self.sparse_offset(point, center, radius) {
            offset[column] = element;
        }
        offset
    }

    /// The elements of [`offset`](Self::offset) that are not 0, each with its column.
    pub fn sparse_offset(&self, point: &Point, center: &Point, radius: f64) -> Vec<(usize, f64)> {
        let mut offset = Vec::with_capacity(point.places.len() + 2);
        for (column, pair) in point.places.iter().zip(&center.places).enumerate() {
            if let (Some(place), Some(center)) = pair
                && place != center
            {
                offset.push((column, (place - center) / radius));
            }
        }
        let mut from = point.places.len();
        let pairs = point.choices.iter().zip(&center.choices);
        for (seen, pair) in self.seen.iter().zip(pairs) {
            if let (Some(choice), Some(center)) = pair
                && choice != center
            {
                offset.push((from + seen.binary_search(choice).unwrap_or(seen.len()), 1.0));
            }
            from += seen.len() + 1;
        }
        offset
    }
}

impl Point {
    /// Largest coordinate difference, and whether all choices are equal.
    pub fn distance(&self, other: &Self) -> (f64, bool) {
        let differences = self.places.iter().zip(&other.places).map(|pair| match pair {
            (Some(one), Some(other)) => (one - other).abs(),
            _ => 0.0,
        });
        (differences.fold(0.0, f64::max), self.choices == other.choices)
    }

    /// Number of parameters with another choice.
    pub fn exchanged(&self, other: &Self) -> usize {
        let pairs = self.choices.iter().zip(&other.choices);
        pairs.filter(|(one, other)| one.is_some() && other.is_some() && one != other).count()
    }

    /// Whether all coordinates lie in `[low, high]`, `[numerical]` each.
    pub fn is_between(&self, low: &[f64], high: &[f64]) -> bool {
        let mut bounds = self.places.iter().zip(low.iter().zip(high));
        !bounds.any(|(place, (low, high))| place.is_some_and(|at| at < *low || at > *high))
    }

    /// Whether all coordinates differ by less than `limit` and all choices are equal. Equivalent to
    /// [`distance`](Self::distance), but most points are rejected after one or two coordinates.
    pub fn is_within(&self, other: &Self, limit: f64) -> bool {
        let mut pairs = self.places.iter().zip(&other.places);
        let is_apart = |pair: (&Option<f64>, &Option<f64>)| match pair {
            (Some(one), Some(other)) => (one - other).abs() >= limit,
            _ => false,
        };
        !pairs.any(is_apart) && self.choices == other.choices
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use rand::{RngExt, SeedableRng};
    use rand_xoshiro::Xoshiro256PlusPlus;

    use super::*;
    use crate::space::Parameter;

    #[test]
    fn what_is_cut_short_agrees_with_what_is_not() {
        let space = Space::new(alloc::vec![
            Parameter::float("x", 0.0, 1.0),
            Parameter::categorical("kind", ["a", "b"]),
            Parameter::int("n", 1, 9),
            Parameter::float("y", 0.0, 1.0).when("kind", ["a"]),
            Parameter::categorical("inner", ["u", "v", "w"]).when("kind", ["b"]),
        ])
        .unwrap();
        let encoder = PointEncoder::new(&space);
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(4);
        let mut point = || {
            let unit: Vec<f64> = (0..5).map(|_| rng.random::<f64>()).collect();
            encoder.point(&space, &space.from_unit(&unit))
        };
        let (mut near, mut cut) = (0, 0);
        for _ in 0..2000 {
            let (one, other) = (point(), point());
            let (distance, same) = one.distance(&other);
            assert_eq!(one.is_within(&other, 0.3), same && distance < 0.3);
            assert!(!one.is_within(&other, distance));
            near += usize::from(one.is_within(&other, 0.3));
            let columns = Columns::new([&one].into_iter(), &other);
            let offset = columns.offset(&one, &other, 0.1);
            let square: f64 = offset.iter().map(|x| x * x).sum();
            let found = encoder.squared_distance(&one, &other, 0.1, 20.0);
            assert_eq!(found > 20.0, square > 20.0);
            cut += usize::from(found > 20.0);
            if found <= 20.0 {
                assert_eq!(found.to_bits(), square.to_bits());
            }
        }
        assert!(near > 20 && (200..1800).contains(&cut), "{near} near, {cut} cut short");
    }

    #[test]
    fn choices_that_no_point_has_share_a_column() {
        let space = Space::new(alloc::vec![
            Parameter::float("x", 0.0, 1.0),
            Parameter::categorical("kind", (0..5000).map(|choice| choice.to_string())),
        ])
        .unwrap();
        let encoder = PointEncoder::new(&space);
        let point = |x: f64, choice: usize| {
            encoder.point(&space, &encoder.configuration(&space, &[x], &[choice]))
        };
        let center = point(0.5, 17);
        let points = [center.clone(), point(0.4, 4000), point(0.6, 17), point(0.7, 3)];
        let columns = Columns::new(points.iter(), &center);
        assert_eq!((columns.len(), columns.seen(0)), (4, &[3, 4000][..]));
        for (choice, wanted) in [(17, [0.0; 3]), (3, [1.0, 0.0, 0.0]), (4000, [0.0, 1.0, 0.0])] {
            assert_eq!(columns.offset(&point(0.5, choice), &center, 0.1)[1..], wanted);
        }
        for choice in [0, 5, 4999] {
            assert_eq!(columns.offset(&point(0.5, choice), &center, 0.1)[1..], [0.0, 0.0, 1.0]);
        }
    }
}

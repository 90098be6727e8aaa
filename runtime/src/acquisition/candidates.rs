//! Candidates that need no model: neighbors of the best trials, and an even spread.

use alloc::vec::Vec;

use rand::RngExt;
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::{
    math::{low_discrepancy::Kronecker, random_normal},
    space::{Configuration, Parameter, SearchBox, Space},
};

/// Source of a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CandidateOrigin {
    /// Sampled token by token from the model's policy.
    Policy,
    /// A perturbation of a good trial.
    Neighbor,
    /// A point of a low-discrepancy sequence.
    Spread,
    /// A local maximum of the acquisition function.
    Refined,
    /// A step of a local model of the objective.
    Step,
    /// Sampled in the sampler's own way.
    Draw,
    /// One of the configurations that the caller gave to choose among.
    Given,
    /// A configuration that did well at a lower fidelity.
    Promoted,
}

impl CandidateOrigin {
    /// The name that the tool and the other languages use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::Neighbor => "neighbor",
            Self::Spread => "spread",
            Self::Refined => "refined",
            Self::Step => "step",
            Self::Draw => "draw",
            Self::Given => "given",
            Self::Promoted => "promoted",
        }
    }
}

/// A configuration that may be tried next.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// The configuration.
    pub configuration: Configuration,
    /// Its source.
    pub origin: CandidateOrigin,
}

/// Largest scale of a neighbor's step, as a fraction of the box's side.
const LARGEST_STEP: f64 = 0.3;
/// Smallest scale. A finer step is invisible to the model, which predicts there what it saw at the
/// parent; the zoom refines instead.
const SMALLEST_STEP: f64 = 0.03;

/// A neighbor of one of `parents` (points of the unit cube, best first), at 3 % to 30 % of the
/// side of the box; see [`neighbor_within`].
pub fn neighbor(
    space: &Space,
    parents: &[Vec<f64>],
    search_box: &SearchBox,
    rng: &mut Xoshiro256PlusPlus,
) -> Configuration {
    neighbor_within(space, parents, search_box, [SMALLEST_STEP, LARGEST_STEP], rng)
}

/// A neighbor of one of `parents` (points of the unit cube, best first).
///
/// Better parents are likelier. Between one and all coordinates move, by normal steps with a
/// log-uniform scale between the two `steps`, as fractions of the sides of the box. Discrete values
/// move by at least one level, categories are redrawn, and coordinates outside the box are clamped.
pub fn neighbor_within(
    space: &Space,
    parents: &[Vec<f64>],
    search_box: &SearchBox,
    [smallest, largest]: [f64; 2],
    rng: &mut Xoshiro256PlusPlus,
) -> Configuration {
    let dimensions = space.len();
    // The product of two uniform numbers prefers the first parents.
    let rank = rng.random::<f64>() * rng.random::<f64>() * parents.len() as f64;
    let mut unit = parents[(rank as usize).min(parents.len() - 1)].clone();
    let moved = rng.random_range(1..=dimensions);
    let share = moved as f64 / dimensions as f64;
    let certain = rng.random_range(0..dimensions);
    let scale = largest * libm::pow(smallest / largest, rng.random::<f64>());
    for (dimension, place) in unit.iter_mut().enumerate() {
        // All three are drawn, moved or not, so that one coordinate does not shift the random
        // numbers of the next.
        let (chance, step, fresh) =
            (rng.random::<f64>(), random_normal::by_box_muller(rng), rng.random::<f64>());
        if dimension != certain && chance >= share {
            continue;
        }
        let domain = space.parameters()[dimension].domain();
        if domain.is_categorical() {
            if dimension == certain || fresh < 0.3 {
                *place = rng.random::<f64>();
            }
            continue;
        }
        let inner = (search_box.normalize(dimension, *place) + scale * step).clamp(0.0, 1.0);
        let mut target = search_box.denormalize(dimension, inner);
        if let Some(levels) = domain.levels() {
            let here = domain.level_of(domain.from_unit(*place));
            if domain.level_of(domain.from_unit(target)) == here {
                let next = if step < 0.0 { here.saturating_sub(1) } else { here + 1 };
                target = domain.to_unit(domain.level(next.min(levels - 1)));
            }
        }
        *place = target;
    }
    space.from_unit(&unit)
}

/// Point `index` of a low-discrepancy sequence in the search box.
pub fn spread(
    space: &Space,
    search_box: &SearchBox,
    sequence: &Kronecker,
    index: u32,
) -> Configuration {
    let coordinates = sequence.point(index).enumerate();
    let unit: Vec<f64> =
        coordinates.map(|(dimension, inner)| search_box.denormalize(dimension, inner)).collect();
    space.from_unit(&unit)
}

/// Point `index` of the same sequence over the whole space, contracted toward the center: it covers
/// the fraction `share` of the range of each numerical parameter.
pub fn central(space: &Space, index: u32, seed: u64, share: f64) -> Configuration {
    let coordinate = |(unit, parameter): (f64, &Parameter)| {
        if parameter.domain().is_categorical() { unit } else { 0.5 + share * (unit - 0.5) }
    };
    let sequence = Kronecker::new(space.len(), seed);
    let unit: Vec<f64> = sequence.point(index).zip(space.parameters()).map(coordinate).collect();
    space.from_unit(&unit)
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use rand::SeedableRng;

    use super::*;
    use crate::space::Parameter;

    fn space() -> Space {
        Space::new(vec![
            Parameter::float("x", -1.0, 3.0),
            Parameter::int("n", 1, 5),
            Parameter::categorical("c", ["a", "b", "d"]),
            Parameter::float("y", 1e-6, 1.0).log().when("c", ["b"]),
        ])
        .unwrap()
    }

    #[test]
    fn neighbors_are_legal_and_differ_from_their_parent() {
        let space = space();
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
        let parent = space.from_unit(&[0.0, 0.5, 0.5, 1.0]);
        let parents = vec![space.to_unit(&parent)];
        let search_box = SearchBox::whole(4);
        let (mut same, mut edges) = (0, 0);
        for _ in 0..1000 {
            let candidate = neighbor(&space, &parents, &search_box, &mut rng);
            space.validate(&candidate).unwrap();
            same += usize::from(candidate == parent);
            edges += usize::from(candidate.get(0) == Some(-1.0));
        }
        assert!(same < 250, "{same} of 1000 neighbors are their parent");
        assert!(edges > 100, "the bound is proposed {edges} times in 1000");
    }

    #[test]
    fn the_spread_is_even() {
        let space = Space::new(vec![Parameter::float("x", 0.0, 1.0)]).unwrap();
        let (mut counts, sequence) = ([0; 8], Kronecker::new(1, 7));
        for index in 0..64 {
            let value = spread(&space, &SearchBox::whole(1), &sequence, index).get(0).unwrap();
            counts[((value * 8.0) as usize).min(7)] += 1;
        }
        assert!(counts.iter().all(|count| (6..=10).contains(count)), "{counts:?}");
    }
}

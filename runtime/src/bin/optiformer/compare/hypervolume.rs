//! The hypervolume of the Pareto fronts of studies, by which studies of several objectives compare.
//!
//! E. Zitzler and L. Thiele, Multiobjective Optimization Using Evolutionary Algorithms – A
//! Comparative Case Study, PPSN V (1998).

use std::{cmp::Ordering::Equal, collections::BTreeSet};

use optiformer::study::{Study, Trial};

/// Largest number of objectives: the time for a front of `n` trials grows as `n` to the power of
/// one less.
pub const MAX_OBJECTIVES: usize = 4;
/// Part of a front's range by which the reference point lies behind the front.
const MARGIN: f64 = 0.1;

/// Scales losses so that a box that is the same for all studies becomes the unit cube: from the
/// best values to a reference point behind the worst of the front of all trials together.
pub struct LossScale {
    /// The ends in each objective.
    ends: Vec<(f64, f64)>,
}

impl LossScale {
    /// The scale of studies with the same objectives.
    pub fn new<'a>(studies: impl Iterator<Item = &'a Study>) -> Self {
        let all: Vec<Vec<f64>> =
            studies.flat_map(|study| losses(study).into_iter().flatten()).collect();
        let front = non_dominated(all.clone());
        let range_of = |points: &[Vec<f64>], objective: usize| {
            let values = points.iter().map(|point| point[objective]);
            let low = values.clone().fold(f64::INFINITY, f64::min);
            (low, values.fold(f64::NEG_INFINITY, f64::max))
        };
        let count = all.first().map_or(0, Vec::len);
        let ends = (0..count).map(|objective| {
            let (low, high) = range_of(&front, objective);
            // A front of one value leaves the range to the other trials.
            let range = [high - low, range_of(&all, objective).1 - low];
            let range = range.into_iter().find(|range| *range > 0.0).unwrap_or(1.0);
            (low, high + MARGIN * range)
        });
        Self { ends: ends.collect() }
    }

    /// A point of the unit cube; `None` for one that is not better than the reference point.
    fn scale(&self, losses: &[f64]) -> Option<Vec<f64>> {
        let scaled = losses.iter().zip(&self.ends);
        let scaled: Vec<f64> =
            scaled.map(|(loss, (low, high))| (loss - low) / (high - low)).collect();
        scaled.iter().all(|loss| *loss < 1.0).then_some(scaled)
    }
}

/// The trials of a study that have ended, as points of a scale's unit cube.
pub struct ScaledTrials(Vec<Option<Vec<f64>>>);

impl ScaledTrials {
    /// The trials of a study.
    pub fn new(study: &Study, scale: &LossScale) -> Self {
        let losses = losses(study).into_iter();
        Self(losses.map(|losses| scale.scale(&losses?)).collect())
    }

    /// Their number.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The hypervolume of the front of the first `trials` of them, as a share of the box.
    pub fn hypervolume(&self, trials: usize) -> f64 {
        hypervolume(non_dominated(self.0.iter().take(trials).flatten().cloned().collect()))
    }
}

/// The losses of each trial that has ended; `None` for one that is not feasible, has not finished,
/// or is below the highest fidelity.
fn losses(study: &Study) -> Vec<Option<Vec<f64>>> {
    let comparable: BTreeSet<u64> = study.comparable().map(|trial| trial.id).collect();
    let of_trial = |trial: &Trial| {
        let objectives = study.objectives().iter().zip(&trial.objectives);
        let losses = objectives.map(|(objective, value)| objective.direction.loss(*value));
        let counts = trial.is_feasible() && comparable.contains(&trial.id);
        counts.then(|| losses.collect())
    };
    study.trials().iter().filter(|trial| !trial.is_pending()).map(of_trial).collect()
}

/// The points that no other one dominates, of equal ones the first.
fn non_dominated(mut points: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    // A point is dominated by none that comes behind it in this order.
    let by_coordinates = |one: &Vec<f64>, other: &Vec<f64>| {
        let pairs = one.iter().zip(other);
        pairs.map(|(one, other)| one.total_cmp(other)).find(|it| it.is_ne()).unwrap_or(Equal)
    };
    points.sort_by(by_coordinates);
    let mut front: Vec<Vec<f64>> = Vec::new();
    for point in points {
        let is_behind = |other: &Vec<f64>| other.iter().zip(&point).all(|(other, it)| other <= it);
        if !front.iter().any(is_behind) {
            front.push(point);
        }
    }
    front
}

/// The volume between points below 1 in each coordinate and the point where all are 1, by a sweep
/// along the last coordinate; each slice is as deep as to the next point.
fn hypervolume(mut points: Vec<Vec<f64>>) -> f64 {
    let Some(last) = points.first().and_then(|point| point.len().checked_sub(1)) else {
        return 0.0;
    };
    if last == 0 {
        return 1.0 - points.iter().map(|point| point[0]).fold(1.0, f64::min);
    }
    points.sort_by(|one, other| one[last].total_cmp(&other[last]));
    let mut volume = 0.0;
    let mut slice: Vec<Vec<f64>> = Vec::new();
    for place in 0..points.len() {
        let point = &points[place];
        slice.push(point[..last].to_vec());
        slice = non_dominated(slice);
        let depth = points.get(place + 1).map_or(1.0, |next| next[last]) - point[last];
        if depth > 0.0 {
            volume += depth * hypervolume(slice.clone());
        }
    }
    volume
}

#[cfg(test)]
mod tests {
    use optiformer::{
        samplers::RandomSampler,
        space::{Configuration, Parameter, Space},
        study::{Direction, Measurement, Objective},
    };

    use super::*;

    #[test]
    fn volumes_are_those_of_unions_of_boxes() {
        assert_eq!(hypervolume(vec![]), 0.0);
        assert_eq!(hypervolume(vec![vec![0.25]]), 0.75);
        assert_eq!(hypervolume(vec![vec![0.0, 0.5], vec![0.5, 0.0], vec![0.6, 0.6]]), 0.75);
        // Three boxes of 1/2 × 1 × 1: inclusion and exclusion.
        let three = vec![vec![0.5, 0.0, 0.0], vec![0.0, 0.5, 0.0], vec![0.0, 0.0, 0.5]];
        assert_eq!(hypervolume(three), 3.0 / 2.0 - 3.0 / 4.0 + 1.0 / 8.0);
        // A count of the points of a lattice agrees.
        let points = vec![vec![0.1, 0.7, 0.4], vec![0.3, 0.2, 0.8], vec![0.6, 0.5, 0.1]];
        let place = |index: usize| (index as f64 + 0.5) / 40.0;
        let is_covered = |cell: &[f64; 3]| {
            points.iter().any(|point| point.iter().zip(cell).all(|(low, it)| low <= it))
        };
        let cells = (0..64_000).map(|n| [place(n % 40), place(n / 40 % 40), place(n / 1600)]);
        let counted = cells.filter(is_covered).count() as f64 / 64_000.0;
        assert!((hypervolume(points) - counted).abs() < 1e-12);
    }

    /// A study with these errors and speeds.
    fn study(space: Vec<Parameter>, rows: &[(Vec<f64>, [f64; 2])]) -> Study {
        let objectives = [Objective::minimize("error"), Objective::maximize("speed")];
        let space = Space::new(space).unwrap();
        let study = Study::new(space, Direction::Minimize, Box::new(RandomSampler), 1);
        let mut study = study.with_objectives(objectives).unwrap();
        for (values, measured) in rows {
            let values = values.iter().copied().map(Some).collect();
            study.add(Configuration::new(values), Measurement::new(*measured)).unwrap();
        }
        study
    }

    fn curve(study: &Study) -> Vec<f64> {
        let scaled = ScaledTrials::new(study, &LossScale::new([study].into_iter()));
        (1..=scaled.len()).map(|trials| scaled.hypervolume(trials)).collect()
    }

    #[test]
    fn the_volume_grows_with_the_front_alone() {
        let measured = [[2.0, 10.0], [3.0, 5.0], [1.0, 0.0], [f64::NAN, 1.0], [2.0, 10.0]];
        let rows = measured.map(|measured| (vec![0.5], measured));
        let curve = curve(&study(vec![Parameter::float("x", 0.0, 1.0)], &rows));
        // Errors from 1 to 2.1 and speeds from 10 to -1 are the unit square.
        let first = 0.1 / 1.1;
        let both = first + 1.0 / 1.1 * (1.0 / 11.0);
        for (volume, expected) in curve.iter().zip([first, first, both, both, both]) {
            assert!((volume - expected).abs() < 1e-12, "{curve:?}");
        }
    }

    #[test]
    fn units_do_not_matter_where_one_trial_dominates() {
        let of = |unit: f64| {
            let rows = [[2.0 * unit, 1.0], [unit, 3.0]].map(|measured| (vec![0.5], measured));
            curve(&study(vec![Parameter::float("x", 0.0, 1.0)], &rows))
        };
        let (one, other) = (of(1.0), of(1e-3));
        assert_eq!(one[0], 0.0);
        assert!(one.iter().zip(&other).all(|(one, other)| (one - other).abs() < 1e-9), "{other:?}");
        assert_eq!(one[1], 1.0);
    }

    #[test]
    fn trials_of_lower_fidelity_do_not_count() {
        let space =
            vec![Parameter::float("x", 0.0, 1.0), Parameter::int("epochs", 1, 9).fidelity()];
        let rows = [
            (vec![0.5, 1.0], [0.1, 99.0]),
            (vec![0.5, 9.0], [1.0, 2.0]),
            (vec![0.6, 9.0], [2.0, 1.0]),
        ];
        let curve = curve(&study(space, &rows));
        assert_eq!(curve[..2], [0.0, 1.0]);
    }
}

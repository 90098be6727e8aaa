//! The hypervolume of the Pareto fronts of studies, by which studies of several objectives compare.
//!
//! E. Zitzler and L. Thiele, Multiobjective Optimization Using Evolutionary Algorithms – A
//! Comparative Case Study, PPSN V (1998).

use optiformer::study::{Study, Trial};

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
    pub fn new<'a>(studies: impl Iterator<Item = &'a Study> + Clone) -> Self {
        let all: Vec<Vec<f64>> = studies
            .flat_map(|study| study.trials().iter().filter_map(|it| losses(study, it)))
            .collect();
        let is_dominated = |point: &&Vec<f64>| all.iter().any(|other| dominates(other, point));
        let front: Vec<&Vec<f64>> = all.iter().filter(|point| !is_dominated(point)).collect();
        let count = all.first().map_or(0, Vec::len);
        let ends = (0..count).map(|objective| {
            let values = front.iter().map(|point| point[objective]);
            let low = values.clone().fold(f64::INFINITY, f64::min);
            let high = values.fold(f64::NEG_INFINITY, f64::max);
            let range = if high > low { high - low } else { low.abs().max(1.0) };
            (low, high + MARGIN * range)
        });
        Self { ends: ends.collect() }
    }

    /// The hypervolume of a study's front after each trial that has ended, as a share of the box.
    pub fn curve(&self, study: &Study) -> Vec<f64> {
        let mut front: Vec<Vec<f64>> = Vec::new();
        let mut volume = 0.0;
        let ended = study.trials().iter().filter(|trial| !trial.is_pending());
        ended
            .map(|trial| {
                if let Some(point) = losses(study, trial).and_then(|losses| self.scale(&losses))
                    && !front.iter().any(|other| dominates(other, &point) || *other == point)
                {
                    front.retain(|other| !dominates(&point, other));
                    front.push(point);
                    volume = hypervolume(&front);
                }
                volume
            })
            .collect()
    }

    /// A point of the unit cube; `None` for one that is not better than the reference point.
    fn scale(&self, losses: &[f64]) -> Option<Vec<f64>> {
        let scaled = losses.iter().zip(&self.ends);
        let scaled = scaled.map(|(loss, (low, high))| (loss - low) / (high - low));
        let scaled: Vec<f64> = scaled.collect();
        scaled.iter().all(|loss| *loss < 1.0).then_some(scaled)
    }
}

/// The losses of a feasible trial that has finished.
fn losses(study: &Study, trial: &Trial) -> Option<Vec<f64>> {
    let objectives = study.objectives().iter().zip(&trial.objectives);
    let losses: Vec<f64> =
        objectives.map(|(objective, value)| objective.direction.loss(*value)).collect();
    (trial.is_feasible() && losses.len() == study.objectives().len()).then_some(losses)
}

fn dominates(one: &[f64], other: &[f64]) -> bool {
    let mut pairs = one.iter().zip(other);
    pairs.clone().all(|(one, other)| one <= other) && pairs.any(|(one, other)| one < other)
}

/// The volume between points below 1 in each coordinate and the point where all are 1, by a sweep
/// along the last coordinate; each slice is as deep as to the next point.
fn hypervolume(points: &[Vec<f64>]) -> f64 {
    let Some(last) = points.first().and_then(|point| point.len().checked_sub(1)) else {
        return 0.0;
    };
    if last == 0 {
        return 1.0 - points.iter().map(|point| point[0]).fold(1.0, f64::min);
    }
    let mut points: Vec<&Vec<f64>> = points.iter().collect();
    points.sort_by(|one, other| one[last].total_cmp(&other[last]));
    let mut volume = 0.0;
    let mut slice: Vec<Vec<f64>> = Vec::new();
    for (place, point) in points.iter().enumerate() {
        slice.push(point[..last].to_vec());
        let depth = points.get(place + 1).map_or(1.0, |next| next[last]) - point[last];
        if depth > 0.0 {
            volume += depth * hypervolume(&slice);
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
        assert_eq!(hypervolume(&[]), 0.0);
        assert_eq!(hypervolume(&[vec![0.25]]), 0.75);
        let two = [vec![0.0, 0.5], vec![0.5, 0.0]];
        assert_eq!(hypervolume(&two), 0.75);
        // Three boxes of 1/2 × 1 × 1: inclusion and exclusion.
        let three = [vec![0.5, 0.0, 0.0], vec![0.0, 0.5, 0.0], vec![0.0, 0.0, 0.5]];
        assert_eq!(hypervolume(&three), 3.0 / 2.0 - 3.0 / 4.0 + 1.0 / 8.0);
        // A count of the points of a lattice agrees.
        let points = [vec![0.1, 0.7, 0.4], vec![0.3, 0.2, 0.8], vec![0.6, 0.5, 0.1]];
        let place = |index: usize| (index as f64 + 0.5) / 40.0;
        let is_covered = |cell: &[f64; 3]| {
            points.iter().any(|point| point.iter().zip(cell).all(|(low, it)| low <= it))
        };
        let cells = (0..64_000).map(|n| [place(n % 40), place(n / 40 % 40), place(n / 1600)]);
        let counted = cells.filter(is_covered).count() as f64 / 64_000.0;
        assert!((hypervolume(&points) - counted).abs() < 1e-12);
    }

    #[test]
    fn a_curve_grows_with_the_front_alone() {
        let space = Space::new(vec![Parameter::float("x", 0.0, 1.0)]).unwrap();
        let objectives = [Objective::minimize("error"), Objective::maximize("speed")];
        let mut study = Study::new(space, Direction::Minimize, Box::new(RandomSampler), 1)
            .with_objectives(objectives)
            .unwrap();
        for (error, speed) in [(2.0, 10.0), (3.0, 5.0), (1.0, 0.0), (f64::NAN, 1.0), (2.0, 10.0)] {
            let x = Configuration::new(vec![Some(0.5)]);
            study.add(x, Measurement::new([error, speed])).unwrap();
        }
        let curve = LossScale::new([&study].into_iter()).curve(&study);
        // Errors from 1 to 2.1 and speeds from 10 to -1 are the unit square.
        let first = 0.1 / 1.1;
        let both = first + 1.0 / 1.1 * (1.0 / 11.0);
        for (volume, expected) in curve.iter().zip([first, first, both, both, both]) {
            assert!((volume - expected).abs() < 1e-12, "{curve:?}");
        }
    }
}

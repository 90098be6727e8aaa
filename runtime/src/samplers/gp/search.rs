//! Where the acquisition is largest.

use alloc::{vec, vec::Vec};

use rand::RngExt;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::{
    encoding::Encoding,
    minimise::{Limits, minimise},
    posterior::{Posterior, Scratch},
};
use crate::{
    acquisition::{CandidateOrigin, candidates},
    samplers::low_discrepancy,
    tokenizer::View,
};

/// A discrete parameter with at most so many values has all of them tried; of others, steps of
/// growing length.
const ALL_LEVELS: u64 = 16;
/// Rounds of continuous and discrete moves.
const ROUNDS: usize = 4;

/// How thoroughly to search.
#[derive(Clone, Copy, Debug)]
pub(super) struct Effort {
    /// Points spread evenly over the space.
    pub(super) spread: usize,
    /// Points near the best trials.
    pub(super) near: usize,
    /// The best of them that are refined.
    pub(super) starts: usize,
    /// Steps of each refinement.
    pub(super) steps: usize,
    /// So many more are refined after those, on request.
    pub(super) further: usize,
}

/// What a search has found, the most promising first, all of it settled in its cells of the unit
/// cube.
#[derive(Clone, Debug)]
pub(super) struct Search {
    /// All points that were rated, and the refined starts.
    pub(super) found: Vec<Found>,
    /// The further refined starts.
    pub(super) further: Vec<Found>,
}

/// A point that was rated.
#[derive(Clone, Debug)]
pub(super) struct Found {
    /// The logarithm of the expected improvement.
    pub(super) rating: f64,
    /// Settled in its cell of the unit cube.
    pub(super) unit: Vec<f64>,
    /// How it came about.
    pub(super) origin: CandidateOrigin,
}

/// Points that lie no farther apart in any coordinate would climb the same hill.
const APART: f64 = 0.05;

/// Looks for the largest expected improvement.
///
/// An even spread and neighbours of the `best` trials (points of the unit cube) are rated; the best
/// of them, in different places, are refined: numbers by the slope of the logarithm of the expected
/// improvement, discrete values by trying others.
pub(super) fn search(
    posterior: &Posterior,
    encoding: &Encoding<'_>,
    best: &[Vec<f64>],
    effort: Effort,
    generator: &mut Xoshiro256PlusPlus,
) -> Search {
    let columns = encoding.columns();
    let mut rater = Rater {
        posterior,
        encoding,
        row: vec![0.0; columns],
        active: vec![true; columns],
        scratch: Scratch::default(),
    };
    let seed = generator.random();
    let view = View::whole(columns);
    let mut rated: Vec<Found> = Vec::with_capacity(effort.spread + effort.near);
    for index in 0..effort.spread as u32 {
        let mut unit: Vec<f64> = (0..columns)
            .map(|dimension| low_discrepancy::coordinate(index, dimension, seed))
            .collect();
        encoding.settle(&mut unit);
        rated.push(Found { rating: 0.0, unit, origin: CandidateOrigin::Spread });
    }
    if !best.is_empty() {
        for index in 0..effort.near {
            let unit = if index % 2 == 0 {
                let space = encoding.space();
                space.to_unit(&candidates::neighbor(space, best, &view, generator))
            } else {
                fine_neighbour(encoding, best, generator)
            };
            rated.push(Found { rating: 0.0, unit, origin: CandidateOrigin::Neighbor });
        }
    }
    rater.rate_all(&mut rated);
    let by_rating = |one: &Found, other: &Found| other.rating.total_cmp(&one.rating);
    rated.sort_by(by_rating);
    let mut starts: Vec<Vec<f64>> = Vec::with_capacity(effort.starts + effort.further);
    for Found { unit, .. } in &rated {
        if starts.len() == effort.starts + effort.further {
            break;
        }
        if starts.iter().all(|other| apart(other, unit)) {
            starts.push(unit.clone());
        }
    }
    let mut refined = starts.into_iter().map(|mut unit| {
        let rating = rater.refine(&mut unit, effort.steps);
        Found { rating, unit, origin: CandidateOrigin::Refined }
    });
    rated.extend(refined.by_ref().take(effort.starts));
    let mut search = Search { found: rated, further: refined.collect() };
    for found in [&mut search.found, &mut search.further] {
        found.retain(|found| !found.rating.is_nan());
        found.sort_by(by_rating);
    }
    search
}

/// Whether two points of the unit cube may lie on different hills.
pub(super) fn apart(one: &[f64], other: &[f64]) -> bool {
    one.iter().zip(other).any(|(a, b)| (a - b).abs() > APART)
}

/// A neighbour at a scale down to a thousandth of the range, in all numerical coordinates.
fn fine_neighbour(
    encoding: &Encoding<'_>,
    best: &[Vec<f64>],
    generator: &mut Xoshiro256PlusPlus,
) -> Vec<f64> {
    let rank = generator.random::<f64>() * generator.random::<f64>() * best.len() as f64;
    let mut unit = best[(rank as usize).min(best.len() - 1)].clone();
    let scale = libm::pow(10.0, -0.7 - 2.3 * generator.random::<f64>());
    for (place, categorical) in unit.iter_mut().zip(encoding.categorical()) {
        let step = generator.random::<f64>() + generator.random::<f64>() - 1.0;
        if !categorical {
            *place = (*place + 2.0 * scale * step).clamp(0.0, 1.0);
        }
    }
    encoding.settle(&mut unit);
    unit
}

/// Rates and refines points of the unit cube.
struct Rater<'a> {
    posterior: &'a Posterior,
    encoding: &'a Encoding<'a>,
    row: Vec<f64>,
    active: Vec<bool>,
    scratch: Scratch,
}

impl Rater<'_> {
    fn rate(&mut self, unit: &[f64]) -> f64 {
        self.encoding.of_unit(unit, &mut self.row, &mut self.active);
        self.posterior.improvement(&self.row, &mut self.scratch)
    }

    /// Rates many points at once: faster than one after another, and the same in every bit.
    fn rate_all(&mut self, points: &mut [Found]) {
        let mut rows = Vec::with_capacity(points.len() * self.row.len());
        for found in &*points {
            self.encoding.of_unit(&found.unit, &mut self.row, &mut self.active);
            rows.extend_from_slice(&self.row);
        }
        let mut points = points.iter_mut();
        self.posterior.improvement_each(&rows, &mut self.scratch, |rating| {
            if let Some(found) = points.next() {
                found.rating = rating;
            }
        });
    }

    /// Moves a settled point uphill; returns its rating.
    fn refine(&mut self, unit: &mut Vec<f64>, steps: usize) -> f64 {
        let mut rating = self.rate(unit);
        for _ in 0..ROUNDS {
            let before = rating;
            rating = self.climb(unit, rating, steps);
            let smooth = rating;
            rating = self.step(unit, rating);
            // Continuous moves are done unless a discrete one has changed what they see.
            if rating == smooth || rating - before < 1e-4 {
                break;
            }
        }
        rating
    }

    /// Moves the continuous coordinates along the slope; fine ints too, which are then rounded.
    fn climb(&mut self, unit: &mut Vec<f64>, rating: f64, steps: usize) -> f64 {
        self.encoding.of_unit(unit, &mut self.row, &mut self.active);
        let parameters = self.encoding.space().parameters();
        let moves = |index: usize| {
            let levels = parameters[index].domain().levels();
            self.active[index]
                && !self.encoding.categorical()[index]
                && levels.is_none_or(|levels| levels > ALL_LEVELS)
        };
        let (mut low, mut high) = (unit.clone(), unit.clone());
        let mut any = false;
        for index in 0..unit.len() {
            if moves(index) {
                (low[index], high[index]) = (0.0, 1.0);
                any = true;
            }
        }
        if !any {
            return rating;
        }
        let mut moved = unit.clone();
        let Self { posterior, encoding, row, active, scratch } = self;
        let limits = Limits { steps, evaluations: 2 * steps, slope: 1e-4, gain: 1e-5, first: 0.05 };
        minimise(&mut moved, &low, &high, limits, |unit, gradient| {
            encoding.of_unit(unit, row, active);
            let value = posterior.improvement_slope(row, gradient, scratch);
            gradient.iter_mut().for_each(|slope| *slope = -*slope);
            -value
        });
        self.encoding.settle(&mut moved);
        let reached = self.rate(&moved);
        if reached > rating {
            *unit = moved;
            reached
        } else {
            rating
        }
    }

    /// Tries other values of each discrete parameter and keeps the best.
    fn step(&mut self, unit: &mut [f64], mut rating: f64) -> f64 {
        for index in 0..unit.len() {
            let domain = self.encoding.space().parameters()[index].domain();
            let Some(levels) = domain.levels().filter(|levels| *levels > 1) else { continue };
            let here = domain.level_of(domain.from_unit(unit[index]));
            for level in others(here, levels, domain.is_categorical()) {
                let before = unit[index];
                unit[index] = domain.to_unit(domain.level(level));
                let reached = self.rate(unit);
                if reached > rating {
                    rating = reached;
                } else {
                    unit[index] = before;
                }
            }
        }
        rating
    }
}

/// Levels worth trying beside `here`: all of a few, else those 1, 2, 4, … away. Of many categories,
/// every one.
fn others(here: u64, levels: u64, categorical: bool) -> Vec<u64> {
    if levels <= ALL_LEVELS || (categorical && levels <= 256) {
        return (0..levels).filter(|level| *level != here).collect();
    }
    let mut all = Vec::new();
    let mut distance = 1;
    while distance < levels {
        all.extend(here.checked_sub(distance));
        all.extend(here.checked_add(distance).filter(|level| *level < levels));
        distance *= 2;
    }
    all
}

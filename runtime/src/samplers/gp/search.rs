//! Maximization of the acquisition function.

use alloc::{vec, vec::Vec};

use rand::RngExt;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::{acquisition::Acquisition, encoding::Encoding, posterior::Scratch};
use crate::{
    acquisition::{CandidateOrigin, candidates},
    math::{
        box_lbfgs::{LbfgsOptions, minimize_in_box},
        low_discrepancy::Kronecker,
    },
    space::SearchBox,
};

/// A discrete parameter with at most this many values has all of them tried; one with more is moved
/// by steps of doubling length.
const ALL_LEVELS: u64 = 16;
/// Number of discrete moves, from one point, beyond which a part of them is tried.
const MAX_MOVES: usize = 1024;
/// Maximum number of rounds of continuous and discrete moves.
const ROUNDS: usize = 4;

/// Number of evaluations and restarts of a search.
#[derive(Clone, Copy, Debug)]
pub(super) struct SearchBudget {
    /// Quasi-random points in the whole space.
    pub(super) raw_samples: usize,
    /// Points near the best trials.
    pub(super) local_samples: usize,
    /// Number of the best points that are refined.
    pub(super) num_restarts: usize,
    /// Optimizer steps per refinement.
    pub(super) max_steps: usize,
    /// Number of further points that are refined, reported separately.
    pub(super) extra_restarts: usize,
}

/// Points with their acquisition values, best first, on the grid of the discrete parameters.
#[derive(Clone, Debug)]
pub(super) struct SearchResult {
    /// All sampled points and the refined ones.
    pub(super) points: Vec<RatedPoint>,
    /// The points that `extra_restarts` refined.
    pub(super) extra: Vec<RatedPoint>,
}

/// A point and its acquisition value.
#[derive(Clone, Debug)]
pub(super) struct RatedPoint {
    /// Value of the acquisition function.
    pub(super) rating: f64,
    /// A point of the unit cube, on the grid of the discrete parameters.
    pub(super) unit: Vec<f64>,
    /// Where the point comes from.
    pub(super) origin: CandidateOrigin,
}

/// Restarts closer than this in every coordinate would climb to the same maximum.
const MIN_SEPARATION: f64 = 0.05;

/// Maximizes the acquisition function.
///
/// Rates quasi-random points and neighbors of the `best` trials (points of the unit cube), then
/// refines the best of them that are separate: continuous coordinates by their gradient, discrete
/// ones by trying other values.
pub(super) fn search(
    acquisition: Acquisition<'_>,
    encoding: &Encoding<'_>,
    best: &[Vec<f64>],
    budget: SearchBudget,
    rng: &mut Xoshiro256PlusPlus,
) -> SearchResult {
    let columns = encoding.columns();
    let mut rater = Rater {
        acquisition,
        encoding,
        row: vec![0.0; columns],
        active: vec![true; columns],
        scratch: Scratch::default(),
    };
    let sequence = Kronecker::new(columns, rng.random());
    let search_box = SearchBox::whole(columns);
    let mut rated: Vec<RatedPoint> = Vec::with_capacity(budget.raw_samples + budget.local_samples);
    for index in 0..budget.raw_samples as u32 {
        let mut unit: Vec<f64> = sequence.point(index).collect();
        encoding.snap_to_grid(&mut unit);
        rated.push(RatedPoint { rating: 0.0, unit, origin: CandidateOrigin::Spread });
    }
    if !best.is_empty() {
        for index in 0..budget.local_samples {
            let unit = if index % 2 == 0 {
                let space = encoding.space();
                space.to_unit(&candidates::neighbor(space, best, &search_box, rng))
            } else {
                fine_neighbor(encoding, best, rng)
            };
            rated.push(RatedPoint { rating: 0.0, unit, origin: CandidateOrigin::Neighbor });
        }
    }
    rater.rate_all(&mut rated);
    let by_rating = |one: &RatedPoint, other: &RatedPoint| other.rating.total_cmp(&one.rating);
    rated.sort_by(by_rating);
    let mut starts: Vec<Vec<f64>> = Vec::with_capacity(budget.num_restarts + budget.extra_restarts);
    for RatedPoint { unit, .. } in &rated {
        if starts.len() == budget.num_restarts + budget.extra_restarts {
            break;
        }
        if starts.iter().all(|other| is_separate(other, unit)) {
            starts.push(unit.clone());
        }
    }
    let mut refined = starts.into_iter().map(|mut unit| {
        let rating = rater.refine(&mut unit, budget.max_steps);
        RatedPoint { rating, unit, origin: CandidateOrigin::Refined }
    });
    rated.extend(refined.by_ref().take(budget.num_restarts));
    let mut result = SearchResult { points: rated, extra: refined.collect() };
    for points in [&mut result.points, &mut result.extra] {
        points.retain(|point| !point.rating.is_nan());
        points.sort_by(by_rating);
    }
    result
}

/// Whether two points of the unit cube are far enough apart to climb to different maxima.
pub(super) fn is_separate(one: &[f64], other: &[f64]) -> bool {
    one.iter().zip(other).any(|(a, b)| (a - b).abs() > MIN_SEPARATION)
}

/// A neighbor at a scale down to a thousandth of the range, in all numerical coordinates.
fn fine_neighbor(
    encoding: &Encoding<'_>,
    best: &[Vec<f64>],
    rng: &mut Xoshiro256PlusPlus,
) -> Vec<f64> {
    let rank = rng.random::<f64>() * rng.random::<f64>() * best.len() as f64;
    let mut unit = best[(rank as usize).min(best.len() - 1)].clone();
    let scale = libm::pow(10.0, -0.7 - 2.3 * rng.random::<f64>());
    for (place, categorical) in unit.iter_mut().zip(encoding.categorical()) {
        let step = rng.random::<f64>() + rng.random::<f64>() - 1.0;
        if !categorical {
            *place = (*place + 2.0 * scale * step).clamp(0.0, 1.0);
        }
    }
    encoding.snap_to_grid(&mut unit);
    unit
}

/// Evaluates the acquisition function at points of the unit cube, and refines them.
struct Rater<'a> {
    acquisition: Acquisition<'a>,
    encoding: &'a Encoding<'a>,
    row: Vec<f64>,
    active: Vec<bool>,
    scratch: Scratch,
}

impl Rater<'_> {
    fn rate(&mut self, unit: &[f64]) -> f64 {
        self.encoding.encode_unit(unit, &mut self.row, &mut self.active);
        self.acquisition.value(&self.row, &mut self.scratch)
    }

    /// Rates many points at once, bit for bit as one at a time.
    fn rate_all(&mut self, points: &mut [RatedPoint]) {
        let mut rows = Vec::with_capacity(points.len() * self.row.len());
        for point in &*points {
            self.encoding.encode_unit(&point.unit, &mut self.row, &mut self.active);
            rows.extend_from_slice(&self.row);
        }
        self.acquisition.value_each(&rows, &mut self.scratch, |number, rating| {
            points[number].rating = rating;
        });
    }

    /// Moves a point on the grid uphill; returns its rating.
    fn refine(&mut self, unit: &mut Vec<f64>, max_steps: usize) -> f64 {
        let mut rating = self.rate(unit);
        for _ in 0..ROUNDS {
            let before = rating;
            rating = self.climb(unit, rating, max_steps);
            let smooth = rating;
            rating = self.step(unit, rating);
            // Continuous coordinates have converged unless a discrete move changed the function.
            if rating == smooth || rating - before < 1e-4 {
                break;
            }
        }
        rating
    }

    /// Moves the continuous coordinates along the gradient, and integers with many values, which
    /// are then rounded.
    fn climb(&mut self, unit: &mut Vec<f64>, rating: f64, max_steps: usize) -> f64 {
        self.encoding.encode_unit(unit, &mut self.row, &mut self.active);
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
        let Self { acquisition, encoding, row, active, scratch } = self;
        let options = LbfgsOptions {
            max_steps,
            max_evaluations: 2 * max_steps,
            gradient_tolerance: 1e-4,
            value_tolerance: 1e-5,
            initial_step: 0.05,
        };
        minimize_in_box(&mut moved, &low, &high, options, |unit, gradient| {
            encoding.encode_unit(unit, row, active);
            let value = acquisition.value_with_gradient(row, gradient, scratch);
            gradient.iter_mut().for_each(|slope| *slope = -*slope);
            -value
        });
        self.encoding.snap_to_grid(&mut moved);
        let reached = self.rate(&moved);
        if reached > rating {
            *unit = moved;
            reached
        } else {
            rating
        }
    }

    /// Tries other values of each discrete parameter and keeps the best. In a space of very many
    /// values it tries as many of each parameter, evenly spaced.
    fn step(&mut self, unit: &mut [f64], mut rating: f64) -> f64 {
        let parameters = self.encoding.space().parameters();
        let moves = parameters.iter().map(|parameter| {
            let domain = parameter.domain();
            domain.levels().map_or(0, |levels| others(0, levels, domain.is_categorical()).len())
        });
        let most = if moves.sum::<usize>() <= MAX_MOVES {
            usize::MAX
        } else {
            (MAX_MOVES / parameters.len()).max(1)
        };
        for index in 0..unit.len() {
            let domain = parameters[index].domain();
            let Some(levels) = domain.levels().filter(|levels| *levels > 1) else { continue };
            let here = domain.level_of(domain.from_unit(unit[index]));
            let mut levels = others(here, levels, domain.is_categorical());
            if levels.len() > most {
                let count = levels.len();
                levels = (0..most).map(|number| levels[number * count / most]).collect();
            }
            for level in levels {
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

/// Levels to try besides `here`: all of them if they are few or categories, else those at
/// distances 1, 2, 4, ….
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

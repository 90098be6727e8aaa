//! Local search with quadratic models in a trust region.

mod constraints;
mod encoder;
mod moves;
mod options;
mod quadratic;
mod trust_region;

pub use options::LocalSearchOptions;

use alloc::vec::Vec;

use rand::Rng;

use self::{
    constraints::{ConstraintModels, Rating},
    encoder::{Columns, MAX_COORDINATES, MAX_EXCHANGES, Point, PointEncoder},
    quadratic::{Quadratic, SparseOffset},
    trust_region::TrustRegionTrace,
};
use super::{
    Fallback, Ranking, Request, Sampler, SobolSampler, Suggestion,
    merit::{TrialOrder, constraint_count},
    ranking,
    tried_set::{TriedSet, sample_untried},
};
use crate::{
    Result,
    acquisition::CandidateOrigin,
    space::{Configuration, Space},
    trial::Observation,
};

/// A trust-region method: it fits a quadratic model around the best trial and steps to the model's
/// minimum.
///
/// A run begins with an even spread of trials. After it each suggestion uses all trials near the
/// best one, from whichever sampler:
///
/// 1. The trust region is a box around the best trial. Its radius follows from the successes and
///    failures since the run began.
/// 2. A quadratic is fitted to the nearest trials; where they leave it undetermined, the Hessian
///    has the least norm.
/// 3. Candidates are the model's minimum in the region, points around it, and a few across the
///    region. Candidates too near to a trial are dropped. The one with the lowest confidence bound
///    is suggested.
/// 4. When the radius falls below a limit, the run has converged and another begins elsewhere.
///
/// - Under constraints the best trial is the best feasible one, or the one that violates least. A
///   quadratic of each constraint stands beside that of the loss; the candidates are around the
///   minimum of the loss's model under theirs, and those that violate them least come first.
/// - Ints and steps move by at least one value, however small the region.
/// - Every few trials one or two choices of the best trial are exchanged instead, those with the
///   lowest confidence bound. Parameters that become active start from the best trial that had
///   them.
/// - A failed trial counts as the worst one near it.
/// - With more than 4,096 choices, exchanges are the choices of the model's trials and a sample of
///   the others, of which the model says the same; with more than 128 numerical parameters, steps
///   along single ones are a sample too ([`Fallback::SampledSteps`]).
/// - Suggestions keep a distance from pending trials.
///
/// After M. J. D. Powell, The NEWUOA software for unconstrained optimization without derivatives
/// (2006) and The BOBYQA algorithm for bound constrained optimization without derivatives (2009).
/// Unlike Powell's incremental updates, the model is refitted from the history each time.
#[derive(Clone, Debug, Default)]
pub struct LocalSearchSampler {
    options: LocalSearchOptions,
    trace: TrustRegionTrace,
}

/// Numbers of candidates across the region and around the model's minimum.
const REGION_CANDIDATES: usize = 16;
const MINIMUM_CANDIDATES: usize = 16;

/// Number of candidates with two exchanged choices.
const PAIR_CANDIDATES: usize = 16;

/// Least distance from a finished trial, as a fraction of the radius; nearer candidates add no
/// information.
const MIN_DISTANCE: f64 = 0.02;

/// Least distance from a pending trial.
const MIN_DISTANCE_TO_PENDING: f64 = 0.3;

/// Largest number of trials in the model: the cost is cubic.
const MAX_MODEL_POINTS: usize = 80;

/// A candidate, encoded.
struct Candidate {
    configuration: Configuration,
    point: Point,
}

impl LocalSearchSampler {
    /// A sampler with these options.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidValue`](crate::ErrorKind::InvalidValue), naming the option.
    pub fn new(options: LocalSearchOptions) -> Result<Self> {
        options.check()?;
        Ok(Self { options, ..Self::default() })
    }

    /// The options of this sampler.
    pub fn options(&self) -> &LocalSearchOptions {
        &self.options
    }
}

impl Sampler for LocalSearchSampler {
    fn name(&self) -> &'static str {
        "local_search"
    }

    fn suggest(&mut self, request: &Request<'_>) -> Result<Configuration> {
        Ok(self.explain(request)?.configuration)
    }

    fn explain(&mut self, request: &Request<'_>) -> Result<Suggestion> {
        let region = self.trace.sync(&self.options, request.space, request.history);
        let mut rng = request.rng();
        let asked = request.history.len() + request.pending.len();
        let center = match region.center {
            Some(center) if !region.is_start(&self.options, asked) => center,
            _ => {
                let configuration = start(request, region.start, &mut rng);
                return Ok(Suggestion::plain(configuration, self.name(), CandidateOrigin::Spread));
            }
        };
        let step = Step {
            request,
            options: &self.options,
            encoder: self.trace.encoder(),
            points: &self.trace.points,
            center,
            radius: region.radius,
        };
        let fallback = step.encoder.is_sampled().then_some(Fallback::SampledSteps);
        Ok(match step.suggest(&mut rng) {
            Some(configuration) => {
                Suggestion::plain(configuration, self.name(), CandidateOrigin::Step)
                    .with_fallback(fallback)
            }
            None => {
                let configuration =
                    sample_untried(request.space, &TriedSet::new(request), &mut rng);
                Suggestion::plain(configuration, self.name(), CandidateOrigin::Spread)
            }
        })
    }

    /// Ranks the candidates in the trust region by the lower confidence bound of the local model,
    /// and behind them the others by their distance from the best trial.
    fn choose(&mut self, request: &Request<'_>, candidates: &[Configuration]) -> Result<Ranking> {
        ranking::check(request, candidates)?;
        let order =
            if ranking::has_two_losses(request) { self.rank(request, candidates) } else { None };
        Ok(match order {
            Some(order) => Ranking { sampler: self.name(), order, values: Vec::new() },
            None => Ranking::random(request, candidates.len()),
        })
    }
}

/// Ranks candidates by the local model.
impl LocalSearchSampler {
    /// Indices of the candidates in the trust region, lowest confidence bound first, then of the
    /// others, nearest first.
    fn rank(&mut self, request: &Request<'_>, candidates: &[Configuration]) -> Option<Vec<usize>> {
        let region = self.trace.sync(&self.options, request.space, request.history);
        let step = Step {
            request,
            options: &self.options,
            encoder: self.trace.encoder(),
            points: &self.trace.points,
            center: region.center.or_else(|| best_trial(request))?,
            radius: region.radius,
        };
        let model = step.fit();
        let center = &step.points[step.center];
        let rate = |candidate: &Configuration| {
            let point = step.encoder.point(request.space, candidate);
            let (distance, _) = point.distance(center);
            let squared =
                step.encoder.squared_distance(&point, center, region.radius, f64::INFINITY);
            let exchanged = point.exchanged(center);
            if distance > region.radius || exchanged > 1 {
                return (false, Rating { violation: 0.0, bound: squared });
            }
            (true, step.rate(&model, &point))
        };
        let ratings: Vec<(bool, Rating)> = candidates.iter().map(rate).collect();
        let mut order: Vec<usize> = (0..candidates.len()).collect();
        order.sort_by(|one, other| {
            let (one, other) = (ratings[*one], ratings[*other]);
            other.0.cmp(&one.0).then(one.1.total_cmp(&other.1))
        });
        Some(order)
    }
}

/// The first of the best trials.
fn best_trial(request: &Request<'_>) -> Option<usize> {
    let order = TrialOrder::new(request.history);
    let merit = |index: usize| order.merit(&request.history[index]);
    let finished = (0..request.history.len()).filter(|index| !merit(*index).is_failed());
    finished.reduce(|best, other| if merit(other).is_better(&merit(best)) { other } else { best })
}

/// A point of the initial spread; the very first is near the middle of the space.
fn start(request: &Request<'_>, run: usize, rng: &mut impl Rng) -> Configuration {
    let index = request.history.len() + request.pending.len() - run;
    let share = if run > 0 {
        1.0
    } else if index == 0 {
        0.1
    } else {
        0.7
    };
    let tried = TriedSet::new(request);
    let spread = Request { history: &[], pending: &[], ..*request };
    let Ok(even) = SobolSampler.suggest(&spread) else {
        return sample_untried(request.space, &tried, rng);
    };
    let unit: Vec<f64> =
        request
            .space
            .to_unit(&even)
            .iter()
            .zip(request.space.parameters())
            .map(|(unit, parameter)| {
                if parameter.domain().is_categorical() { *unit } else { 0.5 + share * (unit - 0.5) }
            })
            .collect();
    let configuration = request.space.from_unit(&unit);
    if tried.contains(&configuration) {
        sample_untried(request.space, &tried, rng)
    } else {
        configuration
    }
}

/// The models around the center.
struct LocalModel {
    loss: Quadratic,
    constraints: ConstraintModels,
    columns: Columns,
}

/// One trust-region step.
struct Step<'a> {
    request: &'a Request<'a>,
    options: &'a LocalSearchOptions,
    encoder: &'a PointEncoder,
    points: &'a [Point],
    center: usize,
    radius: f64,
}

impl Step<'_> {
    /// The best untried candidate.
    fn suggest(&self, rng: &mut impl Rng) -> Option<Configuration> {
        let model = self.fit();
        let mut candidates = Vec::new();
        let moves_categoricals = !self.encoder.categorical.is_empty()
            && (self.request.number as usize).is_multiple_of(self.options.categorical_every);
        if moves_categoricals || self.encoder.numerical.is_empty() {
            self.categorical_moves(&model.columns, &mut candidates, rng);
        }
        let mut best = self.best(&model, candidates);
        if best.is_none() {
            let mut candidates = Vec::new();
            self.numerical_moves(&model, &mut candidates, rng);
            best = self.best(&model, candidates);
        }
        best
    }

    /// The candidate with the lowest confidence bound, of those that violate the models of the
    /// constraints the least. The distance limit also excludes what was tried.
    fn best(&self, model: &LocalModel, candidates: Vec<Candidate>) -> Option<Configuration> {
        let pending: Vec<Point> = self
            .request
            .pending
            .iter()
            .map(|configuration| self.encoder.point(self.request.space, configuration))
            .collect();
        // Twice the needed distance, so that rounding drops no trial.
        let (low, high) = bounds(&candidates, 2.0 * MIN_DISTANCE * self.radius);
        let finished: Vec<&Point> =
            self.points.iter().filter(|point| point.is_between(&low, &high)).collect();
        let is_near = |candidate: &Candidate, other: &Point, share: f64| {
            candidate.point.is_within(other, share * self.radius)
        };
        candidates
            .into_iter()
            .filter(|candidate| {
                finished.iter().all(|other| !is_near(candidate, other, MIN_DISTANCE))
                    && pending
                        .iter()
                        .all(|other| !is_near(candidate, other, MIN_DISTANCE_TO_PENDING))
            })
            .map(|candidate| (self.rate(model, &candidate.point), candidate))
            .reduce(|best, other| if other.0.is_below(&best.0) { other } else { best })
            .map(|(_, candidate)| candidate.configuration)
    }

    /// The models' rating of a point.
    fn rate(&self, model: &LocalModel, point: &Point) -> Rating {
        let LocalModel { loss, constraints, columns } = model;
        let offset = columns.sparse_offset(point, &self.points[self.center], self.radius);
        let bound = loss.lower_bound(SparseOffset(&offset), self.options.kappa);
        Rating { violation: constraints.violation(SparseOffset(&offset)), bound }
    }

    /// Fits the models to the trials nearest to the center.
    fn fit(&self) -> LocalModel {
        let (history, center) = (self.request.history, &self.points[self.center]);
        let dimensions = self.encoder.dimensions();
        let most = ((dimensions + 1) * (dimensions + 2) / 2 + dimensions).min(MAX_MODEL_POINTS);
        let near = self.nearest(most);
        let trials: Vec<&Observation> = near.iter().map(|index| &history[*index]).collect();
        let count = constraint_count(history);
        let lowest = match count {
            0 => history[self.center].loss.unwrap_or(0.0),
            // Infeasible trials may have lower losses than the center.
            _ => trials.iter().filter_map(|trial| trial.loss).reduce(f64::min).unwrap_or(0.0),
        };
        let offset_from_best = |loss: f64| (loss - lowest).clamp(0.0, f64::MAX);
        let mut offsets_from_best: Vec<f64> =
            trials.iter().filter_map(|trial| trial.loss.map(offset_from_best)).collect();
        let worst = offsets_from_best.iter().copied().fold(0.0, f64::max);
        offsets_from_best.sort_by(f64::total_cmp);
        let middle = offsets_from_best[offsets_from_best.len() / 2];
        let scale = if middle > 0.0 { middle } else { worst.max(f64::MIN_POSITIVE) };
        // Very large values are clipped: they only mark a bad area.
        let values: Vec<f64> = trials
            .iter()
            .map(|trial| trial.loss.map_or(scale, offset_from_best) / scale)
            .map(|value| value.min(MAX_SCALED_VALUE))
            .collect();
        let columns = Columns::new(near.iter().map(|index| &self.points[*index]), center);
        let offset = |index: &usize| columns.offset(&self.points[*index], center, self.radius);
        let offsets: Vec<f64> = near.iter().flat_map(offset).collect();
        let constraints = ConstraintModels::fit(&trials, &offsets, columns.len(), count);
        LocalModel { loss: Quadratic::fit(offsets, columns.len(), &values), constraints, columns }
    }

    /// The `most` trials nearest to the center, nearest first; ties by age.
    fn nearest(&self, most: usize) -> Vec<usize> {
        let center = &self.points[self.center];
        let by_distance = |one: &(f64, usize), other: &(f64, usize)| {
            one.0.total_cmp(&other.0).then(one.1.cmp(&other.1))
        };
        let mut near: Vec<(f64, usize)> = Vec::with_capacity(2 * most);
        let mut farthest = f64::INFINITY;
        for (index, point) in self.points.iter().enumerate() {
            let squared = self.encoder.squared_distance(point, center, self.radius, farthest);
            if squared <= farthest {
                near.push((squared, index));
            }
            // The farther half is dropped now and then, which tightens the early exit.
            if near.len() == 2 * most {
                near.select_nth_unstable_by(most - 1, by_distance);
                near.truncate(most);
                farthest = near[most - 1].0;
            }
        }
        near.sort_unstable_by(by_distance);
        near.truncate(most);
        near.into_iter().map(|(_, index)| index).collect()
    }

    fn candidate(&self, places: &[f64], choices: &[usize]) -> Candidate {
        let space: &Space = self.request.space;
        let configuration = self.encoder.configuration(space, places, choices);
        let point = self.encoder.point(space, &configuration);
        Candidate { configuration, point }
    }
}

/// Bounding box of the candidates, extended by `margin`.
fn bounds(candidates: &[Candidate], margin: f64) -> (Vec<f64>, Vec<f64>) {
    let dimensions = candidates.first().map_or(0, |candidate| candidate.point.places.len());
    let (mut low, mut high) =
        (alloc::vec![f64::INFINITY; dimensions], alloc::vec![f64::NEG_INFINITY; dimensions]);
    for candidate in candidates {
        for (at, place) in candidate.point.places.iter().enumerate() {
            // An inactive parameter bounds nothing.
            low[at] = low[at].min(place.map_or(f64::NEG_INFINITY, |place| place - margin));
            high[at] = high[at].max(place.map_or(f64::INFINITY, |place| place + margin));
        }
    }
    (low, high)
}

/// Clip level of the model's values, in units of their median near the center.
const MAX_SCALED_VALUE: f64 = 1e3;

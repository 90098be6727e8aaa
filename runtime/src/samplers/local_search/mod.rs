//! Local search by quadratic models.

mod encoder;
mod options;
mod quadratic;
mod trust_region;

pub use options::LocalSearchOptions;

use alloc::vec::Vec;

use rand::{Rng, RngExt};

use self::{
    encoder::{Point, PointEncoder},
    quadratic::Quadratic,
    trust_region::TrustRegionTrace,
};
use super::{
    Request, Sampler, SobolSampler, Suggestion,
    tried_set::{TriedSet, sample_untried},
};
use crate::{
    Result,
    acquisition::CandidateOrigin,
    space::{Configuration, Space},
};

/// A trust-region method: a quadratic model around the best trial, and a step to where the model is
/// lowest.
///
/// The first trials of a run are an even spread. After that each suggestion is made from all trials
/// near the best one, whoever made them:
///
/// 1. The trust region is a box around the best trial; its side follows from the successes and
///    failures since the run began.
/// 2. A quadratic is fitted to the nearest trials, with a Hessian of least norm where they do not
///    determine it.
/// 3. The lowest point of the model in the region is a candidate; so are points around it and a few
///    across the region. What lies too near to a known trial is left out. The one with the lowest
///    value less a share of its uncertainty is suggested.
/// 4. When the region has become tiny the run has converged; another begins at fresh points.
///
/// - Ints and steps move by at least one value, however small the region.
/// - Every few trials one choice of the best trial's categorical parameters is exchanged, or two,
///   those that the model thinks best of with its uncertainty; parameters that become active take
///   their values from the best trial that had them.
/// - Failed trials count as bad as the worst near them.
/// - Pending trials are kept away from.
///
/// After M. J. D. Powell, The NEWUOA software for unconstrained optimization without derivatives
/// (2006) and The BOBYQA algorithm for bound constrained optimization without derivatives (2009),
/// from which it takes the model and the region, but not the incremental update: the model is
/// fitted anew from the history each time.
#[derive(Clone, Debug, Default)]
pub struct LocalSearchSampler {
    options: LocalSearchOptions,
    trace: TrustRegionTrace,
}

/// Points across the region, and around the model's minimum, that are candidates too.
const REGION_CANDIDATES: usize = 16;
const MINIMUM_CANDIDATES: usize = 16;

/// Pairs of exchanged choices that are candidates.
const PAIR_CANDIDATES: usize = 16;

/// Candidates nearer than this to a finished trial, in every number and as a share of the radius,
/// teach nothing.
const MIN_DISTANCE: f64 = 0.02;

/// The same for pending trials, which will teach something soon.
const MIN_DISTANCE_TO_PENDING: f64 = 0.3;

/// At most so many trials are fitted to: the cost grows with the cube.
const MAX_MODEL_POINTS: usize = 80;

/// A proposal in units of the trust region.
struct Candidate {
    configuration: Configuration,
    offset: Vec<f64>,
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

    /// The options.
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
        Ok(match step.suggest(&mut rng) {
            Some(configuration) => {
                Suggestion::plain(configuration, self.name(), CandidateOrigin::Step)
            }
            None => {
                let configuration =
                    sample_untried(request.space, &TriedSet::new(request), &mut rng);
                Suggestion::plain(configuration, self.name(), CandidateOrigin::Spread)
            }
        })
    }
}

/// A point of the even spread that a run begins with; the very first near the middle of the space.
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

/// One step from a center.
struct Step<'a> {
    request: &'a Request<'a>,
    options: &'a LocalSearchOptions,
    encoder: &'a PointEncoder,
    points: &'a [Point],
    center: usize,
    radius: f64,
}

impl Step<'_> {
    /// The best candidate that was not tried yet.
    fn suggest(&self, rng: &mut impl Rng) -> Option<Configuration> {
        let model = self.fit();
        let mut candidates = Vec::new();
        let moves_categoricals = !self.encoder.categorical.is_empty()
            && (self.request.number as usize).is_multiple_of(self.options.categorical_every);
        if moves_categoricals || self.encoder.numerical.is_empty() {
            self.categorical_moves(&mut candidates, rng);
        }
        let mut best = self.best(&model, candidates);
        if best.is_none() {
            let mut candidates = Vec::new();
            self.numerical_moves(&model, &mut candidates, rng);
            best = self.best(&model, candidates);
        }
        best
    }

    /// The candidate with the lowest value less its doubt. What was tried is near itself, so that
    /// there is no need to look for it.
    fn best(&self, model: &Quadratic, candidates: Vec<Candidate>) -> Option<Configuration> {
        let pending: Vec<Point> = self
            .request
            .pending
            .iter()
            .map(|configuration| self.encoder.point(self.request.space, configuration))
            .collect();
        // Twice as far as needed, so that no rounding leaves one out.
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
            .map(|candidate| {
                let deviation = model.deviation(&candidate.offset);
                (model.value(&candidate.offset) - self.options.kappa * deviation, candidate)
            })
            .reduce(|best, other| if other.0 < best.0 { other } else { best })
            .map(|(_, candidate)| candidate.configuration)
    }

    /// The model of the trials nearest to the center.
    fn fit(&self) -> Quadratic {
        let (history, center) = (self.request.history, &self.points[self.center]);
        let dimensions = self.encoder.dimensions();
        let most = ((dimensions + 1) * (dimensions + 2) / 2 + dimensions).min(MAX_MODEL_POINTS);
        let near = self.nearest(most);
        let lowest = history[self.center].loss.unwrap_or(0.0);
        let offset_from_best = |loss: f64| (loss - lowest).clamp(0.0, f64::MAX);
        let mut offsets_from_best: Vec<f64> =
            near.iter().filter_map(|index| history[*index].loss.map(offset_from_best)).collect();
        let worst = offsets_from_best.iter().copied().fold(0.0, f64::max);
        offsets_from_best.sort_by(f64::total_cmp);
        let middle = offsets_from_best[offsets_from_best.len() / 2];
        let scale = if middle > 0.0 { middle } else { worst.max(f64::MIN_POSITIVE) };
        // Values far above the rest say that it is bad there, and no more.
        let values: Vec<f64> = near
            .iter()
            .map(|index| history[*index].loss.map_or(scale, offset_from_best) / scale)
            .map(|value| value.min(MAX_SCALED_VALUE))
            .collect();
        let offset = |index: &usize| self.encoder.offset(&self.points[*index], center, self.radius);
        let offsets = near.iter().flat_map(offset).collect();
        Quadratic::fit(offsets, dimensions, &values)
    }

    /// The trials nearest to the center, nearest first; of equals the earlier.
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
            // Now and then the farther half is dropped; what lies beyond the rest need not be
            // measured to the end.
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
        let offset = self.encoder.offset(&point, &self.points[self.center], self.radius);
        Candidate { configuration, offset, point }
    }

    /// The center's numbers and choices; where it has none, those of the best trial that has.
    fn origin(&self) -> (Vec<f64>, Vec<usize>) {
        let history = self.request.history;
        let loss = |index: usize| history[index].loss.unwrap_or(f64::INFINITY);
        let center = &self.points[self.center];
        let mut order = alloc::vec![self.center];
        if center.places.contains(&None) || center.choices.contains(&None) {
            order.extend(0..history.len());
            order[1..].sort_by(|one, other| loss(*one).total_cmp(&loss(*other)));
        }
        let places = (0..self.encoder.numerical.len())
            .map(|at| order.iter().find_map(|index| self.points[*index].places[at]).unwrap_or(0.5))
            .collect();
        let choices = (0..self.encoder.categorical.len())
            .map(|at| order.iter().find_map(|index| self.points[*index].choices[at]).unwrap_or(0))
            .collect();
        (places, choices)
    }

    /// The center with one choice exchanged, or two.
    fn categorical_moves(&self, candidates: &mut Vec<Candidate>, rng: &mut impl Rng) {
        let (places, choices) = self.origin();
        // An inactive parameter has nothing to exchange.
        let active: Vec<usize> = (0..choices.len())
            .filter(|at| self.points[self.center].choices[*at].is_some())
            .filter(|at| self.encoder.categorical[*at].1 > 1)
            .collect();
        for &at in &active {
            let count = self.encoder.categorical[at].1;
            for turn in 1..count {
                let mut exchanged = choices.clone();
                exchanged[at] = (choices[at] + turn) % count;
                candidates.push(self.candidate(&self.fill_inactive(&places, rng), &exchanged));
            }
        }
        // Two at once, for choices that are good together alone.
        for _ in 0..if active.len() > 1 { PAIR_CANDIDATES } else { 0 } {
            let mut exchanged = choices.clone();
            for _ in 0..2 {
                let at = active[rng.random_range(0..active.len())];
                exchanged[at] = rng.random_range(0..self.encoder.categorical[at].1);
            }
            candidates.push(self.candidate(&self.fill_inactive(&places, rng), &exchanged));
        }
        // The first of equals wins: let that be any.
        for last in (1..candidates.len()).rev() {
            candidates.swap(last, rng.random_range(0..=last));
        }
    }

    /// `places`, with others for the parameters that the center has not: what a choice makes active
    /// has its own good values, which one trial does not find.
    fn fill_inactive(&self, places: &[f64], rng: &mut impl Rng) -> Vec<f64> {
        let mut awake = |(place, here): (&f64, &Option<f64>)| match here {
            Some(_) => *place,
            None if rng.random::<bool>() => rng.random::<f64>(),
            None => {
                let step = self.options.initial_radius * (2.0 * rng.random::<f64>() - 1.0);
                (place + step).clamp(0.0, 1.0)
            }
        };
        places.iter().zip(&self.points[self.center].places).map(&mut awake).collect()
    }

    /// Steps of the numbers.
    fn numerical_moves(
        &self,
        model: &Quadratic,
        candidates: &mut Vec<Candidate>,
        rng: &mut impl Rng,
    ) {
        let (places, choices) = self.origin();
        let reach: Vec<f64> =
            self.encoder.numerical.iter().map(|(_, apart)| self.radius.max(1.01 * apart)).collect();
        let low: Vec<f64> =
            (0..places.len()).map(|at| (-reach[at]).max(-places[at]) / self.radius).collect();
        let high: Vec<f64> =
            (0..places.len()).map(|at| reach[at].min(1.0 - places[at]) / self.radius).collect();
        let mut push = |offset: &[f64]| {
            let target: Vec<f64> =
                places.iter().zip(offset).map(|(place, step)| place + self.radius * step).collect();
            candidates.push(self.candidate(&target, &choices));
        };
        let dimensions = self.encoder.dimensions();
        let mut lowest = model.minimize_in_box(&alloc::vec![0.0; dimensions], &low, &high);
        for _ in 0..2 {
            let mut from = alloc::vec![0.0; dimensions];
            for at in 0..places.len() {
                from[at] = low[at] + rng.random::<f64>() * (high[at] - low[at]);
            }
            let other = model.minimize_in_box(&from, &low, &high);
            if model.value(&other) < model.value(&lowest) {
                lowest = other;
            }
        }
        push(&lowest);
        for turn in 0..REGION_CANDIDATES + MINIMUM_CANDIDATES {
            let share = if turn < REGION_CANDIDATES { 1.0 } else { 0.2 };
            let offset: Vec<f64> = (0..places.len())
                .map(|at| {
                    let across = low[at] + rng.random::<f64>() * (high[at] - low[at]);
                    lowest[at] + share * (across - lowest[at])
                })
                .collect();
            push(&offset);
        }
        for (at, (_, apart)) in self.encoder.numerical.iter().enumerate() {
            for direction in [-1.0, 1.0] {
                let mut offset = alloc::vec![0.0; places.len()];
                offset[at] = direction * if *apart > 0.0 { apart / self.radius } else { 1.0 };
                if offset[at] >= low[at] && offset[at] <= high[at] {
                    push(&offset);
                }
            }
        }
    }
}

/// The least and the largest place of any candidate in each number, and `margin` beyond.
fn bounds(candidates: &[Candidate], margin: f64) -> (Vec<f64>, Vec<f64>) {
    let dimensions = candidates.first().map_or(0, |candidate| candidate.point.places.len());
    let (mut low, mut high) =
        (alloc::vec![f64::INFINITY; dimensions], alloc::vec![f64::NEG_INFINITY; dimensions]);
    for candidate in candidates {
        for (at, place) in candidate.point.places.iter().enumerate() {
            // Where a candidate has no number none is too far from it.
            low[at] = low[at].min(place.map_or(f64::NEG_INFINITY, |place| place - margin));
            high[at] = high[at].max(place.map_or(f64::INFINITY, |place| place + margin));
        }
    }
    (low, high)
}

/// The highest value that a model is fitted to, where 1 is the median of those near the center.
const MAX_SCALED_VALUE: f64 = 1e3;

//! The candidates of a step: exchanged choices and moved numbers.

use alloc::vec::Vec;

use rand::{Rng, RngExt};

use super::{
    Candidate, Columns, LocalModel, MAX_COORDINATES, MAX_EXCHANGES, MINIMUM_CANDIDATES,
    PAIR_CANDIDATES, REGION_CANDIDATES, Step, TrialOrder,
};

impl Step<'_> {
    /// The center's coordinates and choices; where it has none, those of the best trial that has.
    fn origin(&self) -> (Vec<f64>, Vec<usize>) {
        let history = self.request.history;
        let by = TrialOrder::new(history);
        let merit = |index: usize| by.merit(&history[index]);
        let center = &self.points[self.center];
        let mut order = alloc::vec![self.center];
        if center.places.contains(&None) || center.choices.contains(&None) {
            order.extend(0..history.len());
            order[1..].sort_by(|one, other| merit(*one).total_cmp(&merit(*other)));
        }
        let places = (0..self.encoder.numerical.len())
            .map(|at| order.iter().find_map(|index| self.points[*index].places[at]).unwrap_or(0.5))
            .collect();
        let choices = (0..self.encoder.categorical.len())
            .map(|at| order.iter().find_map(|index| self.points[*index].choices[at]).unwrap_or(0))
            .collect();
        (places, choices)
    }

    /// Candidates with one or two exchanged choices.
    pub(super) fn categorical_moves(
        &self,
        columns: &Columns,
        candidates: &mut Vec<Candidate>,
        rng: &mut impl Rng,
    ) {
        let (places, choices) = self.origin();
        // Inactive parameters cannot be exchanged.
        let active: Vec<usize> = (0..choices.len())
            .filter(|at| self.points[self.center].choices[*at].is_some())
            .filter(|at| self.encoder.categorical[*at].1 > 1)
            .collect();
        for (at, choice) in self.exchanges(&active, &choices, columns, rng) {
            let mut exchanged = choices.clone();
            exchanged[at] = choice;
            candidates.push(self.candidate(&self.fill_inactive(&places, rng), &exchanged));
        }
        // Pairs, for choices that are good only together.
        for _ in 0..if active.len() > 1 { PAIR_CANDIDATES } else { 0 } {
            let mut exchanged = choices.clone();
            for _ in 0..2 {
                let at = active[rng.random_range(0..active.len())];
                exchanged[at] = rng.random_range(0..self.encoder.categorical[at].1);
            }
            candidates.push(self.candidate(&self.fill_inactive(&places, rng), &exchanged));
        }
        // Shuffle, because the first of equals wins.
        for last in (1..candidates.len()).rev() {
            candidates.swap(last, rng.random_range(0..=last));
        }
    }

    /// The single exchanges to try, each a parameter and its new choice: all of them, or those that
    /// the model has seen and a sample of the others.
    fn exchanges(
        &self,
        active: &[usize],
        choices: &[usize],
        columns: &Columns,
        rng: &mut impl Rng,
    ) -> Vec<(usize, usize)> {
        let count = |at: usize| self.encoder.categorical[at].1;
        let all: usize = active.iter().map(|at| count(*at) - 1).sum();
        if all <= MAX_EXCHANGES {
            let turns = |&at: &usize| {
                (1..count(at)).map(move |turn| (at, (choices[at] + turn) % count(at)))
            };
            return active.iter().flat_map(turns).collect();
        }
        let seen = |&at: &usize| columns.seen(at).iter().map(move |choice| (at, *choice));
        let mut exchanges: Vec<(usize, usize)> = active.iter().flat_map(seen).collect();
        for _ in exchanges.len()..MAX_EXCHANGES {
            // Each exchange is as likely as any other, whichever parameter it belongs to.
            let mut number = rng.random_range(0..all);
            let owner = active.iter().find(|at| {
                let others = count(**at) - 1;
                let is_owner = number < others;
                if !is_owner {
                    number -= others;
                }
                is_owner
            });
            exchanges.extend(owner.map(|at| (*at, (choices[*at] + 1 + number) % count(*at))));
        }
        exchanges
    }

    /// `places`, with random values where the center is inactive: a parameter that becomes active
    /// has good values of its own, which one trial does not find.
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

    /// Candidates that move the numerical parameters.
    pub(super) fn numerical_moves(
        &self,
        model: &LocalModel,
        candidates: &mut Vec<Candidate>,
        rng: &mut impl Rng,
    ) {
        let (places, choices) = self.origin();
        let region = self.region(&places);
        let mut push = |offset: &[f64]| {
            let target: Vec<f64> =
                places.iter().zip(offset).map(|(place, step)| place + self.radius * step).collect();
            candidates.push(self.candidate(&target, &choices));
        };
        let mut lowest = minimum(model, &region, rng);
        push(&lowest);
        if !model.constraints.is_empty() {
            let start = alloc::vec![0.0; model.columns.len()];
            let bounds = (&region.low[..], &region.high[..]);
            let constrained = model.constraints.minimize(&model.loss, &start, bounds);
            constrained.iter().for_each(|offset| push(offset));
            lowest = constrained.into_iter().next().unwrap_or(lowest);
        }
        for turn in 0..REGION_CANDIDATES + MINIMUM_CANDIDATES {
            let share = if turn < REGION_CANDIDATES { 1.0 } else { 0.2 };
            let offset: Vec<f64> = (0..places.len())
                .map(|at| lowest[at] + share * (region.draw(at, rng) - lowest[at]))
                .collect();
            push(&offset);
        }
        self.coordinate_steps(&region, rng).iter().for_each(|offset| push(offset));
    }

    /// The trust region around a point, within the space.
    fn region(&self, places: &[f64]) -> Region {
        // At least one level of an int or a step, however small the radius.
        let reach = |at: usize| self.radius.max(1.01 * self.encoder.numerical[at].1);
        let low = |at: usize| (-reach(at)).max(-places[at]) / self.radius;
        let high = |at: usize| reach(at).min(1.0 - places[at]) / self.radius;
        let coordinates = 0..places.len();
        Region {
            low: coordinates.clone().map(low).collect(),
            high: coordinates.map(high).collect(),
        }
    }

    /// Steps along single coordinates, or along a sample of many: one level, or the radius.
    fn coordinate_steps(&self, region: &Region, rng: &mut impl Rng) -> Vec<Vec<f64>> {
        let count = region.low.len();
        let stepped: Vec<usize> = if count <= MAX_COORDINATES {
            (0..count).collect()
        } else {
            (0..MAX_COORDINATES).map(|_| rng.random_range(0..count)).collect()
        };
        let mut steps = Vec::new();
        for at in stepped {
            let apart = self.encoder.numerical[at].1;
            for direction in [-1.0, 1.0] {
                let step = direction * if apart > 0.0 { apart / self.radius } else { 1.0 };
                if (region.low[at]..=region.high[at]).contains(&step) {
                    let mut offset = alloc::vec![0.0; count];
                    offset[at] = step;
                    steps.push(offset);
                }
            }
        }
        steps
    }
}

/// Bounds of offsets from the center, in units of the radius.
struct Region {
    low: Vec<f64>,
    high: Vec<f64>,
}

impl Region {
    /// A coordinate, uniformly within the bounds.
    fn draw(&self, at: usize, rng: &mut impl Rng) -> f64 {
        self.low[at] + rng.random::<f64>() * (self.high[at] - self.low[at])
    }
}

/// The lowest minimum of the loss's model that descents from the center and from two random points
/// find.
fn minimum(model: &LocalModel, region: &Region, rng: &mut impl Rng) -> Vec<f64> {
    let Region { low, high } = region;
    let center = alloc::vec![0.0; model.columns.len()];
    let mut lowest = model.loss.minimize_in_box(&center, low, high);
    for _ in 0..2 {
        let mut from = center.clone();
        for (at, place) in from.iter_mut().enumerate().take(low.len()) {
            *place = region.draw(at, rng);
        }
        let other = model.loss.minimize_in_box(&from, low, high);
        if model.loss.value(&other) < model.loss.value(&lowest) {
            lowest = other;
        }
    }
    lowest
}

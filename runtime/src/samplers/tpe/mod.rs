//! The tree-structured Parzen estimator, multivariate, with the defaults of Optuna 5.
//!
//! The finished trials are split into the best `γ(n) = min(⌈n/10⌉, 25)` and the rest; a Parzen estimator is put over each. Of
//! 24 draws from the good one, the draw with the largest ratio of the two densities is suggested (Bergstra, Bardenet, Bengio and
//! Kégl 2011; the bandwidths as Watanabe 2023, *Tree-structured Parzen estimator: understanding its algorithm components*,
//! describes them). Failed and pending trials count among the rest.

mod parzen;

use alloc::{boxed::Box, vec::Vec};

use parzen::{Estimator, Point};

use super::{RandomSampler, Request, Sampler};
use crate::{Result, space::Configuration};

/// How [`TpeSampler`] works; the defaults are Optuna's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TpeOptions {
    /// Suggestions are random until so many trials have finished.
    pub startup: usize,
    /// Draws from the good estimator of which the best is suggested.
    pub candidates: usize,
    /// Weight of the prior kernel beside a trial's 1.
    pub prior_weight: f64,
}

impl Default for TpeOptions {
    fn default() -> Self {
        Self { startup: 10, candidates: 24, prior_weight: 1.0 }
    }
}

/// Suggests by the ratio of two Parzen estimators.
#[derive(Clone, Copy, Debug, Default)]
pub struct TpeSampler {
    options: TpeOptions,
}

impl TpeSampler {
    /// A sampler with other options.
    pub fn new(options: TpeOptions) -> Self {
        Self { options }
    }

    /// A sampler as [`by_name`](super::by_name) gives it.
    pub(super) fn boxed() -> Box<dyn Sampler + Send> {
        Box::new(Self::default())
    }
}

/// How many of `finished` trials count as good.
fn good_ones(finished: usize) -> usize {
    finished.div_ceil(10).min(25)
}

impl Sampler for TpeSampler {
    fn name(&self) -> &'static str {
        "tpe"
    }

    fn suggest(&mut self, request: &Request<'_>) -> Result<Configuration> {
        let finished = request.history.iter().filter(|trial| trial.loss.is_some()).count();
        if finished < self.options.startup.max(1) {
            return RandomSampler.suggest(request);
        }
        let mut order: Vec<usize> =
            (0..request.history.len()).filter(|i| request.history[*i].loss.is_some()).collect();
        order.sort_by(|one, other| {
            let loss = |index: &usize| request.history[*index].loss.unwrap_or(f64::INFINITY);
            loss(one).total_cmp(&loss(other))
        });
        let mut good: Vec<usize> = order[..good_ones(finished)].to_vec();
        good.sort_unstable();
        let space = request.space;
        let point = |configuration: &Configuration| Point::new(space, configuration);
        let best: Vec<Point> =
            good.iter().map(|index| point(&request.history[*index].configuration)).collect();
        let rest: Vec<Point> = request
            .history
            .iter()
            .enumerate()
            .filter(|(index, _)| good.binary_search(index).is_err())
            .map(|(_, trial)| point(&trial.configuration))
            .chain(request.pending.iter().map(point))
            .collect();
        let below = Estimator::new(space, best, self.options.prior_weight);
        let above = Estimator::new(space, rest, self.options.prior_weight);
        let mut generator = request.generator();
        let mut chosen: Option<(f64, Configuration)> = None;
        for _ in 0..self.options.candidates.max(1) {
            let candidate = below.draw(&mut generator);
            let drawn = point(&candidate);
            let ratio = below.log_density(&drawn) - above.log_density(&drawn);
            if chosen.as_ref().is_none_or(|(best, _)| ratio > *best) {
                chosen = Some((ratio, candidate));
            }
        }
        Ok(chosen.expect("at least one candidate was drawn").1)
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::{
        space::{Parameter, Space},
        trial::Observation,
    };

    #[test]
    fn the_good_share_is_a_tenth() {
        assert_eq!([1, 10, 11, 50, 1000].map(good_ones), [1, 1, 2, 5, 25]);
    }

    #[test]
    fn it_beats_random_search_on_a_mixed_bowl() {
        let space = Space::new(vec![
            Parameter::float("x", -5.0, 5.0),
            Parameter::float("r", 1e-5, 1.0).log(),
            Parameter::int("n", 1, 30),
            Parameter::categorical("c", ["a", "b", "d"]),
        ])
        .unwrap();
        let loss = |configuration: &Configuration| {
            let value = |index| configuration.get(index).unwrap();
            (value(0) - 2.0) * (value(0) - 2.0)
                + libm::pow(libm::log10(value(1)) + 2.0, 2.0)
                + libm::pow((value(2) - 22.0) / 5.0, 2.0)
                + 2.0 * value(3)
        };
        let best = |sampler: &mut dyn Sampler, seed| {
            let mut history = Vec::new();
            for number in 0..60 {
                let request =
                    Request { space: &space, history: &history, pending: &[], number, seed };
                let configuration = sampler.suggest(&request).unwrap();
                space.validate(&configuration).unwrap();
                let loss = Some(loss(&configuration));
                history.push(Observation { configuration, loss });
            }
            history.iter().map(|trial| trial.loss.unwrap()).fold(f64::INFINITY, f64::min)
        };
        let wins = (0..20)
            .filter(|seed| {
                best(&mut TpeSampler::default(), *seed) < best(&mut RandomSampler, *seed)
            })
            .count();
        assert!(wins >= 17, "{wins} of 20");
    }
}

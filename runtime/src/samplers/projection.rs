//! A large space reduced to the parameters that a model can take.

use alloc::vec::Vec;

use rand::{Rng, RngExt};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::{
    Request,
    history_cache::HistoryCache,
    influence::influences,
    merit::{Merit, TrialOrder},
    tried_set::{TriedSet, sample_untried},
};
use crate::{
    space::{Configuration, Parameter, Space},
    trial::Observation,
};

/// Number of parameters that a projection keeps: the transformer has as many slots.
pub(super) const MAX_PROJECTED: usize = 32;

/// Number of trials from which on parameters are selected again only when it has doubled.
const FIRST_SELECTION: usize = 8;

/// Number of best trials that the other parameters' values are taken from.
const BASES: usize = 5;

/// Attempts at an untried configuration.
const ATTEMPTS: usize = 16;

/// The parameters of a space with the most influence on the losses, as a space of its own.
#[derive(Clone, Debug)]
pub(super) struct Projection {
    /// Indices in the whole space, ascending; ancestors come with their children.
    parameters: Vec<usize>,
    space: Space,
}

/// The projection of a growing history, which is computed trial by trial.
///
/// Which parameters are kept depends on the first 8, 16, 32, … trials, so that a model of the
/// projection is fitted to the same parameters until the number of trials has doubled.
#[derive(Clone, Debug, Default)]
pub(super) struct ProjectionCache {
    history_cache: HistoryCache,
    /// Number of trials that the projection was selected by.
    selected_by: usize,
    projection: Option<Projection>,
    history: Vec<Observation>,
    pending: Vec<Configuration>,
}

impl ProjectionCache {
    /// Projects a request onto at most [`MAX_PROJECTED`] parameters that `is_legible`. There is no
    /// projection where there are none.
    pub fn project(&mut self, request: &Request<'_>, is_legible: impl Fn(&Parameter) -> bool) {
        let Request { space, history, pending, .. } = *request;
        let same = self.history_cache.sync(space, history);
        let selected_by = selection_length(history.len());
        if self.projection.is_none() || same < self.selected_by || selected_by != self.selected_by {
            self.projection = Projection::new(space, &history[..selected_by], is_legible);
            self.selected_by = selected_by;
            self.history.clear();
        }
        let Some(projection) = &self.projection else { return };
        self.history.truncate(same);
        let missing = history[self.history.len()..].iter().map(|trial| Observation {
            configuration: projection.project(&trial.configuration),
            ..trial.clone()
        });
        self.history.extend(missing);
        self.pending = pending.iter().map(|one| projection.project(one)).collect();
    }

    /// The request in the projected space, after [`project`](Self::project).
    pub fn request<'a>(&'a self, projection: &'a Projection, whole: &Request<'_>) -> Request<'a> {
        Request {
            space: &projection.space,
            history: &self.history,
            pending: &self.pending,
            number: whole.number,
            seed: whole.seed,
        }
    }

    /// The projection that [`project`](Self::project) has made.
    pub fn projection(&self) -> Option<&Projection> {
        self.projection.as_ref()
    }
}

/// Number of trials that the parameters are selected by in a history of `length`.
fn selection_length(length: usize) -> usize {
    if length < FIRST_SELECTION {
        return length;
    }
    let mut selected_by = FIRST_SELECTION;
    while 2 * selected_by <= length {
        selected_by *= 2;
    }
    selected_by
}

impl Projection {
    fn new(
        space: &Space,
        history: &[Observation],
        is_legible: impl Fn(&Parameter) -> bool,
    ) -> Option<Self> {
        let influences = influences(space, history);
        let mut order: Vec<usize> = (0..space.len()).collect();
        order.sort_by(|one, other| influences[*other].total_cmp(&influences[*one]));
        let mut is_kept = alloc::vec![false; space.len()];
        let mut free = MAX_PROJECTED;
        for index in order {
            if is_kept[index] || free == 0 {
                continue;
            }
            let family: Vec<usize> =
                lineage(space, index).into_iter().filter(|member| !is_kept[*member]).collect();
            let mut members = family.iter().map(|member| &space.parameters()[*member]);
            if family.len() <= free && members.all(&is_legible) {
                free -= family.len();
                family.into_iter().for_each(|member| is_kept[member] = true);
            }
        }
        let parameters: Vec<usize> = (0..space.len()).filter(|index| is_kept[*index]).collect();
        let kept = parameters.iter().map(|index| space.parameters()[*index].clone());
        let space = Space::new(kept.collect()).ok()?;
        Some(Self { parameters, space })
    }

    /// The values of the kept parameters.
    pub fn project(&self, configuration: &Configuration) -> Configuration {
        let values = self.parameters.iter().map(|index| configuration.get(*index));
        Configuration::new(values.collect())
    }

    /// Random numbers for [`lift`](Self::lift), other than the inner sampler's.
    pub fn rng(&self, request: &Request<'_>) -> Xoshiro256PlusPlus {
        Request { seed: !request.seed, ..*request }.rng()
    }

    /// A configuration of the whole space with these values of the kept parameters, untried where
    /// that is found in a few attempts.
    ///
    /// The others have the values of one of the best trials, and between one and all of them are
    /// drawn again: what never changes would never show its influence.
    pub fn lift(
        &self,
        request: &Request<'_>,
        inner: &Configuration,
        rng: &mut impl Rng,
    ) -> Configuration {
        let tried = TriedSet::new(request);
        let bases = best_trials(request.history);
        for _ in 0..ATTEMPTS {
            let lifted = self.draw(request.space, inner, &bases, rng);
            if !tried.contains(&lifted) {
                return lifted;
            }
        }
        sample_untried(request.space, &tried, rng)
    }

    fn draw(
        &self,
        space: &Space,
        inner: &Configuration,
        bases: &[&Configuration],
        rng: &mut impl Rng,
    ) -> Configuration {
        let others = space.len() - self.parameters.len();
        // The product of two uniform numbers prefers the first.
        let rank = (rng.random::<f64>() * rng.random::<f64>() * bases.len() as f64) as usize;
        let base = bases.get(rank.min(bases.len().saturating_sub(1)));
        let share = libm::pow(others.max(1) as f64, rng.random::<f64>() - 1.0);
        let mut kept = self.parameters.iter().zip(inner.values()).peekable();
        let mut values: Vec<Option<f64>> = Vec::with_capacity(space.len());
        for (index, parameter) in space.parameters().iter().enumerate() {
            let is_active = space.is_active(index, &values);
            let value = match kept.next_if(|(kept, _)| **kept == index) {
                Some((_, value)) => *value,
                None => {
                    let (chance, fresh) = (rng.random::<f64>(), rng.random::<f64>());
                    let known = base.and_then(|base| base.get(index));
                    known.filter(|_| chance >= share).or(Some(parameter.domain().from_unit(fresh)))
                }
            };
            let missing = || parameter.domain().from_unit(0.5);
            values.push(is_active.then(|| value.unwrap_or_else(missing)));
        }
        Configuration::new(values)
    }
}

/// A parameter and those that its activity depends on.
fn lineage(space: &Space, index: usize) -> Vec<usize> {
    let mut lineage = alloc::vec![index];
    let parent = |index: usize| {
        let condition = space.parameters()[index].condition()?;
        space.index_of(&condition.parent)
    };
    while let Some(next) = parent(lineage[lineage.len() - 1]) {
        lineage.push(next);
    }
    lineage
}

/// The configurations of the best trials, best first.
fn best_trials(history: &[Observation]) -> Vec<&Configuration> {
    let order = TrialOrder::new(history);
    let mut finished: Vec<(Merit, &Configuration)> = history
        .iter()
        .map(|trial| (order.merit(trial), &trial.configuration))
        .filter(|(merit, _)| !merit.is_failed())
        .collect();
    finished.sort_by(|one, other| one.0.total_cmp(&other.0));
    finished.into_iter().take(BASES).map(|(_, configuration)| configuration).collect()
}

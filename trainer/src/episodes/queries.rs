//! What the model is asked: configurations drawn from the space and the shown history alone.

use optiformer::{
    Result,
    samplers::{self, Request},
    space::{Configuration, Space},
    trial::Observation,
    unstable::acquisition::candidates,
};
use rand::RngExt;

use super::history::History;
use crate::random::{self, SeededRng, log_uniform, normal};

/// A configuration whose score is asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// The configuration.
    pub configuration: Configuration,
    /// How it was drawn.
    pub kind: QueryKind,
}

/// How a query is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum QueryKind {
    /// Uniformly from the view.
    Uniform,
    /// Near one of the best trials, at a log-uniform distance.
    NearBest,
    /// Near any trial.
    NearAny,
    /// Coordinates of two good trials, mixed.
    Crossover,
    /// A maximum of a classical sampler's acquisition.
    Acquisition,
}

/// Shares of uniform queries, and of those near the best trials, near any, and crossovers.
const MIXTURE: [f64; 4] = [0.36, 0.40, 0.14, 0.10];
/// Number of best trials that queries are drawn near.
const ELITE: usize = 5;
/// Number of queries at maxima of an acquisition, where there are any.
const MAXIMA: usize = 4;
/// Number of trials beyond which fitting a surrogate for a few queries takes too long.
const LONGEST_FOR_ACQUISITION: usize = 64;

/// Draws `count` queries inside the history's view.
///
/// # Errors
///
/// What a sampler says.
pub fn draw(
    space: &Space,
    history: &History,
    count: usize,
    acquisition: bool,
    rng: &mut SeededRng,
) -> Result<Vec<Query>> {
    let units: Vec<Vec<f64>> =
        history.trials.iter().map(|trial| space.to_unit(&trial.configuration)).collect();
    let elite: Vec<Vec<f64>> = best(&history.trials).map(|index| units[index].clone()).collect();
    let mut queries = Vec::with_capacity(count);
    if acquisition && history.view.is_whole() && history.trials.len() <= LONGEST_FOR_ACQUISITION {
        queries.extend(acquisition_maxima(space, &history.trials, rng)?);
    }
    while queries.len() < count {
        let kind = match random::weighted(&MIXTURE, rng) {
            1 if !elite.is_empty() => QueryKind::NearBest,
            2 if !units.is_empty() => QueryKind::NearAny,
            3 if elite.len() > 1 => QueryKind::Crossover,
            _ => QueryKind::Uniform,
        };
        let configuration = match kind {
            QueryKind::NearBest => near(space, history, &elite, rng),
            QueryKind::NearAny => {
                let parent = &units[rng.random_range(0..units.len())];
                near(space, history, std::slice::from_ref(parent), rng)
            }
            QueryKind::Crossover => crossover(space, &elite, rng),
            QueryKind::Uniform | QueryKind::Acquisition => uniform(space, history, rng),
        };
        queries.push(Query { configuration, kind });
    }
    Ok(queries)
}

/// Indices of the best trials, the best first.
fn best(trials: &[Observation]) -> impl Iterator<Item = usize> {
    let mut ranked: Vec<(f64, usize)> =
        trials.iter().enumerate().filter_map(|(index, trial)| Some((trial.loss?, index))).collect();
    ranked.sort_unstable_by(|one, other| one.0.total_cmp(&other.0));
    ranked.into_iter().take(ELITE).map(|(_, index)| index)
}

fn uniform(space: &Space, history: &History, rng: &mut SeededRng) -> Configuration {
    let unit: Vec<f64> =
        (0..space.len()).map(|index| history.view.denormalize(index, rng.random())).collect();
    space.from_unit(&unit)
}

/// As the sampler steps from the best trials, or at a distance from a far wider range.
fn near(
    space: &Space,
    history: &History,
    parents: &[Vec<f64>],
    rng: &mut SeededRng,
) -> Configuration {
    if rng.random_bool(0.5) {
        return candidates::neighbor(space, parents, &history.view, rng);
    }
    let mut unit = parents[rng.random_range(0..parents.len())].clone();
    let scale = log_uniform(0.002, 0.5, rng);
    // All coordinates, or each with the same chance.
    let chance = if rng.random_bool(0.5) { 1.0 } else { rng.random_range(0.05..1.0) };
    for (index, place) in unit.iter_mut().enumerate() {
        if !rng.random_bool(chance) {
            continue;
        }
        *place = if space.parameters()[index].domain().is_categorical() {
            if rng.random_bool(0.3) { rng.random() } else { *place }
        } else {
            let inner = history.view.normalize(index, *place) + scale * normal(rng);
            history.view.denormalize(index, inner.clamp(0.0, 1.0))
        };
    }
    space.from_unit(&unit)
}

fn crossover(space: &Space, elite: &[Vec<f64>], rng: &mut SeededRng) -> Configuration {
    let one = &elite[rng.random_range(0..elite.len())];
    let other = &elite[rng.random_range(0..elite.len())];
    let mixed: Vec<f64> = one
        .iter()
        .zip(other)
        .map(|(one, other)| if rng.random_bool(0.5) { *one } else { *other })
        .collect();
    space.from_unit(&mixed)
}

/// What `gp` or `local_search` would try next, for some seeds.
fn acquisition_maxima(
    space: &Space,
    trials: &[Observation],
    rng: &mut SeededRng,
) -> Result<Vec<Query>> {
    let mut sampler = samplers::by_name(if rng.random_bool(0.5) { "gp" } else { "local_search" })?;
    (0..MAXIMA)
        .map(|_| {
            let request = Request {
                space,
                history: trials,
                pending: &[],
                number: trials.len() as u64,
                seed: rng.random(),
            };
            let configuration = sampler.suggest(&request)?;
            Ok(Query { configuration, kind: QueryKind::Acquisition })
        })
        .collect()
}

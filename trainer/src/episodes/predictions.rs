//! What a Gaussian process predicts for the rows of an episode, by the runtime's own code.

use optiformer::{
    Result,
    samplers::{GpOptions, GpPrediction, GpSampler, Request, ScoreBins},
    space::{Configuration, Space},
    tokenizer::{ScoreScale, rows::PredictionTokens, vocabulary::BINS},
    trial::Observation,
    unstable::acquisition::candidates,
};
use rand::RngExt;

use super::{
    history::History,
    queries::{Query, QueryKind},
};
use crate::random::SeededRng;

/// Number of maxima of the expected improvement among the queries.
const MAXIMA: usize = 6;
/// Number of queries near these.
const NEAR_MAXIMA: usize = 4;
/// Range of the distances of these, as fractions of the sides of the box.
const STEPS: [f64; 2] = [0.002, 0.12];

/// A process after one fit: a sampler that is resumed repeats up to nine of them, each of which
/// begins where the one before it ended. As in a study, the latest ninth of the trials may not have
/// been fitted to yet. Its acquisition function is searched from fewer points.
///
/// # Errors
///
/// What the sampler says.
pub fn fitted_once(trials: usize, rng: &mut SeededRng) -> Result<GpSampler> {
    let mut options = GpOptions::default();
    options.raw_samples /= 3;
    options.local_samples /= 3;
    options.num_restarts /= 2;
    if trials > options.n_startup_trials {
        options.n_startup_trials = trials - rng.random_range(0..=trials / 9);
    }
    GpSampler::new(options)
}

/// What the process would have tried next, and configurations near it: what an acquisition asks
/// about, where the process is likely to be too hopeful. None without a model, and none outside the
/// history's box.
///
/// # Errors
///
/// What the sampler says.
pub fn acquisition_maxima(
    sampler: &mut GpSampler,
    space: &Space,
    history: &History,
    rng: &mut SeededRng,
) -> Result<Vec<Query>> {
    let trials = &history.trials;
    if !history.has_scale() || trials.len() < sampler.options().n_startup_trials {
        return Ok(Vec::new());
    }
    let request = Request { space, history: trials, pending: &[], number: 0, seed: rng.random() };
    let mut configurations = sampler.propose(&request, MAXIMA)?;
    configurations.retain(|it| history.view.contains(&space.to_partial_unit(it)));
    let parents: Vec<Vec<f64>> = configurations.iter().map(|it| space.to_unit(it)).collect();
    if !parents.is_empty() {
        configurations.extend(
            (0..NEAR_MAXIMA)
                .map(|_| candidates::neighbor_within(space, &parents, &history.view, STEPS, rng)),
        );
    }
    let query = |configuration| Query { configuration, kind: QueryKind::Acquisition };
    Ok(configurations.into_iter().map(query).collect())
}

/// The predictions for a history and for configurations behind it.
#[derive(Clone, Debug, PartialEq)]
pub struct GpPredictions {
    /// Per told trial, from the others.
    pub told: Vec<GpPrediction>,
    /// Per query.
    pub queries: Vec<GpPrediction>,
}

impl GpPredictions {
    /// What a sampler predicts; `None` where it has nothing to predict from.
    ///
    /// # Errors
    ///
    /// What the sampler says.
    pub fn of(
        sampler: &mut GpSampler,
        space: &Space,
        history: &[Observation],
        queries: &[Configuration],
    ) -> Result<Option<Self>> {
        let number = history.len() as u64;
        let request = Request { space, history, pending: &[], number, seed: 1 };
        let Some(told) = sampler.leave_one_out(&request) else { return Ok(None) };
        Ok(Some(Self { told, queries: sampler.predict(&request, queries)? }))
    }

    /// The tokens of the told trials.
    pub fn told_tokens(&self, trials: &[Observation], scale: &ScoreScale) -> Vec<PredictionTokens> {
        let pairs = self.told.iter().zip(trials);
        pairs.map(|(prediction, trial)| prediction.tokens(scale, trial.loss)).collect()
    }

    /// The probabilities of the score bins of the queries, `[queries, 1000]`.
    pub fn query_bins(&self, scale: &ScoreScale) -> Vec<f32> {
        let mut bins = ScoreBins::new(*scale);
        let mut probabilities = vec![0.0; self.queries.len() * BINS];
        for (prediction, row) in self.queries.iter().zip(probabilities.chunks_exact_mut(BINS)) {
            bins.fill(&prediction.observed(), row);
        }
        probabilities
    }
}

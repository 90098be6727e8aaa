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

/// The whole study of a history.
fn request<'a>(space: &'a Space, history: &'a History, seed: u64) -> Request<'a> {
    let number = history.study.len() as u64;
    Request { space, history: &history.study, pending: &[], number, seed }
}

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
        options.n_startup_trials = trials - rng.random_range(0..(trials / 9).max(1));
    }
    GpSampler::new(options)
}

/// What the process would have tried next, and configurations near it: what an acquisition asks
/// about, where the process is likely to be too hopeful. Empty during the startup trials and where
/// all losses are equal; none is outside the history's box.
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
    if !history.has_scale() || history.study.len() < sampler.options().n_startup_trials {
        return Ok(Vec::new());
    }
    let request = request(space, history, rng.random());
    let is_inside = |it: &Configuration| history.view.contains(&space.to_partial_unit(it));
    let mut configurations = sampler.propose(&request, MAXIMA)?;
    configurations.retain(is_inside);
    let parents: Vec<Vec<f64>> = configurations.iter().map(|it| space.to_unit(it)).collect();
    if !parents.is_empty() {
        configurations.extend(
            (0..NEAR_MAXIMA)
                .map(|_| candidates::neighbor_within(space, &parents, &history.view, STEPS, rng)),
        );
        // A level that a step is rounded to may lie outside.
        configurations.retain(is_inside);
    }
    let query = |configuration| Query { configuration, kind: QueryKind::Acquisition };
    Ok(configurations.into_iter().map(query).collect())
}

/// The predictions for a history and for configurations behind it.
#[derive(Clone, Debug, PartialEq)]
pub struct GpPredictions {
    /// Per trial of the history, from the others of the study.
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
        history: &History,
        queries: &[Configuration],
    ) -> Result<Option<Self>> {
        let request = request(space, history, 1);
        let Some(left_out) = sampler.leave_one_out(&request) else { return Ok(None) };
        let told = history.indices.iter().map(|index| left_out[*index]).collect();
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

#[cfg(test)]
mod tests {
    use optiformer::space::SearchBox;
    use rand::SeedableRng;

    use super::*;
    use crate::{
        episodes::{self, EpisodeOptions},
        generators::{FunctionOptions, SampledFunction},
    };

    /// Each prediction is that of the process for the trial or query it stands for, and the
    /// acquisition's maxima are inside the box.
    #[test]
    fn predictions_belong_to_the_trials_of_the_box() {
        let (mut boxes, mut maxima) = (0, 0);
        for index in 0..24 {
            let SampledFunction { function, optimum, mut rng, .. } =
                SampledFunction::draw(&FunctionOptions::default(), 12, index);
            let options = EpisodeOptions { acquisition_share: 0.0, ..EpisodeOptions::default() };
            let raw = episodes::draw_raw(&function, &optimum, (20, true), &options, &mut rng);
            let history = raw.unwrap().history;
            for (trial, index) in history.trials.iter().zip(&history.indices) {
                assert_eq!(*trial, history.study[*index]);
            }
            boxes += usize::from(!history.view.is_whole());
            let space = &function.space;
            let asked: Vec<Configuration> =
                history.trials.iter().map(|trial| trial.configuration.clone()).collect();
            let fitted =
                || fitted_once(history.study.len(), &mut SeededRng::seed_from_u64(index)).unwrap();
            let Some(predictions) =
                GpPredictions::of(&mut fitted(), space, &history, &asked).unwrap()
            else {
                continue;
            };
            let alone = fitted().leave_one_out(&request(space, &history, 1)).unwrap();
            for (prediction, index) in predictions.told.iter().zip(&history.indices) {
                assert_eq!(*prediction, alone[*index]);
            }
            assert_eq!(predictions.told.len(), history.trials.len());
            let told = predictions.told_tokens(&history.trials, &history.scale());
            for (tokens, trial) in told.iter().zip(&history.trials) {
                assert_eq!(tokens.residual.is_some(), trial.loss.is_some());
            }
            assert_eq!(predictions.query_bins(&history.scale()).len(), asked.len() * BINS);
            let queries = acquisition_maxima(&mut fitted(), space, &history, &mut rng).unwrap();
            maxima += queries.len();
            for query in queries {
                assert!(history.view.contains(&space.to_partial_unit(&query.configuration)));
            }
        }
        assert!(boxes > 8 && maxima > 40, "{boxes} {maxima}");
    }

    #[test]
    fn a_history_without_two_losses_has_no_predictions() {
        let SampledFunction { function, .. } =
            SampledFunction::draw(&FunctionOptions::default(), 12, 0);
        let space = &function.space;
        let trial = Observation::new(space.from_unit(&vec![0.5; space.len()]), Some(1.0));
        let history = History {
            view: SearchBox::whole(space.len()),
            trials: vec![trial.clone()],
            study: vec![trial],
            indices: vec![0],
        };
        let sampler = &mut GpSampler::default();
        assert_eq!(GpPredictions::of(sampler, space, &history, &[]).unwrap(), None);
    }
}

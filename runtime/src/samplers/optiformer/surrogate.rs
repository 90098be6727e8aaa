//! The transformer as a surrogate, which predicts the scores of configurations given a history.

use alloc::{sync::Arc, vec, vec::Vec};

use rand::RngExt;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::context_trials::ContextTrials;
use crate::{
    Result,
    acquisition::{self, Improvement, Prediction},
    generation::{self, SamplingOptions},
    model::{Cache, Model, Workspace},
    samplers::merit::is_success,
    space::{Configuration, SearchBox, Space},
    tokenizer::{RowTokenizer, Rows, ScoreScale, rows::PredictionTokens, vocabulary::Token},
    trial::Observation,
};
#[cfg(feature = "classical")]
use crate::{samplers::GpPrediction, tokenizer::rows::GATE};

/// Number of rows that a new surrogate has memory for.
const FIRST_ROWS: usize = 64;

/// A model with the cache of the history that it is conditioned on. The cache grows with the
/// history: one for as many rows as the model can have takes more memory than the weights.
#[derive(Debug)]
pub(crate) struct TransformerSurrogate {
    pub(super) model: Arc<Model>,
    pub(super) cache: Cache,
    pub(super) workspace: Workspace,
    pub(super) rows: Rows,
    pub(super) logits: Vec<f32>,
    pub(super) sampling: SamplingOptions,
    /// Vector added to the logits of each score by [`Adaptation`](super::adaptation::Adaptation),
    /// `[1000]`; empty for none.
    pub(super) offset: Vec<f32>,
}

/// The surrogate conditioned on a history, which is in its cache.
#[derive(Debug)]
pub(crate) struct ConditionedTransformer {
    pub(super) tokenizer: RowTokenizer,
    pub(super) search_box: SearchBox,
    /// Score scale, fitted to the trials of the context.
    pub scale: ScoreScale,
    /// What a score is worth beside the best of these trials, of the feasible ones if there are
    /// any: in scores, until it is replaced.
    pub improvement: Improvement,
}

impl TransformerSurrogate {
    /// A surrogate that divides the logits of scores by `score_temperature`.
    pub fn new(model: Arc<Model>, score_temperature: f32, threads: usize) -> Self {
        let temperature = model.metadata().score_temperature * score_temperature;
        let mut workspace = Workspace::new();
        workspace.set_threads(threads);
        Self {
            cache: model.cache(FIRST_ROWS.min(model.config().max_positions)),
            workspace,
            rows: Rows::new(),
            logits: Vec::new(),
            sampling: SamplingOptions { temperature, ..SamplingOptions::default() },
            offset: Vec::new(),
            model,
        }
    }

    /// The weights.
    pub fn model(&self) -> &Arc<Model> {
        &self.model
    }

    /// Maximum number of trials to condition on.
    pub fn max_trials(&self) -> usize {
        self.model.metadata().trained_context
    }

    /// Checks that the model has slots and tokens for a space.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported), naming the limit.
    pub fn check(&self, space: &Space) -> Result<()> {
        RowTokenizer::with_slot_count(space, self.model.config().slots).map(|_| ())
    }

    /// Conditions the model on a history. Pending trials are included with their expected scores
    /// (the kriging believer of Ginsbourger, Le Riche and Carraro 2010).
    ///
    /// # Errors
    ///
    /// Those of [`check`](Self::check) and of the model.
    pub fn condition(
        &mut self,
        space: &Space,
        context: &ContextTrials,
    ) -> Result<ConditionedTransformer> {
        let conditioned = self.scaled(space, context)?;
        self.encode(&conditioned, &context.trials, &[])?;
        if !context.pending.is_empty() {
            let scale = conditioned.scale;
            let believed = self.predict(&conditioned, &context.pending)?;
            let fantasies = context.pending.iter().zip(believed).map(|(pending, prediction)| {
                let loss = Some(scale.loss(prediction.mean.clamp(0.002, 0.998)));
                Observation::new(pending.clone(), loss)
            });
            let all: Vec<Observation> = context.trials.iter().cloned().chain(fantasies).collect();
            self.encode(&conditioned, &all, &[])?;
        }
        Ok(conditioned)
    }

    /// Whether the model reads the predictions of a Gaussian process.
    #[cfg(feature = "classical")]
    pub fn reads_predictions(&self) -> bool {
        self.model.config().prediction_slots > 0
    }

    /// Conditions a model that reads predictions on a history and what a Gaussian process predicts
    /// of each of its trials from the others, `[trials]`. Pending trials are included with the
    /// predictions `believed`, `[pending]`, and their medians as losses.
    ///
    /// # Errors
    ///
    /// Those of [`check`](Self::check) and of the model.
    #[cfg(feature = "classical")]
    pub fn condition_with(
        &mut self,
        space: &Space,
        context: &ContextTrials,
        left_out: &[GpPrediction],
        believed: &[GpPrediction],
    ) -> Result<ConditionedTransformer> {
        let conditioned = self.scaled(space, context)?;
        let fantasies = context.pending.iter().zip(believed).map(|(pending, prediction)| {
            Observation::new(pending.clone(), Some(prediction.latent().median()))
        });
        let all: Vec<Observation> = context.trials.iter().cloned().chain(fantasies).collect();
        let predictions = left_out.iter().chain(believed).zip(&all);
        let tokens: Vec<PredictionTokens> = predictions
            .map(|(prediction, trial)| prediction.tokens(&conditioned.scale, trial.loss))
            .collect();
        self.encode(&conditioned, &all, &tokens)?;
        Ok(conditioned)
    }

    /// What conditioning on a history fixes beside the cache.
    fn scaled(&self, space: &Space, context: &ContextTrials) -> Result<ConditionedTransformer> {
        let tokenizer = RowTokenizer::with_slot_count(space, self.model.config().slots)?;
        let losses = || context.trials.iter().filter_map(|trial| trial.loss);
        let scale = ScoreScale::fit(losses());
        // Under constraints the best feasible trial is what an improvement is on.
        let feasible = context.trials.iter().filter(|trial| is_success(trial));
        let feasible = feasible.filter_map(|trial| trial.loss).reduce(f64::min);
        let incumbent = feasible.or_else(|| losses().reduce(f64::min));
        let incumbent = incumbent.map_or(1.0, |loss| scale.score(loss));
        Ok(ConditionedTransformer {
            tokenizer,
            search_box: context.search_box.clone(),
            scale,
            improvement: Improvement::in_scores(incumbent),
        })
    }

    /// Encodes a history into the cache, unless it is there. The log score of a trial has the
    /// context of its suggestion if that looked at the whole space and no trial was pending.
    fn encode(
        &mut self,
        conditioned: &ConditionedTransformer,
        trials: &[Observation],
        predictions: &[PredictionTokens],
    ) -> Result<()> {
        let ConditionedTransformer { tokenizer, search_box, scale, .. } = conditioned;
        self.rows.clear();
        tokenizer.push_history_with(trials, predictions, scale, search_box, &mut self.rows);
        if self.rows == *self.cache.rows() {
            return Ok(());
        }
        if self.rows.len() > self.cache.capacity() {
            // Twice as many, so that this is rare. Too many for the model are refused below.
            let rows = (2 * self.rows.len()).min(self.model.config().max_positions);
            self.cache = self.model.cache(rows);
        }
        self.model.history(&mut self.cache, &self.rows, &mut self.workspace)
    }

    /// Mean, standard deviation and expected improvement of the scores of configurations.
    ///
    /// # Errors
    ///
    /// Those of the model.
    pub fn predict(
        &mut self,
        conditioned: &ConditionedTransformer,
        configurations: &[Configuration],
    ) -> Result<Vec<Prediction>> {
        let ConditionedTransformer { tokenizer, search_box, .. } = conditioned;
        self.rows.clear();
        for configuration in configurations {
            tokenizer.push_question(configuration, search_box, &mut self.rows);
        }
        self.predict_rows(conditioned)
    }

    /// As [`predict`](Self::predict) for a model that reads predictions, given those of the process
    /// for the configurations; and the weight of the transformer beside the process, in `[0, 1]`,
    /// that the gate gives it for each.
    ///
    /// # Errors
    ///
    /// Those of the model.
    #[cfg(feature = "classical")]
    pub fn predict_with(
        &mut self,
        conditioned: &ConditionedTransformer,
        configurations: &[Configuration],
        modeled: &[GpPrediction],
    ) -> Result<Vec<(Prediction, f64)>> {
        let ConditionedTransformer { tokenizer, search_box, scale, .. } = conditioned;
        self.rows.clear();
        for (configuration, prediction) in configurations.iter().zip(modeled) {
            let tokens = prediction.tokens(scale, None);
            tokenizer.push_question_with(configuration, &tokens, search_box, &mut self.rows);
        }
        let predictions = self.predict_rows(conditioned)?;
        let mut odds = vec![0.0; predictions.len()];
        if !predictions.is_empty() {
            let rows = 0..predictions.len();
            self.model.logits(&mut self.workspace, rows, GATE..GATE + 1, &mut odds)?;
        }
        let weights = odds.into_iter().map(|odds| 1.0 / (1.0 + libm::exp(f64::from(odds))));
        Ok(predictions.into_iter().zip(weights).collect())
    }

    /// The predictions of the questions in `rows`.
    fn predict_rows(&mut self, conditioned: &ConditionedTransformer) -> Result<Vec<Prediction>> {
        let count = self.rows.len();
        let mut predictions = Vec::with_capacity(count);
        if count == 0 {
            return Ok(predictions);
        }
        self.model.questions(&self.cache, &self.rows, &mut self.workspace)?;
        acquisition::predict(
            &self.model,
            &mut self.workspace,
            0..count,
            self.sampling.temperature,
            &self.offset,
            &conditioned.improvement,
            &mut predictions,
        )?;
        Ok(predictions)
    }

    /// Draws configurations from the policy (`TARGET_REGRET_0`), one parameter of all of them at a
    /// time.
    ///
    /// # Errors
    ///
    /// Those of the model.
    pub fn draw_policy(
        &mut self,
        conditioned: &ConditionedTransformer,
        count: usize,
        sampling: &SamplingOptions,
        rng: &mut Xoshiro256PlusPlus,
    ) -> Result<Vec<Configuration>> {
        let ConditionedTransformer { tokenizer, search_box, .. } = conditioned;
        let space = tokenizer.space();
        let mut drawn = vec![Vec::with_capacity(space.len()); count];
        for index in 0..space.len() {
            let (active, inactive): (Vec<_>, Vec<_>) = drawn
                .iter_mut()
                .partition(|values: &&mut Vec<Option<f64>>| space.is_active(index, values));
            inactive.into_iter().for_each(|values| values.push(None));
            if active.is_empty() {
                continue;
            }
            self.rows.clear();
            for values in &active {
                tokenizer.push_policy(values, 0, search_box, &mut self.rows);
            }
            self.model.questions(&self.cache, &self.rows, &mut self.workspace)?;
            let legal = tokenizer.values().legal(index, search_box);
            let width = legal.range.len();
            self.logits.clear();
            self.logits.resize(active.len() * width, 0.0);
            let (rows, tokens) = (0..active.len(), legal.range.clone());
            self.model.logits(&mut self.workspace, rows, tokens, &mut self.logits)?;
            for (values, row) in active.into_iter().zip(self.logits.chunks_exact_mut(width)) {
                generation::distribution(row, &legal, sampling);
                let token = legal.range.start + generation::draw(row, rng.random()) as Token;
                let value = tokenizer.values().decode(index, token, search_box, rng.random());
                values.push(Some(value));
            }
        }
        Ok(drawn.into_iter().map(Configuration::new).collect())
    }
}

/// Whether two losses differ, so that the score scale has a unit.
pub(crate) fn has_scale(trials: &[Observation]) -> bool {
    let mut losses = trials.iter().filter_map(|trial| trial.loss);
    losses.next().is_some_and(|first| losses.any(|loss| loss != first))
}

#[cfg(all(test, feature = "pico"))]
mod tests {
    use super::*;
    use crate::{samplers::Request, space::Parameter};

    /// Bits of predictions depend neither on how the cache came by its room nor on what was in it.
    #[test]
    fn a_cache_that_has_grown_predicts_as_one_with_room_from_the_start() {
        let model = Model::shared_pico().unwrap();
        let space = Space::new(vec![Parameter::float("x", 0.0, 1.0)]).unwrap();
        let at = |x: f64| Configuration::new(vec![Some(x)]);
        let history: Vec<Observation> = (0..150)
            .map(|number| {
                let x = f64::from(number * 89 % 150) / 150.0;
                Observation::new(at(x), Some((x - 0.4).powi(2)))
            })
            .collect();
        let mut growing = TransformerSurrogate::new(Arc::clone(&model), 1.0, 1);
        for length in [3, 40, 40, 150, 5, 40] {
            let history = &history[..length];
            let mut roomy = TransformerSurrogate::new(Arc::clone(&model), 1.0, 1);
            roomy.cache = model.cache(model.config().max_positions);
            let request =
                Request { space: &space, history, pending: &[], number: length as u64, seed: 1 };
            let context = ContextTrials::new(&request, growing.max_trials(), false);
            let predicted = |surrogate: &mut TransformerSurrogate| {
                let conditioned = surrogate.condition(&space, &context).unwrap();
                let predictions = surrogate.predict(&conditioned, &[at(0.1), at(0.41)]).unwrap();
                predictions.iter().map(|it| it.mean.to_bits()).collect::<Vec<_>>()
            };
            assert_eq!(predicted(&mut growing), predicted(&mut roomy), "{length} trials");
        }
        assert!((150..1000).contains(&growing.cache.capacity()), "{}", growing.cache.capacity());
    }
}

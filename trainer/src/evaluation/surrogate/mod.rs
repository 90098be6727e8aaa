//! The transformer and the Gaussian process as surrogates: how well each predicts scores that it
//! has not seen, given the same history.
//!
//! The histories and queries are those of training, on functions of a seed of their own, or come
//! from studies of a suite's [problems]. Both surrogates predict the probability of every bin of
//! the score; finite outcomes are judged by `−ln((1 − ε) p + ε / 1000)` with `ε = 1 %`, so that a
//! single surprise costs at most 11.5 nats, and by the share of the variance that the mean explains
//! (R²).

pub mod problems;

use std::{collections::BTreeMap, sync::Arc};

use optiformer::{
    Result,
    model::{Cache, Model, Workspace},
    samplers::GpSampler,
    space::{Configuration, Space},
    tokenizer::{RowTokenizer, Rows, ScoreScale, numerical, rows::GATE, vocabulary::BINS},
};
use rand::SeedableRng;

use crate::{
    episodes::{
        self, EpisodeOptions, RawEpisode, SpaceKind, history::History, predictions::GpPredictions,
    },
    generators::{FunctionOptions, SampledFunction},
    random::SeededRng,
};

/// Histories of these lengths are judged.
pub const TOLD: [usize; 4] = [10, 25, 50, 100];
/// Spaces are grouped by their number of parameters: the largest of each group.
pub const GROUPS: [usize; 4] = [2, 4, 8, 20];
/// Keeps the functions apart from those of training.
const STREAM: u64 = 0x5AD0_0000_0000_0000;
/// Probability that is spread over all bins before the logarithm is taken.
const EPSILON: f64 = 0.01;

/// What is judged together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stratum {
    /// Kinds of parameters.
    pub kind: SpaceKind,
    /// Index into [`GROUPS`].
    pub group: usize,
    /// Number of told trials.
    pub told: usize,
}

/// How a surrogate did in a cell.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PredictionQuality {
    surprise: f64,
    squared_error: f64,
    variance: f64,
    queries: f64,
}

impl PredictionQuality {
    /// Mean negative log-likelihood of a query, in nats; NaN where there were no queries.
    pub fn log_loss(&self) -> f64 {
        self.surprise / self.queries
    }

    /// Share of the scores' variance (each history's own) that the predicted mean explains; NaN
    /// where there was nothing to explain.
    pub fn r_squared(&self) -> f64 {
        1.0 - self.squared_error / self.variance
    }

    fn add(&mut self, other: &Self) {
        self.surprise += other.surprise;
        self.squared_error += other.squared_error;
        self.variance += other.variance;
        self.queries += other.queries;
    }
}

/// The judgment of a history: of the transformer alone, of the Gaussian process, and of the
/// transformer that reads the predictions of the process. A model without prediction slots has the
/// mean of the other two distributions in its place.
pub type SurrogateQualities = [PredictionQuality; 3];

/// Judges a model beside `gp` on `functions` functions for each kind and group of parameters. The
/// transformer's probabilities are the mean over `permutations` assignments of slots to parameters
/// and of codes to choices, of which the first is that of the samplers; with the predictions of the
/// process, it has one assignment.
///
/// Calls `progress` after each function. The outcome depends on the arguments alone.
///
/// # Errors
///
/// What the model or a sampler says.
pub fn compare_all(
    model: &Arc<Model>,
    functions: usize,
    permutations: usize,
    seed: u64,
    mut progress: impl FnMut(),
) -> Result<BTreeMap<Stratum, Vec<SurrogateQualities>>> {
    let mut strata: BTreeMap<Stratum, Vec<SurrogateQualities>> = BTreeMap::new();
    let mut transformer = TransformerSurrogate::new(Arc::clone(model), permutations);
    let options = EpisodeOptions { acquisition_share: 0.0, ..EpisodeOptions::default() };
    let mut missing = vec![functions; SpaceKind::ALL.len() * GROUPS.len()];
    for index in 0.. {
        if missing.iter().all(|missing| *missing == 0) {
            break;
        }
        let SampledFunction { function, optimum, mut rng, .. } =
            // A stream that no training seed has: those are even, and of validation odd.
            SampledFunction::draw(&FunctionOptions::default(), seed.wrapping_mul(2) ^ STREAM, index);
        let (kind, parameters) = (SpaceKind::of(&function), function.space.len());
        // A single parameter is no row of the table, and has no kinds to mix.
        let Some(group) = GROUPS.iter().position(|most| parameters <= *most) else { continue };
        let left = &mut missing[kind as usize * GROUPS.len() + group];
        if *left == 0 || parameters < 2 {
            continue;
        }
        *left -= 1;
        for told in TOLD {
            let raw = episodes::draw_raw(&function, &optimum, (told, false), &options, &mut rng)?;
            if let Some(qualities) = compare(&function.space, &raw, &mut transformer)? {
                strata.entry(Stratum { kind, group, told }).or_default().push(qualities);
            }
        }
        progress();
    }
    Ok(strata)
}

/// The sum of some judgments.
pub fn total<'a>(all: impl IntoIterator<Item = &'a SurrogateQualities>) -> SurrogateQualities {
    all.into_iter().fold(SurrogateQualities::default(), |mut sum, qualities| {
        for (sum, one) in sum.iter_mut().zip(qualities) {
            sum.add(one);
        }
        sum
    })
}

/// The surrogates on the same history and queries; `None` where no score can be predicted.
fn compare(
    space: &Space,
    raw: &RawEpisode,
    transformer: &mut TransformerSurrogate,
) -> Result<Option<SurrogateQualities>> {
    let history = &raw.history;
    if !history.has_scale() {
        return Ok(None);
    }
    let scale = history.scale();
    let (queries, scores): (Vec<Configuration>, Vec<f64>) = raw
        .labeled_queries
        .iter()
        .filter_map(|labeled| {
            Some((labeled.query.configuration.clone(), scale.score(labeled.loss?)))
        })
        .unzip();
    if queries.is_empty() {
        return Ok(None);
    }
    let learned = transformer.predict(space, history, &scale, &queries)?;
    let gp = &mut GpSampler::default();
    let Some(predictions) = GpPredictions::of(gp, space, history, &queries)? else {
        return Ok(None);
    };
    let modeled = predictions.query_bins(&scale);
    let both = if transformer.model.config().prediction_slots > 0 {
        transformer.predict_gated(space, history, &scale, &queries, &predictions)?
    } else {
        learned.iter().zip(&modeled).map(|(one, other)| 0.5 * (one + other)).collect()
    };
    Ok(Some([learned, modeled, both].map(|probabilities| quality(&probabilities, &scores))))
}

/// Judges probabilities, `[queries, 1000]`, by the scores that came out.
fn quality(probabilities: &[f32], scores: &[f64]) -> PredictionQuality {
    let mean = scores.iter().sum::<f64>() / scores.len() as f64;
    let mut quality = PredictionQuality::default();
    for (row, score) in probabilities.chunks_exact(BINS).zip(scores) {
        // Failures are not judged here.
        let finite: f64 = row[..BINS - 1].iter().map(|p| f64::from(*p)).sum();
        let bin = usize::from(numerical::bin(*score)).min(BINS - 2);
        let probability = f64::from(row[bin]) / finite.max(1e-30);
        quality.surprise -= ((1.0 - EPSILON) * probability + EPSILON / BINS as f64).ln();
        let predicted: f64 = row[..BINS - 1]
            .iter()
            .enumerate()
            .map(|(bin, p)| f64::from(*p) * numerical::center(bin as u16))
            .sum::<f64>()
            / finite.max(1e-30);
        quality.squared_error += (predicted - score) * (predicted - score);
        quality.variance += (score - mean) * (score - mean);
        quality.queries += 1.0;
    }
    quality
}

/// A model and its buffers.
struct TransformerSurrogate {
    model: Arc<Model>,
    cache: Cache,
    workspace: Workspace,
    permutations: usize,
}

impl TransformerSurrogate {
    fn new(model: Arc<Model>, permutations: usize) -> Self {
        let rows = model.config().max_positions;
        Self { cache: model.cache(rows), workspace: Workspace::new(), permutations, model }
    }

    /// The transformer's probabilities, `[queries, 1000]`, averaged over the permutations.
    fn predict(
        &mut self,
        space: &Space,
        history: &History,
        scale: &ScoreScale,
        queries: &[Configuration],
    ) -> Result<Vec<f32>> {
        let mut rng = SeededRng::seed_from_u64(history.trials.len() as u64);
        let mut mean = self.predict_with(RowTokenizer::new(space)?, history, scale, queries)?;
        for _ in 1..self.permutations {
            let slots = self.model.config().slots;
            let tokenizer = episodes::random_assignment(space, slots, &mut rng)?;
            let other = self.predict_with(tokenizer, history, scale, queries)?;
            mean.iter_mut().zip(other).for_each(|(sum, one)| *sum += one);
        }
        mean.iter_mut().for_each(|sum| *sum /= self.permutations as f32);
        Ok(mean)
    }

    /// The probabilities under one assignment.
    fn predict_with(
        &mut self,
        tokenizer: RowTokenizer,
        history: &History,
        scale: &ScoreScale,
        queries: &[Configuration],
    ) -> Result<Vec<f32>> {
        let (mut told, mut asked) = (Rows::new(), Rows::new());
        tokenizer.push_history(&history.trials, scale, &history.view, &mut told);
        for query in queries {
            tokenizer.push_question(query, &history.view, &mut asked);
        }
        self.probabilities(&told, &asked)
    }

    /// The probabilities given the predictions of the process, mixed with these by the gate.
    fn predict_gated(
        &mut self,
        space: &Space,
        history: &History,
        scale: &ScoreScale,
        queries: &[Configuration],
        predictions: &GpPredictions,
    ) -> Result<Vec<f32>> {
        let tokenizer = RowTokenizer::with_slot_count(space, self.model.config().slots)?;
        let (mut told, mut asked) = (Rows::new(), Rows::new());
        let tokens = predictions.told_tokens(&history.trials, scale);
        tokenizer.push_history_with(&history.trials, &tokens, scale, &history.view, &mut told);
        for (query, prediction) in queries.iter().zip(&predictions.queries) {
            let tokens = prediction.tokens(scale, None);
            tokenizer.push_question_with(query, &tokens, &history.view, &mut asked);
        }
        let mut probabilities = self.probabilities(&told, &asked)?;
        let mut odds = vec![0.0; queries.len()];
        self.model.logits(&mut self.workspace, 0..queries.len(), GATE..GATE + 1, &mut odds)?;
        let modeled = predictions.query_bins(scale);
        let rows = probabilities.chunks_exact_mut(BINS).zip(modeled.chunks_exact(BINS));
        for ((own, modeled), odds) in rows.zip(odds) {
            let weight = 1.0 / (1.0 + (-odds).exp());
            own.iter_mut()
                .zip(modeled)
                .for_each(|(own, modeled)| *own += weight * (modeled - *own));
        }
        Ok(probabilities)
    }

    /// The probabilities of the questions `asked` behind the history `told`, `[questions, 1000]`.
    fn probabilities(&mut self, told: &Rows, asked: &Rows) -> Result<Vec<f32>> {
        self.model.history(&mut self.cache, told, &mut self.workspace)?;
        self.model.questions(&self.cache, asked, &mut self.workspace)?;
        let mut logits = vec![0.0; asked.len() * BINS];
        let all = 0..asked.len();
        self.model.logits(&mut self.workspace, all, 0..BINS as u16, &mut logits)?;
        let temperature = self.model.metadata().score_temperature;
        for row in logits.chunks_exact_mut(BINS) {
            let highest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            row.iter_mut().for_each(|logit| *logit = ((*logit - highest) / temperature).exp());
            let sum: f32 = row.iter().sum();
            row.iter_mut().for_each(|probability| *probability /= sum);
        }
        Ok(logits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certain_and_right_surrogate_is_better_than_an_even_one() {
        let scores = [0.2, 0.6];
        let mut sharp = vec![0.0; 2 * BINS];
        (sharp[200], sharp[BINS + 600]) = (1.0, 1.0);
        let even = vec![1.0 / BINS as f32; 2 * BINS];
        let (sharp, even) = (quality(&sharp, &scores), quality(&even, &scores));
        assert!((sharp.log_loss() + (0.99_f64 + 1e-5).ln()).abs() < 1e-9);
        assert!((even.log_loss() - (999.0_f64).ln()).abs() < 2e-2);
        let none = PredictionQuality::default();
        assert!(none.log_loss().is_nan() && none.r_squared().is_nan());
        assert!(sharp.r_squared() > 0.999 && even.r_squared() < 0.1);
    }
}

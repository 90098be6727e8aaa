//! Training examples for a model that reads a row a trial: an *episode* is a history and queries.
//!
//! An episode has one prefix of a study, and some fifty queries behind it. Two rules keep the model
//! from learning what no sampler can know (Müller et al. 2023, *PFNs4BO*, draw queries
//! independently for the same reason):
//!
//! - [`queries`] are drawn from the space and the shown prefix alone, then evaluated for the
//!   purpose;
//! - the scale of the scores is fitted to the shown prefix alone, by the runtime's own code.
//!
//! Knowledge of the optimum stays in where [histories](history) have been, since late studies are
//! near it, and in the policy's target.

pub mod bank;
pub mod history;
pub mod predictions;
pub mod queries;
pub mod source;

use history::History;
use optiformer::{
    Result,
    space::{Configuration, SearchBox, Space},
    tokenizer::{
        RowTokenizer, Rows, ScoreScale, numerical,
        vocabulary::{BINS, CATEGORIES, Token},
    },
};
use predictions::GpPredictions;
use queries::Query;
use rand::{RngExt, seq::SliceRandom};

use crate::{
    generators::{Function, optimum::Optimum},
    random::SeededRng,
    sequence::{BinGroup, Target, TargetKind},
    trajectories::TeacherMixture,
};

/// One training example.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Episode {
    /// The rows of the history, then those of the queries.
    pub rows: Rows,
    /// Number of rows of the history.
    pub history: usize,
    /// What the query rows predict; indices count from the first row of the history.
    pub targets: Vec<Target>,
    /// The probabilities of the score bins by the Gaussian process for the queries for a score,
    /// `[queries, 1000]`; empty in an episode without its predictions.
    pub gp_bins: Vec<f32>,
    /// What the problem is like, for reports.
    pub summary: EpisodeSummary,
}

/// What a report groups episodes by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EpisodeSummary {
    /// Number of parameters.
    pub parameters: usize,
    /// Number of told trials.
    pub told: usize,
    /// Kinds of parameters.
    pub kind: SpaceKind,
}

/// Kinds of parameters in a space.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum SpaceKind {
    /// Continuous parameters alone.
    #[default]
    Float,
    /// Several kinds, all parameters always active.
    Mixed,
    /// Some parameters are active only for some values of another.
    Conditional,
}

impl SpaceKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Float, Self::Mixed, Self::Conditional];

    /// The kind of a function's space.
    pub fn of(function: &Function) -> Self {
        match () {
            () if function.space.is_conditional() => Self::Conditional,
            () if function.is_continuous() => Self::Float,
            () => Self::Mixed,
        }
    }

    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Float => "float",
            Self::Mixed => "mixed",
            Self::Conditional => "conditional",
        }
    }
}

/// How episodes are drawn.
#[derive(Clone, Debug)]
pub struct EpisodeOptions {
    /// Who proposes the trials of histories, and how often.
    pub teachers: TeacherMixture,
    /// The longest history, in trials.
    pub max_trials: usize,
    /// Number of queries for a score.
    pub queries: usize,
    /// Number of queries for the optimum's next parameter.
    pub policy_queries: usize,
    /// Share of episodes inside a box around the best trials.
    pub box_share: f64,
    /// Share of episodes with some queries at the maxima of a classical sampler's acquisition.
    pub acquisition_share: f64,
    /// Share of episodes with the predictions of a Gaussian process.
    pub prediction_share: f64,
    /// Standard deviation of a score's soft target, in bins.
    pub score_deviation: f32,
    /// Standard deviation of a continuous value's soft target, in bins.
    pub value_deviation: f32,
    /// Weight of a value's target beside a score's 1.
    pub value_weight: f32,
    /// Number of slots of the model.
    pub slots: usize,
}

impl Default for EpisodeOptions {
    fn default() -> Self {
        Self {
            teachers: "oracle_guided:10,tpe:3,local_search:2,random:2,sobol:1,cma_es:1,gp:1"
                .parse()
                .expect("known teachers"),
            max_trials: 200,
            queries: 48,
            policy_queries: 6,
            box_share: 0.35,
            acquisition_share: 0.06,
            prediction_share: 0.5,
            score_deviation: 3.0,
            value_deviation: 5.0,
            value_weight: 0.15,
            slots: 32,
        }
    }
}

impl EpisodeOptions {
    /// The options as checkpoints name them: a format of its own, which renamed fields leave as it
    /// is.
    fn settings(&self) -> String {
        let Self { teachers, max_trials, queries, policy_queries, box_share, .. } = self;
        let Self {
            acquisition_share,
            prediction_share,
            score_deviation,
            value_deviation,
            value_weight,
            slots,
            ..
        } = self;
        let predictions = if *prediction_share > 0.0 {
            format!("predictions: {prediction_share:?}, ")
        } else {
            String::new()
        };
        format!(
            "EpisodeOptions {{ teachers: {}, longest: {max_trials}, queries: {queries}, \
             policy_queries: {policy_queries}, boxed: {box_share:?}, \
             acquisition: {acquisition_share:?}, {predictions}score_deviation: {score_deviation:?}, \
             value_deviation: {value_deviation:?}, value_weight: {value_weight:?}, \
             slots: {slots} }}",
            teachers.settings()
        )
    }
}

/// A query and how it came out.
#[derive(Clone, Debug, PartialEq)]
pub struct LabeledQuery {
    /// What was asked.
    pub query: Query,
    /// The observed loss; `None` for a trial that failed.
    pub loss: Option<f64>,
}

/// A history, and queries behind it with their answers.
#[derive(Clone, Debug, PartialEq)]
pub struct RawEpisode {
    /// The history as it is shown.
    pub history: History,
    /// Queries for the score.
    pub labeled_queries: Vec<LabeledQuery>,
    /// The best known configuration, where the view contains it.
    pub optimum: Option<Configuration>,
    /// What it is like.
    pub summary: EpisodeSummary,
}

/// Draws a history of a function, of `length` trials, seen whole or in a box, and queries behind
/// it.
///
/// # Errors
///
/// What a teacher says.
pub fn draw_raw(
    function: &Function,
    optimum: &Optimum,
    (length, boxed): (usize, bool),
    options: &EpisodeOptions,
    rng: &mut SeededRng,
) -> Result<RawEpisode> {
    let history = history::draw(function, optimum, length, boxed, &options.teachers, rng)?;
    let acquisition = rng.random_bool(options.acquisition_share);
    let queries = queries::draw(&function.space, &history, options.queries, acquisition, rng)?;
    let labeled = |query: Query| {
        let loss = function.observe(&function.values(&query.configuration), rng);
        LabeledQuery { query, loss }
    };
    let labeled_queries = queries.into_iter().map(labeled).collect();
    let best = best_known(function, optimum, &history, rng);
    let space = &function.space;
    let inside = history.view.contains(&space.to_partial_unit(&best));
    let (parameters, told) = (space.len(), history.trials.len());
    let summary = EpisodeSummary { parameters, told, kind: SpaceKind::of(function) };
    Ok(RawEpisode { history, labeled_queries, optimum: inside.then_some(best), summary })
}

/// A number of trials from 1 on, whose logarithm has a density that rises linearly: half of the
/// histories have more than 40 trials of at most 200. Now and then none.
fn draw_length(longest: usize, rng: &mut SeededRng) -> usize {
    if rng.random_bool(0.03) {
        return 0;
    }
    let exponent = rng.random::<f64>().sqrt();
    ((longest as f64 + 1.0).powf(exponent) as usize).clamp(1, longest)
}

/// The optimum that a search found, or what lies below the best trial, where that is better.
fn best_known(
    function: &Function,
    optimum: &Optimum,
    history: &History,
    rng: &mut SeededRng,
) -> Configuration {
    let mut best = optimum.clone();
    let incumbent = history
        .trials
        .iter()
        .filter(|trial| trial.loss.is_some())
        .min_by(|one, other| one.loss.partial_cmp(&other.loss).expect("losses are finite"));
    if let Some(trial) = incumbent {
        best.improve(function, &function.values(&trial.configuration), rng);
    }
    function.configuration(&best.values)
}

/// Share of the episodes whose parameters and choices have the slots and codes that samplers give
/// them: the first ones, in random order. All are trained, so that spaces of any size are read, but
/// what is used every time is learned sooner.
const USUAL: f64 = 0.8;

/// A tokenizer that puts the parameters into random ones of `slot_count` slots, and gives the
/// choices random codes: of the first ones, as many as there are parameters or choices, or now and
/// then of all.
///
/// # Errors
///
/// Those of [`RowTokenizer::with_assignment`].
///
/// # Panics
///
/// When the space has more parameters than there are slots.
pub fn random_assignment(
    space: &Space,
    slot_count: usize,
    rng: &mut SeededRng,
) -> Result<RowTokenizer> {
    let parameters = space.len();
    assert!(parameters <= slot_count, "{parameters} parameters do not fit into {slot_count} slots");
    let usual = rng.random_bool(USUAL);
    let eligible_slots = if usual { parameters } else { slot_count };
    let mut slots: Vec<usize> = (0..eligible_slots).collect();
    slots.shuffle(rng);
    slots.truncate(parameters);
    let all_codes = u64::from(CATEGORIES.end - CATEGORIES.start);
    let codes = space.parameters().iter().map(|parameter| {
        let domain = parameter.domain();
        let choices = if domain.is_categorical() { domain.levels().unwrap_or(0) } else { 0 };
        let eligible_codes = if usual { choices.min(all_codes) } else { all_codes };
        let mut codes: Vec<Token> = (0..eligible_codes as Token).collect();
        codes.shuffle(rng);
        codes.truncate(choices as usize);
        codes
    });
    let tokenizer = RowTokenizer::with_assignment(space, slots, codes.collect())?;
    Ok(tokenizer.with_predictions_from(slot_count))
}

/// Writes a problem as rows and targets, with random slots and random codes of choices, and with
/// the predictions of the Gaussian process where there are any.
///
/// # Panics
///
/// When the space has more parameters than the model has slots.
pub fn encode(
    function: &Function,
    raw: &RawEpisode,
    predictions: Option<&GpPredictions>,
    options: &EpisodeOptions,
    rng: &mut SeededRng,
) -> Episode {
    let space = &function.space;
    let tokenizer = random_assignment(space, options.slots, rng)
        .expect("a generated space fits the vocabulary");
    let mut episode = Episode { summary: raw.summary, ..Episode::default() };
    let view = &raw.history.view;
    let scale = raw.history.scale();
    let trials = &raw.history.trials;
    let told = predictions.map_or(Vec::new(), |it| it.told_tokens(trials, &scale));
    tokenizer.push_history_with(trials, &told, &scale, view, &mut episode.rows);
    episode.history = episode.rows.len();
    if raw.history.has_scale() {
        episode.gp_bins = predictions.map_or(Vec::new(), |it| it.query_bins(&scale));
        for (query, labeled) in raw.labeled_queries.iter().enumerate() {
            let index = episode.rows.len() as u32;
            let (configuration, rows) = (&labeled.query.configuration, &mut episode.rows);
            match predictions {
                Some(predictions) => {
                    let prediction = predictions.queries[query].tokens(&scale, None);
                    tokenizer.push_question_with(configuration, &prediction, view, rows);
                }
                None => tokenizer.push_question(configuration, view, rows),
            }
            let kind = score_target(&scale, labeled.loss, options.score_deviation);
            episode.targets.push(Target { index, kind, weight: 1.0 });
        }
    }
    if let Some(optimum) = &raw.optimum {
        for _ in 0..options.policy_queries {
            push_policy(&tokenizer, optimum, view, options, &mut episode, rng);
        }
    }
    episode
}

/// The soft target of a score: a Gaussian around it, or the bin of failed trials.
fn score_target(scale: &ScoreScale, loss: Option<f64>, deviation: f32) -> TargetKind {
    let last = BINS as f32 - 1.0;
    let (center, deviation) = match loss {
        Some(loss) => (((scale.score(loss) * BINS as f64) as f32).min(last - 0.5), deviation),
        None => (last + 0.5, 0.1),
    };
    TargetKind::Bin { center, deviation, group: BinGroup::Score }
}

/// Appends a question for a random active parameter of the optimum, given the values before it.
fn push_policy(
    tokenizer: &RowTokenizer,
    optimum: &Configuration,
    view: &SearchBox,
    options: &EpisodeOptions,
    episode: &mut Episode,
    rng: &mut SeededRng,
) {
    let active: Vec<usize> =
        (0..optimum.values().len()).filter(|index| optimum.get(*index).is_some()).collect();
    let index = active[rng.random_range(0..active.len())];
    let value = optimum.get(index).expect("the parameter is active");
    let row = episode.rows.len() as u32;
    tokenizer.push_policy(&optimum.values()[..index], 0, view, &mut episode.rows);
    let domain = tokenizer.space().parameters()[index].domain();
    let kind = match domain.levels() {
        Some(choices) if domain.is_categorical() => {
            let code = |choice: u64| tokenizer.value(index, choice as f64, view) - CATEGORIES.start;
            let legal = (0..choices).fold(0, |legal, choice| legal | 1 << code(choice));
            TargetKind::Category { code: code(value as u64), legal }
        }
        levels => {
            let inner = view.normalize(index, domain.to_unit(value)).clamp(0.0, 1.0);
            let (center, deviation) = if levels.is_some() {
                (f32::from(numerical::bin(inner)) + 0.5, 1.0)
            } else {
                ((inner * BINS as f64) as f32, options.value_deviation)
            };
            TargetKind::Bin { center, deviation, group: BinGroup::Value }
        }
    };
    episode.targets.push(Target { index: row, kind, weight: options.value_weight });
}

/// The predictions of a process, some of the queries being what it would try next; `None` where it
/// has nothing to predict from.
fn predict(
    function: &Function,
    raw: &mut RawEpisode,
    rng: &mut SeededRng,
) -> Result<Option<GpPredictions>> {
    let (space, history) = (&function.space, &raw.history);
    let mut process = predictions::fitted_once(history.study.len(), rng)?;
    let maxima = predictions::acquisition_maxima(&mut process, space, history, rng)?;
    for (labeled, query) in raw.labeled_queries.iter_mut().zip(maxima) {
        let loss = function.observe(&function.values(&query.configuration), rng);
        *labeled = LabeledQuery { query, loss };
    }
    let queries: Vec<Configuration> =
        raw.labeled_queries.iter().map(|it| it.query.configuration.clone()).collect();
    GpPredictions::of(&mut process, space, history, &queries)
}

/// Draws a problem of a function and writes it.
///
/// # Errors
///
/// What a teacher says.
pub fn draw(
    function: &Function,
    optimum: &Optimum,
    options: &EpisodeOptions,
    rng: &mut SeededRng,
) -> Result<Episode> {
    let shape = (draw_length(options.max_trials, rng), rng.random_bool(options.box_share));
    // Without predictions the stream of random numbers is that of a trainer that knows of none.
    if options.prediction_share == 0.0 || !rng.random_bool(options.prediction_share) {
        let raw = draw_raw(function, optimum, shape, options, rng)?;
        return Ok(encode(function, &raw, None, options, rng));
    }
    // The process is fitted for the predictions, and proposes queries, too.
    let options = EpisodeOptions { acquisition_share: 0.0, ..options.clone() };
    let mut raw = draw_raw(function, optimum, shape, &options, rng)?;
    let predictions = predict(function, &mut raw, rng)?;
    Ok(encode(function, &raw, predictions.as_ref(), &options, rng))
}

#[cfg(test)]
mod tests;

//! Batches of episodes, drawn while training; no synthetic function is seen twice.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use optiformer::{Error, ErrorKind, Result};
use rand::{RngExt, SeedableRng, seq::SliceRandom};
use rayon::prelude::*;

use super::{Episode, EpisodeOptions, bank::FunctionBank, draw};
use crate::{
    generators::{FunctionOptions, SampledFunction},
    network::rows::HISTORY_STEP,
    random::SeededRng,
    training::{BatchSource, Examples},
};

/// How batches are drawn.
#[derive(Clone, Debug)]
pub struct EpisodeSourceOptions {
    /// How episodes are drawn.
    pub episodes: EpisodeOptions,
    /// How functions are drawn.
    pub functions: FunctionOptions,
    /// About how many rows a batch holds.
    pub batch_rows: usize,
    /// Episodes of each function.
    pub episodes_per_function: usize,
    /// Number of validation batches.
    pub validation_batches: u64,
    /// Seed of everything.
    pub seed: u64,
}

impl EpisodeSourceOptions {
    /// The options as text, for [`TrainingOptions::settings`](crate::training::TrainingOptions):
    /// what batches depend on. A run goes on from a checkpoint with equal settings alone, so that
    /// the text is a format of its own, which renamed fields leave as it is.
    pub fn settings(&self) -> String {
        let Self { batch_rows, episodes_per_function, validation_batches, seed, .. } = self;
        format!(
            "SourceOptions {{ episodes: {}, functions: {}, batch_rows: {batch_rows}, \
             episodes_per_function: {episodes_per_function}, \
             validation_batches: {validation_batches}, seed: {seed} }}",
            self.episodes.settings(),
            self.functions.settings()
        )
    }
}

/// Draws functions and episodes by number: a batch depends on the step and the seed alone.
pub struct EpisodeSource {
    options: EpisodeSourceOptions,
    pool: rayon::ThreadPool,
    /// Real functions, and the share of the training examples that they make.
    real: Option<(FunctionBank, f64)>,
    /// The groups of batches that may be asked for again: the latest one for training, all for
    /// validation.
    kept: [Mutex<BTreeMap<u64, Vec<Vec<Episode>>>>; 2],
}

/// The stream of functions to train on.
const TRAINING: usize = 0;
/// The stream of functions to validate on.
const VALIDATION: usize = 1;
/// Number of batches that are drawn together and sorted by length.
const TOGETHER: usize = 8;
/// Mean number of rows of an episode, for the number of functions that fill a group.
const MEAN_ROWS: usize = 112;

impl EpisodeSource {
    /// A source of these options that draws on `threads` threads; 0 for all cores.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`] when the system refuses the threads.
    pub fn new(options: EpisodeSourceOptions, threads: usize) -> Result<Self> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .map_err(|error| Error::new(ErrorKind::Unsupported, error.to_string()))?;
        Ok(Self { options, pool, real: None, kept: Default::default() })
    }

    /// The same source, a share of whose training examples is from real functions. Those of
    /// validation stay synthetic, so that losses of runs can be compared.
    ///
    /// # Panics
    ///
    /// When the share is not in `0..=1`.
    pub fn with_real_functions(self, bank: FunctionBank, share: f64) -> Self {
        assert!((0.0..=1.0).contains(&share), "the share {share} of real functions");
        Self { real: Some((bank, share)), ..self }
    }

    /// What batches depend on, as [`EpisodeSourceOptions::settings`] has it, and the real functions
    /// where there are any.
    pub fn settings(&self) -> String {
        let real = self.real.as_ref().map_or(String::new(), |(bank, share)| {
            let (functions, digest) = (bank.len(), bank.digest());
            format!(" Real {{ share: {share:?}, functions: {functions}, digest: {digest:016x} }}")
        });
        self.options.settings() + &real
    }

    /// Episodes of real functions, one of each.
    fn real_episodes(&self, bank: &FunctionBank, rng: &mut SeededRng) -> Result<Vec<Episode>> {
        (0..self.options.episodes_per_function)
            .map(|_| {
                let (function, optimum) = bank.draw(rng);
                draw(function, optimum, &self.options.episodes, rng)
            })
            .collect()
    }

    /// Number of functions in a group of batches.
    pub fn functions_per_group(&self) -> usize {
        let episodes = TOGETHER * self.options.batch_rows / MEAN_ROWS;
        (episodes / self.options.episodes_per_function).max(TOGETHER)
    }

    /// About [`TOGETHER`] batches of episodes of about equal length, in random order.
    fn batches(&self, group: u64, stream: u64) -> Result<Vec<Vec<Episode>>> {
        let functions = self.functions_per_group() as u64;
        let options = &self.options;
        // Validation functions come from a seed of their own.
        let seed = options.seed.wrapping_mul(2).wrapping_add(stream);
        let of_function = |number: u64| {
            let index = group * functions + number;
            if let Some((bank, share)) = &self.real
                && stream == TRAINING as u64
            {
                let number = index.wrapping_mul(0xD1B5_4A32_D192_ED03);
                let mut rng = SeededRng::seed_from_u64(!seed ^ number);
                if rng.random_bool(*share) {
                    return self.real_episodes(bank, &mut rng);
                }
            }
            let SampledFunction { function, optimum, mut rng, .. } =
                SampledFunction::draw(&options.functions, seed, index);
            (0..options.episodes_per_function)
                .map(|_| draw(&function, &optimum, &options.episodes, &mut rng))
                .collect()
        };
        let episodes: Result<Vec<Vec<Episode>>> =
            self.pool.install(|| (0..functions).into_par_iter().map(of_function).collect());
        let mut episodes: Vec<Episode> = episodes?.into_iter().flatten().collect();
        episodes.retain(|episode| !episode.targets.is_empty());
        if episodes.is_empty() {
            let context = "no episode of a whole group has anything to predict";
            return Err(Error::new(ErrorKind::InvalidValue, context));
        }
        let mut rng = SeededRng::seed_from_u64(seed ^ group.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        episodes.shuffle(&mut rng);
        let mut batches = self.by_length(episodes);
        batches.shuffle(&mut rng);
        Ok(batches)
    }

    /// Batches of episodes that are alike in length, so that little is filled up; few different
    /// shapes, since products of a new shape are set up once each.
    fn by_length(&self, mut episodes: Vec<Episode>) -> Vec<Vec<Episode>> {
        episodes.sort_by_key(|episode| episode.history.next_multiple_of(HISTORY_STEP));
        let mut batches = Vec::new();
        while let Some(longest) = episodes.last() {
            let history = longest.history.next_multiple_of(HISTORY_STEP);
            let queries = self.options.episodes.queries + self.options.episodes.policy_queries;
            let count = (self.options.batch_rows / (history + queries)).max(1);
            batches.push(episodes.split_off(episodes.len().saturating_sub(count)));
        }
        batches
    }

    fn batch(&self, number: u64, stream: usize) -> Result<Vec<Episode>> {
        let (group, place) = (number / TOGETHER as u64, (number % TOGETHER as u64) as usize);
        let mut kept = self.kept[stream].lock().unwrap_or_else(PoisonError::into_inner);
        if !kept.contains_key(&group) {
            if stream == TRAINING {
                kept.clear();
            }
            kept.insert(group, self.batches(group, stream as u64)?);
        }
        let batches = &kept[&group];
        Ok(batches[place % batches.len()].clone())
    }
}

impl BatchSource for EpisodeSource {
    fn training(&self, step: u64) -> Result<Examples> {
        self.batch(step, TRAINING).map(Examples::Episodes)
    }

    fn validation(&self, index: u64) -> Option<Result<Examples>> {
        (index < self.options.validation_batches)
            .then(|| self.batch(index, VALIDATION).map(Examples::Episodes))
    }
}

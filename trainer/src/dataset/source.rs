//! Batches of training sequences from a directory of shards.

use std::{
    path::Path,
    sync::{Mutex, PoisonError},
};

use optiformer::{Error, ErrorKind, Result, model::Config};
use rand::{RngExt, SeedableRng, seq::SliceRandom};

use super::{
    encoder::{EncoderOptions, encode},
    record::Record,
    shard::{self},
};
use crate::{
    random::SeededRng,
    sequence::TrainingSequence,
    training::{BatchSource, Examples},
};

/// How batches are drawn.
#[derive(Clone, Debug)]
pub struct ShardSourceOptions {
    /// How sequences are made.
    pub encoder: EncoderOptions,
    /// About how many tokens a batch holds.
    pub batch_tokens: usize,
    /// Number of steps over which the context grows from a quarter of its full length to all of it.
    pub ramp_steps: u64,
    /// One record in `held_out` is kept for validation.
    pub held_out: usize,
    /// How many validation batches there are.
    pub validation_batches: u64,
    /// Seed of the order, the augmentation and the split.
    pub seed: u64,
}

/// Records in memory, grouped by their number of parameters.
///
/// A batch depends on the step's number and the seed alone, so a resumed run sees what an
/// uninterrupted one would have seen.
pub struct ShardSource {
    training: Vec<Vec<Record>>,
    validation: Vec<Vec<Record>>,
    options: ShardSourceOptions,
    /// The latest group of batches of each stream, with its number.
    kept: [Kept; 2],
}

/// So many batches are drawn together and sorted by length.
const TOGETHER: usize = 16;

type Kept = Mutex<Option<(u64, Vec<Vec<TrainingSequence>>)>>;

impl ShardSource {
    /// Reads every shard of `directory`.
    ///
    /// # Errors
    ///
    /// What [`shard::read_directory`] says; also when there are too few records to hold some out.
    pub fn open(directory: &Path, options: ShardSourceOptions) -> Result<Self> {
        let (mut training, mut validation) = (Vec::<Vec<Record>>::new(), Vec::<Vec<Record>>::new());
        for (number, record) in shard::read_directory(directory)?.into_iter().enumerate() {
            let dimensions = record.kinds.len();
            let side = if number % options.held_out == 0 { &mut validation } else { &mut training };
            if side.len() <= dimensions {
                side.resize_with(dimensions + 1, Vec::new);
            }
            side[dimensions].push(record);
        }
        if training.iter().all(Vec::is_empty) || validation.iter().all(Vec::is_empty) {
            return Err(Error::new(
                ErrorKind::InvalidValue,
                format!("{}: too few records to train on and hold some out", directory.display()),
            ));
        }
        Ok(Self { training, validation, options, kept: Default::default() })
    }

    /// How many records are trained on, and how many are held out.
    pub fn counts(&self) -> (usize, usize) {
        let count = |side: &[Vec<Record>]| side.iter().map(Vec::len).sum();
        (count(&self.training), count(&self.validation))
    }

    /// [`TOGETHER`] batches, each of sequences of about equal length, in random order.
    fn batches(
        &self,
        records: &[Vec<Record>],
        context: usize,
        seed: u64,
    ) -> Vec<Vec<TrainingSequence>> {
        let mut rng = SeededRng::seed_from_u64(seed);
        let total: usize = records.iter().map(Vec::len).sum();
        let encoder = EncoderOptions { context, ..self.options.encoder.clone() };
        let mut sequences = Vec::new();
        let mut tokens = 0;
        while tokens < TOGETHER * self.options.batch_tokens {
            let mut place = rng.random_range(0..total);
            let group = records
                .iter()
                .find(|group| {
                    let here = place < group.len();
                    place = place.saturating_sub(group.len());
                    here
                })
                .expect("the place lies in one of the groups");
            let record = &group[rng.random_range(0..group.len())];
            let sequence = encode(record, &encoder, &mut rng);
            tokens += sequence.tokens.len();
            sequences.push(sequence);
        }
        // Sequences of a batch are filled up to the longest one: alike in length, they waste
        // little.
        sequences.sort_by_key(|sequence| sequence.tokens.len());
        let mut batches: Vec<Vec<TrainingSequence>> = vec![Vec::new(); TOGETHER];
        let mut before = 0;
        for sequence in sequences {
            let batch = (before * TOGETHER / tokens).min(TOGETHER - 1);
            before += sequence.tokens.len();
            batches[batch].push(sequence);
        }
        batches.retain(|batch| !batch.is_empty());
        while batches.len() < TOGETHER {
            // Very long sequences in very small batches can leave one of them empty.
            batches.push(batches[0].clone());
        }
        batches.shuffle(&mut rng);
        batches
    }

    /// The batch `number % TOGETHER` of the group `number / TOGETHER`; the latest group is kept.
    fn batch(
        &self,
        number: u64,
        make: impl FnOnce(u64) -> Vec<Vec<TrainingSequence>>,
        kept: &Kept,
    ) -> Vec<TrainingSequence> {
        let (group, place) = (number / TOGETHER as u64, (number % TOGETHER as u64) as usize);
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        match kept.as_ref() {
            Some((index, batches)) if *index == group => batches[place].clone(),
            _ => {
                let (_, batches) = kept.insert((group, make(group)));
                batches[place].clone()
            }
        }
    }
}

impl BatchSource for ShardSource {
    fn training(&self, step: u64) -> Result<Examples> {
        let make = |group: u64| {
            let full = self.options.encoder.context;
            let step = group * TOGETHER as u64;
            let share = (step as f64 / self.options.ramp_steps.max(1) as f64).min(1.0);
            let context = (full as f64 * (0.25 + 0.75 * share)) as usize;
            // Odd and even seeds keep the two streams apart.
            let seed = self.options.seed ^ group.wrapping_mul(0x9E37_79B9_7F4A_7C15) << 1;
            self.batches(&self.training, context, seed | 1)
        };
        Ok(Examples::Sequences(self.batch(step, make, &self.kept[0])))
    }

    fn validation(&self, index: u64) -> Option<Result<Examples>> {
        let make = |group: u64| {
            let seed = group.wrapping_mul(0xD1B5_4A32_D192_ED03) << 1;
            self.batches(&self.validation, self.options.encoder.context, seed)
        };
        (index < self.options.validation_batches)
            .then(|| Ok(Examples::Sequences(self.batch(index, make, &self.kept[1]))))
    }
}

impl ShardSourceOptions {
    /// The options as text, as
    /// [`EpisodeSourceOptions::settings`](crate::episodes::source::EpisodeSourceOptions::settings)
    /// has them.
    pub fn settings(&self) -> String {
        let Self { batch_tokens, ramp_steps, held_out, validation_batches, seed, .. } = self;
        format!(
            "SourceOptions {{ encoder: {}, batch_tokens: {batch_tokens}, \
             ramp_steps: {ramp_steps}, held_out: {held_out}, \
             validation_batches: {validation_batches}, seed: {seed} }}",
            self.encoder.settings()
        )
    }

    /// Checks that the sequences fit the model.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidValue`], naming the option.
    pub fn check(&self, config: &Config) -> Result<()> {
        let most = config.max_positions - 64;
        if !(32..=most).contains(&self.encoder.context) {
            let context = format!("--context must be between 32 and {most}");
            return Err(Error::new(ErrorKind::InvalidValue, context));
        }
        if self.batch_tokens < 2 * self.encoder.context {
            let context = "--batch-tokens must be at least twice --context";
            return Err(Error::new(ErrorKind::InvalidValue, context));
        }
        Ok(())
    }
}

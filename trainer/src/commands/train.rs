//! `optiformer-trainer train`: weights from functions or shards.

use std::{
    path::PathBuf,
    sync::{Arc, atomic::AtomicBool},
};

use clap::Args;
use optiformer::{Error, ErrorKind, Result, model::Config};

use super::progress_bar;
use crate::{
    dataset::{
        encoder::EncoderOptions,
        source::{ShardSource, ShardSourceOptions},
    },
    device::{ComputePrecision, DeviceChoice},
    episodes::{
        EpisodeOptions,
        bank::FunctionBank,
        source::{EpisodeSource, EpisodeSourceOptions},
    },
    evaluation::tasks::yahpo,
    generators::FunctionOptions,
    training::{self, BatchSource, TrainingOptions},
};

/// How a history is written for the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum SequenceChoice {
    /// A row a trial; what ships.
    Trials,
    /// A token a value, as the founding guide has it.
    Tokens,
}

/// Trains a model on functions that it draws, or on shards that `generate` has made.
///
/// Ctrl-C writes a checkpoint and stops; `--resume` goes on from it exactly. The directory gets the
/// checkpoint, a log as CSV, and a picture of the losses as SVG.
#[derive(Args, Debug)]
pub struct Train {
    /// How a history is written for the model: a row a trial, or a token a value.
    #[arg(long, value_enum, default_value = "trials")]
    sequence: SequenceChoice,
    /// Directory with the shards, for `--sequence tokens`; with the files of real problems, for
    /// `--real-share`. A model that reads trials draws synthetic functions while it trains.
    #[arg(long, value_name = "DIR", required_if_eq("sequence", "tokens"))]
    data: Option<PathBuf>,
    /// Directory for checkpoint, log and plot; made if missing.
    #[arg(long, value_name = "DIR")]
    output: PathBuf,
    /// Size of the model: pico, nano, small, base, large.
    #[arg(long, default_value = "pico")]
    preset: String,
    /// Size of the model as a Hugging Face `config.json`, instead of a preset's.
    #[arg(long, value_name = "FILE", conflicts_with = "preset")]
    config: Option<PathBuf>,
    /// Optimizer steps at most.
    #[arg(long, default_value_t = 20_000)]
    steps: u64,
    /// Minutes at most, over all sessions of the run; the learning rate falls accordingly.
    #[arg(long)]
    minutes: Option<f64>,
    /// About how many tokens or rows a batch holds.
    #[arg(long, default_value_t = 2048)]
    batch_tokens: usize,
    /// Standard deviation of a score's soft target in bins, for `--sequence trials`.
    #[arg(long, default_value_t = 3.0)]
    score_deviation: f32,
    /// Share of the examples that hold a Gaussian process's predictions, for `--sequence trials`; 0
    /// for a model without slots for them. A `--config` without these slots ignores it.
    #[arg(long, default_value_t = 0.5, value_parser = share)]
    prediction_share: f64,
    /// Share of the examples that are from real problems, for `--sequence trials`: surrogates of
    /// YAHPO-2021 in the directory `--data`.
    #[arg(long, default_value_t = 0.0, value_parser = share, requires = "data")]
    real_share: f64,
    /// Functions that the real problems are cut into, on all cores, before training begins.
    #[arg(long, default_value_t = 1500, value_parser = clap::value_parser!(u64).range(1..))]
    real_functions: u64,
    /// Threads that draw functions, for `--sequence trials`; 0 for all cores.
    #[arg(long, default_value_t = 0)]
    generator_threads: usize,
    /// Muon's learning rate for the blocks' matrices as a multiple of the other's; 0 trains them
    /// with AdamW.
    #[arg(long, default_value_t = 6.7)]
    muon: f64,
    /// Batches whose gradients make one step.
    #[arg(long, default_value_t = 1)]
    accumulate: u64,
    /// Peak learning rate.
    #[arg(long, default_value_t = 2e-3)]
    learning_rate: f64,
    /// Steps over which the learning rate rises.
    #[arg(long, default_value_t = 200)]
    warm_up: u64,
    /// The last share of the run, over which the learning rate falls; 0 keeps it.
    #[arg(long, default_value_t = 1.0)]
    fall: f64,
    /// Weight decay of matrices.
    #[arg(long, default_value_t = 0.05)]
    weight_decay: f64,
    /// Decay of the running average of the weights, per step; the average is what is validated and
    /// exported.
    #[arg(long, default_value_t = 0.999)]
    average: f64,
    /// The longest history, in tokens.
    #[arg(long, default_value_t = 512)]
    context: usize,
    /// Steps over which histories grow from a quarter of their full length to all of it.
    #[arg(long, default_value_t = 3000)]
    ramp_steps: u64,
    /// Steps between validations (and checkpoints).
    #[arg(long, default_value_t = 500)]
    validate_every: u64,
    /// Number of validations without a better loss after which training stops.
    #[arg(long)]
    patience: Option<u64>,
    /// Seed of weights, order and augmentation.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Where to compute: auto, cpu or cuda.
    #[arg(long, value_enum, default_value = "auto")]
    device: DeviceChoice,
    /// Threads of the computation on a CPU; 0 leaves the choice to torch.
    #[arg(long, default_value_t = 0)]
    threads: i32,
    /// What matrix products are computed in: auto, f32 or bf16.
    #[arg(long, value_enum, default_value = "auto")]
    precision: ComputePrecision,
    /// Begins with the weights in this checkpoint of another run, or in a weights file.
    #[arg(long, value_name = "FILE")]
    begin_from: Option<PathBuf>,
    /// Goes on from the checkpoint in the output directory, if there is one.
    #[arg(long)]
    resume: bool,
}

/// A share, from 0 to 1.
fn share(text: &str) -> std::result::Result<f64, String> {
    let share = text.parse().map_err(|_| String::from("not a number"))?;
    if (0.0..=1.0).contains(&share) { Ok(share) } else { Err(String::from("not in 0..=1")) }
}

impl Train {
    /// Runs the command.
    ///
    /// # Errors
    ///
    /// Options out of range, missing or damaged data, a checkpoint of another run, what the file
    /// system says.
    pub fn run(&self, interrupted: &Arc<AtomicBool>) -> Result<()> {
        let config = self.shape()?;
        let device = self.device.resolve()?;
        if self.threads > 0 {
            tch::set_num_threads(self.threads);
        }
        let Some((source, settings)) = self.source(&config, interrupted)? else {
            eprintln!("interrupted before the training");
            return Ok(());
        };
        eprintln!("{:.2} M parameters on {device:?}", config.parameters() as f64 / 1e6);
        let options = TrainingOptions {
            steps: self.steps,
            minutes: self.minutes,
            rate: self.learning_rate,
            warm_up: self.warm_up,
            weight_decay: self.weight_decay,
            clip: 1.0,
            muon: (self.muon > 0.0).then_some(self.muon),
            accumulate: self.accumulate.max(1),
            average: self.average,
            validate_every: self.validate_every.max(1),
            log_every: 20,
            patience: self.patience,
            precision: self.precision.resolve(device),
            fall: self.fall.clamp(0.0, 1.0),
            begin_from: self.begin_from.clone(),
            seed: self.seed,
            settings,
            directory: self.output.clone(),
            resume: self.resume,
        };
        let last = training::train(&config, &source, &options, device, interrupted)?;
        eprintln!(
            "{} steps, {:.1} M tokens or rows, {:.0} minutes; held-out loss {:.4} (score), {:.4} (value)",
            last.progress.step,
            last.progress.tokens as f64 / 1e6,
            last.progress.seconds / 60.0,
            last.progress.validation.0,
            last.progress.validation.1
        );
        Ok(())
    }

    /// Where batches come from, and what they depend on; `None` once `interrupted` is set.
    fn source(
        &self,
        config: &Config,
        interrupted: &AtomicBool,
    ) -> Result<Option<(Arc<dyn BatchSource>, String)>> {
        let Some(data) = self.data.as_ref().filter(|_| self.sequence == SequenceChoice::Tokens)
        else {
            let options = EpisodeSourceOptions {
                episodes: EpisodeOptions {
                    slots: config.slots,
                    prediction_share: if config.prediction_slots > 0 {
                        self.prediction_share
                    } else {
                        0.0
                    },
                    score_deviation: self.score_deviation.max(0.1),
                    ..EpisodeOptions::default()
                },
                functions: FunctionOptions::default(),
                batch_rows: self.batch_tokens,
                episodes_per_function: 3,
                validation_batches: 16,
                seed: self.seed,
            };
            let mut source = EpisodeSource::new(options, self.generator_threads)?;
            if self.real_share > 0.0 {
                let Some(bank) = self.real_functions(interrupted)? else { return Ok(None) };
                source = source.with_real_functions(bank, self.real_share);
            }
            let settings = source.settings();
            return Ok(Some((Arc::new(source), settings)));
        };
        let options = ShardSourceOptions {
            encoder: EncoderOptions { context: self.context, ..EncoderOptions::default() },
            batch_tokens: self.batch_tokens,
            ramp_steps: self.ramp_steps,
            held_out: 50,
            validation_batches: 24,
            seed: self.seed,
        };
        options.check(config)?;
        let settings = options.settings();
        let source = ShardSource::open(data, options)?;
        let (training, held_out) = source.counts();
        eprintln!("{training} records, {held_out} held out");
        Ok(Some((Arc::new(source), settings)))
    }

    /// Functions of the real problems to train on; `None` once `interrupted` is set.
    fn real_functions(&self, interrupted: &AtomicBool) -> Result<Option<FunctionBank>> {
        let problems = yahpo::training_problems(self.data.as_deref())?;
        let bar = progress_bar(self.real_functions as usize, "real functions");
        let count = self.real_functions as usize;
        let bank =
            FunctionBank::of_problems(&problems, count, self.seed, interrupted, || bar.inc(1))?;
        bar.finish_and_clear();
        if let Some(bank) = &bank {
            eprintln!("{} functions from {} real problems", bank.len(), problems.len());
        }
        Ok(bank)
    }

    /// The model's shape, from the file where one is named.
    fn shape(&self) -> Result<Config> {
        let of_sequence = |config: Config| match self.sequence {
            SequenceChoice::Trials if config.slots == 0 => {
                let config = config.with_trial_rows();
                let reads = self.prediction_share > 0.0;
                let prediction_slots = if reads { config.prediction_slots } else { 0 };
                Config { prediction_slots, ..config }
            }
            _ => config,
        };
        let Some(path) = &self.config else {
            return Config::preset(&self.preset).map(of_sequence);
        };
        let at = |error: String| {
            Error::new(ErrorKind::InvalidValue, format!("{}: {error}", path.display()))
        };
        let text = std::fs::read_to_string(path).map_err(|error| at(error.to_string()))?;
        let config = Config::from_hugging_face(&text).map_err(|error| at(error.to_string()))?;
        Ok(of_sequence(config))
    }
}

//! The smoke test: the whole way once, small, each pass criterion measured.
//!
//! 1. Data: twenty trajectories of fifty trials, half on Gaussian processes, half on expressions.
//! 2. Tokenizer: values come back, tokens have names.
//! 3. Model: it has the size that was asked for, and fits the vocabulary.
//! 4. Training: the loss begins at chance and falls.
//! 5. Suggestions: away from bad trials, near good ones.
//! 6. Optuna: a study through the Python sampler.

mod optuna;
mod suggestions;
mod tokens;

use std::{
    path::PathBuf,
    sync::{Arc, atomic::AtomicBool},
    time::Instant,
};

use optiformer::{
    Error, ErrorKind, Result,
    model::{self, Config, Metadata, Model},
    tokenizer::vocabulary,
};
use rand::SeedableRng;
use tch::Device;

use crate::{
    criteria::Criteria,
    dataset::{
        encoder::{EncoderOptions, encode},
        record::{INACTIVE, Record},
        shard::{self, Header, Reader},
    },
    export,
    generators::{self, FunctionOptions},
    network::Network,
    problem::{FunctionFamily, ParameterKind},
    random::SeededRng,
    sequence::TrainingSequence,
    training::{
        self, BatchSource, Examples, TrainingOptions,
        checkpoint::Checkpoint,
        log::{self, LogEntry},
    },
    trajectories,
};

/// How the smoke test runs.
#[derive(Clone, Debug)]
pub struct SmokePlan {
    /// Size of the model.
    pub preset: String,
    /// How many parameters that size must have.
    pub parameters: std::ops::RangeInclusive<f64>,
    /// Optimizer steps.
    pub steps: u64,
    /// Peak learning rate.
    pub rate: f64,
    /// The longest history, in tokens.
    pub context: usize,
    /// Where to compute.
    pub device: Device,
    /// Where everything goes; emptied first.
    pub directory: PathBuf,
    /// The Python that has Optuna and the package.
    pub python: PathBuf,
}

/// Trajectories of each family.
const OF_EACH_FAMILY: usize = 10;
/// Trials of a trajectory.
const TRIALS: usize = 50;
/// Who proposes them.
const TEACHERS: &str = "tpe:1,random:1";
/// Largest number of parameters of a function.
const MAX_DIMENSIONS: usize = 4;

/// Runs the six steps.
///
/// # Errors
///
/// Only what keeps a step from running at all; a criterion that fails is part of the outcome.
pub fn run(plan: &SmokePlan, interrupted: &Arc<AtomicBool>) -> Result<Criteria> {
    if plan.directory.exists() {
        std::fs::remove_dir_all(&plan.directory)?;
    }
    std::fs::create_dir_all(&plan.directory)?;
    let mut criteria = Criteria::default();
    let records = data(plan, &mut criteria)?;
    tokens::check(&mut criteria)?;
    let config = Config::preset(&plan.preset)?;
    size(plan, &config, &mut criteria);
    let file = train(plan, &config, records, interrupted, &mut criteria)?;
    suggestions::check(Arc::new(Model::open(&file)?), &mut criteria)?;
    optuna::check(&plan.python, &file, &mut criteria)?;
    Ok(criteria)
}

/// Step 1.
fn data(plan: &SmokePlan, criteria: &mut Criteria) -> Result<Vec<Record>> {
    let started = Instant::now();
    let records = trajectories_of_both_families()?;
    let header = Header {
        seed: 42,
        first: 0,
        records: records.len() as u64,
        trials: TRIALS,
        teachers: String::from(TEACHERS),
        max_dimensions: MAX_DIMENSIONS,
        generators: generators::VERSION,
    };
    let path = plan.directory.join("smoke.shard");
    shard::write(&path, &header, &records)?;
    let read: Result<Vec<Record>> = Reader::open(&path)?.collect();
    let trials = records.iter().map(|record| record.trials.len()).sum::<usize>();
    criteria.equals(1, "trials", trials as f64, (2 * OF_EACH_FAMILY * TRIALS) as f64);
    let smooth = records.iter().filter(|record| record.family == FunctionFamily::GpPrior).count();
    criteria.equals(1, "trajectories on Gaussian processes", smooth as f64, OF_EACH_FAMILY as f64);
    let (what, how) = ("the file gives back what was written", String::from("compared"));
    criteria.holds(1, what, how, read? == records);
    check_records(&records, criteria);
    criteria.at_most(1, "seconds", started.elapsed().as_secs_f64(), 120.0);
    Ok(records)
}

/// The same number of trajectories on Gaussian processes and on symbolic functions.
fn trajectories_of_both_families() -> Result<Vec<Record>> {
    // Only two families are kept. Which functions of them are drawn decides whether a model that
    // knows twenty trajectories by heart suggests near the good trial: with others it does not.
    let options = FunctionOptions {
        max_dimensions: MAX_DIMENSIONS,
        learners: false,
        ..FunctionOptions::default()
    };
    let teachers = TEACHERS.parse()?;
    let mut records: Vec<Record> = Vec::new();
    for index in 0.. {
        let record = trajectories::record(&options, &teachers, TRIALS, 42, index)?;
        let same = records.iter().filter(|other| other.family == record.family).count();
        if [FunctionFamily::GpPrior, FunctionFamily::Symbolic].contains(&record.family)
            && same < OF_EACH_FAMILY
        {
            records.push(record);
        }
        if records.len() == 2 * OF_EACH_FAMILY {
            break;
        }
    }
    Ok(records)
}

/// Checks that coordinates are legal, and that trajectories differ.
fn check_records(records: &[Record], criteria: &mut Criteria) {
    let is_illegal = |(place, kind): &(&f32, &ParameterKind)| match kind {
        _ if **place == INACTIVE => false,
        ParameterKind::Categorical(choices) => **place < 0.0 || **place >= f32::from(*choices),
        _ => !(0.0..=1.0).contains(*place),
    };
    let trials = records.iter().flat_map(|it| it.trials.iter().map(move |trial| (it, trial)));
    let coordinates = trials.flat_map(|(it, trial)| trial.coordinates.iter().zip(&it.kinds));
    let illegal = coordinates.filter(is_illegal).count();
    criteria.equals(1, "coordinates out of range", illegal as f64, 0.0);
    let distinct = records.iter().map(|record| {
        let mut losses: Vec<f32> =
            record.trials.iter().filter(|t| !t.failed).map(|trial| trial.loss).collect();
        losses.sort_unstable_by(f32::total_cmp);
        losses.dedup();
        losses.len()
    });
    let fewest = distinct.min().unwrap_or(0);
    criteria.at_least(1, "different outcomes in the dullest trajectory", fewest as f64, 3.0);
    // How much the losses of neighbors in time jump, as a share of their range: low where a study
    // improves steadily.
    let roughness: Vec<f64> = records.iter().map(Record::jumps).collect();
    let spread = roughness.iter().copied().fold(f64::MIN, f64::max)
        - roughness.iter().copied().fold(f64::MAX, f64::min);
    criteria.at_least(1, "spread of roughness between trajectories", spread, 0.1);
}

/// Step 3.
fn size(plan: &SmokePlan, config: &Config, criteria: &mut Criteria) {
    let network = Network::new(config.clone(), Device::Cpu, 1);
    let millions = config.parameters() as f64 / 1e6;
    criteria.at_least(3, "millions of parameters", millions, *plan.parameters.start());
    criteria.at_most(3, "millions of parameters", millions, *plan.parameters.end());
    let logits = network.logits(&[vocabulary::BOS]).size()[1] as f64;
    criteria.equals(3, "logits per token, as the vocabulary", logits, vocabulary::SIZE as f64);
    // Weights, their average, the gradient and the optimizer's two averages.
    let megabytes = 5.0 * 4.0 * network.parameters().numel() as f64 / 1e6;
    criteria.at_most(3, "megabytes of weights and optimizer", megabytes, 2000.0);
}

/// The same sequences again and again: few enough to be learned by heart.
struct Fixed(Vec<TrainingSequence>);

impl BatchSource for Fixed {
    fn training(&self, _: u64) -> Result<Examples> {
        Ok(Examples::Sequences(self.0.clone()))
    }

    fn validation(&self, index: u64) -> Option<Result<Examples>> {
        (index == 0).then(|| Ok(Examples::Sequences(self.0.clone())))
    }
}

/// Step 4; returns the exported weights.
fn train(
    plan: &SmokePlan,
    config: &Config,
    records: Vec<Record>,
    interrupted: &Arc<AtomicBool>,
    criteria: &mut Criteria,
) -> Result<PathBuf> {
    let encoder = EncoderOptions {
        context: plan.context,
        zoom_probability: 0.0,
        optimum_probability: 1.0,
        ..EncoderOptions::default()
    };
    let mut rng = SeededRng::seed_from_u64(42);
    let sequences = records.iter().map(|record| encode(record, &encoder, &mut rng)).collect();
    let options = training_options(plan);
    let source: Arc<dyn BatchSource> = Arc::new(Fixed(sequences));
    let last = training::train(config, &source, &options, plan.device, interrupted)?;
    if last.progress.step < plan.steps {
        return Err(Error::new(ErrorKind::Io, "interrupted while training"));
    }
    check_log(&log::read(&options.directory.join("log.csv"))?, &last, criteria);
    let file = plan.directory.join("model.safetensors");
    let network = Network::with_parameters(config.clone(), last.average, Device::Cpu);
    export::save(&network, &Metadata::default(), model::Precision::F32, &file)?;
    Ok(file)
}

/// Options that learn the few sequences by heart.
fn training_options(plan: &SmokePlan) -> TrainingOptions {
    TrainingOptions {
        steps: plan.steps,
        minutes: None,
        rate: plan.rate,
        warm_up: 20,
        weight_decay: 0.01,
        clip: 1.0,
        muon: None,
        accumulate: 1,
        average: 0.9,
        validate_every: 100,
        log_every: 1,
        patience: None,
        precision: crate::device::ComputePrecision::Auto.resolve(plan.device),
        fall: 1.0,
        begin_from: None,
        seed: 42,
        settings: String::from("smoke"),
        directory: plan.directory.join("run"),
        resume: false,
    }
}

/// Checks that the losses of a training fall from chance on.
fn check_log(entries: &[LogEntry], last: &Checkpoint, criteria: &mut Criteria) {
    let chance = (vocabulary::BINS as f64).ln();
    let first = entries[0].score;
    let from_chance = (first - chance).abs();
    criteria.at_most(4, "distance of the first score loss from chance, nats", from_chance, 0.7);
    // The log smooths losses; the held-out ones, of the averaged weights, are exact.
    let mut exact =
        entries.iter().map(|entry| entry.validation_score).filter(|loss| loss.is_finite());
    let drop = 100.0 * (1.0 - exact.next().unwrap_or(f64::NAN) / first);
    criteria.at_least(4, "drop of the score loss after 100 steps, %", drop, 20.0);
    let (score, value) = last.progress.validation;
    criteria.at_most(4, "last score loss against chance, nats", score, chance - 1.0);
    criteria.at_most(4, "last value loss against chance, nats", value, chance - 0.5);
    let lost = entries.iter().filter(|entry| !entry.score.is_finite()).count();
    criteria.equals(4, "losses that are no numbers", lost as f64, 0.0);
}

//! The training loop: schedule, optimizer, validation, checkpoints, log.

pub mod checkpoint;
pub mod log;
pub mod optimizer;
pub mod throughput;

use std::{
    io::IsTerminal,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    time::Instant,
};

use checkpoint::{Checkpoint, Progress};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use log::{Entry, Log};
use optiformer::{Error, ErrorKind, Result, model::Config};
use optimizer::{Optimizer, OptimizerOptions};
use tch::{Device, Kind, Tensor};

use crate::{
    episodes::Episode,
    export,
    network::{Losses, Network, batch::Batch, layout, rows::RowBatch},
    sequence::Sequence,
};

/// The examples of a batch, in the format of the model.
#[derive(Clone, Debug)]
pub enum Examples {
    /// A token a value.
    Sequences(Vec<Sequence>),
    /// A row a trial.
    Episodes(Vec<Episode>),
}

impl Examples {
    /// Their losses, and the number of tokens or rows.
    fn losses(&self, network: &Network) -> (Losses, u64) {
        match self {
            Self::Sequences(sequences) => {
                let batch = Batch::new(sequences, network.device());
                (network.losses(&batch), batch.count)
            }
            Self::Episodes(episodes) => {
                let batch = RowBatch::new(episodes, network.config().slots, network.device());
                (network.row_losses(&batch), batch.count)
            }
        }
    }
}

/// Where batches come from. A batch depends on its number alone, so that a resumed run sees what an
/// uninterrupted one would.
pub trait BatchSource: Send + Sync {
    /// The batch of optimizer step `step`'s part; equal numbers give equal batches.
    ///
    /// # Errors
    ///
    /// What reading or making it says.
    fn training(&self, step: u64) -> Result<Examples>;

    /// Held-out batch `index`; `None` beyond the last.
    fn validation(&self, index: u64) -> Option<Result<Examples>>;
}

/// How to train.
#[derive(Clone, Debug)]
pub struct TrainingOptions {
    /// Optimiser steps at most.
    pub steps: u64,
    /// Minutes at most, over all sessions; the schedule ends with whichever limit comes first.
    pub minutes: Option<f64>,
    /// Peak learning rate.
    pub rate: f64,
    /// Steps over which the rate rises from nothing.
    pub warm_up: u64,
    /// The last share of the run, over which the rate falls: 1 for all of it, 0 for a rate that
    /// stays.
    pub fall: f64,
    /// Weight decay of matrices.
    pub weight_decay: f64,
    /// Gradients longer than this are shortened.
    pub clip: f64,
    /// Muon's learning rate for the blocks' matrices as a multiple of AdamW's; without it, AdamW
    /// trains them too.
    pub muon: Option<f64>,
    /// Batches whose gradients make one step.
    pub accumulate: u64,
    /// Decay of the running average of the weights, per step.
    pub average: f64,
    /// Steps between validations.
    pub validate_every: u64,
    /// Steps between log entries.
    pub log_every: u64,
    /// Stop after so many validations without a better loss; never when `None`.
    pub patience: Option<u64>,
    /// What matrix products and attention are computed in; the weights stay in f32.
    pub precision: Kind,
    /// Seed of the initial weights.
    pub seed: u64,
    /// What batches depend on, as JSON; kept in the checkpoint.
    pub settings: String,
    /// A checkpoint of another run whose weights (not their average) this one begins with, or a
    /// weights file.
    pub begin_from: Option<PathBuf>,
    /// Where checkpoint, log and plot go.
    pub directory: PathBuf,
    /// Goes on from the directory's checkpoint.
    pub resume: bool,
}

impl TrainingOptions {
    fn optimizer(&self, network: &Network) -> Optimizer {
        let options =
            OptimizerOptions { weight_decay: self.weight_decay, clip: self.clip, muon: self.muon };
        let entries = layout::entries(network.config());
        Optimizer::new(network.parameters(), network.decay_mask(), &entries, options)
    }
}

/// The lowest learning rate, as a share of the peak.
const LOWEST_RATE: f64 = 0.02;
/// How much the newest step counts in smoothed losses.
const SMOOTHING: f64 = 0.02;

/// The name of the checkpoint in a run's directory.
pub const CHECKPOINT: &str = "checkpoint.safetensors";

/// The learning rate: a linear rise, a plateau where [`TrainingOptions::fall`] leaves room for one,
/// then half a cosine down to a fiftieth of the peak.
pub fn rate(options: &TrainingOptions, step: u64, seconds: f64) -> f64 {
    let rise = ((step + 1) as f64 / options.warm_up.max(1) as f64).min(1.0);
    let done = share_done(options, step, seconds);
    let fallen =
        ((done - (1.0 - options.fall)) / options.fall.max(f64::MIN_POSITIVE)).clamp(0.0, 1.0);
    let fall = 0.5 * (1.0 + (std::f64::consts::PI * fallen).cos());
    options.rate * rise * (LOWEST_RATE + (1.0 - LOWEST_RATE) * fall)
}

fn share_done(options: &TrainingOptions, step: u64, seconds: f64) -> f64 {
    let steps = step as f64 / options.steps.max(1) as f64;
    let time = options.minutes.map_or(0.0, |minutes| seconds / (60.0 * minutes));
    steps.max(time).min(1.0)
}

/// Trains from random weights, or on from a checkpoint, and returns the last checkpoint.
///
/// # Errors
///
/// What the source or the file system says; a checkpoint of another config or other settings; a
/// directory that holds a run already when `resume` is not set.
pub fn train(
    config: &Config,
    source: &Arc<dyn BatchSource>,
    options: &TrainingOptions,
    device: Device,
    interrupted: &Arc<AtomicBool>,
) -> Result<Checkpoint> {
    std::fs::create_dir_all(&options.directory)?;
    let path = options.directory.join(CHECKPOINT);
    let mut run = Run::begin(config, options, &path, device)?;
    let mut log = Log::open(&options.directory.join("log.csv"), run.progress.step)?;
    let batches = prefetch(Arc::clone(source), run.progress.step * options.accumulate);
    let bar = progress_bar();
    // Tokens a second, if the device did nothing but the layers' matrix products.
    let possible =
        throughput::matmul_rate(device, options.precision) / throughput::operations(config);
    let started = Instant::now();
    let earlier = run.progress.seconds;
    let mut smooth = Smoothed::default();
    let mut session_tokens = 0;
    loop {
        run.progress.seconds = earlier + started.elapsed().as_secs_f64();
        let Progress { step, seconds, .. } = run.progress;
        let finished = share_done(options, step, seconds) >= 1.0
            || options.patience.is_some_and(|most| run.progress.since_best >= most);
        let stop = finished || interrupted.load(Ordering::Relaxed);
        let due = step > 0 && step.is_multiple_of(options.validate_every);
        if due || stop {
            let held_out = run.validate(source.as_ref())?;
            log.add(&Entry {
                validation_score: held_out.0,
                validation_value: held_out.1,
                ..smooth.entry(&run.progress, rate(options, step, seconds))
            })?;
            run.checkpoint().save(&path)?;
            log.plot()?;
            bar.suspend(|| {
                eprintln!(
                    "step {step}: held-out loss {:.4} (score), {:.4} (value) after {:.1} M tokens",
                    held_out.0,
                    held_out.1,
                    run.progress.tokens as f64 / 1e6
                );
            });
        }
        if stop {
            bar.finish_and_clear();
            return Ok(run.checkpoint());
        }
        let rate = rate(options, step, seconds);
        for _ in 0..options.accumulate {
            let examples = batches.recv().map_err(|_| {
                Error::new(ErrorKind::Io, "the thread that makes batches has stopped")
            })??;
            let (losses, count) = examples.losses(&run.network);
            losses.total.backward();
            run.progress.tokens += count;
            session_tokens += count;
            smooth.add(&losses);
        }
        smooth.gradient = run.step(options, rate);
        let step = run.progress.step;
        if step.is_multiple_of(options.log_every) {
            log.add(&Entry {
                validation_score: f64::NAN,
                validation_value: f64::NAN,
                ..smooth.entry(&run.progress, rate)
            })?;
            let speed = session_tokens as f64 / started.elapsed().as_secs_f64();
            let share = 100.0 * speed / possible;
            let message = format!(
                "step {step}, loss {:.3} score {:.3} value, rate {rate:.1e}, {speed:.0}/s, {share:.0} % of matmul rate",
                smooth.score, smooth.value
            );
            report(&bar, options, &run.progress, message);
        }
    }
}

/// What changes while training.
struct Run {
    network: Network,
    average: Tensor,
    optimizer: Optimizer,
    progress: Progress,
}

impl Run {
    fn begin(
        config: &Config,
        options: &TrainingOptions,
        path: &Path,
        device: Device,
    ) -> Result<Self> {
        let refuse = |what: String| {
            Err(Error::new(ErrorKind::InvalidValue, format!("{}: {what}", path.display())))
        };
        if !options.resume && path.exists() {
            return refuse(String::from(
                "there is a run already; resume it or choose another directory",
            ));
        }
        if options.resume && path.exists() {
            let checkpoint = Checkpoint::load(path)?;
            if checkpoint.config != *config {
                return refuse(String::from("the checkpoint has another config"));
            }
            if checkpoint.progress.settings != options.settings {
                return refuse(format!(
                    "the run was begun with other settings: {} (now: {})",
                    checkpoint.progress.settings, options.settings
                ));
            }
            let network = Network::with_parameters(config.clone(), checkpoint.parameters, device)
                .in_precision(options.precision);
            let mut optimizer = options.optimizer(&network);
            optimizer.first = checkpoint.first.to_device(device);
            optimizer.second = checkpoint.second.to_device(device);
            let average = checkpoint.average.to_device(device);
            return Ok(Self { network, average, optimizer, progress: checkpoint.progress });
        }
        let network = match &options.begin_from {
            None => Network::new(config.clone(), device, options.seed),
            Some(other) => {
                let (theirs, parameters) = parameters_of(other)?;
                if theirs != *config {
                    return Err(Error::new(
                        ErrorKind::InvalidValue,
                        format!("{}: the weights have another config", other.display()),
                    ));
                }
                Network::with_parameters(config.clone(), parameters, device)
            }
        }
        .in_precision(options.precision);
        let optimizer = options.optimizer(&network);
        let progress = Progress {
            step: 0,
            tokens: 0,
            seconds: 0.0,
            best: f64::INFINITY,
            since_best: 0,
            validation: (f64::NAN, f64::NAN),
            settings: options.settings.clone(),
        };
        Ok(Self { average: network.parameters().detach().copy(), network, optimizer, progress })
    }

    /// One optimizer step; returns the gradient's norm.
    fn step(&mut self, options: &TrainingOptions, rate: f64) -> f64 {
        self.progress.step += 1;
        let step = self.progress.step;
        let mut parameters = self.network.parameters().shallow_clone();
        let norm = self.optimizer.step(&mut parameters, step, rate, options.accumulate);
        tch::no_grad(|| {
            // Early on the average follows closely, so that it forgets where the weights began.
            let decay = options.average.min((step as f64 + 1.0) / (step as f64 + 10.0));
            let _ = self.average.lerp_(self.network.parameters(), 1.0 - decay);
        });
        norm
    }

    /// The averaged weights' mean score and value losses on the held-out batches.
    fn validate(&mut self, source: &dyn BatchSource) -> Result<(f64, f64)> {
        let network = self.network.like(&self.average);
        let (mut score, mut value, mut count) = (0.0, 0.0, 0.0);
        while let Some(examples) = source.validation(count as u64) {
            let examples = examples?;
            let (losses, _) = tch::no_grad(|| examples.losses(&network));
            score += losses.score.double_value(&[]);
            value += losses.value.double_value(&[]);
            count += 1.0;
        }
        let held_out = (score / count, value / count);
        let total = held_out.0 + held_out.1;
        self.progress.validation = held_out;
        if total < self.progress.best {
            self.progress.best = total;
            self.progress.since_best = 0;
        } else {
            self.progress.since_best += 1;
        }
        Ok(held_out)
    }

    fn checkpoint(&self) -> Checkpoint {
        Checkpoint {
            config: self.network.config().clone(),
            progress: self.progress.clone(),
            parameters: self.network.parameters().detach().copy(),
            average: self.average.copy(),
            first: self.optimizer.first.copy(),
            second: self.optimizer.second.copy(),
        }
    }
}

/// The flat parameters in a checkpoint or a weights file, and their config.
fn parameters_of(path: &Path) -> Result<(Config, Tensor)> {
    let bytes = std::fs::read(path)
        .map_err(|error| Error::new(ErrorKind::Io, format!("{}: {error}", path.display())))?;
    if let Ok((network, _)) = export::load(&bytes, Device::Cpu) {
        return Ok((network.config().clone(), network.parameters().detach().copy()));
    }
    let checkpoint = Checkpoint::load(path)?;
    Ok((checkpoint.config, checkpoint.parameters))
}

#[derive(Default)]
struct Smoothed {
    count: u64,
    score: f64,
    value: f64,
    category: f64,
    gradient: f64,
}

impl Smoothed {
    fn add(&mut self, losses: &Losses) {
        self.count += 1;
        let share = SMOOTHING.max(1.0 / self.count as f64);
        for (mean, loss) in [
            (&mut self.score, &losses.score),
            (&mut self.value, &losses.value),
            (&mut self.category, &losses.category),
        ] {
            *mean += share * (loss.double_value(&[]) - *mean);
        }
    }

    fn entry(&self, progress: &Progress, rate: f64) -> Entry {
        Entry {
            step: progress.step,
            tokens: progress.tokens,
            seconds: progress.seconds,
            score: self.score,
            value: self.value,
            category: self.category,
            validation_score: f64::NAN,
            validation_value: f64::NAN,
            rate,
            gradient: self.gradient,
        }
    }
}

/// Makes batches ahead of time, in order, from number `first` on.
fn prefetch(source: Arc<dyn BatchSource>, first: u64) -> mpsc::Receiver<Result<Examples>> {
    let (sender, receiver) = mpsc::sync_channel(16);
    std::thread::spawn(move || {
        for number in first.. {
            // The receiver is gone once training has ended.
            if sender.send(source.training(number)).is_err() {
                return;
            }
        }
    });
    receiver
}

fn progress_bar() -> ProgressBar {
    let bar = ProgressBar::new(1000).with_style(
        ProgressStyle::with_template("{bar:30} {msg}, {eta} left")
            .expect("the template is well-formed"),
    );
    if !std::io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    bar
}

/// Shows progress: on a terminal in the bar, elsewhere as a line every twentieth time.
fn report(bar: &ProgressBar, options: &TrainingOptions, progress: &Progress, message: String) {
    let share = share_done(options, progress.step, progress.seconds);
    bar.set_position((1000.0 * share) as u64);
    if std::io::stderr().is_terminal() {
        bar.set_message(message);
    } else if progress.step.is_multiple_of(20 * options.log_every) {
        eprintln!("{:.1} % {message}", 100.0 * share);
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_xoshiro::Xoshiro256PlusPlus;

    use super::*;
    use crate::sequence::{BinGroup, Target, TargetKind};

    /// Lines through the unit square: after two points the third can be told.
    struct Lines;

    impl Lines {
        fn batch(seed: u64) -> Vec<Sequence> {
            let mut generator = Xoshiro256PlusPlus::seed_from_u64(seed);
            (0..24)
                .map(|_| {
                    let (left, right): (f32, f32) = (generator.random(), generator.random());
                    let mut sequence = Sequence::default();
                    sequence.tokens.extend([1001, 1005]);
                    for _ in 0..8 {
                        let x: f32 = generator.random();
                        let y = left + (right - left) * x;
                        sequence.tokens.extend([1003, 1008, (x * 999.0) as u16, 1004]);
                        sequence.targets.push(Target {
                            index: sequence.tokens.len() as u32 - 1,
                            kind: TargetKind::Bin {
                                center: y * 1000.0,
                                deviation: 10.0,
                                group: BinGroup::Score,
                            },
                            weight: 1.0,
                        });
                        sequence.tokens.push((y * 999.0) as u16);
                    }
                    let length = sequence.tokens.len();
                    sequence.positions = (0..length as u16).collect();
                    sequence.branch = vec![0; length];
                    sequence.visible = vec![0; length];
                    sequence
                })
                .collect()
        }
    }

    impl BatchSource for Lines {
        fn training(&self, step: u64) -> Result<Examples> {
            Ok(Examples::Sequences(Self::batch(step)))
        }

        fn validation(&self, index: u64) -> Option<Result<Examples>> {
            (index < 2).then(|| Ok(Examples::Sequences(Self::batch(u64::MAX - index))))
        }
    }

    fn options(name: &str, steps: u64) -> TrainingOptions {
        let directory =
            std::env::temp_dir().join(format!("optiformer-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&directory);
        TrainingOptions {
            steps,
            minutes: None,
            rate: 3e-3,
            warm_up: 10,
            fall: 1.0,
            begin_from: None,
            weight_decay: 0.01,
            clip: 1.0,
            muon: None,
            accumulate: 1,
            average: 0.98,
            validate_every: 20,
            log_every: 5,
            patience: None,
            precision: Kind::Float,
            seed: 1,
            settings: String::from("lines"),
            directory,
            resume: false,
        }
    }

    fn tiny() -> Config {
        Config { hidden_size: 32, layers: 2, heads: 2, feed_forward_size: 64, ..Config::pico() }
    }

    fn run(options: &TrainingOptions) -> Result<Checkpoint> {
        let source: Arc<dyn BatchSource> = Arc::new(Lines);
        train(&tiny(), &source, options, Device::Cpu, &Arc::new(AtomicBool::new(false)))
    }

    #[test]
    fn the_loss_falls_far_below_chance() {
        let options = options("falls", 250);
        let last = run(&options).unwrap();
        // Chance is ln 1000 = 6.9; what only the marginal distribution gives stays above 6.5.
        assert!(last.progress.validation.0 < 6.45, "{}", last.progress.validation.0);
        let entries = log::read(&options.directory.join("log.csv")).unwrap();
        assert!(entries[0].score > 6.5);
        assert!(options.directory.join("log.svg").exists());
        std::fs::remove_dir_all(options.directory).unwrap();
    }

    #[test]
    fn a_resumed_run_equals_an_uninterrupted_one() {
        let whole = options("whole", 30);
        let expected = run(&whole).unwrap();
        let parts = options("parts", 30);
        // Stops early by patience, which does not touch the schedule.
        let early = TrainingOptions { patience: Some(0), validate_every: 12, ..parts.clone() };
        let stopped = run(&early).unwrap();
        assert!(stopped.progress.step < 30);
        let resumed = run(&TrainingOptions { resume: true, ..parts.clone() }).unwrap();
        assert_eq!(resumed.progress.step, 30);
        assert_eq!(resumed.progress.tokens, expected.progress.tokens);
        assert!(resumed.parameters.equal(&expected.parameters), "weights differ after resuming");
        assert!(resumed.average.equal(&expected.average));
        let error = run(&parts).unwrap_err();
        assert!(error.context().contains("a run already"), "{error}");
        let other =
            TrainingOptions { resume: true, settings: String::from("other"), ..parts.clone() };
        assert!(run(&other).unwrap_err().context().contains("other settings"));
        std::fs::remove_dir_all(whole.directory).unwrap();
        std::fs::remove_dir_all(parts.directory).unwrap();
    }

    #[test]
    fn the_rate_rises_and_falls_with_steps_or_time() {
        let mut options = options("rate", 1000);
        assert!(rate(&options, 0, 0.0) < 0.2 * options.rate);
        assert!(rate(&options, 20, 0.0) > 0.98 * options.rate);
        assert!(rate(&options, 1000, 0.0) < 0.021 * options.rate);
        options.minutes = Some(1.0);
        assert!(rate(&options, 20, 60.0) < 0.021 * options.rate);
    }
}

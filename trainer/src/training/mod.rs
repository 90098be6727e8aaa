//! Training: the loop, its schedule and optimizer, validation, checkpoints and the log.

pub mod checkpoint;
mod examples;
pub mod log;
pub mod optimizer;
mod options;
mod progress;
mod run;
pub mod schedule;
pub mod throughput;

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::Receiver,
    },
    time::Instant,
};

use checkpoint::Checkpoint;
pub use examples::{BatchSource, Examples};
use indicatif::ProgressBar;
use log::{Log, LogEntry};
use optiformer::{Error, ErrorKind, Result, model::Config};
pub use options::TrainingOptions;
use progress::{SmoothedLosses, progress_bar, report};
use run::TrainingRun;
use tch::Device;

/// The name of the checkpoint in a run's directory.
pub const CHECKPOINT: &str = "checkpoint.safetensors";

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
    let mut session = Session::begin(config, source, options, device)?;
    loop {
        session.update_clock();
        let stop = session.is_finished() || interrupted.load(Ordering::Relaxed);
        if stop || session.is_validation_due() {
            session.validate_and_save(source.as_ref())?;
        }
        if stop {
            session.bar.finish_and_clear();
            return Ok(session.run.checkpoint());
        }
        session.step()?;
    }
}

/// A run, from when the process began to work on it.
struct Session<'a> {
    options: &'a TrainingOptions,
    run: TrainingRun,
    /// The checkpoint's file.
    path: PathBuf,
    log: Log,
    batches: Receiver<Result<Examples>>,
    losses: SmoothedLosses,
    bar: ProgressBar,
    started: Instant,
    /// Seconds of training in earlier sessions.
    earlier: f64,
    /// Tokens seen in this session.
    tokens: u64,
    /// Tokens a second, if the device did nothing but the layers' matrix products.
    possible: f64,
}

impl<'a> Session<'a> {
    fn begin(
        config: &Config,
        source: &Arc<dyn BatchSource>,
        options: &'a TrainingOptions,
        device: Device,
    ) -> Result<Self> {
        std::fs::create_dir_all(&options.directory)?;
        let path = options.directory.join(CHECKPOINT);
        let run = TrainingRun::begin(config, options, &path, device)?;
        let log = Log::open(&options.directory.join("log.csv"), run.progress.step)?;
        let first = run.progress.step * options.accumulate;
        Ok(Self {
            batches: examples::prefetch(Arc::clone(source), first),
            bar: progress_bar(),
            possible: throughput::matmul_rate(device, options.precision)
                / throughput::operations(config),
            started: Instant::now(),
            earlier: run.progress.seconds,
            losses: SmoothedLosses::default(),
            tokens: 0,
            options,
            run,
            path,
            log,
        })
    }

    fn update_clock(&mut self) {
        self.run.progress.seconds = self.earlier + self.started.elapsed().as_secs_f64();
    }

    fn rate(&self) -> f64 {
        schedule::rate(self.options, self.run.progress.step, self.run.progress.seconds)
    }

    fn is_finished(&self) -> bool {
        let progress = &self.run.progress;
        schedule::share_done(self.options, progress.step, progress.seconds) >= 1.0
            || self.options.patience.is_some_and(|most| progress.since_best >= most)
    }

    fn is_validation_due(&self) -> bool {
        let step = self.run.progress.step;
        step > 0 && step.is_multiple_of(self.options.validate_every)
    }

    /// Validates, and writes the log's entry, the checkpoint and the plot.
    fn validate_and_save(&mut self, source: &dyn BatchSource) -> Result<()> {
        let (score, value) = self.run.validate(source)?;
        self.log.add(&LogEntry {
            validation_score: score,
            validation_value: value,
            ..self.losses.entry(&self.run.progress, self.rate())
        })?;
        self.run.checkpoint().save(&self.path)?;
        self.log.plot()?;
        let (step, millions) = (self.run.progress.step, self.run.progress.tokens as f64 / 1e6);
        self.bar.suspend(|| {
            eprintln!(
                "step {step}: held-out loss {score:.4} (score), {value:.4} (value) after \
                 {millions:.1} M tokens"
            );
        });
        Ok(())
    }

    /// The gradients of the step's batches, the optimizer's step, and the log's entry where one is
    /// due.
    fn step(&mut self) -> Result<()> {
        let rate = self.rate();
        for _ in 0..self.options.accumulate {
            let examples = self.batches.recv().map_err(|_| {
                Error::new(ErrorKind::Io, "the thread that makes batches has stopped")
            })??;
            let (losses, count) = examples.losses(&self.run.network);
            losses.total.backward();
            self.run.progress.tokens += count;
            self.tokens += count;
            self.losses.add(&losses);
        }
        self.losses.gradient = self.run.step(self.options, rate);
        if self.run.progress.step.is_multiple_of(self.options.log_every) {
            self.log_step(rate)?;
        }
        Ok(())
    }

    fn log_step(&mut self, rate: f64) -> Result<()> {
        self.log.add(&self.losses.entry(&self.run.progress, rate))?;
        let speed = self.tokens as f64 / self.started.elapsed().as_secs_f64();
        let message = format!(
            "step {}, loss {:.3} score {:.3} value, rate {rate:.1e}, {speed:.0}/s, \
             {:.0} % of matmul rate",
            self.run.progress.step,
            self.losses.score,
            self.losses.value,
            100.0 * speed / self.possible
        );
        report(&self.bar, self.options, &self.run.progress, message);
        Ok(())
    }
}

#[cfg(test)]
mod tests;

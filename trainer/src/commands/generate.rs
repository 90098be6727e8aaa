//! `optiformer-trainer generate`: trajectories on synthetic functions, as shards.

use std::{
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use optiformer::{Error, ErrorKind, Result};
use rayon::prelude::*;

use crate::{
    dataset::shard::{self, Header, Reader},
    generators::{self, FunctionOptions, MAX_DIMENSIONS},
    trajectories::{self, TeacherMixture},
};

/// Draws functions, runs teachers on them and writes their trajectories as shards.
///
/// The outcome depends on the options alone, not on the number of threads. A shard that is complete
/// is kept when the command is run again, so an interrupted run goes on where it stopped.
#[derive(Args, Debug)]
pub struct Generate {
    /// Directory for the shards; made if missing.
    #[arg(long, value_name = "DIR")]
    output: PathBuf,
    /// How many functions.
    #[arg(long, default_value_t = 20_000)]
    functions: u64,
    /// Trials of each trajectory.
    #[arg(long, default_value_t = 64)]
    trials: usize,
    /// Who proposes the trials: samplers by their names, and "oracle_guided", each with a weight.
    #[arg(long, default_value = "tpe:3,random:1,oracle_guided:6")]
    teachers: String,
    /// The most parameters a function has, 1 to 20.
    #[arg(long, default_value_t = MAX_DIMENSIONS)]
    max_dimensions: usize,
    /// Functions of a shard.
    #[arg(long, default_value_t = 2000)]
    shard: u64,
    /// Seed of everything.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Threads; 0 for all cores.
    #[arg(long, default_value_t = 0)]
    threads: usize,
}

impl Generate {
    /// Runs the command.
    ///
    /// # Errors
    ///
    /// Options out of range, a shard of other options in the directory, what the file system says.
    pub fn run(&self, interrupted: &AtomicBool) -> Result<()> {
        self.check()?;
        let teachers: TeacherMixture = self.teachers.parse()?;
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(self.threads)
            .build()
            .map_err(|error| Error::new(ErrorKind::Unsupported, error.to_string()))?;
        std::fs::create_dir_all(&self.output)?;
        let bar = ProgressBar::new(self.functions).with_style(
            ProgressStyle::with_template("{bar:30} {pos}/{len} functions, {per_sec}, {eta} left")
                .expect("the template is well-formed"),
        );
        for first in (0..self.functions).step_by(self.shard as usize) {
            if interrupted.load(Ordering::Relaxed) {
                bar.abandon();
                eprintln!("interrupted; run the same command again to go on");
                return Ok(());
            }
            pool.install(|| self.write_shard(first, &teachers, &bar))?;
        }
        bar.finish_and_clear();
        eprintln!("{} functions in {}", self.functions, self.output.display());
        Ok(())
    }

    fn check(&self) -> Result<()> {
        let refuse = |what: &str| Err(Error::new(ErrorKind::InvalidValue, what));
        if self.functions == 0 || self.shard == 0 {
            return refuse("--functions and --shard must be at least 1");
        }
        if !(2..=1000).contains(&self.trials) {
            return refuse("--trials must be between 2 and 1000");
        }
        if !(1..=MAX_DIMENSIONS).contains(&self.max_dimensions) {
            return refuse(&format!("--max-dimensions must be between 1 and {MAX_DIMENSIONS}"));
        }
        Ok(())
    }

    /// Writes the shard that begins with function `first`, unless it is there.
    fn write_shard(&self, first: u64, teachers: &TeacherMixture, bar: &ProgressBar) -> Result<()> {
        let count = self.shard.min(self.functions - first);
        let header = Header {
            seed: self.seed,
            first,
            records: count,
            trials: self.trials,
            teachers: self.teachers.clone(),
            max_dimensions: self.max_dimensions,
            generators: generators::VERSION,
        };
        let path = self.output.join(format!("{first:09}.shard"));
        if path.exists() {
            bar.inc(count);
            if *Reader::open(&path)?.header() == header {
                return Ok(());
            }
            let what = "was made with other options, or by other generators";
            return Err(Error::new(ErrorKind::InvalidValue, format!("{} {what}", path.display())));
        }
        let options =
            FunctionOptions { max_dimensions: self.max_dimensions, ..FunctionOptions::default() };
        let record = |index| {
            let record = trajectories::record(&options, teachers, self.trials, self.seed, index);
            bar.inc(1);
            record
        };
        let records: Result<Vec<_>> = (first..first + count).into_par_iter().map(record).collect();
        shard::write(&path, &header, &records?)
    }
}

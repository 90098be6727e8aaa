//! `optiformer-trainer evaluate`: samplers against each other on functions that nobody trained on.

use std::{
    path::PathBuf,
    sync::{Arc, atomic::AtomicBool},
};

use clap::{Args, ValueEnum};
use optiformer::{Error, ErrorKind, Result, model::Model};

use crate::evaluation::{problems, report, runner};

/// Which problems to judge on.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Suite {
    /// Classical test functions, shifted and rotated: for reporting only.
    Test,
    /// Freshly generated functions, as in training but with other seeds: for choosing settings.
    Validation,
}

/// Runs samplers on test problems in paired runs and writes a report.
#[derive(Args, Debug)]
pub struct Evaluate {
    /// The weights to judge; the embedded pico weights when not given.
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// Which problems.
    #[arg(long, value_enum, default_value = "test")]
    suite: Suite,
    /// Which samplers, separated by commas: random, sobol, tpe, optiformer, optiformer-policy (the policy alone), optiformer-whole
    /// (no zoom), or optiformer:spread=64:zoom=false with any of its options.
    #[arg(long, value_delimiter = ',', default_value = "optiformer,optiformer-policy,tpe,random")]
    samplers: Vec<String>,
    /// Numbers of parameters, separated by commas.
    #[arg(long, value_delimiter = ',', default_value = "2,3,4,5,6")]
    dimensions: Vec<usize>,
    /// Trials of a run.
    #[arg(long, default_value_t = 50)]
    trials: usize,
    /// Budgets at which regrets are compared, separated by commas.
    #[arg(long, value_delimiter = ',', default_value = "10,25,50")]
    budgets: Vec<usize>,
    /// Runs of each sampler on each problem, each with an instance of its own.
    #[arg(long, default_value_t = 10)]
    seeds: u64,
    /// Problems of the validation suite.
    #[arg(long, default_value_t = 60)]
    problems: usize,
    /// Threads; 0 for all cores. The figures do not depend on it, the times do.
    #[arg(long, default_value_t = 0)]
    threads: usize,
    /// Where to write the report; standard output when not given.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Evaluate {
    /// Runs the command.
    ///
    /// # Errors
    ///
    /// An unreadable model, an unknown sampler, a budget beyond the trials, a report that cannot be written.
    pub fn run(&self, interrupted: &AtomicBool) -> Result<()> {
        if let Some(budget) = self.budgets.iter().find(|b| **b == 0 || **b > self.trials) {
            return Err(Error::new(
                ErrorKind::InvalidValue,
                format!("--budgets: {budget} is not between 1 and --trials {}", self.trials),
            ));
        }
        if self.dimensions.contains(&0) || self.dimensions.is_empty() {
            return Err(Error::new(ErrorKind::InvalidValue, "--dimensions must be at least 1"));
        }
        let model = match &self.model {
            Some(path) => Arc::new(Model::open(path)?),
            None => Arc::new(Model::pico()?),
        };
        for name in &self.samplers {
            runner::sampler(name, Some(&model))?;
        }
        rayon::ThreadPoolBuilder::new()
            .num_threads(self.threads)
            .build_global()
            .map_err(|error| Error::new(ErrorKind::Unsupported, error.to_string()))?;
        let suite = |seed: u64| match self.suite {
            Suite::Test => problems::test_suite(&self.dimensions, seed),
            Suite::Validation => problems::validation_suite(self.problems, &self.dimensions, seed),
        };
        let runs = runner::run_all(
            &suite,
            &self.samplers,
            Some(&model),
            self.trials,
            self.seeds,
            interrupted,
        )?;
        let page = report::markdown(&runs, &self.samplers, &["random", "tpe"], &self.budgets);
        match &self.output {
            Some(path) => std::fs::write(path, page)?,
            None => println!("{page}"),
        }
        Ok(())
    }
}

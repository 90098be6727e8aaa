//! The command line.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};
use optiformer::study::Direction;

/// Finds the parameters with which a program does best.
#[derive(Debug, Parser)]
#[command(name = "optiformer", version, propagate_version = true)]
#[command(
    after_help = "Exit codes: 0 fine, 1 error, 2 wrong usage, 3 every trial failed, 130 interrupted."
)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a program again and again; find the parameters for which the number it prints is
    /// smallest.
    #[command(after_long_help = TUNE_HELP)]
    Minimize(TuneOptions),
    /// Run a program again and again; find the parameters for which the number it prints is
    /// largest.
    #[command(after_long_help = TUNE_HELP)]
    Maximize(TuneOptions),
    /// Hand out trials and take in outcomes as JSON lines on standard input and output.
    #[command(after_long_help = ASK_TELL_HELP)]
    AskTell(AskTellOptions),
    /// Run the best configuration, the second best and the default on other data, and hold what is
    /// measured against success criteria.
    #[command(after_long_help = VALIDATE_HELP)]
    Validate(ValidateOptions),
    /// Show what a study file holds: the best configuration, counts, and how the best came down.
    Show(ShowOptions),
}

const TUNE_HELP: &str = r#"Example:
  space.json:  {"parameters": [
                 {"name": "rate",  "type": "float", "low": 1e-4, "high": 1, "log": true},
                 {"name": "units", "type": "int",   "low": 4,    "high": 256},
                 {"name": "kind",  "type": "categorical", "choices": ["sgd", "adam"]}]}

  optiformer minimize --space space.json --trials 50 --study study.jsonl -- \
      python train.py --rate {rate} --units {units} --optimizer={kind}

{name} in an argument stands for the parameter's value (nothing, where a condition makes the parameter
inactive); {{ and }} stand for braces. The objective is the last number on the program's standard output. A
non-zero exit, a signal, a timeout, no number, or one that is not finite makes a failed trial.

A program can also print lines for the tool, of which the numbers are not the objective:
  optiformer: objective NAME NUMBER         with --objective NAME, one of several objectives
  optiformer: constraint NAME NUMBER        with --constraint NAME, satisfied where it is at most 0
  optiformer: step NUMBER value NUMBER      an intermediate value of the objective

With --study, run the same command again to go on: --trials is the total over all runs.

Exit codes: 0 fine, 1 error, 2 wrong usage, 3 every trial failed, 130 interrupted."#;

const ASK_TELL_HELP: &str = r#"Requests, one a line, each answered by one line:
  {"ask":{}}                                 {"trial":{"id":0,"values":{"x":0.3}}}
  {"ask":{"count":3}}                        {"trials":[{"id":1,…},{"id":2,…},{"id":3,…}]}
  {"tell":{"id":0,"value":1.5}}              {"told":0}
  {"tell":{"id":1,"failed":true}}            {"told":1}
  {"add":{"values":{"x":0.5},"value":2.0}}   {"added":4}
  {"enqueue":{"values":{"x":0.25}}}          {"enqueued":1}
  {"abandon":{"id":2}}                       {"abandoned":2}
  {"report":{"id":0,"step":3,"value":0.4}}   {"reported":0}
  {"front":{}} {"trials":{}} {"counts":{}}   {"front":[…]} {"trials":[…]} {"counts":{"finished":3,…}}
  {"best":{}}                                {"best":{"id":0,"value":1.5,"values":{"x":0.3}}}
A line that cannot be served is answered {"error":{"kind":…,"message":…}}. The end of the input ends it."#;

const VALIDATE_HELP: &str = r#"Example:
  criteria.txt:  quality_loss < 0.01
                 speedup > 1.3

  optiformer validate study.jsonl --criteria criteria.txt --repeats 5 -- \
      ./evaluate --data held-out.txt --threshold {threshold}

The program prints its numbers as in a study, and "optiformer: metric NAME NUMBER" for any others. A criterion
passes if it holds for the whole 95 % confidence interval of the mean.

Exit codes: 0 every criterion passes, 1 error, 2 wrong usage, 3 every run of the winner failed,
4 a criterion does not pass, 130 interrupted."#;

/// Options of every study.
#[derive(Args, Debug)]
pub struct StudyOptions {
    /// The search space: a JSON file
    #[arg(long, value_name = "FILE.json")]
    pub space: PathBuf,

    /// Who proposes the trials: auto, gp, optiformer, tpe, cma_es, local_search, sobol or random
    /// [default: auto, or the study file's]
    #[arg(long, value_name = "NAME")]
    pub sampler: Option<String>,

    /// Weights for the optiformer sampler [default: those built in]
    #[arg(long, value_name = "FILE")]
    pub model: Option<PathBuf>,

    /// Threads of the optiformer sampler; the suggestions are the same for any number
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=256))]
    pub threads: u64,

    /// Where the optiformer sampler ranks: cpu, gpu, or auto for the graphics processor where the
    /// work is large enough
    #[cfg(feature = "gpu")]
    #[arg(long, value_name = "DEVICE", default_value = "cpu", value_parser = ["auto", "cpu", "gpu"])]
    pub device: String,

    /// Seed of everything random [default: 0, or the study file's]
    #[arg(long, value_name = "K")]
    pub seed: Option<u64>,

    /// An objective that the program prints by name, "NAME" or "NAME:min" or "NAME:max"; may be
    /// repeated, for the Pareto front of several
    #[arg(long, value_name = "NAME[:min|:max]")]
    pub objective: Vec<String>,

    /// A constraint that the program prints by name: its value shall be at most 0; may be repeated
    #[arg(long, value_name = "NAME")]
    pub constraint: Vec<String>,

    /// Try only the rows of this table, each once; its first line has the parameters' names
    #[arg(long, value_name = "FILE.csv")]
    pub candidates: Option<PathBuf>,

    /// Keep the study in this file, and go on with what is in it already
    #[arg(long, value_name = "FILE.jsonl")]
    pub study: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub struct TuneOptions {
    #[command(flatten)]
    pub study: StudyOptions,

    /// How many trials the study shall have in the end, those already in the study file included
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub trials: u64,

    /// How many programs run at once; with one, the same seed gives the same study
    #[arg(long, value_name = "J", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=4096))]
    pub jobs: u64,

    /// Kill a program, and all it started, after this time; its trial fails
    #[arg(long, value_name = "SECONDS", value_parser = timeout)]
    pub timeout: Option<Duration>,

    /// Ask a program that is to be ended (SIGTERM), and kill it after this time
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "0")]
    pub grace: Duration,

    /// Run a program that failed up to this often again before its trial fails
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub retry: u32,

    /// Start no more trials once the objective is as good as this
    #[arg(long, value_name = "VALUE", allow_negative_numbers = true, conflicts_with = "objective")]
    pub target: Option<f64>,

    /// Write what the study came to into this directory: best_config.json,
    /// optimization_results.json, optimization_metadata.json and optimization_summary.txt
    #[arg(long, value_name = "DIR")]
    pub output: Option<PathBuf>,

    /// Turn violated constraints into a bad objective, -100 (1 + violation) where it is maximized,
    /// instead of modeling them
    #[arg(long, requires = "constraint", conflicts_with = "objective")]
    pub penalty: bool,

    /// Try this configuration first, e.g. '{"rate": 0.01, "kind": "adam"}'; values that are missing
    /// are filled in by the sampler; may be repeated
    #[arg(long, value_name = "JSON")]
    pub enqueue: Vec<String>,

    /// Print only the best configuration, as one line of JSON
    #[arg(long, conflicts_with_all = ["json", "verbose"])]
    pub quiet: bool,

    /// Print each trial and a summary as lines of JSON on standard output
    #[arg(long)]
    pub json: bool,

    /// Pass on what the program writes to standard error
    #[arg(long)]
    pub verbose: bool,

    /// The program and its arguments, after --
    #[arg(last = true, required = true, value_name = "PROGRAM")]
    pub program: Vec<String>,
}

#[derive(Args, Debug)]
pub struct AskTellOptions {
    #[command(flatten)]
    pub study: StudyOptions,

    /// What is wanted
    #[arg(long, value_enum, default_value_t = DirectionArgument::Minimize)]
    pub direction: DirectionArgument,
}

#[derive(Args, Debug)]
pub struct ValidateOptions {
    /// The study file
    #[arg(value_name = "STUDY.jsonl")]
    pub study: PathBuf,

    /// How often each configuration runs
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..))]
    pub repeats: u64,

    /// Success criteria, one "NAME < NUMBER" a line
    #[arg(long, value_name = "FILE")]
    pub criteria: Option<PathBuf>,

    /// The default configuration [default: the first that the study was given]
    #[arg(long, value_name = "JSON")]
    pub default: Option<String>,

    /// Write validation_results.json into this directory
    #[arg(long, value_name = "DIR")]
    pub output: Option<PathBuf>,

    /// Kill a program, and all it started, after this time; its run fails
    #[arg(long, value_name = "SECONDS", value_parser = timeout)]
    pub timeout: Option<Duration>,

    /// Ask a program that is to be ended (SIGTERM), and kill it after this time
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "0")]
    pub grace: Duration,

    /// Print the result as one line of JSON
    #[arg(long)]
    pub json: bool,

    /// Pass on what the program writes to standard error
    #[arg(long)]
    pub verbose: bool,

    /// The program and its arguments, after --
    #[arg(last = true, required = true, value_name = "PROGRAM")]
    pub program: Vec<String>,
}

#[derive(Args, Debug)]
pub struct ShowOptions {
    /// The study file
    #[arg(value_name = "STUDY.jsonl")]
    pub study: PathBuf,

    /// Print the summary as one line of JSON
    #[arg(long)]
    pub json: bool,
}

/// The direction of optimization, as an argument.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum DirectionArgument {
    /// The smallest objective
    Minimize,
    /// The largest objective
    Maximize,
}

impl From<DirectionArgument> for Direction {
    fn from(wanted: DirectionArgument) -> Self {
        match wanted {
            DirectionArgument::Minimize => Self::Minimize,
            DirectionArgument::Maximize => Self::Maximize,
        }
    }
}

fn timeout(text: &str) -> Result<Duration, String> {
    match seconds(text)? {
        Duration::ZERO => Err("a timeout is longer than nothing".to_string()),
        limit => Ok(limit),
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let number: f64 = text.parse().map_err(|_| "not a number".to_string())?;
    Duration::try_from_secs_f64(number).map_err(|_| "longer than can be counted".to_string())
}

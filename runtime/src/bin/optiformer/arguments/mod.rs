//! The command line.

mod help;
mod values;

pub use values::GroupArgument;

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};
use optiformer::{
    samplers::GridOrder,
    study::{Direction, Pruner},
};

use self::{
    help::{
        ARCHITECTURES_HELP, ASK_TELL_HELP, COMPARE_HELP, RECOVER_HELP, TUNE_HELP, VALIDATE_HELP,
    },
    values::{budget, group, parameters, pruner, seconds, target, timeout},
};
use crate::step_pattern::StepPattern;

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
    /// Show which levels, pairs of levels and ends of ranges a study has not tried.
    Coverage(CoverageOptions),
    /// List the transformer shapes within 25 % of a budget of parameters.
    #[command(after_long_help = ARCHITECTURES_HELP)]
    Architectures(ArchitecturesOptions),
    /// Fill in the fields that old trial logs lost, from their index of an architecture.
    #[command(after_long_help = RECOVER_HELP)]
    Recover(RecoverOptions),
    /// Write a page with charts of one or several study files, which needs no network.
    Report(ReportOptions),
    /// Compare groups of studies of one problem: medians, intervals and p-values.
    #[command(after_long_help = COMPARE_HELP)]
    Compare(CompareOptions),
    /// Print a script that completes commands and flags in a shell.
    Completions(CompletionsOptions),
    /// Print a manual page (roff), of the tool or of a command.
    Man(ManOptions),
}

/// Options of every study.
#[derive(Args, Clone, Debug)]
pub struct StudyOptions {
    /// The search space: a JSON file
    #[arg(long, value_name = "FILE.json")]
    pub space: PathBuf,

    /// Who proposes the trials: auto, gp, optiformer, tpe, cma_es, local_search, grid, sobol or
    /// random, and hyperband in a space with a fidelity [default: auto, or the study file's]
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

    /// Points of the grid sampler in each dimension [default: 3]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub grid_points: Option<u64>,

    /// Order of the grid's points [default: random]
    #[arg(long, value_name = "ORDER", value_enum)]
    pub grid_order: Option<GridOrderArgument>,

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

    /// End programs early whose intermediate values are poor: median, percentile:25, asha,
    /// hyperband:max=81, patient:5:median, … [default: none, or the study file's]
    #[arg(long, value_name = "RULE", value_parser = pruner)]
    pub pruner: Option<Pruner>,

    /// Try only the rows of this table, each once; its first line has the parameters' names
    #[arg(long, value_name = "FILE.csv")]
    pub candidates: Option<PathBuf>,

    /// Try the configurations in this file first, one JSON object a line; may be repeated
    #[arg(long, value_name = "FILE.jsonl")]
    pub enqueue_file: Vec<PathBuf>,

    /// Begin with up to N configurations at the ends of all ranges [default: 6]
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "6",
          value_parser = clap::value_parser!(u64).range(1..=100))]
    pub extremes: Option<u64>,

    /// Go on with a study file of another space or sampler, if its trials are legal in this space:
    /// wider bounds, more choices
    #[arg(long, requires = "study")]
    pub allow_change: bool,

    /// Keep the study in this file, and go on with what is in it already
    #[arg(long, value_name = "FILE.jsonl")]
    pub study: Option<PathBuf>,
}

#[derive(Args, Clone, Debug)]
pub struct TuneOptions {
    #[command(flatten)]
    pub study: StudyOptions,

    /// How many trials the study shall have in the end, those already in the study file included;
    /// needed unless --budget, --candidates or the sampler grid end the study
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub trials: Option<u64>,

    /// Start no trial after this time, e.g. 90s, 30m, 2h or 1d; what runs then may finish
    #[arg(long, value_name = "TIME", value_parser = budget)]
    pub budget: Option<Duration>,

    /// How many programs run at once; with one, the same seed gives the same study
    #[arg(long, value_name = "J", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=4096))]
    pub jobs: u64,

    /// Run R studies with the seeds K, K+1, …, in STUDY-1.jsonl, STUDY-2.jsonl, …, and compare them
    #[arg(long, value_name = "R", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub repeats: u64,

    /// Kill a program, and all it started, after this time; its trial fails
    #[arg(long, value_name = "SECONDS", value_parser = timeout)]
    pub timeout: Option<Duration>,

    /// Ask a program that is to be ended (SIGTERM), and kill it after this time
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "0")]
    pub grace: Duration,

    /// Run a program that failed up to this often again before its trial fails
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub retry: u32,

    /// Find the intermediate values of a program that prints them in its own way: a regular
    /// expression with groups named step and value, tried on each line of both outputs
    #[arg(long, value_name = "REGEX")]
    pub step_pattern: Option<StepPattern>,

    /// Start no more trials once the objective is as good as this
    #[arg(long, value_name = "VALUE", allow_negative_numbers = true, conflicts_with = "objective", value_parser = target)]
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
    #[arg(long, conflicts_with = "csv")]
    pub json: bool,

    /// Print the trials as comma-separated values, one row a trial
    #[arg(long)]
    pub csv: bool,
}

#[derive(Args, Debug)]
pub struct ReportOptions {
    /// The study files
    #[arg(value_name = "STUDY.jsonl", required = true)]
    pub studies: Vec<PathBuf>,

    /// The page; - for standard output
    #[arg(long, short, value_name = "FILE.html", default_value = "report.html")]
    pub output: PathBuf,
}

#[derive(Args, Debug)]
pub struct CompareOptions {
    /// The study files, grouped by their samplers
    #[arg(value_name = "STUDY.jsonl")]
    pub studies: Vec<PathBuf>,

    /// A group of study files; may be repeated
    #[arg(long = "group", value_name = "NAME=FILE,FILE…", value_parser = group)]
    pub groups: Vec<GroupArgument>,

    /// Pair the studies of equal seeds, for Wilcoxon's signed-rank test; else the Mann–Whitney test
    #[arg(long)]
    pub paired: bool,

    /// Print the comparison as one line of JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Debug)]
pub struct CoverageOptions {
    /// The study file
    #[arg(value_name = "STUDY.jsonl")]
    pub study: PathBuf,

    /// Bins of a float, and of an int or a float with a step that has more than 20 values
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub bins: u64,

    /// 2 for pairs of levels too, 1 for levels and ends alone
    #[arg(long, value_name = "T", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=2))]
    pub strength: u64,

    /// Print what was not tried as one line of JSON
    #[arg(long, conflicts_with = "enqueue_lines")]
    pub json: bool,

    /// Print configurations that fill the gaps, one a line, as --enqueue-file takes them
    #[arg(long)]
    pub enqueue_lines: bool,
}

/// A budget of parameters.
#[derive(Args, Debug)]
pub struct ShapeOptions {
    /// Number of parameters, e.g. 2M, 350M or 2B
    #[arg(long, value_name = "N", value_parser = parameters)]
    pub budget: u64,

    /// Number of input features
    #[arg(long, value_name = "F", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub features: u64,
}

#[derive(Args, Debug)]
pub struct ArchitecturesOptions {
    #[command(flatten)]
    pub shapes: ShapeOptions,

    /// Print each shape as a line of JSON
    #[arg(long, conflicts_with = "csv")]
    pub json: bool,

    /// Print the shapes as comma-separated values
    #[arg(long)]
    pub csv: bool,

    /// Write architectures.csv and space.json into this directory, for --candidates and --space
    #[arg(long, value_name = "DIR", conflicts_with_all = ["json", "csv"])]
    pub output: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub struct RecoverOptions {
    /// The logs
    #[arg(value_name = "LOG", required = true)]
    pub logs: Vec<PathBuf>,

    #[command(flatten)]
    pub shapes: ShapeOptions,
}

/// The order of a grid, as an argument.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum GridOrderArgument {
    /// An order that the seed draws
    Random,
    /// Lexicographic, the last parameter fastest
    Given,
}

impl From<GridOrderArgument> for GridOrder {
    fn from(order: GridOrderArgument) -> Self {
        match order {
            GridOrderArgument::Random => Self::Random,
            GridOrderArgument::Given => Self::Given,
        }
    }
}

#[derive(Args, Debug)]
pub struct CompletionsOptions {
    /// The shell
    pub shell: clap_complete::Shell,
}

#[derive(Args, Debug)]
pub struct ManOptions {
    /// A command, such as minimize; without it the tool itself
    pub command: Option<String>,
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

//! `optiformer-trainer budgets`: regret against the budget spent, with fidelities.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufWriter, Write},
    path::PathBuf,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use optiformer::{Error, ErrorKind, Result, space::Configuration};
use rand::{RngExt, SeedableRng};

use crate::{
    evaluation::{
        budgets::{self, BudgetRun, FidelityProblem, Method},
        peers::Peers,
        statistics::{mean_interval, median, win_rate, win_rate_interval},
    },
    random::SeededRng,
};

/// Number of random configurations whose median loss is the ordinary one.
const ORDINARY: usize = 400;

/// Compares how samplers spend a budget on problems whose trials can be cheap: `hyperband`,
/// pruners, and samplers that finish every trial.
///
/// The problems are YAHPO-Gym's surrogates with their epochs or shares of the training data. Prints
/// the mean regret and shares of wins by budget, as Markdown.
#[derive(Args, Debug)]
pub struct Budgets {
    /// The directory with the problems' files.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Seeds of each problem and method.
    #[arg(long, default_value_t = 5)]
    seeds: u64,
    /// Budgets to report, in whole trials; the last is spent.
    #[arg(long, value_delimiter = ',', default_value = "5,10,20,40")]
    budgets: Vec<f64>,
    /// Use only problems whose names contain this.
    #[arg(long, default_value = "")]
    only: String,
    /// Only these methods, by their names in the tables; all of them when not given.
    #[arg(long, value_delimiter = ';', value_name = "NAMES")]
    methods: Vec<String>,
    /// Python with Optuna 5 and SMAC3, as far as the methods need them.
    #[arg(long, default_value = "python3", value_name = "FILE")]
    python: PathBuf,
    /// Runs at once.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=256))]
    threads: u64,
    /// Write the runs to this file, a line of JSON each.
    #[arg(long, value_name = "FILE")]
    runs: Option<PathBuf>,
}

impl Budgets {
    /// Runs the command.
    ///
    /// # Errors
    ///
    /// Missing data, a Python without Optuna, a run that cannot be written.
    pub fn run(&self, interrupted: &AtomicBool) -> Result<()> {
        let Some(last) = self.budgets.last().copied().filter(|_| self.budgets.is_sorted()) else {
            let context = "--budgets: ascending numbers are needed";
            return Err(Error::new(ErrorKind::InvalidValue, context));
        };
        let mut problems = budgets::problems(self.data.as_deref())?;
        problems.retain(|problem| problem.problem.name.contains(&self.only));
        let runs = self.all_runs(&problems, last, interrupted)?;
        if let Some(path) = &self.runs {
            let mut file = BufWriter::new(File::create(path)?);
            for run in &runs {
                let line = serde_json::to_string(run).map_err(|error| {
                    Error::new(ErrorKind::Io, format!("{}: {error}", path.display()))
                })?;
                writeln!(file, "{line}")?;
            }
            file.flush()?;
        }
        let methods = self.methods()?;
        // After an interruption, the problems that every method has runs on.
        let has_run = |name: &str, method: &Method| {
            let method = method.name();
            runs.iter().any(|run| run.problem == name && run.method == method)
        };
        problems.retain(|it| methods.iter().all(|method| has_run(&it.problem.name, method)));
        self.report(&problems, &runs, &methods);
        Ok(())
    }

    fn all_runs(
        &self,
        problems: &[FidelityProblem],
        budget: f64,
        interrupted: &AtomicBool,
    ) -> Result<Vec<BudgetRun>> {
        let methods = self.methods()?;
        let mut jobs = Vec::new();
        for problem in problems {
            for seed in 0..self.seeds {
                jobs.extend(methods.iter().map(|method| (problem, *method, seed)));
            }
        }
        let bar = ProgressBar::new(jobs.len() as u64).with_style(
            ProgressStyle::with_template("{bar:30} {pos}/{len} runs, {eta} left")
                .expect("the template is well-formed"),
        );
        let (next, runs) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
        let work = || -> Result<()> {
            let mut peers = None;
            while !interrupted.load(Ordering::Relaxed)
                && let Some((problem, method, seed)) =
                    jobs.get(next.fetch_add(1, Ordering::Relaxed))
            {
                if method.is_peer() && peers.is_none() {
                    peers = Some(Peers::start(&self.python)?);
                }
                let run = budgets::run(problem, *method, *seed, budget, peers.as_mut())?;
                runs.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(run);
                bar.inc(1);
            }
            Ok(())
        };
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..self.threads).map(|_| scope.spawn(work)).collect();
            workers.into_iter().try_for_each(|worker| {
                let failed = |_| Error::new(ErrorKind::Unsupported, "a run panicked");
                worker.join().map_err(failed)?
            })
        })?;
        bar.finish_and_clear();
        let mut runs = runs.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
        runs.sort_by(|one: &BudgetRun, other| {
            (&one.problem, &one.method, one.seed).cmp(&(&other.problem, &other.method, other.seed))
        });
        Ok(runs)
    }

    /// The methods that are compared.
    fn methods(&self) -> Result<Vec<Method>> {
        let known: Vec<String> = Method::ALL.iter().map(|method| method.name()).collect();
        if let Some(stranger) = self.methods.iter().find(|name| !known.contains(name)) {
            let context =
                format!("--methods: there is no \"{stranger}\"; there are {}", known.join("; "));
            return Err(Error::new(ErrorKind::InvalidValue, context));
        }
        let is_wanted = |method: &Method| {
            self.methods.is_empty() || self.methods.iter().any(|name| *name == method.name())
        };
        Ok(Method::ALL.into_iter().filter(is_wanted).collect())
    }

    fn report(&self, problems: &[FidelityProblem], runs: &[BudgetRun], methods: &[Method]) {
        let scales: BTreeMap<&str, (f64, f64)> = problems
            .iter()
            .map(|problem| (problem.problem.name.as_str(), scale(problem, runs)))
            .collect();
        let regret = |run: &BudgetRun, budget: f64| {
            let (least, ordinary) = scales[run.problem.as_str()];
            // Without an incumbent, what an ordinary configuration would be worth.
            let loss = run.loss_at(budget).unwrap_or(ordinary);
            (loss - least) / (ordinary - least).max(f64::MIN_POSITIVE)
        };
        // Per problem, the regrets of a method by seed.
        let of = |method: Method, budget: f64| -> Vec<Vec<f64>> {
            let name = method.name();
            let of_problem = |problem: &FidelityProblem| {
                let runs = runs.iter().filter(|run| run.method == name);
                let runs = runs.filter(|run| run.problem == problem.problem.name);
                runs.map(|run| regret(run, budget)).collect()
            };
            problems.iter().map(of_problem).collect()
        };
        let heading = |what: &str| {
            let columns: Vec<String> =
                self.budgets.iter().map(|budget| format!("{what} @{budget}")).collect();
            println!("| method | {} |", columns.join(" | "));
            println!("|---|{}", "---|".repeat(columns.len()));
        };
        let counted = |runs: &&BudgetRun| scales.contains_key(runs.problem.as_str());
        let (count, per_method) = (problems.len(), runs.iter().filter(counted).count());
        println!("{count} problems, {} runs of each method.\n", per_method / methods.len().max(1));
        heading("regret");
        for method in methods {
            let cells = self.budgets.iter().map(|budget| {
                let regrets = of(*method, *budget);
                let means: Vec<f64> = regrets.iter().map(|seeds| mean(seeds)).collect();
                let (low, high) = mean_interval(&means, 0);
                format!("{:.4} [{low:.4}, {high:.4}]", mean(&means))
            });
            println!("| {} | {} |", method.name(), cells.collect::<Vec<_>>().join(" | "));
        }
        let (peer, random) = (Method::OptunaPruned("optuna-tpe"), Method::Hyperband("random"));
        let smac = Method::MultiFidelityPeer("smac-hyperband");
        let baselines = [peer, smac, random, Method::Whole("auto")];
        for baseline in baselines.into_iter().filter(|baseline| methods.contains(baseline)) {
            println!("\nRuns with the smaller regret than {}:\n", baseline.name());
            heading("runs");
            for method in methods.iter().copied().filter(|method| *method != baseline) {
                let cells = self.budgets.iter().map(|budget| {
                    let (ours, theirs) = (of(method, *budget), of(baseline, *budget));
                    let tasks: Vec<Vec<(f64, f64)>> = ours
                        .into_iter()
                        .zip(theirs)
                        .map(|(ours, theirs)| ours.into_iter().zip(theirs).collect())
                        .collect();
                    let (low, high) = win_rate_interval(&tasks, 0);
                    let [rate, low, high] =
                        [win_rate(&tasks.concat()), low, high].map(|rate| 100.0 * rate);
                    format!("{rate:.0} % [{low:.0}, {high:.0}]")
                });
                println!("| {} | {} |", method.name(), cells.collect::<Vec<_>>().join(" | "));
            }
        }
    }
}

/// The least loss that any run found, and that of an ordinary configuration.
fn scale(problem: &FidelityProblem, runs: &[BudgetRun]) -> (f64, f64) {
    let mut rng = SeededRng::seed_from_u64(0);
    let space = &problem.problem.space;
    let mut draw = || -> Configuration {
        let unit: Vec<f64> = (0..space.len()).map(|_| rng.random::<f64>()).collect();
        space.from_unit(&unit)
    };
    let losses = (0..ORDINARY).filter_map(|_| problem.whole_loss(&draw()));
    let losses: Vec<f64> = losses.collect();
    let found = runs.iter().filter(|run| run.problem == problem.problem.name);
    let found = found.flat_map(|run| run.course.iter().map(|(_, loss)| *loss));
    let least = losses.iter().copied().chain(found).fold(f64::INFINITY, f64::min);
    (least, median(&losses))
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

//! Constrained problems: what each sampler reaches when it knows the values of the constraints,
//! when infeasible trials get a penalty for a loss, and when it knows nothing of them.
//!
//!     cargo run --release --example constrained -- \
//!         --samplers auto,gp,tpe --modes constraints,penalty,ignored --seeds 10 --trials 25,50,100
//!
//! One line of JSON for each problem, sampler and mode: `regret`, the median over the seeds of the
//! best feasible objective less the best known one after each number of trials (`null` where half
//! of the seeds have none feasible), `found`, the number of seeds with a feasible trial, and
//! `feasible`, the share of feasible trials. With `--summary` one line for each sampler and mode:
//! its mean rank among all lines over problems, seeds and numbers of trials, from 0 (best) to 1,
//! and the share of seeds with a feasible trial. The penalty is `100 · (1 + violation)` as the loss
//! of an infeasible trial. `--tuning` takes the problems that defaults were chosen on, and
//! `--values` prints the problems' values at sampled points.

mod problems;

use std::{collections::BTreeMap, error::Error};

use optiformer::{
    samplers::{self, Request},
    trial::Observation,
};
use serde_json::json;

use self::problems::{Problem, problems, samples, tuning};

/// What a sampler is told of constraints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Mode {
    Constraints,
    Penalty,
    Ignored,
}

impl Mode {
    fn named(name: &str) -> Result<Self, String> {
        match name {
            "constraints" => Ok(Self::Constraints),
            "penalty" => Ok(Self::Penalty),
            "ignored" => Ok(Self::Ignored),
            _ => Err(format!("unknown mode \"{name}\"")),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Constraints => "constraints",
            Self::Penalty => "penalty",
            Self::Ignored => "ignored",
        }
    }
}

/// What a run has reached after each number of trials.
struct Run {
    /// Best feasible objective; infinite where there is none.
    best: Vec<f64>,
    /// Share of feasible trials.
    feasible: Vec<f64>,
}

fn run(
    problem: &Problem,
    sampler: &str,
    mode: Mode,
    seed: u64,
    trials: &[u64],
) -> Result<Run, Box<dyn Error>> {
    let mut sampler = samplers::by_name(sampler)?;
    let mut history: Vec<Observation> = Vec::new();
    let (mut best, mut count) = (f64::INFINITY, 0);
    let mut reached = Run { best: Vec::new(), feasible: Vec::new() };
    for number in 0..trials.iter().copied().max().unwrap_or(0) {
        let space = &problem.space;
        let request = Request { space, history: &history, pending: &[], number, seed };
        let configuration = sampler.suggest(&request)?;
        let (objective, constraints) = problem.values(&configuration);
        let told = Observation::new(configuration, Some(objective)).with_constraints(constraints);
        if told.is_feasible() {
            best = best.min(objective);
            count += 1;
        }
        history.push(match mode {
            Mode::Constraints => told,
            Mode::Penalty if !told.is_feasible() => {
                let loss = 100.0 * (1.0 + told.violation());
                Observation::new(told.configuration, Some(loss))
            }
            Mode::Penalty | Mode::Ignored => Observation::new(told.configuration, Some(objective)),
        });
        if trials.contains(&(number + 1)) {
            reached.best.push(best);
            reached.feasible.push(f64::from(count) / (number + 1) as f64);
        }
    }
    Ok(reached)
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    let middle = numbers.len() / 2;
    if numbers.len() % 2 == 1 {
        return numbers[middle];
    }
    // Half of an infinite sum is infinite: with half of the seeds feasible there is no median.
    0.5 * (numbers[middle - 1] + numbers[middle])
}

/// The arguments.
struct Arguments {
    samplers: Vec<String>,
    modes: Vec<Mode>,
    problems: Vec<String>,
    trials: Vec<u64>,
    seeds: u64,
    tuning: bool,
    summary: bool,
    values: bool,
}

fn arguments() -> Result<Arguments, Box<dyn Error>> {
    let list = |text: &str| text.split(',').map(str::to_owned).collect::<Vec<_>>();
    let mut arguments = Arguments {
        samplers: list("auto,gp,optiformer,tpe,cma_es,local_search,sobol,random"),
        modes: vec![Mode::Constraints, Mode::Penalty, Mode::Ignored],
        problems: Vec::new(),
        trials: vec![25, 50, 100],
        seeds: 10,
        tuning: false,
        summary: false,
        values: false,
    };
    let mut given = std::env::args().skip(1);
    while let Some(name) = given.next() {
        let mut value = || given.next().ok_or(format!("{name} needs a value"));
        match name.as_str() {
            "--samplers" => arguments.samplers = list(&value()?),
            "--modes" => {
                arguments.modes = list(&value()?)
                    .iter()
                    .map(|name| Mode::named(name))
                    .collect::<Result<_, _>>()?;
            }
            "--problems" => arguments.problems = list(&value()?),
            "--trials" => {
                arguments.trials = list(&value()?)
                    .iter()
                    .map(|number| number.parse())
                    .collect::<Result<_, _>>()?;
            }
            "--seeds" => arguments.seeds = value()?.parse()?,
            "--tuning" => arguments.tuning = true,
            "--summary" => arguments.summary = true,
            "--values" => arguments.values = true,
            _ => return Err(format!("unknown option {name}").into()),
        }
    }
    Ok(arguments)
}

fn print_values(problem: &Problem) {
    let at = |unit: Vec<f64>| {
        let (objective, mut values) = problem.values(&problem.space.from_unit(&unit));
        values.insert(0, objective);
        values
    };
    let values: Vec<Vec<f64>> = samples(problem.space.len(), 20).into_iter().map(at).collect();
    println!("{}", json!({ "name": problem.name, "best": problem.best, "values": values }));
}

/// A sampler and what it is told.
type Method<'a> = (&'a str, Mode);

/// The line of a method on a problem.
fn print_line(problem: &Problem, (sampler, mode): Method<'_>, runs: &[Run], trials: &[u64]) {
    let places = || 0..trials.len();
    let regret = places().map(|at| {
        let middle = median(runs.iter().map(|run| run.best[at] - problem.best).collect());
        middle.is_finite().then_some(middle)
    });
    let found = places().map(|at| runs.iter().filter(|run| run.best[at].is_finite()).count());
    let feasible =
        places().map(|at| runs.iter().map(|run| run.feasible[at]).sum::<f64>() / runs.len() as f64);
    let line = json!({
        "problem": problem.name,
        "sampler": sampler,
        "mode": mode.name(),
        "trials": trials,
        "regret": regret.collect::<Vec<_>>(),
        "found": found.collect::<Vec<_>>(),
        "feasible": feasible.collect::<Vec<_>>(),
    });
    println!("{line}");
}

/// Ranks of a method over problems, seeds and numbers of trials, and how often it had a feasible
/// trial.
#[derive(Default)]
struct Summary {
    ranks: Vec<f64>,
    found: Vec<f64>,
}

/// Adds the runs of all methods on a problem to their summaries.
fn summarize<'a>(
    summaries: &mut BTreeMap<Method<'a>, Summary>,
    runs: &[(Method<'a>, Vec<Run>)],
    (seeds, places): (usize, usize),
) {
    for (seed, at) in (0..seeds).flat_map(|seed| (0..places).map(move |at| (seed, at))) {
        let bests: Vec<f64> = runs.iter().map(|(_, runs)| runs[seed].best[at]).collect();
        for ((method, _), own) in runs.iter().zip(&bests) {
            let better = bests.iter().filter(|other| *other < own).count() as f64;
            let equal = bests.iter().filter(|other| *other == own).count() as f64 - 1.0;
            let summary = summaries.entry(*method).or_default();
            summary.ranks.push((better + 0.5 * equal) / (bests.len() as f64 - 1.0).max(1.0));
            summary.found.push(f64::from(u8::from(own.is_finite())));
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = arguments()?;
    if arguments.values {
        problems().iter().chain(&tuning()).for_each(print_values);
        return Ok(());
    }
    let mut all = if arguments.tuning { tuning() } else { problems() };
    let chosen = &arguments.problems;
    all.retain(|it| chosen.is_empty() || chosen.iter().any(|name| name == it.name));
    let mut summaries = BTreeMap::new();
    for problem in &all {
        let mut runs: Vec<(Method<'_>, Vec<Run>)> = Vec::new();
        for sampler in &arguments.samplers {
            for mode in &arguments.modes {
                let of = |seed| run(problem, sampler, *mode, seed, &arguments.trials);
                let own: Vec<Run> = (0..arguments.seeds).map(of).collect::<Result<_, _>>()?;
                if !arguments.summary {
                    print_line(problem, (sampler, *mode), &own, &arguments.trials);
                }
                runs.push(((sampler, *mode), own));
            }
        }
        let places = arguments.trials.len();
        summarize(&mut summaries, &runs, (arguments.seeds as usize, places));
    }
    if arguments.summary {
        for ((sampler, mode), Summary { ranks, found }) in summaries {
            let mean = |numbers: &[f64]| numbers.iter().sum::<f64>() / numbers.len() as f64;
            let (rank, found) = (mean(&ranks), mean(&found));
            println!("{sampler:13} {:12} rank {rank:.3} found {found:.3}", mode.name());
        }
    }
    Ok(())
}

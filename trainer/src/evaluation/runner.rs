//! Runs samplers on problems, in pairs: the same problem and the same seed for each.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use indicatif::{ProgressBar, ProgressStyle};
use optiformer::{
    Error, ErrorKind, Result,
    model::Model,
    samplers::{self, OptiFormerOptions, OptiFormerSampler, Request, Sampler},
    trial::Observation,
};
use rayon::prelude::*;

use super::problems::Problem;

/// How one run of a sampler on a problem went.
#[derive(Clone, Debug)]
pub struct Run {
    /// The problem's name.
    pub problem: String,
    /// The sampler's name.
    pub sampler: String,
    /// The seed of the run and of the problem's instance.
    pub seed: u64,
    /// The regret of the best trial so far, after each trial.
    pub regret: Vec<f64>,
    /// Seconds that the suggestions took, on average.
    pub seconds: f64,
}

/// A sampler by the name that the evaluation gives it; the learned ones share `model`.
///
/// Beside the runtime's own names there are variants of the learned sampler: `optiformer-policy` (the policy alone), `optiformer-whole`
/// (no zoom), and `optiformer:NAME=VALUE:…` with the options `startup`, `policy`, `neighbours`, `spread`, `policy_only`, `zoom`, `zoom_from`, `whole_every`,
/// `temperature` (of the policy), `apart` and `score_temperature`.
///
/// # Errors
///
/// [`ErrorKind::InvalidValue`] for an unknown name or option, or a learned sampler without a model.
pub fn sampler(name: &str, model: Option<&Arc<Model>>) -> Result<Box<dyn Sampler + Send>> {
    let defaults = OptiFormerOptions::default();
    let options = match name {
        "optiformer-policy" => OptiFormerOptions { policy_only: true, zoom: false, ..defaults },
        "optiformer-whole" => OptiFormerOptions { zoom: false, ..defaults },
        _ => match name.strip_prefix("optiformer") {
            Some(rest) if rest.is_empty() || rest.starts_with(':') => variant(rest)?,
            _ => return samplers::by_name(name),
        },
    };
    let model = model.ok_or_else(|| {
        Error::new(ErrorKind::InvalidValue, format!("sampler \"{name}\" needs a model"))
    })?;
    Ok(Box::new(OptiFormerSampler::new(Arc::clone(model), options)?))
}

/// Options written as `:NAME=VALUE:NAME=VALUE`.
fn variant(text: &str) -> Result<OptiFormerOptions> {
    let mut options = OptiFormerOptions::default();
    for part in text.split(':').skip(1) {
        let bad = || {
            let context = format!("\"{part}\" is no option of the sampler optiformer");
            Error::new(ErrorKind::InvalidValue, context)
        };
        fn read<T: std::str::FromStr>(value: &str, bad: impl Fn() -> Error) -> Result<T> {
            value.parse().map_err(|_| bad())
        }
        let (name, value) = part.split_once('=').ok_or_else(bad)?;
        match name {
            "startup" => options.startup = read(value, bad)?,
            "policy" => options.policy = read(value, bad)?,
            "neighbours" => options.neighbours = read(value, bad)?,
            "spread" => options.spread = read(value, bad)?,
            "policy_only" => options.policy_only = read(value, bad)?,
            "zoom" => options.zoom = read(value, bad)?,
            "temperature" => options.sampling.temperature = read(value, bad)?,
            "zoom_from" => options.zoom_from = read(value, bad)?,
            "whole_every" => options.whole_every = read(value, bad)?,
            "apart" => options.apart = read(value, bad)?,
            "score_temperature" => options.score_temperature = read(value, bad)?,
            _ => return Err(bad()),
        }
    }
    Ok(options)
}

/// Runs one sampler on one problem.
///
/// # Errors
///
/// What the sampler says.
pub fn run(problem: &Problem, sampler: &mut dyn Sampler, trials: usize, seed: u64) -> Result<Run> {
    let mut history: Vec<Observation> = Vec::with_capacity(trials);
    let mut regret = Vec::with_capacity(trials);
    let mut best = f64::INFINITY;
    let mut seconds = 0.0;
    for number in 0..trials as u64 {
        let request =
            Request { space: &problem.space, history: &history, pending: &[], number, seed };
        let started = Instant::now();
        let configuration = sampler.suggest(&request)?;
        seconds += started.elapsed().as_secs_f64();
        let loss = (problem.evaluate)(&configuration);
        best = loss.map_or(best, |loss| best.min(loss));
        regret.push(best - problem.optimum.unwrap_or(0.0));
        history.push(Observation { configuration, loss });
    }
    Ok(Run {
        problem: problem.name.clone(),
        sampler: String::new(),
        seed,
        regret,
        seconds: seconds / trials as f64,
    })
}

/// Runs every sampler on every problem that `suite` makes for each seed, in parallel; the outcome does not depend on the
/// number of threads. Once `interrupted` is set, the runs that have not begun are left out.
///
/// # Errors
///
/// What the first failing sampler says.
pub fn run_all(
    suite: &(dyn Fn(u64) -> Vec<Problem> + Sync),
    names: &[String],
    model: Option<&Arc<Model>>,
    trials: usize,
    seeds: u64,
    interrupted: &AtomicBool,
) -> Result<Vec<Run>> {
    let suites: Vec<Vec<Problem>> = (0..seeds).map(suite).collect();
    let mut tasks = Vec::new();
    for (seed, problems) in suites.iter().enumerate() {
        for problem in problems {
            tasks.extend(names.iter().map(|name| (seed as u64, problem, name)));
        }
    }
    let bar = ProgressBar::new(tasks.len() as u64).with_style(
        ProgressStyle::with_template("{bar:30} {pos}/{len} runs, {eta} left")
            .expect("the template is well-formed"),
    );
    let runs: Result<Vec<Option<Run>>> = tasks
        .into_par_iter()
        .map(|(seed, problem, name)| {
            if interrupted.load(Ordering::Relaxed) {
                return Ok(None);
            }
            let run = run(problem, sampler(name, model)?.as_mut(), trials, seed)?;
            bar.inc(1);
            Ok(Some(Run { sampler: name.clone(), ..run }))
        })
        .collect();
    bar.finish_and_clear();
    Ok(runs?.into_iter().flatten().collect())
}

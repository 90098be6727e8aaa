//! Runs samplers on problems, in pairs: the same problem and the same seed for each.

use std::{
    io::IsTerminal,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use indicatif::{ProgressBar, ProgressStyle};
use optiformer::{Result, model::Model, samplers::Request, trial::Observation};
use rayon::prelude::*;

use super::{
    peers::{self, Peers},
    problems::{Problem, Suite},
    record::{Run, Runs},
    samplers,
    statistics::median,
};

/// What to run.
pub struct Plan<'a> {
    /// The problems.
    pub suites: &'a [Suite],
    /// The samplers, by name.
    pub samplers: &'a [String],
    /// The weights of the learned ones.
    pub model: &'a Arc<Model>,
    /// What tells these weights from others.
    pub weights: &'a str,
    /// The Python program that has the peers' packages.
    pub python: PathBuf,
    /// Trials of a run.
    pub trials: usize,
    /// Runs of each sampler on each problem.
    pub seeds: u64,
}

/// One run that is to be made.
struct Task<'a> {
    suite: &'a Suite,
    problem: &'a Problem,
    sampler: &'a str,
    seed: u64,
}

impl Plan<'_> {
    /// Makes every run that is not among `runs` yet, in parallel, and adds it there as soon as it
    /// is finished. The outcome does not depend on the number of threads. Once `interrupted` is
    /// set, runs that have not begun are left out. Returns how many are missing.
    ///
    /// # Errors
    ///
    /// What the first failing sampler, or the file of runs, says.
    pub fn run(&self, runs: &mut Runs, interrupted: &AtomicBool) -> Result<usize> {
        let instances: Vec<Vec<Vec<Problem>>> = self
            .suites
            .iter()
            .map(|suite| (0..self.instances(suite)).map(|seed| (suite.make)(seed)).collect())
            .collect();
        let known = runs.known(self.trials);
        let mut tasks = Vec::new();
        for seed in 0..self.seeds {
            for (suite, instances) in self.suites.iter().zip(&instances) {
                let problems = &instances[if suite.fixed { 0 } else { seed as usize }];
                for problem in problems {
                    let of_problem =
                        self.samplers.iter().map(|sampler| Task { suite, problem, sampler, seed });
                    // Peers know their version only once they run: any version will do for them.
                    tasks.extend(of_problem.filter(|task| {
                        !known.iter().any(|(suite, problem, sampler, version, seed)| {
                            *suite == task.suite.name
                                && *problem == task.problem.name
                                && sampler == task.sampler
                                && *seed == task.seed
                                && (peers::is_peer(sampler) || *version == self.version(sampler))
                        })
                    }));
                }
            }
        }
        let bar = ProgressBar::new(tasks.len() as u64).with_style(
            ProgressStyle::with_template("{bar:30} {pos}/{len} runs, {eta} left")
                .expect("the template is well-formed"),
        );
        let count = tasks.len();
        let (pool, shared) = (Mutex::new(Vec::new()), Mutex::new((runs, 0_usize)));
        tasks.into_par_iter().try_for_each(|task| {
            if interrupted.load(Ordering::Relaxed) {
                return Ok(());
            }
            let run = self.make(&task, &pool)?;
            let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
            shared.0.add(run)?;
            shared.1 += 1;
            bar.inc(1);
            if !std::io::stderr().is_terminal() && shared.1.is_multiple_of(count.div_ceil(20)) {
                eprintln!("{} of {count} runs", shared.1);
            }
            Result::Ok(())
        })?;
        bar.finish_and_clear();
        let made = shared.into_inner().unwrap_or_else(PoisonError::into_inner).1;
        Ok(count - made)
    }

    fn instances(&self, suite: &Suite) -> u64 {
        if suite.fixed { 1 } else { self.seeds }
    }

    /// What tells this sampler's runs from those of another build or other weights.
    fn version(&self, sampler: &str) -> String {
        let ours = format!("optiformer {}", env!("CARGO_PKG_VERSION"));
        if samplers::is_learned(sampler) {
            format!("{ours}, weights {}", self.weights)
        } else {
            ours
        }
    }

    fn make(&self, task: &Task<'_>, pool: &Mutex<Vec<Peers>>) -> Result<Run> {
        let (version, losses, seconds) = if peers::is_peer(task.sampler) {
            let waiting = pool.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut peers = waiting.map_or_else(|| Peers::start(&self.python), Ok)?;
            let outcome = self.run_peer(task, &mut peers)?;
            // Not after an error: the process may be out of step.
            pool.lock().unwrap_or_else(PoisonError::into_inner).push(peers);
            outcome
        } else {
            self.run_ours(task)?
        };
        Ok(Run {
            suite: task.suite.name.clone(),
            problem: task.problem.name.clone(),
            dimensions: task.problem.space.len(),
            sampler: task.sampler.to_owned(),
            version,
            seed: task.seed,
            fixed: task.suite.fixed,
            optimum: task.problem.optimum,
            losses,
            seconds,
        })
    }

    fn run_ours(&self, task: &Task<'_>) -> Result<(String, Vec<Option<f64>>, f64)> {
        let Task { problem, seed, .. } = *task;
        let mut sampler = samplers::sampler(task.sampler, Some(self.model))?;
        let mut history: Vec<Observation> = Vec::with_capacity(self.trials);
        let mut times = Vec::with_capacity(self.trials);
        for number in 0..self.trials as u64 {
            let request =
                Request { space: &problem.space, history: &history, pending: &[], number, seed };
            let started = Instant::now();
            let configuration = sampler.suggest(&request)?;
            times.push(started.elapsed().as_secs_f64());
            let loss = (problem.evaluate)(&configuration).filter(|loss| loss.is_finite());
            history.push(Observation { configuration, loss });
        }
        let losses = history.into_iter().map(|trial| trial.loss).collect();
        Ok((self.version(task.sampler), losses, median(&times)))
    }

    fn run_peer(
        &self,
        task: &Task<'_>,
        peers: &mut Peers,
    ) -> Result<(String, Vec<Option<f64>>, f64)> {
        let space = &task.problem.space;
        let version = peers.begin(task.sampler, task.seed, space)?;
        let (mut losses, mut times) = (Vec::new(), Vec::new());
        for _ in 0..self.trials {
            let (configuration, asked) = peers.ask(space)?;
            let loss = (task.problem.evaluate)(&configuration).filter(|loss| loss.is_finite());
            times.push(asked + peers.tell(loss)?);
            losses.push(loss);
        }
        Ok((version, losses, median(&times)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::problems;

    #[test]
    fn runs_go_on_where_they_stopped_and_do_not_change() {
        let model = Arc::new(Model::pico().unwrap());
        let suites = [problems::functions(&[2], &["sphere", "ackley"]).unwrap()];
        let names = [String::from("random"), String::from("tpe")];
        let plan = |seeds| Plan {
            suites: &suites,
            samplers: &names,
            model: &model,
            weights: "test",
            python: PathBuf::from("python3"),
            trials: 15,
            seeds,
        };
        let fresh = || Runs::open(None).unwrap();
        let stop = AtomicBool::new(true);
        let mut runs = fresh();
        assert_eq!(plan(2).run(&mut runs, &stop).unwrap(), 8);
        stop.store(false, Ordering::Relaxed);
        assert_eq!(plan(1).run(&mut runs, &stop).unwrap(), 0);
        assert_eq!(runs.all.len(), 4);
        plan(2).run(&mut runs, &stop).unwrap();
        assert_eq!(runs.all.len(), 8);
        let mut whole = fresh();
        plan(2).run(&mut whole, &stop).unwrap();
        for run in &whole.all {
            let again = runs.all.iter().find(|other| other.key() == run.key()).unwrap();
            assert_eq!(again.losses, run.losses);
        }
    }
}

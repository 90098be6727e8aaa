//! Runs samplers on problems, in pairs: the same problem and the same seed for each.

use std::{
    collections::BTreeSet,
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
    record::{Key, Run, Runs},
    samplers,
    statistics::median,
    suites::Suite,
};
use crate::problem::Problem;

/// What to run.
pub struct EvaluationPlan<'a> {
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
struct PlannedRun<'a> {
    suite: &'a Suite,
    problem: &'a Problem,
    sampler: &'a str,
    seed: u64,
}

impl EvaluationPlan<'_> {
    /// Makes every run that is not among `runs` yet, in parallel, and adds it there as soon as it
    /// is finished. The outcome does not depend on the number of threads. Once `interrupted` is
    /// set, runs that have not begun are left out. Returns how many are missing.
    ///
    /// # Errors
    ///
    /// What the first failing sampler, or the file of runs, says.
    pub fn run(&self, runs: &mut Runs, interrupted: &AtomicBool) -> Result<usize> {
        let instances = self.instances();
        let planned = self.planned_runs(&instances, &runs.known(self.trials));
        self.run_all(planned, runs, interrupted)
    }

    /// The problems of each suite in each of its instances.
    fn instances(&self) -> Vec<Vec<Vec<Problem>>> {
        let of_suite = |suite: &Suite| {
            let count = if suite.fixed { 1 } else { self.seeds };
            (0..count).map(|seed| (suite.make)(seed)).collect()
        };
        self.suites.iter().map(of_suite).collect()
    }

    /// The runs that are not known yet, seed by seed.
    fn planned_runs<'b>(
        &'b self,
        instances: &'b [Vec<Vec<Problem>>],
        known: &BTreeSet<Key>,
    ) -> Vec<PlannedRun<'b>> {
        let mut planned = Vec::new();
        for seed in 0..self.seeds {
            for (suite, instances) in self.suites.iter().zip(instances) {
                let problems = &instances[if suite.fixed { 0 } else { seed as usize }];
                for problem in problems {
                    let of_problem = self.samplers.iter().map(|sampler| PlannedRun {
                        suite,
                        problem,
                        sampler,
                        seed,
                    });
                    planned.extend(of_problem.filter(|run| !self.is_known(run, known)));
                }
            }
        }
        planned
    }

    /// Whether a run is among those that are known. Peers know their version only once they run:
    /// any version will do for them.
    fn is_known(&self, run: &PlannedRun<'_>, known: &BTreeSet<Key>) -> bool {
        known.iter().any(|(suite, problem, sampler, version, seed)| {
            *suite == run.suite.name
                && *problem == run.problem.name
                && sampler == run.sampler
                && *seed == run.seed
                && (peers::is_peer(sampler) || *version == self.version(sampler))
        })
    }

    /// Makes the runs in parallel and keeps each as soon as it is finished; returns how many were
    /// left out.
    fn run_all(
        &self,
        planned: Vec<PlannedRun<'_>>,
        runs: &mut Runs,
        interrupted: &AtomicBool,
    ) -> Result<usize> {
        let bar = ProgressBar::new(planned.len() as u64).with_style(
            ProgressStyle::with_template("{bar:30} {pos}/{len} runs, {eta} left")
                .expect("the template is well-formed"),
        );
        let count = planned.len();
        let (pool, shared) = (Mutex::new(Vec::new()), Mutex::new((runs, 0_usize)));
        planned.into_par_iter().try_for_each(|planned| {
            if interrupted.load(Ordering::Relaxed) {
                return Ok(());
            }
            let run = self.make(&planned, &pool)?;
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

    /// What tells this sampler's runs from those of another build or other weights.
    fn version(&self, sampler: &str) -> String {
        let ours = format!("optiformer {}", env!("CARGO_PKG_VERSION"));
        if samplers::is_learned(sampler) {
            format!("{ours}, weights {}", self.weights)
        } else {
            ours
        }
    }

    fn make(&self, planned: &PlannedRun<'_>, pool: &Mutex<Vec<Peers>>) -> Result<Run> {
        let (version, losses, seconds) = if peers::is_peer(planned.sampler) {
            let waiting = pool.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut peers = waiting.map_or_else(|| Peers::start(&self.python), Ok)?;
            let outcome = self.run_peer(planned, &mut peers)?;
            // Not after an error: the process may be out of step.
            pool.lock().unwrap_or_else(PoisonError::into_inner).push(peers);
            outcome
        } else {
            self.run_ours(planned)?
        };
        Ok(Run {
            suite: planned.suite.name.clone(),
            problem: planned.problem.name.clone(),
            dimensions: planned.problem.space.len(),
            sampler: planned.sampler.to_owned(),
            version,
            seed: planned.seed,
            fixed: planned.suite.fixed,
            optimum: planned.problem.optimum,
            losses,
            seconds,
        })
    }

    fn run_ours(&self, planned: &PlannedRun<'_>) -> Result<(String, Vec<Option<f64>>, f64)> {
        let PlannedRun { problem, seed, .. } = *planned;
        let mut sampler = samplers::sampler(planned.sampler, Some(self.model))?;
        let mut history: Vec<Observation> = Vec::with_capacity(self.trials);
        let mut times = Vec::with_capacity(self.trials);
        for number in 0..self.trials as u64 {
            let request =
                Request { space: &problem.space, history: &history, pending: &[], number, seed };
            let started = Instant::now();
            let configuration = sampler.suggest(&request)?;
            times.push(started.elapsed().as_secs_f64());
            let loss = (problem.objective)(&configuration).filter(|loss| loss.is_finite());
            history.push(Observation::new(configuration, loss));
        }
        let losses = history.into_iter().map(|trial| trial.loss).collect();
        Ok((self.version(planned.sampler), losses, median(&times)))
    }

    fn run_peer(
        &self,
        planned: &PlannedRun<'_>,
        peers: &mut Peers,
    ) -> Result<(String, Vec<Option<f64>>, f64)> {
        let space = &planned.problem.space;
        let version = peers.begin(planned.sampler, planned.seed, space)?;
        let (mut losses, mut times) = (Vec::new(), Vec::new());
        for _ in 0..self.trials {
            let (configuration, asked) = peers.ask(space)?;
            let loss = (planned.problem.objective)(&configuration).filter(|loss| loss.is_finite());
            times.push(asked + peers.tell(loss)?);
            losses.push(loss);
        }
        Ok((version, losses, median(&times)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::suites;

    #[test]
    fn runs_go_on_where_they_stopped_and_do_not_change() {
        let model = Arc::new(Model::pico().unwrap());
        let suites = [suites::functions(&[2], &["sphere", "ackley"]).unwrap()];
        let names = [String::from("random"), String::from("tpe")];
        let plan = |seeds| EvaluationPlan {
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

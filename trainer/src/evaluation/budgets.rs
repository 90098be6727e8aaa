//! Regret against the budget that is spent, of samplers that decide how much a trial is worth.
//!
//! A budget is counted in whole trials: at a fidelity of a third of the highest, a trial costs a
//! third of one. Where training can go on from a saved state, as with epochs, a promoted trial
//! costs the difference.

use std::path::Path;

use optiformer::{
    Result,
    samplers::{self, HyperbandOptions, HyperbandSampler},
    space::{Configuration, Parameter, Space},
    study::{Direction, HyperbandPruner, Outcome, Study},
};
use serde::{Deserialize, Serialize};

use super::peers::Peers;
use crate::problem::Problem;

/// The factor between two levels of a fidelity.
const REDUCTION_FACTOR: u64 = 3;

/// How a study spends its budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// A sampler of the runtime, by name, at the highest fidelity alone.
    Whole(&'static str),
    /// The sampler `hyperband` with a model of this name.
    Hyperband(&'static str),
    /// A sampler of the runtime with the pruner `hyperband`.
    Pruned(&'static str),
    /// A sampler of Optuna at the highest fidelity alone.
    OptunaWhole(&'static str),
    /// A sampler of Optuna with its Hyperband pruner.
    OptunaPruned(&'static str),
    /// A peer that sets the fidelity itself.
    MultiFidelityPeer(&'static str),
}

impl Method {
    /// What is compared.
    pub const ALL: [Self; 8] = [
        Self::Hyperband("auto"),
        Self::Hyperband("random"),
        Self::Pruned("auto"),
        Self::OptunaPruned("optuna-tpe"),
        Self::MultiFidelityPeer("smac-hyperband"),
        Self::Whole("auto"),
        Self::OptunaWhole("optuna-tpe"),
        Self::Whole("random"),
    ];

    /// The name in tables.
    pub fn name(self) -> String {
        match self {
            Self::Whole(sampler)
            | Self::OptunaWhole(sampler)
            | Self::MultiFidelityPeer(sampler) => sampler.to_string(),
            Self::Hyperband(model) => format!("hyperband ({model})"),
            Self::Pruned(sampler) => format!("{sampler}, hyperband pruner"),
            Self::OptunaPruned(sampler) => format!("{sampler}, Optuna's hyperband pruner"),
        }
    }

    /// Whether the method needs Python.
    pub fn is_peer(self) -> bool {
        matches!(self, Self::OptunaWhole(_) | Self::OptunaPruned(_) | Self::MultiFidelityPeer(_))
    }
}

/// A problem whose space has a fidelity.
pub struct FidelityProblem {
    /// The problem.
    pub problem: Problem,
    index: usize,
    /// The levels of the fidelity, ascending.
    levels: Vec<f64>,
    /// A trial can go on from what one at a lower fidelity has saved.
    resumes: bool,
}

/// The course of a run: what was spent after each trial, and the loss at the highest fidelity of
/// the configuration that was the best then.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BudgetRun {
    /// The problem's name.
    pub problem: String,
    /// The method's name.
    pub method: String,
    /// The seed.
    pub seed: u64,
    /// Number of trials.
    pub trials: usize,
    /// Pairs of what was spent, in whole trials, and the incumbent's loss.
    pub course: Vec<(f64, f64)>,
}

impl BudgetRun {
    /// The incumbent's loss when `budget` was spent; `None` before there was an incumbent.
    pub fn loss_at(&self, budget: f64) -> Option<f64> {
        // Costs are sums of fractions.
        let spent = self.course.partition_point(|(spent, _)| *spent <= budget + 1e-9);
        spent.checked_sub(1).map(|last| self.course[last].1)
    }
}

impl FidelityProblem {
    /// `None` for a problem without a fidelity.
    pub fn new(problem: Problem) -> Option<Self> {
        let index = problem.space.fidelity()?;
        let domain = problem.space.parameters()[index].domain();
        let (low, high) = (domain.from_unit(0.0), domain.from_unit(1.0));
        let mut levels = vec![high];
        for power in 1.. {
            let level = high / (REDUCTION_FACTOR as f64).powi(power);
            if level < low * (1.0 - 1e-6) {
                break;
            }
            levels.push(if domain.levels().is_some() { level.round() } else { level });
        }
        levels.reverse();
        let resumes = domain.levels().is_some();
        Some(Self { problem, index, levels, resumes })
    }

    fn highest(&self) -> f64 {
        self.levels[self.levels.len() - 1]
    }

    fn without_fidelity(&self) -> Result<Space> {
        let others = self.problem.space.parameters().iter().filter(|it| !it.is_fidelity());
        Space::new(others.cloned().collect::<Vec<Parameter>>())
    }

    fn at(&self, others: &Configuration, fidelity: f64) -> Configuration {
        let mut values = others.values().to_vec();
        values.insert(self.index, Some(fidelity));
        Configuration::new(values)
    }

    fn loss(&self, configuration: &Configuration) -> Option<f64> {
        (self.problem.objective)(configuration)
    }

    /// The loss of a configuration at the highest fidelity.
    pub fn whole_loss(&self, configuration: &Configuration) -> Option<f64> {
        let mut values = configuration.values().to_vec();
        values[self.index] = Some(self.highest());
        self.loss(&Configuration::new(values))
    }

    /// What a trial costs, in whole trials: all of it, or what comes behind `done`.
    fn cost(&self, fidelity: f64, done: f64) -> f64 {
        (fidelity - if self.resumes { done } else { 0.0 }) / self.highest()
    }

    /// The steps at which a pruned trial reports: the levels as the pruner counts them, from 1 on,
    /// and the last step.
    fn steps(&self) -> (Vec<(u64, f64)>, u64) {
        let last = if self.resumes { self.highest() } else { self.highest() / self.levels[0] };
        let last = last.round() as u64;
        let count = self.levels.len() as u32;
        // A pruner's rungs are at 1, 3, 9, …; the levels divide the highest.
        let rung = |index: u32| REDUCTION_FACTOR.pow(index);
        let steps = (0..count).map(|index| {
            let fidelity =
                if self.resumes { rung(index) as f64 } else { self.levels[index as usize] };
            (rung(index), fidelity)
        });
        let mut steps: Vec<(u64, f64)> = steps.filter(|(step, _)| *step < last).collect();
        steps.push((last, self.highest()));
        (steps, last)
    }
}

/// Runs a method until its budget is spent. `peers` is there for a method that needs Python.
///
/// # Errors
///
/// Those of the sampler or the peer.
pub fn run(
    problem: &FidelityProblem,
    method: Method,
    seed: u64,
    budget: f64,
    peers: Option<&mut Peers>,
) -> Result<BudgetRun> {
    let mut run = BudgetRun {
        problem: problem.problem.name.clone(),
        method: method.name(),
        seed,
        trials: 0,
        course: Vec::new(),
    };
    match (method, peers) {
        (Method::Whole(name), _) => {
            run_sampler(problem, samplers::by_name(name)?, seed, budget, &mut run)?;
        }
        (Method::Hyperband(model), _) => {
            let options =
                HyperbandOptions { reduction_factor: REDUCTION_FACTOR, ..Default::default() };
            let sampler = HyperbandSampler::new(samplers::by_name(model)?, options)?;
            run_sampler(problem, Box::new(sampler), seed, budget, &mut run)?;
        }
        (Method::Pruned(name), _) => run_pruned(problem, name, seed, budget, &mut run)?,
        (Method::OptunaWhole(name), Some(peers)) => {
            peers.begin(name, seed, &problem.without_fidelity()?)?;
            run_peer(problem, &[], budget, peers, &mut run)?;
        }
        (Method::OptunaPruned(name), Some(peers)) => {
            let (steps, last) = problem.steps();
            peers.begin_hyperband(name, seed, &problem.without_fidelity()?, last)?;
            run_peer(problem, &steps, budget, peers, &mut run)?;
        }
        (Method::MultiFidelityPeer(name), Some(peers)) => {
            // Not the lowest level, which is rounded: the peer would leave it out.
            let rungs = problem.levels.len() as i32 - 1;
            let lowest = problem.highest() / (REDUCTION_FACTOR as f64).powi(rungs);
            let bounds = (lowest * (1.0 - 1e-9), problem.highest());
            peers.begin_multi_fidelity(name, seed, &problem.without_fidelity()?, bounds)?;
            run_multi_fidelity_peer(problem, budget, peers, &mut run)?;
        }
        (Method::OptunaWhole(_) | Method::OptunaPruned(_) | Method::MultiFidelityPeer(_), None) => {
        }
    }
    Ok(run)
}

/// A sampler that sets the fidelity, or leaves it at the highest.
fn run_sampler(
    problem: &FidelityProblem,
    sampler: Box<dyn samplers::Sampler + Send>,
    seed: u64,
    budget: f64,
    run: &mut BudgetRun,
) -> Result<()> {
    let mut study = Study::new(problem.problem.space.clone(), Direction::Minimize, sampler, seed);
    let mut spent = 0.0;
    while spent < budget - 1e-9 {
        let trial = study.ask()?;
        let fidelity = |id: u64| study.trial(id)?.configuration.get(problem.index);
        let done = study.promoted_from(trial.id).and_then(fidelity).unwrap_or(0.0);
        spent += problem.cost(fidelity(trial.id).unwrap_or(0.0), done);
        let outcome = problem.loss(&trial.configuration).map_or(Outcome::Failed, Outcome::Value);
        study.tell(trial.id, outcome)?;
        run.trials += 1;
        let best = study.best().and_then(|best| problem.whole_loss(&best.configuration));
        run.course.extend(best.map(|loss| (spent, loss)));
    }
    Ok(())
}

/// A sampler that knows nothing of the fidelity, whose trials a pruner ends.
fn run_pruned(
    problem: &FidelityProblem,
    sampler: &str,
    seed: u64,
    budget: f64,
    run: &mut BudgetRun,
) -> Result<()> {
    let (steps, last) = problem.steps();
    let sampler = samplers::by_name(sampler)?;
    let pruner =
        HyperbandPruner { reduction_factor: REDUCTION_FACTOR, ..HyperbandPruner::new(last) };
    let mut study = Study::new(problem.without_fidelity()?, Direction::Minimize, sampler, seed)
        .with_pruner(pruner)?;
    let mut spent = 0.0;
    while spent < budget - 1e-9 {
        let trial = study.ask()?;
        let (mut done, mut outcome) = (0.0, Outcome::Failed);
        for (step, fidelity) in &steps {
            spent += problem.cost(*fidelity, done);
            done = *fidelity;
            let Some(loss) = problem.loss(&problem.at(&trial.configuration, *fidelity)) else {
                outcome = Outcome::Failed;
                break;
            };
            outcome = Outcome::Value(loss);
            study.report(trial.id, *step, loss)?;
            if study.should_stop(trial.id)? {
                outcome = Outcome::Pruned;
                break;
            }
        }
        study.tell(trial.id, outcome)?;
        run.trials += 1;
        run.course.extend(study.best().and_then(|best| best.value()).map(|loss| (spent, loss)));
    }
    Ok(())
}

/// A sampler of Optuna, with its pruner where there are `steps`.
fn run_peer(
    problem: &FidelityProblem,
    steps: &[(u64, f64)],
    budget: f64,
    peers: &mut Peers,
    run: &mut BudgetRun,
) -> Result<()> {
    let space = problem.without_fidelity()?;
    let whole = [(0, problem.highest())];
    let is_pruned = !steps.is_empty();
    let steps = if is_pruned { steps } else { &whole };
    let (mut spent, mut best) = (0.0, f64::INFINITY);
    while spent < budget - 1e-9 {
        let (configuration, _) = peers.ask(&space)?;
        let (mut done, mut stopped, mut last) = (0.0, false, None);
        for (step, fidelity) in steps {
            spent += problem.cost(*fidelity, done);
            done = *fidelity;
            last = problem.loss(&problem.at(&configuration, *fidelity));
            // The decision at the last step saves nothing, and would waste the trial.
            let Some(loss) = last.filter(|_| is_pruned && *fidelity < problem.highest()) else {
                break;
            };
            stopped = peers.report(*step, loss)?;
            if stopped {
                break;
            }
        }
        if stopped {
            peers.prune()?;
        } else {
            peers.tell(last)?;
            best = best.min(last.unwrap_or(f64::INFINITY));
        }
        run.trials += 1;
        run.course.extend(best.is_finite().then_some((spent, best)));
    }
    Ok(())
}

/// A peer that sets the fidelity. A study of our own keeps its trials, so that promotions and
/// incumbents are counted as for our samplers.
fn run_multi_fidelity_peer(
    problem: &FidelityProblem,
    budget: f64,
    peers: &mut Peers,
    run: &mut BudgetRun,
) -> Result<()> {
    let space = problem.without_fidelity()?;
    let sampler = Box::new(samplers::RandomSampler);
    let mut study = Study::new(problem.problem.space.clone(), Direction::Minimize, sampler, 0);
    let mut spent = 0.0;
    while spent < budget - 1e-9 {
        let (others, fidelity) = peers.ask_fidelity(&space)?;
        let nearest = |one: &&f64, other: &&f64| {
            (*one - fidelity).abs().total_cmp(&(*other - fidelity).abs())
        };
        let fidelity = *problem.levels.iter().min_by(nearest).unwrap_or(&fidelity);
        let configuration = problem.at(&others, fidelity);
        let loss = problem.loss(&configuration);
        let id = study.add(configuration, loss.map_or(Outcome::Failed, Outcome::Value))?;
        let of = |id: u64| study.trial(id)?.configuration.get(problem.index);
        spent += problem.cost(fidelity, study.promoted_from(id).and_then(of).unwrap_or(0.0));
        peers.tell(loss)?;
        run.trials += 1;
        let best = study.best().and_then(|best| problem.whole_loss(&best.configuration));
        run.course.extend(best.map(|loss| (spent, loss)));
    }
    Ok(())
}

/// The problems with a fidelity, below the directory `data`.
///
/// # Errors
///
/// Those of [`fidelity_problems`](super::tasks::yahpo::fidelity_problems).
pub fn problems(data: Option<&Path>) -> Result<Vec<FidelityProblem>> {
    let problems = super::tasks::yahpo::fidelity_problems(data)?;
    Ok(problems.into_iter().filter_map(FidelityProblem::new).collect())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn problem(fidelity: Parameter) -> FidelityProblem {
        let space = Space::new(vec![fidelity.fidelity(), Parameter::float("x", 0.0, 1.0)]).unwrap();
        let objective = |configuration: &Configuration| {
            let [fidelity, x] = [0, 1].map(|index| configuration.get(index).unwrap());
            Some((x - 0.4).powi(2) + 1.0 / fidelity)
        };
        let (name, objective) = (String::from("bowl"), Arc::new(objective));
        FidelityProblem::new(Problem { name, space, objective, optimum: None }).unwrap()
    }

    #[test]
    fn levels_and_steps_agree() {
        let epochs = problem(Parameter::int("epochs", 1, 52));
        assert_eq!(epochs.levels, [2.0, 6.0, 17.0, 52.0]);
        let steps = [(1, 1.0), (3, 3.0), (9, 9.0), (27, 27.0), (52, 52.0)];
        assert_eq!(epochs.steps().0[..4], steps[..4]);
        assert_eq!(epochs.steps().0.last(), steps.last());
        assert_eq!((epochs.cost(52.0, 17.0), epochs.cost(26.0, 0.0)), (35.0 / 52.0, 0.5));
        let share = problem(Parameter::float("share", 0.03, 1.0));
        assert_eq!(share.levels.len(), 4);
        assert_eq!(
            share.steps(),
            (vec![(1, share.levels[0]), (3, share.levels[1]), (9, share.levels[2]), (27, 1.0)], 27)
        );
        // Training on more data begins again.
        assert_eq!(share.cost(1.0, share.levels[2]), 1.0);
    }

    #[test]
    fn a_run_spends_its_budget() {
        let problem = problem(Parameter::int("epochs", 1, 52));
        for method in Method::ALL.into_iter().filter(|method| !method.is_peer()) {
            let run = run(&problem, method, 1, 8.0, None).unwrap();
            let (spent, loss) = *run.course.last().unwrap();
            assert!((8.0 - 1e-9..9.0).contains(&spent), "{method:?}: {spent}");
            assert_eq!(run.loss_at(8.0 + 1.0), Some(loss));
            assert_eq!(run.loss_at(0.0), None);
            // A budget goes further where most trials are cheap.
            let is_right = match method {
                Method::Whole(_) => run.trials == 8,
                // A sampler that only gets better gives a pruner nothing to end.
                Method::Pruned(_) => run.trials >= 8,
                _ => run.trials > 8,
            };
            assert!(is_right, "{method:?}: {}", run.trials);
        }
    }
}

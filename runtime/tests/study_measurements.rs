//! Studies with constraints, several objectives, intermediate values and open enqueued values.

use std::sync::{Arc, Mutex};

use optiformer::{
    ErrorKind, Result,
    samplers::{RandomSampler, Request, Sampler},
    space::{Configuration, Parameter, Space},
    study::{Direction, Measurement, Objective, Outcome, Study, TrialState},
    trial::Observation,
};

fn space() -> Space {
    Space::new(vec![Parameter::float("x", 0.0, 1.0), Parameter::float("y", 0.0, 1.0)]).unwrap()
}

fn study(direction: Direction) -> Study {
    Study::new(space(), direction, Box::new(RandomSampler), 3)
}

/// Remembers the histories that it is asked with.
struct Spy(Arc<Mutex<Vec<Vec<Observation>>>>);

impl Sampler for Spy {
    fn name(&self) -> &'static str {
        "spy"
    }

    fn suggest(&mut self, request: &Request<'_>) -> Result<Configuration> {
        self.0.lock().unwrap().push(request.history.to_vec());
        RandomSampler.suggest(request)
    }
}

#[test]
fn the_best_trial_is_the_best_feasible_one() {
    let mut study = study(Direction::Maximize).with_constraints(["a", "b"]).unwrap();
    let ids: Vec<u64> = (0..6).map(|_| study.ask().unwrap().id).collect();
    let mut tell = |index: usize, value: f64, constraints: [f64; 2]| {
        study.tell(ids[index], Measurement::new([value]).with_constraints(constraints)).unwrap();
        study.best().unwrap().id
    };
    // Nothing is feasible: the least violation counts, whatever the objective.
    assert_eq!(tell(0, 9.0, [2.0, 1.0]), ids[0]);
    assert_eq!(tell(1, 1.0, [-5.0, 2.5]), ids[1]);
    assert_eq!(tell(2, 8.0, [1.75, 1.0]), ids[1]);
    // The first feasible one, then better ones; the bound itself is feasible.
    assert_eq!(tell(3, 0.5, [0.0, -1.0]), ids[3]);
    assert_eq!(tell(4, 7.0, [-1.0, 1e-9]), ids[3]);
    assert_eq!(tell(5, 0.75, [-1.0, -0.0]), ids[5]);
}

#[test]
fn samplers_see_the_constraints() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sampler = Box::new(Spy(Arc::clone(&seen)));
    let mut study =
        Study::new(space(), Direction::Maximize, sampler, 3).with_constraints(["size"]).unwrap();
    let ids: Vec<u64> = (0..3).map(|_| study.ask().unwrap().id).collect();
    study.tell(ids[0], Measurement::new([2.0]).with_constraints([0.5])).unwrap();
    study.tell(ids[1], Measurement::new([]).with_constraints([3.0])).unwrap();
    study.fail(ids[2], "no memory").unwrap();
    study.ask().unwrap();
    let history = seen.lock().unwrap().pop().unwrap();
    let summary: Vec<_> =
        history.iter().map(|trial| (trial.loss, trial.constraints.clone())).collect();
    assert_eq!(summary, [(Some(-2.0), vec![0.5]), (None, vec![3.0]), (None, vec![])]);
}

#[test]
fn outcomes_that_do_not_fit_the_study_are_refused() {
    let mut plain = study(Direction::Minimize);
    let mut constrained = study(Direction::Minimize).with_constraints(["size", "time"]).unwrap();
    let objectives = [Objective::minimize("loss"), Objective::maximize("speed")];
    let mut several = study(Direction::Minimize).with_objectives(objectives).unwrap();
    let refused = |study: &mut Study, outcome: Outcome, context: &str| {
        let id = study.ask().unwrap().id;
        let error = study.tell(id, outcome.clone()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidValue);
        assert!(error.context().contains(context), "{error}");
        let error = study.add(Configuration::new(vec![Some(0.5); 2]), outcome).unwrap_err();
        assert!(error.context().contains(context), "{error}");
        assert!(study.trial(id).unwrap().is_pending() && study.trials().len() == id as usize + 1);
    };
    let value = || Outcome::Value(1.0);
    refused(&mut constrained, value(), "the study has 2 constraints (size, time), and 0");
    let one = Measurement::new([1.0]).with_constraints([0.0]);
    refused(&mut constrained, one.clone().into(), "and 1 constraint value was told");
    refused(&mut plain, one.into(), "the study has 0 constraints, and 1");
    refused(&mut several, value(), "the study has 2 objectives (loss, speed), and 1");
    refused(&mut plain, Measurement::new([]).into(), "1 objective (value), and 0");
    refused(&mut several, Outcome::Pruned, "prunes no trials");
    // Constraints that hold do not excuse a missing objective.
    let holds = Measurement::new([]).with_constraints([0.0, -1.0]);
    refused(&mut constrained, holds.into(), "1 objective (value), and 0");
    // A failure needs no measurements.
    let id = constrained.ask().unwrap().id;
    constrained.tell(id, Outcome::Failed).unwrap();
    assert!(constrained.with_constraints(["late"]).is_err());
    assert!(study(Direction::Minimize).with_constraints(["a", "a"]).is_err());
    assert!(study(Direction::Minimize).with_constraints([""]).is_err());
    assert!(study(Direction::Minimize).with_objectives([]).is_err());
}

#[test]
fn a_constraint_that_is_not_finite_is_a_failure() {
    let mut study = study(Direction::Minimize).with_constraints(["size"]).unwrap();
    let id = study.ask().unwrap().id;
    study.tell(id, Measurement::new([1.0]).with_constraints([f64::NAN])).unwrap();
    let trial = study.trial(id).unwrap();
    assert_eq!(trial.state, TrialState::Failed);
    assert_eq!(trial.reason.as_deref(), Some("the constraint \"size\" is NaN"));
    assert!(trial.objectives.is_empty() && trial.constraints.is_empty());
    assert!(study.best().is_none());
}

#[test]
fn each_ask_weighs_several_objectives_differently() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sampler = Box::new(Spy(Arc::clone(&seen)));
    let objectives = [Objective::minimize("loss"), Objective::maximize("speed")];
    let mut study =
        Study::new(space(), Direction::Minimize, sampler, 3).with_objectives(objectives).unwrap();
    for (loss, speed) in [(1.0, 1.0), (2.0, 3.0), (3.0, 9.0), (2.5, 2.0)] {
        let id = study.ask().unwrap().id;
        study.tell(id, Measurement::new([loss, speed])).unwrap();
    }
    assert!(study.best().is_none());
    let front: Vec<u64> = study.pareto_front().iter().map(|trial| trial.id).collect();
    assert_eq!(front, [0, 1, 2]);
    let mut first_is_better = 0;
    for _ in 0..200 {
        study.ask().unwrap();
        let history = seen.lock().unwrap().pop().unwrap();
        let losses: Vec<f64> = history.iter().map(|trial| trial.loss.unwrap()).collect();
        // What another trial dominates is never the best.
        assert!(losses[1] < losses[3]);
        first_is_better += usize::from(losses[0] < losses[2]);
    }
    assert!((50..150).contains(&first_is_better), "{first_is_better}");
}

#[test]
fn intermediate_values_ascend_and_survive_pruning() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sampler = Box::new(Spy(Arc::clone(&seen)));
    let mut study = Study::new(space(), Direction::Maximize, sampler, 3);
    let id = study.ask().unwrap().id;
    study.report(id, 1, 0.25).unwrap();
    study.report(id, 4, 0.75).unwrap();
    for (step, value, context) in [
        (4, 1.0, "step 4 is reported after step 4"),
        (2, 1.0, "after step 4"),
        (9, f64::NAN, "NaN"),
    ] {
        let error = study.report(id, step, value).unwrap_err();
        assert!(error.context().contains(context), "{error}");
    }
    study.tell(id, Outcome::Pruned).unwrap();
    assert_eq!(study.report(id, 9, 1.0).unwrap_err().kind(), ErrorKind::AlreadyTold);
    let trial = study.trial(id).unwrap();
    assert_eq!((trial.state, trial.value()), (TrialState::Pruned, None));
    assert_eq!(trial.reports, [(1, 0.25), (4, 0.75)]);
    assert!(study.best().is_none());
    // Samplers learn the last value.
    study.ask().unwrap();
    assert_eq!(seen.lock().unwrap().pop().unwrap()[0].loss, Some(-0.75));
}

#[test]
fn open_enqueued_values_are_filled_in() {
    let mut study = study(Direction::Minimize);
    study.enqueue(Configuration::new(vec![None, Some(0.5)])).unwrap();
    study.enqueue(Configuration::new(vec![Some(0.25), None])).unwrap();
    let (first, second) = (study.ask().unwrap(), study.ask().unwrap());
    assert_eq!(first.configuration.get(1), Some(0.5));
    assert_eq!(second.configuration.get(0), Some(0.25));
    assert!(first.configuration.get(0).is_some() && second.configuration.get(1).is_some());
    // The same study fills in the same values.
    let mut again = self::study(Direction::Minimize);
    again.enqueue(Configuration::new(vec![None, Some(0.5)])).unwrap();
    assert_eq!(again.ask().unwrap().configuration, first.configuration);
}

//! The study: ids, history, determinism, bad input.

use std::sync::{Arc, Mutex};

use optiformer::{
    Error, ErrorKind, Result,
    samplers::{RandomSampler, Request, Sampler},
    space::{Configuration, Parameter, Space},
    study::{Direction, Outcome, Study, TrialOrigin, TrialState},
};

fn space() -> Space {
    Space::new(vec![
        Parameter::float("x", -5.0, 5.0),
        Parameter::int("n", -3, 9),
        Parameter::categorical("kind", ["a", "b"]),
        Parameter::float("rate", 1e-5, 1.0).log().when("kind", ["b"]),
    ])
    .unwrap()
}

fn at(x: f64) -> Configuration {
    Configuration::new(vec![Some(x), Some(1.0), Some(0.0), None])
}

fn study(direction: Direction, seed: u64) -> Study {
    Study::new(space(), direction, Box::new(RandomSampler), seed)
}

/// What a sampler was asked, in a form that can be compared.
#[derive(Clone, Debug, PartialEq)]
struct Seen {
    history: Vec<(Option<f64>, Option<f64>)>,
    pending: Vec<Option<f64>>,
    number: u64,
    seed: u64,
}

/// Writes down what it is asked; refuses while told to.
#[derive(Clone, Default)]
struct Witness {
    seen: Arc<Mutex<Vec<Seen>>>,
    refuse: Arc<Mutex<bool>>,
}

impl Sampler for Witness {
    fn name(&self) -> &'static str {
        "witness"
    }

    fn suggest(&mut self, request: &Request<'_>) -> Result<Configuration> {
        self.seen.lock().unwrap().push(Seen {
            history: request.history.iter().map(|it| (it.configuration.get(0), it.loss)).collect(),
            pending: request.pending.iter().map(|it| it.get(0)).collect(),
            number: request.number,
            seed: request.seed,
        });
        if *self.refuse.lock().unwrap() {
            return Err(Error::new(ErrorKind::Exhausted, "as told"));
        }
        Ok(at(request.number as f64 / 10.0))
    }
}

#[test]
fn samplers_see_finished_trials_by_id_and_pending_ones() {
    let witness = Witness::default();
    let mut study = Study::new(space(), Direction::Maximize, Box::new(witness.clone()), 7);
    let last = || witness.seen.lock().unwrap().last().cloned().unwrap();
    for _ in 0..4 {
        study.ask().unwrap();
    }
    study.tell(2, Outcome::Value(5.0)).unwrap();
    study.tell(0, Outcome::Value(f64::NAN)).unwrap();
    assert_eq!(study.add(at(-1.0), Outcome::Value(2.0)).unwrap(), 4);
    study.abandon(3).unwrap();
    study.ask().unwrap();
    let seen = Seen {
        history: vec![(Some(0.0), None), (Some(0.2), Some(-5.0)), (Some(-1.0), Some(-2.0))],
        pending: vec![Some(0.1)],
        number: 4,
        seed: 7,
    };
    assert_eq!(last(), seen);

    // A refused ask and what is enqueued: the first counts for nothing, the second as an ask.
    *witness.refuse.lock().unwrap() = true;
    assert_eq!(study.ask().unwrap_err().kind(), ErrorKind::Exhausted);
    study.enqueue(at(3.0)).unwrap();
    study.enqueue(at(4.0)).unwrap();
    let (first, second) = (study.ask().unwrap(), study.ask().unwrap());
    assert_eq!((first.id, first.configuration, first.origin), (6, at(3.0), TrialOrigin::Enqueued));
    assert_eq!((second.id, second.configuration), (7, at(4.0)));
    *witness.refuse.lock().unwrap() = false;
    assert_eq!(study.ask().unwrap().id, 8);
    assert_eq!(last().number, 7);
    assert_eq!(last().pending, [Some(0.1), Some(0.4), Some(3.0), Some(4.0)]);
}

#[test]
fn the_order_of_telling_does_not_matter() {
    let runs = [[0, 1, 2, 3], [3, 1, 0, 2]].map(|order| {
        let witness = Witness::default();
        let mut study = Study::new(space(), Direction::Minimize, Box::new(witness.clone()), 1);
        for _ in order {
            study.ask().unwrap();
        }
        for id in order {
            study.tell(id, Outcome::Value(id as f64)).unwrap();
        }
        study.ask().unwrap();
        witness.seen.lock().unwrap().last().cloned().unwrap()
    });
    assert_eq!(runs[0], runs[1]);
    assert_eq!(runs[0].history.len(), 4);
}

#[test]
fn the_best_follows_the_direction() {
    for (direction, value, id) in [(Direction::Minimize, -2.0, 1), (Direction::Maximize, 9.0, 3)] {
        let mut study = study(direction, 0);
        assert!(study.best().is_none());
        for value in [3.0, -2.0, f64::NEG_INFINITY, 9.0, f64::INFINITY, -2.0, 9.0] {
            let trial = study.ask().unwrap();
            study.tell(trial.id, Outcome::Value(value)).unwrap();
        }
        let best = study.best().unwrap();
        assert_eq!((best.value(), best.id), (Some(value), id));
    }
}

#[test]
fn what_is_not_finite_is_a_failure_and_kept() {
    let mut study = study(Direction::Minimize, 0);
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let trial = study.ask().unwrap();
        study.tell(trial.id, Outcome::Value(value)).unwrap();
        let trial = study.trial(trial.id).unwrap();
        assert_eq!(trial.state, TrialState::Failed);
        assert_eq!(trial.reason, Some(format!("the objective is {value}")));
    }
    let trial = study.ask().unwrap();
    study.fail(trial.id, "exit code 1").unwrap();
    assert_eq!(study.trial(trial.id).unwrap().reason.as_deref(), Some("exit code 1"));
    assert_eq!((study.trials().len(), study.best()), (4, None));
    assert_eq!(study.pending().count(), 0);
}

#[test]
fn bad_calls_are_refused_and_change_nothing() {
    let mut study = study(Direction::Minimize, 0);
    let told = study.ask().unwrap().id;
    study.tell(told, Outcome::Value(1.0)).unwrap();
    let gone = study.ask().unwrap().id;
    study.abandon(gone).unwrap();
    let before = format!("{study:?}");
    for outcome in [Outcome::Value(2.0), Outcome::Failed] {
        assert_eq!(study.tell(told, outcome.clone()).unwrap_err().kind(), ErrorKind::AlreadyTold);
        assert_eq!(study.tell(gone, outcome.clone()).unwrap_err().kind(), ErrorKind::UnknownTrial);
        assert_eq!(study.tell(99, outcome).unwrap_err().kind(), ErrorKind::UnknownTrial);
    }
    assert_eq!(study.abandon(told).unwrap_err().kind(), ErrorKind::AlreadyTold);
    assert_eq!(study.abandon(u64::MAX).unwrap_err().kind(), ErrorKind::UnknownTrial);
    for values in [
        vec![],
        vec![Some(6.0), Some(1.0), Some(0.0), None],
        vec![Some(f64::NAN), Some(1.0), Some(0.0), None],
        vec![Some(0.0), Some(1.5), Some(0.0), None],
        vec![Some(0.0), Some(1.0), Some(0.0), Some(0.1)],
        vec![Some(0.0), Some(1.0), Some(1.0), None],
        vec![Some(0.0), Some(1.0), Some(0.0), None, None],
    ] {
        let illegal = Configuration::new(values);
        let added = study.add(illegal.clone(), Outcome::Value(1.0));
        assert_eq!(added.unwrap_err().kind(), ErrorKind::InvalidValue);
    }
    for values in [
        vec![],
        vec![Some(6.0), None, None, None],
        vec![Some(f64::NAN), Some(1.0), Some(0.0), None],
        vec![Some(0.0), Some(1.0), Some(0.0), Some(0.1)],
        vec![Some(0.0), Some(1.0), Some(0.0), None, None],
    ] {
        let enqueued = study.enqueue(Configuration::new(values));
        assert_eq!(enqueued.unwrap_err().kind(), ErrorKind::InvalidValue);
    }
    assert_eq!(format!("{study:?}"), before);
}

#[test]
fn a_sampler_that_suggests_what_is_illegal_is_an_error() {
    struct Wrong;
    impl Sampler for Wrong {
        fn name(&self) -> &'static str {
            "wrong"
        }
        fn suggest(&mut self, _: &Request<'_>) -> Result<Configuration> {
            Ok(Configuration::new(vec![Some(f64::NAN), None, None, None]))
        }
    }
    let mut study = Study::new(space(), Direction::Minimize, Box::new(Wrong), 0);
    assert_eq!(study.ask().unwrap_err().kind(), ErrorKind::InvalidValue);
    assert!(study.trials().is_empty());
}

#[test]
fn pending_trials_are_offered_again_first() {
    let mut study = study(Direction::Minimize, 0);
    let trials: Vec<_> = (0..4).map(|_| study.ask().unwrap()).collect();
    study.tell(1, Outcome::Value(0.0)).unwrap();
    study.enqueue(at(0.0)).unwrap();
    study.offer_pending_again();
    study.tell(2, Outcome::Failed).unwrap();
    assert_eq!(study.ask().unwrap(), trials[0]);
    assert_eq!(study.ask().unwrap(), trials[3]);
    assert_eq!(study.ask().unwrap().origin, TrialOrigin::Enqueued);
    assert_eq!(study.trials().len(), 5);
}

#[test]
fn the_seed_decides() {
    let run = |seed| {
        let mut study = study(Direction::Minimize, seed);
        (0..10).map(|_| study.ask().unwrap().configuration).collect::<Vec<_>>()
    };
    assert_eq!(run(5), run(5));
    assert_ne!(run(5), run(6));
}

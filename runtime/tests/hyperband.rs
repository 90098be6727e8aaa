//! Fidelities in spaces and studies, and the sampler that sets them.
#![cfg(all(feature = "std", feature = "classical"))]

use std::collections::HashSet;

use optiformer::{
    ErrorKind,
    samplers::{self, HyperbandOptions, HyperbandSampler, RandomSampler, Request, Sampler},
    space::{Configuration, Parameter, Space},
    study::{Direction, Outcome, StoredStudy, Study, TrialState, ask_tell},
    trial::Observation,
};

fn space() -> Space {
    Space::new(vec![
        Parameter::float("x", 0.0, 1.0),
        Parameter::int("epochs", 1, 27).log().fidelity(),
        Parameter::categorical("kind", ["a", "b"]),
    ])
    .unwrap()
}

fn random() -> Box<HyperbandSampler> {
    let options = HyperbandOptions::default();
    Box::new(HyperbandSampler::new(Box::new(RandomSampler), options).unwrap())
}

/// A loss that falls with the epochs, and ranks configurations alike at all of them.
fn loss(configuration: &Configuration) -> f64 {
    let [x, epochs, kind] = [0, 1, 2].map(|index| configuration.get(index).unwrap());
    (x - 0.3) * (x - 0.3) + 0.1 * kind + 1.0 / epochs
}

/// The epochs of a trial, and its other values.
fn parts(configuration: &Configuration) -> (f64, [u64; 2]) {
    let others = [0, 2].map(|index| configuration.get(index).unwrap().to_bits());
    (configuration.get(1).unwrap(), others)
}

#[test]
fn the_best_of_each_level_are_promoted() {
    let mut study = Study::new(space(), Direction::Maximize, random(), 5);
    for _ in 0..200 {
        let trial = study.ask().unwrap();
        study.tell(trial.id, -loss(&trial.configuration)).unwrap();
    }
    let trials = study.trials();
    let mut promotions = 0;
    for trial in trials {
        let (epochs, others) = parts(&trial.configuration);
        assert!([1.0, 3.0, 9.0, 27.0].contains(&epochs));
        let Some(source) = study.promoted_from(trial.id) else { continue };
        promotions += 1;
        let source = study.trial(source).unwrap();
        assert_eq!(parts(&source.configuration), (epochs / 3.0, others));
        // It was among the best third of the trials at its level when it was promoted.
        let before = trials.iter().filter(|other| other.id < trial.id);
        let level: Vec<f64> = before
            .filter(|other| parts(&other.configuration).0 == epochs / 3.0)
            .map(|other| other.value().unwrap())
            .collect();
        let better = level.iter().filter(|value| **value > source.value().unwrap()).count();
        assert!(better < level.len() / 3, "{better} of {}", level.len());
    }
    // Nothing that could be promoted waits: a third of each level is tried at the next.
    assert!(promotions > 30, "{promotions}");
    let at = |wanted: f64| trials.iter().filter(move |it| parts(&it.configuration).0 == wanted);
    let new: Vec<usize> = [1.0, 3.0, 9.0, 27.0]
        .map(|epochs| at(epochs).filter(|it| study.promoted_from(it.id).is_none()).count())
        .to_vec();
    // Hyperband's shares for four levels are 27, 12, 6 and 4.
    let total: usize = new.iter().sum();
    for (count, share) in new.iter().zip([27, 12, 6, 4]) {
        assert!((*count as f64 - (total * share) as f64 / 49.0).abs() < 4.0, "{new:?}");
    }
    let best = study.best().unwrap();
    assert_eq!(parts(&best.configuration).0, 27.0);
    assert!(at(27.0).all(|trial| trial.value() <= best.value()));
    assert!((best.configuration.get(0).unwrap() - 0.3).abs() < 0.05);
}

#[test]
fn a_suggestion_is_a_function_of_the_request() {
    let mut study =
        Study::new(space(), Direction::Minimize, samplers::by_name("hyperband").unwrap(), 2);
    let mut sampler = samplers::by_name("hyperband").unwrap();
    let mut history: Vec<Observation> = Vec::new();
    let space = space();
    for number in 0..60 {
        let request = Request { space: &space, history: &history, pending: &[], number, seed: 2 };
        let trial = study.ask().unwrap();
        assert_eq!(sampler.suggest(&request).unwrap(), trial.configuration);
        if number % 11 == 10 {
            // A fresh sampler, as in a process that goes on with the study.
            sampler = samplers::by_name("hyperband").unwrap();
        }
        let outcome =
            if number % 7 == 6 { Outcome::Failed } else { loss(&trial.configuration).into() };
        let value = (number % 7 != 6).then(|| loss(&trial.configuration));
        history.push(Observation::new(trial.configuration.clone(), value));
        study.tell(trial.id, outcome).unwrap();
    }
    let best = study.best().unwrap();
    assert_eq!(parts(&best.configuration).0, 27.0);
    assert!(best.value().unwrap() < 1.0 / 27.0 + 0.01, "{best:?}");
}

#[test]
fn nothing_waits_and_nothing_is_tried_twice() {
    let mut study = Study::new(space(), Direction::Minimize, random(), 7);
    let mut seen = HashSet::new();
    let mut pending = Vec::new();
    for round in 0..150 {
        let trial = study.ask().unwrap();
        let (epochs, others) = parts(&trial.configuration);
        assert!(seen.insert((epochs as u64, others)), "{trial:?}");
        pending.push(trial);
        // Eight workers, which finish in another order than they began.
        if pending.len() == 8 {
            let trial = pending.remove((round * 5) % 8);
            study.tell(trial.id, loss(&trial.configuration)).unwrap();
        }
    }
    let top = study.trials().iter().filter(|trial| parts(&trial.configuration).0 == 27.0);
    assert!(top.count() >= 5);
}

#[test]
fn failures_and_extreme_losses_are_survived() {
    let losses = [f64::MAX, f64::MIN, 0.0, f64::NAN, 1e-300, f64::INFINITY, -1.0];
    for sampler in [random() as Box<dyn Sampler + Send>, samplers::by_name("hyperband").unwrap()] {
        let mut study = Study::new(space(), Direction::Minimize, sampler, 1);
        for number in 0..40 {
            let trial = study.ask().unwrap();
            study.tell(trial.id, losses[number % losses.len()]).unwrap();
        }
        let failed = |id: u64| study.trial(id).unwrap().state == TrialState::Failed;
        let mut sources = study.trials().iter().filter_map(|it| study.promoted_from(it.id));
        assert!(sources.all(|source| !failed(source)));
    }
    // A study in which everything fails goes on with new configurations.
    let mut study = Study::new(space(), Direction::Minimize, random(), 1);
    for _ in 0..20 {
        let id = study.ask().unwrap().id;
        study.tell(id, Outcome::Failed).unwrap();
    }
    assert!(study.best().is_none());
}

#[test]
fn a_small_space_is_tried_at_every_level() {
    let kinds = Parameter::categorical("kind", ["a", "b", "c"]);
    let space = Space::new(vec![kinds, Parameter::float("share", 0.1, 1.0).fidelity()]).unwrap();
    let mut study = Study::new(space, Direction::Minimize, random(), 3);
    let mut seen = HashSet::new();
    for _ in 0..80 {
        let trial = study.ask().unwrap();
        let values = [0, 1].map(|index| trial.configuration.get(index).unwrap());
        seen.insert(values.map(f64::to_bits));
        study.tell(trial.id, values[0] / values[1]).unwrap();
    }
    // Levels 1/9, 1/3 and 1, for each of three kinds, but for those that began above.
    assert!(seen.len() >= 7, "{}", seen.len());
    let share = study.best().unwrap().configuration.get(1).unwrap();
    assert_eq!(share, 1.0);
}

#[test]
fn forbidden_combinations_are_kept_out() {
    let space = space().forbid(["x < 0.5 and kind == 'a'"]).unwrap();
    for sampler in [random() as Box<dyn Sampler + Send>, samplers::by_name("gp").unwrap()] {
        let mut study = Study::new(space.clone(), Direction::Minimize, sampler, 5);
        for _ in 0..40 {
            let trial = study.ask().unwrap();
            assert_eq!(space.forbidden_by(&trial.configuration), None);
            study.tell(trial.id, loss(&trial.configuration)).unwrap();
        }
    }
}

#[test]
fn constraints_come_before_losses() {
    let mut study =
        Study::new(space(), Direction::Minimize, random(), 5).with_constraints(["size"]).unwrap();
    for _ in 0..120 {
        let trial = study.ask().unwrap();
        let x = trial.configuration.get(0).unwrap();
        // The unconstrained best, 0.3, is not feasible.
        let measured = optiformer::study::Measurement::new([loss(&trial.configuration)])
            .with_constraints([0.5 - x]);
        study.tell(trial.id, measured).unwrap();
    }
    let promoted = study.trials().iter().filter(|trial| parts(&trial.configuration).0 == 27.0);
    let promoted: Vec<_> =
        promoted.filter(|trial| study.promoted_from(trial.id).is_some()).collect();
    assert!(promoted.len() >= 3 && promoted.iter().all(|trial| trial.is_feasible()));
}

#[test]
fn other_samplers_stay_at_the_highest_fidelity() {
    for name in samplers::NAMES {
        let sampler = samplers::by_name(name).unwrap();
        let mut study = Study::new(space(), Direction::Minimize, sampler, 5);
        // A trial at another fidelity does not mislead them.
        study.add(Configuration::new(vec![Some(0.9), Some(1.0), Some(0.0)]), -1e9).unwrap();
        for _ in 0..12 {
            let trial = match study.ask() {
                Ok(trial) => trial,
                // A grid ends by itself.
                Err(error) if error.kind() == ErrorKind::Exhausted => break,
                Err(error) => panic!("{name}: {error}"),
            };
            assert_eq!(trial.configuration.get(1), Some(27.0), "{name}");
            study.tell(trial.id, loss(&trial.configuration)).unwrap();
        }
        assert_eq!(study.best().unwrap().configuration.get(1), Some(27.0));
    }
}

#[test]
fn spaces_without_a_usable_fidelity_are_refused() {
    let plain = Space::new(vec![Parameter::float("x", 0.0, 1.0)]).unwrap();
    let mut study = Study::new(plain, Direction::Minimize, random(), 0);
    let error = study.ask().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.context().contains("needs a space with a fidelity"), "{error}");

    let x = || Parameter::float("x", 0.0, 1.0);
    let epochs = || Parameter::int("epochs", 1, 9).fidelity();
    let kind = Parameter::categorical("kind", ["a"]);
    for (parameters, context) in [
        (vec![x(), kind.clone().fidelity()], "\"kind\": a categorical cannot be the fidelity"),
        (vec![x().fidelity(), kind.clone()], "\"x\": a fidelity needs low above zero, not 0"),
        (vec![kind, epochs().when("kind", ["a"])], "\"epochs\": a fidelity has no condition"),
        (
            vec![epochs(), Parameter::int("more", 1, 9).fidelity()],
            "\"more\": the fidelity is already \"epochs\"",
        ),
        (vec![epochs(), x().when("epochs", [9.0])], "\"x\": its condition names \"epochs\""),
        (vec![epochs()], "\"epochs\": a fidelity needs parameters beside it"),
    ] {
        let error = Space::new(parameters).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidSpace);
        assert!(error.context().contains(context), "{error}");
    }
    let forbidden = space().forbid(["x > 0.5 and epochs < 9"]).unwrap_err();
    assert!(forbidden.context().contains("it names the fidelity"), "{forbidden}");
    let wrong = HyperbandOptions { reduction_factor: 1, ..HyperbandOptions::default() };
    let error = HyperbandSampler::new(Box::new(RandomSampler), wrong).unwrap_err();
    assert!(error.context().contains("reduction_factor"), "{error}");
}

#[test]
fn a_fidelity_is_part_of_the_space() {
    let text = space().to_json();
    assert!(text.contains(r#""fidelity":true"#) && text.matches("fidelity").count() == 1);
    assert_eq!(Space::from_json(&text).unwrap(), space());
    let plain = text.replace(r#","fidelity":true"#, "");
    assert_ne!(Space::from_json(&plain).unwrap(), space());
    assert_eq!(Space::from_json(&plain).unwrap().fidelity(), None);

    let mut study = StoredStudy::in_memory(Study::new(space(), Direction::Minimize, random(), 0));
    for epochs in [1, 9, 3] {
        let add = format!(
            r#"{{"add":{{"values":{{"x":0.5,"epochs":{epochs},"kind":"a"}},"value":{}}}}}"#,
            10 - epochs
        );
        ask_tell::respond(&mut study, add.as_bytes());
    }
    let trials = ask_tell::respond(&mut study, br#"{"trials":{}}"#);
    let trials: serde_json::Value = serde_json::from_str(&trials).unwrap();
    let sources: Vec<_> =
        (0..3).map(|index| trials["trials"][index]["promoted_from"].as_u64()).collect();
    assert_eq!(sources, [None, Some(0), Some(0)]);
    assert_eq!(study.study().best().unwrap().id, 1);
}

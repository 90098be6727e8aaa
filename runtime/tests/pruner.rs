//! Pruners in a study: their decisions on known curves, errors, and the study file.
#![cfg(feature = "std")]

use std::path::PathBuf;

use optiformer::{
    ErrorKind,
    samplers::RandomSampler,
    space::{Parameter, Space},
    study::{
        Direction, HyperbandPruner, JournalSnapshot, Objective, Outcome, PatientPruner,
        PercentilePruner, Pruner, StoredStudy, Study, SuccessiveHalvingPruner, TrialState,
    },
};

fn study(direction: Direction) -> Study {
    let space = Space::new(vec![Parameter::float("x", 0.0, 1.0)]).unwrap();
    Study::new(space, direction, Box::new(RandomSampler), 3)
}

/// Runs a trial with these values from step 1 on. Returns the step at which it was ended, if it
/// was.
fn run(study: &mut Study, values: &[f64]) -> Option<u64> {
    let id = study.ask().unwrap().id;
    for (step, value) in (1..).zip(values) {
        study.report(id, step, *value).unwrap();
        if study.should_stop(id).unwrap() {
            study.tell(id, Outcome::Pruned).unwrap();
            return Some(step);
        }
    }
    study.tell(id, *values.last().unwrap()).unwrap();
    None
}

#[test]
fn the_median_ends_what_is_worse_than_half() {
    let pruner = PercentilePruner { n_startup_trials: 3, n_warmup_steps: 2, ..Default::default() };
    let mut minimized = study(Direction::Minimize).with_pruner(pruner.clone()).unwrap();
    let mut maximized = study(Direction::Maximize).with_pruner(pruner).unwrap();
    let mut run = |values: &[f64]| {
        let negative: Vec<f64> = values.iter().map(|value| -value).collect();
        let stopped = run(&mut minimized, values);
        assert_eq!(run(&mut maximized, &negative), stopped);
        stopped
    };
    // Three trials finish before any is ended, however bad.
    assert_eq!(run(&[5.0, 5.0, 5.0]), None);
    assert_eq!(run(&[9.0, 9.0, 9.0]), None);
    assert_eq!(run(&[7.0, 6.0, 1.0]), None);
    // Medians: 7, 6, 5. The first step is warm-up; the best value so far counts.
    assert_eq!(run(&[8.0, 8.0, 8.0]), Some(2));
    assert_eq!(run(&[6.0, 8.0, 8.0]), Some(3));
    assert_eq!(run(&[8.0, 6.0, 5.0]), None);
}

#[test]
fn successive_halving_promotes_a_fraction_of_each_rung() {
    let pruner = SuccessiveHalvingPruner { reduction_factor: 2, ..Default::default() };
    let mut study = study(Direction::Minimize).with_pruner(pruner).unwrap();
    // Rungs at 1, 2, 4: the first trial has no competition.
    assert_eq!(run(&mut study, &[5.0; 5]), None);
    assert_eq!(run(&mut study, &[6.0; 5]), Some(1));
    // The better half of 3 is one trial, of 4 it is two.
    assert_eq!(run(&mut study, &[5.5; 5]), Some(1));
    assert_eq!(run(&mut study, &[5.2; 5]), Some(2));
    assert_eq!(run(&mut study, &[4.0, 4.0, 9.0, 9.0, 9.0]), Some(4));
    let states: Vec<_> = study.trials().iter().map(|trial| trial.state).collect();
    assert_eq!(states.iter().filter(|state| **state == TrialState::Pruned).count(), 4);
    assert_eq!(study.best().unwrap().id, 0);
}

#[test]
fn a_rung_is_completed_at_the_first_report_behind_it() {
    let pruner = SuccessiveHalvingPruner {
        min_resource: 3,
        max_resource: Some(12),
        reduction_factor: 2,
        ..Default::default()
    };
    let mut study = study(Direction::Maximize).with_pruner(pruner).unwrap();
    let ids: Vec<u64> = (0..3).map(|_| study.ask().unwrap().id).collect();
    let mut stops = |index: usize, step: u64, value: f64| {
        study.report(ids[index], step, value).unwrap();
        study.should_stop(ids[index]).unwrap()
    };
    assert!(!stops(0, 1, 0.0) && !stops(0, 5, 0.5));
    // Between two rungs nothing is decided, whatever the value.
    assert!(!stops(1, 4, 0.6) && !stops(1, 5, 0.1));
    // The rung at 3 was completed at step 5, with 0.5.
    assert!(stops(2, 3, 0.4));
    // Both rungs, 6 and 12, are behind; from 12 on nothing is ended.
    assert!(!stops(1, 12, 0.1));
    assert!(!stops(0, 6, 0.9));
}

#[test]
fn hyperband_lets_only_a_bracket_compete() {
    let mut study = study(Direction::Minimize).with_pruner(HyperbandPruner::new(9)).unwrap();
    let mut steps = Vec::new();
    for trial in 0..60 {
        // Each is worse than all before, so it goes no further than its bracket's first rung.
        let stopped = run(&mut study, &[f64::from(trial); 9]);
        steps.push(stopped);
    }
    // Brackets of 9, 5 and 3 trials with rungs from 1, 3 and 9 on; the last ends no trial.
    let count = |step| steps.iter().filter(|stopped| **stopped == step).count() as i64;
    let total = (count(Some(1)), count(Some(3)), count(None));
    assert_eq!(total.0 + total.1 + total.2, 60);
    assert!((total.0 - 60 * 9 / 17).abs() <= 3, "{total:?}");
    assert!((total.1 - 60 * 5 / 17).abs() <= 3, "{total:?}");
}

#[test]
fn patience_waits_for_a_trial_to_stop_improving() {
    let alone = PatientPruner { pruner: None, patience: 1, min_delta: 0.5 };
    let mut alone = study(Direction::Minimize).with_pruner(alone).unwrap();
    assert_eq!(run(&mut alone, &[3.0, 3.4, 3.5, 3.6, 3.7]), Some(5));
    assert_eq!(run(&mut alone, &[3.0, 2.0, 2.5, 2.4, 2.6]), None);
    let wrapped = PatientPruner::new("median:startup=1".parse::<Pruner>().unwrap(), 1);
    let mut wrapped = study(Direction::Minimize).with_pruner(wrapped).unwrap();
    assert_eq!(run(&mut wrapped, &[1.0; 5]), None);
    // Worse than the median all along, but improving until step 3.
    assert_eq!(run(&mut wrapped, &[9.0, 8.0, 7.0, 7.5, 7.5]), Some(5));
    // Between the rungs at 1, 2 and 4 too.
    let halving = PatientPruner::new("asha:factor=2".parse::<Pruner>().unwrap(), 1);
    let mut halving = study(Direction::Minimize).with_pruner(halving).unwrap();
    assert_eq!(run(&mut halving, &[2.0, 1.0, 1.0, 1.0, 1.0]), None);
    assert_eq!(run(&mut halving, &[5.0, 4.0, 3.0, 2.0, 1.5]), None);
    assert_eq!(run(&mut halving, &[3.0, 3.0, 3.1, 3.2, 3.3]), Some(4));
    assert_eq!(run(&mut halving, &[5.0, 4.0, 3.0, 3.1, 3.2]), Some(5));
}

#[test]
fn bad_questions_are_refused() {
    let plain = study(Direction::Minimize);
    assert_eq!(plain.should_stop(0).unwrap_err().kind(), ErrorKind::UnknownTrial);
    let mut pruned = study(Direction::Minimize).with_pruner(Pruner::median()).unwrap();
    let id = pruned.ask().unwrap().id;
    assert!(!pruned.should_stop(id).unwrap());
    pruned.tell(id, Outcome::Failed).unwrap();
    assert_eq!(pruned.should_stop(id).unwrap_err().kind(), ErrorKind::AlreadyTold);
    assert_eq!(pruned.report(id, 1, 0.5).unwrap_err().kind(), ErrorKind::AlreadyTold);
    let error = pruned.with_pruner(Pruner::median()).unwrap_err();
    assert!(error.context().contains("before its first trial"), "{error}");

    let objectives = [Objective::minimize("loss"), Objective::minimize("time")];
    let several = study(Direction::Minimize).with_objectives(objectives.clone()).unwrap();
    let error = several.with_pruner(Pruner::median()).unwrap_err();
    assert!(error.context().contains("several objectives"), "{error}");
    let pruned = study(Direction::Minimize).with_pruner(Pruner::median()).unwrap();
    assert!(pruned.with_objectives(objectives).is_err());
    let error = study(Direction::Minimize).with_pruner(HyperbandPruner::new(0)).unwrap_err();
    assert!(error.context().contains("max_resource"), "{error}");
}

#[test]
fn a_study_goes_on_with_the_same_pruner() {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("pruner.jsonl");
    let _ = std::fs::remove_file(&path);
    let pruner: Pruner = "hyperband:max=27".parse().unwrap();
    let with = |pruner: &Pruner| study(Direction::Minimize).with_pruner(pruner.clone()).unwrap();
    {
        let mut stored = StoredStudy::open_as(&path, with(&pruner)).unwrap();
        let id = stored.ask().unwrap().id;
        stored.report(id, 1, 0.5).unwrap();
        assert!(!stored.should_stop(id).unwrap());
    }
    assert_eq!(JournalSnapshot::read(&path).unwrap().pruner(), Some(&pruner));
    assert_eq!(StoredStudy::open_as(&path, with(&pruner)).unwrap().study().trials().len(), 1);
    for (other, there) in
        [(study(Direction::Minimize), "not none"), (with(&Pruner::median()), "not median")]
    {
        let error = StoredStudy::open_as(&path, other).unwrap_err();
        assert!(error.context().contains("its pruner is hyperband:min=1,max=27"), "{error}");
        assert!(error.context().contains(there), "{error}");
    }
    let text = std::fs::read_to_string(&path).unwrap();
    let restored = Study::from_journal(text.as_bytes(), optiformer::samplers::by_name).unwrap();
    assert_eq!(restored.pruner(), Some(&pruner));
    let header = text.lines().next().unwrap().split(",\"crc32\"").next().unwrap();
    let wrong = format!("{}}}\n", header.replace("hyperband:", "halfband:"));
    let error = JournalSnapshot::from_bytes(wrong.as_bytes()).unwrap_err();
    assert!(error.context().contains("header: pruner: there is no \"halfband\""), "{error}");
}

use alloc::{collections::BTreeSet, string::ToString, vec};

use super::*;
use crate::{
    math::low_discrepancy::Kronecker,
    space::{Parameter, Space},
};

/// The lowest loss of a study with `trials` trials, its history, and the suggestions.
fn study(
    sampler: &mut GpSampler,
    space: &Space,
    trials: usize,
    seed: u64,
    objective: impl Fn(&Configuration) -> Option<f64>,
) -> Vec<Observation> {
    let mut history: Vec<Observation> = Vec::new();
    for number in 0..trials as u64 {
        let request = Request { space, history: &history, pending: &[], number, seed };
        let configuration = sampler.suggest(&request).unwrap();
        space.validate(&configuration).unwrap();
        let loss = objective(&configuration);
        history.push(Observation::new(configuration, loss));
    }
    history
}

fn best(history: &[Observation]) -> f64 {
    history.iter().filter_map(|trial| trial.loss).fold(f64::INFINITY, f64::min)
}

fn valley(configuration: &Configuration) -> Option<f64> {
    let (x, y) = (configuration.get(0).unwrap(), configuration.get(1).unwrap());
    let (a, b) = (1.0 - x, y - x * x);
    Some(a * a + 100.0 * b * b)
}

fn plane() -> Space {
    Space::new(vec![Parameter::float("x", -2.0, 2.0), Parameter::float("y", -1.0, 3.0)]).unwrap()
}

#[test]
fn a_curved_valley_is_found_in_forty_trials() {
    let found = |seed| best(&study(&mut GpSampler::default(), &plane(), 40, seed, valley));
    let mut found: Vec<f64> = (0..15).map(found).collect();
    found.sort_by(f64::total_cmp);
    // Random search reaches about 1.5 on the median of seeds; over 200 seeds this has 0.175.
    assert!(found[7] < 0.35, "{found:?}");
}

#[test]
fn mixed_and_conditional_spaces_are_searched() {
    let space = Space::new(vec![
        Parameter::categorical("kind", ["a", "b", "c"]),
        Parameter::float("rate", 1e-5, 1.0).log().when("kind", ["b"]),
        Parameter::int("depth", 1, 12),
    ])
    .unwrap();
    let objective = |configuration: &Configuration| {
        let depth = configuration.get(2).unwrap();
        let offset = match (configuration.get(0).unwrap() as usize, configuration.get(1)) {
            (1, Some(rate)) => (libm::log10(rate) + 2.5).abs(),
            (0, None) => 2.0,
            (2, None) => return None,
            other => panic!("{other:?} is not legal"),
        };
        Some(offset + 0.1 * (depth - 7.0).abs())
    };
    for seed in 0..3 {
        let history = study(&mut GpSampler::default(), &space, 40, seed, objective);
        assert!(best(&history) < 0.1, "seed {seed}: {}", best(&history));
        let failed = history[20..].iter().filter(|trial| trial.loss.is_none()).count();
        assert!(failed <= 4, "seed {seed}: {failed} of the last 20 trials are known to fail");
    }
}

#[test]
fn what_is_kept_does_not_change_what_is_said() {
    let space = plane();
    let mut sampler = GpSampler::default();
    let history = study(&mut sampler, &space, 30, 5, valley);
    for trials in [12, 29, 30] {
        let number = trials as u64;
        let part = &history[..trials];
        let request = Request { space: &space, history: part, pending: &[], number, seed: 5 };
        let fresh = GpSampler::default().suggest(&request).unwrap();
        assert_eq!(sampler.suggest(&request).unwrap(), fresh);
        if let Some(next) = history.get(trials) {
            assert_eq!(next.configuration, fresh);
        }
    }
}

#[test]
fn a_history_that_is_modeled_in_part_is_said_to_be() {
    let (space, options) = (plane(), GpOptions { max_train_points: 20, ..GpOptions::default() });
    let mut sampler = GpSampler::new(options).unwrap();
    let history = study(&mut sampler, &space, 24, 2, valley);
    let mut modeled = |trials: usize| {
        let (history, number) = (&history[..trials], trials as u64);
        let request = Request { space: &space, history, pending: &[], number, seed: 2 };
        sampler.explain(&request).unwrap().explanation.expectation.unwrap().modeled
    };
    assert_eq!(modeled(20), None);
    assert!(modeled(24).is_some_and(|modeled| (10..=20).contains(&modeled)));
}

#[test]
fn a_small_space_is_tried_without_repeating() {
    let space = Space::new(vec![
        Parameter::int("n", 1, 6),
        Parameter::categorical("kind", ["a", "b", "c", "d"]),
    ])
    .unwrap();
    let objective =
        |configuration: &Configuration| Some(configuration.values().iter().flatten().sum::<f64>());
    let history = study(&mut GpSampler::default(), &space, 30, 1, objective);
    let tried: BTreeSet<Vec<Option<u64>>> =
        history[..24].iter().map(|trial| TriedSet::key(&trial.configuration)).collect();
    assert_eq!(tried.len(), 24);
}

#[test]
fn parallel_suggestions_keep_apart() {
    let space = plane();
    let mut sampler = GpSampler::default();
    let history = study(&mut sampler, &space, 20, 3, valley);
    let mut pending: Vec<Configuration> = Vec::new();
    for number in 20..24 {
        let request =
            Request { space: &space, history: &history, pending: &pending, number, seed: 3 };
        pending.push(sampler.suggest(&request).unwrap());
    }
    for (index, one) in pending.iter().enumerate() {
        for other in &pending[..index] {
            assert_ne!(one, other);
        }
    }
}

#[test]
fn options_out_of_range_are_refused() {
    let options = GpOptions { num_restarts: 0, ..GpOptions::default() };
    assert!(GpSampler::new(options).unwrap_err().to_string().contains("num_restarts"));
}

#[test]
fn equal_and_failing_losses_are_survived() {
    let space = plane();
    study(&mut GpSampler::default(), &space, 20, 0, |_| Some(1.0));
    study(&mut GpSampler::default(), &space, 20, 0, |_| None);
    let extreme = |c: &Configuration| Some(if c.get(0)? < 0.0 { f64::MAX } else { f64::MIN });
    let history = study(&mut GpSampler::default(), &space, 20, 0, extreme);
    let request = Request { space: &space, history: &history, pending: &[], number: 20, seed: 0 };
    let explanation = GpSampler::default().explain(&request).unwrap().explanation;
    assert_eq!(explanation.expectation, None, "differences of these losses are infinite");
}

/// Two floats and a choice, some trials fail.
fn mixed_history(trials: u64) -> (Space, Vec<Observation>) {
    let space = Space::new(vec![
        Parameter::float("x", -2.0, 2.0),
        Parameter::float("y", 1e-3, 1.0).log(),
        Parameter::categorical("kind", ["a", "b", "c"]),
    ])
    .unwrap();
    let mut sampler = GpSampler::default();
    let history = study(&mut sampler, &space, trials as usize, 4, |configuration| {
        let (x, y) = (configuration.get(0)?, libm::log(configuration.get(1)?));
        let kind = configuration.get(2)?;
        let loss = libm::exp((x - 0.5) * (x - 0.5) + 0.1 * (y + 3.0) * (y + 3.0) + 0.3 * kind);
        (libm::sin(40.0 * x) < 0.9).then_some(loss)
    });
    (space, history)
}

fn request<'a>(space: &'a Space, history: &'a [Observation]) -> Request<'a> {
    Request { space, history, pending: &[], number: history.len() as u64, seed: 4 }
}

#[test]
fn a_suggestion_s_expectation_is_what_is_predicted_of_it() {
    let (space, history) = mixed_history(40);
    let pending = [history[3].configuration.clone(), space.from_unit(&[0.4, 0.6, 0.1])];
    for pending in [&pending[..], &[]] {
        let request = Request { pending, ..request(&space, &history) };
        let mut sampler = GpSampler::default();
        let suggestion = sampler.explain(&request).unwrap();
        let wanted = suggestion.explanation.expectation.unwrap();
        for mut sampler in [sampler, GpSampler::default()] {
            let candidates = [suggestion.configuration.clone()];
            let prediction = sampler.predict(&request, &candidates).unwrap()[0];
            assert_eq!(prediction.expected_improvement(), wanted.improvement);
            assert_eq!(prediction.latent().median(), wanted.median);
            assert!(prediction.observed().deviation() > prediction.latent().deviation());
        }
    }
}

#[test]
fn predictions_know_the_trials_and_doubt_what_is_far() {
    let space = plane();
    // All trials lie in one corner.
    let corner = |number: u32| {
        let unit: Vec<f64> =
            Kronecker::new(2, 1).point(number).map(|coordinate| 0.5 * coordinate).collect();
        let configuration = space.from_unit(&unit);
        let loss = valley(&configuration);
        Observation::new(configuration, loss)
    };
    let history: Vec<Observation> = (0..30).map(corner).collect();
    let mut candidates: Vec<Configuration> =
        history.iter().map(|trial| trial.configuration.clone()).collect();
    candidates.push(space.from_unit(&[0.99, 0.95]));
    let predictions =
        GpSampler::default().predict(&request(&space, &history), &candidates).unwrap();
    let far = predictions[30];
    for (prediction, trial) in predictions.iter().zip(&history) {
        let (observed, loss) = (prediction.observed(), trial.loss.unwrap());
        let error = observed.target(loss) - observed.mean();
        assert!(error.abs() < 3.0 * observed.deviation(), "{loss}: {error} off");
        assert!((observed.cdf(observed.median()) - 0.5).abs() < 1e-9);
        assert!(far.latent().deviation() > 3.0 * prediction.latent().deviation());
    }
    // The density is the slope of the distribution function.
    for loss in [0.8, 20.0, 900.0] {
        let (observed, step) = (far.observed(), 1e-5 * loss);
        let slope = (observed.cdf(loss + step) - observed.cdf(loss - step)) / (2.0 * step);
        assert!((libm::log(slope) - observed.log_density(loss)).abs() < 1e-4);
    }
}

#[test]
fn predictions_need_two_losses_and_legal_candidates() {
    let (space, history) = mixed_history(12);
    let candidates = [history[0].configuration.clone(), Configuration::new(vec![Some(0.0)])];
    let error = GpSampler::default().predict(&request(&space, &history), &candidates).unwrap_err();
    assert!(error.to_string().contains("candidate 1"), "{error}");
    for trials in [0, 1] {
        let error =
            GpSampler::default().predict(&request(&space, &history[..trials]), &candidates[..1]);
        assert_eq!(error.unwrap_err().kind(), ErrorKind::Unsupported);
    }
    let few = GpSampler::default().predict(&request(&space, &history[..4]), &candidates[..1]);
    assert_eq!(few.unwrap().len(), 1);
}

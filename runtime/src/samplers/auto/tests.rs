use alloc::{vec, vec::Vec};

use super::*;
use crate::{
    model::{Config, Precision},
    space::{Parameter, Space},
    trial::Observation,
};

fn asked(sampler: &mut AutoSampler, space: &Space, trials: u64) -> Vec<&'static str> {
    let mut history = Vec::new();
    (0..trials)
        .map(|number| {
            let request = Request { space, history: &history, pending: &[], number, seed: 4 };
            let suggestion = sampler.explain(&request).unwrap();
            let x = suggestion.configuration.get(0).unwrap();
            history.push(Observation::new(suggestion.configuration, Some((x - 0.3) * (x - 0.3))));
            suggestion.explanation.sampler
        })
        .collect()
}

/// A model that reads the predictions of the process.
fn model() -> Arc<Model> {
    let config =
        Config { hidden_size: 32, layers: 1, heads: 2, feed_forward_size: 32, ..Config::pico() };
    Arc::new(Model::random(config.with_trial_rows(), 5, Precision::default()).unwrap())
}

/// A model that does not, as the embedded one.
fn plain_model() -> Arc<Model> {
    let config = Config { prediction_slots: 0, ..model().config().clone() };
    Arc::new(Model::random(config, 5, Precision::default()).unwrap())
}

#[test]
fn each_is_asked_in_its_turn() {
    let options = AutoOptions {
        local_until: 5,
        refine_from: 9,
        refine_every: 3,
        long_from: 14,
        long_every: 2,
        stack_from: 7,
        stack_until: 13,
        ..AutoOptions::default()
    };
    let space = Space::new(vec![Parameter::float("x", 0.0, 1.0)]).unwrap();
    let mut expected = vec!["local_search"; 5];
    expected.extend(["gp", "gp", "stack", "stack", "stack", "stack", "local_search", "stack"]);
    expected.extend(["gp", "local_search", "tpe", "gp", "local_search"]);
    let mut sampler = AutoSampler::new(Some(model()), options.clone()).unwrap();
    assert_eq!(asked(&mut sampler, &space, 18), expected);
    // The process replaces the stack without a model, and in spaces with too many parameters.
    let alone: Vec<&str> =
        expected.iter().map(|name| if *name == "stack" { "gp" } else { *name }).collect();
    let mut sampler = AutoSampler::new(None, options.clone()).unwrap();
    assert_eq!(asked(&mut sampler, &space, 18), alone);
    let wide = (0..40).map(|index| Parameter::float(alloc::format!("x{index}"), 0.0, 1.0));
    let wide = Space::new(wide.collect()).unwrap();
    let mut sampler = AutoSampler::new(Some(model()), options).unwrap();
    assert_eq!(asked(&mut sampler, &wide, 10), alone[..10]);
}

/// Local search makes the first trials where there is no model, or none that can read the space.
#[test]
fn the_stack_comes_before_local_search() {
    let options = AutoOptions { stack_from: 3, local_until: 5, ..AutoOptions::default() };
    let space = Space::new(vec![Parameter::float("x", 0.0, 1.0)]).unwrap();
    let mut sampler = AutoSampler::new(Some(model()), options.clone()).unwrap();
    let [local, stack] = ["local_search", "stack"];
    assert_eq!(asked(&mut sampler, &space, 6), [local, local, local, stack, stack, stack]);
    let without = [local, local, local, local, local, "gp"];
    let mut sampler = AutoSampler::new(None, options.clone()).unwrap();
    assert_eq!(asked(&mut sampler, &space, 6), without);
    let wide = (0..40).map(|index| Parameter::float(alloc::format!("x{index}"), 0.0, 1.0));
    let wide = Space::new(wide.collect()).unwrap();
    let mut sampler = AutoSampler::new(Some(model()), options).unwrap();
    assert_eq!(asked(&mut sampler, &wide, 6), without);
}

/// The gate of a model weighs each candidate; the options fix the weight.
#[test]
fn the_gate_or_the_options_weigh_the_transformer() {
    let space = Space::new(vec![Parameter::float("x", 0.0, 1.0), Parameter::float("y", -1.0, 1.0)])
        .unwrap();
    let history: Vec<Observation> = (0..9)
        .map(|number| {
            let unit = [0.618, 0.7549].map(|step| (0.5 + step * f64::from(number)) % 1.0);
            let loss = (unit[0] - 0.3) * (unit[0] - 0.3) + unit[1];
            Observation::new(space.from_unit(&unit), (number != 4).then_some(loss))
        })
        .collect();
    let pending = [space.from_unit(&[0.31, 0.02])];
    let request =
        |pending| Request { space: &space, history: &history, pending, number: 9, seed: 2 };
    let weight = |model: &Arc<Model>, transformer_weight, pending| {
        let options = AutoOptions { transformer_weight, ..AutoOptions::default() };
        let mut sampler = AutoSampler::new(Some(Arc::clone(model)), options).unwrap();
        let suggestion = sampler.explain(&request(pending)).unwrap();
        assert_eq!(suggestion.explanation.sampler, "stack");
        assert!(suggestion.explanation.expectation.is_some());
        suggestion.explanation.transformer_weight.unwrap()
    };
    let gate = weight(&model(), None, &[]);
    assert!(gate > 0.0 && gate < 1.0 && gate != 0.5, "{gate}");
    assert_ne!(weight(&model(), None, &pending), gate, "a pending trial is a row of the history");
    assert_eq!(weight(&model(), Some(0.25), &[]), 0.25);
    assert_ne!(weight(&plain_model(), None, &[]), gate);
}

/// A weight depends on the finished trials alone, for a sampler with caches and for a new one.
#[test]
fn the_stack_s_weight_is_that_of_a_fresh_sampler() {
    let space = Space::new(vec![
        Parameter::float("x", 0.0, 1.0),
        Parameter::categorical("kind", ["a", "b", "c"]),
    ])
    .unwrap();
    let options = AutoOptions { refine_every: 0, ..AutoOptions::default() };
    for model in [model(), plain_model()] {
        let new = || AutoSampler::new(Some(Arc::clone(&model)), options.clone()).unwrap();
        let mut kept = new();
        let mut history: Vec<Observation> = Vec::new();
        // More trials than the weight looks back at.
        for number in 0..44 {
            let request =
                Request { space: &space, history: &history, pending: &[], number, seed: 2 };
            let suggestion = kept.explain(&request).unwrap();
            assert_eq!(new().explain(&request).unwrap(), suggestion);
            let weight = suggestion.explanation.transformer_weight;
            assert_eq!(weight.is_some(), suggestion.explanation.sampler == "stack");
            assert!(weight.is_none_or(|weight| (0.0..=1.0).contains(&weight)));
            let x = suggestion.configuration.get(0).unwrap();
            let loss = (number != 9).then_some((x - 0.3) * (x - 0.3));
            history.push(Observation::new(suggestion.configuration, loss));
        }
        let mut changed = history.clone();
        changed[20].loss = Some(-1.0);
        let pending = [history[3].configuration.clone()];
        let constrained: Vec<Observation> = history
            .iter()
            .map(|trial| trial.clone().with_constraints(vec![trial.loss.unwrap_or(1.0) - 0.2]))
            .collect();
        let short = Space::new(vec![
            Parameter::float("x", 0.0, 2.0),
            Parameter::categorical("kind", ["a", "b", "c"]),
        ])
        .unwrap();
        let longest = &history[..];
        for (space, history, pending) in [
            (&space, &history[..30], &[][..]),
            (&space, longest, &pending[..]),
            (&space, longest, &[]),
            (&space, &changed, &[]),
            (&space, &constrained, &[]),
            (&short, longest, &[]),
        ] {
            let request = Request { space, history, pending, number: 45, seed: 2 };
            assert_eq!(new().explain(&request).unwrap(), kept.explain(&request).unwrap());
        }
    }
}

/// The process models a projection of a large space, of which there are no leave-one-out
/// predictions: it is asked alone.
#[test]
fn a_gated_model_leaves_large_spaces_to_the_process() {
    let config = Config { slots: 64, ..model().config().clone() };
    let wide = Arc::new(Model::random(config, 5, Precision::default()).unwrap());
    let parameters = (0..45).map(|index| Parameter::float(alloc::format!("x{index}"), 0.0, 1.0));
    let space = Space::new(parameters.collect()).unwrap();
    let mut sampler = AutoSampler::new(Some(wide), AutoOptions::default()).unwrap();
    assert_eq!(asked(&mut sampler, &space, 9)[6..], ["gp"; 3]);
    let history: Vec<Observation> = (0..9)
        .map(|number| {
            let place = f64::from(number) / 9.0;
            Observation::new(space.from_unit(&[place; 45]), Some(place * (place - 0.3)))
        })
        .collect();
    let request = Request { space: &space, history: &history, pending: &[], number: 9, seed: 2 };
    let candidates = [space.from_unit(&[0.2; 45]), space.from_unit(&[0.9; 45])];
    assert_eq!(sampler.choose(&request, &candidates).unwrap().sampler, "gp");
}

#[test]
fn what_is_always_refined_is_never_asked_of_another() {
    let options = AutoOptions { refine_every: 1, long_from: 16, ..AutoOptions::default() };
    let space = Space::new(vec![Parameter::float("x", 0.0, 1.0)]).unwrap();
    let asked = asked(&mut AutoSampler::new(None, options).unwrap(), &space, 22);
    assert_eq!(asked[15..], ["local_search"; 7]);
}

#[test]
fn a_small_space_is_tried_without_repeating() {
    let options =
        AutoOptions { refine_from: 8, long_from: 9, long_every: 2, ..AutoOptions::default() };
    let choices = ["a", "b", "c", "d"];
    let space =
        Space::new(vec![Parameter::int("n", 1, 6), Parameter::categorical("kind", choices)]);
    let space = space.unwrap();
    let mut sampler = AutoSampler::new(None, options).unwrap();
    let mut history: Vec<Observation> = Vec::new();
    for number in 0..24 {
        let request = Request { space: &space, history: &history, pending: &[], number, seed: 2 };
        let configuration = sampler.suggest(&request).unwrap();
        assert!(history.iter().all(|trial| trial.configuration != configuration), "{number}");
        let loss = configuration.values().iter().flatten().sum();
        history.push(Observation::new(configuration, Some(loss)));
    }
}

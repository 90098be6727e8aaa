//! What every sampler must hold: legal suggestions whatever the history, and the same ones again
//! for the same request. A new sampler is one more line in [`conformance!`].
#![cfg(feature = "classical")]

use std::sync::Arc;

use optiformer::{
    ErrorKind,
    model::{Config, Model, Precision},
    samplers::{self, OptiFormerOptions, OptiFormerSampler, Request, Sampler},
    space::{Configuration, Parameter, Space},
    trial::Observation,
};

/// Weights that know nothing: what a learned sampler must hold does not depend on them.
fn model(trials: bool) -> Arc<Model> {
    let config =
        Config { hidden_size: 32, layers: 1, heads: 2, feed_forward_size: 32, ..Config::pico() };
    let config = if trials { Config { slots: 64, ..config.with_trial_rows() } } else { config };
    Arc::new(Model::random(config, 5, Precision::default()).unwrap())
}

fn learned(options: OptiFormerOptions) -> Box<dyn Sampler + Send> {
    Box::new(OptiFormerSampler::new(model(true), options).unwrap())
}

type Build = fn() -> Box<dyn Sampler + Send>;
/// What is told of a trial, given its number and its loss.
type Tell = fn(u64, f64) -> Option<f64>;

macro_rules! conformance {
    ($($name:ident: $build:expr;)*) => {
        $(mod $name {
            use super::*;

            const BUILD: Build = $build;

            #[test]
            fn suggestions_are_legal_in_every_space() {
                super::suggestions_are_legal_in_every_space(BUILD);
            }

            #[test]
            fn hostile_histories_do_no_harm() {
                super::hostile_histories_do_no_harm(BUILD);
            }

            #[test]
            fn a_request_has_one_answer() {
                super::a_request_has_one_answer(BUILD);
            }

            #[test]
            fn pending_trials_do_no_harm() {
                super::pending_trials_do_no_harm(BUILD);
            }

            #[test]
            fn seeds_and_numbers_matter() {
                super::seeds_and_numbers_matter(BUILD);
            }

            #[test]
            fn every_corner_of_a_small_space_is_reached() {
                super::every_corner_of_a_small_space_is_reached(BUILD);
            }
        })*

        #[test]
        fn every_name_is_put_through_the_suite() {
            let tested: Vec<&str> = vec![$(($build as Build)().name()),*];
            // A grid ends, which the suite expects of no sampler: tests/grid.rs.
            for name in samplers::NAMES.iter().filter(|name| **name != "grid") {
                assert!(tested.contains(name), "\"{name}\" is not in the suite");
            }
        }
    };
}

conformance! {
    learned_ranked: || learned(OptiFormerOptions {
        num_policy_candidates: 4,
        num_local_candidates: 8,
        num_space_candidates: 4,
        num_refined_candidates: 6,
        ..OptiFormerOptions::default()
    });
    learned_adapted: || learned(OptiFormerOptions {
        num_policy_candidates: 4,
        num_local_candidates: 8,
        num_space_candidates: 4,
        num_refined_candidates: 6,
        adaptation: Some(samplers::AdaptationOptions::LBFGS),
        ..OptiFormerOptions::default()
    });
    learned_policy: || learned(OptiFormerOptions {
        num_policy_candidates: 4,
        policy_only: true,
        n_startup_trials: 0,
        ..OptiFormerOptions::default()
    });
    learned_tokens: || {
        let options = samplers::TokenSamplerOptions { num_policy_candidates: 4, ..Default::default() };
        Box::new(samplers::TokenSampler::new(model(false), options).unwrap())
    };
    random: || samplers::by_name("random").unwrap();
    sobol: || samplers::by_name("sobol").unwrap();
    tpe: || samplers::by_name("tpe").unwrap();
    gp: || samplers::by_name("gp").unwrap();
    auto: || samplers::by_name("auto").unwrap();
    auto_all: || {
        let mut options = samplers::AutoOptions::default();
        (options.stack_from, options.refine_from, options.refine_every) = (0, 5, 3);
        (options.long_from, options.long_every) = (8, 2);
        Box::new(samplers::AutoSampler::new(Some(model(true)), options).unwrap())
    };
    cma_es: || samplers::by_name("cma_es").unwrap();
    local_search: || samplers::by_name("local_search").unwrap();
    tpe_independent: || {
        let mut options = samplers::TpeOptions::default();
        options.multivariate = false;
        options.consider_endpoints = true;
        options.consider_magic_clip = false;
        options.n_startup_trials = 1;
        Box::new(samplers::TpeSampler::new(options).unwrap())
    };
}

/// Spaces of every kind.
fn spaces() -> Vec<(&'static str, Space)> {
    let space = |parameters| Space::new(parameters).unwrap();
    let many = (0..40).map(|index| Parameter::float(format!("x{index}"), 0.0, 1.0)).collect();
    vec![
        ("float", space(vec![Parameter::float("x", -5.0, 5.0)])),
        ("log", space(vec![Parameter::float("x", 1e-300, 1e300).log()])),
        ("wide", space(vec![Parameter::float("x", -8e307, 8e307)])),
        ("tiny", space(vec![Parameter::float("x", 1.0, 1.0 + 4.0 * f64::EPSILON)])),
        ("denormal", space(vec![Parameter::float("x", 0.0, 5e-324)])),
        ("tiny log", space(vec![Parameter::float("x", 1.0, 1.0 + f64::EPSILON).log()])),
        ("step", space(vec![Parameter::float("x", 0.1, 0.95).step(0.1)])),
        ("fine step", space(vec![Parameter::float("x", 0.0, 1.0).step(1e-9)])),
        ("int", space(vec![Parameter::int("x", -3, 8)])),
        ("two ints", space(vec![Parameter::int("x", 0, 1)])),
        ("huge int", space(vec![Parameter::int("x", -(1 << 53), 1 << 53).step(2.0)])),
        ("log int", space(vec![Parameter::int("x", 1, 1024).log()])),
        ("huge log int", space(vec![Parameter::int("x", 1, 1 << 53).log()])),
        ("int step", space(vec![Parameter::int("x", 1, 20).step(3.0)])),
        ("one choice", space(vec![Parameter::categorical("x", ["only"])])),
        ("many choices", space(vec![Parameter::categorical("x", (0..64).map(f64::from))])),
        ("many parameters", space(many)),
        (
            "mixed",
            space(vec![
                Parameter::float("rate", 1e-5, 1.0).log(),
                Parameter::int("units", 1, 256).log(),
                Parameter::float("dropout", 0.0, 0.5).step(0.1),
                Parameter::categorical("kind", ["a", "b", "c"]),
                Parameter::categorical("fixed", [true]),
                Parameter::int("depth", 1, 5),
            ]),
        ),
        (
            "conditional",
            space(vec![
                Parameter::categorical("model", ["tree", "net", "none"]),
                Parameter::int("depth", 1, 9).when("model", ["tree"]),
                Parameter::int("layers", 1, 3).when("model", ["net"]),
                Parameter::float("rate", 1e-4, 1.0).log().when("model", ["net"]),
                Parameter::int("width 2", 4, 64).log().when("layers", [2.0, 3.0]),
                Parameter::int("width 3", 4, 64).log().when("layers", [3.0]),
                Parameter::float("scale", 0.1, 2.0),
            ]),
        ),
    ]
}

/// A loss that has something to find in any space.
fn loss(space: &Space, configuration: &Configuration) -> f64 {
    space.to_unit(configuration).iter().map(|unit| (unit - 0.3) * (unit - 0.3)).sum()
}

/// Runs a study of `trials`, each told as `tell(number, loss)`, and checks every suggestion.
fn study(
    build: Build,
    what: &str,
    space: &Space,
    (trials, seed): (u64, u64),
    tell: impl Fn(u64, f64) -> Option<f64>,
) -> Vec<Observation> {
    let (mut sampler, mut history) = (build(), Vec::new());
    for number in 0..trials {
        let request = Request { space, history: &history, pending: &[], number, seed };
        let configuration = sampler.suggest(&request).unwrap();
        if let Err(error) = space.validate(&configuration) {
            panic!("{what}, trial {number}: {error}");
        }
        let loss = tell(number, loss(space, &configuration));
        history.push(Observation::new(configuration, loss));
    }
    history
}

fn suggestions_are_legal_in_every_space(build: Build) {
    for (what, space) in spaces() {
        study(build, what, &space, (40, 1), |_, loss| Some(loss));
    }
}

fn hostile_histories_do_no_harm(build: Build) {
    let stories: [(&str, Tell); 8] = [
        ("failed", |_, _| None),
        ("constant", |_, _| Some(0.0)),
        ("every second failed", |number, loss| (number % 2 == 0).then_some(loss)),
        ("one succeeded", |number, loss| (number == 3).then_some(loss)),
        ("huge", |number, _| Some(if number % 2 == 0 { 1e308 } else { -1e308 })),
        ("denormal", |number, _| Some(5e-324 * (number % 3) as f64)),
        ("signed zeros", |number, _| Some(if number % 2 == 0 { 0.0 } else { -0.0 })),
        ("one spike", |number, loss| Some(if number == 5 { f64::MAX } else { loss })),
    ];
    for (what, space) in spaces() {
        for (story, tell) in stories {
            study(build, &format!("{what}, {story}"), &space, (30, 2), tell);
        }
        // Histories that no sampler made: the same point again and again, and the bounds.
        for unit in [0.0, 0.5, 1.0] {
            let configuration = space.from_unit(&vec![unit; space.len()]);
            let same = Observation::new(configuration, Some(unit));
            for count in [1, 12, 40] {
                let history = vec![same.clone(); count];
                let (number, seed) = (count as u64, 3);
                let request =
                    Request { space: &space, history: &history, pending: &[], number, seed };
                let suggested = build().suggest(&request).unwrap();
                space.validate(&suggested).unwrap_or_else(|error| panic!("{what}: {error}"));
            }
        }
    }
}

fn a_request_has_one_answer(build: Build) {
    for (what, space) in spaces() {
        let history = study(build, what, &space, (30, 4), |_, loss| Some(loss));
        assert_eq!(history, study(build, what, &space, (30, 4), |_, loss| Some(loss)), "{what}");
        // A sampler that saw other studies in between says the same.
        let mut used = build();
        for (_, other) in spaces() {
            let request = Request { space: &other, history: &[], pending: &[], number: 3, seed: 9 };
            used.suggest(&request).unwrap();
        }
        for number in [0, 12, 29] {
            let history = &history[..number as usize + 1];
            let (known, last) = (&history[..number as usize], &history[number as usize]);
            let request = Request { space: &space, history: known, pending: &[], number, seed: 4 };
            assert_eq!(used.suggest(&request).unwrap(), last.configuration, "{what}, {number}");
        }
    }
}

fn pending_trials_do_no_harm(build: Build) {
    for (what, space) in spaces() {
        let history = study(build, what, &space, (14, 5), |_, loss| Some(loss));
        let (mut sampler, mut pending) = (build(), Vec::new());
        for known in [0, 1, 14] {
            pending.clear();
            for number in known..known + 12 {
                let request = Request {
                    space: &space,
                    history: &history[..known as usize],
                    pending: &pending,
                    number,
                    seed: 5,
                };
                let suggested = sampler.suggest(&request).unwrap();
                space.validate(&suggested).unwrap_or_else(|error| panic!("{what}: {error}"));
                pending.push(suggested);
            }
        }
    }
}

fn seeds_and_numbers_matter(build: Build) {
    let (_, space) = spaces().swap_remove(0);
    let one = study(build, "float", &space, (25, 1), |_, loss| Some(loss));
    let other = study(build, "float", &space, (25, 2), |_, loss| Some(loss));
    assert!(one.iter().zip(&other).all(|(a, b)| a.configuration != b.configuration));
    let mut values: Vec<f64> = one.iter().filter_map(|trial| trial.configuration.get(0)).collect();
    values.sort_by(f64::total_cmp);
    values.dedup();
    assert_eq!(values.len(), 25, "a trial repeats another");
}

fn every_corner_of_a_small_space_is_reached(build: Build) {
    let space =
        Space::new(vec![Parameter::int("x", 0, 2), Parameter::categorical("y", ["a", "b"])])
            .unwrap();
    let history = study(build, "small", &space, (120, 6), |_, _| Some(0.0));
    for corner in space.enumerate(6).unwrap() {
        assert!(history.iter().any(|trial| trial.configuration == corner), "{corner:?} never came");
    }
}

#[test]
fn an_unknown_name_lists_the_known_ones() {
    let error = samplers::by_name("gradient descent").err().unwrap();
    assert_eq!(error.kind(), ErrorKind::InvalidValue);
    assert!(error.context().contains("\"gradient descent\""), "{error}");
    for name in samplers::NAMES {
        assert!(error.context().contains(name), "{error}");
        assert_eq!(samplers::by_name(name).unwrap().name(), *name);
    }
}

#[test]
fn sobol_is_even_and_goes_on_past_its_end() {
    let parameters = (0..300).map(|index| Parameter::float(format!("x{index}"), 0.0, 1.0));
    let space = Space::new(parameters.collect()).unwrap();
    let mut sampler = samplers::by_name("sobol").unwrap();
    let mut suggest = |number| {
        let request = Request { space: &space, history: &[], pending: &[], number, seed: 8 };
        sampler.suggest(&request).unwrap()
    };
    let points: Vec<Configuration> = (0..64).map(&mut suggest).collect();
    for dimension in [0, 1, 255, 256, 299] {
        let mut hits = [0; 64];
        points.iter().for_each(|p| hits[(p.get(dimension).unwrap() * 64.0) as usize] += 1);
        assert_eq!(hits, [1; 64], "dimension {dimension}");
    }
    assert_ne!(points[3].get(3), points[3].get(259), "dimension 259 repeats dimension 3");
    let again = suggest(3 + (1 << 16));
    assert_ne!(again, points[3]);
    space.validate(&again).unwrap();
    space.validate(&suggest(u64::MAX)).unwrap();
}

#[test]
fn tpe_closes_in_on_a_sphere() {
    let parameters = (0..4).map(|index| Parameter::float(format!("x{index}"), -5.0, 5.0));
    let space = Space::new(parameters.collect()).unwrap();
    let best = |name: &str, seed: u64| {
        let (mut sampler, mut history) = (samplers::by_name(name).unwrap(), Vec::new());
        for number in 0..60 {
            let request = Request { space: &space, history: &history, pending: &[], number, seed };
            let configuration = sampler.suggest(&request).unwrap();
            let loss = configuration.values().iter().map(|x| (x.unwrap() - 1.3).powi(2)).sum();
            history.push(Observation::new(configuration, Some(loss)));
        }
        history.iter().filter_map(|trial| trial.loss).fold(f64::INFINITY, f64::min)
    };
    let wins = (0..20).filter(|&seed| best("tpe", seed) < best("random", seed)).count();
    assert!(wins >= 18, "TPE beats random search in {wins} of 20 runs");
}

/// A history on `[0, 1]`: 40 evenly spread trials, told by `tell(x)`.
fn spread(tell: impl Fn(f64) -> Option<f64>) -> (Space, Vec<Observation>) {
    let space = Space::new(vec![Parameter::float("x", 0.0, 1.0)]).unwrap();
    let observe = |step: u32| {
        let x = (f64::from(step * 17 % 40) + 0.5) / 40.0;
        Observation::new(Configuration::new(vec![Some(x)]), tell(x))
    };
    let history = (0..40).map(observe).collect();
    (space, history)
}

/// How many of 200 suggestions of TPE satisfy `hit`.
fn count(
    space: &Space,
    history: &[Observation],
    pending: &[Configuration],
    hit: impl Fn(&Configuration) -> bool,
) -> usize {
    let mut sampler = samplers::by_name("tpe").unwrap();
    let mut suggest =
        |seed| sampler.suggest(&Request { space, history, pending, number: 40, seed }).unwrap();
    (0..200).filter(|&seed| hit(&suggest(seed))).count()
}

#[test]
fn tpe_keeps_away_from_failures() {
    // Only the left half works, and all that works is equally good.
    let (space, history) = spread(|x| (x < 0.5).then_some(1.0));
    let left = count(&space, &history, &[], |found| found.get(0).unwrap() < 0.5);
    assert!(left > 180, "{left} of 200 in the half that works");
    // Failures alone: everything tried lies on the right, so the left is to be tried.
    let (space, mut history) = spread(|_| None);
    history.retain(|trial| trial.configuration.get(0).unwrap() > 0.5);
    let left = count(&space, &history, &[], |found| found.get(0).unwrap() < 0.5);
    assert!(left > 180, "{left} of 200 away from the failures");
}

#[test]
fn tpe_keeps_away_from_pending_trials() {
    let (space, history) = spread(|x| Some((x - 0.5).abs()));
    let near = |found: &Configuration| (found.get(0).unwrap() - 0.5).abs() < 0.05;
    let alone = count(&space, &history, &[], near);
    let pending = vec![Configuration::new(vec![Some(0.5)]); 40];
    let crowded = count(&space, &history, &pending, near);
    assert!(crowded * 2 < alone, "{alone} near the best without pending trials, {crowded} with");
}

#[test]
fn tpe_learns_the_children_of_each_parent() {
    let space = Space::new(vec![
        Parameter::categorical("side", ["low", "high"]),
        Parameter::float("a", 0.0, 1.0).when("side", ["low"]),
        Parameter::float("b", 0.0, 1.0).when("side", ["high"]),
    ])
    .unwrap();
    let observe = |step: u32, handicap: f64| {
        let (x, low) = ((f64::from(step * 17 % 40) + 0.5) / 40.0, step.is_multiple_of(2));
        let values =
            if low { vec![Some(0.0), Some(x), None] } else { vec![Some(1.0), None, Some(x)] };
        let loss = if low { (x - 0.2).abs() } else { (x - 0.9).abs() + handicap };
        Observation::new(Configuration::new(values), Some(loss))
    };
    for (handicap, better, child, optimum) in [(0.05, 0.0, 1, 0.2), (-0.05, 1.0, 2, 0.9)] {
        let history: Vec<Observation> = (0..40).map(|step| observe(step, handicap)).collect();
        let chosen = count(&space, &history, &[], |found| found.get(0) == Some(better));
        assert!(chosen > 150, "the better side was chosen {chosen} times of 200");
        let near = count(&space, &history, &[], |found| {
            found.get(child).is_some_and(|value| (value - optimum).abs() < 0.15)
        });
        assert!(near * 10 > chosen * 8, "{near} of {chosen} near the optimum");
    }
    // "high" was never tried and "low" fails: the children of "high" are spread over their whole
    // range.
    let failed = |step: u32| Observation::new(observe(2 * step, 0.0).configuration, None);
    let history: Vec<Observation> = (0..20).map(failed).collect();
    let chosen = count(&space, &history, &[], |found| found.get(0) == Some(1.0));
    let lower = count(&space, &history, &[], |found| found.get(2).is_some_and(|b| b < 0.5));
    assert!(
        chosen > 150 && lower * 10 > chosen * 3 && lower * 10 < chosen * 7,
        "{lower} of {chosen}"
    );
}

#[test]
fn the_learned_sampler_refuses_what_its_vocabulary_does_not_name() {
    let choices = Parameter::categorical("c", (0..65).map(f64::from));
    let many = (0..65).map(|index| Parameter::float(format!("x{index}"), 0.0, 1.0)).collect();
    for (parameters, part) in [(vec![choices], "\"c\" has 65 choices"), (many, "65")] {
        let space = Space::new(parameters).unwrap();
        let request = Request { space: &space, history: &[], pending: &[], number: 0, seed: 0 };
        let error = learned(OptiFormerOptions::default()).suggest(&request).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.context().contains(part), "{error}");
    }
}

#[test]
fn the_learned_sampler_never_repeats_itself_while_something_is_left() {
    let space =
        Space::new(vec![Parameter::int("x", 0, 5), Parameter::categorical("y", ["a", "b"])])
            .unwrap();
    let history = study(
        || learned(OptiFormerOptions::default()),
        "small",
        &space,
        (12, 3),
        |_, loss| Some(loss),
    );
    for (index, trial) in history.iter().enumerate() {
        assert!(history[..index].iter().all(|other| other.configuration != trial.configuration));
    }
}

#[test]
fn bad_options_of_the_learned_sampler_are_refused() {
    let model = model(true);
    let defaults = OptiFormerOptions::default;
    let mut sampling = defaults().sampling;
    sampling.temperature = f32::NAN;
    let mut nucleus = defaults().sampling;
    nucleus.top_p = 0.0;
    for options in [
        OptiFormerOptions {
            num_policy_candidates: 0,
            num_local_candidates: 0,
            num_space_candidates: 0,
            ..defaults()
        },
        OptiFormerOptions { num_policy_candidates: 0, policy_only: true, ..defaults() },
        OptiFormerOptions { score_temperature: 0.0, ..defaults() },
        OptiFormerOptions { sampling, ..defaults() },
        OptiFormerOptions { sampling: nucleus, ..defaults() },
    ] {
        let error = OptiFormerSampler::new(Arc::clone(&model), options).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidValue);
    }
}

//! Choosing among given candidates.
#![cfg(all(feature = "classical", feature = "std"))]

use optiformer::{
    ErrorKind,
    samplers::{self, Request, Sampler},
    space::{Configuration, Parameter, Space},
    study::{Direction, Outcome, Study},
    trial::Observation,
};

const CHOOSERS: [&str; 5] = ["auto", "gp", "tpe", "local_search", "random"];

fn plane() -> Space {
    Space::new(vec![Parameter::float("x", 0.0, 1.0), Parameter::float("y", 0.0, 1.0)]).unwrap()
}

fn mixed() -> Space {
    Space::new(vec![
        Parameter::categorical("kind", ["a", "b", "c"]),
        Parameter::float("rate", 1e-4, 1.0).log(),
        Parameter::int("n", 1, 30),
        Parameter::float("momentum", 0.0, 1.0).when("kind", ["a"]),
        Parameter::int("depth", 1, 64).log().when("kind", ["b"]),
    ])
    .unwrap()
}

/// More parameters than any model takes.
fn large() -> Space {
    let float = |index| Parameter::float(format!("x{index}"), 0.0, 1.0);
    Space::new((0..50).map(float).collect()).unwrap()
}

fn loss(space: &Space, configuration: &Configuration) -> f64 {
    let unit = space.to_unit(configuration);
    unit.iter().zip([1.0, 3.0, 2.0, 1.0, 1.0]).map(|(x, w)| w * (x - 0.3) * (x - 0.3)).sum()
}

fn draws(space: &Space, count: u64, seed: u64) -> Vec<Configuration> {
    let mut random = samplers::by_name("random").unwrap();
    let request = |number| Request { space, history: &[], pending: &[], number, seed };
    (0..count).map(|number| random.suggest(&request(number)).unwrap()).collect()
}

fn history(space: &Space, count: u64) -> Vec<Observation> {
    let trial = |(index, configuration): (usize, Configuration)| {
        let loss = (index % 10 != 7).then(|| loss(space, &configuration));
        Observation::new(configuration, loss)
    };
    draws(space, count, 1).into_iter().enumerate().map(trial).collect()
}

fn sampler(name: &str) -> Box<dyn Sampler + Send> {
    samplers::by_name(name).unwrap()
}

fn check_order(order: &[usize], count: usize) {
    let mut sorted = order.to_vec();
    sorted.sort_unstable();
    assert!(sorted.into_iter().eq(0..count), "{order:?} is no order of {count}");
}

#[test]
fn good_candidates_come_first() {
    for space in [plane(), mixed(), large()] {
        let history = history(&space, 60);
        let candidates = draws(&space, 400, 2);
        // Numbers at which auto asks its stack and its process.
        for number in [60, 10] {
            let request =
                Request { space: &space, history: &history, pending: &[], number, seed: 3 };
            for name in ["auto", "gp", "tpe", "local_search"] {
                let ranking = sampler(name).choose(&request, &candidates).unwrap();
                check_order(&ranking.order, 400);
                let mean = |indices: &[usize]| {
                    let losses = indices.iter().map(|index| loss(&space, &candidates[*index]));
                    losses.sum::<f64>() / indices.len() as f64
                };
                let (first, all) = (mean(&ranking.order[..20]), mean(&ranking.order));
                let parameters = space.len();
                println!("{name} of {parameters} at {number}: {first:.3} of {all:.3}");
                // Of fifty parameters sixty random trials say little to tpe.
                let share = if parameters > 40 { 0.95 } else { 0.6 };
                assert!(first < share * all, "{name}, {parameters}: {first} and {all}");
                if !ranking.values.is_empty() {
                    assert_eq!(ranking.values.len(), 400);
                    let value = |place: usize| ranking.values[ranking.order[place]];
                    assert!(value(0) >= value(200), "{name}: {ranking:?}");
                }
            }
        }
    }
}

#[test]
fn a_ranking_is_a_function_of_request_and_candidates() {
    let space = mixed();
    let all = history(&space, 40);
    let candidates = draws(&space, 50, 9);
    let pending = draws(&space, 2, 5);
    for name in CHOOSERS {
        let mut kept = sampler(name);
        for count in [0, 1, 7, 12, 40, 20] {
            let request = Request {
                space: &space,
                history: &all[..count],
                pending: &pending,
                number: count as u64,
                seed: 3,
            };
            let ranking = kept.choose(&request, &candidates).unwrap();
            check_order(&ranking.order, 50);
            assert_eq!(ranking, sampler(name).choose(&request, &candidates).unwrap(), "{name}");
            // Ranking changes no suggestion.
            assert_eq!(
                kept.suggest(&request).unwrap(),
                sampler(name).suggest(&request).unwrap(),
                "{name}, {count}"
            );
            // The order that candidates are given in decides between equal ones alone.
            if name != "random" && count >= 20 {
                let reversed: Vec<Configuration> = candidates.iter().rev().cloned().collect();
                let other = kept.choose(&request, &reversed).unwrap();
                assert_eq!(49 - other.order[0], ranking.order[0], "{name}, {count}");
            }
        }
    }
}

#[test]
fn the_transformer_ranks_too() {
    #[cfg(feature = "pico")]
    {
        use optiformer::{model::Model, samplers::OptiFormerSampler};
        let space = mixed();
        let history = history(&space, 40);
        let candidates = draws(&space, 700, 2);
        let request =
            Request { space: &space, history: &history, pending: &[], number: 40, seed: 3 };
        let model = Model::shared_pico().unwrap();
        let mut sampler = OptiFormerSampler::new(model, Default::default()).unwrap();
        let ranking = sampler.choose(&request, &candidates).unwrap();
        check_order(&ranking.order, 700);
        let mean = |indices: &[usize]| {
            let losses = indices.iter().map(|index| loss(&space, &candidates[*index]));
            losses.sum::<f64>() / indices.len() as f64
        };
        let (first, all) = (mean(&ranking.order[..35]), mean(&ranking.order));
        assert!(first < 0.6 * all, "{first} and {all}");
        // Chunks change nothing.
        let alone = sampler.choose(&request, &candidates[600..]).unwrap();
        assert_eq!(alone.values, ranking.values[600..]);
    }
}

#[test]
fn what_cannot_choose_says_so_and_bad_candidates_are_named() {
    let space = plane();
    let history = history(&space, 20);
    let request = Request { space: &space, history: &history, pending: &[], number: 20, seed: 3 };
    let mut candidates = draws(&space, 5, 2);
    for name in ["sobol", "cma_es"] {
        let error = sampler(name).choose(&request, &candidates).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains(&format!("\"{name}\"")), "{error}");
    }
    candidates[3] = Configuration::new(vec![Some(0.5), Some(1.5)]);
    for name in CHOOSERS {
        let error = sampler(name).choose(&request, &[]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidValue, "{name}");
        let error = sampler(name).choose(&request, &candidates).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidValue, "{name}");
        let message = error.to_string();
        assert!(message.contains("candidate 3") && message.contains("\"y\""), "{message}");
    }
}

#[test]
fn a_study_tries_each_candidate_once_and_finds_the_best_early() {
    let space = mixed();
    let pool = draws(&space, 60, 8);
    let best = pool.iter().map(|one| loss(&space, one)).fold(f64::INFINITY, f64::min);
    for name in CHOOSERS {
        let mut study = Study::new(space.clone(), Direction::Minimize, sampler(name), 4);
        study.set_candidates(pool.clone()).unwrap();
        let mut found = None;
        for number in 0..pool.len() {
            let trial = study.ask().unwrap();
            assert!(pool.contains(&trial.configuration), "{name}");
            let explanation = study.explanation(trial.id).unwrap();
            assert_eq!(explanation.origin.name(), "given");
            let value = loss(&space, &trial.configuration);
            if value == best {
                found = Some(number);
            }
            if number % 6 == 5 {
                study.fail(trial.id, "a failure counts as tried").unwrap();
            } else {
                study.tell(trial.id, Outcome::Value(value)).unwrap();
            }
        }
        assert_eq!(study.trials().len(), 60);
        let error = study.ask().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Exhausted, "{name}");
        println!("{name}: the best of 60 was trial {found:?}");
        assert!(name == "random" || found.unwrap() < 30, "{name}: {found:?}");
    }
}

#[test]
fn candidates_of_a_study_are_checked() {
    let mut study = Study::new(plane(), Direction::Minimize, sampler("gp"), 4);
    let error = study.set_candidates(Vec::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidValue);
    let wrong = Configuration::new(vec![Some(0.5)]);
    let error = study.set_candidates(vec![study.space().from_unit(&[0.1; 2]), wrong]).unwrap_err();
    assert!(error.to_string().contains("candidate 1"), "{error}");
    // The study goes on as if nothing had been set.
    let trial = study.ask().unwrap();
    study.tell(trial.id, Outcome::Value(1.0)).unwrap();
    let ranking = study.choose(&[trial.configuration]).unwrap();
    assert_eq!(ranking.order, [0]);
}

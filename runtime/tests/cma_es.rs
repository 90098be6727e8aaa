//! What CMA-ES in particular must hold, beyond what every sampler does (`samplers.rs`).
#![cfg(feature = "classical")]

use optiformer::{
    ErrorKind,
    samplers::{self, CmaEsOptions, CmaEsSampler, Request},
    space::{Configuration, Parameter, Space},
    trial::Observation,
};

fn cube(dimensions: usize) -> Space {
    let parameter = |index| Parameter::float(format!("x{index}"), -5.0, 5.0);
    Space::new((0..dimensions).map(parameter).collect()).unwrap()
}

fn numbers(configuration: &Configuration) -> Vec<f64> {
    configuration.values().iter().map(|value| value.unwrap_or(f64::NAN)).collect()
}

/// Adds trials to `history` until it has `trials`.
fn go_on(
    space: &Space,
    history: &mut Vec<Observation>,
    (trials, seed): (usize, u64),
    loss: impl Fn(&[f64]) -> Option<f64>,
) {
    let mut sampler = samplers::by_name("cma_es").unwrap();
    while history.len() < trials {
        let number = history.len() as u64;
        let request = Request { space, history, pending: &[], number, seed };
        let configuration = sampler.suggest(&request).unwrap();
        let loss = loss(&numbers(&configuration));
        history.push(Observation::new(configuration, loss));
    }
}

fn study(
    space: &Space,
    trials: (usize, u64),
    loss: impl Fn(&[f64]) -> Option<f64>,
) -> Vec<Observation> {
    let mut history = Vec::new();
    go_on(space, &mut history, trials, loss);
    history
}

fn best(history: &[Observation]) -> f64 {
    history.iter().filter_map(|trial| trial.loss).fold(f64::INFINITY, f64::min)
}

/// The first trial whose loss is below `target`.
fn reached(history: &[Observation], target: f64) -> usize {
    let hit = history.iter().position(|trial| trial.loss.is_some_and(|loss| loss < target));
    hit.unwrap_or(history.len())
}

fn ellipsoid(x: &[f64]) -> f64 {
    let weight = |index: usize| 10f64.powf(6.0 * index as f64 / (x.len() - 1) as f64);
    x.iter().enumerate().map(|(index, x)| weight(index) * (x - 0.7).powi(2)).sum()
}

fn median(mut values: Vec<usize>) -> usize {
    values.sort_unstable();
    values[values.len() / 2]
}

#[test]
fn smooth_functions_are_solved_to_many_digits() {
    let sphere = |x: &[f64]| x.iter().map(|x| (x - 1.3).powi(2)).sum::<f64>();
    let rosenbrock = |x: &[f64]| -> f64 {
        let term =
            |pair: &[f64]| 100.0 * (pair[1] - pair[0].powi(2)).powi(2) + (1.0 - pair[0]).powi(2);
        x.windows(2).map(term).sum()
    };
    type Loss<'a> = &'a dyn Fn(&[f64]) -> f64;
    let cases: [(&str, usize, usize, f64, Loss<'_>); 4] = [
        ("sphere", 5, 800, 1e-8, &sphere),
        ("sphere", 15, 2000, 1e-6, &sphere),
        ("ellipsoid", 4, 1500, 1e-8, &ellipsoid),
        ("rosenbrock", 3, 1500, 1e-8, &rosenbrock),
    ];
    for (name, dimensions, trials, target, loss) in cases {
        for seed in 0..5 {
            let found = best(&study(&cube(dimensions), (trials, seed), |x| Some(loss(x))));
            assert!(found < target, "{name} {dimensions}, seed {seed}: {found:e}");
        }
    }
}

#[test]
fn turning_the_function_costs_little() {
    let space = cube(4);
    let turned = |x: &[f64]| {
        let mut x: Vec<f64> = x.iter().map(|x| x - 0.7).collect();
        for first in 0..3 {
            let (a, b) = (x[first], x[first + 1]);
            (x[first], x[first + 1]) = (0.6 * a - 0.8 * b, 0.8 * a + 0.6 * b);
        }
        ellipsoid(&x.iter().map(|x| x + 0.7).collect::<Vec<_>>())
    };
    let needed = |loss: &dyn Fn(&[f64]) -> f64| {
        median(
            (0..9)
                .map(|seed| reached(&study(&space, (2500, seed), |x| Some(loss(x))), 1e-6))
                .collect(),
        )
    };
    let (straight, turned) = (needed(&ellipsoid), needed(&turned));
    assert!(straight < 1500 && turned * 10 < straight * 13, "{straight} straight, {turned} turned");
}

#[test]
fn only_the_order_of_the_losses_counts() {
    let space = cube(3);
    let loss = |x: &[f64]| x.iter().map(|x| (x - 1.0).abs()).sum::<f64>();
    let plain = study(&space, (80, 3), |x| Some(loss(x)));
    let warped = study(&space, (80, 3), |x| Some(-1e6 + loss(x).powi(3)));
    assert!(plain.iter().zip(&warped).all(|(one, other)| one.configuration == other.configuration));
}

#[test]
fn ints_stay_alive_while_floats_converge() {
    let space = Space::new(vec![
        Parameter::float("x", -5.0, 5.0),
        Parameter::float("y", -5.0, 5.0),
        Parameter::int("n", -20, 20),
        Parameter::int("m", 1, 256).log(),
    ])
    .unwrap();
    for seed in 0..5 {
        let history = study(&space, (400, seed), |x| {
            Some(
                (x[0] - 1.0).powi(2)
                    + (x[1] + 2.0).powi(2)
                    + (x[2] - 7.0).abs()
                    + (x[3] - 30.0).abs(),
            )
        });
        let found = best(&history);
        assert!(found < 1e-4, "seed {seed}: {found:e}");
        for parameter in [2, 3] {
            let late =
                history[300..].iter().map(|trial| trial.configuration.get(parameter).unwrap());
            let mut values: Vec<f64> = late.collect();
            values.sort_by(f64::total_cmp);
            values.dedup();
            assert!(
                values.len() > 2,
                "seed {seed}: parameter {parameter} has settled on {values:?}"
            );
        }
    }
}

#[test]
fn choices_are_found_with_what_belongs_to_them() {
    let space = Space::new(vec![
        Parameter::categorical("model", ["tree", "net", "none"]),
        Parameter::float("depth", 0.0, 1.0).when("model", ["tree"]),
        Parameter::float("rate", 0.0, 1.0).when("model", ["net"]),
        Parameter::categorical("kind", ["a", "b", "c", "d"]),
    ])
    .unwrap();
    for seed in 0..5 {
        let history = study(&space, (150, seed), |x| {
            let kind = (x[3] - 2.0).abs();
            Some(kind + if x[0] == 1.0 { (x[2] - 0.8).powi(2) } else { 0.3 })
        });
        assert!(best(&history) < 1e-4, "seed {seed}: {:e}", best(&history));
        let late = &history[100..];
        let hits = late.iter().filter(|trial| trial.configuration.get(3) == Some(2.0)).count();
        assert!(hits > 25, "seed {seed}: the right kind {hits} times of 50");
    }
}

#[test]
fn a_fresh_sampler_says_what_a_used_one_says() {
    let space = Space::new(vec![
        Parameter::float("x", 1e-4, 1.0).log(),
        Parameter::int("n", 1, 9),
        Parameter::categorical("c", ["a", "b", "d"]),
        Parameter::float("y", 0.0, 1.0).when("c", ["b"]),
    ])
    .unwrap();
    let loss = |x: &[f64]| (x[1] != 4.0).then(|| x[0].ln().abs() + (x[1] - 6.0).abs() + x[2]);
    let history = study(&space, (120, 8), loss);
    for number in 0..120 {
        let (known, number) = (&history[..number], number as u64);
        let request = Request { space: &space, history: known, pending: &[], number, seed: 8 };
        let fresh = samplers::by_name("cma_es").unwrap().suggest(&request).unwrap();
        assert_eq!(fresh, history[number as usize].configuration, "{number}");
    }
}

#[test]
fn it_goes_on_from_what_others_found() {
    let space = cube(4);
    let loss = |x: &[f64]| Some(x.iter().map(|x| (x - 2.1).powi(2)).sum::<f64>());
    let (mut warm, mut cold) = (Vec::new(), Vec::new());
    for seed in 0..9 {
        let mut sampler = samplers::by_name("tpe").unwrap();
        let mut history = Vec::new();
        for number in 0..60 {
            let request = Request { space: &space, history: &history, pending: &[], number, seed };
            let configuration = sampler.suggest(&request).unwrap();
            let loss = loss(&numbers(&configuration));
            history.push(Observation::new(configuration, loss));
        }
        go_on(&space, &mut history, (400, seed), loss);
        warm.push(reached(&history, 1e-4) - 60);
        cold.push(reached(&study(&space, (400, seed), loss), 1e-4));
    }
    let (warm, cold) = (median(warm), median(cold));
    assert!(warm < cold, "{warm} trials after 60 of TPE, {cold} from nothing");
    // A user's guess: the search begins there.
    let guess = Configuration::new(vec![Some(-4.0), Some(3.0), Some(-2.0), Some(4.5)]);
    let mut history = vec![Observation::new(guess.clone(), Some(0.5))];
    go_on(&space, &mut history, (9, 1), |_| Some(1.0));
    for trial in &history[1..] {
        let far = trial.configuration.values().iter().zip(guess.values());
        let squares: f64 = far.map(|(x, guess)| (x.unwrap() - guess.unwrap()).powi(2)).sum();
        assert!(squares.sqrt() < 8.0, "{trial:?}");
    }
    let mean =
        |index| history[1..].iter().map(|t| t.configuration.get(index).unwrap()).sum::<f64>() / 8.0;
    assert!(mean(0) < -2.0 && mean(3) > 2.0, "{} {}", mean(0), mean(3));
}

#[test]
fn trials_in_between_are_used() {
    // Somebody else tells the optimum in the middle of a generation.
    let space = cube(3);
    let loss = |x: &[f64]| x.iter().map(|x| (x - 4.0).powi(2)).sum::<f64>();
    let distance = |told: bool| -> f64 {
        (0..9)
            .map(|seed| {
                let mut history = study(&space, (10, seed), |x| Some(loss(x)));
                if told {
                    let values = vec![Some(4.0); 3];
                    history.push(Observation::new(Configuration::new(values), Some(0.0)));
                }
                go_on(&space, &mut history, (26, seed), |x| Some(loss(x)));
                history[18..].iter().filter_map(|trial| trial.loss).sum::<f64>() / 8.0
            })
            .sum()
    };
    let (told, alone) = (distance(true), distance(false));
    assert!(told < alone, "{told} with the foreign trial, {alone} without");
}

#[test]
fn failures_everywhere_do_not_pin_it_down() {
    let space = cube(2);
    // Only a corner works.
    let history =
        study(&space, (300, 2), |x| (x[0] > 2.0 && x[1] > 2.0).then(|| (x[0] - 3.0).abs()));
    assert!(best(&history) < 0.01, "{:e}", best(&history));
    // A wall next to the optimum.
    let history =
        study(&space, (200, 2), |x| (x[0] < 1.0).then(|| (x[0] - 0.9).powi(2) + x[1].powi(2)));
    assert!(best(&history) < 1e-3, "{:e}", best(&history));
}

#[test]
fn an_optimum_in_a_corner_is_reached() {
    for seed in 0..5 {
        let history = study(&cube(4), (300, seed), |x| Some(x.iter().map(|x| 5.0 - x).sum()));
        assert!(best(&history) < 0.05, "{:e}", best(&history));
    }
}

#[test]
fn it_starts_again_when_it_has_converged() {
    // Two basins; the wider one is worse.
    let loss = |x: &[f64]| {
        let wide = 1.0 + 0.1 * x.iter().map(|x| (x + 2.0).powi(2)).sum::<f64>();
        let narrow = x.iter().map(|x| (x - 3.5).powi(2)).sum::<f64>();
        Some(wide.min(narrow))
    };
    let found = |trials| {
        (0..20).filter(|&seed| best(&study(&cube(2), (trials, seed), loss)) < 1e-6).count()
    };
    let (one_run, many_runs) = (found(600), found(3000));
    assert!(many_runs >= 10 && many_runs >= one_run + 5, "{one_run} and {many_runs} of 20");
}

#[test]
fn parallel_trials_are_different_and_serve() {
    let space = cube(3);
    let mut history: Vec<Observation> = Vec::new();
    let mut sampler = samplers::by_name("cma_es").unwrap();
    for batch in 0..60 {
        let mut pending: Vec<Configuration> = Vec::new();
        for place in 0..5 {
            let (number, seed) = (5 * batch + place, 4);
            let request =
                Request { space: &space, history: &history, pending: &pending, number, seed };
            let configuration = sampler.suggest(&request).unwrap();
            assert!(!pending.contains(&configuration));
            pending.push(configuration);
        }
        // They finish in another order than they began.
        pending.rotate_left(batch as usize % 5);
        for configuration in pending {
            let loss = Some(numbers(&configuration).iter().map(|x| (x - 1.0).powi(2)).sum());
            history.push(Observation::new(configuration, loss));
        }
    }
    assert!(best(&history) < 1e-3, "{:e}", best(&history));
}

#[test]
fn bad_options_are_refused() {
    let changes: [fn(&mut CmaEsOptions); 7] = [
        |options| options.n_startup_trials = 0,
        |options| options.sigma0 = 0.0,
        |options| options.sigma0 = f64::NAN,
        |options| options.popsize = Some(3),
        |options| options.popsize = Some(5000),
        |options| options.inc_popsize = 0.5,
        |options| options.categorical_learning_rate = 1.5,
    ];
    for change in changes {
        let mut options = CmaEsOptions::default();
        change(&mut options);
        let error = CmaEsSampler::new(options.clone()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidValue, "{options:?}");
        assert!(error.context().contains("CMA-ES option"), "{error}");
    }
    let mut options = CmaEsOptions::default();
    options.popsize = Some(12);
    assert_eq!(CmaEsSampler::new(options.clone()).unwrap().options(), &options);
}

//! What local search in particular must hold, beyond what every sampler does (`samplers.rs`).
#![cfg(feature = "classical")]

use optiformer::{
    ErrorKind,
    samplers::{self, LocalSearchOptions, LocalSearchSampler, Request},
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

/// Adds trials of a sampler to `history` until it has `trials`.
fn go_on(
    sampler: &str,
    space: &Space,
    history: &mut Vec<Observation>,
    (trials, seed): (usize, u64),
    loss: impl Fn(&[f64]) -> Option<f64>,
) {
    let mut sampler = samplers::by_name(sampler).unwrap();
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
    go_on("local_search", space, &mut history, trials, loss);
    history
}

fn best(history: &[Observation]) -> f64 {
    history.iter().filter_map(|trial| trial.loss).fold(f64::INFINITY, f64::min)
}

fn ellipsoid(x: &[f64]) -> f64 {
    let weight = |index: usize| 10f64.powf(3.0 * index as f64 / (x.len() - 1) as f64);
    x.iter().enumerate().map(|(index, x)| weight(index) * (x - 0.7).powi(2)).sum()
}

fn rosenbrock(x: &[f64]) -> f64 {
    let term = |pair: &[f64]| 100.0 * (pair[1] - pair[0].powi(2)).powi(2) + (1.0 - pair[0]).powi(2);
    x.windows(2).map(term).sum()
}

#[test]
fn smooth_functions_take_few_trials() {
    let sphere = |x: &[f64]| x.iter().map(|x| (x - 1.3).powi(2)).sum::<f64>();
    type Loss<'a> = &'a dyn Fn(&[f64]) -> f64;
    let cases: [(&str, usize, usize, f64, Loss<'_>); 5] = [
        ("sphere", 2, 20, 1e-6, &sphere),
        ("sphere", 6, 60, 1e-6, &sphere),
        ("ellipsoid", 4, 60, 1e-6, &ellipsoid),
        ("rosenbrock", 2, 100, 1e-2, &rosenbrock),
        ("rosenbrock", 3, 150, 1e-2, &rosenbrock),
    ];
    for (name, dimensions, trials, target, loss) in cases {
        for seed in 0..8 {
            let found = best(&study(&cube(dimensions), (trials, seed), |x| Some(loss(x))));
            assert!(found < target, "{name} {dimensions}, seed {seed}: {found:e}");
        }
    }
}

#[test]
fn kinks_and_corners_are_no_obstacle() {
    for seed in 0..5 {
        let kinked =
            study(&cube(3), (150, seed), |x| Some(x.iter().map(|x| (x + 2.0).abs()).sum()));
        assert!(best(&kinked) < 1e-2, "seed {seed}: {:e}", best(&kinked));
        let corner = study(&cube(5), (40, seed), |x| Some(x.iter().map(|x| 5.0 - x).sum()));
        assert_eq!(best(&corner), 0.0, "seed {seed}");
    }
}

#[test]
fn whole_numbers_and_choices_are_met_exactly() {
    let ints = (0..4).map(|index| Parameter::int(format!("n{index}"), -30, 30));
    let space = Space::new(ints.collect()).unwrap();
    for seed in 0..5 {
        let found = study(&space, (60, seed), |x| {
            Some(x.iter().enumerate().map(|(i, x)| (x - 5.0 * i as f64).powi(2)).sum())
        });
        assert_eq!(best(&found), 0.0, "seed {seed}");
    }
    let space = Space::new(vec![
        Parameter::categorical("model", ["tree", "net", "none"]),
        Parameter::int("depth", 1, 20).when("model", ["tree"]),
        Parameter::float("rate", 1e-4, 1.0).log().when("model", ["net"]),
        Parameter::categorical("kind", ["a", "b", "c", "d"]),
        Parameter::float("share", 0.0, 1.0).step(0.05),
    ])
    .unwrap();
    for seed in 0..5 {
        let history = study(&space, (120, seed), |x| {
            let model = if x[0] == 1.0 { (x[2].ln() - 0.01f64.ln()).powi(2) } else { 0.5 };
            Some(model + (x[3] - 2.0).abs() + (x[4] - 0.35).abs())
        });
        assert!(best(&history) < 1e-3, "seed {seed}: {:e}", best(&history));
    }
}

#[test]
fn categories_alone_are_searched_without_repeats() {
    let choices = |name: &str| Parameter::categorical(name, (0..6).map(f64::from));
    let space = Space::new(vec![choices("a"), choices("b"), choices("c")]).unwrap();
    for seed in 0..5 {
        let history =
            study(&space, (100, seed), |x| Some((x[0] - x[1]).abs() + (x[2] - 4.0).abs() + x[0]));
        assert_eq!(best(&history), 0.0, "seed {seed}");
        for (index, trial) in history.iter().enumerate() {
            let same = |other: &Observation| other.configuration == trial.configuration;
            assert!(!history[..index].iter().any(same), "seed {seed}: trial {index} is a repeat");
        }
    }
}

#[test]
fn trials_of_others_are_used() {
    // Thirty random trials determine a quadratic in three dimensions; what is left is to go where
    // it is lowest.
    let space = cube(3);
    let loss = |x: &[f64]| {
        let (a, b, c) = (x[0] - 0.6, x[1] + 0.3, x[2] - 0.4);
        Some(a * a + 2.0 * b * b + c * c + a * b - 0.5 * b * c)
    };
    for seed in 0..8 {
        let mut history = Vec::new();
        go_on("random", &space, &mut history, (30, seed), loss);
        go_on("local_search", &space, &mut history, (36, seed), loss);
        assert!(best(&history) < 1e-4, "seed {seed}: {:e}", best(&history));
    }
}

#[test]
fn the_scale_of_the_loss_does_not_matter() {
    let space = cube(3);
    let plain = study(&space, (60, 3), |x| Some(rosenbrock(x)));
    let scaled = study(&space, (60, 3), |x| Some(rosenbrock(x) * 1024.0));
    assert!(plain.iter().zip(&scaled).all(|(one, other)| one.configuration == other.configuration));
}

#[test]
fn a_wall_of_failures_is_respected() {
    for seed in 0..5 {
        // The optimum lies on the wall.
        let history = study(&cube(2), (80, seed), |x| {
            (x[0] <= 1.0).then(|| (x[0] - 2.0).powi(2) + (x[1] + 1.0).powi(2))
        });
        assert!(best(&history) < 1.25, "seed {seed}: {:e}", best(&history));
        let failed = history.iter().filter(|trial| trial.loss.is_none()).count();
        assert!(failed < 55, "seed {seed}: {failed} of 80 beyond the wall");
    }
}

#[test]
fn it_starts_again_when_it_has_converged() {
    let loss = |x: &[f64]| {
        let wide = 1.0 + 0.1 * x.iter().map(|x| (x + 2.0).powi(2)).sum::<f64>();
        let narrow = x.iter().map(|x| (x - 3.5).powi(2)).sum::<f64>();
        Some(wide.min(narrow))
    };
    let found = |trials| {
        (0..20).filter(|&seed| best(&study(&cube(2), (trials, seed), loss)) < 1e-6).count()
    };
    let (one_run, many_runs) = (found(30), found(300));
    assert!(many_runs >= 15 && many_runs > one_run + 5, "{one_run} and {many_runs} of 20");
}

#[test]
fn noise_does_not_lead_it_astray() {
    let clean = |x: &[f64]| x.iter().map(|x| (x - 1.0).powi(2)).sum::<f64>();
    let space = cube(3);
    let regret = |sampler: &str, seed| {
        let mut history = Vec::new();
        let noisy = |x: &[f64]| {
            // As good as random, and the same again for the same place.
            let bits = x.iter().fold(seed, |bits: u64, x| {
                (bits ^ x.to_bits()).wrapping_mul(0x9E37_79B9_7F4A_7C15)
            });
            let noise = (bits >> 11) as f64 / (1u64 << 53) as f64 - 0.5;
            Some(clean(x) + noise)
        };
        go_on(sampler, &space, &mut history, (80, seed), noisy);
        let found = history.iter().min_by(|a, b| a.loss.unwrap().total_cmp(&b.loss.unwrap()));
        clean(&numbers(&found.unwrap().configuration))
    };
    let wins =
        (0..20).filter(|&seed| regret("local_search", seed) < regret("random", seed)).count();
    assert!(wins >= 18, "better than random search in {wins} of 20 runs");
}

#[test]
fn parallel_trials_keep_apart_and_serve() {
    let space = cube(3);
    let mut history: Vec<Observation> = Vec::new();
    let mut sampler = samplers::by_name("local_search").unwrap();
    for batch in 0..20 {
        let mut pending: Vec<Configuration> = Vec::new();
        for place in 0..4 {
            let (number, seed) = (4 * batch + place, 4);
            let request =
                Request { space: &space, history: &history, pending: &pending, number, seed };
            let configuration = sampler.suggest(&request).unwrap();
            assert!(!pending.contains(&configuration));
            pending.push(configuration);
        }
        for configuration in pending {
            let loss = Some(numbers(&configuration).iter().map(|x| (x - 1.0).powi(2)).sum());
            history.push(Observation::new(configuration, loss));
        }
    }
    assert!(best(&history) < 1e-4, "{:e}", best(&history));
}

#[test]
fn bad_options_are_refused() {
    let changes: [fn(&mut LocalSearchOptions); 7] = [
        |options| options.n_startup_trials = 0,
        |options| options.initial_radius = 0.6,
        |options| options.shrink_factor = 1.0,
        |options| options.min_radius = 0.0,
        |options| options.kappa = -1.0,
        |options| options.kappa = f64::NAN,
        |options| options.categorical_every = 1,
    ];
    for change in changes {
        let mut options = LocalSearchOptions::default();
        change(&mut options);
        let error = LocalSearchSampler::new(options.clone()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidValue, "{options:?}");
        assert!(error.context().contains("local search option"), "{error}");
    }
    let mut options = LocalSearchOptions::default();
    options.n_startup_trials = 9;
    assert_eq!(LocalSearchSampler::new(options.clone()).unwrap().options(), &options);
}

//! The runs that `tests/scripts/compare_samplers.py` holds against Optuna's samplers.
//!
//! The script has the same problems; it checks that their values agree.
//!
//!     SAMPLER=tpe SEEDS=1 BUDGETS=25,50 cargo run --release --example sampler_runs

use std::{env, f64::consts::TAU, time::Instant};

use optiformer::{
    samplers::{self, Request},
    space::{Configuration, Parameter, Space},
    trial::Observation,
};

/// Name and number of parameters of each problem.
const PROBLEMS: &[(&str, usize)] = &[
    ("sphere", 2),
    ("sphere", 6),
    ("sphere", 10),
    ("ellipsoid", 4),
    ("ellipsoid", 8),
    ("turned", 4),
    ("rosenbrock", 2),
    ("rosenbrock", 3),
    ("rosenbrock", 5),
    ("powers", 5),
    ("absolute", 3),
    ("corner", 4),
    ("rastrigin", 2),
    ("rastrigin", 4),
    ("ackley", 4),
    ("griewank", 5),
    ("styblinski", 4),
    ("terrace", 4),
    ("levy", 3),
    ("ints", 4),
    ("mixed", 4),
    ("kinds", 6),
    ("conditional", 5),
];

/// Where the optimum of a function lies, dimension by dimension, in [−3, 3].
fn optimum(seed: u64, dimension: usize) -> f64 {
    let place = (seed + 1) as f64 * 0.754_877_666 + (dimension + 1) as f64 * 0.569_840_296;
    6.0 * (place - place.floor()) - 3.0
}

fn squared(x: f64) -> f64 {
    x * x
}

/// The value at `x`, the distance from the optimum; 0 is the least.
fn shifted_value(problem: &str, x: &[f64]) -> f64 {
    let count = x.len() as f64;
    let squares = x.iter().map(|x| x * x).sum::<f64>();
    let ellipsoid = |x: &[f64]| -> f64 {
        let weight = |i: usize| 10f64.powf(3.0 * i as f64 / (count - 1.0));
        x.iter().enumerate().map(|(i, x)| weight(i) * x * x).sum()
    };
    match problem {
        "sphere" => squares,
        "ellipsoid" => ellipsoid(x),
        "turned" => {
            // Every pair of neighbors turned by 0.7 in its plane.
            let mut x = x.to_vec();
            for i in 1..x.len() {
                let (a, b) = (x[i - 1], x[i]);
                x[i - 1] = 0.7f64.cos() * a - 0.7f64.sin() * b;
                x[i] = 0.7f64.sin() * a + 0.7f64.cos() * b;
            }
            ellipsoid(&x)
        }
        "rosenbrock" => x
            .windows(2)
            .map(|pair| {
                let (a, b) = (pair[0] + 1.0, pair[1] + 1.0);
                100.0 * squared(b - a * a) + squared(1.0 - a)
            })
            .sum(),
        "powers" => x
            .iter()
            .enumerate()
            .map(|(i, x)| x.abs().powf(2.0 + 4.0 * i as f64 / (count - 1.0)))
            .sum(),
        "absolute" => x.iter().enumerate().map(|(i, x)| (i as f64 + 1.0) * x.abs()).sum(),
        "rastrigin" => 10.0 * count + x.iter().map(|x| x * x - 10.0 * (TAU * x).cos()).sum::<f64>(),
        "ackley" => {
            let waves = x.iter().map(|x| (TAU * x).cos()).sum::<f64>();
            20.0 - 20.0 * (-0.2 * (squares / count).sqrt()).exp() + 1f64.exp()
                - (waves / count).exp()
        }
        "griewank" => {
            let waves: f64 = x
                .iter()
                .enumerate()
                .map(|(i, x)| (4.0 * x / (i as f64 + 1.0).sqrt()).cos())
                .product();
            1.0 + squares / 10.0 - waves
        }
        "styblinski" => x
            .iter()
            .map(|x| {
                let x = x - 2.903_534_027_771_18;
                0.5 * (x * x * x * x - 16.0 * x * x + 5.0 * x) + 39.166_165_703_771_42
            })
            .sum(),
        "terrace" => x.iter().map(|x| squared((2.0 * x).round()) + 0.01 * x * x).sum(),
        "levy" => {
            let w: Vec<f64> = x.iter().map(|x| 1.0 + x / 4.0).collect();
            let last = w[w.len() - 1];
            let inner: f64 = w[..w.len() - 1]
                .iter()
                .map(|w| squared(w - 1.0) * (1.0 + 10.0 * squared((TAU / 2.0 * w + 1.0).sin())))
                .sum();
            squared((TAU / 2.0 * w[0]).sin())
                + inner
                + squared(last - 1.0) * (1.0 + squared((TAU * last).sin()))
        }
        _ => unreachable!("no problem {problem}"),
    }
}

fn value(problem: &str, configuration: &Configuration, seed: u64) -> f64 {
    let x: Vec<f64> =
        configuration.values().iter().map(|value| value.unwrap_or(f64::NAN)).collect();
    match problem {
        // The optimum is a corner of the space.
        "corner" => x
            .iter()
            .enumerate()
            .map(|(i, x)| if optimum(seed, i) < 0.0 { x + 5.0 } else { 5.0 - x })
            .enumerate()
            .map(|(i, x)| (i as f64 + 1.0) * (x + 0.1 * x * x))
            .sum(),
        "ints" => x
            .iter()
            .enumerate()
            .map(|(i, x)| 3f64.powi(i as i32) * squared(x - (10.0 * optimum(seed, i)).round()))
            .sum(),
        "mixed" => {
            let log_rate = x[0].ln() - 0.01f64.ln() - optimum(seed, 0) / 2.0;
            let units = (x[1] - 32.0) / 16.0 - optimum(seed, 1) / 3.0;
            let batch = x[2].log2() - 4.0 - optimum(seed, 2) / 2.0;
            log_rate * log_rate / 4.0 + units * units + batch * batch / 4.0 + x[3] * 0.5
        }
        "kinds" => {
            let costs = [0.0, 1.0, 2.0, 4.0];
            let cost = |i: usize| costs[(x[3 + i] as usize + seed as usize + i) % 4];
            let first = squared(x[0] - optimum(seed, 0) + 0.25 * cost(0));
            first
                + squared(x[1] - optimum(seed, 1))
                + squared(x[2] - optimum(seed, 2))
                + (0..3).map(cost).sum::<f64>()
        }
        "conditional" => {
            let shared = squared(x[1] - optimum(seed, 0)) / 4.0;
            if x[0] == 0.0 {
                let units = x[3].log2() - 3.0;
                shared + squared(x[2] - optimum(seed, 1)) + units * units / 4.0
            } else {
                shared + 1.0 + squared(x[4] - optimum(seed, 2))
            }
        }
        _ => {
            let shifted: Vec<f64> =
                x.iter().enumerate().map(|(i, x)| x - optimum(seed, i)).collect();
            shifted_value(problem, &shifted)
        }
    }
}

fn space(problem: &str, dimensions: usize) -> Space {
    let float = |index: usize| Parameter::float(format!("x{index}"), -5.0, 5.0);
    let kind = |index: usize| Parameter::categorical(format!("k{index}"), ["a", "b", "c", "d"]);
    let parameters = match problem {
        "mixed" => vec![
            Parameter::float("rate", 1e-4, 1.0).log(),
            Parameter::int("units", 1, 64),
            Parameter::int("batch", 1, 256).log(),
            Parameter::categorical("kind", ["a", "b", "c"]),
        ],
        "ints" => (0..dimensions).map(|i| Parameter::int(format!("x{i}"), -50, 50)).collect(),
        "kinds" => (0..3).map(float).chain((0..3).map(kind)).collect(),
        "conditional" => vec![
            Parameter::categorical("kind", ["net", "tree"]),
            float(0),
            float(1).when("kind", ["net"]),
            Parameter::int("units", 1, 64).log().when("kind", ["net"]),
            float(2).when("kind", ["tree"]),
        ],
        _ => (0..dimensions).map(float).collect(),
    };
    Space::new(parameters).unwrap()
}

/// Prints `run PROBLEM DIMENSIONS SEED SECONDS BEST…`, the best value after each of the budgets,
/// and for each problem one `check PROBLEM DIMENSIONS SEED VALUE X…`.
fn main() {
    let sampler = env::var("SAMPLER").expect("SAMPLER: a sampler's name");
    let seeds: u64 = env::var("SEEDS").expect("SEEDS: how many").parse().unwrap();
    let budgets: Vec<usize> = env::var("BUDGETS")
        .expect("BUDGETS: numbers of trials, rising, with commas")
        .split(',')
        .map(|budget| budget.parse().unwrap())
        .collect();
    let trials = *budgets.last().unwrap() as u64;
    for (problem, dimensions) in PROBLEMS {
        let space = space(problem, *dimensions);
        for seed in 0..seeds {
            let (mut sampler, mut history) = (samplers::by_name(&sampler).unwrap(), Vec::new());
            let mut seconds = 0.0;
            for number in 0..trials {
                let request =
                    Request { space: &space, history: &history, pending: &[], number, seed };
                let start = Instant::now();
                let configuration = sampler.suggest(&request).unwrap();
                seconds += start.elapsed().as_secs_f64();
                let loss = Some(value(problem, &configuration, seed));
                history.push(Observation::new(configuration, loss));
            }
            let best = |budget: &usize| {
                let losses = history[..*budget].iter().filter_map(|trial| trial.loss);
                format!("{:e}", losses.fold(f64::INFINITY, f64::min))
            };
            let bests: Vec<String> = budgets.iter().map(best).collect();
            let mean = seconds / trials as f64;
            println!("run {problem} {dimensions} {seed} {mean:e} {}", bests.join(" "));
        }
        let middle = space.from_unit(&vec![0.4; space.len()]);
        let x: Vec<String> =
            middle.values().iter().map(|x| format!("{:e}", x.unwrap_or(f64::NAN))).collect();
        let value = value(problem, &middle, 1);
        println!("check {problem} {dimensions} 1 {value:e} {}", x.join(" "));
    }
}

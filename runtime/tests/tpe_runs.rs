//! The runs that `tests/scripts/compare_tpe.py` holds against Optuna's TPE.
//!
//! The script has the same functions; change both or none.
#![cfg(feature = "classical")]

use std::{f64::consts::TAU, time::Instant};

use optiformer::{
    samplers::{Request, Sampler, TpeSampler},
    space::{Parameter, Space},
    trial::Observation,
};

const TRIALS: u64 = 50;
const SEEDS: u64 = 20;

/// Where the optimum of a function lies, dimension by dimension, in [−3, 3].
fn optimum(seed: u64, dimension: usize) -> f64 {
    let place = (seed + 1) as f64 * 0.754_877_666 + (dimension + 1) as f64 * 0.569_840_296;
    6.0 * (place - place.floor()) - 3.0
}

fn value(function: &str, x: &[f64]) -> f64 {
    let count = x.len() as f64;
    let squares = x.iter().map(|x| x * x).sum::<f64>();
    match function {
        "sphere" => squares,
        "ellipsoid" => x
            .iter()
            .enumerate()
            .map(|(i, x)| 10f64.powf(3.0 * i as f64 / (count - 1.0)) * x * x)
            .sum(),
        "rosenbrock" => x
            .windows(2)
            .map(|pair| {
                let (a, b) = (pair[0] + 1.0, pair[1] + 1.0);
                100.0 * (b - a * a).powi(2) + (1.0 - a).powi(2)
            })
            .sum(),
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
        "mixed" => {
            let log_rate = x[0].ln() - (0.01f64).ln() - optimum(x[4] as u64, 0) / 2.0;
            let units = (x[1] - 32.0) / 16.0 - optimum(x[4] as u64, 1) / 3.0;
            let batch = x[2].log2() - 4.0 - optimum(x[4] as u64, 2) / 2.0;
            log_rate * log_rate / 4.0 + units * units + batch * batch / 4.0 + x[3] * 0.5
        }
        _ => unreachable!("no function {function}"),
    }
}

fn space(function: &str, dimensions: usize) -> Space {
    if function == "mixed" {
        return Space::new(vec![
            Parameter::float("rate", 1e-4, 1.0).log(),
            Parameter::int("units", 1, 64),
            Parameter::int("batch", 1, 256).log(),
            Parameter::categorical("kind", ["a", "b", "c"]),
        ])
        .unwrap();
    }
    let name = |index| format!("x{index}");
    Space::new((0..dimensions).map(|index| Parameter::float(name(index), -5.0, 5.0)).collect())
        .unwrap()
}

#[test]
#[ignore = "prints runs for tests/scripts/compare_tpe.py"]
fn print_runs() {
    let functions = [
        ("sphere", 2),
        ("sphere", 6),
        ("ellipsoid", 4),
        ("rosenbrock", 3),
        ("rastrigin", 2),
        ("rastrigin", 4),
        ("ackley", 4),
        ("griewank", 5),
        ("mixed", 4),
    ];
    for (function, dimensions) in functions {
        let space = space(function, dimensions);
        for seed in 0..SEEDS {
            let (mut sampler, mut history) = (TpeSampler::default(), Vec::new());
            let mut seconds = 0.0;
            for number in 0..TRIALS {
                let start = Instant::now();
                let request =
                    Request { space: &space, history: &history, pending: &[], number, seed };
                let configuration = sampler.suggest(&request).unwrap();
                seconds += start.elapsed().as_secs_f64();
                let mut x: Vec<f64> = configuration.values().iter().map(|x| x.unwrap()).collect();
                if function == "mixed" {
                    x.push(seed as f64);
                } else {
                    x.iter_mut().enumerate().for_each(|(i, x)| *x -= optimum(seed, i));
                }
                history.push(Observation { configuration, loss: Some(value(function, &x)) });
            }
            let best = history.iter().filter_map(|t| t.loss).fold(f64::INFINITY, f64::min);
            println!("run {function} {dimensions} {seed} {best:e} {:e}", seconds / TRIALS as f64);
        }
    }
}

//! Test functions with known optima, shifted and rotated at random in every instance.
//!
//! The definitions follow Surjanovic and Bingham's Virtual Library of Simulation Experiments and,
//! where marked, the BBOB suite (Hansen, Finck, Ros and Auger 2009, INRIA report RR-6829). Nothing
//! of them is in the training data.

use rand::{RngExt, SeedableRng};

use crate::random::{self, SeededRng};

/// A function over `[-5, 5]^d` with its minimum 0 at the origin, before an instance moves it.
#[derive(Clone, Copy, Debug)]
pub struct BenchmarkFunction {
    /// The name, as reports have it.
    pub name: &'static str,
    /// Whether instances rotate it.
    pub rotated: bool,
    formula: fn(&[f64]) -> f64,
}

/// Every function.
pub const BENCHMARK_FUNCTIONS: &[BenchmarkFunction] = &[
    BenchmarkFunction { name: "sphere", rotated: false, formula: sphere },
    BenchmarkFunction { name: "rastrigin", rotated: false, formula: rastrigin },
    BenchmarkFunction { name: "rosenbrock", rotated: false, formula: rosenbrock },
    BenchmarkFunction { name: "ackley", rotated: false, formula: ackley },
    BenchmarkFunction { name: "levy", rotated: false, formula: levy },
    BenchmarkFunction { name: "ellipsoid", rotated: true, formula: ellipsoid },
    BenchmarkFunction { name: "different-powers", rotated: true, formula: different_powers },
    BenchmarkFunction { name: "sharp-ridge", rotated: true, formula: sharp_ridge },
    BenchmarkFunction { name: "step-ellipsoid", rotated: true, formula: step_ellipsoid },
    BenchmarkFunction { name: "griewank", rotated: true, formula: griewank },
    BenchmarkFunction { name: "schaffer-f7", rotated: true, formula: schaffer },
    BenchmarkFunction { name: "attractive-sector", rotated: true, formula: attractive_sector },
    BenchmarkFunction { name: "rotated-rastrigin", rotated: true, formula: rastrigin },
    BenchmarkFunction { name: "rotated-rosenbrock", rotated: true, formula: rosenbrock },
    BenchmarkFunction { name: "discus", rotated: true, formula: discus },
    BenchmarkFunction { name: "bent-cigar", rotated: true, formula: bent_cigar },
    BenchmarkFunction { name: "zakharov", rotated: false, formula: zakharov },
    BenchmarkFunction { name: "absolute-sum", rotated: true, formula: absolute_sum },
    BenchmarkFunction { name: "styblinski-tang", rotated: false, formula: styblinski_tang },
    BenchmarkFunction { name: "weierstrass", rotated: true, formula: weierstrass },
    BenchmarkFunction { name: "griewank-rosenbrock", rotated: true, formula: griewank_rosenbrock },
    BenchmarkFunction { name: "katsuura", rotated: true, formula: katsuura },
    BenchmarkFunction { name: "gallagher", rotated: true, formula: gallagher },
    BenchmarkFunction { name: "lunacek", rotated: true, formula: lunacek },
];

/// One instance: a function with a place for its optimum and a rotation.
#[derive(Clone, Debug)]
pub struct BenchmarkInstance {
    function: BenchmarkFunction,
    optimum: Vec<f64>,
    rotation: Vec<Vec<f64>>,
}

impl BenchmarkInstance {
    /// The instance `seed` of a function of `dimensions` parameters, its optimum uniform over the
    /// middle nine tenths of each side.
    pub fn new(function: BenchmarkFunction, dimensions: usize, seed: u64) -> Self {
        let mut rng = SeededRng::seed_from_u64(seed ^ 0x0B5E_55ED);
        let optimum = (0..dimensions).map(|_| rng.random_range(-4.5..4.5)).collect();
        let rotation = if function.rotated {
            random::rotation(dimensions, &mut rng)
        } else {
            identity(dimensions)
        };
        Self { function, optimum, rotation }
    }

    /// The value at a point of the unit cube; at least 0, and 0 at the optimum.
    pub fn evaluate(&self, unit: &[f64]) -> f64 {
        let centered: Vec<f64> =
            unit.iter().zip(&self.optimum).map(|(unit, best)| unit * 10.0 - 5.0 - best).collect();
        let turned: Vec<f64> = self
            .rotation
            .iter()
            .map(|row| row.iter().zip(&centered).map(|(a, b)| a * b).sum())
            .collect();
        (self.function.formula)(&turned)
    }

    /// Where the optimum lies in the unit cube.
    pub fn optimum(&self) -> Vec<f64> {
        self.optimum.iter().map(|best| (best + 5.0) / 10.0).collect()
    }
}

fn identity(dimensions: usize) -> Vec<Vec<f64>> {
    (0..dimensions)
        .map(|row| (0..dimensions).map(|column| f64::from(u8::from(row == column))).collect())
        .collect()
}

/// The exponent `i / (d − 1)` of BBOB's conditioning; 0 in one dimension.
fn share(index: usize, dimensions: usize) -> f64 {
    if dimensions < 2 { 0.0 } else { index as f64 / (dimensions - 1) as f64 }
}

fn sphere(x: &[f64]) -> f64 {
    x.iter().map(|x| x * x).sum()
}

fn rastrigin(x: &[f64]) -> f64 {
    x.iter().map(|x| x * x + 10.0 * (1.0 - (std::f64::consts::TAU * x).cos())).sum()
}

fn rosenbrock(x: &[f64]) -> f64 {
    // The usual form has its optimum at one; it is moved to the origin.
    let y: Vec<f64> = x.iter().map(|x| 0.5 * x + 1.0).collect();
    y.windows(2)
        .map(|pair| 100.0 * (pair[1] - pair[0] * pair[0]).powi(2) + (1.0 - pair[0]).powi(2))
        .sum()
}

fn ackley(x: &[f64]) -> f64 {
    let count = x.len() as f64;
    let square = sphere(x) / count;
    let wave = x.iter().map(|x| (std::f64::consts::TAU * x).cos()).sum::<f64>() / count;
    20.0 - 20.0 * (-0.2 * square.sqrt()).exp() + std::f64::consts::E - wave.exp()
}

fn levy(x: &[f64]) -> f64 {
    let w: Vec<f64> = x.iter().map(|x| 1.0 + x / 2.0).collect();
    let pi = std::f64::consts::PI;
    let last = w[w.len() - 1];
    (pi * w[0]).sin().powi(2)
        + w[..w.len() - 1]
            .iter()
            .map(|w| (w - 1.0).powi(2) * (1.0 + 10.0 * (pi * w + 1.0).sin().powi(2)))
            .sum::<f64>()
        + (last - 1.0).powi(2) * (1.0 + (std::f64::consts::TAU * last).sin().powi(2))
}

/// BBOB f10 at condition 10⁴.
fn ellipsoid(x: &[f64]) -> f64 {
    x.iter().enumerate().map(|(i, v)| 1e4_f64.powf(share(i, x.len())) * v * v).sum()
}

/// BBOB f14.
fn different_powers(x: &[f64]) -> f64 {
    let sum: f64 =
        x.iter().enumerate().map(|(i, v)| v.abs().powf(2.0 + 4.0 * share(i, x.len()))).sum();
    sum.sqrt()
}

/// BBOB f13.
fn sharp_ridge(x: &[f64]) -> f64 {
    x[0] * x[0] + 100.0 * sphere(&x[1..]).sqrt()
}

/// BBOB f7, without its boundary penalty.
fn step_ellipsoid(x: &[f64]) -> f64 {
    let stepped = x.iter().enumerate().map(|(i, v)| {
        let step = if v.abs() > 0.5 { (v + 0.5).floor() } else { (10.0 * v + 0.5).floor() / 10.0 };
        100_f64.powf(share(i, x.len())) * step * step
    });
    0.1 * stepped.sum::<f64>().max(x[0].abs() / 1e4)
}

fn griewank(x: &[f64]) -> f64 {
    let product: f64 =
        x.iter().enumerate().map(|(i, v)| (v * 4.0 / ((i + 1) as f64).sqrt()).cos()).product();
    1.0 + sphere(x) / 10.0 - product
}

/// BBOB f17 at condition 10.
fn schaffer(x: &[f64]) -> f64 {
    if x.len() < 2 {
        return sphere(x);
    }
    let z: Vec<f64> =
        x.iter().enumerate().map(|(i, v)| 10_f64.sqrt().powf(share(i, x.len())) * v).collect();
    let mean = z
        .windows(2)
        .map(|pair| {
            let s = pair[0].hypot(pair[1]);
            s.sqrt() * (1.0 + (50.0 * s.powf(0.2)).sin().powi(2))
        })
        .sum::<f64>()
        / (x.len() - 1) as f64;
    mean * mean
}

/// BBOB f6: a hundred times steeper on one side of the optimum.
fn attractive_sector(x: &[f64]) -> f64 {
    let sum: f64 = x.iter().map(|v| if *v > 0.0 { (100.0 * v).powi(2) } else { v * v }).sum();
    sum.powf(0.9)
}

/// BBOB f11 at condition 10⁴.
fn discus(x: &[f64]) -> f64 {
    1e4 * x[0] * x[0] + sphere(&x[1..])
}

/// BBOB f12 at condition 10⁴.
fn bent_cigar(x: &[f64]) -> f64 {
    x[0] * x[0] + 1e4 * sphere(&x[1..])
}

fn zakharov(x: &[f64]) -> f64 {
    let slope: f64 = x.iter().enumerate().map(|(i, v)| 0.5 * (i + 1) as f64 * v).sum();
    sphere(x) + slope.powi(2) + slope.powi(4)
}

/// Schwefel's problem 2.22 without the product, which overflows in many dimensions.
fn absolute_sum(x: &[f64]) -> f64 {
    x.iter().enumerate().map(|(i, v)| 10_f64.powf(share(i, x.len())) * v.abs()).sum()
}

fn styblinski_tang(x: &[f64]) -> f64 {
    // The least value of t⁴ − 16·t² + 5·t, and where it is.
    const BEST: f64 = -2.903_534_027_771_177;
    const LEAST: f64 = -78.332_331_407_542_83;
    x.iter()
        .map(|v| {
            let t = v + BEST;
            0.5 * (t.powi(4) - 16.0 * t * t + 5.0 * t - LEAST).max(0.0)
        })
        .sum()
}

/// BBOB f16 without its penalty: rugged, with many optima nearly as good.
fn weierstrass(x: &[f64]) -> f64 {
    let wave = |v: f64| -> f64 {
        (0..12)
            .map(|k| {
                let frequency = std::f64::consts::TAU * 3_f64.powi(k);
                0.5_f64.powi(k) * (1.0 - (frequency * v).cos())
            })
            .sum()
    };
    let mean = x.iter().map(|v| wave(v / 10.0)).sum::<f64>() / x.len() as f64;
    10.0 * mean.powi(3) + 0.01 * sphere(x)
}

/// BBOB f19.
fn griewank_rosenbrock(x: &[f64]) -> f64 {
    let z: Vec<f64> = x.iter().map(|v| 0.5 * v + 1.0).collect();
    if z.len() < 2 {
        return sphere(x);
    }
    let sum: f64 = z
        .windows(2)
        .map(|pair| {
            let s = 100.0 * (pair[0] * pair[0] - pair[1]).powi(2) + (pair[0] - 1.0).powi(2);
            s / 4000.0 - s.cos() + 1.0
        })
        .sum();
    10.0 * sum / (z.len() - 1) as f64
}

/// BBOB f23 without its penalty: regular and rugged everywhere.
fn katsuura(x: &[f64]) -> f64 {
    let count = x.len() as f64;
    let product: f64 = x
        .iter()
        .enumerate()
        .map(|(i, v)| {
            let rugged: f64 = (1..=20)
                .map(|j| {
                    let power = 2_f64.powi(j);
                    (power * v - (power * v).round()).abs() / power
                })
                .sum();
            (1.0 + (i + 1) as f64 * rugged).powf(10.0 / count.powf(1.2))
        })
        .product();
    10.0 / (count * count) * (product - 1.0) + 0.01 * sphere(x)
}

/// After BBOB f21: 21 peaks of different widths and heights, with no structure between them.
fn gallagher(x: &[f64]) -> f64 {
    let peak = |number: usize| -> f64 {
        // The highest peak is at the origin; the others lie on a lattice that no axis is parallel
        // to.
        let height = if number == 0 { 10.0 } else { 1.1 + 8.0 * (number - 1) as f64 / 19.0 };
        let width = if number == 0 { 1.0 } else { 0.3 + 0.15 * (number % 7) as f64 };
        let distance: f64 = x
            .iter()
            .enumerate()
            .map(|(i, v)| {
                let place = (number as f64 * (0.618_033_988 + 0.324_717_957 * i as f64)).fract();
                let center = if number == 0 { 0.0 } else { 9.0 * place - 4.5 };
                (v - center) * (v - center)
            })
            .sum();
        height * (-distance * width / (2.0 * x.len() as f64)).exp()
    };
    let highest = (0..21).map(peak).fold(0.0, f64::max);
    (10.0 - highest).max(0.0).powf(1.2)
}

/// BBOB f24, Lunacek's double Rastrigin: the wider funnel does not hold the optimum.
fn lunacek(x: &[f64]) -> f64 {
    const FIRST: f64 = 2.5;
    let count = x.len() as f64;
    let s = 1.0 - 1.0 / (2.0 * (count + 20.0).sqrt() - 8.2);
    let second = -((FIRST * FIRST - 1.0) / s).sqrt();
    let funnel = |center: f64| x.iter().map(|v| (v + FIRST - center).powi(2)).sum::<f64>();
    let smooth = funnel(FIRST).min(count + s * funnel(second));
    let waves: f64 = x.iter().map(|v| 1.0 - (std::f64::consts::TAU * v).cos()).sum();
    smooth + 10.0 * waves
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_family_has_its_minimum_at_the_optimum() {
        let mut rng = SeededRng::seed_from_u64(5);
        for function in BENCHMARK_FUNCTIONS {
            for dimensions in [2, 3, 6, 20] {
                let instance = BenchmarkInstance::new(*function, dimensions, 11);
                let best = instance.evaluate(&instance.optimum());
                assert!(best.abs() < 1e-7, "{} has {best} at its optimum", function.name);
                for _ in 0..500 {
                    let unit: Vec<f64> = (0..dimensions).map(|_| rng.random()).collect();
                    assert!(instance.evaluate(&unit) >= best, "{}", function.name);
                }
            }
        }
    }

    #[test]
    fn instances_differ_and_repeat() {
        for function in BENCHMARK_FUNCTIONS {
            let [one, again, other] = [1, 1, 2]
                .map(|seed| BenchmarkInstance::new(*function, 3, seed).evaluate(&[0.3, 0.4, 0.5]));
            assert_eq!(one, again);
            assert_ne!(one, other);
        }
    }
}

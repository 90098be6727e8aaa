//! Distortions of a landscape: mis-declared scales, heavy tails, plateaus.

use rand::RngExt;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::{Landscape, random::normal};

/// What is done to the values.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Output {
    Plain,
    /// Heavy tail: `exp(rate · z)`.
    Exponential(f64),
    /// Flat near the middle or steep there: `|z|^power` with z's sign.
    Power(f64),
    /// Plateaus: rounded to steps of this size.
    Steps(f64),
    /// Nothing is told apart above this level: most of the space is a plateau.
    Ceiling(f64),
}

/// A landscape with its axes bent and its values transformed.
pub struct Warped {
    inner: Box<dyn Landscape>,
    /// Kumaraswamy's distribution function `1 − (1 − x^a)^b` for each axis, as `(a, b)`.
    axes: Vec<(f64, f64)>,
    output: Output,
    /// Mean and deviation of the inner values, so that the output's shape does not depend on their scale.
    mean: f64,
    deviation: f64,
}

impl Warped {
    /// Bends some of the axes and transforms the values.
    pub fn draw(
        inner: Box<dyn Landscape>,
        dimensions: usize,
        generator: &mut Xoshiro256PlusPlus,
    ) -> Self {
        let axes = (0..dimensions)
            .map(|_| {
                if generator.random_bool(0.4) {
                    ((0.6 * normal(generator)).exp(), (0.6 * normal(generator)).exp())
                } else {
                    (1.0, 1.0)
                }
            })
            .collect();
        let output = match generator.random_range(0..10) {
            0..4 => Output::Plain,
            4..6 => Output::Exponential(generator.random_range(0.5..2.5)),
            6..8 => Output::Power((0.5 * normal(generator)).exp()),
            8 => Output::Steps(generator.random_range(0.1..0.6)),
            _ => Output::Ceiling(generator.random_range(-1.0..0.5)),
        };
        let values: Vec<f64> = (0..64)
            .map(|_| {
                let unit: Vec<f64> = (0..dimensions).map(|_| generator.random()).collect();
                inner.evaluate(&unit)
            })
            .collect();
        let mean = values.iter().sum::<f64>() / 64.0;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / 64.0;
        Self { inner, axes, output, mean, deviation: variance.sqrt().max(1e-12) }
    }
}

impl Landscape for Warped {
    fn evaluate(&self, unit: &[f64]) -> f64 {
        let bent: Vec<f64> = unit
            .iter()
            .zip(&self.axes)
            .map(
                |(x, (a, b))| {
                    if *a == 1.0 && *b == 1.0 { *x } else { 1.0 - (1.0 - x.powf(*a)).powf(*b) }
                },
            )
            .collect();
        let z = (self.inner.evaluate(&bent) - self.mean) / self.deviation;
        match self.output {
            Output::Plain => z,
            Output::Exponential(rate) => (rate * z).min(30.0).exp(),
            Output::Power(power) => z.abs().powf(power).copysign(z),
            Output::Steps(size) => (z / size).floor() * size,
            Output::Ceiling(level) => z.min(level),
        }
    }

    fn description(&self) -> String {
        format!("{}, warped ({:?})", self.inner.description(), self.output)
    }
}

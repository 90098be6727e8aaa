//! Draws from Gaussian processes, as sums of random cosines.
//!
//! A stationary kernel of unit variance is the Fourier transform of a probability distribution of
//! frequencies `ω` (Bochner's theorem). With `ω` drawn from it, phases `b` uniform and amplitudes `a` normal,
//! `f(x) = √(2/M) Σ a cos(ω·x + b)` over `M` terms has exactly that kernel as covariance, and tends to the Gaussian
//! process as `M` grows (Rahimi and Recht 2007). The frequencies, per unit of the length scale:
//!
//! - RBF: normal.
//! - Matérn-ν: multivariate Student t with 2ν degrees of freedom, a normal vector times `√(2ν / χ²)`.
//! - Periodic, `exp(−2 sin²(πδ/p)/ℓ²)` in each dimension: `2πn/p` with `n` the difference of two Poisson numbers of mean
//!   `1/(2ℓ²)`, since the kernel's Fourier coefficients `e^{−κ} I_n(κ)`, `κ = 1/ℓ²`, are the Skellam distribution's.

use rand::RngExt;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::{
    Landscape,
    random::{chi_squared, log_normal, normal, poisson, rotation},
};

/// A kernel's family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// Squared exponential: very smooth.
    Rbf,
    /// Once differentiable.
    Matern15,
    /// Twice differentiable.
    Matern25,
    /// Repeats itself along each axis.
    Periodic,
}

/// How many cosines a draw sums.
const TERMS: usize = 128;
/// Length scales have this median, in sides of the cube, times the square root of the number of dimensions…
const LENGTH_SCALE: f64 = 0.3;
/// …and this standard deviation of their logarithm.
const LENGTH_SPREAD: f64 = 0.7;
/// The share of dimensions that do not matter.
const IRRELEVANT: f64 = 0.25;

/// A drawn function: a Gaussian process, a quadratic trend, and a linear one.
#[derive(Clone, Debug)]
pub struct GpPrior {
    kernel: Kernel,
    /// `[TERMS, dimensions]`.
    frequencies: Vec<f64>,
    phases: Vec<f64>,
    amplitudes: Vec<f64>,
    /// `weight · |A (x − middle)|²`, with `A` by rows.
    bowl: Option<Bowl>,
    slope: Vec<f64>,
}

#[derive(Clone, Debug)]
struct Bowl {
    rows: Vec<Vec<f64>>,
    middle: Vec<f64>,
}

impl GpPrior {
    /// A draw with random kernel, length scales and trends.
    pub fn draw(dimensions: usize, generator: &mut Xoshiro256PlusPlus) -> Self {
        let kernel = match generator.random_range(0..10) {
            0..3 => Kernel::Rbf,
            3..5 => Kernel::Matern15,
            5..9 => Kernel::Matern25,
            _ => Kernel::Periodic,
        };
        let wide = (dimensions as f64).sqrt();
        let mut relevant: Vec<bool> =
            (0..dimensions).map(|_| !generator.random_bool(IRRELEVANT)).collect();
        // Something must matter.
        let certain = generator.random_range(0..dimensions);
        relevant[certain] = true;
        let lengths: Vec<f64> = relevant
            .iter()
            .map(|relevant| {
                let length = log_normal(LENGTH_SCALE * wide, LENGTH_SPREAD, generator);
                if *relevant { length.max(0.05) } else { f64::INFINITY }
            })
            .collect();
        let mut drawn = Self::with(kernel, &lengths, generator);
        // A trend, from negligible to so strong that the process is only a ripple on it.
        if generator.random_bool(0.65) {
            drawn.bowl = Some(Bowl::draw(&relevant, generator));
        }
        if generator.random_bool(0.3) {
            let strength = log_normal(1.0, 1.0, generator);
            for (slope, relevant) in drawn.slope.iter_mut().zip(&relevant) {
                *slope = if *relevant { strength * normal(generator) } else { 0.0 };
            }
        }
        if drawn.bowl.is_some() && generator.random_bool(0.2) {
            drawn.amplitudes.fill(0.0);
        }
        drawn
    }

    /// A draw from the process alone, with one length scale per dimension; infinite for one that does not matter. The
    /// periodic kernel's period is the length scale, and its own scale `ℓ` is 1.
    pub fn with(kernel: Kernel, lengths: &[f64], generator: &mut Xoshiro256PlusPlus) -> Self {
        let dimensions = lengths.len();
        let mut frequencies = Vec::with_capacity(TERMS * dimensions);
        for _ in 0..TERMS {
            let stretch = match kernel {
                Kernel::Rbf | Kernel::Periodic => 1.0,
                Kernel::Matern15 => (3.0 / chi_squared(3, generator)).sqrt(),
                Kernel::Matern25 => (5.0 / chi_squared(5, generator)).sqrt(),
            };
            frequencies.extend(lengths.iter().map(|length| {
                if kernel == Kernel::Periodic {
                    let step =
                        f64::from(poisson(0.5, generator)) - f64::from(poisson(0.5, generator));
                    std::f64::consts::TAU * step / length
                } else {
                    normal(generator) * stretch / length
                }
            }));
        }
        let scale = (2.0 / TERMS as f64).sqrt();
        Self {
            kernel,
            frequencies,
            phases: (0..TERMS)
                .map(|_| generator.random_range(0.0..std::f64::consts::TAU))
                .collect(),
            amplitudes: (0..TERMS).map(|_| scale * normal(generator)).collect(),
            bowl: None,
            slope: vec![0.0; dimensions],
        }
    }
}

impl Bowl {
    fn draw(relevant: &[bool], generator: &mut Xoshiro256PlusPlus) -> Self {
        let dimensions = relevant.len();
        // Some middles lie outside the cube: then the optimum is on its surface.
        let middle = (0..dimensions).map(|_| generator.random_range(-0.15..1.15)).collect();
        let strength = log_normal(2.0, 1.2, generator);
        let spread = generator.random_range(0.0..1.5);
        let mut rows = if generator.random_bool(0.5) {
            rotation(dimensions, generator)
        } else {
            (0..dimensions)
                .map(|row| {
                    (0..dimensions).map(|column| f64::from(u8::from(row == column))).collect()
                })
                .collect()
        };
        for row in &mut rows {
            let stretch = strength * (spread * normal(generator)).exp();
            for (value, relevant) in row.iter_mut().zip(relevant) {
                *value *= if *relevant { stretch } else { 0.0 };
            }
        }
        Self { rows, middle }
    }

    fn evaluate(&self, unit: &[f64]) -> f64 {
        let along = |row: &Vec<f64>| -> f64 {
            row.iter().zip(unit.iter().zip(&self.middle)).map(|(a, (x, m))| a * (x - m)).sum()
        };
        self.rows.iter().map(|row| along(row).powi(2)).sum()
    }
}

impl Landscape for GpPrior {
    fn evaluate(&self, unit: &[f64]) -> f64 {
        let mut value: f64 = self.slope.iter().zip(unit).map(|(slope, x)| slope * x).sum();
        if let Some(bowl) = &self.bowl {
            value += bowl.evaluate(unit);
        }
        let rows = self.frequencies.chunks_exact(unit.len());
        for ((frequencies, phase), amplitude) in rows.zip(&self.phases).zip(&self.amplitudes) {
            let angle: f64 = frequencies.iter().zip(unit).map(|(w, x)| w * x).sum();
            value += amplitude * (angle + phase).cos();
        }
        value
    }

    fn description(&self) -> String {
        let bowl = if self.bowl.is_some() { " on a bowl" } else { "" };
        format!("{:?} process{bowl}", self.kernel)
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn covariance(kernel: Kernel, length: f64, one: &[f64], other: &[f64]) -> f64 {
        let mut generator = Xoshiro256PlusPlus::seed_from_u64(42);
        let draws = 6000;
        (0..draws)
            .map(|_| {
                let draw = GpPrior::with(kernel, &[length, length], &mut generator);
                draw.evaluate(one) * draw.evaluate(other)
            })
            .sum::<f64>()
            / f64::from(draws)
    }

    #[test]
    fn draws_have_the_kernel_as_covariance() {
        let (one, other) = ([0.2, 0.3], [0.35, 0.5]);
        let distance = 0.25_f64;
        let length = 0.3;
        let r = distance / length;
        let periodic =
            |delta: f64| (-2.0 * (std::f64::consts::PI * delta / length).sin().powi(2)).exp();
        let expected = [
            (Kernel::Rbf, (-0.5 * r * r).exp()),
            (Kernel::Matern15, (1.0 + 3f64.sqrt() * r) * (-(3f64.sqrt()) * r).exp()),
            (
                Kernel::Matern25,
                (1.0 + 5f64.sqrt() * r + 5.0 * r * r / 3.0) * (-(5f64.sqrt()) * r).exp(),
            ),
            (Kernel::Periodic, periodic(0.15) * periodic(0.2)),
        ];
        for (kernel, value) in expected {
            // Six thousand products of two correlated normals: a standard error of at most 0.02.
            let measured = covariance(kernel, length, &one, &other);
            assert!((measured - value).abs() < 0.06, "{kernel:?}: {measured} for {value}");
            let variance = covariance(kernel, length, &one, &one);
            assert!((variance - 1.0).abs() < 0.08, "{kernel:?}: variance {variance}");
        }
    }

    #[test]
    fn irrelevant_dimensions_do_not_matter() {
        let mut generator = Xoshiro256PlusPlus::seed_from_u64(2);
        let draw = GpPrior::with(Kernel::Matern25, &[0.3, f64::INFINITY], &mut generator);
        assert_eq!(draw.evaluate(&[0.4, 0.1]), draw.evaluate(&[0.4, 0.9]));
        assert_ne!(draw.evaluate(&[0.4, 0.1]), draw.evaluate(&[0.5, 0.1]));
    }
}

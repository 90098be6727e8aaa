//! Stationary covariance functions and their spectral densities.

use std::f64::consts::TAU;

use rand::RngExt;

use crate::random::{self, SeededRng, chi_squared, gamma, log_uniform, normal, poisson};

/// The shape of a covariance function (Rasmussen and Williams, *Gaussian Processes for Machine
/// Learning*, 2006, section 4.2).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum KernelShape {
    /// `exp(−r²/2)`: infinitely smooth.
    Rbf,
    /// `(1 + √3 r) exp(−√3 r)`: once differentiable.
    Matern32,
    /// `(1 + √5 r + 5r²/3) exp(−√5 r)`: twice differentiable.
    Matern52,
    /// `Π exp(−2 sin²(π δ/p) / ℓ²)` over the coordinates' differences `δ`, with period `p`.
    Periodic {
        /// The period, in units of the cube's edge.
        period: f64,
    },
}

/// Share of smooth kernels.
const SMOOTH: f64 = 0.4;

/// A covariance function of some coordinates, each with its own length scale (automatic relevance
/// determination).
#[derive(Clone, Debug)]
pub struct Kernel {
    /// The shape.
    pub shape: KernelShape,
    /// The coordinates it looks at, and their length scales.
    pub scales: Vec<(usize, f64)>,
}

impl Kernel {
    /// A random shape with random length scales for `coordinates`.
    ///
    /// Length scales are log-normal, or Gamma(3) as BoTorch's classical prior has it. Their median
    /// grows with the root of the number of coordinates, as distances in the cube do: with a fixed
    /// one, functions of many coordinates would be noise (Hvarfner et al., *Vanilla Bayesian
    /// Optimization Performs Great in High Dimensions*, 2024). Two in five kernels that are not
    /// periodic are smooth, as the losses of learning algorithms mostly are: their length scales
    /// are those of the whole cube, and differ much more between coordinates, so that few of them
    /// matter.
    pub fn draw(coordinates: &[usize], rng: &mut SeededRng) -> Self {
        let shape = match random::weighted(&[3.0, 3.0, 3.0, 1.0], rng) {
            0 => KernelShape::Rbf,
            1 => KernelShape::Matern32,
            2 => KernelShape::Matern52,
            _ => KernelShape::Periodic { period: log_uniform(0.2, 2.0, rng) },
        };
        let root = (coordinates.len() as f64).sqrt();
        let smooth = rng.random_bool(SMOOTH);
        let (low, high) = if smooth { (0.3, 2.0) } else { (0.08, 0.45) };
        let typical = log_uniform(low, high, rng) * root;
        let gamma_scales = !smooth && rng.random_bool(0.4);
        let deviation = if smooth { 1.2 } else { 0.6 };
        let scales = coordinates.iter().map(|coordinate| {
            let scale = if let KernelShape::Periodic { .. } = shape {
                // In radians of the period: below about a half the harmonics get too many.
                log_uniform(0.5, 2.0, rng) * root
            } else if gamma_scales {
                typical * gamma(3.0, 1.0 / 3.0, rng)
            } else {
                typical * (deviation * normal(rng)).exp()
            };
            (*coordinate, scale.max(0.04))
        });
        Self { shape, scales: scales.collect() }
    }

    /// The covariance of the values at two points, 1 where they coincide.
    pub fn covariance(&self, one: &[f64], other: &[f64]) -> f64 {
        let difference = |coordinate: usize| one[coordinate] - other[coordinate];
        let squared = || -> f64 {
            self.scales
                .iter()
                .map(|(coordinate, scale)| (difference(*coordinate) / scale).powi(2))
                .sum()
        };
        match self.shape {
            KernelShape::Rbf => (-0.5 * squared()).exp(),
            KernelShape::Matern32 => {
                let distance = (3.0 * squared()).sqrt();
                (1.0 + distance) * (-distance).exp()
            }
            KernelShape::Matern52 => {
                let distance = (5.0 * squared()).sqrt();
                (1.0 + distance + distance * distance / 3.0) * (-distance).exp()
            }
            KernelShape::Periodic { period } => self
                .scales
                .iter()
                .map(|(coordinate, scale)| {
                    let sine = (TAU / 2.0 * difference(*coordinate) / period).sin();
                    (-2.0 * (sine / scale).powi(2)).exp()
                })
                .product(),
        }
    }

    /// Adds a frequency, in turns per unit, drawn from the kernel's spectral density, onto
    /// `frequency`.
    ///
    /// By Bochner's theorem a stationary covariance is the Fourier transform of a density:
    /// - RBF: normal with standard deviation `1/ℓ` radians;
    /// - Matérn-ν: Student's t with `2ν` degrees of freedom (Rasmussen and Williams, equation
    ///   4.15): a normal vector times `√(2ν/χ²)`, one `χ²` with `2ν` degrees for all coordinates;
    /// - periodic: `exp(−2 sin²(πδ/p)/ℓ²) = e⁻ᵃ e^{a cos(2πδ/p)} = Σₖ e⁻ᵃ Iₖ(a) cos(2πkδ/p)` with
    ///   `a = 1/ℓ²`: whole multiples of `1/p`, and `e⁻ᵃ Iₖ(a)` is the probability of `k` as the
    ///   difference of two Poisson numbers of mean `a/2` (Skellam 1946).
    ///
    /// A product of kernels has the sum of their frequencies (the convolution of the densities),
    /// hence the adding.
    pub fn add_frequency(&self, frequency: &mut [f64], rng: &mut SeededRng) {
        let spread = |degrees: usize, rng: &mut SeededRng| {
            (degrees as f64 / chi_squared(degrees, rng)).sqrt()
        };
        let spread = match self.shape {
            KernelShape::Rbf => 1.0,
            KernelShape::Matern32 => spread(3, rng),
            KernelShape::Matern52 => spread(5, rng),
            KernelShape::Periodic { period } => {
                for (coordinate, scale) in &self.scales {
                    let mean = 0.5 / (scale * scale);
                    let (up, down) = (poisson(mean, rng), poisson(mean, rng));
                    frequency[*coordinate] += (f64::from(up) - f64::from(down)) / period;
                }
                return;
            }
        };
        for (coordinate, scale) in &self.scales {
            frequency[*coordinate] += spread * normal(rng) / (scale * TAU);
        }
    }

    /// The shape's name.
    pub fn name(&self) -> &'static str {
        match self.shape {
            KernelShape::Rbf => "rbf",
            KernelShape::Matern32 => "matern32",
            KernelShape::Matern52 => "matern52",
            KernelShape::Periodic { .. } => "periodic",
        }
    }
}

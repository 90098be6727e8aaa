//! Fitting the hyperparameters: the marginal likelihood of the losses, its slope, and the priors.

use alloc::{vec, vec::Vec};

use super::{
    cholesky::{Cholesky, dot},
    kernel::{Differences, Hyperparameters, matern},
    minimise::{Limits, minimise},
};

/// The least variance of the noise, as a share of the losses' variance.
pub(super) const LEAST_NOISE: f64 = 1e-6;
/// Bounds of the logarithms of weights, scale and noise.
const WEIGHT: (f64, f64) = (-11.5, 9.2);
const SCALE: (f64, f64) = (-4.6, 4.6);
const NOISE: (f64, f64) = (-13.815_510_557_964_274, 0.0);

/// What fitting needs to know, and the memory it works in.
pub(super) struct Likelihood<'a> {
    differences: &'a Differences,
    losses: &'a [f64],
    columns: usize,
    factor: Cholesky,
    matrix: Vec<f64>,
    slopes: Vec<f64>,
    inverse: Vec<f64>,
    scratch: Vec<f64>,
}

impl<'a> Likelihood<'a> {
    /// Of standardised `losses`, `[n]`, at points whose pairs have these differences in `columns` columns.
    pub(super) fn new(differences: &'a Differences, losses: &'a [f64], columns: usize) -> Self {
        Self {
            differences,
            losses,
            columns,
            factor: Cholesky::default(),
            matrix: Vec::new(),
            slopes: Vec::new(),
            inverse: Vec::new(),
            scratch: Vec::new(),
        }
    }

    /// Improves hyperparameters by at most so many steps; returns them with their [loss](Self::loss).
    pub(super) fn improve(
        &mut self,
        from: &Hyperparameters,
        steps: usize,
    ) -> (Hyperparameters, f64) {
        let mut x: Vec<f64> = from.weights.iter().map(|weight| libm::log(*weight)).collect();
        x.push(libm::log(from.scale));
        x.push(libm::log(from.noise));
        let bounds = |pick: fn((f64, f64)) -> f64| {
            let mut all = vec![pick(WEIGHT); self.columns];
            all.extend([pick(SCALE), pick(NOISE)]);
            all
        };
        let (low, high) = (bounds(|pair| pair.0), bounds(|pair| pair.1));
        let limits = Limits { steps, evaluations: 2 * steps, slope: 1e-2, gain: 1e-3, first: 1.0 };
        let value = minimise(&mut x, &low, &high, limits, |x, gradient| self.loss(x, gradient));
        (from_logarithms(&x), value)
    }

    /// Minus the logarithm of the posterior density of the hyperparameters whose logarithms are `x`
    /// (`[columns + 2]`: weights, scale, noise), up to a constant; its slope goes into `gradient`. Infinite where the
    /// covariance is not positive definite.
    ///
    /// Rasmussen & Williams (2006), equations 2.30 and 5.9.
    pub(super) fn loss(&mut self, x: &[f64], gradient: &mut [f64]) -> f64 {
        let Hyperparameters { weights, scale, noise } = from_logarithms(x);
        let (size, columns) = (self.losses.len(), self.columns);
        self.matrix.clear();
        self.matrix.resize(size * size, 0.0);
        self.slopes.clear();
        let (matrix, slopes) = (&mut self.matrix, &mut self.slopes);
        self.differences.for_each(&weights, |i, j, _, squared| {
            let (value, slope) = matern(squared);
            matrix[i * size + j] = scale * value;
            slopes.push(scale * slope);
        });
        for i in 0..size {
            matrix[i * size + i] = scale + noise;
        }
        if !self.factor.factor(matrix, size) {
            return f64::INFINITY;
        }
        let mut alpha = self.losses.to_vec();
        self.factor.solve_lower(&mut alpha);
        let fit = dot(&alpha, &alpha);
        self.factor.solve_upper(&mut alpha);
        self.factor.inverse(&mut self.inverse, &mut self.scratch);

        // With G = K⁻¹ − α·αᵀ the slope by any θ is ½·Σ Gᵢⱼ·∂Kᵢⱼ/∂θ; pairs count twice.
        let inverse = &self.inverse;
        gradient.fill(0.0);
        let (mut by_scale, mut pair) = (0.0, 0);
        self.differences.for_each(&weights, |i, j, differences, _| {
            let g = inverse[i * size + j] - alpha[i] * alpha[j];
            by_scale += g * matrix[i * size + j];
            let share = g * slopes[pair];
            for (sum, difference) in gradient[..columns].iter_mut().zip(differences) {
                *sum += share * difference;
            }
            pair += 1;
        });
        let trace: f64 = (0..size).map(|i| inverse[i * size + i] - alpha[i] * alpha[i]).sum();
        for (sum, weight) in gradient[..columns].iter_mut().zip(&weights) {
            *sum *= weight;
        }
        gradient[columns] = by_scale + 0.5 * trace * scale;
        gradient[columns + 1] = 0.5 * trace * noise;
        let mut loss = 0.5 * (fit + self.factor.log_determinant());
        for (index, prior) in priors(&weights, scale, noise).enumerate() {
            loss += prior.0;
            gradient[index] += prior.1;
        }
        loss
    }
}

/// Minus the logarithms of the priors' densities, with the slopes by the logarithms, in the order of the hyperparameters.
///
/// Weights: `exp(−0.1/w − 0.1·w)`, flat between one hundredth and a hundred, against both vanishing and exploding length scales. Scale: Gamma(2, 1).
/// Noise: Gamma(1.1, 30), which prefers little. These are the priors that Optuna 5 has found to serve hyperparameter tuning.
fn priors(weights: &[f64], scale: f64, noise: f64) -> impl Iterator<Item = (f64, f64)> {
    weights.iter().map(|weight| (0.1 / weight + 0.1 * weight, 0.1 * weight - 0.1 / weight)).chain([
        (scale - libm::log(scale), scale - 1.0),
        (30.0 * noise - 0.1 * libm::log(noise), 30.0 * noise - 0.1),
    ])
}

fn from_logarithms(x: &[f64]) -> Hyperparameters {
    let columns = x.len() - 2;
    Hyperparameters {
        weights: x[..columns].iter().map(|logarithm| libm::exp(*logarithm)).collect(),
        scale: libm::exp(x[columns]),
        noise: libm::exp(x[columns + 1]).max(LEAST_NOISE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> (Vec<f64>, Vec<f64>) {
        let rows: Vec<f64> = (0..24)
            .map(|index| {
                if index % 3 == 2 {
                    f64::from(index % 2)
                } else {
                    libm::fmod(f64::from(index) * 0.37, 1.0)
                }
            })
            .collect();
        let losses = rows.chunks(3).map(|row| libm::sin(5.0 * row[0]) + row[1] * row[2]).collect();
        (rows, losses)
    }

    #[test]
    fn the_slope_is_the_finite_difference() {
        let (rows, losses) = rows();
        let differences = Differences::of(&rows, &[false, false, true]);
        let mut likelihood = Likelihood::new(&differences, &losses, 3);
        let x = [0.7, -1.0, 0.3, 0.2, -4.0];
        let mut gradient = [0.0; 5];
        likelihood.loss(&x, &mut gradient);
        for index in 0..5 {
            let mut at = |offset: f64| {
                let mut moved = x;
                moved[index] += offset;
                likelihood.loss(&moved, &mut [0.0; 5])
            };
            let slope = (at(1e-5) - at(-1e-5)) / 2e-5;
            assert!((slope - gradient[index]).abs() < 1e-5, "{index}: {slope} {}", gradient[index]);
        }
    }

    #[test]
    fn a_column_without_influence_loses_its_weight() {
        let mut rows = Vec::new();
        let mut losses = Vec::new();
        for index in 0..30 {
            let (a, b) = (f64::from(index) / 30.0, libm::fmod(f64::from(index) * 0.618, 1.0));
            rows.extend([a, b]);
            losses.push(1.4 * libm::sin(6.0 * a));
        }
        let differences = Differences::of(&rows, &[false, false]);
        let start = Hyperparameters { weights: vec![1.0; 2], scale: 1.0, noise: 1e-2 };
        let (fitted, loss) = Likelihood::new(&differences, &losses, 2).improve(&start, 60);
        let before = Likelihood::new(&differences, &losses, 2).improve(&start, 0).1;
        assert!(loss < before - 10.0, "{before} {loss}");
        assert!(fitted.weights[0] > 20.0 * fitted.weights[1], "{fitted:?}");
        assert!(fitted.noise < 1e-3, "{fitted:?}");
    }
}

//! A quadratic model of the objective around a point.

use alloc::vec::Vec;

use crate::math::{Cholesky, dot};

/// The regularized quadratic through scattered values.
///
/// The model is `q(u) = c + g·u + ½ uᵀHu` with independent normal priors, wide on `c` and `g` and
/// narrow on the elements of `H`. For exact data the posterior mean is Powell's quadratic with a
/// Hessian of least Frobenius norm (M. J. D. Powell, Least Frobenius norm updating of quadratic
/// models that satisfy interpolation conditions, Mathematical Programming 100 (2004)). It is
/// computed in the dual form, Gaussian-process regression with the kernel
/// `k(u, v) = κ_c + κ_g u·v + ½ (u·v)²`. A point's noise variance grows with the sixth power of its
/// distance, like the square of the missing cubic terms.
#[derive(Clone, Debug)]
pub(super) struct Quadratic {
    /// `[m, d]` by rows.
    points: Vec<f64>,
    dimensions: usize,
    factor: Cholesky,
    /// `K⁻¹ y`, `[m]`.
    weights: Vec<f64>,
    /// Maximum-likelihood scale of the kernel.
    scale: f64,
    constant: f64,
    gradient: Vec<f64>,
    /// `[d, d]`.
    hessian: Vec<f64>,
}

/// Prior variances κ_c and κ_g, far above that of the Hessian: constant and slope are nearly free.
const CONSTANT: f64 = 1e3;
const SLOPE: f64 = 30.0;

/// Grid of noise variances: of the cubic terms at distance 1, and everywhere. The likeliest pair is
/// used.
const NOISE_GRID: [(f64, f64); 6] =
    [(1e-8, 1e-9), (1e-5, 1e-9), (1e-2, 1e-9), (1.0, 1e-9), (1e-2, 1e-2), (1.0, 1.0)];

impl Quadratic {
    /// Fits `values` `[m]` at `points` `[m, dimensions]`, offsets from the center; at least one
    /// point.
    pub fn fit(points: Vec<f64>, dimensions: usize, values: &[f64]) -> Self {
        let count = values.len();
        let row = |index: usize| &points[index * dimensions..][..dimensions];
        let mut kernel = alloc::vec![0.0; count * count];
        for one in 0..count {
            for other in 0..=one {
                kernel[one * count + other] = covariance(row(one), row(other));
            }
        }
        let distances: Vec<f64> = (0..count).map(|index| dot(row(index), row(index))).collect();
        let mut best: Option<(f64, Cholesky, Vec<f64>, f64)> = None;
        for (cubic, noise) in NOISE_GRID {
            let mut matrix = kernel.clone();
            for (index, square) in distances.iter().enumerate() {
                matrix[index * count + index] +=
                    noise + 1e-9 * CONSTANT + cubic * square * square * square;
            }
            let Some(factor) = Cholesky::new(matrix, count) else { continue };
            let weights = factor.solve(values);
            let scale = (dot(&weights, values) / count as f64).max(f64::MIN_POSITIVE);
            // Log likelihood with the best scale, up to constants.
            let likelihood = -0.5 * count as f64 * libm::log(scale) - factor.half_log_determinant();
            if best.as_ref().is_none_or(|(most, ..)| likelihood > *most) {
                best = Some((likelihood, factor, weights, scale));
            }
        }
        let (_, factor, weights, scale) =
            best.expect("with the largest noise the matrix is positive definite");
        let mut gradient = alloc::vec![0.0; dimensions];
        let mut hessian = alloc::vec![0.0; dimensions * dimensions];
        for (index, weight) in weights.iter().enumerate() {
            let point = row(index);
            for (a, x) in point.iter().enumerate() {
                gradient[a] += SLOPE * weight * x;
                for (b, y) in point.iter().enumerate() {
                    hessian[a * dimensions + b] += weight * x * y;
                }
            }
        }
        let constant = CONSTANT * weights.iter().sum::<f64>();
        Self { points, dimensions, factor, weights, scale, constant, gradient, hessian }
    }

    /// `q(u)`.
    pub fn value(&self, u: &[f64]) -> f64 {
        let curved: f64 = u
            .iter()
            .enumerate()
            .map(|(row, x)| x * dot(&self.hessian[row * self.dimensions..][..self.dimensions], u))
            .sum();
        self.constant + dot(&self.gradient, u) + 0.5 * curved
    }

    /// Posterior standard deviation at `u`.
    pub fn deviation(&self, u: &[f64]) -> f64 {
        let covariances: Vec<f64> = self
            .points
            .chunks_exact(self.dimensions)
            .map(|point| covariance(point, u))
            .take(self.weights.len())
            .collect();
        let known = self.factor.solve_lower(&covariances);
        libm::sqrt((covariance(u, u) - dot(&known, &known)).max(0.0) * self.scale)
    }

    /// Minimizes the model in the box `[low, high]` by coordinate descent from `start`.
    ///
    /// The first `low.len()` coordinates move. Where the Hessian is indefinite the result is a
    /// local minimum.
    pub fn minimize_in_box(&self, start: &[f64], low: &[f64], high: &[f64]) -> Vec<f64> {
        let d = self.dimensions;
        let mut u = start.to_vec();
        let mut slopes: Vec<f64> =
            (0..d).map(|row| self.gradient[row] + dot(&self.hessian[row * d..][..d], &u)).collect();
        for _ in 0..MAX_SWEEPS {
            let mut moved = 0.0f64;
            for index in 0..low.len() {
                let (slope, curvature) = (slopes[index], self.hessian[index * d + index]);
                let (down, up) = (low[index] - u[index], high[index] - u[index]);
                let step = if curvature > 0.0 {
                    (-slope / curvature).clamp(down, up)
                } else {
                    // Concave: the minimum is at one of the ends.
                    let change = |step: f64| slope * step + 0.5 * curvature * step * step;
                    if change(down) < change(up) { down } else { up }
                };
                let gain = -(slope * step + 0.5 * curvature * step * step);
                if step == 0.0 || gain.is_nan() || gain <= 0.0 {
                    continue;
                }
                u[index] += step;
                moved = moved.max(step.abs());
                for (row, slope) in slopes.iter_mut().enumerate() {
                    *slope += step * self.hessian[row * d + index];
                }
            }
            if moved < 1e-6 {
                break;
            }
        }
        u
    }
}

/// Most sweeps of the descent; more would only refine digits beyond the model's accuracy.
const MAX_SWEEPS: usize = 100;

fn covariance(u: &[f64], v: &[f64]) -> f64 {
    let product = dot(u, v);
    CONSTANT + SLOPE * product + 0.5 * product * product
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_xoshiro::Xoshiro256PlusPlus;

    use super::*;

    /// A quadratic with its minimum at (0.3, −0.2, 0.1), and 16 points.
    fn data() -> (Vec<f64>, Vec<f64>) {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(2);
        let points: Vec<f64> = (0..48).map(|_| 2.0 * rng.random::<f64>() - 1.0).collect();
        let value = |u: &[f64]| {
            let (a, b, c) = (u[0] - 0.3, u[1] + 0.2, u[2] - 0.1);
            2.0 + a * a + 3.0 * b * b + 0.5 * c * c + a * b - 0.3 * b * c
        };
        let values = points.chunks_exact(3).map(value).collect();
        (points, values)
    }

    #[test]
    fn a_quadratic_is_found_again() {
        let (points, values) = data();
        let model = Quadratic::fit(points.clone(), 3, &values);
        for (point, value) in points.chunks_exact(3).zip(&values) {
            assert!((model.value(point) - value).abs() < 1e-4, "{point:?}");
        }
        let lowest = model.minimize_in_box(&[0.0; 3], &[-1.0; 3], &[1.0; 3]);
        for (got, want) in lowest.iter().zip([0.3, -0.2, 0.1]) {
            assert!((got - want).abs() < 1e-3, "{lowest:?}");
        }
        // The box is active.
        let lowest = model.minimize_in_box(&[0.0; 3], &[-1.0, -0.1, -1.0], &[0.2, 1.0, 1.0]);
        assert!(lowest[0] <= 0.2 && lowest[1] >= -0.1, "{lowest:?}");
        assert!((lowest[1] + 0.1).abs() < 1e-9, "{lowest:?}");
    }

    #[test]
    fn few_points_give_a_slope_and_doubt_elsewhere() {
        // Along the first coordinate only.
        let points = alloc::vec![0.0, 0.0, 1.0, 0.0, -1.0, 0.0];
        let model = Quadratic::fit(points, 2, &[0.0, 1.0, -1.0]);
        assert!((model.value(&[0.5, 0.0]) - 0.5).abs() < 1e-3);
        assert!(model.deviation(&[0.0, 1.0]) > 10.0 * model.deviation(&[1.0, 0.0]));
        let lowest = model.minimize_in_box(&[0.0; 2], &[-1.0; 2], &[1.0; 2]);
        assert!((lowest[0] + 1.0).abs() < 1e-9, "{lowest:?}");
    }
}

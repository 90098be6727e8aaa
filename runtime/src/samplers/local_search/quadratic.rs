//! A quadratic model of the objective around a point.

use alloc::vec::Vec;

use crate::math::{Cholesky, dot, dot_in_lanes};

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
    hessian: Hessian,
}

/// The Hessian `Σ wᵢ·xᵢ·xᵢᵀ` of the model.
#[derive(Clone, Debug)]
enum Hessian {
    /// `[d, d]`.
    Dense(Vec<f64>),
    /// The points by columns, `[d, m]`, and the diagonal, `[d]`: of many more dimensions than
    /// points the matrix would have mostly what the points have already.
    LowRank {
        /// `[d, m]`.
        columns: Vec<f64>,
        /// `[d]`.
        diagonal: Vec<f64>,
    },
}

/// An offset as its elements that are not 0, each with its column: of very many choices a point has
/// few.
#[derive(Clone, Copy, Debug)]
pub(super) struct SparseOffset<'a>(pub &'a [(usize, f64)]);

impl SparseOffset<'_> {
    /// All its elements, `[dimensions]`.
    fn dense(self, dimensions: usize) -> Vec<f64> {
        let mut dense = alloc::vec![0.0; dimensions];
        self.0.iter().for_each(|(column, element)| dense[*column] = *element);
        dense
    }
}

/// Largest number of dimensions with a dense Hessian. Up to it, sums keep their order.
const MAX_DENSE_DIMENSIONS: usize = 256;

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
        for (index, weight) in weights.iter().enumerate() {
            for (slope, x) in gradient.iter_mut().zip(row(index)) {
                *slope += SLOPE * weight * x;
            }
        }
        let hessian = if dimensions <= MAX_DENSE_DIMENSIONS {
            Hessian::dense(&points, dimensions, &weights)
        } else {
            Hessian::low_rank(&points, dimensions, &weights)
        };
        let constant = CONSTANT * weights.iter().sum::<f64>();
        Self { points, dimensions, factor, weights, scale, constant, gradient, hessian }
    }

    /// `q(u)`.
    pub fn value(&self, u: &[f64]) -> f64 {
        let curved: f64 = match &self.hessian {
            Hessian::Dense(hessian) => u
                .iter()
                .enumerate()
                .map(|(row, x)| x * dot(&hessian[row * self.dimensions..][..self.dimensions], u))
                .sum(),
            Hessian::LowRank { .. } => self.curved(&self.projections(u)),
        };
        self.constant + dot(&self.gradient, u) + 0.5 * curved
    }

    /// `q(u)`, with its gradient in `gradient`, `[dimensions]`.
    pub fn value_with_gradient(&self, u: &[f64], gradient: &mut [f64]) -> f64 {
        match &self.hessian {
            Hessian::Dense(hessian) => {
                for (row, slope) in gradient.iter_mut().enumerate() {
                    *slope = dot(&hessian[row * self.dimensions..][..self.dimensions], u);
                }
            }
            Hessian::LowRank { .. } => {
                gradient.fill(0.0);
                let rows = self.points.chunks_exact(self.dimensions);
                for ((row, product), weight) in rows.zip(self.projections(u)).zip(&self.weights) {
                    gradient.iter_mut().zip(row).for_each(|(sum, x)| *sum += weight * product * x);
                }
            }
        }
        let value = self.constant + dot(&self.gradient, u) + 0.5 * dot(gradient, u);
        gradient.iter_mut().zip(&self.gradient).for_each(|(sum, slope)| *sum += slope);
        value
    }

    /// The lower confidence bound `q(u) − κ·deviation(u)`.
    pub fn lower_bound(&self, u: SparseOffset<'_>, kappa: f64) -> f64 {
        match &self.hessian {
            Hessian::Dense(_) => {
                let u = u.dense(self.dimensions);
                self.value(&u) - kappa * self.deviation(&u)
            }
            Hessian::LowRank { columns, .. } => {
                // Value and deviation share the products, which are most of the work.
                let points = self.weights.len();
                let mut projections = alloc::vec![0.0; points];
                let (mut linear, mut square) = (0.0, 0.0);
                for (column, x) in u.0 {
                    linear += self.gradient[*column] * x;
                    square += x * x;
                    let column = &columns[column * points..][..points];
                    projections.iter_mut().zip(column).for_each(|(sum, y)| *sum += x * y);
                }
                let value = self.constant + linear + 0.5 * self.curved(&projections);
                projections
                    .iter_mut()
                    .for_each(|product| *product = covariance_of_product(*product));
                value - kappa * self.deviation_from(&projections, square)
            }
        }
    }

    /// `xᵢ·u` for each point, `[m]`.
    fn projections(&self, u: &[f64]) -> Vec<f64> {
        let rows = self.points.chunks_exact(self.dimensions).take(self.weights.len());
        rows.map(|row| dot_in_lanes(row, u)).collect()
    }

    /// `uᵀHu` from the projections.
    fn curved(&self, projections: &[f64]) -> f64 {
        let terms = self.weights.iter().zip(projections);
        terms.map(|(weight, product)| weight * product * product).sum()
    }

    /// Posterior standard deviation at `u`.
    pub fn deviation(&self, u: &[f64]) -> f64 {
        let covariances: Vec<f64> = self
            .points
            .chunks_exact(self.dimensions)
            .map(|point| covariance(point, u))
            .take(self.weights.len())
            .collect();
        self.deviation_from(&covariances, dot(u, u))
    }

    /// The deviation from the covariances with the points, `[m]`, and `u·u`.
    fn deviation_from(&self, covariances: &[f64], square: f64) -> f64 {
        let known = self.factor.solve_lower(covariances);
        let variance = covariance_of_product(square) - dot(&known, &known);
        libm::sqrt(variance.max(0.0) * self.scale)
    }

    /// Minimizes the model in the box `[low, high]` by coordinate descent from `start`.
    ///
    /// The first `low.len()` coordinates move. Where the Hessian is indefinite the result is a
    /// local minimum.
    pub fn minimize_in_box(&self, start: &[f64], low: &[f64], high: &[f64]) -> Vec<f64> {
        let hessian = match &self.hessian {
            Hessian::Dense(hessian) => hessian,
            Hessian::LowRank { columns, diagonal } => {
                return self.minimize_low_rank(columns, diagonal, start, (low, high));
            }
        };
        let d = self.dimensions;
        let mut u = start.to_vec();
        let mut slopes: Vec<f64> =
            (0..d).map(|row| self.gradient[row] + dot(&hessian[row * d..][..d], &u)).collect();
        for _ in 0..MAX_SWEEPS {
            let mut moved = 0.0f64;
            for index in 0..low.len() {
                let (slope, curvature) = (slopes[index], hessian[index * d + index]);
                let room = (low[index] - u[index], high[index] - u[index]);
                let Some(step) = step_in(slope, curvature, room) else { continue };
                u[index] += step;
                moved = moved.max(step.abs());
                for (row, slope) in slopes.iter_mut().enumerate() {
                    *slope += step * hessian[row * d + index];
                }
            }
            if moved < 1e-6 {
                break;
            }
        }
        u
    }

    /// The same with the Hessian in its low-rank form: a step costs the number of points instead of
    /// the number of dimensions.
    fn minimize_low_rank(
        &self,
        columns: &[f64],
        diagonal: &[f64],
        start: &[f64],
        (low, high): (&[f64], &[f64]),
    ) -> Vec<f64> {
        let points = self.weights.len();
        let mut u = start.to_vec();
        // wᵢ·(xᵢ·u), whose products with the columns are the slopes.
        let mut weighted = self.projections(&u);
        weighted.iter_mut().zip(&self.weights).for_each(|(product, weight)| *product *= weight);
        for _ in 0..MAX_LOW_RANK_SWEEPS {
            let mut moved = 0.0f64;
            for index in 0..low.len() {
                let column = &columns[index * points..][..points];
                let slope = self.gradient[index] + dot_in_lanes(column, &weighted);
                let room = (low[index] - u[index], high[index] - u[index]);
                let Some(step) = step_in(slope, diagonal[index], room) else { continue };
                u[index] += step;
                moved = moved.max(step.abs());
                let parts = column.iter().zip(&self.weights);
                for (product, (x, weight)) in weighted.iter_mut().zip(parts) {
                    *product += step * weight * x;
                }
            }
            if moved < 1e-6 {
                break;
            }
        }
        u
    }
}

impl Hessian {
    fn dense(points: &[f64], dimensions: usize, weights: &[f64]) -> Self {
        let mut hessian = alloc::vec![0.0; dimensions * dimensions];
        for (point, weight) in points.chunks_exact(dimensions).zip(weights) {
            for (row, x) in hessian.chunks_exact_mut(dimensions).zip(point) {
                for (element, y) in row.iter_mut().zip(point) {
                    *element += weight * x * y;
                }
            }
        }
        Self::Dense(hessian)
    }

    fn low_rank(points: &[f64], dimensions: usize, weights: &[f64]) -> Self {
        let count = weights.len();
        let mut columns = alloc::vec![0.0; dimensions * count];
        for (index, point) in points.chunks_exact(dimensions).take(count).enumerate() {
            for (dimension, x) in point.iter().enumerate() {
                columns[dimension * count + index] = *x;
            }
        }
        let diagonal = columns
            .chunks_exact(count)
            .map(|column| column.iter().zip(weights).map(|(x, weight)| weight * x * x).sum())
            .collect();
        Self::LowRank { columns, diagonal }
    }
}

/// The step of one coordinate to the minimum within its room; `None` where nothing is gained.
fn step_in(slope: f64, curvature: f64, (down, up): (f64, f64)) -> Option<f64> {
    let step = if curvature > 0.0 {
        (-slope / curvature).clamp(down, up)
    } else {
        // Concave: the minimum is at one of the ends.
        let change = |step: f64| slope * step + 0.5 * curvature * step * step;
        if change(down) < change(up) { down } else { up }
    };
    let gain = -(slope * step + 0.5 * curvature * step * step);
    (step != 0.0 && gain > 0.0).then_some(step)
}

/// Most sweeps of the descent; more would only refine digits beyond the model's accuracy.
const MAX_SWEEPS: usize = 100;

/// The same with a low-rank Hessian, whose many dimensions the points leave undetermined anyway.
const MAX_LOW_RANK_SWEEPS: usize = 20;

fn covariance(u: &[f64], v: &[f64]) -> f64 {
    covariance_of_product(dot(u, v))
}

/// The kernel as a function of `u·v`.
fn covariance_of_product(product: f64) -> f64 {
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
    fn the_low_rank_form_is_the_same_quadratic() {
        let (points, values) = data();
        let dense = Quadratic::fit(points.clone(), 3, &values);
        let hessian = Hessian::low_rank(&points, 3, &dense.weights);
        let low_rank = Quadratic { hessian, ..dense.clone() };
        for u in [[0.3, -0.5, 0.9], [-1.0, 0.2, 0.0]] {
            assert!((dense.value(&u) - low_rank.value(&u)).abs() < 1e-9);
            let sparse: Vec<(usize, f64)> = u.into_iter().enumerate().collect();
            let bound = |model: &Quadratic| model.lower_bound(SparseOffset(&sparse), 0.7);
            let bounds = [&dense, &low_rank].map(bound);
            assert!((bounds[0] - bounds[1]).abs() < 1e-6, "{bounds:?}");
        }
        for high in [1.0, 0.2] {
            let minima = [&dense, &low_rank]
                .map(|model| model.minimize_in_box(&[0.0; 3], &[-1.0; 3], &[high; 3]));
            for (one, other) in minima[0].iter().zip(&minima[1]) {
                assert!((one - other).abs() < 1e-4, "{minima:?}");
            }
        }
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

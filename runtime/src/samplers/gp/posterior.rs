use alloc::vec::Vec;

use super::{
    cholesky::{Cholesky, dot},
    improvement::log_expected_improvement,
    kernel::{Hyperparameters, matern, squared_difference},
};

/// Covariance matrix of the training points under fixed hyperparameters, as a Cholesky factor. It
/// grows by one point at a time, and its leading blocks are the factors of earlier histories.
#[derive(Clone, Debug)]
pub(super) struct Covariance {
    hyperparameters: Hyperparameters,
    /// `[columns]`.
    categorical: Vec<bool>,
    /// `[columns][n]`: warped coordinates by column, so that loops over the points vectorize.
    coordinates: Vec<Vec<f64>>,
    factor: Cholesky,
}

/// The process conditioned on its training points.
pub(super) struct Posterior {
    covariance: Covariance,
    weights: PosteriorWeights,
}

/// The targets solved against the covariance.
pub(super) struct PosteriorWeights {
    /// `[n]`: K⁻¹·y.
    alpha: Vec<f64>,
    /// Smallest posterior mean at any training point.
    pub(super) incumbent: f64,
}

/// Buffers that predictions reuse.
#[derive(Default)]
pub(super) struct Scratch {
    /// `[points, n]`.
    covariances: Vec<f64>,
    slopes: Vec<f64>,
    solved: Vec<f64>,
    /// `[columns]`.
    warped: Vec<f64>,
}

/// Number of points predicted together.
const BLOCK: usize = 4;

impl Covariance {
    /// A covariance of no points.
    pub(super) fn new(hyperparameters: Hyperparameters, categorical: &[bool]) -> Self {
        Self {
            hyperparameters,
            categorical: categorical.to_vec(),
            coordinates: alloc::vec![Vec::new(); categorical.len()],
            factor: Cholesky::default(),
        }
    }

    /// Adds a point, `[columns]`. Returns false, and changes nothing, where the covariance would
    /// not be positive definite.
    pub(super) fn push(&mut self, row: &[f64], scratch: &mut Scratch) -> bool {
        let size = self.len();
        scratch.covariances.resize(size + 1, 0.0);
        self.covariances(row, &mut scratch.covariances[..size]);
        let Hyperparameters { outputscale, noise_variance, .. } = self.hyperparameters;
        scratch.covariances[size] = outputscale + noise_variance;
        let appended = self.factor.append(&scratch.covariances);
        if appended {
            for (index, column) in self.coordinates.iter_mut().enumerate() {
                column.push(self.hyperparameters.warp(index, row[index]));
            }
        }
        appended
    }

    /// Number of points.
    pub(super) fn len(&self) -> usize {
        self.factor.size()
    }

    /// Drops all points but the first `size`.
    pub(super) fn truncate(&mut self, size: usize) {
        self.factor.truncate(size);
        self.coordinates.iter_mut().for_each(|column| column.truncate(size));
    }

    /// Variance of the observation noise.
    pub(super) fn noise_variance(&self) -> f64 {
        self.hyperparameters.noise_variance
    }

    /// Weights for the standardized losses of the first m points, `[m]` with m ≤ n; the incumbent
    /// is the least of the points that `counts`.
    pub(super) fn weights(
        &self,
        losses: &[f64],
        counts: impl Fn(usize) -> bool,
    ) -> PosteriorWeights {
        let mut alpha = losses.to_vec();
        self.factor.solve_lower(&mut alpha);
        self.factor.solve_upper(&mut alpha);
        // μ at the observed points is K·α without the noise: y − noise·α.
        let noise_variance = self.hyperparameters.noise_variance;
        let incumbent = losses
            .iter()
            .zip(&alpha)
            .enumerate()
            .filter(|(index, _)| counts(*index))
            .map(|(_, (loss, alpha))| loss - noise_variance * alpha)
            .fold(f64::INFINITY, f64::min);
        PosteriorWeights { alpha, incumbent }
    }

    /// Calls `each(mean, deviation)` with the noise-free posterior at each of `rows`,
    /// `[points, columns]`, in order, given the first m points, where m is the number of weights.
    ///
    /// Rasmussen & Williams (2006), equations 2.25 and 2.26.
    pub(super) fn predict(
        &self,
        rows: &[f64],
        weights: &PosteriorWeights,
        scratch: &mut Scratch,
        mut each: impl FnMut(f64, f64),
    ) {
        let (columns, size) = (self.categorical.len(), weights.alpha.len());
        let outputscale = self.hyperparameters.outputscale;
        for rows in rows.chunks(BLOCK * columns) {
            scratch.covariances.resize(rows.len() / columns * size, 0.0);
            let covariances = scratch.covariances.chunks_exact_mut(size);
            for (row, covariances) in rows.chunks_exact(columns).zip(covariances) {
                self.covariances(row, covariances);
            }
            scratch.solved.clear();
            scratch.solved.extend_from_slice(&scratch.covariances);
            self.factor.solve_lower_each(&mut scratch.solved, size);
            let solved = scratch.solved.chunks_exact(size);
            for (covariances, solved) in scratch.covariances.chunks_exact(size).zip(solved) {
                let mean = dot(covariances, &weights.alpha);
                let explained = dot(solved, solved);
                each(mean, libm::sqrt((outputscale - explained).max(1e-12 * outputscale)));
            }
        }
    }

    /// Covariances of a point with the first `covariances.len()` training points.
    fn covariances(&self, row: &[f64], covariances: &mut [f64]) {
        self.squared_distances(row, covariances);
        let Hyperparameters { outputscale, .. } = self.hyperparameters;
        for entry in covariances {
            *entry = outputscale * matern(*entry).0;
        }
    }

    /// Derivatives of the covariances by the squared distances.
    fn slopes(&self, row: &[f64], slopes: &mut [f64]) {
        self.squared_distances(row, slopes);
        let Hyperparameters { outputscale, .. } = self.hyperparameters;
        for entry in slopes {
            *entry = outputscale * matern(*entry).1;
        }
    }

    /// Scaled squared distances of a point to the first `squared.len()` training points.
    fn squared_distances(&self, row: &[f64], squared: &mut [f64]) {
        squared.fill(0.0);
        let columns = self.coordinates.iter().zip(&self.categorical);
        for (index, (column, categorical)) in columns.enumerate() {
            let weight = self.hyperparameters.inverse_squared_lengthscales[index];
            let here = self.hyperparameters.warp(index, row[index]);
            let pairs = squared.iter_mut().zip(column);
            // The branch stays outside the loop, which then vectorizes.
            if *categorical {
                pairs.for_each(|(sum, there)| {
                    *sum += weight * squared_difference(here, *there, true)
                });
            } else {
                pairs.for_each(|(sum, there)| {
                    *sum += weight * squared_difference(here, *there, false)
                });
            }
        }
    }
}

impl Posterior {
    /// The posterior given the standardized `losses` of all points, `[n]`; the incumbent is the
    /// least of the points that `counts`.
    pub(super) fn new(
        covariance: Covariance,
        losses: &[f64],
        counts: impl Fn(usize) -> bool,
    ) -> Self {
        debug_assert_eq!(covariance.len(), losses.len());
        let weights = covariance.weights(losses, counts);
        Self { covariance, weights }
    }

    /// Conditions on a pending point, with its posterior mean as its loss: the mean stays as it is,
    /// and the variance falls around the point. This is the "kriging believer" of Ginsbourger, Le
    /// Riche & Carraro (2010). A point that would make the covariance singular is left out.
    pub(super) fn condition_on_pending(&mut self, row: &[f64], scratch: &mut Scratch) {
        if self.covariance.push(row, scratch) {
            // With y = μ the entry of K⁻¹·y for the new point is 0, and the others do not change.
            self.weights.alpha.push(0.0);
        }
    }

    /// Conditions on a point with a target, which is added to those of the other points. A point
    /// that would make the covariance singular is left out.
    pub(super) fn condition_on_target(
        &mut self,
        row: &[f64],
        target: f64,
        targets: &mut Vec<f64>,
        scratch: &mut Scratch,
    ) {
        if self.covariance.push(row, scratch) {
            targets.push(target);
            self.weights = self.covariance.weights(targets, |_| true);
        }
    }

    /// Noise-free posterior mean and standard deviation at a point.
    pub(super) fn predict(&self, row: &[f64], scratch: &mut Scratch) -> (f64, f64) {
        let mut prediction = (0.0, 0.0);
        self.predict_each(row, scratch, |mean, deviation| prediction = (mean, deviation));
        prediction
    }

    /// Calls `each(mean, deviation)` for each of `rows`, `[points, columns]`, in order.
    pub(super) fn predict_each(
        &self,
        rows: &[f64],
        scratch: &mut Scratch,
        each: impl FnMut(f64, f64),
    ) {
        self.covariance.predict(rows, &self.weights, scratch, each);
    }

    /// Variance of the observation noise.
    pub(super) fn noise_variance(&self) -> f64 {
        self.covariance.noise_variance()
    }

    /// Calls `each(mean, deviation)` with the noise-free prediction of each training point by the
    /// others, in order, given the standardized losses of all, `[n]`.
    ///
    /// Rasmussen & Williams (2006), equation 5.12, less the noise.
    pub(super) fn leave_one_out_each(&self, losses: &[f64], mut each: impl FnMut(f64, f64)) {
        let mut inverse = Vec::new();
        let Covariance { hyperparameters, factor, .. } = &self.covariance;
        factor.inverse(&mut inverse, &mut Vec::new());
        let diagonal = inverse.iter().step_by(factor.size() + 1);
        for ((inverse, alpha), loss) in diagonal.zip(&self.weights.alpha).zip(losses) {
            let variance = 1.0 / inverse - hyperparameters.noise_variance;
            let least = 1e-12 * hyperparameters.outputscale;
            each(loss - alpha / inverse, libm::sqrt(variance.max(least)));
        }
    }

    /// Smallest posterior mean at any training point.
    pub(super) fn incumbent(&self) -> f64 {
        self.weights.incumbent
    }

    /// Logarithm of the expected improvement at a point, in units of the standardized losses, with
    /// its gradient by the numerical coordinates in `gradient`, `[columns]`; 0 for categories.
    pub(super) fn log_expected_improvement_with_gradient(
        &self,
        row: &[f64],
        gradient: &mut [f64],
        scratch: &mut Scratch,
    ) -> f64 {
        self.with_gradient(row, gradient, scratch, |mean, deviation| {
            log_expected_improvement(mean, deviation, self.incumbent())
        })
    }

    /// What `of` makes of mean and deviation at a point, with its gradient by the numerical
    /// coordinates in `gradient`, `[columns]`; 0 for categories. `of` also returns its slopes by
    /// mean and deviation.
    pub(super) fn with_gradient(
        &self,
        row: &[f64],
        gradient: &mut [f64],
        scratch: &mut Scratch,
        of: impl Fn(f64, f64) -> (f64, f64, f64),
    ) -> f64 {
        let Covariance { hyperparameters, categorical, coordinates, factor } = &self.covariance;
        let (mean, deviation) = self.predict(row, scratch);
        let (value, by_mean, by_deviation) = of(mean, deviation);
        factor.solve_upper(&mut scratch.solved);
        scratch.slopes.resize(factor.size(), 0.0);
        self.covariance.slopes(row, &mut scratch.slopes);
        // dσ/dk = −(K⁻¹·k)/σ.
        let weights = self.weights.alpha.iter().zip(&scratch.solved);
        for (slope, (alpha, solved)) in scratch.slopes.iter_mut().zip(weights) {
            *slope *= 2.0 * (by_mean * alpha - by_deviation * solved / deviation);
        }
        // One sum per column and no chain of dependent additions.
        gradient.fill(0.0);
        scratch.warped.clear();
        scratch.warped.extend((0..row.len()).map(|at| hyperparameters.warp(at, row[at])));
        for (index, share) in scratch.slopes.iter().enumerate() {
            let places = scratch.warped.iter().zip(coordinates);
            for (sum, (here, column)) in gradient.iter_mut().zip(places) {
                *sum += share * (here - column[index]);
            }
        }
        for (index, slope) in gradient.iter_mut().enumerate() {
            *slope = if categorical[index] {
                0.0
            } else {
                *slope * hyperparameters.inverse_squared_lengthscales[index]
            };
            if let Some(warp) = hyperparameters.input_warp(index) {
                *slope *= warp.warp_with_gradient(row[index]).by_input;
            }
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    fn posterior(
        hyperparameters: Hyperparameters,
        categorical: &[bool],
        rows: &[f64],
        losses: &[f64],
    ) -> Posterior {
        let mut covariance = Covariance::new(hyperparameters, categorical);
        let mut scratch = Scratch::default();
        for row in rows.chunks(categorical.len()) {
            assert!(covariance.push(row, &mut scratch));
        }
        Posterior::new(covariance, losses, |_| true)
    }

    fn example() -> (Hyperparameters, [bool; 3], Vec<f64>, Vec<f64>) {
        let hyperparameters = Hyperparameters {
            inverse_squared_lengthscales: vec![3.0, 0.5, 0.8],
            outputscale: 1.3,
            noise_variance: 1e-3,
            input_warps: vec![],
        };
        let rows = vec![0.1, 0.9, 0.0, 0.8, 0.2, 1.0, 0.4, 0.4, 2.0, 0.6, 0.7, 0.0, 0.95, 0.1, 1.0];
        (hyperparameters, [false, false, true], rows, vec![0.3, -1.0, 0.2, 1.4, -0.9])
    }

    #[test]
    fn predictions_match_the_textbook_formulas() {
        // Rasmussen & Williams (2006), equations 2.25 and 2.26, solved densely by NumPy on the
        // rows' first two columns.
        let (mut hyperparameters, _, rows, losses) = example();
        hyperparameters.inverse_squared_lengthscales.truncate(2);
        let rows: Vec<f64> = rows.chunks(3).flat_map(|row| [row[0], row[1]]).collect();
        let posterior = posterior(hyperparameters, &[false; 2], &rows, &losses);
        let (mean, deviation) = posterior.predict(&[0.5, 0.5], &mut Scratch::default());
        assert!((mean - 0.655_846_274_295_658_6).abs() < 1e-6, "{mean}");
        assert!((deviation - 0.084_177_959_611_014_01).abs() < 1e-6, "{deviation}");
    }

    #[test]
    fn points_predicted_together_match_points_predicted_alone() {
        let (hyperparameters, categorical, rows, losses) = example();
        let posterior = posterior(hyperparameters, &categorical, &rows, &losses);
        let points: Vec<f64> = (0..11)
            .flat_map(|n| [0.09, 0.07, 0.5].map(|x| libm::trunc(9.0 * x * f64::from(n)) / 9.0))
            .collect();
        let mut together = Vec::new();
        let mut scratch = Scratch::default();
        posterior.predict_each(&points, &mut scratch, |mean, deviation| {
            together.push((mean, deviation));
        });
        let alone: Vec<(f64, f64)> =
            points.chunks(3).map(|point| posterior.predict(point, &mut scratch)).collect();
        assert_eq!(together, alone);
    }

    #[test]
    fn the_gradient_matches_finite_differences() {
        let (hyperparameters, categorical, rows, losses) = example();
        let posterior = posterior(hyperparameters, &categorical, &rows, &losses);
        let mut scratch = Scratch::default();
        for row in [[0.5, 0.5, 1.0], [0.05, 0.3, 0.0], [0.81, 0.21, 1.0]] {
            let mut gradient = [0.0; 3];
            posterior.log_expected_improvement_with_gradient(&row, &mut gradient, &mut scratch);
            for column in 0..2 {
                let mut at = |offset: f64| {
                    let mut moved = row;
                    moved[column] += offset;
                    let (mean, deviation) = posterior.predict(&moved, &mut scratch);
                    log_expected_improvement(mean, deviation, posterior.incumbent()).0
                };
                let slope = (at(1e-6) - at(-1e-6)) / 2e-6;
                let given = gradient[column];
                assert!((slope - given).abs() < 1e-4 * (1.0 + given.abs()), "{slope} {given}");
            }
            assert_eq!(gradient[2], 0.0);
        }
    }

    #[test]
    fn a_prefix_of_the_points_predicts_as_a_covariance_of_its_own() {
        let (hyperparameters, categorical, rows, losses) = example();
        let whole = posterior(hyperparameters.clone(), &categorical, &rows, &losses);
        let part = posterior(hyperparameters, &categorical, &rows[..9], &losses[..3]);
        let (mut scratch, here) = (Scratch::default(), [0.3, 0.6, 1.0]);
        let weights = whole.covariance.weights(&losses[..3], |_| true);
        let wanted = part.predict(&here, &mut scratch);
        whole.covariance.predict(&here, &weights, &mut scratch, |mean, deviation| {
            assert_eq!((mean, deviation), wanted);
        });
        assert_eq!(weights.incumbent, part.incumbent());
        let mut covariance = whole.covariance;
        covariance.truncate(3);
        let again = Posterior::new(covariance, &losses[..3], |_| true);
        assert_eq!(again.predict(&here, &mut scratch), part.predict(&here, &mut scratch));
    }

    #[test]
    fn conditioning_on_pending_keeps_the_mean_and_shrinks_the_variance() {
        let (hyperparameters, categorical, rows, losses) = example();
        let mut posterior = posterior(hyperparameters, &categorical, &rows, &losses);
        let mut scratch = Scratch::default();
        let (here, there) = ([0.3, 0.3, 1.0], [0.2, 0.5, 1.0]);
        let before =
            (posterior.predict(&here, &mut scratch), posterior.predict(&there, &mut scratch));
        posterior.condition_on_pending(&here, &mut scratch);
        let after =
            (posterior.predict(&here, &mut scratch), posterior.predict(&there, &mut scratch));
        assert!((before.0.0 - after.0.0).abs() < 1e-9 && (before.1.0 - after.1.0).abs() < 1e-9);
        assert!(after.0.1 < 0.1 * before.0.1 && after.1.1 < before.1.1);
    }
}

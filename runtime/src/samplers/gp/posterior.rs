use alloc::vec::Vec;

use super::{
    cholesky::{Cholesky, dot},
    improvement::log_expected_improvement,
    kernel::{Hyperparameters, difference, matern},
};

/// The covariance of points under fixed hyperparameters, factored; it grows by a point at a time,
/// and its leading blocks are those of the histories before.
#[derive(Clone, Debug)]
pub(super) struct Covariance {
    hyperparameters: Hyperparameters,
    /// `[columns]`.
    categorical: Vec<bool>,
    /// `[columns][n]`: the points' warped coordinates, so that distances to many are vectors' work.
    coordinates: Vec<Vec<f64>>,
    factor: Cholesky,
}

/// The process, conditioned on what was observed.
pub(super) struct Posterior {
    covariance: Covariance,
    weights: Weights,
}

/// What targets come to under a covariance.
pub(super) struct Weights {
    /// `[n]`: K⁻¹·y.
    alpha: Vec<f64>,
    /// The least that the process expects at any observed point.
    pub(super) best: f64,
}

/// The memory that predictions work in.
#[derive(Default)]
pub(super) struct Scratch {
    /// `[points, n]`.
    covariances: Vec<f64>,
    slopes: Vec<f64>,
    solved: Vec<f64>,
    /// `[columns]`.
    warped: Vec<f64>,
}

/// So many points are predicted together.
const TOGETHER: usize = 4;

impl Covariance {
    /// Of no points yet.
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
        let Hyperparameters { scale, noise, .. } = self.hyperparameters;
        scratch.covariances[size] = scale + noise;
        let appended = self.factor.append(&scratch.covariances);
        if appended {
            for (index, column) in self.coordinates.iter_mut().enumerate() {
                column.push(self.hyperparameters.warped(index, row[index]));
            }
        }
        appended
    }

    /// How many points there are.
    pub(super) fn len(&self) -> usize {
        self.factor.size()
    }

    /// Forgets all points but the first `size`.
    pub(super) fn truncate(&mut self, size: usize) {
        self.factor.truncate(size);
        self.coordinates.iter_mut().for_each(|column| column.truncate(size));
    }

    /// The variance of the noise.
    pub(super) fn noise(&self) -> f64 {
        self.hyperparameters.noise
    }

    /// Given the standardised losses of the first of the points, `[m]` with m ≤ n.
    pub(super) fn weights(&self, losses: &[f64]) -> Weights {
        let mut alpha = losses.to_vec();
        self.factor.solve_lower(&mut alpha);
        self.factor.solve_upper(&mut alpha);
        // μ at the observed points is K·α without the noise: y − noise·α.
        let noise = self.hyperparameters.noise;
        let best = losses
            .iter()
            .zip(&alpha)
            .map(|(loss, alpha)| loss - noise * alpha)
            .fold(f64::INFINITY, f64::min);
        Weights { alpha, best }
    }

    /// Calls `each(mean, deviation)` for each of the points `rows`, `[points, columns]`, in their
    /// order: of the loss without the noise, given as many of the first points as there are
    /// weights.
    ///
    /// Rasmussen & Williams (2006), equations 2.25 and 2.26.
    pub(super) fn predict(
        &self,
        rows: &[f64],
        weights: &Weights,
        scratch: &mut Scratch,
        mut each: impl FnMut(f64, f64),
    ) {
        let (columns, size) = (self.categorical.len(), weights.alpha.len());
        let scale = self.hyperparameters.scale;
        for rows in rows.chunks(TOGETHER * columns) {
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
                each(mean, libm::sqrt((scale - explained).max(1e-12 * scale)));
            }
        }
    }

    /// Covariances of a point with the first points, as many as `covariances` has places for.
    fn covariances(&self, row: &[f64], covariances: &mut [f64]) {
        self.squared_distances(row, covariances);
        let Hyperparameters { scale, .. } = self.hyperparameters;
        for entry in covariances {
            *entry = scale * matern(*entry).0;
        }
    }

    /// The slopes of the covariances by the squared distances.
    fn slopes(&self, row: &[f64], slopes: &mut [f64]) {
        self.squared_distances(row, slopes);
        let Hyperparameters { scale, .. } = self.hyperparameters;
        for entry in slopes {
            *entry = scale * matern(*entry).1;
        }
    }

    /// The weighted squared distances of a point to the first points.
    fn squared_distances(&self, row: &[f64], squared: &mut [f64]) {
        squared.fill(0.0);
        let columns = self.coordinates.iter().zip(&self.categorical);
        for (index, (column, categorical)) in columns.enumerate() {
            let weight = self.hyperparameters.weights[index];
            let here = self.hyperparameters.warped(index, row[index]);
            let pairs = squared.iter_mut().zip(column);
            // The branch stays out of the loop.
            if *categorical {
                pairs.for_each(|(sum, there)| *sum += weight * difference(here, *there, true));
            } else {
                pairs.for_each(|(sum, there)| *sum += weight * difference(here, *there, false));
            }
        }
    }
}

impl Posterior {
    /// Of the standardised `losses` of all points, `[n]`.
    pub(super) fn new(covariance: Covariance, losses: &[f64]) -> Self {
        debug_assert_eq!(covariance.len(), losses.len());
        let weights = covariance.weights(losses);
        Self { covariance, weights }
    }

    /// Takes a point for observed whose loss is what is expected there: nothing is learnt but that
    /// it need not be tried (the "kriging believer" of Ginsbourger, Le Riche & Carraro 2010).
    pub(super) fn believe(&mut self, row: &[f64], scratch: &mut Scratch) {
        if self.covariance.push(row, scratch) {
            // With y = μ the new point's share of K⁻¹·y is 0, and the others' stay as they are.
            self.weights.alpha.push(0.0);
        }
    }

    /// Mean and deviation of the loss at a point, without the noise.
    pub(super) fn predict(&self, row: &[f64], scratch: &mut Scratch) -> (f64, f64) {
        let mut prediction = (0.0, 0.0);
        self.predict_each(row, scratch, |mean, deviation| prediction = (mean, deviation));
        prediction
    }

    /// Calls `each(mean, deviation)` for each of the points `rows`, `[points, columns]`, in their
    /// order.
    pub(super) fn predict_each(
        &self,
        rows: &[f64],
        scratch: &mut Scratch,
        each: impl FnMut(f64, f64),
    ) {
        self.covariance.predict(rows, &self.weights, scratch, each);
    }

    /// The variance of the noise.
    pub(super) fn noise(&self) -> f64 {
        self.covariance.noise()
    }

    /// The least that is expected at any observed point.
    pub(super) fn best(&self) -> f64 {
        self.weights.best
    }

    /// The logarithm of the expected improvement at a point, [standardised](Self::new).
    pub(super) fn improvement(&self, row: &[f64], scratch: &mut Scratch) -> f64 {
        let mut value = 0.0;
        self.improvement_each(row, scratch, |improvement| value = improvement);
        value
    }

    /// The same for each of the points `rows`, `[points, columns]`, in their order.
    pub(super) fn improvement_each(
        &self,
        rows: &[f64],
        scratch: &mut Scratch,
        mut each: impl FnMut(f64),
    ) {
        self.predict_each(rows, scratch, |mean, deviation| {
            each(log_expected_improvement(mean, deviation, self.best()).0);
        });
    }

    /// The same, with its slope by each numerical coordinate in `gradient`, `[columns]`.
    pub(super) fn improvement_slope(
        &self,
        row: &[f64],
        gradient: &mut [f64],
        scratch: &mut Scratch,
    ) -> f64 {
        let Covariance { hyperparameters, categorical, coordinates, factor } = &self.covariance;
        let (mean, deviation) = self.predict(row, scratch);
        let (value, by_mean, by_deviation) = log_expected_improvement(mean, deviation, self.best());
        factor.solve_upper(&mut scratch.solved);
        scratch.slopes.resize(factor.size(), 0.0);
        self.covariance.slopes(row, &mut scratch.slopes);
        // dσ/dk = −(K⁻¹·k)/σ.
        let weights = self.weights.alpha.iter().zip(&scratch.solved);
        for (slope, (alpha, solved)) in scratch.slopes.iter_mut().zip(weights) {
            *slope *= 2.0 * (by_mean * alpha - by_deviation * solved / deviation);
        }
        // The columns' sums side by side, so that none waits for itself.
        gradient.fill(0.0);
        scratch.warped.clear();
        scratch.warped.extend((0..row.len()).map(|at| hyperparameters.warped(at, row[at])));
        for (index, share) in scratch.slopes.iter().enumerate() {
            let places = scratch.warped.iter().zip(coordinates);
            for (sum, (here, column)) in gradient.iter_mut().zip(places) {
                *sum += share * (here - column[index]);
            }
        }
        for (index, slope) in gradient.iter_mut().enumerate() {
            *slope = if categorical[index] { 0.0 } else { *slope * hyperparameters.weights[index] };
            if let Some(shape) = hyperparameters.shape(index) {
                *slope *= shape.with_slopes(row[index]).by_place;
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
        Posterior::new(covariance, losses)
    }

    fn example() -> (Hyperparameters, [bool; 3], Vec<f64>, Vec<f64>) {
        let hyperparameters = Hyperparameters {
            weights: vec![3.0, 0.5, 0.8],
            scale: 1.3,
            noise: 1e-3,
            shapes: vec![],
        };
        let rows = vec![0.1, 0.9, 0.0, 0.8, 0.2, 1.0, 0.4, 0.4, 2.0, 0.6, 0.7, 0.0, 0.95, 0.1, 1.0];
        (hyperparameters, [false, false, true], rows, vec![0.3, -1.0, 0.2, 1.4, -0.9])
    }

    #[test]
    fn predictions_are_the_textbook_s() {
        // Rasmussen & Williams (2006), equations 2.25 and 2.26, solved densely by NumPy on the
        // rows' first two columns.
        let (mut hyperparameters, _, rows, losses) = example();
        hyperparameters.weights.truncate(2);
        let rows: Vec<f64> = rows.chunks(3).flat_map(|row| [row[0], row[1]]).collect();
        let posterior = posterior(hyperparameters, &[false; 2], &rows, &losses);
        let (mean, deviation) = posterior.predict(&[0.5, 0.5], &mut Scratch::default());
        assert!((mean - 0.655_846_274_295_658_6).abs() < 1e-6, "{mean}");
        assert!((deviation - 0.084_177_959_611_014_01).abs() < 1e-6, "{deviation}");
    }

    #[test]
    fn many_points_are_predicted_as_each_alone() {
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
    fn the_slope_is_the_finite_difference() {
        let (hyperparameters, categorical, rows, losses) = example();
        let posterior = posterior(hyperparameters, &categorical, &rows, &losses);
        let mut scratch = Scratch::default();
        for row in [[0.5, 0.5, 1.0], [0.05, 0.3, 0.0], [0.81, 0.21, 1.0]] {
            let mut gradient = [0.0; 3];
            posterior.improvement_slope(&row, &mut gradient, &mut scratch);
            for column in 0..2 {
                let mut at = |offset: f64| {
                    let mut moved = row;
                    moved[column] += offset;
                    posterior.improvement(&moved, &mut scratch)
                };
                let slope = (at(1e-6) - at(-1e-6)) / 2e-6;
                let given = gradient[column];
                assert!((slope - given).abs() < 1e-4 * (1.0 + given.abs()), "{slope} {given}");
            }
            assert_eq!(gradient[2], 0.0);
        }
    }

    #[test]
    fn the_first_points_predict_as_if_the_others_had_never_been() {
        let (hyperparameters, categorical, rows, losses) = example();
        let whole = posterior(hyperparameters.clone(), &categorical, &rows, &losses);
        let part = posterior(hyperparameters, &categorical, &rows[..9], &losses[..3]);
        let (mut scratch, here) = (Scratch::default(), [0.3, 0.6, 1.0]);
        let weights = whole.covariance.weights(&losses[..3]);
        let wanted = part.predict(&here, &mut scratch);
        whole.covariance.predict(&here, &weights, &mut scratch, |mean, deviation| {
            assert_eq!((mean, deviation), wanted);
        });
        assert_eq!(weights.best, part.best());
        let mut covariance = whole.covariance;
        covariance.truncate(3);
        let again = Posterior::new(covariance, &losses[..3]);
        assert_eq!(again.predict(&here, &mut scratch), part.predict(&here, &mut scratch));
    }

    #[test]
    fn what_is_pending_is_known_but_teaches_nothing() {
        let (hyperparameters, categorical, rows, losses) = example();
        let mut posterior = posterior(hyperparameters, &categorical, &rows, &losses);
        let mut scratch = Scratch::default();
        let (here, there) = ([0.3, 0.3, 1.0], [0.2, 0.5, 1.0]);
        let before =
            (posterior.predict(&here, &mut scratch), posterior.predict(&there, &mut scratch));
        posterior.believe(&here, &mut scratch);
        let after =
            (posterior.predict(&here, &mut scratch), posterior.predict(&there, &mut scratch));
        assert!((before.0.0 - after.0.0).abs() < 1e-9 && (before.1.0 - after.1.0).abs() < 1e-9);
        assert!(after.0.1 < 0.1 * before.0.1 && after.1.1 < before.1.1);
    }
}

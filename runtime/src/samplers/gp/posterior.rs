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
    /// `[n, columns]`.
    rows: Vec<f64>,
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
    covariances: Vec<f64>,
    slopes: Vec<f64>,
    solved: Vec<f64>,
}

impl Covariance {
    /// Of no points yet.
    pub(super) fn new(hyperparameters: Hyperparameters, categorical: &[bool]) -> Self {
        let (categorical, factor) = (categorical.to_vec(), Cholesky::default());
        Self { hyperparameters, categorical, rows: Vec::new(), factor }
    }

    /// Adds a point, `[columns]`. Returns false, and changes nothing, where the covariance would not
    /// be positive definite.
    pub(super) fn push(&mut self, row: &[f64], scratch: &mut Scratch) -> bool {
        self.covariances(row, self.len(), scratch);
        let Hyperparameters { scale, noise, .. } = self.hyperparameters;
        scratch.covariances.push(scale + noise);
        let appended = self.factor.append(&scratch.covariances);
        if appended {
            self.rows.extend_from_slice(row);
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
        self.rows.truncate(self.factor.size() * self.categorical.len());
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

    /// Mean and deviation of the loss at a point, without the noise, given as many of the first
    /// points as there are weights.
    ///
    /// Rasmussen & Williams (2006), equations 2.25 and 2.26.
    pub(super) fn predict(
        &self,
        row: &[f64],
        weights: &Weights,
        scratch: &mut Scratch,
    ) -> (f64, f64) {
        self.covariances(row, weights.alpha.len(), scratch);
        let mean = dot(&scratch.covariances, &weights.alpha);
        scratch.solved.clear();
        scratch.solved.extend_from_slice(&scratch.covariances);
        self.factor.solve_lower(&mut scratch.solved);
        let explained = dot(&scratch.solved, &scratch.solved);
        let scale = self.hyperparameters.scale;
        (mean, libm::sqrt((scale - explained).max(1e-12 * scale)))
    }

    /// Covariances with the first `size` points, and their slopes by the squared distance.
    fn covariances(&self, row: &[f64], size: usize, scratch: &mut Scratch) {
        let Hyperparameters { scale, .. } = self.hyperparameters;
        scratch.covariances.clear();
        scratch.slopes.clear();
        for other in self.rows.chunks_exact(self.categorical.len()).take(size) {
            let squared = distance(row, other, &self.hyperparameters, &self.categorical);
            let (value, slope) = matern(squared);
            scratch.covariances.push(scale * value);
            scratch.slopes.push(scale * slope);
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

    /// Takes a point for observed whose loss is what is expected there: nothing is learnt but that it need not be tried
    /// (the "kriging believer" of Ginsbourger, Le Riche & Carraro 2010).
    pub(super) fn believe(&mut self, row: &[f64], scratch: &mut Scratch) {
        if self.covariance.push(row, scratch) {
            // With y = μ the new point's share of K⁻¹·y is 0, and the others' stay as they are.
            self.weights.alpha.push(0.0);
        }
    }

    /// Mean and deviation of the loss at a point, without the noise.
    pub(super) fn predict(&self, row: &[f64], scratch: &mut Scratch) -> (f64, f64) {
        self.covariance.predict(row, &self.weights, scratch)
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
        let (mean, deviation) = self.predict(row, scratch);
        log_expected_improvement(mean, deviation, self.best()).0
    }

    /// The same, with its slope by each numerical coordinate in `gradient`, `[columns]`.
    pub(super) fn improvement_slope(
        &self,
        row: &[f64],
        gradient: &mut [f64],
        scratch: &mut Scratch,
    ) -> f64 {
        let Covariance { hyperparameters, categorical, rows, factor } = &self.covariance;
        let (mean, deviation) = self.predict(row, scratch);
        let (value, by_mean, by_deviation) = log_expected_improvement(mean, deviation, self.best());
        factor.solve_upper(&mut scratch.solved);
        gradient.fill(0.0);
        for (index, other) in rows.chunks_exact(categorical.len()).enumerate() {
            // dσ/dk = −(K⁻¹·k)/σ.
            let by_covariance = by_mean * self.weights.alpha[index]
                - by_deviation * scratch.solved[index] / deviation;
            let share = 2.0 * by_covariance * scratch.slopes[index];
            for (sum, (here, there)) in gradient.iter_mut().zip(row.iter().zip(other)) {
                *sum += share * (here - there);
            }
        }
        let weights = &hyperparameters.weights;
        for (slope, (weight, categorical)) in
            gradient.iter_mut().zip(weights.iter().zip(categorical))
        {
            *slope = if *categorical { 0.0 } else { *slope * weight };
        }
        value
    }
}

/// The weighted squared distance of two points.
fn distance(one: &[f64], other: &[f64], of: &Hyperparameters, categorical: &[bool]) -> f64 {
    (0..one.len()).map(|at| of.weights[at] * difference(one[at], other[at], categorical[at])).sum()
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
        let hyperparameters =
            Hyperparameters { weights: vec![3.0, 0.5, 0.8], scale: 1.3, noise: 1e-3 };
        let rows = vec![0.1, 0.9, 0.0, 0.8, 0.2, 1.0, 0.4, 0.4, 2.0, 0.6, 0.7, 0.0, 0.95, 0.1, 1.0];
        (hyperparameters, [false, false, true], rows, vec![0.3, -1.0, 0.2, 1.4, -0.9])
    }

    #[test]
    fn predictions_are_the_textbook_s() {
        // Rasmussen & Williams (2006), equations 2.25 and 2.26, solved densely by NumPy on the rows' first two columns.
        let (mut hyperparameters, _, rows, losses) = example();
        hyperparameters.weights.truncate(2);
        let rows: Vec<f64> = rows.chunks(3).flat_map(|row| [row[0], row[1]]).collect();
        let posterior = posterior(hyperparameters, &[false; 2], &rows, &losses);
        let (mean, deviation) = posterior.predict(&[0.5, 0.5], &mut Scratch::default());
        assert!((mean - 0.655_846_274_295_658_6).abs() < 1e-6, "{mean}");
        assert!((deviation - 0.084_177_959_611_014_01).abs() < 1e-6, "{deviation}");
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
        assert_eq!(
            whole.covariance.predict(&here, &weights, &mut scratch),
            part.predict(&here, &mut scratch)
        );
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

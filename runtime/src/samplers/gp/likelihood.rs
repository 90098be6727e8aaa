//! Fitting the hyperparameters: the marginal likelihood of the losses, its slope, and the priors.

use alloc::{vec, vec::Vec};

use super::{
    cholesky::{Cholesky, dot},
    input_warp::{Shape, Warped},
    kernel::{Differences, Hyperparameters, matern},
    minimise::{Limits, minimise},
};

/// The least variance of the noise, as a share of the losses' variance.
pub(super) const LEAST_NOISE: f64 = 1e-6;
/// Bounds of the logarithms of weights, scale and noise.
const WEIGHT: (f64, f64) = (-11.5, 9.2);
const SCALE: (f64, f64) = (-4.6, 4.6);
const NOISE: (f64, f64) = (-13.815_510_557_964_274, 0.0);

/// Bounds of the logarithms of a warp's shape.
const SHAPE: (f64, f64) = (-2.3, 2.3);

/// What fitting needs to know, and the memory it works in.
pub(super) struct Likelihood<'a> {
    losses: &'a [f64],
    columns: usize,
    differences: Differences,
    inputs: Option<Inputs<'a>>,
    factor: Cholesky,
    matrix: Vec<f64>,
    slopes: Vec<f64>,
    inverse: Vec<f64>,
    scratch: Vec<f64>,
}

/// Inputs whose warps are fitted.
struct Inputs<'a> {
    /// `[n, columns]`.
    rows: &'a [f64],
    /// `[columns]`.
    categorical: &'a [bool],
    /// The columns that are warped.
    columns: Vec<usize>,
    /// The standard deviation of the logarithms of their shapes, before anything was seen.
    deviation: f64,
    /// `[n, columns]`.
    warped: Vec<f64>,
    /// `[n, warped columns]`.
    slopes: Vec<Warped>,
    /// `[n, warped columns]`: slopes of the loss by the warped places.
    by_place: Vec<f64>,
}

impl Inputs<'_> {
    /// Warps the rows; `shapes` are two numbers for each column that is warped.
    fn warp(&mut self, shapes: &[f64]) {
        let columns = self.categorical.len();
        self.warped.clear();
        self.warped.extend_from_slice(self.rows);
        self.slopes.clear();
        for row in self.warped.chunks_exact_mut(columns) {
            for (column, shape) in self.columns.iter().zip(shapes.as_chunks::<2>().0) {
                let [log_a, log_b] = *shape;
                let warped = Shape { log_a, log_b }.with_slopes(row[*column]);
                row[*column] = warped.place;
                self.slopes.push(warped);
            }
        }
        self.by_place.clear();
        self.by_place.resize(self.slopes.len(), 0.0);
    }

    /// Takes a pair's share of the slopes by places: the slope of the loss by its squared distance.
    fn take(&mut self, i: usize, j: usize, share: f64, weights: &[f64]) {
        let columns = self.categorical.len();
        let count = self.columns.len();
        for (at, column) in self.columns.iter().enumerate() {
            let difference = self.warped[i * columns + column] - self.warped[j * columns + column];
            let part = 2.0 * share * weights[*column] * difference;
            self.by_place[i * count + at] += part;
            self.by_place[j * count + at] -= part;
        }
    }

    /// The slopes by the shapes.
    fn by_shape(&self, gradient: &mut [f64]) {
        let count = self.columns.len();
        for (index, (by_place, slopes)) in self.by_place.iter().zip(&self.slopes).enumerate() {
            let at = 2 * (index % count);
            gradient[at] += by_place * slopes.by_log_a;
            gradient[at + 1] += by_place * slopes.by_log_b;
        }
    }
}

impl<'a> Likelihood<'a> {
    /// Of standardised `losses`, `[n]`, at points whose pairs have these differences in `columns`
    /// columns.
    pub(super) fn new(differences: Differences, losses: &'a [f64], columns: usize) -> Self {
        Self {
            losses,
            columns,
            differences,
            inputs: None,
            factor: Cholesky::default(),
            matrix: Vec::new(),
            slopes: Vec::new(),
            inverse: Vec::new(),
            scratch: Vec::new(),
        }
    }

    /// Fits warps of these columns of `rows`, `[n, columns]`, too; the logarithms of their shapes
    /// are normal around 0 with this deviation before anything is seen.
    pub(super) fn with_warps(
        mut self,
        rows: &'a [f64],
        categorical: &'a [bool],
        columns: Vec<usize>,
        deviation: f64,
    ) -> Self {
        if !columns.is_empty() {
            let [warped, by_place] = [Vec::new(), Vec::new()];
            let slopes = Vec::new();
            self.inputs =
                Some(Inputs { rows, categorical, columns, deviation, warped, slopes, by_place });
        }
        self
    }

    /// Improves hyperparameters by at most so many steps; returns them with their
    /// [loss](Self::loss).
    pub(super) fn improve(
        &mut self,
        from: &Hyperparameters,
        steps: usize,
    ) -> (Hyperparameters, f64) {
        let mut x: Vec<f64> = from.weights.iter().map(|weight| libm::log(*weight)).collect();
        x.push(libm::log(from.scale));
        x.push(libm::log(from.noise));
        let warped = self.inputs.as_ref().map_or(&[][..], |inputs| &inputs.columns);
        for column in warped {
            let Shape { log_a, log_b } = from.shape(*column).unwrap_or_default();
            x.extend([log_a, log_b]);
        }
        let bounds = |pick: fn((f64, f64)) -> f64| {
            let mut all = vec![pick(WEIGHT); self.columns];
            all.extend([pick(SCALE), pick(NOISE)]);
            all.resize(x.len(), pick(SHAPE));
            all
        };
        let (low, high) = (bounds(|pair| pair.0), bounds(|pair| pair.1));
        let limits = Limits { steps, evaluations: 2 * steps, slope: 1e-2, gain: 1e-3, first: 1.0 };
        let value = minimise(&mut x, &low, &high, limits, |x, gradient| self.loss(x, gradient));
        (self.exponentiate(&x), value)
    }

    /// Minus the logarithm of the posterior density of the hyperparameters whose logarithms are `x`
    /// (`[columns + 2 + 2 · warped columns]`: weights, scale, noise, shapes), up to a constant; its
    /// slope goes into `gradient`. Infinite where the covariance is not positive definite.
    ///
    /// Rasmussen & Williams (2006), equations 2.30 and 5.9.
    pub(super) fn loss(&mut self, x: &[f64], gradient: &mut [f64]) -> f64 {
        let Hyperparameters { weights, scale, noise, .. } = self.exponentiate(x);
        let (size, columns) = (self.losses.len(), self.columns);
        if let Some(inputs) = &mut self.inputs {
            inputs.warp(&x[columns + 2..]);
            self.differences.fill(&inputs.warped, inputs.categorical);
        }
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
        let inputs = &mut self.inputs;
        self.differences.for_each(&weights, |i, j, differences, _| {
            let g = inverse[i * size + j] - alpha[i] * alpha[j];
            by_scale += g * matrix[i * size + j];
            let share = g * slopes[pair];
            for (sum, difference) in gradient[..columns].iter_mut().zip(differences) {
                *sum += share * difference;
            }
            if let Some(inputs) = inputs {
                inputs.take(i, j, share, &weights);
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
        if let Some(inputs) = inputs {
            inputs.by_shape(&mut gradient[columns + 2..]);
            let precision = 1.0 / (inputs.deviation * inputs.deviation);
            for (slope, shape) in gradient.iter_mut().zip(x).skip(columns + 2) {
                loss += 0.5 * precision * shape * shape;
                *slope += precision * shape;
            }
        }
        loss
    }

    fn exponentiate(&self, x: &[f64]) -> Hyperparameters {
        let columns = self.columns;
        let mut shapes = Vec::new();
        if let Some(inputs) = &self.inputs {
            shapes.resize(columns, None);
            for (column, shape) in inputs.columns.iter().zip(x[columns + 2..].as_chunks::<2>().0) {
                shapes[*column] = Some(Shape { log_a: shape[0], log_b: shape[1] });
            }
        }
        Hyperparameters {
            weights: x[..columns].iter().map(|logarithm| libm::exp(*logarithm)).collect(),
            scale: libm::exp(x[columns]),
            noise: libm::exp(x[columns + 1]).max(LEAST_NOISE),
            shapes,
        }
    }
}

/// Minus the logarithms of the priors' densities, with the slopes by the logarithms, in the order
/// of the hyperparameters.
///
/// Weights: `exp(−0.1/w − 0.1·w)`, flat between one hundredth and a hundred, against both vanishing
/// and exploding length scales. Scale: Gamma(2, 1). Noise: Gamma(1.1, 30), which prefers little.
/// These are the priors that Optuna 5 has found to serve hyperparameter tuning.
fn priors(weights: &[f64], scale: f64, noise: f64) -> impl Iterator<Item = (f64, f64)> {
    weights.iter().map(|weight| (0.1 / weight + 0.1 * weight, 0.1 * weight - 0.1 / weight)).chain([
        (scale - libm::log(scale), scale - 1.0),
        (30.0 * noise - 0.1 * libm::log(noise), 30.0 * noise - 0.1),
    ])
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
        let categorical = [false, false, true];
        let plain = Likelihood::new(Differences::of(&rows, &categorical), &losses, 3);
        let warped = Likelihood::new(Differences::of(&rows, &categorical), &losses, 3);
        let warped = warped.with_warps(&rows, &categorical, vec![0, 1], 0.5);
        for (mut likelihood, count) in [(plain, 5), (warped, 9)] {
            let x = [0.7, -1.0, 0.3, 0.2, -4.0, 0.5, -0.2, -0.7, 0.1];
            let mut gradient = [0.0; 9];
            likelihood.loss(&x[..count], &mut gradient[..count]);
            for index in 0..count {
                let mut at = |offset: f64| {
                    let mut moved = x;
                    moved[index] += offset;
                    likelihood.loss(&moved[..count], &mut [0.0; 9][..count])
                };
                let slope = (at(1e-5) - at(-1e-5)) / 2e-5;
                let given = gradient[index];
                assert!((slope - given).abs() < 1e-5, "{count}, {index}: {slope} {given}");
            }
        }
    }

    #[test]
    fn a_bend_of_the_inputs_is_found() {
        // Fast at one end and slow at the other: a sine of a power.
        let rows: Vec<f64> = (0..40).map(|n| (f64::from(n) + 0.5) / 40.0).collect();
        let losses: Vec<f64> =
            rows.iter().map(|x| 1.4 * libm::sin(9.0 * libm::pow(*x, 0.35))).collect();
        let start = Hyperparameters { weights: vec![1.0], scale: 1.0, noise: 1e-2, shapes: vec![] };
        let plain = Likelihood::new(Differences::of(&rows, &[false]), &losses, 1);
        let (_, before) = { plain }.improve(&start, 60);
        let warped = Likelihood::new(Differences::of(&rows, &[false]), &losses, 1);
        let (fitted, after) = warped.with_warps(&rows, &[false], vec![0], 0.5).improve(&start, 60);
        assert!(after < before - 3.0, "{before} {after}");
        let shape = fitted.shape(0).unwrap();
        assert!(shape.log_a < -0.3, "{shape:?}");
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
        let start =
            Hyperparameters { weights: vec![1.0; 2], scale: 1.0, noise: 1e-2, shapes: vec![] };
        let (fitted, loss) = Likelihood::new(differences.clone(), &losses, 2).improve(&start, 60);
        let before = Likelihood::new(differences, &losses, 2).improve(&start, 0).1;
        assert!(loss < before - 10.0, "{before} {loss}");
        assert!(fitted.weights[0] > 20.0 * fitted.weights[1], "{fitted:?}");
        assert!(fitted.noise < 1e-3, "{fitted:?}");
    }
}

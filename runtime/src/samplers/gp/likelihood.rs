//! Log marginal likelihood of the losses with its gradient, and the priors of the hyperparameters.

use alloc::{vec, vec::Vec};

use super::{
    cholesky::{Cholesky, dot},
    input_warp::{Kumaraswamy, WarpedInput},
    kernel::{Hyperparameters, PairwiseSquaredDistances, matern},
};
use crate::math::box_lbfgs::{LbfgsOptions, minimize_in_box};

/// Smallest noise variance, as a fraction of the variance of the losses.
pub(super) const MIN_NOISE_VARIANCE: f64 = 1e-6;
/// Bounds of the logarithms of the hyperparameters.
const LOG_INVERSE_SQUARED_LENGTHSCALE: (f64, f64) = (-11.5, 9.2);
const LOG_OUTPUTSCALE: (f64, f64) = (-4.6, 4.6);
const LOG_NOISE_VARIANCE: (f64, f64) = (-13.815_510_557_964_274, 0.0);

/// Bounds of the logarithms of an input warp's parameters.
const LOG_WARP_SHAPE: (f64, f64) = (-2.3, 2.3);

/// The posterior density of the hyperparameters given the losses, with its buffers.
pub(super) struct MarginalLikelihood<'a> {
    losses: &'a [f64],
    columns: usize,
    distances: PairwiseSquaredDistances,
    inputs: Option<Inputs<'a>>,
    factor: Cholesky,
    matrix: Vec<f64>,
    slopes: Vec<f64>,
    inverse: Vec<f64>,
    scratch: Vec<f64>,
}

/// Inputs with warps that are fitted.
struct Inputs<'a> {
    /// `[n, columns]`.
    rows: &'a [f64],
    /// `[columns]`.
    categorical: &'a [bool],
    /// The columns that are warped.
    columns: Vec<usize>,
    /// Prior standard deviation of the warps' log parameters.
    deviation: f64,
    /// `[n, columns]`.
    warped: Vec<f64>,
    /// `[n, warped columns]`.
    slopes: Vec<WarpedInput>,
    /// `[n, warped columns]`: derivatives of the loss by the warped inputs.
    by_warped: Vec<f64>,
}

impl Inputs<'_> {
    /// Inverse prior variance of the logarithms of the warps' parameters.
    fn precision(&self) -> f64 {
        1.0 / (self.deviation * self.deviation)
    }

    /// Warps the rows; `input_warps` has the two log parameters of each warped column.
    fn warp(&mut self, input_warps: &[f64]) {
        let columns = self.categorical.len();
        self.warped.clear();
        self.warped.extend_from_slice(self.rows);
        self.slopes.clear();
        for row in self.warped.chunks_exact_mut(columns) {
            for (column, shape) in self.columns.iter().zip(input_warps.as_chunks::<2>().0) {
                let [log_a, log_b] = *shape;
                let warped = Kumaraswamy { log_a, log_b }.warp_with_gradient(row[*column]);
                row[*column] = warped.value;
                self.slopes.push(warped);
            }
        }
        self.by_warped.clear();
        self.by_warped.resize(self.slopes.len(), 0.0);
    }

    /// Adds the terms of a pair to `by_warped`; `share` is the derivative of the loss by the
    /// squared distance.
    fn add_pair(&mut self, i: usize, j: usize, share: f64, inverse_squared_lengthscales: &[f64]) {
        let columns = self.categorical.len();
        let count = self.columns.len();
        for (at, column) in self.columns.iter().enumerate() {
            let difference = self.warped[i * columns + column] - self.warped[j * columns + column];
            let part = 2.0 * share * inverse_squared_lengthscales[*column] * difference;
            self.by_warped[i * count + at] += part;
            self.by_warped[j * count + at] -= part;
        }
    }

    /// Adds the derivatives by the warps' log parameters.
    fn add_parameter_gradient(&self, gradient: &mut [f64]) {
        let count = self.columns.len();
        for (index, (by_warped, slopes)) in self.by_warped.iter().zip(&self.slopes).enumerate() {
            let at = 2 * (index % count);
            gradient[at] += by_warped * slopes.by_log_a;
            gradient[at + 1] += by_warped * slopes.by_log_b;
        }
    }
}

impl<'a> MarginalLikelihood<'a> {
    /// Likelihood of standardized `losses`, `[n]`, at points with these distances in `columns`
    /// columns.
    pub(super) fn new(
        distances: PairwiseSquaredDistances,
        losses: &'a [f64],
        columns: usize,
    ) -> Self {
        Self {
            losses,
            columns,
            distances,
            inputs: None,
            factor: Cholesky::default(),
            matrix: Vec::new(),
            slopes: Vec::new(),
            inverse: Vec::new(),
            scratch: Vec::new(),
        }
    }

    /// Also fits input warps of these columns of `rows`, `[n, columns]`. The prior of their log
    /// parameters is normal with mean 0 and this standard deviation.
    pub(super) fn with_warps(
        mut self,
        rows: &'a [f64],
        categorical: &'a [bool],
        columns: Vec<usize>,
        deviation: f64,
    ) -> Self {
        if !columns.is_empty() {
            let [warped, by_warped] = [Vec::new(), Vec::new()];
            let slopes = Vec::new();
            self.inputs =
                Some(Inputs { rows, categorical, columns, deviation, warped, slopes, by_warped });
        }
        self
    }

    /// Maximizes the posterior density from these hyperparameters in at most `steps` steps; returns
    /// the result and its [loss](Self::loss).
    pub(super) fn optimize(
        &mut self,
        from: &Hyperparameters,
        steps: usize,
    ) -> (Hyperparameters, f64) {
        let mut x: Vec<f64> =
            from.inverse_squared_lengthscales.iter().map(|weight| libm::log(*weight)).collect();
        x.push(libm::log(from.outputscale));
        x.push(libm::log(from.noise_variance));
        let warped = self.inputs.as_ref().map_or(&[][..], |inputs| &inputs.columns);
        for column in warped {
            let Kumaraswamy { log_a, log_b } = from.input_warp(*column).unwrap_or_default();
            x.extend([log_a, log_b]);
        }
        let bounds = |pick: fn((f64, f64)) -> f64| {
            let mut all = vec![pick(LOG_INVERSE_SQUARED_LENGTHSCALE); self.columns];
            all.extend([pick(LOG_OUTPUTSCALE), pick(LOG_NOISE_VARIANCE)]);
            all.resize(x.len(), pick(LOG_WARP_SHAPE));
            all
        };
        let (low, high) = (bounds(|pair| pair.0), bounds(|pair| pair.1));
        if steps == 0 {
            x.iter_mut().zip(low.iter().zip(&high)).for_each(|(x, (low, high))| {
                *x = x.clamp(*low, *high);
            });
            let hyperparameters = self.exponentiate(&x);
            let value = self.value(&x, &hyperparameters).map_or(f64::INFINITY, |found| found.0);
            return (hyperparameters, value);
        }
        let options = LbfgsOptions {
            max_steps: steps,
            max_evaluations: 2 * steps,
            gradient_tolerance: 1e-2,
            value_tolerance: 1e-3,
            initial_step: 1.0,
        };
        let value =
            minimize_in_box(&mut x, &low, &high, options, |x, gradient| self.loss(x, gradient));
        (self.exponentiate(&x), value)
    }

    /// Negative log posterior density of the hyperparameters, up to a constant, with its gradient
    /// in `gradient`; infinite where the covariance is not positive definite. `x` holds the
    /// logarithms of the inverse squared lengthscales, outputscale, noise variance and warp
    /// parameters, `[columns + 2 + 2 · warped columns]`.
    ///
    /// Rasmussen & Williams (2006), equations 2.30 and 5.9.
    pub(super) fn loss(&mut self, x: &[f64], gradient: &mut [f64]) -> f64 {
        let hyperparameters = self.exponentiate(x);
        let Some((loss, mut alpha)) = self.value(x, &hyperparameters) else {
            return f64::INFINITY;
        };
        let Hyperparameters { inverse_squared_lengthscales, outputscale, noise_variance, .. } =
            hyperparameters;
        let (size, columns) = (self.losses.len(), self.columns);
        let (matrix, slopes) = (&self.matrix, &self.slopes);
        self.factor.solve_upper(&mut alpha);
        self.factor.inverse(&mut self.inverse, &mut self.scratch);

        // With G = K⁻¹ − α·αᵀ the derivative by θ is ½·Σ Gᵢⱼ·∂Kᵢⱼ/∂θ; pairs count twice.
        let inverse = &self.inverse;
        gradient.fill(0.0);
        let (mut by_outputscale, mut pair) = (0.0, 0);
        let inputs = &mut self.inputs;
        self.distances.for_each(&inverse_squared_lengthscales, |i, j, differences, _| {
            let g = inverse[i * size + j] - alpha[i] * alpha[j];
            by_outputscale += g * matrix[i * size + j];
            let share = g * slopes[pair];
            for (sum, difference) in gradient[..columns].iter_mut().zip(differences) {
                *sum += share * difference;
            }
            if let Some(inputs) = inputs {
                inputs.add_pair(i, j, share, &inverse_squared_lengthscales);
            }
            pair += 1;
        });
        let trace: f64 = (0..size).map(|i| inverse[i * size + i] - alpha[i] * alpha[i]).sum();
        for (sum, weight) in gradient[..columns].iter_mut().zip(&inverse_squared_lengthscales) {
            *sum *= weight;
        }
        gradient[columns] = by_outputscale + 0.5 * trace * outputscale;
        gradient[columns + 1] = 0.5 * trace * noise_variance;
        let priors = priors(&inverse_squared_lengthscales, outputscale, noise_variance);
        for (slope, prior) in gradient.iter_mut().zip(priors) {
            *slope += prior.1;
        }
        if let Some(inputs) = inputs {
            inputs.add_parameter_gradient(&mut gradient[columns + 2..]);
            for (slope, shape) in gradient.iter_mut().zip(x).skip(columns + 2) {
                *slope += inputs.precision() * shape;
            }
        }
        loss
    }

    /// The [loss](Self::loss) alone, with `L⁻¹·y`; `None` where the covariance is not positive
    /// definite. What the gradient needs besides stays in the buffers.
    fn value(&mut self, x: &[f64], hyperparameters: &Hyperparameters) -> Option<(f64, Vec<f64>)> {
        let Hyperparameters { inverse_squared_lengthscales, outputscale, noise_variance, .. } =
            hyperparameters;
        let (size, columns) = (self.losses.len(), self.columns);
        if let Some(inputs) = &mut self.inputs {
            inputs.warp(&x[columns + 2..]);
            self.distances.update(&inputs.warped, inputs.categorical);
        }
        self.matrix.clear();
        self.matrix.resize(size * size, 0.0);
        self.slopes.clear();
        let (matrix, slopes) = (&mut self.matrix, &mut self.slopes);
        self.distances.for_each(inverse_squared_lengthscales, |i, j, _, squared| {
            let (value, slope) = matern(squared);
            matrix[i * size + j] = outputscale * value;
            slopes.push(outputscale * slope);
        });
        for i in 0..size {
            matrix[i * size + i] = outputscale + noise_variance;
        }
        if !self.factor.factor(matrix, size) {
            return None;
        }
        let mut solved = self.losses.to_vec();
        self.factor.solve_lower(&mut solved);
        let fit = dot(&solved, &solved);
        let mut loss = 0.5 * (fit + self.factor.log_determinant());
        for prior in priors(inverse_squared_lengthscales, *outputscale, *noise_variance) {
            loss += prior.0;
        }
        if let Some(inputs) = &self.inputs {
            for shape in &x[columns + 2..] {
                loss += 0.5 * inputs.precision() * shape * shape;
            }
        }
        Some((loss, solved))
    }

    fn exponentiate(&self, x: &[f64]) -> Hyperparameters {
        let columns = self.columns;
        let mut input_warps = Vec::new();
        if let Some(inputs) = &self.inputs {
            input_warps.resize(columns, None);
            for (column, shape) in inputs.columns.iter().zip(x[columns + 2..].as_chunks::<2>().0) {
                input_warps[*column] = Some(Kumaraswamy { log_a: shape[0], log_b: shape[1] });
            }
        }
        Hyperparameters {
            inverse_squared_lengthscales: x[..columns]
                .iter()
                .map(|logarithm| libm::exp(*logarithm))
                .collect(),
            outputscale: libm::exp(x[columns]),
            noise_variance: libm::exp(x[columns + 1]).max(MIN_NOISE_VARIANCE),
            input_warps,
        }
    }
}

/// Negative log prior densities with their derivatives by the logarithms, in the order of the
/// hyperparameters.
///
/// Inverse squared lengthscale `w`: `exp(−0.1/w − 0.1·w)`, flat between 1/100 and 100, against both
/// vanishing and exploding lengthscales. Outputscale: Gamma(2, 1). Noise variance: Gamma(1.1, 30),
/// which favors small values. These are the priors of Optuna 5 for hyperparameter tuning.
fn priors(
    inverse_squared_lengthscales: &[f64],
    outputscale: f64,
    noise_variance: f64,
) -> impl Iterator<Item = (f64, f64)> {
    inverse_squared_lengthscales
        .iter()
        .map(|weight| (0.1 / weight + 0.1 * weight, 0.1 * weight - 0.1 / weight))
        .chain([
            (outputscale - libm::log(outputscale), outputscale - 1.0),
            (30.0 * noise_variance - 0.1 * libm::log(noise_variance), 30.0 * noise_variance - 0.1),
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
    fn the_gradient_matches_finite_differences() {
        let (rows, losses) = rows();
        let categorical = [false, false, true];
        let plain =
            MarginalLikelihood::new(PairwiseSquaredDistances::new(&rows, &categorical), &losses, 3);
        let warped =
            MarginalLikelihood::new(PairwiseSquaredDistances::new(&rows, &categorical), &losses, 3);
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
    fn a_nonstationary_input_is_fitted_by_a_warp() {
        // Fast at one end and slow at the other: a sine of a power.
        let rows: Vec<f64> = (0..40).map(|n| (f64::from(n) + 0.5) / 40.0).collect();
        let losses: Vec<f64> =
            rows.iter().map(|x| 1.4 * libm::sin(9.0 * libm::pow(*x, 0.35))).collect();
        let start = Hyperparameters {
            inverse_squared_lengthscales: vec![1.0],
            outputscale: 1.0,
            noise_variance: 1e-2,
            input_warps: vec![],
        };
        let plain =
            MarginalLikelihood::new(PairwiseSquaredDistances::new(&rows, &[false]), &losses, 1);
        let (_, before) = { plain }.optimize(&start, 60);
        let warped =
            MarginalLikelihood::new(PairwiseSquaredDistances::new(&rows, &[false]), &losses, 1);
        let (fitted, after) = warped.with_warps(&rows, &[false], vec![0], 0.5).optimize(&start, 60);
        assert!(after < before - 3.0, "{before} {after}");
        let shape = fitted.input_warp(0).unwrap();
        assert!(shape.log_a < -0.3, "{shape:?}");
    }

    #[test]
    fn an_irrelevant_column_gets_a_long_lengthscale() {
        let mut rows = Vec::new();
        let mut losses = Vec::new();
        for index in 0..30 {
            let (a, b) = (f64::from(index) / 30.0, libm::fmod(f64::from(index) * 0.618, 1.0));
            rows.extend([a, b]);
            losses.push(1.4 * libm::sin(6.0 * a));
        }
        let distances = PairwiseSquaredDistances::new(&rows, &[false, false]);
        let start = Hyperparameters {
            inverse_squared_lengthscales: vec![1.0; 2],
            outputscale: 1.0,
            noise_variance: 1e-2,
            input_warps: vec![],
        };
        let (fitted, loss) =
            MarginalLikelihood::new(distances.clone(), &losses, 2).optimize(&start, 60);
        let before = MarginalLikelihood::new(distances, &losses, 2).optimize(&start, 0).1;
        assert!(loss < before - 10.0, "{before} {loss}");
        assert!(
            fitted.inverse_squared_lengthscales[0] > 20.0 * fitted.inverse_squared_lengthscales[1],
            "{fitted:?}"
        );
        assert!(fitted.noise_variance < 1e-3, "{fitted:?}");
    }
}

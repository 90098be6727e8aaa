//! Variance-based sensitivity indices.
//!
//! I. M. Sobol', Sensitivity estimates for nonlinear mathematical models, Mathematical Modelling
//! and Computational Experiments 1 (1993); A. Saltelli et al., Variance based sensitivity analysis
//! of model output. Design and estimator for the total sensitivity index, Computer Physics
//! Communications 181 (2010).

/// The indices of one input, both shares of the variance of the output.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SobolIndices {
    /// By the input alone (first order), averaged over the others.
    pub first: f64,
    /// By the input and its interactions with others (total).
    pub total: f64,
}

/// Most inputs: the low-discrepancy sequence takes two dimensions for each, and has 256.
pub const MAX_INPUTS: usize = 128;

/// The Sobol' indices of a function of `inputs` independent uniform numbers in `[0, 1)`; `None`
/// where the function is constant or not finite.
///
/// `evaluate` gets all points at once, `[samples · (inputs + 2)]`, and returns a value for each.
/// The first-order index is the estimator of Saltelli et al. (2010), equation (b) of their table
/// 2, the total index that of Jansen (f), over pairs of points of a scrambled Sobol sequence.
pub fn sobol_indices<E>(
    inputs: usize,
    samples: u32,
    evaluate: impl FnOnce(&[Vec<f64>]) -> Result<Vec<f64>, E>,
) -> Result<Option<Vec<SobolIndices>>, E> {
    assert!(inputs <= MAX_INPUTS, "{inputs} inputs");
    let values = evaluate(&design(inputs, samples))?;
    let stride = inputs + 2;
    let (mut mean, count) = (0.0, f64::from(2 * samples));
    for pair in values.chunks_exact(stride) {
        mean += (pair[0] + pair[1]) / count;
    }
    let variance: f64 = values
        .chunks_exact(stride)
        .map(|of| ((of[0] - mean).powi(2) + (of[1] - mean).powi(2)) / count)
        .sum();
    // Below this the differences are roundings.
    if !variance.is_finite() || variance <= 1e-24 * (1.0 + mean * mean) {
        return Ok(None);
    }
    let indices = |input: usize| {
        let (mut first, mut total) = (0.0, 0.0);
        for of in values.chunks_exact(stride) {
            let (a, b, mixed) = (of[0], of[1], of[2 + input]);
            // Centered: a large mean would be multiplied by the error of a small difference.
            first += (b - mean) * (mixed - a);
            total += (a - mixed).powi(2);
        }
        let samples = f64::from(samples);
        SobolIndices {
            first: first / samples / variance,
            total: total / (2.0 * samples) / variance,
        }
    };
    Ok(Some((0..inputs).map(indices).collect()))
}

/// For each sample the points A, B, and for each input A with this input of B.
fn design(inputs: usize, samples: u32) -> Vec<Vec<f64>> {
    let coordinate =
        |sample, dimension: usize| f64::from(sobol_burley::sample(sample, dimension as u32, 0));
    let mut points = Vec::with_capacity(samples as usize * (inputs + 2));
    for sample in 0..samples {
        let a: Vec<f64> = (0..inputs).map(|input| coordinate(sample, input)).collect();
        let b: Vec<f64> = (0..inputs).map(|input| coordinate(sample, inputs + input)).collect();
        points.extend([a.clone(), b.clone()]);
        for input in 0..inputs {
            let mut mixed = a.clone();
            mixed[input] = b[input];
            points.push(mixed);
        }
    }
    points
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, f64::consts::PI};

    use super::*;

    fn indices(inputs: usize, function: impl Fn(&[f64]) -> f64) -> Option<Vec<SobolIndices>> {
        let evaluate = |points: &[Vec<f64>]| {
            Ok::<_, Infallible>(points.iter().map(|point| function(point)).collect())
        };
        sobol_indices(inputs, 4096, evaluate).unwrap()
    }

    #[test]
    fn the_indices_of_the_ishigami_function_are_known() {
        let (a, b) = (7.0, 0.1);
        let ishigami = |point: &[f64]| {
            let x = |index: usize| PI * (2.0 * point[index] - 1.0);
            x(0).sin() + a * x(1).sin().powi(2) + b * x(2).powi(4) * x(0).sin()
        };
        // T. Ishigami, T. Homma (1990): the parts of the variance in closed form.
        let first = 0.5 * (1.0 + b * PI.powi(4) / 5.0).powi(2);
        let second = a * a / 8.0;
        let both = b * b * PI.powi(8) * (1.0 / 18.0 - 1.0 / 50.0);
        let all = first + second + both;
        let expected = [(first, first + both), (second, second), (0.0, both)];
        for (found, (alone, total)) in indices(3, ishigami).unwrap().iter().zip(expected) {
            assert!((found.first - alone / all).abs() < 0.01, "{found:?} {}", alone / all);
            assert!((found.total - total / all).abs() < 0.01, "{found:?} {}", total / all);
        }
    }

    #[test]
    fn the_indices_do_not_depend_on_shift_and_scale() {
        let one = indices(2, |point| point[0] + 0.1 * point[1]).unwrap();
        let other = indices(2, |point| 1e6 + 1e3 * (point[0] + 0.1 * point[1])).unwrap();
        for (one, other) in one.iter().zip(&other) {
            assert!((one.first - other.first).abs() < 0.02, "{one:?} {other:?}");
        }
        assert!((one[0].total - 1.0 / 1.01).abs() < 0.01);
    }

    #[test]
    fn a_constant_has_none() {
        assert_eq!(indices(2, |_| 3.7), None);
        assert_eq!(indices(2, |point| point[0] / 0.0 * 0.0), None);
    }
}

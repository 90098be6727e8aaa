//! Box-constrained L-BFGS.

use alloc::{vec, vec::Vec};

use super::{dot_in_lanes as dot, lbfgs::LbfgsHistory};

/// Fraction of the linear decrease that a step must achieve (Armijo).
const SUFFICIENT: f64 = 1e-4;
/// Maximum number of halvings of a step.
const HALVINGS: usize = 20;

/// Stopping criteria and the first step.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LbfgsOptions {
    /// Maximum number of steps.
    pub(crate) max_steps: usize,
    /// Maximum number of evaluations of the function.
    pub(crate) max_evaluations: usize,
    /// Stops when no free component of the gradient exceeds this.
    pub(crate) gradient_tolerance: f64,
    /// Stops when a step decreases the function by less than this.
    pub(crate) value_tolerance: f64,
    /// Maximum length of the first step in any coordinate.
    pub(crate) initial_step: f64,
}

/// Minimizes `function`, which writes its gradient into its second argument, in the box
/// `low..=high` from `x`. Leaves the best point in `x` and returns its value. Coordinates with
/// equal bounds are fixed.
///
/// Limited-memory BFGS (Nocedal & Wright, Numerical Optimization, 2nd edition, algorithm 7.4) on
/// the free coordinates, with steps projected into the box and halved until they satisfy the Armijo
/// condition (Bertsekas 1982). Values that are not finite count as infinitely large.
pub(crate) fn minimize_in_box(
    x: &mut [f64],
    low: &[f64],
    high: &[f64],
    options: LbfgsOptions,
    mut function: impl FnMut(&[f64], &mut [f64]) -> f64,
) -> f64 {
    let size = x.len();
    for index in 0..size {
        x[index] = x[index].clamp(low[index], high[index]);
    }
    let mut gradient = vec![0.0; size];
    let mut value = function(x, &mut gradient);
    let mut evaluations = 1;
    if !value.is_finite() {
        return value;
    }
    let mut history = LbfgsHistory::default();
    let (mut trial, mut trial_gradient) = (vec![0.0; size], vec![0.0; size]);
    for _ in 0..options.max_steps {
        // The gradient of a coordinate that it pushes against a bound is left out.
        let free: Vec<f64> = (0..size)
            .map(|index| {
                let held = low[index] >= high[index]
                    || (x[index] <= low[index] && gradient[index] > 0.0)
                    || (x[index] >= high[index] && gradient[index] < 0.0);
                if held { 0.0 } else { gradient[index] }
            })
            .collect();
        let steepest = free.iter().fold(0.0, |most: f64, slope| most.max(slope.abs()));
        if steepest <= options.gradient_tolerance {
            break;
        }
        let mut direction = history.direction(&free);
        let mut length = 1.0;
        if history.is_empty() || dot(&direction, &free) >= 0.0 {
            history.clear();
            direction = free.iter().map(|slope| -slope).collect();
            length = (options.initial_step / steepest).min(1.0);
        }
        let mut accepted = None;
        for _ in 0..HALVINGS {
            if evaluations >= options.max_evaluations {
                break;
            }
            for index in 0..size {
                trial[index] =
                    (x[index] + length * direction[index]).clamp(low[index], high[index]);
            }
            let promised: f64 =
                (0..size).map(|index| (trial[index] - x[index]) * gradient[index]).sum();
            let reached = function(&trial, &mut trial_gradient);
            evaluations += 1;
            if reached.is_finite() && reached <= value + SUFFICIENT * promised.min(0.0) {
                accepted = Some(reached);
                break;
            }
            length *= 0.5;
        }
        let Some(reached) = accepted.filter(|reached| *reached < value) else { break };
        history.push(x, &trial, &gradient, &trial_gradient);
        let gain = value - reached;
        value = reached;
        x.copy_from_slice(&trial);
        core::mem::swap(&mut gradient, &mut trial_gradient);
        if gain < options.value_tolerance {
            break;
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: LbfgsOptions = LbfgsOptions {
        max_steps: 200,
        max_evaluations: 1000,
        gradient_tolerance: 1e-9,
        value_tolerance: 0.0,
        initial_step: 0.5,
    };

    fn rosenbrock(x: &[f64], gradient: &mut [f64]) -> f64 {
        let (a, b) = (1.0 - x[0], x[1] - x[0] * x[0]);
        gradient[0] = -2.0 * a - 400.0 * x[0] * b;
        gradient[1] = 200.0 * b;
        a * a + 100.0 * b * b
    }

    #[test]
    fn a_curved_valley_is_followed_to_its_end() {
        let mut x = [-1.2, 1.0];
        let value = minimize_in_box(&mut x, &[-5.0; 2], &[5.0; 2], OPTIONS, rosenbrock);
        assert!(value < 1e-12, "{value}");
        assert!((x[0] - 1.0).abs() < 1e-5 && (x[1] - 1.0).abs() < 1e-5);
    }

    #[test]
    fn bounds_hold_the_minimum() {
        // In x ≤ ½ the valley's lowest point is (½, ¼).
        let mut x = [-1.2, 1.0];
        minimize_in_box(&mut x, &[-5.0; 2], &[0.5, 5.0], OPTIONS, rosenbrock);
        assert_eq!(x[0], 0.5);
        assert!((x[1] - 0.25).abs() < 1e-5, "{x:?}");
        // A coordinate without room stays.
        let mut x = [-1.2, 3.0];
        minimize_in_box(&mut x, &[-5.0, 3.0], &[5.0, 3.0], OPTIONS, rosenbrock);
        assert_eq!(x[1], 3.0);
        assert!((x[0].abs() - 1.73).abs() < 0.02, "{x:?}");
    }

    #[test]
    fn values_that_are_not_finite_are_walked_around() {
        let mut x = [3.0];
        let value = minimize_in_box(&mut x, &[-10.0], &[10.0], OPTIONS, |x, gradient| {
            gradient[0] = 1.0 - 1.0 / x[0];
            if x[0] <= 0.0 { f64::NAN } else { x[0] - libm::log(x[0]) }
        });
        assert!((value - 1.0).abs() < 1e-9 && (x[0] - 1.0).abs() < 1e-4);
    }
}

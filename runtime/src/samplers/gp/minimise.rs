//! Minimisation of a smooth function in a box.

use alloc::{collections::VecDeque, vec, vec::Vec};

use super::cholesky::dot;

/// How many steps are remembered.
const MEMORY: usize = 8;
/// A step must bring this share of what the slope promises (Armijo).
const SUFFICIENT: f64 = 1e-4;
/// How often a step is halved before the search ends.
const HALVINGS: usize = 20;

/// When to stop.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Steps at most.
    pub(super) steps: usize,
    /// Evaluations at most.
    pub(super) evaluations: usize,
    /// Stops when no free slope is above this.
    pub(super) slope: f64,
    /// Stops when a step brings less than this.
    pub(super) gain: f64,
    /// The first step is no longer than this in any coordinate.
    pub(super) first: f64,
}

/// Minimises `function` (which writes its gradient into its second argument) in the box
/// `low..=high` from `x`; leaves the best point in `x` and returns its value. Coordinates whose
/// bounds are equal stay.
///
/// Limited-memory BFGS (Nocedal & Wright, Numerical Optimization, 2nd edition, algorithm 7.4) on
/// the coordinates that are free, with steps projected into the box and halved until they suffice
/// (Bertsekas 1982). Values that are not finite count as infinitely bad.
pub(super) fn minimise(
    x: &mut [f64],
    low: &[f64],
    high: &[f64],
    limits: Limits,
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
    let mut memory = Memory::default();
    let (mut trial, mut trial_gradient) = (vec![0.0; size], vec![0.0; size]);
    for _ in 0..limits.steps {
        // Gradients of coordinates that rest against their bounds do not count.
        let free: Vec<f64> = (0..size)
            .map(|index| {
                let held = low[index] >= high[index]
                    || (x[index] <= low[index] && gradient[index] > 0.0)
                    || (x[index] >= high[index] && gradient[index] < 0.0);
                if held { 0.0 } else { gradient[index] }
            })
            .collect();
        let steepest = free.iter().fold(0.0, |most: f64, slope| most.max(slope.abs()));
        if steepest <= limits.slope {
            break;
        }
        let mut direction = memory.direction(&free);
        let mut length = 1.0;
        if memory.is_empty() || dot(&direction, &free) >= 0.0 {
            memory.clear();
            direction = free.iter().map(|slope| -slope).collect();
            length = (limits.first / steepest).min(1.0);
        }
        let mut accepted = None;
        for _ in 0..HALVINGS {
            if evaluations >= limits.evaluations {
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
        memory.remember(x, &trial, &gradient, &trial_gradient);
        let gain = value - reached;
        value = reached;
        x.copy_from_slice(&trial);
        core::mem::swap(&mut gradient, &mut trial_gradient);
        if gain < limits.gain {
            break;
        }
    }
    value
}

/// The last steps, and how the gradient changed over each.
#[derive(Default)]
struct Memory {
    /// Step, change, and the inverse of their product, oldest first.
    pairs: VecDeque<(Vec<f64>, Vec<f64>, f64)>,
}

impl Memory {
    fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    fn clear(&mut self) {
        self.pairs.clear();
    }

    fn remember(&mut self, from: &[f64], to: &[f64], slope: &[f64], slope_there: &[f64]) {
        let step: Vec<f64> = to.iter().zip(from).map(|(to, from)| to - from).collect();
        let change: Vec<f64> = slope_there.iter().zip(slope).map(|(to, from)| to - from).collect();
        let product = dot(&step, &change);
        // Only what curves upwards keeps the matrix positive definite.
        if product > 1e-10 * dot(&change, &change) {
            if self.pairs.len() == MEMORY {
                self.pairs.pop_front();
            }
            self.pairs.push_back((step, change, 1.0 / product));
        }
    }

    /// Minus the approximate inverse Hessian times `free`; 0 where `free` is.
    fn direction(&self, free: &[f64]) -> Vec<f64> {
        let mut direction: Vec<f64> = free.iter().map(|slope| -slope).collect();
        let mut shares = Vec::with_capacity(self.pairs.len());
        for (step, change, inverse) in self.pairs.iter().rev() {
            let share = inverse * dot(step, &direction);
            add(&mut direction, -share, change);
            shares.push(share);
        }
        if let Some((_, change, inverse)) = self.pairs.back() {
            let scale = 1.0 / (inverse * dot(change, change));
            direction.iter_mut().for_each(|entry| *entry *= scale);
        }
        for ((step, change, inverse), share) in self.pairs.iter().zip(shares.into_iter().rev()) {
            let correction = share - inverse * dot(change, &direction);
            add(&mut direction, correction, step);
        }
        for (entry, slope) in direction.iter_mut().zip(free) {
            if *slope == 0.0 {
                *entry = 0.0;
            }
        }
        direction
    }
}

fn add(y: &mut [f64], factor: f64, x: &[f64]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += factor * x;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits =
        Limits { steps: 200, evaluations: 1000, slope: 1e-9, gain: 0.0, first: 0.5 };

    fn rosenbrock(x: &[f64], gradient: &mut [f64]) -> f64 {
        let (a, b) = (1.0 - x[0], x[1] - x[0] * x[0]);
        gradient[0] = -2.0 * a - 400.0 * x[0] * b;
        gradient[1] = 200.0 * b;
        a * a + 100.0 * b * b
    }

    #[test]
    fn a_curved_valley_is_followed_to_its_end() {
        let mut x = [-1.2, 1.0];
        let value = minimise(&mut x, &[-5.0; 2], &[5.0; 2], LIMITS, rosenbrock);
        assert!(value < 1e-12, "{value}");
        assert!((x[0] - 1.0).abs() < 1e-5 && (x[1] - 1.0).abs() < 1e-5);
    }

    #[test]
    fn bounds_hold_the_minimum() {
        // In x ≤ ½ the valley's lowest point is (½, ¼).
        let mut x = [-1.2, 1.0];
        minimise(&mut x, &[-5.0; 2], &[0.5, 5.0], LIMITS, rosenbrock);
        assert_eq!(x[0], 0.5);
        assert!((x[1] - 0.25).abs() < 1e-5, "{x:?}");
        // A coordinate without room stays.
        let mut x = [-1.2, 3.0];
        minimise(&mut x, &[-5.0, 3.0], &[5.0, 3.0], LIMITS, rosenbrock);
        assert_eq!(x[1], 3.0);
        assert!((x[0].abs() - 1.73).abs() < 0.02, "{x:?}");
    }

    #[test]
    fn values_that_are_not_finite_are_walked_around() {
        let mut x = [3.0];
        let value = minimise(&mut x, &[-10.0], &[10.0], LIMITS, |x, gradient| {
            gradient[0] = 1.0 - 1.0 / x[0];
            if x[0] <= 0.0 { f64::NAN } else { x[0] - libm::log(x[0]) }
        });
        assert!((value - 1.0).abs() < 1e-9 && (x[0] - 1.0).abs() < 1e-4);
    }
}

//! Quadratic models of the constraints beside that of the loss.

use alloc::vec::Vec;
use core::cmp::Ordering;

use super::quadratic::{Quadratic, SparseOffset};
use crate::{
    math::box_lbfgs::{LbfgsOptions, minimize_in_box},
    samplers::constraint_values::{MAX_MODELED, scale, values_of},
    trial::Observation,
};

/// Number of standard deviations by which a constraint's model has to hold.
const MARGIN: f64 = 0.5;
/// Number of dimensions up to which the constrained minimum is searched.
const MAX_DIMENSIONS: usize = 64;
/// Rounds of the augmented Lagrangian, its first penalty, and the penalty's growth in each.
const ROUNDS: usize = 6;
const FIRST_PENALTY: f64 = 10.0;
const PENALTY_GROWTH: f64 = 3.0;
/// Largest magnitude of a model's values, in units of their median.
const MAX_SCALED_VALUE: f64 = 1e3;

/// The models of the constraints, each in units of the median magnitude of its values.
#[derive(Clone, Debug, Default)]
pub(super) struct ConstraintModels(Vec<Quadratic>);

/// What a candidate is chosen by: first the violation that the models expect, then the lower
/// confidence bound of the loss.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rating {
    pub violation: f64,
    pub bound: f64,
}

impl Rating {
    /// Whether this is better than another.
    pub fn is_below(&self, other: &Self) -> bool {
        self.violation < other.violation
            || (self.violation == other.violation && self.bound < other.bound)
    }

    /// The better of two ratings is less.
    pub fn total_cmp(&self, other: &Self) -> Ordering {
        self.violation.total_cmp(&other.violation).then(self.bound.total_cmp(&other.bound))
    }
}

impl ConstraintModels {
    /// Fits the models of `count` constraints to trials at `offsets`, `[trials, columns]`. A
    /// constraint that none of the trials reported has no model.
    pub fn fit(trials: &[&Observation], offsets: &[f64], columns: usize, count: usize) -> Self {
        let model = |index| {
            let values = values_of(trials, index, count);
            let measured = || values.iter().enumerate().filter_map(|(at, it)| Some((at, (*it)?)));
            let scale = scale(measured().map(|(_, value)| value));
            let scaled: Vec<f64> = measured()
                .map(|(_, value)| (value / scale).clamp(-MAX_SCALED_VALUE, MAX_SCALED_VALUE))
                .collect();
            let points =
                measured().flat_map(|(at, _)| &offsets[at * columns..][..columns]).copied();
            (!scaled.is_empty()).then(|| Quadratic::fit(points.collect(), columns, &scaled))
        };
        Self((0..count.min(MAX_MODELED)).filter_map(model).collect())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The sum of the amounts by which the models exceed 0 at a point, with a margin of
    /// [`MARGIN`] standard deviations.
    pub fn violation(&self, u: SparseOffset<'_>) -> f64 {
        // The upper bound, as the lower one of the other side.
        self.0.iter().map(|model| model.lower_bound(u, -MARGIN).max(0.0)).sum()
    }

    /// Minimizes the model of the loss under those of the constraints in a box around `start`,
    /// whose first coordinates move: once with the constraints as they are and once with their
    /// margins there. Empty in very many dimensions.
    ///
    /// An augmented Lagrangian: J. Nocedal, S. J. Wright, Numerical Optimization (2nd edition),
    /// algorithm 17.4, with inequalities as in R. T. Rockafellar, The multiplier method of Hestenes
    /// and Powell applied to convex programming (1973).
    pub fn minimize(
        &self,
        loss: &Quadratic,
        start: &[f64],
        (low, high): (&[f64], &[f64]),
    ) -> Vec<Vec<f64>> {
        if start.len() > MAX_DIMENSIONS {
            return Vec::new();
        }
        let plain = self.minimize_with(loss, start, (low, high), &alloc::vec![0.0; self.0.len()]);
        let margins: Vec<f64> =
            self.0.iter().map(|model| MARGIN * model.deviation(&plain)).collect();
        let inner = self.minimize_with(loss, &plain, (low, high), &margins);
        alloc::vec![inner, plain]
    }

    /// The minimum with constraints that hold by these margins.
    fn minimize_with(
        &self,
        loss: &Quadratic,
        start: &[f64],
        (low, high): (&[f64], &[f64]),
        margins: &[f64],
    ) -> Vec<f64> {
        let mut u = start.to_vec();
        let mut multipliers = alloc::vec![0.0; self.0.len()];
        let mut penalty = FIRST_PENALTY;
        // The other coordinates stay.
        let fixed = &start[low.len()..];
        let [low, high] = [low, high].map(|bound| [bound, fixed].concat());
        let options = LbfgsOptions {
            max_steps: 20,
            max_evaluations: 40,
            gradient_tolerance: 1e-6,
            value_tolerance: 1e-9,
            initial_step: 0.5,
        };
        let mut slopes = alloc::vec![0.0; u.len()];
        for _ in 0..ROUNDS {
            minimize_in_box(&mut u, &low, &high, options, |u, gradient| {
                let mut sum = loss.value_with_gradient(u, gradient);
                for ((model, margin), multiplier) in self.0.iter().zip(margins).zip(&multipliers) {
                    let exceeded = model.value_with_gradient(u, &mut slopes) + margin;
                    let pull = (multiplier + penalty * exceeded).max(0.0);
                    sum += (pull * pull - multiplier * multiplier) / (2.0 * penalty);
                    gradient.iter_mut().zip(&slopes).for_each(|(sum, slope)| *sum += pull * slope);
                }
                sum
            });
            for ((model, margin), multiplier) in self.0.iter().zip(margins).zip(&mut multipliers) {
                *multiplier = (*multiplier + penalty * (model.value(&u) + margin)).max(0.0);
            }
            penalty *= PENALTY_GROWTH;
        }
        u
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::space::Configuration;

    /// Offsets of a grid over the square, and its trials with one constraint.
    fn grid(constraint: impl Fn(f64, f64) -> f64) -> (Vec<f64>, Vec<Observation>) {
        let places = || (-2..=2).map(|at| f64::from(at) / 2.0);
        let offsets: Vec<f64> = places().flat_map(|x| places().flat_map(move |y| [x, y])).collect();
        let trial = |point: &[f64]| {
            Observation::new(Configuration::new(vec![]), Some(0.0))
                .with_constraints([constraint(point[0], point[1])])
        };
        let trials = offsets.chunks(2).map(trial).collect();
        (offsets, trials)
    }

    #[test]
    fn the_constrained_minimum_is_found_on_the_bound() {
        // Least squared distance to (1, 1) with x + y ≤ ½, and inside the circle of radius ½.
        for (constraint, wanted) in [
            ((|x, y| 40.0 * (x + y - 0.5)) as fn(f64, f64) -> f64, 0.25),
            (|x, y| x * x + y * y - 0.25, libm::sqrt(0.125)),
        ] {
            let (offsets, trials) = grid(constraint);
            let trials: Vec<&Observation> = trials.iter().collect();
            let models = ConstraintModels::fit(&trials, &offsets, 2, 1);
            let losses: Vec<f64> = offsets
                .chunks(2)
                .map(|point| {
                    (point[0] - 1.0) * (point[0] - 1.0) + (point[1] - 1.0) * (point[1] - 1.0)
                })
                .collect();
            let loss = Quadratic::fit(offsets.clone(), 2, &losses);
            let found = models.minimize(&loss, &[-0.5, 0.9], (&[-1.0; 2], &[1.0; 2]));
            for point in &found {
                assert!(point.iter().all(|x| (x - wanted).abs() < 1e-3), "{found:?}");
            }
            let violation = |x: f64, y: f64| models.violation(SparseOffset(&[(0, x), (1, y)]));
            assert_eq!(violation(0.1, 0.1), 0.0);
            assert!(violation(0.9, 0.9) > violation(0.6, 0.6) && violation(0.6, 0.6) > 0.0);
        }
    }

    #[test]
    fn trials_without_values_are_left_out() {
        let (offsets, mut trials) = grid(|x, _| x);
        trials[7].constraints.clear();
        let trials: Vec<&Observation> = trials.iter().collect();
        let models = ConstraintModels::fit(&trials, &offsets, 2, 1);
        assert!((models.violation(SparseOffset(&[(0, 1.0)])) - 1.0).abs() < 1e-2);
        assert!(ConstraintModels::fit(&[trials[7]], &offsets[14..16], 2, 1).is_empty());
    }

    #[test]
    fn a_violation_decides_before_the_loss() {
        let of = |violation, bound| Rating { violation, bound };
        assert!(of(0.0, 9.0).is_below(&of(0.1, -9.0)) && of(0.0, 1.0).is_below(&of(0.0, 2.0)));
        assert!(!of(0.0, 1.0).is_below(&of(0.0, 1.0)));
    }
}

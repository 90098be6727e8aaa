//! What a search maximizes.

use super::{
    feasibility::Feasibility,
    improvement::log_expected_improvement,
    posterior::{Posterior, Scratch},
};

/// The logarithm of the expected improvement, or, under constraints, of the constrained one: the
/// expected improvement on the best feasible trial times the probability that all constraints hold.
/// While no trial is feasible it is the logarithm of that probability alone.
///
/// M. Schonlau, W. J. Welch, D. R. Jones, Global versus Local Search in Constrained Optimization of
/// Computer Models (1998); J. R. Gardner, M. J. Kusner, Z. Xu, K. Q. Weinberger, J. P. Cunningham,
/// Bayesian Optimization with Inequality Constraints, ICML 2014; M. A. Gelbart, J. Snoek, R. P.
/// Adams, Bayesian Optimization with Unknown Constraints, UAI 2014, for the search for a first
/// feasible trial.
#[derive(Clone, Copy)]
pub(super) struct Acquisition<'a> {
    pub(super) loss: &'a Posterior,
    pub(super) feasibility: Option<&'a Feasibility>,
}

impl Acquisition<'_> {
    /// Whether there is a loss to improve on.
    fn improves(&self) -> bool {
        self.feasibility.is_none_or(Feasibility::has_feasible)
    }

    /// The value at a point, `[columns]`.
    pub(super) fn value(&self, row: &[f64], scratch: &mut Scratch) -> f64 {
        let mut value = 0.0;
        self.value_each(row, scratch, |_, found| value = found);
        value
    }

    /// Calls `each` with the number and the value of each of `rows`, `[points, columns]`, in order.
    pub(super) fn value_each(
        &self,
        rows: &[f64],
        scratch: &mut Scratch,
        mut each: impl FnMut(usize, f64),
    ) {
        let mut number = 0;
        let improves = self.improves();
        let mut logarithms = match self.feasibility {
            Some(feasibility) => feasibility.log_probabilities(rows, scratch),
            None => alloc::vec::Vec::new(),
        };
        if !improves {
            logarithms.drain(..).enumerate().for_each(|(number, value)| each(number, value));
            return;
        }
        self.loss.predict_each(rows, scratch, |mean, deviation| {
            let value = log_expected_improvement(mean, deviation, self.loss.incumbent()).0;
            each(number, logarithms.get(number).map_or(value, |feasible| value + feasible));
            number += 1;
        });
    }

    /// The value at a point, with its gradient by the numerical coordinates in `gradient`,
    /// `[columns]`; 0 for categories.
    pub(super) fn value_with_gradient(
        &self,
        row: &[f64],
        gradient: &mut [f64],
        scratch: &mut Scratch,
    ) -> f64 {
        let mut value = 0.0;
        gradient.fill(0.0);
        if self.improves() {
            value = self.loss.log_expected_improvement_with_gradient(row, gradient, scratch);
        }
        if let Some(feasibility) = self.feasibility {
            value += feasibility.add_log_probability_with_gradient(row, gradient, scratch);
        }
        value
    }
}

//! The order of trials under constraints.

use alloc::vec::Vec;
use core::cmp::Ordering;

use crate::trial::Observation;

/// How good a trial is, the least first: feasible trials by their losses, then infeasible ones by
/// their violations, then failed ones, which are equal.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Merit {
    /// The loss of a feasible trial.
    Feasible(f64),
    /// The violation of an infeasible trial, in units of those that are usual.
    Infeasible(f64),
    /// The trial failed.
    Failed,
}

/// The order of a history's trials: K. Deb, An efficient constraint handling method for genetic
/// algorithms, Computer Methods in Applied Mechanics and Engineering 186 (2000).
///
/// A violation is the sum of the amounts by which constraints are exceeded, each in units of its
/// median over the trials that exceed it, so that constraints in large units do not decide alone.
/// Without constraints the order is that of the losses.
#[derive(Clone, Debug, Default)]
pub(crate) struct TrialOrder {
    /// `[constraints]`: inverse medians; empty without constraints.
    factors: Vec<f64>,
}

impl TrialOrder {
    /// The order for trials of this history.
    pub fn new<'a>(history: impl IntoIterator<Item = &'a Observation> + Clone) -> Self {
        let count = constraint_count(history.clone());
        let factor = |index: usize| {
            let values = history.clone().into_iter().filter_map(|it| it.constraints.get(index));
            let mut exceeded: Vec<f64> = values.copied().filter(|value| *value > 0.0).collect();
            let middle = exceeded.len() / 2;
            if exceeded.is_empty() {
                return 1.0;
            }
            // Of a subnormal number the inverse would be infinite.
            1.0 / exceeded.select_nth_unstable_by(middle, f64::total_cmp).1.max(f64::MIN_POSITIVE)
        };
        Self { factors: (0..count).map(factor).collect() }
    }

    /// The merit of a trial.
    pub fn merit(&self, trial: &Observation) -> Merit {
        match trial.loss {
            None => Merit::Failed,
            Some(loss) if trial.is_feasible() => Merit::Feasible(loss),
            Some(_) => Merit::Infeasible(self.violation(trial)),
        }
    }

    /// The violation of a trial, 0 for a feasible one. Infinite where it overflows.
    fn violation(&self, trial: &Observation) -> f64 {
        // A constraint that the order has not seen is in units of its own.
        let factors = self.factors.iter().copied().chain(core::iter::repeat(1.0));
        trial.constraints.iter().zip(factors).map(|(value, factor)| value.max(0.0) * factor).sum()
    }
}

/// The order of a history that is looked at trial by trial: that of its first 1, 2, 4, 8, … trials,
/// so that the order of a prefix does not depend on what comes after it.
#[cfg(feature = "classical")]
#[derive(Clone, Debug, Default)]
pub(crate) struct GrowingOrder {
    length: usize,
    order: TrialOrder,
}

#[cfg(feature = "classical")]
impl GrowingOrder {
    /// The order for the trials of a prefix of the history, which has one at least.
    pub fn of(&mut self, prefix: &[Observation]) -> &TrialOrder {
        let length = 1 << prefix.len().ilog2();
        if self.length != length {
            self.length = length;
            self.order = TrialOrder::new(&prefix[..length]);
        }
        &self.order
    }
}

impl Merit {
    /// The better of two merits is less; zeros of either sign differ, as losses do elsewhere.
    pub fn total_cmp(&self, other: &Self) -> Ordering {
        let class = |merit: &Self| match merit {
            Self::Feasible(_) => 0,
            Self::Infeasible(_) => 1,
            Self::Failed => 2,
        };
        match (self, other) {
            (Self::Feasible(one), Self::Feasible(other))
            | (Self::Infeasible(one), Self::Infeasible(other)) => one.total_cmp(other),
            _ => class(self).cmp(&class(other)),
        }
    }

    /// The same, except that zeros of either sign are equal.
    #[cfg(feature = "classical")]
    pub fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Feasible(one), Self::Feasible(other))
            | (Self::Infeasible(one), Self::Infeasible(other))
                if one == other =>
            {
                Ordering::Equal
            }
            _ => self.total_cmp(other),
        }
    }

    /// Whether this is better than another by more than the sign of a zero.
    #[cfg(feature = "classical")]
    pub fn is_better(&self, other: &Self) -> bool {
        self.compare(other).is_lt()
    }

    /// Whether the trial failed.
    pub fn is_failed(&self) -> bool {
        matches!(self, Self::Failed)
    }
}

/// The largest number of constraints that a trial has reported; 0 in a study without constraints.
pub(crate) fn constraint_count<'a>(trials: impl IntoIterator<Item = &'a Observation>) -> usize {
    trials.into_iter().map(|trial| trial.constraints.len()).max().unwrap_or(0)
}

/// Whether a trial has succeeded and is feasible.
pub(crate) fn is_success(trial: &Observation) -> bool {
    trial.loss.is_some() && trial.is_feasible()
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::space::Configuration;

    fn trial(loss: Option<f64>, constraints: &[f64]) -> Observation {
        Observation::new(Configuration::new(vec![]), loss).with_constraints(constraints)
    }

    #[test]
    fn feasible_trials_come_first_then_the_least_violating_then_failures() {
        let history = [
            trial(None, &[]),
            trial(Some(-9.0), &[1e6, -1.0]),
            trial(Some(5.0), &[-0.0, 0.0]),
            trial(Some(-9.0), &[0.0, 2.0]),
            trial(Some(3.0), &[-1.0, -1e300]),
            trial(Some(-9.0), &[1e6, 1.0]),
            trial(Some(-99.0), &[2e6, 1.0]),
            trial(None, &[-1.0, -1.0]),
        ];
        let order = TrialOrder::new(&history);
        let mut ranked: Vec<usize> = (0..history.len()).collect();
        ranked.sort_by(|one, other| {
            order.merit(&history[*one]).total_cmp(&order.merit(&history[*other]))
        });
        // A million of the first constraint is as usual as 2 of the second.
        assert_eq!(ranked, [4, 2, 1, 3, 5, 6, 0, 7]);
    }

    #[test]
    fn violations_at_the_ends_of_what_doubles_hold_have_an_order() {
        let history = [
            trial(Some(0.0), &[1e300]),
            trial(Some(0.0), &[5e-324]),
            trial(Some(0.0), &[1e-310]),
            trial(Some(0.0), &[f64::MAX]),
        ];
        let order = TrialOrder::new(&history);
        let merits: Vec<Merit> = history.iter().map(|trial| order.merit(trial)).collect();
        // The two least are too small to differ beside the others.
        assert!(!merits[2].is_better(&merits[1]) && merits[2].is_better(&merits[0]));
        assert!(merits[0].is_better(&merits[3]) && !merits[3].is_better(&merits[3]));
        let tiny = TrialOrder::new(&history[1..3]);
        assert!(matches!(tiny.merit(&history[1]), Merit::Infeasible(it) if it.is_finite()));
        assert_eq!(constraint_count(&[trial(None, &[])]), 0);
    }
}

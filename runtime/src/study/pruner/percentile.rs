use alloc::{format, vec::Vec};

use super::{Reports, invalid};
use crate::{
    Result,
    study::{Trial, TrialState},
};

/// Ends a trial whose best intermediate value so far is worse than a percentile of the values that
/// finished trials had at the same step.
///
/// The rule of Optuna's `PercentilePruner`; with percentile 50, its `MedianPruner` and the median
/// stopping rule of Google Vizier (Golovin et al., KDD 2017). Percentiles are interpolated linearly
/// between values, as NumPy does.
#[derive(Clone, Debug, PartialEq)]
pub struct PercentilePruner {
    /// The best part of the trials that is kept, in percent, from 0 to 100.
    pub percentile: f64,
    /// Number of finished trials before any is ended.
    pub n_startup_trials: u64,
    /// The first step at which a trial can be ended.
    pub n_warmup_steps: u64,
    /// Steps from one decision to the next, counted from the warm-up's end; at least 1. Where a
    /// trial reports nothing at such a step, the decision waits for its next report.
    pub interval_steps: u64,
    /// Number of finished trials with a value at the step, below which the trial goes on; at least
    /// 1.
    pub n_min_trials: u64,
}

impl Default for PercentilePruner {
    /// The median, with Optuna's defaults: 5 trials to start, a decision at every step.
    fn default() -> Self {
        Self {
            percentile: 50.0,
            n_startup_trials: 5,
            n_warmup_steps: 0,
            interval_steps: 1,
            n_min_trials: 1,
        }
    }
}

impl PercentilePruner {
    pub(super) fn check(&self) -> Result<()> {
        if !(0.0..=100.0).contains(&self.percentile) {
            let what = format!("is a number from 0 to 100, not {}", self.percentile);
            return Err(invalid("percentile", what));
        }
        for (name, value) in
            [("interval_steps", self.interval_steps), ("n_min_trials", self.n_min_trials)]
        {
            if value < 1 {
                return Err(invalid(name, format!("is at least 1, not {value}")));
            }
        }
        Ok(())
    }

    pub(super) fn decide(&self, reports: &Reports<'_>) -> bool {
        let is_finished = |trial: &&Trial| trial.state == TrialState::Finished;
        let (step, _) = reports.last();
        if !self.is_due(step, reports.step_before()) {
            return false;
        }
        let (mut finished, mut values) = (0, Vec::new());
        for trial in reports.trials.iter().filter(is_finished) {
            finished += 1;
            if let Ok(place) = trial.reports.binary_search_by_key(&step, |(step, _)| *step) {
                values.push(trial.reports[place].1);
            }
        }
        if finished < self.n_startup_trials || (values.len() as u64) < self.n_min_trials {
            return false;
        }
        // As a percentile of the values themselves, because that of their negatives is rounded
        // differently.
        let percentile = match reports.direction {
            crate::study::Direction::Minimize => self.percentile,
            crate::study::Direction::Maximize => 100.0 - self.percentile,
        };
        let Some(threshold) = interpolated_percentile(values, percentile) else { return false };
        let best = reports.best(&reports.trial.reports);
        best.is_some_and(|best| reports.direction.is_better(threshold, best))
    }

    /// Whether a decision is due at `step`, where `before` is the step reported before.
    fn is_due(&self, step: u64, before: Option<u64>) -> bool {
        let Some(behind) = step.checked_sub(self.n_warmup_steps) else { return false };
        let interval_start = step - behind % self.interval_steps;
        before.is_none_or(|before| before < interval_start)
    }
}

/// The percentile of values, in any order, as `numpy.percentile` interpolates it, with the same
/// rounding; `None` of none.
fn interpolated_percentile(mut values: Vec<f64>, percentile: f64) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let last = values.len().checked_sub(1)?;
    let place = percentile / 100.0 * last as f64;
    let below = (libm::floor(place) as usize).min(last);
    let (low, high) = (values[below], values[(below + 1).min(last)]);
    let weight = place - below as f64;
    let range = high - low;
    Some(if low == high || weight == 0.0 {
        low
    } else if !range.is_finite() {
        low * (1.0 - weight) + high * weight
    } else if weight >= 0.5 {
        high - range * (1.0 - weight)
    } else {
        low + range * weight
    })
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    #[test]
    fn percentiles_are_those_of_numpy() {
        // numpy.percentile([3, 1, 2, 10], …)
        let of = |percentile| interpolated_percentile(vec![3.0, 1.0, 2.0, 10.0], percentile);
        for (percentile, value) in [
            (0.0, 1.0),
            (25.0, 1.75),
            (50.0, 2.5),
            (75.0, 4.75),
            (90.0, 7.900_000_000_000_001),
            (100.0, 10.0),
        ] {
            assert_eq!(of(percentile), Some(value));
        }
        assert_eq!(interpolated_percentile(vec![], 50.0), None);
        assert_eq!(interpolated_percentile(vec![7.0], 33.0), Some(7.0));
        let extreme = interpolated_percentile(vec![f64::MAX, f64::MIN], 50.0);
        assert_eq!(extreme, Some(0.0));
    }

    #[test]
    fn decisions_are_due_at_the_first_step_of_an_interval() {
        let pruner =
            PercentilePruner { n_warmup_steps: 3, interval_steps: 5, ..Default::default() };
        let due: Vec<u64> =
            (0..20).filter(|step| pruner.is_due(*step, step.checked_sub(1))).collect();
        assert_eq!(due, [3, 8, 13, 18]);
        // A step that was left out is made up for.
        assert!(pruner.is_due(10, Some(6)) && !pruner.is_due(11, Some(10)));
    }
}

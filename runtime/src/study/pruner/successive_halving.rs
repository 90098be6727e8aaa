use alloc::{format, vec::Vec};

use super::{Reports, invalid};
use crate::{Result, study::Trial};

/// Asynchronous successive halving: a trial that completes a rung goes on only if its value is
/// among the best `1 / reduction_factor` of those that have completed it so far.
///
/// The rungs are at the steps `min_resource · reduction_factor^(min_early_stopping_rate + k)`, and
/// the value of a rung is the one reported at its step, or at the first one behind it. Like
/// Optuna's `SuccessiveHalvingPruner` it ends trials instead of suspending them, and lets the best
/// of the first `reduction_factor − 1` trials go on.
///
/// L. Li, K. Jamieson, A. Rostamizadeh, E. Gonina, J. Ben-Tzur, M. Hardt, B. Recht, A. Talwalkar,
/// A System for Massively Parallel Hyperparameter Tuning, MLSys 2020.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SuccessiveHalvingPruner {
    /// The step of the first rung, at least 1.
    pub min_resource: u64,
    /// The step from which on a trial is not ended, if any: usually the last one, after which
    /// nothing can be saved.
    pub max_resource: Option<u64>,
    /// The factor between the steps of two rungs, and between their numbers of trials; at least 2.
    pub reduction_factor: u64,
    /// Number of rungs to leave out at the beginning.
    pub min_early_stopping_rate: u32,
    /// Number of trials that must complete a rung before any goes on from it.
    pub bootstrap_count: u64,
}

impl Default for SuccessiveHalvingPruner {
    /// Optuna's defaults, with the first rung at step 1: rungs at 1, 4, 16, ….
    fn default() -> Self {
        Self {
            min_resource: 1,
            max_resource: None,
            reduction_factor: 4,
            min_early_stopping_rate: 0,
            bootstrap_count: 0,
        }
    }
}

impl SuccessiveHalvingPruner {
    pub(super) fn check(&self) -> Result<()> {
        check_resources(self.min_resource, self.max_resource, self.reduction_factor)
    }

    /// Decides by the trials for which `competes` is true.
    pub(super) fn decide(&self, reports: &Reports<'_>, competes: impl Fn(&Trial) -> bool) -> bool {
        let (step, _) = reports.last();
        if self.max_resource.is_some_and(|last| step >= last) {
            return false;
        }
        let is_poor_at = |rung: u64| {
            let Some(value) = value_at(reports.trial, rung) else { return false };
            let is_other = |trial: &&Trial| trial.id != reports.trial.id && competes(trial);
            let others = reports.trials.iter().filter(is_other);
            let values: Vec<f64> = others.filter_map(|trial| value_at(trial, rung)).collect();
            let count = values.len() as u64 + 1;
            let better = values.iter().filter(|one| reports.direction.is_better(**one, value));
            let promoted = (count / self.reduction_factor).max(1);
            count <= self.bootstrap_count || better.count() as u64 >= promoted
        };
        let mut completed = self.rungs().take_while(|rung| *rung <= step);
        if reports.is_stuck {
            return completed.last().is_some_and(is_poor_at);
        }
        let is_new = |rung: &u64| reports.step_before().is_none_or(|before| before < *rung);
        completed.any(|rung| is_new(&rung) && is_poor_at(rung))
    }

    /// The steps of the rungs.
    fn rungs(&self) -> impl Iterator<Item = u64> {
        let first = self
            .reduction_factor
            .checked_pow(self.min_early_stopping_rate)
            .and_then(|factor| self.min_resource.checked_mul(factor));
        core::iter::successors(first, |rung| rung.checked_mul(self.reduction_factor))
    }
}

/// The value with which a trial completed a rung.
fn value_at(trial: &Trial, rung: u64) -> Option<f64> {
    let place = trial.reports.partition_point(|(step, _)| *step < rung);
    trial.reports.get(place).map(|(_, value)| *value)
}

/// Checks the options that successive halving and Hyperband share.
pub(super) fn check_resources(
    min_resource: u64,
    max_resource: Option<u64>,
    reduction_factor: u64,
) -> Result<()> {
    if min_resource < 1 {
        return Err(invalid("min_resource", "is at least 1, not 0"));
    }
    if reduction_factor < 2 {
        return Err(invalid("reduction_factor", format!("is at least 2, not {reduction_factor}")));
    }
    match max_resource {
        Some(max_resource) if max_resource < min_resource => {
            let what = format!("is at least min_resource, {min_resource}, not {max_resource}");
            Err(invalid("max_resource", what))
        }
        _ => Ok(()),
    }
}

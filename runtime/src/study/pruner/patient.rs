use alloc::{boxed::Box, format};

use super::{Pruner, Reports, invalid};
use crate::{Result, study::Direction};

/// Lets another pruner decide only when a trial has stopped to improve.
///
/// A trial goes on while its best value of the last `patience + 1` reports is not worse by more
/// than `min_delta` than the best of those before, and while it has no more than `patience + 1`
/// reports.
/// The rule of Optuna's `PatientPruner`. Successive halving judges such a trial at every report, by
/// the last rung that it has completed.
#[derive(Clone, Debug, PartialEq)]
pub struct PatientPruner {
    /// The pruner that decides then; without one, the trial is ended.
    pub pruner: Option<Box<Pruner>>,
    /// Number of reports without an improvement that are tolerated.
    pub patience: u64,
    /// By how much a value must be worse to count as no improvement; at least 0.
    pub min_delta: f64,
}

impl PatientPruner {
    /// `pruner` with a patience and no tolerance.
    pub fn new(pruner: impl Into<Option<Box<Pruner>>>, patience: u64) -> Self {
        Self { pruner: pruner.into(), patience, min_delta: 0.0 }
    }

    pub(super) fn check(&self) -> Result<()> {
        if !self.min_delta.is_finite() || self.min_delta < 0.0 {
            let what = format!("is a number of at least 0, not {}", self.min_delta);
            return Err(invalid("min_delta", what));
        }
        self.pruner.as_ref().map_or(Ok(()), |pruner| pruner.check())
    }

    pub(super) fn decide(&self, reports: &Reports<'_>) -> bool {
        let all = &reports.trial.reports;
        let Some(before) = (all.len() as u64).checked_sub(self.patience.saturating_add(1)) else {
            return false;
        };
        let (before, after) = all.split_at(before as usize);
        let (Some(before), Some(after)) = (reports.best(before), reports.best(after)) else {
            return false;
        };
        let is_stuck = match reports.direction {
            Direction::Minimize => before + self.min_delta < after,
            Direction::Maximize => before - self.min_delta > after,
        };
        let reports = Reports { is_stuck: true, ..*reports };
        is_stuck && self.pruner.as_ref().is_none_or(|pruner| pruner.decide(&reports))
    }
}

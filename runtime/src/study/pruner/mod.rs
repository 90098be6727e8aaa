//! Rules that end trials early for their intermediate values.
//!
//! Trials report intermediate values with [`Study::report`](super::Study::report), and
//! [`Study::should_stop`](super::Study::should_stop) says whether a trial is worth its further
//! steps. The decision depends on the trials' reports, their states, the direction and, in
//! Hyperband, on the trial's id and the study's seed; on nothing else. Ask after each report: a
//! rule looks at a step when it is reported, and not again later.
//!
//! The options have the names and, up to `min_resource` and `max_resource`, which have no
//! `"auto"`, the defaults of Optuna's pruners, and the decisions are the same
//! (`tests/python/test_pruners.py`). A resource is a step: count them from 1.

mod hyperband;
mod patient;
mod percentile;
mod successive_halving;
mod text;

pub use hyperband::HyperbandPruner;
pub use patient::PatientPruner;
pub use percentile::PercentilePruner;
pub use successive_halving::SuccessiveHalvingPruner;

use alloc::{boxed::Box, format};

use super::{Direction, Trial};
use crate::{Error, ErrorKind, Result};

/// A rule that ends trials early, for [`Study::with_pruner`](super::Study::with_pruner).
///
/// It has a text form, which the tool and study files use:
///
/// ```
/// use optiformer::study::{HyperbandPruner, Pruner};
///
/// let pruner: Pruner = "hyperband:min=1,max=81,factor=3".parse()?;
/// assert_eq!(pruner, HyperbandPruner::new(81).into());
/// # Ok::<(), optiformer::Error>(())
/// ```
///
/// | text | rule | options |
/// |---|---|---|
/// | `percentile:25` | [`PercentilePruner`] | `startup`, `warmup`, `interval`, `min_trials` |
/// | `median` | [`PercentilePruner`] with percentile 50 | the same |
/// | `asha` | [`SuccessiveHalvingPruner`] | `min`, `max`, `factor`, `rate`, `bootstrap` |
/// | `hyperband:max=81` | [`HyperbandPruner`] | `min`, `max`, `factor`, `bootstrap` |
/// | `patient:5:median` | [`PatientPruner`] around the rule after the second colon | `min_delta` |
///
/// Options follow as `name=value`, with commas: `median:startup=10,warmup=3`. The names of the
/// fields, such as `n_startup_trials`, are read too.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Pruner {
    /// Ends trials that are worse than a percentile of the finished ones.
    Percentile(PercentilePruner),
    /// Lets a fraction of the trials go on from each rung to the next.
    SuccessiveHalving(SuccessiveHalvingPruner),
    /// Successive halving from several smallest resources.
    Hyperband(HyperbandPruner),
    /// Waits until a trial has stopped to improve.
    Patient(PatientPruner),
}

/// What a pruner decides by.
#[derive(Clone, Copy, Debug)]
struct Reports<'a> {
    /// All trials, in the order of their ids.
    trials: &'a [Trial],
    /// The trial that is judged, pending and with a report.
    trial: &'a Trial,
    direction: Direction,
    seed: u64,
    /// The trial has stopped to improve: it is judged by what it has reached, between rungs too.
    is_stuck: bool,
}

impl Pruner {
    /// The median stopping rule: percentile 50, with Optuna's defaults.
    ///
    /// D. Golovin et al., Google Vizier: A Service for Black-Box Optimization, KDD 2017.
    pub fn median() -> Self {
        PercentilePruner::default().into()
    }

    /// Checks the options.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidValue`], naming the option.
    pub(super) fn check(&self) -> Result<()> {
        match self {
            Self::Percentile(pruner) => pruner.check(),
            Self::SuccessiveHalving(pruner) => pruner.check(),
            Self::Hyperband(pruner) => pruner.check(),
            Self::Patient(pruner) => pruner.check(),
        }
    }

    /// Whether `trial`, one of `trials`, is to be stopped; no trial is before its first report.
    pub(super) fn should_stop(
        &self,
        trials: &[Trial],
        trial: &Trial,
        direction: Direction,
        seed: u64,
    ) -> bool {
        if trial.reports.is_empty() {
            return false;
        }
        self.decide(&Reports { trials, trial, direction, seed, is_stuck: false })
    }

    fn decide(&self, reports: &Reports<'_>) -> bool {
        match self {
            Self::Percentile(pruner) => pruner.decide(reports),
            Self::SuccessiveHalving(pruner) => pruner.decide(reports, |_| true),
            Self::Hyperband(pruner) => pruner.decide(reports),
            Self::Patient(pruner) => pruner.decide(reports),
        }
    }
}

impl Reports<'_> {
    /// The last step of the trial and its value.
    fn last(&self) -> (u64, f64) {
        self.trial.reports.last().copied().unwrap_or_default()
    }

    /// The step before the last one.
    fn step_before(&self) -> Option<u64> {
        let before = self.trial.reports.len().checked_sub(2)?;
        Some(self.trial.reports[before].0)
    }

    /// The best of some values; `None` of none.
    fn best(&self, reports: &[(u64, f64)]) -> Option<f64> {
        let better = |one: f64, other: f64| {
            if self.direction.is_better(other, one) { other } else { one }
        };
        reports.iter().map(|(_, value)| *value).reduce(better)
    }
}

/// The error for an option: `name` is its field.
fn invalid(name: &str, what: impl core::fmt::Display) -> Error {
    Error::new(ErrorKind::InvalidValue, format!("pruner: {name} {what}"))
}

impl From<PercentilePruner> for Pruner {
    fn from(pruner: PercentilePruner) -> Self {
        Self::Percentile(pruner)
    }
}

impl From<SuccessiveHalvingPruner> for Pruner {
    fn from(pruner: SuccessiveHalvingPruner) -> Self {
        Self::SuccessiveHalving(pruner)
    }
}

impl From<HyperbandPruner> for Pruner {
    fn from(pruner: HyperbandPruner) -> Self {
        Self::Hyperband(pruner)
    }
}

impl From<PatientPruner> for Pruner {
    fn from(pruner: PatientPruner) -> Self {
        Self::Patient(pruner)
    }
}

impl From<Pruner> for Option<Box<Pruner>> {
    fn from(pruner: Pruner) -> Self {
        Some(Box::new(pruner))
    }
}

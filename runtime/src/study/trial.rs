use alloc::{string::String, vec::Vec};

use crate::space::Configuration;

/// A configuration that a study tries, with its state.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Trial {
    /// Number within the study, never reused.
    pub id: u64,
    /// The configuration, legal in the study's space.
    pub configuration: Configuration,
    /// The state.
    pub state: TrialState,
    /// The origin of the configuration.
    pub origin: TrialOrigin,
    /// The reason of a failure, if one was given.
    pub reason: Option<String>,
    /// The objectives of a finished trial, `[objectives]` in the study's order; otherwise empty.
    pub objectives: Vec<f64>,
    /// The values of the constraints, `[constraints]` in the study's order, each at most 0 where it
    /// holds. Empty in a study without constraints and where they were not measured.
    pub constraints: Vec<f64>,
    /// Intermediate values of the objective: pairs of a step and a value, by ascending step.
    pub reports: Vec<(u64, f64)>,
}

/// The state of a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TrialState {
    /// Handed out, without an outcome.
    Pending,
    /// Finished: every objective is finite.
    Finished,
    /// Ended early for its intermediate values.
    Pruned,
    /// Failed, or told an objective that is not finite.
    Failed,
}

/// The origin of a trial's configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TrialOrigin {
    /// The sampler suggested it.
    Asked,
    /// The user enqueued it.
    Enqueued,
    /// The user added it with its outcome.
    Added,
}

impl Trial {
    /// A pending trial.
    pub(super) fn pending(id: u64, configuration: Configuration, origin: TrialOrigin) -> Self {
        Self {
            id,
            configuration,
            state: TrialState::Pending,
            origin,
            reason: None,
            objectives: Vec::new(),
            constraints: Vec::new(),
            reports: Vec::new(),
        }
    }

    /// The objective of a finished trial, the first of several.
    pub fn value(&self) -> Option<f64> {
        self.objectives.first().copied()
    }

    /// Whether every constraint that was measured holds.
    pub fn is_feasible(&self) -> bool {
        self.constraints.iter().all(|value| *value <= 0.0)
    }

    /// The sum of the amounts by which constraints are exceeded: 0 for a feasible trial.
    pub fn violation(&self) -> f64 {
        self.constraints.iter().map(|value| value.max(0.0)).sum()
    }

    /// Whether the trial has no outcome.
    pub fn is_pending(&self) -> bool {
        self.state == TrialState::Pending
    }
}

impl TrialOrigin {
    /// The name in journals.
    #[cfg(feature = "std")]
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Enqueued => "enqueued",
            Self::Added => "added",
        }
    }
}

use alloc::string::String;

use serde_json::{Value, json};

use crate::space::{Configuration, Space};

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
}

/// The state of a trial.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TrialState {
    /// Handed out, without an outcome.
    Pending,
    /// Finished with this finite objective.
    Finished(f64),
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
    /// The objective of a finished trial.
    pub fn value(&self) -> Option<f64> {
        match self.state {
            TrialState::Finished(value) => Some(value),
            TrialState::Pending | TrialState::Failed => None,
        }
    }

    /// The trial as a JSON object: `id`, `values` by name, and `value`, `"failed": true` or
    /// `"pending": true`, with the `reason` of a failure where there is one.
    pub fn to_json(&self, space: &Space) -> Value {
        let mut object = json!({
            "id": self.id,
            "values": space.configuration_to_json(&self.configuration),
        });
        match self.state {
            TrialState::Pending => object["pending"] = true.into(),
            TrialState::Finished(value) => object["value"] = value.into(),
            TrialState::Failed => object["failed"] = true.into(),
        }
        if let Some(reason) = &self.reason {
            object["reason"] = reason.as_str().into();
        }
        object
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

use alloc::string::String;

use serde_json::{Value, json};

use crate::space::{Configuration, Space};

/// One configuration that a study tries, and what is known about it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Trial {
    /// The trial's number within its study, never given twice.
    pub id: u64,
    /// What is tried; legal in the study's space.
    pub configuration: Configuration,
    /// How far it is.
    pub state: TrialState,
    /// Where the configuration came from.
    pub origin: TrialOrigin,
    /// Why the trial failed, where somebody said so.
    pub reason: Option<String>,
}

/// How far a trial is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TrialState {
    /// Handed out; nothing was told yet.
    Pending,
    /// Told, with this finite objective.
    Finished(f64),
    /// Told as failed, or with an objective that is not finite.
    Failed,
}

/// Where a trial's configuration came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TrialOrigin {
    /// The sampler suggested it.
    Asked,
    /// The user enqueued it.
    Enqueued,
    /// The trial was made elsewhere and added with its outcome.
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

    /// Whether nothing was told yet.
    pub fn is_pending(&self) -> bool {
        self.state == TrialState::Pending
    }
}

impl TrialOrigin {
    /// The word that journals use.
    #[cfg(feature = "std")]
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Enqueued => "enqueued",
            Self::Added => "added",
        }
    }
}

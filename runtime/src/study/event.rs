use alloc::string::String;

use super::{Outcome, TrialOrigin};
use crate::space::Configuration;

/// A change of a study. A study is the result of its events.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Event {
    /// A trial was handed out.
    Ask { id: u64, configuration: Configuration, origin: TrialOrigin },
    /// A trial was told.
    Tell { id: u64, outcome: Outcome, reason: Option<String> },
    /// A trial made elsewhere was added.
    Add { id: u64, configuration: Configuration, outcome: Outcome, reason: Option<String> },
    /// A configuration was enqueued.
    Enqueue { configuration: Configuration },
    /// A pending trial was abandoned.
    Abandon { id: u64 },
}

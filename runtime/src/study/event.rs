use alloc::string::String;

use super::{Outcome, TrialOrigin};
use crate::space::Configuration;

/// A change of a study. The study is what its events, one after the other, make of it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Event {
    /// A trial was handed out.
    Ask { id: u64, configuration: Configuration, origin: TrialOrigin },
    /// A trial was told.
    Tell { id: u64, outcome: Outcome, reason: Option<String> },
    /// A trial made elsewhere was added.
    Add { id: u64, configuration: Configuration, outcome: Outcome, reason: Option<String> },
    /// A configuration waits to be asked for.
    Enqueue { configuration: Configuration },
    /// A pending trial was given up.
    Abandon { id: u64 },
}

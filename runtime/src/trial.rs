//! What a finished trial left behind, as samplers see it.

use crate::space::Configuration;

/// A finished trial: what was tried, and how it went.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// What was tried.
    pub configuration: Configuration,
    /// The objective, to be minimized (a study that maximizes turns the sign); `None` when the
    /// trial failed. Always finite.
    pub loss: Option<f64>,
}

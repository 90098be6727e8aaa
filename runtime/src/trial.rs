//! The result of a finished trial, as samplers see it.

use crate::space::Configuration;

/// A finished trial: its configuration and its loss.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// The configuration.
    pub configuration: Configuration,
    /// The loss, to be minimized: the objective, negated where the study maximizes. Finite; `None`
    /// when the trial failed.
    pub loss: Option<f64>,
}

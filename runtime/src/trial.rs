//! The result of a finished trial, as samplers see it.

use alloc::vec::Vec;

use crate::space::Configuration;

/// A finished trial: its configuration, its loss, and the values of the study's constraints.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Observation {
    /// The configuration.
    pub configuration: Configuration,
    /// The loss, to be minimized: the objective, negated where the study maximizes. Finite; `None`
    /// when the trial failed.
    pub loss: Option<f64>,
    /// The values of the constraints, `[constraints]`, each at most 0 where it holds. Finite; empty
    /// in a study without constraints, and for a trial that failed before it could measure them.
    pub constraints: Vec<f64>,
}

impl Observation {
    /// A trial of a study without constraints.
    pub fn new(configuration: Configuration, loss: Option<f64>) -> Self {
        Self { configuration, loss, constraints: Vec::new() }
    }

    /// The same trial with the values of the study's constraints, each at most 0 where it holds.
    #[must_use]
    pub fn with_constraints(mut self, constraints: impl Into<Vec<f64>>) -> Self {
        self.constraints = constraints.into();
        self
    }

    /// Whether every constraint that was measured holds.
    pub fn is_feasible(&self) -> bool {
        self.constraints.iter().all(|value| *value <= 0.0)
    }

    /// The sum of the amounts by which constraints are exceeded: 0 for a feasible trial.
    pub fn violation(&self) -> f64 {
        self.constraints.iter().map(|value| value.max(0.0)).sum()
    }
}

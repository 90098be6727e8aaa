//! The problems that samplers are judged on.

use std::sync::Arc;

use optiformer::space::{Configuration, Space};

/// The loss of a configuration; `None` where a trial fails.
pub type Objective = Arc<dyn Fn(&Configuration) -> Option<f64> + Send + Sync>;

/// A problem to be minimized: a search space and an objective over it.
#[derive(Clone)]
pub struct Problem {
    /// The name, unique in its suite.
    pub name: String,
    /// The search space.
    pub space: Space,
    /// The objective.
    pub objective: Objective,
    /// The lowest loss, where it is known.
    pub optimum: Option<f64>,
}

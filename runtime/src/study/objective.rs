use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use super::Direction;
use crate::{Error, ErrorKind, Result};

/// One of the numbers that a study optimizes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Objective {
    /// The name, unique within the study.
    pub name: String,
    /// The direction of optimization.
    pub direction: Direction,
}

impl Objective {
    /// An objective to be minimized.
    pub fn minimize(name: impl Into<String>) -> Self {
        Self { name: name.into(), direction: Direction::Minimize }
    }

    /// An objective to be maximized.
    pub fn maximize(name: impl Into<String>) -> Self {
        Self { name: name.into(), direction: Direction::Maximize }
    }

    /// The objective of a study that names none.
    pub(super) fn unnamed(direction: Direction) -> Self {
        Self { name: "value".to_string(), direction }
    }
}

/// Checks that names of objectives or constraints are unique and not empty; `what` says of which.
///
/// # Errors
///
/// [`ErrorKind::InvalidValue`], naming the objective or constraint.
pub(super) fn check_names<'a>(what: &str, names: impl Iterator<Item = &'a str>) -> Result<()> {
    let mut seen: Vec<&str> = Vec::new();
    for name in names {
        if name.is_empty() || seen.contains(&name) {
            let problem = if name.is_empty() { "is empty" } else { "occurs twice" };
            let context = format!("the name \"{name}\" of {what} {problem}");
            return Err(Error::new(ErrorKind::InvalidValue, context));
        }
        seen.push(name);
    }
    Ok(())
}

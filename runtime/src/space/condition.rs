use alloc::{format, string::String, vec::Vec};

use super::{Choice, Domain, Parameter, describe::quoted};
use crate::{Error, ErrorKind, Result};

/// A parameter is active when `parent` has one of `values`.
///
/// A parameter whose parent is inactive is inactive too.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// The name of a parameter declared earlier: categorical, or an int.
    pub parent: String,
    /// The parent's values that make the parameter active.
    pub values: Vec<Choice>,
}

impl Condition {
    /// Resolves the parent's index in `earlier` and its activating values as numbers.
    pub(super) fn resolve(&self, name: &str, earlier: &[Parameter]) -> Result<(usize, Vec<f64>)> {
        let refuse = |what: String| {
            Err(Error::new(ErrorKind::InvalidSpace, format!("parameter \"{name}\": {what}")))
        };
        let Some(index) = earlier.iter().position(|parent| parent.name() == self.parent) else {
            return refuse(format!(
                "its condition names \"{}\", which is not declared before it",
                self.parent
            ));
        };
        if self.values.is_empty() {
            return refuse(String::from("its condition lists no values"));
        }
        let domain = earlier[index].domain();
        let mut resolved = Vec::with_capacity(self.values.len());
        for value in &self.values {
            let number = match (domain, value) {
                (Domain::Categorical { choices }, value) => {
                    choices.iter().position(|choice| choice == value).map(|index| index as f64)
                }
                (Domain::Int { .. }, Choice::Number(number)) => {
                    domain.contains(*number).then_some(*number)
                }
                _ => None,
            };
            match number {
                Some(number) => resolved.push(number),
                None => {
                    let what = match domain {
                        Domain::Float { .. } => "a float, and must be categorical or int".into(),
                        _ => domain.describe(),
                    };
                    return refuse(format!(
                        "its condition asks for {}, but \"{}\" is {what}",
                        quoted(value),
                        self.parent
                    ));
                }
            }
        }
        Ok((index, resolved))
    }
}

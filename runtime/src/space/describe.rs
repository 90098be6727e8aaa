//! What error messages say of the values and names that there are.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use super::{Choice, Domain, Parameter};
use crate::{Error, ErrorKind, Result};

/// Names and choices in one message; the C interface cuts messages at 511 bytes.
const MOST_LISTED: usize = 12;

impl Domain {
    /// The legal values in words: "between 0 and 1", "one of \"sgd\", \"adam\"".
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Float { low, high, step: None, .. } => format!("between {low} and {high}"),
            Self::Float { low, high, step: Some(step), .. } => {
                format!("between {low} and {high} in steps of {step}")
            }
            Self::Int { low, high, step: 1.0, .. } => {
                format!("a whole number between {low} and {high}")
            }
            Self::Int { low, high, step, .. } => {
                format!("a whole number between {low} and {high} in steps of {step}")
            }
            Self::Categorical { choices } => {
                let quoted = |choice: &Choice| match choice {
                    Choice::Text(text) => format!("\"{text}\""),
                    other => other.to_string(),
                };
                format!("one of {}", listed(choices.iter().map(quoted)))
            }
        }
    }
}

/// The position of the parameter called `name`.
///
/// # Errors
///
/// [`ErrorKind::InvalidValue`] with the names that there are.
pub(super) fn find(parameters: &[Parameter], name: &str) -> Result<usize> {
    parameters.iter().position(|parameter| parameter.name() == name).ok_or_else(|| {
        let names = listed(parameters.iter().map(|parameter| parameter.name().to_string()));
        let context = format!("the space has no parameter \"{name}\"; it has {names}");
        Error::new(ErrorKind::InvalidValue, context)
    })
}

/// The first of `items`, separated by commas, and how many more there are.
fn listed(items: impl ExactSizeIterator<Item = String>) -> String {
    let more = items.len().saturating_sub(MOST_LISTED);
    let mut text = items.take(MOST_LISTED).collect::<Vec<_>>().join(", ");
    if more > 0 {
        text.push_str(&format!(" and {more} more"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_described_in_words() {
        let float = |step| Domain::Float { low: 1e-5, high: 0.5, log: false, step };
        let int = |step| Domain::Int { low: -2.0, high: 8.0, log: false, step };
        let choices = |count: i32| (0..count).map(|it| Choice::Number(it.into())).collect();
        let mixed = [Choice::Text("a".into()), Choice::Boolean(true), Choice::Number(0.5)].into();
        for (domain, expected) in [
            (float(None), "between 0.00001 and 0.5"),
            (float(Some(0.1)), "between 0.00001 and 0.5 in steps of 0.1"),
            (int(1.0), "a whole number between -2 and 8"),
            (int(5.0), "a whole number between -2 and 8 in steps of 5"),
            (Domain::Categorical { choices: mixed }, "one of \"a\", true, 0.5"),
            (
                Domain::Categorical { choices: choices(15) },
                "one of 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 3 more",
            ),
        ] {
            assert_eq!(domain.describe(), expected);
        }
    }
}

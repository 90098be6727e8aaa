//! What error messages say of values, and of the values and names that there are.

use alloc::{
    format,
    string::{String, ToString},
};

use super::{Choice, Domain, Space};

/// Maximum length of a list of names or choices, in bytes: the C interface cuts messages at 511.
const LONGEST_LIST: usize = 240;

impl Domain {
    /// The legal values as a user writes them: "a number between 0 and 1", "one of \"a\", \"b\"".
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Categorical { choices } => {
                format!("one of {}", listed(choices.iter().map(quoted)))
            }
            Self::Float { .. } => format!("a number {}", self.describe_value()),
            Self::Int { .. } => self.describe_value(),
        }
    }

    /// The legal values as numbers, a choice by its index: "between 0 and 1".
    pub(super) fn describe_value(&self) -> String {
        let between = |low, high, step: Option<f64>| {
            let range = format!("between {} and {}", shortest(low), shortest(high));
            match step {
                Some(step) => format!("{range} in steps of {}", shortest(step)),
                None => range,
            }
        };
        match self {
            Self::Float { low, high, step, .. } => between(*low, *high, *step),
            Self::Int { low, high, step, .. } => {
                let step = Some(*step).filter(|step| *step != 1.0);
                format!("a whole number {}", between(*low, *high, step))
            }
            Self::Categorical { choices } => {
                format!("the index of one of {} choices", choices.len())
            }
        }
    }
}

/// The names of a space's parameters, for an error about a name that none of them has.
pub(super) fn names(space: &Space) -> String {
    listed(space.parameters().iter().map(|parameter| parameter.name().to_string()))
}

/// A choice as it stands in JSON.
pub(super) fn quoted(choice: &Choice) -> String {
    match choice {
        Choice::Boolean(value) => value.to_string(),
        Choice::Number(value) => shortest(*value),
        Choice::Text(text) => format!("\"{text}\""),
    }
}

/// A number in as few characters as tell it apart: a plain 1e308 has 309 digits.
pub(super) fn shortest(value: f64) -> String {
    let plain = format!("{value}");
    let scientific = format!("{value:e}");
    if scientific.len() < plain.len() { scientific } else { plain }
}

/// The first of `items`, separated by commas, and the number of those that are left out.
fn listed(items: impl ExactSizeIterator<Item = String>) -> String {
    let count = items.len();
    let mut text = String::new();
    for (index, item) in items.enumerate() {
        if index > 0 && text.len() + item.len() > LONGEST_LIST {
            return format!("{text} and {} more", count - index);
        }
        if index > 0 {
            text.push_str(", ");
        }
        text.push_str(&item);
    }
    text
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn values_are_described_in_words() {
        let float = |low, high, step| Domain::Float { low, high, log: false, step };
        let int = |step| Domain::Int { low: -2.0, high: 8.0, log: false, step };
        let mixed = [Choice::Text("1".into()), Choice::Boolean(true), Choice::Number(1e300)];
        for (domain, expected) in [
            (float(1e-5, 0.5, None), "a number between 1e-5 and 0.5"),
            (float(-8e307, 8e307, None), "a number between -8e307 and 8e307"),
            (float(0.0, 0.5, Some(0.1)), "a number between 0 and 0.5 in steps of 0.1"),
            (int(1.0), "a whole number between -2 and 8"),
            (int(5.0), "a whole number between -2 and 8 in steps of 5"),
            (Domain::Categorical { choices: mixed.into() }, "one of \"1\", true, 1e300"),
        ] {
            assert_eq!(domain.describe(), expected);
        }
    }

    #[test]
    fn long_lists_end_with_the_number_of_those_left_out() {
        let choices: Vec<Choice> =
            (0..1000).map(|index| Choice::Number(f64::from(index))).collect();
        let text = Domain::Categorical { choices }.describe();
        assert!(text.starts_with("one of 0, 1, 2, 3, "), "{text}");
        assert!(text.ends_with(" more") && text.len() < 270, "{text}");
        let shown = text.matches(", ").count() + 1;
        assert!(text.ends_with(&format!("{} and {} more", shown - 1, 1000 - shown)), "{text}");
    }
}

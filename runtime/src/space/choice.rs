use alloc::string::{String, ToString};
use core::fmt;

use serde::{Deserialize, Serialize};

/// A choice of a categorical parameter: a text, a number or a boolean.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Choice {
    /// `true` or `false`.
    Boolean(bool),
    /// A finite number.
    Number(f64),
    /// A text.
    Text(String),
}

impl fmt::Display for Choice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean(value) => write!(formatter, "{value}"),
            Self::Number(value) => write!(formatter, "{value}"),
            Self::Text(value) => formatter.write_str(value),
        }
    }
}

impl From<&str> for Choice {
    fn from(value: &str) -> Self {
        Self::Text(value.to_string())
    }
}

impl From<String> for Choice {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<f64> for Choice {
    fn from(value: f64) -> Self {
        Self::Number(value)
    }
}

impl From<bool> for Choice {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}

use alloc::{
    format,
    string::{String, ToString},
};
use core::fmt;

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error, Visitor},
};

use super::domain::LARGEST_INT;

/// A choice of a categorical parameter: a text, a number or a boolean.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Choice {
    /// `true` or `false`.
    Boolean(bool),
    /// A finite number.
    Number(f64),
    /// A text.
    Text(String),
}

/// Written by hand, because the derived form answers a wrong kind with "did not match any variant".
impl<'de> Deserialize<'de> for Choice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ChoiceVisitor)
    }
}

struct ChoiceVisitor;

impl ChoiceVisitor {
    /// A whole number, if a double can hold it.
    fn whole<E: Error>(number: i128) -> Result<Choice, E> {
        if number.unsigned_abs() > LARGEST_INT as u128 {
            return Err(E::custom(format!(
                "{number} is beyond ±2^53, where doubles skip whole numbers"
            )));
        }
        Ok(Choice::Number(number as f64))
    }
}

impl Visitor<'_> for ChoiceVisitor {
    type Value = Choice;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a text, a number or a boolean")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Choice, E> {
        Ok(Choice::Boolean(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Choice, E> {
        Self::whole(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Choice, E> {
        Self::whole(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Choice, E> {
        Ok(Choice::Number(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Choice, E> {
        Ok(Choice::Text(value.to_string()))
    }
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

use core::{fmt, str::FromStr};

use crate::{Error, ErrorKind, Result};

/// The direction of optimization.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Direction {
    /// Smaller objectives are better.
    #[default]
    Minimize,
    /// Larger objectives are better.
    Maximize,
}

impl Direction {
    /// The objective as a loss, which samplers minimize.
    pub fn loss(self, value: f64) -> f64 {
        match self {
            Self::Minimize => value,
            Self::Maximize => -value,
        }
    }

    /// Whether `value` is strictly better than `other`.
    pub fn is_better(self, value: f64, other: f64) -> bool {
        self.loss(value) < self.loss(other)
    }

    /// `minimize` or `maximize`, as journals and the command line write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Minimize => "minimize",
            Self::Maximize => "maximize",
        }
    }
}

impl FromStr for Direction {
    type Err = Error;

    /// Parses what [`as_str`](Self::as_str) returns.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidValue`] for any other text.
    fn from_str(text: &str) -> Result<Self> {
        match text {
            "minimize" => Ok(Self::Minimize),
            "maximize" => Ok(Self::Maximize),
            _ => Err(Error::new(
                ErrorKind::InvalidValue,
                alloc::format!("direction \"{text}\" is neither \"minimize\" nor \"maximize\""),
            )),
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

use core::fmt;

use crate::{Error, ErrorKind, Result};

/// Whether small or large objectives are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Direction {
    /// The smallest objective is the best.
    #[default]
    Minimise,
    /// The largest objective is the best.
    Maximise,
}

impl Direction {
    /// The objective as samplers see it: always to be minimised.
    pub fn loss(self, value: f64) -> f64 {
        match self {
            Self::Minimise => value,
            Self::Maximise => -value,
        }
    }

    /// Whether `value` is strictly better than `other`.
    pub fn is_better(self, value: f64, other: f64) -> bool {
        self.loss(value) < self.loss(other)
    }

    /// The word that journals and the command line use: `minimize` or `maximize`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Minimise => "minimize",
            Self::Maximise => "maximize",
        }
    }

    /// The inverse of [`word`](Self::word).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidValue`] for any other word.
    pub fn from_word(word: &str) -> Result<Self> {
        match word {
            "minimize" => Ok(Self::Minimise),
            "maximize" => Ok(Self::Maximise),
            _ => Err(Error::new(
                ErrorKind::InvalidValue,
                alloc::format!("direction \"{word}\" is neither \"minimize\" nor \"maximize\""),
            )),
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.word())
    }
}

//! The error type of the crate.

use alloc::string::String;
use core::fmt;

/// The kind of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A search space that cannot be searched: inverted bounds, duplicate names, no choices.
    InvalidSpace,
    /// A value, score or option outside what its parameter or function accepts.
    InvalidValue,
    /// A trial id that the study never handed out.
    UnknownTrial,
    /// A trial that was told before.
    AlreadyTold,
    /// A weights file that is truncated, hostile, or of another format.
    InvalidWeights,
    /// A study journal that cannot be read, or that belongs to another study.
    InvalidJournal,
    /// Something that this build, model or sampler does not offer.
    Unsupported,
    /// Every configuration of a finite space has been tried.
    Exhausted,
    /// The operating system refused to read or write.
    Io,
}

/// An error with the parameter, field or byte offset that it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    context: String,
}

/// The result type of the crate's fallible functions.
pub type Result<T> = core::result::Result<T, Error>;

impl Error {
    /// An error of `kind`; `context` names the parameter, field or offset and says what is wrong.
    pub fn new(kind: ErrorKind, context: impl Into<String>) -> Self {
        Self { kind, context: context.into() }
    }

    /// The kind.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The message without the kind.
    pub fn context(&self) -> &str {
        &self.context
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            ErrorKind::InvalidSpace => "invalid search space",
            ErrorKind::InvalidValue => "invalid value",
            ErrorKind::UnknownTrial => "unknown trial",
            ErrorKind::AlreadyTold => "trial already told",
            ErrorKind::InvalidWeights => "invalid weights",
            ErrorKind::InvalidJournal => "invalid journal",
            ErrorKind::Unsupported => "unsupported",
            ErrorKind::Exhausted => "search space exhausted",
            ErrorKind::Io => "input/output",
        };
        write!(formatter, "{kind}: {}", self.context)
    }
}

impl core::error::Error for Error {}

#[cfg(feature = "std")]
impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Self::new(ErrorKind::Io, std::string::ToString::to_string(&error))
    }
}

//! Real tuning problems, read from a directory that the user names: complete tables, surrogates of YAHPO-Gym, and small models that
//! are trained on digits. docs/evaluation.md says where the files may be had, and how instances are chosen.

pub mod digits;
pub mod tables;
mod training;
pub mod yahpo;

use std::{fs, path::Path};

use optiformer::{Error, ErrorKind, Result};
use serde::de::DeserializeOwned;

/// The names of the suites, for `--suite`.
pub const NAMES: [&str; 4] = ["yahpo", "tables", "digits", "yahpo-2021"];

/// Where to look for files, and what to say when nobody said where.
fn directory<'a>(suite: &str, data: Option<&'a Path>) -> Result<&'a Path> {
    data.ok_or_else(|| {
        let context = format!("suite \"{suite}\" needs --data, the directory with its files");
        Error::new(ErrorKind::InvalidValue, context)
    })
}

/// The content of a file.
fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|error| {
        let context = format!(
            "{}: {error}; docs/evaluation.md says which files a suite needs, and where they may be had",
            path.display()
        );
        Error::new(ErrorKind::Io, context)
    })
}

/// A JSON document.
fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    serde_json::from_slice(&read(path)?).map_err(|error| malformed(path, error))
}

/// That a file does not hold what it should.
fn malformed(path: &Path, what: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::InvalidValue, format!("{}: {what}", path.display()))
}

//! Weights from files.

use alloc::format;
use std::{fs::File, path::Path};

use super::Config;
use crate::{Error, ErrorKind, Result};

/// Reads a file through a memory map.
pub(super) fn mapped<T>(path: &Path, read: impl FnOnce(&[u8]) -> Result<T>) -> Result<T> {
    let file = File::open(path).map_err(|error| io(path, &error))?;
    // SAFETY: the map lives in this function only. If another process truncates the file meanwhile,
    // the system ends this process; a change of the content cannot make a read leave the map.
    let map = unsafe { memmap2::Mmap::map(&file) }.map_err(|error| io(path, &error))?;
    read(&map).map_err(|error| at(path, &error))
}

/// Reads a Hugging Face `config.json`.
pub(super) fn config(path: &Path) -> Result<Config> {
    let text = std::fs::read_to_string(path).map_err(|error| io(path, &error))?;
    Config::from_hugging_face(&text).map_err(|error| at(path, &error))
}

fn io(path: &Path, error: &std::io::Error) -> Error {
    Error::new(ErrorKind::Io, format!("{}: {error}", path.display()))
}

fn at(path: &Path, error: &Error) -> Error {
    Error::new(error.kind(), format!("{}: {}", path.display(), error.context()))
}

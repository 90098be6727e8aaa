use alloc::{
    boxed::Box,
    format,
    string::{String, ToString},
    vec::Vec,
};
use std::path::Path;

use super::record::{Header, parse_event};
use crate::{
    Error, ErrorKind, Result,
    samplers::RandomSampler,
    space::Space,
    study::{Direction, Pruner, Study},
};

/// A read-only view of a study file, which is neither locked nor changed.
#[derive(Debug)]
pub struct JournalSnapshot {
    header: Header,
    study: Study,
    note: Option<String>,
}

impl JournalSnapshot {
    /// Reads a journal.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] where the file cannot be read, [`ErrorKind::InvalidJournal`] with line and
    /// byte offset where it is not a journal.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = read_file(path)?;
        Self::parse(path, &bytes)?
            .ok_or_else(|| at(path, 1, 0, "this is not a study file: no header"))
    }

    /// Reads a journal that is in memory.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidJournal`] with line and byte offset where the bytes are not a journal.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let path = Path::new("study");
        Self::parse(path, bytes)?
            .ok_or_else(|| at(path, 1, 0, "this is not a study file: no header"))
    }

    /// As [`read`](Self::read); `None` where the file does not exist or has no complete line.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn read_begun(path: &Path) -> Result<Option<Self>> {
        if !path.exists() {
            return Ok(None);
        }
        Self::parse(path, &read_file(path)?)
    }

    fn parse(path: &Path, bytes: &[u8]) -> Result<Option<Self>> {
        let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else { return Ok(None) };
        let header = parse_header(path, &bytes[..end])?;
        // This study is never asked, so the sampler is irrelevant.
        let sampler = Box::new(RandomSampler);
        let mut study = header.study(sampler).map_err(|error| at(path, 1, 0, error.context()))?;
        let (_, note) = read_text(path, bytes, end + 1, &mut study)?;
        let header = header.continued(&study);
        Ok(Some(Self { header, study, note }))
    }

    /// The search space.
    pub fn space(&self) -> &Space {
        &self.header.space
    }

    /// The direction of optimization.
    pub fn direction(&self) -> Direction {
        self.header.objectives[0].direction
    }

    /// The name of the sampler that made the study.
    pub fn sampler(&self) -> &str {
        &self.header.sampler
    }

    /// The rule that ends trials early, where there is one.
    pub fn pruner(&self) -> Option<&Pruner> {
        self.header.pruner.as_ref()
    }

    /// The study's seed.
    pub fn seed(&self) -> u64 {
        self.header.seed
    }

    /// The study with its trials, for reading: it has a sampler of another kind.
    pub fn study(&self) -> &Study {
        &self.study
    }

    /// A note about a torn last line that was dropped.
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }
}

fn read_file(path: &Path) -> Result<Vec<u8>> {
    let named =
        |what: String| Error::new(ErrorKind::Io, format!("study file {}: {what}", path.display()));
    // A device or a pipe may have no end.
    if path.exists() && !path.is_file() {
        return Err(named("not a regular file".to_string()));
    }
    std::fs::read(path).map_err(|error| named(error.to_string()))
}

/// Parses the first line, without its line break.
pub(in crate::study) fn parse_header(path: &Path, line: &[u8]) -> Result<Header> {
    let parsed = core::str::from_utf8(line)
        .map_err(|_| Error::new(ErrorKind::InvalidJournal, "this is not a study file: no text"))
        .and_then(Header::parse);
    parsed.map_err(|error| at(path, 1, 0, error.context()))
}

/// Applies the events from byte `start`, the beginning of line 2, to `study`.
///
/// Returns the length of the whole lines, and a note if more followed.
pub(in crate::study) fn read_text(
    path: &Path,
    bytes: &[u8],
    start: usize,
    study: &mut Study,
) -> Result<(usize, Option<String>)> {
    let (mut offset, mut number) = (start, 2);
    while offset < bytes.len() {
        let Some(length) = bytes[offset..].iter().position(|byte| *byte == b'\n') else {
            let note = format!(
                "study file {}: the last line (line {number}, byte {offset}) was not finished and is dropped",
                path.display()
            );
            return Ok((offset, Some(note)));
        };
        let line = core::str::from_utf8(&bytes[offset..offset + length])
            .map_err(|_| at(path, number, offset, "not UTF-8"))?;
        let event = parse_event(study.space(), line)
            .map_err(|error| at(path, number, offset, error.context()))?;
        study.check(&event).map_err(|error| at(path, number, offset, &error.to_string()))?;
        study.apply(event);
        offset += length + 1;
        number += 1;
    }
    Ok((offset, None))
}

fn at(path: &Path, line: usize, offset: usize, what: &str) -> Error {
    Error::new(
        ErrorKind::InvalidJournal,
        format!("{} line {line} (byte {offset}): {what}", path.display()),
    )
}

use alloc::{boxed::Box, format, string::String, vec::Vec};
use core::fmt;
use std::path::Path;

use super::{
    Direction, Event, Outcome, Study, Trial,
    journal::{Header, Journal, event_line, parse_header, read_text},
};
use crate::{
    Error, ErrorKind, Result,
    samplers::{Ranking, Sampler},
    space::{Configuration, Space},
};

/// A [`Study`] in a file: every change is written before the call returns.
///
/// A killed process loses no outcome. When the study is opened again, it first hands out the trials
/// that were pending, unchanged, and then continues as if it had not stopped. `docs/journal.md`
/// describes the format.
pub struct StoredStudy {
    study: Study,
    journal: Option<Journal>,
    note: Option<String>,
}

impl StoredStudy {
    /// Opens the study in the file `path`, or creates it.
    ///
    /// The file is locked until the study is dropped, so that two processes cannot write it. A
    /// study in the file with the same space, direction, sampler and seed continues.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] where the file cannot be opened or another process writes it.
    /// [`ErrorKind::InvalidJournal`] where it belongs to another study (the message says what
    /// differs) or is damaged beyond a torn last line (the message has the line and the byte).
    pub fn open(
        path: &Path,
        space: Space,
        direction: Direction,
        sampler: Box<dyn Sampler + Send>,
        seed: u64,
    ) -> Result<Self> {
        Self::open_as(path, Study::new(space, direction, sampler, seed))
    }

    /// As [`open`](Self::open), for a study with constraints, several objectives or a pruner:
    /// `study` has them, and no trials.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open); [`ErrorKind::InvalidValue`] where `study` has trials.
    pub fn open_as(path: &Path, study: Study) -> Result<Self> {
        Self::open_with(path, study, false)
    }

    /// As [`open_as`](Self::open_as), but the study in the file may have another sampler or another
    /// space: wider bounds, more choices, other forbidden combinations. It goes on with those of
    /// `study`, and the file records the change.
    ///
    /// # Errors
    ///
    /// As [`open_as`](Self::open_as); [`ErrorKind::InvalidJournal`], naming the trial, where one of
    /// the file is not legal in the space of `study`.
    pub fn open_changed(path: &Path, study: Study) -> Result<Self> {
        Self::open_with(path, study, true)
    }

    fn open_with(path: &Path, mut study: Study, may_change: bool) -> Result<Self> {
        study.check_without_trials("space and the sampler")?;
        let (mut journal, bytes) = Journal::open(path)?;
        let header = Header::of(&study);
        let mut note = None;
        let mut changes = Vec::new();
        match bytes.iter().position(|byte| *byte == b'\n') {
            Some(end) => {
                let found = parse_header(path, &bytes[..end])?;
                // The number of objectives and constraints must be right to read the rest.
                let wanted = Header {
                    space: found.space.clone(),
                    sampler: found.sampler.clone(),
                    ..header.clone()
                };
                found.check_same(&wanted)?;
                study.space = found.space.clone();
                let length;
                (length, note) = read_text(path, &bytes, end + 1, &mut study)?;
                journal.keep(length, bytes.len());
                let found = found.continued(&study);
                if !may_change {
                    found.check_same(&header)?;
                }
                changes = found.changes(&header);
            }
            // A torn header of this study; anything else without a line break is another kind of
            // file.
            None if header.line().as_bytes().starts_with(&bytes) => {
                journal.append(&header.line(), true)?;
                sync_directory(path);
            }
            None => {
                return Err(Error::new(
                    ErrorKind::InvalidJournal,
                    format!(
                        "{} line 1 (byte 0): this is not a study file: no header",
                        path.display()
                    ),
                ));
            }
        }
        study.offer_pending_again();
        let mut stored = Self { study, journal: Some(journal), note };
        for change in changes {
            stored.change(change, true).map_err(|error| match error.kind() {
                ErrorKind::Io => error,
                _ => Error::new(
                    ErrorKind::InvalidJournal,
                    format!("the study file does not fit the space: {}", error.context()),
                ),
            })?;
        }
        Ok(stored)
    }

    /// A study in memory behind the same interface.
    pub fn in_memory(study: Study) -> Self {
        Self { study, journal: None, note: None }
    }

    #[cfg(test)]
    pub(super) fn with_journal(study: Study, journal: Journal) -> Self {
        Self { study, journal: Some(journal), note: None }
    }

    /// The study.
    pub fn study(&self) -> &Study {
        &self.study
    }

    /// A note about a torn last line that was dropped.
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// As [`Study::ask`].
    ///
    /// # Errors
    ///
    /// As there, and [`ErrorKind::Io`]. The study is then unchanged.
    pub fn ask(&mut self) -> Result<Trial> {
        if let Some(trial) = self.study.take_orphan() {
            return Ok(trial);
        }
        let (event, explanation) = self.study.prepare_ask()?;
        self.write(&event, false)?;
        Ok(self.study.apply_ask(event, explanation))
    }

    /// As [`Study::choose`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn choose(&mut self, candidates: &[Configuration]) -> Result<Ranking> {
        self.study.choose(candidates)
    }

    /// As [`Study::set_candidates`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn set_candidates(&mut self, candidates: Vec<Configuration>) -> Result<()> {
        self.study.set_candidates(candidates)
    }

    /// As [`Study::tell`]; returns when the outcome would survive a loss of power.
    ///
    /// # Errors
    ///
    /// As there, and [`ErrorKind::Io`]. The study is then unchanged.
    pub fn tell(&mut self, id: u64, outcome: impl Into<Outcome>) -> Result<()> {
        let event = self.study.prepare_tell(id, outcome.into(), None)?;
        self.change(event, true)
    }

    /// As [`Study::fail`]; returns when the outcome would survive a loss of power.
    ///
    /// # Errors
    ///
    /// As there, and [`ErrorKind::Io`]. The study is then unchanged.
    pub fn fail(&mut self, id: u64, reason: impl Into<String>) -> Result<()> {
        let event = self.study.prepare_tell(id, Outcome::Failed, Some(reason.into()))?;
        self.change(event, true)
    }

    /// As [`Study::report`].
    ///
    /// # Errors
    ///
    /// As there, and [`ErrorKind::Io`]. The study is then unchanged.
    pub fn report(&mut self, id: u64, step: u64, value: f64) -> Result<()> {
        self.change(Event::Report { id, step, value }, false)
    }

    /// As [`Study::should_stop`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn should_stop(&self, id: u64) -> Result<bool> {
        self.study.should_stop(id)
    }

    /// As [`Study::enqueue`].
    ///
    /// # Errors
    ///
    /// As there, and [`ErrorKind::Io`]. The study is then unchanged.
    pub fn enqueue(&mut self, configuration: Configuration) -> Result<()> {
        let configuration = self.study.canonical(configuration);
        self.change(Event::Enqueue { configuration }, false)
    }

    /// As [`Study::add`]; returns when the trial would survive a loss of power.
    ///
    /// # Errors
    ///
    /// As there, and [`ErrorKind::Io`]. The study is then unchanged.
    pub fn add(
        &mut self,
        configuration: Configuration,
        outcome: impl Into<Outcome>,
    ) -> Result<u64> {
        let id = self.study.next_id;
        self.change(self.study.prepare_add(configuration, outcome.into())?, true)?;
        Ok(id)
    }

    /// As [`Study::abandon`].
    ///
    /// # Errors
    ///
    /// As there, and [`ErrorKind::Io`]. The study is then unchanged.
    pub fn abandon(&mut self, id: u64) -> Result<()> {
        self.change(Event::Abandon { id }, false)
    }

    /// As [`Study::offer_pending_again`].
    pub fn offer_pending_again(&mut self) {
        self.study.offer_pending_again();
    }

    /// Checks, writes and applies an event, in this order, so that an error leaves the study
    /// unchanged.
    fn change(&mut self, event: Event, sync: bool) -> Result<()> {
        self.study.check(&event)?;
        self.write(&event, sync)?;
        self.study.apply(event);
        Ok(())
    }

    fn write(&mut self, event: &Event, sync: bool) -> Result<()> {
        match &mut self.journal {
            Some(journal) => journal.append(&event_line(&self.study.space, event), sync),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for StoredStudy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("StoredStudy").field("study", &self.study).finish_non_exhaustive()
    }
}

/// Syncs the directory of a new file, where the system supports it.
fn sync_directory(path: &Path) {
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    if let Ok(directory) = std::fs::File::open(parent) {
        let _ = directory.sync_all();
    }
}

//! Studies as texts in memory.

use alloc::{boxed::Box, format, string::String, vec::Vec};
use std::path::Path;

use super::{
    Event, Study, TrialOrigin,
    event::TrialResult,
    journal::{Header, event_line, parse_header, read_text},
};
use crate::{Error, ErrorKind, Result, samplers::Sampler};

impl Study {
    /// The study as the text of a journal, which [`from_journal`](Self::from_journal) reads and
    /// `docs/journal.md` describes: the fewest events that lead to it.
    ///
    /// What an abandoned trial had tried is gone; its line has another configuration. Explanations
    /// are not written.
    pub fn to_journal(&self) -> String {
        let header = Header::of(self);
        let mut text = header.line();
        for event in self.events() {
            text += &event_line(&self.space, &event);
        }
        text
    }

    /// The study that [`to_journal`](Self::to_journal) wrote, with the sampler that `sampler` makes
    /// for the name in its header. Pending trials stay pending; they are handed out again only
    /// after [`offer_pending_again`](Self::offer_pending_again).
    ///
    /// ```
    /// use optiformer::samplers;
    /// use optiformer::space::{Parameter, Space};
    /// use optiformer::study::{Direction, Outcome, Study};
    ///
    /// let space = Space::new(vec![Parameter::float("x", 0.0, 5.0)])?;
    /// let mut study = Study::new(space, Direction::Minimize, samplers::by_name("random")?, 1);
    /// let trial = study.ask()?;
    /// study.tell(trial.id, Outcome::Value(0.5))?;
    /// let mut restored = Study::from_journal(study.to_journal().as_bytes(), samplers::by_name)?;
    /// assert_eq!(restored.ask()?, study.ask()?);
    /// # Ok::<(), optiformer::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidJournal`] with line and byte offset where the bytes are not such a text
    /// or are cut off, and what `sampler` says.
    pub fn from_journal(
        bytes: &[u8],
        sampler: impl FnOnce(&str) -> Result<Box<dyn Sampler + Send>>,
    ) -> Result<Self> {
        let path = Path::new("study");
        let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
            let context = "study line 1 (byte 0): this is not a study: no header";
            return Err(Error::new(ErrorKind::InvalidJournal, context));
        };
        let header = parse_header(path, &bytes[..end])?;
        let mut study = header.study(sampler(&header.sampler)?)?;
        let (whole, _) = read_text(path, bytes, end + 1, &mut study)?;
        if whole < bytes.len() {
            let context = format!("study (byte {whole}): the last line is cut off");
            return Err(Error::new(ErrorKind::InvalidJournal, context));
        }
        Ok(study)
    }

    /// The fewest events that lead to this study.
    fn events(&self) -> Vec<Event> {
        let (mut events, mut next) = (Vec::new(), 0);
        for trial in &self.trials {
            events.extend((next..trial.id).flat_map(|id| self.abandoned(id)));
            next = trial.id + 1;
            let (id, configuration, origin) = (trial.id, trial.configuration.clone(), trial.origin);
            let result = TrialResult::of(trial);
            if origin == TrialOrigin::Added {
                events.push(Event::Add { id, configuration, result });
                continue;
            }
            if origin == TrialOrigin::Enqueued {
                events.push(Event::Enqueue { configuration: configuration.clone() });
            }
            events.push(Event::Ask { id, configuration, origin });
            let reports = trial.reports.iter();
            events.extend(reports.map(|(step, value)| Event::Report {
                id,
                step: *step,
                value: *value,
            }));
            if !trial.is_pending() {
                events.push(Event::Tell { id, result });
            }
        }
        events.extend((next..self.next_id).flat_map(|id| self.abandoned(id)));
        let queue = self.queue.iter().cloned();
        events.extend(queue.map(|configuration| Event::Enqueue { configuration }));
        events
    }

    /// The events of a trial that was abandoned: it counts as an ask, and its id is not used again.
    fn abandoned(&self, id: u64) -> [Event; 2] {
        let configuration = self.canonical(self.space.from_unit(&[]));
        [Event::Ask { id, configuration, origin: TrialOrigin::Asked }, Event::Abandon { id }]
    }
}

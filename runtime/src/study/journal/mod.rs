//! Studies on disk. The format is described in `docs/journal.md`.

mod file;
mod record;
mod snapshot;

pub(super) use file::Journal;
pub(super) use record::{Header, event_line};
pub use snapshot::JournalSnapshot;
pub(super) use snapshot::{parse_header, read_text};

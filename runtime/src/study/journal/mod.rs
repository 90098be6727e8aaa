//! Studies on disk. The format is described in `docs/journal.md`.

mod file;
mod record;
mod recording;

pub(super) use file::Journal;
pub(super) use record::{Header, event_line};
pub use recording::Recording;
pub(super) use recording::{parse_header, read_text};

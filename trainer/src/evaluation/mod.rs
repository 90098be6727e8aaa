//! Judges samplers: ours and other people's, in paired runs on problems that nobody trained on.

pub mod adaptation;
pub mod budgets;
pub mod functions;
pub mod page;
pub mod peers;
pub mod pictures;
pub mod record;
pub mod report;
pub mod runner;
pub mod samplers;
pub mod scores;
pub mod statistics;
pub mod suites;
pub mod surrogate;
pub mod tasks;

//! Judges samplers: on functions that nobody trained on, in paired runs.

pub mod functions;
pub mod problems;
pub mod report;
pub mod runner;
pub mod statistics;

//! Scenarios that give equal results in every language.
//!
//! The functions here play each scenario through the Rust library and write down what it answers,
//! as JSON documents in `tests/conformance/`. Every binding plays the documents again and compares,
//! numbers exactly. `tests/conformance/README.md` has the format.

pub mod driver;
mod measured;
mod objective;
mod record;
mod spaces;
mod studies;
mod suggestions;

use std::path::PathBuf;

use optiformer::{Error, ErrorKind, Result};
use serde_json::Value;

pub use studies::{LEARNED, learned_studies, shared_seed};

/// The command that writes the documents.
pub const COMMAND: &str = "cargo run -p optiformer-tests --bin conformance";

/// A document: its file's name, and what the library makes of it now.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// Name of the file in [`folder`].
    pub file: &'static str,
    /// The text, one scenario's step on a line.
    pub text: String,
}

/// Where the documents are.
pub fn folder() -> PathBuf {
    crate::c::root().join("tests/conformance")
}

/// A committed document.
///
/// # Panics
///
/// When it is not there, or no JSON.
pub fn committed(file: &str) -> (String, Value) {
    let path = folder().join(file);
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let json =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    (text, json)
}

/// The seed that the committed study called `name` has.
///
/// # Errors
///
/// [`ErrorKind::InvalidValue`] when there is no such study.
pub fn committed_seed(name: &str) -> Result<u64> {
    let (_, studies) = committed("studies.json");
    let studies = studies["studies"].as_array().into_iter().flatten();
    studies
        .filter(|study| study["name"] == name)
        .find_map(|study| study["seed"].as_str()?.parse().ok())
        .ok_or_else(|| Error::new(ErrorKind::InvalidValue, format!("no study \"{name}\"")))
}

/// Plays every scenario, those of [`LEARNED`] with the seeds that a function gives, and writes down
/// the answers.
///
/// # Errors
///
/// Where a scenario meets an error that it does not ask for.
pub fn documents(seed_of: impl Fn(&str) -> Result<u64>) -> Result<Vec<Document>> {
    Ok(vec![
        Document { file: "spaces.json", text: spaces::document() },
        Document { file: "studies.json", text: studies::document(seed_of)? },
        Document { file: "suggestions.json", text: suggestions::document()? },
    ])
}

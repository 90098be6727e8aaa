//! Writes and parses the lines of a journal.

use alloc::{
    format,
    string::{String, ToString},
};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    Error, ErrorKind, Result,
    space::Space,
    study::{Direction, Outcome, TrialOrigin, event::Event},
};

/// Value of the header's field `optiformer`.
const KIND: &str = "journal";
/// Version of the format, the only one that is written and read.
const VERSION: u64 = 1;

/// The first line: which study the journal belongs to.
#[derive(Clone, Debug)]
pub(in crate::study) struct Header {
    pub direction: Direction,
    pub sampler: String,
    pub seed: u64,
    pub space: Space,
}

#[derive(Serialize, Deserialize)]
struct HeaderLine {
    optiformer: String,
    version: u64,
    direction: String,
    sampler: String,
    seed: u64,
    space: Value,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line {
    Ask {
        id: u64,
        origin: String,
        values: Map<String, Value>,
    },
    Tell {
        id: u64,
        #[serde(flatten)]
        outcome: OutcomeFields,
    },
    Add {
        id: u64,
        values: Map<String, Value>,
        #[serde(flatten)]
        outcome: OutcomeFields,
    },
    Enqueue {
        values: Map<String, Value>,
    },
    Abandon {
        id: u64,
    },
}

#[derive(Serialize, Deserialize)]
struct OutcomeFields {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<f64>,
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    failed: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl Header {
    /// The header as a line, with its line break.
    pub fn line(&self) -> String {
        let line = HeaderLine {
            optiformer: KIND.to_string(),
            version: VERSION,
            direction: self.direction.as_str().to_string(),
            sampler: self.sampler.clone(),
            seed: self.seed,
            space: serde_json::from_str(&self.space.to_json()).expect("a space is written as JSON"),
        };
        write(&line)
    }

    /// Parses a header; unknown fields are ignored.
    pub fn parse(text: &str) -> Result<Self> {
        let corrupt = |what: String| Error::new(ErrorKind::InvalidJournal, what);
        let value: Value = serde_json::from_str(text)
            .map_err(|_| corrupt("this is not a study file: no header".to_string()))?;
        if value.get("optiformer").and_then(Value::as_str) != Some(KIND) {
            return Err(corrupt("this is not a study file: no header".to_string()));
        }
        match value.get("version").and_then(Value::as_u64) {
            Some(VERSION) => {}
            Some(version) => {
                return Err(corrupt(format!(
                    "the format's version is {version}; this program reads version {VERSION}"
                )));
            }
            None => return Err(corrupt("the header says no version".to_string())),
        }
        let line: HeaderLine =
            serde_json::from_value(value).map_err(|error| corrupt(format!("header: {error}")))?;
        Ok(Self {
            direction: line
                .direction
                .parse::<Direction>()
                .map_err(|error| corrupt(format!("header: {}", error.context())))?,
            sampler: line.sampler,
            seed: line.seed,
            space: Space::from_json(&line.space.to_string())
                .map_err(|error| corrupt(format!("header: {error}")))?,
        })
    }

    /// Checks that a journal with this header belongs to the study `wanted`.
    pub fn check_same(&self, wanted: &Self) -> Result<()> {
        let differs = |what: String| {
            Err(Error::new(
                ErrorKind::InvalidJournal,
                format!("the study file belongs to another study: {what}"),
            ))
        };
        if let Some(difference) = difference(&self.space, &wanted.space) {
            return differs(difference);
        }
        if self.direction != wanted.direction {
            let (there, here) = (self.direction, wanted.direction);
            return differs(format!("its direction is {there}, not {here}"));
        }
        if self.sampler != wanted.sampler {
            let (there, here) = (&self.sampler, &wanted.sampler);
            return differs(format!("its sampler is {there}, not {here}"));
        }
        if self.seed != wanted.seed {
            return differs(format!("its seed is {}, not {}", self.seed, wanted.seed));
        }
        Ok(())
    }
}

/// The first difference between two spaces.
fn difference(there: &Space, here: &Space) -> Option<String> {
    let pairs = there.parameters().iter().zip(here.parameters());
    for (index, (there, here)) in pairs.enumerate() {
        if there.name() != here.name() {
            return Some(format!(
                "in its search space, parameter {} is \"{}\", not \"{}\"",
                index + 1,
                there.name(),
                here.name()
            ));
        }
        if there != here {
            return Some(format!(
                "in its search space, parameter \"{}\" is defined differently",
                there.name()
            ));
        }
    }
    (there.len() != here.len())
        .then(|| format!("its search space has {} parameters, not {}", there.len(), here.len()))
}

/// An event as a line, with its line break.
pub(in crate::study) fn event_line(space: &Space, event: &Event) -> String {
    write(&match event {
        Event::Ask { id, configuration, origin } => Line::Ask {
            id: *id,
            origin: origin.as_str().to_string(),
            values: space.configuration_to_json(configuration),
        },
        Event::Tell { id, outcome, reason } => {
            Line::Tell { id: *id, outcome: OutcomeFields::new(*outcome, reason) }
        }
        Event::Add { id, configuration, outcome, reason } => Line::Add {
            id: *id,
            values: space.configuration_to_json(configuration),
            outcome: OutcomeFields::new(*outcome, reason),
        },
        Event::Enqueue { configuration } => {
            Line::Enqueue { values: space.configuration_to_json(configuration) }
        }
        Event::Abandon { id } => Line::Abandon { id: *id },
    })
}

/// Parses an event from a line without its line break.
pub(super) fn parse_event(space: &Space, text: &str) -> Result<Event> {
    let corrupt = |what: String| Error::new(ErrorKind::InvalidJournal, what);
    let line: Line = serde_json::from_str(text).map_err(|error| corrupt(error.to_string()))?;
    let configuration =
        |values| space.configuration_from_json(&values).map_err(|error| corrupt(error.to_string()));
    Ok(match line {
        Line::Ask { id, origin, values } => Event::Ask {
            id,
            configuration: configuration(values)?,
            origin: match origin.as_str() {
                "asked" => TrialOrigin::Asked,
                "enqueued" => TrialOrigin::Enqueued,
                _ => return Err(corrupt(format!("unknown origin \"{origin}\""))),
            },
        },
        Line::Tell { id, outcome } => {
            Event::Tell { id, outcome: outcome.outcome()?, reason: outcome.reason }
        }
        Line::Add { id, values, outcome } => Event::Add {
            id,
            configuration: configuration(values)?,
            outcome: outcome.outcome()?,
            reason: outcome.reason,
        },
        Line::Enqueue { values } => Event::Enqueue { configuration: configuration(values)? },
        Line::Abandon { id } => Event::Abandon { id },
    })
}

impl OutcomeFields {
    fn new(outcome: Outcome, reason: &Option<String>) -> Self {
        let value = outcome.finite();
        Self { value, failed: value.is_none(), reason: reason.clone() }
    }

    fn outcome(&self) -> Result<Outcome> {
        match (self.value, self.failed) {
            (Some(value), false) => Ok(Outcome::Value(value)),
            (None, true) => Ok(Outcome::Failed),
            _ => Err(Error::new(
                ErrorKind::InvalidJournal,
                "either \"value\" or \"failed\": true is needed",
            )),
        }
    }
}

fn write(line: &impl Serialize) -> String {
    let mut text = serde_json::to_string(line).expect("a record has only texts as keys");
    text.push('\n');
    text
}

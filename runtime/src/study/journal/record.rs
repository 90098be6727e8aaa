//! Writes and parses the lines of a journal.

use alloc::{
    borrow::Cow,
    boxed::Box,
    format,
    string::{String, ToString},
    vec,
    vec::Vec,
};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    Error, ErrorKind, Result,
    samplers::Sampler,
    space::Space,
    study::{
        Objective, Pruner, Study, TrialOrigin, TrialState,
        event::{Event, TrialResult},
        objective::check_names,
    },
};

/// Value of the header's field `optiformer`.
const KIND: &str = "journal";
/// Version of the format that is written.
const VERSION: u64 = 2;
/// Versions that are read; lines of version 1 have no checksums.
const READ_VERSIONS: core::ops::RangeInclusive<u64> = 1..=VERSION;

/// What precedes the checksum at a line's end: the CRC-32 (ISO-HDLC) of the line without it.
const CHECKSUM: &str = ",\"crc32\":\"";

/// The first line: which study the journal belongs to.
#[derive(Clone, Debug)]
pub(in crate::study) struct Header {
    pub objectives: Vec<Objective>,
    pub constraints: Vec<String>,
    pub sampler: String,
    pub pruner: Option<Pruner>,
    pub seed: u64,
    pub space: Space,
}

#[derive(Serialize, Deserialize)]
struct HeaderLine {
    optiformer: String,
    version: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    direction: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    objectives: Vec<ObjectiveFields>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    constraints: Vec<String>,
    sampler: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pruner: Option<String>,
    seed: u64,
    space: Value,
}

#[derive(Serialize, Deserialize)]
struct ObjectiveFields {
    name: String,
    direction: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line {
    Ask {
        id: u64,
        origin: String,
        values: Map<String, Value>,
    },
    Report {
        id: u64,
        step: u64,
        value: f64,
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
    Change {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sampler: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        space: Option<Value>,
    },
}

#[derive(Serialize, Deserialize)]
struct OutcomeFields {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<f64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    objectives: Vec<f64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    constraints: Vec<f64>,
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pruned: bool,
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    failed: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl Header {
    /// The header of a study's journal.
    pub fn of(study: &Study) -> Self {
        Self {
            objectives: study.objectives.clone(),
            constraints: study.constraints.clone(),
            sampler: study.sampler_spec.clone(),
            pruner: study.pruner.clone(),
            seed: study.seed,
            space: study.space.clone(),
        }
    }

    /// A study without trials that has this header, with a sampler.
    pub fn study(&self, sampler: Box<dyn Sampler + Send>) -> Result<Study> {
        let study =
            Study::new(self.space.clone(), self.objectives[0].direction, sampler, self.seed)
                .with_objectives(self.objectives.clone())?
                .with_constraints(self.constraints.clone())?;
        match &self.pruner {
            Some(pruner) => study.with_pruner(pruner.clone()),
            None => Ok(study),
        }
    }

    /// The header that would begin the journal after the changes that `study` has read.
    pub fn continued(self, study: &Study) -> Self {
        let sampler = study.recorded_sampler.clone().unwrap_or(self.sampler);
        Self { sampler, space: study.space.clone(), ..self }
    }

    /// The header as a line, with its line break.
    pub fn line(&self) -> String {
        let is_unnamed =
            |objective: &Objective| *objective == Objective::unnamed(objective.direction);
        let direction = match &self.objectives[..] {
            [objective] if is_unnamed(objective) => Some(objective.direction.as_str().to_string()),
            _ => None,
        };
        let fields = |objective: &Objective| ObjectiveFields {
            name: objective.name.clone(),
            direction: objective.direction.as_str().to_string(),
        };
        let named = if direction.is_none() { &self.objectives[..] } else { &[] };
        let line = HeaderLine {
            optiformer: KIND.to_string(),
            version: VERSION,
            direction,
            objectives: named.iter().map(fields).collect(),
            constraints: self.constraints.clone(),
            sampler: self.sampler.clone(),
            pruner: self.pruner.as_ref().map(Pruner::to_string),
            seed: self.seed,
            space: space_value(&self.space),
        };
        write(&line)
    }

    /// Parses a header; unknown fields are ignored.
    pub fn parse(text: &str) -> Result<Self> {
        let corrupt = |what: String| Error::new(ErrorKind::InvalidJournal, what);
        let text = &checked(text)?[..];
        let value: Value = serde_json::from_str(text)
            .map_err(|_| corrupt("this is not a study file: no header".to_string()))?;
        if value.get("optiformer").and_then(Value::as_str) != Some(KIND) {
            return Err(corrupt("this is not a study file: no header".to_string()));
        }
        match value.get("version").and_then(Value::as_u64) {
            Some(version) if READ_VERSIONS.contains(&version) => {}
            Some(version) => {
                return Err(corrupt(format!(
                    "the format's version is {version}; this program reads versions up to {VERSION}"
                )));
            }
            None => return Err(corrupt("the header says no version".to_string())),
        }
        let line: HeaderLine =
            serde_json::from_value(value).map_err(|error| corrupt(format!("header: {error}")))?;
        let header = |error: Error| corrupt(format!("header: {}", error.context()));
        let objectives = match (&line.direction, &line.objectives[..]) {
            (Some(direction), []) => vec![Objective::unnamed(direction.parse().map_err(header)?)],
            (None, [_, ..]) => {
                let objective = |fields: &ObjectiveFields| {
                    let (name, direction) = (fields.name.clone(), fields.direction.parse()?);
                    Ok(Objective { name, direction })
                };
                let objectives: Result<_> = line.objectives.iter().map(objective).collect();
                objectives.map_err(header)?
            }
            _ => {
                return Err(corrupt(
                    "header: either \"direction\" or \"objectives\" is needed".into(),
                ));
            }
        };
        check_names("objectives", objectives.iter().map(|it| it.name.as_str())).map_err(header)?;
        let constraints = line.constraints;
        check_names("constraints", constraints.iter().map(String::as_str)).map_err(header)?;
        let pruner = line.pruner.map(|text| text.parse()).transpose().map_err(header)?;
        Ok(Self {
            objectives,
            constraints,
            sampler: line.sampler,
            pruner,
            seed: line.seed,
            space: Space::from_json(&line.space.to_string())
                .map_err(|error| corrupt(format!("header: {error}")))?,
        })
    }

    /// What makes a study with this header one with the header `wanted`.
    pub fn changes(&self, wanted: &Self) -> Vec<Event> {
        let mut changes = Vec::new();
        if self.space != wanted.space {
            changes.push(Event::Change { sampler: None, space: Some(wanted.space.clone()) });
        }
        if self.sampler != wanted.sampler {
            changes.push(Event::Change { sampler: Some(wanted.sampler.clone()), space: None });
        }
        changes
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
        if self.objectives != wanted.objectives {
            return differs(objectives_differ(&self.objectives, &wanted.objectives));
        }
        if self.constraints != wanted.constraints {
            let listed =
                |names: &[String]| if names.is_empty() { "none".into() } else { names.join(", ") };
            let (there, here) = (listed(&self.constraints), listed(&wanted.constraints));
            return differs(format!("its constraints are {there}, not {here}"));
        }
        if self.sampler != wanted.sampler {
            let (there, here) = (&self.sampler, &wanted.sampler);
            return differs(format!("its sampler is {there}, not {here}"));
        }
        if self.pruner != wanted.pruner {
            let named =
                |pruner: &Option<Pruner>| pruner.as_ref().map_or("none".into(), Pruner::to_string);
            let (there, here) = (named(&self.pruner), named(&wanted.pruner));
            return differs(format!("its pruner is {there}, not {here}"));
        }
        if self.seed != wanted.seed {
            return differs(format!("its seed is {}, not {}", self.seed, wanted.seed));
        }
        Ok(())
    }
}

/// How the objectives of two studies differ.
fn objectives_differ(there: &[Objective], here: &[Objective]) -> String {
    if let ([there], [here]) = (there, here)
        && there.name == here.name
    {
        return format!("its direction is {}, not {}", there.direction, here.direction);
    }
    let listed = |objectives: &[Objective]| {
        let one = |objective: &Objective| format!("{} ({})", objective.name, objective.direction);
        objectives.iter().map(one).collect::<Vec<_>>().join(", ")
    };
    format!("its objectives are {}, not {}", listed(there), listed(here))
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

fn space_value(space: &Space) -> Value {
    serde_json::from_str(&space.to_json()).expect("a space is written as JSON")
}

/// An event as a line, with its line break.
pub(in crate::study) fn event_line(space: &Space, event: &Event) -> String {
    write(&match event {
        Event::Ask { id, configuration, origin } => Line::Ask {
            id: *id,
            origin: origin.as_str().to_string(),
            values: space.configuration_to_json(configuration),
        },
        Event::Report { id, step, value } => Line::Report { id: *id, step: *step, value: *value },
        Event::Tell { id, result } => Line::Tell { id: *id, outcome: OutcomeFields::new(result) },
        Event::Add { id, configuration, result } => Line::Add {
            id: *id,
            values: space.configuration_to_json(configuration),
            outcome: OutcomeFields::new(result),
        },
        Event::Enqueue { configuration } => {
            Line::Enqueue { values: space.configuration_to_json(configuration) }
        }
        Event::Abandon { id } => Line::Abandon { id: *id },
        Event::Change { sampler, space } => {
            Line::Change { sampler: sampler.clone(), space: space.as_ref().map(space_value) }
        }
    })
}

/// Parses an event from a line without its line break.
pub(super) fn parse_event(space: &Space, text: &str) -> Result<Event> {
    let corrupt = |what: String| Error::new(ErrorKind::InvalidJournal, what);
    let text = &checked(text)?[..];
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
        Line::Report { id, step, value } => Event::Report { id, step, value },
        Line::Tell { id, outcome } => Event::Tell { id, result: outcome.result()? },
        Line::Add { id, values, outcome } => {
            Event::Add { id, configuration: configuration(values)?, result: outcome.result()? }
        }
        Line::Enqueue { values } => {
            let values = space.partial_from_json(&values);
            Event::Enqueue { configuration: values.map_err(|error| corrupt(error.to_string()))? }
        }
        Line::Abandon { id } => Event::Abandon { id },
        Line::Change { sampler, space } => {
            let space = space.map(|space| Space::from_json(&space.to_string()));
            let space = space.transpose().map_err(|error| corrupt(error.to_string()))?;
            Event::Change { sampler, space }
        }
    })
}

impl OutcomeFields {
    fn new(result: &TrialResult) -> Self {
        let TrialResult { state, objectives, constraints, reason } = result.clone();
        let (value, objectives) = match objectives[..] {
            [value] => (Some(value), Vec::new()),
            _ => (None, objectives),
        };
        let (pruned, failed) = (state == TrialState::Pruned, state == TrialState::Failed);
        Self { value, objectives, constraints, pruned, failed, reason }
    }

    fn result(self) -> Result<TrialResult> {
        let Self { value, mut objectives, constraints, pruned, failed, reason } = self;
        objectives.extend(value);
        let state = match (objectives.is_empty(), pruned, failed) {
            (false, false, false) => TrialState::Finished,
            (true, true, false) => TrialState::Pruned,
            (true, false, true) => TrialState::Failed,
            _ => {
                return Err(Error::new(
                    ErrorKind::InvalidJournal,
                    "one of \"value\", \"objectives\", \"pruned\": true and \"failed\": true is needed",
                ));
            }
        };
        Ok(TrialResult { state, objectives, constraints, reason })
    }
}

/// A record as a line with its checksum and its line break.
fn write(line: &impl Serialize) -> String {
    let mut text = serde_json::to_string(line).expect("a record has only texts as keys");
    let checksum = crc32fast::hash(text.as_bytes());
    // Within the object, so that the line stays JSON.
    text.pop();
    text.push_str(&format!("{CHECKSUM}{checksum:08x}\"}}\n"));
    text
}

/// The record in a line without its line break, after a look at its checksum, if it has one.
fn checked(line: &str) -> Result<Cow<'_, str>> {
    // The checksum's eight digits, a quote and a brace.
    let Some((record, checksum)) = line
        .len()
        .checked_sub(CHECKSUM.len() + 10)
        .and_then(|end| line.split_at_checked(end))
        .and_then(|(record, rest)| Some((record, rest.strip_prefix(CHECKSUM)?)))
    else {
        return Ok(Cow::Borrowed(line));
    };
    let record = format!("{record}}}");
    let expected = format!("{:08x}\"}}", crc32fast::hash(record.as_bytes()));
    if checksum == expected {
        return Ok(Cow::Owned(record));
    }
    let context = format!(
        "the line was changed: its checksum is {}, not {}",
        &expected[..8],
        checksum.trim_end_matches("\"}")
    );
    Err(Error::new(ErrorKind::InvalidJournal, context))
}

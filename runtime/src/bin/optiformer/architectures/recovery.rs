//! Fills the fields of trials from their index.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{
    log::{Fields, agrees, object_with, parse_line},
    shapes::{Architecture, FIELDS},
};

/// The index in the list of architectures.
const INDEX: &str = "arch_idx";

/// The fields one of which an architecture has in any log.
const KEYS: [&str; 2] = [INDEX, FIELDS[0]];

/// Reads logs against a list of architectures, and counts what it finds.
pub struct Recovery {
    shapes: Vec<[u64; 5]>,
    trials: usize,
    filled: BTreeMap<&'static str, usize>,
    contradictions: usize,
    notes: Vec<String>,
}

impl Recovery {
    /// A recovery with the architectures of a budget.
    pub fn new(shapes: &[Architecture], features: u64) -> Self {
        let shapes = shapes.iter().map(|shape| shape.fields(features)).collect();
        Self { shapes, trials: 0, filled: BTreeMap::new(), contradictions: 0, notes: Vec::new() }
    }

    /// The trials of a log, each with the fields that it had and those that its index knows.
    ///
    /// Lines of text with the same number are one trial, until one has an index again. What
    /// contradicts the index is left as it was logged, and noted with the line.
    pub fn read(&mut self, path: &str, text: &str) -> Vec<Value> {
        // A trial, and the line where it begins.
        let mut trials: Vec<(usize, Value)> = Vec::new();
        // The latest trial of each number in lines of text.
        let mut latest: BTreeMap<u64, usize> = BTreeMap::new();
        for (line, text) in text.lines().enumerate().map(|(index, text)| (index + 1, text)) {
            if text.trim_start().starts_with('{') {
                match serde_json::from_str(text) {
                    Ok(object) => trials.push((line, object)),
                    Err(error) => self.note(path, line, &format!("not JSON: {error}")),
                }
            } else if let Some((number, fields)) = parse_line(text) {
                let known = latest.get(&number).copied().filter(|_| !fields.contains_key(INDEX));
                match known {
                    Some(place) => self.merge(&mut trials[place].1, fields, path, line),
                    None => {
                        let mut object = Map::from_iter([("trial".to_string(), number.into())]);
                        object.extend(fields);
                        latest.insert(number, trials.len());
                        trials.push((line, Value::Object(object)));
                    }
                }
            }
        }
        // Lines about other things than an architecture are no trials.
        trials.retain_mut(|(_, trial)| architecture(trial).is_some());
        self.trials += trials.len();
        for (line, trial) in &mut trials {
            self.fill(trial, path, *line);
        }
        trials.into_iter().map(|(_, trial)| trial).collect()
    }

    /// Adds the fields of a later line about the same trial.
    fn merge(&mut self, trial: &mut Value, fields: Fields, path: &str, line: usize) {
        for (name, value) in fields {
            match trial.get(&name) {
                Some(known) if !known.is_null() && !value.is_null() && *known != value => {
                    // What is measured may be logged again; the shape of a trial is one.
                    if FIELDS.contains(&name.as_str()) {
                        let what = format!("{name} is {value}, and was {known} before");
                        self.contradict(path, line, &what);
                    } else {
                        trial[&name] = value;
                    }
                }
                Some(known) if !known.is_null() => {}
                _ => trial[&name] = value,
            }
        }
    }

    /// Fills the lost fields of a trial.
    fn fill(&mut self, trial: &mut Value, path: &str, line: usize) {
        let Some(fields) = architecture(trial) else { return };
        let Some(index) = self.index(fields, path, line) else { return };
        let shape = self.shapes[index];
        let differing = FIELDS.iter().zip(shape).find_map(|(name, known)| {
            let logged = fields.get(*name);
            (agrees(logged, known) == Some(false)).then(|| {
                let logged = logged.cloned().unwrap_or_default();
                format!("{name} is {logged}, but architecture {index} has {known}")
            })
        });
        if let Some(what) = differing {
            self.contradict(path, line, &what);
            return;
        }
        if fields.get(INDEX).is_none_or(Value::is_null) {
            fields.insert(INDEX.to_string(), index.into());
            *self.filled.entry(INDEX).or_default() += 1;
        }
        for (name, known) in FIELDS.into_iter().zip(shape) {
            if fields.get(name).is_none_or(Value::is_null) {
                fields.insert(name.to_string(), known.into());
                *self.filled.entry(name).or_default() += 1;
            }
        }
    }

    /// The index of a trial's architecture: the one that was logged, else that of the only
    /// architecture that has the logged fields.
    fn index(&mut self, fields: &Fields, path: &str, line: usize) -> Option<usize> {
        let count = self.shapes.len();
        match fields.get(INDEX) {
            None | Some(Value::Null) => {}
            Some(logged) => {
                let index = logged.as_u64().and_then(|index| usize::try_from(index).ok());
                let index = index.filter(|index| *index < count);
                if index.is_none() {
                    let what = format!("{INDEX} is {logged}, but there are {count} architectures");
                    self.contradict(path, line, &what);
                }
                return index;
            }
        }
        let fits = |shape: &[u64; 5]| {
            FIELDS
                .iter()
                .zip(shape)
                .all(|(name, known)| agrees(fields.get(*name), *known) != Some(false))
        };
        let mut fitting = (0..count).filter(|index| fits(&self.shapes[*index]));
        match (fitting.next(), fitting.count()) {
            (Some(index), 0) => return Some(index),
            (Some(_), others) => {
                let what = format!("no {INDEX}, and {} architectures have its fields", others + 1);
                self.note(path, line, &what);
            }
            (None, _) => {
                self.contradict(path, line, "no architecture of this budget has its fields");
            }
        }
        None
    }

    fn contradict(&mut self, path: &str, line: usize, what: &str) {
        self.contradictions += 1;
        self.note(path, line, &format!("contradiction: {what}"));
    }

    fn note(&mut self, path: &str, line: usize, what: &str) {
        self.notes.push(format!("{path} line {line}: {what}"));
    }

    /// Number of trials so far.
    pub fn trials(&self) -> usize {
        self.trials
    }

    /// Number of contradictions so far.
    pub fn contradictions(&self) -> usize {
        self.contradictions
    }

    /// What is wrong or missing, with file and line.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// What was found, in a line.
    pub fn summary(&self) -> String {
        let filled: Vec<String> =
            self.filled.iter().map(|(name, count)| format!("{count} {name}")).collect();
        let filled = if filled.is_empty() { "nothing".to_string() } else { filled.join(", ") };
        format!("{} trials; recovered: {filled}", self.trials)
    }
}

/// The fields of a trial's architecture, which has an index or a width.
fn architecture(line: &mut Value) -> Option<&mut Fields> {
    let name = KEYS.into_iter().find(|name| object_with(line, name).is_some())?;
    object_with(line, name)
}

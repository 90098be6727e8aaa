//! Configurations that are tried before the sampler is asked.

use std::{collections::HashSet, path::Path};

use optiformer::{
    space::{Configuration, Space},
    study::{StoredStudy, Study},
};

use crate::Failure;

/// The configurations of a file with one JSON object a line, as `--enqueue-file` takes it; empty
/// lines are skipped.
pub fn read_file(space: &Space, path: &Path) -> Result<Vec<Configuration>, Failure> {
    let shown = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::Error(format!("--enqueue-file {shown}: {error}")))?;
    let mut points = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if !line.trim().is_empty() {
            let point = parse(space, line).map_err(|what| {
                Failure::Error(format!("--enqueue-file {shown} line {}: {what}", index + 1))
            })?;
            points.push(point);
        }
    }
    if points.is_empty() {
        return Err(Failure::Error(format!("--enqueue-file {shown}: there is no configuration")));
    }
    Ok(points)
}

/// Reads values of some parameters from a JSON object.
pub fn parse(space: &Space, text: &str) -> Result<Configuration, String> {
    let object: serde_json::Map<_, _> = serde_json::from_str(text).map_err(|error| {
        format!("not a JSON object from names to values, like {{\"x\": 0.5}}: {error}")
    })?;
    space.partial_from_json(&object).map_err(|error| error.to_string())
}

/// Enqueues the configurations that the study does not have, so that a command that is repeated to
/// continue a study enqueues none of its own again.
pub fn enqueue_new(study: &mut StoredStudy, points: Vec<Configuration>) -> Result<(), Failure> {
    let state = study.study();
    let known = state.trials().iter().map(|trial| &trial.configuration).chain(state.queue());
    let mut known: HashSet<_> = known.map(key).collect();
    for point in points {
        if known.insert(key(&point)) && !is_completed(study.study(), &point) {
            study.enqueue(point)?;
        }
    }
    Ok(())
}

/// Whether a trial has every value of `point`, which leaves some open.
fn is_completed(study: &Study, point: &Configuration) -> bool {
    let has = |configuration: &Configuration| {
        let mut pairs = configuration.values().iter().zip(point.values());
        pairs.all(|(value, wanted)| wanted.is_none() || value == wanted)
    };
    study.space().validate(point).is_err()
        && study.trials().iter().any(|trial| has(&trial.configuration))
}

/// Equal for equal configurations.
fn key(configuration: &Configuration) -> Vec<Option<u64>> {
    // Adding 0 turns −0 into 0.
    configuration.values().iter().map(|value| value.map(|it| (it + 0.0).to_bits())).collect()
}

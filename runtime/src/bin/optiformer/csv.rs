//! The trials of a study as comma-separated values (RFC 4180).

use std::borrow::Cow;

use optiformer::study::{Study, Trial};

use crate::text;

/// A header and a row for each trial, each ended by CR LF but the last: `trial`, `state`,
/// `objective` (of several, `objectives_NAME` each), `reason`, `constraints_NAME` for each
/// constraint, and `params_NAME` for each parameter, empty where it is inactive.
pub fn trials(study: &Study) -> String {
    let parameters = study.space().parameters();
    let mut header = vec!["trial".to_string(), "state".into()];
    match study.objectives() {
        [_] => header.push("objective".into()),
        several => header.extend(several.iter().map(|it| format!("objectives_{}", it.name))),
    }
    header.push("reason".into());
    header.extend(study.constraints().iter().map(|name| format!("constraints_{name}")));
    header.extend(parameters.iter().map(|parameter| format!("params_{}", parameter.name())));
    let mut rows = vec![record(&header)];
    rows.extend(study.trials().iter().map(|trial| record(&cells(study, trial))));
    rows.join("\r\n")
}

fn cells(study: &Study, trial: &Trial) -> Vec<String> {
    // The shortest text that reads back as the same number.
    let number = |value: Option<&f64>| value.map_or(String::new(), |value| format!("{value:?}"));
    let mut cells = vec![trial.id.to_string(), text::state(trial).to_string()];
    cells.extend((0..study.objectives().len()).map(|index| number(trial.objectives.get(index))));
    cells.push(trial.reason.clone().unwrap_or_default());
    cells.extend((0..study.constraints().len()).map(|index| number(trial.constraints.get(index))));
    cells.extend(study.space().parameters().iter().enumerate().map(|(index, parameter)| {
        let value = trial.configuration.get(index);
        value.map_or(String::new(), |value| parameter.format(value))
    }));
    cells
}

fn record(cells: &[String]) -> String {
    let cells: Vec<Cow<'_, str>> = cells.iter().map(|cell| quoted(cell)).collect();
    cells.join(",")
}

/// A cell, in quotes where it needs them.
fn quoted(cell: &str) -> Cow<'_, str> {
    if cell.contains([',', '"', '\r', '\n']) {
        Cow::Owned(format!("\"{}\"", cell.replace('"', "\"\"")))
    } else {
        Cow::Borrowed(cell)
    }
}

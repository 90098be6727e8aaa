//! `optiformer architectures` and `optiformer recover`: transformer shapes by their index.

mod log;
mod recovery;
mod shapes;

use std::{fs, path::Path};

use optiformer::space::{Parameter, Space};
use serde_json::json;

use crate::{
    ExitState, Failure,
    arguments::{ArchitecturesOptions, RecoverOptions, ShapeOptions},
    output,
};
use recovery::Recovery;
use shapes::{Architecture, FIELDS, within_budget};

/// The names of the columns: the index, and the fields of a shape.
fn names() -> impl Iterator<Item = &'static str> {
    ["arch_idx"].into_iter().chain(FIELDS)
}

/// The shapes within the budget, or an error that says that there is none.
fn shapes(options: &ShapeOptions) -> Result<Vec<Architecture>, Failure> {
    let ShapeOptions { budget, features } = *options;
    let shapes = within_budget(budget, features);
    if shapes.is_empty() {
        return Err(Failure::Error(format!(
            "no transformer shape with {features} input features has within 25 % of {budget} \
             parameters; the list reaches from {} to {}",
            shapes::smallest().parameters(features),
            shapes::largest().parameters(features)
        )));
    }
    Ok(shapes)
}

/// Lists the shapes within a budget.
pub fn list(options: &ArchitecturesOptions) -> Result<ExitState, Failure> {
    let features = options.shapes.features;
    let shapes = shapes(&options.shapes)?;
    let rows = shapes.iter().map(|shape| shape.fields(features)).enumerate();
    if let Some(directory) = &options.output {
        write(directory, &csv(rows), &space(&shapes, features)?)?;
        let place = directory.display();
        output::print(&format!(
            "{} architectures in {place}/architectures.csv, their space in {place}/space.json",
            shapes.len()
        ))?;
    } else if options.csv {
        output::print(csv(rows).trim_end())?;
    } else if options.json {
        for (index, fields) in rows {
            let mut object = json!({"arch_idx": index});
            for (name, value) in FIELDS.iter().zip(fields) {
                object[*name] = value.into();
            }
            output::print(&object.to_string())?;
        }
    } else {
        let header: String = names().map(|name| format!("{name:>10}")).collect();
        output::print(&header)?;
        for (index, fields) in rows {
            let cells: String = fields.iter().map(|value| format!("{value:>10}")).collect();
            output::print(&format!("{index:>10}{cells}"))?;
        }
    }
    Ok(ExitState::Success)
}

/// The table that `--candidates` takes.
fn csv(rows: impl Iterator<Item = (usize, [u64; 5])>) -> String {
    let mut text = names().collect::<Vec<_>>().join(",") + "\n";
    for (index, fields) in rows {
        let cells: String = fields.iter().map(|value| format!(",{value}")).collect();
        text += &format!("{index}{cells}\n");
    }
    text
}

/// The space that has all rows of the table.
fn space(shapes: &[Architecture], features: u64) -> Result<Space, Failure> {
    let last = shapes.len() as u64 - 1;
    let mut parameters = vec![range("arch_idx", 0, last, false)];
    for (at, name) in FIELDS.into_iter().enumerate() {
        let values = shapes.iter().map(|shape| shape.fields(features)[at]);
        let low = values.clone().min().unwrap_or(1);
        parameters.push(range(name, low, values.max().unwrap_or(low), true));
    }
    Ok(Space::new(parameters)?)
}

/// An int, or the one choice that there is.
fn range(name: &str, low: u64, high: u64, log: bool) -> Parameter {
    match (low == high, log) {
        (true, _) => Parameter::categorical(name, [low as f64]),
        (false, true) => Parameter::int(name, low as i64, high as i64).log(),
        (false, false) => Parameter::int(name, low as i64, high as i64),
    }
}

fn write(directory: &Path, table: &str, space: &Space) -> Result<(), Failure> {
    let failed =
        |path: &Path, error: std::io::Error| Failure::Error(format!("{}: {error}", path.display()));
    fs::create_dir_all(directory).map_err(|error| failed(directory, error))?;
    for (name, text) in [("architectures.csv", table), ("space.json", &(space.to_json() + "\n"))] {
        let path = directory.join(name);
        fs::write(&path, text).map_err(|error| failed(&path, error))?;
    }
    Ok(())
}

/// Fills in what logs lost.
pub fn recover(options: &RecoverOptions) -> Result<ExitState, Failure> {
    let features = options.shapes.features;
    let mut recovery = Recovery::new(&shapes(&options.shapes)?, features);
    for path in &options.logs {
        let shown = path.display();
        let bytes = fs::read(path).map_err(|error| Failure::Error(format!("{shown}: {error}")))?;
        let before = recovery.trials();
        for line in recovery.read(&shown.to_string(), &String::from_utf8_lossy(&bytes)) {
            output::print(&line.to_string())?;
        }
        if recovery.trials() == before {
            return Err(Failure::Error(format!("{shown}: no line is a trial")));
        }
    }
    recovery.notes().iter().for_each(|note| output::print_error(note));
    output::print_error(&recovery.summary());
    match recovery.contradictions() {
        0 => Ok(ExitState::Success),
        1 => Err(Failure::Error("a trial contradicts its index".to_string())),
        count => Err(Failure::Error(format!("{count} trials contradict their index"))),
    }
}

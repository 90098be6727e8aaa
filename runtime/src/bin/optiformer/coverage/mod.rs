//! `optiformer coverage`: what a study has not tried.

mod columns;
mod covering;
mod gaps;

use optiformer::study::JournalSnapshot;
use serde_json::{Map, Value, json};

use crate::{ExitState, Failure, arguments::CoverageOptions, output};
use columns::Columns;
use gaps::Gaps;

/// Most levels, and pairs of parameters, that the table lists.
const LISTED: (usize, usize) = (8, 20);

/// Shows what a study has not tried.
pub fn run(options: &CoverageOptions) -> Result<ExitState, Failure> {
    let snapshot = JournalSnapshot::read(&options.study)?;
    if let Some(note) = snapshot.note() {
        output::print_error(&format!("note: {note}"));
    }
    let study = snapshot.study();
    let columns = Columns::new(study.space(), options.bins);
    let mut gaps = Gaps::new(&columns, options.strength).map_err(Failure::Error)?;
    let tried = study.trials().iter().map(|trial| &trial.configuration).chain(study.queue());
    let mut count = 0;
    for configuration in tried {
        gaps.take(&columns, configuration);
        count += 1;
    }
    if options.enqueue_lines {
        for configuration in covering::fill(&columns, gaps, study.seed()) {
            let line = Value::Object(study.space().configuration_to_json(&configuration));
            output::print(&line.to_string())?;
        }
    } else if options.json {
        output::print(&json(&columns, &gaps, count).to_string())?;
    } else {
        output::print(&table(&columns, &gaps, count))?;
    }
    Ok(ExitState::Success)
}

/// Everything as one object.
fn json(columns: &Columns<'_>, gaps: &Gaps, count: usize) -> Value {
    let parameters = (0..columns.len()).map(|index| {
        let column = columns.get(index);
        let missing: Vec<Value> =
            gaps.cells(index).map(|cell| columns.cell_json(index, cell)).collect();
        let mut object = json!({
            "name": columns.name(index),
            "in": if column.is_binned() { "bins" } else { "levels" },
            "total": gaps.cells_total(index),
            "tried": gaps.cells_total(index) - missing.len(),
            "missing": missing,
        });
        if column.has_ends() {
            let ends = gaps.ends(columns, index);
            object["low"] = ends[0].into();
            object["high"] = ends[1].into();
        }
        object
    });
    let mut object = json!({"trials": count, "parameters": parameters.collect::<Vec<_>>()});
    if let Some(total) = gaps.pairs_total() {
        let missing: Vec<Value> = gaps
            .pairs()
            .map(|(one, other)| {
                let cells = [one, other].map(|(index, cell)| {
                    (columns.name(index).to_string(), columns.cell_json(index, cell))
                });
                Value::Object(Map::from_iter(cells))
            })
            .collect();
        object["pairs"] =
            json!({"total": total, "tried": total - missing.len(), "missing": missing});
    }
    json!({ "coverage": object })
}

/// A table for people.
fn table(columns: &Columns<'_>, gaps: &Gaps, count: usize) -> String {
    let mut lines = vec![
        format!("{count} configuration{}, tried or enqueued", if count == 1 { "" } else { "s" }),
        String::new(),
        "parameter\ttried\tends\tnot tried".to_string(),
    ];
    for index in 0..columns.len() {
        let column = columns.get(index);
        let missing: Vec<u64> = gaps.cells(index).collect();
        let shown = missing.iter().take(LISTED.0).map(|cell| columns.cell_text(index, *cell));
        let mut text = shown.collect::<Vec<_>>().join(", ");
        if missing.len() > LISTED.0 {
            text += &format!(" and {} more", missing.len() - LISTED.0);
        }
        let ends = match (column.has_ends(), gaps.ends(columns, index)) {
            (false, _) => "",
            (true, [true, true]) => "both",
            (true, [true, false]) => "low",
            (true, [false, true]) => "high",
            (true, [false, false]) => "none",
        };
        let total = gaps.cells_total(index);
        let tried = total - missing.len();
        let kind = if column.is_binned() { "bins" } else { "levels" };
        lines.push(format!("{}\t{tried}/{total} {kind}\t{ends}\t{text}", columns.name(index)));
    }
    let mut text = aligned(&lines);
    if let Some(total) = gaps.pairs_total() {
        text += &format!("\n{}/{total} pairs\n", total - gaps.pairs().count());
        let mut pairs: Vec<_> = gaps.pairs_by_parameters().into_iter().collect();
        pairs.retain(|(_, (missing, _))| *missing > 0);
        pairs.sort_by_key(|(_, (missing, _))| std::cmp::Reverse(*missing));
        let mut lines: Vec<String> = Vec::new();
        for ((one, other), (missing, total)) in pairs.iter().take(LISTED.1) {
            let names = format!("{} × {}", columns.name(*one), columns.name(*other));
            lines.push(format!("  {names}\t{}/{total}", total - missing));
        }
        if pairs.len() > LISTED.1 {
            lines.push(format!("  and {} more with gaps", pairs.len() - LISTED.1));
        }
        text += &aligned(&lines);
    }
    text.truncate(text.trim_end().len());
    text
}

/// Lines with their cells, which tabs separate, below each other.
fn aligned(lines: &[String]) -> String {
    let mut widths: Vec<usize> = Vec::new();
    for line in lines.iter().filter(|line| line.contains('\t')) {
        for (at, cell) in line.split('\t').enumerate() {
            let width = cell.chars().count();
            match widths.get_mut(at) {
                Some(widest) => *widest = width.max(*widest),
                None => widths.push(width),
            }
        }
    }
    let mut text = String::new();
    for line in lines {
        let cells = line.split('\t').zip(widths.iter().chain(std::iter::repeat(&0)));
        let cells: String = cells.map(|(cell, width)| format!("{cell:width$}  ")).collect();
        text += cells.trim_end();
        text.push('\n');
    }
    text
}

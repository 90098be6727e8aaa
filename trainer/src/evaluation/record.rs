//! Runs as they are kept: one line of JSON each.

use std::{
    collections::BTreeSet,
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, Write},
    path::Path,
};

use optiformer::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

/// How one run of a sampler on a problem went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// The suite's name.
    pub suite: String,
    /// The problem's name.
    pub problem: String,
    /// How many parameters it has.
    pub dimensions: usize,
    /// The sampler's name.
    pub sampler: String,
    /// What it was: our version and the model's digest, or the peer's version.
    pub version: String,
    /// The seed of the run, and of the problem's instance where it has several.
    pub seed: u64,
    /// Whether all seeds see the same instance.
    pub fixed: bool,
    /// The least possible loss, where it is known.
    pub optimum: Option<f64>,
    /// The loss of each trial; none where it failed.
    pub losses: Vec<Option<f64>>,
    /// Median seconds of a suggestion, and of taking in its outcome.
    pub seconds: f64,
}

/// What tells a run from others: suite, problem, sampler, version, seed.
pub type Key = (String, String, String, String, u64);

impl Run {
    /// What tells it from others.
    pub fn key(&self) -> Key {
        let Self { suite, problem, sampler, version, seed, .. } = self.clone();
        (suite, problem, sampler, version, seed)
    }

    /// The least loss of the first `trials` trials; infinite when all of them failed.
    pub fn best(&self, trials: usize) -> f64 {
        self.losses.iter().take(trials).flatten().copied().fold(f64::INFINITY, f64::min)
    }
}

/// A file of runs that grows as they come.
pub struct Runs {
    file: Option<File>,
    /// What is in it.
    pub all: Vec<Run>,
}

impl Runs {
    /// Opens a file of runs, or begins one; without a path nothing is kept. A last line that a
    /// killed process left unfinished is dropped from the file.
    ///
    /// # Errors
    ///
    /// What the file system says; a line that is no run, by its number.
    pub fn open(path: Option<&Path>) -> Result<Self> {
        let Some(path) = path else { return Ok(Self { file: None, all: Vec::new() }) };
        let file =
            OpenOptions::new().read(true).append(true).create(true).truncate(false).open(path)?;
        let mut reader = BufReader::new(&file);
        let (mut all, mut line, mut length, mut number) = (Vec::new(), String::new(), 0, 0);
        loop {
            line.clear();
            let read = reader.read_line(&mut line)?;
            if read == 0 {
                break;
            }
            if !line.ends_with('\n') {
                file.set_len(length)?;
                break;
            }
            number += 1;
            length += read as u64;
            all.push(serde_json::from_str(&line).map_err(|error| {
                let context = format!("{}, line {number}: {error}", path.display());
                Error::new(ErrorKind::InvalidValue, context)
            })?);
        }
        drop(reader);
        Ok(Self { file: Some(file), all })
    }

    /// Keys of the runs that are there already, with at least `trials` trials.
    pub fn known(&self, trials: usize) -> BTreeSet<Key> {
        self.all.iter().filter(|run| run.losses.len() >= trials).map(Run::key).collect()
    }

    /// Adds a run, to the file too.
    ///
    /// # Errors
    ///
    /// What the file system says.
    pub fn add(&mut self, run: Run) -> Result<()> {
        if let Some(file) = &mut self.file {
            let mut line = serde_json::to_string(&run).expect("a run is plain data");
            line.push('\n');
            file.write_all(line.as_bytes())?;
        }
        self.all.push(run);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(seed: u64) -> Run {
        Run {
            suite: String::from("s"),
            problem: String::from("p"),
            dimensions: 2,
            sampler: String::from("random"),
            version: String::from("1"),
            seed,
            fixed: false,
            optimum: Some(0.0),
            losses: vec![Some(3.0), None, Some(1.0), Some(2.0)],
            seconds: 0.001,
        }
    }

    #[test]
    fn runs_come_back_and_an_unfinished_line_is_dropped() {
        let path = std::env::temp_dir().join(format!("optiformer-runs-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let mut runs = Runs::open(Some(&path)).unwrap();
        runs.add(run(1)).unwrap();
        runs.add(run(2)).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("{text}{{\"suite\":\"s")).unwrap();
        let mut again = Runs::open(Some(&path)).unwrap();
        assert_eq!(again.all, [run(1), run(2)]);
        assert!(again.known(4).contains(&run(2).key()) && again.known(5).is_empty());
        again.add(run(3)).unwrap();
        assert_eq!(Runs::open(Some(&path)).unwrap().all.len(), 3);
        std::fs::write(&path, "nonsense\n").unwrap();
        let error = Runs::open(Some(&path)).err().unwrap();
        assert!(error.to_string().contains("line 1"), "{error}");
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn the_best_ignores_failures() {
        assert_eq!([1, 2, 3, 9].map(|trials| run(0).best(trials)), [3.0, 3.0, 1.0, 1.0]);
        assert_eq!(Run { losses: vec![None], ..run(0) }.best(1), f64::INFINITY);
    }
}

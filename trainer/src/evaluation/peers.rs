//! Other people's samplers, in a Python process of their own.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use optiformer::{
    Error, ErrorKind, Result,
    space::{Configuration, Domain, Space},
};
use serde_json::{Value, json};

/// Names of peers begin with one of these.
const PREFIXES: [&str; 3] = ["optuna-", "skopt-", "hebo"];

/// The program that speaks for them.
const SCRIPT: &str = include_str!("peers.py");

/// Whether a sampler of this name is a peer.
pub fn is_peer(name: &str) -> bool {
    PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// A Python process that runs peers' samplers, one study after another.
pub struct Peers {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Peers {
    /// Starts `python`, which must have the peers' packages.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn start(python: &Path) -> Result<Self> {
        let mut child = Command::new(python)
            .args(["-c", SCRIPT])
            // Their linear algebra is too small to be split over threads.
            .envs(
                ["OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"]
                    .map(|name| (name, "1")),
            )
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| {
                Error::new(ErrorKind::Io, format!("cannot start {}: {error}", python.display()))
            })?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let (Some(input), Some(output)) = (input, output) else {
            return Err(Error::new(ErrorKind::Io, "the peers' process has no pipes"));
        };
        Ok(Self { child, input, output: BufReader::new(output) })
    }

    /// Begins a study; returns the peer's version.
    ///
    /// # Errors
    ///
    /// An unknown peer, a package that is not installed, a process that has ended.
    pub fn begin(&mut self, peer: &str, seed: u64, space: &Space) -> Result<String> {
        let message = json!({"new": {"peer": peer, "seed": seed, "space": describe(space)}});
        let (answer, _) = self.exchange(&message)?;
        Ok(answer["version"].as_str().unwrap_or_default().trim().to_owned())
    }

    /// The next trial's configuration, and the seconds that it took.
    ///
    /// # Errors
    ///
    /// What the peer says; a configuration that is not legal in `space`.
    pub fn ask(&mut self, space: &Space) -> Result<(Configuration, f64)> {
        let (answer, seconds) = self.exchange(&json!({"ask": true}))?;
        Ok((legal(space, &answer)?, seconds))
    }

    /// Begins a study of a peer that sets a fidelity between these bounds.
    ///
    /// # Errors
    ///
    /// As [`begin`](Self::begin).
    pub fn begin_multi_fidelity(
        &mut self,
        peer: &str,
        seed: u64,
        space: &Space,
        bounds: (f64, f64),
    ) -> Result<String> {
        let message = json!({"new": {
            "peer": peer, "seed": seed, "space": describe(space), "fidelity": [bounds.0, bounds.1],
        }});
        let (answer, _) = self.exchange(&message)?;
        Ok(answer["version"].as_str().unwrap_or_default().trim().to_owned())
    }

    /// The next trial's configuration and fidelity.
    ///
    /// # Errors
    ///
    /// As [`ask`](Self::ask).
    pub fn ask_fidelity(&mut self, space: &Space) -> Result<(Configuration, f64)> {
        let (answer, _) = self.exchange(&json!({"ask": true}))?;
        let fidelity = answer["fidelity"].as_f64().ok_or_else(|| {
            Error::new(ErrorKind::InvalidValue, String::from("the peer sets no fidelity"))
        })?;
        Ok((legal(space, &answer)?, fidelity))
    }

    /// Reports an intermediate value of the trial; returns whether the peer would end it.
    ///
    /// # Errors
    ///
    /// What the peer says.
    pub fn report(&mut self, step: u64, value: f64) -> Result<bool> {
        let (answer, _) = self.exchange(&json!({"report": {"step": step, "value": value}}))?;
        Ok(answer["stops"].as_bool().unwrap_or(false))
    }

    /// Finishes a trial that was ended early.
    ///
    /// # Errors
    ///
    /// What the peer says.
    pub fn prune(&mut self) -> Result<()> {
        self.exchange(&json!({"prune": true})).map(|_| ())
    }

    /// Begins a study with Optuna's Hyperband pruner, for trials of `max_resource` steps.
    ///
    /// # Errors
    ///
    /// As [`begin`](Self::begin).
    pub fn begin_hyperband(
        &mut self,
        peer: &str,
        seed: u64,
        space: &Space,
        max_resource: u64,
    ) -> Result<String> {
        let message = json!({"new": {
            "peer": peer, "seed": seed, "space": describe(space), "hyperband": max_resource,
        }});
        let (answer, _) = self.exchange(&message)?;
        Ok(answer["version"].as_str().unwrap_or_default().trim().to_owned())
    }

    /// Finishes the trial; returns the seconds that it took.
    ///
    /// # Errors
    ///
    /// What the peer says.
    pub fn tell(&mut self, loss: Option<f64>) -> Result<f64> {
        Ok(self.exchange(&json!({"tell": loss}))?.1)
    }

    fn exchange(&mut self, message: &Value) -> Result<(Value, f64)> {
        writeln!(self.input, "{message}")?;
        self.input.flush()?;
        let mut line = String::new();
        if self.output.read_line(&mut line)? == 0 {
            return Err(Error::new(ErrorKind::Io, "the peers' process has ended"));
        }
        let answer: Value = serde_json::from_str(&line).map_err(|error| {
            Error::new(ErrorKind::Io, format!("the peers' process says {line:?}: {error}"))
        })?;
        if let Some(error) = answer["error"].as_str() {
            return Err(Error::new(ErrorKind::Unsupported, format!("peer: {error}")));
        }
        let seconds = answer["seconds"].as_f64().unwrap_or(f64::NAN);
        Ok((answer, seconds))
    }
}

impl Drop for Peers {
    fn drop(&mut self) {
        // It ends by itself when its input does; killing it spares the wait.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The configuration in a peer's answer.
fn legal(space: &Space, answer: &Value) -> Result<Configuration> {
    let values: Option<Vec<Option<f64>>> = serde_json::from_value(answer["values"].clone()).ok();
    let values = values.filter(|values| values.len() == space.len()).ok_or_else(|| {
        Error::new(ErrorKind::InvalidValue, format!("the peer suggests {}", answer["values"]))
    })?;
    let configuration = snap(space, &values);
    space.validate(&configuration)?;
    Ok(configuration)
}

/// Peers compute their values in their own way: the nearest legal ones, a rounding away.
fn snap(space: &Space, values: &[Option<f64>]) -> Configuration {
    let nearest = space.parameters().iter().zip(values).map(|(parameter, value)| {
        value.map(|value| match parameter.domain() {
            Domain::Float { low, high, step: None, .. } => value.clamp(*low, *high),
            domain => domain.level(domain.level_of(value)),
        })
    });
    Configuration::new(nearest.collect())
}

/// A space as the script reads it.
fn describe(space: &Space) -> Value {
    let parameters = space.parameters().iter().map(|parameter| {
        let mut found = match parameter.domain() {
            Domain::Float { low, high, log, step } => {
                json!({"kind": "float", "low": low, "high": high, "log": log, "step": step})
            }
            Domain::Int { low, high, log, step } => {
                json!({"kind": "int", "low": low, "high": high, "log": log, "step": step})
            }
            Domain::Categorical { choices } => {
                json!({"kind": "categorical", "choices": choices.len()})
            }
        };
        found["name"] = json!(parameter.name());
        if let Some(condition) = parameter.condition()
            && let Some(parent) = space.index_of(&condition.parent)
        {
            let of_parent = &space.parameters()[parent];
            let values: Vec<f64> = condition
                .values
                .iter()
                .filter_map(|choice| of_parent.from_choice(choice).ok())
                .collect();
            found["condition"] = json!({"parent": parent, "values": values});
        }
        found
    });
    Value::Array(parameters.collect())
}

#[cfg(test)]
mod tests {
    use optiformer::space::Parameter;

    use super::*;

    #[test]
    fn a_space_is_described_with_its_conditions() {
        let space = Space::new(vec![
            Parameter::categorical("kind", ["a", "b"]),
            Parameter::float("rate", 1e-3, 1.0).log().when("kind", ["b"]),
            Parameter::int("n", 2, 8).step(2.0),
        ])
        .unwrap();
        let described = describe(&space);
        assert_eq!(described[0], json!({"kind": "categorical", "choices": 2, "name": "kind"}));
        assert_eq!(described[1]["condition"], json!({"parent": 0, "values": [1.0]}));
        assert_eq!(described[2]["step"], json!(2.0));
        let snapped = snap(&space, &[Some(1.0), Some(1.000_000_1), Some(5.9)]);
        assert_eq!(snapped.values(), [Some(1.0), Some(1.0), Some(6.0)]);
    }

    #[test]
    fn an_answer_that_is_an_error_is_one() {
        // The real script with a peer that nobody has; needs only Python itself.
        let mut peers = Peers::start(Path::new("python3")).unwrap();
        let space = Space::new(vec![Parameter::float("x", 0.0, 1.0)]).unwrap();
        let error = peers.begin("optuna-nobody", 0, &space).unwrap_err().to_string();
        assert!(error.contains("peer"), "{error}");
        let error = Peers::start(Path::new("/nowhere/python")).err().unwrap().to_string();
        assert!(error.contains("/nowhere/python"), "{error}");
    }
}

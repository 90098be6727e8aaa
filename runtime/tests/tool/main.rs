//! The command-line tool, driven as a user drives it. Needs `--features cli`, and a POSIX shell.
#![cfg(all(feature = "cli", unix))]

mod architectures;
mod ask_tell;
mod budget;
mod command_line;
mod compare;
mod conformance;
mod coverage;
mod first_trials;
mod grid;
mod interruption;
mod measurements;
mod objective;
mod pruning;
mod report;
mod results;
mod resume;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::Value;

/// The space of most tests.
const SPACE: &str = r#"{"parameters": [
    {"name": "x", "type": "float", "low": 0, "high": 4},
    {"name": "n", "type": "int", "low": 1, "high": 9},
    {"name": "kind", "type": "categorical", "choices": ["a b", "$c {}'\""]},
    {"name": "rate", "type": "float", "low": 1e-5, "high": 1, "log": true,
     "when": {"parent": "kind", "is": ["a b"]}}]}"#;

/// A directory of a test's own, with the space in `space.json`.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("tool-{name}"));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        fs::write(path.join("space.json"), SPACE).unwrap();
        Self(path)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.file(name)).unwrap()
    }

    /// The tool, to be run in this directory.
    fn tool(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(tool_path());
        command.args(arguments).current_dir(&self.0).stdin(Stdio::null());
        command
    }

    /// Runs the tool to its end.
    fn run(&self, arguments: &[&str]) -> Ran {
        Ran::new(self.tool(arguments).output().unwrap())
    }

    /// `minimize` with random search, JSON output and the space.
    fn minimize(&self, options: &[&str], program: &[&str]) -> Ran {
        self.run(&minimize(options, program))
    }
}

fn tool_path() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_optiformer"))
}

fn minimize<'a>(options: &[&'a str], program: &[&'a str]) -> Vec<&'a str> {
    let fixed = ["minimize", "--space", "space.json", "--sampler", "random", "--json"];
    [&fixed, options, &["--"], program].concat()
}

/// What a run of the tool left.
#[derive(Debug)]
struct Ran {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Ran {
    fn new(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The lines of standard output, each an object.
    fn lines(&self) -> Vec<Value> {
        let parse = |line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{self:?}"));
        self.stdout.lines().map(parse).collect()
    }

    /// The objects of the trials.
    fn trials(&self) -> Vec<Value> {
        let lines = self.lines();
        lines.iter().filter_map(|line| line.get("trial").cloned()).collect()
    }

    fn summary(&self) -> Value {
        self.lines().last().and_then(|line| line.get("summary").cloned()).unwrap()
    }
}

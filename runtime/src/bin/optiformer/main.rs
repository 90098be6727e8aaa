//! The command-line tool `optiformer`: tunes any program from the shell. Described in `docs/tool.md`.

mod arguments;
mod child;
mod conversation;
mod number;
mod output;
mod plot;
mod progress;
mod sampler;
mod show;
mod stop;
mod template;
mod tune;

use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Command};
use optiformer::study::Direction;

/// How the tool ends, apart from wrong usage (2), which clap reports by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// Everything went well.
    Fine,
    /// Every trial failed: there is no best configuration.
    NothingWorked,
    /// Stopped by Ctrl-C or a request to terminate.
    Interrupted,
}

/// Why the tool could not do what it was asked.
#[derive(Debug)]
enum Failure {
    /// The command line does not fit the search space.
    Usage(String),
    /// Anything else.
    Error(String),
}

impl From<optiformer::Error> for Failure {
    fn from(error: optiformer::Error) -> Self {
        Self::Error(error.to_string())
    }
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Minimize(options) => tune::run(&options, Direction::Minimise),
        Command::Maximize(options) => tune::run(&options, Direction::Maximise),
        Command::AskTell(options) => conversation::run(&options),
        Command::Show(options) => show::run(&options),
    };
    match result {
        Ok(Ending::Fine) => ExitCode::SUCCESS,
        Ok(Ending::NothingWorked) => ExitCode::from(3),
        Ok(Ending::Interrupted) => ExitCode::from(130),
        Err(Failure::Error(message)) => {
            output::complain(&format!("error: {message}"));
            ExitCode::from(1)
        }
        Err(Failure::Usage(message)) => {
            output::complain(&format!("error: {message}\n\nFor more information, try '--help'."));
            ExitCode::from(2)
        }
    }
}

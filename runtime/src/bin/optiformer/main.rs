//! The command-line tool `optiformer`: tunes any program from the shell. Described in
//! `docs/tool.md`.

mod arguments;
mod ask_tell;
mod child;
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
enum ExitState {
    /// Everything went well.
    Success,
    /// Every trial failed: there is no best configuration.
    AllFailed,
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
        Command::Minimize(options) => tune::run(&options, Direction::Minimize),
        Command::Maximize(options) => tune::run(&options, Direction::Maximize),
        Command::AskTell(options) => ask_tell::run(&options),
        Command::Show(options) => show::run(&options),
    };
    match result {
        Ok(ExitState::Success) => ExitCode::SUCCESS,
        Ok(ExitState::AllFailed) => ExitCode::from(3),
        Ok(ExitState::Interrupted) => ExitCode::from(130),
        Err(Failure::Error(message)) => {
            output::print_error(&format!("error: {message}"));
            ExitCode::from(1)
        }
        Err(Failure::Usage(message)) => {
            output::print_error(&format!(
                "error: {message}\n\nFor more information, try '--help'."
            ));
            ExitCode::from(2)
        }
    }
}

//! The command-line tool `optiformer`, described in `docs/tool.md`.

mod architectures;
mod arguments;
mod ask_tell;
mod candidates;
mod child;
mod compare;
mod coverage;
mod criteria;
mod csv;
mod enqueue;
mod live;
mod manual;
mod number;
mod output;
mod plot;
mod program_output;
mod progress;
mod repeats;
mod report;
mod results;
mod sampler;
mod show;
mod statistics;
mod step_pattern;
mod stop;
mod template;
mod text;
mod tune;
mod validate;

use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Command};
use optiformer::study::Direction;

/// Exit states of the tool; clap reports wrong usage (2) by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ExitState {
    /// Everything went well.
    Success,
    /// Every trial failed: there is no best configuration.
    AllFailed,
    /// A success criterion does not hold.
    CriteriaFailed,
    /// Stopped by Ctrl-C or a request to terminate.
    Interrupted,
}

/// Errors of the tool.
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
        Command::Report(options) => report::run(&options),
        Command::Compare(options) => compare::run(&options),
        Command::Completions(options) => manual::completions(&options),
        Command::Man(options) => manual::page(&options),
        Command::Validate(options) => validate::run(&options),
        Command::Coverage(options) => coverage::run(&options),
        Command::Architectures(options) => architectures::list(&options),
        Command::Recover(options) => architectures::recover(&options),
    };
    match result {
        Ok(ExitState::Success) => ExitCode::SUCCESS,
        Ok(ExitState::AllFailed) => ExitCode::from(3),
        Ok(ExitState::CriteriaFailed) => ExitCode::from(4),
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

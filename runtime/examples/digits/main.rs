//! A real program to tune: it trains a small neural network on the 8×8 optical digits.
//!
//! It knows nothing of OptiFormer. Its hyperparameters are arguments, and the last number that it
//! prints is what a tuner minimizes: the mean cross-entropy on 600 validation images, in nats. The
//! cross-entropy is preferred to the error rate because it is smooth: it tells configurations apart
//! that get the same number of images right. Each image counts for at most 10, so a network that
//! has diverged scores 10, a finite number and the worst there is, not a failure.
//!
//! `tune.sh` beside this file tunes it.

mod arguments;
mod data;
mod matrix;
mod network;
mod random;
mod training;

use std::io::Write;
use std::process::ExitCode;

use arguments::{Arguments, HELP};

fn main() -> ExitCode {
    let output = match Arguments::parse(std::env::args().skip(1)) {
        Ok(Some(arguments)) => run(&arguments),
        Ok(None) => HELP.to_owned(),
        Err(message) => {
            eprintln!("digits: {message}");
            return ExitCode::from(2);
        }
    };
    match std::io::stdout().write_all(output.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("digits: cannot write the result: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Trains and says how it went; the objective stands last.
fn run(arguments: &Arguments) -> String {
    let (training, validation) = data::load();
    let score = training::train(arguments, &training, &validation, |epoch, score| {
        if arguments.verbose {
            eprintln!(
                "epoch {epoch}/{}: error rate {:.4}, cross-entropy {:.4}",
                arguments.epochs, score.error_rate, score.cross_entropy
            );
        }
    });
    format!(
        "validation error rate {:.6}\nvalidation cross-entropy {:.6}\n",
        score.error_rate, score.cross_entropy
    )
}

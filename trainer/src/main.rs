//! `optiformer-trainer`: makes the weights of OptiFormer, and judges them.

use std::{
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use clap::{Parser, Subcommand};
use optiformer_trainer::commands::{
    evaluate::Evaluate, export::Export, generate::Generate, prior::Prior, smoke::Smoke,
    train::Train,
};

/// Makes the weights of OptiFormer, and judges them.
///
/// The order of work: `generate` makes trajectories on synthetic functions, `train` fits a model to them, `export` writes a
/// weights file, `evaluate` judges it; `prior` shows what `generate` draws.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Generate(Generate),
    Prior(Prior),
    Train(Train),
    Export(Export),
    Evaluate(Evaluate),
    Smoke(Smoke),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&interrupted);
    let handler = ctrlc::set_handler(move || {
        // The second time, whoever asks does not want to wait.
        if flag.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    });
    if let Err(error) = handler {
        eprintln!("Ctrl-C will not stop cleanly: {error}");
    }
    let outcome = match arguments.command {
        Command::Generate(command) => command.run(&interrupted),
        Command::Prior(command) => command.run(),
        Command::Train(command) => command.run(&interrupted),
        Command::Export(command) => command.run(),
        Command::Evaluate(command) => command.run(&interrupted),
        Command::Smoke(command) => command.run(&interrupted),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

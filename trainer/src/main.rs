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
    adaptation::Adaptation, budgets::Budgets, evaluate::Evaluate, export::Export,
    generate::Generate, prior::Prior, smoke::Smoke, surrogate::Surrogate, train::Train,
    train_text::TrainText,
};

/// Also what libtorch allocates from: training takes and returns megabytes thousands of times a
/// second, and the system's allocator gives them back to the kernel each time.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Freed memory is kept, large pieces too.
#[unsafe(export_name = "malloc_conf")]
static ALLOCATOR_OPTIONS: Option<&'static std::ffi::c_char> = {
    const TEXT: &std::ffi::CStr = c"dirty_decay_ms:-1,muzzy_decay_ms:-1,oversize_threshold:0";
    // SAFETY: the pointer is to a constant with a terminating zero that lives as long as the
    // program.
    Some(unsafe { &*TEXT.as_ptr() })
};

/// Makes the weights of OptiFormer, and judges them.
///
/// The order of work: `generate` makes trajectories on synthetic functions, `train` fits a model to
/// them, `export` writes a weights file, `evaluate` judges it; `prior` shows what `generate` draws.
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
    TrainText(TrainText),
    Export(Export),
    Evaluate(Evaluate),
    Smoke(Smoke),
    Surrogate(Surrogate),
    Adaptation(Adaptation),
    Budgets(Budgets),
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
        Command::TrainText(command) => command.run(&interrupted),
        Command::Export(command) => command.run(),
        Command::Evaluate(command) => command.run(&interrupted),
        Command::Smoke(command) => command.run(&interrupted),
        Command::Surrogate(command) => command.run(),
        Command::Adaptation(command) => command.run(),
        Command::Budgets(command) => command.run(&interrupted),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

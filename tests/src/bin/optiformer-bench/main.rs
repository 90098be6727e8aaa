//! `optiformer-bench` measures the transformer's workloads.
//!
//! Without arguments it measures every preset in every precision, one JSON line per workload. With
//! `--model-dir` it loads a model and serves requests on standard input, so that another program
//! can alternate between engines.

mod arguments;
mod asks;
mod line;
mod requests;
mod trials;
mod workloads;

use std::{process::ExitCode, time::Instant};

use arguments::Arguments;
use optiformer::{
    Result,
    model::{Config, Model},
};
use trials::{PARTS, TrialBench};
use workloads::{Bench, WORKLOADS};

fn main() -> ExitCode {
    let arguments = match Arguments::read(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(message) => {
            eprintln!("{message}\n\n{}", arguments::USAGE);
            return ExitCode::from(2);
        }
    };
    if arguments.help {
        println!("{}", arguments::USAGE);
        return ExitCode::SUCCESS;
    }
    let done = match &arguments.folder {
        Some(folder) => serve(folder, &arguments),
        None if arguments.asks => measure_asks(&arguments),
        None if arguments.trials > 0 => measure_trials(&arguments),
        None => measure_all(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Loads a model from a folder and serves requests.
fn serve(folder: &std::path::Path, arguments: &Arguments) -> Result<()> {
    let begin = Instant::now();
    let precision = arguments.precisions[0];
    let model = Model::open_folder(precision, folder)?;
    let mut bench = Bench::new(model, arguments.threads[0])?;
    let load_ms = begin.elapsed().as_secs_f64() * 1e3;
    requests::answer(&mut bench, load_ms);
    Ok(())
}

/// Measures whole suggestions of the embedded model.
fn measure_asks(arguments: &Arguments) -> Result<()> {
    for precision in &arguments.precisions {
        let model = std::sync::Arc::new(Model::pico_in(*precision)?);
        for threads in &arguments.threads {
            for (name, trials) in asks::ASKS {
                let times = asks::times(&model, trials, arguments.repetitions, *threads)?;
                let kernels = model.kernels().name();
                print(&line::Line::new("pico", *precision, kernels, *threads, name, times));
            }
        }
    }
    Ok(())
}

/// Measures the parts of a suggestion for presets that read one row per trial, with random weights.
fn measure_trials(arguments: &Arguments) -> Result<()> {
    for name in &arguments.presets {
        for precision in &arguments.precisions {
            let model = Model::random(Config::preset(name)?.with_trial_rows(), 1, *precision)?;
            let kernels = model.kernels().name();
            let mut bench = TrialBench::new(model, arguments.trials)?;
            for threads in &arguments.threads {
                bench.set_threads(*threads);
                for part in PARTS {
                    let times = bench.times(part, arguments.repetitions)?;
                    print(&line::Line::new(name, *precision, kernels, *threads, part, times));
                }
            }
        }
    }
    Ok(())
}

fn print(line: &line::Line<'_>) {
    println!("{}", serde_json::to_string(line).expect("plain data"));
}

/// Measures presets with random weights, one line per workload.
fn measure_all(arguments: &Arguments) -> Result<()> {
    for name in &arguments.presets {
        for precision in &arguments.precisions {
            let model = Model::random(Config::preset(name)?, 1, *precision)?;
            let kernels = model.kernels().name();
            let mut bench = Bench::new(model, 1)?;
            for threads in &arguments.threads {
                bench.set_threads(*threads);
                for workload in WORKLOADS {
                    let times = bench.times(workload, arguments.repetitions)?;
                    print(&line::Line::new(name, *precision, kernels, *threads, workload, times));
                }
            }
        }
    }
    Ok(())
}

//! Tunes a cache in front of a language model: six thresholds, speed-up against perplexity.
//!
//!     cargo run --release --features cli --example routing_cache -- study --output runs/routing
//!
//! The model is a small LLaMA of bytes that this library serves. Contexts that the cache has seen
//! often, and whose next byte is certain enough, are answered from the cache's counts; the others
//! go to the model. `measure` prints what one set of thresholds comes to, for the tool to tune;
//! `study` compares samplers; `validate` measures a configuration on held-out text. `study.sh`
//! beside this file runs everything, and docs/routing-cache.md says what was found.

mod baseline;
mod cache;
mod comparison;
mod costs;
mod evaluation;
mod language_model;
mod results;
mod serving;
mod study;
mod tables;
#[cfg(test)]
mod tests;
mod text;
mod thresholds;
mod validation;

use std::{io, path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};
use comparison::Comparison;
use evaluation::{Evaluator, Timing};
use text::{KINDS, Part, Traffic};
use thresholds::Thresholds;

/// Tunes a cache in front of a language model.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measures thresholds on the validation text; the objective, to be maximized, stands last.
    Measure(Measure),
    /// Compares samplers, and validates the winner, the runner-up and the default.
    Study(StudyArguments),
    /// Measures a configuration on the held-out text.
    Validate(Validate),
    /// Prints what the model takes to read several bytes at once.
    Costs,
    /// Writes the traffic before the validation part as text files, to train a model on.
    Earlier(Earlier),
}

#[derive(clap::Args)]
struct Measure {
    #[command(flatten)]
    thresholds: Thresholds,
    /// The part of the text to measure on.
    #[arg(long, value_enum, default_value = "validation")]
    part: Part,
    /// Keep what the model says by itself in this file, so that the next run need not ask it.
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
}

#[derive(clap::Args)]
struct StudyArguments {
    /// Folder for the results; made if missing.
    #[arg(long, value_name = "DIR")]
    output: PathBuf,
    /// Trials of each study.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..))]
    trials: u64,
    /// Seeds of each study.
    #[arg(long, default_value_t = 3)]
    seeds: u64,
    /// Samplers that are told the constraint.
    #[arg(long, value_delimiter = ',', default_value = "auto,gp,grid,random")]
    samplers: Vec<String>,
    /// Samplers whose objective has a penalty instead.
    #[arg(long, value_delimiter = ',', default_value = "auto,gp")]
    penalized: Vec<String>,
}

#[derive(clap::Args)]
struct Validate {
    /// A file with the six thresholds, as a study writes it.
    #[arg(value_name = "best_config.json")]
    configuration: PathBuf,
    /// Folder for `validation_results.json`; made if missing.
    #[arg(long, value_name = "DIR")]
    output: PathBuf,
}

#[derive(clap::Args)]
struct Earlier {
    /// Folder for the texts; made if missing.
    #[arg(long, value_name = "DIR")]
    output: PathBuf,
}

/// Parts of the held-out text that are measured apart.
const PARTS: usize = 10;

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Measure(arguments) => measure(&arguments),
        Command::Study(arguments) => study(&arguments),
        Command::Validate(arguments) => validate(&arguments),
        Command::Costs => costs(),
        Command::Earlier(arguments) => earlier(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("routing_cache: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(arguments: &Measure) -> io::Result<()> {
    let thresholds = &arguments.thresholds;
    thresholds.validate().map_err(io::Error::other)?;
    let traffic = Traffic::of(&KINDS);
    let range = traffic.range(arguments.part);
    let model = comparison::embedded()?;
    let mut evaluator = match &arguments.baseline {
        None => Evaluator::new(model, traffic, range.clone()),
        Some(path) => Evaluator::with_baseline(model, traffic, range.clone(), path)?,
    };
    let measured = evaluator.measure(thresholds, range, Timing::TRIAL);
    println!("{}", serde_json::to_string_pretty(&measured)?);
    println!("optiformer: constraint {} {}", study::CONSTRAINT, measured.violation());
    println!("optiformer: metric quality_degradation {}", measured.quality_loss);
    println!("optiformer: metric speedup {}", measured.speedup);
    println!("optiformer: metric learned_pct {}", measured.learned_pct);
    println!("{}", measured.score());
    Ok(())
}

fn study(arguments: &StudyArguments) -> io::Result<()> {
    // An empty list of samplers comes as one empty name.
    let names = |names: &[String]| -> Vec<String> {
        names.iter().filter(|name| !name.is_empty()).cloned().collect()
    };
    let comparison = Comparison {
        samplers: names(&arguments.samplers),
        penalized: names(&arguments.penalized),
        seeds: arguments.seeds,
        trials: arguments.trials as usize,
        trial_timing: Timing::TRIAL,
        final_timing: Timing::THOROUGH,
        parts: PARTS,
    };
    print!("{}", comparison.run(&arguments.output, &Traffic::of(&KINDS))?);
    Ok(())
}

fn validate(arguments: &Validate) -> io::Result<()> {
    let path = &arguments.configuration;
    let at = |error: String| io::Error::other(format!("{}: {error}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| at(error.to_string()))?;
    let params: Thresholds = serde_json::from_str(&text).map_err(|error| at(error.to_string()))?;
    params.validate().map_err(at)?;
    let name = path.display().to_string();
    let traffic = Traffic::of(&KINDS);
    let validations = comparison::validate_all(&traffic, &[(name, params)], PARTS)?;
    for criterion in &validations[0].criteria {
        let verdict = if criterion.passed { "reached" } else { "not reached" };
        println!("{}: {verdict} ({})", criterion.name, criterion.measured);
    }
    results::save_validation(&arguments.output, &validations)
}

fn costs() -> io::Result<()> {
    let traffic = Traffic::of(&KINDS);
    let requests = &traffic.requests[..6];
    let mut model = comparison::embedded()?;
    let one = costs::question(&mut model, requests, 1).as_secs_f64();
    println!("| bytes read | µs | of one byte |\n|---|---|---|");
    for batch in costs::BATCHES {
        let time = costs::question(&mut model, requests, batch).as_secs_f64();
        println!("| {batch} | {:.0} | {:.2} |", 1e6 * time, time / one);
    }
    Ok(())
}

fn earlier(arguments: &Earlier) -> io::Result<()> {
    let traffic = Traffic::of(&KINDS);
    let before = &traffic.requests[..traffic.range(Part::Validation).start];
    std::fs::create_dir_all(&arguments.output)?;
    for kind in KINDS {
        let of_kind = before.iter().filter(|request| request.kind == kind);
        let text: Vec<u8> = of_kind.flat_map(|request| request.text).copied().collect();
        std::fs::write(arguments.output.join(format!("{}.txt", kind.name())), text)?;
    }
    Ok(())
}

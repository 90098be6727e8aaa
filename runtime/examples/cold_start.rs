//! From the start of a process to its first suggestion, with weights from a mapped file.
//!
//! ```sh
//! cargo build --release -p optiformer --example cold_start
//! target/release/examples/cold_start write nano.safetensors nano int8    # random weights
//! target/release/examples/cold_start ask nano.safetensors
//! ```
//!
//! `ask` starts itself twenty times, and prints the medians as a line of JSON: from before the
//! process is started until it has ended, and what it says itself: the time until the weights are
//! there, until the policy has suggested the first trial of a study token by token, and until
//! ranked candidates have given one behind ten trials; and the largest memory it held.

use std::{
    error::Error,
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use optiformer::{
    model::{Config, Metadata, Model, Precision, Weights},
    samplers::{OptiFormerOptions, OptiFormerSampler, Request, Sampler},
    space::{Parameter, Space},
    trial::Observation,
};

const USAGE: &str = "cold_start write FILE PRESET f32|f16|int8 | cold_start ask FILE";

fn main() -> Result<(), Box<dyn Error>> {
    let begin = Instant::now();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["write", file, preset, precision] => {
            let precision = Precision::by_name(precision)?;
            let config = Config::preset(preset)?;
            let weights = Weights::random(&config, 1);
            std::fs::write(file, weights.to_bytes(&config, &Metadata::default(), precision)?)?;
        }
        ["ask", file] => {
            let mut runs: Vec<[f64; 5]> = Vec::new();
            for _ in 0..20 {
                let start = Instant::now();
                let output =
                    Command::new(std::env::current_exe()?).args(["once", file]).output()?;
                let whole = milliseconds(start.elapsed());
                let said: Vec<f64> = String::from_utf8(output.stdout)?
                    .split_whitespace()
                    .map(str::parse)
                    .collect::<Result<_, _>>()?;
                let [loaded, first, ranked, memory] = said[..] else {
                    return Err(String::from_utf8_lossy(&output.stderr).into());
                };
                runs.push([whole, loaded, first, ranked, memory]);
            }
            let median = |column: usize| {
                let mut all: Vec<f64> = runs.iter().map(|run| run[column]).collect();
                all.sort_by(f64::total_cmp);
                all[all.len() / 2]
            };
            println!(
                "{{\"process_ms\":{:.2},\"loaded_ms\":{:.2},\"first_suggestion_ms\":{:.2},\"ranked_suggestion_ms\":{:.2},\"memory_mb\":{:.1},\"file_mb\":{:.1}}}",
                median(0),
                median(1),
                median(2),
                median(3),
                median(4),
                std::fs::metadata(file)?.len() as f64 / 1e6
            );
        }
        ["once", file] => once(file, begin)?,
        _ => return Err(USAGE.into()),
    }
    Ok(())
}

/// Loads, suggests once, and says how long it took.
fn once(file: &str, begin: Instant) -> Result<(), Box<dyn Error>> {
    let model = Arc::new(Model::open(file)?);
    let loaded = begin.elapsed();
    let names = (0..6).map(|index| Parameter::float(format!("x{index}"), 0.0, 1.0));
    let space = Space::new(names.collect())?;
    let history: Vec<Observation> = (0..10)
        .map(|index| {
            Observation::new(
                space.from_unit(&[f64::from(index) / 10.0; 6]),
                Some((f64::from(index) - 4.0).powi(2)),
            )
        })
        .collect();
    let policy = OptiFormerOptions {
        n_startup_trials: 0,
        num_policy_candidates: 1,
        policy_only: true,
        ..Default::default()
    };
    let mut sampler = OptiFormerSampler::new(Arc::clone(&model), policy)?;
    let request = Request { space: &space, history: &[], pending: &[], number: 0, seed: 0 };
    let configuration = sampler.suggest(&request)?;
    let first = begin.elapsed();
    assert_eq!(configuration.values().len(), 6);
    let mut sampler = OptiFormerSampler::new(model, OptiFormerOptions::default())?;
    let request = Request { space: &space, history: &history, pending: &[], number: 10, seed: 0 };
    let configuration = sampler.suggest(&request)?;
    let ranked = begin.elapsed();
    assert_eq!(configuration.values().len(), 6);
    let [loaded, first, ranked] = [loaded, first, ranked].map(milliseconds);
    println!("{loaded} {first} {ranked} {}", largest_memory_mb());
    Ok(())
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// The most memory that the process held, where the system tells it; else 0.
fn largest_memory_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse().ok());
    kilobytes.unwrap_or(0.0_f64) / 1024.0
}

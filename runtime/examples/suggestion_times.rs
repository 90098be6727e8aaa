//! What a suggestion costs behind long histories, through the public interface: one line of JSON
//! for each sampler, number of dimensions and number of trials.
//!
//!     cargo run --release --example suggestion_times -- \
//!         --samplers tpe,gp --dimensions 10,40 --trials 100,1000,10000
//!
//! A study is filled with random trials, then asked and told one trial after another. `first` is
//! the first ask of a sampler that knows nothing yet, which is what a resumed study pays; `median`,
//! `least` and `most` are of the asks after it, each with its tell. With `--run` the study is not
//! filled: the sampler makes all the trials itself, `median` is of the last of them and `total` of
//! all. `gp:400` is the Gaussian process with at most 400 trials modeled. Times are the
//! processor's, so that other programs on the machine do not count.
//! `tests/scripts/compare_suggestion_times.py` runs this beside other libraries, with the same
//! histories.

use std::{
    error::Error,
    hint::black_box,
    time::{Duration, Instant},
};

use optiformer::{
    samplers::{self, GpOptions, GpSampler, Sampler},
    space::{Configuration, Parameter, Space},
    study::{Direction, Outcome, Study},
};

/// One line of the table.
struct Cell<'a> {
    sampler: &'a str,
    dimensions: usize,
    trials: u64,
}

/// How much to measure.
struct Effort {
    asks: usize,
    /// Seconds after which no further ask begins.
    limit: f64,
    run: bool,
    /// Says every measurement, not only what they come to.
    all: bool,
}

fn space(dimensions: usize) -> Space {
    let parameters = (0..dimensions).map(|index| Parameter::float(format!("x{index}"), -5.0, 5.0));
    Space::new(parameters.collect()).expect("floats with bounds make a space")
}

/// A number in `[0, 1)` for each place of each trial: the finalizer of SplitMix64, which the script
/// has as well.
fn uniform(trial: u64, dimension: u64) -> f64 {
    let mut mixed = (trial << 16 | dimension).wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

fn objective(values: impl Iterator<Item = f64>) -> f64 {
    values.enumerate().map(|(index, x)| (1.0 + index as f64) * (x - 1.0) * (x - 1.0)).sum()
}

/// How long this thread has worked.
#[cfg(unix)]
fn worked() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// The time of day is the next best.
#[cfg(not(unix))]
fn worked() -> Duration {
    static BEGUN: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    BEGUN.get_or_init(Instant::now).elapsed()
}

/// Asks for a trial and tells its outcome; returns the seconds that both took, without the
/// objective.
fn step(study: &mut Study) -> Result<f64, Box<dyn Error>> {
    let start = worked();
    let trial = black_box(study.ask()?);
    let asked = worked() - start;
    let value = objective(trial.configuration.values().iter().copied().flatten());
    let start = worked();
    study.tell(trial.id, Outcome::Value(value))?;
    Ok((asked + worked() - start).as_secs_f64())
}

fn sampler(name: &str) -> Result<Box<dyn Sampler + Send>, Box<dyn Error>> {
    let Some(max_train_points) = name.strip_prefix("gp:") else {
        return Ok(samplers::by_name(name)?);
    };
    let mut options = GpOptions::default();
    options.max_train_points = max_train_points.parse()?;
    Ok(Box::new(GpSampler::new(options)?))
}

fn measure(cell: &Cell<'_>, effort: &Effort) -> Result<serde_json::Value, Box<dyn Error>> {
    let sampler = sampler(cell.sampler)?;
    let mut study = Study::new(space(cell.dimensions), Direction::Minimize, sampler, 0);
    let begun = Instant::now();
    let mut seconds = Vec::new();
    if effort.run {
        while seconds.len() < cell.trials as usize && begun.elapsed().as_secs_f64() < effort.limit {
            seconds.push(step(&mut study)?);
        }
    } else {
        for trial in 0..cell.trials {
            let place = |dimension| Some(10.0 * uniform(trial, dimension) - 5.0);
            let values: Vec<Option<f64>> = (0..cell.dimensions as u64).map(place).collect();
            let value = objective(values.iter().copied().flatten());
            // Asked for like any other, so that the trials count for samplers that go by the number
            // of asks.
            study.enqueue(Configuration::new(values))?;
            let id = study.ask()?.id;
            study.tell(id, Outcome::Value(value))?;
        }
    }
    let total: f64 = seconds.iter().sum();
    let filled = begun.elapsed().as_secs_f64();
    let first = if effort.run { None } else { Some(step(&mut study)?) };
    if !effort.run {
        let begun = Instant::now();
        while seconds.len() < effort.asks
            && (seconds.is_empty() || begun.elapsed().as_secs_f64() < effort.limit)
        {
            seconds.push(step(&mut study)?);
        }
    }
    let mut last = seconds.split_off(seconds.len().saturating_sub(effort.asks));
    last.sort_by(f64::total_cmp);
    Ok(serde_json::json!({
        "library": "optiformer",
        "sampler": cell.sampler,
        "dimensions": cell.dimensions,
        "trials": cell.trials,
        "asks": last.len(),
        "first": first,
        "median": last.get(last.len() / 2),
        "least": last.first(),
        "most": last.last(),
        "filled": if effort.run { None } else { Some(filled) },
        "total": if effort.run { Some(total) } else { None },
        "reached": study.trials().len(),
        "best": study.best().and_then(|trial| trial.value()),
        "seconds": if effort.all { Some(last) } else { None },
    }))
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut names = samplers::NAMES.join(",");
    let (mut dimensions, mut trials) = ("10,40".to_owned(), "100,1000,10000".to_owned());
    let mut effort = Effort { asks: 15, limit: 20.0, run: false, all: false };
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{name} needs a value"));
        match name.as_str() {
            "--samplers" => names = value()?,
            "--dimensions" => dimensions = value()?,
            "--trials" => trials = value()?,
            "--asks" => effort.asks = value()?.parse::<usize>()?.max(1),
            "--limit" => effort.limit = value()?.parse()?,
            "--run" => effort.run = true,
            "--all" => effort.all = true,
            other => return Err(format!("there is no option {other}").into()),
        }
    }
    for sampler in names.split(',') {
        for dimensions in dimensions.split(',') {
            for trials in trials.split(',') {
                let cell =
                    Cell { sampler, dimensions: dimensions.parse()?, trials: trials.parse()? };
                println!("{}", measure(&cell, &effort)?);
            }
        }
    }
    Ok(())
}

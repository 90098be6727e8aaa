//! The slowest ask in large spaces: many parameters, or many choices. One line of JSON for each
//! space, sampler and number of trials.
//!
//!     cargo run --release --example large_spaces -- --samplers gp,auto --spaces floats-1000
//!
//! With `--choose N` it ranks N random candidates instead, behind as many random trials as the
//! history says; the median is of five rankings after the first.
//!
//! `run` is a study in which the sampler makes all of the trials itself; `filled` one that begins
//! with as many random trials, behind which a new sampler is asked 12 times: its first ask has
//! everything to compute. `pending` is a study in which trials are asked for and none is told.
//! Times are the processor's, in milliseconds.

use std::{
    error::Error,
    hint::black_box,
    time::{Duration, Instant},
};

use optiformer::{
    samplers,
    space::{Parameter, Space},
    study::{Direction, Outcome, Study},
};

/// Asks behind a history that is there at once.
const ASKS: usize = 12;

/// What a measurement is of.
struct Case<'a> {
    sampler: &'a str,
    space: &'a str,
    history: &'a str,
    trials: usize,
}

/// `floats-D` has D floats, `choice-K` a categorical of K choices beside five floats, `choices-D-K`
/// D categoricals of K choices, `mixed-D` floats, ints and categoricals of five choices in turn.
fn space(name: &str) -> Result<Space, Box<dyn Error>> {
    let mut parts = name.split('-');
    let kind = parts.next().unwrap_or_default();
    let numbers: Vec<usize> = parts.map(str::parse).collect::<Result<_, _>>()?;
    let float = |index: usize| Parameter::float(format!("x{index}"), -5.0, 5.0);
    let choice = |index: usize, count: usize| {
        Parameter::categorical(format!("c{index}"), (0..count).map(|choice| choice.to_string()))
    };
    let mixed = |index: usize| match index % 3 {
        0 => float(index),
        1 => Parameter::int(format!("n{index}"), 1, 100),
        _ => choice(index, 5),
    };
    let parameters: Vec<Parameter> = match (kind, numbers.as_slice()) {
        ("floats", [dimensions]) => (0..*dimensions).map(float).collect(),
        ("mixed", [dimensions]) => (0..*dimensions).map(mixed).collect(),
        ("choice", [count]) => {
            (0..5).map(float).chain(std::iter::once(choice(5, *count))).collect()
        }
        ("choices", [dimensions, count]) => {
            (0..*dimensions).map(|index| choice(index, *count)).collect()
        }
        _ => return Err(format!("no space \"{name}\"").into()),
    };
    Ok(Space::new(parameters)?)
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

/// Five parameters matter, whatever their number.
fn objective(space: &Space, values: &optiformer::space::Configuration) -> f64 {
    let unit = space.to_unit(values);
    let active = unit.len().min(5);
    let places = (0..active).map(|index| unit[index * unit.len() / active]);
    places.enumerate().map(|(index, x)| (1.0 + index as f64) * (x - 0.3) * (x - 0.3)).sum()
}

/// Milliseconds of an ask.
fn ask(study: &mut Study) -> Result<(optiformer::study::Trial, f64), Box<dyn Error>> {
    let start = worked();
    let trial = black_box(study.ask()?);
    Ok((trial, (worked() - start).as_secs_f64() * 1e3))
}

fn step(study: &mut Study) -> Result<f64, Box<dyn Error>> {
    let (trial, asked) = ask(study)?;
    let value = objective(study.space(), &trial.configuration);
    study.tell(trial.id, Outcome::Value(value))?;
    Ok(asked)
}

fn measure(case: &Case<'_>, limit: f64) -> Result<serde_json::Value, Box<dyn Error>> {
    let sampler = samplers::by_name(case.sampler)?;
    let mut study = Study::new(space(case.space)?, Direction::Minimize, sampler, 1);
    let begun = Instant::now();
    let mut times = Vec::new();
    match case.history {
        "filled" => {
            let mut random = Study::new(
                space(case.space)?,
                Direction::Minimize,
                samplers::by_name("random")?,
                2,
            );
            for _ in 0..case.trials {
                let trial = random.ask()?;
                // Asked for like any other, so that samplers that go by the number of asks count
                // them.
                study.enqueue(trial.configuration)?;
                step(&mut study)?;
            }
            while times.len() < ASKS && begun.elapsed().as_secs_f64() < limit {
                times.push(step(&mut study)?);
            }
        }
        "pending" => {
            while times.len() < case.trials && begun.elapsed().as_secs_f64() < limit {
                times.push(ask(&mut study)?.1);
            }
        }
        _ => {
            while times.len() < case.trials && begun.elapsed().as_secs_f64() < limit {
                times.push(step(&mut study)?);
            }
        }
    }
    let first = times.first().copied();
    let total: f64 = times.iter().sum();
    let asks = times.len();
    times.sort_by(f64::total_cmp);
    Ok(serde_json::json!({
        "space": case.space,
        "sampler": case.sampler,
        "history": case.history,
        "trials": case.trials,
        "asks": asks,
        "first": first,
        "median": times.get(asks / 2),
        "most": times.last(),
        "total": total,
    }))
}

/// Milliseconds of ranking random candidates behind random trials.
fn measure_choice(case: &Case<'_>, candidates: usize) -> Result<serde_json::Value, Box<dyn Error>> {
    let mut random =
        Study::new(space(case.space)?, Direction::Minimize, samplers::by_name("random")?, 2);
    let sampler = samplers::by_name(case.sampler)?;
    let mut study = Study::new(space(case.space)?, Direction::Minimize, sampler, 1);
    for _ in 0..case.trials {
        let trial = random.ask()?;
        study.enqueue(trial.configuration)?;
        step(&mut study)?;
    }
    let pool: Vec<_> = (0..candidates)
        .map(|_| random.ask().map(|trial| trial.configuration))
        .collect::<Result<_, _>>()?;
    let mut times = Vec::new();
    let mut ranked_by = "";
    for _ in 0..6 {
        let start = worked();
        ranked_by = black_box(study.choose(&pool)?).sampler;
        times.push((worked() - start).as_secs_f64() * 1e3);
    }
    let first = times.remove(0);
    times.sort_by(f64::total_cmp);
    Ok(serde_json::json!({
        "space": case.space,
        "sampler": case.sampler,
        "ranked_by": ranked_by,
        "trials": case.trials,
        "candidates": candidates,
        "first": first,
        "median": times[times.len() / 2],
    }))
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut candidates = None;
    let (mut samplers, mut limit) = (samplers::NAMES.join(","), 10.0);
    let mut spaces = String::from("floats-300,floats-1000,choice-1000,choice-10000,mixed-1000");
    let mut histories = String::from("run-60,filled-100,filled-300,filled-1000");
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{name} has no value"))?;
        match name.as_str() {
            "--samplers" => samplers = value,
            "--spaces" => spaces = value,
            "--histories" => histories = value,
            "--limit" => limit = value.parse()?,
            "--choose" => candidates = Some(value.parse()?),
            _ => return Err(format!("no option \"{name}\"").into()),
        }
    }
    for space in spaces.split(',') {
        for sampler in samplers.split(',') {
            for history in histories.split(',') {
                let (history, trials) =
                    history.split_once('-').ok_or("a history is KIND-TRIALS, as run-60")?;
                let case = Case { sampler, space, history, trials: trials.parse()? };
                let measured = match candidates {
                    Some(candidates) => measure_choice(&case, candidates),
                    None => measure(&case, limit),
                };
                match measured {
                    Ok(line) => println!("{line}"),
                    Err(error) => println!(
                        "{}",
                        serde_json::json!({
                            "space": space, "sampler": sampler, "history": history,
                            "trials": case.trials, "error": error.to_string(),
                        })
                    ),
                }
            }
        }
    }
    Ok(())
}

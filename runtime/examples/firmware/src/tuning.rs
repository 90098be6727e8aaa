//! The study, and what it prints.

use alloc::vec;
use core::fmt::Write;

use optiformer::{
    Configuration, Direction, Outcome, Parameter, Result, Space, Study, study::Trial,
};

use crate::{
    Failure, MakeSampler,
    motor::{AntiWindup, Controller, cost},
};

/// Seed of the study.
const SEED: u64 = 7;

/// What may be set.
fn space() -> Result<Space> {
    Space::new(vec![
        Parameter::float("proportional", 1e-3, 10.0).log(),
        Parameter::float("integral", 1e-2, 1e3).log(),
        Parameter::float("filter", 0.0, 0.95),
        Parameter::categorical("anti_windup", ["clamping", "back_calculation"]),
        Parameter::float("tracking", 1.0, 500.0).log().when("anti_windup", ["back_calculation"]),
    ])
}

fn controller(configuration: &Configuration) -> Controller {
    let value = |index| configuration.get(index).map(|value| value as f32);
    let gain = |index| value(index).expect("the parameter has no condition");
    Controller {
        proportional: gain(0),
        integral: gain(1),
        filter: gain(2),
        anti_windup: value(4).map_or(AntiWindup::Clamping, AntiWindup::BackCalculation),
    }
}

/// Tunes the controller. `clock` is read before and after each suggestion, and `memory` says how
/// much of the heap is in use.
///
/// # Errors
///
/// Those of the study and of the output.
pub fn tune(
    trials: usize,
    sampler: MakeSampler,
    out: &mut impl Write,
    clock: impl Fn() -> u64,
    memory: impl Fn() -> usize,
) -> core::result::Result<Measured, Failure> {
    let mut measured = Measured::default();
    let start = clock();
    let mut study = Study::new(space()?, Direction::Minimize, sampler()?, SEED);
    measured.setting_up = clock() - start;
    measured.memory = memory();
    for _ in 0..trials {
        let start = clock();
        let trial = study.ask()?;
        let took = clock() - start;
        measured.longest = measured.longest.max(took);
        measured.all += took;
        let cost = cost(&controller(&trial.configuration));
        study.tell(trial.id, Outcome::Value(f64::from(cost)))?;
        line(out, "trial", study.trial(trial.id))?;
    }
    line(out, "best", study.best())?;
    Ok(measured)
}

/// A trial as a line: its cost, and the bits of its values and of its cost.
fn line(out: &mut impl Write, what: &str, trial: Option<&Trial>) -> core::fmt::Result {
    let Some((trial, cost)) = trial.and_then(|trial| Some((trial, trial.value()?))) else {
        return writeln!(out, "no trial has finished");
    };
    write!(out, "{what} {} cost {cost:.3}:", trial.id)?;
    for value in trial.configuration.values() {
        match value {
            Some(value) => write!(out, " {:016x}", value.to_bits())?,
            None => write!(out, " inactive")?,
        }
    }
    writeln!(out, " {:016x}", cost.to_bits())
}

/// What the study took: times in the clock's units, and bytes.
#[derive(Default)]
pub struct Measured {
    /// The heap in use once the sampler was there.
    pub memory: usize,
    /// Reading the weights, if there are any.
    pub setting_up: u64,
    /// The longest suggestion.
    pub longest: u64,
    /// All suggestions.
    pub all: u64,
}

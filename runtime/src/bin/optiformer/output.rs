//! Output of the tool: JSON for programs, tables for people.

use std::io::{self, Write};

use optiformer::{
    space::{Configuration, Space},
    study::{Study, TrialState},
};
use serde_json::{Value, json};

use crate::{ExitState, Failure, plot};

/// Prints a line on standard error. A closed standard error is ignored.
pub fn print_error(message: &str) {
    let _ = writeln!(io::stderr(), "{message}");
}

/// Prints a line on standard output and flushes it.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    let written = writeln!(stdout, "{text}").and_then(|()| stdout.flush());
    written.map_err(|error| Failure::Error(format!("standard output: {error}")))
}

/// The best trial, or `null`.
pub fn best_json(study: &Study) -> Value {
    study.best().map_or(Value::Null, |trial| study.trial_to_json(trial))
}

/// Numbers of finished, failed and pending trials.
pub fn counts(study: &Study) -> (usize, usize, usize) {
    let count = |wanted: fn(&TrialState) -> bool| {
        study.trials().iter().filter(|trial| wanted(&trial.state)).count()
    };
    (
        count(|state| matches!(state, TrialState::Finished)),
        count(|state| matches!(state, TrialState::Failed)),
        count(|state| matches!(state, TrialState::Pending)),
    )
}

/// The final object of `--json`, and the output of `show --json`.
pub fn summary_json(study: &Study, sampler: &str, ending: ExitState) -> Value {
    let (finished, failed, pending) = counts(study);
    json!({"summary": {
        "best": best_json(study),
        "finished": finished,
        "failed": failed,
        "pending": pending,
        "direction": study.direction().as_str(),
        "sampler": sampler,
        "seed": study.seed(),
        "interrupted": ending == ExitState::Interrupted,
    }})
}

/// Formats a number with six significant digits.
pub fn short(value: f64) -> String {
    let magnitude = value.abs();
    if value == 0.0 || (1e-4..1e7).contains(&magnitude) {
        let decimals = (5 - magnitude.max(1e-4).log10().floor() as i32).clamp(0, 9) as usize;
        let text = format!("{value:.decimals$}");
        if text.contains('.') {
            return text.trim_end_matches('0').trim_end_matches('.').to_string();
        }
        text
    } else {
        format!("{value:.5e}")
    }
}

/// Formats a duration.
pub fn duration(seconds: f64) -> String {
    let seconds =
        if seconds.is_finite() { seconds.max(0.0).round() as u64 } else { return "?".into() };
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// The best configuration as a table, and a plot of the best objective so far.
pub fn report(study: &Study) -> String {
    let (finished, failed, pending) = counts(study);
    let mut text = match study.best().and_then(|trial| Some((trial, trial.value()?))) {
        Some((trial, value)) => {
            let table = table(study.space(), &trial.configuration);
            let plot = plot::best_so_far(study);
            format!("best: {} (trial {})\n{table}\n{plot}", short(value), trial.id)
        }
        None if failed > 0 => "best: none, every trial failed\n".to_string(),
        None => "best: none yet\n".to_string(),
    };
    text += &format!("{finished} finished, {failed} failed");
    if pending > 0 {
        text += &format!(", {pending} pending");
    }
    text
}

fn table(space: &Space, configuration: &Configuration) -> String {
    let parameters = space.parameters();
    let width = parameters.iter().map(|it| it.name().chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for (index, parameter) in parameters.iter().enumerate() {
        let value = configuration.get(index).map_or("(inactive)".into(), |it| parameter.format(it));
        text += &format!("  {:width$}  {value}\n", parameter.name());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        for (value, text) in [
            (0.0, "0"),
            (1.0, "1"),
            (0.123456789, "0.123457"),
            (1234.56789, "1234.57"),
            (123456.0, "123456"),
            (-0.00012345678, "-0.000123457"),
            (1e-9, "1.00000e-9"),
            (1e300, "1.00000e300"),
            (100.0, "100"),
        ] {
            assert_eq!(short(value), text);
        }
        assert_eq!(duration(59.4), "59 s");
        assert_eq!(duration(3725.0), "1 h 02 min");
        assert_eq!(duration(f64::INFINITY), "?");
    }
}

//! Output of the tool: JSON for programs, tables for people.

use std::io::{self, Write};

use optiformer::{
    space::{Configuration, Space},
    study::{Study, Trial, TrialState},
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

/// Numbers of trials by their state.
#[derive(Clone, Copy, Debug)]
pub struct Counts {
    pub finished: usize,
    /// Of the finished trials, those that satisfy every constraint.
    pub feasible: usize,
    pub failed: usize,
    pub pruned: usize,
    pub pending: usize,
}

/// Counts the trials.
pub fn counts(study: &Study) -> Counts {
    let of = |state| study.trials().iter().filter(move |trial| trial.state == state);
    Counts {
        finished: of(TrialState::Finished).count(),
        feasible: of(TrialState::Finished).filter(|trial| trial.is_feasible()).count(),
        failed: of(TrialState::Failed).count(),
        pruned: of(TrialState::Pruned).count(),
        pending: of(TrialState::Pending).count(),
    }
}

/// The final object of `--json`, and the output of `show --json`. `front` is there with several
/// objectives, `feasible` with constraints, `pruned` where trials were.
pub fn summary_json(study: &Study, sampler: &str, ending: ExitState) -> Value {
    let counts = counts(study);
    let mut summary = json!({
        "best": best_json(study),
        "finished": counts.finished,
        "failed": counts.failed,
        "pending": counts.pending,
        "direction": study.direction().as_str(),
        "sampler": sampler,
        "seed": study.seed(),
        "interrupted": ending == ExitState::Interrupted,
    });
    if study.objectives().len() > 1 {
        let front = study.pareto_front();
        summary["front"] = front.into_iter().map(|trial| study.trial_to_json(trial)).collect();
    }
    if !study.constraints().is_empty() {
        summary["feasible"] = counts.feasible.into();
    }
    if counts.pruned > 0 {
        summary["pruned"] = counts.pruned.into();
    }
    json!({"summary": summary})
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
        let text = format!("{value:.5e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        format!("{}e{exponent}", mantissa.trim_end_matches('0').trim_end_matches('.'))
    }
}

/// Formats a duration.
pub fn duration(exact: f64) -> String {
    let seconds =
        if exact.is_finite() { exact.max(0.0).round() as u64 } else { return "?".into() };
    match seconds {
        _ if exact.is_finite() && (0.0..10.0).contains(&exact) && exact.fract() != 0.0 => {
            format!("{} s", short((10.0 * exact).ceil() / 10.0))
        }
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// The best configuration as a table, and a plot of the best objective so far; of several
/// objectives the Pareto front.
pub fn report(study: &Study) -> String {
    let counts = counts(study);
    let mut text = match study.best() {
        Some(trial) => best_report(study, trial),
        None if counts.finished > 0 => front_report(study),
        None if counts.failed > 0 => failure_report(study),
        None => "best: none yet\n".to_string(),
    };
    text += &format!("{} finished, {} failed", counts.finished, counts.failed);
    if !study.constraints().is_empty() {
        text += &format!(", {} feasible", counts.feasible);
    }
    if counts.pruned > 0 {
        text += &format!(", {} pruned", counts.pruned);
    }
    if counts.pending > 0 {
        text += &format!(", {} pending", counts.pending);
    }
    text
}

fn best_report(study: &Study, trial: &Trial) -> String {
    let value = trial.value().map_or("none".to_string(), short);
    let table = table(study.space(), &trial.configuration);
    let plot = plot::best_so_far(study);
    if trial.is_feasible() {
        let constraints = constraint_table(study, trial);
        return format!("best: {value} (trial {})\n{table}{constraints}\n{plot}", trial.id);
    }
    format!(
        "best: none, every configuration violates a constraint. Trial {} comes closest, with the \
         objective {value}:\n{table}{}\
         Try more trials, wider bounds, or a looser constraint.\n",
        trial.id,
        constraint_table(study, trial)
    )
}

/// What there is to say where every trial failed.
fn failure_report(study: &Study) -> String {
    let violating = study.trials().iter().filter(|trial| !trial.is_feasible());
    match violating.min_by(|one, other| one.violation().total_cmp(&other.violation())) {
        Some(trial) => format!(
            "best: none, every configuration violates a constraint or failed. Trial {} comes \
             closest:\n{}{}Try more trials, wider bounds, or a looser constraint.\n",
            trial.id,
            table(study.space(), &trial.configuration),
            constraint_table(study, trial)
        ),
        None => "best: none, every trial failed\n".to_string(),
    }
}

/// The values of the constraints, one a line.
fn constraint_table(study: &Study, trial: &Trial) -> String {
    let line = |(name, value): (&String, &f64)| {
        let verdict = if *value <= 0.0 { "satisfied" } else { "violated" };
        format!("  constraint {name}: {} ({verdict})\n", short(*value))
    };
    study.constraints().iter().zip(&trial.constraints).map(line).collect()
}

/// The trials of the Pareto front, sorted by the first objective.
fn front_report(study: &Study) -> String {
    let mut front = study.pareto_front();
    if front.is_empty() {
        return "Pareto front: none, every configuration violates a constraint\n".to_string();
    }
    let key = |trial: &Trial| trial.objectives.first().copied().unwrap_or(f64::NAN);
    front.sort_by(|one, other| key(one).total_cmp(&key(other)));
    let mut text = format!("Pareto front, {} trials:\n", front.len());
    for trial in front {
        let values = study.objectives().iter().zip(&trial.objectives);
        let values: Vec<String> = values
            .map(|(objective, value)| format!("{} {}", objective.name, short(*value)))
            .collect();
        let configuration = study.space().configuration_to_json(&trial.configuration);
        let configuration = Value::Object(configuration);
        text += &format!("  trial {}: {}  {configuration}\n", trial.id, values.join(", "));
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
            (1e-9, "1e-9"),
            (1.25e-9, "1.25e-9"),
            (1e300, "1e300"),
            (100.0, "100"),
        ] {
            assert_eq!(short(value), text);
        }
        assert_eq!(duration(0.5), "0.5 s");
        assert_eq!(duration(0.04), "0.1 s");
        assert_eq!(duration(59.4), "59 s");
        assert_eq!(duration(3725.0), "1 h 02 min");
        assert_eq!(duration(f64::INFINITY), "?");
    }
}

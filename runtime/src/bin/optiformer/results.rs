//! `--output DIR`: what a study came to, as files for people and for programs.

use std::{
    fs, io,
    path::Path,
    time::{Duration, Instant},
};

use optiformer::study::{Study, Trial, TrialOrigin, TrialState};
use serde_json::{Value, json};

use crate::{Failure, arguments::TuneOptions, output};

/// The parameters of the best configuration alone.
const BEST: &str = "best_config.json";
/// Every trial.
const RESULTS: &str = "optimization_results.json";
/// The settings, and what the default configuration came to.
const METADATA: &str = "optimization_metadata.json";
/// What people read.
const SUMMARY: &str = "optimization_summary.txt";
/// The winner on data that nothing was tuned on.
pub const VALIDATION: &str = "validation_results.json";

/// Writes the files of a study that began at `start`.
pub fn write(
    folder: &Path,
    study: &Study,
    options: &TuneOptions,
    start: Instant,
) -> Result<(), Failure> {
    let failed =
        |error: io::Error| Failure::Error(format!("--output {}: {error}", folder.display()));
    fs::create_dir_all(folder).map_err(failed)?;
    let best = study.best().filter(|trial| trial.is_feasible());
    match best {
        Some(best) => write_json(&folder.join(BEST), &parameters(study, best)),
        // That of an earlier run would be taken for this one's.
        None => match fs::remove_file(folder.join(BEST)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        },
    }
    .map_err(failed)?;
    let elapsed = start.elapsed();
    write_json(&folder.join(RESULTS), &results(study, elapsed)).map_err(failed)?;
    write_json(&folder.join(METADATA), &metadata(study, options)).map_err(failed)?;
    fs::write(folder.join(SUMMARY), summary(study)).map_err(failed)
}

/// Writes an object as JSON that people can read.
pub fn write_json(path: &Path, value: &Value) -> io::Result<()> {
    let text = serde_json::to_string_pretty(value).map_err(io::Error::other)?;
    fs::write(path, text + "\n")
}

/// The first trial that the user enqueued or added: what was known before the study.
pub fn default_trial(study: &Study) -> Option<&Trial> {
    let has_objective = |trial: &&Trial| trial.state == TrialState::Finished;
    study.trials().iter().filter(has_objective).find(|trial| trial.origin != TrialOrigin::Asked)
}

fn parameters(study: &Study, trial: &Trial) -> Value {
    Value::Object(study.space().configuration_to_json(&trial.configuration))
}

fn results(study: &Study, elapsed: Duration) -> Value {
    let mut results = study.results_to_json();
    results["optimization_time"] = elapsed.as_secs_f64().into();
    results
}

fn metadata(study: &Study, options: &TuneOptions) -> Value {
    let objectives = study.objectives().iter();
    let objectives = objectives.map(
        |objective| json!({"name": objective.name, "direction": objective.direction.as_str()}),
    );
    let space: Value = serde_json::from_str(&study.space().to_json()).unwrap_or(Value::Null);
    json!({
        "baseline": default_trial(study).map(|trial| study.trial_to_json(trial)),
        "objectives": objectives.collect::<Value>(),
        "constraints": options.study.constraint,
        "constraint_handling": if options.penalty { "penalty" } else { "model" },
        "sampler": study.sampler_spec(),
        "seed": study.seed(),
        "trials": options.trials,
        "jobs": options.jobs,
        "program": options.program,
        "search_space": space,
        "version": env!("CARGO_PKG_VERSION"),
    })
}

fn summary(study: &Study) -> String {
    format!("{}\n{}", output::report(study), comparison(study))
}

/// How the best configuration stands to the default one, in plain words.
fn comparison(study: &Study) -> String {
    let Some(default) = default_trial(study) else {
        return "No configuration was enqueued as the default, so there is none to compare with.\n"
            .to_string();
    };
    let (Some(best), Some(before)) = (study.best(), default.value()) else { return String::new() };
    let Some(value) = best.value() else { return String::new() };
    let (value_text, before_text) = (output::short(value), output::short(before));
    if best.id == default.id || (best.is_feasible() && value == before) {
        return format!(
            "No improvement over the default, {before_text}. Try more trials, wider bounds, or a \
             looser constraint; and check that the default was measured as the others were.\n"
        );
    }
    let verb = if default.is_feasible() { "The default" } else { "The default (infeasible)" };
    format!("{verb} has {before_text}, the best configuration {value_text}.\n")
}

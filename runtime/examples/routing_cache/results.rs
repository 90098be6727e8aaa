//! The five files that a study leaves in its folder.

use std::{fmt::Write, io, path::Path};

use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    study::{EvaluatedTrial, FinishedStudy},
    validation::Validation,
};

/// Parameters of the best configuration alone.
pub const BEST_CONFIG: &str = "best_config.json";
/// All trials.
pub const RESULTS: &str = "optimization_results.json";
/// Baseline and settings.
pub const METADATA: &str = "optimization_metadata.json";
/// What people read.
pub const SUMMARY: &str = "optimization_summary.txt";
/// The winner on text that nothing was tuned on.
pub const VALIDATION: &str = "validation_results.json";

/// Writes the files of a study: [`BEST_CONFIG`] (only where a trial keeps the constraint),
/// [`RESULTS`], [`METADATA`] and [`SUMMARY`]. `default` is what the default thresholds came to.
///
/// # Errors
///
/// What the file system says.
pub fn save_study(
    folder: &Path,
    study: &FinishedStudy,
    default: &EvaluatedTrial,
    mut metadata: Value,
) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    match study.best() {
        Some(best) => write_json(&folder.join(BEST_CONFIG), &best.params)?,
        // That of an earlier study would be taken for this one's.
        None => match std::fs::remove_file(folder.join(BEST_CONFIG)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        },
    }
    write_json(
        &folder.join(RESULTS),
        &json!({
            "best_score": study.best().map(|best| best.score),
            "optimization_time": study.seconds,
            "suggestion_time": study.suggesting,
            "num_evaluations": study.trials.len(),
            "num_feasible": study.feasible().count(),
            "converged": study.converged(),
            "all_results": study.trials,
        }),
    )?;
    metadata["sampler"] = study.plan.sampler.clone().into();
    metadata["constraint_handling"] = json!(study.plan.handling);
    metadata["seed"] = study.plan.seed.into();
    metadata["trials"] = study.plan.trials.into();
    let space: Value = serde_json::from_str(&study.space.to_json()).expect("a space is JSON");
    metadata["search_space"] = space;
    metadata["default"] = json!(default);
    write_json(&folder.join(METADATA), &metadata)?;
    std::fs::write(folder.join(SUMMARY), summary(study, default))
}

/// Writes [`VALIDATION`].
///
/// # Errors
///
/// What the file system says.
pub fn save_validation(folder: &Path, validations: &[Validation]) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    write_json(&folder.join(VALIDATION), &json!({ "configurations": validations }))
}

/// Writes an object as JSON that people can read.
///
/// # Errors
///
/// What the file system says.
pub fn write_json(path: &Path, object: &impl Serialize) -> io::Result<()> {
    let mut text = serde_json::to_string_pretty(object)?;
    text.push('\n');
    std::fs::write(path, text)
}

/// What a study came to, in words.
pub fn summary(study: &FinishedStudy, default: &EvaluatedTrial) -> String {
    let mut text = String::new();
    let plan = &study.plan;
    let (count, feasible) = (study.trials.len(), study.feasible().count());
    let _ = writeln!(
        text,
        "{} trials of {} (seed {}) in {:.1} s, of which suggestions took {:.2} s.",
        count, plan.sampler, plan.seed, study.seconds, study.suggesting
    );
    let _ = writeln!(text, "{feasible} of them lose less than 1 % of quality.");
    let _ = writeln!(text, "\nDefault: {}", line(default));
    let Some(best) = study.best() else {
        let least = study
            .trials
            .iter()
            .min_by(|one, other| {
                one.measurement.quality_loss.total_cmp(&other.measurement.quality_loss)
            })
            .expect("a study has trials");
        let _ = writeln!(text, "\nAll configurations violate the constraint; the nearest:");
        let _ = writeln!(text, "{}", line(least));
        let _ = writeln!(
            text,
            "Allow more loss, or widen the space towards a cache that answers less."
        );
        return text;
    };
    let _ = writeln!(text, "Best:    {}", line(best));
    let parameters = serde_json::to_value(&best.params).expect("thresholds are plain data");
    for (name, value) in parameters.as_object().expect("a struct becomes an object") {
        let _ = writeln!(text, "  {name} = {value}");
    }
    if !default.measurement.is_feasible() {
        let _ = writeln!(text, "\nThe default violates the constraint; the best keeps it.");
    } else if best.score <= default.score {
        let _ = writeln!(text, "\nNo improvement found over the default.");
    }
    let verdict = if study.converged() {
        "The last third of the trials improved the best score by less than 1 %."
    } else {
        "The best score was still improving: more trials may help."
    };
    let _ = writeln!(text, "\n{verdict}");
    text
}

fn line(trial: &EvaluatedTrial) -> String {
    let measured = &trial.measurement;
    format!(
        "score {:.3}, speed-up {:.3}, quality loss {:.2} %, learned routing {:.1} %",
        measured.score(),
        measured.speedup,
        100.0 * measured.quality_loss,
        measured.learned_pct
    )
}

//! What studies and validations came to, as tables in Markdown.

use std::fmt::Write;

use crate::{
    comparison::Ending, study::EvaluatedTrial, thresholds::Thresholds, validation::Validation,
};

/// One line about a study that has just ended.
pub fn line(ending: &Ending) -> String {
    let best = match &ending.best {
        None => String::from("nothing keeps the constraint"),
        Some(best) => format!(
            "score {:.3}, speed-up {:.3}, quality loss {:.2} %, learned {:.1} %",
            best.score,
            best.measurement.speedup,
            100.0 * best.measurement.quality_loss,
            best.measurement.learned_pct
        ),
    };
    format!("{}: {best}; {} trials feasible", ending.study, ending.feasible)
}

/// The best of each study, the validations, and the success criteria.
pub fn of(default: &EvaluatedTrial, endings: &[Ending], validations: &[Validation]) -> String {
    let mut text = String::new();
    studies(&mut text, default, endings);
    held_out(&mut text, validations);
    criteria(&mut text, validations);
    text
}

fn studies(text: &mut String, default: &EvaluatedTrial, endings: &[Ending]) {
    text.push_str(
        "| study | feasible | score | speed-up | quality loss | learned | thresholds |\n\
         |---|---|---|---|---|---|---|\n",
    );
    study(text, "default", "", Some(default));
    for ending in endings {
        study(text, &ending.study, &ending.feasible.to_string(), ending.best.as_ref());
    }
}

fn study(text: &mut String, name: &str, feasible: &str, best: Option<&EvaluatedTrial>) {
    let Some(EvaluatedTrial { params, score, measurement }) = best else {
        let _ = writeln!(text, "| {name} | {feasible} | – | – | – | – | – |");
        return;
    };
    let Thresholds {
        frequency_threshold,
        entropy_threshold,
        confidence_threshold,
        cache_size,
        cache_ttl_seconds,
        context_window_size,
    } = params;
    let _ = writeln!(
        text,
        "| {name} | {feasible} | {score:.3} | {:.3} | {:.2} % | {:.1} % | {frequency_threshold}, \
         {entropy_threshold:.2}, {confidence_threshold:.2}, {cache_size}, {cache_ttl_seconds}, \
         {context_window_size} |",
        measurement.speedup,
        100.0 * measurement.quality_loss,
        measurement.learned_pct,
    );
}

fn held_out(text: &mut String, validations: &[Validation]) {
    text.push_str(
        "\n| held-out text | quality loss, % | speed-up | learned, % |\n|---|---|---|---|\n",
    );
    for one in validations {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} |",
            one.name,
            one.quality_loss.text(100.0),
            one.speedup.text(1.0),
            one.learned_pct.text(1.0)
        );
        for kind in &one.kinds {
            let _ = writeln!(
                text,
                "| … {} | {:.2} | {:.3} | {:.1} |",
                kind.kind,
                100.0 * kind.quality_loss,
                kind.speedup,
                kind.learned_pct
            );
        }
    }
}

fn criteria(text: &mut String, validations: &[Validation]) {
    for one in validations {
        let _ = writeln!(text, "\n{}:", one.name);
        for criterion in &one.criteria {
            let verdict = match (criterion.passed, criterion.certain) {
                (true, true) => "reached",
                (true, false) => "reached by the mean",
                (false, _) => "not reached",
            };
            let _ = writeln!(text, "- {}: {verdict} ({})", criterion.name, criterion.measured);
        }
    }
}

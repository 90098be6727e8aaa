//! All studies beside one another, and the validation of the best.

use std::{io, path::Path};

use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    evaluation::{Evaluator, Measurement, Timing},
    language_model::LanguageModel,
    results,
    study::{EvaluatedTrial, FinishedStudy, Handling, StudyPlan},
    text::{KINDS, Part, Traffic},
    thresholds::Thresholds,
    validation::{Validation, validate},
};

/// What is compared.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// Samplers that are told the constraint.
    pub samplers: Vec<String>,
    /// Samplers whose objective has a penalty.
    pub penalized: Vec<String>,
    /// Seeds of each.
    pub seeds: u64,
    /// Trials of each study.
    pub trials: usize,
    /// Timing of a trial.
    pub trial_timing: Timing,
    /// Timing of the configurations that studies end with.
    pub final_timing: Timing,
    /// Parts of the text for validation.
    pub parts: usize,
}

/// What a study ended with.
#[derive(Debug, Serialize)]
pub struct Ending {
    /// Name of the study.
    pub study: String,
    /// Its sampler, with a mark where the objective has a penalty.
    pub method: String,
    /// Trials that keep the constraint.
    pub feasible: usize,
    /// Seconds of the study.
    pub seconds: f64,
    /// Seconds of these for suggestions.
    pub suggesting: f64,
    /// The best score after each trial; none before a trial keeps the constraint.
    pub best_so_far: Vec<Option<f64>>,
    /// The best configuration, measured again and more thoroughly.
    pub best: Option<EvaluatedTrial>,
}

/// What the comparison came to.
#[derive(Debug)]
pub struct Report {
    /// Each study.
    pub endings: Vec<Ending>,
    /// The winner, the runner-up and the default on text that nothing was tuned on.
    pub validations: Vec<Validation>,
    /// A table for people.
    pub text: String,
}

impl Comparison {
    /// Runs all studies, then validates; everything goes into files below `folder`.
    ///
    /// # Errors
    ///
    /// An unknown sampler; what the file system says.
    pub fn run(&self, folder: &Path, traffic: &Traffic) -> io::Result<Report> {
        let range = traffic.range(Part::Validation);
        let mut evaluator = Evaluator::new(embedded()?, traffic.clone(), range.clone());
        let default = Thresholds::default();
        let default = evaluated(&mut evaluator, &default, self.final_timing);
        let metadata = metadata(&evaluator, &default.measurement, self.trial_timing);
        let mut endings = Vec::new();
        for plan in self.plans() {
            let study = plan.run(&mut evaluator, self.trial_timing, |_, _| {}).map_err(other)?;
            results::save_study(&folder.join(plan.name()), &study, &default, metadata.clone())?;
            let ending = self.ending(&mut evaluator, &study);
            eprintln!("{}", ending.line());
            endings.push((ending, study));
        }
        let mut order: Vec<usize> =
            (0..endings.len()).filter(|index| endings[*index].0.best.is_some()).collect();
        let score = |index: &usize| {
            endings[*index].0.best.as_ref().map_or(f64::NEG_INFINITY, |best| best.score)
        };
        order.sort_by(|one, other| score(other).total_cmp(&score(one)));
        let mut contenders = Vec::new();
        for (name, index) in ["winner", "runner-up"].iter().zip(&order) {
            let (ending, _) = &endings[*index];
            let best = ending.best.as_ref().expect("the order has studies with a best");
            contenders.push((format!("{name} ({})", ending.study), best.params.clone()));
        }
        contenders.push((String::from("default"), Thresholds::default()));
        if let Some(winner) = order.first() {
            results::save_study(folder, &endings[*winner].1, &default, metadata)?;
        }
        let validations = validate_all(traffic, &contenders, self.parts)?;
        results::save_validation(folder, &validations)?;
        let endings: Vec<Ending> = endings.into_iter().map(|(ending, _)| ending).collect();
        results::write_json(&folder.join("comparison.json"), &json!({ "studies": endings }))?;
        let text = text(&default, &endings, &validations);
        std::fs::write(folder.join("comparison.md"), &text)?;
        Ok(Report { endings, validations, text })
    }

    /// Studies seed by seed, so that a drift of the machine touches all methods alike.
    fn plans(&self) -> Vec<StudyPlan> {
        let methods = |samplers: &[String], handling: Handling| -> Vec<(String, Handling)> {
            samplers.iter().map(|sampler| (sampler.clone(), handling)).collect()
        };
        let methods = [
            methods(&self.samplers, Handling::Constraint),
            methods(&self.penalized, Handling::Penalty),
        ]
        .concat();
        let plan = |seed: u64, (sampler, handling): &(String, Handling)| StudyPlan {
            sampler: sampler.clone(),
            handling: *handling,
            seed,
            trials: self.trials,
        };
        (0..self.seeds)
            .flat_map(|seed| methods.iter().map(move |method| plan(seed, method)))
            .collect()
    }

    fn ending(&self, evaluator: &mut Evaluator, study: &FinishedStudy) -> Ending {
        let mut most: Option<f64> = None;
        let best_so_far = study
            .trials
            .iter()
            .map(|trial| {
                if trial.measurement.is_feasible() {
                    most = Some(most.unwrap_or(f64::NEG_INFINITY).max(trial.score));
                }
                most
            })
            .collect();
        let penalty = if study.plan.handling == Handling::Penalty { " (penalty)" } else { "" };
        Ending {
            study: study.plan.name(),
            method: format!("{}{penalty}", study.plan.sampler),
            feasible: study.feasible().count(),
            seconds: study.seconds,
            suggesting: study.suggesting,
            best_so_far,
            best: study
                .best()
                .map(|best| evaluated(evaluator, &best.params, self.final_timing)),
        }
    }
}

/// Measures configurations on the text that nothing was tuned on.
///
/// # Errors
///
/// Unreadable weights.
pub fn validate_all(
    traffic: &Traffic,
    contenders: &[(String, Thresholds)],
    parts: usize,
) -> io::Result<Vec<Validation>> {
    let range = traffic.range(Part::Test);
    let mut evaluator = Evaluator::new(embedded()?, traffic.clone(), range);
    Ok(contenders
        .iter()
        .map(|(name, params)| validate(&mut evaluator, name, params, parts))
        .collect())
}

/// The model.
///
/// # Errors
///
/// Unreadable weights.
pub fn embedded() -> io::Result<LanguageModel> {
    LanguageModel::embedded().map_err(other)
}

fn other(error: optiformer::Error) -> io::Error {
    io::Error::other(error)
}

fn evaluated(evaluator: &mut Evaluator, params: &Thresholds, timing: Timing) -> EvaluatedTrial {
    let measurement = evaluator.measure(params, evaluator.range(), timing);
    EvaluatedTrial { params: params.clone(), score: measurement.score(), measurement }
}

/// What a study's folder says about the model, the traffic and the measurement.
fn metadata(evaluator: &Evaluator, default: &Measurement, timing: Timing) -> Value {
    let model = evaluator.model();
    let training: Value = serde_json::from_str(model.training()).unwrap_or_default();
    json!({
        "baseline_perplexity": default.baseline_perplexity,
        "baseline_throughput": default.baseline_throughput,
        "max_quality_degradation": crate::evaluation::MOST_QUALITY_LOSS,
        "model": { "parameters": model.parameters(), "precision": "int8", "training": training },
        "traffic": {
            "kinds": KINDS.map(crate::text::Kind::name),
            "prompt_bytes": crate::text::PROMPT,
            "served_bytes": crate::text::SERVED,
            "requests": evaluator.range().len(),
            "requests_before": evaluator.range().start,
        },
        "timing": { "requests": timing.requests, "repeats": timing.repeats },
        "cache_clock_tokens_per_second": crate::cache::TOKENS_PER_SECOND,
    })
}

impl Ending {
    fn line(&self) -> String {
        let best = match &self.best {
            None => String::from("nothing keeps the constraint"),
            Some(best) => format!(
                "score {:.3}, speed-up {:.3}, quality loss {:.2} %, learned {:.1} %",
                best.score,
                best.measurement.speedup,
                100.0 * best.measurement.quality_loss,
                best.measurement.learned_pct
            ),
        };
        format!("{}: {best}; {} trials feasible", self.study, self.feasible)
    }
}

fn text(default: &EvaluatedTrial, endings: &[Ending], validations: &[Validation]) -> String {
    use std::fmt::Write;

    let mut text = String::from(
        "| study | feasible | score | speed-up | quality loss | learned | thresholds |\n\
         |---|---|---|---|---|---|---|\n",
    );
    let mut row = |name: &str, feasible: &str, best: Option<&EvaluatedTrial>| {
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
            "| {name} | {feasible} | {score:.3} | {:.3} | {:.2} % | {:.1} % | \
             {frequency_threshold}, {entropy_threshold:.2}, {confidence_threshold:.2}, \
             {cache_size}, {cache_ttl_seconds}, {context_window_size} |",
            measurement.speedup,
            100.0 * measurement.quality_loss,
            measurement.learned_pct,
        );
    };
    row("default", "", Some(default));
    for ending in endings {
        row(&ending.study, &ending.feasible.to_string(), ending.best.as_ref());
    }
    text.push_str("\n| held-out text | quality loss, % | speed-up | learned, % |\n|---|---|---|---|\n");
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
    text
}

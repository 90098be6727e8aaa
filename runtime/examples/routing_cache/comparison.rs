//! All studies beside one another, and the validation of the best.

use std::{io, path::Path};

use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    cache,
    evaluation::{self, Evaluator, Measurement, Timing},
    language_model::LanguageModel,
    results,
    study::{EvaluatedTrial, FinishedStudy, Handling, StudyPlan},
    tables,
    text::{self, KINDS, Part, Traffic},
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

impl Comparison {
    /// Runs all studies, then validates; everything goes into files below `folder`. Returns tables
    /// for people.
    ///
    /// # Errors
    ///
    /// An unknown sampler; what the file system says.
    pub fn run(&self, folder: &Path, traffic: &Traffic) -> io::Result<String> {
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
            eprintln!("{}", tables::line(&ending));
            endings.push((ending, study));
        }
        let order = ranked(&endings);
        if let Some(winner) = order.first() {
            results::save_study(folder, &endings[*winner].1, &default, metadata)?;
        }
        let validations = validate_all(traffic, &contenders(&endings, &order), self.parts)?;
        results::save_validation(folder, &validations)?;
        let endings: Vec<Ending> = endings.into_iter().map(|(ending, _)| ending).collect();
        results::write_json(&folder.join("comparison.json"), &json!({ "studies": endings }))?;
        let text = tables::of(&default, &endings, &validations);
        std::fs::write(folder.join("comparison.md"), &text)?;
        Ok(text)
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
            best: study.best().map(|best| evaluated(evaluator, &best.params, self.final_timing)),
        }
    }
}

/// The studies with a best configuration, the best first.
fn ranked(endings: &[(Ending, FinishedStudy)]) -> Vec<usize> {
    let score = |index: usize| endings[index].0.best.as_ref().map(|best| best.score);
    let mut order: Vec<usize> =
        (0..endings.len()).filter(|index| score(*index).is_some()).collect();
    order.sort_by(|one, other| {
        let (one, other) = (score(*one).unwrap_or_default(), score(*other).unwrap_or_default());
        other.total_cmp(&one)
    });
    order
}

/// The winner, the runner-up and the default, by name.
fn contenders(endings: &[(Ending, FinishedStudy)], order: &[usize]) -> Vec<(String, Thresholds)> {
    let best = |(rank, index): (&&str, &usize)| {
        let ending = &endings[*index].0;
        let best = ending.best.as_ref()?;
        Some((format!("{rank} ({})", ending.study), best.params.clone()))
    };
    let mut contenders: Vec<_> =
        ["winner", "runner-up"].iter().zip(order).filter_map(best).collect();
    contenders.push((String::from("default"), Thresholds::default()));
    contenders
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
        "max_quality_degradation": evaluation::MOST_QUALITY_LOSS,
        "model": { "parameters": model.parameters(), "precision": "int8", "training": training },
        "traffic": {
            "kinds": KINDS.map(text::Kind::name),
            "prompt_bytes": text::PROMPT,
            "served_bytes": text::SERVED,
            "requests": evaluator.range().len(),
            "requests_before": evaluator.range().start,
        },
        "timing": { "requests": timing.requests, "repeats": timing.repeats },
        "cache_clock_tokens_per_second": cache::TOKENS_PER_SECOND,
    })
}

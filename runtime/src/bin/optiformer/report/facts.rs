//! What a study came to, in plain words.

use optiformer::{
    space::{Choice, Domain, Parameter},
    study::{Trial, TrialState},
};

use super::study_data::StudyData;
use crate::{output::short, results, text::counted};

/// Most choices that a domain is described with.
const MAX_CHOICES: usize = 12;

/// A few sentences about a study.
pub fn sentences(data: &StudyData<'_>) -> Vec<String> {
    let finished = data.in_state(TrialState::Finished).count();
    let mut sentences = Vec::new();
    if finished > 0 && data.study().objectives().len() > 1 {
        sentences.push(front(data));
    } else if let Some((best, value)) = data.best() {
        sentences.extend(success(data, best, value, finished));
    } else {
        sentences.push(nothing(data));
    }
    sentences.extend(feasible(data));
    let (failed, pruned, pending) = (
        data.in_state(TrialState::Failed).count(),
        data.in_state(TrialState::Pruned).count(),
        data.in_state(TrialState::Pending).count(),
    );
    let ended = counted(finished + failed + pruned, "trial");
    if failed > 0 && finished + pruned > 0 {
        sentences.push(format!("{failed} of {ended} failed."));
    }
    if pruned > 0 {
        let verb = if pruned == 1 { "was" } else { "were" };
        sentences
            .push(format!("{pruned} of {ended} {verb} ended early for poor intermediate values."));
    }
    if pending > 0 {
        let verb = if pending == 1 { "is" } else { "are" };
        sentences.push(format!("{} {verb} without an outcome.", counted(pending, "trial")));
    }
    sentences
}

/// A study with a best trial.
fn success(data: &StudyData<'_>, best: &Trial, value: f64, finished: usize) -> Vec<String> {
    let superlative = if data.smaller_is_better() { "smallest" } else { "largest" };
    let (value, id, name) = (short(value), best.id, data.objective_name());
    if !best.is_feasible() {
        let violation = short(best.violation());
        return vec![format!(
            "No trial keeps to the constraints; trial {id} violates them least, by {violation}, \
             with the {name} {value}."
        )];
    }
    let among = if best.constraints.is_empty() { "" } else { " that keeps to the constraints" };
    let mut sentences = vec![match finished {
        1 => format!("The only finished trial is trial {id}, with the {name} {value}."),
        _ => format!("The {superlative} {name}{among} is {value}, from trial {id}."),
    }];
    sentences.extend(against_default(data));
    let later = data.finished().filter(|it| data.trials()[it.0].id > id).count();
    if later > 0 {
        let verb = if later == 1 { "was" } else { "were" };
        let later = counted(later, "trial");
        sentences.push(format!("{later} since then {verb} not better."));
    }
    sentences
}

/// A study of several objectives.
fn front(data: &StudyData<'_>) -> String {
    let objectives = data.study().objectives();
    let names: Vec<String> =
        objectives.iter().map(|it| format!("{} {}", it.direction, it.name)).collect();
    let front = data.study().pareto_front().len();
    let (verb, trials) = (if front == 1 { "is" } else { "are" }, counted(front, "trial"));
    format!(
        "The study is to {}: {trials} {verb} on the Pareto front, where no objective can be \
         improved without loss in another.",
        names.join(" and ")
    )
}

/// A study without a finished trial.
fn nothing(data: &StudyData<'_>) -> String {
    let trials = data.trials().len();
    let failed = data.in_state(TrialState::Failed).count();
    if failed > 0 && failed == trials {
        return format!(
            "Every trial failed ({failed} of {failed}), so there is no best configuration. \
             The reasons are below."
        );
    }
    if trials > 0 {
        "No trial has finished yet.".into()
    } else {
        "The study has no trials yet.".into()
    }
}

/// How many trials keep to the constraints.
fn feasible(data: &StudyData<'_>) -> Option<String> {
    let measured = data.trials().iter().filter(|trial| !trial.constraints.is_empty());
    let measured: Vec<&Trial> = measured.collect();
    let feasible = measured.iter().filter(|trial| trial.is_feasible()).count();
    (!measured.is_empty()).then(|| {
        let verb = if feasible == 1 { "keeps" } else { "keep" };
        format!("{feasible} of {} {verb} to the constraints.", counted(measured.len(), "trial"))
    })
}

/// How the best stands beside the configuration that was there before.
fn against_default(data: &StudyData<'_>) -> Option<String> {
    let default = results::default_trial(data.study())?;
    let before = data.value(default)?;
    let (best, value) = data.best()?;
    let id = default.id;
    if best.id == id || !data.direction().is_better(value, before) {
        return Some(format!(
            "That is no improvement over the configuration given first (trial {id}: {}).",
            short(before)
        ));
    }
    Some(format!("The configuration given first (trial {id}) had {}.", short(before)))
}

/// The values that a parameter can take.
pub fn domain(parameter: &Parameter) -> String {
    let text = match parameter.domain() {
        Domain::Categorical { choices } => {
            let mut texts: Vec<String> =
                choices.iter().take(MAX_CHOICES).map(Choice::to_string).collect();
            if choices.len() > MAX_CHOICES {
                texts.push(format!("… ({})", choices.len()));
            }
            texts.join(", ")
        }
        Domain::Float { low, high, log, step } => {
            let step = step.map_or(String::new(), |step| format!(", step {}", short(step)));
            let log = if *log { ", log" } else { "" };
            format!("{} to {}{step}{log}", short(*low), short(*high))
        }
        Domain::Int { low, high, log, step } => {
            let step =
                if *step == 1.0 { String::new() } else { format!(", step {}", short(*step)) };
            let log = if *log { ", log" } else { "" };
            format!("{} to {}, int{step}{log}", short(*low), short(*high))
        }
    };
    match parameter.condition() {
        None => text,
        Some(condition) => {
            let values: Vec<String> = condition.values.iter().map(Choice::to_string).collect();
            format!("{text}; if {} is {}", condition.parent, values.join(" or "))
        }
    }
}

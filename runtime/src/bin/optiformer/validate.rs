//! `optiformer validate`: the winner, the runner-up and the default on other data.

use std::{collections::BTreeMap, fs, path::Path};

use optiformer::{
    space::Configuration,
    study::{JournalSnapshot, Study, Trial, TrialState},
};
use serde_json::{Value, json};

use crate::{
    ExitState, Failure,
    arguments::ValidateOptions,
    child::{self, Limits, RunResult, Watch},
    criteria::{self, Criterion, Estimate},
    output, results, stop,
    template::{Template, TrialIds},
    tune::partial_configuration,
};

/// A configuration under validation, with what its runs measured.
struct Candidate {
    role: &'static str,
    configuration: Configuration,
    /// Measurements by name, one for each run.
    measured: BTreeMap<String, Vec<f64>>,
    failures: Vec<String>,
}

/// Runs a program on the configurations, and holds what it measures against the criteria.
pub fn run(options: &ValidateOptions) -> Result<ExitState, Failure> {
    let snapshot = JournalSnapshot::read(&options.study)?;
    let study = snapshot.study();
    let template = Template::new(study.space(), &options.program).map_err(Failure::Usage)?;
    let criteria = match &options.criteria {
        Some(path) => read_criteria(path)?,
        None => Vec::new(),
    };
    let mut candidates = candidates(study, options.default.as_deref())?;
    stop::listen().map_err(Failure::Error)?;
    // One run of each in turn, so that a machine that becomes slower is unfair to none.
    for _ in 0..options.repeats {
        for candidate in &mut candidates {
            if !measure(candidate, study, &template, options)? {
                return Ok(ExitState::Interrupted);
            }
        }
    }
    let document = document(study, &candidates, &criteria);
    if let Some(folder) = &options.output {
        let path = folder.join(results::VALIDATION);
        fs::create_dir_all(folder)
            .and_then(|()| results::write_json(&path, &document))
            .map_err(|error| Failure::Error(format!("{}: {error}", path.display())))?;
    }
    if options.json {
        output::print(&document.to_string())?;
    } else {
        output::print(table(&candidates, &criteria).trim_end())?;
    }
    if candidates[0].measured.is_empty() {
        return Ok(ExitState::AllFailed);
    }
    let passes = criteria.iter().all(|criterion| candidates[0].verdict(criterion) == "pass");
    Ok(if passes { ExitState::Success } else { ExitState::CriteriaFailed })
}

fn read_criteria(path: &Path) -> Result<Vec<Criterion>, Failure> {
    let named = |what: String| Failure::Error(format!("{}: {what}", path.display()));
    let text = fs::read_to_string(path).map_err(|error| named(error.to_string()))?;
    criteria::parse(&text).map_err(named)
}

/// The winner, the runner-up and the default, as far as there are such.
fn candidates(study: &Study, default: Option<&str>) -> Result<Vec<Candidate>, Failure> {
    let Some(best) = study.best().filter(|trial| trial.is_feasible()) else {
        return Err(Failure::Error("the study has no best configuration to validate".to_string()));
    };
    let new = |role, configuration: &Configuration| Candidate {
        role,
        configuration: configuration.clone(),
        measured: BTreeMap::new(),
        failures: Vec::new(),
    };
    let mut candidates = vec![new("winner", &best.configuration)];
    let loss = |trial: &&Trial| study.direction().loss(trial.value().unwrap_or(f64::NAN));
    let fidelity = |trial: &Trial| trial.configuration.get(study.space().fidelity()?);
    let others = study.trials().iter().filter(|trial| {
        trial.state == TrialState::Finished
            && trial.is_feasible()
            && trial.configuration != best.configuration
            && fidelity(trial) == fidelity(best)
    });
    if let Some(second) = others.min_by(|one, other| loss(one).total_cmp(&loss(other))) {
        candidates.push(new("runner-up", &second.configuration));
    }
    match default {
        Some(text) => {
            let configuration =
                partial_configuration(study.space(), text, "--default").and_then(|given| {
                    let is_whole = study.space().validate(&given);
                    is_whole.map_err(|error| Failure::Usage(format!("--default: {error}")))?;
                    Ok(given)
                })?;
            candidates.push(new("default", &configuration));
        }
        None => {
            let known = results::default_trial(study);
            candidates.extend(known.map(|trial| new("default", &trial.configuration)));
        }
    }
    Ok(candidates)
}

/// Runs the program once; `false` where the tool was asked to stop.
fn measure(
    candidate: &mut Candidate,
    study: &Study,
    template: &Template,
    options: &ValidateOptions,
) -> Result<bool, Failure> {
    let arguments = template.fill(study.space(), &candidate.configuration, TrialIds::default());
    let limits = Limits { timeout: options.timeout, grace: options.grace };
    let watch = Watch { verbose: options.verbose, ..Watch::default() };
    match child::run(&arguments, limits, &watch, |_, _| {}) {
        RunResult::Stopped => return Ok(false),
        RunResult::SpawnFailed(what) => return Err(Failure::Error(what)),
        RunResult::Failed { reason, .. } => candidate.failures.push(reason),
        RunResult::Printed { output, .. } => match output.measurements(study) {
            Ok(measured) => {
                for (name, value) in measured {
                    candidate.measured.entry(name).or_default().push(value);
                }
            }
            Err(reason) => candidate.failures.push(reason),
        },
    }
    Ok(true)
}

impl Candidate {
    fn estimate(&self, name: &str) -> Option<Estimate> {
        self.measured.get(name).map(|values| Estimate::of(values))
    }

    /// `pass`, `fail`, `unclear` where the interval holds the bound, or `not measured`. A run that
    /// failed fails every criterion.
    fn verdict(&self, criterion: &Criterion) -> &'static str {
        if !self.failures.is_empty() {
            return "fail";
        }
        match self.estimate(&criterion.name).map(|estimate| estimate.verdict(criterion)) {
            None => "not measured",
            Some(None) => "unclear",
            Some(Some(true)) => "pass",
            Some(Some(false)) => "fail",
        }
    }
}

fn document(study: &Study, candidates: &[Candidate], criteria: &[Criterion]) -> Value {
    let candidate = |candidate: &Candidate| {
        let mut measured = serde_json::Map::new();
        for (name, values) in &candidate.measured {
            let Estimate { mean, margin } = Estimate::of(values);
            let numbers = json!({"mean": mean, "margin": margin, "values": values});
            measured.insert(name.clone(), numbers);
        }
        let verdicts = criteria.iter().map(|criterion| {
            json!({"criterion": criterion.to_string(), "verdict": candidate.verdict(criterion)})
        });
        json!({
            "role": candidate.role,
            "params": study.space().configuration_to_json(&candidate.configuration),
            "measured": measured,
            "failures": candidate.failures,
            "criteria": verdicts.collect::<Value>(),
        })
    };
    let passes = criteria.iter().all(|criterion| candidates[0].verdict(criterion) == "pass");
    json!({
        "passed": passes && !candidates[0].measured.is_empty(),
        "configurations": candidates.iter().map(candidate).collect::<Value>(),
    })
}

/// A line for each configuration and number, then one for each criterion.
fn table(candidates: &[Candidate], criteria: &[Criterion]) -> String {
    let mut text = String::new();
    for candidate in candidates {
        text += &format!("{}\n", candidate.role);
        for name in candidate.measured.keys() {
            let Some(Estimate { mean, margin }) = candidate.estimate(name) else { continue };
            let margin = margin.map_or(String::new(), |it| format!(" ± {}", output::short(it)));
            text += &format!("  {name}: {}{margin}\n", output::short(mean));
        }
        for reason in &candidate.failures {
            text += &format!("  failed: {reason}\n");
        }
    }
    if !criteria.is_empty() {
        text += "criteria of the winner\n";
    }
    for criterion in criteria {
        text += &format!("  {criterion}: {}\n", candidates[0].verdict(criterion));
    }
    text
}

//! What the page shows of one study.

use std::collections::BTreeMap;

use askama::filters::Safe;
use optiformer::study::TrialState;

use super::{
    chart, facts,
    objective_part::ObjectivePart,
    study_data::{StudyData, StudyFile},
    trial_table::TrialTable,
};
use crate::{
    output::short,
    text::{self, counted, shell_quoted},
};

/// Most axes of parameters in parallel coordinates.
const MAX_AXES: usize = 12;
/// Most objectives with charts of their own.
const MAX_OBJECTIVES: usize = 4;
/// Most pairs of objectives with a chart.
const MAX_PAIRS: usize = 6;
/// Most constraints with a chart.
const MAX_CONSTRAINTS: usize = 12;
/// Most kinds of failures.
const MAX_REASONS: usize = 12;

/// A study's part of the page.
pub struct Section {
    /// Its anchor.
    pub anchor: String,
    /// The study's name.
    pub name: String,
    /// A few sentences.
    pub sentences: Vec<String>,
    /// Labelled facts.
    pub facts: Vec<(&'static str, String)>,
    /// The best configuration.
    pub best: Option<Best>,
    /// The Pareto front of several objectives.
    pub front: Option<Front>,
    /// The space as JSON.
    pub space: String,
    /// A command that makes the study again.
    pub command: String,
    /// The charts of each objective.
    pub parts: Vec<ObjectivePart>,
    /// What was left out of them.
    pub parts_note: String,
    /// Parallel coordinates, and what was left out.
    pub parallel: Option<(Safe<String>, String)>,
    /// Intermediate values.
    pub reports: Option<Safe<String>>,
    /// The constraints.
    pub constraints: Vec<Constraint>,
    /// Failures by reason.
    pub failures: Vec<Failures>,
    /// The trials.
    pub table: TrialTable,
}

/// The best configuration.
pub struct Best {
    /// Name, value and domain of each parameter.
    pub rows: Vec<[String; 3]>,
    /// An option for the command line that tries it first.
    pub enqueue: String,
}

/// The Pareto front.
pub struct Front {
    /// The trials by pairs of objectives.
    pub charts: Vec<Safe<String>>,
    /// The trials of the front.
    pub table: TrialTable,
}

/// A constraint.
pub struct Constraint {
    /// Its values over the trials.
    pub chart: Safe<String>,
    /// Its name.
    pub name: String,
    /// In how many trials it holds.
    pub holds: String,
}

/// Trials that failed for the same reason.
pub struct Failures {
    /// The reason.
    pub reason: String,
    /// Their number.
    pub count: usize,
    /// Their share in percent of the most frequent reason.
    pub width: usize,
    /// The first of them.
    pub trials: String,
}

impl Section {
    /// The part of study number `number`.
    pub fn new(file: &StudyFile, number: usize) -> Self {
        let views = file.views();
        let data = &views[0];
        let several = views.len() > 1;
        let parts: Vec<ObjectivePart> = views
            .iter()
            .take(MAX_OBJECTIVES)
            .map(|view| ObjectivePart::new(view, several))
            .collect();
        let any = data.finished().next().is_some();
        let chosen: Vec<u64> = if several {
            data.study().pareto_front().iter().map(|trial| trial.id).collect()
        } else {
            data.best().iter().map(|it| it.0.id).collect()
        };
        let parallel = (any && data.space().len() + views.len() > 2)
            .then(|| parallel(&views, &parts[0].order, &chosen));
        let has_reports = data.trials().iter().any(|trial| !trial.reports.is_empty());
        Self {
            anchor: format!("study-{}", number + 1),
            name: data.name.to_string(),
            sentences: facts::sentences(data),
            facts: labelled_facts(data),
            best: if several { None } else { best(data) },
            front: (several && !chosen.is_empty()).then(|| front(&views, &chosen)),
            space: data.space().to_json(),
            command: command(data),
            parts_note: if views.len() > MAX_OBJECTIVES {
                format!("{MAX_OBJECTIVES} of {} have charts.", counted(views.len(), "objective"))
            } else {
                String::new()
            },
            parts,
            parallel,
            reports: has_reports.then(|| chart::reports(data, (1040.0, 300.0))),
            constraints: constraints(data),
            failures: failures(data),
            table: TrialTable::new(data, &chosen),
        }
    }
}

fn labelled_facts(data: &StudyData<'_>) -> Vec<(&'static str, String)> {
    let count = |state| data.in_state(state).count();
    let (failed, pruned) = (count(TrialState::Failed), count(TrialState::Pruned));
    let snapshot = data.snapshot();
    let mut facts = Vec::new();
    if data.study().objectives().len() > 1 {
        let front = data.study().pareto_front().len().to_string();
        facts.push(("on the Pareto front", front));
    } else {
        facts.push(("best objective", data.best().map_or("none".into(), |it| short(it.1))));
        facts.extend(data.best().map(|it| ("found in trial", it.0.id.to_string())));
    }
    facts.push(("trials", data.trials().len().to_string()));
    facts.push(("failed", failed.to_string()));
    facts.extend((pruned > 0).then(|| ("pruned", pruned.to_string())));
    facts.push(("parameters", data.space().len().to_string()));
    facts.push(("sampler", snapshot.sampler().to_string()));
    facts.push(("seed", snapshot.seed().to_string()));
    facts
}

fn front(views: &[StudyData<'_>], ids: &[u64]) -> Front {
    let mut pairs = Vec::new();
    for (place, across) in views.iter().enumerate() {
        pairs.extend(views[place + 1..].iter().map(|up| [across, up]));
    }
    let size = if pairs.len() == 1 { (620.0, 400.0) } else { (356.0, 280.0) };
    let charts = pairs.into_iter().take(MAX_PAIRS).map(|pair| chart::pareto(pair, ids, size));
    Front { charts: charts.collect(), table: TrialTable::of(&views[0], ids) }
}

fn constraints(data: &StudyData<'_>) -> Vec<Constraint> {
    let constraint = |(index, name): (usize, &String)| {
        let values = data.trials().iter().filter_map(|trial| trial.constraints.get(index));
        let values: Vec<f64> = values.copied().collect();
        let holding = values.iter().filter(|value| **value <= 0.0).count();
        Constraint {
            chart: chart::constraint(data, index),
            name: name.clone(),
            holds: format!("{holding} of {}", counted(values.len(), "trial")),
        }
    };
    let names = data.study().constraints().iter().enumerate();
    let measured =
        |index: usize| data.trials().iter().any(|trial| trial.constraints.get(index).is_some());
    names.filter(|it| measured(it.0)).take(MAX_CONSTRAINTS).map(constraint).collect()
}

fn parallel(views: &[StudyData<'_>], order: &[usize], front: &[u64]) -> (Safe<String>, String) {
    let mut shown: Vec<usize> = order[..order.len().min(MAX_AXES)].to_vec();
    shown.sort_unstable();
    let mut note = String::new();
    if shown.len() < order.len() {
        let all = counted(order.len(), "parameter");
        note = format!("{} of {all} are shown.", shown.len());
    }
    let views = &views[..views.len().min(MAX_OBJECTIVES)];
    (chart::parallel_coordinates(views, &shown, front), note)
}

fn best(data: &StudyData<'_>) -> Option<Best> {
    let (trial, _) = data.best()?;
    let row = |(index, parameter): (usize, &optiformer::Parameter)| {
        let value = trial.configuration.get(index);
        let value = value.map_or("(inactive)".into(), |value| text::value(parameter, value));
        [parameter.name().to_string(), value, facts::domain(parameter)]
    };
    let values = data.space().configuration_to_json(&trial.configuration);
    let json = serde_json::to_string(&values).unwrap_or_default();
    Some(Best {
        rows: data.space().parameters().iter().enumerate().map(row).collect(),
        enqueue: format!("--enqueue {}", shell_quoted(&json)),
    })
}

fn command(data: &StudyData<'_>) -> String {
    let ended = data.trials().iter().filter(|trial| !trial.is_pending()).count();
    let snapshot = data.snapshot();
    format!(
        "optiformer {} --space space.json --trials {} \\\n    --sampler {} --seed {} \\\n    \
         --study again.jsonl -- PROGRAM ARGUMENTS",
        data.direction(),
        ended.max(1),
        shell_quoted(snapshot.sampler()),
        snapshot.seed()
    )
}

fn failures(data: &StudyData<'_>) -> Vec<Failures> {
    let mut reasons: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for position in data.in_state(TrialState::Failed) {
        let trial = &data.trials()[position];
        let unknown =
            if trial.is_feasible() { "no reason given" } else { "a constraint does not hold" };
        let reason = trial.reason.as_deref().unwrap_or(unknown);
        reasons.entry(reason).or_default().push(trial.id);
    }
    let mut reasons: Vec<(&str, Vec<u64>)> = reasons.into_iter().collect();
    reasons.sort_by_key(|(_, trials)| std::cmp::Reverse(trials.len()));
    let most = reasons.first().map_or(1, |(_, trials)| trials.len());
    let rest: Vec<u64> = reasons.iter().skip(MAX_REASONS).flat_map(|it| it.1.clone()).collect();
    reasons.truncate(MAX_REASONS);
    if !rest.is_empty() {
        reasons.push(("other reasons", rest));
    }
    let failures = |(reason, trials): (&str, Vec<u64>)| {
        let mut first: Vec<String> = trials.iter().take(5).map(u64::to_string).collect();
        if trials.len() > first.len() {
            first.push("…".into());
        }
        Failures {
            reason: reason.to_string(),
            count: trials.len(),
            width: (100 * trials.len() / most).clamp(1, 100),
            trials: first.join(", "),
        }
    };
    reasons.into_iter().map(failures).collect()
}

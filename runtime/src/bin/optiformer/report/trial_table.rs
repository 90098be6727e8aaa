//! The table of the trials.

use std::collections::BTreeSet;

use optiformer::study::TrialState;

use super::study_data::StudyData;
use crate::{
    output::short,
    text::{self, counted},
};

/// Most rows of a page's table.
const MAX_ROWS: usize = 1000;
/// Most columns for parameters.
const MAX_COLUMNS: usize = 60;

/// Rows of trials.
pub struct TrialTable {
    /// Names of the objectives' columns.
    pub objectives: Vec<String>,
    /// Names of the constraints' columns.
    pub constraints: Vec<String>,
    /// Names of the parameters' columns.
    pub columns: Vec<String>,
    /// The rows, by the trials' numbers.
    pub rows: Vec<TrialRow>,
    /// What was left out; empty for nothing.
    pub note: String,
}

/// A trial in the table.
pub struct TrialRow {
    /// Its number.
    pub id: u64,
    /// Its state.
    pub state: &'static str,
    /// The reason of a failure.
    pub reason: String,
    /// The objectives, empty where there are none.
    pub objectives: Vec<String>,
    /// The constraints' values, empty where they were not measured.
    pub constraints: Vec<String>,
    /// Shade of the first objective.
    pub shade: Option<usize>,
    /// Whether it is the best, or on the Pareto front.
    pub is_best: bool,
    /// The values, empty where inactive.
    pub values: Vec<String>,
}

impl TrialTable {
    /// The table of a study; of a long one the best trials and a selection of the others.
    pub fn new(data: &StudyData<'_>, front: &[u64]) -> Self {
        let trials = data.trials();
        let shown: BTreeSet<usize> = if trials.len() <= MAX_ROWS {
            (0..trials.len()).collect()
        } else {
            let failed: Vec<usize> = data.in_state(TrialState::Failed).collect();
            let every = failed.len().div_ceil(MAX_ROWS / 4).max(1);
            let finished = data.selection(3 * MAX_ROWS / 4).into_iter().map(|it| it.0);
            finished.chain(failed.into_iter().step_by(every)).collect()
        };
        Self::with_rows(data, &shown, front)
    }

    /// The table of some of a study's trials, given by their ids.
    pub fn of(data: &StudyData<'_>, ids: &[u64]) -> Self {
        let shown = data.trials().iter().enumerate().filter(|it| ids.contains(&it.1.id));
        let shown = shown.map(|it| it.0).take(MAX_ROWS / 10).collect();
        Self::with_rows(data, &shown, &[])
    }

    /// Whether a row has a reason of a failure.
    pub fn has_reasons(&self) -> bool {
        self.rows.iter().any(|row| !row.reason.is_empty())
    }

    fn with_rows(data: &StudyData<'_>, shown: &BTreeSet<usize>, front: &[u64]) -> Self {
        let trials = data.trials();
        let parameters = data.space().parameters();
        let columns = &parameters[..parameters.len().min(MAX_COLUMNS)];
        let mut notes = Vec::new();
        if shown.len() < trials.len() {
            notes.push(format!(
                "{} of {} are shown: the best, those that improved on all before, and an even \
                 selection of the others.",
                shown.len(),
                counted(trials.len(), "trial")
            ));
        }
        if columns.len() < parameters.len() {
            let all = counted(parameters.len(), "parameter");
            notes.push(format!("{} of {all} have a column.", columns.len()));
        }
        if !notes.is_empty() {
            notes.push("All are in the output of optiformer show --csv.".into());
        }
        let study = data.study();
        let row = |position: &usize| {
            let trial = &trials[*position];
            let value = |index: usize| {
                let value = trial.configuration.get(index);
                value.map_or(String::new(), |value| text::value(&columns[index], value))
            };
            let number = |value: Option<&f64>| value.map_or(String::new(), |value| short(*value));
            let objective = |index: usize| number(trial.objectives.get(index));
            let constraint = |index: usize| number(trial.constraints.get(index));
            TrialRow {
                id: trial.id,
                state: text::state(trial),
                reason: trial.reason.clone().unwrap_or_default(),
                objectives: (0..study.objectives().len()).map(objective).collect(),
                constraints: (0..study.constraints().len()).map(constraint).collect(),
                shade: data.shade(*position),
                is_best: front.contains(&trial.id),
                values: (0..columns.len()).map(value).collect(),
            }
        };
        let objectives = match study.objectives() {
            [_] => vec![data.objective_name().to_string()],
            several => several.iter().map(|objective| objective.name.clone()).collect(),
        };
        Self {
            objectives,
            constraints: study.constraints().to_vec(),
            columns: columns.iter().map(|parameter| parameter.name().to_string()).collect(),
            rows: shown.iter().map(row).collect(),
            note: notes.join(" "),
        }
    }
}

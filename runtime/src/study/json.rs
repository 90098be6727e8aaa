use serde_json::{Map, Value, json};

use super::{Study, Trial, TrialState};

impl Study {
    /// A trial of this study as a JSON object: `id`, `values` by parameter, and `value` (of several
    /// objectives `objectives` by name), `"failed": true`, `"pruned": true` or `"pending": true`,
    /// with the `reason` of a failure where there is one.
    ///
    /// `constraints` holds the values of the constraints by name, and `feasible` whether all hold,
    /// where they were measured; `reports` the pairs of step and intermediate value;
    /// `promoted_from` the id of the trial that a promoted one continues.
    pub fn trial_to_json(&self, trial: &Trial) -> Value {
        let mut object = json!({
            "id": trial.id,
            "values": self.space.configuration_to_json(&trial.configuration),
        });
        match trial.state {
            TrialState::Pending => object["pending"] = true.into(),
            TrialState::Pruned => object["pruned"] = true.into(),
            TrialState::Failed => object["failed"] = true.into(),
            TrialState::Finished if self.objectives.len() == 1 => {
                object["value"] = trial.objectives[0].into();
            }
            TrialState::Finished => {
                let names = self.objectives.iter().map(|objective| objective.name.as_str());
                object["objectives"] = by_name(names, &trial.objectives);
            }
        }
        if !trial.constraints.is_empty() {
            let names = self.constraints.iter().map(|name| name.as_str());
            object["constraints"] = by_name(names, &trial.constraints);
            object["feasible"] = trial.is_feasible().into();
        }
        if !trial.reports.is_empty() {
            object["reports"] = json!(trial.reports);
        }
        if let Some(source) = self.promoted_from(trial.id) {
            object["promoted_from"] = source.into();
        }
        if let Some(reason) = &trial.reason {
            object["reason"] = reason.as_str().into();
        }
        object
    }
}

fn by_name<'a>(names: impl Iterator<Item = &'a str>, numbers: &[f64]) -> Value {
    let pairs = names.zip(numbers).map(|(name, number)| (name.into(), (*number).into()));
    Value::Object(pairs.collect::<Map<_, _>>())
}

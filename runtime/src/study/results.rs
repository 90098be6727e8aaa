//! What a study came to, as JSON.

use alloc::vec::Vec;

use serde_json::{Value, json};

use super::{Study, Trial, TrialState};

/// Least number of trials in the last third that improved nothing, for a study to have converged.
const MIN_STALE: usize = 10;

impl Study {
    /// What the study came to: `best_score` of the feasible trials, `num_evaluations`,
    /// `num_feasible`, `converged` (whether the last third of the trials, and at least ten of them,
    /// improved nothing), and `all_results`, the trials that have ended, each with `params` and
    /// `score`. Of several objectives `best_score` and `converged` are null, and there is the
    /// `pareto_front`.
    pub fn results_to_json(&self) -> Value {
        let ended: Vec<&Trial> = self.trials.iter().filter(|trial| !trial.is_pending()).collect();
        let is_feasible =
            |trial: &&&Trial| trial.state == TrialState::Finished && trial.is_feasible();
        let best = self.best().filter(|trial| trial.is_feasible());
        let mut results = json!({
            "best_score": best.and_then(Trial::value),
            "num_evaluations": ended.len(),
            "num_feasible": ended.iter().filter(is_feasible).count(),
            "converged": (self.objectives.len() == 1).then(|| self.has_converged(&ended)),
            "all_results": ended.iter().map(|trial| self.result_to_json(trial)).collect::<Value>(),
        });
        if self.objectives.len() > 1 {
            let front = self.pareto_front().into_iter();
            results["pareto_front"] = front.map(|trial| self.result_to_json(trial)).collect();
        }
        results
    }

    /// A trial as [`trial_to_json`](Self::trial_to_json) has it, with `params` and `score` instead
    /// of `values` and `value`.
    fn result_to_json(&self, trial: &Trial) -> Value {
        let mut object = self.trial_to_json(trial);
        object["params"] = object["values"].take();
        object["score"] = json!(trial.value());
        if let Some(fields) = object.as_object_mut() {
            fields.remove("values");
            fields.remove("value");
        }
        object
    }

    /// Whether the last third of the trials improved nothing.
    fn has_converged(&self, ended: &[&Trial]) -> bool {
        let Some(best) = self.best() else { return false };
        let stale = ended.iter().filter(|trial| trial.id > best.id).count();
        best.is_feasible() && stale >= MIN_STALE && 3 * stale >= ended.len()
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use crate::{
        Direction, Outcome, Parameter, RandomSampler, Space,
        study::{Measurement, Objective, Study},
    };

    fn study(values: &[f64]) -> Study {
        let space = Space::new(vec![Parameter::float("x", 0.0, 1.0)]).unwrap();
        let mut study =
            Study::new(space, Direction::Minimize, alloc::boxed::Box::new(RandomSampler), 0);
        let mut values = values.iter();
        let count = values.len() as u64;
        study.optimize(count, |_| Outcome::Value(*values.next().unwrap())).unwrap();
        study
    }

    #[test]
    fn results_have_the_trials_that_ended() {
        let mut two = study(&[2.0, f64::NAN, 1.0]);
        two.ask().unwrap();
        let results = two.results_to_json();
        assert_eq!(results["best_score"], 1.0);
        assert_eq!((&results["num_evaluations"], &results["num_feasible"]), (&3.into(), &2.into()));
        assert_eq!(results["converged"], false);
        let all = results["all_results"].as_array().unwrap();
        assert_eq!(all.len(), 3);
        assert_eq!((&all[0]["score"], &all[1]["score"]), (&2.0.into(), &().into()));
        assert_eq!(all[0]["params"]["x"].as_f64(), two.trials()[0].configuration.get(0));
        assert!(all[0].get("values").is_none() && all[0].get("value").is_none());
        assert!(results.get("pareto_front").is_none());
    }

    #[test]
    fn a_study_that_improves_no_more_has_converged() {
        let stale = |count: usize| study(&[&[1.0][..], &vec![2.0; count]].concat());
        assert_eq!(stale(9).results_to_json()["converged"], false);
        assert_eq!(stale(10).results_to_json()["converged"], true);
        let improving: alloc::vec::Vec<f64> = (0..40).map(|number| -f64::from(number)).collect();
        assert_eq!(study(&improving).results_to_json()["converged"], false);
    }

    #[test]
    fn several_objectives_have_a_front() {
        let mut study = study(&[])
            .with_objectives([Objective::minimize("a"), Objective::minimize("b")])
            .unwrap();
        let mut rows = [[1.0, 2.0], [2.0, 1.0], [3.0, 3.0]].into_iter();
        study.optimize(3, |_| Measurement::new(rows.next().unwrap())).unwrap();
        let results = study.results_to_json();
        assert_eq!(results["pareto_front"].as_array().unwrap().len(), 2);
        assert!(results["best_score"].is_null() && results["converged"].is_null());
    }
}

use std::{path::Path, process::Command};

use optiformer::{Error, ErrorKind, Result};
use serde::Deserialize;

use crate::criteria::Criteria;

/// Ten trials on (x − 2)² in [0, 5], as an Optuna user writes it.
const SCRIPT: &str = r#"
import json, sys, warnings
import optuna, optiformer
from optiformer.optuna import OptiFormerSampler
optuna.logging.set_verbosity(optuna.logging.ERROR)
sampler = OptiFormerSampler(seed=1, sampler="optiformer", model=optiformer.Model(sys.argv[1]))
study = optuna.create_study(sampler=sampler)
study.optimize(lambda trial: (trial.suggest_float("x", 0.0, 5.0) - 2.0) ** 2, n_trials=10)
done = [t for t in study.trials if t.state == optuna.trial.TrialState.COMPLETE]
print(json.dumps({"points": [t.params["x"] for t in done], "best": study.best_value}))
"#;

#[derive(Deserialize)]
struct Outcome {
    points: Vec<f64>,
    best: f64,
}

/// Step 6: a real Optuna study through the Python sampler.
pub fn check(python: &Path, model: &Path, criteria: &mut Criteria) -> Result<()> {
    let output = Command::new(python)
        .args(["-c", SCRIPT])
        .arg(model)
        .output()
        .map_err(|error| Error::new(ErrorKind::Io, format!("{}: {error}", python.display())))?;
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    let last = said.lines().last().unwrap_or("no complaint").to_owned();
    criteria.holds(6, "the Optuna study ends without an error", last, output.status.success());
    let Ok(outcome) = serde_json::from_slice::<Outcome>(&output.stdout) else {
        criteria.holds(6, "the study reports its trials", String::from("nothing readable"), false);
        return Ok(());
    };
    criteria.equals(6, "trials completed", outcome.points.len() as f64, 10.0);
    let inside = outcome.points.iter().filter(|x| (0.0..=5.0).contains(*x)).count();
    criteria.equals(6, "suggestions in [0, 5]", inside as f64, 10.0);
    let mut distinct = outcome.points.clone();
    distinct.sort_unstable_by(f64::total_cmp);
    distinct.dedup();
    criteria.at_least(6, "different suggestions", distinct.len() as f64, 8.0);
    criteria.at_most(6, "best value", outcome.best, 4.0);
    Ok(())
}

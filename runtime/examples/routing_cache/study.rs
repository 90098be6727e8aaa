//! Studies of the thresholds: every sampler, several seeds.

use std::time::Instant;

use optiformer::{Direction, Outcome, Study, samplers, space::Space, study};
use serde::Serialize;

use crate::{
    evaluation::{Evaluator, Measurement, Timing},
    thresholds::Thresholds,
};

/// The name of the constraint.
pub const CONSTRAINT: &str = "quality_loss";

/// What a study does about configurations that lose too much quality.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Handling {
    /// The sampler is told by how much the constraint is violated.
    Constraint,
    /// The objective is `−100 · (1 + quality loss)`, as the founding document has it.
    Penalty,
}

/// One study.
#[derive(Clone, Debug)]
pub struct StudyPlan {
    /// The sampler's name.
    pub sampler: String,
    /// What it does about the constraint.
    pub handling: Handling,
    /// Its seed.
    pub seed: u64,
    /// Number of trials.
    pub trials: usize,
}

/// A trial as it was measured.
#[derive(Clone, Debug, Serialize)]
pub struct EvaluatedTrial {
    /// The thresholds.
    pub params: Thresholds,
    /// The objective as the study was told it.
    pub score: f64,
    /// What was measured.
    pub measurement: Measurement,
}

/// A finished study.
#[derive(Clone, Debug)]
pub struct FinishedStudy {
    /// What it was.
    pub plan: StudyPlan,
    /// Its trials in order.
    pub trials: Vec<EvaluatedTrial>,
    /// Seconds that it took.
    pub seconds: f64,
    /// Seconds of these for suggestions.
    pub suggesting: f64,
    /// What is searched.
    pub space: Space,
}

impl StudyPlan {
    /// The name of its folder and in tables.
    pub fn name(&self) -> String {
        let penalty = if self.handling == Handling::Penalty { "-penalty" } else { "" };
        format!("{}{penalty}-{}", self.sampler, self.seed)
    }

    /// Runs the study.
    ///
    /// # Errors
    ///
    /// An unknown sampler; what the study refuses.
    pub fn run(
        &self,
        evaluator: &mut Evaluator,
        timing: Timing,
        mut each: impl FnMut(usize, &EvaluatedTrial),
    ) -> optiformer::Result<FinishedStudy> {
        let space = Thresholds::space();
        let begun = Instant::now();
        let mut suggesting = 0.0;
        let sampler = samplers::by_name(&self.sampler)?;
        let mut study = Study::new(space.clone(), Direction::Maximize, sampler, self.seed);
        if self.handling == Handling::Constraint {
            study = study.with_constraints([CONSTRAINT])?;
        }
        let mut trials = Vec::new();
        for index in 0..self.trials {
            let asked = Instant::now();
            let trial = study.ask()?;
            suggesting += asked.elapsed().as_secs_f64();
            let params = Thresholds::of(&space, &trial.configuration)?;
            let measurement = evaluator.measure(&params, evaluator.range(), timing);
            let score = self.objective(&measurement);
            let told = Instant::now();
            match self.handling {
                Handling::Constraint => {
                    let told = study::Measurement::new([score]);
                    study.tell(trial.id, told.with_constraints([measurement.violation()]))?;
                }
                Handling::Penalty => study.tell(trial.id, Outcome::Value(score))?,
            }
            suggesting += told.elapsed().as_secs_f64();
            trials.push(EvaluatedTrial { params, score, measurement });
            each(index, &trials[index]);
        }
        let seconds = begun.elapsed().as_secs_f64();
        Ok(FinishedStudy { plan: self.clone(), trials, seconds, suggesting, space })
    }

    fn objective(&self, measurement: &Measurement) -> f64 {
        match self.handling {
            Handling::Penalty if !measurement.is_feasible() => {
                -100.0 * (1.0 + measurement.quality_loss)
            }
            _ => measurement.score(),
        }
    }
}

impl FinishedStudy {
    /// The best trial that keeps the constraint.
    pub fn best(&self) -> Option<&EvaluatedTrial> {
        self.feasible().max_by(|one, other| one.score.total_cmp(&other.score))
    }

    /// The trials that keep the constraint.
    pub fn feasible(&self) -> impl Iterator<Item = &EvaluatedTrial> {
        self.trials.iter().filter(|trial| trial.measurement.is_feasible())
    }

    /// Whether the last third of the trials has improved the best score by less than a hundredth.
    pub fn converged(&self) -> bool {
        let early = self.trials.len() - self.trials.len() / 3;
        let best = |trials: &[EvaluatedTrial]| {
            let feasible = trials.iter().filter(|trial| trial.measurement.is_feasible());
            feasible.map(|trial| trial.score).fold(f64::NEG_INFINITY, f64::max)
        };
        let (before, after) = (best(&self.trials[..early]), best(&self.trials));
        before.is_finite() && after - before < 0.01 * before.abs()
    }
}

//! Predictive log scores of the transformer with and without test-time adaptation.
//!
//! The studies are those of the transformer without adaptation. Each adaptation predicts their
//! trials one step ahead, so that all are compared on the same histories. The log score of a trial
//! is the logarithm of the predicted probability of its score bin, at least −9.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use optiformer::{
    Error, ErrorKind, Result,
    model::Model,
    samplers::{AdaptationOptions, OptiFormerOptions, OptiFormerSampler, Request, Sampler},
    trial::Observation,
};

use super::samplers;
use crate::problem::Problem;

/// First trials of the groups that log scores are summed over.
pub const FROM: [usize; 4] = [0, 10, 20, 35];

/// Log scores of an adaptation after no, a quarter, half and all steps, and as selected.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Total {
    /// Sums over trials.
    pub sums: [f64; 5],
    /// Number of trials.
    pub trials: usize,
    /// Number of studies whose log score the adaptation increases, and decreases.
    pub studies: [usize; 2],
    /// Duration of predictions and fits, in seconds.
    pub seconds: f64,
}

/// Totals by name of the adaptation and group of trials (index into [`FROM`]).
pub type Totals = BTreeMap<(String, usize), Total>;

/// The adaptation of a name: `lbfgs` or `adamw` and the number of steps.
///
/// # Errors
///
/// [`ErrorKind::InvalidValue`] for another name.
pub fn by_name(name: &str) -> Result<AdaptationOptions> {
    samplers::adaptation(name).ok_or_else(|| {
        let context = format!("\"{name}\" is no adaptation like lbfgs8 or adamw24");
        Error::new(ErrorKind::InvalidValue, context)
    })
}

/// Evaluates adaptations on a study of `trials` trials, and adds to `totals`.
///
/// # Errors
///
/// Those of the model.
pub fn judge(
    model: &Arc<Model>,
    problem: &Problem,
    (trials, seed): (usize, u64),
    adaptations: &[(String, AdaptationOptions)],
    totals: &mut Totals,
) -> Result<()> {
    let history = study(model, problem, trials, seed)?;
    let number = history.len() as u64;
    let request = Request { space: &problem.space, history: &history, pending: &[], number, seed };
    for (name, adaptation) in adaptations {
        let options =
            OptiFormerOptions { adaptation: Some(*adaptation), ..OptiFormerOptions::default() };
        let mut sampler = OptiFormerSampler::new(Arc::clone(model), options)?;
        let started = Instant::now();
        let scores = sampler.one_step_ahead(&request, history.len())?;
        let seconds = started.elapsed().as_secs_f64();
        for (group, from) in FROM.iter().enumerate() {
            let total = totals.entry((name.clone(), group)).or_default();
            let mut gain = 0.0;
            for scores in scores.iter().skip(*from).flatten() {
                let [quarter, half, all] = scores.adapted;
                let each = [scores.unadapted, quarter, half, all, scores.chosen];
                total.sums.iter_mut().zip(each).for_each(|(sum, one)| *sum += one);
                total.trials += 1;
                gain += scores.chosen - scores.unadapted;
            }
            total.studies[0] += usize::from(gain > 0.0);
            total.studies[1] += usize::from(gain < 0.0);
            total.seconds += seconds;
        }
    }
    Ok(())
}

/// A study by the transformer without adaptation.
fn study(
    model: &Arc<Model>,
    problem: &Problem,
    trials: usize,
    seed: u64,
) -> Result<Vec<Observation>> {
    let mut sampler = OptiFormerSampler::new(Arc::clone(model), OptiFormerOptions::default())?;
    let mut history = Vec::with_capacity(trials);
    for number in 0..trials as u64 {
        let request =
            Request { space: &problem.space, history: &history, pending: &[], number, seed };
        let configuration = sampler.suggest(&request)?;
        let loss = (problem.objective)(&configuration).filter(|loss| loss.is_finite());
        history.push(Observation::new(configuration, loss));
    }
    Ok(history)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::suites;

    #[test]
    fn every_adaptation_is_judged_on_the_same_predictions() {
        let model = Arc::new(Model::pico().unwrap());
        let problem = &(suites::generated(1, &[3]).make)(0)[0];
        let named = |name: &str| (name.to_owned(), by_name(name).unwrap());
        let adaptations = [named("lbfgs8"), named("adamw24")];
        let mut totals = Totals::new();
        judge(&model, problem, (14, 1), &adaptations, &mut totals).unwrap();
        let total = |name: &str, group| totals[&(name.to_owned(), group)];
        let (lbfgs, adam) = (total("lbfgs8", 0), total("adamw24", 0));
        assert!(lbfgs.trials >= 10 && lbfgs.trials == adam.trials);
        assert_eq!(lbfgs.sums[0], adam.sums[0], "without adaptation they are the same");
        assert_ne!(lbfgs.sums[3], adam.sums[3]);
        assert_eq!(total("lbfgs8", 1).trials, 4);
        assert_eq!(total("lbfgs8", 2).trials, 0);
    }

    #[test]
    fn adaptations_have_names() {
        assert_eq!(by_name("lbfgs8").unwrap(), AdaptationOptions::LBFGS);
        assert_eq!(by_name("adamw48").unwrap().max_steps, 48);
        for name in ["", "lbfgs", "adamw-1", "sgd8"] {
            assert!(by_name(name).is_err(), "{name}");
        }
    }
}

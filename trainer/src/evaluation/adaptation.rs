//! Whether test-time adaptation makes the transformer predict the next told trials better.
//!
//! Studies are made by the transformer without adaptation; each adaptation then predicts their
//! trials one step ahead, so that all are judged on the same histories. A trial counts with the
//! logarithm of the probability of its bin of the score, at least −9.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use optiformer::{
    Error, ErrorKind, Result,
    model::Model,
    samplers::{AdaptationOptions, OptiFormerOptions, OptiFormerSampler, Request, Sampler},
    trial::Observation,
};

use super::{problems::Problem, samplers};

/// Sums of log scores are kept for the trials from each of these on.
pub const FROM: [usize; 4] = [0, 10, 20, 35];

/// Log scores of an adaptation, in the order none, quarter, half, all steps, as chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Total {
    /// Sums over trials.
    pub sums: [f64; 5],
    /// Number of trials.
    pub trials: usize,
    /// Of studies: how many gain by what is chosen, and how many lose.
    pub studies: [usize; 2],
    /// Seconds of the predictions and fits.
    pub seconds: f64,
}

/// By name of the adaptation and group of trials (the index into [`FROM`]).
pub type Totals = BTreeMap<(String, usize), Total>;

/// An adaptation by its name: `lbfgs8`, `adamw24`, and the like, with any number of steps.
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

/// Judges adaptations on a study of `trials` trials of a problem, and adds to `totals`.
///
/// # Errors
///
/// What the model says.
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

/// A study by the transformer as it was trained.
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
        let loss = (problem.evaluate)(&configuration).filter(|loss| loss.is_finite());
        history.push(Observation { configuration, loss });
    }
    Ok(history)
}

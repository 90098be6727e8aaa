use std::sync::Arc;

use optiformer::{
    Result,
    model::Model,
    samplers::{Request, Sampler, TokenSampler, TokenSamplerOptions},
    space::{Parameter, Space},
    trial::Observation,
};

use crate::{criteria::Criteria, evaluation::statistics::median};

/// Suggestions made for each history.
const SEEDS: u64 = 15;

/// Step 5: away from bad trials, near a good one, and always legal.
pub fn check(model: Arc<Model>, criteria: &mut Criteria) -> Result<()> {
    let space = Space::new(vec![Parameter::float("x", 0.0, 1.0)])?;
    // Not the even spread of a study's first trials: the model.
    let options = TokenSamplerOptions { n_startup_trials: 0, ..TokenSamplerOptions::default() };
    let mut sampler = TokenSampler::new(model, options)?;
    let loss = |x: f64| (x - 0.75) * (x - 0.75);
    let mut suggest = |points: &[f64]| -> Result<Vec<f64>> {
        let history: Vec<Observation> = points
            .iter()
            .map(|x| Observation::new(space.from_unit(&[*x]), Some(loss(*x))))
            .collect();
        (0..SEEDS)
            .map(|seed| {
                let number = history.len() as u64;
                let request =
                    Request { space: &space, history: &history, pending: &[], number, seed };
                let suggested = sampler.suggest(&request)?;
                space.validate(&suggested)?;
                Ok(suggested.get(0).unwrap_or(f64::NAN))
            })
            .collect()
    };
    // Five trials in a corner, all far from the optimum.
    let bad = [0.04, 0.08, 0.12, 0.16, 0.2];
    let explored = suggest(&bad)?;
    let away = |x: &f64| bad.iter().map(|other| (x - other).abs()).fold(f64::MAX, f64::min);
    let distances: Vec<f64> = explored.iter().map(away).collect();
    criteria.at_least(5, "median distance from bad trials", median(&distances), 0.02);
    // Five trials, one of which is close to the optimum.
    let exploited = suggest(&[0.1, 0.3, 0.5, 0.74, 0.95])?;
    let distances: Vec<f64> = exploited.iter().map(|x| (x - 0.74).abs()).collect();
    criteria.at_most(5, "median distance from the good trial", median(&distances), 0.25);
    let legal = explored.iter().chain(&exploited).filter(|x| (0.0..=1.0).contains(*x)).count();
    criteria.equals(5, "suggestions in range", legal as f64, 2.0 * SEEDS as f64);
    criteria.holds(
        5,
        "the two histories get different suggestions",
        format!("{:.3} and {:.3}", median(&explored), median(&exploited)),
        explored != exploited,
    );
    Ok(())
}

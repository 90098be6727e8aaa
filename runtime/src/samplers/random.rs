use alloc::vec::Vec;

use rand::RngExt;

use super::{Ranking, Request, Sampler, ranking};
use crate::{Result, space::Configuration};

/// Random search: independent uniform draws from the unit cube. The baseline of every comparison.
#[derive(Clone, Copy, Debug, Default)]
pub struct RandomSampler;

impl Sampler for RandomSampler {
    fn name(&self) -> &'static str {
        "random"
    }

    fn suggest(&mut self, request: &Request<'_>) -> Result<Configuration> {
        let mut rng = request.rng();
        let unit: Vec<f64> = (0..request.space.len()).map(|_| rng.random::<f64>()).collect();
        Ok(request.space.from_unit(&unit))
    }

    fn choose(&mut self, request: &Request<'_>, candidates: &[Configuration]) -> Result<Ranking> {
        ranking::check(request, candidates)?;
        Ok(Ranking::random(request, candidates.len()))
    }
}

use alloc::vec::Vec;

use super::{RandomSampler, Request, Sampler};
use crate::{Result, space::Configuration};

/// Points of an Owen-scrambled Sobol sequence: an even spread over the space.
///
/// The sequence has 256 dimensions and 65 536 points. Parameters beyond the last dimension are drawn at random, and so is
/// every trial beyond the last point.
#[derive(Clone, Copy, Debug, Default)]
pub struct SobolSampler;

/// How many points the sequence has.
const POINTS: u64 = 1 << 16;

impl Sampler for SobolSampler {
    fn name(&self) -> &'static str {
        "sobol"
    }

    fn suggest(&mut self, request: &Request<'_>) -> Result<Configuration> {
        if request.number >= POINTS {
            return RandomSampler.suggest(request);
        }
        let mut fallback = request.generator();
        let seed = (request.seed ^ (request.seed >> 32)) as u32;
        let unit: Vec<f64> = (0..request.space.len() as u32)
            .map(|dimension| {
                if dimension < sobol_burley::NUM_DIMENSIONS {
                    f64::from(sobol_burley::sample(request.number as u32, dimension, seed))
                } else {
                    rand::RngExt::random::<f64>(&mut fallback)
                }
            })
            .collect();
        Ok(request.space.from_unit(&unit))
    }
}

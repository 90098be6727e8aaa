use alloc::vec::Vec;

use super::{Request, Sampler};
use crate::{Result, math::mix, space::Configuration};

/// Dimensions and points of the sequence.
const DIMENSIONS: u32 = sobol_burley::NUM_DIMENSIONS;
const POINTS: u64 = 1 << 16;

/// An Owen-scrambled Sobol sequence: trial number `n` is point `n`, and the study's seed scrambles
/// it.
///
/// It covers the space more evenly than independent draws and ignores all losses. Beyond 256
/// parameters or 65,536 trials the sequence restarts with another scrambling, so each block of
/// parameters or trials is even in itself and independent of the others.
///
/// B. Burley, Practical Hash-based Owen Scrambling, Journal of Computer Graphics Techniques 9
/// (2020).
#[derive(Clone, Copy, Debug, Default)]
pub struct SobolSampler;

impl Sampler for SobolSampler {
    fn name(&self) -> &'static str {
        "sobol"
    }

    fn suggest(&mut self, request: &Request<'_>) -> Result<Configuration> {
        let index = (request.number % POINTS) as u32;
        let block = request.number / POINTS;
        let unit: Vec<f64> = (0..request.space.len() as u32)
            .map(|dimension| {
                let seed = scramble(request.seed, block, u64::from(dimension / DIMENSIONS));
                f64::from(sobol_burley::sample(index, dimension % DIMENSIONS, seed))
            })
            .collect();
        Ok(request.space.from_unit(&unit))
    }
}

/// The scrambling seed of one block of points and dimensions.
fn scramble(seed: u64, points: u64, dimensions: u64) -> u32 {
    let mut mixed = seed;
    for part in [points, dimensions] {
        mixed = mix(mixed.wrapping_add(part.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15)));
    }
    mixed as u32
}

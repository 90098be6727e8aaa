//! The random numbers of a generation, each of which can be reproduced by itself.

use alloc::vec::Vec;

use rand::{Rng, RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::math::{dot, random_normal};

/// The random numbers of one trial.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sample {
    /// One standard normal number per coordinate.
    pub normal: Vec<f64>,
    /// One uniform number in `[0, 1)` per categorical parameter.
    pub places: Vec<f64>,
}

/// Samples one generation.
///
/// Samples cover the distribution more evenly than independent ones. Normal vectors are orthogonal
/// in blocks of as many as there are coordinates (H. Wang, M. Emmerich, T. Bäck, Mirrored
/// Orthogonal Sampling for Covariance Matrix Adaptation Evolution Strategies, Evolutionary
/// Computation 27 (2019), without the mirroring). Uniform numbers are stratified over the
/// population. Each sample by itself has the distribution of an independent one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct GenerationSampler {
    /// Seed of this generation, different for every other one.
    pub seed: u64,
    /// Number of coordinates.
    pub coordinates: usize,
    /// Number of categorical parameters.
    pub categorical: usize,
    /// Population size λ.
    pub population: usize,
}

impl GenerationSampler {
    /// The samples of the generation, `[population]`.
    pub fn generation(&self) -> Vec<Sample> {
        let normal = self.orthogonal();
        let columns: Vec<Vec<usize>> = (0..self.categorical)
            .map(|parameter| shuffled(self.population, &mut self.rng(1, parameter as u64, 0)))
            .collect();
        let place = |parameter: usize, position: usize| {
            let mut rng = self.rng(2, parameter as u64, position as u64);
            let part = columns[parameter][position] as f64;
            (part + rng.random::<f64>()) / self.population as f64
        };
        normal
            .into_iter()
            .enumerate()
            .map(|(position, normal)| {
                let places = (0..self.categorical).map(|parameter| place(parameter, position));
                Sample { normal, places: places.collect() }
            })
            .collect()
    }

    /// An independent sample: for a trial beyond the generation, or a further `attempt` after a
    /// sample that was tried already.
    pub fn another(&self, position: usize, attempt: u32) -> Sample {
        let mut rng = self.rng(3, position as u64, u64::from(attempt));
        Sample {
            normal: (0..self.coordinates).map(|_| random_normal::by_inversion(&mut rng)).collect(),
            places: (0..self.categorical).map(|_| rng.random::<f64>()).collect(),
        }
    }

    /// The first numbers of [`another`](Self::another), at most `count` of them: normal ones, or,
    /// where there are no more of those, places too.
    pub fn beginning(&self, position: usize, attempt: u32, count: usize) -> Sample {
        let coordinates = self.coordinates.min(count);
        let left = if coordinates == self.coordinates { count - coordinates } else { 0 };
        let categorical = self.categorical.min(left);
        Self { coordinates, categorical, ..*self }.another(position, attempt)
    }

    /// The normal vectors of the generation, orthogonal in blocks of `coordinates`.
    fn orthogonal(&self) -> Vec<Vec<f64>> {
        if self.coordinates == 0 {
            return alloc::vec![Vec::new(); self.population];
        }
        let mut vectors: Vec<Vec<f64>> = Vec::with_capacity(self.population);
        let mut lengths = Vec::with_capacity(self.population);
        let mut rng = self.rng(0, 0, 0);
        for position in 0..self.population {
            let (block, row) = (position / self.coordinates, position % self.coordinates);
            if row == 0 {
                rng = self.rng(0, block as u64, 0);
            }
            let mut vector: Vec<f64> =
                (0..self.coordinates).map(|_| random_normal::by_inversion(&mut rng)).collect();
            lengths.push(libm::sqrt(dot(&vector, &vector)));
            // Gram–Schmidt twice: the second pass removes what rounding left.
            for _ in 0..2 {
                for other in &vectors[position - row..] {
                    let share = dot(other, &vector);
                    vector.iter_mut().zip(other).for_each(|(x, other)| *x -= share * other);
                }
            }
            let rest = libm::sqrt(dot(&vector, &vector)).max(f64::MIN_POSITIVE);
            vector.iter_mut().for_each(|x| *x /= rest);
            vectors.push(vector);
        }
        for (vector, length) in vectors.iter_mut().zip(lengths) {
            vector.iter_mut().for_each(|x| *x *= length);
        }
        vectors
    }

    fn rng(&self, kind: u64, first: u64, second: u64) -> Xoshiro256PlusPlus {
        let mut mixed = self.seed;
        for part in [kind, first, second] {
            mixed = mix(mixed, part);
        }
        Xoshiro256PlusPlus::seed_from_u64(mixed)
    }
}

/// Hashes two numbers into one: the finalizer of SplitMix64 (Steele, Lea & Flood 2014).
pub(super) fn mix(state: u64, part: u64) -> u64 {
    let mut mixed = state.wrapping_add(part.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// A random permutation of `0..count` (Fisher & Yates).
fn shuffled(count: usize, rng: &mut impl Rng) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    for last in (1..count).rev() {
        order.swap(last, rng.random_range(0..=last));
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLER: GenerationSampler =
        GenerationSampler { seed: 5, coordinates: 3, categorical: 2, population: 8 };

    #[test]
    fn blocks_are_orthogonal_and_places_stratified() {
        let rows = SAMPLER.generation();
        for (one, other) in [(0, 1), (0, 2), (1, 2), (3, 5), (6, 7)] {
            assert!(dot(&rows[one].normal, &rows[other].normal).abs() < 1e-12);
        }
        assert!(dot(&rows[2].normal, &rows[3].normal).abs() > 1e-3);
        for parameter in 0..2 {
            let mut parts: Vec<usize> =
                rows.iter().map(|row| (row.places[parameter] * 8.0) as usize).collect();
            parts.sort_unstable();
            assert_eq!(parts, [0, 1, 2, 3, 4, 5, 6, 7]);
        }
        let whole = SAMPLER.another(2, 1);
        for count in 0..=6 {
            let Sample { normal, places } = SAMPLER.beginning(2, 1, count);
            assert_eq!(
                (normal.len(), places.len()),
                (count.min(3), count.saturating_sub(3).min(2))
            );
            assert!(whole.normal.starts_with(&normal) && whole.places.starts_with(&places));
        }
        assert_ne!(SAMPLER.another(2, 1), SAMPLER.another(2, 2));
        assert_ne!(SAMPLER.another(8, 0), SAMPLER.another(9, 0));
    }

    #[test]
    fn draws_have_the_moments_of_the_normal_distribution() {
        let (mut sum, mut squares, mut fourth) = (0.0, 0.0, 0.0);
        let count = 4000.0;
        for seed in 0..4000 {
            let mut rows = GenerationSampler { seed, ..SAMPLER }.generation();
            for x in rows.swap_remove((seed % 8) as usize).normal {
                sum += x / (3.0 * count);
                squares += x * x / (3.0 * count);
                fourth += x * x * x * x / (3.0 * count);
            }
        }
        // Standard errors: 0.009, 0.013, 0.09.
        assert!(sum.abs() < 0.04 && (squares - 1.0).abs() < 0.06, "{sum}, {squares}");
        assert!((fourth - 3.0).abs() < 0.4, "{fourth}");
    }
}

use alloc::vec::Vec;

/// A randomised Halton sequence: points that fill the unit cube evenly, in any number of dimensions.
///
/// Coordinate `d` of point `i` is the radical inverse of `i` in the `d`-th prime base, each digit sent through a
/// random linear permutation `(a·digit + b) mod base` that depends on the seed, the dimension and the digit's place. The
/// permutations break the correlations between high dimensions that the plain sequence is known for.
///
/// J. H. Halton, Numerische Mathematik 2 (1960), 84–90; J. Matoušek, On the L2-discrepancy for anchored
/// boxes, Journal of Complexity 14 (1998), 527–556, section 3 (random linear digit scrambling).
///
/// ```
/// let sequence = optiformer::samplers::LowDiscrepancy::new(2, 7);
/// let mut point = [0.0; 2];
/// sequence.point(0, &mut point);
/// assert!(point.iter().all(|coordinate| (0.0..1.0).contains(coordinate)));
/// ```
#[derive(Clone, Debug)]
pub struct LowDiscrepancy {
    dimensions: Vec<Digits>,
}

/// The digits of one coordinate, most significant first.
#[derive(Clone, Debug)]
struct Digits {
    base: u64,
    /// Each digit's multiplier and shift; as many as a double can tell apart.
    permutations: Vec<(u64, u64)>,
}

impl LowDiscrepancy {
    /// The sequence of points with `dimensions` coordinates that belongs to `seed`.
    pub fn new(dimensions: usize, seed: u64) -> Self {
        let mut state = seed;
        let mut next = || {
            // SplitMix64 (Steele, Lea & Flood 2014).
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            mixed ^ (mixed >> 31)
        };
        let bases = primes(dimensions);
        let digits = |base| {
            let count = libm::ceil(53.0 / libm::log2(base as f64)) as usize;
            let permutations =
                (0..count).map(|_| (1 + next() % (base - 1), next() % base)).collect();
            Digits { base, permutations }
        };
        Self { dimensions: bases.into_iter().map(digits).collect() }
    }

    /// Writes the coordinates of point `index`, each in `[0, 1)`.
    ///
    /// # Panics
    ///
    /// When `point` has not as many coordinates as the sequence has dimensions.
    pub fn point(&self, index: u64, point: &mut [f64]) {
        assert_eq!(point.len(), self.dimensions.len(), "coordinates of a low-discrepancy point");
        for (coordinate, digits) in point.iter_mut().zip(&self.dimensions) {
            *coordinate = digits.radical_inverse(index);
        }
    }
}

impl Digits {
    fn radical_inverse(&self, mut index: u64) -> f64 {
        let scale = 1.0 / self.base as f64;
        let (mut weight, mut sum) = (scale, 0.0);
        for &(multiplier, shift) in &self.permutations {
            sum += ((index % self.base * multiplier + shift) % self.base) as f64 * weight;
            index /= self.base;
            weight *= scale;
        }
        // Rounding may carry a coordinate of all highest digits up to 1.
        sum.min(1.0 - f64::EPSILON / 2.0)
    }
}

/// `count` points of the randomised Halton sequence of `seed`: `[count][dimensions]`, each coordinate in `[0, 1)`.
pub fn low_discrepancy(count: usize, dimensions: usize, seed: u64) -> Vec<Vec<f64>> {
    let sequence = LowDiscrepancy::new(dimensions, seed);
    let point = |index| {
        let mut point = alloc::vec![0.0; dimensions];
        sequence.point(index, &mut point);
        point
    };
    (0..count as u64).map(point).collect()
}

/// The first `count` primes.
fn primes(count: usize) -> Vec<u64> {
    let mut primes: Vec<u64> = Vec::with_capacity(count);
    let mut candidate = 2;
    while primes.len() < count {
        let small = primes.iter().take_while(|&&prime| prime * prime <= candidate);
        if small.into_iter().all(|prime| candidate % prime != 0) {
            primes.push(candidate);
        }
        candidate += 1;
    }
    primes
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};

    /// The squared L2-star discrepancy, by Warnock's formula.
    fn discrepancy(points: &[Vec<f64>]) -> f64 {
        let (count, dimensions) = (points.len() as f64, points[0].len() as i32);
        let single: f64 = points
            .iter()
            .map(|point| point.iter().map(|x| (1.0 - x * x) / 2.0).product::<f64>())
            .sum();
        let mut pairs = 0.0;
        for a in points {
            for b in points {
                pairs += a.iter().zip(b).map(|(a, b)| 1.0 - a.max(*b)).product::<f64>();
            }
        }
        libm::pow(3.0, f64::from(-dimensions)) - 2.0 / count * single + pairs / (count * count)
    }

    #[test]
    fn every_interval_of_the_base_gets_one_point() {
        for seed in 0..5 {
            let points = low_discrepancy(27, 2, seed);
            for (dimension, cells) in [(0, 16_usize), (1, 27)] {
                let mut hits = alloc::vec![0; cells];
                for point in &points[..cells] {
                    hits[(point[dimension] * cells as f64 + 1e-9) as usize] += 1;
                }
                assert_eq!(hits, alloc::vec![1; cells], "dimension {dimension}, seed {seed}");
            }
        }
    }

    #[test]
    fn it_is_more_even_than_chance() {
        for (dimensions, gain) in [(2, 0.2), (6, 0.6), (16, 1.0)] {
            let (mut even, mut chance) = (0.0, 0.0);
            for seed in 0..8 {
                even += discrepancy(&low_discrepancy(128, dimensions, seed));
                let mut generator = rand_xoshiro::Xoshiro256PlusPlus::seed_from_u64(seed);
                let random: Vec<Vec<f64>> = (0..128)
                    .map(|_| (0..dimensions).map(|_| generator.random::<f64>()).collect())
                    .collect();
                chance += discrepancy(&random);
            }
            assert!(even < gain * chance, "{dimensions} dimensions: {even} against {chance}");
        }
    }

    #[test]
    fn seeds_differ_and_repeat() {
        assert_eq!(low_discrepancy(9, 3, 1), low_discrepancy(9, 3, 1));
        assert_ne!(low_discrepancy(9, 3, 1), low_discrepancy(9, 3, 2));
    }

    #[test]
    fn far_indices_stay_inside() {
        let sequence = LowDiscrepancy::new(300, 3);
        let mut point = alloc::vec![0.0; 300];
        for index in [0, 1 << 40, u64::MAX] {
            sequence.point(index, &mut point);
            assert!(point.iter().all(|coordinate| (0.0..1.0).contains(coordinate)));
        }
    }
}

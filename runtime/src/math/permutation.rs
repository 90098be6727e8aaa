//! A pseudo-random permutation of `0..size` that is computed point by point, without a table.

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::mix;

/// Number of rounds. Four make a balanced Feistel network pseudo-random (Luby and Rackoff 1988);
/// halves of a few bits take more, and NIST SP 800-38G has ten.
const ROUNDS: usize = 10;

/// A bijection of `0..size`, drawn by a seed.
///
/// A balanced Feistel network permutes the smallest `2^(2h) ≥ size` numbers. A number that lands
/// beyond `size` is encrypted again until it does not, which keeps the map bijective and takes
/// fewer than four passes on average (cycle walking; J. Black and P. Rogaway, Ciphers with
/// Arbitrary Finite Domains, CT-RSA 2002). M. Luby and C. Rackoff, How to Construct Pseudorandom
/// Permutations from Pseudorandom Functions, SIAM Journal on Computing 17 (1988).
#[derive(Clone, Debug, PartialEq)]
pub struct Permutation {
    size: u64,
    /// Bits of a half, 1 to 32.
    half: u32,
    keys: [u64; ROUNDS],
}

impl Permutation {
    /// The permutation of `0..size` for a seed.
    pub fn new(size: u64, seed: u64) -> Self {
        let bits = u64::BITS - size.saturating_sub(1).leading_zeros();
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let keys = core::array::from_fn(|_| rng.random());
        Self { size, half: bits.div_ceil(2).max(1), keys }
    }

    /// Where `number`, below `size`, goes.
    pub fn apply(&self, number: u64) -> u64 {
        self.walk(number, |number| {
            self.keys.iter().fold(number, |number, key| {
                let (left, right) = self.split(number);
                self.join(right, left ^ self.round(right, *key))
            })
        })
    }

    /// What goes to `number`, below `size`: the inverse of [`apply`](Self::apply).
    pub fn invert(&self, number: u64) -> u64 {
        self.walk(number, |number| {
            self.keys.iter().rev().fold(number, |number, key| {
                let (left, right) = self.split(number);
                self.join(right ^ self.round(left, *key), left)
            })
        })
    }

    /// Applies `step` at least once, and until the number is below `size`.
    fn walk(&self, mut number: u64, step: impl Fn(u64) -> u64) -> u64 {
        debug_assert!(number < self.size);
        loop {
            number = step(number);
            if number < self.size {
                return number;
            }
        }
    }

    fn split(&self, number: u64) -> (u64, u64) {
        (number >> self.half, number & self.mask())
    }

    fn join(&self, left: u64, right: u64) -> u64 {
        (left << self.half) | right
    }

    fn mask(&self) -> u64 {
        (1 << self.half) - 1
    }

    /// The round function: any function of a half and a key will do.
    fn round(&self, half: u64, key: u64) -> u64 {
        mix(half.wrapping_add(key)) & self.mask()
    }
}

#[cfg(test)]
mod tests {
    use alloc::{collections::BTreeMap, vec, vec::Vec};

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_inverse_leads_back(size in 1..=u64::MAX, seed: u64, place in 0.0..1.0_f64) {
            let number = ((size as f64 * place) as u64).min(size - 1);
            let permutation = Permutation::new(size, seed);
            for number in [number, 0, size - 1] {
                let there = permutation.apply(number);
                prop_assert!(there < size);
                prop_assert_eq!(permutation.invert(there), number);
                prop_assert_eq!(permutation.apply(permutation.invert(number)), number);
            }
        }

        #[test]
        fn every_number_comes_once(size in 1..3000_u64, seed: u64) {
            let permutation = Permutation::new(size, seed);
            let mut seen = vec![false; size as usize];
            for number in 0..size {
                let there = permutation.apply(number) as usize;
                prop_assert!(!seen[there]);
                seen[there] = true;
            }
        }
    }

    #[test]
    fn small_sizes_have_every_order_about_equally_often() {
        let mut counts: BTreeMap<Vec<u64>, u32> = BTreeMap::new();
        for seed in 0..12_000 {
            let permutation = Permutation::new(5, seed);
            let order = (0..5).map(|number| permutation.apply(number)).collect();
            *counts.entry(order).or_default() += 1;
        }
        assert_eq!(counts.len(), 120);
        // 119 degrees of freedom: mean 119, standard deviation 15.4.
        let chi_squared: f64 =
            counts.values().map(|count| (f64::from(*count) - 100.0).powi(2) / 100.0).sum();
        assert!(chi_squared < 190.0, "{chi_squared}");
    }

    #[test]
    fn consecutive_numbers_are_spread() {
        let (size, mut counts) = (1_000_000_007, [0_u32; 64]);
        let permutation = Permutation::new(size, 3);
        for number in 0..6400 {
            counts[(permutation.apply(number) * 64 / size) as usize] += 1;
        }
        // 63 degrees of freedom: mean 63, standard deviation 11.2.
        let chi_squared: f64 =
            counts.iter().map(|count| (f64::from(*count) - 100.0).powi(2) / 100.0).sum();
        assert!(chi_squared < 110.0, "{chi_squared}");
    }
}

//! A low-discrepancy sequence without tables: the Kronecker sequence.
//!
//! Coordinate `j` of point `i` is the fractional part of `s_j + (i + 1) · √p_j`, with the `j`-th
//! prime `p_j` and a shift `s_j` drawn from the seed. Square roots of distinct primes are
//! independent over the rationals, so the points are equidistributed in every dimension (Weyl
//! 1916).

use alloc::vec::Vec;

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// The sequence in a number of dimensions, for one seed.
#[derive(Clone, Debug)]
pub struct Kronecker {
    /// `[dimensions]`: the shift, and the step from one point to the next.
    places: Vec<(f64, f64)>,
}

impl Kronecker {
    /// The sequence of a seed. It begins with the same coordinates in any number of dimensions.
    pub fn new(dimensions: usize, seed: u64) -> Self {
        let place = |(dimension, prime): (usize, u64)| {
            let mut rng = Xoshiro256PlusPlus::seed_from_u64(
                seed ^ (dimension as u64).wrapping_mul(0xD1B5_4A32_D192_ED03),
            );
            (rng.random(), libm::sqrt(prime as f64))
        };
        Self { places: primes(dimensions).into_iter().enumerate().map(place).collect() }
    }

    /// The coordinates of point `index`, `[dimensions]`, in `[0, 1)`.
    pub fn point(&self, index: u32) -> impl Iterator<Item = f64> {
        self.places.iter().map(move |(shift, step)| {
            let place = shift + (f64::from(index) + 1.0) * step;
            place - libm::floor(place)
        })
    }
}

/// The first `count` prime numbers.
fn primes(count: usize) -> Vec<u64> {
    let mut primes: Vec<u64> = Vec::with_capacity(count);
    let mut number = 2;
    while primes.len() < count {
        let mut divisors = primes.iter().take_while(|prime| *prime * *prime <= number);
        if divisors.all(|prime: &u64| !u64::is_multiple_of(number, *prime)) {
            primes.push(number);
        }
        number += 1;
    }
    primes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn primes_are_prime() {
        let primes = primes(1000);
        assert_eq!([0, 1, 2, 3, 4, 63, 999].map(|at| primes[at]), [2, 3, 5, 7, 11, 311, 7919]);
    }

    #[test]
    fn every_box_gets_its_share() {
        // 640 points in 64 boxes: independent draws would leave some box with fewer than three.
        let (mut counts, sequence) = ([0; 64], Kronecker::new(3, 5));
        for index in 0..640 {
            let cell = |place, coordinate| 4 * place + (4.0 * coordinate) as usize;
            let place = sequence.point(index).fold(0, cell);
            counts[place] += 1;
        }
        assert!(counts.iter().all(|count| (5..=15).contains(count)), "{counts:?}");
    }
}

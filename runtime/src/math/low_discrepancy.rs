//! A low-discrepancy sequence without tables: the Kronecker sequence.
//!
//! Coordinate `j` of point `i` is the fractional part of `s_j + (i + 1) · √p_j`, with the `j`-th
//! prime `p_j` and a shift `s_j` drawn from the seed. Square roots of distinct primes are
//! independent over the rationals, so the points are equidistributed in every dimension (Weyl
//! 1916).

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// Coordinate `dimension` of point `index`, in `[0, 1)`.
pub fn coordinate(index: u32, dimension: usize, seed: u64) -> f64 {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(
        seed ^ (dimension as u64).wrapping_mul(0xD1B5_4A32_D192_ED03),
    );
    let shift: f64 = rng.random();
    let place = shift + (f64::from(index) + 1.0) * libm::sqrt(prime(dimension) as f64);
    place - libm::floor(place)
}

/// The prime number `index`, counted from 2 at 0.
fn prime(index: usize) -> u64 {
    let is_prime =
        |number: u64| (2..).take_while(|d| d * d <= number).all(|d| !number.is_multiple_of(d));
    (2..).filter(|number| is_prime(*number)).nth(index).expect("there is always another prime")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn primes_are_prime() {
        assert_eq!([0, 1, 2, 3, 4, 63].map(prime), [2, 3, 5, 7, 11, 311]);
    }

    #[test]
    fn every_box_gets_its_share() {
        // 640 points in 64 boxes: independent draws would leave some box with fewer than three.
        let mut counts = [0; 64];
        for index in 0..640 {
            let place = (0..3).fold(0, |place, dimension| {
                4 * place + (4.0 * coordinate(index, dimension, 5)) as usize
            });
            counts[place] += 1;
        }
        assert!(counts.iter().all(|count| (5..=15).contains(count)), "{counts:?}");
    }
}

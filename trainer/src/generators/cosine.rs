//! A cosine that the compiler can vectorize.

use std::f64::consts::TAU;

/// Adding and subtracting it rounds a number below 2⁵¹ to the nearest whole one: the sum has no
/// bits left for a fraction.
const ROUND: f64 = 6_755_399_441_055_744.0;

/// `cos(2π · turns)`, to within 1e-10 for `|turns| < 1e6`.
///
/// The nearest whole turn is taken off, and `cos(2πr) = sin(2π(¼ − |r|))` leaves the sine on
/// `[−π/2, π/2]`, whose Taylor series up to the 15th power is off by less than `(π/2)¹⁷ / 17! ≈
/// 6e-12`.
#[inline(always)]
pub fn cosine_of_turns(turns: f64) -> f64 {
    let fraction = turns - ((turns + ROUND) - ROUND);
    let angle = (0.25 - fraction.abs()) * TAU;
    let square = angle * angle;
    let mut series = -1.0 / 1_307_674_368_000.0;
    series = series * square + 1.0 / 6_227_020_800.0;
    series = series * square - 1.0 / 39_916_800.0;
    series = series * square + 1.0 / 362_880.0;
    series = series * square - 1.0 / 5_040.0;
    series = series * square + 1.0 / 120.0;
    series = series * square - 1.0 / 6.0;
    series = series * square + 1.0;
    series * angle
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_standard_cosine() {
        for step in -40_000..=40_000 {
            let turns = f64::from(step) * 1.234_567e-3;
            let error = (cosine_of_turns(turns) - (TAU * turns).cos()).abs();
            assert!(error < 1e-10, "{turns} turns: off by {error:e}");
        }
        assert_eq!(cosine_of_turns(0.25), 0.0);
        assert!((cosine_of_turns(1e6) - 1.0).abs() < 1e-10);
        assert!((cosine_of_turns(-0.5) + 1.0).abs() < 1e-10);
    }
}

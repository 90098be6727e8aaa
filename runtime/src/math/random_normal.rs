//! Random standard normal numbers.

use rand::{Rng, RngExt};

#[cfg(feature = "classical")]
use super::normal;

/// Samples by inversion of the distribution function, with one uniform number.
#[cfg(feature = "classical")]
pub(crate) fn by_inversion(rng: &mut impl Rng) -> f64 {
    // Keeps away from 0 and 1, whose quantiles are infinite.
    normal::quantile((rng.random::<f64>() + f64::EPSILON / 4.0).min(1.0 - f64::EPSILON / 2.0))
}

/// Samples by the transform of Box and Muller (1958), with two uniform numbers. It needs no
/// quantile function, so builds without the classical samplers have it too.
pub(crate) fn by_box_muller(rng: &mut impl Rng) -> f64 {
    let (radius, angle) = (1.0 - rng.random::<f64>(), rng.random::<f64>());
    libm::sqrt(-2.0 * libm::log(radius)) * libm::cos(core::f64::consts::TAU * angle)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_xoshiro::Xoshiro256PlusPlus;

    use super::*;

    fn has_the_moments_of_the_normal_distribution(
        draw: impl Fn(&mut Xoshiro256PlusPlus) -> f64,
    ) -> bool {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(9);
        let count = 40_000;
        let mut moments = [0.0; 4];
        for _ in 0..count {
            let x = draw(&mut rng);
            for (power, moment) in moments.iter_mut().enumerate() {
                *moment += libm::pow(x, power as f64 + 1.0) / f64::from(count);
            }
        }
        // Standard errors: 0.005, 0.007, 0.019, 0.05.
        let [mean, square, cube, fourth] = moments;
        mean.abs() < 0.02
            && (square - 1.0).abs() < 0.03
            && cube.abs() < 0.08
            && (fourth - 3.0).abs() < 0.2
    }

    #[test]
    fn both_methods_draw_from_the_normal_distribution() {
        assert!(has_the_moments_of_the_normal_distribution(by_box_muller));
        #[cfg(feature = "classical")]
        assert!(has_the_moments_of_the_normal_distribution(by_inversion));
        assert!(!has_the_moments_of_the_normal_distribution(|rng| 1.05 * by_box_muller(rng)));
    }
}

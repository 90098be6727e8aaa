use crate::math::normal;

/// Left of this, ratios of the normal distribution's tail are taken from their series.
const FAR: f64 = -50.0;

/// The logarithm of the expected improvement below `best` of a normal prediction, and its slopes by
/// mean and deviation.
///
/// `EI = σ·h(z)`, `h(z) = φ(z) + z·Φ(z)`, `z = (best − μ)/σ`, computed so that neither vanishes
/// where the improvement is unlikely: S. Ament, S. Daulton, D. Eriksson, M. Balandat, E. Bakshy,
/// Unexpected Improvements to Expected Improvement for Bayesian Optimization, NeurIPS 2023.
pub(super) fn log_expected_improvement(mean: f64, deviation: f64, best: f64) -> (f64, f64, f64) {
    let z = (best - mean) / deviation;
    let log_density = -0.5 * z * z - normal::HALF_LOG_TAU;
    let log_cdf = normal::log_cdf(z);
    let log_h = if z > -1.0 {
        libm::log(libm::exp(log_density) + z * normal::cdf(z))
    } else if z > FAR {
        // φ·(1 + z·Φ/φ), where the second term is close to −1.
        log_density + libm::log1p(z * libm::exp(log_cdf - log_density))
    } else {
        let inverse = 1.0 / (z * z);
        log_density - 2.0 * libm::log(-z) + libm::log1p(-3.0 * inverse * (1.0 - 5.0 * inverse))
    };
    let by_deviation = libm::exp(log_density - log_h) / deviation;
    let by_mean = -libm::exp(log_cdf - log_h) / deviation;
    (libm::log(deviation) + log_h, by_mean, by_deviation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_those_of_the_definition_and_the_tail_goes_on() {
        // σ·(φ(z) + z·Φ(z)) with 50 digits (mpmath 1.3).
        for (z, wanted) in [
            (2.0, 0.697_383_545_788_228_3),
            (0.0, -0.918_938_533_204_672_7),
            (-1.0, -2.485_121_025_712_641_3),
            (-10.0, -55.553_122_036_122_35),
            (-49.0, -1_209.203_826_792_377),
            (-51.0, -1_309.283_741_653_038),
        ] {
            let (value, ..) = log_expected_improvement(-z, 1.0, 0.0);
            assert!((value - wanted).abs() < 1e-9 * f64::abs(wanted), "{z}: {value} {wanted}");
        }
        assert!(log_expected_improvement(1e5, 1.0, 0.0).0.is_finite());
    }

    #[test]
    fn slopes_are_finite_differences() {
        for (mean, deviation) in [(0.3, 0.5), (4.0, 0.6), (-2.0, 1.0), (90.0, 1.0)] {
            let (_, by_mean, by_deviation) = log_expected_improvement(mean, deviation, 0.1);
            let at = |mean, deviation| log_expected_improvement(mean, deviation, 0.1).0;
            let step = 1e-5;
            let first = (at(mean + step, deviation) - at(mean - step, deviation)) / (2.0 * step);
            let second = (at(mean, deviation + step) - at(mean, deviation - step)) / (2.0 * step);
            assert!((first - by_mean).abs() < 1e-4 * (1.0 + by_mean.abs()), "{first} {by_mean}");
            assert!((second - by_deviation).abs() < 1e-4 * (1.0 + by_deviation.abs()));
        }
    }
}

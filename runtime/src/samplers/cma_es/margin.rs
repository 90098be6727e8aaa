//! The margin correction, which keeps discrete coordinates from collapsing onto one value.
//!
//! R. Hamano, S. Saito, M. Nomura, S. Shirakawa, CMA-ES with Margin: Lower-Bounding Marginal
//! Probability for Mixed-Integer Black-Box Optimization, GECCO 2022, section 4.2.

use super::{distribution::Distribution, layout::LevelCell};
use crate::math::normal;

/// Shifts the mean of coordinate `index` and scales its spread, so that values other than the
/// mean's have a total probability of at least `margin`, half of it on each side that exists.
///
/// `cell` is the cell of the mean's value. A distribution that already has the margin stays as it
/// is.
pub(super) fn correct(distribution: &mut Distribution, index: usize, cell: LevelCell, margin: f64) {
    let (mean, deviation) = (distribution.mean[index], distribution.deviation(index));
    match (cell.has_lower, cell.has_upper) {
        (false, false) => {}
        (true, true) => {
            // Equations (22)–(26).
            let low = normal::cdf((cell.low - mean) / deviation);
            let high = normal::cdf((mean - cell.high) / deviation);
            let half = margin / 2.0;
            if low >= half && high >= half {
                return;
            }
            let middle = 1.0 - low - high;
            let (raised_low, raised_high) = (low.max(half), high.max(half));
            let surplus = (1.0 - raised_low - raised_high - middle)
                / (raised_low + raised_high + middle - 3.0 * half);
            let low = raised_low + surplus * (raised_low - half);
            let high = raised_high + surplus * (raised_high - half);
            let (left, right) = (-normal::quantile(low), -normal::quantile(high));
            let (width, reach) = (cell.high - cell.low, left + right);
            // Both are positive unless the cell already has most of the probability.
            if reach > 0.0 && width > 0.0 {
                distribution.mean[index] = (cell.low * right + cell.high * left) / reach;
                distribution.scales[index] *= width / (reach * deviation);
            }
        }
        // Equation (21): with one neighbor, the mean moves near enough to it.
        (has_lower, _) => {
            let threshold = if has_lower { cell.low } else { cell.high };
            let reach = -normal::quantile(margin) * deviation;
            if (mean - threshold).abs() > reach {
                distribution.mean[index] = threshold + (mean - threshold).clamp(-reach, reach);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The probabilities below and above the cell after the correction, for a coordinate of ten
    /// values.
    fn outside(mean: f64, step: f64, margin: f64) -> (f64, f64, Distribution) {
        let mut distribution = Distribution::new(alloc::vec![mean], step);
        let level = libm::floor(mean * 10.0);
        let (low, high) = (level / 10.0, (level + 1.0) / 10.0);
        let cell = LevelCell { low, high, has_lower: level > 0.0, has_upper: level < 9.0 };
        correct(&mut distribution, 0, cell, margin);
        let (mean, deviation) = (distribution.mean[0], distribution.deviation(0));
        let below = normal::cdf((low - mean) / deviation);
        (below, normal::cdf((mean - high) / deviation), distribution)
    }

    #[test]
    fn neighbors_keep_their_probability_however_small_the_step() {
        for step in [1e-12, 1e-6, 1e-3, 0.02] {
            for mean in [0.401, 0.45, 0.499] {
                let (below, above, distribution) = outside(mean, step, 0.05);
                assert!(below > 0.0249 && above > 0.0249, "{mean}, {step}: {below}, {above}");
                assert!((0.4..0.5).contains(&distribution.mean[0]), "{distribution:?}");
            }
            let (_, above, _) = outside(0.02, step, 0.05);
            assert!(above > 0.0499, "first value, {step}: {above}");
            let (below, _, _) = outside(0.97, step, 0.05);
            assert!(below > 0.0499, "last value, {step}: {below}");
        }
    }

    #[test]
    fn a_wide_distribution_is_left_alone() {
        for mean in [0.45, 0.02, 0.97] {
            let (_, _, corrected) = outside(mean, 0.3, 0.05);
            assert_eq!(corrected, Distribution::new(alloc::vec![mean], 0.3));
        }
    }
}

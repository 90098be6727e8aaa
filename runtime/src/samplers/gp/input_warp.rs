//! Warping the inputs: ordered parameters are bent before the kernel sees them.

/// The places that are warped stay this far from the ends, where slopes would be infinite.
const MARGIN: f64 = 1e-4;

/// The shape of one parameter's warp: the logarithms of the two parameters of a Kumaraswamy
/// distribution, whose distribution function the warp is. Where both are 0, nothing is bent.
///
/// P. Kumaraswamy, A Generalized Probability Density Function for Double-Bounded Random Processes,
/// Journal of Hydrology 46 (1980); J. Snoek, K. Swersky, R. Zemel, R. P. Adams, Input Warping for
/// Bayesian Optimization of Non-Stationary Functions, ICML 2014 (with the beta distribution).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Shape {
    pub(super) log_a: f64,
    pub(super) log_b: f64,
}

/// Where a place is warped to, and the slopes of that.
#[derive(Clone, Copy, Debug)]
pub(super) struct Warped {
    pub(super) place: f64,
    pub(super) by_place: f64,
    pub(super) by_log_a: f64,
    pub(super) by_log_b: f64,
}

impl Shape {
    /// Where a place in the unit interval is warped to: `1 − (1 − xᵃ)ᵇ`, after it was drawn a
    /// little away from the ends.
    pub(super) fn place(self, x: f64) -> f64 {
        let (a, b) = (libm::exp(self.log_a), libm::exp(self.log_b));
        let log = libm::log(MARGIN + (1.0 - 2.0 * MARGIN) * x);
        -libm::expm1(b * libm::log(-libm::expm1(a * log)))
    }

    /// The same, with all slopes.
    pub(super) fn with_slopes(self, x: f64) -> Warped {
        let (a, b) = (libm::exp(self.log_a), libm::exp(self.log_b));
        let inner = MARGIN + (1.0 - 2.0 * MARGIN) * x;
        let log = libm::log(inner);
        let power = libm::exp(a * log);
        let rest = -libm::expm1(a * log);
        let log_rest = libm::log(rest);
        // (1 − xᵃ)ᵇ.
        let outside = libm::exp(b * log_rest);
        let by_power = b * outside / rest;
        Warped {
            place: -libm::expm1(b * log_rest),
            by_place: (1.0 - 2.0 * MARGIN) * by_power * a * power / inner,
            by_log_a: by_power * power * log * a,
            by_log_b: -outside * log_rest * b,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_warp_is_the_distribution_function_and_its_slopes_are_right() {
        let shape = Shape { log_a: libm::log(2.0), log_b: libm::log(3.0) };
        // 1 − (1 − ¼)³.
        assert!((shape.place(0.5) - 0.578_125).abs() < 1e-3);
        for (log_a, log_b) in [(0.0, 0.0), (0.7, -0.4), (-1.2, 0.5), (1.5, 1.5), (-1.5, -1.5)] {
            let shape = Shape { log_a, log_b };
            assert_eq!(shape.place(0.3), shape.with_slopes(0.3).place);
            let mut last = -1.0;
            for x in [0.0, 0.01, 0.3, 0.7, 0.99, 1.0] {
                let Warped { place, by_place, by_log_a, by_log_b } = shape.with_slopes(x);
                assert!((0.0..=1.0).contains(&place) && place > last, "{shape:?} {x}: {place}");
                last = place;
                let step = 1e-6;
                let close = |one: f64, other: f64| (one - other).abs() < 1e-4 * (1.0 + one.abs());
                if (0.01..=0.99).contains(&x) {
                    let slope = (shape.place(x + step) - shape.place(x - step)) / (2.0 * step);
                    assert!(close(slope, by_place), "{shape:?} {x}: {slope} {by_place}");
                }
                let at = |da: f64, db: f64| {
                    Shape { log_a: log_a + da, log_b: log_b + db }.with_slopes(x).place
                };
                let slope = (at(step, 0.0) - at(-step, 0.0)) / (2.0 * step);
                assert!(close(slope, by_log_a), "{shape:?} {x}: {slope} {by_log_a}");
                let slope = (at(0.0, step) - at(0.0, -step)) / (2.0 * step);
                assert!(close(slope, by_log_b), "{shape:?} {x}: {slope} {by_log_b}");
            }
        }
    }
}

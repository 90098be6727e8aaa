//! Input warping: monotone transforms of ordered parameters before the kernel.

/// Inputs are kept this far from 0 and 1, where the derivatives may be infinite.
const MARGIN: f64 = 1e-4;

/// Distribution function of the Kumaraswamy distribution, as the warp of one parameter; the
/// identity where both log parameters are 0.
///
/// P. Kumaraswamy, A Generalized Probability Density Function for Double-Bounded Random Processes,
/// Journal of Hydrology 46 (1980); J. Snoek, K. Swersky, R. Zemel, R. P. Adams, Input Warping for
/// Bayesian Optimization of Non-Stationary Functions, ICML 2014 (with the beta distribution).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Kumaraswamy {
    pub(super) log_a: f64,
    pub(super) log_b: f64,
}

/// A warped input with its derivatives.
#[derive(Clone, Copy, Debug)]
pub(super) struct WarpedInput {
    pub(super) value: f64,
    pub(super) by_input: f64,
    pub(super) by_log_a: f64,
    pub(super) by_log_b: f64,
}

impl Kumaraswamy {
    /// The warped value `1 − (1 − xᵃ)ᵇ` of an input in the unit interval, which is first moved
    /// slightly away from 0 and 1.
    pub(super) fn warp(self, x: f64) -> f64 {
        let (a, b) = (libm::exp(self.log_a), libm::exp(self.log_b));
        let log = libm::log(MARGIN + (1.0 - 2.0 * MARGIN) * x);
        -libm::expm1(b * libm::log(-libm::expm1(a * log)))
    }

    /// The warped value, with all derivatives.
    pub(super) fn warp_with_gradient(self, x: f64) -> WarpedInput {
        let (a, b) = (libm::exp(self.log_a), libm::exp(self.log_b));
        let inner = MARGIN + (1.0 - 2.0 * MARGIN) * x;
        let log = libm::log(inner);
        let power = libm::exp(a * log);
        let rest = -libm::expm1(a * log);
        let log_rest = libm::log(rest);
        // (1 − xᵃ)ᵇ.
        let outside = libm::exp(b * log_rest);
        let by_power = b * outside / rest;
        WarpedInput {
            value: -libm::expm1(b * log_rest),
            by_input: (1.0 - 2.0 * MARGIN) * by_power * a * power / inner,
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
        let shape = Kumaraswamy { log_a: libm::log(2.0), log_b: libm::log(3.0) };
        // 1 − (1 − ¼)³.
        assert!((shape.warp(0.5) - 0.578_125).abs() < 1e-3);
        for (log_a, log_b) in [(0.0, 0.0), (0.7, -0.4), (-1.2, 0.5), (1.5, 1.5), (-1.5, -1.5)] {
            let shape = Kumaraswamy { log_a, log_b };
            assert_eq!(shape.warp(0.3), shape.warp_with_gradient(0.3).value);
            let mut last = -1.0;
            for x in [0.0, 0.01, 0.3, 0.7, 0.99, 1.0] {
                let WarpedInput { value, by_input, by_log_a, by_log_b } =
                    shape.warp_with_gradient(x);
                assert!((0.0..=1.0).contains(&value) && value > last, "{shape:?} {x}: {value}");
                last = value;
                let step = 1e-6;
                let close = |one: f64, other: f64| (one - other).abs() < 1e-4 * (1.0 + one.abs());
                if (0.01..=0.99).contains(&x) {
                    let slope = (shape.warp(x + step) - shape.warp(x - step)) / (2.0 * step);
                    assert!(close(slope, by_input), "{shape:?} {x}: {slope} {by_input}");
                }
                let at = |da: f64, db: f64| {
                    Kumaraswamy { log_a: log_a + da, log_b: log_b + db }.warp_with_gradient(x).value
                };
                let slope = (at(step, 0.0) - at(-step, 0.0)) / (2.0 * step);
                assert!(close(slope, by_log_a), "{shape:?} {x}: {slope} {by_log_a}");
                let slope = (at(0.0, step) - at(0.0, -step)) / (2.0 * step);
                assert!(close(slope, by_log_b), "{shape:?} {x}: {slope} {by_log_b}");
            }
        }
    }
}

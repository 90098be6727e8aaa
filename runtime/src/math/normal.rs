//! The standard normal distribution, precise in both tails: Φ, log Φ, Φ⁻¹ and masses of intervals.

use core::f64::consts::{FRAC_1_SQRT_2, LN_2};

/// ½·ln 2π, the negative log density at 0.
pub(crate) const HALF_LOG_TAU: f64 = 0.918_938_533_204_672_7;

/// Below this, Φ approaches the smallest double, and only ln Φ is used.
const FAR_TAIL: f64 = -30.0;

/// Φ(x), to full relative precision down to x ≈ −37.
pub(crate) fn cdf(x: f64) -> f64 {
    0.5 * libm::erfc(-x * FRAC_1_SQRT_2)
}

/// ln Φ(x), for any x.
pub(crate) fn log_cdf(x: f64) -> f64 {
    if x > 5.0 {
        return libm::log1p(-cdf(-x));
    }
    if x > FAR_TAIL {
        return libm::log(libm::erfc(-x * FRAC_1_SQRT_2)) - LN_2;
    }
    // Abramowitz & Stegun 26.2.12; at |x| ≥ 30 the omitted terms are below 1e-16.
    let inverse = 1.0 / (x * x);
    let series = -inverse
        * (1.0
            - 3.0
                * inverse
                * (1.0 - 5.0 * inverse * (1.0 - 7.0 * inverse * (1.0 - 9.0 * inverse))));
    -0.5 * x * x - libm::log(-x) - HALF_LOG_TAU + libm::log1p(series)
}

/// ln(Φ(high) − Φ(low)), for `low < high`.
pub(crate) fn log_mass(low: f64, high: f64) -> f64 {
    // Doubles are dense near 0 and sparse near 1, so the computation happens in the left half.
    let (low, high) = if low > 0.0 { (-high, -low) } else { (low, high) };
    if high <= FAR_TAIL {
        let (log_low, log_high) = (log_cdf(low), log_cdf(high));
        return log_high + libm::log(-libm::expm1(log_low - log_high));
    }
    if high <= 0.0 {
        return libm::log(cdf(high) - cdf(low));
    }
    let outside = cdf(low) + cdf(-high);
    if outside < 0.5 {
        libm::log1p(-outside)
    } else {
        let inside = libm::erf(high * FRAC_1_SQRT_2) - libm::erf(low * FRAC_1_SQRT_2);
        libm::log(0.5 * inside)
    }
}

/// Φ⁻¹(p) to about 1e-15; ∓∞ at 0 and 1.
///
/// M. J. Wichura, Algorithm AS 241 (PPND16), Applied Statistics 37 (1988), 477–484.
pub(crate) fn quantile(p: f64) -> f64 {
    let centered = p - 0.5;
    if centered.abs() <= 0.425 {
        let r = 0.180_625 - centered * centered;
        return centered * ratio(r, &CENTER_NUMERATOR, &CENTER_DENOMINATOR);
    }
    let tail = if centered < 0.0 { p } else { 1.0 - p };
    let magnitude = if tail <= 0.0 {
        f64::INFINITY
    } else {
        let r = libm::sqrt(-libm::log(tail));
        if r <= 5.0 {
            ratio(r - 1.6, &MIDDLE_NUMERATOR, &MIDDLE_DENOMINATOR)
        } else {
            ratio(r - 5.0, &TAIL_NUMERATOR, &TAIL_DENOMINATOR)
        }
    };
    if centered < 0.0 { -magnitude } else { magnitude }
}

/// The quantile `q` of the normal distribution truncated to `[low, high]`, where `low ≤ 0 ≤ high`.
pub(crate) fn truncated_quantile(q: f64, low: f64, high: f64) -> f64 {
    let (left, right) = (cdf(low), cdf(-high));
    let inside = 1.0 - left - right;
    let below = left + q * inside;
    let x = if below <= 0.5 { quantile(below) } else { -quantile(right + (1.0 - q) * inside) };
    x.clamp(low, high)
}

/// The ratio of two polynomials of degree 7, lowest coefficient first.
fn ratio(x: f64, numerator: &[f64; 8], denominator: &[f64; 8]) -> f64 {
    let evaluate = |coefficients: &[f64; 8]| {
        coefficients.iter().rev().fold(0.0, |sum, coefficient| sum * x + coefficient)
    };
    evaluate(numerator) / evaluate(denominator)
}

const CENTER_NUMERATOR: [f64; 8] = [
    3.387_132_872_796_366_5,
    1.331_416_678_917_843_8e2,
    1.971_590_950_306_551_3e3,
    1.373_169_376_550_946e4,
    4.592_195_393_154_987e4,
    6.726_577_092_700_87e4,
    3.343_057_558_358_813e4,
    2.509_080_928_730_122_7e3,
];
const CENTER_DENOMINATOR: [f64; 8] = [
    1.0,
    4.231_333_070_160_091e1,
    6.871_870_074_920_579e2,
    5.394_196_021_424_751e3,
    2.121_379_430_158_659_7e4,
    3.930_789_580_009_271e4,
    2.872_908_573_572_194_3e4,
    5.226_495_278_852_854e3,
];
const MIDDLE_NUMERATOR: [f64; 8] = [
    1.423_437_110_749_683_5,
    4.630_337_846_156_546,
    5.769_497_221_460_691,
    3.647_848_324_763_204_5,
    1.270_458_252_452_368_4,
    2.417_807_251_774_506e-1,
    2.272_384_498_926_918_4e-2,
    7.745_450_142_783_414e-4,
];
const MIDDLE_DENOMINATOR: [f64; 8] = [
    1.0,
    2.053_191_626_637_759,
    1.676_384_830_183_803_8,
    6.897_673_349_851e-1,
    1.481_039_764_274_800_8e-1,
    1.519_866_656_361_645_7e-2,
    5.475_938_084_995_345e-4,
    1.050_750_071_644_416_9e-9,
];
const TAIL_NUMERATOR: [f64; 8] = [
    6.657_904_643_501_103,
    5.463_784_911_164_114,
    1.784_826_539_917_291_3,
    2.965_605_718_285_048_7e-1,
    2.653_218_952_657_612_4e-2,
    1.242_660_947_388_078_4e-3,
    2.711_555_568_743_487_6e-5,
    2.010_334_399_292_288_1e-7,
];
const TAIL_DENOMINATOR: [f64; 8] = [
    1.0,
    5.998_322_065_558_88e-1,
    1.369_298_809_227_358e-1,
    1.487_536_129_085_061_5e-2,
    7.868_691_311_456_133e-4,
    1.846_318_317_510_054_8e-5,
    1.421_511_758_316_446e-7,
    2.044_263_103_389_939_8e-15,
];

/// Reference values: 40 digits, mpmath 1.3, rounded.
#[cfg(test)]
mod tests {
    use super::*;

    fn assert_close(what: &str, got: f64, want: f64, relative: f64) {
        let error = (got - want).abs();
        assert!(error <= relative * want.abs(), "{what}: {got:e}, not {want:e}");
    }

    #[test]
    fn log_cdf_holds_in_both_tails() {
        for (x, want) in [
            (-1e4, -50_000_010.129_278_91),
            (-100.0, -5_005.524_208_694_205),
            (-37.5, -707.668_989_317_507_2),
            (-30.5, -469.462_737_322_911_2),
            (-29.5, -439.429_474_609_150_2),
            (-10.0, -53.231_285_150_512_47),
            (-1.0, -1.841_021_645_009_263_5),
            (0.0, -core::f64::consts::LN_2),
            (2.0, -0.023_012_909_328_963_488),
            (6.0, -9.865_876_455_243_757e-10),
            (9.0, -1.128_588_405_953_840_6e-19),
        ] {
            assert_close(&alloc::format!("log_cdf({x})"), log_cdf(x), want, 1e-13);
        }
    }

    #[test]
    fn log_mass_holds_for_narrow_and_far_intervals() {
        for (low, high, want, relative) in [
            (-50.0, -49.0, -1_205.311_174_891_665_3, 1e-13),
            (-31.0, -29.5, -439.429_474_609_150_2, 1e-13),
            (-12.5, -12.25, -78.507_724_749_504_92, 1e-13),
            (-3.0, -1.0, -1.849_566_420_547_608_4, 1e-13),
            (-0.001, 0.002, -6.728_082_023_518_55, 1e-12),
            (-1.0, 4.0, -0.172_791_423_328_125, 1e-13),
            (-9.0, 10.0, -1.128_664_604_484_082_3e-19, 1e-12),
            (5.0, 5.5, -15.133_540_811_271_288, 1e-13),
            (40.0, 40.5, -804.608_442_015_550_3, 1e-13),
            (0.0, 1e-5, -12.431_863_998_191_568, 1e-11),
            (20.0, 20.000_01, -212.431_963_996_562_75, 1e-11),
            (-100.0, 0.5, -0.368_946_415_288_656_4, 1e-13),
        ] {
            let what = alloc::format!("log_mass({low}, {high})");
            assert_close(&what, log_mass(low, high), want, relative);
            let mirrored = log_mass(-high, -low);
            assert_close(&what, mirrored, want, relative);
        }
    }

    #[test]
    fn quantile_inverts_the_cdf() {
        for (p, want) in [
            (1e-300, -37.047_096_299_361_2),
            (1e-20, -9.262_340_089_798_408),
            (1e-5, -4.264_890_793_922_825),
            (0.01, -2.326_347_874_040_841),
            (0.2, -0.841_621_233_572_914_2),
            (0.5, 0.0),
            (0.7, 0.524_400_512_708_040_7),
            (0.999, 3.090_232_306_167_813),
        ] {
            assert_close(&alloc::format!("quantile({p:e})"), quantile(p), want, 1e-13);
        }
        assert_eq!((quantile(0.0), quantile(1.0)), (f64::NEG_INFINITY, f64::INFINITY));
        for step in 1..1000 {
            let p = f64::from(step) / 1000.0;
            assert_close(&alloc::format!("cdf(quantile({p}))"), cdf(quantile(p)), p, 1e-14);
        }
    }

    #[test]
    fn truncated_quantile_stays_between_its_ends() {
        for (q, low, high, want) in [
            (0.5, -1.0, 3.0, 0.198_447_899_603_447_3),
            (0.999, -0.5, 0.25, 0.249_249_636_611_027_02),
            (0.01, -8.0, 60.0, -2.326_347_874_040_818),
            (0.999_999_9, -2.0, 9.0, 5.203_613_798_926_281),
            (0.3, 0.0, 100.0, 0.385_320_466_407_567_6),
            (0.3, -100.0, 0.0, -1.036_433_389_493_789_6),
        ] {
            let got = truncated_quantile(q, low, high);
            assert_close(&alloc::format!("{q} of [{low}, {high}]"), got, want, 1e-8);
        }
        for (low, high) in [(-1.0, 3.0), (0.0, 1e12), (-1e12, 0.0), (0.0, 1e-9), (-1e-300, 1e-300)]
        {
            for q in [0.0, 1e-300, 0.2, 0.5, 1.0 - f64::EPSILON / 2.0, 1.0] {
                let x = truncated_quantile(q, low, high);
                assert!(x >= low && x <= high, "{x} is not in [{low}, {high}]");
            }
        }
    }
}

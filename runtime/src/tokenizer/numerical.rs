//! Numbers in `[0, 1]` and the bins that stand for them.

use super::vocabulary::{BINS, Token};

/// The bin of a number: `min(floor(unit · 1000), 999)`; numbers outside are clamped.
pub fn bin(unit: f64) -> Token {
    ((unit.clamp(0.0, 1.0) * BINS as f64) as usize).min(BINS - 1) as Token
}

/// The middle of a bin: at most half a bin from every number in it.
pub fn center(bin: Token) -> f64 {
    (f64::from(bin.min(BINS as Token - 1)) + 0.5) / BINS as f64
}

/// A number inside a bin, `fraction` of the way through it.
///
/// In the first and last bin the bound itself takes half of the fractions, so that an optimum on a
/// bound can be proposed exactly.
pub fn within(bin: Token, fraction: f64) -> f64 {
    let bin = bin.min(BINS as Token - 1);
    if bin == 0 && fraction < 0.5 {
        0.0
    } else if usize::from(bin) == BINS - 1 && fraction > 0.5 {
        1.0
    } else {
        (f64::from(bin) + fraction.clamp(0.0, 1.0)) / BINS as f64
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_bounds_can_be_proposed() {
        assert_eq!(within(0, 0.0), 0.0);
        assert_eq!(within(999, 0.999), 1.0);
        assert_eq!((bin(0.0), bin(1.0)), (0, 999));
        assert_eq!((bin(-3.0), bin(7.0), bin(f64::NAN)), (0, 999, 0));
    }

    proptest! {
        #[test]
        fn a_round_trip_is_within_half_a_bin(unit in 0.0..=1.0_f64) {
            prop_assert!((center(bin(unit)) - unit).abs() <= 0.5 / BINS as f64 + 1e-12);
        }

        #[test]
        fn a_number_within_a_bin_stays_in_it(number in 0..BINS as Token, fraction in 0.0..1.0_f64) {
            let unit = within(number, fraction);
            prop_assert!((0.0..=1.0).contains(&unit));
            prop_assert!((unit - center(number)).abs() <= 0.5 / BINS as f64 + 1e-12);
        }
    }
}

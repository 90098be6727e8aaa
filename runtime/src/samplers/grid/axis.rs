//! The levels of one parameter of a grid.

use alloc::format;

use crate::space::{Domain, FINEST_STEP};

/// Smallest spacing of floats that is told apart next to zero: 16 denormal steps.
const FINEST_DENORMAL_STEP: f64 = 8e-323;

/// Smallest spacing of the levels of a logarithmic int, in the logarithm. With finer ones the
/// rounding of the exponential function could make two levels equal.
const FINEST_LOG_SPACING: f64 = 1.0 / 16_777_216.0;

/// How far a value may lie from a level that it stands for, as a fraction of the spacing.
const TOLERANCE: f64 = 1e-6;

/// Levels of a domain, ascending and distinct, with both ends of its range.
#[derive(Clone, Copy, Debug)]
pub struct Axis<'a> {
    domain: &'a Domain,
    count: u64,
}

impl<'a> Axis<'a> {
    /// `points` levels of a domain, or as many as it has: all choices of a categorical, which has
    /// no ends that could stand for the others.
    pub fn new(domain: &'a Domain, points: u64) -> Self {
        let count = match domain {
            Domain::Categorical { choices } => choices.len() as u64,
            Domain::Int { .. } | Domain::Float { step: Some(_), .. } => {
                points.min(domain.levels().unwrap_or(1))
            }
            Domain::Float { low, high, log, step: None } => points.min(distinct(*low, *high, *log)),
        };
        Self { domain, count }
    }

    /// Number of levels, at least one.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The value of a level, below [`count`](Self::count). A single level is the middle.
    pub fn value(&self, level: u64) -> f64 {
        match self.domain {
            Domain::Categorical { .. } => level as f64,
            Domain::Float { low, high, log, step: None } => self.float(level, *low, *high, *log),
            Domain::Int { low, high, log: true, .. }
                if self.spacing(*low, *high, true) >= FINEST_LOG_SPACING
                    && self.domain.levels() != Some(self.count) =>
            {
                self.log_int(level, *low, *high)
            }
            _ => self.domain.level(self.spread(level)),
        }
    }

    /// The level that a legal value stands for; `None` where it lies between levels.
    pub fn level_of(&self, value: f64) -> Option<u64> {
        if self.domain.is_categorical() {
            return Some(value as u64);
        }
        // The first level that is not below the value.
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.value(middle) < value { low = middle + 1 } else { high = middle }
        }
        let neighbors = [low.checked_sub(1), (low < self.count).then_some(low)];
        let gap = match neighbors {
            [Some(below), Some(above)] => self.value(above) - self.value(below),
            _ => self.range() / (self.count.max(2) - 1) as f64,
        };
        let is_near = |level: &u64| (self.value(*level) - value).abs() <= TOLERANCE * gap;
        neighbors.into_iter().flatten().find(is_near)
    }

    /// Evenly spaced levels, rounded to 15 digits where that moves none of them visibly.
    fn float(&self, level: u64, low: f64, high: f64, log: bool) -> f64 {
        let place = match self.count {
            1 => 0.5,
            count => level as f64 / (count - 1) as f64,
        };
        let value = self.domain.from_unit(place);
        if value == low || value == high {
            return value;
        }
        let spacing = self.spacing(low, high, log);
        let gap = if log { value * spacing } else { spacing };
        let short = format!("{value:.14e}").parse().unwrap_or(value);
        let is_same = (short - value).abs() <= TOLERANCE * gap && (low..=high).contains(&short);
        if is_same { short } else { value }
    }

    /// Evenly spaced in the logarithm, and at least one apart.
    ///
    /// The exponential is convex: where it starts with steps below one, it stays below the line of
    /// steps of one until it crosses that, and has larger steps from there on.
    fn log_int(&self, level: u64, low: f64, high: f64) -> f64 {
        let (bottom, top) = (libm::log(low), libm::log(high));
        if self.count == 1 {
            return libm::round(libm::exp(0.5 * (bottom + top)));
        }
        let last = self.count - 1;
        let place = level as f64 / last as f64;
        let value = libm::round(libm::exp(bottom + place * (top - bottom)));
        value.max(low + level as f64).min(high - (last - level) as f64)
    }

    /// The level of the domain for one of the axis, evenly spread from the first to the last.
    fn spread(&self, level: u64) -> u64 {
        let last = u128::from(self.domain.levels().unwrap_or(1) - 1);
        match u128::from(self.count) {
            1 => (last / 2) as u64,
            count => ((u128::from(level) * last + (count - 1) / 2) / (count - 1)) as u64,
        }
    }

    /// Distance of neighboring levels, in the logarithm if `log`.
    fn spacing(&self, low: f64, high: f64, log: bool) -> f64 {
        let range = if log { libm::log(high) - libm::log(low) } else { high - low };
        range / (self.count.max(2) - 1) as f64
    }

    fn range(&self) -> f64 {
        match self.domain {
            Domain::Float { low, high, .. } | Domain::Int { low, high, .. } => high - low,
            Domain::Categorical { .. } => 0.0,
        }
    }
}

/// How many evenly spaced doubles a range has for certain: 2 at least, its ends.
fn distinct(low: f64, high: f64, log: bool) -> u64 {
    let steps = if log {
        let step = FINEST_STEP.max(libm::log1p(FINEST_DENORMAL_STEP / low));
        (libm::log(high) - libm::log(low)) / step
    } else {
        let step = (FINEST_STEP * low.abs().max(high.abs())).max(FINEST_DENORMAL_STEP);
        (high - low) / step
    };
    (steps as u64).max(1).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use alloc::{vec, vec::Vec};

    use proptest::prelude::*;

    use super::*;
    use crate::space::Parameter;

    fn levels(parameter: &Parameter, points: u64) -> Vec<f64> {
        let axis = Axis::new(parameter.domain(), points);
        (0..axis.count()).map(|level| axis.value(level)).collect()
    }

    #[test]
    fn levels_are_even_and_have_both_ends() {
        let float = Parameter::float("x", -1.0, 2.0);
        assert_eq!(levels(&float, 4), [-1.0, 0.0, 1.0, 2.0]);
        assert_eq!(levels(&float, 1), [0.5]);
        assert_eq!(levels(&Parameter::float("x", 0.0, 0.3), 4), [0.0, 0.1, 0.2, 0.3]);
        let log = Parameter::float("x", 1e-4, 1.0).log();
        assert_eq!(levels(&log, 5), [1e-4, 1e-3, 0.01, 0.1, 1.0]);
        assert_eq!(levels(&log, 1), [0.01]);
        let step = Parameter::float("x", 0.0, 0.5).step(0.1);
        assert_eq!(levels(&step, 3), [0.0, 0.1 * 3.0, 0.5]);
        assert_eq!(levels(&step, 9).len(), 6);
        assert_eq!(levels(&Parameter::int("n", 10, 200), 3), [10.0, 105.0, 200.0]);
        assert_eq!(levels(&Parameter::int("n", 2, 8), 3), [2.0, 5.0, 8.0]);
        assert_eq!(levels(&Parameter::int("n", 1, 3), 9), [1.0, 2.0, 3.0]);
        assert_eq!(levels(&Parameter::int("n", 1, 20).step(3.0), 3), [1.0, 10.0, 19.0]);
        let log = Parameter::int("n", 1, 256).log();
        assert_eq!(levels(&log, 5), [1.0, 4.0, 16.0, 64.0, 256.0]);
        assert_eq!(levels(&log, 1), [16.0]);
        let kind = Parameter::categorical("k", ["a", "b", "c", "d"]);
        assert_eq!(levels(&kind, 2), [0.0, 1.0, 2.0, 3.0]);
    }

    #[test]
    fn narrow_ranges_have_fewer_levels() {
        for parameter in [
            Parameter::float("x", 1.0, 1.0 + 4.0 * f64::EPSILON),
            Parameter::float("x", 1.0, 1.0 + f64::EPSILON).log(),
            Parameter::float("x", 0.0, 5e-324),
            Parameter::float("x", 5e-324, 1e-323).log(),
        ] {
            assert_eq!(levels(&parameter, 1000).len(), 2, "{parameter:?}");
        }
        assert_eq!(levels(&Parameter::float("x", -8e307, 8e307), 3), [-8e307, 0.0, 8e307]);
        let axis = Parameter::float("x", 0.0, 1.0);
        assert_eq!(Axis::new(axis.domain(), u64::MAX).count(), (1 << 40) + 1);
    }

    fn parameters() -> impl Strategy<Value = Parameter> {
        let ints = (1..2_000_000_i64, 1..5_000_000_i64);
        prop_oneof![
            (-1e3..1e3_f64, 1e-6..1e6_f64).prop_map(|(low, range)| Parameter::float(
                "x",
                low,
                low + range
            )),
            (1e-9..1e3_f64, 1.001..1e9_f64).prop_map(|(low, ratio)| Parameter::float(
                "x",
                low,
                low * ratio
            )
            .log()),
            ints.clone().prop_map(|(low, range)| Parameter::int("n", low, low + range)),
            ints.prop_map(|(low, range)| Parameter::int("n", low, low + range).log()),
            (1..9_i64, 1..60_i64)
                .prop_map(|(low, range)| Parameter::int("n", low, low + range).log()),
            (1..50_i64).prop_map(|range| Parameter::int("n", 0, 7 * range + 3).step(7.0)),
            (1..90_u32).prop_map(|range| Parameter::float("x", 0.5, f64::from(range)).step(0.3)),
        ]
    }

    proptest! {
        #[test]
        fn levels_ascend_are_legal_and_found_again(
            parameter in parameters(),
            points in prop_oneof![1..12_u64, 1..3_000_000_u64],
            start in 0.0..1.0_f64,
        ) {
            let axis = Axis::new(parameter.domain(), points);
            prop_assert!(axis.count() >= 1 && axis.count() <= points);
            let first = (start * axis.count().saturating_sub(40) as f64) as u64;
            let mut places: Vec<u64> = (first..axis.count().min(first + 40)).collect();
            places.extend(vec![0, axis.count() - 1]);
            for level in places {
                let value = axis.value(level);
                prop_assert!(parameter.check_value(value).is_ok(), "{value}");
                prop_assert_eq!(axis.level_of(value), Some(level));
                if level > 0 {
                    prop_assert!(axis.value(level - 1) < value);
                }
            }
            if axis.count() > 1 {
                let domain = parameter.domain();
                prop_assert_eq!(axis.value(0), domain.from_unit(0.0));
                prop_assert_eq!(axis.value(axis.count() - 1), domain.from_unit(1.0));
            }
        }
    }

    #[test]
    fn values_between_levels_stand_for_none() {
        let parameter = Parameter::float("x", 0.0, 1.0);
        let axis = Axis::new(parameter.domain(), 3);
        assert_eq!(
            [0.5 + 1e-9, 0.5 - 1e-9, 1.0].map(|x| axis.level_of(x)),
            [Some(1), Some(1), Some(2)]
        );
        assert_eq!([0.1, 0.5 + 1e-3, 0.999].map(|x| axis.level_of(x)), [None; 3]);
        let parameter = Parameter::int("n", 0, 1000);
        let axis = Axis::new(parameter.domain(), 3);
        assert_eq!([1.0, 499.0, 500.0].map(|n| axis.level_of(n)), [None, None, Some(1)]);
    }
}

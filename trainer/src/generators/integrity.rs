//! What a function must be to be worth learning from.
//!
//! A function is thrown out when, at [`PROBES`] uniform points,
//! - a value is not finite, or larger than [`MAX_MAGNITUDE`] (losses are kept in single precision);
//! - more than [`MAX_FAILURE_RATE`] of the trials fail;
//! - it is constant or nearly so: fewer than [`MIN_DISTINCT_VALUES`] different values (or than
//!   half of the configurations that exist, where these are few), a single value at more than
//!   [`MAX_TIED_SHARE`] of the points, or a spread below [`MIN_RELATIVE_SPREAD`] of the largest
//!   magnitude;
//!
//! and when its optimum lies more than [`MAX_OPTIMUM_DEPTH`] times as far below the third quartile
//! as the twentieth part of the points does: nobody finds such a needle but by chance; or when more
//! than [`MAX_OPTIMUM_SHARE`] of the points are as good as it: everybody finds it at once.

use super::Function;
use crate::random::SeededRng;

/// How many uniform points are looked at.
pub const PROBES: usize = 384;
/// The largest magnitude of a value.
pub const MAX_MAGNITUDE: f64 = 1e12;
/// The largest share of failed trials.
pub const MAX_FAILURE_RATE: f64 = 0.6;
/// The fewest different values.
pub const MIN_DISTINCT_VALUES: usize = 6;
/// The largest share of the points that may have one and the same value.
pub const MAX_TIED_SHARE: f64 = 0.75;
/// The smallest spread of the values, as a share of the largest magnitude.
pub const MIN_RELATIVE_SPREAD: f64 = 1e-4;
/// The deepest optimum.
pub const MAX_OPTIMUM_DEPTH: f64 = 30.0;
/// The largest share of the points that may be as good as the optimum.
pub const MAX_OPTIMUM_SHARE: f64 = 0.25;

/// Values of a function at uniform points.
#[derive(Clone, Debug)]
pub struct ProbeSet {
    /// The points that have a value, and the values, the lowest first.
    points: Vec<(f64, Vec<f64>)>,
    looked_at: usize,
    /// How many configurations there are, if not more than twice as many as are needed.
    size: Option<usize>,
}

impl ProbeSet {
    /// Looks at a function.
    pub fn of(function: &Function, rng: &mut SeededRng) -> Self {
        let mut points: Vec<(f64, Vec<f64>)> = (0..PROBES)
            .filter_map(|_| {
                let values = function.uniform(rng);
                Some((function.evaluate(&values)?, values))
            })
            .collect();
        points.sort_unstable_by(|one, other| one.0.total_cmp(&other.0));
        let size = function.space.enumerate(2 * MIN_DISTINCT_VALUES).map(|all| all.len());
        Self { points, looked_at: PROBES, size }
    }

    /// The points that have a value, and the values, the lowest first.
    pub fn points(&self) -> &[(f64, Vec<f64>)] {
        &self.points
    }

    /// The share of the points looked at where trials fail.
    pub fn failure_rate(&self) -> f64 {
        1.0 - self.points.len() as f64 / self.looked_at.max(1) as f64
    }

    /// The value that a share of the points does not exceed; 0 when there are none.
    pub fn quantile(&self, share: f64) -> f64 {
        let place = (share * self.points.len() as f64) as usize;
        let last = self.points.len().saturating_sub(1);
        self.points.get(place.min(last)).map_or(0.0, |point| point.0)
    }

    /// The distance between the quartiles; where these coincide, a twentieth of the range.
    pub fn spread(&self) -> f64 {
        let range = self.quantile(1.0) - self.quantile(0.0);
        let quartiles = self.quantile(0.75) - self.quantile(0.25);
        if quartiles > 0.0 { quartiles } else { range / 20.0 }
    }

    /// Whether the function is worth learning from.
    ///
    /// # Errors
    ///
    /// Why it is not.
    pub fn check_values(&self) -> Result<(), &'static str> {
        let values = || self.points.iter().map(|point| point.0);
        if values().any(|value| !value.is_finite() || value.abs() > MAX_MAGNITUDE) {
            return Err("a value is not finite, or too large");
        }
        if (self.points.len() as f64) < (1.0 - MAX_FAILURE_RATE) * self.looked_at as f64 {
            return Err("too many trials fail");
        }
        let (mut different, mut run, mut longest) = (0, 0, 0);
        let mut before = None;
        for value in values() {
            run = if before == Some(value) { run + 1 } else { 1 };
            different += usize::from(run == 1);
            longest = longest.max(run);
            before = Some(value);
        }
        let wanted =
            self.size.map_or(MIN_DISTINCT_VALUES, |size| MIN_DISTINCT_VALUES.min(size / 2)).max(2);
        if different < wanted || longest as f64 > MAX_TIED_SHARE * self.points.len() as f64 {
            return Err("constant, or nearly so");
        }
        let (low, high) = (self.quantile(0.0), self.quantile(1.0));
        if high - low <= MIN_RELATIVE_SPREAD * low.abs().max(high.abs()) {
            return Err("the spread is lost in single precision");
        }
        Ok(())
    }

    /// Whether an optimum with this loss can be found but by chance, and takes a search.
    ///
    /// # Errors
    ///
    /// Why it cannot.
    pub fn check_optimum(&self, optimum: f64) -> Result<(), &'static str> {
        let quartile = self.quantile(0.75);
        let reach = quartile - self.quantile(0.05);
        if !optimum.is_finite() || optimum.abs() > MAX_MAGNITUDE {
            return Err("the optimum is not finite, or too large");
        }
        if quartile - optimum > MAX_OPTIMUM_DEPTH * reach.max(self.spread()) {
            return Err("the optimum is a needle");
        }
        if self.quantile(MAX_OPTIMUM_SHARE) <= optimum {
            return Err("the optimum is everywhere");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::{
        super::{Landscape, structure::Structure},
        *,
    };
    use crate::{
        generators::{FunctionOptions, SampledFunction},
        problem::{FunctionFamily, ParameterKind},
    };

    struct Plain(fn(&[f64]) -> f64);

    impl Landscape for Plain {
        fn dimensions(&self) -> usize {
            2
        }

        fn evaluate(&self, unit: &[f64]) -> f64 {
            (self.0)(unit)
        }

        fn description(&self) -> String {
            String::from("plain")
        }
    }

    fn probes(kinds: [ParameterKind; 2], formula: fn(&[f64]) -> f64) -> ProbeSet {
        let mut rng = SeededRng::seed_from_u64(1);
        let landscape = Box::new(Plain(formula));
        let function = Function::over(
            Structure::plain(kinds.to_vec()),
            FunctionFamily::Symbolic,
            landscape,
            &mut rng,
        );
        ProbeSet::of(&function, &mut rng)
    }

    #[test]
    fn functions_that_teach_nothing_are_thrown_out() {
        let kinds = [ParameterKind::Continuous, ParameterKind::Levels(5)];
        for (name, formula) in [
            ("constant", (|_| 3.0) as fn(&[f64]) -> f64),
            ("not a number", |unit| if unit[0] > 0.9 { f64::NAN } else { unit[0] }),
            ("infinite", |unit| 1.0 / (unit[0] - 0.5).max(0.0)),
            ("too large", |unit| 1e13 * unit[0]),
            ("mostly flat", |unit| if unit[0] < 0.8 { 0.0 } else { unit[0] }),
            ("two values", |unit| (2.0 * unit[0]).floor()),
            ("a whisper on a shout", |unit| 1e6 + unit[0]),
        ] {
            assert!(probes(kinds, formula).check_values().is_err(), "{name}");
        }
        for (name, formula) in [
            ("plane", (|unit| unit[0] + unit[1]) as fn(&[f64]) -> f64),
            ("stairs", |unit| (10.0 * unit[0]).floor()),
            ("half flat", |unit| unit[0].max(0.5)),
        ] {
            assert_eq!(probes(kinds, formula).check_values(), Ok(()), "{name}");
        }
        // Where there are four configurations, two values are all one can ask for.
        let few = [ParameterKind::Levels(2), ParameterKind::Categorical(2)];
        assert_eq!(probes(few, |unit| unit[0]).check_values(), Ok(()));
    }

    #[test]
    fn needles_are_thrown_out() {
        let probes = probes([ParameterKind::Continuous; 2], |unit| unit[0]);
        assert_eq!(probes.check_optimum(0.0), Ok(()));
        assert!(probes.check_optimum(-100.0).is_err());
        assert!(probes.check_optimum(f64::NEG_INFINITY).is_err());
    }

    #[test]
    fn optima_that_are_everywhere_are_thrown_out() {
        let broad = probes([ParameterKind::Continuous; 2], |unit| unit[0].max(0.4));
        assert_eq!(broad.check_values(), Ok(()));
        assert!(broad.check_optimum(0.4).is_err());
        let narrower = probes([ParameterKind::Continuous; 2], |unit| unit[0].max(0.1));
        assert_eq!(narrower.check_optimum(0.1), Ok(()));
    }

    #[test]
    fn what_is_drawn_has_passed() {
        for index in 0..40 {
            let SampledFunction { probes, optimum, .. } =
                SampledFunction::draw(&FunctionOptions::default(), 3, index);
            assert_eq!(probes.check_values(), Ok(()));
            assert_eq!(probes.check_optimum(optimum.loss), Ok(()));
        }
    }
}

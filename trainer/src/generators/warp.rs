//! Distortions of a landscape's inputs and output.

use rand::RngExt;

use super::{Landscape, cosine::cosine_of_turns};
use crate::random::{self, SeededRng, log_uniform};

/// A monotone map of `[0, 1]` onto itself (onto some of its points, for [`InputWarp::Stairs`]).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum InputWarp {
    /// Nothing.
    Identity,
    /// `1 − (1 − xᵃ)ᵇ`, the distribution function of Kumaraswamy (1980), as input warping for
    /// Bayesian optimization uses it (Cowen-Rivers et al., *HEBO*, 2022).
    Kumaraswamy(f64, f64),
    /// `(eᵏˣ − 1)/(eᵏ − 1)`: a parameter declared linear that should be logarithmic (or the
    /// reverse, `k < 0`).
    Exponential(f64),
    /// So many steps.
    Stairs(f64),
}

impl InputWarp {
    fn draw(rng: &mut SeededRng) -> Self {
        match random::weighted(&[4.0, 5.0, 1.0], rng) {
            0 => Self::Kumaraswamy(
                log_uniform(1.0 / 3.0, 3.0, rng),
                log_uniform(1.0 / 3.0, 3.0, rng),
            ),
            1 => {
                let strength = rng.random_range(1.0..7.0);
                Self::Exponential(if rng.random_bool(0.5) { strength } else { -strength })
            }
            _ => Self::Stairs(f64::from(rng.random_range(3..30))),
        }
    }

    /// The image of `x` in `[0, 1]`.
    pub fn apply(self, x: f64) -> f64 {
        match self {
            Self::Identity => x,
            Self::Kumaraswamy(a, b) => 1.0 - (1.0 - x.powf(a)).max(0.0).powf(b),
            Self::Exponential(k) => (k * x).exp_m1() / k.exp_m1(),
            Self::Stairs(steps) => (x * steps).floor().min(steps - 1.0) / (steps - 1.0),
        }
        .clamp(0.0, 1.0)
    }

    /// A place in `[0, 1]` whose image is `y`, or as near as this map comes to it: found by
    /// halving.
    pub fn invert(self, y: f64) -> f64 {
        if self == Self::Identity || y <= 0.0 || y >= 1.0 {
            return y.clamp(0.0, 1.0);
        }
        let (mut low, mut high) = (0.0, 1.0);
        for _ in 0..40 {
            let middle = 0.5 * (low + high);
            if self.apply(middle) < y {
                low = middle;
            } else {
                high = middle;
            }
        }
        // Of stairs, the step nearer to `y`.
        if (self.apply(low) - y).abs() < (self.apply(high) - y).abs() { low } else { high }
    }
}

/// A monotone map of a landscape's values, given in units of its interquartile range from its
/// median.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum OutputWarp {
    /// Nothing.
    Identity,
    /// `eᵏᶻ/k`: most of the range is taken by the bad end.
    Exponential(f64),
    /// `sign(z) |z|ᵖ`.
    Power(f64),
    /// `ln(w + z − floor)`: steep at the good end.
    Logarithm {
        /// Below what is expected to be the lowest value.
        floor: f64,
        /// How near the logarithm comes to its pole.
        width: f64,
    },
    /// Values above a ceiling are the ceiling: a plateau.
    Ceiling(f64),
    /// Whole multiples of a step: plateaus everywhere.
    Stairs(f64),
    /// `w ln(1 + e^((z − floor)/w))`, and a slight slope: below a floor hardly anything is gained
    /// any more, as an accuracy comes to its ceiling over a broad region.
    Saturation {
        /// Where the gain ends.
        floor: f64,
        /// How gradually.
        width: f64,
    },
}

impl OutputWarp {
    fn draw(lowest: f64, rng: &mut SeededRng) -> Self {
        match random::weighted(&[45.0, 13.0, 8.0, 10.0, 8.0, 5.0, 11.0], rng) {
            0 => Self::Identity,
            1 => Self::Exponential(log_uniform(0.3, 3.0, rng)),
            2 => Self::Power(log_uniform(0.5, 3.0, rng)),
            3 => Self::Logarithm { floor: lowest, width: log_uniform(0.05, 1.0, rng) },
            4 => Self::Ceiling(rng.random_range(-0.3..0.6)),
            5 => Self::Stairs(log_uniform(0.03, 0.4, rng)),
            _ => Self::Saturation {
                floor: rng.random_range(-0.8..0.3),
                width: log_uniform(0.03, 0.5, rng),
            },
        }
    }

    /// The image of `z`: finite wherever `z` is.
    pub fn apply(self, z: f64) -> f64 {
        match self {
            Self::Identity => z,
            Self::Exponential(k) => (k * z).clamp(-30.0, 30.0).exp() / k,
            Self::Power(power) => z.abs().min(1e4).powf(power).copysign(z),
            // Below the floor the logarithm goes on as its tangent.
            Self::Logarithm { floor, width } => {
                let above = z - floor;
                if above >= 0.0 { (1.0 + above / width).ln() } else { above / width }
            }
            Self::Ceiling(ceiling) => z.min(ceiling),
            Self::Stairs(step) => (z / step).floor() * step,
            Self::Saturation { floor, width } => {
                let above = (z - floor) / width;
                // ln(1 + eˣ) without overflow.
                let gained = above.max(0.0) + (-above.abs()).exp().ln_1p();
                width * gained + 0.01 * z
            }
        }
    }
}

/// A landscape whose inputs and output are distorted, with ripples on top.
pub struct Warped {
    inner: Box<dyn Landscape>,
    inputs: Vec<InputWarp>,
    output: OutputWarp,
    /// Coordinate, turns across the cube, phase in turns, amplitude.
    ripples: Vec<[f64; 4]>,
    median: f64,
    spread: f64,
}

/// How many points say what a landscape's median and spread are.
const PROBES: usize = 64;

impl Warped {
    /// Random distortions of `inner`; ripples run along the coordinates `relevant`.
    pub fn draw(inner: Box<dyn Landscape>, relevant: &[usize], rng: &mut SeededRng) -> Self {
        let dimensions = inner.dimensions();
        let share = if rng.random_bool(0.5) { 0.0 } else { rng.random_range(0.1..0.7) };
        let inputs = (0..dimensions).map(|_| {
            if rng.random_bool(share) { InputWarp::draw(rng) } else { InputWarp::Identity }
        });
        let inputs: Vec<InputWarp> = inputs.collect();
        let mut values: Vec<f64> =
            (0..PROBES).map(|_| inner.evaluate(&random::point(dimensions, rng))).collect();
        values.sort_unstable_by(f64::total_cmp);
        let median = values[PROBES / 2];
        let range = values[PROBES * 3 / 4] - values[PROBES / 4];
        let spread = if range > 1e-12 { range } else { 1.0 };
        let lowest = ((values[0] - median) / spread).max(-20.0);
        let output = OutputWarp::draw(lowest, rng);
        let mut ripples = Vec::new();
        if rng.random_bool(0.12) {
            let amplitude = log_uniform(0.01, 0.2, rng);
            let turns = log_uniform(2.0, 15.0, rng);
            for coordinate in relevant {
                let phase = rng.random::<f64>();
                ripples.push([*coordinate as f64, turns, phase, amplitude]);
            }
        }
        Self { inner, inputs, output, ripples, median, spread }
    }
}

impl Landscape for Warped {
    fn dimensions(&self) -> usize {
        self.inner.dimensions()
    }

    fn evaluate(&self, unit: &[f64]) -> f64 {
        const MOST: usize = 32;
        let mut buffer = [0.0; MOST];
        let mut owned = Vec::new();
        let warped = if unit.len() <= MOST {
            &mut buffer[..unit.len()]
        } else {
            owned.resize(unit.len(), 0.0);
            &mut owned[..]
        };
        for ((to, from), warp) in warped.iter_mut().zip(unit).zip(&self.inputs) {
            *to = warp.apply(*from);
        }
        let mut z = (self.inner.evaluate(warped) - self.median) / self.spread;
        for [coordinate, turns, phase, amplitude] in &self.ripples {
            z += amplitude * cosine_of_turns(turns * warped[*coordinate as usize] + phase);
        }
        self.output.apply(z)
    }

    /// Ripples move what lies below them a little; the search goes on from here.
    fn hints(&self) -> Vec<Vec<f64>> {
        let outward = |hint: Vec<f64>| {
            hint.iter().zip(&self.inputs).map(|(value, warp)| warp.invert(*value)).collect()
        };
        self.inner.hints().into_iter().map(outward).collect()
    }

    fn description(&self) -> String {
        let mut text = self.inner.description();
        if self.inputs.iter().any(|warp| *warp != InputWarp::Identity) {
            text.push_str(" warped");
        }
        if !self.ripples.is_empty() {
            text.push_str(" rippled");
        }
        text.push_str(match self.output {
            OutputWarp::Identity => "",
            OutputWarp::Exponential(_) => " exp",
            OutputWarp::Power(_) => " power",
            OutputWarp::Logarithm { .. } => " log",
            OutputWarp::Ceiling(_) => " ceiling",
            OutputWarp::Stairs(_) => " stairs",
            OutputWarp::Saturation { .. } => " saturating",
        });
        text
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn input_warps_are_monotone_maps_of_the_interval_that_keep_its_ends() {
        let mut rng = SeededRng::seed_from_u64(6);
        for _ in 0..500 {
            let warp = InputWarp::draw(&mut rng);
            assert_eq!((warp.apply(0.0), warp.apply(1.0)), (0.0, 1.0), "{warp:?}");
            for y in [0.0, 0.3, 0.77, 1.0] {
                let found = warp.apply(warp.invert(y));
                let coarse =
                    if let InputWarp::Stairs(steps) = warp { 0.5 / (steps - 1.0) } else { 0.0 };
                assert!((found - y).abs() <= coarse + 1e-9, "{warp:?} {y} {found}");
            }
            let mut before = 0.0;
            for step in 0..=100 {
                let value = warp.apply(f64::from(step) / 100.0);
                assert!(value >= before && value <= 1.0, "{warp:?}");
                before = value;
            }
        }
    }

    #[test]
    fn saturation_ends_the_gain_at_its_floor() {
        let warp = OutputWarp::Saturation { floor: -0.5, width: 0.1 };
        let above = warp.apply(0.6) - warp.apply(0.5);
        let below = warp.apply(-1.0) - warp.apply(-1.1);
        assert!((above - 0.1).abs() < 0.002 && (0.001..0.005).contains(&below), "{above} {below}");
    }

    #[test]
    fn output_warps_are_monotone_and_finite() {
        let mut rng = SeededRng::seed_from_u64(7);
        for _ in 0..500 {
            let warp = OutputWarp::draw(-2.0, &mut rng);
            let mut before = f64::NEG_INFINITY;
            for step in -400..=400 {
                let value = warp.apply(f64::from(step).powi(3) * 1e-2);
                assert!(value.is_finite() && value >= before, "{warp:?} {value}");
                before = value;
            }
        }
    }
}

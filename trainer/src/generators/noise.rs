//! What stands between a function's value and what a trial observes.

use rand::RngExt;

use crate::random::{self, SeededRng, log_uniform, normal};

/// Noise whose deviation may depend on one coordinate, and which may have heavy tails.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Noise {
    /// The deviation where the slope is 0; for heavy tails, the scale of the distribution.
    pub deviation: f64,
    /// A coordinate, and how many times `e` the deviation grows along it.
    pub slope: Option<(usize, f64)>,
    /// Student's distribution with three degrees of freedom in place of the normal one: now and
    /// then a run goes badly wrong, or suspiciously well.
    pub heavy: bool,
}

impl Noise {
    /// Noise for a function of `dimensions` coordinates whose values have this spread.
    pub fn draw(spread: f64, dimensions: usize, rng: &mut SeededRng) -> Self {
        let slope =
            rng.random_bool(0.25).then(|| (rng.random_range(0..dimensions), 1.5 * normal(rng)));
        let deviation = spread * log_uniform(0.001, 0.1, rng);
        Self { deviation, slope, heavy: rng.random_bool(0.2) }
    }

    /// A draw at a point of the landscape's cube.
    pub fn sample(&self, unit: &[f64], rng: &mut SeededRng) -> f64 {
        let slope = self.slope.map_or(0.0, |(index, slope)| slope * (unit[index] - 0.5));
        let mut draw = normal(rng);
        if self.heavy {
            // Losses are kept in single precision: a hundred deviations are enough.
            let tail = (random::chi_squared(3, rng) / 3.0).sqrt().max(1e-3);
            draw = (draw / tail).clamp(-100.0, 100.0);
        }
        self.deviation * slope.exp() * draw
    }

    /// What it is, for people.
    pub fn description(&self) -> &'static str {
        match (self.deviation > 0.0, self.slope.is_some(), self.heavy) {
            (false, ..) => "",
            (true, false, false) => ", noise",
            (true, true, false) => ", uneven noise",
            (true, false, true) => ", heavy-tailed noise",
            (true, true, true) => ", uneven heavy-tailed noise",
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn heavy_tails_are_heavy_and_slopes_tilt() {
        let mut rng = SeededRng::seed_from_u64(1);
        let far = |noise: Noise, unit: &[f64], rng: &mut SeededRng| {
            (0..20_000).filter(|_| noise.sample(unit, rng).abs() > 4.0).count()
        };
        let plain = Noise { deviation: 1.0, slope: None, heavy: false };
        assert!(far(plain, &[0.5], &mut rng) < 10);
        // Beyond four deviations lie 2.8 % of Student's distribution with three degrees of freedom.
        let heavy = far(Noise { heavy: true, ..plain }, &[0.5], &mut rng);
        assert!((460..660).contains(&heavy), "{heavy}");
        let tilted = Noise { slope: Some((0, 4.0)), ..plain };
        assert!(far(tilted, &[1.0], &mut rng) > 9000);
        assert_eq!(far(tilted, &[0.0], &mut rng), 0);
    }
}

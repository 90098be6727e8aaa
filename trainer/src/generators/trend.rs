//! Slopes and bowls: the large-scale shape under a landscape.

use rand::RngExt;

use super::Landscape;
use crate::random::{self, SeededRng, log_uniform, normal};

/// How a bowl rises with the squared distance `q` from its center.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Profile {
    /// `q`: a quadratic.
    Quadratic,
    /// `√q`: a cone.
    Cone,
    /// `ln(1 + q/w)`: ever steeper towards the center.
    Funnel(f64),
    /// `q/(q + w)`: a well in a plain.
    Well(f64),
}

/// A quadratic form around a point, seen through a [`Profile`].
#[derive(Clone, Debug)]
struct Bowl {
    center: Vec<f64>,
    /// Maps a difference to the axes of the bowl, scaled: `[relevant, relevant]`.
    axes: Vec<f64>,
    profile: Profile,
}

/// A slope, or a bowl, with standard deviation about 1 over the cube.
#[derive(Clone, Debug)]
pub struct Trend {
    dimensions: usize,
    relevant: Vec<usize>,
    slope: Vec<f64>,
    bowl: Option<Bowl>,
    scale: f64,
}

impl Trend {
    /// A plane that falls in a random direction.
    pub fn slope(dimensions: usize, relevant: &[usize], rng: &mut SeededRng) -> Self {
        let slope = relevant.iter().map(|_| normal(rng)).collect();
        let mut trend =
            Self { dimensions, relevant: relevant.to_vec(), slope, bowl: None, scale: 1.0 };
        trend.normalize(rng);
        trend
    }

    /// A bowl whose center is anywhere in the cube, or beyond one of its faces, so that the lowest
    /// legal point is on the face; ill-conditioned, and rotated more often than not.
    pub fn bowl(dimensions: usize, relevant: &[usize], rng: &mut SeededRng) -> Self {
        let size = relevant.len();
        let center = relevant
            .iter()
            .map(|_| match random::weighted(&[0.92, 0.04, 0.04], rng) {
                0 => rng.random::<f64>(),
                1 => rng.random_range(-0.3..=0.0),
                _ => rng.random_range(1.0..=1.3),
            })
            .collect();
        let mut axes = if rng.random_bool(0.6) {
            random::rotation(size, rng).concat()
        } else {
            let mut identity = vec![0.0; size * size];
            (0..size).for_each(|index| identity[index * (size + 1)] = 1.0);
            identity
        };
        let condition = log_uniform(1.0 + 1e-9, 1000.0, rng).sqrt();
        for row in axes.chunks_exact_mut(size) {
            let stretch = condition.powf(rng.random::<f64>());
            row.iter_mut().for_each(|value| *value *= stretch);
        }
        let profile = match random::weighted(&[3.0, 2.0, 2.0, 1.0], rng) {
            0 => Profile::Quadratic,
            1 => Profile::Cone,
            2 => Profile::Funnel(log_uniform(0.01, 1.0, rng) * condition),
            _ => Profile::Well(log_uniform(0.05, 1.0, rng) * condition),
        };
        let bowl = Some(Bowl { center, axes, profile });
        let mut trend =
            Self { dimensions, relevant: relevant.to_vec(), slope: Vec::new(), bowl, scale: 1.0 };
        trend.normalize(rng);
        trend
    }

    /// Makes the standard deviation over the cube about 1.
    fn normalize(&mut self, rng: &mut SeededRng) {
        let values: Vec<f64> =
            (0..64).map(|_| self.evaluate(&random::point(self.dimensions, rng))).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64;
        self.scale = 1.0 / variance.sqrt().max(1e-9);
    }
}

impl Landscape for Trend {
    fn dimensions(&self) -> usize {
        self.dimensions
    }

    fn evaluate(&self, unit: &[f64]) -> f64 {
        let mut value = 0.0;
        for (coordinate, slope) in self.relevant.iter().zip(&self.slope) {
            value += slope * unit[*coordinate];
        }
        if let Some(bowl) = &self.bowl {
            let mut square = 0.0;
            for row in bowl.axes.chunks_exact(self.relevant.len()) {
                let mut along = 0.0;
                for ((coordinate, center), weight) in
                    self.relevant.iter().zip(&bowl.center).zip(row)
                {
                    along += weight * (unit[*coordinate] - center);
                }
                square += along * along;
            }
            value += match bowl.profile {
                Profile::Quadratic => square,
                Profile::Cone => square.sqrt(),
                Profile::Funnel(width) => (square / width).ln_1p(),
                Profile::Well(width) => square / (square + width),
            };
        }
        value * self.scale
    }

    /// A bowl's center, or the nearest point of the cube.
    fn hints(&self) -> Vec<Vec<f64>> {
        let hint = |bowl: &Bowl| {
            let mut hint = vec![0.5; self.dimensions];
            for (coordinate, center) in self.relevant.iter().zip(&bowl.center) {
                hint[*coordinate] = center.clamp(0.0, 1.0);
            }
            hint
        };
        self.bowl.iter().map(hint).collect()
    }

    fn description(&self) -> String {
        match &self.bowl {
            None => String::from("slope"),
            Some(bowl) => match bowl.profile {
                Profile::Quadratic => String::from("bowl"),
                Profile::Cone => String::from("cone"),
                Profile::Funnel(_) => String::from("funnel"),
                Profile::Well(_) => String::from("well"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn a_bowl_rises_from_its_centre_in_every_direction() {
        let mut rng = SeededRng::seed_from_u64(2);
        for _ in 0..200 {
            let trend = Trend::bowl(3, &[0, 2], &mut rng);
            let bowl = trend.bowl.as_ref().unwrap();
            let mut at = [bowl.center[0], 0.5, bowl.center[1]];
            let lowest = trend.evaluate(&at);
            let direction = [normal(&mut rng), normal(&mut rng)];
            let mut before = lowest;
            for _ in 0..5 {
                at[0] += 0.1 * direction[0];
                at[2] += 0.1 * direction[1];
                let here = trend.evaluate(&at);
                assert!(here > before, "{} {here} {before}", trend.description());
                before = here;
            }
        }
    }
}

//! Regions in which trials fail.

use rand::RngExt;

use crate::random::{self, SeededRng, normal};

/// Where trials fail, in the landscape's coordinates.
#[derive(Clone, Debug)]
pub(super) enum FailureRegion {
    /// A ball.
    Ball { middle: Vec<f64>, radius: f64 },
    /// What lies beyond a plane.
    Beyond { normal: Vec<f64>, offset: f64 },
}

impl FailureRegion {
    /// A region that takes up to a third of the cube.
    pub fn draw(dimensions: usize, rng: &mut SeededRng) -> Self {
        let share = rng.random_range(0.03..0.35);
        let probes: Vec<Vec<f64>> = (0..64).map(|_| random::point(dimensions, rng)).collect();
        let quantile = |mut distances: Vec<f64>, share: f64| {
            distances.sort_unstable_by(f64::total_cmp);
            distances[(share * distances.len() as f64) as usize]
        };
        if rng.random_bool(0.5) {
            let middle = random::point(dimensions, rng);
            let distances = probes.iter().map(|point| distance(point, &middle)).collect();
            Self::Ball { radius: quantile(distances, share), middle }
        } else {
            // Few parameters decide, as a step size alone makes training diverge.
            let deciding = rng.random_range(0.3..1.0);
            let mut normal: Vec<f64> = (0..dimensions)
                .map(|_| if rng.random_bool(deciding) { normal(rng) } else { 0.0 })
                .collect();
            normal[rng.random_range(0..dimensions)] = 1.0;
            let heights = probes.iter().map(|point| along(point, &normal)).collect();
            Self::Beyond { offset: quantile(heights, 1.0 - share), normal }
        }
    }

    /// Whether trials at this point fail.
    pub fn contains(&self, unit: &[f64]) -> bool {
        match self {
            Self::Ball { middle, radius } => distance(unit, middle) < *radius,
            Self::Beyond { normal, offset } => along(unit, normal) > *offset,
        }
    }
}

fn distance(one: &[f64], other: &[f64]) -> f64 {
    one.iter().zip(other).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
}

fn along(point: &[f64], direction: &[f64]) -> f64 {
    point.iter().zip(direction).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn regions_take_a_small_share_of_the_cube() {
        let mut rng = SeededRng::seed_from_u64(5);
        let (mut least, mut most) = (f64::MAX, 0.0f64);
        for _ in 0..200 {
            let failure_region = FailureRegion::draw(3, &mut rng);
            let inside = (0..500).filter(|_| failure_region.contains(&random::point(3, &mut rng)));
            let share = inside.count() as f64 / 500.0;
            (least, most) = (least.min(share), most.max(share));
        }
        // Drawn between 3 and 35 %, measured at 64 points.
        assert!(least < 0.08 && (0.25..0.55).contains(&most), "{least} {most}");
    }
}

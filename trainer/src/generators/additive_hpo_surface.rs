//! Sums of responses, shaped as the parameters of learning algorithms shape a validation loss.
//!
//! Each parameter has a response of its own: a valley that is steeper on one side (a learning
//! rate), a saturating slope (more trees), a threshold beyond which all is lost (a step size that
//! diverges), a flat one with a dip. Few parameters matter much, and the best value of one may
//! depend on another's (a learning rate on the batch size).

use rand::{RngExt, seq::SliceRandom};

use super::Landscape;
use crate::random::{self, SeededRng, log_uniform, normal};

/// The loss as a function of one coordinate's distance from its best value.
#[derive(Clone, Copy, Debug, PartialEq)]
enum ResponseShape {
    /// `|δ|^power`, with factors for either side.
    Valley { power: f64, left: f64, right: f64 },
    /// Falls and flattens out: `exp(−rate · x)`, or mirrored.
    Saturation { rate: f64, mirrored: bool },
    /// A smooth rise by `height` at the best value plus `width`, and a slight slope before.
    Cliff { width: f64, sharpness: f64, height: f64, mirrored: bool },
    /// Flat with a dip of this width.
    Dip { width: f64 },
    /// Waves on a valley.
    Waves { turns: f64, depth: f64 },
}

#[derive(Clone, Debug)]
struct ParameterResponse {
    coordinate: usize,
    shape: ResponseShape,
    best: f64,
    importance: f64,
    /// The coordinate that moves the best value, and how far.
    moved_by: Option<(usize, f64)>,
}

/// A sum, or a product, of responses.
#[derive(Clone, Debug)]
pub struct AdditiveHpoSurface {
    dimensions: usize,
    parts: Vec<ParameterResponse>,
    /// Two or three parts whose product is added, and its weight: bad only where all of them are.
    products: Vec<(Vec<usize>, f64)>,
    /// `Π (1 + part)` instead of `Σ part`.
    multiplied: bool,
}

impl AdditiveHpoSurface {
    /// A random response of the coordinates `relevant` (at least one).
    pub fn draw(dimensions: usize, relevant: &[usize], rng: &mut SeededRng) -> Self {
        let interacting = rng.random_bool(0.6);
        let spread = rng.random_range(0.2..1.5);
        let parts = relevant
            .iter()
            .map(|coordinate| {
                let best = match random::weighted(&[0.9, 0.05, 0.05], rng) {
                    0 => rng.random::<f64>(),
                    1 => 0.0,
                    _ => 1.0,
                };
                let moved_by = (interacting && relevant.len() > 1 && rng.random_bool(0.5))
                    .then(|| relevant[rng.random_range(0..relevant.len())])
                    .filter(|other| other != coordinate)
                    .map(|other| (other, 0.6 * normal(rng)));
                ParameterResponse {
                    coordinate: *coordinate,
                    shape: ResponseShape::draw(rng),
                    best,
                    importance: (spread * normal(rng)).exp(),
                    moved_by,
                }
            })
            .collect::<Vec<ParameterResponse>>();
        let mut products = Vec::new();
        if parts.len() > 1 && rng.random_bool(0.4) {
            for _ in 0..rng.random_range(1..=2) {
                let most = parts.len().min(3);
                let factors = rng.random_range(2..=most);
                let mut chosen: Vec<usize> = (0..parts.len()).collect();
                chosen.shuffle(rng);
                chosen.truncate(factors);
                products.push((chosen, log_uniform(0.5, 5.0, rng)));
            }
        }
        Self { dimensions, parts, products, multiplied: rng.random_bool(0.25) }
    }
}

impl ResponseShape {
    fn draw(rng: &mut SeededRng) -> Self {
        match random::weighted(&[6.0, 1.2, 1.2, 1.0, 1.2], rng) {
            0 => Self::Valley {
                power: rng.random_range(0.7..3.0),
                left: log_uniform(0.5, 8.0, rng),
                right: log_uniform(0.5, 8.0, rng),
            },
            1 => Self::Saturation {
                rate: log_uniform(1.0, 20.0, rng),
                mirrored: rng.random_bool(0.5),
            },
            2 => Self::Cliff {
                width: 0.3 * rng.random::<f64>(),
                sharpness: log_uniform(10.0, 200.0, rng),
                height: log_uniform(1.0, 5.0, rng),
                mirrored: rng.random_bool(0.5),
            },
            3 => Self::Dip { width: log_uniform(0.03, 0.3, rng) },
            _ => Self::Waves {
                turns: log_uniform(1.0, 6.0, rng),
                depth: log_uniform(0.05, 0.5, rng),
            },
        }
    }

    fn evaluate(self, value: f64, best: f64) -> f64 {
        let distance = value - best;
        match self {
            Self::Valley { power, left, right } => {
                let side = if distance < 0.0 { left } else { right };
                (side * distance.abs()).powf(power)
            }
            Self::Saturation { rate, mirrored } => {
                (-rate * if mirrored { 1.0 - value } else { value }).exp()
            }
            Self::Cliff { width, sharpness, height, mirrored } => {
                let distance = if mirrored { -distance } else { distance };
                height / (1.0 + (-sharpness * (distance - width)).exp()) - 0.5 * distance
            }
            Self::Dip { width } => 1.0 - (-0.5 * (distance / width).powi(2)).exp(),
            Self::Waves { turns, depth } => {
                let phase = std::f64::consts::TAU * turns * distance;
                2.0 * distance * distance + depth * (1.0 - phase.cos())
            }
        }
    }
}

impl Landscape for AdditiveHpoSurface {
    fn dimensions(&self) -> usize {
        self.dimensions
    }

    fn evaluate(&self, unit: &[f64]) -> f64 {
        let response = |part: &ParameterResponse| {
            let best = match part.moved_by {
                None => part.best,
                Some((other, distance)) => part.best + distance * (unit[other] - 0.5),
            };
            part.shape.evaluate(unit[part.coordinate], best)
        };
        let responses = self.parts.iter().map(|part| part.importance * response(part));
        let total: f64 = if self.multiplied {
            responses.map(|response| (1.0 + response).max(0.05)).product()
        } else {
            responses.sum()
        };
        let joint = self.products.iter().map(|(chosen, weight)| {
            // Each factor between 0 and 1, so that none decides alone.
            let factor = |index: &usize| {
                let value = response(&self.parts[*index]).max(0.0);
                value / (1.0 + value)
            };
            weight * chosen.iter().map(factor).product::<f64>()
        });
        total + joint.sum::<f64>()
    }

    fn description(&self) -> String {
        let shapes = self.parts.iter().map(|part| {
            let name = match part.shape {
                ResponseShape::Valley { .. } => "valley",
                ResponseShape::Saturation { .. } => "saturation",
                ResponseShape::Cliff { .. } => "cliff",
                ResponseShape::Dip { .. } => "dip",
                ResponseShape::Waves { .. } => "waves",
            };
            let moved = if part.moved_by.is_some() { "~" } else { "" };
            format!("{name}{moved}")
        });
        let joint = if self.multiplied { "*" } else { "+" };
        let products = if self.products.is_empty() { "" } else { " with products" };
        format!("response {}{products}", shapes.collect::<Vec<_>>().join(joint))
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;
    use crate::random::point;

    #[test]
    fn responses_are_finite_everywhere() {
        let mut rng = SeededRng::seed_from_u64(8);
        for _ in 0..2000 {
            let response = AdditiveHpoSurface::draw(4, &[0, 2, 3], &mut rng);
            for corner in [[0.0; 4], [1.0; 4]] {
                assert!(response.evaluate(&corner).is_finite());
            }
            assert!(response.evaluate(&point(4, &mut rng)).is_finite());
        }
    }

    /// With a product, what one parameter does depends on another.
    #[test]
    fn products_make_parameters_interact() {
        let part = |coordinate| ParameterResponse {
            coordinate,
            shape: ResponseShape::Valley { power: 2.0, left: 2.0, right: 2.0 },
            best: 0.0,
            importance: 1.0,
            moved_by: None,
        };
        let mut response = AdditiveHpoSurface {
            dimensions: 2,
            parts: vec![part(0), part(1)],
            products: Vec::new(),
            multiplied: false,
        };
        let interaction = |response: &AdditiveHpoSurface| {
            let at = |x, y| response.evaluate(&[x, y]);
            at(1.0, 1.0) - at(1.0, 0.0) - at(0.0, 1.0) + at(0.0, 0.0)
        };
        assert!(interaction(&response).abs() < 1e-12);
        response.products.push((vec![0, 1], 3.0));
        // 4/(1 + 4) of each.
        assert!((interaction(&response) - 3.0 * 0.64).abs() < 1e-12);
    }

    #[test]
    fn a_valley_is_lowest_at_its_best_value_and_steeper_on_one_side() {
        let valley = ResponseShape::Valley { power: 2.0, left: 1.0, right: 3.0 };
        assert_eq!(valley.evaluate(0.4, 0.4), 0.0);
        assert!(valley.evaluate(0.6, 0.4) > 2.0 * valley.evaluate(0.2, 0.4));
    }
}

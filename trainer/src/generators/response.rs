//! Sums of responses, shaped as the parameters of learning algorithms shape a validation loss.
//!
//! Each parameter has a response of its own: a valley that is steeper on one side (a learning rate), a saturating
//! slope (more trees), a threshold beyond which all is lost (a step size that diverges), a flat one with a dip.
//! Few parameters matter much, and the best value of one may depend on another's (a learning rate on the batch size).

use rand::RngExt;

use super::{
    Landscape,
    random::{self, Generator, log_uniform, normal},
};

/// The loss as a function of one coordinate's distance from its best value.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Shape {
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
struct Part {
    coordinate: usize,
    shape: Shape,
    best: f64,
    importance: f64,
    /// The coordinate that moves the best value, and how far.
    moved_by: Option<(usize, f64)>,
}

/// A sum, or a product, of responses.
#[derive(Clone, Debug)]
pub struct Response {
    dimensions: usize,
    parts: Vec<Part>,
    /// `Π (1 + part)` instead of `Σ part`.
    multiplied: bool,
}

impl Response {
    /// A random response of the coordinates `relevant` (at least one).
    pub fn draw(dimensions: usize, relevant: &[usize], generator: &mut Generator) -> Self {
        let interacting = generator.random_bool(0.6);
        let spread = generator.random_range(0.2..1.5);
        let parts = relevant
            .iter()
            .map(|coordinate| {
                let best = match random::weighted(&[0.9, 0.05, 0.05], generator) {
                    0 => generator.random::<f64>(),
                    1 => 0.0,
                    _ => 1.0,
                };
                let moved_by = (interacting && relevant.len() > 1 && generator.random_bool(0.5))
                    .then(|| relevant[generator.random_range(0..relevant.len())])
                    .filter(|other| other != coordinate)
                    .map(|other| (other, 0.6 * normal(generator)));
                Part {
                    coordinate: *coordinate,
                    shape: Shape::draw(generator),
                    best,
                    importance: (spread * normal(generator)).exp(),
                    moved_by,
                }
            })
            .collect();
        Self { dimensions, parts, multiplied: generator.random_bool(0.25) }
    }
}

impl Shape {
    fn draw(generator: &mut Generator) -> Self {
        match random::weighted(&[6.0, 1.2, 1.2, 1.0, 1.2], generator) {
            0 => Self::Valley {
                power: generator.random_range(0.7..3.0),
                left: log_uniform(0.5, 8.0, generator),
                right: log_uniform(0.5, 8.0, generator),
            },
            1 => Self::Saturation {
                rate: log_uniform(1.0, 20.0, generator),
                mirrored: generator.random_bool(0.5),
            },
            2 => Self::Cliff {
                width: 0.3 * generator.random::<f64>(),
                sharpness: log_uniform(10.0, 200.0, generator),
                height: log_uniform(1.0, 5.0, generator),
                mirrored: generator.random_bool(0.5),
            },
            3 => Self::Dip { width: log_uniform(0.03, 0.3, generator) },
            _ => Self::Waves {
                turns: log_uniform(1.0, 6.0, generator),
                depth: log_uniform(0.05, 0.5, generator),
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

impl Landscape for Response {
    fn dimensions(&self) -> usize {
        self.dimensions
    }

    fn evaluate(&self, unit: &[f64]) -> f64 {
        let responses = self.parts.iter().map(|part| {
            let best = match part.moved_by {
                None => part.best,
                Some((other, distance)) => part.best + distance * (unit[other] - 0.5),
            };
            part.importance * part.shape.evaluate(unit[part.coordinate], best)
        });
        if self.multiplied {
            responses.map(|response| (1.0 + response).max(0.05)).product()
        } else {
            responses.sum()
        }
    }

    fn description(&self) -> String {
        let shapes = self.parts.iter().map(|part| {
            let name = match part.shape {
                Shape::Valley { .. } => "valley",
                Shape::Saturation { .. } => "saturation",
                Shape::Cliff { .. } => "cliff",
                Shape::Dip { .. } => "dip",
                Shape::Waves { .. } => "waves",
            };
            let moved = if part.moved_by.is_some() { "~" } else { "" };
            format!("{name}{moved}")
        });
        let joint = if self.multiplied { "*" } else { "+" };
        format!("response {}", shapes.collect::<Vec<_>>().join(joint))
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::{super::random::point, *};

    #[test]
    fn responses_are_finite_everywhere() {
        let mut generator = Generator::seed_from_u64(8);
        for _ in 0..2000 {
            let response = Response::draw(4, &[0, 2, 3], &mut generator);
            for corner in [[0.0; 4], [1.0; 4]] {
                assert!(response.evaluate(&corner).is_finite());
            }
            assert!(response.evaluate(&point(4, &mut generator)).is_finite());
        }
    }

    #[test]
    fn a_valley_is_lowest_at_its_best_value_and_steeper_on_one_side() {
        let valley = Shape::Valley { power: 2.0, left: 1.0, right: 3.0 };
        assert_eq!(valley.evaluate(0.4, 0.4), 0.0);
        assert!(valley.evaluate(0.6, 0.4) > 2.0 * valley.evaluate(0.2, 0.4));
    }
}

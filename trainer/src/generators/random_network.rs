//! Small random neural networks: ridges, plateaus and interactions, as in prior-fitted networks.

use rand::RngExt;

use super::Landscape;
use crate::random::{self, SeededRng, log_uniform, normal};

/// The function of a hidden unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Activation {
    Tanh,
    Relu,
    Step,
}

impl Activation {
    fn apply(self, value: f64) -> f64 {
        match self {
            // Padé approximant of tanh, exact to 3 % and saturating at ±1: smooth is what matters
            // here.
            Self::Tanh => {
                let value = value.clamp(-3.0, 3.0);
                value * (27.0 + value * value) / (27.0 + 9.0 * value * value)
            }
            Self::Relu => value.max(0.0),
            Self::Step => f64::from(u8::from(value > 0.0)),
        }
    }
}

/// A random multilayer perceptron with one or two hidden layers.
#[derive(Clone, Debug)]
pub struct RandomNetwork {
    dimensions: usize,
    relevant: Vec<usize>,
    activation: Activation,
    /// `[outputs, inputs + 1]` per layer, the bias last.
    layers: Vec<(usize, Vec<f64>)>,
}

/// The widest hidden layer.
const WIDEST: usize = 24;

/// Random weights of coordinates, of root mean square 1.
fn importances(count: usize, rng: &mut SeededRng) -> Vec<f64> {
    let mut weights: Vec<f64> = (0..count).map(|_| (1.2 * normal(rng)).exp()).collect();
    let squares: f64 = weights.iter().map(|weight| weight * weight).sum();
    weights.iter_mut().for_each(|weight| *weight /= (squares / count as f64).sqrt());
    weights
}

impl RandomNetwork {
    /// A random network of the coordinates `relevant` (at least one).
    pub fn draw(dimensions: usize, relevant: &[usize], rng: &mut SeededRng) -> Self {
        let activation = match random::weighted(&[5.0, 4.0, 1.0], rng) {
            0 => Activation::Tanh,
            1 => Activation::Relu,
            _ => Activation::Step,
        };
        let hidden = if rng.random_bool(0.5) { 1 } else { 2 };
        let mut inputs = relevant.len();
        // Half of those that can be are smooth, and see a few of their coordinates far better than
        // the others, as the losses of learning algorithms depend on their parameters.
        let smooth = activation != Activation::Step && rng.random_bool(0.5);
        let importances = if smooth { importances(inputs, rng) } else { vec![1.0; inputs] };
        let (flattest, steepest) = if smooth { (0.5, 4.0) } else { (1.5, 12.0) };
        let mut layers = Vec::new();
        for layer in 0..hidden {
            let outputs = rng.random_range(4..=WIDEST >> layer);
            // The first layer's kinks lie inside the cube: unit j bends where wⱼ·(x − cⱼ) = 0.
            let steepness = match layer {
                0 => log_uniform(flattest, steepest, rng),
                _ => 2.0,
            };
            let importance = |input: usize| if layer == 0 { importances[input] } else { 1.0 };
            let mut weights = Vec::with_capacity(outputs * (inputs + 1));
            for _ in 0..outputs {
                let scale = steepness / (inputs as f64).sqrt();
                let row: Vec<f64> =
                    (0..inputs).map(|input| scale * importance(input) * normal(rng)).collect();
                let bias = if layer == 0 {
                    -row.iter().map(|weight| weight * rng.random::<f64>()).sum::<f64>()
                } else {
                    normal(rng)
                };
                weights.extend(row);
                weights.push(bias);
            }
            layers.push((outputs, weights));
            inputs = outputs;
        }
        let last = (0..=inputs).map(|_| normal(rng) / (inputs as f64).sqrt()).collect();
        layers.push((1, last));
        Self { dimensions, relevant: relevant.to_vec(), activation, layers }
    }
}

impl Landscape for RandomNetwork {
    fn dimensions(&self) -> usize {
        self.dimensions
    }

    fn evaluate(&self, unit: &[f64]) -> f64 {
        let (mut values, mut next) = ([0.0; WIDEST], [0.0; WIDEST]);
        let mut inputs = self.relevant.len();
        for (value, coordinate) in values.iter_mut().zip(&self.relevant) {
            *value = unit[*coordinate];
        }
        for (layer, (outputs, weights)) in self.layers.iter().enumerate() {
            for (value, row) in next.iter_mut().zip(weights.chunks_exact(inputs + 1)) {
                let mut sum = row[inputs];
                for (input, weight) in values[..inputs].iter().zip(row) {
                    sum += input * weight;
                }
                *value =
                    if layer + 1 < self.layers.len() { self.activation.apply(sum) } else { sum };
            }
            std::mem::swap(&mut values, &mut next);
            inputs = *outputs;
        }
        values[0]
    }

    fn description(&self) -> String {
        let activation = match self.activation {
            Activation::Tanh => "tanh",
            Activation::Relu => "relu",
            Activation::Step => "step",
        };
        let widths: Vec<String> =
            self.layers.iter().map(|(outputs, _)| outputs.to_string()).collect();
        format!("network {activation} {}", widths.join("-"))
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;
    use crate::random::point;

    #[test]
    fn networks_are_finite_and_look_at_their_coordinates_only() {
        let mut rng = SeededRng::seed_from_u64(4);
        for number in 0..300 {
            let dimensions = 2 + number % 7;
            let network = RandomNetwork::draw(dimensions, &[1], &mut rng);
            let mut one = point(dimensions, &mut rng);
            let value = network.evaluate(&one);
            assert!(value.is_finite());
            one[0] = 1.0 - one[0];
            assert_eq!(network.evaluate(&one), value);
        }
    }

    #[test]
    fn the_approximate_tanh_is_close() {
        for step in -100..=100 {
            let value = f64::from(step) * 0.1;
            assert!((Activation::Tanh.apply(value) - value.tanh()).abs() < 0.03);
        }
    }
}

//! The training loop and the optimizers.

use crate::arguments::{Arguments, Optimizer};
use crate::data::{Images, PIXELS};
use crate::network::{Network, Pass, judge};
use crate::random::Random;

/// How a network does on images that it was not trained on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// The fraction of images that it takes for another digit.
    pub error_rate: f64,
    /// The mean cross-entropy in nats, at most [`crate::network::WORST_LOSS`].
    pub cross_entropy: f64,
}

/// Trains a network and returns its score on the validation images after the last epoch. `report`
/// is called with the score after every epoch (numbered from 1).
pub fn train(
    arguments: &Arguments,
    training: &Images,
    validation: &Images,
    mut report: impl FnMut(usize, Score),
) -> Score {
    let mut random = Random::new(arguments.seed);
    let mut network = Network::new(
        arguments.layers,
        arguments.hidden_units,
        arguments.activation,
        arguments.dropout,
        &mut random,
    );
    let mut stepper = Stepper::new(arguments, network.parameters.len());
    let mut gradient = vec![0.0; network.parameters.len()];
    let mut pass = Pass::default();
    let mut order: Vec<usize> = (0..training.len()).collect();
    let mut images = Vec::new();
    let mut labels = Vec::new();
    let mut score = evaluate(&network, validation, &mut pass);
    for epoch in 1..=arguments.epochs {
        random.shuffle(&mut order);
        for batch in order.chunks(arguments.batch_size) {
            images.clear();
            labels.clear();
            for &index in batch {
                images.extend_from_slice(&training.pixels[index * PIXELS..][..PIXELS]);
                labels.push(training.labels[index]);
            }
            network.forward(&images, &mut pass, Some(&mut random));
            network.backward(&labels, &mut pass, &mut gradient);
            stepper.step(&mut network.parameters, &gradient);
        }
        score = evaluate(&network, validation, &mut pass);
        report(epoch, score);
        // Numbers that have left the finite ones do not come back.
        if network.parameters.iter().any(|value| !value.is_finite()) {
            break;
        }
    }
    score
}

fn evaluate(network: &Network, images: &Images, pass: &mut Pass) -> Score {
    network.forward(&images.pixels, pass, None);
    let (cross_entropy, error_rate) = judge(&pass.probabilities, &images.labels);
    Score { error_rate, cross_entropy }
}

/// Turns gradients into steps.
struct Stepper {
    optimizer: Optimizer,
    learning_rate: f32,
    weight_decay: f32,
    /// The running mean of gradients (Adam) or the velocity (momentum).
    first: Vec<f32>,
    /// The running mean of squared gradients (Adam, RMSprop).
    second: Vec<f32>,
    steps: i32,
}

impl Stepper {
    fn new(arguments: &Arguments, parameters: usize) -> Self {
        Self {
            optimizer: arguments.optimizer,
            learning_rate: arguments.learning_rate,
            weight_decay: arguments.weight_decay,
            first: vec![0.0; parameters],
            second: vec![0.0; parameters],
            steps: 0,
        }
    }

    fn step(&mut self, parameters: &mut [f32], gradient: &[f32]) {
        const EPSILON: f32 = 1e-8;
        self.steps = self.steps.saturating_add(1);
        let rate = self.learning_rate;
        let keep = 1.0 - rate * self.weight_decay;
        let moments = self.first.iter_mut().zip(&mut self.second);
        let each = parameters.iter_mut().zip(gradient).zip(moments);
        match self.optimizer {
            Optimizer::Sgd => {
                each.for_each(|((value, slope), _)| *value = keep * *value - rate * slope);
            }
            Optimizer::Momentum(momentum) => each.for_each(|((value, slope), (velocity, _))| {
                *velocity = momentum * *velocity + slope;
                *value = keep * *value - rate * *velocity;
            }),
            // Kingma and Ba, https://arxiv.org/abs/1412.6980, algorithm 1, with the decay of
            // Loshchilov and Hutter, https://arxiv.org/abs/1711.05101.
            Optimizer::Adam => {
                let first_scale = 1.0 / (1.0 - 0.9f32.powi(self.steps));
                let second_scale = 1.0 / (1.0 - 0.999f32.powi(self.steps));
                each.for_each(|((value, slope), (first, second))| {
                    *first = 0.9 * *first + 0.1 * slope;
                    *second = 0.999 * *second + 0.001 * slope * slope;
                    let scale = (*second * second_scale).sqrt() + EPSILON;
                    *value = keep * *value - rate * (*first * first_scale) / scale;
                });
            }
            Optimizer::RmsProp => each.for_each(|((value, slope), (_, second))| {
                *second = 0.9 * *second + 0.1 * slope * slope;
                *value = keep * *value - rate * slope / (second.sqrt() + EPSILON);
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data;

    fn score(arguments: &Arguments) -> Score {
        let (training, validation) = data::load();
        train(arguments, &training, &validation, |_, _| {})
    }

    #[test]
    fn every_optimizer_descends_a_parabola() {
        for (optimizer, learning_rate) in [
            (Optimizer::Sgd, 0.05),
            (Optimizer::Momentum(0.9), 0.01),
            (Optimizer::Adam, 0.05),
            (Optimizer::RmsProp, 0.01),
        ] {
            let arguments =
                Arguments { optimizer, learning_rate, weight_decay: 0.0, ..Arguments::default() };
            let mut stepper = Stepper::new(&arguments, 2);
            let mut point = [0.0f32, 0.0];
            for _ in 0..500 {
                // (x − 1)² + 4 (y + 2)²
                let gradient = [2.0 * (point[0] - 1.0), 8.0 * (point[1] + 2.0)];
                stepper.step(&mut point, &gradient);
            }
            let distance = (point[0] - 1.0).hypot(point[1] + 2.0);
            assert!(distance < 0.02, "{optimizer:?} ends at {point:?}");
        }
    }

    #[test]
    fn weight_decay_shrinks_what_no_gradient_holds() {
        let arguments = Arguments { learning_rate: 0.5, weight_decay: 0.1, ..Arguments::default() };
        let mut point = [2.0f32];
        Stepper::new(&arguments, 1).step(&mut point, &[0.0]);
        assert!((point[0] - 1.9).abs() < 1e-6, "{point:?}");
    }

    #[test]
    fn training_learns_the_digits_and_repeats() {
        let arguments = Arguments { epochs: 2, ..Arguments::default() };
        let first = score(&arguments);
        assert!(first.error_rate < 0.25, "{first:?}");
        assert!(first.cross_entropy < 0.9, "{first:?}");
        assert_eq!(first, score(&arguments));
        assert_ne!(first, score(&Arguments { seed: 1, ..arguments }));
    }

    #[test]
    fn a_diverging_run_scores_a_finite_number() {
        let diverging = Arguments {
            learning_rate: 1.0,
            optimizer: Optimizer::Momentum(0.99),
            layers: 3,
            ..Arguments::default()
        };
        let score = score(&diverging);
        assert!(score.cross_entropy > 2.0 && score.cross_entropy <= 10.0, "{score:?}");
        assert!(score.error_rate > 0.5, "{score:?}");
    }
}

//! A multilayer perceptron with dropout and a softmax at the end, and its gradient.

use crate::arguments::Activation;
use crate::data::{CLASSES, PIXELS};
use crate::matrix::{multiply, multiply_left_transposed, multiply_right_transposed};
use crate::random::Random;

/// The cross-entropy of one image is cut off here, so that a network that has diverged scores a
/// finite number: the worst one there is.
pub const WORST_LOSS: f32 = 10.0;

/// One fully connected layer.
struct Layer {
    inputs: usize,
    outputs: usize,
    /// Where the layer's `[inputs, outputs]` weights begin in the parameters; the biases follow
    /// them.
    offset: usize,
}

impl Layer {
    fn weights<'a>(&self, parameters: &'a [f32]) -> &'a [f32] {
        &parameters[self.offset..self.offset + self.inputs * self.outputs]
    }

    fn biases<'a>(&self, parameters: &'a [f32]) -> &'a [f32] {
        let start = self.offset + self.inputs * self.outputs;
        &parameters[start..start + self.outputs]
    }
}

/// A perceptron: `PIXELS → hidden → … → hidden → CLASSES`.
pub struct Network {
    /// Weights and biases of all layers, one after the other.
    pub parameters: Vec<f32>,
    layers: Vec<Layer>,
    activation: Activation,
    dropout: f32,
}

/// What a forward pass leaves for the backward pass, and the storage of both.
#[derive(Default)]
pub struct Pass {
    /// The input of every layer, `[rows, inputs]`, dropout included.
    inputs: Vec<Vec<f32>>,
    /// What dropout multiplied every hidden unit with: 0 or 1 / (1 − rate). Empty without dropout.
    masks: Vec<Vec<f32>>,
    /// `[rows, CLASSES]`, the probability of every class.
    pub probabilities: Vec<f32>,
    /// The derivative of the loss by a layer's output, `[rows, outputs]`.
    delta: Vec<f32>,
    /// The same for the layer before.
    previous_delta: Vec<f32>,
}

impl Network {
    /// A network with random weights: He's deviation for ReLU, Glorot's (with equal fans) for tanh.
    pub fn new(
        hidden_layers: usize,
        hidden_units: usize,
        activation: Activation,
        dropout: f32,
        random: &mut Random,
    ) -> Self {
        let mut widths = vec![PIXELS];
        widths.resize(1 + hidden_layers, hidden_units);
        widths.push(CLASSES);
        let mut layers = Vec::new();
        let mut parameters = Vec::new();
        for pair in widths.windows(2) {
            let (inputs, outputs) = (pair[0], pair[1]);
            layers.push(Layer { inputs, outputs, offset: parameters.len() });
            let gain = match activation {
                Activation::Relu => 2.0,
                Activation::Tanh => 1.0,
            };
            // A uniform number in ±√3·σ has deviation σ.
            let bound = (3.0 * gain / inputs as f32).sqrt();
            parameters.extend((0..inputs * outputs).map(|_| (2.0 * random.unit() - 1.0) * bound));
            parameters.extend(std::iter::repeat_n(0.0, outputs));
        }
        Self { parameters, layers, activation, dropout }
    }

    /// Fills the pass with the class probabilities of images `[rows, PIXELS]`. With a random source
    /// the network trains and drops units; without one it uses them all.
    pub fn forward(&self, images: &[f32], pass: &mut Pass, mut random: Option<&mut Random>) {
        let rows = images.len() / PIXELS;
        pass.inputs.resize_with(self.layers.len(), Vec::new);
        pass.masks.resize_with(self.layers.len() - 1, Vec::new);
        pass.inputs[0].clear();
        pass.inputs[0].extend_from_slice(images);
        for (index, layer) in self.layers.iter().enumerate() {
            let (before, after) = pass.inputs.split_at_mut(index + 1);
            let last = index + 1 == self.layers.len();
            let output = if last { &mut pass.probabilities } else { &mut after[0] };
            output.clear();
            for _ in 0..rows {
                output.extend_from_slice(layer.biases(&self.parameters));
            }
            multiply(&before[index], layer.weights(&self.parameters), output, layer.inputs);
            if last {
                break;
            }
            match self.activation {
                Activation::Relu => output.iter_mut().for_each(|unit| *unit = unit.max(0.0)),
                Activation::Tanh => output.iter_mut().for_each(|unit| *unit = unit.tanh()),
            }
            let mask = &mut pass.masks[index];
            mask.clear();
            if let Some(random) = random.as_deref_mut().filter(|_| self.dropout > 0.0) {
                let kept = 1.0 / (1.0 - self.dropout);
                mask.extend(
                    (0..output.len())
                        .map(|_| if random.unit() < self.dropout { 0.0 } else { kept }),
                );
                output.iter_mut().zip(&*mask).for_each(|(unit, factor)| *unit *= factor);
            }
        }
        pass.probabilities.chunks_exact_mut(CLASSES).for_each(softmax);
    }

    /// Writes the gradient of the mean cross-entropy of the pass by every parameter.
    pub fn backward(&self, labels: &[usize], pass: &mut Pass, gradient: &mut [f32]) {
        let scale = 1.0 / labels.len() as f32;
        pass.delta.clear();
        pass.delta.extend_from_slice(&pass.probabilities);
        for (row, &label) in pass.delta.chunks_exact_mut(CLASSES).zip(labels) {
            row[label] -= 1.0;
            row.iter_mut().for_each(|value| *value *= scale);
        }
        gradient.fill(0.0);
        for (index, layer) in self.layers.iter().enumerate().rev() {
            let input = &pass.inputs[index];
            let slice = &mut gradient[layer.offset..][..(layer.inputs + 1) * layer.outputs];
            let (weights, biases) = slice.split_at_mut(layer.inputs * layer.outputs);
            multiply_left_transposed(input, &pass.delta, weights, layer.inputs, layer.outputs);
            for row in pass.delta.chunks_exact(layer.outputs) {
                biases.iter_mut().zip(row).for_each(|(bias, delta)| *bias += delta);
            }
            if index == 0 {
                break;
            }
            pass.previous_delta.clear();
            pass.previous_delta.resize(input.len(), 0.0);
            let weights = layer.weights(&self.parameters);
            multiply_right_transposed(
                &pass.delta,
                weights,
                &mut pass.previous_delta,
                layer.outputs,
                layer.inputs,
            );
            let mask = &pass.masks[index - 1];
            for (position, (delta, &unit)) in pass.previous_delta.iter_mut().zip(input).enumerate()
            {
                let factor = mask.get(position).copied().unwrap_or(1.0);
                // `unit` is the activation after dropout; where it was dropped nothing flows back.
                let slope = match self.activation {
                    Activation::Relu => f32::from(unit > 0.0),
                    Activation::Tanh if factor > 0.0 => 1.0 - (unit / factor) * (unit / factor),
                    Activation::Tanh => 0.0,
                };
                *delta *= slope * factor;
            }
            std::mem::swap(&mut pass.delta, &mut pass.previous_delta);
        }
    }
}

/// The mean cross-entropy in nats, each image's cut off at [`WORST_LOSS`], and the fraction of
/// images whose most probable class is not their label. NaN counts as the worst and as wrong.
pub fn judge(probabilities: &[f32], labels: &[usize]) -> (f64, f64) {
    let (mut loss, mut wrong) = (0.0, 0);
    for (row, &label) in probabilities.chunks_exact(CLASSES).zip(labels) {
        // `f32::min` returns the other operand for NaN.
        loss += f64::from((-row[label].ln()).min(WORST_LOSS));
        let right = (0..CLASSES).all(|class| class == label || row[class] < row[label]);
        wrong += usize::from(!right);
    }
    let count = labels.len() as f64;
    (loss / count, wrong as f64 / count)
}

/// Turns logits into probabilities.
fn softmax(row: &mut [f32]) {
    let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    row.iter_mut().for_each(|value| *value = (*value - largest).exp());
    let total: f32 = row.iter().sum();
    row.iter_mut().for_each(|value| *value /= total);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The mean cross-entropy of a pass whose dropout has a fixed seed, in double precision, and
    /// which hidden units are positive.
    fn probe(network: &Network, images: &[f32], labels: &[usize]) -> (f64, Vec<bool>) {
        let mut pass = Pass::default();
        network.forward(images, &mut pass, Some(&mut Random::new(5)));
        let rows = pass.probabilities.chunks_exact(CLASSES).zip(labels);
        let loss = rows.map(|(row, &label)| -f64::from(row[label]).ln()).sum::<f64>();
        let positive = pass.inputs[1..].iter().flatten().map(|&unit| unit > 0.0).collect();
        (loss / labels.len() as f64, positive)
    }

    fn check_gradient(layers: usize, activation: Activation, dropout: f32) {
        let mut random = Random::new(11);
        let mut network = Network::new(layers, 9, activation, dropout, &mut random);
        // Non-zero biases, so that a wrong bias gradient cannot hide in symmetry.
        network.parameters.iter_mut().for_each(|value| *value += 0.05 * (random.unit() - 0.5));
        let labels: Vec<usize> = (0..7).map(|index| (index * 3) % CLASSES).collect();
        let images: Vec<f32> =
            (0..labels.len() * PIXELS).map(|_| 2.0 * random.unit() - 1.0).collect();

        let mut pass = Pass::default();
        let mut gradient = vec![f32::NAN; network.parameters.len()];
        network.forward(&images, &mut pass, Some(&mut Random::new(5)));
        network.backward(&labels, &mut pass, &mut gradient);

        // Every parameter by central differences. The noise of f32 is about 1e-7 / step. Where a
        // ReLU's kink lies inside the step there is no derivative to compare with.
        let step = 4e-3f32;
        let (mut kinks, mut largest) = (0, 0.0f64);
        for (index, &by_backward) in gradient.iter().enumerate() {
            let value = network.parameters[index];
            network.parameters[index] = value + step;
            let (above, positive_above) = probe(&network, &images, &labels);
            network.parameters[index] = value - step;
            let (below, positive_below) = probe(&network, &images, &labels);
            network.parameters[index] = value;
            if activation == Activation::Relu && positive_above != positive_below {
                kinks += 1;
                continue;
            }
            let by_differences = (above - below) / (2.0 * f64::from(step));
            largest = largest.max(by_differences.abs());
            let difference = (by_differences - f64::from(by_backward)).abs();
            assert!(
                difference < 3e-4 + 3e-3 * by_differences.abs(),
                "{layers} layers, {activation:?}, parameter {index}: {by_differences} by \
                 differences, {by_backward} by backward",
            );
        }
        assert!(largest > 0.1, "the gradient is too small to check anything");
        assert!(kinks * 3 < gradient.len(), "{kinks} of {} parameters unchecked", gradient.len());
    }

    #[test]
    fn gradient_equals_finite_differences() {
        for layers in 1..=3 {
            check_gradient(layers, Activation::Tanh, 0.0);
            check_gradient(layers, Activation::Relu, 0.0);
        }
    }

    #[test]
    fn gradient_equals_finite_differences_with_dropout() {
        check_gradient(2, Activation::Tanh, 0.4);
        check_gradient(2, Activation::Relu, 0.4);
    }

    #[test]
    fn dropout_keeps_the_mean_of_a_unit() {
        let mut random = Random::new(3);
        let network = Network::new(1, 64, Activation::Relu, 0.5, &mut random);
        let image: Vec<f32> = (0..PIXELS).map(|_| random.unit()).collect();
        let images = image.repeat(2000);
        let (mut whole, mut dropped) = (Pass::default(), Pass::default());
        network.forward(&images, &mut whole, None);
        network.forward(&images, &mut dropped, Some(&mut random));
        let mean = |pass: &Pass| pass.inputs[1].iter().sum::<f32>() / pass.inputs[1].len() as f32;
        assert!((mean(&dropped) / mean(&whole) - 1.0).abs() < 0.02);
        let zeros = |pass: &Pass| pass.inputs[1].iter().filter(|&&unit| unit == 0.0).count();
        assert!(zeros(&dropped) > zeros(&whole));
    }

    #[test]
    fn judging_survives_a_diverged_network() {
        let mut probabilities = vec![0.0; 3 * CLASSES];
        probabilities[4] = 1.0;
        probabilities[2 * CLASSES..].fill(f32::NAN);
        let (loss, error) = judge(&probabilities, &[4, 0, 1]);
        assert!((loss - 20.0 / 3.0).abs() < 1e-9, "loss {loss}");
        assert!((error - 2.0 / 3.0).abs() < 1e-9, "error {error}");
    }
}

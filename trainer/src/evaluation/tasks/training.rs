//! Small models, trained with libtorch on one thread. All random numbers come from here, so that a
//! configuration has one outcome.

use rand::{RngExt, SeedableRng};
use tch::{Kind, Reduction, Tensor};

use crate::random::SeededRng;

/// Images with brightness from 0 to 1, less a mean, and what they show.
pub struct Digits {
    side: usize,
    /// `[images, side × side]`.
    pixels: Vec<f32>,
    classes: Vec<i64>,
    /// Number of images that train; the others judge.
    training: usize,
}

/// The tensors of a data set: images and classes for training, then for judging.
struct DigitsSplit {
    images: Tensor,
    classes: Tensor,
    judged: Tensor,
    truth: Tensor,
}

impl Digits {
    /// Of bytes, `[images, side × side]`.
    pub fn new(side: usize, pixels: &[u8], classes: &[u8], training: usize) -> Self {
        Self {
            side,
            pixels: pixels.iter().map(|pixel| f32::from(*pixel) / 255.0 - 0.13).collect(),
            classes: classes.iter().map(|class| i64::from(*class)).collect(),
            training,
        }
    }

    /// With squares of `square × square` pixels averaged.
    pub fn pooled(&self, square: usize) -> Self {
        let side = self.side / square;
        let mut pixels = Vec::with_capacity(self.classes.len() * side * side);
        for image in self.pixels.chunks_exact(self.side * self.side) {
            for place in 0..side * side {
                let (top, left) = (place / side * square, place % side * square);
                let inside = (0..square * square)
                    .map(|at| image[(top + at / square) * self.side + left + at % square]);
                pixels.push(inside.sum::<f32>() / (square * square) as f32);
            }
        }
        Self { side, pixels, classes: self.classes.clone(), training: self.training }
    }

    fn split(&self) -> DigitsSplit {
        let width = (self.side * self.side) as i64;
        let images = Tensor::from_slice(&self.pixels).view([-1, width]);
        let classes = Tensor::from_slice(&self.classes);
        let (first, rest) = (self.training as i64, (self.classes.len() - self.training) as i64);
        DigitsSplit {
            images: images.narrow(0, 0, first),
            classes: classes.narrow(0, 0, first),
            judged: images.narrow(0, first, rest),
            truth: classes.narrow(0, first, rest),
        }
    }
}

impl DigitsSplit {
    fn width(&self) -> i64 {
        self.images.size()[1]
    }

    /// The share of the judged images whose class is not the one with the largest output.
    fn error(&self, outputs: &Tensor) -> f64 {
        let wrong = outputs.argmax(1, false).not_equal_tensor(&self.truth);
        wrong.to_kind(Kind::Float).mean(Kind::Float).double_value(&[])
    }

    /// Calls `step` with batches of one pass over the training images, in an order of its own.
    fn pass(
        &self,
        batch: usize,
        random: &mut SeededRng,
        mut step: impl FnMut(&Tensor, &Tensor, &mut SeededRng),
    ) {
        let mut order: Vec<i64> = (0..self.images.size()[0]).collect();
        for end in (1..order.len()).rev() {
            order.swap(end, random.random_range(0..=end));
        }
        for indices in order.chunks(batch) {
            let indices = Tensor::from_slice(indices);
            step(
                &self.images.index_select(0, &indices),
                &self.classes.index_select(0, &indices),
                random,
            );
        }
    }
}

/// Normal numbers with this deviation.
fn normal(shape: &[i64], deviation: f64, random: &mut SeededRng) -> Tensor {
    let count = shape.iter().product::<i64>() as usize;
    let values: Vec<f32> = (0..count)
        .map(|_| {
            // Box and Muller (1958).
            let (radius, angle) = (1.0 - random.random::<f64>(), random.random::<f64>());
            let length = (-2.0 * radius.ln()).sqrt();
            (deviation * length * (std::f64::consts::TAU * angle).cos()) as f32
        })
        .collect();
    Tensor::from_slice(&values).view(shape)
}

/// How a network's weights follow their gradients.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum MlpOptimizer {
    /// Kingma & Ba (2015).
    Adam,
    /// With a momentum of 0.9.
    Sgd,
}

/// A multilayer perceptron with rectified units, trained for two passes.
#[derive(Clone, Copy, Debug)]
pub struct Mlp {
    /// Units of a hidden layer.
    pub hidden: usize,
    /// Hidden layers.
    pub layers: usize,
    /// Learning rate.
    pub rate: f64,
    /// The share of hidden units that are left out in a step.
    pub dropout: f64,
    /// Images a step.
    pub batch: usize,
    /// What uses the gradients.
    pub optimizer: MlpOptimizer,
}

impl Mlp {
    /// The share of misclassified images.
    pub fn error(&self, digits: &Digits) -> f64 {
        let split = digits.split();
        let mut random = SeededRng::seed_from_u64(1);
        let mut widths = vec![split.width()];
        widths.extend(std::iter::repeat_n(self.hidden as i64, self.layers));
        widths.push(10);
        let mut weights: Vec<Tensor> = Vec::new();
        for pair in widths.windows(2) {
            let deviation = (2.0 / pair[0] as f64).sqrt();
            weights.push(normal(pair, deviation, &mut random).set_requires_grad(true));
            weights.push(
                Tensor::zeros([pair[1]], (Kind::Float, tch::Device::Cpu)).set_requires_grad(true),
            );
        }
        let mut steps = 0;
        let mut moments: Vec<[Tensor; 2]> =
            weights.iter().map(|weight| [weight.zeros_like(), weight.zeros_like()]).collect();
        for _ in 0..2 {
            split.pass(self.batch, &mut random, |images, classes, random| {
                let outputs = self.outputs(&weights, images, Some(random));
                let loss =
                    outputs.cross_entropy_loss::<Tensor>(classes, None, Reduction::Mean, -100, 0.0);
                loss.backward();
                steps += 1;
                tch::no_grad(|| {
                    for (weight, moments) in weights.iter_mut().zip(&mut moments) {
                        self.follow(weight, moments, steps);
                    }
                });
            });
        }
        split.error(&tch::no_grad(|| self.outputs(&weights, &split.judged, None)))
    }

    fn outputs(
        &self,
        weights: &[Tensor],
        images: &Tensor,
        mut dropping: Option<&mut SeededRng>,
    ) -> Tensor {
        let mut values = images.shallow_clone();
        let layers = weights.len() / 2;
        for (index, layer) in weights.chunks_exact(2).enumerate() {
            values = values.matmul(&layer[0]) + &layer[1];
            if index + 1 < layers {
                values = values.relu();
                if let Some(random) = dropping.as_deref_mut().filter(|_| self.dropout > 0.0) {
                    let kept = 1.0 / (1.0 - self.dropout) as f32;
                    let mask: Vec<f32> = (0..values.numel())
                        .map(|_| if random.random::<f64>() < self.dropout { 0.0 } else { kept })
                        .collect();
                    values = values.shallow_clone() * Tensor::from_slice(&mask).view_as(&values);
                }
            }
        }
        values
    }

    fn follow(&self, weight: &mut Tensor, moments: &mut [Tensor; 2], steps: i32) {
        let mut gradient = weight.grad();
        let [first, second] = moments;
        match self.optimizer {
            MlpOptimizer::Sgd => {
                *first = &*first * 0.9 + &gradient;
                let _ = weight.subtract_(&(&*first * self.rate));
            }
            MlpOptimizer::Adam => {
                *first = &*first * 0.9 + &gradient * 0.1;
                *second = &*second * 0.999 + gradient.square() * 0.001;
                let scale = self.rate / (1.0 - 0.9_f64.powi(steps));
                let size = (&*second / (1.0 - 0.999_f64.powi(steps))).sqrt() + 1e-8;
                let _ = weight.subtract_(&(&*first * scale / size));
            }
        }
        let _ = gradient.zero_();
    }
}

/// Softmax regression by stochastic gradient descent.
#[derive(Clone, Copy, Debug)]
pub struct Regression {
    /// Learning rate.
    pub rate: f64,
    /// Momentum.
    pub momentum: f64,
    /// Weight decay.
    pub decay: f64,
    /// Images a step.
    pub batch: usize,
    /// Passes over the images.
    pub epochs: usize,
}

impl Regression {
    /// The share of misclassified images.
    pub fn error(&self, digits: &Digits) -> f64 {
        let _no_grad = tch::no_grad_guard();
        let split = digits.split();
        let mut random = SeededRng::seed_from_u64(2);
        let mut weights = Tensor::zeros([split.width() + 1, 10], (Kind::Float, tch::Device::Cpu));
        let mut velocity = weights.zeros_like();
        let with_one = |images: &Tensor| {
            Tensor::cat(&[images.shallow_clone(), images.narrow(1, 0, 1).ones_like()], 1)
        };
        for _ in 0..self.epochs {
            split.pass(self.batch, &mut random, |images, classes, _| {
                let images = with_one(images);
                let expected = classes.one_hot(10).to_kind(Kind::Float);
                let off = images.matmul(&weights).softmax(1, Kind::Float) - expected;
                let gradient = images.tr().matmul(&off) / off.size()[0] + &weights * self.decay;
                velocity = &velocity * self.momentum - gradient * self.rate;
                weights = &weights + &velocity;
            });
        }
        split.error(&with_one(&split.judged).matmul(&weights))
    }
}

/// Ridge regression of the classes on random features (Rahimi & Recht 2007).
#[derive(Clone, Copy, Debug)]
pub struct RandomFeatures {
    /// How many features.
    pub count: usize,
    /// Deviation of the projections' weights.
    pub scale: f64,
    /// The penalty on the regression's weights.
    pub ridge: f64,
    /// Cosine, rectifier, hyperbolic tangent or step.
    pub activation: usize,
}

impl RandomFeatures {
    /// The share of misclassified images.
    pub fn error(&self, digits: &Digits) -> f64 {
        let _no_grad = tch::no_grad_guard();
        let split = digits.split();
        let mut random = SeededRng::seed_from_u64(3);
        let count = self.count as i64;
        let weights = normal(&[split.width(), count], self.scale, &mut random);
        let offsets = normal(&[count], 1.0, &mut random);
        let features = |images: &Tensor| {
            let projected = images.matmul(&weights) + &offsets;
            match self.activation {
                0 => projected.cos(),
                1 => projected.relu(),
                2 => projected.tanh(),
                _ => projected.heaviside(&Tensor::from(0.0_f32)),
            }
        };
        let known = features(&split.images).to_kind(Kind::Double);
        let expected = split.classes.one_hot(10).to_kind(Kind::Double) - 0.1;
        let penalty = Tensor::eye(count, (Kind::Double, tch::Device::Cpu)) * self.ridge.max(1e-6);
        let moments = known.tr().matmul(&known) + penalty;
        let (factor, trouble) = moments.linalg_cholesky_ex(false, false);
        if trouble.int64_value(&[]) != 0 {
            return f64::NAN;
        }
        let solved = known.tr().matmul(&expected).cholesky_solve(&factor, false);
        split.error(&features(&split.judged).to_kind(Kind::Double).matmul(&solved))
    }
}

//! The network in tch: the decoder of the runtime, with tables of numbers that are smooth by
//! construction.
//!
//! The rows of the 1000 bins, in the embedding and in the head, are `F·W + R`: fixed smooth
//! [`features`](layout::features) `F` of the bin's place, learned weights `W`, and a learned
//! residual `R` that begins at zero. An exported file has plain tables. A vocabulary without bins,
//! as that of bytes, has plain tables from the beginning.

pub mod batch;
pub mod layout;
pub mod rows;
pub mod text;

use batch::{BinTargets, Branches, CategoryTargets, ExpertPredictions, TokenBatch};
use layout::{ParameterTensor, Role};
use optiformer::{
    model::Config,
    tokenizer::{
        rows::GATE,
        vocabulary::{BINS, CATEGORIES},
    },
};
use tch::{Device, IndexOp, Kind, Tensor};

/// A decoder whose parameters lie in one flat vector, so that an optimizer's step is a few tensor
/// operations.
#[derive(Debug)]
pub struct Network {
    config: Config,
    entries: Vec<ParameterTensor>,
    parameters: Tensor,
    features: Tensor,
    cosines: Tensor,
    sines: Tensor,
    precision: Kind,
}

/// The losses of a batch, in nats.
#[derive(Debug)]
pub struct Losses {
    /// The weighted mean over all targets: what is minimized.
    pub total: Tensor,
    /// Mean over the scores.
    pub score: Tensor,
    /// Mean over the parameters' numerical values.
    pub value: Tensor,
    /// Mean over the parameters' choices; 0 when there are none.
    pub category: Tensor,
}

impl Network {
    /// A network with random parameters.
    pub fn new(config: Config, device: Device, seed: u64) -> Self {
        tch::manual_seed(seed as i64);
        let entries = layout::parameter_tensors(&config);
        let parts: Vec<Tensor> =
            entries.iter().map(|entry| entry.initial(&config).flatten(0, -1)).collect();
        Self::with_parameters(config, Tensor::cat(&parts, 0), device)
    }

    /// A network with the given flat parameters.
    ///
    /// # Panics
    ///
    /// When their number does not fit the config.
    pub fn with_parameters(config: Config, parameters: Tensor, device: Device) -> Self {
        let entries = layout::parameter_tensors(&config);
        let count: i64 = entries.iter().map(ParameterTensor::count).sum();
        assert_eq!(parameters.size(), [count], "parameters of another config");
        let half = config.head_size() / 2;
        let frequencies: Vec<f32> = (0..half)
            .map(|index| f64::from(config.rope_theta).powf(-(index as f64) / half as f64) as f32)
            .collect();
        let positions = Tensor::arange(config.max_positions as i64, (Kind::Float, device));
        let angles = positions.unsqueeze(1)
            * Tensor::from_slice(&frequencies).to_device(device).unsqueeze(0);
        let angles = Tensor::cat(&[&angles, &angles], 1);
        Self {
            parameters: parameters.to_device(device).detach().set_requires_grad(true),
            features: layout::features(&config, device),
            cosines: angles.cos(),
            sines: angles.sin(),
            config,
            entries,
            precision: Kind::Float,
        }
    }

    /// The same network with its matrix products and attention in `precision`; parameters, the
    /// residual stream, norms and losses stay in single precision.
    pub fn in_precision(mut self, precision: Kind) -> Self {
        self.cosines = self.cosines.to_kind(precision);
        self.sines = self.sines.to_kind(precision);
        self.precision = precision;
        self
    }

    /// The shape.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The flat parameters, `[n]`.
    pub fn parameters(&self) -> &Tensor {
        &self.parameters
    }

    /// The device that everything is on.
    pub fn device(&self) -> Device {
        self.parameters.device()
    }

    /// `[n]`: 1 where weight decay applies, 0 elsewhere.
    pub fn decay_mask(&self) -> Tensor {
        let parts: Vec<Tensor> = self
            .entries
            .iter()
            .map(|entry| {
                let value = if entry.decays() { 1.0 } else { 0.0 };
                Tensor::full([entry.count()], value, (Kind::Float, self.device()))
            })
            .collect();
        Tensor::cat(&parts, 0)
    }

    /// Another flat vector of the same length (an average, say) as a network.
    pub fn like(&self, parameters: &Tensor) -> Self {
        Self::with_parameters(self.config.clone(), parameters.copy(), self.device())
            .in_precision(self.precision)
    }

    /// Every parameter tensor by its role.
    pub fn parts(&self) -> Vec<(Role, Tensor)> {
        let sizes: Vec<i64> = self.entries.iter().map(ParameterTensor::count).collect();
        // One split, whose gradient is one concatenation; slicing piece by piece would add up
        // vectors of full length.
        self.parameters
            .split_with_sizes(sizes.as_slice(), 0)
            .into_iter()
            .zip(&self.entries)
            .map(|(part, entry)| (entry.role, part.view(entry.shape.as_slice())))
            .collect()
    }

    fn normalize(&self, x: &Tensor, gain: &Tensor) -> Tensor {
        let mean = x.square().mean_dim([-1_i64].as_slice(), true, Kind::Float);
        x * (mean + f64::from(self.config.norm_epsilon)).rsqrt() * gain
    }

    /// `x · weightᵀ` in the network's precision: `[…, k] × [n, k] → […, n]`.
    fn project(&self, x: &Tensor, weight: &Tensor) -> Tensor {
        x.to_kind(self.precision).linear::<&Tensor>(&weight.to_kind(self.precision), None)
    }

    /// The gain before the head, `[hidden]`.
    fn final_gain<'a>(&self, parts: &'a [(Role, Tensor)]) -> &'a Tensor {
        &parts[6 + 6 * self.config.layers].1
    }

    /// A layer's tensors: attention, output, gate and up, down, and the two gains.
    fn layer<'a>(&self, parts: &'a [(Role, Tensor)], layer: usize) -> [&'a Tensor; 6] {
        std::array::from_fn(|index| &parts[6 + 6 * layer + index].1)
    }

    /// The head's rows of the bins, `[1000, hidden]`, and the other rows.
    fn table(&self, parts: &[(Role, Tensor)], first: usize) -> (Tensor, Tensor) {
        let numbers = self.features.matmul(&parts[first].1) + &parts[first + 1].1;
        (numbers, parts[first + 2].1.shallow_clone())
    }

    /// The normalized last hidden state at `wanted` of the `b · t` tokens, `[wanted, hidden]`.
    ///
    /// `tokens` is `[b, t]`, `positions` `[b · t]`. Attention is causal up to where the branches
    /// start.
    // In place would change tensors that the gradient needs.
    #[allow(clippy::assign_op_pattern)]
    fn hidden(
        &self,
        parts: &[(Role, Tensor)],
        tokens: &Tensor,
        positions: &Tensor,
        branches: Option<&Branches>,
        wanted: &Tensor,
    ) -> Tensor {
        let hidden = self.config.hidden_size as i64;
        let (heads, size) = (self.config.heads as i64, self.config.head_size() as i64);
        let (b, t) = (tokens.size()[0], tokens.size()[1]);
        let (numbers, special) = self.table(parts, 0);
        let table = Tensor::cat(&[numbers, special], 0);
        let mut x = Tensor::embedding(&table, tokens, -1, false, false);
        let trunk = branches.map_or(t, |branches| branches.start);
        let mask = branches.map(|branches| branches.mask.to_kind(self.precision));
        let cosines = self.cosines.index_select(0, positions).view([b, 1, t, size]);
        let sines = self.sines.index_select(0, positions).view([b, 1, t, size]);
        let rotate = |x: Tensor| {
            let halves = x.chunk(2, -1);
            let turned = Tensor::cat(&[-&halves[1], halves[0].shallow_clone()], -1);
            x * &cosines + turned * &sines
        };
        for layer in 0..self.config.layers {
            let [attention, output, gate_up, down, attention_norm, feed_forward_norm] =
                self.layer(parts, layer);
            let projected = self
                .project(&self.normalize(&x, attention_norm), attention)
                .view([b, t, 3, heads, size])
                .permute([2, 0, 3, 1, 4]);
            // [2, b, heads, t, size]
            let turned = rotate(projected.narrow(0, 0, 2));
            let (queries, keys, values) = (turned.i(0), turned.i(1), projected.i(2));
            let part = |x: &Tensor, from: i64, count: i64| x.narrow(2, from, count);
            let mut mixed = attention_of(
                &part(&queries, 0, trunk),
                &part(&keys, 0, trunk),
                &part(&values, 0, trunk),
                None,
            );
            if let Some(mask) = &mask {
                let hanging = part(&queries, trunk, t - trunk);
                let branched = attention_of(&hanging, &keys, &values, Some(mask));
                mixed = Tensor::cat(&[mixed, branched], 2);
            }
            let mut mixed = mixed.transpose(1, 2).reshape([b, t, hidden]);
            if layer + 1 == self.config.layers {
                // Beyond the last attention only the predicting tokens matter.
                mixed = mixed.view([b * t, hidden]).index_select(0, wanted);
                x = x.view([b * t, hidden]).index_select(0, wanted);
            }
            x = x + self.project(&mixed, output);
            x = self.feed_forward(x, gate_up, down, feed_forward_norm);
        }
        self.normalize(&x, self.final_gain(parts))
    }

    /// `x` and the feed-forward part of a layer (SwiGLU) added to it.
    fn feed_forward(&self, x: Tensor, gate_up: &Tensor, down: &Tensor, gain: &Tensor) -> Tensor {
        let wide = self.project(&self.normalize(&x, gain), gate_up);
        let halves = wide.chunk(2, -1);
        &x + self.project(&(halves[0].silu() * &halves[1]), down)
    }

    /// The losses of a batch.
    // In place would change tensors that the gradient needs.
    #[allow(clippy::assign_op_pattern)]
    pub fn losses(&self, batch: &TokenBatch) -> Losses {
        let parts = self.parts();
        let hidden = self.hidden(
            &parts,
            &batch.tokens,
            &batch.positions,
            batch.branches.as_ref(),
            &batch.target_index,
        );
        self.losses_of(&parts, &hidden, &batch.bins, batch.categories.as_ref(), None)
    }

    /// The losses of predictions made after the states `hidden`, `[targets, hidden]`. Where there
    /// are predictions of an expert, the logit of [`GATE`] mixes them with the network's own.
    ///
    /// R. A. Jacobs, M. I. Jordan, S. J. Nowlan, G. E. Hinton, Adaptive Mixtures of Local Experts,
    /// Neural Computation 3 (1991).
    #[allow(clippy::assign_op_pattern)]
    fn losses_of(
        &self,
        parts: &[(Role, Tensor)],
        hidden: &Tensor,
        bins: &BinTargets,
        categories: Option<&CategoryTargets>,
        experts: Option<&ExpertPredictions>,
    ) -> Losses {
        let (numbers, special) = self.table(parts, 3);
        let states = hidden.index_select(0, &bins.rows);
        let mut logarithms = self.project(&states, &numbers).log_softmax(-1, Kind::Float);
        if let Some(ExpertPredictions { rows, log_probabilities }) = experts {
            let gate = special.get(i64::from(GATE) - BINS as i64).unsqueeze(1);
            let odds = states.index_select(0, rows).matmul(&gate);
            let theirs = log_probabilities + odds.log_sigmoid();
            let own = logarithms.index_select(0, rows) + (-odds).log_sigmoid();
            logarithms = logarithms.index_copy(0, rows, &theirs.logaddexp(&own));
        }
        let surprise =
            -(&bins.soft * logarithms).sum_dim_intlist([-1_i64].as_slice(), false, Kind::Float);
        let mean = |which: &Tensor| {
            (&surprise * which).sum(Kind::Float) / which.sum(Kind::Float).clamp_min(1.0)
        };
        let score = mean(&bins.is_score);
        let value = mean(&(1.0 - &bins.is_score));
        let mut total = (&surprise * &bins.weight).sum(Kind::Float);
        let mut weight = bins.weight.sum(Kind::Float);
        let mut category = score.zeros_like();
        if let Some(categories) = categories {
            let first = i64::from(CATEGORIES.start) - BINS as i64;
            let rows = special.narrow(0, first, categories.mask.size()[1]);
            let logits =
                self.project(&hidden.index_select(0, &categories.rows), &rows) + &categories.mask;
            let surprise = -logits
                .log_softmax(-1, Kind::Float)
                .gather(1, &categories.choice.unsqueeze(1), false)
                .squeeze_dim(1);
            total = total + (&surprise * &categories.weight).sum(Kind::Float);
            weight = weight + categories.weight.sum(Kind::Float);
            category = surprise.mean(Kind::Float);
        }
        Losses { total: total / weight.clamp_min(1e-6), score, value, category }
    }

    /// The logits of every token, `[tokens, vocabulary]`, as a plain causal language model has
    /// them.
    pub fn logits(&self, tokens: &[u16]) -> Tensor {
        let parts = self.parts();
        let numbers: Vec<i64> = tokens.iter().map(|token| i64::from(*token)).collect();
        let tokens = Tensor::from_slice(&numbers).to_device(self.device()).unsqueeze(0);
        let places = Tensor::arange(numbers.len() as i64, (Kind::Int64, self.device()));
        let hidden = self.hidden(&parts, &tokens, &places, None, &places);
        let (bins, special) = self.table(&parts, 3);
        hidden.matmul(&Tensor::cat(&[bins, special], 0).tr())
    }

    /// The logits of a sequence's tokens with their own positions and visibility, `[tokens,
    /// vocabulary]`.
    pub fn branched_logits(&self, sequence: &crate::sequence::TrainingSequence) -> Tensor {
        let parts = self.parts();
        let batch = TokenBatch::new(std::slice::from_ref(sequence), self.device());
        let branches = batch.branches.as_ref();
        let hidden = self.hidden(&parts, &batch.tokens, &batch.positions, branches, &batch.places);
        let (bins, special) = self.table(&parts, 3);
        hidden.matmul(&Tensor::cat(&[bins, special], 0).tr())
    }
}

/// Scaled dot-product attention, `[b, heads, q, size]`; causal where there is no mask.
fn attention_of(queries: &Tensor, keys: &Tensor, values: &Tensor, mask: Option<&Tensor>) -> Tensor {
    let causal = mask.is_none();
    Tensor::scaled_dot_product_attention(queries, keys, values, mask, 0.0, causal, None, false)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::sequence::TrainingSequence;

    /// A shape that takes milliseconds.
    pub(crate) fn tiny() -> Config {
        Config { hidden_size: 32, layers: 2, heads: 4, feed_forward_size: 48, ..Config::pico() }
    }

    #[test]
    fn a_branch_sees_what_a_linear_sequence_would() {
        let network = Network::new(tiny(), Device::Cpu, 1);
        let trunk: Vec<u16> =
            vec![1001, 1005, 1003, 1008, 17, 1004, 500, 1003, 1008, 900, 1004, 20];
        let branches: [(usize, Vec<u16>); 2] =
            [(7, vec![1003, 1008, 44]), (12, vec![1003, 1008, 3, 1004])];
        let mut sequence = TrainingSequence {
            tokens: trunk.clone(),
            positions: (0..trunk.len() as u16).collect(),
            branch: vec![0; trunk.len()],
            visible: vec![0; trunk.len()],
            targets: Vec::new(),
        };
        for (number, (seen, tail)) in branches.iter().enumerate() {
            for (offset, token) in tail.iter().enumerate() {
                sequence.tokens.push(*token);
                sequence.positions.push((seen + offset) as u16);
                sequence.branch.push(number as u16 + 1);
                sequence.visible.push(*seen as u16);
            }
        }
        let together = network.branched_logits(&sequence);
        let mut start = trunk.len() as i64;
        for (seen, tail) in &branches {
            let linear: Vec<u16> = trunk[..*seen].iter().chain(tail).copied().collect();
            let alone = network.logits(&linear).narrow(0, *seen as i64, tail.len() as i64);
            let difference = (together.narrow(0, start, tail.len() as i64) - alone).abs().max();
            assert!(difference.double_value(&[]) < 1e-5);
            start += tail.len() as i64;
        }
        let trunk_alone = network.logits(&trunk);
        let difference = (together.narrow(0, 0, trunk.len() as i64) - trunk_alone).abs().max();
        assert!(difference.double_value(&[]) < 1e-5);
    }

    #[test]
    fn the_number_of_parameters_is_the_config_s_plus_the_smooth_parts() {
        for config in [Config::pico(), tiny()] {
            let extra = 2 * layout::FEATURES * config.hidden_size;
            let network = Network::new(config.clone(), Device::Cpu, 1);
            assert_eq!(network.parameters().numel(), config.parameters() + extra);
        }
    }
}

//! Where each parameter lies in the flat vector that is trained, and how it begins.

use optiformer::{model::Config, tokenizer::vocabulary::BINS};
use tch::{Device, Kind, Tensor};

/// How many smooth features describe a bin.
pub const FEATURES: usize = 66;

/// How many of the tokens are bins: all 1000, or none of a vocabulary that has no room for them, as
/// that of bytes.
pub fn bins(config: &Config) -> usize {
    if config.vocabulary_size > BINS { BINS } else { 0 }
}

/// How many smooth features describe a bin; none where there are no bins.
fn smooth_features(config: &Config) -> usize {
    if bins(config) > 0 { FEATURES } else { 0 }
}

/// One parameter tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct ParameterTensor {
    /// What it is.
    pub role: Role,
    /// Its shape.
    pub shape: Vec<i64>,
}

/// What a parameter tensor is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// `[FEATURES, hidden]`: a table's rows of the bins, as weights of smooth features.
    Smooth(TokenTable),
    /// `[bins, hidden]`: what a table's rows of the bins have beyond the smooth part.
    Residual(TokenTable),
    /// `[vocabulary − bins, hidden]`: a table's other rows.
    Special(TokenTable),
    /// `[3 · hidden, hidden]`: queries, keys and values of a layer.
    Attention(usize),
    /// `[hidden, hidden]`: a layer's attention output.
    AttentionOutput(usize),
    /// `[2 · wide, hidden]`: gate and up projections of a layer.
    GateUp(usize),
    /// `[hidden, wide]`: a layer's down projection.
    Down(usize),
    /// `[hidden]`: gain before a layer's attention.
    AttentionNorm(usize),
    /// `[hidden]`: gain before a layer's feed-forward part.
    FeedForwardNorm(usize),
    /// `[hidden]`: gain before the head.
    FinalNorm,
    /// `[slots · features, hidden]`: what each slot makes of a value's features.
    Slots,
    /// `[FEATURES, features]`: a bin's features as weights of smooth ones.
    SmoothValues,
    /// `[bins, features]`: what a bin's features have beyond those.
    ResidualValues,
    /// `[vocabulary − bins, features]`: the features of the other value tokens.
    SpecialValues,
}

/// One of the two tables with a row per token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenTable {
    /// Tokens going in.
    Embedding,
    /// Tokens coming out.
    Head,
}

/// All parameters in order: the tables first, then layer by layer, the last gain at the end.
pub fn parameter_tensors(config: &Config) -> Vec<ParameterTensor> {
    let (hidden, wide) = (config.hidden_size as i64, config.feed_forward_size as i64);
    let (bins, smooth) = (bins(config) as i64, smooth_features(config) as i64);
    let special = config.vocabulary_size as i64 - bins;
    let mut all = Vec::new();
    let mut push = |role, shape: &[i64]| all.push(ParameterTensor { role, shape: shape.to_vec() });
    for table in [TokenTable::Embedding, TokenTable::Head] {
        push(Role::Smooth(table), &[smooth, hidden]);
        push(Role::Residual(table), &[bins, hidden]);
        push(Role::Special(table), &[special, hidden]);
    }
    for layer in 0..config.layers {
        push(Role::Attention(layer), &[3 * hidden, hidden]);
        push(Role::AttentionOutput(layer), &[hidden, hidden]);
        push(Role::GateUp(layer), &[2 * wide, hidden]);
        push(Role::Down(layer), &[hidden, wide]);
        push(Role::AttentionNorm(layer), &[hidden]);
        push(Role::FeedForwardNorm(layer), &[hidden]);
    }
    push(Role::FinalNorm, &[hidden]);
    if config.slots > 0 {
        let features = config.value_features as i64;
        push(Role::Slots, &[config.all_slots() as i64 * features, hidden]);
        push(Role::SmoothValues, &[smooth, features]);
        push(Role::ResidualValues, &[bins, features]);
        push(Role::SpecialValues, &[special, features]);
    }
    all
}

impl ParameterTensor {
    /// How many numbers it has.
    pub fn count(&self) -> i64 {
        self.shape.iter().product()
    }

    /// Whether weight decay applies: to matrices, not to gains nor to the smooth parts of tables.
    pub fn decays(&self) -> bool {
        self.shape.len() == 2 && !matches!(self.role, Role::Smooth(_) | Role::SmoothValues)
    }

    /// Number of equal parts that lie below one another and are orthogonalized apart by Muon;
    /// `None` for what AdamW trains.
    pub fn muon_parts(&self) -> Option<i64> {
        match self.role {
            Role::Attention(_) => Some(3),
            Role::GateUp(_) => Some(2),
            Role::AttentionOutput(_) | Role::Down(_) => Some(1),
            _ => None,
        }
    }

    /// What it begins as, from torch's generator.
    pub fn initial(&self, config: &Config) -> Tensor {
        let options = (Kind::Float, Device::Cpu);
        let normal = |deviation: f64| Tensor::randn(self.shape.as_slice(), options) * deviation;
        let fan_in = *self.shape.last().expect("a tensor has a shape") as f64;
        // Outputs that are added to the residual stream begin smaller the deeper the model is.
        let depth = (2.0 * config.layers as f64).sqrt();
        match self.role {
            Role::Smooth(TokenTable::Embedding) => normal(0.3),
            Role::Special(TokenTable::Embedding) => normal(0.6),
            Role::Smooth(TokenTable::Head) | Role::Special(TokenTable::Head) => normal(0.02),
            // Cosines of amplitude about one make features of size one.
            Role::SmoothValues => normal(0.35),
            Role::SpecialValues => normal(1.0),
            // A row of six parameters begins as large as an embedding.
            Role::Slots => normal(0.25 / (config.value_features as f64).sqrt()),
            Role::Residual(_) | Role::ResidualValues => {
                Tensor::zeros(self.shape.as_slice(), options)
            }
            Role::Attention(_) | Role::GateUp(_) => normal(fan_in.powf(-0.5)),
            Role::AttentionOutput(_) | Role::Down(_) => normal(fan_in.powf(-0.5) / depth),
            Role::AttentionNorm(_) | Role::FeedForwardNorm(_) | Role::FinalNorm => {
                Tensor::ones(self.shape.as_slice(), options)
            }
        }
    }
}

/// `[bins, features]`: a constant, the bin's place, and cosines of it whose amplitudes fall with
/// their frequency, so that neighboring bins begin, and learn, alike.
pub fn features(config: &Config, device: Device) -> Tensor {
    let (bins, features) = (bins(config), smooth_features(config));
    let mut rows = Vec::with_capacity(bins * features);
    for bin in 0..bins {
        let place = (bin as f64 + 0.5) / bins as f64;
        rows.push(1.0);
        rows.push((2.0 * place - 1.0) as f32);
        rows.extend((1..=features - 2).map(|frequency| {
            let frequency = frequency as f64;
            let amplitude = 1.5 / (1.0 + frequency / 8.0);
            (amplitude * (std::f64::consts::PI * frequency * place).cos()) as f32
        }));
    }
    Tensor::from_slice(&rows).view([bins as i64, features as i64]).to_device(device)
}

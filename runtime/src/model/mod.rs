//! The transformer: a LLaMA-style decoder (Touvron et al. 2023) with RMSNorm, rotary positions (Su
//! et al. 2021), SwiGLU (Shazeer 2020) and no biases.
//!
//! A [`Model`] is immutable and can be shared. The mutable state is in a [`Cache`] (the keys and
//! values of a history), in [`Branches`] (short continuations of it, computed together) and in a
//! [`Workspace`] (buffers).
//!
//! A history is either a prefix of tokens with positions or a set of rows, one per trial
//! ([`Sequence`]). [`Model::extend`] and [`Model::extend_branches`] handle tokens,
//! [`Model::history`] and [`Model::questions`] rows. The layers are the same.

mod attention;
mod buffer;
mod cache;
mod config;
pub(crate) mod embedding;
#[cfg(feature = "std")]
mod files;
mod forward;
mod logits;
mod matrix;
pub mod reference;
mod threads;
mod trials;
mod weights;
mod workspace;

pub use cache::{Branches, Cache};
pub use config::{Config, FORMAT_VERSION, Metadata, PRESETS, Sequence};
pub use weights::{LayerWeights, Precision, TrialWeights, Weights};
pub use workspace::Workspace;

use alloc::vec::Vec;
use core::fmt;

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::{Result, kernels::Kernels};
use embedding::RowEmbedding;
use matrix::Matrix;
use weights::Tensors;

/// Weights, packed for the kernels of this CPU.
#[derive(Clone)]
pub struct Model {
    config: Config,
    metadata: Metadata,
    kernels: Kernels,
    precision: Precision,
    /// `[vocabulary, hidden]`.
    embedding: Vec<f32>,
    /// Embedding tables of rows of trials, if the model reads these.
    trials: Option<RowEmbedding>,
    head: Matrix,
    norm: Vec<f32>,
    layers: Vec<Layer>,
    /// Cosines and sines of the rotary embedding, `[max_positions, 2, head_size / 2]`; empty for a
    /// model without positions.
    rope_table: Vec<f32>,
}

#[derive(Clone, Debug)]
struct Layer {
    /// Queries, keys and values side by side.
    attention: Matrix,
    output: Matrix,
    gate: Matrix,
    up: Matrix,
    down: Matrix,
    attention_norm: Vec<f32>,
    feed_forward_norm: Vec<f32>,
}

#[cfg(feature = "pico")]
static PICO: &[u8] = include_bytes!("../../weights/pico.safetensors");

impl fmt::Debug for Model {
    /// Shows the shape, the precision and the kernels, without the weights.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { config, precision, kernels, .. } = self;
        formatter
            .debug_struct("Model")
            .field("config", config)
            .field("precision", precision)
            .field("kernels", kernels)
            .finish_non_exhaustive()
    }
}

impl Model {
    /// Reads a weights file from memory, to compute in [`Precision::Int8`].
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidWeights`](crate::ErrorKind::InvalidWeights), naming the byte offset,
    /// metadata entry or tensor.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        Self::from_bytes_in(Precision::default(), bytes)
    }

    /// Reads a weights file from memory, to compute in the given precision.
    ///
    /// # Errors
    ///
    /// As [`from_bytes`](Self::from_bytes).
    pub fn from_bytes_in(precision: Precision, bytes: &[u8]) -> Result<Self> {
        let (config, metadata, tensors) = weights::read(bytes)?;
        Ok(Self::pack(config, metadata, &tensors, precision))
    }

    /// Reads a weights file through a memory map, to compute in [`Precision::Int8`].
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`](crate::ErrorKind::Io) with the path if the file cannot be opened, and
    /// those of [`from_bytes`](Self::from_bytes).
    #[cfg(feature = "std")]
    pub fn open(path: impl AsRef<std::path::Path>) -> Result<Self> {
        Self::open_in(Precision::default(), path)
    }

    /// Reads a weights file through a memory map, to compute in the given precision.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    #[cfg(feature = "std")]
    pub fn open_in(precision: Precision, path: impl AsRef<std::path::Path>) -> Result<Self> {
        files::mapped(path.as_ref(), |bytes| Self::from_bytes_in(precision, bytes))
    }

    /// Reads the folder of a saved Hugging Face `LlamaForCausalLM`: `config.json` and
    /// `model.safetensors`. It has none of our metadata, which is that of an untrained model.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`](crate::ErrorKind::Io) with the path of what cannot be opened,
    /// [`ErrorKind::InvalidWeights`](crate::ErrorKind::InvalidWeights) with the field or tensor
    /// that is not of a model like ours.
    #[cfg(feature = "std")]
    pub fn open_folder(precision: Precision, folder: impl AsRef<std::path::Path>) -> Result<Self> {
        let config = files::config(&folder.as_ref().join("config.json"))?;
        files::mapped(&folder.as_ref().join("model.safetensors"), |bytes| {
            let tensors = weights::tensors(bytes, &config)?;
            Ok(Self::pack(config.clone(), Metadata::default(), &tensors, precision))
        })
    }

    /// The embedded pico model.
    ///
    /// # Errors
    ///
    /// None, unless the embedded weights are corrupt.
    #[cfg(feature = "pico")]
    pub fn pico() -> Result<Self> {
        Self::from_bytes(PICO)
    }

    /// The embedded pico model, shared by the whole process if the standard library is available.
    ///
    /// # Errors
    ///
    /// As [`pico`](Self::pico).
    #[cfg(feature = "pico")]
    pub fn shared_pico() -> Result<alloc::sync::Arc<Self>> {
        #[cfg(feature = "std")]
        {
            static SHARED: std::sync::OnceLock<Result<alloc::sync::Arc<Model>>> =
                std::sync::OnceLock::new();
            SHARED.get_or_init(|| Self::pico().map(alloc::sync::Arc::new)).clone()
        }
        #[cfg(not(feature = "std"))]
        Self::pico().map(alloc::sync::Arc::new)
    }

    /// The embedded pico model, to compute in the given precision.
    ///
    /// # Errors
    ///
    /// As [`pico`](Self::pico).
    #[cfg(feature = "pico")]
    pub fn pico_in(precision: Precision) -> Result<Self> {
        Self::from_bytes_in(precision, PICO)
    }

    /// A model with random weights, for tests and benchmarks.
    ///
    /// # Errors
    ///
    /// As [`Config::validate`].
    pub fn random(config: Config, seed: u64, precision: Precision) -> Result<Self> {
        config.validate()?;
        let weights = Weights::random(&config, seed);
        Ok(Self::new(config, Metadata::default(), &weights, precision))
    }

    /// Packs weights to compute in the given precision.
    ///
    /// # Panics
    ///
    /// If the weights do not fit the config, or the config is out of range.
    pub fn new(
        config: Config,
        metadata: Metadata,
        weights: &Weights,
        precision: Precision,
    ) -> Self {
        config.validate().expect("the config is in range");
        let tensors = weights.tensors(&config);
        Self::pack(config, metadata, &tensors, precision)
    }

    fn pack(
        config: Config,
        metadata: Metadata,
        tensors: &Tensors<'_>,
        precision: Precision,
    ) -> Self {
        let (hidden, wide) = (config.hidden_size, config.feed_forward_size);
        let kernels = Kernels::best();
        let matrix = |names: &[&str], columns: usize, depth: usize| {
            let parts: Vec<_> = names.iter().map(|name| tensors.get(name)).collect();
            Matrix::new(precision, kernels, &parts, columns, depth)
        };
        let layers = (0..config.layers)
            .map(|layer| {
                let name = |rest: &str| alloc::format!("model.layers.{layer}.{rest}.weight");
                let attention =
                    ["q", "k", "v"].map(|which| name(&alloc::format!("self_attn.{which}_proj")));
                let attention: Vec<&str> = attention.iter().map(|name| name.as_str()).collect();
                Layer {
                    attention: matrix(&attention, hidden, hidden),
                    output: matrix(&[&name("self_attn.o_proj")], hidden, hidden),
                    gate: matrix(&[&name("mlp.gate_proj")], wide, hidden),
                    up: matrix(&[&name("mlp.up_proj")], wide, hidden),
                    down: matrix(&[&name("mlp.down_proj")], hidden, wide),
                    attention_norm: tensors.get(&name("input_layernorm")).all(1, hidden),
                    feed_forward_norm: tensors
                        .get(&name("post_attention_layernorm"))
                        .all(1, hidden),
                }
            })
            .collect();
        let embedding = tensors.get("model.embed_tokens.weight");
        let head =
            if config.tie_embeddings { "model.embed_tokens.weight" } else { "lm_head.weight" };
        Self {
            kernels,
            precision,
            embedding: embedding.all(config.vocabulary_size, hidden),
            trials: match config.sequence() {
                Sequence::Tokens => None,
                Sequence::Trials => Some(RowEmbedding::new(&config, tensors)),
            },
            head: matrix(&[head], config.vocabulary_size, hidden),
            norm: tensors.get("model.norm.weight").all(1, hidden),
            layers,
            rope_table: match config.sequence() {
                Sequence::Tokens => rope_table(&config),
                Sequence::Trials => Vec::new(),
            },
            metadata,
            config,
        }
    }

    /// Selects another instruction set of this CPU.
    pub fn with_kernels(mut self, kernels: Kernels) -> Self {
        self.kernels = kernels;
        self
    }

    /// An empty cache for at most `capacity` tokens or rows, with all memory allocated: `layers · 2
    /// · hidden · capacity` numbers. A number takes one byte in [`Precision::Int8`], with 16 more
    /// bytes per token, layer and head, and four bytes otherwise. The capacity is rounded up to a
    /// multiple of 32, and for values the head size too.
    pub fn cache(&self, capacity: usize) -> Cache {
        Cache::new(&self.config, self.precision, capacity)
    }

    /// Branches, none yet.
    pub fn branches(&self) -> Branches {
        Branches::new(&self.config, self.precision)
    }

    /// The shape.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Metadata of the weights file.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The instruction set in use.
    pub fn kernels(&self) -> Kernels {
        self.kernels
    }

    /// The precision of the computation.
    pub fn precision(&self) -> Precision {
        self.precision
    }
}

impl Weights {
    /// Reads a weights file.
    ///
    /// # Errors
    ///
    /// As [`Model::from_bytes`].
    pub fn from_bytes(bytes: &[u8]) -> Result<(Config, Metadata, Self)> {
        let (config, metadata, tensors) = weights::read(bytes)?;
        let weights = tensors.to_weights(&config);
        Ok((config, metadata, weights))
    }

    /// The embedded pico weights.
    ///
    /// # Errors
    ///
    /// None, unless the embedded weights are corrupt.
    #[cfg(feature = "pico")]
    pub fn pico() -> Result<(Config, Metadata, Self)> {
        Self::from_bytes(PICO)
    }

    /// The weights as a file.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidWeights`](crate::ErrorKind::InvalidWeights) when they do not fit the
    /// config.
    pub fn to_bytes(
        &self,
        config: &Config,
        metadata: &Metadata,
        precision: Precision,
    ) -> Result<Vec<u8>> {
        weights::write(config, metadata, self, precision)
    }

    /// Random weights with the scales of a new model before training.
    pub fn random(config: &Config, seed: u64) -> Self {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut uniform = |count: usize, reach: f32| -> Vec<f32> {
            (0..count).map(|_| rng.random_range(-reach..reach)).collect()
        };
        let (hidden, wide) = (config.hidden_size, config.feed_forward_size);
        // A uniform number between ±√3 has variance one.
        let (narrow, broad) = (libm::sqrtf(3.0 / hidden as f32), libm::sqrtf(3.0 / wide as f32));
        let rows = config.vocabulary_size * hidden;
        let features = config.value_features;
        Self {
            embedding: uniform(rows, 1.0),
            head: (!config.tie_embeddings).then(|| uniform(rows, narrow)),
            trials: (config.sequence() == Sequence::Trials).then(|| TrialWeights {
                slots: uniform(
                    config.all_slots() * hidden * features,
                    libm::sqrtf(3.0 / features as f32),
                ),
                values: uniform(config.vocabulary_size * features, 1.0),
            }),
            norm: alloc::vec![1.0; hidden],
            layers: (0..config.layers)
                .map(|_| LayerWeights {
                    query: uniform(hidden * hidden, narrow),
                    key: uniform(hidden * hidden, narrow),
                    value: uniform(hidden * hidden, narrow),
                    output: uniform(hidden * hidden, narrow),
                    gate: uniform(wide * hidden, narrow),
                    up: uniform(wide * hidden, narrow),
                    down: uniform(hidden * wide, broad),
                    attention_norm: uniform(hidden, 0.2).iter().map(|x| 1.0 + x).collect(),
                    feed_forward_norm: uniform(hidden, 0.2).iter().map(|x| 1.0 + x).collect(),
                })
                .collect(),
        }
    }
}

/// Cosines and sines of `position · theta^(−2i / head_size)`, `[positions, 2, head_size / 2]` (Su
/// et al. 2021, equation 15).
fn rope_table(config: &Config) -> Vec<f32> {
    let half = config.head_size() / 2;
    let frequencies: Vec<f32> = (0..half)
        .map(|index| {
            let exponent = -(index as f64) / half as f64;
            libm::pow(f64::from(config.rope_theta), exponent) as f32
        })
        .collect();
    let mut rope_table = Vec::with_capacity(config.max_positions * 2 * half);
    for position in 0..config.max_positions {
        let angles = frequencies.iter().map(|frequency| position as f32 * frequency);
        rope_table.extend(angles.clone().map(libm::cosf));
        rope_table.extend(angles.map(libm::sinf));
    }
    rope_table
}

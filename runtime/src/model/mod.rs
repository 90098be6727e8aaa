//! The transformer: a LLaMA-style decoder (Touvron et al. 2023) with RMSNorm, rotary positions (Su et al. 2021), SwiGLU
//! (Shazeer 2020) and no biases.
//!
//! A [`Model`] is immutable and can be shared. What changes lies in a [`Cache`] (the keys and values of a history), in [`Branches`]
//! (many short continuations of it that go through the weights together), and in a [`Workspace`] (buffers).

mod cache;
mod config;
mod forward;
pub mod reference;
mod weights;
mod workspace;

pub use cache::{Branches, Cache};
pub use config::{Config, FORMAT_VERSION, Metadata, PRESETS};
pub use weights::{LayerWeights, Precision, Weights};
pub use workspace::Workspace;

use alloc::vec::Vec;

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::{
    Result,
    kernels::{Kernels, Packed},
};

/// Weights, packed for the kernels of this CPU.
#[derive(Clone, Debug)]
pub struct Model {
    config: Config,
    metadata: Metadata,
    kernels: Kernels,
    /// `[vocabulary, hidden]`.
    embedding: Vec<f32>,
    head: Packed,
    norm: Vec<f32>,
    layers: Vec<Layer>,
    /// `[max_positions, head_size / 2]`.
    cosines: Vec<f32>,
    sines: Vec<f32>,
}

#[derive(Clone, Debug)]
struct Layer {
    /// Queries, keys and values side by side.
    attention: Packed,
    output: Packed,
    gate: Packed,
    up: Packed,
    down: Packed,
    attention_norm: Vec<f32>,
    feed_forward_norm: Vec<f32>,
}

#[cfg(feature = "pico")]
static PICO: &[u8] = include_bytes!("../../weights/pico.safetensors");

impl Model {
    /// Reads a weights file that is in memory.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidWeights`](crate::ErrorKind::InvalidWeights), naming the byte offset, metadata entry or tensor.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let (config, metadata, weights) = weights::read(bytes)?;
        Ok(Self::new(config, metadata, &weights))
    }

    /// Reads a weights file through a memory map.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`](crate::ErrorKind::Io) with the path when it cannot be opened, else as
    /// [`from_bytes`](Self::from_bytes).
    #[cfg(feature = "std")]
    pub fn open(path: impl AsRef<std::path::Path>) -> Result<Self> {
        use alloc::format;

        use crate::{Error, ErrorKind};

        let path = path.as_ref();
        let at = |error: std::io::Error| {
            Error::new(ErrorKind::Io, format!("{}: {error}", path.display()))
        };
        let file = std::fs::File::open(path).map_err(at)?;
        // SAFETY: the map lives in this function only. Should another process cut the file short meanwhile, the system ends
        // this one; it cannot make the checks below see one thing and the copy another, since what is copied is checked after.
        let map = unsafe { memmap2::Mmap::map(&file) }.map_err(at)?;
        Self::from_bytes(&map).map_err(|error| {
            Error::new(error.kind(), format!("{}: {}", path.display(), error.context()))
        })
    }

    /// The embedded pico model.
    ///
    /// # Errors
    ///
    /// None in a build whose weights are whole.
    #[cfg(feature = "pico")]
    pub fn pico() -> Result<Self> {
        Self::from_bytes(PICO)
    }

    /// A model with random weights, for tests and benchmarks.
    ///
    /// # Errors
    ///
    /// As [`Config::validate`].
    pub fn random(config: Config, seed: u64) -> Result<Self> {
        config.validate()?;
        let weights = Weights::random(&config, seed);
        Ok(Self::new(config, Metadata::default(), &weights))
    }

    /// Packs weights that fit the config.
    pub fn new(config: Config, metadata: Metadata, weights: &Weights) -> Self {
        let (hidden, wide) = (config.hidden_size, config.feed_forward_size);
        let layers = weights
            .layers
            .iter()
            .map(|layer| {
                let attention = [layer.query.as_slice(), &layer.key, &layer.value].concat();
                Layer {
                    attention: Packed::new(&attention, 3 * hidden, hidden),
                    output: Packed::new(&layer.output, hidden, hidden),
                    gate: Packed::new(&layer.gate, wide, hidden),
                    up: Packed::new(&layer.up, wide, hidden),
                    down: Packed::new(&layer.down, hidden, wide),
                    attention_norm: layer.attention_norm.clone(),
                    feed_forward_norm: layer.feed_forward_norm.clone(),
                }
            })
            .collect();
        let head = weights.head.as_ref().unwrap_or(&weights.embedding);
        let (cosines, sines) = rotations(&config);
        Self {
            kernels: Kernels::best(),
            embedding: weights.embedding.clone(),
            head: Packed::new(head, config.vocabulary_size, hidden),
            norm: weights.norm.clone(),
            layers,
            cosines,
            sines,
            metadata,
            config,
        }
    }

    /// The same model on another of this CPU's instruction sets.
    pub fn with_kernels(mut self, kernels: Kernels) -> Self {
        self.kernels = kernels;
        self
    }

    /// The shape.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What the weights file says about itself.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Which instruction set the model runs on.
    pub fn kernels(&self) -> Kernels {
        self.kernels
    }
}

impl Weights {
    /// Reads a weights file.
    ///
    /// # Errors
    ///
    /// As [`Model::from_bytes`].
    pub fn from_bytes(bytes: &[u8]) -> Result<(Config, Metadata, Self)> {
        weights::read(bytes)
    }

    /// The weights as a file.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidWeights`](crate::ErrorKind::InvalidWeights) when they do not fit the config.
    pub fn to_bytes(
        &self,
        config: &Config,
        metadata: &Metadata,
        precision: Precision,
    ) -> Result<Vec<u8>> {
        weights::write(config, metadata, self, precision)
    }

    /// Random weights of the sizes that an untrained model begins with.
    pub fn random(config: &Config, seed: u64) -> Self {
        let mut generator = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut uniform = |count: usize, reach: f32| -> Vec<f32> {
            (0..count).map(|_| generator.random_range(-reach..reach)).collect()
        };
        let (hidden, wide) = (config.hidden_size, config.feed_forward_size);
        // A uniform number between ±√3 has variance one.
        let (narrow, broad) = (libm::sqrtf(3.0 / hidden as f32), libm::sqrtf(3.0 / wide as f32));
        let rows = config.vocabulary_size * hidden;
        Self {
            embedding: uniform(rows, 1.0),
            head: (!config.tie_embeddings).then(|| uniform(rows, narrow)),
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

/// Cosines and sines of `position · theta^(−2i / head_size)`, `[positions, head_size / 2]` (Su et al. 2021, equation 15).
fn rotations(config: &Config) -> (Vec<f32>, Vec<f32>) {
    let half = config.head_size() / 2;
    let frequencies: Vec<f32> = (0..half)
        .map(|index| {
            let exponent = -(index as f64) / half as f64;
            libm::pow(f64::from(config.rope_theta), exponent) as f32
        })
        .collect();
    let angles = (0..config.max_positions)
        .flat_map(|position| frequencies.iter().map(move |frequency| position as f32 * frequency));
    angles.map(|angle| (libm::cosf(angle), libm::sinf(angle))).unzip()
}

//! The language model of bytes that is served.

use optiformer::model::{Cache, Model, Precision, Workspace};

use crate::text::{PROMPT, SERVED};

/// The weights: a LLaMA of bytes from `optiformer-trainer train-text`.
pub static WEIGHTS: &[u8] = include_bytes!("lm.safetensors");

/// The distribution of the next byte, by a model that has read what came before.
pub trait NextByte {
    /// Reads the bytes of a request from `read` to `place`, and returns the surprise of the byte at
    /// `place` in nats. `read` is 0, or the place of the call before.
    fn surprise(&mut self, text: &[u8], read: usize, place: usize) -> f64;
}

/// The model with the keys and values of the request that it is serving.
#[derive(Debug)]
pub struct LanguageModel {
    model: Model,
    cache: Cache,
    workspace: Workspace,
    tokens: Vec<u16>,
    logits: Vec<f32>,
}

impl LanguageModel {
    /// The embedded weights, computed in bytes.
    pub fn embedded() -> optiformer::Result<Self> {
        let model = Model::from_bytes_in(Precision::Int8, WEIGHTS)?;
        let size = model.config().vocabulary_size;
        Ok(Self {
            cache: model.cache(PROMPT + SERVED),
            workspace: Workspace::new(),
            tokens: Vec::new(),
            logits: vec![0.0; size],
            model,
        })
    }

    /// Number of parameters.
    pub fn parameters(&self) -> usize {
        self.model.config().parameters()
    }

    /// How the weights were trained, as JSON.
    pub fn training(&self) -> &str {
        &self.model.metadata().training
    }
}

impl NextByte for LanguageModel {
    fn surprise(&mut self, text: &[u8], read: usize, place: usize) -> f64 {
        if read == 0 {
            self.cache.clear();
        }
        self.tokens.clear();
        self.tokens.extend(text[read..place].iter().map(|byte| u16::from(*byte)));
        self.model
            .extend(&mut self.cache, &self.tokens, &mut self.workspace)
            .expect("a request fits the model");
        let size = self.logits.len() as u16;
        self.model
            .logits(&mut self.workspace, 0..1, 0..size, &mut self.logits)
            .expect("a state for each token read");
        let most = self.logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum: f32 = self.logits.iter().map(|logit| (logit - most).exp()).sum();
        f64::from(sum.ln() + most - self.logits[usize::from(text[place])])
    }
}

/// What the model said when it served every byte. Because the model has always read all that came
/// before, it says the same, bit by bit, whichever other bytes the cache has answered.
#[derive(Debug)]
pub struct Replay<'a>(
    /// The surprise of each served byte of a request.
    pub &'a [f32],
);

impl NextByte for Replay<'_> {
    fn surprise(&mut self, _: &[u8], _: usize, place: usize) -> f64 {
        f64::from(self.0[place - PROMPT])
    }
}

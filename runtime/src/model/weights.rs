//! Weights files: checked before anything is trusted.

use alloc::{
    collections::BTreeMap,
    format,
    string::{String, ToString},
    vec::Vec,
};

use half::{bf16, f16};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use super::{Config, Metadata};
use crate::{Error, ErrorKind, Result};

/// The tensors of a model as plain rows of numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Weights {
    /// `[vocabulary, hidden]`.
    pub embedding: Vec<f32>,
    /// `[vocabulary, hidden]`; `None` when it is the embedding.
    pub head: Option<Vec<f32>>,
    /// `[hidden]`.
    pub norm: Vec<f32>,
    /// One per layer.
    pub layers: Vec<LayerWeights>,
}

/// The tensors of a layer.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerWeights {
    /// `[hidden, hidden]`.
    pub query: Vec<f32>,
    /// `[hidden, hidden]`.
    pub key: Vec<f32>,
    /// `[hidden, hidden]`.
    pub value: Vec<f32>,
    /// `[hidden, hidden]`.
    pub output: Vec<f32>,
    /// `[wide, hidden]`.
    pub gate: Vec<f32>,
    /// `[wide, hidden]`.
    pub up: Vec<f32>,
    /// `[hidden, wide]`.
    pub down: Vec<f32>,
    /// `[hidden]`.
    pub attention_norm: Vec<f32>,
    /// `[hidden]`.
    pub feed_forward_norm: Vec<f32>,
}

/// How numbers are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// Four bytes a number.
    F32,
    /// Two bytes a number.
    F16,
}

/// The tensors that a config asks for: name and shape, in a fixed order.
fn expected(config: &Config) -> Vec<(String, Vec<usize>)> {
    let (hidden, wide) = (config.hidden_size, config.feed_forward_size);
    let mut all = alloc::vec![(
        String::from("model.embed_tokens.weight"),
        alloc::vec![config.vocabulary_size, hidden],
    )];
    if !config.tie_embeddings {
        let shape = alloc::vec![config.vocabulary_size, hidden];
        all.push((String::from("lm_head.weight"), shape));
    }
    all.push((String::from("model.norm.weight"), alloc::vec![hidden]));
    for layer in 0..config.layers {
        for (rest, shape) in [
            ("self_attn.q_proj", alloc::vec![hidden, hidden]),
            ("self_attn.k_proj", alloc::vec![hidden, hidden]),
            ("self_attn.v_proj", alloc::vec![hidden, hidden]),
            ("self_attn.o_proj", alloc::vec![hidden, hidden]),
            ("mlp.gate_proj", alloc::vec![wide, hidden]),
            ("mlp.up_proj", alloc::vec![wide, hidden]),
            ("mlp.down_proj", alloc::vec![hidden, wide]),
            ("input_layernorm", alloc::vec![hidden]),
            ("post_attention_layernorm", alloc::vec![hidden]),
        ] {
            all.push((format!("model.layers.{layer}.{rest}.weight"), shape));
        }
    }
    all
}

fn bad(what: String) -> Error {
    Error::new(ErrorKind::InvalidWeights, what)
}

/// Reads a weights file.
///
/// The header is read and every tensor's name, type and shape compared with the config before any number is.
///
/// # Errors
///
/// [`ErrorKind::InvalidWeights`], naming the byte range, metadata entry or tensor.
pub fn read(bytes: &[u8]) -> Result<(Config, Metadata, Weights)> {
    let (header_length, header) = SafeTensors::read_metadata(bytes)
        .map_err(|error| bad(format!("header at byte 0: {error}")))?;
    let entries = header.metadata().as_ref().ok_or_else(|| {
        bad(String::from("the header has no metadata, so nothing says what model this is"))
    })?;
    let (config, metadata) = Metadata::from_entries(|key| entries.get(key).map(String::as_str))?;
    let file = SafeTensors::deserialize(bytes)
        .map_err(|error| bad(format!("tensors from byte {}: {error}", header_length + 8)))?;
    let expected = expected(&config);
    let mut views: BTreeMap<&str, TensorView<'_>> = BTreeMap::new();
    for (name, shape) in &expected {
        let view = file.tensor(name).map_err(|_| bad(format!("tensor {name} is missing")))?;
        if view.shape() != shape {
            return Err(bad(format!("tensor {name} has shape {:?}, not {shape:?}", view.shape())));
        }
        if !matches!(view.dtype(), Dtype::F32 | Dtype::F16 | Dtype::BF16) {
            return Err(bad(format!("tensor {name} is stored as {:?}", view.dtype())));
        }
        views.insert(name, view);
    }
    if let Some(name) = file.names().into_iter().find(|name| !views.contains_key(*name)) {
        return Err(bad(format!("tensor {name} belongs to no part of the model")));
    }
    let take = |name: &str| numbers(name, &views[name]);
    let layers: Result<Vec<LayerWeights>> = (0..config.layers)
        .map(|layer| {
            let take = |rest: &str| take(&format!("model.layers.{layer}.{rest}.weight"));
            Ok(LayerWeights {
                query: take("self_attn.q_proj")?,
                key: take("self_attn.k_proj")?,
                value: take("self_attn.v_proj")?,
                output: take("self_attn.o_proj")?,
                gate: take("mlp.gate_proj")?,
                up: take("mlp.up_proj")?,
                down: take("mlp.down_proj")?,
                attention_norm: take("input_layernorm")?,
                feed_forward_norm: take("post_attention_layernorm")?,
            })
        })
        .collect();
    let weights = Weights {
        embedding: take("model.embed_tokens.weight")?,
        head: if config.tie_embeddings { None } else { Some(take("lm_head.weight")?) },
        norm: take("model.norm.weight")?,
        layers: layers?,
    };
    Ok((config, metadata, weights))
}

/// A tensor's numbers, all of them finite.
fn numbers(name: &str, view: &TensorView<'_>) -> Result<Vec<f32>> {
    let data = view.data();
    let numbers: Vec<f32> = match view.dtype() {
        Dtype::F32 => data
            .chunks_exact(4)
            .map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]]))
            .collect(),
        Dtype::F16 => {
            data.chunks_exact(2).map(|two| f16::from_le_bytes([two[0], two[1]]).to_f32()).collect()
        }
        _ => {
            data.chunks_exact(2).map(|two| bf16::from_le_bytes([two[0], two[1]]).to_f32()).collect()
        }
    };
    match numbers.iter().position(|number| !number.is_finite()) {
        Some(place) => Err(bad(format!("tensor {name}: number {place} is not finite"))),
        None => Ok(numbers),
    }
}

/// Writes a weights file.
///
/// # Errors
///
/// [`ErrorKind::InvalidWeights`] when the tensors do not fit the config.
pub fn write(
    config: &Config,
    metadata: &Metadata,
    weights: &Weights,
    precision: Precision,
) -> Result<Vec<u8>> {
    let mut tensors: Vec<&[f32]> = alloc::vec![&weights.embedding];
    tensors.extend(weights.head.as_deref());
    tensors.push(&weights.norm);
    for layer in &weights.layers {
        tensors.extend([
            layer.query.as_slice(),
            &layer.key,
            &layer.value,
            &layer.output,
            &layer.gate,
            &layer.up,
            &layer.down,
            &layer.attention_norm,
            &layer.feed_forward_norm,
        ]);
    }
    let expected = expected(config);
    if tensors.len() != expected.len() {
        return Err(bad(format!("{} tensors, not {}", tensors.len(), expected.len())));
    }
    let bytes: Vec<Vec<u8>> = tensors
        .iter()
        .map(|numbers| match precision {
            Precision::F32 => numbers.iter().flat_map(|number| number.to_le_bytes()).collect(),
            Precision::F16 => {
                numbers.iter().flat_map(|number| f16::from_f32(*number).to_le_bytes()).collect()
            }
        })
        .collect();
    let dtype = match precision {
        Precision::F32 => Dtype::F32,
        Precision::F16 => Dtype::F16,
    };
    let views: Result<Vec<(&str, TensorView<'_>)>> = expected
        .iter()
        .zip(&bytes)
        .map(|((name, shape), bytes)| {
            let view = TensorView::new(dtype, shape.clone(), bytes)
                .map_err(|error| bad(format!("tensor {name}: {error}")))?;
            Ok((name.as_str(), view))
        })
        .collect();
    let entries = metadata.entries(config).into_iter().collect();
    safetensors::serialize(views?, Some(entries)).map_err(|error| bad(error.to_string()))
}

//! Trained weights as files that the runtime and Hugging Face's `LlamaForCausalLM` open.

use std::{borrow::Cow, path::Path};

use half::f16;
use optiformer::{
    Error, ErrorKind, Result,
    model::{self, Metadata, Weights},
    tokenizer::vocabulary::BINS,
};
use safetensors::{Dtype, SafeTensors, View};
use tch::{Device, Kind, Tensor};

use crate::network::{
    Network,
    layout::{self, Role, Table},
};

/// How numbers are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Precision {
    /// Four bytes a number.
    F32,
    /// Two bytes a number.
    F16,
    /// A byte a number of a matrix, with a scale for each row; norms in four.
    Int8,
}

/// A tensor as a file has it.
struct Stored {
    shape: Vec<usize>,
    dtype: Dtype,
    bytes: Vec<u8>,
}

impl View for &Stored {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }

    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}

/// The tensors of a network by Hugging Face's names.
pub fn named(network: &Network) -> Vec<(String, Tensor)> {
    let parts = network.parts();
    let find = |role: Role| {
        &parts.iter().find(|(other, _)| *other == role).expect("every role has a tensor").1
    };
    let features = layout::features(network.device());
    let table = |table: Table| {
        let bins = features.matmul(find(Role::Smooth(table))) + find(Role::Residual(table));
        Tensor::cat(&[&bins, find(Role::Special(table))], 0)
    };
    let mut all = vec![
        (String::from("model.embed_tokens.weight"), table(Table::Embedding)),
        (String::from("lm_head.weight"), table(Table::Head)),
        (String::from("model.norm.weight"), find(Role::FinalNorm).shallow_clone()),
    ];
    for layer in 0..network.config().layers {
        let name = |rest: &str| format!("model.layers.{layer}.{rest}.weight");
        let attention = find(Role::Attention(layer)).chunk(3, 0);
        for (part, tensor) in ["q", "k", "v"].into_iter().zip(attention) {
            all.push((name(&format!("self_attn.{part}_proj")), tensor));
        }
        let output = find(Role::AttentionOutput(layer)).shallow_clone();
        all.push((name("self_attn.o_proj"), output));
        let wide = find(Role::GateUp(layer)).chunk(2, 0);
        for (part, tensor) in ["gate", "up"].into_iter().zip(wide) {
            all.push((name(&format!("mlp.{part}_proj")), tensor));
        }
        all.push((name("mlp.down_proj"), find(Role::Down(layer)).shallow_clone()));
        let norm = find(Role::AttentionNorm(layer)).shallow_clone();
        all.push((name("input_layernorm"), norm));
        let norm = find(Role::FeedForwardNorm(layer)).shallow_clone();
        all.push((name("post_attention_layernorm"), norm));
    }
    all
}

/// The network as the bytes of a safetensors file.
///
/// # Errors
///
/// [`ErrorKind::InvalidWeights`], naming the tensor, when a weight is not finite (or not in f16).
pub fn to_bytes(network: &Network, metadata: &Metadata, precision: Precision) -> Result<Vec<u8>> {
    if precision == Precision::Int8 {
        // The runtime's own rule of rounding, so that it computes with just these bytes.
        let floats = to_bytes(network, metadata, Precision::F32)?;
        let (config, metadata, weights) = Weights::from_bytes(&floats)?;
        return weights.to_bytes(&config, &metadata, model::Precision::Int8);
    }
    let mut stored = Vec::new();
    for (name, tensor) in named(network) {
        let shape = tensor.size().into_iter().map(|side| side as usize).collect();
        let values = values(&tensor);
        let (dtype, bytes): (Dtype, Vec<u8>) = match precision {
            Precision::F32 | Precision::Int8 => {
                (Dtype::F32, values.iter().flat_map(|v| v.to_le_bytes()).collect())
            }
            Precision::F16 => {
                (Dtype::F16, values.iter().flat_map(|v| f16::from_f32(*v).to_le_bytes()).collect())
            }
        };
        let stays_finite = |value: &f32| match precision {
            Precision::F32 | Precision::Int8 => value.is_finite(),
            Precision::F16 => f16::from_f32(*value).is_finite(),
        };
        if !values.iter().all(stays_finite) {
            let context = format!("{name} has a weight that {precision:?} cannot hold");
            return Err(Error::new(ErrorKind::InvalidWeights, context));
        }
        stored.push((name, Stored { shape, dtype, bytes }));
    }
    let entries = metadata.entries(network.config()).into_iter().collect();
    safetensors::serialize(stored.iter().map(|(name, stored)| (name, stored)), Some(entries))
        .map_err(|error| Error::new(ErrorKind::Io, error.to_string()))
}

/// Writes `model.safetensors` (or the file that `path` names) and `config.json` beside it.
///
/// # Errors
///
/// As [`to_bytes`], and what the file system says.
pub fn save(
    network: &Network,
    metadata: &Metadata,
    precision: Precision,
    path: &Path,
) -> Result<()> {
    let file = if path.extension().is_some_and(|extension| extension == "safetensors") {
        path.to_owned()
    } else {
        std::fs::create_dir_all(path)?;
        std::fs::write(path.join("config.json"), network.config().to_json())?;
        path.join("model.safetensors")
    };
    let bytes = to_bytes(network, metadata, precision)?;
    let temporary = file.with_extension("partial");
    std::fs::write(&temporary, bytes)?;
    std::fs::rename(temporary, file)?;
    Ok(())
}

/// Reads an exported file back into a network, to train it further or to compare with.
///
/// # Errors
///
/// [`ErrorKind::InvalidWeights`], naming the tensor or the metadata entry.
pub fn load(bytes: &[u8], device: Device) -> Result<(Network, Metadata)> {
    let bad = |what: String| Error::new(ErrorKind::InvalidWeights, what);
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(|error| bad(error.to_string()))?;
    let entries = header.metadata().clone().unwrap_or_default();
    let (config, metadata) = Metadata::from_entries(|key| entries.get(key).map(String::as_str))?;
    let file = SafeTensors::deserialize(bytes).map_err(|error| bad(error.to_string()))?;
    let tensor = |name: &str, shape: &[i64]| -> Result<Tensor> {
        let view = file.tensor(name).map_err(|error| bad(format!("{name}: {error}")))?;
        let numbers: Vec<f32> = match view.dtype() {
            Dtype::F32 => view
                .data()
                .chunks_exact(4)
                .map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]]))
                .collect(),
            Dtype::F16 => view
                .data()
                .chunks_exact(2)
                .map(|two| f16::from_le_bytes([two[0], two[1]]).to_f32())
                .collect(),
            other => return Err(bad(format!("{name} is stored as {other:?}"))),
        };
        if numbers.len() as i64 != shape.iter().product::<i64>() {
            return Err(bad(format!("{name} does not have the shape {shape:?}")));
        }
        Ok(Tensor::from_slice(&numbers).view(shape))
    };
    let (hidden, wide) = (config.hidden_size as i64, config.feed_forward_size as i64);
    let rows = config.vocabulary_size as i64;
    let table = |which: Table| {
        let name = match which {
            Table::Embedding => "model.embed_tokens.weight",
            Table::Head => "lm_head.weight",
        };
        tensor(name, &[rows, hidden])
    };
    let mut parts = Vec::new();
    for entry in layout::entries(&config) {
        let of_layer = |layer: usize, rest: &str, shape: &[i64]| {
            tensor(&format!("model.layers.{layer}.{rest}.weight"), shape)
        };
        let join = |layer: usize, names: &[&str], shape: &[i64]| -> Result<Tensor> {
            let pieces: Result<Vec<Tensor>> =
                names.iter().map(|name| of_layer(layer, name, shape)).collect();
            Ok(Tensor::cat(&pieces?, 0))
        };
        let part = match entry.role {
            // The whole table lies in the residual.
            Role::Smooth(_) => Tensor::zeros(entry.shape.as_slice(), (Kind::Float, Device::Cpu)),
            Role::Residual(which) => table(which)?.narrow(0, 0, BINS as i64),
            Role::Special(which) => table(which)?.narrow(0, BINS as i64, rows - BINS as i64),
            Role::Attention(layer) => join(
                layer,
                &["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"],
                &[hidden, hidden],
            )?,
            Role::AttentionOutput(layer) => of_layer(layer, "self_attn.o_proj", &[hidden, hidden])?,
            Role::GateUp(layer) => join(layer, &["mlp.gate_proj", "mlp.up_proj"], &[wide, hidden])?,
            Role::Down(layer) => of_layer(layer, "mlp.down_proj", &[hidden, wide])?,
            Role::AttentionNorm(layer) => of_layer(layer, "input_layernorm", &[hidden])?,
            Role::FeedForwardNorm(layer) => of_layer(layer, "post_attention_layernorm", &[hidden])?,
            Role::FinalNorm => tensor("model.norm.weight", &[hidden])?,
        };
        parts.push(part.flatten(0, -1));
    }
    Ok((Network::with_parameters(config, Tensor::cat(&parts, 0), device), metadata))
}

/// The numbers of a tensor, row by row.
pub fn values(tensor: &Tensor) -> Vec<f32> {
    let flat = tensor.detach().to_device(Device::Cpu).to_kind(Kind::Float).contiguous();
    let mut values = vec![0.0; flat.numel()];
    flat.copy_data(&mut values, flat.numel());
    values
}

#[cfg(test)]
mod tests {
    use optiformer::model::Config;

    use super::*;

    #[test]
    fn an_exported_network_comes_back() {
        let config = Config {
            hidden_size: 32,
            layers: 2,
            heads: 4,
            feed_forward_size: 48,
            ..Config::pico()
        };
        let network = Network::new(config, Device::Cpu, 4);
        let metadata = Metadata::default();
        let tokens = [1001, 1005, 1003, 1008, 12, 1004, 700, 1003, 1008];
        let before = network.logits(&tokens);
        for (precision, most) in [(Precision::F32, 1e-5), (Precision::F16, 0.02)] {
            let bytes = to_bytes(&network, &metadata, precision).unwrap();
            let (again, read) = load(&bytes, Device::Cpu).unwrap();
            assert_eq!(read, metadata);
            let difference = (again.logits(&tokens) - &before).abs().max().double_value(&[]);
            assert!(difference < most, "{precision:?}: {difference}");
            assert!(load(&bytes[..bytes.len() / 2], Device::Cpu).is_err());
        }
        // The runtime reads the third precision; each weight is within half a step of its row.
        let (_, _, floats) =
            Weights::from_bytes(&to_bytes(&network, &metadata, Precision::F32).unwrap()).unwrap();
        let bytes = to_bytes(&network, &metadata, Precision::Int8).unwrap();
        let (_, read, quantised) = Weights::from_bytes(&bytes).unwrap();
        assert_eq!(read, metadata);
        let rows = floats.layers[1].down.chunks(48).zip(quantised.layers[1].down.chunks(48));
        for (row, quantised) in rows {
            let most = row.iter().fold(0.0_f32, |most, weight| most.max(weight.abs()));
            for (weight, quantised) in row.iter().zip(quantised) {
                assert!((weight - quantised).abs() <= most / 127.0 * 0.501);
            }
        }
    }
}

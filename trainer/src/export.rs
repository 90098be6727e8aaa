//! Trained weights as files that the runtime and Hugging Face's `LlamaForCausalLM` open.

use std::path::Path;

use optiformer::{
    Result,
    model::{Config, LayerWeights, Metadata, Precision, TrialWeights, Weights},
};
use tch::{Device, Kind, Tensor};

use crate::network::{
    Network,
    layout::{self, Role, TokenTable},
};

/// The tensors of a network by Hugging Face's names.
pub fn named(network: &Network) -> Vec<(String, Tensor)> {
    let parts = network.parts();
    let find = |role: Role| {
        &parts.iter().find(|(other, _)| *other == role).expect("every role has a tensor").1
    };
    let features = layout::features(network.config(), network.device());
    let table = |table: TokenTable| {
        let bins = features.matmul(find(Role::Smooth(table))) + find(Role::Residual(table));
        Tensor::cat(&[&bins, find(Role::Special(table))], 0)
    };
    let mut all = vec![
        (String::from("model.embed_tokens.weight"), table(TokenTable::Embedding)),
        (String::from("lm_head.weight"), table(TokenTable::Head)),
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

/// The tables of a model that reads a row a trial; `None` for a model that reads a token a value.
fn trial_weights(network: &Network) -> Option<TrialWeights> {
    let config = network.config();
    let (slots, features) = (config.all_slots() as i64, config.value_features as i64);
    (slots > 0).then(|| {
        let parts = network.parts();
        let maps = network.slot_maps(&parts).view([slots, features, -1]).transpose(1, 2);
        TrialWeights { slots: values(&maps), values: values(&network.value_table(&parts)) }
    })
}

/// The network's tensors as the runtime has them.
fn weights(network: &Network) -> Weights {
    // The order of `named` is that of the fields.
    let mut all = named(network).into_iter().map(|(_, tensor)| values(&tensor));
    let mut next = || all.next().expect("as many tensors as the config asks for");
    Weights {
        trials: trial_weights(network),
        embedding: next(),
        head: Some(next()),
        norm: next(),
        layers: (0..network.config().layers)
            .map(|_| LayerWeights {
                query: next(),
                key: next(),
                value: next(),
                output: next(),
                gate: next(),
                up: next(),
                down: next(),
                attention_norm: next(),
                feed_forward_norm: next(),
            })
            .collect(),
    }
}

/// The network as the bytes of a safetensors file, as the runtime writes it.
///
/// # Errors
///
/// [`InvalidWeights`](optiformer::ErrorKind::InvalidWeights), naming the tensor, when a weight is
/// not finite (or not in f16).
pub fn to_bytes(network: &Network, metadata: &Metadata, precision: Precision) -> Result<Vec<u8>> {
    weights(network).to_bytes(network.config(), metadata, precision)
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

/// Reads a weights file of any precision back into a network, to train it further or to compare
/// with.
///
/// # Errors
///
/// [`InvalidWeights`](optiformer::ErrorKind::InvalidWeights), naming the tensor or the metadata
/// entry.
pub fn load(bytes: &[u8], device: Device) -> Result<(Network, Metadata)> {
    let (config, metadata, weights) = Weights::from_bytes(bytes)?;
    let (hidden, bin_count) = (config.hidden_size, layout::bins(&config));
    let bins = bin_count * hidden;
    let table = |which: TokenTable| match (which, &weights.head) {
        (TokenTable::Head, Some(head)) => head.as_slice(),
        _ => weights.embedding.as_slice(),
    };
    let (slot_maps, value_table) = match &weights.trials {
        Some(trials) => (transposed(&trials.slots, &config), trials.values.as_slice()),
        None => (Vec::new(), [].as_slice()),
    };
    let value_bins = bin_count * config.value_features;
    let mut parts = Vec::new();
    for entry in layout::parameter_tensors(&config) {
        let pieces: Vec<&[f32]> = match entry.role {
            // The whole table lies in the residual.
            Role::Smooth(_) => Vec::new(),
            Role::Residual(which) => vec![&table(which)[..bins]],
            Role::Special(which) => vec![&table(which)[bins..config.vocabulary_size * hidden]],
            Role::Attention(layer) => {
                let layer = &weights.layers[layer];
                vec![&layer.query, &layer.key, &layer.value]
            }
            Role::AttentionOutput(layer) => vec![&weights.layers[layer].output],
            Role::GateUp(layer) => vec![&weights.layers[layer].gate, &weights.layers[layer].up],
            Role::Down(layer) => vec![&weights.layers[layer].down],
            Role::AttentionNorm(layer) => vec![&weights.layers[layer].attention_norm],
            Role::FeedForwardNorm(layer) => vec![&weights.layers[layer].feed_forward_norm],
            Role::FinalNorm => vec![&weights.norm],
            // The whole table of values lies in the residual, too.
            Role::SmoothValues => Vec::new(),
            Role::Slots => vec![&slot_maps],
            Role::ResidualValues => vec![&value_table[..value_bins]],
            Role::SpecialValues => vec![&value_table[value_bins..]],
        };
        let part = if pieces.is_empty() {
            Tensor::zeros(entry.shape.as_slice(), (Kind::Float, Device::Cpu))
        } else {
            Tensor::from_slice(&pieces.concat())
        };
        parts.push(part.flatten(0, -1));
    }
    Ok((Network::with_parameters(config, Tensor::cat(&parts, 0), device), metadata))
}

/// A file's slots, `[slots · hidden, features]`, as the network has them: `[slots · features,
/// hidden]`.
fn transposed(slots: &[f32], config: &Config) -> Vec<f32> {
    let shape =
        [config.all_slots(), config.hidden_size, config.value_features].map(|size| size as i64);
    values(&Tensor::from_slice(slots).view(shape).transpose(1, 2))
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
    use optiformer::{
        model::{Config, Model, Workspace},
        tokenizer::Rows,
    };

    use super::*;
    use crate::{
        episodes::{self, EpisodeOptions},
        generators::{FunctionOptions, SampledFunction},
        network::tests::tiny,
    };

    #[test]
    fn an_exported_network_comes_back() {
        let network = Network::new(tiny(), Device::Cpu, 4);
        let metadata = Metadata::default();
        let tokens = [1001, 1005, 1003, 1008, 12, 1004, 700, 1003, 1008];
        let before = network.logits(&tokens);
        for (precision, most) in
            [(Precision::F32, 1e-5), (Precision::F16, 0.02), (Precision::Int8, 0.2)]
        {
            let bytes = to_bytes(&network, &metadata, precision).unwrap();
            let (again, read) = load(&bytes, Device::Cpu).unwrap();
            assert_eq!(read, metadata);
            let difference = (again.logits(&tokens) - &before).abs().max().double_value(&[]);
            assert!(difference < most, "{precision:?}: {difference}");
            assert!(load(&bytes[..bytes.len() / 2], Device::Cpu).is_err());
        }
    }

    /// A file of rows comes back, and the runtime computes from it what the network does.
    #[test]
    fn the_runtime_and_the_network_agree_on_rows() {
        let config = Config { layers: 3, ..tiny() }.with_trial_rows();
        let network = Network::new(config, Device::Cpu, 4);
        let metadata = Metadata { trained_context: 100, ..Metadata::default() };
        let bytes = to_bytes(&network, &metadata, Precision::F32).unwrap();
        let (again, _) = load(&bytes, Device::Cpu).unwrap();
        let model = Model::from_bytes_in(Precision::F32, &bytes).unwrap();
        let mut workspace = Workspace::new();
        let mut compared = 0;
        for index in 0..12 {
            let SampledFunction { function, optimum, mut rng, .. } =
                SampledFunction::draw(&FunctionOptions::default(), 8, index);
            let options = EpisodeOptions { max_trials: 30, ..EpisodeOptions::default() };
            let episode = episodes::draw(&function, &optimum, &options, &mut rng).unwrap();
            let queries = episode.rows.len() - episode.history;
            if queries == 0 {
                continue;
            }
            let (mut history, mut questions) = (Rows::new(), Rows::new());
            for (index, row) in episode.rows.iter().enumerate() {
                if index < episode.history { &mut history } else { &mut questions }.push(row);
            }
            let mut cache = model.cache(history.len());
            model.history(&mut cache, &history, &mut workspace).unwrap();
            model.questions(&cache, &questions, &mut workspace).unwrap();
            let size = model.config().vocabulary_size;
            let mut logits = vec![0.0; queries * size];
            model.logits(&mut workspace, 0..queries, 0..size as u16, &mut logits).unwrap();
            for network in [&network, &again] {
                let expected = values(&network.query_logits(&episode));
                let largest = logits
                    .iter()
                    .zip(&expected)
                    .map(|(one, other)| (one - other).abs())
                    .fold(0.0, f32::max);
                assert!(largest < 2e-4, "{largest}");
            }
            compared += 1;
        }
        assert!(compared > 8);
    }
}

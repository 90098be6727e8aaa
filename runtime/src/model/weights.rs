//! Weights files, which are validated before they are used.

use alloc::{
    collections::BTreeMap,
    format,
    string::{String, ToString},
    vec::Vec,
};

use half::{bf16, f16};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use super::{Config, Metadata, Sequence};
use crate::{Error, ErrorKind, Result, kernels::Kernels};

/// Tensors of a model, in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub struct Weights {
    /// `[vocabulary, hidden]`.
    pub embedding: Vec<f32>,
    /// `[vocabulary, hidden]`; `None` if it is the embedding.
    pub head: Option<Vec<f32>>,
    /// Embedding tables of rows of trials; `None` for
    /// [`Sequence::Tokens`](super::Sequence::Tokens).
    pub trials: Option<TrialWeights>,
    /// `[hidden]`.
    pub norm: Vec<f32>,
    /// Tensors of each layer.
    pub layers: Vec<LayerWeights>,
}

/// Embedding tables of rows of slots and values; see [`tokenizer::rows`](crate::tokenizer::rows).
#[derive(Clone, Debug, PartialEq)]
pub struct TrialWeights {
    /// A matrix for each slot, `[slots, hidden, features]`.
    pub slots: Vec<f32>,
    /// The features of each value, `[vocabulary, features]`.
    pub values: Vec<f32>,
}

/// Tensors of a layer.
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

/// Precision of stored numbers and of the computation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// Four bytes per number.
    F32,
    /// Two bytes per number in a file; computed in single precision.
    F16,
    /// One byte per number and a scale per row of a matrix. Activations, keys and values are
    /// quantized dynamically; norms, softmax and outputs are in single precision.
    #[default]
    Int8,
}

impl Precision {
    /// `f32`, `f16` or `int8`.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Int8 => "int8",
        }
    }

    /// The precision called `name`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidValue`] for another name.
    pub fn by_name(name: &str) -> Result<Self> {
        let found = [Self::F32, Self::F16, Self::Int8].into_iter().find(|one| one.name() == name);
        found.ok_or_else(|| {
            let what = format!("no precision is called \"{name}\"; there are f32, f16 and int8");
            Error::new(ErrorKind::InvalidValue, what)
        })
    }
}

/// A stored tensor.
#[derive(Clone, Copy, Debug)]
pub(super) enum Tensor<'a> {
    Floats(&'a [f32]),
    F32(&'a [u8]),
    F16(&'a [u8]),
    Bf16(&'a [u8]),
    /// Bytes, and a little-endian single-precision scale for each row.
    Int8(&'a [i8], &'a [u8]),
}

impl Tensor<'_> {
    /// Writes row `index`, as long as `out`, as floats.
    pub fn row(&self, index: usize, out: &mut [f32]) {
        let range = index * out.len()..(index + 1) * out.len();
        let wide = |size: usize| range.start * size..range.end * size;
        match self {
            Self::Floats(numbers) => out.copy_from_slice(&numbers[range]),
            Self::F32(data) => {
                for (out, four) in out.iter_mut().zip(data[wide(4)].chunks_exact(4)) {
                    *out = single(four);
                }
            }
            Self::F16(data) => {
                for (out, two) in out.iter_mut().zip(data[wide(2)].chunks_exact(2)) {
                    *out = f16::from_le_bytes([two[0], two[1]]).to_f32();
                }
            }
            Self::Bf16(data) => {
                for (out, two) in out.iter_mut().zip(data[wide(2)].chunks_exact(2)) {
                    *out = bf16::from_le_bytes([two[0], two[1]]).to_f32();
                }
            }
            Self::Int8(bytes, scales) => {
                let scale = single(&scales[4 * index..]);
                for (out, byte) in out.iter_mut().zip(&bytes[range]) {
                    *out = f32::from(*byte) * scale;
                }
            }
        }
    }

    /// Writes row `index` as bytes and returns their scale; `None` if the tensor is stored as
    /// floats.
    pub fn bytes(&self, index: usize, out: &mut [i8]) -> Option<f32> {
        let Self::Int8(bytes, scales) = self else { return None };
        out.copy_from_slice(&bytes[index * out.len()..(index + 1) * out.len()]);
        Some(single(&scales[4 * index..]))
    }

    /// All rows as floats.
    pub fn all(&self, rows: usize, width: usize) -> Vec<f32> {
        let mut all = alloc::vec![0.0; rows * width];
        for (index, row) in all.chunks_exact_mut(width).enumerate() {
            self.row(index, row);
        }
        all
    }

    /// Rejects numbers that are not finite, and the byte −128.
    fn check(&self, name: &str) -> Result<()> {
        let place = match self {
            Self::Floats(numbers) => numbers.iter().position(|number| !number.is_finite()),
            Self::F32(data) => data.chunks_exact(4).position(|four| !single(four).is_finite()),
            Self::F16(data) => data.chunks_exact(2).position(|two| two[1] & 0x7c == 0x7c),
            Self::Bf16(data) => {
                data.chunks_exact(2).position(|two| two[1] & 0x7f == 0x7f && two[0] & 0x80 == 0x80)
            }
            Self::Int8(bytes, scales) => {
                // The search for any is much faster than that for the position.
                let unsigned: &[u8] = bytemuck::cast_slice(bytes);
                if unsigned.contains(&0x80)
                    && let Some(place) = bytes.iter().position(|byte| *byte == i8::MIN)
                {
                    return Err(bad(format!("tensor {name}: byte {place} is -128")));
                }
                // The number of the largest byte must be finite too.
                let good = |scale: f32| scale >= 0.0 && (127.0 * scale).is_finite();
                return match scales.chunks_exact(4).position(|four| !good(single(four))) {
                    Some(place) => Err(bad(format!(
                        "tensor {name}: scale {place} is not a finite number of at least 0"
                    ))),
                    None => Ok(()),
                };
            }
        };
        match place {
            Some(place) => Err(bad(format!("tensor {name}: number {place} is not finite"))),
            None => Ok(()),
        }
    }
}

fn single(four: &[u8]) -> f32 {
    f32::from_le_bytes([four[0], four[1], four[2], four[3]])
}

/// The tensors of a model by their names.
pub(super) struct Tensors<'a>(BTreeMap<String, Tensor<'a>>);

impl<'a> Tensors<'a> {
    /// A tensor that the config requires.
    pub fn get(&self, name: &str) -> Tensor<'a> {
        self.0[name]
    }

    /// All tensors as floats.
    pub fn to_weights(&self, config: &Config) -> Weights {
        let take = |name: &str, shape: &[usize]| {
            let (rows, width) = rows_of(shape);
            self.get(name).all(rows, width)
        };
        let mut all = expected(config).into_iter().map(|(name, shape)| take(&name, &shape));
        let mut next = || all.next().expect("as many tensors as are expected");
        Weights {
            embedding: next(),
            head: (!config.tie_embeddings).then(&mut next),
            trials: (config.sequence() == Sequence::Trials)
                .then(|| TrialWeights { slots: next(), values: next() }),
            norm: next(),
            layers: (0..config.layers)
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
}

/// Number of rows and their width; a vector is one row.
fn rows_of(shape: &[usize]) -> (usize, usize) {
    match shape {
        [rows, width] => (*rows, *width),
        _ => (1, shape[0]),
    }
}

impl Weights {
    /// The tensors in the order of [`expected`].
    fn in_order(&self) -> Vec<&[f32]> {
        let mut tensors: Vec<&[f32]> = alloc::vec![&self.embedding];
        tensors.extend(self.head.as_deref());
        if let Some(trials) = &self.trials {
            tensors.extend([trials.slots.as_slice(), &trials.values]);
        }
        tensors.push(&self.norm);
        for layer in &self.layers {
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
        tensors
    }

    /// The tensors by their names.
    pub(super) fn tensors(&self, config: &Config) -> Tensors<'_> {
        let tensors = self.in_order();
        let expected = expected(config);
        assert_eq!(tensors.len(), expected.len(), "as many tensors as the config asks for");
        let named = expected.into_iter().zip(tensors).map(|((name, shape), numbers)| {
            assert_eq!(numbers.len(), shape.iter().product::<usize>(), "{name}");
            (name, Tensor::Floats(numbers))
        });
        Tensors(named.collect())
    }
}

/// The name of [`TrialWeights::slots`] in a file.
pub(super) const SLOTS: &str = "trials.slots.weight";
/// The name of [`TrialWeights::values`] in a file.
pub(super) const VALUES: &str = "trials.values.weight";

/// Names and shapes of the tensors that a config requires, in a fixed order.
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
    if config.sequence() == Sequence::Trials {
        let features = config.value_features;
        for (name, rows) in [(SLOTS, config.all_slots() * hidden), (VALUES, config.vocabulary_size)]
        {
            all.push((String::from(name), alloc::vec![rows, features]));
        }
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
/// The names, types and shapes of all tensors are compared with the config before any number is
/// read.
///
/// # Errors
///
/// [`ErrorKind::InvalidWeights`], naming the byte range, metadata entry or tensor.
pub(super) fn read(bytes: &[u8]) -> Result<(Config, Metadata, Tensors<'_>)> {
    let (_, header) = SafeTensors::read_metadata(bytes)
        .map_err(|error| bad(format!("header at byte 0: {error}")))?;
    let entries = header.metadata().as_ref().ok_or_else(|| {
        bad(String::from("the header has no metadata, so nothing says what model this is"))
    })?;
    let (config, metadata) = Metadata::from_entries(|key| entries.get(key).map(String::as_str))?;
    let tensors = tensors(bytes, &config)?;
    Ok((config, metadata, tensors))
}

/// Reads the tensors that a config requires, and checks that their numbers are finite.
///
/// # Errors
///
/// Those of [`read`].
pub(super) fn tensors<'a>(bytes: &'a [u8], config: &Config) -> Result<Tensors<'a>> {
    let (header_length, _) = SafeTensors::read_metadata(bytes)
        .map_err(|error| bad(format!("header at byte 0: {error}")))?;
    let file = SafeTensors::deserialize(bytes)
        .map_err(|error| bad(format!("tensors from byte {}: {error}", header_length + 8)))?;
    let mut used: Vec<String> = Vec::new();
    let mut all = BTreeMap::new();
    for (name, shape) in expected(config) {
        let view = file.tensor(&name).map_err(|_| bad(format!("tensor {name} is missing")))?;
        if view.shape() != shape {
            return Err(bad(format!("tensor {name} has shape {:?}, not {shape:?}", view.shape())));
        }
        let data = view.data();
        let tensor = match view.dtype() {
            Dtype::F32 => Tensor::F32(data),
            Dtype::F16 => Tensor::F16(data),
            Dtype::BF16 => Tensor::Bf16(data),
            Dtype::I8 => {
                let scale = format!("{name}{SCALE}");
                let scales =
                    file.tensor(&scale).map_err(|_| bad(format!("tensor {scale} is missing")))?;
                if scales.dtype() != Dtype::F32 || scales.shape() != [rows_of(&shape).0] {
                    return Err(bad(format!("tensor {scale} is not a number for each row")));
                }
                used.push(scale);
                Tensor::Int8(bytemuck::cast_slice(data), scales.data())
            }
            other => return Err(bad(format!("tensor {name} is stored as {other:?}"))),
        };
        all.insert(name, tensor);
    }
    let known = |name: &&str| !all.contains_key(*name) && !used.iter().any(|used| used == name);
    if let Some(name) = file.names().into_iter().find(known) {
        return Err(bad(format!("tensor {name} belongs to no part of the model")));
    }
    for (name, tensor) in &all {
        tensor.check(name)?;
    }
    Ok(Tensors(all))
}

/// Suffix of the name of a tensor of scales.
const SCALE: &str = "_scale";

/// Writes a weights file.
///
/// # Errors
///
/// [`ErrorKind::InvalidWeights`] for a config out of range, tensors that do not fit it, and numbers
/// that are not finite in the precision.
pub fn write(
    config: &Config,
    metadata: &Metadata,
    weights: &Weights,
    precision: Precision,
) -> Result<Vec<u8>> {
    config.validate()?;
    let tensors = weights.in_order();
    let expected = expected(config);
    if tensors.len() != expected.len() {
        return Err(bad(format!("{} tensors, not {}", tensors.len(), expected.len())));
    }
    let mut stored: Vec<(String, Dtype, Vec<usize>, Vec<u8>)> = Vec::new();
    for ((name, shape), numbers) in expected.into_iter().zip(tensors) {
        let (rows, width) = rows_of(&shape);
        if numbers.len() != rows * width {
            return Err(bad(format!("tensor {name}: {} numbers, not {shape:?}", numbers.len())));
        }
        let largest = if precision == Precision::F16 { 65_504.0 } else { f32::MAX };
        if let Some(place) =
            numbers.iter().position(|number| !number.is_finite() || number.abs() > largest)
        {
            return Err(bad(format!(
                "tensor {name}: number {place} is not finite in {}",
                precision.name()
            )));
        }
        match precision {
            // Norms stay in single precision: they are few and scale whole rows.
            Precision::Int8 if shape.len() == 2 => {
                let (mut bytes, mut scales) = (alloc::vec![0_i8; numbers.len()], Vec::new());
                for (row, out) in numbers.chunks_exact(width).zip(bytes.chunks_exact_mut(width)) {
                    let scale = Kernels::best().quantize_for_panels(row, out);
                    scales.extend_from_slice(&scale.to_le_bytes());
                }
                let bytes = bytemuck::cast_slice(&bytes).to_vec();
                stored.push((format!("{name}{SCALE}"), Dtype::F32, alloc::vec![rows], scales));
                stored.push((name, Dtype::I8, shape, bytes));
            }
            Precision::F16 => {
                let halves = numbers.iter().flat_map(|number| f16::from_f32(*number).to_le_bytes());
                stored.push((name, Dtype::F16, shape, halves.collect()));
            }
            Precision::F32 | Precision::Int8 => {
                let bytes = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
                stored.push((name, Dtype::F32, shape, bytes));
            }
        }
    }
    let views: Result<Vec<(&str, TensorView<'_>)>> = stored
        .iter()
        .map(|(name, dtype, shape, bytes)| {
            let view = TensorView::new(*dtype, shape.clone(), bytes)
                .map_err(|error| bad(format!("tensor {name}: {error}")))?;
            Ok((name.as_str(), view))
        })
        .collect();
    let entries = metadata.entries(config).into_iter().collect();
    safetensors::serialize(views?, Some(entries)).map_err(|error| bad(error.to_string()))
}

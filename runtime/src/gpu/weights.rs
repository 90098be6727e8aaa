//! Weights of a model in the memory of the device.

use alloc::{format, string::String, vec, vec::Vec};

use super::{
    GpuPrecision,
    device::{Gpu, unsupported},
    pipelines::{MatrixShape, MatrixShapes, Strides},
};
use crate::{
    Error, ErrorKind, Result,
    model::{Config, LayerWeights, Sequence, Weights},
};

/// Number of rows of gate and up projections that alternate in the joint matrix: half a tile of the
/// product.
const INTERLEAVE: usize = super::TILE / 2;

/// Matrices and norms of a layer.
pub(super) struct GpuLayer {
    pub attention: wgpu::Buffer,
    pub output: wgpu::Buffer,
    pub gate: wgpu::Buffer,
    pub down: wgpu::Buffer,
    pub attention_norm: wgpu::Buffer,
    pub feed_forward_norm: wgpu::Buffer,
}

/// All weights, and the table of the rotary embedding.
pub(super) struct GpuWeights {
    pub embedding: wgpu::Buffer,
    /// `None` if it is the embedding.
    pub head: Option<wgpu::Buffer>,
    pub norm: wgpu::Buffer,
    pub rope_table: wgpu::Buffer,
    pub layers: Vec<GpuLayer>,
    pub shapes: MatrixShapes,
}

impl GpuWeights {
    pub fn new(
        gpu: &Gpu,
        config: &Config,
        weights: &Weights,
        precision: GpuPrecision,
    ) -> Result<Self> {
        check(config, weights)?;
        let uploader = Uploader { gpu, precision, config };
        let hidden = config.hidden_size;
        let table = |name: &str, numbers: &[f32]| {
            uploader.matrix(name, numbers.chunks_exact(hidden), hidden)
        };
        let (embedding, embedding_shape) = table("embedding", &weights.embedding)?;
        let head = match &weights.head {
            Some(head) => Some(table("head", head)?.0),
            None => None,
        };
        let mut layers = Vec::with_capacity(config.layers);
        let mut shapes = [embedding_shape; 4];
        for (index, layer) in weights.layers.iter().enumerate() {
            let (uploaded, same) = uploader.layer(index, layer)?;
            shapes = same;
            layers.push(uploaded);
        }
        let [attention, output, gate, down] = shapes;
        Ok(Self {
            embedding,
            head,
            norm: uploader.gains("norm", &weights.norm)?,
            rope_table: uploader.buffer("rope_table", bytemuck::cast_slice(&rope_table(config)))?,
            layers,
            shapes: MatrixShapes { embedding: embedding_shape, attention, output, gate, down },
        })
    }
}

/// Uploads numbers to the device.
struct Uploader<'a> {
    gpu: &'a Gpu,
    precision: GpuPrecision,
    config: &'a Config,
}

impl Uploader<'_> {
    fn layer(&self, index: usize, layer: &LayerWeights) -> Result<(GpuLayer, [MatrixShape; 4])> {
        let (hidden, wide) = (self.config.hidden_size, self.config.feed_forward_size);
        let name = |part: &str| format!("layer {index}, {part}");
        let rows = |matrix: &'_ Vec<f32>| -> Vec<Vec<f32>> {
            matrix.chunks_exact(hidden).map(<[f32]>::to_vec).collect()
        };
        let parts = [&layer.query, &layer.key, &layer.value];
        let attention = parts.into_iter().flat_map(|part| part.chunks_exact(hidden));
        let (attention, attention_shape) = self.matrix(&name("attention"), attention, hidden)?;
        let (output, output_shape) =
            self.matrix(&name("output"), layer.output.chunks_exact(hidden), hidden)?;
        let (mut gates, mut ups) = (rows(&layer.gate), rows(&layer.up));
        for part in [&mut gates, &mut ups] {
            part.resize(wide.next_multiple_of(INTERLEAVE), vec![0.0; hidden]);
        }
        let interleaved = gates.chunks(INTERLEAVE).zip(ups.chunks(INTERLEAVE));
        let interleaved =
            interleaved.flat_map(|(gates, ups)| gates.iter().chain(ups)).map(Vec::as_slice);
        let (gate, gate_shape) = self.matrix(&name("gate and up"), interleaved, hidden)?;
        let (down, down_shape) = self.matrix(&name("down"), layer.down.chunks_exact(wide), wide)?;
        let layer = GpuLayer {
            attention,
            output,
            gate,
            down,
            attention_norm: self.gains(&name("attention norm"), &layer.attention_norm)?,
            feed_forward_norm: self.gains(&name("feed-forward norm"), &layer.feed_forward_norm)?,
        };
        Ok((layer, [attention_shape, output_shape, gate_shape, down_shape]))
    }

    fn matrix<'a>(
        &self,
        name: &str,
        rows: impl Iterator<Item = &'a [f32]>,
        depth: usize,
    ) -> Result<(wgpu::Buffer, MatrixShape)> {
        let packed = self.precision.pack(name, rows, depth)?;
        let shape = MatrixShape { rows: packed.rows, depth: packed.depth };
        Ok((self.buffer(name, &packed.bytes)?, shape))
    }

    fn gains(&self, name: &str, gains: &[f32]) -> Result<wgpu::Buffer> {
        let mut padded = gains.to_vec();
        padded.resize(Strides::new(self.config).hidden, 0.0);
        self.buffer(name, bytemuck::cast_slice(&padded))
    }

    fn buffer(&self, name: &str, bytes: &[u8]) -> Result<wgpu::Buffer> {
        let (size, most) = (bytes.len() as u64, self.gpu.max_bytes());
        if size > most {
            return Err(unsupported(format!(
                "{name} has {size} bytes; {} allows {most}",
                self.gpu.name()
            )));
        }
        self.gpu.watch(&format!("uploading {name}"), || {
            let buffer = self.gpu.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some(name),
                size,
                usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            });
            self.gpu.queue.write_buffer(&buffer, 0, bytes);
            // Submitted now, so that copies overlap with the conversion of the next matrix.
            self.gpu.queue.submit([]);
            buffer
        })
    }
}

/// Cosine and sine of `position · theta^(−2i / head_size)`, `[positions, head_size / 2, 2]` (Su et
/// al. 2021, equation 15). Angles are rounded as on the CPU. Rows of trials are all at the first
/// position.
fn rope_table(config: &Config) -> Vec<f32> {
    let half = config.head_size() / 2;
    let frequencies: Vec<f32> = (0..half)
        .map(|index| {
            let exponent = -(index as f64) / half as f64;
            libm::pow(f64::from(config.rope_theta), exponent) as f32
        })
        .collect();
    let positions = match config.sequence() {
        Sequence::Tokens => config.max_positions,
        Sequence::Trials => 1,
    };
    (0..positions)
        .flat_map(|position| frequencies.iter().map(move |frequency| position as f32 * frequency))
        .flat_map(|angle| [libm::cosf(angle), libm::sinf(angle)])
        .collect()
}

/// Checks the sizes of all tensors.
fn check(config: &Config, weights: &Weights) -> Result<()> {
    config.validate()?;
    let (hidden, wide) = (config.hidden_size, config.feed_forward_size);
    let table = config.vocabulary_size * hidden;
    let refuse = |what: String| Err(Error::new(ErrorKind::InvalidWeights, what));
    if weights.layers.len() != config.layers {
        return refuse(format!("{} layers, not {}", weights.layers.len(), config.layers));
    }
    if weights.head.is_none() != config.tie_embeddings {
        return refuse(String::from(
            "the config and the weights differ in whether there is a head",
        ));
    }
    if weights.trials.is_some() != (config.sequence() == Sequence::Trials) {
        return refuse(String::from(
            "the config and the weights differ in whether there are tables of trials",
        ));
    }
    let head = weights.head.as_ref().unwrap_or(&weights.embedding);
    let mut sizes = vec![
        ("embedding", weights.embedding.len(), table),
        ("head", head.len(), table),
        ("norm", weights.norm.len(), hidden),
    ];
    if let Some(trials) = &weights.trials {
        let features = config.value_features;
        sizes.extend([
            ("slots of trials", trials.slots.len(), config.all_slots() * hidden * features),
            ("values of trials", trials.values.len(), config.vocabulary_size * features),
        ]);
    }
    for layer in &weights.layers {
        sizes.extend([
            ("query", layer.query.len(), hidden * hidden),
            ("key", layer.key.len(), hidden * hidden),
            ("value", layer.value.len(), hidden * hidden),
            ("output", layer.output.len(), hidden * hidden),
            ("gate", layer.gate.len(), wide * hidden),
            ("up", layer.up.len(), wide * hidden),
            ("down", layer.down.len(), hidden * wide),
            ("attention norm", layer.attention_norm.len(), hidden),
            ("feed-forward norm", layer.feed_forward_norm.len(), hidden),
        ]);
    }
    match sizes.into_iter().find(|(_, have, want)| have != want) {
        Some((name, have, want)) => refuse(format!("{name} has {have} numbers, not {want}")),
        None => Ok(()),
    }
}

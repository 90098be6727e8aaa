//! Buffers between the shaders, which grow on demand, and their bindings.

use alloc::{vec, vec::Vec};

use super::{
    batch::{Plan, STAGE_WORDS},
    device::Gpu,
    pipelines::{Pipelines, Strides},
    prefix::PAGE,
    weights::GpuWeights,
};
use crate::{Result, model::Config};

/// Sizes of the buffers, in rows, words, stages and numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Sizes {
    pub rows: usize,
    pub words: usize,
    pub stages: usize,
    /// Numbers of the row vectors of all passes.
    pub vectors: usize,
    /// Logits of a pass.
    pub logits: usize,
    /// Logits of all passes.
    pub answers: usize,
}

impl Sizes {
    /// Sizes for a plan with `vectors` numbers of row vectors, and `columns` logits for each row
    /// with an output.
    pub fn of(plan: &Plan, vectors: usize, columns: usize) -> Self {
        let (rows, kept) = plan.most();
        Self {
            rows,
            words: plan.words.len(),
            stages: plan.stages.len(),
            vectors: vectors.max(1),
            logits: (kept * columns).max(1),
            answers: plan.passes.iter().map(|pass| pass.kept * columns).sum::<usize>().max(1),
        }
    }

    /// Sizes at least as large as both, with reserves where they grow.
    fn grown(self, needed: Self, max_rows: usize, max_bytes: u64) -> Self {
        let most_words = usize::try_from(max_bytes / 4).unwrap_or(usize::MAX);
        let grow = |had: usize, need: usize, most: usize| {
            if need <= had { had } else { need.next_power_of_two().min(most).max(need) }
        };
        Self {
            rows: grow(self.rows, needed.rows, max_rows),
            words: grow(self.words, needed.words, most_words),
            stages: grow(self.stages, needed.stages, usize::MAX),
            vectors: grow(self.vectors, needed.vectors, most_words),
            logits: grow(self.logits, needed.logits, most_words),
            answers: grow(self.answers, needed.answers, most_words),
        }
    }
}

/// The buffers with their bindings.
pub(super) struct GpuBuffers {
    sizes: Sizes,
    pub plan: wgpu::Buffer,
    pub stages: wgpu::Buffer,
    /// Row vectors of all passes.
    pub vectors: wgpu::Buffer,
    /// Residual stream of a pass.
    pub stream: wgpu::Buffer,
    pub logits: wgpu::Buffer,
    /// Logits of all passes, readable by the CPU.
    pub answers: wgpu::Buffer,
    pub embed: wgpu::BindGroup,
    pub gather: wgpu::BindGroup,
    pub norm: wgpu::BindGroup,
    pub head: wgpu::BindGroup,
    pub layers: Vec<LayerBindings>,
}

/// Bindings of the shaders of a layer.
pub(super) struct LayerBindings {
    pub attention_norm: wgpu::BindGroup,
    pub attention: wgpu::BindGroup,
    pub rope: wgpu::BindGroup,
    pub attend: wgpu::BindGroup,
    pub output: wgpu::BindGroup,
    pub feed_forward_norm: wgpu::BindGroup,
    pub gate: wgpu::BindGroup,
    pub down: wgpu::BindGroup,
}

/// Keys and values of all histories, one buffer per layer.
#[derive(Default)]
pub(super) struct Pool {
    pub layers: Vec<wgpu::Buffer>,
    pages: usize,
}

impl Pool {
    /// Bytes of a page in one layer.
    pub fn page_bytes(config: &Config) -> u64 {
        (PAGE * 2 * config.hidden_size * 4) as u64
    }

    /// Grows the buffers to `pages` pages and keeps their contents. Returns whether the buffers
    /// were replaced.
    pub fn grow(&mut self, gpu: &Gpu, config: &Config, pages: usize, most: usize) -> Result<bool> {
        if pages <= self.pages && !self.layers.is_empty() {
            return Ok(false);
        }
        let pages = pages.max(1).next_power_of_two().min(most).max(pages);
        let size = pages as u64 * Self::page_bytes(config);
        let layers = gpu.watch("making room for histories", || {
            let mut encoder = gpu.device.create_command_encoder(&Default::default());
            let layers: Vec<wgpu::Buffer> = (0..config.layers)
                .map(|layer| {
                    let buffer = buffer(gpu, "histories", size, storage());
                    if let Some(old) = self.layers.get(layer) {
                        encoder.copy_buffer_to_buffer(old, 0, &buffer, 0, old.size());
                    }
                    buffer
                })
                .collect();
            gpu.queue.submit([encoder.finish()]);
            layers
        })?;
        (self.layers, self.pages) = (layers, pages);
        Ok(true)
    }
}

/// The parts of a model that its buffers depend on.
pub(super) struct Fixtures<'a> {
    pub gpu: &'a Gpu,
    pub config: &'a Config,
    pub weights: &'a GpuWeights,
    pub pipelines: &'a Pipelines,
    pub max_rows: usize,
}

impl GpuBuffers {
    /// The old buffers if they are large enough, otherwise new ones.
    pub fn fitting(
        old: Option<Self>,
        needed: Sizes,
        pool: &Pool,
        fixtures: &Fixtures<'_>,
    ) -> Result<Self> {
        let had = old.as_ref().map_or(Sizes::default(), |old| old.sizes);
        let sizes = had.grown(needed, fixtures.max_rows, fixtures.gpu.max_bytes());
        match old {
            Some(old) if sizes == had => Ok(old),
            old => {
                // Frees the memory for the new buffers.
                drop(old);
                fixtures.gpu.watch("making room for a batch", || Self::new(sizes, pool, fixtures))
            }
        }
    }

    /// Distance between two stages, in bytes.
    pub fn stage_stride(gpu: &Gpu) -> usize {
        (4 * STAGE_WORDS)
            .next_multiple_of(gpu.device.limits().min_uniform_buffer_offset_alignment as usize)
    }

    fn new(sizes: Sizes, pool: &Pool, fixtures: &Fixtures<'_>) -> Self {
        let Fixtures { gpu, config, weights, pipelines, .. } = *fixtures;
        let strides = Strides::new(config);
        let of = |name: &str, numbers: usize| buffer(gpu, name, 4 * numbers as u64, storage());
        let stages = buffer(
            gpu,
            "stages",
            (sizes.stages * Self::stage_stride(gpu)) as u64,
            wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
        );
        let plan = of("plan", sizes.words);
        let stream = of("stream", sizes.rows * strides.hidden);
        let kept = of("kept", sizes.rows * strides.hidden);
        let input = of("input", sizes.rows * strides.hidden);
        let mixed = of("mixed", sizes.rows * strides.hidden);
        let projected = of("projected", sizes.rows * strides.projected);
        let wide = of("wide", sizes.rows * strides.wide);
        let logits = of("logits", sizes.logits);
        let answers = buffer(
            gpu,
            "answers",
            4 * sizes.answers as u64,
            wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
        );
        let rms_norm = |gains, rows| pipelines.rms_norm.bind(gpu, &stages, &[gains, rows, &input]);
        let layers = weights
            .layers
            .iter()
            .zip(&pool.layers)
            .enumerate()
            .map(|(index, (layer, pool))| {
                // In the last layer only rows with an output go on.
                let after = if index + 1 == weights.layers.len() { &kept } else { &stream };
                let attention = [&layer.attention, &input, &projected];
                let rope = [&plan, &weights.rope_table, &projected, pool];
                let attend = [&plan, pool, &projected, &mixed];
                LayerBindings {
                    attention_norm: rms_norm(&layer.attention_norm, &stream),
                    attention: pipelines.attention.bind(gpu, &stages, &attention),
                    rope: pipelines.rope.bind(gpu, &stages, &rope),
                    attend: pipelines.attend.bind(gpu, &stages, &attend),
                    output: pipelines.output.bind(gpu, &stages, &[&layer.output, &mixed, after]),
                    feed_forward_norm: rms_norm(&layer.feed_forward_norm, after),
                    gate: pipelines.gate.bind(gpu, &stages, &[&layer.gate, &input, &wide]),
                    down: pipelines.down.bind(gpu, &stages, &[&layer.down, &wide, after]),
                }
            })
            .collect();
        let head = weights.head.as_ref().unwrap_or(&weights.embedding);
        Self {
            sizes,
            embed: pipelines.embed.bind(gpu, &stages, &[&weights.embedding, &plan, &stream]),
            gather: pipelines.gather.bind(gpu, &stages, &[&plan, &stream, &kept]),
            norm: rms_norm(&weights.norm, &kept),
            head: pipelines.head.bind(gpu, &stages, &[head, &input, &logits]),
            layers,
            plan,
            stages,
            vectors: of("vectors", sizes.vectors),
            stream,
            logits,
            answers,
        }
    }

    /// Uploads a plan and its row vectors.
    pub fn write(&self, gpu: &Gpu, plan: &Plan, vectors: &[f32]) {
        gpu.queue.write_buffer(&self.vectors, 0, bytemuck::cast_slice(vectors));
        gpu.queue.write_buffer(&self.plan, 0, bytemuck::cast_slice(&plan.words));
        let stride = Self::stage_stride(gpu) / 4;
        let mut stages = vec![0_u32; plan.stages.len() * stride];
        for (words, stage) in stages.chunks_exact_mut(stride).zip(&plan.stages) {
            words[..STAGE_WORDS].copy_from_slice(stage);
        }
        gpu.queue.write_buffer(&self.stages, 0, bytemuck::cast_slice(&stages));
    }
}

fn storage() -> wgpu::BufferUsages {
    wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC
}

fn buffer(gpu: &Gpu, name: &str, size: u64, usage: wgpu::BufferUsages) -> wgpu::Buffer {
    gpu.device.create_buffer(&wgpu::BufferDescriptor {
        label: Some(name),
        size,
        usage,
        mapped_at_creation: false,
    })
}

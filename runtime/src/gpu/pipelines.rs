//! The shaders of a model, built once for its shape.

use alloc::{format, string::String, vec::Vec};

use super::{DEPTH, GpuPrecision, batch::NO_SLOT, device::Gpu, prefix::PAGE};
use crate::{Result, model::Config};

const COMMON: &str = include_str!("shaders/common.wgsl");
const EMBED: &str = include_str!("shaders/embed.wgsl");
const GATHER: &str = include_str!("shaders/gather.wgsl");
const RMS_NORM: &str = include_str!("shaders/rms_norm.wgsl");
const RMS_NORM_SUBGROUPS: &str = include_str!("shaders/rms_norm_subgroups.wgsl");
const MULTIPLY: &str = include_str!("shaders/multiply.wgsl");
const ROPE: &str = include_str!("shaders/rope.wgsl");
const ATTEND: &str = include_str!("shaders/attend.wgsl");

/// Distances between rows in the buffers between the shaders.
#[derive(Clone, Copy, Debug)]
pub(super) struct Strides {
    pub hidden: usize,
    pub projected: usize,
    pub wide: usize,
}

impl Strides {
    pub fn new(config: &Config) -> Self {
        Self {
            hidden: config.hidden_size.next_multiple_of(DEPTH),
            projected: (3 * config.hidden_size).next_multiple_of(DEPTH),
            wide: config.feed_forward_size.next_multiple_of(DEPTH),
        }
    }
}

/// Shape of a matrix in the memory of the device.
#[derive(Clone, Copy, Debug)]
pub(super) struct MatrixShape {
    pub rows: usize,
    pub depth: usize,
}

/// Shapes of the matrices of a model, the same in all layers.
#[derive(Clone, Copy, Debug)]
pub(super) struct MatrixShapes {
    pub embedding: MatrixShape,
    pub attention: MatrixShape,
    pub output: MatrixShape,
    pub gate: MatrixShape,
    pub down: MatrixShape,
}

/// A compiled shader. Its first binding is the stage, with a dynamic offset.
pub(super) struct Pipeline {
    pub pipeline: wgpu::ComputePipeline,
    layout: wgpu::BindGroupLayout,
}

impl Pipeline {
    /// `accesses` has, for each binding after the first, whether the shader writes to it.
    fn new(gpu: &Gpu, name: &str, source: String, accesses: &[bool]) -> Self {
        let module = gpu.device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some(name),
            source: wgpu::ShaderSource::Wgsl(source.into()),
        });
        let entry = |binding: usize, kind| wgpu::BindGroupLayoutEntry {
            binding: binding as u32,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty: wgpu::BindingType::Buffer {
                ty: kind,
                has_dynamic_offset: binding == 0,
                min_binding_size: None,
            },
            count: None,
        };
        let entries: Vec<wgpu::BindGroupLayoutEntry> =
            core::iter::once(entry(0, wgpu::BufferBindingType::Uniform))
                .chain(accesses.iter().enumerate().map(|(index, writes)| {
                    entry(index + 1, wgpu::BufferBindingType::Storage { read_only: !writes })
                }))
                .collect();
        let layout = gpu.device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: Some(name),
            entries: &entries,
        });
        let whole = gpu.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some(name),
            bind_group_layouts: &[Some(&layout)],
            immediate_size: 0,
        });
        let pipeline = gpu.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(name),
            layout: Some(&whole),
            module: &module,
            entry_point: Some("main"),
            compilation_options: wgpu::PipelineCompilationOptions {
                // Every shader writes the workgroup memory that it reads.
                zero_initialize_workgroup_memory: false,
                ..wgpu::PipelineCompilationOptions::default()
            },
            cache: None,
        });
        Self { pipeline, layout }
    }

    /// Binds buffers to the shader, in the order of the bindings.
    pub fn bind(
        &self,
        gpu: &Gpu,
        stages: &wgpu::Buffer,
        buffers: &[&wgpu::Buffer],
    ) -> wgpu::BindGroup {
        let stage = wgpu::BufferBinding {
            buffer: stages,
            offset: 0,
            size: core::num::NonZero::new(4 * super::batch::STAGE_WORDS as u64),
        };
        let entries: Vec<wgpu::BindGroupEntry<'_>> =
            core::iter::once(wgpu::BindingResource::Buffer(stage))
                .chain(buffers.iter().map(|buffer| buffer.as_entire_binding()))
                .enumerate()
                .map(|(binding, resource)| wgpu::BindGroupEntry {
                    binding: binding as u32,
                    resource,
                })
                .collect();
        gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &self.layout,
            entries: &entries,
        })
    }
}

/// All shaders of a model.
pub(super) struct Pipelines {
    pub embed: Pipeline,
    pub gather: Pipeline,
    pub rms_norm: Pipeline,
    pub rope: Pipeline,
    pub attend: Pipeline,
    /// Projects to queries, keys and values.
    pub attention: Pipeline,
    /// Output projection, added to the stream.
    pub output: Pipeline,
    /// Gate and up projections with SwiGLU.
    pub gate: Pipeline,
    /// Down projection, added to the stream.
    pub down: Pipeline,
    pub head: Pipeline,
}

impl Pipelines {
    pub fn new(
        gpu: &Gpu,
        config: &Config,
        precision: GpuPrecision,
        shapes: &MatrixShapes,
    ) -> Result<Self> {
        let memory = gpu.device.limits().max_compute_workgroup_storage_size as usize;
        let tile = attention_tile(config, memory)?;
        let sources = Sources { config, precision, shapes, tile, subgroups: gpu.has_subgroups() };
        let build = |name: &str, accesses: &[bool]| {
            gpu.watch("building a shader", || Pipeline::new(gpu, name, sources.of(name), accesses))
        };
        let multiply = |name: &str| build(name, &[false, false, true]);
        Ok(Self {
            embed: build("embed", &[false, false, true])?,
            gather: build("gather", &[false, false, true])?,
            rms_norm: build("rms_norm", &[false, false, true])?,
            rope: build("rope", &[false, false, true, true])?,
            attend: build("attend", &[false, false, false, true])?,
            attention: multiply("attention")?,
            output: multiply("output")?,
            gate: multiply("gate")?,
            down: multiply("down")?,
            head: multiply("head")?,
        })
    }
}

/// Number of keys of a history that fit the memory of a workgroup.
fn attention_tile(config: &Config, memory: usize) -> Result<usize> {
    let width = config.head_size() + 1;
    let bytes = |tile: usize| 4 * (16 * width + 2 * tile * width + 16 * (tile + 1) + 128);
    [32, 16, 8].into_iter().find(|tile| bytes(*tile) <= memory).ok_or_else(|| {
        super::device::unsupported(format!(
            "heads of {} numbers need {} bytes of a workgroup's memory; the adapter has {memory}",
            config.head_size(),
            bytes(8)
        ))
    })
}

/// The inputs of the shader sources.
struct Sources<'a> {
    config: &'a Config,
    precision: GpuPrecision,
    shapes: &'a MatrixShapes,
    tile: usize,
    subgroups: bool,
}

impl Sources<'_> {
    fn of(&self, name: &str) -> String {
        let strides = Strides::new(self.config);
        let (shape, stride, epilogue) = match name {
            "attention" => (self.shapes.attention, strides.projected, "STORE"),
            "output" => (self.shapes.output, strides.hidden, "ADD"),
            "gate" => (self.shapes.gate, strides.wide, "SWIGLU"),
            "down" => (self.shapes.down, strides.hidden, "ADD"),
            "head" => (self.shapes.embedding, 0, "LOGITS"),
            _ => (self.shapes.embedding, strides.hidden, "STORE"),
        };
        let weights = match self.precision {
            GpuPrecision::F32 => include_str!("shaders/weights_f32.wgsl"),
            GpuPrecision::F16 => include_str!("shaders/weights_f16.wgsl"),
            GpuPrecision::Int8 => include_str!("shaders/weights_int8.wgsl"),
        };
        let (weights, body) = match name {
            "embed" => (weights, EMBED),
            "gather" => ("", GATHER),
            "rms_norm" if self.subgroups => ("", RMS_NORM_SUBGROUPS),
            "rms_norm" => ("", RMS_NORM),
            "rope" => ("", ROPE),
            "attend" => ("", ATTEND),
            _ => (weights, MULTIPLY),
        };
        let config = self.config;
        let constants = [
            ("HIDDEN", config.hidden_size),
            ("HEAD_SIZE", config.head_size()),
            ("PROJECTED", strides.projected),
            ("MIXED", strides.hidden),
            ("ROWS", shape.rows),
            ("FOURS", shape.depth / 4),
            ("STRIDE", stride),
            ("PAGE", PAGE),
            ("TILE", self.tile),
            ("NO_SLOT", NO_SLOT as usize),
            ("STORE", 0),
            ("ADD", 1),
            ("SWIGLU", 2),
            ("LOGITS", 3),
        ];
        // Without `enable subgroups`, which naga does not support yet.
        let mut source = String::new();
        for (name, value) in constants {
            source.push_str(&format!("const {name}: u32 = {value}u;\n"));
        }
        source.push_str(&format!("const EPILOGUE: u32 = {epilogue};\n"));
        source.push_str(&format!("const EPSILON: f32 = {:e}f;\n", config.norm_epsilon));
        let scale = 1.0 / libm::sqrtf(config.head_size() as f32);
        source.push_str(&format!("const SCALE: f32 = {scale:e}f;\n"));
        for part in [COMMON, weights, body] {
            source.push_str(part);
        }
        source
    }
}

#[cfg(test)]
mod tests {
    use wgpu::naga::{
        front::wgsl,
        valid::{Capabilities, SubgroupOperationSet, ValidationFlags, Validator},
    };

    use super::*;

    /// Includes shaders that no adapter of this machine would run.
    #[test]
    fn every_shader_of_every_shape_and_precision_is_valid() {
        for config in [Config::pico(), Config::large()] {
            let shape = MatrixShape { rows: 64, depth: 16 };
            let shapes = MatrixShapes {
                embedding: shape,
                attention: shape,
                output: shape,
                gate: shape,
                down: shape,
            };
            for precision in [GpuPrecision::F32, GpuPrecision::F16, GpuPrecision::Int8] {
                for subgroups in [false, true] {
                    let tile = attention_tile(&config, 16384).unwrap();
                    let sources =
                        Sources { config: &config, precision, shapes: &shapes, tile, subgroups };
                    for name in [
                        "embed",
                        "gather",
                        "rms_norm",
                        "rope",
                        "attend",
                        "attention",
                        "output",
                        "gate",
                        "down",
                        "head",
                    ] {
                        let source = sources.of(name);
                        let module = wgsl::parse_str(&source)
                            .unwrap_or_else(|error| panic!("{}", error.emit_to_string(&source)));
                        // Required by `unpack2x16float`.
                        let mut capabilities = Capabilities::SHADER_FLOAT16_IN_FLOAT32;
                        capabilities.set(Capabilities::SUBGROUP, subgroups);
                        let checked = Validator::new(ValidationFlags::all(), capabilities)
                            .subgroup_operations(SubgroupOperationSet::all())
                            .subgroup_stages(wgpu::naga::valid::ShaderStages::COMPUTE)
                            .validate(&module);
                        assert!(checked.is_ok(), "{name}: {checked:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_attention_takes_smaller_tiles_for_larger_heads_and_refuses_huge_ones() {
        let of = |heads| Config { heads, ..Config::large() };
        let tile = |heads| attention_tile(&of(heads), 16384);
        assert_eq!(tile(24).unwrap(), 32);
        assert_eq!(tile(8).unwrap(), 8);
        let error = tile(1).unwrap_err();
        assert!(error.context().contains("768 numbers"), "{error}");
    }
}

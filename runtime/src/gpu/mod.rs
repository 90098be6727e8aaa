//! The forward pass on a graphics processor: the model of [`crate::model`], with shaders in WGSL,
//! for many candidates of many studies in one submission.
//!
//! A [`Gpu`] is an adapter, a [`GpuModel`] weights on it, a [`GpuPrefix`] a history's keys and
//! values. [`GpuModel::logits`] takes any number of [`GpuBranches`] and gives what
//! [`Model::extend_branches`](crate::model::Model::extend_branches) and
//! [`Model::logits`](crate::model::Model::logits) give on the CPU, up to the rounding of sums in
//! another order. [`Device`] says which of the two is to be asked. Of a model that reads a row a
//! trial, [`GpuModel::history`] and [`GpuModel::question_logits`] are what
//! [`Model::history`](crate::model::Model::history) and
//! [`Model::questions`](crate::model::Model::questions) are on the CPU. `docs/gpu.md` has the
//! tolerance and what was measured.
//!
//! Nothing here panics for want of an adapter, of memory, or because a device is lost: the error
//! says why, and the CPU is still there.

mod batch;
mod buffers;
mod choice;
mod device;
mod model;
mod pipelines;
mod precision;
mod prefix;
mod ranking;
mod trials;
mod weights;

pub use batch::{GpuBranches, GpuQuestions};
pub use choice::Device;
pub use device::{AdapterKind, Gpu};
pub use model::GpuModel;
pub use precision::GpuPrecision;
pub use prefix::GpuPrefix;

/// Matrices and rows are padded along the depth to a multiple of this.
const DEPTH: usize = 16;
/// A workgroup makes a tile of so many rows and columns of a product.
const TILE: usize = 64;

//! A wgpu implementation of the forward pass of [`crate::model`], for many candidates of many
//! studies in one submission.
//!
//! A [`Gpu`] is an adapter, a [`GpuModel`] the weights on it, and a [`GpuPrefix`] the keys and
//! values of a history. [`GpuModel::logits`] computes for any number of [`GpuBranches`] what
//! [`Model::extend_branches`](crate::model::Model::extend_branches) and
//! [`Model::logits`](crate::model::Model::logits) compute on the CPU, with sums in another order.
//! For a model that reads one row per trial, [`GpuModel::history`] and
//! [`GpuModel::question_logits`] correspond to [`Model::history`](crate::model::Model::history) and
//! [`Model::questions`](crate::model::Model::questions). [`Device`] chooses between the two
//! processors. `docs/gpu.md` has the tolerance and measurements.
//!
//! A missing adapter, a lack of memory and a lost device are errors with a reason, after which the
//! CPU can take over.

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

/// The depth of matrices and rows is padded to a multiple of this.
const DEPTH: usize = 16;
/// Number of rows and columns of a product that a workgroup computes.
const TILE: usize = 64;

use alloc::vec::Vec;

use super::{attention, embedding, matrix::MatrixInput};

/// Buffers and number of threads of forward passes. The buffers grow on demand and are reused.
#[derive(Clone, Debug)]
pub struct Workspace {
    /// Buffers of each thread.
    pub(super) buffers: Vec<ThreadBuffers>,
    /// Output states after the final norm, `[rows, hidden]`.
    pub(super) hidden: Vec<f32>,
}

/// Buffers of one thread, with rows padded to what kernels read and write together.
#[derive(Clone, Debug, Default)]
pub(super) struct ThreadBuffers {
    /// The residual stream, `[rows, hidden]` with rows padded to whole panels.
    pub stream: Vec<f32>,
    /// Input of a matrix product, `[rows, hidden]`.
    pub input: Vec<f32>,
    /// The input as bytes, if the matrices are bytes.
    pub matrix_input: MatrixInput,
    /// Queries, keys and values, `[rows, 3 · hidden]` with rows padded to whole panels.
    pub projected: Vec<f32>,
    /// Output of attention, `[rows, hidden]` with room for a panel after each row.
    pub mixed: Vec<f32>,
    /// Gate and up projections, padded.
    pub gate: Vec<f32>,
    pub up: Vec<f32>,
    pub attention: attention::AttentionBuffers,
    /// Buffers of the embedding of rows.
    pub rows: embedding::EmbeddingBuffers,
}

impl Default for Workspace {
    fn default() -> Self {
        Self::new()
    }
}

impl Workspace {
    /// A workspace for one thread, without memory.
    pub fn new() -> Self {
        Self { buffers: alloc::vec![ThreadBuffers::default()], hidden: Vec::new() }
    }

    /// Sets the number of threads, clamped to 1..=1024, that branches and questions are computed
    /// on. The results do not depend on it. Without the standard library there is always one
    /// thread.
    pub fn set_threads(&mut self, threads: usize) {
        self.buffers.resize_with(threads.clamp(1, 1024), ThreadBuffers::default);
    }

    /// Output states after the final norm, `[rows, hidden_size]`: one row after
    /// [`extend`](super::Model::extend), one per branch after
    /// [`extend_branches`](super::Model::extend_branches), one per question after
    /// [`questions`](super::Model::questions), none after [`history`](super::Model::history).
    pub fn hidden(&self) -> &[f32] {
        &self.hidden
    }
}

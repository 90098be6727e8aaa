use alloc::vec::Vec;

use super::{attention, embedding, matrix::Operand};

/// The buffers of forward passes, which grow to what is needed and are used again; and on how many
/// threads continuations are computed.
#[derive(Clone, Debug)]
pub struct Workspace {
    /// One for each thread.
    pub(super) buffers: Vec<Buffers>,
    /// The normalised last states, `[rows, hidden]`.
    pub(super) hidden: Vec<f32>,
}

/// The buffers of one thread; each has room for the rows that kernels read and write together.
#[derive(Clone, Debug, Default)]
pub(super) struct Buffers {
    /// The residual stream, `[rows, hidden]` with rows padded to whole panels.
    pub stream: Vec<f32>,
    /// What a matrix is multiplied with, `[rows, hidden]`.
    pub input: Vec<f32>,
    /// The same as bytes, where matrices are.
    pub operand: Operand,
    /// Queries, keys and values, `[rows, 3 · hidden]` with rows padded to whole panels.
    pub projected: Vec<f32>,
    /// Mixed values, `[rows, hidden]` with room for a panel after each row.
    pub mixed: Vec<f32>,
    /// Gate and up projections, padded.
    pub gate: Vec<f32>,
    pub up: Vec<f32>,
    pub attention: attention::Buffers,
    /// For sums of slots and values.
    pub rows: embedding::Buffers,
}

impl Default for Workspace {
    fn default() -> Self {
        Self::new()
    }
}

impl Workspace {
    /// Without any memory yet, for one thread.
    pub fn new() -> Self {
        Self { buffers: alloc::vec![Buffers::default()], hidden: Vec::new() }
    }

    /// Spreads continuations over so many threads, between 1 and 1024; the numbers that come out
    /// are the same. Without the standard library there is one thread always.
    pub fn set_threads(&mut self, threads: usize) {
        self.buffers.resize_with(threads.clamp(1, 1024), Buffers::default);
    }

    /// The normalised state after the last token: one row of `hidden_size` numbers after
    /// [`extend`](super::Model::extend), one per continuation after
    /// [`extend_branches`](super::Model::extend_branches), one per row after
    /// [`questions`](super::Model::questions), none after [`history`](super::Model::history).
    pub fn hidden(&self) -> &[f32] {
        &self.hidden
    }
}

/// The first `length` numbers of a buffer, grown if need be. What is in them is left over from
/// before.
pub(super) fn sized(buffer: &mut Vec<f32>, length: usize) -> &mut [f32] {
    if buffer.len() < length {
        buffer.resize(length, 0.0);
    }
    &mut buffer[..length]
}

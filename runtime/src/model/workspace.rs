use alloc::vec::Vec;

/// The buffers of a forward pass, which grow to what is needed and are used again.
#[derive(Clone, Debug, Default)]
pub struct Workspace {
    /// The residual stream, `[rows, hidden]`.
    pub(super) stream: Vec<f32>,
    /// What a matrix is multiplied with, `[rows, hidden]`.
    pub(super) input: Vec<f32>,
    /// Queries, keys and values, `[rows, 3 · hidden]` with rows padded to whole panels.
    pub(super) projected: Vec<f32>,
    /// Mixed values, `[rows, hidden]` with room for a panel after each row.
    pub(super) mixed: Vec<f32>,
    /// Output of a matrix, `[rows, hidden or wide]`, padded.
    pub(super) output: Vec<f32>,
    /// Gate and up projections, padded.
    pub(super) wide: Vec<f32>,
    /// Attention scores of a block of rows.
    pub(super) scores: Vec<f32>,
    /// The normalised last states, `[rows, hidden]`.
    pub(super) hidden: Vec<f32>,
}

impl Workspace {
    /// Without any memory yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The normalised state after the last token: one row of `hidden_size` numbers after
    /// [`extend`](super::Model::extend), one per continuation after [`extend_branches`](super::Model::extend_branches).
    pub fn hidden(&self) -> &[f32] {
        &self.hidden
    }
}

/// The first `length` numbers of a buffer, grown if need be. What is in them is left over from before.
pub(super) fn sized(buffer: &mut Vec<f32>, length: usize) -> &mut [f32] {
    if buffer.len() < length {
        buffer.resize(length, 0.0);
    }
    &mut buffer[..length]
}

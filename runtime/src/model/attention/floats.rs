use alloc::{vec, vec::Vec};

use super::{
    AttentionBuffers, AttentionWeights, KeyValues, KvSlot, ProjectedRows, Queries, ScoreRow,
};
use crate::{
    kernels::{Destination, Kernels, PANEL, Panels},
    model::Config,
};

/// Keys and values in single precision, packed as the kernels' panels.
///
/// With `d` the head size and `c` the capacity rounded up to whole panels, each branch, layer and
/// head has keys `[c / 32, d, 32]`, so that a product with queries gives scores, and values `[d /
/// 32 (rounded up), c, 32]`, so that a product with weights gives the mixed values.
#[derive(Clone, Debug)]
pub struct FloatKv {
    layers: usize,
    heads: usize,
    size: usize,
    capacity: usize,
    keys: Vec<f32>,
    values: Vec<f32>,
}

impl FloatKv {
    /// Room for `capacity` tokens in each of `branches` branches.
    pub fn new(config: &Config, branches: usize, capacity: usize) -> Self {
        let mut all = Self {
            layers: config.layers,
            heads: config.heads,
            size: config.head_size(),
            capacity: 0,
            keys: Vec::new(),
            values: Vec::new(),
        };
        all.reset(branches, capacity);
        all
    }

    /// Drops all keys and values and makes room for other numbers of branches and tokens, reusing
    /// the memory.
    pub fn reset(&mut self, branches: usize, capacity: usize) {
        self.capacity = capacity.next_multiple_of(PANEL);
        let places = branches * self.layers * self.heads;
        let (keys, values) = (places * self.key_size(), places * self.value_size());
        if self.keys.len() < keys {
            self.keys = vec![0.0; keys];
            self.values = vec![0.0; values];
        }
    }

    fn key_size(&self) -> usize {
        self.capacity * self.size
    }

    fn value_size(&self) -> usize {
        self.size.next_multiple_of(PANEL) * self.capacity
    }

    fn index(&self, slot: KvSlot) -> usize {
        (slot.branch * self.layers + slot.layer) * self.heads + slot.head
    }
}

impl KeyValues for FloatKv {
    fn write(
        &mut self,
        _kernels: Kernels,
        branch: usize,
        layer: usize,
        position: usize,
        key: &[f32],
        value: &[f32],
    ) {
        let (key_size, value_size) = (self.key_size(), self.value_size());
        for head in 0..self.heads {
            let index = self.index(KvSlot { branch, layer, head });
            let part = head * self.size..(head + 1) * self.size;
            let start = index * key_size + position / PANEL * self.size * PANEL + position % PANEL;
            let column = self.keys[start..].iter_mut().step_by(PANEL);
            for (out, number) in column.zip(&key[part.clone()]) {
                *out = *number;
            }
            for (panel, numbers) in value[part].chunks(PANEL).enumerate() {
                let start = index * value_size + (panel * self.capacity + position) * PANEL;
                self.values[start..start + numbers.len()].copy_from_slice(numbers);
            }
        }
    }

    fn prepare_queries(
        kernels: Kernels,
        config: &Config,
        projected: &mut ProjectedRows<'_>,
        _buffers: &mut AttentionBuffers,
    ) {
        let factor = 1.0 / libm::sqrtf(config.head_size() as f32);
        for row in projected.numbers.chunks_exact_mut(projected.stride).take(projected.rows) {
            kernels.scale(&mut row[..config.hidden_size], factor);
        }
    }

    fn query_factor(_config: &Config) -> f32 {
        1.0
    }

    fn exp(score: f32) -> f32 {
        libm::expf(score)
    }

    fn score(
        &self,
        kernels: Kernels,
        slot: KvSlot,
        queries: Queries<'_>,
        rows: usize,
        positions: usize,
        out: Destination<'_>,
    ) {
        let panels = Panels {
            numbers: &self.keys[self.index(slot) * self.key_size()..],
            stride: self.size * PANEL,
            depth: self.size,
            columns: positions,
        };
        kernels.product(queries.floats, queries.stride, rows, panels, out);
    }

    fn value_bound(&self, _slot: KvSlot, _positions: usize) -> f32 {
        1.0
    }

    fn softmax_weights(
        &self,
        kernels: Kernels,
        _slot: KvSlot,
        row: ScoreRow<'_>,
        seen: usize,
        highest: f32,
        _bound: f32,
    ) -> f32 {
        row.scores[seen..].fill(0.0);
        kernels.exp_and_sum(&mut row.scores[..seen], highest)
    }

    fn output_factor(sum: f32, _bound: f32) -> f32 {
        1.0 / sum
    }

    fn normalize_weights(kernels: Kernels, weights: &mut [f32], factor: f32) {
        kernels.scale(weights, factor);
    }

    fn mix(
        &self,
        kernels: Kernels,
        slot: KvSlot,
        weights: AttentionWeights<'_>,
        rows: usize,
        positions: usize,
        out: Destination<'_>,
    ) {
        let panels = Panels {
            numbers: &self.values[self.index(slot) * self.value_size()..],
            stride: self.capacity * PANEL,
            depth: positions,
            columns: self.size,
        };
        kernels.product(weights.floats, weights.stride, rows, panels, out);
    }
}

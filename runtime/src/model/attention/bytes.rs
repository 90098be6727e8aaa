use alloc::{vec, vec::Vec};

use super::{
    AttentionBuffers, AttentionWeights, KeyValues, KvSlot, ProjectedRows, Queries, ROW_PADDING,
    ScoreRow,
};
use crate::{
    kernels::{BytePanels, Destination, Kernels, PANEL, PairPanels, QuantizedRows, padded},
    model::{Config, buffer::grow},
};

/// Largest integer weight.
const MAX_WEIGHT: f32 = 32_767.0;

/// Keys and values in bytes, with a scale for each token and head, packed as the kernels' panels.
///
/// With `d` the head size rounded up to whole fours and `c` the capacity rounded up to whole
/// panels, each branch, layer and head has keys `[c / 32, d / 4, 32, 4]` and values `[d / 32
/// (rounded up), c / 2, 32, 2]`.
#[derive(Clone, Debug)]
pub struct Int8Kv {
    layers: usize,
    heads: usize,
    size: usize,
    capacity: usize,
    keys: Vec<i8>,
    key_scales: Vec<f32>,
    key_offsets: Vec<i32>,
    values: Vec<i8>,
    value_scales: Vec<f32>,
    /// Largest scale up to each token.
    value_bounds: Vec<f32>,
    parts: QuantizedToken,
}

/// The key and the value of the token being written, as bytes by head.
#[derive(Clone, Debug, Default)]
struct QuantizedToken {
    bytes: Vec<u8>,
    scales: Vec<f32>,
}

impl Int8Kv {
    /// Room for `capacity` tokens in each of `branches` branches.
    pub fn new(config: &Config, branches: usize, capacity: usize) -> Self {
        let mut all = Self {
            layers: config.layers,
            heads: config.heads,
            size: config.head_size(),
            capacity: 0,
            keys: Vec::new(),
            key_scales: Vec::new(),
            key_offsets: Vec::new(),
            values: Vec::new(),
            value_scales: Vec::new(),
            value_bounds: Vec::new(),
            parts: QuantizedToken {
                bytes: vec![0; 2 * config.heads * config.head_size().next_multiple_of(4)],
                scales: vec![0.0; 2 * config.heads],
            },
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
            self.keys = vec![0; keys];
        }
        if self.values.len() < values {
            self.values = vec![0; values];
        }
        if self.key_scales.len() < places * self.capacity {
            self.key_scales = vec![0.0; places * self.capacity];
            self.value_scales = vec![0.0; places * self.capacity];
            self.value_bounds = vec![0.0; places * self.capacity];
            self.key_offsets = vec![0; places * self.capacity];
        }
    }

    fn quads(&self) -> usize {
        self.size.div_ceil(4)
    }

    fn key_size(&self) -> usize {
        self.capacity * self.quads() * 4
    }

    fn value_size(&self) -> usize {
        self.size.next_multiple_of(PANEL) * self.capacity
    }

    fn index(&self, slot: KvSlot) -> usize {
        (slot.branch * self.layers + slot.layer) * self.heads + slot.head
    }

    fn value_scales(&self, slot: KvSlot) -> &[f32] {
        let index = self.index(slot);
        &self.value_scales[index * self.capacity..(index + 1) * self.capacity]
    }
}

impl KeyValues for Int8Kv {
    fn write(
        &mut self,
        kernels: Kernels,
        branch: usize,
        layer: usize,
        position: usize,
        key: &[f32],
        value: &[f32],
    ) {
        let (quads, key_size, value_size) = (self.quads(), self.key_size(), self.value_size());
        let wide = 4 * quads;
        let mut parts = core::mem::take(&mut self.parts);
        let (key_bytes, value_bytes) = parts.bytes.split_at_mut(self.heads * wide);
        let (key_parts, value_parts) = parts.scales.split_at_mut(self.heads);
        kernels.quantize_parts(key, self.size, key_bytes, key_parts, true);
        kernels.quantize_parts(value, self.size, value_bytes, value_parts, true);
        for head in 0..self.heads {
            let index = self.index(KvSlot { branch, layer, head });
            let scales = index * self.capacity + position;
            let bytes: &[i8] = bytemuck::cast_slice(&key_bytes[head * wide..(head + 1) * wide]);
            self.key_scales[scales] = key_parts[head];
            self.key_offsets[scales] =
                -128 * bytes.iter().map(|byte| i32::from(*byte)).sum::<i32>();
            let start = index * key_size + position / PANEL * wide * PANEL + position % PANEL * 4;
            let column =
                self.keys[start..start + (quads - 1) * 4 * PANEL + 4].chunks_mut(4 * PANEL);
            for (out, four) in column.zip(bytes.chunks_exact(4)) {
                out[..4].copy_from_slice(four);
            }
            let bytes: &[i8] =
                bytemuck::cast_slice(&value_bytes[head * wide..head * wide + self.size]);
            self.value_scales[scales] = value_parts[head];
            let before = if position == 0 { 1e-30 } else { self.value_bounds[scales - 1] };
            self.value_bounds[scales] = before.max(value_parts[head]);
            for (panel, bytes) in bytes.chunks(PANEL).enumerate() {
                let start = index * value_size
                    + (panel * self.capacity + position / 2 * 2) * PANEL
                    + position % 2;
                let column = self.values[start..start + 2 * bytes.len() - 1].iter_mut().step_by(2);
                for (out, byte) in column.zip(bytes) {
                    *out = *byte;
                }
            }
        }
        self.parts = parts;
    }

    fn prepare_queries(
        kernels: Kernels,
        config: &Config,
        projected: &mut ProjectedRows<'_>,
        buffers: &mut AttentionBuffers,
    ) {
        let size = config.head_size();
        let wide = size.next_multiple_of(4);
        let all = padded(projected.rows) + ROW_PADDING;
        let AttentionBuffers { queries, query_scales, .. } = buffers;
        if queries.len() < config.heads * all * wide {
            queries.resize(config.heads * all * wide, 0);
        }
        let scales = grow(query_scales, config.heads * all);
        let factor = Self::query_factor(config);
        for (index, row) in
            projected.numbers.chunks_exact(projected.stride).take(projected.rows).enumerate()
        {
            for (head, part) in row[..config.hidden_size].chunks_exact(size).enumerate() {
                let place = head * all + index;
                let out = &mut queries[place * wide..(place + 1) * wide];
                scales[place] = factor * kernels.quantize(part, out);
            }
        }
    }

    fn query_factor(config: &Config) -> f32 {
        // Scores are exponents to base two.
        core::f32::consts::LOG2_E / libm::sqrtf(config.head_size() as f32)
    }

    fn exp(score: f32) -> f32 {
        libm::exp2f(score)
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
        let index = self.index(slot);
        let panels = BytePanels {
            bytes: &self.keys[index * self.key_size()..],
            stride: self.quads() * 4 * PANEL,
            quads: self.quads(),
            scales: &self.key_scales[index * self.capacity..],
            offsets: &self.key_offsets[index * self.capacity..],
            columns: positions,
        };
        let stride = 4 * self.quads();
        let rows_of = QuantizedRows { bytes: queries.bytes, stride, scales: queries.scales };
        kernels.byte_product(&rows_of, rows, panels, out);
    }

    fn value_bound(&self, slot: KvSlot, positions: usize) -> f32 {
        // Positive, because weights are divided by it.
        let last = positions.checked_sub(1);
        last.map_or(1e-30, |last| self.value_bounds[self.index(slot) * self.capacity + last])
    }

    fn softmax_weights(
        &self,
        kernels: Kernels,
        slot: KvSlot,
        row: ScoreRow<'_>,
        seen: usize,
        highest: f32,
        bound: f32,
    ) -> f32 {
        let scales = self.value_scales(slot);
        kernels.softmax_weights(
            &row.scores[..seen],
            highest,
            scales,
            MAX_WEIGHT / bound,
            row.weights,
        )
    }

    fn output_factor(sum: f32, bound: f32) -> f32 {
        bound / MAX_WEIGHT / sum
    }

    fn normalize_weights(_kernels: Kernels, _weights: &mut [f32], _factor: f32) {}

    fn mix(
        &self,
        kernels: Kernels,
        slot: KvSlot,
        weights: AttentionWeights<'_>,
        rows: usize,
        positions: usize,
        out: Destination<'_>,
    ) {
        let panels = PairPanels {
            bytes: &self.values[self.index(slot) * self.value_size()..],
            stride: self.capacity * PANEL,
            pairs: positions.div_ceil(2),
            columns: self.size,
        };
        kernels.pair_product(weights.shorts, weights.stride, weights.factors, rows, panels, out);
    }
}

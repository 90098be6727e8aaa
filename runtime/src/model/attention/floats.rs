use alloc::{vec, vec::Vec};

use super::{Buffers, KeyValues, Place, Queries, Row, Weights};
use crate::{
    kernels::{Destination, Kernels, PANEL, Panels},
    model::Config,
};

/// Keys and values in single precision, packed as the kernels' panels.
///
/// With `d` the head size and `c` the capacity rounded up to whole panels, each slot, layer and
/// head has keys `[c / 32, d, 32]`, so that a product with queries gives scores, and values `[d /
/// 32 (rounded up), c, 32]`, so that a product with weights gives the mixed values.
#[derive(Clone, Debug)]
pub struct Floats {
    layers: usize,
    heads: usize,
    size: usize,
    capacity: usize,
    keys: Vec<f32>,
    values: Vec<f32>,
}

impl Floats {
    /// Room for `capacity` tokens in each of `slots` slots.
    pub fn new(config: &Config, slots: usize, capacity: usize) -> Self {
        let mut all = Self {
            layers: config.layers,
            heads: config.heads,
            size: config.head_size(),
            capacity: 0,
            keys: Vec::new(),
            values: Vec::new(),
        };
        all.reset(slots, capacity);
        all
    }

    /// Makes room for other numbers of slots and tokens; what is there is forgotten, its memory
    /// used again.
    pub fn reset(&mut self, slots: usize, capacity: usize) {
        self.capacity = capacity.next_multiple_of(PANEL);
        let places = slots * self.layers * self.heads;
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

    fn index(&self, place: Place) -> usize {
        (place.slot * self.layers + place.layer) * self.heads + place.head
    }
}

impl KeyValues for Floats {
    fn write(
        &mut self,
        _kernels: Kernels,
        slot: usize,
        layer: usize,
        position: usize,
        key: &[f32],
        value: &[f32],
    ) {
        let (key_size, value_size) = (self.key_size(), self.value_size());
        for head in 0..self.heads {
            let index = self.index(Place { slot, layer, head });
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

    fn prepare(
        kernels: Kernels,
        config: &Config,
        projected: &mut [f32],
        stride: usize,
        rows: usize,
        _buffers: &mut Buffers,
    ) {
        let factor = 1.0 / libm::sqrtf(config.head_size() as f32);
        for row in projected.chunks_exact_mut(stride).take(rows) {
            kernels.scale(&mut row[..config.hidden_size], factor);
        }
    }

    fn query_factor(_config: &Config) -> f32 {
        1.0
    }

    fn power(score: f32) -> f32 {
        libm::expf(score)
    }

    fn score(
        &self,
        kernels: Kernels,
        place: Place,
        queries: Queries<'_>,
        rows: usize,
        positions: usize,
        out: Destination<'_>,
    ) {
        let panels = Panels {
            numbers: &self.keys[self.index(place) * self.key_size()..],
            stride: self.size * PANEL,
            depth: self.size,
            columns: positions,
        };
        kernels.product(queries.floats, queries.stride, rows, panels, out);
    }

    fn bound(&self, _place: Place, _positions: usize) -> f32 {
        1.0
    }

    fn weigh(
        &self,
        kernels: Kernels,
        _place: Place,
        row: Row<'_>,
        seen: usize,
        highest: f32,
        _bound: f32,
    ) -> f32 {
        row.scores[seen..].fill(0.0);
        kernels.exp_and_sum(&mut row.scores[..seen], highest)
    }

    fn factor(sum: f32, _bound: f32) -> f32 {
        1.0 / sum
    }

    fn settle(kernels: Kernels, weights: &mut [f32], factor: f32) {
        kernels.scale(weights, factor);
    }

    fn mix(
        &self,
        kernels: Kernels,
        place: Place,
        weights: Weights<'_>,
        rows: usize,
        positions: usize,
        out: Destination<'_>,
    ) {
        let panels = Panels {
            numbers: &self.values[self.index(place) * self.value_size()..],
            stride: self.capacity * PANEL,
            depth: positions,
            columns: self.size,
        };
        kernels.product(weights.floats, weights.stride, rows, panels, out);
    }
}

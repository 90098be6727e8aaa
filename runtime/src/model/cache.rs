//! Keys and values that were computed before.

use alloc::{vec, vec::Vec};

use super::Config;
use crate::{kernels::PANEL, tokenizer::vocabulary::Token};

/// The keys and values of a prefix, for every layer, packed as the kernels' panels.
///
/// With `d` the head size and `c` the capacity rounded up to whole panels, a layer's keys are `[heads, c / 32, d, 32]`, so that a
/// product with queries gives scores, and its values `[heads, d / 32 (rounded up), c, 32]`, so that a product with probabilities gives
/// the mixed values.
#[derive(Clone, Debug)]
pub struct Cache {
    tokens: Vec<Token>,
    capacity: usize,
    heads: usize,
    head_size: usize,
    pub(super) keys: Vec<Vec<f32>>,
    pub(super) values: Vec<Vec<f32>>,
}

impl Cache {
    /// An empty cache for at most `capacity` tokens. All of its memory is taken at once:
    /// `layers · 2 · hidden · capacity` numbers.
    pub fn new(config: &Config, capacity: usize) -> Self {
        let (heads, head_size) = (config.heads, config.head_size());
        let wide = capacity.next_multiple_of(PANEL);
        let keys = heads * wide * head_size;
        let values = heads * head_size.next_multiple_of(PANEL) * wide;
        Self {
            tokens: Vec::with_capacity(capacity),
            capacity,
            heads,
            head_size,
            keys: vec![vec![0.0; keys]; config.layers],
            values: vec![vec![0.0; values]; config.layers],
        }
    }

    /// How many tokens it holds.
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// How many tokens it can hold.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// The tokens that it holds, so that a caller can see what two prefixes have in common.
    pub fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    /// Forgets all but the first `length` tokens.
    pub fn truncate(&mut self, length: usize) {
        self.tokens.truncate(length);
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.tokens.clear();
    }

    pub(super) fn push(&mut self, tokens: &[Token]) {
        self.tokens.extend_from_slice(tokens);
    }

    /// Whether it was made for a model of this shape.
    pub(super) fn fits(&self, config: &Config) -> bool {
        self.heads == config.heads
            && self.head_size == config.head_size()
            && self.keys.len() == config.layers
    }

    /// Numbers from one panel of keys to the next.
    pub(super) fn key_stride(&self) -> usize {
        self.head_size * PANEL
    }

    /// Numbers from one panel of values to the next.
    pub(super) fn value_stride(&self) -> usize {
        self.capacity.next_multiple_of(PANEL) * PANEL
    }

    /// A head's keys.
    pub(super) fn head_keys(&self, layer: usize, head: usize) -> &[f32] {
        let size = self.capacity.next_multiple_of(PANEL) * self.head_size;
        &self.keys[layer][head * size..(head + 1) * size]
    }

    /// A head's values.
    pub(super) fn head_values(&self, layer: usize, head: usize) -> &[f32] {
        let size = self.value_stride() * self.head_size.div_ceil(PANEL);
        &self.values[layer][head * size..(head + 1) * size]
    }

    /// Writes a token's key and value (`[hidden]` each) at `position` of a layer.
    pub(super) fn write(&mut self, layer: usize, position: usize, key: &[f32], value: &[f32]) {
        let (key_stride, value_stride) = (self.key_stride(), self.value_stride());
        let size = self.capacity.next_multiple_of(PANEL) * self.head_size;
        for (head, part) in key.chunks_exact(self.head_size).enumerate() {
            let start = head * size + position / PANEL * key_stride + position % PANEL;
            for (index, number) in part.iter().enumerate() {
                self.keys[layer][start + index * PANEL] = *number;
            }
        }
        let size = value_stride * self.head_size.div_ceil(PANEL);
        for (head, part) in value.chunks_exact(self.head_size).enumerate() {
            for (panel, numbers) in part.chunks(PANEL).enumerate() {
                let start = head * size + panel * value_stride + position * PANEL;
                self.values[layer][start..start + numbers.len()].copy_from_slice(numbers);
            }
        }
    }
}

/// Many short continuations of one prefix, each with keys and values of its own.
#[derive(Clone, Debug, Default)]
pub struct Branches {
    count: usize,
    capacity: usize,
    length: usize,
    hidden: usize,
    layers: usize,
    /// `[layers, count, capacity, hidden]`.
    keys: Vec<f32>,
    values: Vec<f32>,
}

impl Branches {
    /// No continuations yet.
    pub fn new(config: &Config) -> Self {
        Self { hidden: config.hidden_size, layers: config.layers, ..Self::default() }
    }

    /// Begins `count` empty continuations of at most `capacity` tokens each; memory that is there is used again.
    pub fn reset(&mut self, count: usize, capacity: usize) {
        (self.count, self.capacity, self.length) = (count, capacity, 0);
        let size = self.layers * count * capacity * self.hidden;
        if self.keys.len() < size {
            self.keys.resize(size, 0.0);
            self.values.resize(size, 0.0);
        }
    }

    /// How many continuations there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// How many tokens each has.
    pub fn length(&self) -> usize {
        self.length
    }

    /// How many tokens each can have.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    pub(super) fn grow(&mut self, tokens: usize) {
        self.length += tokens;
    }

    /// Whether it was made for a model of this shape.
    pub(super) fn fits(&self, config: &Config) -> bool {
        self.hidden == config.hidden_size && self.layers == config.layers
    }

    fn start(&self, layer: usize, branch: usize, position: usize) -> usize {
        ((layer * self.count + branch) * self.capacity + position) * self.hidden
    }

    pub(super) fn write(
        &mut self,
        layer: usize,
        branch: usize,
        position: usize,
        key: &[f32],
        value: &[f32],
    ) {
        let start = self.start(layer, branch, position);
        self.keys[start..start + self.hidden].copy_from_slice(key);
        self.values[start..start + self.hidden].copy_from_slice(value);
    }

    /// A token's key and value, `[hidden]` each.
    pub(super) fn read(&self, layer: usize, branch: usize, position: usize) -> (&[f32], &[f32]) {
        let start = self.start(layer, branch, position);
        let end = start + self.hidden;
        (&self.keys[start..end], &self.values[start..end])
    }
}

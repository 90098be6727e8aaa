//! Keys and values that were computed before.

use alloc::vec::Vec;

use super::{
    Config, Precision, Sequence,
    attention::{Bytes, Floats},
};
use crate::tokenizer::{rows::Rows, vocabulary::Token};

/// Keys and values in one of their forms.
#[derive(Clone, Debug)]
pub(super) enum Store {
    Floats(Floats),
    Bytes(Bytes),
}

impl Store {
    fn new(config: &Config, precision: Precision, slots: usize, capacity: usize) -> Self {
        match precision {
            Precision::Int8 => Self::Bytes(Bytes::new(config, slots, capacity)),
            _ => Self::Floats(Floats::new(config, slots, capacity)),
        }
    }

    fn reset(&mut self, slots: usize, capacity: usize) {
        match self {
            Self::Floats(store) => store.reset(slots, capacity),
            Self::Bytes(store) => store.reset(slots, capacity),
        }
    }
}

/// What a cache was made for.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Shape {
    layers: usize,
    heads: usize,
    head_size: usize,
    precision: Precision,
}

impl Shape {
    fn of(config: &Config, precision: Precision) -> Self {
        let (layers, heads, head_size) = (config.layers, config.heads, config.head_size());
        Self { layers, heads, head_size, precision }
    }
}

/// The keys and values of a prefix of tokens, or of a history of rows, for every layer.
#[derive(Clone, Debug)]
pub struct Cache {
    /// Of these and the rows, one kind is there at most.
    tokens: Vec<Token>,
    rows: Rows,
    capacity: usize,
    shape: Shape,
    pub(super) store: Store,
}

impl Cache {
    pub(super) fn new(config: &Config, precision: Precision, capacity: usize) -> Self {
        Self {
            tokens: match config.sequence() {
                Sequence::Tokens => Vec::with_capacity(capacity),
                Sequence::Trials => Vec::new(),
            },
            rows: Rows::new(),
            capacity,
            shape: Shape::of(config, precision),
            store: Store::new(config, precision, 1, capacity),
        }
    }

    /// How many tokens or rows it holds.
    pub fn len(&self) -> usize {
        self.tokens.len() + self.rows.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many tokens or rows it can hold.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// The tokens that it holds, so that a caller can see what two prefixes have in common.
    pub fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    /// The rows that it holds, so that a caller can see whether a history is there already.
    pub fn rows(&self) -> &Rows {
        &self.rows
    }

    /// Forgets all but the first `length` tokens. Rows see all others, so that of a history nothing
    /// is left when a row goes.
    pub fn truncate(&mut self, length: usize) {
        self.tokens.truncate(length);
        if length < self.rows.len() {
            self.rows.clear();
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.tokens.clear();
        self.rows.clear();
    }

    pub(super) fn hold(&mut self, rows: &Rows) {
        self.rows.clone_from(rows);
    }

    pub(super) fn push(&mut self, tokens: &[Token]) {
        self.tokens.extend_from_slice(tokens);
    }

    /// Whether it was made for a model of this shape and precision.
    pub(super) fn fits(&self, config: &Config, precision: Precision) -> bool {
        self.shape == Shape::of(config, precision)
    }
}

/// So many tokens go through the layers together: their buffers stay in the second-level cache.
pub(super) const GROUP: usize = 132;

/// Many short continuations of one prefix, each with keys and values of its own.
#[derive(Clone, Debug)]
pub struct Branches {
    count: usize,
    capacity: usize,
    length: usize,
    shape: Shape,
    config: Config,
    /// Continuations that go through the layers together.
    pub(super) groups: Vec<Store>,
    /// How many continuations a group has, the last one perhaps fewer.
    pub(super) group: usize,
}

impl Branches {
    pub(super) fn new(config: &Config, precision: Precision) -> Self {
        Self {
            count: 0,
            capacity: 0,
            length: 0,
            shape: Shape::of(config, precision),
            config: config.clone(),
            groups: Vec::new(),
            group: 1,
        }
    }

    /// Begins `count` empty continuations of at most `capacity` tokens each; memory that is there
    /// is used again.
    pub fn reset(&mut self, count: usize, capacity: usize) {
        (self.count, self.capacity, self.length) = (count, capacity, 0);
        self.group = (GROUP / capacity.max(1)).clamp(1, count.max(1));
        let groups = count.div_ceil(self.group);
        for store in self.groups.iter_mut().take(groups) {
            store.reset(self.group, capacity);
        }
        while self.groups.len() < groups {
            let precision = self.shape.precision;
            self.groups.push(Store::new(&self.config, precision, self.group, capacity));
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

    /// Whether it was made for a model of this shape and precision.
    pub(super) fn fits(&self, config: &Config, precision: Precision) -> bool {
        self.shape == Shape::of(config, precision)
    }
}

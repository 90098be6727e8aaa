//! Cached keys and values: of a prefix, and of branches that continue it.

use alloc::vec::Vec;

use super::{
    Config, Precision, Sequence,
    attention::{FloatKv, Int8Kv},
};
use crate::tokenizer::{rows::Rows, vocabulary::Token};

/// Keys and values in either representation.
#[derive(Clone, Debug)]
pub(super) enum KvStore {
    Floats(FloatKv),
    Bytes(Int8Kv),
}

impl KvStore {
    fn new(config: &Config, precision: Precision, branches: usize, capacity: usize) -> Self {
        match precision {
            Precision::Int8 => Self::Bytes(Int8Kv::new(config, branches, capacity)),
            _ => Self::Floats(FloatKv::new(config, branches, capacity)),
        }
    }

    fn reset(&mut self, branches: usize, capacity: usize) {
        match self {
            Self::Floats(store) => store.reset(branches, capacity),
            Self::Bytes(store) => store.reset(branches, capacity),
        }
    }
}

/// Shape and precision of the model that a cache belongs to.
#[derive(Clone, Copy, Debug, PartialEq)]
struct CacheShape {
    layers: usize,
    heads: usize,
    head_size: usize,
    precision: Precision,
}

impl CacheShape {
    fn of(config: &Config, precision: Precision) -> Self {
        let (layers, heads, head_size) = (config.layers, config.heads, config.head_size());
        Self { layers, heads, head_size, precision }
    }
}

/// The keys and values of a prefix of tokens, or of a history of rows, for every layer.
#[derive(Clone, Debug)]
pub struct Cache {
    /// Tokens or rows; at least one of the two is empty.
    tokens: Vec<Token>,
    rows: Rows,
    capacity: usize,
    shape: CacheShape,
    pub(super) store: KvStore,
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
            shape: CacheShape::of(config, precision),
            store: KvStore::new(config, precision, 1, capacity),
        }
    }

    /// Number of tokens or rows in the cache.
    pub fn len(&self) -> usize {
        self.tokens.len() + self.rows.len()
    }

    /// Whether the cache is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Maximum number of tokens or rows.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// The tokens in the cache, for comparison with another prefix.
    pub fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    /// The rows in the cache, for comparison with another history.
    pub fn rows(&self) -> &Rows {
        &self.rows
    }

    /// Drops all but the first `length` tokens. Because rows attend to all others, a history is
    /// dropped whole.
    pub fn truncate(&mut self, length: usize) {
        self.tokens.truncate(length);
        if length < self.rows.len() {
            self.rows.clear();
        }
    }

    /// Empties the cache.
    pub fn clear(&mut self) {
        self.tokens.clear();
        self.rows.clear();
    }

    pub(super) fn set_rows(&mut self, rows: &Rows) {
        self.rows.clone_from(rows);
    }

    pub(super) fn push(&mut self, tokens: &[Token]) {
        self.tokens.extend_from_slice(tokens);
    }

    /// Whether it belongs to a model of this shape and precision.
    pub(super) fn fits(&self, config: &Config, precision: Precision) -> bool {
        self.shape == CacheShape::of(config, precision)
    }
}

/// Number of tokens that pass the layers together, with buffers that fit the second-level cache.
pub(super) const GROUP_TOKENS: usize = 132;

/// Branches: short continuations of one prefix, each with its own keys and values.
#[derive(Clone, Debug)]
pub struct Branches {
    count: usize,
    capacity: usize,
    length: usize,
    shape: CacheShape,
    config: Config,
    /// Groups of branches that pass the layers together.
    pub(super) groups: Vec<KvStore>,
    /// Number of branches in a group; the last group may have fewer.
    pub(super) group: usize,
}

impl Branches {
    pub(super) fn new(config: &Config, precision: Precision) -> Self {
        Self {
            count: 0,
            capacity: 0,
            length: 0,
            shape: CacheShape::of(config, precision),
            config: config.clone(),
            groups: Vec::new(),
            group: 1,
        }
    }

    /// Starts `count` empty branches of at most `capacity` tokens each, reusing the memory.
    pub fn reset(&mut self, count: usize, capacity: usize) {
        (self.count, self.capacity, self.length) = (count, capacity, 0);
        self.group = (GROUP_TOKENS / capacity.max(1)).clamp(1, count.max(1));
        let groups = count.div_ceil(self.group);
        for store in self.groups.iter_mut().take(groups) {
            store.reset(self.group, capacity);
        }
        while self.groups.len() < groups {
            let precision = self.shape.precision;
            self.groups.push(KvStore::new(&self.config, precision, self.group, capacity));
        }
    }

    /// Number of branches.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Number of tokens in each branch.
    pub fn length(&self) -> usize {
        self.length
    }

    /// Maximum number of tokens in each branch.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    pub(super) fn grow(&mut self, tokens: usize) {
        self.length += tokens;
    }

    /// Whether it belongs to a model of this shape and precision.
    pub(super) fn fits(&self, config: &Config, precision: Precision) -> bool {
        self.shape == CacheShape::of(config, precision)
    }
}

//! Lists of rows, each by its summands.

use alloc::vec::Vec;

use crate::tokenizer::vocabulary::Token;

/// One summand of a row: a parameter's slot and the value that stands in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Index of the slot, from 0.
    pub slot: u8,
    /// The value, as a token of the vocabulary.
    pub value: Token,
}

/// The summands of one row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row<'a> {
    /// Slots and values.
    pub entries: &'a [Entry],
    /// Tokens whose embeddings are added.
    pub tokens: &'a [Token],
}

/// The summands of a list of rows.
#[derive(Debug, Default, PartialEq)]
pub struct Rows {
    pub(super) entries: Vec<Entry>,
    pub(super) tokens: Vec<Token>,
    /// Ends of the entries and tokens of each row.
    ends: Vec<(u32, u32)>,
}

impl Rows {
    /// An empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Removes all rows and keeps the memory.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.tokens.clear();
        self.ends.clear();
    }

    /// Appends a row.
    pub fn push(&mut self, row: Row<'_>) {
        self.entries.extend_from_slice(row.entries);
        self.tokens.extend_from_slice(row.tokens);
        self.end_row();
    }

    /// Row `index`.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub fn row(&self, index: usize) -> Row<'_> {
        let first = index.checked_sub(1).map_or((0, 0), |before| self.ends[before]);
        let last = self.ends[index];
        Row {
            entries: &self.entries[first.0 as usize..last.0 as usize],
            tokens: &self.tokens[first.1 as usize..last.1 as usize],
        }
    }

    /// Iterates over the rows.
    pub fn iter(&self) -> impl Iterator<Item = Row<'_>> {
        (0..self.len()).map(|index| self.row(index))
    }

    /// Ends the row that the entries and tokens since the last call make up.
    pub(super) fn end_row(&mut self) {
        self.ends.push((self.entries.len() as u32, self.tokens.len() as u32));
    }
}

impl Clone for Rows {
    fn clone(&self) -> Self {
        let mut rows = Self::new();
        rows.clone_from(self);
        rows
    }

    /// Reuses the memory.
    fn clone_from(&mut self, other: &Self) {
        self.entries.clone_from(&other.entries);
        self.tokens.clone_from(&other.tokens);
        self.ends.clone_from(&other.ends);
    }
}

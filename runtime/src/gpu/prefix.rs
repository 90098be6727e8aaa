//! Keys and values of histories, in pages of a pool on the device.

use alloc::{format, sync::Arc, vec::Vec};
use std::sync::Mutex;

use super::device::unsupported;
use crate::{
    Result,
    tokenizer::{rows::Rows, vocabulary::Token},
};

/// Number of tokens of a page.
pub(super) const PAGE: usize = 64;

/// Allocation of the pages of the pool.
#[derive(Debug)]
pub(super) struct Pages {
    free: Vec<u32>,
    /// Number of existing pages, free or taken.
    count: usize,
    /// Maximum number of pages.
    most: usize,
}

impl Pages {
    pub fn new(most: usize) -> Self {
        // Slot numbers stay below `NO_SLOT`.
        Self { free: Vec::new(), count: 0, most: most.min(u32::MAX as usize / PAGE) }
    }

    pub fn count(&self) -> usize {
        self.count
    }

    fn take(&mut self, wanted: usize) -> Result<Vec<u32>> {
        let more = wanted.saturating_sub(self.free.len());
        if more > self.most - self.count {
            return Err(unsupported(format!(
                "histories of {} tokens are all that the adapter can hold at a time",
                self.most * PAGE
            )));
        }
        let new = self.count as u32..(self.count + more) as u32;
        self.free.extend(new.rev());
        self.count += more;
        let kept = self.free.len() - wanted;
        Ok(self.free.split_off(kept))
    }
}

/// Keys and values of a history on the device. The memory is reused after it is dropped.
#[derive(Debug)]
pub struct GpuPrefix {
    pub(super) pages: Arc<Mutex<Pages>>,
    pub(super) table: Vec<u32>,
    /// Tokens or rows; at least one of the two is empty.
    tokens: Vec<Token>,
    rows: Rows,
    capacity: usize,
}

impl GpuPrefix {
    pub(super) fn new(pages: &Arc<Mutex<Pages>>, capacity: usize) -> Result<Self> {
        let mut guard = pages.lock().unwrap_or_else(|poison| poison.into_inner());
        let table = guard.take(capacity.div_ceil(PAGE))?;
        drop(guard);
        Ok(Self {
            pages: Arc::clone(pages),
            table,
            tokens: Vec::new(),
            rows: Rows::new(),
            capacity,
        })
    }

    /// Number of tokens or rows in the history.
    pub fn len(&self) -> usize {
        self.tokens.len() + self.rows.len()
    }

    /// Whether the history is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Maximum number of tokens or rows.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// The tokens of the history, for comparison with another prefix.
    pub fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    /// The rows of the history, for comparison with another history.
    pub fn rows(&self) -> &Rows {
        &self.rows
    }

    /// Drops all but the first `length` tokens. Because rows attend to all others, a history of
    /// rows is dropped whole.
    pub fn truncate(&mut self, length: usize) {
        self.tokens.truncate(length);
        if length < self.rows.len() {
            self.rows.clear();
        }
    }

    pub(super) fn set_rows(&mut self, rows: &Rows) {
        self.rows.clone_from(rows);
    }

    pub(super) fn push(&mut self, tokens: &[Token]) {
        self.tokens.extend_from_slice(tokens);
    }

    /// Slot of the pool with the key and value of a position.
    pub(super) fn slot(&self, position: usize) -> u32 {
        self.table[position / PAGE] * PAGE as u32 + (position % PAGE) as u32
    }
}

impl Drop for GpuPrefix {
    fn drop(&mut self) {
        let mut pages = self.pages.lock().unwrap_or_else(|poison| poison.into_inner());
        pages.free.append(&mut self.table);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_lent_once_and_come_back() {
        let pages = Arc::new(Mutex::new(Pages::new(5)));
        let one = GpuPrefix::new(&pages, 2 * PAGE).unwrap();
        let other = GpuPrefix::new(&pages, 2 * PAGE + 1).unwrap();
        let mut all: Vec<u32> = one.table.iter().chain(&other.table).copied().collect();
        all.sort_unstable();
        assert_eq!(all, [0, 1, 2, 3, 4]);
        let error = GpuPrefix::new(&pages, 1).unwrap_err();
        assert!(error.context().contains("320 tokens"), "{error}");
        let freed = one.table.clone();
        drop(one);
        let again = GpuPrefix::new(&pages, 2 * PAGE).unwrap();
        assert!(again.table.iter().all(|page| freed.contains(page)));
        assert_eq!(pages.lock().unwrap().count(), 5);
        assert_eq!(again.slot(PAGE + 3), again.table[1] * PAGE as u32 + 3);
    }
}

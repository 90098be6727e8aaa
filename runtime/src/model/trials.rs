//! The forward pass of a model that reads a row a trial
//! ([`Sequence::Trials`](super::Sequence::Trials)).

use alloc::format;
use core::ops::Range;

use super::{
    Cache, Model, Workspace,
    cache::{GROUP, Store},
    forward::{Past, invalid, spread},
    workspace::{Buffers, sized},
};
use crate::{
    Result,
    kernels::{PANEL, padded},
    tokenizer::rows::Rows,
};

/// Rows go through the kernels so many at a time.
const BLOCK: usize = 12;

impl Model {
    /// Puts a whole history in the place of what the cache holds: keys and values of rows that all
    /// attend to one another, whatever their order. Nobody asks for their states, so
    /// [`Workspace::hidden`] has none then.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidValue`](crate::ErrorKind::InvalidValue): a model of
    /// [`Sequence::Tokens`](super::Sequence::Tokens), no rows, a row with a slot that the config
    /// does not have or a value or token outside the vocabulary, more rows than the cache or the
    /// model has room for, a cache made for another model. The cache holds what it held then.
    pub fn history(&self, cache: &mut Cache, rows: &Rows, workspace: &mut Workspace) -> Result<()> {
        self.config.check_rows(rows)?;
        self.check_length(cache, rows.len())?;
        let (count, capacity) = (rows.len(), cache.capacity());
        if count > capacity {
            return Err(invalid(format!("{count} rows do not fit a cache of {capacity}")));
        }
        workspace.hidden.clear();
        let buffers = &mut workspace.buffers[0];
        self.embed_rows(rows, 0..count, buffers);
        match &mut cache.store {
            Store::Floats(store) => self.layers(Past::History(store), count, buffers, &mut []),
            Store::Bytes(store) => self.layers(Past::History(store), count, buffers, &mut []),
        }
        cache.hold(rows);
        Ok(())
    }

    /// The states of rows that see a history and each itself, but not one another: questions, and
    /// policy rows. [`Workspace::hidden`] then has them, `[rows, hidden]`; each is the same to the
    /// last bit whatever the other rows are, and on any number of threads.
    ///
    /// # Errors
    ///
    /// As [`history`](Self::history), but for the cache's room.
    pub fn questions(&self, history: &Cache, rows: &Rows, workspace: &mut Workspace) -> Result<()> {
        self.config.check_rows(rows)?;
        self.check_length(history, history.len() + 1)?;
        let (count, hidden) = (rows.len(), self.config.hidden_size);
        let threads = workspace.buffers.len();
        let group = count.div_ceil(threads).next_multiple_of(BLOCK).min(GROUP);
        workspace.hidden.resize(count * hidden, 0.0);
        let groups = (0..count).step_by(group).map(|first| first..count.min(first + group));
        let work = groups.zip(workspace.hidden.chunks_mut(group * hidden));
        let run = |(range, out): (Range<usize>, &mut [f32]), buffers: &mut Buffers| {
            let (count, stored) = (range.len(), history.len());
            self.embed_rows(rows, range, buffers);
            match &history.store {
                Store::Floats(store) => {
                    self.layers(Past::Questions(store, stored), count, buffers, out);
                }
                Store::Bytes(store) => {
                    self.layers(Past::Questions(store, stored), count, buffers, out);
                }
            }
        };
        spread(work, &mut workspace.buffers, &run);
        Ok(())
    }

    /// What rows are to the layers, `[rows, hidden]`: for looking at, and for other engines.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidValue`](crate::ErrorKind::InvalidValue): a model of
    /// [`Sequence::Tokens`](super::Sequence::Tokens), no rows, a row with what is not of the model,
    /// a slice whose length does not fit.
    pub fn embedded_rows(
        &self,
        rows: &Rows,
        workspace: &mut Workspace,
        out: &mut [f32],
    ) -> Result<()> {
        self.config.check_rows(rows)?;
        let (count, hidden) = (rows.len(), self.config.hidden_size);
        if out.len() != count * hidden {
            let have = out.len();
            return Err(invalid(format!("{have} numbers for {count} rows of {hidden}")));
        }
        let buffers = &mut workspace.buffers[0];
        self.embed_rows(rows, 0..count, buffers);
        let stream = buffers.stream.chunks_exact(hidden.next_multiple_of(PANEL));
        for (out, row) in out.chunks_exact_mut(hidden).zip(stream) {
            out.copy_from_slice(&row[..hidden]);
        }
        Ok(())
    }

    /// The stream of some rows.
    fn embed_rows(&self, rows: &Rows, range: Range<usize>, buffers: &mut Buffers) {
        let tables = self.trials.as_ref().expect("the sequence was checked");
        let width = self.config.hidden_size.next_multiple_of(PANEL);
        let Buffers { stream, rows: sums, .. } = buffers;
        let stream = sized(stream, padded(range.len()) * width);
        tables.sum(self.kernels, &self.embedding, rows, range, sums, (stream, width));
    }
}

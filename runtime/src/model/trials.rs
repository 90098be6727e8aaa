//! The forward pass of a model that reads one row per trial
//! ([`Sequence::Trials`](super::Sequence::Trials)).

use alloc::format;
use core::ops::Range;

use super::{
    Cache, Model, Workspace,
    buffer::grow,
    cache::{GROUP_TOKENS, KvStore},
    forward::{RowContext, invalid},
    threads::run_on_threads,
    workspace::ThreadBuffers,
};
use crate::{
    Result,
    kernels::{PANEL, padded},
    tokenizer::rows::Rows,
};

/// Number of rows that kernels multiply at a time.
const ROW_BLOCK: usize = 12;

impl Model {
    /// Replaces the content of the cache by a history: the keys and values of rows that all attend
    /// to one another, in any order. There are no output states; [`Workspace::hidden`] is empty.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidValue`](crate::ErrorKind::InvalidValue): a model of
    /// [`Sequence::Tokens`](super::Sequence::Tokens), no rows, a row with a slot that the config
    /// does not have or a value or token outside the vocabulary, more rows than the cache or the
    /// model has room for, a cache made for another model. The cache is then unchanged.
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
            KvStore::Floats(store) => {
                self.layers(RowContext::History(store), count, buffers, &mut [])
            }
            KvStore::Bytes(store) => {
                self.layers(RowContext::History(store), count, buffers, &mut [])
            }
        }
        cache.set_rows(rows);
        Ok(())
    }

    /// Output states of questions and policy rows, each of which sees the history and itself. They
    /// go to [`Workspace::hidden`], `[rows, hidden]`. The bits of a row depend neither on the other
    /// rows nor on the number of threads.
    ///
    /// # Errors
    ///
    /// Those of [`history`](Self::history), except for the capacity of the cache.
    pub fn questions(&self, history: &Cache, rows: &Rows, workspace: &mut Workspace) -> Result<()> {
        self.config.check_rows(rows)?;
        self.check_length(history, history.len() + 1)?;
        let (count, hidden) = (rows.len(), self.config.hidden_size);
        let threads = workspace.buffers.len();
        let group = count.div_ceil(threads).next_multiple_of(ROW_BLOCK).min(GROUP_TOKENS);
        workspace.hidden.resize(count * hidden, 0.0);
        let groups = (0..count).step_by(group).map(|first| first..count.min(first + group));
        let work = groups.zip(workspace.hidden.chunks_mut(group * hidden));
        let run = |(range, out): (Range<usize>, &mut [f32]), buffers: &mut ThreadBuffers| {
            let (count, stored) = (range.len(), history.len());
            self.embed_rows(rows, range, buffers);
            match &history.store {
                KvStore::Floats(store) => {
                    self.layers(RowContext::Questions(store, stored), count, buffers, out);
                }
                KvStore::Bytes(store) => {
                    self.layers(RowContext::Questions(store, stored), count, buffers, out);
                }
            }
        };
        run_on_threads(work, &mut workspace.buffers, &run);
        Ok(())
    }

    /// Embeddings of rows, `[rows, hidden]`, for inspection and for other engines.
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

    /// Writes the embeddings of a range of rows to the residual stream.
    fn embed_rows(&self, rows: &Rows, range: Range<usize>, buffers: &mut ThreadBuffers) {
        let tables = self.trials.as_ref().expect("the sequence was checked");
        let width = self.config.hidden_size.next_multiple_of(PANEL);
        let ThreadBuffers { stream, rows: sums, .. } = buffers;
        let stream = grow(stream, padded(range.len()) * width);
        tables.sum(self.kernels, &self.embedding, rows, range, sums, (stream, width));
    }
}

//! Models that read one row per trial ([`Sequence::Trials`](crate::model::Sequence::Trials)). The
//! CPU embeds the rows and uploads them as vectors.

use alloc::{format, vec, vec::Vec};
use core::ops::Range;

use super::{
    GpuModel, GpuPrecision, GpuPrefix, GpuQuestions, batch::Plan, device::invalid,
    pipelines::Strides,
};
use crate::{
    Result,
    kernels::Kernels,
    model::{
        Config, Sequence, Weights,
        embedding::{EmbeddingBuffers, RowEmbedding},
    },
    tokenizer::{rows::Rows, vocabulary::Token},
};

/// Embedding tables of rows, on the CPU.
pub(super) struct TrialTables {
    rows: RowEmbedding,
    /// Token embedding, rounded to the precision of the device, `[vocabulary, hidden]`.
    tokens: Vec<f32>,
}

impl TrialTables {
    /// The tables of valid weights, if they have any.
    pub fn new(config: &Config, weights: &Weights, precision: GpuPrecision) -> Option<Self> {
        (config.sequence() == Sequence::Trials).then(|| Self {
            rows: RowEmbedding::of_weights(config, weights),
            tokens: precision.rounded_matrix(&weights.embedding, config.hidden_size),
        })
    }

    /// Appends the embeddings of rows, `[rows, stride]`.
    fn append(
        &self,
        rows: &Rows,
        stride: usize,
        buffers: &mut EmbeddingBuffers,
        vectors: &mut Vec<f32>,
    ) {
        let start = vectors.len();
        vectors.resize(start + rows.len() * stride, 0.0);
        let out = (&mut vectors[start..], stride);
        self.rows.sum(Kernels::best(), &self.tokens, rows, 0..rows.len(), buffers, out);
    }
}

impl GpuModel {
    /// Replaces the content of `prefix` by a history of rows that all attend to one another. Does
    /// not wait for the device; the next call reports its failures.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidValue`](crate::ErrorKind::InvalidValue): a model that reads tokens, no
    /// rows, a slot, value or token that the model does not have, more rows than the capacity, a
    /// history of another model. [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported): the
    /// device is out of memory, or lost. The history is then unchanged, or empty after a failure of
    /// the device.
    pub fn history(&self, prefix: &mut GpuPrefix, rows: &Rows) -> Result<()> {
        self.history_many(&mut [(prefix, rows)])
    }

    /// Replaces the contents of many histories in one submission.
    ///
    /// # Errors
    ///
    /// Those of [`history`](Self::history). On an error no history is replaced.
    pub fn history_many(&self, items: &mut [(&mut GpuPrefix, &Rows)]) -> Result<()> {
        for (prefix, rows) in items.iter() {
            self.config.check_rows(rows)?;
            self.check_length(prefix, rows.len())?;
            let (count, capacity) = (rows.len(), prefix.capacity());
            if count > capacity {
                return Err(invalid(format!("{count} rows do not fit a history of {capacity}")));
            }
        }
        if items.is_empty() {
            return Err(invalid("no histories"));
        }
        let views: Vec<(&GpuPrefix, usize)> =
            items.iter().map(|(prefix, rows)| (&**prefix, rows.len())).collect();
        let plan = Plan::of_histories(&views, self.max_rows)?;
        let vectors = self.vectors(items.iter().map(|(_, rows)| *rows));
        let mut state = self.state();
        self.prepare(&mut state, &plan, &vectors, 0)?;
        // The device overwrites the old contents from here on.
        items.iter_mut().for_each(|(prefix, _)| prefix.truncate(0));
        self.submit(&state, &plan, &vectors, 0)?;
        drop(state);
        for (prefix, rows) in items {
            prefix.set_rows(rows);
        }
        Ok(())
    }

    /// Logits of a range of tokens after each row of each item, `[rows, tokens]` by item. A row
    /// sees its history and itself.
    ///
    /// # Errors
    ///
    /// Those of [`history`](Self::history),
    /// [`ErrorKind::InvalidValue`](crate::ErrorKind::InvalidValue) for no items or a range outside
    /// the vocabulary, and [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) for results
    /// that are not finite.
    pub fn question_logits(
        &self,
        items: &[GpuQuestions<'_>],
        range: Range<Token>,
    ) -> Result<Vec<f32>> {
        let columns = self.check_range(&range)?;
        if items.is_empty() {
            return Err(invalid("no questions"));
        }
        for item in items {
            self.config.check_rows(item.rows)?;
            self.check_length(item.prefix, item.prefix.len() + 1)?;
        }
        let plan = Plan::of_questions(items, &range, self.max_rows);
        let vectors = self.vectors(items.iter().map(|item| item.rows));
        self.answer(&plan, &vectors, columns)
    }

    /// Embeddings of all rows, concatenated.
    fn vectors<'a>(&self, lists: impl Iterator<Item = &'a Rows>) -> Vec<f32> {
        let (mut vectors, mut buffers) = (vec![], EmbeddingBuffers::default());
        let stride = Strides::new(&self.config).hidden;
        let tables = self.trials.as_ref().expect("the sequence was checked");
        lists.for_each(|rows| tables.append(rows, stride, &mut buffers, &mut vectors));
        vectors
    }
}

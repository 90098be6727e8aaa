//! The forward pass of rows through all layers, given cached keys and values.

use alloc::{format, string::String};
use core::ops::Range;

use super::{
    Branches, Cache, Layer, Model, Sequence, Workspace,
    attention::{BranchKv, FurtherKeys, KeyValues, KvContext, ProjectedRows, ROW_PADDING},
    buffer::grow,
    cache::KvStore,
    threads::run_on_threads,
    workspace::ThreadBuffers,
};
use crate::{
    Error, ErrorKind, Result,
    kernels::{Destination, PANEL, padded},
    tokenizer::vocabulary::Token,
};

/// Number of tokens of a prefix that pass the layers at a time, and of rows of a history that pass
/// the feed-forward part at a time, which bounds the memory. A multiple of the row blocks of the
/// kernels, so that no chunk writes beyond its end.
pub(super) const CHUNK: usize = 132;

/// The cached keys and values that the rows of a forward pass see, and where their own go.
pub(super) enum RowContext<'a, K> {
    /// The rows are the next tokens of a prefix of this length; row `i` sees the prefix and the
    /// rows up to its own.
    Prefix(&'a mut K, usize),
    /// The rows are the next `each` tokens of branches of `length` tokens, branch by branch; they
    /// see the prefix, `stored` tokens, and their own branch.
    Branches { prefix: &'a K, stored: usize, branches: &'a mut K, length: usize, each: usize },
    /// The rows are a history; each sees all of them.
    History(&'a mut K),
    /// Each row sees a history of this length, and itself.
    Questions(&'a K, usize),
}

impl Model {
    /// Appends tokens to a prefix. The output state of the last one goes to [`Workspace::hidden`],
    /// `[1, hidden]`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidValue`]: no tokens, a token outside the vocabulary, more tokens than the
    /// cache or the model has room for, a cache of another model. The cache is then unchanged.
    pub fn extend(
        &self,
        cache: &mut Cache,
        tokens: &[Token],
        workspace: &mut Workspace,
    ) -> Result<()> {
        self.check(tokens, cache, cache.len() + tokens.len())?;
        if cache.len() + tokens.len() > cache.capacity() {
            return Err(invalid(format!(
                "{} tokens after {} do not fit a cache of {}",
                tokens.len(),
                cache.len(),
                cache.capacity()
            )));
        }
        let hidden = self.config.hidden_size;
        workspace.hidden.resize(hidden, 0.0);
        for chunk in tokens.chunks(CHUNK) {
            let stored = cache.len();
            let buffers = &mut workspace.buffers[0];
            let (rows, out) = (chunk.len(), workspace.hidden.as_mut_slice());
            self.embed(chunk, buffers);
            match &mut cache.store {
                KvStore::Floats(store) => {
                    self.layers(RowContext::Prefix(store, stored), rows, buffers, out);
                }
                KvStore::Bytes(store) => {
                    self.layers(RowContext::Prefix(store, stored), rows, buffers, out);
                }
            }
            cache.push(chunk);
        }
        Ok(())
    }

    /// Appends `k` tokens to each branch; `tokens` is `[count, k]`. The output states of the last
    /// tokens go to [`Workspace::hidden`], `[count, hidden]`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidValue`]: a number of tokens that is not a multiple of the number of
    /// branches, a token outside the vocabulary, more tokens than the branches or the model have
    /// room for, branches of another model. The branches are then unchanged.
    pub fn extend_branches(
        &self,
        prefix: &Cache,
        branches: &mut Branches,
        tokens: &[Token],
        workspace: &mut Workspace,
    ) -> Result<()> {
        let count = branches.count();
        if count == 0 || !tokens.len().is_multiple_of(count) {
            return Err(invalid(format!("{} tokens for {count} branches", tokens.len())));
        }
        let each = tokens.len() / count;
        self.check(tokens, prefix, prefix.len() + branches.length() + each)?;
        if !branches.fits(&self.config, self.precision) {
            return Err(invalid(String::from("the branches were made for another model")));
        }
        if branches.length() + each > branches.capacity() {
            return Err(invalid(format!(
                "{each} tokens after {} do not fit branches of {}",
                branches.length(),
                branches.capacity()
            )));
        }
        let hidden = self.config.hidden_size;
        workspace.hidden.resize(count * hidden, 0.0);
        let (group, length) = (branches.group, branches.length());
        let work = branches
            .groups
            .iter_mut()
            .zip(tokens.chunks(group * each))
            .zip(workspace.hidden.chunks_mut(group * hidden));
        let run = |((store, tokens), out): ((&mut KvStore, &[Token]), &mut [f32]),
                   buffers: &mut ThreadBuffers| {
            self.extend_group(prefix, store, length, each, tokens, buffers, out);
        };
        run_on_threads(work, &mut workspace.buffers, &run);
        branches.grow(each);
        Ok(())
    }

    /// Appends `each` tokens to each branch of a group.
    #[allow(clippy::too_many_arguments)]
    fn extend_group(
        &self,
        prefix: &Cache,
        branches: &mut KvStore,
        length: usize,
        each: usize,
        tokens: &[Token],
        buffers: &mut ThreadBuffers,
        out: &mut [f32],
    ) {
        let (stored, rows) = (prefix.len(), tokens.len());
        self.embed(tokens, buffers);
        match (&prefix.store, branches) {
            (KvStore::Floats(prefix), KvStore::Floats(branches)) => {
                let past = RowContext::Branches { prefix, stored, branches, length, each };
                self.layers(past, rows, buffers, out);
            }
            (KvStore::Bytes(prefix), KvStore::Bytes(branches)) => {
                let past = RowContext::Branches { prefix, stored, branches, length, each };
                self.layers(past, rows, buffers, out);
            }
            _ => unreachable!("both were made for this model"),
        }
    }

    fn check(&self, tokens: &[Token], cache: &Cache, length: usize) -> Result<()> {
        self.config.check_sequence(Sequence::Tokens)?;
        if tokens.is_empty() {
            return Err(invalid(String::from("no tokens")));
        }
        let most = self.config.vocabulary_size;
        if let Some(place) = tokens.iter().position(|token| usize::from(*token) >= most) {
            return Err(invalid(format!("token {place} is {}, of {most}", tokens[place])));
        }
        self.check_length(cache, length)
    }

    /// Checks that the cache belongs to this model, and that the model has `length` positions.
    pub(super) fn check_length(&self, cache: &Cache, length: usize) -> Result<()> {
        if !cache.fits(&self.config, self.precision) {
            return Err(invalid(String::from("the cache was made for another model")));
        }
        let most = self.config.max_positions;
        if length > most {
            let what = self.config.sequence().unit();
            return Err(invalid(format!("{length} {what} are more than the model's {most}")));
        }
        Ok(())
    }

    /// Writes the embeddings of tokens to the residual stream.
    fn embed(&self, tokens: &[Token], buffers: &mut ThreadBuffers) {
        let hidden = self.config.hidden_size;
        let width = hidden.next_multiple_of(PANEL);
        let stream = grow(&mut buffers.stream, padded(tokens.len()) * width);
        for (row, token) in stream.chunks_exact_mut(width).zip(tokens) {
            let start = usize::from(*token) * hidden;
            row[..hidden].copy_from_slice(&self.embedding[start..start + hidden]);
        }
    }

    /// Passes the rows of the residual stream through all layers. In the last one only the rows
    /// whose output is needed go on after the keys and values: the last row of a prefix or of each
    /// branch, each question, and no row of a history. Their states after the final norm go to
    /// `out`, `[rows, hidden]`.
    pub(super) fn layers<K: KeyValues>(
        &self,
        mut context: RowContext<'_, K>,
        mut rows: usize,
        buffers: &mut ThreadBuffers,
        out: &mut [f32],
    ) {
        for (index, layer) in self.layers.iter().enumerate() {
            let last = index + 1 == self.layers.len();
            // The last layer of a history needs no queries.
            let has_queries = !(last && matches!(context, RowContext::History(_)));
            self.project(layer, rows, has_queries, buffers);
            self.write_kv(&mut context, index, rows, buffers);
            let mut step = 1;
            if last {
                step = match &context {
                    RowContext::Prefix(..) => rows,
                    RowContext::Branches { each, .. } => *each,
                    RowContext::History(_) => return,
                    RowContext::Questions(..) => 1,
                };
                keep_last(&mut buffers.stream, rows, self.stream_stride(), step);
                keep_last(&mut buffers.projected, rows, self.projected_stride(), step);
                rows /= step;
            }
            self.attend(&context.keys(step, rows), index, rows, buffers);
            for first in (0..rows).step_by(CHUNK) {
                self.after_attention(layer, first..rows.min(first + CHUNK), buffers);
            }
        }
        let hidden = self.config.hidden_size;
        let stream = buffers.stream.chunks_exact(self.stream_stride());
        for (out, row) in out.chunks_exact_mut(hidden).zip(stream) {
            self.kernels.rms_norm(&row[..hidden], &self.norm, self.config.norm_epsilon, out);
        }
    }

    /// Distance between two rows of the residual stream.
    fn stream_stride(&self) -> usize {
        self.config.hidden_size.next_multiple_of(PANEL)
    }

    /// Distance between two rows of queries, keys and values.
    fn projected_stride(&self) -> usize {
        (3 * self.config.hidden_size).next_multiple_of(PANEL)
    }

    /// Distance between two rows of the output of attention. The product of a head writes whole
    /// panels; the numbers beyond its part are overwritten by the next head or lie in the padding.
    fn mixed_stride(&self) -> usize {
        self.config.hidden_size + PANEL
    }

    /// Projects rows of the stream to queries, unless these are not needed, keys and values.
    fn project(&self, layer: &Layer, rows: usize, has_queries: bool, buffers: &mut ThreadBuffers) {
        let (hidden, stride) = (self.config.hidden_size, self.projected_stride());
        self.rms_norm_rows(0..rows, &layer.attention_norm, buffers);
        let ThreadBuffers { input, matrix_input, projected, .. } = buffers;
        let projected = grow(projected, (padded(rows) + ROW_PADDING) * stride);
        let first = if has_queries { 0 } else { hidden / PANEL };
        let panels = (first, (3 * hidden).div_ceil(PANEL));
        let to = Destination { numbers: &mut projected[first * PANEL..], stride, add: false };
        let x = (input.as_slice(), hidden);
        layer.attention.product_of_panels(self.kernels, x, matrix_input, rows, panels, to);
    }

    /// Attention of the projected rows in one layer.
    fn attend<K: KeyValues>(
        &self,
        keys: &KvContext<'_, K>,
        layer: usize,
        rows: usize,
        buffers: &mut ThreadBuffers,
    ) {
        let (stride, mixed_stride) = (self.projected_stride(), self.mixed_stride());
        let ThreadBuffers { projected, mixed, attention, .. } = buffers;
        let mixed = grow(mixed, (padded(rows) + ROW_PADDING) * mixed_stride);
        let projected = ProjectedRows { numbers: projected, stride, rows };
        let out = (mixed, mixed_stride);
        keys.attend(self.kernels, &self.config, layer, projected, attention, out);
    }

    /// Normalizes rows of the stream as the input of matrix products.
    fn rms_norm_rows(&self, rows: Range<usize>, gain: &[f32], buffers: &mut ThreadBuffers) {
        let hidden = self.config.hidden_size;
        let width = hidden.next_multiple_of(PANEL);
        let input = grow(&mut buffers.input, padded(rows.len()) * hidden);
        let stream = buffers.stream[rows.start * width..].chunks_exact(width);
        for (out, row) in input.chunks_exact_mut(hidden).zip(stream).take(rows.len()) {
            self.kernels.rms_norm(&row[..hidden], gain, self.config.norm_epsilon, out);
        }
        buffers.matrix_input.load(self.kernels, self.precision, input, hidden, rows.len(), hidden);
    }

    /// Applies rotary embeddings to queries and keys, and stores keys and values.
    fn write_kv<K: KeyValues>(
        &self,
        context: &mut RowContext<'_, K>,
        layer: usize,
        rows: usize,
        buffers: &mut ThreadBuffers,
    ) {
        let (hidden, size) = (self.config.hidden_size, self.config.head_size());
        let rotate = |row: &mut [f32], position: usize| {
            let angles = &self.rope_table[position * size..(position + 1) * size];
            self.kernels.rope(&mut row[..2 * hidden], angles);
        };
        let projected = buffers.projected.chunks_exact_mut(self.projected_stride());
        for (index, row) in projected.take(rows).enumerate() {
            let (store, branch, position) = match context {
                RowContext::Prefix(store, stored) => {
                    rotate(row, *stored + index);
                    (&mut **store, 0, *stored + index)
                }
                RowContext::Branches { stored, branches, length, each, .. } => {
                    let position = *length + index % *each;
                    rotate(row, *stored + position);
                    (&mut **branches, index / *each, position)
                }
                // Trials have no positions.
                RowContext::History(store) => (&mut **store, 0, index),
                RowContext::Questions(..) => return,
            };
            let (key, value) = row[hidden..3 * hidden].split_at(hidden);
            store.write(self.kernels, branch, layer, position, key, value);
        }
    }

    /// The output projection and the feed-forward part of some rows, both added to the stream.
    fn after_attention(&self, layer: &Layer, rows: Range<usize>, buffers: &mut ThreadBuffers) {
        let (hidden, wide) = (self.config.hidden_size, self.config.feed_forward_size);
        let width = hidden.next_multiple_of(PANEL);
        let (kernels, precision, count) = (self.kernels, self.precision, rows.len());
        let ThreadBuffers { stream, matrix_input, mixed, .. } = &mut *buffers;
        let mixed_stride = self.mixed_stride();
        let mixed = &mixed[rows.start * mixed_stride..];
        matrix_input.load(kernels, precision, mixed, mixed_stride, count, hidden);
        let numbers = &mut stream[rows.start * width..];
        let to = Destination { numbers, stride: width, add: true };
        layer.output.product(kernels, (mixed, mixed_stride), matrix_input, count, to);
        self.rms_norm_rows(rows.clone(), &layer.feed_forward_norm, buffers);
        let ThreadBuffers { stream, input, matrix_input, gate, up, .. } = buffers;
        let stride = wide.next_multiple_of(PANEL);
        let (gate, up) = (grow(gate, padded(count) * stride), grow(up, padded(count) * stride));
        let x = (input.as_slice(), hidden);
        let to = Destination { numbers: gate, stride, add: false };
        layer.gate.product(kernels, x, matrix_input, count, to);
        let to = Destination { numbers: up, stride, add: false };
        layer.up.product(kernels, x, matrix_input, count, to);
        kernels.swiglu(&mut gate[..count * stride], &up[..count * stride]);
        matrix_input.load(kernels, precision, gate, stride, count, wide);
        let numbers = &mut stream[rows.start * width..];
        let to = Destination { numbers, stride: width, add: true };
        layer.down.product(kernels, (gate, stride), matrix_input, count, to);
    }
}

impl<K> RowContext<'_, K> {
    /// The keys that the remaining `rows` rows see, which are the last of every `step` rows.
    fn keys(&self, step: usize, rows: usize) -> KvContext<'_, K> {
        match self {
            Self::Prefix(prefix, stored) => KvContext {
                prefix: &**prefix,
                prefix_length: *stored,
                step,
                further: FurtherKeys::Causal,
            },
            Self::Branches { prefix, stored, branches, length, each } => {
                let own = BranchKv { branches: &**branches, length: *length, each: *each };
                KvContext {
                    prefix: *prefix,
                    prefix_length: *stored,
                    step,
                    further: FurtherKeys::Branch(own),
                }
            }
            Self::History(history) => KvContext {
                prefix: &**history,
                prefix_length: rows,
                step,
                further: FurtherKeys::None,
            },
            Self::Questions(history, stored) => KvContext {
                prefix: *history,
                prefix_length: *stored,
                step,
                further: FurtherKeys::Own,
            },
        }
    }
}

pub(super) fn invalid(what: String) -> Error {
    Error::new(ErrorKind::InvalidValue, what)
}

/// Moves the last of every `step` rows of `width` numbers to the front.
fn keep_last(buffer: &mut [f32], rows: usize, width: usize, step: usize) {
    for kept in 0..rows / step {
        let from = (kept * step + step - 1) * width;
        buffer.copy_within(from..from + width, kept * width);
    }
}

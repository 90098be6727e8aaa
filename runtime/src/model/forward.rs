//! The forward pass: rows through all layers, behind keys and values that are there already.

use alloc::{format, string::String};
use core::ops::Range;

use super::{
    Branches, Cache, Layer, Model, Sequence, Workspace,
    attention::{Besides, KeyValues, Own, ROOM, Seen},
    cache::Store,
    workspace::{Buffers, sized},
};
use crate::{
    Error, ErrorKind, Result,
    kernels::{Destination, PANEL, padded},
    tokenizer::vocabulary::Token,
};

/// So many tokens of a prefix go through the layers at a time, and so many rows of a history
/// through the widest part of a layer, whatever its length: bounds the memory. Whole blocks of the
/// kernels' rows, so that none writes beyond its chunk.
pub(super) const CHUNK: usize = 132;
/// So many rows of states become logits at a time.
const LOGIT_ROWS: usize = 24;

/// What the rows that go through the layers continue.
pub(super) enum Past<'a, K> {
    /// The rows are the next tokens of a prefix of so many; row `i` sees the prefix and the rows up
    /// to its own.
    Prefix(&'a mut K, usize),
    /// The rows are `each` next tokens of continuations that have `length`, one after the other;
    /// they see the prefix, `stored` tokens, and their own continuation.
    Branches { prefix: &'a K, stored: usize, branches: &'a mut K, length: usize, each: usize },
    /// The rows are a whole history; each sees all of them.
    History(&'a mut K),
    /// The rows see a history of so many rows, and each itself.
    Questions(&'a K, usize),
}

impl Model {
    /// Appends tokens to a prefix. [`Workspace::hidden`] then has the state after the last one,
    /// `[1, hidden]`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidValue`]: no tokens, a token outside the vocabulary, more tokens than the
    /// cache or the model has room for, a cache made for another model. Nothing was appended then.
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
                Store::Floats(store) => {
                    self.layers(Past::Prefix(store, stored), rows, buffers, out);
                }
                Store::Bytes(store) => {
                    self.layers(Past::Prefix(store, stored), rows, buffers, out);
                }
            }
            cache.push(chunk);
        }
        Ok(())
    }

    /// Appends `k` tokens to each of the branches: `tokens` is `[count, k]`, row by row.
    /// [`Workspace::hidden`] then has the state after each branch's last token, `[count, hidden]`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidValue`]: tokens that are not equally many for each branch, one outside
    /// the vocabulary, more tokens than the branches or the model have room for, buffers made for
    /// another model. Nothing was appended then.
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
        let run = |((store, tokens), out): ((&mut Store, &[Token]), &mut [f32]),
                   buffers: &mut Buffers| {
            self.extend_group(prefix, store, length, each, tokens, buffers, out);
        };
        spread(work, &mut workspace.buffers, &run);
        branches.grow(each);
        Ok(())
    }

    /// Appends `each` tokens to each continuation of a group.
    #[allow(clippy::too_many_arguments)]
    fn extend_group(
        &self,
        prefix: &Cache,
        branches: &mut Store,
        length: usize,
        each: usize,
        tokens: &[Token],
        buffers: &mut Buffers,
        out: &mut [f32],
    ) {
        let (stored, rows) = (prefix.len(), tokens.len());
        self.embed(tokens, buffers);
        match (&prefix.store, branches) {
            (Store::Floats(prefix), Store::Floats(branches)) => {
                let past = Past::Branches { prefix, stored, branches, length, each };
                self.layers(past, rows, buffers, out);
            }
            (Store::Bytes(prefix), Store::Bytes(branches)) => {
                let past = Past::Branches { prefix, stored, branches, length, each };
                self.layers(past, rows, buffers, out);
            }
            _ => unreachable!("both were made for this model"),
        }
    }

    /// The logits of the tokens in a range, after some of the states that [`Workspace::hidden`]
    /// has; `out` is `[rows, range]`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidValue`]: rows that are not there, a range outside the vocabulary, a
    /// slice whose length does not fit.
    pub fn logits(
        &self,
        workspace: &mut Workspace,
        rows: Range<usize>,
        tokens: Range<Token>,
        out: &mut [f32],
    ) -> Result<()> {
        let wide = tokens.len();
        let count = self.check_logits(workspace, &rows, &tokens)?;
        if out.len() != count * wide {
            let have = out.len();
            return Err(invalid(format!("{have} numbers for {count} rows of {wide}")));
        }
        let mut out = out.chunks_exact_mut(wide);
        self.each_logits(workspace, rows, tokens, |logits| {
            out.next().expect("a slice for each row").copy_from_slice(logits);
        })
    }

    /// As [`logits`](Self::logits), row by row: what `each` is given lies in the processor's
    /// caches.
    ///
    /// # Errors
    ///
    /// As there.
    pub(crate) fn each_logits(
        &self,
        workspace: &mut Workspace,
        rows: Range<usize>,
        tokens: Range<Token>,
        mut each: impl FnMut(&[f32]),
    ) -> Result<()> {
        self.check_logits(workspace, &rows, &tokens)?;
        let hidden = self.config.hidden_size;
        let (first, last) = (usize::from(tokens.start), usize::from(tokens.end));
        let Workspace { buffers, hidden: states } = workspace;
        let states = &states[rows.start * hidden..rows.end * hidden];
        // Whole panels that cover the range.
        let panels = (first / PANEL, last.div_ceil(PANEL));
        let stride = (panels.1 - panels.0) * PANEL;
        let from = first - panels.0 * PANEL;
        let Buffers { input, operand, projected, .. } = &mut buffers[0];
        for states in states.chunks(LOGIT_ROWS * hidden) {
            let rows = states.len() / hidden;
            let input = sized(input, padded(rows) * hidden);
            input[..states.len()].copy_from_slice(states);
            operand.load(self.kernels, self.precision, input, hidden, rows, hidden);
            let numbers = sized(projected, padded(rows) * stride);
            let to = Destination { numbers, stride, add: false };
            let x = (&*input, hidden);
            self.head.product_of_panels(self.kernels, x, operand, rows, panels, to);
            for row in projected.chunks_exact(stride).take(rows) {
                each(&row[from..from + tokens.len()]);
            }
        }
        Ok(())
    }

    /// That there are such states and tokens; returns the number of rows.
    fn check_logits(
        &self,
        workspace: &Workspace,
        rows: &Range<usize>,
        tokens: &Range<Token>,
    ) -> Result<usize> {
        let (first, last) = (usize::from(tokens.start), usize::from(tokens.end));
        if first >= last || last > self.config.vocabulary_size {
            return Err(invalid(format!("tokens {first}..{last} are not of the vocabulary")));
        }
        let count = workspace.hidden.len() / self.config.hidden_size;
        if rows.start > rows.end || rows.end > count {
            return Err(invalid(format!("states {rows:?} of {count}")));
        }
        Ok(rows.len())
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

    /// That the cache is of this model, and the model has room for `length` positions.
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

    /// The stream of tokens.
    fn embed(&self, tokens: &[Token], buffers: &mut Buffers) {
        let hidden = self.config.hidden_size;
        let width = hidden.next_multiple_of(PANEL);
        let stream = sized(&mut buffers.stream, padded(tokens.len()) * width);
        for (row, token) in stream.chunks_exact_mut(width).zip(tokens) {
            let start = usize::from(*token) * hidden;
            row[..hidden].copy_from_slice(&self.embedding[start..start + hidden]);
        }
    }

    /// All layers for the rows in the stream. In the last one only the states that are asked for
    /// afterwards go on beyond the keys and values: the last row of a prefix, the last row of each
    /// continuation, no row of a history; normalised, they are written to `out`.
    pub(super) fn layers<K: KeyValues>(
        &self,
        mut past: Past<'_, K>,
        mut rows: usize,
        buffers: &mut Buffers,
        out: &mut [f32],
    ) {
        let hidden = self.config.hidden_size;
        let width = hidden.next_multiple_of(PANEL);
        let stride = (3 * hidden).next_multiple_of(PANEL);
        for (index, layer) in self.layers.iter().enumerate() {
            let last = index + 1 == self.layers.len();
            self.normalise_rows(0..rows, &layer.attention_norm, buffers);
            let projected = sized(&mut buffers.projected, (padded(rows) + ROOM) * stride);
            // Nobody asks with the queries of a history in the last layer.
            let first = if last && matches!(past, Past::History(_)) { hidden / PANEL } else { 0 };
            let panels = (first, (3 * hidden).div_ceil(PANEL));
            let numbers = &mut projected[first * PANEL..];
            let to = Destination { numbers, stride, add: false };
            let x = (buffers.input.as_slice(), hidden);
            layer.attention.product_of_panels(self.kernels, x, &buffers.operand, rows, panels, to);
            self.remember(&mut past, index, &mut projected[..rows * stride], stride);
            let mut step = 1;
            if last {
                step = match &past {
                    Past::Prefix(..) => rows,
                    Past::Branches { each, .. } => *each,
                    Past::History(_) => return,
                    Past::Questions(..) => 1,
                };
                keep_last(&mut buffers.stream, rows, width, step);
                keep_last(projected, rows, stride, step);
                rows /= step;
            }
            // A head's product writes whole panels: what it writes beyond its part, the next heads
            // and the padding take.
            let mixed_stride = hidden + PANEL;
            let mixed = sized(&mut buffers.mixed, (padded(rows) + ROOM) * mixed_stride);
            let seen = past.seen(step, rows);
            seen.attend(
                self.kernels,
                &self.config,
                index,
                projected,
                stride,
                rows,
                &mut buffers.attention,
                mixed,
                mixed_stride,
            );
            for first in (0..rows).step_by(CHUNK) {
                self.after_attention(layer, first..rows.min(first + CHUNK), buffers);
            }
        }
        for (out, row) in out.chunks_exact_mut(hidden).zip(buffers.stream.chunks_exact(width)) {
            self.kernels.rms_norm(&row[..hidden], &self.norm, self.config.norm_epsilon, out);
        }
    }

    /// Some rows of the stream, normalised, as what matrices are multiplied with.
    fn normalise_rows(&self, rows: Range<usize>, gain: &[f32], buffers: &mut Buffers) {
        let hidden = self.config.hidden_size;
        let width = hidden.next_multiple_of(PANEL);
        let input = sized(&mut buffers.input, padded(rows.len()) * hidden);
        let stream = buffers.stream[rows.start * width..].chunks_exact(width);
        for (out, row) in input.chunks_exact_mut(hidden).zip(stream).take(rows.len()) {
            self.kernels.rms_norm(&row[..hidden], gain, self.config.norm_epsilon, out);
        }
        buffers.operand.load(self.kernels, self.precision, input, hidden, rows.len(), hidden);
    }

    /// Turns queries and keys by their positions, and stores keys and values.
    fn remember<K: KeyValues>(
        &self,
        past: &mut Past<'_, K>,
        layer: usize,
        projected: &mut [f32],
        stride: usize,
    ) {
        let (hidden, size) = (self.config.hidden_size, self.config.head_size());
        let turn = |row: &mut [f32], position: usize| {
            let turn = &self.turns[position * size..(position + 1) * size];
            self.kernels.rope(&mut row[..2 * hidden], turn);
        };
        for (index, row) in projected.chunks_exact_mut(stride).enumerate() {
            let (store, slot, place) = match past {
                Past::Prefix(store, stored) => {
                    turn(row, *stored + index);
                    (&mut **store, 0, *stored + index)
                }
                Past::Branches { stored, branches, length, each, .. } => {
                    let place = *length + index % *each;
                    turn(row, *stored + place);
                    (&mut **branches, index / *each, place)
                }
                // Trials have no positions.
                Past::History(store) => (&mut **store, 0, index),
                Past::Questions(..) => return,
            };
            let (key, value) = row[hidden..3 * hidden].split_at(hidden);
            store.write(self.kernels, slot, layer, place, key, value);
        }
    }

    /// The output projection and the feed-forward part of some rows, both added to the stream.
    fn after_attention(&self, layer: &Layer, rows: Range<usize>, buffers: &mut Buffers) {
        let (hidden, wide) = (self.config.hidden_size, self.config.feed_forward_size);
        let width = hidden.next_multiple_of(PANEL);
        let (kernels, precision, count) = (self.kernels, self.precision, rows.len());
        let Buffers { stream, operand, mixed, .. } = &mut *buffers;
        let mixed = &mixed[rows.start * (hidden + PANEL)..];
        operand.load(kernels, precision, mixed, hidden + PANEL, count, hidden);
        let numbers = &mut stream[rows.start * width..];
        let to = Destination { numbers, stride: width, add: true };
        layer.output.product(kernels, (mixed, hidden + PANEL), operand, count, to);
        self.normalise_rows(rows.clone(), &layer.feed_forward_norm, buffers);
        let Buffers { stream, input, operand, gate, up, .. } = buffers;
        let stride = wide.next_multiple_of(PANEL);
        let (gate, up) = (sized(gate, padded(count) * stride), sized(up, padded(count) * stride));
        let x = (input.as_slice(), hidden);
        let to = Destination { numbers: gate, stride, add: false };
        layer.gate.product(kernels, x, operand, count, to);
        let to = Destination { numbers: up, stride, add: false };
        layer.up.product(kernels, x, operand, count, to);
        kernels.swiglu(&mut gate[..count * stride], &up[..count * stride]);
        operand.load(kernels, precision, gate, stride, count, wide);
        let numbers = &mut stream[rows.start * width..];
        let to = Destination { numbers, stride: width, add: true };
        layer.down.product(kernels, (gate, stride), operand, count, to);
    }
}

impl<K> Past<'_, K> {
    /// What `rows` rows see, of which every `step` the last was kept.
    fn seen(&self, step: usize, rows: usize) -> Seen<'_, K> {
        match self {
            Self::Prefix(prefix, stored) => {
                Seen { prefix: &**prefix, stored: *stored, step, besides: Besides::Earlier }
            }
            Self::Branches { prefix, stored, branches, length, each } => {
                let own = Own { branches: &**branches, length: *length, each: *each };
                Seen { prefix: *prefix, stored: *stored, step, besides: Besides::Branch(own) }
            }
            Self::History(history) => {
                Seen { prefix: &**history, stored: rows, step, besides: Besides::Nothing }
            }
            Self::Questions(history, stored) => {
                Seen { prefix: *history, stored: *stored, step, besides: Besides::Itself }
            }
        }
    }
}

/// Does each piece of work, on as many threads as there are buffers.
pub(super) fn spread<W: Send>(
    work: impl ExactSizeIterator<Item = W> + Send,
    buffers: &mut [Buffers],
    run: &(impl Fn(W, &mut Buffers) + Sync),
) {
    #[cfg(feature = "std")]
    if buffers.len() > 1 && work.len() > 1 {
        let count = work.len();
        let work = std::sync::Mutex::new(work);
        // A thread that has panicked takes the others with it at the scope's end; until then they
        // may go on.
        let next = || work.lock().unwrap_or_else(std::sync::PoisonError::into_inner).next();
        let (own, others) = buffers.split_at_mut(1);
        std::thread::scope(|scope| {
            for buffers in others.iter_mut().take(count - 1) {
                let drain = || {
                    while let Some(piece) = next() {
                        run(piece, buffers);
                    }
                };
                // Where the system refuses a thread, those that there are do its work.
                if std::thread::Builder::new().spawn_scoped(scope, drain).is_err() {
                    break;
                }
            }
            while let Some(piece) = next() {
                run(piece, &mut own[0]);
            }
        });
        return;
    }
    for piece in work {
        run(piece, &mut buffers[0]);
    }
}

pub(super) fn invalid(what: String) -> Error {
    Error::new(ErrorKind::InvalidValue, what)
}

/// Of every `step` rows of `width` numbers keeps the last, packed together at the front.
fn keep_last(buffer: &mut [f32], rows: usize, width: usize, step: usize) {
    for kept in 0..rows / step {
        let from = (kept * step + step - 1) * width;
        buffer.copy_within(from..from + width, kept * width);
    }
}

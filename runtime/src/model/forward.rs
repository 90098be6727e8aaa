//! The forward pass: rows of tokens through all layers, behind keys and values that are there already.

use alloc::{format, string::String};
use core::ops::Range;

use super::{
    Branches, Cache, Layer, Model, Workspace,
    attention::{KeyValues, Own, ROOM, Seen},
    cache::Store,
    workspace::{Buffers, sized},
};
use crate::{
    Error, ErrorKind, Result,
    kernels::{Destination, PANEL, padded},
    tokenizer::vocabulary::Token,
};

/// So many tokens of a prefix go through the layers at a time, whatever the prefix's length: bounds the memory.
const CHUNK: usize = 132;
/// So many rows of states become logits at a time.
const LOGIT_ROWS: usize = 24;

/// What the rows that go through the layers continue.
enum Past<'a, K> {
    /// The rows are the next tokens of a prefix of so many; row `i` sees the prefix and the rows up to its own.
    Prefix(&'a mut K, usize),
    /// The rows are `each` next tokens of continuations that have `length`, one after the other; they see the prefix, `stored` tokens, and
    /// their own continuation.
    Branches { prefix: &'a K, stored: usize, branches: &'a mut K, length: usize, each: usize },
}

impl Model {
    /// Appends tokens to a prefix. [`Workspace::hidden`] then has the state after the last one, `[1, hidden]`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidValue`]: no tokens, a token outside the vocabulary, more tokens than the cache or the model has room for,
    /// a cache made for another model. Nothing was appended then.
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
            let out = &mut workspace.hidden;
            match &mut cache.store {
                Store::Floats(store) => {
                    self.layers(Past::Prefix(store, stored), chunk, buffers, out);
                }
                Store::Bytes(store) => {
                    self.layers(Past::Prefix(store, stored), chunk, buffers, out);
                }
            }
            cache.push(chunk);
        }
        Ok(())
    }

    /// Appends `k` tokens to each of the branches: `tokens` is `[count, k]`, row by row. [`Workspace::hidden`] then has the state after
    /// each branch's last token, `[count, hidden]`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidValue`]: tokens that are not equally many for each branch, one outside the vocabulary, more tokens than
    /// the branches or the model have room for, buffers made for another model. Nothing was appended then.
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
        let stored = prefix.len();
        match (&prefix.store, branches) {
            (Store::Floats(prefix), Store::Floats(branches)) => {
                let past = Past::Branches { prefix, stored, branches, length, each };
                self.layers(past, tokens, buffers, out);
            }
            (Store::Bytes(prefix), Store::Bytes(branches)) => {
                let past = Past::Branches { prefix, stored, branches, length, each };
                self.layers(past, tokens, buffers, out);
            }
            _ => unreachable!("both were made for this model"),
        }
    }

    /// The logits of the tokens in a range, after some of the states that [`Workspace::hidden`] has; `out` is `[rows, range]`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidValue`]: rows that are not there, a range outside the vocabulary, a slice whose length does not fit.
    pub fn logits(
        &self,
        workspace: &mut Workspace,
        rows: Range<usize>,
        tokens: Range<Token>,
        out: &mut [f32],
    ) -> Result<()> {
        let hidden = self.config.hidden_size;
        let (first, last) = (usize::from(tokens.start), usize::from(tokens.end));
        if first >= last || last > self.config.vocabulary_size {
            return Err(invalid(format!("tokens {first}..{last} are not of the vocabulary")));
        }
        let (count, wide) = (workspace.hidden.len() / hidden, last - first);
        if rows.start > rows.end || rows.end > count {
            return Err(invalid(format!("states {rows:?} of {count}")));
        }
        if out.len() != rows.len() * wide {
            let have = out.len();
            return Err(invalid(format!("{have} numbers for {} rows of {wide}", rows.len())));
        }
        let Workspace { buffers, hidden: states } = workspace;
        let states = &states[rows.start * hidden..rows.end * hidden];
        // Whole panels that cover the range.
        let panels = (first / PANEL, last.div_ceil(PANEL));
        let stride = (panels.1 - panels.0) * PANEL;
        let Buffers { input, operand, projected, .. } = &mut buffers[0];
        for (states, out) in
            states.chunks(LOGIT_ROWS * hidden).zip(out.chunks_mut(LOGIT_ROWS * wide))
        {
            let rows = states.len() / hidden;
            let input = sized(input, padded(rows) * hidden);
            input[..states.len()].copy_from_slice(states);
            operand.load(self.kernels, self.precision, input, hidden, rows, hidden);
            let numbers = sized(projected, padded(rows) * stride);
            let to = Destination { numbers, stride, add: false };
            let x = (&*input, hidden);
            self.head.product_of_panels(self.kernels, x, operand, rows, panels, to);
            for (row, out) in projected.chunks_exact(stride).zip(out.chunks_exact_mut(wide)) {
                let from = first - panels.0 * PANEL;
                out.copy_from_slice(&row[from..from + wide]);
            }
        }
        Ok(())
    }

    fn check(&self, tokens: &[Token], cache: &Cache, length: usize) -> Result<()> {
        if tokens.is_empty() {
            return Err(invalid(String::from("no tokens")));
        }
        let most = self.config.vocabulary_size;
        if let Some(place) = tokens.iter().position(|token| usize::from(*token) >= most) {
            return Err(invalid(format!("token {place} is {}, of {most}", tokens[place])));
        }
        if !cache.fits(&self.config, self.precision) {
            return Err(invalid(String::from("the cache was made for another model")));
        }
        if length > self.config.max_positions {
            return Err(invalid(format!(
                "{length} tokens are more than the model's {}",
                self.config.max_positions
            )));
        }
        Ok(())
    }

    /// All layers for some rows. In the last one only the states that are asked for afterwards go on beyond the keys and values:
    /// the last row of a prefix, the last row of each continuation; normalised, they are written to `out`.
    fn layers<K: KeyValues>(
        &self,
        mut past: Past<'_, K>,
        tokens: &[Token],
        buffers: &mut Buffers,
        out: &mut [f32],
    ) {
        let hidden = self.config.hidden_size;
        let width = hidden.next_multiple_of(PANEL);
        let mut rows = tokens.len();
        let stream = sized(&mut buffers.stream, padded(rows) * width);
        for (row, token) in stream.chunks_exact_mut(width).zip(tokens) {
            let start = usize::from(*token) * hidden;
            row[..hidden].copy_from_slice(&self.embedding[start..start + hidden]);
        }
        let stride = (3 * hidden).next_multiple_of(PANEL);
        for (index, layer) in self.layers.iter().enumerate() {
            self.normalise_rows(rows, &layer.attention_norm, buffers);
            let projected = sized(&mut buffers.projected, (padded(rows) + ROOM) * stride);
            let to = Destination { numbers: projected, stride, add: false };
            let x = (buffers.input.as_slice(), hidden);
            layer.attention.product(self.kernels, x, &buffers.operand, rows, to);
            self.remember(&mut past, index, &mut projected[..rows * stride], stride);
            let mut step = 1;
            if index + 1 == self.layers.len() {
                step = match &past {
                    Past::Prefix(..) => rows,
                    Past::Branches { each, .. } => *each,
                };
                keep_last(&mut buffers.stream, rows, width, step);
                keep_last(projected, rows, stride, step);
                rows /= step;
            }
            // A head's product writes whole panels: what it writes beyond its part, the next heads and the padding take.
            let mixed_stride = hidden + PANEL;
            let mixed = sized(&mut buffers.mixed, (padded(rows) + ROOM) * mixed_stride);
            let seen = past.seen(step);
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
            self.after_attention(layer, rows, buffers);
        }
        for (out, row) in out.chunks_exact_mut(hidden).zip(buffers.stream.chunks_exact(width)) {
            self.kernels.rms_norm(&row[..hidden], &self.norm, self.config.norm_epsilon, out);
        }
    }

    /// The normalised stream, as what matrices are multiplied with.
    fn normalise_rows(&self, rows: usize, gain: &[f32], buffers: &mut Buffers) {
        let hidden = self.config.hidden_size;
        let width = hidden.next_multiple_of(PANEL);
        let input = sized(&mut buffers.input, padded(rows) * hidden);
        for (out, row) in
            input.chunks_exact_mut(hidden).zip(buffers.stream.chunks_exact(width)).take(rows)
        {
            self.kernels.rms_norm(&row[..hidden], gain, self.config.norm_epsilon, out);
        }
        buffers.operand.load(self.kernels, self.precision, input, hidden, rows, hidden);
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
        for (index, row) in projected.chunks_exact_mut(stride).enumerate() {
            let (before, place) = match past {
                Past::Prefix(_, stored) => (0, *stored + index),
                Past::Branches { stored, length, each, .. } => (*stored, *length + index % *each),
            };
            let position = before + place;
            let turn = &self.turns[position * size..(position + 1) * size];
            self.kernels.rope(&mut row[..2 * hidden], turn);
            let (key, value) = row[hidden..3 * hidden].split_at(hidden);
            match past {
                Past::Prefix(store, _) => store.write(self.kernels, 0, layer, place, key, value),
                Past::Branches { branches, each, .. } => {
                    branches.write(self.kernels, index / *each, layer, place, key, value);
                }
            }
        }
    }

    /// The output projection and the feed-forward part, both added to the stream.
    fn after_attention(&self, layer: &Layer, rows: usize, buffers: &mut Buffers) {
        let (hidden, wide) = (self.config.hidden_size, self.config.feed_forward_size);
        let width = hidden.next_multiple_of(PANEL);
        let (kernels, precision) = (self.kernels, self.precision);
        let Buffers { stream, operand, mixed, .. } = &mut *buffers;
        operand.load(kernels, precision, mixed, hidden + PANEL, rows, hidden);
        let to = Destination { numbers: stream, stride: width, add: true };
        layer.output.product(kernels, (mixed, hidden + PANEL), operand, rows, to);
        self.normalise_rows(rows, &layer.feed_forward_norm, buffers);
        let Buffers { stream, input, operand, gate, up, .. } = buffers;
        let stride = wide.next_multiple_of(PANEL);
        let (gate, up) = (sized(gate, padded(rows) * stride), sized(up, padded(rows) * stride));
        let x = (input.as_slice(), hidden);
        let to = Destination { numbers: gate, stride, add: false };
        layer.gate.product(kernels, x, operand, rows, to);
        let to = Destination { numbers: up, stride, add: false };
        layer.up.product(kernels, x, operand, rows, to);
        kernels.swiglu(&mut gate[..rows * stride], &up[..rows * stride]);
        operand.load(kernels, precision, gate, stride, rows, wide);
        let to = Destination { numbers: stream, stride: width, add: true };
        layer.down.product(kernels, (gate, stride), operand, rows, to);
    }
}

impl<K> Past<'_, K> {
    /// What the rows see, of which every `step` the last was kept.
    fn seen(&self, step: usize) -> Seen<'_, K> {
        match self {
            Self::Prefix(prefix, stored) => {
                Seen { prefix: &**prefix, stored: *stored, step, own: None }
            }
            Self::Branches { prefix, stored, branches, length, each } => {
                let own = Own { branches: &**branches, length: *length, each: *each };
                Seen { prefix: *prefix, stored: *stored, step, own: Some(own) }
            }
        }
    }
}

/// Does each piece of work, on as many threads as there are buffers.
fn spread<W: Send>(
    work: impl ExactSizeIterator<Item = W> + Send,
    buffers: &mut [Buffers],
    run: &(impl Fn(W, &mut Buffers) + Sync),
) {
    #[cfg(feature = "std")]
    if buffers.len() > 1 && work.len() > 1 {
        let count = work.len();
        let work = std::sync::Mutex::new(work);
        // A thread that has panicked takes the others with it at the scope's end; until then they may go on.
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

fn invalid(what: String) -> Error {
    Error::new(ErrorKind::InvalidValue, what)
}

/// Of every `step` rows of `width` numbers keeps the last, packed together at the front.
fn keep_last(buffer: &mut [f32], rows: usize, width: usize, step: usize) {
    for kept in 0..rows / step {
        let from = (kept * step + step - 1) * width;
        buffer.copy_within(from..from + width, kept * width);
    }
}

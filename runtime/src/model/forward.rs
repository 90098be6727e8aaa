//! The forward pass: rows of tokens through all layers, behind keys and values that are there already.

use alloc::{format, string::String};
use core::ops::Range;

use super::{Branches, Cache, Layer, Model, Workspace, workspace::sized};
use crate::{Error, ErrorKind, Result, kernels::PANEL, tokenizer::vocabulary::Token};

/// So many tokens of a prefix go through the layers at a time, whatever the prefix's length: bounds the memory.
const CHUNK: usize = 128;
/// So many rows attend at a time: their scores stay in the second-level cache.
const ATTENDING: usize = 48;

/// What the rows that go through the layers continue.
enum Past<'a> {
    /// The rows are the next tokens of a prefix; row `i` sees the prefix and the rows up to its own.
    Prefix(&'a mut Cache),
    /// The rows are `each` next tokens of every branch, branch by branch; they see the prefix and their own branch.
    Branches { prefix: &'a Cache, branches: &'a mut Branches, each: usize },
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
        for chunk in tokens.chunks(CHUNK) {
            self.layers(Past::Prefix(cache), chunk, workspace);
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
        if !branches.fits(&self.config) {
            return Err(invalid(String::from("the branches were made for another model")));
        }
        if branches.length() + each > branches.capacity() {
            return Err(invalid(format!(
                "{each} tokens after {} do not fit branches of {}",
                branches.length(),
                branches.capacity()
            )));
        }
        self.layers(Past::Branches { prefix, branches, each }, tokens, workspace);
        branches.grow(each);
        Ok(())
    }

    /// The logits of the tokens in a range, after each of some states: `states` is `[rows, hidden]`, `out` is `[rows, range]`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidValue`]: a range outside the vocabulary, slices whose lengths do not fit together.
    pub fn logits(&self, states: &[f32], tokens: Range<Token>, out: &mut [f32]) -> Result<()> {
        let hidden = self.config.hidden_size;
        let (first, last) = (usize::from(tokens.start), usize::from(tokens.end));
        if first >= last || last > self.config.vocabulary_size {
            return Err(invalid(format!("tokens {first}..{last} are not of the vocabulary")));
        }
        let (rows, wide) = (states.len() / hidden, last - first);
        if !states.len().is_multiple_of(hidden) || out.len() != rows * wide {
            return Err(invalid(format!(
                "{} numbers of states and {} of logits for {wide} tokens",
                states.len(),
                out.len()
            )));
        }
        // Whole panels that cover the range, a few rows at a time so that the buffer fits the stack.
        let from = first / PANEL;
        let mut panel = [0.0_f32; 8 * PANEL];
        let stride = hidden * PANEL;
        for (states, out) in states.chunks(8 * hidden).zip(out.chunks_mut(8 * wide)) {
            let rows = states.len() / hidden;
            for index in from..last.div_ceil(PANEL) {
                let numbers = &self.head.numbers()[index * stride..(index + 1) * stride];
                self.kernels.product_of_panels(
                    states,
                    hidden,
                    rows,
                    hidden,
                    (numbers, stride),
                    PANEL,
                    &mut panel,
                    PANEL,
                );
                let begin = (index * PANEL).max(first);
                let end = ((index + 1) * PANEL).min(last);
                for (row, out) in panel.chunks(PANEL).zip(out.chunks_mut(wide)) {
                    out[begin - first..end - first]
                        .copy_from_slice(&row[begin % PANEL..begin % PANEL + end - begin]);
                }
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
        if !cache.fits(&self.config) {
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
    /// the last row of a prefix, the last row of each branch.
    fn layers(&self, mut past: Past<'_>, tokens: &[Token], workspace: &mut Workspace) {
        let hidden = self.config.hidden_size;
        let mut rows = tokens.len();
        let stream = sized(&mut workspace.stream, rows * hidden);
        for (row, token) in stream.chunks_exact_mut(hidden).zip(tokens) {
            let start = usize::from(*token) * hidden;
            row.copy_from_slice(&self.embedding[start..start + hidden]);
        }
        let stride = (3 * hidden).next_multiple_of(PANEL);
        let epsilon = self.config.norm_epsilon;
        for (index, layer) in self.layers.iter().enumerate() {
            let input = sized(&mut workspace.input, rows * hidden);
            for (out, row) in
                input.chunks_exact_mut(hidden).zip(workspace.stream.chunks_exact(hidden))
            {
                self.kernels.normalise(row, &layer.attention_norm, epsilon, out);
            }
            let projected = sized(&mut workspace.projected, rows * stride);
            self.kernels.product(input, hidden, rows, &layer.attention, projected, stride);
            self.remember(&mut past, index, projected, stride);
            let mut step = 1;
            if index + 1 == self.layers.len() {
                step = match &past {
                    Past::Prefix(_) => rows,
                    Past::Branches { each, .. } => *each,
                };
                keep_last(&mut workspace.stream, rows, hidden, step);
                keep_last(projected, rows, stride, step);
                rows /= step;
            }
            self.attend(&past, index, rows, step, workspace);
            self.after_attention(layer, rows, workspace);
        }
        let states = sized(&mut workspace.hidden, rows * hidden);
        for (out, row) in states.chunks_exact_mut(hidden).zip(workspace.stream.chunks_exact(hidden))
        {
            self.kernels.normalise(row, &self.norm, epsilon, out);
        }
        workspace.hidden.truncate(rows * hidden);
    }

    /// Turns queries and keys by their positions, and stores keys and values.
    fn remember(&self, past: &mut Past<'_>, layer: usize, projected: &mut [f32], stride: usize) {
        let hidden = self.config.hidden_size;
        for (index, row) in projected.chunks_exact_mut(stride).enumerate() {
            let position = match past {
                Past::Prefix(cache) => cache.len() + index,
                Past::Branches { prefix, branches, each } => {
                    prefix.len() + branches.length() + index % *each
                }
            };
            self.rotate(position, &mut row[..2 * hidden]);
            let (key, value) = row[hidden..3 * hidden].split_at(hidden);
            match past {
                Past::Prefix(cache) => cache.write(layer, position, key, value),
                Past::Branches { branches, each, .. } => {
                    let place = branches.length() + index % *each;
                    branches.write(layer, index / *each, place, key, value);
                }
            }
        }
    }

    fn rotate(&self, position: usize, row: &mut [f32]) {
        let half = self.config.head_size() / 2;
        let cosines = &self.cosines[position * half..(position + 1) * half];
        let sines = &self.sines[position * half..(position + 1) * half];
        for head in row.chunks_exact_mut(2 * half) {
            let (ones, others) = head.split_at_mut(half);
            for (((one, other), cosine), sine) in
                ones.iter_mut().zip(others).zip(cosines).zip(sines)
            {
                (*one, *other) = (*one * cosine - *other * sine, *other * cosine + *one * sine);
            }
        }
    }

    /// Attention of `rows` rows of queries; row `i` stands for row `step · i + step − 1` of what was projected.
    fn attend(
        &self,
        past: &Past<'_>,
        layer: usize,
        rows: usize,
        step: usize,
        workspace: &mut Workspace,
    ) {
        let hidden = self.config.hidden_size;
        let (heads, size) = (self.config.heads, self.config.head_size());
        let stride = (3 * hidden).next_multiple_of(PANEL);
        // A head's product writes whole panels: what it writes beyond its part, the next heads and the padding take.
        let mixed_stride = hidden + PANEL;
        let scale = 1.0 / libm::sqrtf(size as f32);
        let (cache, own) = match past {
            Past::Prefix(cache) => (&**cache, 0),
            Past::Branches { prefix, branches, each } => (*prefix, branches.length() + each),
        };
        // Of a prefix's rows, the last one sees all that is stored.
        let stored = match past {
            Past::Prefix(cache) => cache.len() + rows * step,
            Past::Branches { prefix, .. } => prefix.len(),
        };
        let score_stride = stored.next_multiple_of(PANEL) + own;
        let mixed = sized(&mut workspace.mixed, rows * mixed_stride);
        let scores = sized(&mut workspace.scores, ATTENDING * score_stride);
        for first in (0..rows).step_by(ATTENDING) {
            let count = ATTENDING.min(rows - first);
            for head in 0..heads {
                let queries = &workspace.projected[first * stride + head * size..];
                let keys = (cache.head_keys(layer, head), cache.key_stride());
                self.kernels.product_of_panels(
                    queries,
                    stride,
                    count,
                    size,
                    keys,
                    stored,
                    scores,
                    score_stride,
                );
                for index in 0..count {
                    let row = &mut scores[index * score_stride..(index + 1) * score_stride];
                    let place = (first + index) * step + step - 1;
                    let query = &queries[index * stride..index * stride + size];
                    let seen = self.own_scores(past, layer, head, place, query, stored, row);
                    row[..seen].iter_mut().for_each(|score| *score *= scale);
                    self.kernels.softmax(&mut row[..seen]);
                    // What a prefix's row must not see yet has no part in the product.
                    if seen < stored {
                        row[seen..stored].fill(0.0);
                    }
                }
                let values = (cache.head_values(layer, head), cache.value_stride());
                let out = &mut mixed[first * mixed_stride + head * size..];
                if stored > 0 {
                    self.kernels.product_of_panels(
                        scores,
                        score_stride,
                        count,
                        stored,
                        values,
                        size,
                        out,
                        mixed_stride,
                    );
                } else {
                    out.chunks_mut(mixed_stride).take(count).for_each(|row| row[..size].fill(0.0));
                }
                if let Past::Branches { branches, each, .. } = past {
                    for index in 0..count {
                        let place = (first + index) * step + step - 1;
                        let row = &scores[index * score_stride..];
                        let out = &mut out[index * mixed_stride..index * mixed_stride + size];
                        for other in 0..=branches.length() + place % each {
                            let value = branches.read(layer, place / each, other).1;
                            let value = &value[head * size..(head + 1) * size];
                            self.kernels.accumulate(row[stored + other], value, out);
                        }
                    }
                }
            }
        }
    }

    /// Adds the scores of a branch's own tokens after those of the prefix; returns how many scores the row has.
    #[allow(clippy::too_many_arguments)]
    fn own_scores(
        &self,
        past: &Past<'_>,
        layer: usize,
        head: usize,
        place: usize,
        query: &[f32],
        stored: usize,
        row: &mut [f32],
    ) -> usize {
        match past {
            Past::Prefix(cache) => cache.len() + place + 1,
            Past::Branches { branches, each, .. } => {
                let own = branches.length() + place % each + 1;
                let size = query.len();
                for (other, score) in row[stored..stored + own].iter_mut().enumerate() {
                    let key = branches.read(layer, place / each, other).0;
                    *score = self.kernels.dot(query, &key[head * size..(head + 1) * size]);
                }
                stored + own
            }
        }
    }

    /// The output projection and the feed-forward part, both added to the stream.
    fn after_attention(&self, layer: &Layer, rows: usize, workspace: &mut Workspace) {
        let (hidden, wide) = (self.config.hidden_size, self.config.feed_forward_size);
        let stride = hidden.next_multiple_of(PANEL);
        let output = sized(&mut workspace.output, rows * stride);
        self.kernels.product(&workspace.mixed, hidden + PANEL, rows, &layer.output, output, stride);
        add(&mut workspace.stream, output, hidden, stride);
        let input = sized(&mut workspace.input, rows * hidden);
        for (out, row) in input.chunks_exact_mut(hidden).zip(workspace.stream.chunks_exact(hidden))
        {
            self.kernels.normalise(row, &layer.feed_forward_norm, self.config.norm_epsilon, out);
        }
        let wide_stride = wide.next_multiple_of(PANEL);
        let gates = sized(&mut workspace.wide, 2 * rows * wide_stride);
        let (gate, up) = gates.split_at_mut(rows * wide_stride);
        self.kernels.product(input, hidden, rows, &layer.gate, gate, wide_stride);
        self.kernels.product(input, hidden, rows, &layer.up, up, wide_stride);
        self.kernels.gated(gate, up);
        self.kernels.product(gate, wide_stride, rows, &layer.down, output, stride);
        add(&mut workspace.stream, output, hidden, stride);
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

/// Adds rows that are `stride` apart to the stream's rows, which lie together.
fn add(stream: &mut [f32], rows: &[f32], hidden: usize, stride: usize) {
    for (row, other) in stream.chunks_exact_mut(hidden).zip(rows.chunks_exact(stride)) {
        row.iter_mut().zip(other).for_each(|(value, other)| *value += other);
    }
}

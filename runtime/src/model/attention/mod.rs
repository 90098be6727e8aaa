//! Attention of rows of queries over a prefix that all rows share, and over further keys that
//! depend on the row.
//!
//! Keys and values are stored as floats ([`FloatKv`]) or as bytes ([`Int8Kv`]). The algorithm is
//! the same for both; the trait [`KeyValues`] has the differences.

mod bytes;
mod floats;

pub use bytes::Int8Kv;
pub use floats::FloatKv;

use alloc::vec::Vec;

use super::{Config, buffer::grow};
use crate::kernels::{Destination, Kernels, PANEL, padded};

/// Number of rows that attend together: as many as a kernel multiplies at once, with scores that
/// fit the first-level cache.
const ROW_BLOCK: usize = 12;
/// Number of rows after the last one that kernels may overwrite.
pub const ROW_PADDING: usize = 2 * ROW_BLOCK;

/// Index of a block of keys and values.
#[derive(Clone, Copy)]
pub struct KvSlot {
    /// The branch; 0 for a prefix.
    pub branch: usize,
    /// The layer.
    pub layer: usize,
    /// The head.
    pub head: usize,
}

/// Keys and values of every layer and head, for one or more branches.
pub trait KeyValues {
    /// Writes the key and the value of a token, `[hidden]` each.
    fn write(
        &mut self,
        kernels: Kernels,
        branch: usize,
        layer: usize,
        position: usize,
        key: &[f32],
        value: &[f32],
    );

    /// Prepares the queries of projected rows for [`score`](Self::score): divides them by the root
    /// of the head size, and converts them if keys are bytes.
    fn prepare_queries(
        kernels: Kernels,
        config: &Config,
        projected: &mut ProjectedRows<'_>,
        buffers: &mut AttentionBuffers,
    );

    /// Factor that turns the product of a query in the projected rows, after
    /// [`prepare_queries`](Self::prepare_queries), with an unquantized key into a score.
    fn query_factor(config: &Config) -> f32;

    /// The exponential of a score: to base e for floats, to base two for bytes.
    fn exp(score: f32) -> f32;

    /// Scores of `rows` rows of queries with the first `positions` keys.
    fn score(
        &self,
        kernels: Kernels,
        slot: KvSlot,
        queries: Queries<'_>,
        rows: usize,
        positions: usize,
        out: Destination<'_>,
    );

    /// Upper bound of the scales of the first `positions` values, for
    /// [`softmax_weights`](Self::softmax_weights). It depends on these positions alone, so that the
    /// state of a token does not depend on the tokens that are computed with it.
    fn value_bound(&self, slot: KvSlot, positions: usize) -> f32;

    /// Replaces the first `seen` scores of a row by unnormalized softmax weights and the others by
    /// 0. `highest` is the maximum of the scores. Returns the sum of the weights.
    fn softmax_weights(
        &self,
        kernels: Kernels,
        slot: KvSlot,
        row: ScoreRow<'_>,
        seen: usize,
        highest: f32,
        bound: f32,
    ) -> f32;

    /// Factor of a row's sum of values, given the sum of its weights.
    fn output_factor(sum: f32, bound: f32) -> f32;

    /// Multiplies weights by the factor, if [`mix`](Self::mix) does not.
    fn normalize_weights(kernels: Kernels, weights: &mut [f32], factor: f32);

    /// Sums of values by weights, for `rows` rows.
    fn mix(
        &self,
        kernels: Kernels,
        slot: KvSlot,
        weights: AttentionWeights<'_>,
        rows: usize,
        positions: usize,
        out: Destination<'_>,
    );
}

/// Rows of queries, keys and values side by side, `[rows, stride]` with `[hidden]` of each.
pub struct ProjectedRows<'a> {
    /// The numbers, with room for [`padded`] rows and [`ROW_PADDING`] more.
    pub numbers: &'a mut [f32],
    /// Distance between two rows.
    pub stride: usize,
    /// Number of rows.
    pub rows: usize,
}

/// A row of scores, and the buffer of its weights.
pub struct ScoreRow<'a> {
    /// The scores.
    pub scores: &'a mut [f32],
    /// The weights: as many as scores, or one more.
    pub weights: &'a mut [i16],
}

/// Rows of weights in both representations; the slices start at the first row and position used.
#[derive(Clone, Copy)]
pub struct AttentionWeights<'a> {
    /// Weights as floats.
    pub floats: &'a [f32],
    /// Weights as integers.
    pub shorts: &'a [i16],
    /// Distance between two rows.
    pub stride: usize,
    /// Factor of each row's result.
    pub factors: &'a [f32],
}

/// Rows of queries of one head in both representations; the slices start at the first row used.
#[derive(Clone, Copy)]
pub struct Queries<'a> {
    /// Queries as floats.
    pub floats: &'a [f32],
    /// Distance between two rows of floats.
    pub stride: usize,
    /// Queries as bytes.
    pub bytes: &'a [u8],
    /// Scales of the rows of bytes.
    pub scales: &'a [f32],
}

/// Buffers that calls of [`KvContext::attend`] reuse.
#[derive(Clone, Debug, Default)]
pub struct AttentionBuffers {
    /// Queries as bytes, `[heads, rows, head size]`, and their scales, `[heads, rows]`.
    queries: Vec<u8>,
    query_scales: Vec<f32>,
    scores: Vec<f32>,
    weights: Vec<i16>,
    factors: Vec<f32>,
    /// Scores of rows with their own keys, then weights of their own values, `[rows, heads]`.
    own: Vec<f32>,
}

/// The keys and values that rows of queries attend to.
pub struct KvContext<'a, K> {
    /// Keys and values of the prefix.
    pub prefix: &'a K,
    /// Number of positions of the prefix that all rows see.
    pub prefix_length: usize,
    /// Row `i` of the queries is row `step · i + step − 1` of the projected rows.
    pub step: usize,
    /// The further keys of each row.
    pub further: FurtherKeys<'a, K>,
}

/// The keys that a row of queries sees in addition to those of all rows.
pub enum FurtherKeys<'a, K> {
    /// None.
    None,
    /// Further positions of the prefix up to the row's own: `step` more than the previous row.
    Causal,
    /// The row's own key, which is not stored.
    Own,
    /// The keys of the branch that the row belongs to, up to the row's own.
    Branch(BranchKv<'a, K>),
}

/// Keys and values of branches: projected row `i` is token `length + i % each` of branch
/// `i / each`.
pub struct BranchKv<'a, K> {
    /// Keys and values.
    pub branches: &'a K,
    /// Number of earlier tokens in each branch.
    pub length: usize,
    /// Number of new tokens in each branch.
    pub each: usize,
}

impl<K: KeyValues> KvContext<'_, K> {
    /// Multi-head attention in one layer (Vaswani et al. 2017, equation 1): for each row the values
    /// weighted by the softmax of its scores, `[rows, hidden]`, to `mixed`. Its rows are
    /// `mixed_stride` apart, and it has room for [`padded`] rows and [`ROW_PADDING`] more.
    pub fn attend(
        &self,
        kernels: Kernels,
        config: &Config,
        layer: usize,
        mut projected: ProjectedRows<'_>,
        buffers: &mut AttentionBuffers,
        (mixed, mixed_stride): (&mut [f32], usize),
    ) {
        K::prepare_queries(kernels, config, &mut projected, buffers);
        let AttentionBuffers { queries, query_scales, scores, weights, factors, own } = buffers;
        let ProjectedRows { numbers: projected, stride, rows } = projected;
        // The columns of scores with a branch follow those with the prefix, at a panel boundary.
        let branch_start = self.visible(rows).next_multiple_of(PANEL);
        let score_stride = branch_start + self.branch_positions().next_multiple_of(PANEL);
        let pass = AttentionPass {
            context: self,
            kernels,
            config,
            projected,
            stride,
            queries,
            query_scales,
            query_rows: padded(rows) + ROW_PADDING,
            branch_start,
            score_stride,
            mixed_stride,
        };
        let own = grow(own, rows * config.heads);
        pass.score_own_keys(own);
        let scores = grow(scores, ROW_PADDING * score_stride);
        if weights.len() < ROW_PADDING * score_stride {
            weights.resize(ROW_PADDING * score_stride, 0);
        }
        let factors = grow(factors, ROW_PADDING);
        for head in 0..config.heads {
            let slot = KvSlot { branch: 0, layer, head };
            for first in (0..rows).step_by(ROW_BLOCK) {
                let count = ROW_BLOCK.min(rows - first);
                let block = RowBlock { slot, first, count, visible: self.visible(first + count) };
                pass.score(block, scores);
                pass.softmax(block, scores, weights, factors, own);
                let weights = AttentionWeights {
                    floats: scores,
                    shorts: weights,
                    stride: score_stride,
                    factors,
                };
                pass.mix(block, weights, mixed);
            }
        }
        pass.add_own_values(own, mixed);
    }

    /// Number of positions of the prefix that some row before row `end` sees.
    fn visible(&self, end: usize) -> usize {
        match self.further {
            FurtherKeys::Causal => self.prefix_length + end * self.step,
            _ => self.prefix_length,
        }
    }

    /// Maximum number of stored branch positions that a row sees.
    fn branch_positions(&self) -> usize {
        match &self.further {
            FurtherKeys::None | FurtherKeys::Causal | FurtherKeys::Own => 0,
            FurtherKeys::Branch(own) => own.length + own.each,
        }
    }

    /// Splits a block of rows into runs of rows of one branch; none without branches.
    fn runs(&self, block: RowBlock) -> impl Iterator<Item = (&BranchKv<'_, K>, BranchRun)> {
        let own = match &self.further {
            FurtherKeys::Branch(own) => Some(own),
            _ => None,
        };
        let (step, end) = (self.step, block.first + block.count);
        let mut row = block.first;
        core::iter::from_fn(move || {
            let own = own?;
            let (length, each) = (own.length, own.each);
            if row >= end {
                return None;
            }
            let projected = |row: usize| row * step + step - 1;
            let branch = projected(row) / each;
            let first = row;
            while row < end && projected(row) / each == branch {
                row += 1;
            }
            let positions = length + projected(row - 1) % each + 1;
            let slot = KvSlot { branch, ..block.slot };
            Some((own, BranchRun { slot, first, rows: row - first, positions }))
        })
    }
}

/// The parts of a call of [`KvContext::attend`] that all blocks of rows share.
struct AttentionPass<'a, K> {
    context: &'a KvContext<'a, K>,
    kernels: Kernels,
    config: &'a Config,
    projected: &'a [f32],
    stride: usize,
    queries: &'a [u8],
    query_scales: &'a [f32],
    /// Number of rows of a head in `queries`.
    query_rows: usize,
    /// Column of the scores where those with a branch start.
    branch_start: usize,
    score_stride: usize,
    mixed_stride: usize,
}

/// Rows of one head that attend together.
#[derive(Clone, Copy)]
struct RowBlock {
    slot: KvSlot,
    first: usize,
    count: usize,
    /// Number of positions of the prefix that some row of the block sees.
    visible: usize,
}

/// Rows of a block that belong to one branch.
struct BranchRun {
    slot: KvSlot,
    first: usize,
    rows: usize,
    positions: usize,
}

impl<K: KeyValues> AttentionPass<'_, K> {
    /// Scores of the rows with their own keys, if they see these.
    fn score_own_keys(&self, own: &mut [f32]) {
        if !matches!(self.context.further, FurtherKeys::Own) {
            return;
        }
        let hidden = self.config.hidden_size;
        let factor = K::query_factor(self.config);
        let rows = self.projected.chunks_exact(self.stride);
        for (row, own) in rows.zip(own.chunks_exact_mut(self.config.heads)) {
            let (query, rest) = row.split_at(hidden);
            self.kernels.dots_of_parts(query, &rest[..hidden], factor, own);
        }
    }

    /// Scores of a block with the prefix and with the branches, `[rows, score_stride]`.
    fn score(&self, block: RowBlock, scores: &mut [f32]) {
        let (kernels, stride) = (self.kernels, self.score_stride);
        let RowBlock { slot, first, count, visible } = block;
        if visible > 0 {
            let queries = self.queries(slot.head, first);
            let out = Destination { numbers: &mut *scores, stride, add: false };
            self.context.prefix.score(kernels, slot, queries, count, visible, out);
        }
        for (own, run) in self.context.runs(block) {
            let start = (run.first - first) * stride + self.branch_start;
            let out = Destination { numbers: &mut scores[start..], stride, add: false };
            let queries = self.queries(slot.head, run.first);
            own.branches.score(kernels, run.slot, queries, run.rows, run.positions, out);
        }
    }

    /// The queries of a head from a row on.
    fn queries(&self, head: usize, row: usize) -> Queries<'_> {
        let size = self.config.head_size();
        let quantized = head * self.query_rows + row;
        Queries {
            floats: &self.projected[row * self.stride + head * size..],
            stride: self.stride,
            bytes: self.queries.get(quantized * size.next_multiple_of(4)..).unwrap_or(&[]),
            scales: self.query_scales.get(quantized..).unwrap_or(&[]),
        }
    }

    /// Turns the scores of a block into weights, with a factor for each row.
    fn softmax(
        &self,
        block: RowBlock,
        scores: &mut [f32],
        weights: &mut [i16],
        factors: &mut [f32],
        own: &mut [f32],
    ) {
        for (index, factor) in factors.iter_mut().enumerate().take(block.count) {
            let row = block.first + index;
            // Empty without stored keys.
            let columns = index * self.score_stride..(index + 1) * self.score_stride;
            let scores =
                ScoreRow { scores: &mut scores[columns.clone()], weights: &mut weights[columns] };
            let own = &mut own[row * self.config.heads + block.slot.head];
            *factor = self.softmax_row(block, row, scores, own);
        }
    }

    /// Turns the scores of one row into weights, over the prefix and its further keys, and returns
    /// its factor. `own` is the score with the row's own key, and becomes the weight of its value.
    fn softmax_row(
        &self,
        block: RowBlock,
        row: usize,
        ScoreRow { scores, weights }: ScoreRow<'_>,
        own: &mut f32,
    ) -> f32 {
        let (context, kernels) = (self.context, self.kernels);
        let (scores, branch_scores) = scores.split_at_mut(self.branch_start);
        let (weights, branch_weights) = weights.split_at_mut(self.branch_start);
        let scores = &mut scores[..block.visible];
        let seen = match context.further {
            FurtherKeys::Causal => context.visible(row + 1),
            _ => block.visible,
        };
        let mut highest = kernels.max(&scores[..seen]);
        let mut bound = context.prefix.value_bound(block.slot, seen);
        let mut sum = 0.0;
        match &context.further {
            FurtherKeys::None | FurtherKeys::Causal => {}
            FurtherKeys::Own => {
                highest = highest.max(*own);
                sum = K::exp(*own - highest);
                *own = sum;
            }
            FurtherKeys::Branch(own) => {
                let token = row * context.step + context.step - 1;
                let slot = KvSlot { branch: token / own.each, ..block.slot };
                let (seen, all) = (own.length + token % own.each + 1, own.length + own.each);
                bound = own.branches.value_bound(slot, seen).max(bound);
                highest = kernels.max(&branch_scores[..seen]).max(highest);
                let row = ScoreRow {
                    scores: &mut branch_scores[..all],
                    weights: &mut branch_weights[..all.next_multiple_of(2)],
                };
                sum = own.branches.softmax_weights(kernels, slot, row, seen, highest, bound);
            }
        }
        let even = block.visible.next_multiple_of(2);
        let row = ScoreRow { scores: &mut *scores, weights: &mut weights[..even] };
        sum += context.prefix.softmax_weights(kernels, block.slot, row, seen, highest, bound);
        let factor = K::output_factor(sum, bound);
        K::normalize_weights(kernels, scores, factor);
        match &context.further {
            FurtherKeys::None | FurtherKeys::Causal => {}
            FurtherKeys::Own => *own /= sum,
            FurtherKeys::Branch(own) => {
                let all = own.length + own.each;
                K::normalize_weights(kernels, &mut branch_scores[..all], factor);
            }
        }
        factor
    }

    /// The weighted sums of a block's values, to its head's part of the rows of `mixed`.
    fn mix(&self, block: RowBlock, weights: AttentionWeights<'_>, mixed: &mut [f32]) {
        let (kernels, stride) = (self.kernels, self.mixed_stride);
        let RowBlock { slot, first, count, visible } = block;
        let start = |row: usize| row * stride + slot.head * self.config.head_size();
        for (own, run) in self.context.runs(block) {
            let from = (run.first - first) * self.score_stride + self.branch_start;
            let weights = AttentionWeights {
                floats: &weights.floats[from..],
                shorts: &weights.shorts[from..],
                factors: &weights.factors[run.first - first..],
                ..weights
            };
            let numbers = &mut mixed[start(run.first)..];
            let out = Destination { numbers, stride, add: false };
            own.branches.mix(kernels, run.slot, weights, run.rows, run.positions, out);
        }
        if visible > 0 {
            let add = matches!(self.context.further, FurtherKeys::Branch(_));
            let out = Destination { numbers: &mut mixed[start(first)..], stride, add };
            self.context.prefix.mix(kernels, slot, weights, count, visible, out);
        }
    }

    /// Adds the rows' own values by their weights, if the rows see these.
    fn add_own_values(&self, own: &[f32], mixed: &mut [f32]) {
        if !matches!(self.context.further, FurtherKeys::Own) {
            return;
        }
        let hidden = self.config.hidden_size;
        let rows = self.projected.chunks_exact(self.stride);
        let rows = rows.zip(own.chunks_exact(self.config.heads));
        for ((row, own), out) in rows.zip(mixed.chunks_exact_mut(self.mixed_stride)) {
            let out = &mut out[..hidden];
            if self.context.prefix_length == 0 {
                out.fill(0.0);
            }
            self.kernels.add_parts(out, &row[2 * hidden..3 * hidden], own);
        }
    }
}

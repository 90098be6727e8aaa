//! Attention: rows of queries over a prefix that all rows share, and over what each row sees
//! besides.
//!
//! Keys and values are kept as floats ([`Floats`]) or as bytes ([`Bytes`]); the algorithm is the
//! same for both, and [`KeyValues`] says what differs.

mod bytes;
mod floats;

pub use bytes::Bytes;
pub use floats::Floats;

use alloc::vec::Vec;

use super::{Config, workspace::sized};
use crate::kernels::{Destination, Kernels, PANEL, padded};

/// So many rows attend at a time: as many as the kernels take together, and their scores stay in
/// the first-level cache.
const TOGETHER: usize = 12;
/// Rows that kernels may write beyond those.
pub const ROOM: usize = 2 * TOGETHER;

/// Whose keys and values: of which continuation, layer and head.
#[derive(Clone, Copy)]
pub struct Place {
    /// The continuation; 0 where there is one only.
    pub slot: usize,
    /// The layer.
    pub layer: usize,
    /// The head.
    pub head: usize,
}

/// Keys and values of every layer and head, for a number of slots.
pub trait KeyValues {
    /// Writes a token's key and value, `[hidden]` each.
    fn write(
        &mut self,
        kernels: Kernels,
        slot: usize,
        layer: usize,
        position: usize,
        key: &[f32],
        value: &[f32],
    );

    /// Makes queries of `rows` projected rows, `stride` apart: scaled by the root of the head size,
    /// and in the form that [`score`](Self::score) takes.
    fn prepare(
        kernels: Kernels,
        config: &Config,
        projected: &mut [f32],
        stride: usize,
        rows: usize,
        buffers: &mut Buffers,
    );

    /// What makes a score of the product of a query with a key that is not stored, as projected
    /// rows have them after [`prepare`](Self::prepare).
    fn query_factor(config: &Config) -> f32;

    /// What a score weighs, before it is divided by the sum.
    fn power(score: f32) -> f32;

    /// The scores of some rows of queries with the first `positions` keys.
    fn score(
        &self,
        kernels: Kernels,
        place: Place,
        queries: Queries<'_>,
        rows: usize,
        positions: usize,
        out: Destination<'_>,
    );

    /// What bounds the scales of the first `positions` values from above, for
    /// [`weigh`](Self::weigh). It depends on those alone, so that a token's state does not depend
    /// on which others went through the layers with it.
    fn bound(&self, place: Place, positions: usize) -> f32;

    /// Turns the first `seen` scores of a row into weights that are not yet divided by their sum,
    /// which is returned, and the others into none.
    #[allow(clippy::too_many_arguments)]
    fn weigh(
        &self,
        kernels: Kernels,
        place: Place,
        row: Row<'_>,
        seen: usize,
        highest: f32,
        bound: f32,
    ) -> f32;

    /// What the mixed values of a row are multiplied with in the end.
    fn factor(sum: f32, bound: f32) -> f32;

    /// Brings the factor to weights whose products do not take it themselves.
    fn settle(kernels: Kernels, weights: &mut [f32], factor: f32);

    /// The values mixed by their weights, for some rows.
    fn mix(
        &self,
        kernels: Kernels,
        place: Place,
        weights: Weights<'_>,
        rows: usize,
        positions: usize,
        out: Destination<'_>,
    );
}

/// A row of scores, and room for its weights.
pub struct Row<'a> {
    /// The scores.
    pub scores: &'a mut [f32],
    /// The weights, as many and at most one more.
    pub weights: &'a mut [i16],
}

/// Rows of weights, in the one form or the other, from the first row and position of interest on.
#[derive(Clone, Copy)]
pub struct Weights<'a> {
    /// As floats.
    pub floats: &'a [f32],
    /// As whole numbers.
    pub shorts: &'a [i16],
    /// From one row to the next.
    pub stride: usize,
    /// What the sums of each row are multiplied with.
    pub factors: &'a [f32],
}

/// Rows of queries of one head, in the one form or the other, from the first row of interest on.
#[derive(Clone, Copy)]
pub struct Queries<'a> {
    /// As floats.
    pub floats: &'a [f32],
    /// From one row of floats to the next.
    pub stride: usize,
    /// As bytes.
    pub bytes: &'a [u8],
    /// The scales of rows of bytes.
    pub scales: &'a [f32],
}

/// The buffers of attention.
#[derive(Clone, Debug, Default)]
pub struct Buffers {
    /// Queries as bytes, `[heads, rows, head size]`, and a scale for each.
    queries: Vec<u8>,
    query_scales: Vec<f32>,
    scores: Vec<f32>,
    weights: Vec<i16>,
    factors: Vec<f32>,
    /// Each row's score with its own key, then the weight of its own value, `[rows, heads]`.
    own: Vec<f32>,
}

/// What rows of queries see.
pub struct Seen<'a, K> {
    /// The prefix.
    pub prefix: &'a K,
    /// How many positions of it all rows see.
    pub stored: usize,
    /// Row `i` stands for row `step · i + step − 1` of what was projected.
    pub step: usize,
    /// What else each row sees.
    pub besides: Besides<'a, K>,
}

/// What a row of queries sees besides the positions that all rows see.
pub enum Besides<'a, K> {
    /// Nothing.
    Nothing,
    /// Further positions of the prefix, up to its own: `step` more than the row before.
    Earlier,
    /// Its own key and value, which are not stored.
    Itself,
    /// The continuation that it is part of, up to itself.
    Branch(Own<'a, K>),
}

/// Continuations: row `i` of what was projected is token `length + i % each` of continuation `i /
/// each`.
pub struct Own<'a, K> {
    /// Their keys and values.
    pub branches: &'a K,
    /// How many tokens each had before.
    pub length: usize,
    /// How many tokens each has got.
    pub each: usize,
}

impl<K: KeyValues> Seen<'_, K> {
    /// Attention of `rows` rows in one layer; `mixed` has rows `mixed_stride` apart, and room for
    /// [`padded`] rows and [`ROOM`] more.
    #[allow(clippy::too_many_arguments)]
    pub fn attend(
        &self,
        kernels: Kernels,
        config: &Config,
        layer: usize,
        projected: &mut [f32],
        stride: usize,
        rows: usize,
        buffers: &mut Buffers,
        mixed: &mut [f32],
        mixed_stride: usize,
    ) {
        let size = config.head_size();
        K::prepare(kernels, config, projected, stride, rows, buffers);
        let Buffers { queries, query_scales, scores, weights, factors, own } = buffers;
        let own = sized(own, rows * config.heads);
        if let Besides::Itself = self.besides {
            let factor = K::query_factor(config);
            for (row, own) in projected.chunks_exact(stride).zip(own.chunks_exact_mut(config.heads))
            {
                let (query, rest) = row.split_at(config.hidden_size);
                kernels.dots_of_parts(query, &rest[..config.hidden_size], factor, own);
            }
        }
        // The row's own continuation comes behind the prefix, at the beginning of a panel.
        let behind = self.visible(rows).next_multiple_of(PANEL);
        let score_stride = behind + self.own_positions().next_multiple_of(PANEL);
        let scores = sized(scores, ROOM * score_stride);
        if weights.len() < ROOM * score_stride {
            weights.resize(ROOM * score_stride, 0);
        }
        let factors = sized(factors, ROOM);
        let query_rows = padded(rows) + ROOM;
        let query_size = size.next_multiple_of(4);
        for head in 0..config.heads {
            let place = Place { slot: 0, layer, head };
            for first in (0..rows).step_by(TOGETHER) {
                let count = TOGETHER.min(rows - first);
                let visible = self.visible(first + count);
                let queries_from = |row: usize| {
                    let quantised = head * query_rows + row;
                    Queries {
                        floats: &projected[row * stride + head * size..],
                        stride,
                        bytes: queries.get(quantised * query_size..).unwrap_or(&[]),
                        scales: query_scales.get(quantised..).unwrap_or(&[]),
                    }
                };
                if visible > 0 {
                    let out = Destination { numbers: scores, stride: score_stride, add: false };
                    self.prefix.score(kernels, place, queries_from(first), count, visible, out);
                }
                for (own, run) in self.runs(first, count) {
                    let place = Place { slot: run.slot, ..place };
                    let start = (run.first - first) * score_stride + behind;
                    let out = Destination {
                        numbers: &mut scores[start..],
                        stride: score_stride,
                        add: false,
                    };
                    let queries = queries_from(run.first);
                    own.branches.score(kernels, place, queries, run.rows, run.positions, out);
                }
                for row in first..first + count {
                    let start = (row - first) * score_stride;
                    let scores = &mut scores[start..start + score_stride];
                    let weights = &mut weights[start..start + score_stride];
                    let own = &mut own[row * config.heads + head];
                    factors[row - first] =
                        self.weigh_row(kernels, place, row, visible, behind, scores, weights, own);
                }
                let out_start = first * mixed_stride + head * size;
                for (own, run) in self.runs(first, count) {
                    let start = (run.first - first) * score_stride + behind;
                    let weights = Weights {
                        floats: &scores[start..],
                        shorts: &weights[start..],
                        stride: score_stride,
                        factors: &factors[run.first - first..],
                    };
                    let out = Destination {
                        numbers: &mut mixed[run.first * mixed_stride + head * size..],
                        stride: mixed_stride,
                        add: false,
                    };
                    let place = Place { slot: run.slot, ..place };
                    own.branches.mix(kernels, place, weights, run.rows, run.positions, out);
                }
                if visible > 0 {
                    let weights =
                        Weights { floats: scores, shorts: weights, stride: score_stride, factors };
                    let out = Destination {
                        numbers: &mut mixed[out_start..],
                        stride: mixed_stride,
                        add: matches!(self.besides, Besides::Branch(_)),
                    };
                    self.prefix.mix(kernels, place, weights, count, visible, out);
                }
            }
        }
        if let Besides::Itself = self.besides {
            let rows = projected.chunks_exact(stride).zip(own.chunks_exact(config.heads));
            for ((row, own), out) in rows.zip(mixed.chunks_exact_mut(mixed_stride)) {
                let value = &row[2 * config.hidden_size..3 * config.hidden_size];
                let out = &mut out[..config.hidden_size];
                if self.stored == 0 {
                    out.fill(0.0);
                }
                kernels.add_parts(out, value, own);
            }
        }
    }

    /// How many positions of the prefix some row before row `end` sees.
    fn visible(&self, end: usize) -> usize {
        match self.besides {
            Besides::Earlier => self.stored + end * self.step,
            _ => self.stored,
        }
    }

    /// How many stored positions of its own a row sees at most.
    fn own_positions(&self) -> usize {
        match &self.besides {
            Besides::Nothing | Besides::Earlier | Besides::Itself => 0,
            Besides::Branch(own) => own.length + own.each,
        }
    }

    /// Which rows of a block belong to one continuation each.
    fn runs(&self, first: usize, count: usize) -> impl Iterator<Item = (&Own<'_, K>, Run)> {
        let own = match &self.besides {
            Besides::Branch(own) => Some(own),
            _ => None,
        };
        let step = self.step;
        let mut row = first;
        core::iter::from_fn(move || {
            let own = own?;
            let (length, each) = (own.length, own.each);
            if row >= first + count {
                return None;
            }
            let place = |row: usize| row * step + step - 1;
            let slot = place(row) / each;
            let begin = row;
            while row < first + count && place(row) / each == slot {
                row += 1;
            }
            let positions = length + place(row - 1) % each + 1;
            Some((own, Run { slot, first: begin, rows: row - begin, positions }))
        })
    }

    /// The weights of a row, over the prefix and over what it has of its own; returns the row's
    /// factor. `itself` is its score with its own key, and becomes the weight of its own value.
    #[allow(clippy::too_many_arguments)]
    fn weigh_row(
        &self,
        kernels: Kernels,
        place: Place,
        row: usize,
        visible: usize,
        behind: usize,
        scores: &mut [f32],
        weights: &mut [i16],
        itself: &mut f32,
    ) -> f32 {
        let (scores, own_scores) = scores.split_at_mut(behind);
        let (weights, own_weights) = weights.split_at_mut(behind);
        let scores = &mut scores[..visible];
        let seen = match self.besides {
            Besides::Earlier => self.visible(row + 1),
            _ => visible,
        };
        let mut highest = kernels.max(&scores[..seen]);
        let mut bound = self.prefix.bound(place, seen);
        let mut sum = 0.0;
        match &self.besides {
            Besides::Nothing | Besides::Earlier => {}
            Besides::Itself => {
                highest = highest.max(*itself);
                sum = K::power(*itself - highest);
                *itself = sum;
            }
            Besides::Branch(own) => {
                let token = row * self.step + self.step - 1;
                let place = Place { slot: token / own.each, ..place };
                let (seen, all) = (own.length + token % own.each + 1, own.length + own.each);
                bound = own.branches.bound(place, seen).max(bound);
                highest = kernels.max(&own_scores[..seen]).max(highest);
                let row = Row {
                    scores: &mut own_scores[..all],
                    weights: &mut own_weights[..all.next_multiple_of(2)],
                };
                sum = own.branches.weigh(kernels, place, row, seen, highest, bound);
            }
        }
        let even = visible.next_multiple_of(2);
        let row = Row { scores: &mut *scores, weights: &mut weights[..even] };
        sum += self.prefix.weigh(kernels, place, row, seen, highest, bound);
        let factor = K::factor(sum, bound);
        K::settle(kernels, scores, factor);
        match &self.besides {
            Besides::Nothing | Besides::Earlier => {}
            Besides::Itself => *itself /= sum,
            Besides::Branch(own) => {
                K::settle(kernels, &mut own_scores[..own.length + own.each], factor);
            }
        }
        factor
    }
}

/// Rows of a block that belong to one continuation.
struct Run {
    slot: usize,
    first: usize,
    rows: usize,
    positions: usize,
}

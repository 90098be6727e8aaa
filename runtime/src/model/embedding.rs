//! Embedding of rows of trials.

use alloc::vec::Vec;
use core::ops::Range;

#[cfg(feature = "gpu")]
use super::Weights;
use super::{
    Config,
    buffer::grow,
    weights::{SLOTS, Tensors, VALUES},
};
use crate::{
    kernels::{Destination, Kernels, PANEL, Packed, padded},
    tokenizer::{rows::Rows, vocabulary::Token},
};

/// Number of values of a slot that are multiplied at a time, which bounds the memory.
const VALUE_BLOCK: usize = 132;

/// Embedding tables of slots and values.
#[derive(Clone, Debug)]
pub(crate) struct RowEmbedding {
    hidden: usize,
    features: usize,
    /// `[hidden, features]` for each slot.
    slots: Vec<Packed>,
    /// `[vocabulary, features]`.
    values: Vec<f32>,
}

/// Buffers of [`RowEmbedding::sum`].
#[derive(Clone, Debug, Default)]
pub(crate) struct EmbeddingBuffers {
    /// Entries sorted by slot: row and value.
    entries: Vec<(u32, Token)>,
    /// Features of a block of values, `[rows, features]`.
    features: Vec<f32>,
    /// Products of a slot with the features, `[rows, hidden]` with rows padded to whole panels.
    mapped: Vec<f32>,
}

impl RowEmbedding {
    /// Packs the tables of weights that fit a config with tables.
    #[cfg(feature = "gpu")]
    pub(crate) fn of_weights(config: &Config, weights: &Weights) -> Self {
        Self::new(config, &weights.tensors(config))
    }

    /// Packs the tables of a config with tables.
    pub(super) fn new(config: &Config, tensors: &Tensors<'_>) -> Self {
        let (hidden, features) = (config.hidden_size, config.value_features);
        let slots = tensors.get(SLOTS);
        Self {
            hidden,
            features,
            slots: (0..config.all_slots())
                .map(|slot| {
                    Packed::new(hidden, features, |index, out| {
                        slots.row(slot * hidden + index, out);
                    })
                })
                .collect(),
            values: tensors.get(VALUES).all(config.vocabulary_size, features),
        }
    }

    /// Embeds the rows of a range, which are valid for the model: row `i` goes to
    /// `out[i · stride..][..hidden]`. The token embedding is `[vocabulary, hidden]`. Values are
    /// added by slot, then tokens, so that a sum does not depend on the other rows.
    #[allow(clippy::too_many_arguments)]
    pub(crate) fn sum(
        &self,
        kernels: Kernels,
        embedding: &[f32],
        rows: &Rows,
        range: Range<usize>,
        buffers: &mut EmbeddingBuffers,
        (out, stride): (&mut [f32], usize),
    ) {
        let hidden = self.hidden;
        for row in out.chunks_exact_mut(stride).take(range.len()) {
            row[..hidden].fill(0.0);
        }
        let ends = self.sort(rows, range.clone(), &mut buffers.entries);
        let width = hidden.next_multiple_of(PANEL);
        let mut start = 0;
        for (slot, end) in self.slots.iter().zip(ends) {
            for entries in buffers.entries[start..end].chunks(VALUE_BLOCK) {
                let room = padded(entries.len());
                let features = grow(&mut buffers.features, room * self.features);
                for (out, (_, value)) in features.chunks_exact_mut(self.features).zip(entries) {
                    let from = usize::from(*value) * self.features;
                    out.copy_from_slice(&self.values[from..from + self.features]);
                }
                let mapped = grow(&mut buffers.mapped, room * width);
                let to = Destination { numbers: mapped, stride: width, add: false };
                kernels.product(features, self.features, entries.len(), slot.panels(), to);
                for (mapped, (row, _)) in mapped.chunks_exact(width).zip(entries) {
                    let out = &mut out[*row as usize * stride..][..hidden];
                    kernels.add(out, &mapped[..hidden]);
                }
            }
            start = end;
        }
        for (index, out) in range.zip(out.chunks_exact_mut(stride)) {
            for token in rows.row(index).tokens {
                let from = usize::from(*token) * hidden;
                kernels.add(&mut out[..hidden], &embedding[from..from + hidden]);
            }
        }
    }

    /// Sorts the entries of a range of rows by slot, and returns the end of each slot's entries.
    fn sort(
        &self,
        rows: &Rows,
        range: Range<usize>,
        sorted: &mut Vec<(u32, Token)>,
    ) -> impl Iterator<Item = usize> + use<> {
        let all = || range.clone().flat_map(|index| rows.row(index).entries);
        // Counts by slot, then the index of the next entry of each slot.
        let mut places = [0; u8::MAX as usize + 1];
        all().for_each(|entry| places[usize::from(entry.slot)] += 1);
        let mut total = 0;
        for place in &mut places {
            total += core::mem::replace(place, total);
        }
        sorted.resize(total, (0, 0));
        for (row, index) in range.enumerate() {
            for entry in rows.row(index).entries {
                let place = &mut places[usize::from(entry.slot)];
                sorted[*place] = (row as u32, entry.value);
                *place += 1;
            }
        }
        places.into_iter()
    }
}

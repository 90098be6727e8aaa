//! Rows of trials as vectors.

use alloc::vec::Vec;
use core::ops::Range;

#[cfg(feature = "gpu")]
use super::Weights;
use super::{
    Config,
    weights::{SLOTS, Tensors, VALUES},
    workspace::sized,
};
use crate::{
    kernels::{Destination, Kernels, PANEL, Packed, padded},
    tokenizer::{rows::Rows, vocabulary::Token},
};

/// So many values of a slot are mapped at a time: bounds the memory.
const TOGETHER: usize = 132;

/// The tables that rows of slots and values are summed from.
#[derive(Clone, Debug)]
pub(crate) struct RowEmbedding {
    hidden: usize,
    features: usize,
    /// For each slot `[hidden, features]`.
    slots: Vec<Packed>,
    /// `[vocabulary, features]`.
    values: Vec<f32>,
}

/// The buffers of sums.
#[derive(Clone, Debug, Default)]
pub(crate) struct Buffers {
    /// The entries slot by slot: row and value.
    entries: Vec<(u32, Token)>,
    /// Features of some values, `[rows, features]`.
    features: Vec<f32>,
    /// What a slot makes of them, `[rows, hidden]` with rows padded to whole panels.
    mapped: Vec<f32>,
}

impl RowEmbedding {
    /// Packs the tables of weights that fit a config which has them.
    #[cfg(feature = "gpu")]
    pub(crate) fn of_weights(config: &Config, weights: &Weights) -> Self {
        Self::new(config, &weights.tensors(config))
    }

    /// Packs the tables of a config that has them.
    pub(super) fn new(config: &Config, tensors: &Tensors<'_>) -> Self {
        let (hidden, features) = (config.hidden_size, config.value_features);
        let slots = tensors.get(SLOTS);
        Self {
            hidden,
            features,
            slots: (0..config.slots)
                .map(|slot| {
                    Packed::new(hidden, features, |index, out| {
                        slots.row(slot * hidden + index, out);
                    })
                })
                .collect(),
            values: tensors.get(VALUES).all(config.vocabulary_size, features),
        }
    }

    /// Sums some rows, whose slots, values and tokens are those of the model: row `i` of the range
    /// goes to `out[i · stride..][..hidden]`, where `embedding` is `[vocabulary, hidden]`. Values
    /// are added slot by slot, then tokens, so that a sum does not depend on the other rows.
    #[allow(clippy::too_many_arguments)]
    pub(crate) fn sum(
        &self,
        kernels: Kernels,
        embedding: &[f32],
        rows: &Rows,
        range: Range<usize>,
        buffers: &mut Buffers,
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
            for entries in buffers.entries[start..end].chunks(TOGETHER) {
                let room = padded(entries.len());
                let features = sized(&mut buffers.features, room * self.features);
                for (out, (_, value)) in features.chunks_exact_mut(self.features).zip(entries) {
                    let from = usize::from(*value) * self.features;
                    out.copy_from_slice(&self.values[from..from + self.features]);
                }
                let mapped = sized(&mut buffers.mapped, room * width);
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

    /// Lists the entries of some rows slot by slot, and returns where each slot's end.
    fn sort(
        &self,
        rows: &Rows,
        range: Range<usize>,
        sorted: &mut Vec<(u32, Token)>,
    ) -> impl Iterator<Item = usize> + use<> {
        let all = || range.clone().flat_map(|index| rows.row(index).entries);
        // The number of entries of each slot, then where its next one goes.
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

//! The network over episodes: a row a trial, without positions.

use optiformer::tokenizer::{rows::Row, vocabulary::BINS};
use tch::{Device, Kind, Tensor};

use super::{
    Losses, Network,
    batch::{BinTargets, CategoryTargets, ExpertPredictions, integers, reals},
    layout::Role,
};
use crate::{episodes::Episode, sequence::TargetKind};

/// Histories are filled up to a multiple of this.
pub const HISTORY_STEP: usize = 16;

/// A batch of `b` episodes, filled up to `h` history rows and `q` query rows each; `t = h + q`.
#[derive(Debug)]
pub struct RowBatch {
    /// `b`.
    episodes: i64,
    /// `h`.
    history: i64,
    /// `q`.
    queries: i64,
    /// `[n]`: where each value stands, as `row · slots + slot`, each place once.
    value_places: Tensor,
    /// `[n]`: the value tokens that stand there.
    values: Tensor,
    /// Value tokens beyond the first of a place: where, and which.
    more_values: Option<(Tensor, Tensor)>,
    /// Tokens whose embeddings rows add up, one row's after the other's.
    tokens: Tensor,
    /// `[b · t]`: where each row's tokens begin.
    token_starts: Tensor,
    /// `[b, 1, 1, h]`: 0 for a row of the history, −∞ for filling.
    mask: Tensor,
    /// `[targets]`: after which of the `b · q` query rows each prediction is made.
    target_index: Tensor,
    bins: BinTargets,
    categories: Option<CategoryTargets>,
    /// The predictions of the Gaussian process; `None` where no episode has any.
    experts: Option<ExpertPredictions>,
    /// Number of rows, without filling.
    pub count: u64,
}

impl RowBatch {
    /// Lays out episodes on a device, for a model with `slots` slots in all
    /// ([`Config::all_slots`](optiformer::model::Config::all_slots)).
    pub fn new(episodes: &[Episode], slots: usize, device: Device) -> Self {
        let most = |length: &dyn Fn(&Episode) -> usize| {
            episodes.iter().map(length).max().unwrap_or(0).max(1)
        };
        let history = most(&|episode| episode.history).next_multiple_of(HISTORY_STEP);
        let queries = most(&|episode| episode.rows.len() - episode.history);
        let length = history + queries;
        let mut laid_out = RowLayout::default();
        let mut mask = vec![f32::NEG_INFINITY; episodes.len() * history];
        let (mut targets, mut target_index) = (Vec::new(), Vec::new());
        let (mut predicted, mut probabilities, mut bin_targets) = (Vec::new(), Vec::new(), 0);
        for (number, episode) in episodes.iter().enumerate() {
            mask[number * history..][..episode.history].fill(0.0);
            let mut rows = episode.rows.iter();
            for place in 0..length {
                let is_there = place < episode.history
                    || (history..history + episode.rows.len() - episode.history).contains(&place);
                let row = if is_there { rows.next() } else { None };
                laid_out.push(number * length + place, slots, row);
            }
            // The queries for a score come first.
            let gp_queries = (episode.gp_bins.len() / BINS) as i64;
            predicted.extend(bin_targets..bin_targets + gp_queries);
            probabilities.extend_from_slice(&episode.gp_bins);
            for target in &episode.targets {
                targets.push(*target);
                bin_targets += i64::from(matches!(target.kind, TargetKind::Bin { .. }));
                let query = target.index as usize - episode.history;
                target_index.push((number * queries + query) as i64);
            }
        }
        let more = !laid_out.more_values.is_empty();
        Self {
            episodes: episodes.len() as i64,
            history: history as i64,
            queries: queries as i64,
            value_places: integers(&laid_out.places, device),
            values: integers(&laid_out.values, device),
            more_values: more.then(|| {
                let places = integers(&laid_out.more_places, device);
                (places, integers(&laid_out.more_values, device))
            }),
            tokens: integers(&laid_out.tokens, device),
            token_starts: integers(&laid_out.token_starts, device),
            mask: reals(&mask, device).view([episodes.len() as i64, 1, 1, history as i64]),
            target_index: integers(&target_index, device),
            bins: BinTargets::new(&targets, device),
            categories: CategoryTargets::new(&targets, device),
            experts: (!predicted.is_empty())
                .then(|| ExpertPredictions::new(&predicted, &probabilities, device)),
            count: episodes.iter().map(|episode| episode.rows.len() as u64).sum(),
        }
    }
}

/// The summands of a batch's rows.
#[derive(Default)]
struct RowLayout {
    places: Vec<i64>,
    values: Vec<i64>,
    more_places: Vec<i64>,
    more_values: Vec<i64>,
    tokens: Vec<i64>,
    token_starts: Vec<i64>,
}

impl RowLayout {
    fn push(&mut self, place: usize, slots: usize, row: Option<Row<'_>>) {
        self.token_starts.push(self.tokens.len() as i64);
        let Some(row) = row else { return };
        let mut before = None;
        for entry in row.entries {
            assert!(usize::from(entry.slot) < slots, "slot {} is not of {slots}", entry.slot);
            let at = (place * slots + usize::from(entry.slot)) as i64;
            // A parameter's kind may take several tokens, one after the other.
            let (places, values) = if before == Some(at) {
                (&mut self.more_places, &mut self.more_values)
            } else {
                (&mut self.places, &mut self.values)
            };
            places.push(at);
            values.push(i64::from(entry.value));
            before = Some(at);
        }
        self.tokens.extend(row.tokens.iter().map(|token| i64::from(*token)));
    }
}

impl Network {
    /// The table of value tokens' features, `[vocabulary, features]`.
    pub(crate) fn value_table(&self, parts: &[(Role, Tensor)]) -> Tensor {
        let from = 7 + 6 * self.config.layers;
        let bins = self.features.matmul(&parts[from + 1].1) + &parts[from + 2].1;
        Tensor::cat(&[&bins, &parts[from + 3].1], 0)
    }

    /// The slots' maps, `[slots · features, hidden]`.
    pub(crate) fn slot_maps<'a>(&self, parts: &'a [(Role, Tensor)]) -> &'a Tensor {
        &parts[7 + 6 * self.config.layers].1
    }

    /// The rows of a batch, `[b · t, hidden]`.
    fn embed(&self, parts: &[(Role, Tensor)], batch: &RowBatch) -> Tensor {
        let (slots, features) = (self.config.all_slots() as i64, self.config.value_features as i64);
        let rows = batch.episodes * (batch.history + batch.queries);
        let table = self.value_table(parts).to_kind(self.precision);
        let found = |tokens: &Tensor| Tensor::embedding(&table, tokens, -1, false, false);
        let mut placed = Tensor::zeros([rows * slots, features], (self.precision, self.device()))
            .index_put(&[Some(&batch.value_places)], &found(&batch.values), false);
        if let Some((places, values)) = &batch.more_values {
            placed = placed.index_put(&[Some(places)], &found(values), true);
        }
        let placed = placed.view([rows, slots * features]);
        let values = placed.matmul(&self.slot_maps(parts).to_kind(self.precision));
        let (numbers, special) = self.table(parts, 0);
        let table = Tensor::cat(&[numbers, special], 0);
        let (tokens, ..) = Tensor::embedding_bag::<&Tensor>(
            &table,
            &batch.tokens,
            &batch.token_starts,
            false,
            0,
            false,
            None,
            false,
        );
        values.to_kind(Kind::Float) + tokens
    }

    /// The normalized last states of the query rows, `[b · q, hidden]`.
    // In place would change tensors that the gradient needs.
    #[allow(clippy::assign_op_pattern)]
    fn query_states(&self, parts: &[(Role, Tensor)], batch: &RowBatch) -> Tensor {
        let hidden = self.config.hidden_size as i64;
        let (heads, size) = (self.config.heads as i64, self.config.head_size() as i64);
        let (b, h, q) = (batch.episodes, batch.history, batch.queries);
        let t = h + q;
        let mask = batch.mask.to_kind(self.precision);
        let scale = 1.0 / (size as f64).sqrt();
        let mut x = self.embed(parts, batch).view([b, t, hidden]);
        for layer in 0..self.config.layers {
            let [attention, output, gate_up, down, attention_norm, feed_forward_norm] =
                self.layer(parts, layer);
            let projected = self
                .project(&self.normalize(&x, attention_norm), attention)
                .view([b, t, 3, heads, size])
                .permute([2, 0, 3, 1, 4]);
            let (queries, keys, values) =
                (projected.get(0) * scale, projected.get(1), projected.get(2));
            let told = |part: &Tensor| part.narrow(2, 0, h);
            let asked = |part: &Tensor| part.narrow(2, h, q);
            let (told_keys, told_values) = (told(&keys), told(&values));
            let last = layer + 1 == self.config.layers;
            // A query row sees the history and itself.
            let over_told = asked(&queries).matmul(&told_keys.transpose(2, 3)) + &mask;
            let own =
                (asked(&queries) * asked(&keys)).sum_dim_intlist([-1_i64].as_slice(), true, None);
            let weights = Tensor::cat(&[over_told, own], -1).softmax(-1, None);
            let mut mixed = weights.narrow(-1, 0, h).matmul(&told_values)
                + weights.narrow(-1, h, 1) * asked(&values);
            if last {
                x = x.narrow(1, h, q);
            } else {
                // The history's rows see one another.
                let scores = told(&queries).matmul(&told_keys.transpose(2, 3)) + &mask;
                let of_told = scores.softmax(-1, None).matmul(&told_values);
                mixed = Tensor::cat(&[of_told, mixed], 2);
            }
            let rows = x.size()[1];
            let mixed = mixed.transpose(1, 2).reshape([b, rows, hidden]);
            x = x + self.project(&mixed, output);
            x = self.feed_forward(x, gate_up, down, feed_forward_norm);
        }
        self.normalize(&x, self.final_gain(parts)).view([b * q, hidden])
    }

    /// The losses of a batch of episodes.
    pub fn row_losses(&self, batch: &RowBatch) -> Losses {
        let parts = self.parts();
        let hidden = self.query_states(&parts, batch).index_select(0, &batch.target_index);
        self.losses_of(
            &parts,
            &hidden,
            &batch.bins,
            batch.categories.as_ref(),
            batch.experts.as_ref(),
        )
    }

    /// The logits behind each query row of an episode, `[queries, vocabulary]`.
    pub fn query_logits(&self, episode: &Episode) -> Tensor {
        let parts = self.parts();
        let batch =
            RowBatch::new(std::slice::from_ref(episode), self.config.all_slots(), self.device());
        let (bins, special) = self.table(&parts, 3);
        self.query_states(&parts, &batch).matmul(&Tensor::cat(&[bins, special], 0).tr())
    }
}

#[cfg(test)]
mod tests {
    use optiformer::tokenizer::rows::GATE;

    use super::*;
    use crate::{
        episodes::{self, EpisodeOptions},
        export,
        generators::{FunctionOptions, SampledFunction},
        network::tests::tiny,
        sequence::BinGroup,
    };

    /// The slow twin mixes probabilities one target at a time.
    #[test]
    fn the_gate_mixes_the_predictions_of_the_process() {
        let network = Network::new(tiny().with_trial_rows(), Device::Cpu, 4);
        let (mut surprise, mut count, mut weights) = (0.0, 0, Vec::new());
        let options = EpisodeOptions {
            max_trials: 30,
            prediction_share: 1.0,
            policy_queries: 2,
            ..EpisodeOptions::default()
        };
        let drawn = (0..6).map(|index| {
            let SampledFunction { function, optimum, mut rng, .. } =
                SampledFunction::draw(&FunctionOptions::default(), 8, index);
            let options = EpisodeOptions {
                prediction_share: f64::from(u8::from(index != 2)),
                ..options.clone()
            };
            episodes::draw(&function, &optimum, &options, &mut rng).unwrap()
        });
        let episodes: Vec<Episode> = drawn.filter(|it| !it.targets.is_empty()).collect();
        let size = network.config().vocabulary_size;
        for episode in &episodes {
            let logits = export::values(&network.query_logits(episode));
            let mut predicted = episode.gp_bins.chunks_exact(BINS);
            for target in &episode.targets {
                let TargetKind::Bin { center, deviation, group: BinGroup::Score } = target.kind
                else {
                    continue;
                };
                let row = &logits[(target.index as usize - episode.history) * size..][..size];
                let powers: Vec<f64> = row[..BINS].iter().map(|it| f64::from(*it).exp()).collect();
                let total: f64 = powers.iter().sum();
                let weight = 1.0 / (1.0 + (-f64::from(row[usize::from(GATE)])).exp());
                let expert = predicted.next();
                weights.extend(expert.map(|_| weight));
                let soft: Vec<f64> = (0..BINS)
                    .map(|bin| {
                        let z = f64::from((bin as f32 + 0.5 - center) / deviation);
                        if z.abs() > 6.0 { 0.0 } else { (-0.5 * z * z).exp() }
                    })
                    .collect();
                let right: f64 = soft.iter().sum();
                for bin in 0..BINS {
                    let own = powers[bin] / total;
                    let mixed = expert.map_or(own, |expert| {
                        weight * f64::from(expert[bin]).max(1e-9) + (1.0 - weight) * own
                    });
                    surprise -= soft[bin] / right * mixed.ln();
                }
                count += 1;
            }
            assert!(predicted.next().is_none());
        }
        let batch = RowBatch::new(&episodes, network.config().all_slots(), Device::Cpu);
        let loss = network.row_losses(&batch).score.double_value(&[]);
        let slow = surprise / f64::from(count);
        assert!((loss - slow).abs() < 1e-4, "{loss} {slow}");
        assert!(weights.len() > 100 && weights.len() < count as usize);
        let spread = weights.iter().fold((1.0_f64, 0.0_f64), |(least, most), weight| {
            (least.min(*weight), most.max(*weight))
        });
        assert!(spread.0 < spread.1, "{spread:?}");
    }
}

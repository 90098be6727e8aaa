//! Sequences as tensors.

use optiformer::tokenizer::vocabulary::{BINS, CATEGORIES, PAD};
use tch::{Device, Tensor};

use crate::sequence::{BinGroup, Target, TargetKind, TrainingSequence};

/// How many category tokens there are.
const CHOICES: usize = (CATEGORIES.end - CATEGORIES.start) as usize;

/// A batch of `b` sequences. Each row has the trunk, filled up to length `t₁`, then the branches,
/// filled up to `t₂`; `t = t₁ + t₂`.
#[derive(Debug)]
pub struct TokenBatch {
    /// `[b, t]`.
    pub tokens: Tensor,
    /// `[b · t]`.
    pub positions: Tensor,
    /// What branches attend to; `None` when there are none.
    pub branches: Option<Branches>,
    /// `[tokens]`: where the `b · t` places hold the tokens of the sequences, in order, without
    /// filling.
    pub places: Tensor,
    /// `[targets]`: after which of the `b · t` tokens each prediction is made.
    pub target_index: Tensor,
    /// Targets that are numbers.
    pub bins: BinTargets,
    /// Targets that are categories; `None` when there are none.
    pub categories: Option<CategoryTargets>,
    /// How many tokens there are, without filling.
    pub count: u64,
}

/// What branches attend to.
#[derive(Debug)]
pub struct Branches {
    /// The trunks' length `t₁`.
    pub start: i64,
    /// `[b, 1, t₂, t]`: 0 where a branch's token attends, −∞ elsewhere.
    pub mask: Tensor,
}

/// Trunks are filled up to a multiple of this, and branches to one of [`BRANCH_STEP`]: products of
/// few shapes are set up once each.
const TRUNK_STEP: usize = 64;
/// See [`TRUNK_STEP`].
const BRANCH_STEP: usize = 32;

/// `n` targets that are numbers.
#[derive(Debug)]
pub struct BinTargets {
    /// `[n]`: which targets they are.
    pub rows: Tensor,
    /// `[n, 1000]`: the probabilities that would be right.
    pub soft: Tensor,
    /// `[n]`.
    pub weight: Tensor,
    /// `[n]`: 1 for scores, 0 for parameters' values.
    pub is_score: Tensor,
    /// Mean entropy of the scores' right probabilities, in nats: no loss is below it.
    pub score_entropy: f64,
}

/// `n` targets that are categories.
#[derive(Debug)]
pub struct CategoryTargets {
    /// `[n]`: which targets they are.
    pub rows: Tensor,
    /// `[n]`: the right ones.
    pub choice: Tensor,
    /// `[n, 64]`: 0 for the categories there are, −∞ for the others.
    pub mask: Tensor,
    /// `[n]`.
    pub weight: Tensor,
}

/// `m` predictions of scores by another model, which are mixed with the network's own.
#[derive(Debug)]
pub struct ExpertPredictions {
    /// `[m]`: which of the targets that are numbers they are for.
    pub rows: Tensor,
    /// `[m, 1000]`: logarithms of the bins' probabilities.
    pub log_probabilities: Tensor,
}

/// The least probability of a bin whose logarithm is taken.
const LEAST_PROBABILITY: f64 = 1e-9;

impl ExpertPredictions {
    pub(super) fn new(rows: &[i64], probabilities: &[f32], device: Device) -> Self {
        let shape = [rows.len() as i64, BINS as i64];
        let probabilities = reals(probabilities, device).view(shape);
        Self {
            rows: integers(rows, device),
            log_probabilities: probabilities.clamp_min(LEAST_PROBABILITY).log(),
        }
    }
}

impl TokenBatch {
    /// Lays out sequences on a device.
    pub fn new(sequences: &[TrainingSequence], device: Device) -> Self {
        let rows = sequences.len();
        let most = |length: &dyn Fn(&TrainingSequence) -> usize, step: usize| {
            sequences.iter().map(length).max().unwrap_or(0).next_multiple_of(step)
        };
        let start = most(&trunk_length, TRUNK_STEP).max(TRUNK_STEP);
        let hanging = most(&|sequence| sequence.tokens.len() - trunk_length(sequence), BRANCH_STEP);
        let length = start + hanging;
        let mut tokens = vec![i64::from(PAD); rows * length];
        let mut positions = vec![0_i64; rows * length];
        let mut mask = vec![f32::NEG_INFINITY; rows * hanging * length];
        let mut places = Vec::new();
        let mut targets = Vec::new();
        let mut index = Vec::new();
        for (row, sequence) in sequences.iter().enumerate() {
            let trunk = trunk_length(sequence);
            let place_of = |token: usize| {
                row * length + if token < trunk { token } else { start + token - trunk }
            };
            for (number, token) in sequence.tokens.iter().enumerate() {
                let place = place_of(number);
                tokens[place] = i64::from(*token);
                positions[place] = i64::from(sequence.positions[number]);
                places.push(place as i64);
            }
            let of_row = &mut mask[row * hanging * length..(row + 1) * hanging * length];
            attend(sequence, trunk, start, length, of_row);
            for target in &sequence.targets {
                targets.push(*target);
                index.push(place_of(target.index as usize) as i64);
            }
        }
        let (b, t) = (rows as i64, length as i64);
        Self {
            tokens: integers(&tokens, device).view([b, t]),
            positions: integers(&positions, device),
            branches: (hanging > 0).then(|| Branches {
                start: start as i64,
                mask: reals(&mask, device).view([b, 1, hanging as i64, t]),
            }),
            places: integers(&places, device),
            target_index: integers(&index, device),
            bins: BinTargets::new(&targets, device),
            categories: CategoryTargets::new(&targets, device),
            count: sequences.iter().map(|sequence| sequence.tokens.len() as u64).sum(),
        }
    }
}

/// How many of a sequence's tokens are the trunk's; they come first.
fn trunk_length(sequence: &TrainingSequence) -> usize {
    sequence.branch.iter().take_while(|branch| **branch == 0).count()
}

/// Writes 0 into the `[t₂, t]` mask where a branch's token attends to another. Filling attends to
/// itself, so that every row has something to attend to.
fn attend(
    sequence: &TrainingSequence,
    trunk: usize,
    start: usize,
    length: usize,
    mask: &mut [f32],
) {
    for hung in 0..length - start {
        let row = &mut mask[hung * length..(hung + 1) * length];
        row[start + hung] = 0.0;
        let Some(branch) = sequence.branch.get(trunk + hung) else { continue };
        row[..usize::from(sequence.visible[trunk + hung])].fill(0.0);
        for earlier in (0..hung).rev().take_while(|other| sequence.branch[trunk + other] == *branch)
        {
            row[start + earlier] = 0.0;
        }
    }
}

impl BinTargets {
    pub(super) fn new(targets: &[Target], device: Device) -> Self {
        let (mut rows, mut soft) = (Vec::new(), Vec::new());
        let (mut weight, mut is_score) = (Vec::new(), Vec::new());
        let mut entropy = 0.0;
        for (row, target) in targets.iter().enumerate() {
            let TargetKind::Bin { center, deviation, group } = target.kind else { continue };
            rows.push(row as i64);
            weight.push(target.weight);
            is_score.push(if group == BinGroup::Score { 1.0 } else { 0.0 });
            let from = soft.len();
            soft.resize(from + BINS, 0.0_f32);
            let probabilities = &mut soft[from..];
            // Beyond five deviations there is nothing that single precision would keep.
            let reach = 5.0 * deviation + 1.0;
            let first = (center - reach).max(0.0) as usize;
            let last = ((center + reach) as usize).min(BINS - 1);
            for (bin, probability) in
                probabilities.iter_mut().enumerate().take(last + 1).skip(first)
            {
                let z = (bin as f32 + 0.5 - center) / deviation;
                *probability = (-0.5 * z * z).exp();
            }
            let total: f32 = probabilities[first..=last].iter().sum();
            for probability in &mut probabilities[first..=last] {
                *probability /= total;
                if group == BinGroup::Score && *probability > 0.0 {
                    entropy -= f64::from(*probability) * f64::from(probability.ln());
                }
            }
        }
        let scores: f32 = is_score.iter().sum();
        Self {
            soft: reals(&soft, device).view([rows.len() as i64, BINS as i64]),
            rows: integers(&rows, device),
            weight: reals(&weight, device),
            is_score: reals(&is_score, device),
            score_entropy: entropy / f64::from(scores.max(1.0)),
        }
    }
}

impl CategoryTargets {
    pub(super) fn new(targets: &[Target], device: Device) -> Option<Self> {
        let (mut rows, mut choice) = (Vec::new(), Vec::new());
        let (mut mask, mut weight) = (Vec::new(), Vec::new());
        for (row, target) in targets.iter().enumerate() {
            if let TargetKind::Category { code, legal } = target.kind {
                rows.push(row as i64);
                choice.push(i64::from(code));
                weight.push(target.weight);
                mask.extend(
                    (0..CHOICES).map(
                        |index| {
                            if legal >> index & 1 == 1 { 0.0 } else { f32::NEG_INFINITY }
                        },
                    ),
                );
            }
        }
        (!rows.is_empty()).then(|| Self {
            mask: reals(&mask, device).view([rows.len() as i64, CHOICES as i64]),
            rows: integers(&rows, device),
            choice: integers(&choice, device),
            weight: reals(&weight, device),
        })
    }
}

pub(super) fn integers(values: &[i64], device: Device) -> Tensor {
    Tensor::from_slice(values).to_device(device)
}

pub(super) fn reals(values: &[f32], device: Device) -> Tensor {
    Tensor::from_slice(values).to_device(device)
}

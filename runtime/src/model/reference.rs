//! A plain implementation of the forward pass, as the oracle of the fast one and as its
//! documentation.

use alloc::{vec, vec::Vec};

use super::{Config, Weights};
use crate::tokenizer::{
    rows::{Entry, Row, Rows},
    vocabulary::Token,
};

/// The logits after every token, `[tokens, vocabulary]`.
///
/// # Panics
///
/// If a token is outside the vocabulary, or the weights do not fit the config.
pub fn logits(config: &Config, weights: &Weights, tokens: &[Token]) -> Vec<f32> {
    let hidden = config.hidden_size;
    let rows = tokens
        .iter()
        .map(|token| weights.embedding[usize::from(*token) * hidden..][..hidden].to_vec())
        .collect();
    let rotation = |position: usize, row: &mut [f32]| rotate(config, position, row);
    all_logits(config, weights, rows, rotation, |position, other| other <= position)
}

/// The logits of questions behind a history, `[questions, vocabulary]`. The rows of the history see
/// one another, a question sees them and itself, and no row has a position.
///
/// # Panics
///
/// If the weights have no tables of trials or do not fit the config, or a slot, value or token is
/// out of range.
pub fn trial_logits(
    config: &Config,
    weights: &Weights,
    history: &Rows,
    questions: &Rows,
) -> Vec<f32> {
    let mut rows = embedded_rows(config, weights, history);
    rows.extend(embedded_rows(config, weights, questions));
    let sees = |row: usize, other: usize| other < history.len() || other == row;
    let mut logits = all_logits(config, weights, rows, |_, _| {}, sees);
    logits.split_off(history.len() * config.vocabulary_size)
}

/// Embeddings of rows of trials, `[rows, hidden]`: `Σ Slot[slot] · E[value] + Σ Embedding[token]`.
///
/// # Panics
///
/// If `weights` or `rows` are invalid, as for [`trial_logits`].
pub fn embedded_rows(config: &Config, weights: &Weights, rows: &Rows) -> Vec<Vec<f32>> {
    let (hidden, features) = (config.hidden_size, config.value_features);
    let tables = weights.trials.as_ref().expect("weights with tables of trials");
    let sum = |row: Row<'_>| {
        let mut sum = vec![0.0; hidden];
        for Entry { slot, value } in row.entries {
            let slot = &tables.slots[usize::from(*slot) * hidden * features..][..hidden * features];
            let value = &tables.values[usize::from(*value) * features..][..features];
            add(&mut sum, &product(slot, value));
        }
        for token in row.tokens {
            add(&mut sum, &weights.embedding[usize::from(*token) * hidden..][..hidden]);
        }
        sum
    };
    rows.iter().map(sum).collect()
}

/// The logits after every row of `x`, where `rotate(row, numbers)` applies rotary embeddings to
/// queries and keys, and row `i` sees row `j` if `sees(i, j)`.
fn all_logits(
    config: &Config,
    weights: &Weights,
    mut x: Vec<Vec<f32>>,
    rotate: impl Fn(usize, &mut [f32]),
    sees: impl Fn(usize, usize) -> bool,
) -> Vec<f32> {
    let (hidden, size, rows) = (config.hidden_size, config.head_size(), x.len());
    for layer in &weights.layers {
        let normal: Vec<Vec<f32>> =
            x.iter().map(|row| norm(row, &layer.attention_norm, config.norm_epsilon)).collect();
        let project = |matrix: &[f32]| -> Vec<Vec<f32>> {
            normal.iter().map(|row| product(matrix, row)).collect()
        };
        let mut queries = project(&layer.query);
        let mut keys = project(&layer.key);
        let values = project(&layer.value);
        for (index, row) in queries.iter_mut().chain(&mut keys).enumerate() {
            rotate(index % rows, row);
        }
        for row in 0..rows {
            let seen: Vec<usize> = (0..rows).filter(|other| sees(row, *other)).collect();
            let mut mixed = vec![0.0; hidden];
            for head in 0..config.heads {
                let part = head * size..(head + 1) * size;
                let scores: Vec<f32> = seen
                    .iter()
                    .map(|other| {
                        dot(&queries[row][part.clone()], &keys[*other][part.clone()])
                            / libm::sqrtf(size as f32)
                    })
                    .collect();
                for (other, weight) in seen.iter().zip(softmax(&scores)) {
                    for index in part.clone() {
                        mixed[index] += weight * values[*other][index];
                    }
                }
            }
            add(&mut x[row], &product(&layer.output, &mixed));
        }
        for row in &mut x {
            let normal = norm(row, &layer.feed_forward_norm, config.norm_epsilon);
            let gate = product(&layer.gate, &normal);
            let up = product(&layer.up, &normal);
            let wide: Vec<f32> = gate
                .iter()
                .zip(&up)
                .map(|(gate, up)| gate / (1.0 + libm::expf(-gate)) * up)
                .collect();
            add(row, &product(&layer.down, &wide));
        }
    }
    let head = weights.head.as_ref().unwrap_or(&weights.embedding);
    x.iter().flat_map(|row| product(head, &norm(row, &weights.norm, config.norm_epsilon))).collect()
}

/// `matrix · row`.
fn product(matrix: &[f32], row: &[f32]) -> Vec<f32> {
    matrix.chunks_exact(row.len()).map(|weights| dot(weights, row)).collect()
}

fn dot(one: &[f32], other: &[f32]) -> f32 {
    one.iter().zip(other).map(|(a, b)| a * b).sum()
}

fn add(row: &mut [f32], other: &[f32]) {
    row.iter_mut().zip(other).for_each(|(value, other)| *value += other);
}

fn norm(row: &[f32], gain: &[f32], epsilon: f32) -> Vec<f32> {
    let scale = 1.0 / libm::sqrtf(dot(row, row) / row.len() as f32 + epsilon);
    row.iter().zip(gain).map(|(value, gain)| value * scale * gain).collect()
}

fn softmax(scores: &[f32]) -> Vec<f32> {
    let highest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let terms: Vec<f32> = scores.iter().map(|score| libm::expf(score - highest)).collect();
    let total: f32 = terms.iter().sum();
    terms.into_iter().map(|term| term / total).collect()
}

/// Rotates the pairs `(i, i + size / 2)` of every head by `position · theta^(−2i / size)`.
fn rotate(config: &Config, position: usize, row: &mut [f32]) {
    let half = config.head_size() / 2;
    for head in row.chunks_exact_mut(2 * half) {
        for index in 0..half {
            let exponent = -(index as f64) / half as f64;
            let frequency = libm::pow(f64::from(config.rope_theta), exponent) as f32;
            let angle = position as f32 * frequency;
            let (cosine, sine) = (libm::cosf(angle), libm::sinf(angle));
            let (one, other) = (head[index], head[index + half]);
            head[index] = one * cosine - other * sine;
            head[index + half] = other * cosine + one * sine;
        }
    }
}

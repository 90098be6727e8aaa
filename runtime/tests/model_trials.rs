//! Rows of trials through the fast forward pass, against the plain one.

use optiformer::{
    model::{Config, Metadata, Model, Precision, Weights, Workspace, reference},
    tokenizer::rows::{Entry, Row, Rows},
    unstable::kernels::Kernels,
};
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// Absolute difference that logits of order one may have, summed in different orders.
const TOLERANCE: f32 = 1e-4;

fn shapes() -> Vec<Config> {
    let of = |hidden_size, layers, heads, feed_forward_size, slots, value_features| Config {
        hidden_size,
        layers,
        heads,
        feed_forward_size,
        slots,
        value_features,
        ..Config::pico()
    };
    vec![
        Config::pico().with_trial_rows(),
        of(24, 1, 3, 40, 64, 5),
        Config { tie_embeddings: true, ..of(48, 3, 1, 33, 1, 40) },
        Config { prediction_slots: 3, ..of(20, 2, 5, 7, 9, 1) },
    ]
}

/// Rows of slots and values as trials have them, in any order, and a few with no values, with
/// several for a slot, or with nothing at all.
fn rows(config: &Config, count: usize, seed: u64) -> Rows {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut rows = Rows::new();
    for index in 0..count {
        let length = [6, 3, 8, 0, 64, 1][index % 6];
        let entries: Vec<Entry> = (0..length)
            .map(|_| Entry {
                slot: rng.random_range(0..config.all_slots() as u8),
                value: rng.random_range(0..1200),
            })
            .collect();
        let tokens: Vec<u16> =
            (0..[2, 0, 1, 3][index % 4]).map(|_| rng.random_range(0..1200)).collect();
        rows.push(Row { entries: &entries, tokens: &tokens });
    }
    rows
}

/// Some of the rows, in this order.
fn pick(rows: &Rows, order: impl IntoIterator<Item = usize>) -> Rows {
    let mut picked = Rows::new();
    order.into_iter().for_each(|index| picked.push(rows.row(index)));
    picked
}

/// The logits after all states in the workspace.
fn all_logits(model: &Model, workspace: &mut Workspace) -> Vec<f32> {
    let rows = workspace.hidden().len() / model.config().hidden_size;
    let mut logits = vec![0.0; rows * 1200];
    model.logits(workspace, 0..rows, 0..1200, &mut logits).unwrap();
    logits
}

/// The logits of questions behind a history.
fn asked(model: &Model, history: &Rows, questions: &Rows, threads: usize) -> Vec<f32> {
    let (mut cache, mut workspace) = (model.cache(history.len()), Workspace::new());
    workspace.set_threads(threads);
    if !history.is_empty() {
        model.history(&mut cache, history, &mut workspace).unwrap();
        assert!(workspace.hidden().is_empty());
        assert_eq!(cache.rows(), history);
    }
    model.questions(&cache, questions, &mut workspace).unwrap();
    all_logits(model, &mut workspace)
}

fn largest_difference(have: &[f32], want: &[f32]) -> f32 {
    assert_eq!(have.len(), want.len());
    have.iter().zip(want).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// The root mean square of the differences, as a share of that of the logits.
fn relative_error(have: &[f32], want: &[f32]) -> f32 {
    assert_eq!(have.len(), want.len());
    let differences: f32 = have.iter().zip(want).map(|(a, b)| (a - b) * (a - b)).sum();
    (differences / want.iter().map(|b| b * b).sum::<f32>()).sqrt()
}

#[test]
fn questions_have_the_reference_s_logits() {
    for config in shapes() {
        let weights = Weights::random(&config, 7);
        // Histories shorter and longer than a panel, and than what goes through the widest part of
        // a layer together.
        for (count, asking) in [(0, 3), (1, 1), (45, 30), (150, 140)] {
            let (history, questions) = (rows(&config, count, 1), rows(&config, asking, 2));
            let want = reference::trial_logits(&config, &weights, &history, &questions);
            for kernels in Kernels::available() {
                let model = |precision| {
                    Model::new(config.clone(), Metadata::default(), &weights, precision)
                        .with_kernels(kernels)
                };
                let have = asked(&model(Precision::F32), &history, &questions, 1);
                let difference = largest_difference(&have, &want);
                let what = format!("{} behind {count} of {config:?}", kernels.name());
                assert!(difference <= TOLERANCE, "{what}: {difference}");
                // Seven bits and a sign for each of some hundred numbers.
                let have = asked(&model(Precision::Int8), &history, &questions, 1);
                let error = relative_error(&have, &want);
                assert!(error < 0.04, "{what}: {error}");
            }
        }
    }
}

#[test]
fn other_questions_groups_and_threads_change_no_bit() {
    let config = Config::pico().with_trial_rows();
    let (history, questions) = (rows(&config, 70, 3), rows(&config, 300, 4));
    for precision in [Precision::F32, Precision::Int8] {
        let model = Model::random(config.clone(), 9, precision).unwrap();
        let whole = asked(&model, &history, &questions, 1);
        for threads in [2, 3, 40] {
            assert!(asked(&model, &history, &questions, threads) == whole, "{threads} threads");
        }
        let row = |index: usize| &whole[index * 1200..(index + 1) * 1200];
        for group in [1, 2, 7, 133] {
            for first in (0..300).step_by(97) {
                let order = first..300.min(first + group);
                let some = asked(&model, &history, &pick(&questions, order.clone()), 1);
                for (index, have) in order.zip(some.chunks(1200)) {
                    assert!(have == row(index), "{precision:?}: row {index} of {group}");
                }
            }
        }
        let backwards = asked(&model, &history, &pick(&questions, (0..300).rev()), 1);
        for (index, have) in backwards.chunks(1200).rev().enumerate() {
            assert!(have == row(index), "{precision:?}: row {index} backwards");
        }
    }
}

#[test]
fn a_history_is_a_set() {
    let config = Config::pico().with_trial_rows();
    let model = Model::random(config.clone(), 5, Precision::F32).unwrap();
    let (history, questions) = (rows(&config, 60, 5), rows(&config, 6, 6));
    let want = asked(&model, &history, &questions, 1);
    let other = pick(&history, (0..60).map(|index| index * 23 % 60));
    let difference = largest_difference(&asked(&model, &other, &questions, 1), &want);
    assert!(difference <= TOLERANCE, "{difference}");
    // Each row matters, also to those before it.
    let without = pick(&history, 0..59);
    assert!(largest_difference(&asked(&model, &without, &questions, 1), &want) > 1e-2);
}

#[test]
fn a_history_takes_the_place_of_the_last_one() {
    let config = Config::pico().with_trial_rows();
    for precision in [Precision::F32, Precision::Int8] {
        let model = Model::random(config.clone(), 5, precision).unwrap();
        let questions = rows(&config, 4, 6);
        let (mut cache, mut workspace) = (model.cache(100), Workspace::new());
        for (count, seed) in [(90, 7), (31, 8)] {
            let history = rows(&config, count, seed);
            model.history(&mut cache, &history, &mut workspace).unwrap();
            model.questions(&cache, &questions, &mut workspace).unwrap();
            let have = all_logits(&model, &mut workspace);
            assert!(have == asked(&model, &history, &questions, 1), "{precision:?} {count}");
            assert_eq!(cache.len(), count);
        }
        cache.truncate(31);
        assert_eq!(cache.len(), 31);
        cache.truncate(30);
        assert!(cache.is_empty());
    }
}

#[test]
fn misuse_is_refused_and_changes_nothing() {
    let config = Config { max_positions: 12, ..Config::pico().with_trial_rows() };
    let model = Model::random(config.clone(), 1, Precision::Int8).unwrap();
    let (mut cache, mut workspace) = (model.cache(20), Workspace::new());
    let history = rows(&config, 5, 1);
    model.history(&mut cache, &history, &mut workspace).unwrap();
    let one = |slot, value, token| {
        let mut rows = rows(&config, 1, 2);
        rows.push(Row { entries: &[Entry { slot, value }], tokens: &[token] });
        rows
    };
    let refusals = [
        (Rows::new(), "no rows"),
        (one(35, 0, 0), "row 1: slot 35 is not of 35"),
        (one(0, 1200, 0), "row 1: token 1200 is not of 1200"),
        (one(0, 0, u16::MAX), "row 1: token 65535"),
    ];
    for (bad, part) in &refusals {
        let error = model.history(&mut cache, bad, &mut workspace).unwrap_err();
        assert!(error.context().contains(part), "\"{part}\" is not in: {error}");
        let error = model.questions(&cache, bad, &mut workspace).unwrap_err();
        assert!(error.context().contains(part), "\"{part}\" is not in: {error}");
    }
    let error = model.history(&mut cache, &rows(&config, 13, 1), &mut workspace).unwrap_err();
    assert!(error.context().contains("13 rows are more than the model's 12"), "{error}");
    let mut small = model.cache(4);
    let error = model.history(&mut small, &history, &mut workspace).unwrap_err();
    assert!(error.context().contains("5 rows do not fit a cache of 4"), "{error}");
    assert!(model.extend(&mut cache, &[1], &mut workspace).is_err());
    let mut branches = model.branches();
    branches.reset(1, 1);
    assert!(model.extend_branches(&cache, &mut branches, &[1], &mut workspace).is_err());
    assert_eq!(cache.rows(), &history);
    // As many questions as one likes, behind the longest history too.
    model.history(&mut cache, &rows(&config, 11, 1), &mut workspace).unwrap();
    model.questions(&cache, &rows(&config, 200, 3), &mut workspace).unwrap();
    model.history(&mut cache, &rows(&config, 12, 1), &mut workspace).unwrap();
    assert!(model.questions(&cache, &history, &mut workspace).is_err());

    let tokens = Model::random(Config::pico(), 1, Precision::Int8).unwrap();
    let mut of_tokens = tokens.cache(20);
    let error = tokens.history(&mut of_tokens, &history, &mut workspace).unwrap_err();
    assert!(error.context().contains("\"tokens\", not \"trials\""), "{error}");
    assert!(tokens.questions(&of_tokens, &history, &mut workspace).is_err());
    let floats = Model::random(config, 1, Precision::F32).unwrap();
    assert!(floats.questions(&cache, &history, &mut workspace).is_err());
    assert!(floats.history(&mut cache, &history, &mut workspace).is_err());
}

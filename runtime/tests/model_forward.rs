//! The fast forward pass against the plain one.

use optiformer::{
    model::{Config, Metadata, Model, Precision, Weights, Workspace, reference},
    unstable::kernels::Kernels,
};
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// Absolute difference that logits of order one may have; see the issue of rounding in different
/// orders.
const TOLERANCE: f32 = 1e-4;

fn shapes() -> Vec<Config> {
    let of = |hidden_size, layers, heads, feed_forward_size, tie_embeddings| Config {
        hidden_size,
        layers,
        heads,
        feed_forward_size,
        tie_embeddings,
        ..Config::pico()
    };
    vec![
        Config::pico(),
        of(24, 1, 3, 40, false),
        of(48, 3, 1, 33, true),
        of(96, 2, 2, 100, false),
        of(20, 2, 5, 7, true),
    ]
}

fn tokens(count: usize, seed: u64) -> Vec<u16> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    (0..count).map(|_| rng.random_range(0..1200)).collect()
}

fn assert_close(have: &[f32], want: &[f32], what: &str) {
    assert_eq!(have.len(), want.len(), "{what}");
    for (index, (have, want)) in have.iter().zip(want).enumerate() {
        assert!((have - want).abs() <= TOLERANCE, "{what}: logit {index} is {have}, not {want}");
    }
}

/// The logits after the last state in the workspace.
fn all_logits(model: &Model, workspace: &mut Workspace) -> Vec<f32> {
    let rows = workspace.hidden().len() / model.config().hidden_size;
    let mut logits = vec![0.0; rows * 1200];
    model.logits(workspace, 0..rows, 0..1200, &mut logits).unwrap();
    logits
}

#[test]
fn a_prefix_in_one_piece_or_many_gives_the_reference_s_logits() {
    for config in shapes() {
        let weights = Weights::random(&config, 7);
        let tokens = tokens(150, 1);
        let expected = reference::logits(&config, &weights, &tokens);
        for kernels in Kernels::available() {
            let model = Model::new(config.clone(), Metadata::default(), &weights, Precision::F32)
                .with_kernels(kernels);
            for pieces in [vec![150], vec![1, 31, 32, 33, 53], vec![129, 21]] {
                let mut cache = model.cache(150);
                let mut workspace = Workspace::new();
                let mut end = 0;
                for piece in pieces {
                    model.extend(&mut cache, &tokens[end..end + piece], &mut workspace).unwrap();
                    end += piece;
                    let want = &expected[(end - 1) * 1200..end * 1200];
                    let what = format!("{} after {end} of {config:?}", kernels.name());
                    assert_close(&all_logits(&model, &mut workspace), want, &what);
                }
                assert_eq!(cache.tokens(), tokens);
            }
        }
    }
}

#[test]
fn branches_give_the_logits_of_the_sequences_they_stand_for() {
    for config in shapes() {
        let weights = Weights::random(&config, 8);
        for kernels in Kernels::available() {
            let model = Model::new(config.clone(), Metadata::default(), &weights, Precision::F32)
                .with_kernels(kernels);
            for (stored, count) in [(0, 3), (45, 60)] {
                let prefix = tokens(stored, 2);
                let mut cache = model.cache(64);
                let mut workspace = Workspace::new();
                if stored > 0 {
                    model.extend(&mut cache, &prefix, &mut workspace).unwrap();
                }
                let tails: Vec<Vec<u16>> = (0..count).map(|row| tokens(7, 100 + row)).collect();
                let mut branches = model.branches();
                branches.reset(count as usize, 7);
                let mut start = 0;
                for each in [2, 1, 4] {
                    let feed: Vec<u16> =
                        tails.iter().flat_map(|tail| tail[start..start + each].to_vec()).collect();
                    model.extend_branches(&cache, &mut branches, &feed, &mut workspace).unwrap();
                    start += each;
                    let logits = all_logits(&model, &mut workspace);
                    for (tail, have) in tails.iter().zip(logits.chunks(1200)).step_by(19) {
                        let whole = [prefix.as_slice(), &tail[..start]].concat();
                        let want = reference::logits(&config, &weights, &whole);
                        let what = format!("{} behind {stored} of {config:?}", kernels.name());
                        assert_close(have, &want[want.len() - 1200..], &what);
                    }
                }
            }
        }
    }
}

#[test]
fn a_cache_cut_back_goes_on_as_if_nothing_had_been_there() {
    let config = Config::pico();
    let model = Model::random(config, 3, Precision::F32).unwrap();
    let (mut cache, mut workspace) = (model.cache(100), Workspace::new());
    model.extend(&mut cache, &tokens(80, 5), &mut workspace).unwrap();
    let other = tokens(40, 6);
    cache.truncate(30);
    model.extend(&mut cache, &other, &mut workspace).unwrap();
    let cut = all_logits(&model, &mut workspace);
    let mut fresh = model.cache(100);
    let whole = [&tokens(80, 5)[..30], other.as_slice()].concat();
    model.extend(&mut fresh, &whole, &mut workspace).unwrap();
    assert_close(&cut, &all_logits(&model, &mut workspace), "after a cut");
}

#[test]
fn a_part_of_the_vocabulary_gives_a_part_of_the_logits() {
    let model = Model::random(Config::pico(), 3, Precision::F32).unwrap();
    let mut workspace = Workspace::new();
    let mut cache = model.cache(10);
    model.extend(&mut cache, &[1001, 1005], &mut workspace).unwrap();
    let all = all_logits(&model, &mut workspace);
    for range in [0..1, 31..33, 1136..1141, 1199..1200, 5..1190] {
        let mut part = vec![0.0; range.len()];
        model.logits(&mut workspace, 0..1, range.clone(), &mut part).unwrap();
        assert_eq!(part, all[usize::from(range.start)..usize::from(range.end)]);
    }
}

#[test]
fn misuse_is_refused_and_changes_nothing() {
    let config = Config::pico();
    let model = Model::random(config, 1, Precision::F32).unwrap();
    let (mut cache, mut workspace) = (model.cache(8), Workspace::new());
    model.extend(&mut cache, &[1001, 1005], &mut workspace).unwrap();
    assert!(model.extend(&mut cache, &[], &mut workspace).is_err());
    let error = model.extend(&mut cache, &[3, 1200], &mut workspace).unwrap_err();
    assert!(error.context().contains("token 1 is 1200"), "{error}");
    assert!(model.extend(&mut cache, &[1; 7], &mut workspace).is_err());
    assert_eq!(cache.tokens(), [1001, 1005]);
    let mut branches = model.branches();
    assert!(model.extend_branches(&cache, &mut branches, &[1], &mut workspace).is_err());
    branches.reset(2, 3);
    assert!(model.extend_branches(&cache, &mut branches, &[1, 2, 3], &mut workspace).is_err());
    assert!(model.extend_branches(&cache, &mut branches, &[1; 8], &mut workspace).is_err());
    assert_eq!(branches.length(), 0);
    let nano = Model::random(Config::nano(), 1, Precision::F32).unwrap();
    let mut other = nano.cache(8);
    assert!(model.extend(&mut other, &[1], &mut workspace).is_err());
    let mut long = model.cache(3000);
    assert!(model.extend(&mut long, &[1; 2049], &mut workspace).is_err());
    let mut logits = [0.0; 4];
    for range in [3..3, 1198..1202] {
        assert!(model.logits(&mut workspace, 0..1, range, &mut logits).is_err());
    }
    assert!(model.logits(&mut workspace, 0..2, 0..4, &mut logits).is_err());
    assert!(model.logits(&mut workspace, 0..1, 0..5, &mut logits).is_err());
}

/// The largest difference of logits, as a share of their root mean square.
fn relative_difference(have: &[f32], want: &[f32]) -> f32 {
    let square: f32 = want.iter().map(|logit| logit * logit).sum::<f32>() / want.len() as f32;
    let difference = have.iter().zip(want).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    difference / square.sqrt()
}

#[test]
fn bytes_give_nearly_the_logits_of_floats() {
    for config in shapes() {
        let weights = Weights::random(&config, 17);
        let tokens = tokens(150, 21);
        let expected = reference::logits(&config, &weights, &tokens);
        let want = &expected[149 * 1200..];
        for kernels in Kernels::available() {
            let model = Model::new(config.clone(), Metadata::default(), &weights, Precision::Int8)
                .with_kernels(kernels);
            let (mut cache, mut workspace) = (model.cache(150), Workspace::new());
            model.extend(&mut cache, &tokens[..139], &mut workspace).unwrap();
            let mut branches = model.branches();
            branches.reset(3, 11);
            let feed = tokens[139..].repeat(3);
            model.extend_branches(&cache, &mut branches, &feed, &mut workspace).unwrap();
            let in_branches = all_logits(&model, &mut workspace);
            model.extend(&mut cache, &tokens[139..], &mut workspace).unwrap();
            let in_prefix = all_logits(&model, &mut workspace);
            // Seven bits and a sign for each of some hundred numbers; random weights have no
            // outliers.
            for have in in_branches.chunks(1200).chain([in_prefix.as_slice()]) {
                let difference = relative_difference(have, want);
                assert!(difference < 0.12, "{} {difference} {config:?}", kernels.name());
            }
        }
    }
}

/// A study that is resumed feeds its history at once where before it came trial by trial;
/// suggestions must not depend on that.
#[test]
fn pieces_groups_and_threads_change_no_bit() {
    for precision in [Precision::F32, Precision::Int8] {
        let model = Model::random(Config::pico(), 9, precision).unwrap();
        let tokens = tokens(150, 31);
        let run = |pieces: &[usize], threads: usize| {
            let (mut cache, mut workspace) = (model.cache(150), Workspace::new());
            workspace.set_threads(threads);
            let mut start = 0;
            for piece in pieces {
                model.extend(&mut cache, &tokens[start..start + piece], &mut workspace).unwrap();
                start += piece;
            }
            let mut all = workspace.hidden().to_vec();
            let mut branches = model.branches();
            branches.reset(40, 9);
            let feed: Vec<u16> = (0..40 * 9).map(|index| (index * 7 % 1200) as u16).collect();
            model.extend_branches(&cache, &mut branches, &feed, &mut workspace).unwrap();
            all.extend_from_slice(workspace.hidden());
            all.extend(all_logits(&model, &mut workspace));
            all
        };
        let whole = run(&[150], 1);
        assert_eq!(run(&[1, 31, 32, 33, 53], 1), whole, "{precision:?}");
        assert_eq!(run(&[13; 11].iter().copied().chain([7]).collect::<Vec<_>>(), 3), whole);
        assert_eq!(run(&[150], 2), whole, "{precision:?}");
    }
}

#[test]
fn a_cache_of_another_precision_is_refused() {
    let floats = Model::random(Config::pico(), 1, Precision::F32).unwrap();
    let bytes = Model::random(Config::pico(), 1, Precision::Int8).unwrap();
    let mut workspace = Workspace::new();
    assert!(floats.extend(&mut bytes.cache(8), &[1], &mut workspace).is_err());
    let mut branches = floats.branches();
    branches.reset(1, 1);
    let cache = bytes.cache(8);
    assert!(bytes.extend_branches(&cache, &mut branches, &[1], &mut workspace).is_err());
}

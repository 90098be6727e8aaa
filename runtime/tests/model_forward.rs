//! The fast forward pass against the plain one.

use optiformer::{
    kernels::Kernels,
    model::{Branches, Cache, Config, Metadata, Model, Weights, Workspace, reference},
};
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// Absolute difference that logits of order one may have; see the issue of rounding in different orders.
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
    let mut generator = Xoshiro256PlusPlus::seed_from_u64(seed);
    (0..count).map(|_| generator.random_range(0..1200)).collect()
}

fn assert_close(have: &[f32], want: &[f32], what: &str) {
    assert_eq!(have.len(), want.len(), "{what}");
    for (index, (have, want)) in have.iter().zip(want).enumerate() {
        assert!((have - want).abs() <= TOLERANCE, "{what}: logit {index} is {have}, not {want}");
    }
}

/// The logits after the last state in the workspace.
fn all_logits(model: &Model, workspace: &Workspace) -> Vec<f32> {
    let rows = workspace.hidden().len() / model.config().hidden_size;
    let mut logits = vec![0.0; rows * 1200];
    model.logits(workspace.hidden(), 0..1200, &mut logits).unwrap();
    logits
}

#[test]
fn a_prefix_in_one_piece_or_many_gives_the_reference_s_logits() {
    for config in shapes() {
        let weights = Weights::random(&config, 7);
        let tokens = tokens(150, 1);
        let expected = reference::logits(&config, &weights, &tokens);
        for kernels in Kernels::available() {
            let model =
                Model::new(config.clone(), Metadata::default(), &weights).with_kernels(kernels);
            for pieces in [vec![150], vec![1, 31, 32, 33, 53], vec![129, 21]] {
                let mut cache = Cache::new(&config, 150);
                let mut workspace = Workspace::new();
                let mut end = 0;
                for piece in pieces {
                    model.extend(&mut cache, &tokens[end..end + piece], &mut workspace).unwrap();
                    end += piece;
                    let want = &expected[(end - 1) * 1200..end * 1200];
                    let what = format!("{} after {end} of {config:?}", kernels.name());
                    assert_close(&all_logits(&model, &workspace), want, &what);
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
            let model =
                Model::new(config.clone(), Metadata::default(), &weights).with_kernels(kernels);
            for (stored, count) in [(0, 3), (45, 60)] {
                let prefix = tokens(stored, 2);
                let mut cache = Cache::new(&config, 64);
                let mut workspace = Workspace::new();
                if stored > 0 {
                    model.extend(&mut cache, &prefix, &mut workspace).unwrap();
                }
                let tails: Vec<Vec<u16>> = (0..count).map(|row| tokens(7, 100 + row)).collect();
                let mut branches = Branches::new(&config);
                branches.reset(count as usize, 7);
                let mut start = 0;
                for each in [2, 1, 4] {
                    let feed: Vec<u16> =
                        tails.iter().flat_map(|tail| tail[start..start + each].to_vec()).collect();
                    model.extend_branches(&cache, &mut branches, &feed, &mut workspace).unwrap();
                    start += each;
                    let logits = all_logits(&model, &workspace);
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
    let model = Model::random(config.clone(), 3).unwrap();
    let (mut cache, mut workspace) = (Cache::new(&config, 100), Workspace::new());
    model.extend(&mut cache, &tokens(80, 5), &mut workspace).unwrap();
    let other = tokens(40, 6);
    cache.truncate(30);
    model.extend(&mut cache, &other, &mut workspace).unwrap();
    let cut = all_logits(&model, &workspace);
    let mut fresh = Cache::new(&config, 100);
    let whole = [&tokens(80, 5)[..30], other.as_slice()].concat();
    model.extend(&mut fresh, &whole, &mut workspace).unwrap();
    assert_close(&cut, &all_logits(&model, &workspace), "after a cut");
}

#[test]
fn a_part_of_the_vocabulary_gives_a_part_of_the_logits() {
    let model = Model::random(Config::pico(), 3).unwrap();
    let mut workspace = Workspace::new();
    let mut cache = Cache::new(model.config(), 10);
    model.extend(&mut cache, &[1001, 1005], &mut workspace).unwrap();
    let all = all_logits(&model, &workspace);
    for range in [0..1, 31..33, 1136..1141, 1199..1200, 5..1190] {
        let mut part = vec![0.0; range.len()];
        model.logits(workspace.hidden(), range.clone(), &mut part).unwrap();
        assert_eq!(part, all[usize::from(range.start)..usize::from(range.end)]);
    }
}

#[test]
fn misuse_is_refused_and_changes_nothing() {
    let config = Config::pico();
    let model = Model::random(config.clone(), 1).unwrap();
    let (mut cache, mut workspace) = (Cache::new(&config, 8), Workspace::new());
    model.extend(&mut cache, &[1001, 1005], &mut workspace).unwrap();
    assert!(model.extend(&mut cache, &[], &mut workspace).is_err());
    let error = model.extend(&mut cache, &[3, 1200], &mut workspace).unwrap_err();
    assert!(error.context().contains("token 1 is 1200"), "{error}");
    assert!(model.extend(&mut cache, &[1; 7], &mut workspace).is_err());
    assert_eq!(cache.tokens(), [1001, 1005]);
    let mut branches = Branches::new(&config);
    assert!(model.extend_branches(&cache, &mut branches, &[1], &mut workspace).is_err());
    branches.reset(2, 3);
    assert!(model.extend_branches(&cache, &mut branches, &[1, 2, 3], &mut workspace).is_err());
    assert!(model.extend_branches(&cache, &mut branches, &[1; 8], &mut workspace).is_err());
    assert_eq!(branches.length(), 0);
    let mut other = Cache::new(&Config::nano(), 8);
    assert!(model.extend(&mut other, &[1], &mut workspace).is_err());
    let mut long = Cache::new(&config, 3000);
    assert!(model.extend(&mut long, &[1; 2049], &mut workspace).is_err());
    let mut logits = [0.0; 4];
    for range in [3..3, 1198..1202] {
        assert!(model.logits(&[0.0; 128], range, &mut logits).is_err());
    }
    assert!(model.logits(&[0.0; 127], 0..4, &mut logits).is_err());
}

//! The forward pass on a graphics processor against the plain one and against the CPU's.
//!
//! Without an adapter these tests say that they were skipped; with `OPTIFORMER_GPU_TESTS=required`
//! in the environment they fail, and with `OPTIFORMER_GPU_TESTS=skip` they are skipped whatever
//! there is.

use std::{io::Write, sync::OnceLock};

use optiformer::{
    ErrorKind,
    gpu::{Device, Gpu, GpuBranches, GpuModel, GpuPrecision, GpuQuestions},
    model::{Config, Metadata, Model, Precision, Weights, Workspace, reference},
    tokenizer::rows::{Entry, Row, Rows},
};
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// Absolute difference that logits of order one to ten may have from those of the same (rounded)
/// weights on the CPU.
const TOLERANCE: f32 = 2e-4;
/// Absolute difference from the logits of the f32 weights: that much the rounding of the weights
/// itself does to random ones.
const ROUNDED_F16: f32 = 6e-3;
const ROUNDED_INT8: f32 = 0.1;

/// The adapter of this machine, or `None` after saying why the test is skipped.
fn adapter() -> Option<&'static Gpu> {
    static ADAPTER: OnceLock<Option<Gpu>> = OnceLock::new();
    let find = || {
        let wish = std::env::var("OPTIFORMER_GPU_TESTS").unwrap_or_default();
        let found = if wish == "skip" {
            Err("OPTIFORMER_GPU_TESTS=skip".to_string())
        } else {
            Gpu::best().map_err(|error| error.to_string())
        };
        let error = match found {
            Ok(gpu) => {
                eprintln!("adapter: {gpu:?}");
                return Some(gpu);
            }
            Err(error) => error,
        };
        assert!(wish != "required", "OPTIFORMER_GPU_TESTS=required, but {error}");
        // Not through `eprintln`, which the test harness keeps to itself when a test passes.
        let _ = writeln!(std::io::stderr(), "skipped, no graphics processor was tested: {error}");
        None
    };
    ADAPTER.get_or_init(find).as_ref()
}

/// The adapter with all it has, and without its subgroups, so that both kinds of shaders run.
fn variants() -> Vec<Gpu> {
    let Some(gpu) = adapter() else { return Vec::new() };
    let mut all = vec![gpu.clone()];
    if gpu.has_subgroups() {
        all.push(gpu.clone().without_subgroups());
    } else {
        eprintln!("{} has no subgroups: their shaders do not run here", gpu.name());
    }
    all
}

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
        of(96, 2, 2, 100, false),
        of(48, 3, 1, 33, true),
        of(20, 2, 5, 7, true),
        of(256, 1, 2, 300, true),
    ]
}

fn tokens(count: usize, seed: u64) -> Vec<u16> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    (0..count).map(|_| rng.random_range(0..1200)).collect()
}

/// The largest difference, which is within the tolerance.
fn assert_close(have: &[f32], want: &[f32], what: &str) -> f32 {
    assert_eq!(have.len(), want.len(), "{what}");
    let mut most = 0.0_f32;
    for (index, (have, want)) in have.iter().zip(want).enumerate() {
        assert!((have - want).abs() <= TOLERANCE, "{what}: logit {index} is {have}, not {want}");
        most = most.max((have - want).abs());
    }
    most
}

#[test]
fn branches_of_many_studies_give_the_logits_of_the_sequences_they_stand_for() {
    for (variant, gpu) in variants().into_iter().enumerate() {
        for config in shapes() {
            let weights = Weights::random(&config, 8);
            for precision in [GpuPrecision::F32, GpuPrecision::F16, GpuPrecision::Int8] {
                // The shader that has a twin does not see the matrices.
                if variant > 0 && precision != GpuPrecision::F32 {
                    continue;
                }
                let what = format!("{} of {config:?} on {gpu:?}", precision.name());
                let model = GpuModel::new(&gpu, &config, &weights, precision).unwrap();
                let rounded = precision.rounded(&config, &weights);
                // Histories of none, few, one page and several pages of tokens; branches of one
                // token and of many.
                let studies: Vec<(Vec<u16>, usize, usize)> =
                    [(0, 3, 2), (5, 1, 1), (64, 17, 7), (150, 33, 3), (45, 2, 40)]
                        .into_iter()
                        .enumerate()
                        .map(|(seed, (stored, count, each))| {
                            (tokens(stored, seed as u64), count, each)
                        })
                        .collect();
                let mut prefixes: Vec<_> =
                    studies.iter().map(|_| model.prefix(200).unwrap()).collect();
                for (prefix, (history, ..)) in prefixes.iter_mut().zip(&studies) {
                    if !history.is_empty() {
                        model.extend(prefix, history).unwrap();
                    }
                }
                let tails: Vec<Vec<u16>> = studies
                    .iter()
                    .map(|(history, count, each)| tokens(count * each, 50 + history.len() as u64))
                    .collect();
                let items: Vec<GpuBranches<'_>> = prefixes
                    .iter()
                    .zip(&studies)
                    .zip(&tails)
                    .map(|((prefix, (_, count, _)), tokens)| GpuBranches {
                        prefix,
                        tokens,
                        count: *count,
                    })
                    .collect();
                let have = model.logits(&items, 0..1200).unwrap();
                let mut most = 0.0_f32;
                let mut rows = have.chunks(1200);
                for ((history, _, each), tail) in studies.iter().zip(&tails) {
                    for (branch, tail) in tail.chunks(*each).enumerate() {
                        let row = rows.next().unwrap();
                        if branch % 16 > 1 {
                            continue;
                        }
                        let whole = [history.as_slice(), tail].concat();
                        let want = reference::logits(&config, &rounded, &whole);
                        let behind = history.len();
                        let what = format!("branch {branch} behind {behind}, {what}");
                        most = most.max(assert_close(row, &want[want.len() - 1200..], &what));
                    }
                }
                assert!(rows.next().is_none());
                eprintln!("largest difference {most:e}: {what}");
            }
        }
    }
}

/// Rows of some slots and values, and a token.
fn rows(config: &Config, count: usize, seed: u64) -> Rows {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut rows = Rows::new();
    for index in 0..count {
        let mut entry = || Entry {
            slot: rng.random_range(0..config.all_slots() as u8),
            value: rng.random_range(0..1200),
        };
        let entries: Vec<Entry> = (0..index % 7).map(|_| entry()).collect();
        rows.push(Row { entries: &entries, tokens: &[rng.random_range(0..1200)] });
    }
    rows
}

#[test]
fn questions_of_many_studies_give_the_reference_s_logits() {
    for (variant, gpu) in variants().into_iter().enumerate() {
        for config in shapes() {
            let config = Config { slots: 9, value_features: 5, prediction_slots: 3, ..config };
            let weights = Weights::random(&config, 8);
            for precision in [GpuPrecision::F32, GpuPrecision::F16, GpuPrecision::Int8] {
                if variant > 0 && precision != GpuPrecision::F32 {
                    continue;
                }
                let what = format!("{} of {config:?} on {gpu:?}", precision.name());
                let model = GpuModel::new(&gpu, &config, &weights, precision).unwrap();
                let rounded = precision.rounded(&config, &weights);
                let sizes = [(0, 3), (5, 1), (64, 17), (150, 33), (45, 2)];
                let studies: Vec<(Rows, Rows)> = (0..)
                    .zip(sizes)
                    .map(|(seed, (stored, count))| {
                        (rows(&config, stored, seed), rows(&config, count, 50 + seed))
                    })
                    .collect();
                let mut prefixes: Vec<_> =
                    studies.iter().map(|_| model.prefix(200).unwrap()).collect();
                // What was there before goes.
                model.history(&mut prefixes[1], &rows(&config, 180, 99)).unwrap();
                let mut items: Vec<_> = prefixes
                    .iter_mut()
                    .zip(&studies)
                    .map(|(prefix, (history, _))| (prefix, history))
                    .filter(|(_, history)| !history.is_empty())
                    .collect();
                model.history_many(&mut items).unwrap();
                let items: Vec<GpuQuestions<'_>> = prefixes
                    .iter()
                    .zip(&studies)
                    .map(|(prefix, (_, rows))| GpuQuestions { prefix, rows })
                    .collect();
                let have = model.question_logits(&items, 0..1200).unwrap();
                let want: Vec<f32> = studies
                    .iter()
                    .flat_map(|(history, questions)| {
                        reference::trial_logits(&config, &rounded, history, questions)
                    })
                    .collect();
                let most = assert_close(&have, &want, &what);
                assert!(prefixes.iter().zip(&studies).all(|(p, study)| p.rows() == &study.0));
                eprintln!("largest difference {most:e}: {what}");
            }
        }
    }
}

#[test]
fn a_batch_of_several_passes_gives_what_the_cpu_gives_for_rows() {
    let Some(gpu) = adapter() else { return };
    let config = Config { layers: 2, ..Config::pico().with_trial_rows() };
    let weights = Weights::random(&config, 5);
    let model = GpuModel::new(gpu, &config, &weights, GpuPrecision::F32).unwrap();
    let cpu = Model::new(config.clone(), Metadata::default(), &weights, Precision::F32);
    let history = rows(&config, 300, 1);
    let mut prefix = model.prefix(300).unwrap();
    model.history(&mut prefix, &history).unwrap();
    let (mut cache, mut workspace) = (cpu.cache(300), Workspace::new());
    cpu.history(&mut cache, &history, &mut workspace).unwrap();
    // 9100 rows are more than go through the layers at a time; then few, with buffers that are too
    // large.
    for count in [9100, 10] {
        let questions = rows(&config, count, 2);
        let item = GpuQuestions { prefix: &prefix, rows: &questions };
        let have = model.question_logits(&[item], 100..131).unwrap();
        cpu.questions(&cache, &questions, &mut workspace).unwrap();
        let mut want = vec![0.0; count * 31];
        cpu.logits(&mut workspace, 0..count, 100..131, &mut want).unwrap();
        assert_close(&have, &want, &format!("{count} questions on {gpu:?}"));
    }
}

#[test]
fn misuse_of_rows_is_refused_and_changes_nothing() {
    let Some(gpu) = adapter() else { return };
    let config = Config { layers: 1, max_positions: 12, ..Config::pico().with_trial_rows() };
    let weights = Weights::random(&config, 1);
    let model = GpuModel::new(gpu, &config, &weights, GpuPrecision::F32).unwrap();
    let history = rows(&config, 5, 1);
    let mut prefix = model.prefix(8).unwrap();
    model.history(&mut prefix, &history).unwrap();
    let mut stranger = Rows::new();
    stranger.push(Row { entries: &[Entry { slot: 35, value: 0 }], tokens: &[] });
    for (bad, part) in [
        (&Rows::new(), "no rows"),
        (&stranger, "slot 35"),
        (&rows(&config, 9, 1), "do not fit"),
        (&rows(&config, 13, 1), "more than the model's 12"),
    ] {
        let error = model.history(&mut prefix, bad).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidValue);
        assert!(error.context().contains(part), "{error}");
    }
    let error = model.extend(&mut prefix, &[1]).unwrap_err();
    assert!(error.context().contains("\"trials\", not \"tokens\""), "{error}");
    assert_eq!(prefix.rows(), &history);
    let ask = |rows: &Rows, range| {
        model.question_logits(&[GpuQuestions { prefix: &prefix, rows }], range)
    };
    assert!(ask(&stranger, 0..5).is_err());
    assert!(ask(&history, 5..5).is_err());
    assert!(model.question_logits(&[], 0..5).is_err());
    assert!(
        model.logits(&[GpuBranches { prefix: &prefix, tokens: &[1], count: 1 }], 0..5).is_err()
    );
    assert_eq!(ask(&history, 0..5).unwrap().len(), 25);
    let without = Weights { trials: None, ..weights };
    let error = GpuModel::new(gpu, &config, &without, GpuPrecision::F32).unwrap_err();
    assert!(error.context().contains("tables of trials"), "{error}");
}

#[test]
fn a_batch_of_several_passes_gives_what_the_cpu_gives() {
    for gpu in variants() {
        let config = Config { layers: 2, ..Config::pico() };
        let weights = Weights::random(&config, 5);
        let model = GpuModel::new(&gpu, &config, &weights, GpuPrecision::F32).unwrap();
        let cpu = Model::new(config.clone(), Metadata::default(), &weights, Precision::F32);
        let (history, tail) = (tokens(300, 1), tokens(1300 * 7, 2));
        let mut prefix = model.prefix(300).unwrap();
        model.extend(&mut prefix, &history).unwrap();
        let (mut cache, mut workspace) = (cpu.cache(300), Workspace::new());
        cpu.extend(&mut cache, &history, &mut workspace).unwrap();
        let mut branches = cpu.branches();
        // 9100 rows are more than go through the layers at a time; then few, with buffers that are
        // too large.
        for count in [1300, 10] {
            let tail = &tail[..count * 7];
            let item = GpuBranches { prefix: &prefix, tokens: tail, count };
            let have = model.logits(&[item], 100..131).unwrap();
            branches.reset(count, 7);
            cpu.extend_branches(&cache, &mut branches, tail, &mut workspace).unwrap();
            let mut want = vec![0.0; count * 31];
            cpu.logits(&mut workspace, 0..count, 100..131, &mut want).unwrap();
            assert_close(&have, &want, &format!("{count} candidates on {gpu:?}"));
        }
    }
}

#[test]
fn a_history_in_one_piece_or_many_or_cut_back_is_the_same() {
    for gpu in variants() {
        let config = Config { layers: 2, ..Config::pico() };
        let weights = Weights::random(&config, 7);
        let model = GpuModel::new(&gpu, &config, &weights, GpuPrecision::F32).unwrap();
        let history = tokens(400, 1);
        let question = tokens(3, 2);
        let whole = [history.as_slice(), &question].concat();
        let want = reference::logits(&config, &weights, &whole);
        let want = &want[want.len() - 1200..];
        for pieces in [vec![400], vec![1, 31, 33, 64, 271], vec![270, 130]] {
            let mut prefix = model.prefix(512).unwrap();
            let mut end = 0;
            for piece in &pieces {
                model.extend(&mut prefix, &history[end..end + piece]).unwrap();
                end += piece;
            }
            assert_eq!(prefix.tokens(), history);
            let item = GpuBranches { prefix: &prefix, tokens: &question, count: 1 };
            let have = model.logits(&[item], 0..1200).unwrap();
            assert_close(&have, want, &format!("pieces {pieces:?}"));
        }
        // Several grow in one submission, one of them after a cut, while a third is not touched.
        let mut cut = model.prefix(512).unwrap();
        let mut fresh = model.prefix(400).unwrap();
        let mut other = model.prefix(100).unwrap();
        model.extend(&mut other, &history[..100]).unwrap();
        model.extend(&mut cut, &[&history[..90], &tokens(200, 9)].concat()).unwrap();
        cut.truncate(90);
        model.extend_many(&mut [(&mut cut, &history[90..]), (&mut fresh, &history)]).unwrap();
        let items = [&cut, &fresh, &other].map(|prefix| GpuBranches {
            prefix,
            tokens: &question,
            count: 1,
        });
        let have = model.logits(&items, 0..1200).unwrap();
        assert_close(&have[..1200], want, "cut back");
        assert_close(&have[1200..2400], want, "beside another");
        let whole = [&history[..100], &question].concat();
        let want = reference::logits(&config, &weights, &whole);
        assert_close(&have[2400..], &want[want.len() - 1200..], "not touched");
    }
}

#[test]
fn rounded_weights_stay_near_those_of_f32() {
    let Some(gpu) = adapter() else { return };
    let config = Config::pico();
    let weights = Weights::random(&config, 3);
    let whole = tokens(40, 4);
    let want = reference::logits(&config, &weights, &whole);
    for (precision, tolerance) in
        [(GpuPrecision::F16, ROUNDED_F16), (GpuPrecision::Int8, ROUNDED_INT8)]
    {
        let model = GpuModel::new(gpu, &config, &weights, precision).unwrap();
        let prefix = model.prefix(0).unwrap();
        let item = GpuBranches { prefix: &prefix, tokens: &whole, count: 1 };
        let have = model.logits(&[item], 0..1200).unwrap();
        let want = &want[want.len() - 1200..];
        let most = have.iter().zip(want).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        eprintln!("{}: logits differ from those of f32 by at most {most}", precision.name());
        assert!(most <= tolerance, "{}: {most}", precision.name());
        assert!(most > 0.0, "{} rounds nothing", precision.name());
    }
}

#[test]
fn misuse_is_refused_and_changes_nothing() {
    let Some(gpu) = adapter() else { return };
    let config = Config { layers: 1, ..Config::pico() };
    let weights = Weights::random(&config, 1);
    let model = GpuModel::new(gpu, &config, &weights, GpuPrecision::F32).unwrap();
    let mut prefix = model.prefix(8).unwrap();
    model.extend(&mut prefix, &[1001, 1005]).unwrap();
    assert!(model.extend(&mut prefix, &[]).is_err());
    let error = model.extend(&mut prefix, &[3, 1200]).unwrap_err();
    assert!(error.context().contains("token 1 is 1200"), "{error}");
    assert!(model.extend(&mut prefix, &[1; 7]).is_err());
    assert!(model.extend_many(&mut []).is_err());
    assert_eq!(prefix.tokens(), [1001, 1005]);
    let ask = |tokens: &[u16], count, range| {
        model.logits(&[GpuBranches { prefix: &prefix, tokens, count }], range)
    };
    assert_eq!(ask(&[1, 2], 2, 5..8).unwrap().len(), 6);
    for (tokens, count, range) in [
        (&[1, 2, 3][..], 2, 0..1),
        (&[1], 0, 0..1),
        (&[], 1, 0..1),
        (&[1200], 1, 0..1),
        (&[1; 2048], 1, 0..1),
        (&[1], 1, 3..3),
        (&[1], 1, 1199..1201),
    ] {
        let error = ask(tokens, count, range.clone()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidValue, "{count} {range:?}: {error}");
    }
    assert!(model.logits(&[], 0..1).is_err());
    assert!(model.prefix(3000).is_err());
    let other = GpuModel::new(gpu, &config, &weights, GpuPrecision::F32).unwrap();
    let item = GpuBranches { prefix: &prefix, tokens: &[1], count: 1 };
    assert!(other.logits(&[item], 0..1).unwrap_err().context().contains("another model"));
    let larger = Config { hidden_size: 160, ..config.clone() };
    let error = GpuModel::new(gpu, &larger, &weights, GpuPrecision::F32).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidWeights, "{error}");
    // After all that it still answers.
    assert!(ask(&[7], 1, 0..1000).is_ok());
}

#[test]
fn calls_from_many_threads_take_turns() {
    let Some(gpu) = adapter() else { return };
    let config = Config { layers: 2, ..Config::pico() };
    let weights = Weights::random(&config, 6);
    let model = GpuModel::new(gpu, &config, &weights, GpuPrecision::F32).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (model, config, weights) = (&model, &config, &weights);
            scope.spawn(move || {
                let history = tokens(70 + 10 * thread as usize, thread);
                let mut prefix = model.prefix(history.len()).unwrap();
                model.extend(&mut prefix, &history).unwrap();
                let question = tokens(4, 40 + thread);
                let item = GpuBranches { prefix: &prefix, tokens: &question, count: 1 };
                let have = model.logits(&[item], 0..1200).unwrap();
                let want =
                    reference::logits(config, weights, &[history, question.clone()].concat());
                let want = &want[want.len() - 1200..];
                assert_close(&have, want, &format!("thread {thread}"));
            });
        }
    });
}

#[test]
fn an_adapter_that_is_not_there_is_an_error_with_its_reason() {
    let error = Gpu::named("no such adapter").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.context().contains("no graphics adapter"), "{error}");
    let error = Device::Cpu.open().unwrap_err();
    assert!(error.context().contains("CPU"), "{error}");
}

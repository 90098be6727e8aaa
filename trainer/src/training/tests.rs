use rand::{RngExt, SeedableRng};
use tch::Kind;

use super::{schedule::rate, *};
use crate::{
    random::SeededRng,
    sequence::{BinGroup, Target, TargetKind, TrainingSequence},
};

/// Lines through the unit square: after two points the third can be told.
struct Lines;

impl Lines {
    fn batch(seed: u64) -> Vec<TrainingSequence> {
        let mut rng = SeededRng::seed_from_u64(seed);
        (0..24)
            .map(|_| {
                let (left, right): (f32, f32) = (rng.random(), rng.random());
                let mut sequence = TrainingSequence::default();
                sequence.tokens.extend([1001, 1005]);
                for _ in 0..8 {
                    let x: f32 = rng.random();
                    let y = left + (right - left) * x;
                    sequence.tokens.extend([1003, 1008, (x * 999.0) as u16, 1004]);
                    sequence.targets.push(Target {
                        index: sequence.tokens.len() as u32 - 1,
                        kind: TargetKind::Bin {
                            center: y * 1000.0,
                            deviation: 10.0,
                            group: BinGroup::Score,
                        },
                        weight: 1.0,
                    });
                    sequence.tokens.push((y * 999.0) as u16);
                }
                let length = sequence.tokens.len();
                sequence.positions = (0..length as u16).collect();
                sequence.branch = vec![0; length];
                sequence.visible = vec![0; length];
                sequence
            })
            .collect()
    }
}

impl BatchSource for Lines {
    fn training(&self, step: u64) -> Result<Examples> {
        Ok(Examples::Sequences(Self::batch(step)))
    }

    fn validation(&self, index: u64) -> Option<Result<Examples>> {
        (index < 2).then(|| Ok(Examples::Sequences(Self::batch(u64::MAX - index))))
    }
}

fn options(name: &str, steps: u64) -> TrainingOptions {
    let directory = std::env::temp_dir().join(format!("optiformer-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&directory);
    TrainingOptions {
        steps,
        minutes: None,
        rate: 3e-3,
        warm_up: 10,
        fall: 1.0,
        begin_from: None,
        weight_decay: 0.01,
        clip: 1.0,
        muon: None,
        accumulate: 1,
        average: 0.98,
        validate_every: 20,
        log_every: 5,
        patience: None,
        precision: Kind::Float,
        seed: 1,
        settings: String::from("lines"),
        directory,
        resume: false,
    }
}

fn tiny() -> Config {
    Config { hidden_size: 32, layers: 2, heads: 2, feed_forward_size: 64, ..Config::pico() }
}

fn run(options: &TrainingOptions) -> Result<Checkpoint> {
    let source: Arc<dyn BatchSource> = Arc::new(Lines);
    train(&tiny(), &source, options, Device::Cpu, &Arc::new(AtomicBool::new(false)))
}

#[test]
fn the_loss_falls_far_below_chance() {
    let options = options("falls", 250);
    let last = run(&options).unwrap();
    // Chance is ln 1000 = 6.9; what only the marginal distribution gives stays above 6.5.
    assert!(last.progress.validation.0 < 6.45, "{}", last.progress.validation.0);
    let entries = log::read(&options.directory.join("log.csv")).unwrap();
    assert!(entries[0].score > 6.5);
    assert!(options.directory.join("log.svg").exists());
    std::fs::remove_dir_all(options.directory).unwrap();
}

#[test]
fn a_resumed_run_equals_an_uninterrupted_one() {
    let whole = options("whole", 30);
    let expected = run(&whole).unwrap();
    let parts = options("parts", 30);
    // Stops early by patience, which does not touch the schedule.
    let early = TrainingOptions { patience: Some(0), validate_every: 12, ..parts.clone() };
    let stopped = run(&early).unwrap();
    assert!(stopped.progress.step < 30);
    let resumed = run(&TrainingOptions { resume: true, ..parts.clone() }).unwrap();
    assert_eq!(resumed.progress.step, 30);
    assert_eq!(resumed.progress.tokens, expected.progress.tokens);
    assert!(resumed.parameters.equal(&expected.parameters), "weights differ after resuming");
    assert!(resumed.average.equal(&expected.average));
    let error = run(&parts).unwrap_err();
    assert!(error.context().contains("a run already"), "{error}");
    let other = TrainingOptions { resume: true, settings: String::from("other"), ..parts.clone() };
    assert!(run(&other).unwrap_err().context().contains("other settings"));
    std::fs::remove_dir_all(whole.directory).unwrap();
    std::fs::remove_dir_all(parts.directory).unwrap();
}

#[test]
fn the_rate_rises_and_falls_with_steps_or_time() {
    let mut options = options("rate", 1000);
    assert!(rate(&options, 0, 0.0) < 0.2 * options.rate);
    assert!(rate(&options, 20, 0.0) > 0.98 * options.rate);
    assert!(rate(&options, 1000, 0.0) < 0.021 * options.rate);
    options.minutes = Some(1.0);
    assert!(rate(&options, 20, 60.0) < 0.021 * options.rate);
}

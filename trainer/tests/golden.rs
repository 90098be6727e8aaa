//! Digests of everything that is drawn from a seed: functions, trajectories, training sequences,
//! episodes and benchmark functions. A refactoring leaves them as they are; a change that is meant
//! to draw other functions raises `generators::VERSION` and replaces the digests with the printed
//! ones.

use optiformer_trainer::{
    dataset::{
        encoder::{EncoderOptions, encode},
        record::Record,
        source::ShardSourceOptions,
    },
    episodes::{
        EpisodeOptions,
        source::{EpisodeSource, EpisodeSourceOptions},
    },
    evaluation::{
        functions::{BENCHMARK_FUNCTIONS, BenchmarkInstance},
        suites,
    },
    generators::{FunctionOptions, SampledFunction},
    problem::{Activation, ParameterKind},
    random::SeededRng,
    sequence::{BinGroup, Target, TargetKind},
    training::{BatchSource, Examples},
    trajectories::{self, TeacherMixture},
};
use rand::SeedableRng;

/// Teachers whose suggestions stay as they are when a sampler is improved.
const TEACHERS: &str = "random:1,sobol:1,oracle_guided:4";

/// FNV-1a over the bits of numbers.
struct Digest(u64);

impl Digest {
    fn new() -> Self {
        Self(0xCBF2_9CE4_8422_2325)
    }

    fn word(&mut self, word: u64) {
        for byte in word.to_le_bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
        }
    }

    fn float(&mut self, value: f64) {
        self.word(value.to_bits());
    }

    fn floats(&mut self, values: &[f64]) {
        values.iter().for_each(|value| self.float(*value));
    }

    fn loss(&mut self, loss: Option<f64>) {
        self.float(loss.unwrap_or(f64::NAN));
    }

    fn space(&mut self, kinds: &[ParameterKind], activations: &[Option<Activation>]) {
        for kind in kinds {
            let (tag, count) = match *kind {
                ParameterKind::Continuous => (0, 0),
                ParameterKind::Levels(count) => (1, count),
                ParameterKind::Categorical(count) => (2, count),
                ParameterKind::LogLevels(count) => (3, count),
            };
            self.word(tag << 32 | u64::from(count));
        }
        for activation in activations {
            let (parent, values) =
                activation.map_or((u64::MAX, 0), |one| (one.parent as u64, one.values));
            self.word(parent);
            self.word(values);
        }
    }

    fn targets(&mut self, targets: &[Target]) {
        for target in targets {
            self.word(u64::from(target.index));
            self.float(f64::from(target.weight));
            match target.kind {
                TargetKind::Bin { center, deviation, group } => {
                    self.float(f64::from(center));
                    self.float(f64::from(deviation));
                    self.word(u64::from(group == BinGroup::Score));
                }
                TargetKind::Category { code, legal } => {
                    self.word(u64::from(code));
                    self.word(legal);
                }
            }
        }
    }

    /// Compares with the digest that is kept.
    #[track_caller]
    fn is(&self, expected: u64) {
        assert_eq!(self.0, expected, "the digest is now 0x{:016X}", self.0);
    }
}

#[test]
fn functions_are_the_same() {
    let mut digest = Digest::new();
    for index in 0..80 {
        let SampledFunction { function, probes, optimum, mut rng } =
            SampledFunction::draw(&FunctionOptions::default(), 7, index);
        digest.word(function.family as u64);
        digest.space(&function.structure.kinds, &function.structure.activations);
        for (loss, values) in probes.points().iter().step_by(16) {
            digest.float(*loss);
            digest.floats(values);
        }
        digest.floats(&optimum.values);
        digest.float(optimum.loss);
        for _ in 0..8 {
            let values = function.uniform(&mut rng);
            let near = function.near(&values, 0.2, &mut rng);
            digest.floats(&near);
            digest.loss(function.evaluate(&values));
            digest.loss(function.observe(&near, &mut rng));
        }
    }
    digest.is(0xAC9E_EADF_E457_79F9);
}

fn records() -> Vec<Record> {
    let teachers: TeacherMixture = TEACHERS.parse().unwrap();
    let record = |index| {
        trajectories::record(&FunctionOptions::default(), &teachers, 16, 11, index).unwrap()
    };
    (0..40).map(record).collect()
}

#[test]
fn trajectories_and_their_sequences_are_the_same() {
    let (mut recorded, mut encoded) = (Digest::new(), Digest::new());
    let mut rng = SeededRng::seed_from_u64(5);
    for record in records() {
        recorded.word(record.family as u64);
        recorded.space(&record.kinds, &record.activations);
        recorded.float(f64::from(record.optimum_loss));
        record.optimum.iter().for_each(|value| recorded.float(f64::from(*value)));
        for trial in &record.trials {
            recorded.word(trial.teacher as u64);
            recorded.word(u64::from(trial.failed));
            recorded.float(f64::from(trial.loss));
            trial.coordinates.iter().for_each(|value| recorded.float(f64::from(*value)));
        }
        for _ in 0..4 {
            let sequence = encode(&record, &EncoderOptions::default(), &mut rng);
            for numbers in
                [&sequence.tokens, &sequence.positions, &sequence.branch, &sequence.visible]
            {
                numbers.iter().for_each(|number| encoded.word(u64::from(*number)));
            }
            encoded.targets(&sequence.targets);
        }
    }
    recorded.is(0x5E29_079D_61C1_19B1);
    encoded.is(0x1C9D_86CB_335B_3330);
}

fn episode_options() -> EpisodeSourceOptions {
    EpisodeSourceOptions {
        episodes: EpisodeOptions {
            max_trials: 60,
            prediction_share: 0.0,
            ..EpisodeOptions::default()
        },
        functions: FunctionOptions::default(),
        batch_rows: 512,
        episodes_per_function: 3,
        validation_batches: 2,
        seed: 3,
    }
}

#[test]
fn episodes_are_the_same() {
    let options = EpisodeSourceOptions {
        episodes: EpisodeOptions {
            teachers: TEACHERS.parse().unwrap(),
            acquisition_share: 0.0,
            ..episode_options().episodes
        },
        ..episode_options()
    };
    let source = EpisodeSource::new(options, 2).unwrap();
    let mut digest = Digest::new();
    let batches = [source.training(0), source.training(9), source.validation(1).unwrap()];
    for batch in batches {
        let Ok(Examples::Episodes(episodes)) = batch else { panic!("a batch of episodes") };
        for episode in episodes {
            digest.word(episode.history as u64);
            digest.word(episode.summary.parameters as u64);
            digest.word(episode.summary.told as u64);
            for row in episode.rows.iter() {
                for entry in row.entries {
                    digest.word(u64::from(entry.slot) << 32 | u64::from(entry.value));
                }
                row.tokens.iter().for_each(|token| digest.word(u64::from(*token)));
            }
            digest.targets(&episode.targets);
        }
    }
    digest.is(0xE033_659D_8C7D_5723);
}

#[test]
fn benchmark_functions_are_the_same() {
    let mut digest = Digest::new();
    for family in BENCHMARK_FUNCTIONS {
        for dimensions in [2, 5] {
            let instance = BenchmarkInstance::new(*family, dimensions, 3);
            digest.floats(&instance.optimum());
            for step in 0..6 {
                let unit: Vec<f64> = (0..dimensions)
                    .map(|index| (0.13 + 0.37 * f64::from(step) + 0.61 * index as f64).fract())
                    .collect();
                digest.float(instance.evaluate(&unit));
            }
        }
    }
    for problem in (suites::generated(4, &[2, 3, 5]).make)(1) {
        digest.loss(problem.optimum);
        let unit = vec![0.4; problem.space.len()];
        digest.loss((problem.objective)(&problem.space.from_unit(&unit)));
    }
    digest.is(0x3139_E98E_3378_DA6B);
}

/// A run goes on from a checkpoint with the same settings alone: the text is part of the
/// checkpoint's format.
#[test]
fn the_settings_in_checkpoints_are_the_same() {
    assert_eq!(
        episode_options().settings(),
        "SourceOptions { episodes: EpisodeOptions { teachers: Teachers { weights: \
         [(Designed, 10.0), (Tpe, 3.0), (LocalSearch, 2.0), (Random, 2.0), (Sobol, 1.0), \
         (CmaEs, 1.0), (Gp, 1.0)] }, longest: 60, queries: 48, policy_queries: 6, boxed: 0.35, \
         acquisition: 0.06, score_deviation: 3.0, value_deviation: 5.0, value_weight: 0.15, \
         slots: 32 }, functions: FunctionOptions { most_dimensions: 20, continuous: 0.3, \
         conditional: 0.25, switched: 0.12, noisy: 0.4, crashing: 0.1 }, batch_rows: 512, \
         episodes_per_function: 3, validation_batches: 2, seed: 3 }"
    );
    let mut with_predictions = episode_options();
    with_predictions.episodes.prediction_share = 0.5;
    let settings = with_predictions.settings();
    assert!(
        settings.contains("acquisition: 0.06, predictions: 0.5, score_deviation"),
        "{settings}"
    );
    let shards = ShardSourceOptions {
        encoder: EncoderOptions::default(),
        batch_tokens: 2048,
        ramp_steps: 3000,
        held_out: 50,
        validation_batches: 24,
        seed: 1,
    };
    assert_eq!(
        shards.settings(),
        "SourceOptions { encoder: EncoderOptions { context: 512, branches: 6, zoomed: 0.4, \
         score_deviation: 5.0, value_deviation: 5.0, value_weight: 0.5, optimal: 0.75 }, \
         batch_tokens: 2048, ramp_steps: 3000, held_out: 50, validation_batches: 24, seed: 1 }"
    );
}

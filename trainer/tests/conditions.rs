//! Conditions from the generator to the tokens: functions with conditional parameters, their
//! trajectories in a shard and back, and the sequences made of them.

use optiformer::tokenizer::vocabulary::{BINS, CATEGORIES, SCORE, SLOTS, TARGET_REGRET, TRIAL_SEP};
use optiformer_trainer::{
    dataset::{
        encoder::{EncoderOptions, encode},
        record::{INACTIVE, Record, RecordedTrial, Teacher},
        shard::{self, Header, Reader},
    },
    generators::{self, FunctionOptions},
    problem::{Activation, FunctionFamily, ParameterKind, active},
    random::SeededRng,
    sequence::TargetKind,
    trajectories::{self, TeacherMixture},
};
use rand::SeedableRng;

fn options() -> FunctionOptions {
    FunctionOptions {
        continuous: 0.0,
        conditional: 1.0,
        max_dimensions: 6,
        ..FunctionOptions::default()
    }
}

fn records(teachers: &str, count: u64) -> Vec<Record> {
    let teachers: TeacherMixture = teachers.parse().unwrap();
    let record = |index| trajectories::record(&options(), &teachers, 20, 11, index).unwrap();
    (0..count).map(record).collect()
}

/// A trial's part of a sequence: slots and values, without separator and score.
fn trials(tokens: &[u16]) -> Vec<Vec<(u16, u16)>> {
    assert!(TARGET_REGRET.contains(&tokens[1]));
    let mut trials = Vec::new();
    let mut at = 2;
    while at < tokens.len() {
        assert_eq!(tokens[at], TRIAL_SEP);
        at += 1;
        let mut pairs = Vec::new();
        while tokens[at] != SCORE {
            assert!(SLOTS.contains(&tokens[at]), "{} where a slot is due", tokens[at]);
            pairs.push((tokens[at], tokens[at + 1]));
            at += 2;
        }
        assert!(usize::from(tokens[at + 1]) < BINS, "a score");
        at += 2;
        trials.push(pairs);
    }
    trials
}

#[test]
fn conditional_trajectories_come_back_from_a_shard() {
    let records = records("tpe:1,random:1,oracle_guided:1", 40);
    let header = Header {
        seed: 11,
        first: 0,
        records: records.len() as u64,
        trials: 20,
        teachers: String::from("tpe:1,random:1,oracle_guided:1"),
        max_dimensions: 6,
        generators: generators::VERSION,
    };
    let file = format!("optiformer-conditions-{}.shard", std::process::id());
    let path = std::env::temp_dir().join(file);
    shard::write(&path, &header, &records).unwrap();
    let read: Vec<Record> = Reader::open(&path).unwrap().map(Result::unwrap).collect();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(read, records);
    let conditional =
        records.iter().filter(|record| record.activations.iter().any(Option::is_some)).count();
    assert!(conditional > 30, "{conditional} of 40 records have conditions");
    // Both states are seen, and every teacher keeps to the conditions.
    let mut seen = [0; 2];
    for record in &records {
        for trial in &record.trials {
            let value = |index: usize| {
                record.kinds[index]
                    .value_of_coordinate(f64::from(trial.coordinates[index]))
                    .max(0.0)
            };
            for (index, active) in active(&record.activations, value).into_iter().enumerate() {
                assert_eq!(active, trial.coordinates[index] != INACTIVE);
                seen[usize::from(active)] += usize::from(record.activations[index].is_some());
            }
        }
    }
    assert!(seen[0] > 200 && seen[1] > 200, "{seen:?}");
}

/// A model `x0` of three; `x1` belongs to the first, `x2` to the other two, `x3` to all.
fn written() -> Record {
    let kinds = vec![
        ParameterKind::Categorical(3),
        ParameterKind::Levels(5),
        ParameterKind::Continuous,
        ParameterKind::Continuous,
    ];
    let when = |values| Some(Activation { parent: 0, values });
    let trial = |number: u16| {
        let first = number.is_multiple_of(3);
        RecordedTrial {
            coordinates: vec![
                f32::from(number % 3),
                if first { 0.5 } else { INACTIVE },
                if first { INACTIVE } else { 0.25 },
                f32::from(number) / 30.0,
            ],
            loss: f32::from(number * 7 % 11),
            failed: false,
            teacher: Teacher::Random,
        }
    };
    Record {
        family: FunctionFamily::Trees,
        kinds,
        activations: vec![None, when(0b001), when(0b110), None],
        trials: (0..30).map(trial).collect(),
        optimum: vec![1.0, INACTIVE, 0.75, 0.5],
        optimum_loss: -1.0,
    }
}

#[test]
fn inactive_parameters_are_left_out_and_parents_come_first() {
    let record = written();
    let encoder = EncoderOptions {
        zoom_probability: 0.0,
        optimum_probability: 1.0,
        ..EncoderOptions::default()
    };
    let mut rng = SeededRng::seed_from_u64(1);
    let mut orders = std::collections::BTreeSet::new();
    for _ in 0..100 {
        let sequence = encode(&record, &encoder, &mut rng);
        let trunk = sequence.branch.iter().filter(|branch| **branch == 0).count();
        let trials = trials(&sequence.tokens[..trunk]);
        assert_eq!(trials.len(), 30);
        // Which slot is the model's: the one whose values are categories.
        let category = |pair: &&(u16, u16)| CATEGORIES.contains(&pair.1);
        let model = trials[0].iter().find(category).unwrap().0;
        let mut companions = std::collections::BTreeMap::<u16, Vec<u16>>::new();
        for trial in &trials {
            assert_eq!(trial.len(), 3, "one of x1 and x2 is left out");
            let at = trial.iter().position(|pair| pair.0 == model).unwrap();
            let choice = trial[at].1;
            // Two slots beside the model's: x3's and the conditional one's. The model is named
            // before the latter.
            let slots: Vec<u16> =
                trial.iter().map(|pair| pair.0).filter(|slot| *slot != model).collect();
            let mut sorted = slots.clone();
            sorted.sort_unstable();
            let before = companions.entry(choice).or_insert_with(|| sorted.clone());
            assert_eq!(*before, sorted, "the same choice has the same parameters");
            orders.insert(at);
            assert!(at < 2, "the model is named before what depends on it");
        }
        assert_eq!(companions.len(), 3);
        let distinct: std::collections::BTreeSet<&Vec<u16>> = companions.values().collect();
        assert_eq!(distinct.len(), 2, "x1 with one choice, x2 with the two others");

        // Branches name the optimum: the model's choice, x2 and x3, each a target right before its
        // token.
        for branch in 1..=encoder.branches {
            let tokens: Vec<(usize, u16)> = (0..sequence.tokens.len())
                .filter(|index| usize::from(sequence.branch[*index]) == branch)
                .map(|index| (index, sequence.tokens[index]))
                .collect();
            // The separator, three slots, and the values of all but the last.
            assert_eq!(tokens.len(), 1 + 3 + 2);
            let targets: Vec<_> = sequence
                .targets
                .iter()
                .filter(|target| tokens.iter().any(|token| token.0 == target.index as usize))
                .collect();
            assert_eq!(targets.len(), 3);
            for target in targets {
                let slot = sequence.tokens[target.index as usize];
                assert!(SLOTS.contains(&slot));
                let categorical = matches!(target.kind, TargetKind::Category { legal: 0b111, .. });
                assert_eq!(categorical, slot == model);
            }
        }
    }
    assert_eq!(orders.into_iter().collect::<Vec<_>>(), [0, 1], "orders differ");
}

/// Flipped axes, renumbered choices and moved parents: whatever is drawn, the sequences are
/// well-formed.
#[test]
fn sequences_of_drawn_conditional_functions_are_well_formed() {
    let encoder = EncoderOptions::default();
    let mut rng = SeededRng::seed_from_u64(2);
    let mut short = 0;
    for record in records("random:1,oracle_guided:1", 120) {
        for _ in 0..5 {
            let sequence = encode(&record, &encoder, &mut rng);
            let trunk = sequence.branch.iter().filter(|branch| **branch == 0).count();
            for trial in trials(&sequence.tokens[..trunk]) {
                assert!((1..=record.kinds.len()).contains(&trial.len()));
                short += usize::from(trial.len() < record.kinds.len());
                for (_, value) in trial {
                    assert!(usize::from(value) < BINS || CATEGORIES.contains(&value));
                }
            }
            for target in &sequence.targets {
                assert!((target.index as usize) < sequence.tokens.len());
            }
        }
    }
    assert!(short > 500, "{short}");
}

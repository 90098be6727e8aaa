use optiformer::samplers::NAMES;
use rayon::prelude::*;

use super::*;
use crate::problem::{active, space};

fn records(threads: usize, teachers: &str, count: u64) -> Vec<Record> {
    let teachers: TeacherMixture = teachers.parse().unwrap();
    let options = FunctionOptions::default();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| {
        (0..count)
            .into_par_iter()
            .map(|index| record(&options, &teachers, 24, 3, index).unwrap())
            .collect()
    })
}

#[test]
fn trajectories_do_not_depend_on_the_number_of_threads() {
    let mixture =
        if NAMES.contains(&"tpe") { "tpe,random,oracle_guided" } else { "random,oracle_guided" };
    let one = records(1, mixture, 40);
    assert_eq!(one, records(3, mixture, 40));
    let mut teachers_seen = std::collections::BTreeSet::new();
    for record in &one {
        assert_eq!(record.trials.len(), 24);
        teachers_seen.extend(record.trials.iter().map(|trial| trial.teacher));
    }
    assert_eq!(teachers_seen.len(), mixture.split(',').count());
    assert_ne!(one[0], one[1]);
}

#[test]
fn what_is_recorded_is_legal_and_not_below_the_optimum() {
    let (mut failed, mut inactive) = (0, 0);
    for index in 0..150 {
        let options = FunctionOptions { noisy: 0.0, ..FunctionOptions::default() };
        let teachers: TeacherMixture = "random:1,oracle_guided:2".parse().unwrap();
        let record = record(&options, &teachers, 30, 5, index).unwrap();
        let space = space(&record.kinds, &record.activations);
        let mut legal = |coordinates: &[f32]| {
            let value = |index: usize| {
                record.kinds[index].value_of_coordinate(f64::from(coordinates[index])).max(0.0)
            };
            let active = active(&record.activations, value);
            inactive += active.iter().filter(|active| !**active).count();
            coordinates.len() == record.kinds.len()
                && coordinates.iter().zip(space.parameters()).zip(active).all(
                    |((coordinate, parameter), active)| {
                        let coordinate = f64::from(*coordinate);
                        let domain = parameter.domain();
                        if !active {
                            return coordinate == f64::from(INACTIVE);
                        }
                        if domain.is_categorical() {
                            return domain.contains(coordinate);
                        }
                        // On the middle of a cell, and inside.
                        let value = domain.from_unit(coordinate);
                        (domain.to_unit(value) - coordinate).abs() < 1e-6
                            && (0.0..=1.0).contains(&coordinate)
                    },
                )
        };
        assert!(legal(&record.optimum));
        for trial in &record.trials {
            assert!(legal(&trial.coordinates) && trial.loss.is_finite());
            failed += usize::from(trial.failed);
            assert!(trial.failed || trial.loss >= record.optimum_loss);
        }
    }
    assert!(failed > 0 && inactive > 0, "{failed} failed trials, {inactive} inactive values");
}

#[test]
fn designed_histories_get_better_and_stay_diverse() {
    let teachers: TeacherMixture = "oracle_guided".parse().unwrap();
    let mut gains = 0;
    for index in 0..60 {
        let options = FunctionOptions { noisy: 0.0, continuous: 1.0, ..FunctionOptions::default() };
        let record = record(&options, &teachers, 60, 1, index).unwrap();
        let median = |trials: &[RecordedTrial]| {
            let mut losses: Vec<f32> =
                trials.iter().filter(|trial| !trial.failed).map(|trial| trial.loss).collect();
            losses.sort_unstable_by(f32::total_cmp);
            losses[losses.len() / 2]
        };
        gains += usize::from(median(&record.trials[30..]) < median(&record.trials[..30]));
        let same =
            record.trials.windows(2).filter(|pair| pair[0].coordinates == pair[1].coordinates);
        assert!(same.count() < 10);
    }
    // By chance it would be half of them.
    assert!(gains > 40, "{gains} of 60 late halves are better");
}

#[test]
fn mixtures_are_checked() {
    for bad in ["", "cma:1", "tpe:-1", "tpe:x", "tpe:0", "random,,"] {
        assert!(bad.parse::<TeacherMixture>().is_err(), "{bad}");
    }
}

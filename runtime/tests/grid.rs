//! Grid search: each point exactly once, in any story of a study, and then the end.
#![cfg(feature = "classical")]

use std::collections::BTreeSet;

use optiformer::{
    ErrorKind,
    samplers::{GridOptions, GridOrder, GridSampler, Request, Sampler},
    space::{Configuration, Parameter, Space},
    study::{Direction, Outcome, Study},
    trial::Observation,
};
use proptest::prelude::*;

fn sampler(points: u64, order: GridOrder) -> GridSampler {
    let mut options = GridOptions::default();
    (options.points, options.order) = (points, order);
    GridSampler::new(options).unwrap()
}

fn conditional() -> Space {
    Space::new(vec![
        Parameter::float("x", 0.0, 1.0),
        Parameter::categorical("kind", ["a", "b", "c"]),
        Parameter::int("n", 1, 100).when("kind", ["a", "b"]),
        Parameter::float("rate", 1e-4, 1.0).log().when("kind", ["b"]),
    ])
    .unwrap()
}

/// 3 values of `x` times 3 with kind a, 9 with b, and 1 with c.
const POINTS: usize = 39;

fn floats(count: usize) -> Space {
    let parameters = (0..count).map(|index| Parameter::float(format!("x{index}"), 0.0, 1.0));
    Space::new(parameters.collect()).unwrap()
}

fn key(configuration: &Configuration) -> Vec<Option<u64>> {
    configuration.values().iter().map(|value| value.map(f64::to_bits)).collect()
}

fn study(order: GridOrder, seed: u64) -> Study {
    Study::new(conditional(), Direction::Minimize, Box::new(sampler(3, order)), seed)
}

/// Asks and tells until the end.
fn finish(study: &mut Study) {
    loop {
        match study.ask() {
            Ok(trial) if trial.id % 5 == 4 => study.fail(trial.id, "by design").unwrap(),
            Ok(trial) => study.tell(trial.id, Outcome::Value(trial.id as f64)).unwrap(),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Exhausted);
                assert!(error.context().contains("all 39 points"), "{error}");
                return;
            }
        }
    }
}

/// The trials' configurations, without those that lie between the points.
fn tried(study: &Study) -> Vec<Vec<Option<u64>>> {
    let on_grid = |it: &&Configuration| [0.0, 0.5, 1.0].contains(&it.get(0).unwrap());
    study.trials().iter().map(|trial| &trial.configuration).filter(on_grid).map(key).collect()
}

#[test]
fn every_point_comes_once_and_failures_count() {
    let mut orders = BTreeSet::new();
    for (order, seed) in [(GridOrder::Random, 1), (GridOrder::Random, 2), (GridOrder::Given, 1)] {
        let mut study = study(order, seed);
        finish(&mut study);
        let tried = tried(&study);
        assert_eq!(tried.len(), POINTS);
        assert_eq!(tried.iter().collect::<BTreeSet<_>>().len(), POINTS);
        orders.insert(tried);
    }
    assert_eq!(orders.len(), 3, "the seeds have orders of their own");
}

#[test]
fn the_given_order_is_lexicographic() {
    let mut study = study(GridOrder::Given, 7);
    finish(&mut study);
    let values: Vec<_> =
        study.trials().iter().map(|it| it.configuration.values().to_vec()).collect();
    assert_eq!(values[0], [Some(0.0), Some(0.0), Some(1.0), None]);
    assert_eq!(values[3], [Some(0.0), Some(1.0), Some(1.0), Some(1e-4)]);
    assert_eq!(values[4], [Some(0.0), Some(1.0), Some(1.0), Some(0.01)]);
    assert_eq!(values[12], [Some(0.0), Some(2.0), None, None]);
    assert!(values.is_sorted());
}

#[test]
fn what_others_tried_takes_no_turn() {
    for order in [GridOrder::Random, GridOrder::Given] {
        let mut study = study(order, 3);
        let at = |x, n| Configuration::new(vec![Some(x), Some(0.0), Some(n), None]);
        // Two points, one of them twice, two configurations between points, and a trial from
        // elsewhere; each counts as an ask or a trial.
        for (x, n) in [(0.5, 1.0), (0.25, 1.0), (0.0, 100.0), (0.0, 100.0), (0.5, 7.0)] {
            study.enqueue(at(x, n)).unwrap();
        }
        study.add(at(1.0, 1.0), Outcome::Value(1.0)).unwrap();
        let abandoned = loop {
            let trial = study.ask().unwrap();
            if trial.id == 8 {
                break trial;
            }
            study.tell(trial.id, Outcome::Value(0.0)).unwrap();
        };
        study.abandon(abandoned.id).unwrap();
        finish(&mut study);
        // After the end: nothing is lost by an ask that failed.
        assert_eq!(study.ask().unwrap_err().kind(), ErrorKind::Exhausted);
        let tried = tried(&study);
        let distinct: BTreeSet<_> = tried.iter().collect();
        // (0.5, 7) lies between points of n, (0, 100) is there twice.
        assert_eq!((distinct.len(), tried.len()), (POINTS + 1, POINTS + 2));
        assert!(distinct.contains(&key(&abandoned.configuration)));
    }
}

#[test]
fn pending_points_do_not_come_again() {
    let mut study = study(GridOrder::Random, 5);
    let trials: Vec<_> = (0..POINTS).map(|_| study.ask().unwrap()).collect();
    assert_eq!(study.ask().unwrap_err().kind(), ErrorKind::Exhausted);
    study.abandon(trials[20].id).unwrap();
    assert_eq!(study.ask().unwrap().configuration, trials[20].configuration);
}

#[test]
fn forbidden_points_are_left_out() {
    for order in [GridOrder::Random, GridOrder::Given] {
        let space = conditional().forbid(["x == 0.5", "n > 50 and rate > 0.5"]).unwrap();
        let mut study = Study::new(space, Direction::Minimize, Box::new(sampler(3, order)), 4);
        // 13 points for each of two values of x, less one of each for large n and rate.
        let mut distinct = BTreeSet::new();
        for _ in 0..24 - 2 {
            let trial = study.ask().unwrap();
            study.tell(trial.id, Outcome::Value(1.0)).unwrap();
            distinct.insert(key(&trial.configuration));
        }
        assert_eq!(distinct.len(), 22);
        let error = study.ask().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Exhausted);
        assert!(error.context().contains("permits"), "{error}");
    }
    // All of a grid that would take an age to look through.
    let space = floats(4).forbid(["x0 <= 1"]).unwrap();
    let request = Request { space: &space, history: &[], pending: &[], number: 0, seed: 0 };
    let error = sampler(100, GridOrder::Given).suggest(&request).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.context().contains("forbids"), "{error}");
}

#[test]
fn a_huge_grid_takes_no_room() {
    // 10^9 and 10^18 points.
    for (dimensions, points) in [(9, 10), (3, 1000), (18, 10), (6, 1000)] {
        let (space, mut sampler) = (floats(dimensions), sampler(points, GridOrder::Random));
        assert_eq!(sampler.size(&space).unwrap(), points.pow(dimensions as u32));
        let (mut history, mut distinct) = (Vec::new(), BTreeSet::new());
        for number in 0..2000 {
            let request =
                Request { space: &space, history: &history, pending: &[], number, seed: 11 };
            let configuration = sampler.suggest(&request).unwrap();
            space.validate(&configuration).unwrap();
            assert!(distinct.insert(key(&configuration)));
            history.push(Observation::new(configuration, None));
        }
        let mean = history.iter().map(|it| it.configuration.get(0).unwrap()).sum::<f64>() / 2000.0;
        assert!((mean - 0.5).abs() < 0.04, "the order is random: {mean}");
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let space = floats(20);
    let request = Request { space: &space, history: &[], pending: &[], number: 0, seed: 0 };
    let error = sampler(10, GridOrder::Given).suggest(&request).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.context().contains("2^64"), "{error}");
    let mut options = GridOptions::default();
    options.points = 0;
    let error = GridSampler::new(options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidValue);
    assert!(error.context().contains("at least one point"), "{error}");
    assert_eq!(sampler(1, GridOrder::Given).suggest(&request).unwrap().values(), [Some(0.5); 20]);
}

#[test]
fn orders_stay_as_they_are() {
    let (space, mut sampler) = (floats(6), sampler(10, GridOrder::Random));
    let request = Request { space: &space, history: &[], pending: &[], number: 0, seed: 42 };
    let first = sampler.suggest(&request).unwrap();
    let ninths: Vec<f64> = first.values().iter().map(|x| (x.unwrap() * 9.0).round()).collect();
    assert_eq!(ninths, [7.0, 8.0, 9.0, 5.0, 3.0, 3.0]);
}

proptest! {
    /// Studies that stop, lose trials and hear of them in another order, with a sampler that was
    /// there from the beginning and with a new one each time.
    #[test]
    fn a_suggestion_is_a_function_of_the_request(
        story in prop::collection::vec((0..4_u8, 0..100_usize), 1..70),
        seed: u64,
    ) {
        let space = conditional();
        let mut kept = sampler(3, GridOrder::Random);
        let (mut history, mut pending) = (Vec::new(), Vec::new());
        for (number, (event, place)) in story.into_iter().enumerate() {
            let request = Request {
                space: &space, history: &history, pending: &pending, number: number as u64, seed,
            };
            let suggested = kept.suggest(&request);
            prop_assert_eq!(&suggested, &sampler(3, GridOrder::Random).suggest(&request));
            let Ok(configuration) = suggested else { break };
            let seen = history.iter().map(|it: &Observation| &it.configuration).chain(&pending);
            prop_assert!(seen.into_iter().all(|other| *other != configuration));
            match event {
                0 => pending.push(configuration),
                1 if !pending.is_empty() => {
                    let done = pending.remove(place % pending.len());
                    let at = place % (history.len() + 1);
                    history.insert(at, Observation::new(done, Some(1.0)));
                }
                2 if !history.is_empty() => { history.remove(place % history.len()); }
                _ => history.push(Observation::new(configuration, None)),
            }
        }
    }
}

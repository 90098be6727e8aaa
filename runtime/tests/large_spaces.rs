//! Many parameters, many choices, many pending trials: the fallbacks are taken, and still optimize.
#![cfg(all(feature = "classical", feature = "std"))]

use optiformer::{
    samplers::{self, Explanation, Fallback, GpSampler, RandomSampler, Request, Sampler},
    space::{Configuration, Parameter, Space},
    study::{Direction, Outcome, Study},
    trial::Observation,
};

fn floats(count: usize) -> Space {
    let float = |index| Parameter::float(format!("x{index}"), 0.0, 1.0);
    Space::new((0..count).map(float).collect()).unwrap()
}

fn with_choices(count: usize) -> Space {
    let mut parameters: Vec<Parameter> =
        (0..4).map(|index| Parameter::float(format!("x{index}"), 0.0, 1.0)).collect();
    parameters.push(Parameter::categorical("kind", (0..count).map(|choice| choice.to_string())));
    Space::new(parameters).unwrap()
}

/// Five parameters matter.
fn few_active(unit: &[f64]) -> f64 {
    let weights = [10.0, 6.0, 4.0, 3.0, 2.0];
    let places = weights.iter().enumerate().map(|(k, weight)| (weight, unit[17 + k * 41]));
    places.map(|(weight, x)| weight * (x - 0.3) * (x - 0.3)).sum()
}

/// A level for each choice in no order, and a bowl.
fn choice_and_bowl(unit: &[f64]) -> f64 {
    let choice = (unit[4] * 1000.0) as u64;
    let level = (choice.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as f64 / (1 << 24) as f64;
    level + unit[..4].iter().map(|x| (x - 0.3) * (x - 0.3)).sum::<f64>()
}

/// The best objective after some trials, and the last explanation.
fn best(
    sampler: Box<dyn Sampler + Send>,
    space: Space,
    trials: usize,
    seed: u64,
    objective: fn(&[f64]) -> f64,
) -> (f64, Option<Explanation>) {
    let mut study = Study::new(space, Direction::Minimize, sampler, seed);
    let mut last = None;
    for _ in 0..trials {
        let trial = study.ask().unwrap();
        last = study.explanation(trial.id).copied();
        let value = objective(&study.space().to_unit(&trial.configuration));
        study.tell(trial.id, Outcome::Value(value)).unwrap();
    }
    (study.best().unwrap().value().unwrap(), last)
}

/// Mean of the best objective over seeds.
fn mean_best(name: &str, space: &Space, trials: usize, objective: fn(&[f64]) -> f64) -> f64 {
    let of =
        |seed| best(samplers::by_name(name).unwrap(), space.clone(), trials, seed, objective).0;
    (0..3).map(of).sum::<f64>() / 3.0
}

#[test]
fn few_active_dimensions_of_300_are_optimized() {
    let space = floats(300);
    let random = mean_best("random", &space, 120, few_active);
    for name in ["gp", "tpe", "cma_es", "local_search", "auto"] {
        let found = mean_best(name, &space, 120, few_active);
        println!("{name}: {found:.3}, random {random:.3}");
        assert!(found < random, "{name}: {found}, random {random}");
    }
    // The projection finds the parameters that matter, which a few trials more than suffice for.
    let found = mean_best("gp", &space, 120, few_active);
    assert!(found < 0.7 * random, "{found}, random {random}");
}

#[test]
fn a_categorical_with_a_thousand_choices_is_optimized() {
    let space = with_choices(1000);
    let random = mean_best("random", &space, 60, choice_and_bowl);
    for name in ["gp", "local_search", "auto"] {
        let found = mean_best(name, &space, 60, choice_and_bowl);
        println!("{name}: {found:.3}, random {random:.3}");
        assert!(found < random, "{name}: {found}, random {random}");
    }
}

#[test]
fn fallbacks_are_taken_in_large_spaces_alone_and_said() {
    let sum = |unit: &[f64]| unit.iter().sum();
    for (name, space, expected) in [
        ("gp", floats(41), Some(Fallback::Projection { modeled: 32 })),
        ("gp", floats(40), None),
        ("cma_es", floats(81), Some(Fallback::DiagonalCovariance)),
        ("cma_es", floats(80), None),
        ("local_search", floats(129), Some(Fallback::SampledSteps)),
        ("local_search", with_choices(5000), Some(Fallback::SampledSteps)),
        ("local_search", floats(128), None),
        ("local_search", with_choices(1000), None),
    ] {
        let sampler = samplers::by_name(name).unwrap();
        let (_, explanation) = best(sampler, space, 10, 1, sum);
        assert_eq!(explanation.unwrap().fallback, expected, "{name}");
    }
}

/// A space larger than what the models take, with conditions and every kind of parameter.
fn large_mixed() -> Space {
    let mut parameters = vec![Parameter::categorical("kind", ["a", "b", "c"])];
    for index in 0..90 {
        let name = format!("p{index}");
        parameters.push(match index % 4 {
            0 => Parameter::float(name, 1e-4, 1.0).log(),
            1 => Parameter::int(name, 1, 40),
            2 => Parameter::categorical(name, (0..12).map(|choice| choice.to_string())),
            _ => Parameter::float(name, 0.0, 2.0).when("kind", ["a", "b"]),
        });
    }
    Space::new(parameters).unwrap()
}

#[test]
fn caches_change_no_suggestion_of_a_large_space() {
    let space = large_mixed();
    for name in ["gp", "tpe", "cma_es", "local_search", "auto"] {
        let mut kept = samplers::by_name(name).unwrap();
        let mut history: Vec<Observation> = Vec::new();
        for number in 0..40 {
            let pending = [space.from_unit(&vec![0.37; space.len()])];
            let pending = if number % 5 == 4 { &pending[..] } else { &[] };
            let request = Request { space: &space, history: &history, pending, number, seed: 5 };
            let suggestion = kept.suggest(&request).unwrap();
            space.validate(&suggestion).unwrap();
            if number % 7 == 6 || number == 39 {
                let mut fresh = samplers::by_name(name).unwrap();
                assert_eq!(fresh.suggest(&request).unwrap(), suggestion, "{name}, {number}");
            }
            let unit = space.to_unit(&suggestion);
            let loss = unit.iter().enumerate().map(|(k, x)| (x - 0.2).abs() / (1 + k) as f64).sum();
            let loss = (number % 9 != 3).then_some(loss);
            history.push(Observation::new(suggestion, loss));
        }
    }
}

#[test]
fn the_process_of_a_projection_predicts_one_step_ahead_from_earlier_trials_alone() {
    let space = floats(60);
    let history: Vec<Observation> = (0..20)
        .map(|number| {
            let request = Request { space: &space, history: &[], pending: &[], number, seed: 4 };
            let configuration = RandomSampler.suggest(&request).unwrap();
            let loss = Some(space.to_unit(&configuration)[7]);
            Observation::new(configuration, loss)
        })
        .collect();
    let request = Request { space: &space, history: &history, pending: &[], number: 20, seed: 4 };
    let ahead = GpSampler::default().one_step_ahead(&request, 9);
    for (trial, prediction) in (11..20).zip(&ahead) {
        let before = Request { history: &history[..trial], ..request };
        let candidate = std::slice::from_ref(&history[trial].configuration);
        let slow = GpSampler::default().predict(&before, candidate).unwrap()[0];
        assert_eq!(*prediction, Some(slow), "trial {trial}");
    }
    let proposals = GpSampler::default().propose(&request, 5).unwrap();
    assert_eq!(proposals[0], GpSampler::default().suggest(&request).unwrap());
    assert!(proposals.iter().all(|proposal| space.validate(proposal).is_ok()));
}

#[test]
fn thousands_of_pending_trials_are_asked_for_and_told() {
    let space = floats(3);
    for name in ["random", "sobol", "tpe", "cma_es", "local_search", "gp", "auto"] {
        let sampler = samplers::by_name(name).unwrap();
        let mut study = Study::new(space.clone(), Direction::Minimize, sampler, 2);
        let asked: Vec<_> = (0..2000).map(|_| study.ask().unwrap()).collect();
        assert_eq!(study.pending().count(), 2000);
        let mut points: Vec<&Configuration> =
            asked.iter().map(|trial| &trial.configuration).collect();
        points.sort_by(|one, other| one.get(0).partial_cmp(&other.get(0)).unwrap());
        points.dedup();
        assert!(points.len() > 1990, "{name}: {} of 2000 are different", points.len());
        // Out of order; one is abandoned.
        study.abandon(asked[1000].id).unwrap();
        for trial in asked.iter().rev().filter(|trial| trial.id != asked[1000].id).take(30) {
            let value = study.space().to_unit(&trial.configuration)[0];
            study.tell(trial.id, Outcome::Value(value)).unwrap();
        }
        assert_eq!(study.pending().count(), 1969);
        let trial = study.ask().unwrap();
        assert!(
            study.explanation(trial.id).is_some() && study.explanation(asked[1999].id).is_none()
        );
        assert!(study.explanation(asked[3].id).is_some(), "{name}");
    }
}

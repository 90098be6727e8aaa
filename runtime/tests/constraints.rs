//! Samplers under constraints, asked without a study.
#![cfg(all(feature = "classical", feature = "pico"))]

use optiformer::{
    samplers::{self, Request, Sampler, Suggestion},
    space::{Configuration, Parameter, Space},
    trial::Observation,
};

/// The samplers that look at constraints.
const CONSTRAINED: [&str; 6] = ["auto", "gp", "optiformer", "tpe", "cma_es", "local_search"];

type Objective = fn(&[f64]) -> (Option<f64>, Vec<f64>);

fn square() -> Space {
    let float = |name| Parameter::float(name, -2.0, 2.0);
    Space::new(vec![float("x"), float("y")]).unwrap()
}

fn mixed() -> Space {
    Space::new(vec![
        Parameter::float("rate", 1e-4, 1.0).log(),
        Parameter::int("units", 1, 64),
        Parameter::categorical("kind", ["a", "b", "c"]),
        Parameter::float("x", -1.0, 1.0).when("kind", ["a", "b"]),
    ])
    .unwrap()
}

fn values(configuration: &Configuration) -> Vec<f64> {
    configuration.values().iter().map(|value| value.unwrap_or(0.0)).collect()
}

fn observe(configuration: Configuration, objective: Objective) -> Observation {
    let (loss, constraints) = objective(&values(&configuration));
    Observation::new(configuration, loss).with_constraints(constraints)
}

/// What `sampler` suggests for trial after trial; `told` decides what it is told.
fn run(
    sampler: &mut dyn Sampler,
    space: &Space,
    (trials, seed): (u64, u64),
    objective: Objective,
    told: fn(Observation) -> Observation,
    mut each: impl FnMut(&Request<'_>, &Suggestion),
) -> Vec<Observation> {
    let (mut history, mut observed) = (Vec::new(), Vec::new());
    for number in 0..trials {
        let request = Request { space, history: &history, pending: &[], number, seed };
        let suggestion = sampler.explain(&request).unwrap();
        space.validate(&suggestion.configuration).unwrap();
        each(&request, &suggestion);
        let observation = observe(suggestion.configuration, objective);
        observed.push(observation.clone());
        history.push(told(observation));
    }
    observed
}

fn best_feasible(history: &[Observation]) -> f64 {
    let feasible = history.iter().filter(|trial| trial.is_feasible());
    feasible.filter_map(|trial| trial.loss).fold(f64::INFINITY, f64::min)
}

/// The unconstrained minimum of each is infeasible.
fn problems() -> [(&'static str, Space, Objective); 3] {
    [
        ("disc", square(), |x| {
            let disc = x[0] * x[0] + x[1] * x[1] - 1.0;
            (Some((x[0] - 1.5).powi(2) + (x[1] - 1.0).powi(2)), vec![disc])
        }),
        ("two planes", square(), |x| {
            let far = 4.0 * (x[0] + 1.5).powi(2) + (x[1] + 1.5).powi(2);
            (Some(far), vec![1e4 * (0.5 - x[0] - x[1]), x[0] - 1.0])
        }),
        ("mixed", mixed(), |x| {
            let [rate, units, kind, _] = x else { unreachable!() };
            let loss = (rate.ln() + 5.0).powi(2) / 8.0 + 20.0 / units - kind;
            (Some(loss), vec![units * (1.0 + kind) - 40.0, rate.ln() + 6.0])
        }),
    ]
}

#[test]
fn a_sampler_that_knows_the_constraints_finds_better_feasible_trials() {
    for (name, space, objective) in problems() {
        for sampler in CONSTRAINED {
            let means = [|it| it, |it: Observation| Observation::new(it.configuration, it.loss)]
                .map(|told| {
                    let of = |seed| {
                        let mut sampler = samplers::by_name(sampler).unwrap();
                        let each = |_: &Request<'_>, _: &Suggestion| {};
                        run(sampler.as_mut(), &space, (40, seed), objective, told, each)
                    };
                    let runs: Vec<Vec<Observation>> = (0..3).map(of).collect();
                    // Without a feasible trial a run is as bad as any of these problems.
                    let best = runs.iter().map(|run| best_feasible(run).min(30.0));
                    let feasible = runs.iter().flatten().filter(|trial| trial.is_feasible());
                    (best.sum::<f64>() / 3.0, feasible.count())
                });
            let [(with, feasible), (without, fewer)] = means;
            assert!(with < without, "{name}, {sampler}: {with}, and {without} without");
            assert!(
                feasible > fewer,
                "{name}, {sampler}: {feasible} feasible, and {fewer} without"
            );
        }
    }
}

#[test]
fn the_process_and_local_search_come_close_to_a_constrained_minimum() {
    let (_, space, objective) = problems().into_iter().next().unwrap();
    let wanted = (3.25f64.sqrt() - 1.0).powi(2);
    for sampler in ["auto", "gp", "local_search"] {
        let mut sampler = samplers::by_name(sampler).unwrap();
        let each = |_: &Request<'_>, _: &Suggestion| {};
        let history = run(sampler.as_mut(), &space, (30, 3), objective, |it| it, each);
        let regret = best_feasible(&history) - wanted;
        assert!((0.0..0.01).contains(&regret), "{}: {regret}", sampler.name());
    }
}

#[test]
fn where_nothing_is_feasible_violations_fall() {
    let objective: Objective =
        |x| (Some(-x[0] - x[1]), vec![0.5 + (x[0] + 1.0).powi(2) + (x[1] - 0.5).powi(2)]);
    for name in CONSTRAINED {
        let mut sampler = samplers::by_name(name).unwrap();
        let mut last = None;
        let each = |_: &Request<'_>, suggestion: &Suggestion| {
            last = suggestion.explanation.feasibility.or(last);
        };
        let history = run(sampler.as_mut(), &square(), (40, 1), objective, |it| it, each);
        let least = history.iter().map(Observation::violation).fold(f64::INFINITY, f64::min);
        assert!(least < 0.6, "{name}: {least}");
        if name == "gp" {
            assert!(last.is_some_and(|it| it < 0.2), "{name} thinks it {last:?} likely");
        }
    }
}

#[test]
fn the_probability_of_feasibility_is_that_of_the_place() {
    let (_, space, objective) = problems().into_iter().next().unwrap();
    let mut sampler = samplers::by_name("gp").unwrap();
    let (mut right, mut all) = (0, 0);
    run(
        sampler.as_mut(),
        &space,
        (40, 2),
        objective,
        |it| it,
        |request, suggestion| {
            let Some(feasibility) = suggestion.explanation.feasibility else {
                assert!(request.number < 8);
                return;
            };
            assert!((0.0..=1.0).contains(&feasibility));
            let trial = observe(suggestion.configuration.clone(), objective);
            all += usize::from((feasibility - 0.5).abs() > 0.4);
            right += usize::from(
                (feasibility - 0.5).abs() > 0.4 && trial.is_feasible() == (feasibility > 0.5),
            );
        },
    );
    assert!(all >= 5 && right * 10 >= all * 8, "{right} of {all}");
}

/// What a constraint reports in each pattern, and whether the trial fails.
fn patterns() -> [(&'static str, Objective); 8] {
    [
        ("always holds", |x| (Some(x[0]), vec![-1.0])),
        ("never holds", |x| (Some(x[0]), vec![2.0])),
        ("zero", |x| (Some(x[0]), vec![0.0, -0.0])),
        ("a count", |x| (Some(x[0]), vec![if x[0] > 0.3 { 1.0 } else { 0.0 }])),
        ("failures without values", |x| match x[1] {
            y if y > 0.5 => (None, vec![]),
            y => (Some(y), vec![x[0] - 0.5, y]),
        }),
        ("failures with values", |x| ((x[0] < 0.2).then_some(x[1]), vec![x[0] - x[1]])),
        ("huge", |x| (Some(x[0]), vec![if x[0] > 0.1 { 1e300 } else { -1e300 }, x[1] * 1e-300])),
        ("many", |x| (Some(x[0]), (0..40).map(|index| x[0] - 0.02 * f64::from(index)).collect())),
    ]
}

#[test]
fn every_sampler_goes_on_whatever_constraints_report() {
    for (pattern, objective) in patterns() {
        for name in samplers::NAMES.iter().chain(&[samplers::TRANSFORMER]) {
            let mut sampler = samplers::by_name(name).unwrap();
            let (trials, space) = (if pattern == "many" { 18 } else { 24 }, mixed());
            run(
                sampler.as_mut(),
                &space,
                (trials, 5),
                objective,
                |it| it,
                |_, suggestion| {
                    let what = format!("{pattern}, {name}: {suggestion:?}");
                    if let Some(expectation) = suggestion.explanation.expectation {
                        let all =
                            [expectation.median, expectation.deviation, expectation.improvement];
                        assert!(all.iter().all(|each| each.is_finite()), "{what}");
                    }
                    let feasibility = suggestion.explanation.feasibility.unwrap_or(0.5);
                    assert!((0.0..=1.0).contains(&feasibility), "{what}");
                },
            );
        }
    }
}

#[test]
fn caches_change_no_suggestion() {
    let objective: Objective = |x| {
        let constraints = vec![x[0] * x[0] + x[1] - 1.0, 100.0 * (x[1] - x[0])];
        let failed = x[0] > 1.6;
        (Some(x[0] + x[1]).filter(|_| !failed), if failed { vec![] } else { constraints })
    };
    let (fresh, space) = (|name| samplers::by_name(name).unwrap(), square());
    for name in CONSTRAINED {
        let trials = if name == "auto" || name == "optiformer" { 22 } else { 40 };
        let mut kept = fresh(name);
        let each = |request: &Request<'_>, suggestion: &Suggestion| {
            if request.number.is_multiple_of(3) {
                assert_eq!(fresh(name).explain(request).unwrap(), *suggestion, "{name}");
            }
        };
        let mut history = run(kept.as_mut(), &space, (trials, 4), objective, |it| it, each);
        // Another value of a constraint in the middle, a shorter history, and an inserted trial.
        history[11].constraints = vec![3.0, -2.0];
        let (number, seed) = (trials, 4);
        for length in [history.len(), 13, 19] {
            let history = &history[..length];
            let request = Request { space: &space, history, pending: &[], number, seed };
            let wanted = fresh(name).explain(&request).unwrap();
            assert_eq!(kept.explain(&request).unwrap(), wanted, "{name}, {length} trials");
        }
    }
}

/// The one trial that reported a constraint has failed, and is not among those that are modeled.
#[test]
fn a_constraint_that_no_modeled_trial_reported_is_left_out() {
    let (space, objective): (_, Objective) = (square(), |x| (Some(x[0] + x[1]), vec![]));
    let mut sampler = samplers::by_name("sobol").unwrap();
    let each = |_: &Request<'_>, _: &Suggestion| {};
    let mut history = run(sampler.as_mut(), &space, (260, 2), objective, |it| it, each);
    history[1].loss = None;
    history[1].constraints = vec![-1.0, 2.0];
    let request = Request { space: &space, history: &history, pending: &[], number: 260, seed: 2 };
    for name in CONSTRAINED {
        let suggestion = samplers::by_name(name).unwrap().explain(&request).unwrap();
        space.validate(&suggestion.configuration).unwrap();
    }
}

#[test]
fn sobol_and_random_ignore_constraints() {
    for name in ["sobol", "random"] {
        let (mut sampler, objective) = (samplers::by_name(name).unwrap(), problems()[0].2);
        let mut all = [|it| it, |it: Observation| Observation::new(it.configuration, it.loss)]
            .map(|told| {
                run(sampler.as_mut(), &square(), (10, 1), objective, told, |_, suggestion| {
                    assert_eq!(suggestion.explanation.feasibility, None);
                })
            })
            .into_iter();
        assert_eq!(all.next(), all.next());
    }
}

/// While nothing is feasible pending trials are kept away from, although they have no loss.
#[test]
fn parallel_searches_for_a_first_feasible_trial_differ() {
    let objective: Objective =
        |x| (Some(0.0), vec![0.05 + (x[0] + 1.0).powi(2) + (x[1] - 0.5).powi(2)]);
    let mut sampler = samplers::by_name("gp").unwrap();
    let space = square();
    let each = |_: &Request<'_>, _: &Suggestion| {};
    let history = run(sampler.as_mut(), &space, (14, 2), objective, |it| it, each);
    let mut pending: Vec<Configuration> = Vec::new();
    for number in 14..18 {
        let request =
            Request { space: &space, history: &history, pending: &pending, number, seed: 2 };
        let suggestion = sampler.suggest(&request).unwrap();
        let place = values(&suggestion);
        for other in pending.iter().map(values) {
            let distance = (place[0] - other[0]).hypot(place[1] - other[1]);
            assert!(distance > 1e-3, "{place:?} is pending at {other:?}");
        }
        pending.push(suggestion);
    }
}

#[test]
fn candidates_that_are_likely_infeasible_rank_behind_others() {
    let (_, space, objective) = problems().into_iter().next().unwrap();
    let history: Vec<Observation> = {
        let mut sampler = samplers::by_name("sobol").unwrap();
        let each = |_: &Request<'_>, _: &Suggestion| {};
        run(sampler.as_mut(), &space, (40, 2), objective, |it| it, each)
    };
    let place = |x: f64, y: f64| Configuration::new(vec![Some(x), Some(y)]);
    // The loss is lowest at the first, which is not feasible.
    let candidates = [place(1.5, 1.0), place(0.8, 0.53), place(-0.5, -0.5), place(1.3, 1.3)];
    let request = Request { space: &space, history: &history, pending: &[], number: 40, seed: 2 };
    for name in ["gp", "auto", "optiformer"] {
        let ranking = samplers::by_name(name).unwrap().choose(&request, &candidates).unwrap();
        assert_eq!(ranking.order[0], 1, "{name}: {ranking:?}");
        assert!(ranking.values.iter().all(|value| value.is_finite()));
    }
}

//! Studies with constraints, several objectives and intermediate values.
//!
//! Their samplers do not read what is told, so that the scenarios hold the interface alone.

use optiformer::{
    Result, samplers,
    space::{Configuration, Space},
    study::{Direction, Objective, Study},
};
use serde_json::{Map, Value, json};

use super::{
    objective::{loss, space},
    record::Recorder,
};

/// All of them.
///
/// # Errors
///
/// Where a scenario meets an error that it does not ask for.
pub fn studies() -> Result<Vec<Map<String, Value>>> {
    Ok(vec![constrained()?, of_two_objectives()?, of_both()?, reported()?])
}

/// A scenario; of one objective its direction is beside it.
fn scenario(name: &str, study: &Study, steps: Vec<Value>) -> Map<String, Value> {
    let document: Value = serde_json::from_str(&study.space().to_json()).expect("a space is JSON");
    let Value::Object(mut scenario) = json!({
        "name": name,
        "space": document,
        "direction": study.direction().as_str(),
        "sampler": study.sampler_name(),
        "seed": study.seed().to_string(),
        "steps": steps,
    }) else {
        unreachable!("the literal is an object");
    };
    if !study.constraints().is_empty() {
        scenario.insert("constraints".into(), study.constraints().into());
    }
    if study.objectives().len() > 1 {
        let objective =
            |it: &Objective| json!({"name": it.name, "direction": it.direction.as_str()});
        let listed: Vec<Value> = study.objectives().iter().map(objective).collect();
        scenario.insert("objectives".into(), listed.into());
    }
    scenario
}

/// A study without trials, twice: for the recorder, and for what the scenario says of it.
fn twice(make: impl Fn() -> Result<Study>) -> Result<(Recorder, Study)> {
    Ok((Recorder::of(make()?), make()?))
}

/// What a configuration measures: a loss, another one, and two constraints; sums and products of
/// unit values, which round alike everywhere.
fn measure(space: &Space, configuration: &Configuration) -> ([f64; 2], [f64; 2]) {
    let unit = space.to_unit(configuration);
    let first = loss(space, configuration).unwrap_or(2.0);
    let second = unit.iter().map(|place| (1.0 - place) * (1.0 - place)).sum();
    ([first, second], [0.75 - unit[0] - unit[1], unit[0] * unit[2] - 0.5])
}

fn constrained() -> Result<Map<String, Value>> {
    let space = space("mixed");
    let (mut study, shape) = twice(|| {
        Study::new(space.clone(), Direction::Maximize, samplers::by_name("random")?, 41)
            .with_constraints(["capacity", "price \u{20ac}"])
    })?;
    let (mut worst, mut best) = ([3.0, 0.25], [-1.0, 0.0]);
    study.front();
    for number in 0..12 {
        let Some((id, configuration)) = study.ask() else { break };
        let ([value, _], constraints) = measure(&space, &configuration);
        match number {
            // Nothing is feasible at first.
            0 => study.tell_measured(id, &[value], &worst),
            1 => {
                worst[0] = 0.5;
                study.tell_measured(id, &[value], &worst);
                study.best();
                study.violation(id);
            }
            2 => {
                study.tell(id, value);
                study.tell_measured(id, &[value], &worst[..1]);
                study.tell_measured(id, &[], &best);
                study.tell_measured(id, &[], &worst);
            }
            3 => study.tell_measured(id, &[value], &[f64::NAN, -1.0]),
            4 => study.tell_measured(id, &[f64::INFINITY], &constraints),
            5 => study.tell_failed(id),
            6 => study.restore()?,
            _ => study.tell_measured(id, &[value], &constraints),
        }
    }
    study.tell_measured(99, &[1.0], &best);
    study.tell_measured(0, &[1.0], &best);
    let row = [0.5, 3.0, 16.0, 0.0, 1.0];
    study.add_measured(&row, &[7.5], &best);
    best[1] = 1e-310;
    study.add_measured(&row, &[99.0], &best);
    study.add_measured(&[0.5, 300.0, 16.0, 0.0, 1.0], &[1.0], &best);
    study.add(&row, 1.0);
    study.best();
    study.front();
    study.counts();
    study.trials();
    Ok(scenario("constraints", &shape, study.into_steps()))
}

fn of_two_objectives() -> Result<Map<String, Value>> {
    let space = space("floats");
    let (mut study, shape) = twice(|| {
        Study::new(space.clone(), Direction::Minimize, samplers::by_name("sobol")?, 42)
            .with_objectives([Objective::minimize("loss"), Objective::maximize("speed")])
    })?;
    for number in 0..10 {
        let Some((id, configuration)) = study.ask() else { break };
        let ([first, second], _) = measure(&space, &configuration);
        if number % 3 == 0 {
            study.explain(id);
        }
        match number {
            3 => {
                study.tell(id, first);
                study.report(id, 0, first);
                study.tell_pruned(id);
                study.tell_measured(id, &[first], &[]);
                study.tell_measured(id, &[first, second], &[1.0]);
                study.tell_failed(id);
            }
            4 => study.tell_measured(id, &[first, f64::NEG_INFINITY], &[]),
            5 => {}
            6 => {
                study.restore()?;
                study.tell_measured(id, &[first, second], &[]);
            }
            _ => study.tell_measured(id, &[first, second], &[]),
        }
    }
    study.add_measured(&[0.5, 0.5, 0.1, 0.0], &[-3.0, 0.1 + 0.2], &[]);
    study.front();
    study.trials();
    Ok(scenario("two objectives", &shape, study.into_steps()))
}

fn of_both() -> Result<Map<String, Value>> {
    let space = space("mixed");
    let (mut study, shape) = twice(|| {
        Study::new(space.clone(), Direction::Minimize, samplers::by_name("random")?, 43)
            .with_objectives([Objective::minimize("a"), Objective::minimize("b")])?
            .with_constraints(["c", "d"])
    })?;
    for _ in 0..8 {
        let Some((id, configuration)) = study.ask() else { break };
        let (objectives, constraints) = measure(&space, &configuration);
        study.tell_measured(id, &objectives, &constraints);
    }
    study.front();
    study.trials();
    Ok(scenario("two objectives and constraints", &shape, study.into_steps()))
}

fn reported() -> Result<Map<String, Value>> {
    let space = space("conditional");
    let (mut study, shape) = twice(|| {
        Ok(Study::new(space.clone(), Direction::Minimize, samplers::by_name("random")?, 44))
    })?;
    for number in 0..6_u64 {
        let Some((id, configuration)) = study.ask() else { break };
        let value = loss(&space, &configuration).unwrap_or(2.0);
        for step in 0..number % 4 {
            study.report(id, 10 * step + number, value + 1.0 / (1 << step) as f64);
        }
        match number {
            0 | 3 => study.tell_pruned(id),
            1 => {
                study.report(id, 1, 0.5);
                study.report(id, 2, f64::NAN);
                study.report(77, 2, 0.5);
                study.restore()?;
                study.report(id, 5, 0.5);
                study.tell(id, value);
            }
            2 => study.tell_failed(id),
            4 => {}
            _ => study.tell(id, value),
        }
    }
    study.tell_pruned(0);
    study.report(0, 100, 1.0);
    study.best();
    study.counts();
    study.trials();
    Ok(scenario("intermediate values", &shape, study.into_steps()))
}

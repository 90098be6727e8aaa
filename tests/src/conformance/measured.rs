//! Studies with constraints, several objectives, intermediate values, pruners and a fidelity.
//!
//! Their samplers, but that of the fidelity, do not read what is told, so that the scenarios hold
//! the interface alone.

use optiformer::{
    Error, Result, samplers,
    space::{Configuration, Parameter, Space},
    study::{Direction, Objective, Pruner, Study},
};
use serde_json::{Map, Value, json};

use super::{
    objective::{loss, space},
    record::{Recorder, failure},
};

/// All of them.
///
/// # Errors
///
/// Where a scenario meets an error that it does not ask for.
pub fn studies() -> Result<Vec<Map<String, Value>>> {
    let mut studies = vec![constrained()?, of_two_objectives()?, of_both()?, reported()?];
    studies.extend([pruned_by_the_median()?, pruned_in_brackets()?, promoted()?]);
    studies.extend(refused_pruners()?);
    Ok(studies)
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
    if let Some(pruner) = study.pruner() {
        scenario.insert("pruner".into(), pruner.to_string().into());
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

/// Reports values at steps from 1 on, and tells the trial as pruned where the study says so, which
/// is what is returned.
fn report_until_pruned(
    study: &mut Recorder,
    id: u64,
    values: impl IntoIterator<Item = f64>,
) -> bool {
    for (step, value) in (1..).zip(values) {
        study.report(id, step, value);
        if study.should_stop(id) {
            study.tell_pruned(id);
            return true;
        }
    }
    false
}

fn pruned_by_the_median() -> Result<Map<String, Value>> {
    let space = space("mixed");
    let (mut study, shape) = twice(|| {
        Study::new(space.clone(), Direction::Maximize, samplers::by_name("random")?, 45)
            .with_pruner("median:startup=2,warmup=2".parse::<Pruner>()?)
    })?;
    for number in 0..12 {
        let Some((id, configuration)) = study.ask() else { break };
        let value = loss(&space, &configuration).unwrap_or(2.0);
        if number == 6 {
            study.should_stop(id);
            study.restore()?;
        }
        let reports = (1..4).map(|step| value + 1.0 / (1 << step) as f64);
        match number {
            // One stays pending.
            9 => {}
            5 => {
                report_until_pruned(&mut study, id, reports);
                study.tell_failed(id);
            }
            _ if report_until_pruned(&mut study, id, reports) => {}
            _ => study.tell(id, value),
        }
    }
    study.should_stop(0);
    study.should_stop(99);
    study.best();
    study.counts();
    study.trials();
    Ok(scenario("a pruner", &shape, study.into_steps()))
}

fn pruned_in_brackets() -> Result<Map<String, Value>> {
    let space = space("floats");
    let (mut study, shape) = twice(|| {
        let pruner = "patient:1:hyperband:max=4,factor=2".parse::<Pruner>()?;
        Study::new(space.clone(), Direction::Minimize, samplers::by_name("sobol")?, 46)
            .with_pruner(pruner)
    })?;
    for number in 0..12 {
        let Some((id, configuration)) = study.ask() else { break };
        // Those that do not improve are what the rule is patient with.
        let value = loss(&space, &configuration).unwrap_or(2.0);
        let trend = if number % 3 == 0 { 0.0 } else { 0.5 };
        let reports = (1..=4).map(|step| value + trend * f64::from(step));
        if !report_until_pruned(&mut study, id, reports) {
            study.tell(id, value);
        }
    }
    study.best();
    study.counts();
    Ok(scenario("a pruner with brackets and patience", &shape, study.into_steps()))
}

/// More choices than the transformer can read, whose arithmetic depends on the instruction set.
const VARIANTS: usize = 65;

fn promoted() -> Result<Map<String, Value>> {
    let space = Space::new(vec![
        Parameter::float("rate", 1e-4, 1.0).log(),
        Parameter::int("epochs", 1, 9).fidelity(),
        Parameter::categorical("kind", ["a", "b", "c"]),
        Parameter::float("momentum", 0.0, 0.99).when("kind", ["a", "b"]),
        Parameter::categorical("variant", (0..VARIANTS).map(|index| format!("v{index}"))),
    ])?;
    let (mut study, shape) = twice(|| {
        Ok(Study::new(space.clone(), Direction::Minimize, samplers::by_name("hyperband")?, 33))
    })?;
    for number in 0..14 {
        let Some((id, configuration)) = study.ask() else { break };
        study.promoted_from(id);
        study.explain(id);
        match loss(&space, &configuration) {
            _ if number == 1 => study.tell_failed(id),
            Some(value) => study.tell(id, value),
            None => study.tell(id, 2.0),
        }
        if number == 4 {
            study.best();
        }
    }
    study.best();
    study.trials();
    Ok(scenario("a fidelity", &shape, study.into_steps()))
}

/// Pruners that there are not, and one where there can be none.
fn refused_pruners() -> Result<Vec<Map<String, Value>>> {
    let plain = || -> Result<Study> {
        let sampler = samplers::by_name("random")?;
        Ok(Study::new(space("floats"), Direction::Minimize, sampler, 0))
    };
    let objectives = [Objective::minimize("a"), Objective::maximize("b")];
    let several = || plain()?.with_objectives(objectives.clone());
    let refused = |name: &str, study: &Study, pruner: &str, error: Error| {
        let mut scenario = scenario(name, study, Vec::new());
        scenario.insert("pruner".into(), pruner.into());
        scenario.insert("error".into(), failure(error.into()));
        scenario
    };
    let mut scenarios = Vec::new();
    for (name, pruner) in
        [("a misspelt pruner", "medium"), ("a misspelt option of a pruner", "asha:max=9,steps=3")]
    {
        let error = pruner.parse::<Pruner>().expect_err("there is no such pruner");
        scenarios.push(refused(name, &plain()?, pruner, error));
    }
    let error = several()?.with_pruner(Pruner::median()).expect_err("two objectives");
    scenarios.push(refused("a pruner beside two objectives", &several()?, "median", error));
    Ok(scenarios)
}

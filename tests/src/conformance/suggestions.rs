//! Suggestions without a study.

use optiformer::{
    Result,
    samplers::{self, Request},
    space::Space,
    trial::Observation,
};
use serde_json::{Map, Value, json};

use super::{
    objective::{loss, spaces},
    record::{configuration, failure, layout, values},
};

/// All calls as a document.
pub fn document() -> Result<String> {
    let mut calls = Vec::new();
    for (name, space) in spaces() {
        for sampler in ["random", "sobol", "tpe", "gp", "cma_es", "local_search", "grid"] {
            calls.push(call(name, &space, sampler, 11, 3)?);
        }
        calls.push(call(name, &space, "random", 0, 2)?);
        calls.push(call(name, &space, "tpe", 30, 0)?);
    }
    calls.push(refused(&spaces()[1].1));
    Ok(layout("suggestions", "returns", &calls))
}

/// A call behind `finished` random trials and two pending ones, for `count` suggestions.
fn call(
    name: &str,
    space: &Space,
    sampler: &str,
    finished: u64,
    count: u64,
) -> Result<Map<String, Value>> {
    let (seed, mut random) = (3_u64, samplers::by_name("random")?);
    let mut draw =
        |number| random.suggest(&Request { space, history: &[], pending: &[], number, seed: 29 });
    let mut history = Vec::new();
    for number in 0..finished {
        let configuration = draw(number)?;
        let loss = loss(space, &configuration);
        history.push(Observation::new(configuration, loss));
    }
    let mut pending = vec![draw(finished)?, draw(finished + 1)?];
    let waiting: Vec<Value> = pending.iter().map(values).collect();
    let mut sampler_now = samplers::by_name(sampler)?;
    let mut returns = Vec::new();
    for number in finished..finished + count {
        let request = Request { space, history: &history, pending: &pending, number, seed };
        let suggested = sampler_now.suggest(&request)?;
        returns.push(values(&suggested));
        pending.push(suggested);
    }
    let Value::Object(call) = json!({
        "name": format!("{sampler} behind {finished} trials in the space of {name}"),
        "space": document_of(space),
        "sampler": sampler,
        "seed": seed.to_string(),
        "number": finished,
        "history": history.iter().map(|it| values(&it.configuration)).collect::<Vec<_>>(),
        "losses": history.iter().map(|it| it.loss).collect::<Vec<_>>(),
        "pending": waiting,
        "count": count,
        "returns": returns,
    }) else {
        unreachable!("the literal is an object");
    };
    Ok(call)
}

fn document_of(space: &Space) -> Value {
    serde_json::from_str(&space.to_json()).expect("a space is JSON")
}

/// A history with a value out of bounds in its second row.
fn refused(space: &Space) -> Map<String, Value> {
    let rows = [[0.5, 3.0, 16.0, 0.0, 1.0], [0.5, 300.0, 16.0, 0.0, 1.0]];
    let error = space.validate(&configuration(&rows[1])).expect_err("300 is out of bounds");
    let message = format!("history, row 1: {}", error.context());
    let failure = failure(optiformer_ffi::status::Failure::new(
        optiformer_ffi::status::Status::InvalidValue,
        message,
    ));
    let Value::Object(call) = json!({
        "name": "a history out of bounds",
        "space": document_of(space),
        "sampler": "tpe",
        "seed": "0",
        "number": 2,
        "history": rows,
        "losses": [1.0, 2.0],
        "pending": [],
        "count": 1,
        "error": failure,
    }) else {
        unreachable!("the literal is an object");
    };
    call
}

//! The ask-tell protocol: one JSON object in, one JSON object out.
//!
//! The command `optiformer ask-tell` speaks it on standard input and output; `docs/tool.md` has the
//! requests and the replies. A server or a binding that prefers JSON to a C interface can speak it
//! over any other channel.

use alloc::{
    format,
    string::{String, ToString},
    vec,
    vec::Vec,
};

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};

use super::{Measurement, Outcome, StoredStudy, Study, Trial, TrialState};
use crate::{
    Error, ErrorKind,
    samplers::{Explanation, Fallback},
};

/// Most trials that one request can ask for.
const MAX_TRIALS: u64 = 10_000;

#[derive(Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
enum Request {
    Ask(Ask),
    Report(Report),
    #[serde(rename = "should_stop")]
    ShouldStop(ShouldStop),
    Tell(Tell),
    Add(Add),
    Enqueue(Enqueue),
    Abandon(Abandon),
    Best(NoFields),
    Front(NoFields),
    Trials(NoFields),
    Counts(NoFields),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ask {
    count: Option<u64>,
    #[serde(default)]
    explain: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Report {
    id: u64,
    step: u64,
    value: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ShouldStop {
    id: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tell {
    id: u64,
    #[serde(default, deserialize_with = "present")]
    value: Option<Value>,
    objectives: Option<Map<String, Value>>,
    constraints: Option<Map<String, Value>>,
    #[serde(default)]
    failed: bool,
    #[serde(default)]
    pruned: bool,
    reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Add {
    values: Map<String, Value>,
    #[serde(default, deserialize_with = "present")]
    value: Option<Value>,
    objectives: Option<Map<String, Value>>,
    constraints: Option<Map<String, Value>>,
    #[serde(default)]
    failed: bool,
}

/// What a `tell` or an `add` says about the outcome.
struct OutcomeFields {
    value: Option<Value>,
    objectives: Option<Map<String, Value>>,
    constraints: Option<Map<String, Value>>,
    failed: bool,
    pruned: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Enqueue {
    values: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Abandon {
    id: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NoFields {}

/// Distinguishes `null` from an absent field: many programs write a number that is not finite as
/// `null`.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// Serves one request, a line of JSON, and returns the reply as one line without its line break.
///
/// A request that cannot be served gets `{"error":{"kind":…,"message":…}}` and changes nothing.
///
/// ```
/// use optiformer::samplers::RandomSampler;
/// use optiformer::space::{Parameter, Space};
/// use optiformer::study::{Direction, StoredStudy, Study, ask_tell};
///
/// let space = Space::new(vec![Parameter::int("n", 1, 9)])?;
/// let study = Study::new(space, Direction::Minimize, Box::new(RandomSampler), 0);
/// let mut study = StoredStudy::in_memory(study);
/// assert!(ask_tell::respond(&mut study, br#"{"ask":{}}"#).starts_with(r#"{"trial":{"id":0,"#));
/// assert_eq!(ask_tell::respond(&mut study, br#"{"tell":{"id":0,"value":1.5}}"#), r#"{"told":0}"#);
/// # Ok::<(), optiformer::Error>(())
/// ```
pub fn respond(study: &mut StoredStudy, line: &[u8]) -> String {
    let reply = match serde_json::from_slice::<Request>(line) {
        Err(error) => error_reply("invalid_request", &error.to_string()),
        Ok(request) => serve(study, request)
            .unwrap_or_else(|error| error_reply(&kind(error.kind()), error.context())),
    };
    reply.to_string()
}

/// The reply to a request that cannot be served.
pub fn error_reply(kind: &str, message: &str) -> Value {
    json!({"error": {"kind": kind, "message": message}})
}

fn serve(study: &mut StoredStudy, request: Request) -> Result<Value, Error> {
    Ok(match request {
        Request::Ask(Ask { count: None, explain }) => {
            let trial = study.ask()?;
            json!({"trial": offered(study, &trial, explain)})
        }
        Request::Ask(Ask { count: Some(count), explain }) => {
            if !(1..=MAX_TRIALS).contains(&count) {
                let context = format!("\"count\" is from 1 to {MAX_TRIALS}, not {count}");
                return Err(Error::new(ErrorKind::InvalidValue, context));
            }
            let mut trials = Vec::new();
            for _ in 0..count {
                match study.ask() {
                    Ok(trial) => trials.push(offered(study, &trial, explain)),
                    // Trials that were handed out must be reported; the next request meets the
                    // error again.
                    Err(_) if !trials.is_empty() => break,
                    Err(error) => return Err(error),
                }
            }
            json!({"trials": trials})
        }
        Request::Report(Report { id, step, value }) => {
            study.report(id, step, value)?;
            match study.study().pruner() {
                Some(_) => json!({"reported": id, "should_stop": study.should_stop(id)?}),
                None => json!({"reported": id}),
            }
        }
        Request::ShouldStop(ShouldStop { id }) => json!({"should_stop": study.should_stop(id)?}),
        Request::Tell(Tell { id, value, objectives, constraints, failed, pruned, reason }) => {
            let fields = OutcomeFields { value, objectives, constraints, failed, pruned };
            match (outcome(study.study(), fields)?, reason) {
                (Outcome::Failed, Some(reason)) => study.fail(id, reason)?,
                (outcome, _) => study.tell(id, outcome)?,
            }
            json!({"told": id})
        }
        Request::Add(Add { values, value, objectives, constraints, failed }) => {
            let configuration = study.study().space().configuration_from_json(&values)?;
            let fields = OutcomeFields { value, objectives, constraints, failed, pruned: false };
            let outcome = outcome(study.study(), fields)?;
            json!({"added": study.add(configuration, outcome)?})
        }
        Request::Enqueue(Enqueue { values }) => {
            let configuration = study.study().space().partial_from_json(&values)?;
            study.enqueue(configuration)?;
            json!({"enqueued": study.study().queue().count()})
        }
        Request::Abandon(Abandon { id }) => {
            study.abandon(id)?;
            json!({"abandoned": id})
        }
        Request::Best(NoFields {}) => json!({"best": best(study.study())}),
        Request::Front(NoFields {}) => {
            json!({"front": trials(study.study(), study.study().pareto_front())})
        }
        Request::Trials(NoFields {}) => {
            json!({"trials": trials(study.study(), study.study().trials())})
        }
        Request::Counts(NoFields {}) => json!({"counts": counts(study.study())}),
    })
}

fn offered(study: &StoredStudy, trial: &Trial, explain: bool) -> Value {
    let values = study.study().space().configuration_to_json(&trial.configuration);
    let mut offered = json!({"id": trial.id, "values": values});
    if let Some(source) = study.study().promoted_from(trial.id) {
        offered["promoted_from"] = source.into();
    }
    if explain {
        offered["explanation"] = study.study().explanation(trial.id).map_or(Value::Null, reasons);
    }
    offered
}

/// Why a trial was suggested, with numbers where the sampler predicts.
fn reasons(explanation: &Explanation) -> Value {
    let mut object = json!({"sampler": explanation.sampler, "origin": explanation.origin.name()});
    if let Some(fallback) = explanation.fallback {
        object["fallback"] = fallback.name().into();
        if let Fallback::Projection { modeled } = fallback {
            object["modeled_parameters"] = modeled.into();
        }
    }
    if let Some(expectation) = explanation.expectation {
        object["median"] = expectation.median.into();
        object["deviation"] = expectation.deviation.into();
        object["improvement"] = expectation.improvement.into();
        if let Some(modeled) = expectation.modeled {
            object["modeled"] = modeled.into();
        }
    }
    object
}

/// The outcome that the fields of a request stand for.
fn outcome(study: &Study, fields: OutcomeFields) -> Result<Outcome, Error> {
    let OutcomeFields { value, objectives, constraints, failed, pruned } = fields;
    let invalid = |context: &str| Err(Error::new(ErrorKind::InvalidValue, context));
    let is_measured = value.is_some() || objectives.is_some();
    match (failed, pruned) {
        (true, true) => return invalid("a trial is either \"failed\" or \"pruned\""),
        (true, _) if is_measured => return invalid("a failed trial has no \"value\""),
        (_, true) if is_measured => return invalid("a pruned trial has no \"value\""),
        (true, _) | (_, true) if constraints.is_some() => {
            return invalid("constraints without a \"value\" are told without \"failed\"");
        }
        (true, false) => return Ok(Outcome::Failed),
        (false, true) => return Ok(Outcome::Pruned),
        (false, false) => {}
    }
    let objective_names = study.objectives().iter().map(|objective| objective.name.as_str());
    let objectives = match (value, objectives) {
        (Some(_), Some(_)) => return invalid("either \"value\" or \"objectives\" is needed"),
        (Some(value), None) => vec![number("value", &value)?],
        (None, Some(objectives)) => numbers("objective", objective_names, &objectives)?,
        (None, None) if constraints.is_some() => Vec::new(),
        (None, None) => return invalid("\"value\" or \"failed\": true is needed"),
    };
    let constraint_names = study.constraints().iter().map(String::as_str);
    let constraints = match constraints {
        Some(constraints) => numbers("constraint", constraint_names, &constraints)?,
        None => Vec::new(),
    };
    Ok(Measurement::new(objectives).with_constraints(constraints).into())
}

/// The numbers of an object with exactly these names.
fn numbers<'a>(
    kind: &str,
    names: impl Iterator<Item = &'a str> + Clone,
    object: &Map<String, Value>,
) -> Result<Vec<f64>, Error> {
    let invalid = |context: String| Error::new(ErrorKind::InvalidValue, context);
    if let Some(name) = object.keys().find(|key| !names.clone().any(|name| name == *key)) {
        return Err(invalid(format!("the study has no {kind} \"{name}\"")));
    }
    let value = |name: &str| match object.get(name) {
        Some(value) => number(name, value),
        None => Err(invalid(format!("the {kind} \"{name}\" is missing"))),
    };
    names.map(value).collect()
}

/// A number, of which `null` and texts such as `"nan"` stand for one that is not finite.
fn number(name: &str, value: &Value) -> Result<f64, Error> {
    let parsed = match value {
        Value::Null => Some(f64::NAN),
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.parse::<f64>().ok().filter(|number| !number.is_finite()),
        _ => None,
    };
    parsed.ok_or_else(|| {
        Error::new(ErrorKind::InvalidValue, format!("\"{name}\" is a number, not {value}"))
    })
}

fn best(study: &Study) -> Value {
    study.best().map_or(Value::Null, |trial| study.trial_to_json(trial))
}

fn trials<'a>(study: &Study, trials: impl IntoIterator<Item = &'a Trial>) -> Value {
    trials.into_iter().map(|trial| study.trial_to_json(trial)).collect()
}

/// Numbers of trials by state, of feasible ones, and of configurations that wait.
fn counts(study: &Study) -> Value {
    let count = |state| study.trials().iter().filter(|trial| trial.state == state).count();
    let is_feasible = |trial: &&Trial| trial.state == TrialState::Finished && trial.is_feasible();
    json!({
        "finished": count(TrialState::Finished),
        "feasible": study.trials().iter().filter(is_feasible).count(),
        "failed": count(TrialState::Failed),
        "pruned": count(TrialState::Pruned),
        "pending": count(TrialState::Pending),
        "enqueued": study.queue().count(),
    })
}

/// `UnknownTrial` as `unknown_trial`.
fn kind(kind: ErrorKind) -> String {
    let mut text = String::new();
    for letter in format!("{kind:?}").chars() {
        if letter.is_ascii_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.push(letter.to_ascii_lowercase());
    }
    text
}

//! The ask-tell protocol: one JSON object in, one JSON object out.
//!
//! The command `optiformer ask-tell` speaks it on standard input and output; `docs/tool.md` has the
//! requests and the replies. A server or a binding that prefers JSON to a C interface can speak it
//! over any other channel.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};

use super::{Outcome, StoredStudy, Trial};
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
    Tell(Tell),
    Add(Add),
    Enqueue(Enqueue),
    Abandon(Abandon),
    Best(Best),
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
struct Tell {
    id: u64,
    #[serde(default, deserialize_with = "present")]
    value: Option<Value>,
    #[serde(default)]
    failed: bool,
    reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Add {
    values: Map<String, Value>,
    #[serde(default, deserialize_with = "present")]
    value: Option<Value>,
    #[serde(default)]
    failed: bool,
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
struct Best {}

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
        Request::Tell(Tell { id, value, failed, reason }) => {
            match (outcome(value, failed)?, reason) {
                (Outcome::Failed, Some(reason)) => study.fail(id, reason)?,
                (outcome, _) => study.tell(id, outcome)?,
            }
            json!({"told": id})
        }
        Request::Add(Add { values, value, failed }) => {
            let configuration = study.study().space().configuration_from_json(&values)?;
            json!({"added": study.add(configuration, outcome(value, failed)?)?})
        }
        Request::Enqueue(Enqueue { values }) => {
            let configuration = study.study().space().configuration_from_json(&values)?;
            study.enqueue(configuration)?;
            json!({"enqueued": study.study().queue().count()})
        }
        Request::Abandon(Abandon { id }) => {
            study.abandon(id)?;
            json!({"abandoned": id})
        }
        Request::Best(Best {}) => json!({"best": best(study)}),
    })
}

fn offered(study: &StoredStudy, trial: &Trial, explain: bool) -> Value {
    let values = study.study().space().configuration_to_json(&trial.configuration);
    let mut offered = json!({"id": trial.id, "values": values});
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

/// The outcome that `"value"` and `"failed"` stand for.
fn outcome(value: Option<Value>, failed: bool) -> Result<Outcome, Error> {
    match (value, failed) {
        (None, true) => Ok(Outcome::Failed),
        (Some(Value::Null), false) => Ok(Outcome::Value(f64::NAN)),
        (Some(Value::Number(number)), false) if number.as_f64().is_some() => {
            Ok(Outcome::Value(number.as_f64().unwrap_or(f64::NAN)))
        }
        (Some(Value::String(text)), false)
            if text.parse::<f64>().is_ok_and(|it| !it.is_finite()) =>
        {
            Ok(Outcome::Value(text.parse().unwrap_or(f64::NAN)))
        }
        (None, false) => {
            Err(Error::new(ErrorKind::InvalidValue, "\"value\" or \"failed\": true is needed"))
        }
        (Some(_), true) => {
            Err(Error::new(ErrorKind::InvalidValue, "a failed trial has no \"value\""))
        }
        (Some(value), false) => {
            Err(Error::new(ErrorKind::InvalidValue, format!("\"value\" is a number, not {value}")))
        }
    }
}

fn best(study: &StoredStudy) -> Value {
    let study = study.study();
    study.best().map_or(Value::Null, |trial| trial.to_json(study.space()))
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

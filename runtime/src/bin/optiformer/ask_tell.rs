//! `optiformer ask-tell`: JSON lines on standard input and output.

use std::io::{self, BufRead, Read};

use optiformer::{
    Error, ErrorKind,
    samplers::Explanation,
    study::{Outcome, StoredStudy},
};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};

use crate::{
    ExitState, Failure,
    arguments::AskTellOptions,
    output,
    tune::{open_study, read_space},
};

/// The longest line that is read.
const LONGEST_LINE: u64 = 1 << 20;
/// The most trials one request can ask for.
const MOST_TRIALS: u64 = 10_000;

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

/// Keeps `null` apart from nothing: many programs write a number that is not finite as `null`.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// Serves requests to the end of the input.
pub fn run(options: &AskTellOptions) -> Result<ExitState, Failure> {
    let space = read_space(&options.study.space)?;
    let mut study = open_study(&options.study, space, options.direction.into())?;
    if let Some(note) = study.note() {
        output::print_error(&format!("note: {note}"));
    }
    let mut input = io::stdin().lock();
    while let Some(line) =
        next_line(&mut input).map_err(|error| Failure::Error(format!("standard input: {error}")))?
    {
        let reply = match line {
            Line::Overlong => error_reply(
                "invalid_request",
                &format!("a line is longer than {LONGEST_LINE} bytes"),
            ),
            Line::Text(bytes) if bytes.trim_ascii().is_empty() => continue,
            Line::Text(bytes) => match serde_json::from_slice::<Request>(&bytes) {
                Err(error) => error_reply("invalid_request", &error.to_string()),
                Ok(request) => serve(&mut study, request)
                    .unwrap_or_else(|error| error_reply(&kind(error.kind()), error.context())),
            },
        };
        output::print(&reply.to_string())?;
    }
    Ok(ExitState::Success)
}

enum Line {
    Text(Vec<u8>),
    Overlong,
}

/// The next line; `None` at the end of the input.
fn next_line(input: &mut impl BufRead) -> io::Result<Option<Line>> {
    let mut bytes = Vec::new();
    input.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut bytes)?;
    if bytes.is_empty() {
        return Ok(None);
    }
    if bytes.last() == Some(&b'\n') || (bytes.len() as u64) < LONGEST_LINE {
        return Ok(Some(Line::Text(bytes)));
    }
    loop {
        bytes.clear();
        input.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut bytes)?;
        if bytes.last().is_none_or(|byte| *byte == b'\n') {
            return Ok(Some(Line::Overlong));
        }
    }
}

fn serve(study: &mut StoredStudy, request: Request) -> Result<Value, Error> {
    Ok(match request {
        Request::Ask(Ask { count: None, explain }) => {
            let trial = study.ask()?;
            json!({"trial": offered(study, &trial, explain)})
        }
        Request::Ask(Ask { count: Some(count), explain }) => {
            if !(1..=MOST_TRIALS).contains(&count) {
                let context = format!("\"count\" is from 1 to {MOST_TRIALS}, not {count}");
                return Err(Error::new(ErrorKind::InvalidValue, context));
            }
            let mut trials = Vec::new();
            for _ in 0..count {
                match study.ask() {
                    Ok(trial) => trials.push(offered(study, &trial, explain)),
                    // What was handed out must be heard of; the next request meets the error again.
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
        Request::Best(Best {}) => json!({"best": output::best_json(study.study())}),
    })
}

fn offered(study: &StoredStudy, trial: &optiformer::study::Trial, explain: bool) -> Value {
    let values = study.study().space().configuration_to_json(&trial.configuration);
    let mut offered = json!({"id": trial.id, "values": values});
    if explain {
        offered["explanation"] = study.study().explanation(trial.id).map_or(Value::Null, reasons);
    }
    offered
}

/// Why a trial was suggested; the numbers only where the sampler predicts something.
fn reasons(explanation: &Explanation) -> Value {
    let mut object = json!({"sampler": explanation.sampler, "origin": explanation.origin.name()});
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

fn error_reply(kind: &str, message: &str) -> Value {
    json!({"error": {"kind": kind, "message": message}})
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

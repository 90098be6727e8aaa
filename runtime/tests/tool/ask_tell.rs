//! A conversation in JSON lines.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use serde_json::{Value, json};

use super::Place;

/// A running `optiformer ask-tell`.
pub struct Conversation {
    tool: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Conversation {
    fn start(place: &Place, options: &[&str]) -> Self {
        let fixed = ["ask-tell", "--space", "space.json", "--sampler", "random"];
        Self::open(place.tool(&[&fixed, options].concat()))
    }

    /// Starts a command that serves requests.
    pub fn open(mut command: Command) -> Self {
        let mut tool = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (input, output) = (tool.stdin.take(), BufReader::new(tool.stdout.take().unwrap()));
        Self { tool, input, output }
    }

    /// Says a line and hears the answer.
    pub fn say(&mut self, line: &str) -> Value {
        let input = self.input.as_mut().unwrap();
        input.write_all(line.as_bytes()).unwrap();
        input.write_all(b"\n").unwrap();
        let mut answer = String::new();
        self.output.read_line(&mut answer).unwrap();
        serde_json::from_str(&answer).unwrap()
    }

    /// Ends the input, and waits for the tool to leave with success.
    pub fn end(mut self) {
        drop(self.input.take());
        assert_eq!(self.tool.wait().unwrap().code(), Some(0));
        let mut rest = String::new();
        self.output.read_line(&mut rest).unwrap();
        assert_eq!(rest, "");
    }
}

#[test]
fn a_conversation() {
    let place = Place::new("conversation");
    let mut talk = Conversation::start(&place, &["--direction", "maximize"]);
    assert_eq!(talk.say(r#"{"best":{}}"#), json!({"best": null}));
    let trial = talk.say(r#"{"ask":{}}"#);
    assert_eq!(trial["trial"]["id"], json!(0));
    assert!(trial["trial"]["values"]["x"].is_f64());
    let trials = talk.say(r#"{"ask":{"count":3}}"#);
    let ids: Vec<_> = trials["trials"].as_array().unwrap().iter().map(|it| &it["id"]).collect();
    assert_eq!(ids, [1, 2, 3]);
    assert_eq!(talk.say(r#"{"tell":{"id":0,"value":1.5}}"#), json!({"told": 0}));
    assert_eq!(talk.say(r#"{"tell":{"id":2,"failed":true,"reason":"why"}}"#), json!({"told": 2}));
    assert_eq!(talk.say(r#"{"tell":{"id":3,"value":null}}"#), json!({"told": 3}));
    assert_eq!(talk.say(r#"{"abandon":{"id":1}}"#), json!({"abandoned": 1}));
    let values = r#"{"x":0.5,"n":2,"kind":"a b","rate":0.1}"#;
    let added = talk.say(&format!(r#"{{"add":{{"values":{values},"value":2}}}}"#));
    assert_eq!(added, json!({"added": 4}));
    let nan = talk.say(&format!(r#"{{"add":{{"values":{values},"value":"NaN"}}}}"#));
    assert_eq!(nan, json!({"added": 5}));
    let enqueued = talk.say(&format!(r#"{{"enqueue":{{"values":{values}}}}}"#));
    assert_eq!(enqueued, json!({"enqueued": 1}));
    let values: Value = serde_json::from_str(values).unwrap();
    assert_eq!(talk.say(r#"{"ask":{}}"#), json!({"trial": {"id": 6, "values": values}}));
    let best = talk.say(r#"{"best":{}}"#);
    assert_eq!(best, json!({"best": {"id": 4, "value": 2.0, "values": values}}));
    talk.end();
}

#[test]
fn bad_lines_are_answered_and_survived() {
    let place = Place::new("bad-lines");
    let mut talk = Conversation::start(&place, &[]);
    talk.say(r#"{"ask":{}}"#);
    talk.say(r#"{"tell":{"id":0,"value":1}}"#);
    talk.say(r#"{"ask":{}}"#);
    let long = format!("{{\"ask\":{{\"{}\":1}}}}", "x".repeat(3_000_000));
    let deep = "[".repeat(100_000);
    for (line, kind) in [
        ("nonsense", "invalid_request"),
        ("{}", "invalid_request"),
        ("[]", "invalid_request"),
        ("\"ask\"", "invalid_request"),
        (r#"{"sing":{}}"#, "invalid_request"),
        (r#"{"ask":{"counts":3}}"#, "invalid_request"),
        (r#"{"ask":{}} {"ask":{}}"#, "invalid_request"),
        (r#"{"ask":{"count":-1}}"#, "invalid_request"),
        (r#"{"ask":{"count":0}}"#, "invalid_value"),
        (r#"{"ask":{"count":1000000000000}}"#, "invalid_value"),
        (r#"{"tell":{"id":0,"value":1}}"#, "already_told"),
        (r#"{"tell":{"id":99,"value":1}}"#, "unknown_trial"),
        (r#"{"tell":{"id":1}}"#, "invalid_value"),
        (r#"{"tell":{"id":1,"value":"1"}}"#, "invalid_value"),
        (r#"{"tell":{"id":1,"value":1,"failed":true}}"#, "invalid_value"),
        (r#"{"tell":{"id":1,"value":1e999}}"#, "invalid_request"),
        (r#"{"tell":{"value":1}}"#, "invalid_request"),
        (r#"{"abandon":{"id":0}}"#, "already_told"),
        (r#"{"enqueue":{"values":{"x":9}}}"#, "invalid_value"),
        (r#"{"add":{"values":{"x":1,"n":1,"kind":"z"},"value":1}}"#, "invalid_value"),
        (&long, "invalid_request"),
        (&deep, "invalid_request"),
        ("\u{0}", "invalid_request"),
    ] {
        let answer = talk.say(line);
        let shown = &line[..line.len().min(60)];
        assert_eq!(answer["error"]["kind"], json!(kind), "{shown}: {answer}");
        assert!(!answer["error"]["message"].as_str().unwrap().is_empty());
    }
    assert_eq!(talk.say("\n{\"tell\":{\"id\":1,\"value\":0.5}}"), json!({"told": 1}));
    assert_eq!(talk.say(r#"{"ask":{}}"#)["trial"]["id"], json!(2));
    talk.end();
}

#[test]
fn a_conversation_goes_on_where_it_ended() {
    let place = Place::new("goes-on");
    let study = ["--study", "s.jsonl", "--seed", "4"];
    let mut talk = Conversation::start(&place, &study);
    let trials: Vec<Value> = (0..3).map(|_| talk.say(r#"{"ask":{}}"#)).collect();
    talk.say(r#"{"tell":{"id":1,"value":0.5}}"#);
    talk.end();
    let mut talk = Conversation::start(&place, &study);
    assert_eq!(talk.say(r#"{"best":{}}"#)["best"]["id"], json!(1));
    assert_eq!(talk.say(r#"{"ask":{}}"#), trials[0]);
    assert_eq!(talk.say(r#"{"ask":{}}"#), trials[2]);
    assert_eq!(talk.say(r#"{"ask":{}}"#)["trial"]["id"], json!(3));
    talk.end();
    let shown = place.run(&["show", "s.jsonl", "--json"]);
    assert_eq!(shown.summary()["pending"], json!(3));
}

//! The scenarios of `tests/conformance/` in JSON lines.

use std::{fs, path::Path};

use optiformer::space::{Configuration, Space};
use serde_json::{Value, json};

use super::{Place, ask_tell::Conversation};

fn scenarios(file: &str, section: &str) -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/conformance");
    let document: Value =
        serde_json::from_str(&fs::read_to_string(folder.join(file)).unwrap()).unwrap();
    document[section].as_array().unwrap().clone()
}

/// A study as the tool plays it.
struct Player {
    talk: Conversation,
    space: Space,
    prunes: bool,
}

impl Player {
    /// A row of numbers as the object that the tool reads and writes.
    fn named(&self, row: &Value) -> Value {
        let values = row.as_array().unwrap().iter().map(Value::as_f64).collect();
        self.space.configuration_to_json(&Configuration::new(values)).into()
    }

    /// A trial as the tool writes it.
    fn trial(&self, returned: &Value) -> Value {
        json!({"id": returned["id"], "values": self.named(&returned["values"])})
    }

    /// The request and the answer of a step; `None` for what the protocol does not have. Answers of
    /// some steps behind it are part of its own.
    fn exchange(&self, step: &Value, behind: &[Value]) -> Option<(Value, Value)> {
        let (id, returns) = (&step["id"], &step["returns"]);
        let outcome = |mut request: Value| {
            request["value"] = step["value"].clone();
            request
        };
        Some(match step["call"].as_str().unwrap() {
            "ask" => {
                let mut trial = self.trial(returns);
                let about = |call| {
                    let mut others = behind.iter().take_while(|other| other["call"] != "ask");
                    others.find(|other| other["call"] == call && other["id"] == returns["id"])
                };
                if let Some(source) = about("promoted_from").filter(|it| it["returns"].is_u64()) {
                    trial["promoted_from"] = source["returns"].clone();
                }
                let explained = about("explain");
                if let Some(explained) = explained {
                    // Numbers that the sampler does not predict are left out.
                    let mut reasons = explained["returns"].as_object().unwrap().clone();
                    reasons.retain(|_, value| value != "nan");
                    trial["explanation"] = reasons.into();
                }
                (json!({"ask": {"explain": explained.is_some()}}), json!({"trial": trial}))
            }
            "tell" => (json!({"tell": outcome(json!({"id": id}))}), json!({"told": id})),
            "report" => {
                let request = json!({"id": id, "step": step["step"], "value": step["value"]});
                let mut answer = json!({"reported": id});
                if self.prunes {
                    answer["should_stop"] = behind[0]["returns"].clone();
                }
                (json!({"report": request}), answer)
            }
            "should_stop" => (json!({"should_stop": {"id": id}}), json!({"should_stop": returns})),
            "tell_pruned" => (json!({"tell": {"id": id, "pruned": true}}), json!({"told": id})),
            "counts" => (json!({"counts": {}}), json!({"counts": returns})),
            "tell_failed" => (json!({"tell": {"id": id, "failed": true}}), json!({"told": id})),
            "add" => {
                let request = outcome(json!({"values": self.named(&step["values"])}));
                (json!({"add": request}), json!({"added": returns}))
            }
            "enqueue" => (json!({"enqueue": {"values": self.named(&step["values"])}}), Value::Null),
            "best" if returns.is_null() => (json!({"best": {}}), json!({"best": null})),
            "best" => {
                let mut best = self.trial(returns);
                best["value"] = returns["value"].clone();
                (json!({"best": {}}), json!({"best": best}))
            }
            _ => return None,
        })
    }

    /// Plays the steps, and returns how many the protocol has.
    fn play(&mut self, name: &Value, steps: &[Value]) -> usize {
        let mut played = 0;
        for (number, step) in steps.iter().enumerate() {
            let Some((request, wanted)) = self.exchange(step, &steps[number + 1..]) else {
                continue;
            };
            let mut answer = self.talk.say(&request.to_string());
            // The tool counts feasible trials and enqueued configurations too, and the best trial
            // has its intermediate values.
            for part in ["counts", "best"] {
                if let Some(Value::Object(found)) = answer.get_mut(part) {
                    found.retain(|field, _| step["returns"].get(field).is_some());
                }
            }
            let wanted = match step.get("error") {
                Some(error) => json!({"error": {
                    "kind": error["status"].as_str().unwrap().to_lowercase(),
                    "message": error["message"],
                }}),
                // How many wait in the queue is no part of the scenarios.
                None if step["call"] == "enqueue" => json!({"enqueued": answer["enqueued"]}),
                None => wanted,
            };
            assert_eq!(answer, wanted, "{name}, step {number}: {request}");
            played += 1;
        }
        played
    }
}

#[test]
fn studies_are_those_of_every_language() {
    let (mut played, mut refused) = (0, 0);
    for (number, study) in scenarios("studies.json", "studies").iter().enumerate() {
        // What the protocol says otherwise, or does not have, has tests of its own.
        let calls = study["steps"].as_array().unwrap().iter().map(|step| step["call"].as_str());
        let others = ["tell_measured", "restore"];
        if calls.flatten().any(|call| others.contains(&call)) || study["objectives"].is_array() {
            continue;
        }
        let space = Space::from_json(&study["space"].to_string()).unwrap();
        let place = Place::new(&format!("conformance-{number}"));
        fs::write(place.file("space.json"), space.to_json()).unwrap();
        let text = |key: &str| study[key].as_str().unwrap();
        let fixed = ["--space", "space.json", "--direction", text("direction")];
        let pruner = study["pruner"].as_str();
        let rule = pruner.map_or(vec![], |pruner| vec!["--pruner", pruner]);
        let options = [&fixed[..], &["--sampler", text("sampler"), "--seed", text("seed")], &rule];
        let arguments = [&["ask-tell"], options.concat().as_slice()].concat();
        if let Some(error) = study.get("error") {
            let ran = place.run(&arguments);
            assert_ne!(ran.code, Some(0));
            let message = error["message"].as_str().unwrap();
            assert!(ran.stderr.contains(message), "{message}: {}", ran.stderr);
            refused += 1;
            continue;
        }
        let talk = Conversation::open(place.tool(&arguments));
        let mut player = Player { talk, space, prunes: pruner.is_some() };
        played += player.play(&study["name"], study["steps"].as_array().unwrap());
        player.talk.end();
    }
    assert!(played > 500, "only {played} steps were played");
    assert!(refused >= 3, "only {refused} studies were refused");
}

#[test]
fn spaces_are_refused_with_the_words_of_every_language() {
    let place = Place::new("conformance-spaces");
    for document in scenarios("spaces.json", "read") {
        fs::write(place.file("space.json"), document["document"].as_str().unwrap()).unwrap();
        let ran = place.run(&["ask-tell", "--space", "space.json"]);
        match document.get("error") {
            None => assert_eq!(ran.code, Some(0), "{ran:?}"),
            Some(error) => {
                assert_eq!(ran.code, Some(1), "{ran:?}");
                assert!(ran.stderr.contains(error["message"].as_str().unwrap()), "{ran:?}");
            }
        }
    }
}

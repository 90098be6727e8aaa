//! `--enqueue-file` and `--extremes`.

use std::fs;

use serde_json::{Value, json};

use super::{Place, ask_tell::Conversation};

#[test]
fn the_lines_of_a_file_come_first_and_once() {
    let place = Place::new("enqueue-file");
    let lines = "{\"x\": 0.25, \"n\": 3, \"kind\": \"a b\", \"rate\": 0.001}\n\n  {\"n\": 9, \"x\": 4, \"kind\": \"$c {}'\\\"\"}\n";
    fs::write(place.file("first.jsonl"), lines).unwrap();
    let third = r#"{"x": 1, "n": 1, "kind": "a b", "rate": 1}"#;
    let mut tried = Vec::new();
    for trials in ["1", "4", "6"] {
        let options = ["--trials", trials, "--study", "s.jsonl", "--enqueue-file", "first.jsonl"];
        let options = [&options[..], &["--enqueue", third]].concat();
        let ran = place.minimize(&options, &["echo", "{x}"]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        tried.extend(ran.trials());
    }
    let x: Vec<&Value> = tried.iter().map(|trial| &trial["values"]["x"]).collect();
    assert_eq!(x[..3], [1.0, 0.25, 4.0], "what the command line names comes first");
    assert_eq!(place.read("s.jsonl").matches("\"enqueue\":").count(), 3);
}

#[test]
fn bad_files_are_named_with_their_line() {
    let place = Place::new("bad-enqueue-file");
    for (text, words) in [
        ("", "no configuration"),
        (
            "{\"x\": 1, \"n\": 1, \"kind\": \"$c {}'\\\"\"}\n{\"x\": 9}",
            "first.jsonl line 2: invalid value: parameter \"x\"",
        ),
        ("\n{\"y\": 1}", "line 2: invalid value: the space has no parameter \"y\""),
        ("[1]", "line 1: "),
        ("{\"x\": 1", "like {\"x\": 0.5}: EOF"),
    ] {
        fs::write(place.file("first.jsonl"), text).unwrap();
        let options = ["--trials", "1", "--study", "s.jsonl", "--enqueue-file", "first.jsonl"];
        let ran = place.minimize(&options, &["sh", "-c", "touch ran; echo 1"]);
        assert_eq!(ran.code, Some(1), "{text}: {ran:?}");
        assert!(ran.stderr.contains(words), "{text}: {ran:?}");
    }
    let ran = place.minimize(&["--trials", "1", "--enqueue-file", "no.jsonl"], &["echo", "1"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stderr.contains("no.jsonl"), "{ran:?}");
    assert!(!place.file("ran").exists() && !place.file("s.jsonl").exists());
}

#[test]
fn a_study_begins_at_the_ends_of_its_ranges() {
    let place = Place::new("extremes");
    let run = |trials, study| {
        let options = ["--trials", trials, "--study", study, "--extremes", "--seed", "3"];
        let ran = place.minimize(&options, &["echo", "{x}"]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        ran.trials()
    };
    let trials = run("9", "whole.jsonl");
    let seen =
        |name: &str, value: Value| trials[..6].iter().any(|trial| trial["values"][name] == value);
    for (name, low, high) in [("x", 0.0, 4.0), ("rate", 1e-5, 1.0)] {
        assert!(seen(name, json!(low)) && seen(name, json!(high)), "{name}: {trials:?}");
    }
    assert!(seen("n", json!(1)) && seen("n", json!(9)));
    assert!(seen("kind", json!("a b")) && seen("kind", json!("$c {}'\"")));
    assert!(
        trials[..6].iter().all(|trial| [0.0, 4.0].map(Value::from).contains(&trial["values"]["x"]))
    );
    // Cut off within the design, and after it.
    let mut parts = run("2", "parts.jsonl");
    parts.extend(run("8", "parts.jsonl"));
    parts.extend(run("9", "parts.jsonl"));
    assert_eq!(parts, trials);
    assert_eq!(place.read("parts.jsonl").matches("\"enqueue\":").count(), 6);
}

#[test]
fn extremes_of_a_table_are_among_its_rows() {
    let place = Place::new("extreme-rows");
    let row = |index: usize| format!("{},{},a b,0.5\n", index as f64 / 20.0, 2 + index % 5);
    let rows: String = (10..60).map(row).collect();
    fs::write(place.file("table.csv"), format!("x,n,kind,rate\n{rows}")).unwrap();
    let options = ["--trials", "6", "--candidates", "table.csv", "--extremes", "4"];
    let ran = place.minimize(&options, &["echo", "{x}"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let trials = ran.trials();
    let first = |name: &str| -> Vec<f64> {
        trials[..4].iter().map(|trial| trial["values"][name].as_f64().unwrap()).collect()
    };
    assert!(first("x").contains(&0.5) && first("x").contains(&2.95), "{ran:?}");
    assert!(first("n").contains(&2.0) && first("n").contains(&6.0), "{ran:?}");
}

#[test]
fn a_conversation_begins_with_them_too() {
    let place = Place::new("extreme-talk");
    let first = r#"{"x":0.25,"n":3,"kind":"a b","rate":0.001}"#;
    fs::write(place.file("first.jsonl"), first).unwrap();
    let options = ["--study", "s.jsonl", "--enqueue-file", "first.jsonl", "--extremes", "3"];
    let open = || {
        let fixed = ["ask-tell", "--space", "space.json", "--sampler", "random"];
        Conversation::open(place.tool(&[&fixed[..], &options].concat()))
    };
    let mut talk = open();
    let values: Value = serde_json::from_str(first).unwrap();
    assert_eq!(talk.say(r#"{"ask":{}}"#), json!({"trial": {"id": 0, "values": values}}));
    let second = talk.say(r#"{"ask":{}}"#);
    assert!([0.0, 4.0].map(Value::from).contains(&second["trial"]["values"]["x"]));
    talk.end();
    let mut talk = open();
    assert_eq!(talk.say(r#"{"ask":{"count":2}}"#)["trials"][1], second["trial"]);
    assert_eq!(talk.say(r#"{"ask":{"count":2}}"#)["trials"][1]["id"], json!(3));
    talk.end();
    assert_eq!(place.read("s.jsonl").matches("\"enqueue\":").count(), 4);
}

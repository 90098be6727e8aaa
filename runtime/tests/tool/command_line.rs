//! Flags, files and what they are answered.

use std::fs;

use serde_json::{Value, json};

use super::Place;

#[test]
fn wrong_usage_is_two_and_runs_nothing() {
    let place = Place::new("usage");
    let program = ["sh", "-c", "touch ran; echo 1"];
    for (options, word) in [
        (&["--trials", "0"][..], "trials"),
        (&["--trials", "x"], "trials"),
        (&["--trials", "1", "--jobs", "0"], "jobs"),
        (&["--trials", "1", "--timeout", "0"], "timeout"),
        (&["--trials", "1", "--timeout", "nan"], "timeout"),
        (&["--trials", "1", "--quiet"], "quiet"),
        (&["--trials", "1", "--seed", "-1"], "-1"),
        (&["--trials", "1", "--enqueue", "{"], "--enqueue"),
        (
            &["--trials", "1", "--enqueue", "{\"x\": 9, \"n\": 1, \"kind\": \"a b\", \"rate\": 1}"],
            "\"x\"",
        ),
        (&["--trials", "1", "--enqueue", "{\"y\": 9}"], "\"y\""),
        (&["--trials", "1", "--model", "weights"], "--model"),
        (&["--trials", "1", "--grid-points", "4"], "--grid-points is for the sampler grid"),
        (&["--trials", "1", "--grid-order", "given"], "--grid-order is for the sampler grid"),
        (&["--trials", "1", "--grid-points", "0"], "--grid-points"),
        (&["--trials", "1", "--grid-order", "sorted"], "random, given"),
        (&["--trials", "1", "--extremes", "0"], "--extremes"),
        (&["--trials", "1", "--extremes", "101"], "--extremes"),
        (&["--trials", "1", "--budget", "2"], "no unit"),
        (&["--trials", "1", "--budget", "0s"], "longer than nothing"),
        (&["--trials", "1", "--budget", "2 weeks"], "no unit"),
        (&["--frobnicate"], "frobnicate"),
        (&[], "trials"),
    ] {
        let ran = place.minimize(options, &program);
        assert_eq!(ran.code, Some(2), "{options:?}: {ran:?}");
        assert!(ran.stderr.contains(word), "{options:?}: {ran:?}");
        assert_eq!(ran.stdout, "");
    }
    for argument in ["{y}", "{", "}", "{\"json\": 1}"] {
        let ran = place.minimize(&["--trials", "1"], &[&program[..], &[argument]].concat());
        assert_eq!(ran.code, Some(2), "{argument}: {ran:?}");
        assert!(ran.stderr.contains(argument), "{ran:?}");
    }
    let ran = place.run(&["minimize", "--space", "space.json", "--trials", "1"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    let base = ["minimize", "--space", "space.json", "--trials", "1", "--sampler", "oracle", "--"];
    let ran = place.run(&[&base[..], &program].concat());
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.stderr.contains("oracle") && ran.stderr.contains("random"), "{ran:?}");
    assert!(!place.file("ran").exists());
}

#[test]
fn bad_spaces_are_one_and_say_what_is_wrong() {
    let place = Place::new("spaces");
    for (space, words) in [
        ("", "EOF"),
        ("[]", "space.json"),
        ("{\"parameters\": []}", "at least one"),
        (
            "{\"parameters\": [{\"name\": \"q\", \"type\": \"float\", \"low\": 2, \"high\": 1}]}",
            "\"q\"",
        ),
        (
            "{\"parameters\": [{\"name\": \"q\", \"type\": \"float\", \"low\": 0, \"high\": 1, \"log\": true}]}",
            "\"q\"",
        ),
        (
            "{\"parameters\": [{\"name\": \"q\", \"type\": \"float\", \"low\": 0, \"high\": 1e999}]}",
            "line 1",
        ),
        ("{\"parameters\": [{\"name\": \"q\", \"type\": \"color\"}]}", "color"),
    ] {
        fs::write(place.file("space.json"), space).unwrap();
        let ran = place.minimize(&["--trials", "1"], &["echo", "1"]);
        assert_eq!(ran.code, Some(1), "{space}: {ran:?}");
        assert!(ran.stderr.contains(words), "{space}: {ran:?}");
    }
    fs::remove_file(place.file("space.json")).unwrap();
    let ran = place.minimize(&["--trials", "1"], &["echo", "1"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stderr.contains("space.json"), "{ran:?}");
}

#[test]
fn a_program_that_is_not_there_is_an_error_not_a_failed_trial() {
    let place = Place::new("no-program");
    let options = ["--trials", "5", "--study", "study.jsonl", "--jobs", "2"];
    let ran = place.minimize(&options, &["./no-such-program"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stderr.contains("no-such-program"), "{ran:?}");
    assert!(!place.read("study.jsonl").contains("tell"));
    let ran = place.minimize(&options, &["echo", "1"]);
    assert_eq!((ran.code, &ran.summary()["finished"]), (Some(0), &json!(5)));
}

#[test]
fn unused_parameters_are_worth_a_warning() {
    let place = Place::new("unused");
    let base = ["maximize", "--space", "space.json", "--sampler", "random", "--trials", "2"];
    let ran = place.run(&[&base[..], &["--", "echo", "{x}", "{kind}", "{n}"]].concat());
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stderr.contains("warning: no argument uses the parameter \"rate\""), "{ran:?}");
    assert!(!ran.stderr.contains("\"x\""), "{ran:?}");
}

#[test]
fn people_get_a_table_and_a_plot() {
    let place = Place::new("people");
    let base = ["maximize", "--space", "space.json", "--sampler", "random", "--trials", "9"];
    let ran = place.run(&[&base[..], &["--study", "s.jsonl", "--", "echo", "{n}"]].concat());
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(ran.stderr.lines().filter(|line| line.starts_with("trial ")).count(), 9);
    for words in ["best: ", "\n  kind  ", "●", "9 trials", "9 finished, 0 failed"] {
        assert!(ran.stdout.contains(words), "{words}: {ran:?}");
    }
    let shown = place.run(&["show", "s.jsonl"]);
    assert_eq!(shown.code, Some(0));
    assert!(shown.stdout.ends_with(&ran.stdout), "{shown:?}");
    let shown = place.run(&["show", "s.jsonl", "--json"]);
    assert_eq!(shown.summary()["direction"], json!("maximize"));
    assert_eq!(place.run(&["show", "space.json"]).code, Some(1));
    assert_eq!(place.run(&["show", "nothing.jsonl"]).code, Some(1));
}

#[test]
fn quiet_is_one_line() {
    let place = Place::new("quiet");
    let base = ["maximize", "--space", "space.json", "--sampler", "random", "--trials", "9"];
    let ran = place.run(&[&base[..], &["--quiet", "--", "echo", "{n}"]].concat());
    assert_eq!((ran.code, ran.stderr.as_str(), ran.stdout.lines().count()), (Some(0), "", 1));
    let best: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(best["value"].as_f64(), best["values"]["n"].as_f64());
    let ran = place.run(&[&base[..], &["--quiet", "--", "false"]].concat());
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(3), "null\n"));
}

#[test]
fn known_points_come_first_and_once() {
    let place = Place::new("enqueue");
    let first = r#"{"x": 0.25, "n": 3, "kind": "a b", "rate": 0.001}"#;
    let second = r#"{"x": 4, "n": 9, "kind": "$c {}'\""}"#;
    for trials in ["1", "4", "6"] {
        let options =
            ["--trials", trials, "--study", "s.jsonl", "--enqueue", first, "--enqueue", second];
        assert_eq!(place.minimize(&options, &["echo", "{x}"]).code, Some(0));
    }
    let ran = place.run(&["show", "s.jsonl", "--json"]);
    assert_eq!(ran.summary()["finished"], json!(6));
    let study = place.read("s.jsonl");
    let asks: Vec<Value> = study
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).unwrap().get("ask").cloned())
        .collect();
    assert_eq!(
        asks[0]["values"],
        serde_json::from_str::<Value>(r#"{"x": 0.25, "n": 3, "kind": "a b", "rate": 0.001}"#)
            .unwrap()
    );
    assert_eq!(asks[1]["values"]["x"], json!(4.0));
    assert_eq!(study.matches("\"enqueue\":").count(), 2);
}

#[test]
fn help_names_every_exit_code() {
    let place = Place::new("help");
    for command in ["minimize", "maximize"] {
        let ran = place.run(&[command, "--help"]);
        assert_eq!(ran.code, Some(0));
        assert!(ran.stdout.contains("130 interrupted") && ran.stdout.contains("Example:"));
    }
    assert!(place.run(&["ask-tell", "--help"]).stdout.contains("{\"ask\":{}}"));
}

#[test]
fn a_reader_that_leaves_ends_it_with_an_error() {
    let place = Place::new("pipe");
    let tool = super::tool_path().display();
    let script = format!(
        "('{tool}' minimize --space space.json --sampler random --json --trials 2000 \
         --study s.jsonl -- echo 1; echo $? >code) | head -1"
    );
    let status =
        std::process::Command::new("sh").args(["-c", &script]).current_dir(&place.0).output();
    assert!(status.unwrap().status.success());
    assert_eq!(place.read("code"), "1\n");
}

#[test]
fn candidates_are_the_only_configurations_and_come_once() {
    let place = Place::new("candidates");
    let table =
        "n,x,kind,rate\n3,0.5,a b,0.01\n4,1.5,\"$c {}'\"\"\",\n5,2.5,a b,0.5\n3,0.5,a b,0.01\n";
    fs::write(place.file("table.csv"), table).unwrap();
    let options = ["--trials", "9", "--candidates", "table.csv"];
    let ran = place.minimize(&options, &["sh", "-c", "echo $0", "{x}"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let mut tried: Vec<f64> =
        ran.trials().iter().map(|trial| trial["values"]["x"].as_f64().unwrap()).collect();
    tried.sort_by(f64::total_cmp);
    assert_eq!(tried, [0.5, 1.5, 2.5], "{ran:?}");
    assert_eq!(ran.summary()["finished"], 3);

    for (table, words) in [
        ("", "empty"),
        ("x,kind,q\n", "line 1, column 3 (\"q\")"),
        ("n,x,kind,rate\n3,0.5,a b,0.01\n3,9,a b,0.01\n", "line 3, column \"x\""),
    ] {
        fs::write(place.file("table.csv"), table).unwrap();
        let ran = place.minimize(&options, &["sh", "-c", "touch ran; echo 1"]);
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(ran.stderr.contains("table.csv") && ran.stderr.contains(words), "{ran:?}");
    }
    fs::write(place.file("table.csv"), "n,x,kind,rate\n3,0.5,a b,0.01\n").unwrap();
    let base = ["minimize", "--space", "space.json", "--trials", "1", "--sampler", "sobol"];
    let more = ["--candidates", "table.csv", "--", "sh", "-c", "touch ran; echo 1"];
    let ran = place.run(&[&base[..], &more].concat());
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stderr.contains("sobol") && ran.stderr.contains("choose"), "{ran:?}");
    assert!(!place.file("ran").exists());
}

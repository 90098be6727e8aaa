//! `optiformer coverage`.

use std::fs;

use serde_json::{Value, json};

use super::Place;

fn coverage(place: &Place, options: &[&str]) -> Value {
    let ran = place.run(&[&["coverage", "s.jsonl", "--json"], options].concat());
    assert_eq!(ran.code, Some(0), "{ran:?}");
    ran.lines()[0]["coverage"].clone()
}

fn parameter<'a>(coverage: &'a Value, name: &str) -> &'a Value {
    let parameters = coverage["parameters"].as_array().unwrap();
    parameters.iter().find(|it| it["name"] == json!(name)).unwrap()
}

#[test]
fn gaps_are_named_and_filled() {
    let place = Place::new("coverage");
    let first = r#"{"x": 0, "n": 3, "kind": "a b", "rate": 0.01}"#;
    let second = r#"{"x": 2, "n": 9, "kind": "a b", "rate": 1}"#;
    let options = ["--trials", "2", "--study", "s.jsonl", "--enqueue", first, "--enqueue", second];
    assert_eq!(place.minimize(&options, &["echo", "{x}"]).code, Some(0));
    let before = coverage(&place, &["--bins", "4"]);
    assert_eq!(before["trials"], json!(2));
    let x = parameter(&before, "x");
    assert_eq!((&x["tried"], &x["total"], &x["in"]), (&json!(2), &json!(4), &json!("bins")));
    assert_eq!((&x["low"], &x["high"]), (&json!(true), &json!(false)));
    assert_eq!(x["missing"], json!([[1.0, 2.0], [3.0, 4.0]]));
    let n = parameter(&before, "n");
    assert_eq!(n["missing"], json!([1, 2, 4, 5, 6, 7, 8]));
    assert_eq!((&n["low"], &n["high"]), (&json!(false), &json!(true)));
    let kind = parameter(&before, "kind");
    assert_eq!((&kind["missing"], &kind["low"]), (&json!(["$c {}'\""]), &Value::Null));
    // x × n, x × kind, x × rate, n × kind, n × rate, and kind × rate where the rate is active.
    let total = 4 * 9 + 4 * 2 + 4 * 4 + 9 * 2 + 9 * 4 + 4;
    assert_eq!((&before["pairs"]["total"], &before["pairs"]["tried"]), (&json!(total), &json!(12)));
    assert_eq!(before["pairs"]["missing"].as_array().unwrap().len(), total - 12);

    let ran = place.run(&["coverage", "s.jsonl", "--bins", "4", "--enqueue-lines"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let count = ran.stdout.lines().count();
    // The 36 pairs of x and n take 34 trials.
    assert!((34..=50).contains(&count), "{count}");
    fs::write(place.file("gaps.jsonl"), &ran.stdout).unwrap();
    let trials = format!("{}", count + 2);
    let options = ["--trials", &trials, "--study", "s.jsonl", "--enqueue-file", "gaps.jsonl"];
    assert_eq!(place.minimize(&options, &["echo", "{x}"]).code, Some(0));
    let after = coverage(&place, &["--bins", "4"]);
    assert_eq!((&after["pairs"]["tried"], &after["trials"]), (&json!(total), &json!(count + 2)));
    for name in ["x", "n", "kind", "rate"] {
        assert_eq!(parameter(&after, name)["missing"], json!([]), "{name}");
        if name != "kind" {
            assert_eq!(parameter(&after, name)["low"], json!(true), "{name}");
            assert_eq!(parameter(&after, name)["high"], json!(true), "{name}");
        }
    }
    let ran = place.run(&["coverage", "s.jsonl", "--bins", "4", "--enqueue-lines"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), ""));
}

#[test]
fn levels_and_ends_alone_take_few_trials() {
    let place = Place::new("coverage-levels");
    let ran = place.minimize(&["--trials", "1", "--study", "s.jsonl"], &["echo", "{x}"]);
    assert_eq!(ran.code, Some(0));
    assert_eq!(coverage(&place, &["--strength", "1"])["pairs"], Value::Null);
    let ran = place.run(&["coverage", "s.jsonl", "--strength", "1", "--enqueue-lines"]);
    assert!((8..=10).contains(&ran.stdout.lines().count()), "{ran:?}");
}

#[test]
fn people_get_a_table() {
    let place = Place::new("coverage-table");
    let first = r#"{"x": 0, "n": 9, "kind": "a b", "rate": 0.01}"#;
    let options = ["--trials", "1", "--study", "s.jsonl", "--enqueue", first];
    assert_eq!(place.minimize(&options, &["echo", "{x}"]).code, Some(0));
    let ran = place.run(&["coverage", "s.jsonl"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    for words in [
        "1 configuration, tried",
        "x          1/5 bins",
        "1/9 levels  high",
        "$c {}'\"",
        "/",
        "x × n",
        "pairs",
    ] {
        assert!(ran.stdout.contains(words), "{words}: {ran:?}");
    }
    for arguments in [&["no.jsonl"][..], &["space.json"]] {
        let ran = place.run(&[&["coverage"], arguments].concat());
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(ran.stderr.contains(arguments[0]), "{ran:?}");
    }
    let ran = place.run(&["coverage", "s.jsonl", "--bins", "0"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    let ran = place.run(&["coverage", "s.jsonl", "--json", "--enqueue-lines"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
}

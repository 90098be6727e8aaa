//! `--sampler grid`.

use std::{collections::BTreeSet, fs};

use serde_json::json;

use super::{Place, Ran};

/// A grid search that prints `x`.
fn search(place: &Place, options: &[&str]) -> Ran {
    let fixed = ["minimize", "--space", "space.json", "--sampler", "grid", "--json"];
    place.run(&[&fixed, options, &["--", "echo", "{x}"]].concat())
}

fn values(ran: &Ran) -> Vec<String> {
    ran.trials().iter().map(|trial| trial["values"].to_string()).collect()
}

#[test]
fn the_whole_grid_is_tried_once() {
    let place = Place::new("grid-whole");
    // 3 × 3 × (3 + 1) points, whether the number of trials is large enough or not given.
    for options in [&["--trials", "1000"][..], &[], &["--grid-order", "given"]] {
        let ran = search(&place, options);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        let values = values(&ran);
        assert_eq!((values.len(), values.iter().collect::<BTreeSet<_>>().len()), (36, 36));
        assert_eq!(ran.summary()["sampler"], json!("grid"));
    }
    let ran = search(&place, &["--grid-points", "2", "--grid-order", "given"]);
    let expected = [
        json!({"x": 0.0, "n": 1, "kind": "a b", "rate": 1e-5}),
        json!({"x": 0.0, "n": 1, "kind": "a b", "rate": 1.0}),
        json!({"x": 0.0, "n": 1, "kind": "$c {}'\""}),
    ];
    assert_eq!(values(&ran).len(), 12);
    assert_eq!(values(&ran)[..3], expected.map(|it| it.to_string()));
    let base = ["minimize", "--space", "space.json", "--sampler", "grid", "--grid-points", "4"];
    let ran =
        place.run(&[&base[..], &["--trials", "3", "--", "echo", "{x}{n}{kind}{rate}"]].concat());
    assert!(ran.stderr.contains("the grid has 80 points"), "{ran:?}");
    // How many are left is known where every trial is a point of the grid.
    let base = ["minimize", "--space", "space.json", "--sampler", "grid", "--grid-points", "2"];
    let ran = place.run(&[&base[..], &["--", "echo", "{x}{n}{kind}{rate}"]].concat());
    assert!(ran.stderr.contains("(1/12)") && ran.stderr.contains("(12/12)"), "{ran:?}");
    let between = r#"{"x": 1, "n": 5, "kind": "a b", "rate": 1}"#;
    let own = ["--enqueue", between, "--", "echo", "{x}{n}{kind}{rate}"];
    let ran = place.run(&[&base[..], &own].concat());
    assert!(ran.stderr.contains("(1)") && ran.stderr.contains("(13)"), "{ran:?}");
}

#[test]
fn a_grid_that_is_cut_goes_on_where_it_was() {
    let place = Place::new("grid-cut");
    let whole = values(&search(&place, &["--seed", "5", "--study", "whole.jsonl"]));
    let study = ["--seed", "5", "--study", "s.jsonl"];
    let first = r#"{"x": 2, "n": 5, "kind": "a b", "rate": 1}"#;
    let second = r#"{"x": 1, "n": 5, "kind": "a b", "rate": 1}"#;
    let mut tried = Vec::new();
    // A point of the grid and one between them come first, and 11 trials are cut off.
    for trials in ["1", "11", "12", "100"] {
        let own = ["--trials", trials, "--enqueue", first, "--enqueue", second];
        let ran = search(&place, &[&study[..], &own].concat());
        assert_eq!(ran.code, Some(0), "{ran:?}");
        tried.extend(values(&ran));
    }
    assert_eq!(tried.len(), 37);
    let distinct: BTreeSet<_> = tried.iter().collect();
    assert_eq!(distinct.len(), 37);
    assert!(whole.iter().all(|point| distinct.contains(point)));
    let rest: Vec<_> = whole.iter().filter(|point| **point != tried[0]).collect();
    assert_eq!(tried[2..].iter().collect::<Vec<_>>(), rest, "the order stays");
    // Nothing is left, with or without a number of trials.
    for options in [&["--trials", "100"][..], &[]] {
        let ran = search(&place, &[&study[..], options].concat());
        assert_eq!((ran.code, ran.trials().len()), (Some(0), 0), "{ran:?}");
    }
}

#[test]
fn a_grid_that_goes_on_has_its_points_and_its_order() {
    let place = Place::new("grid-options");
    let own = ["--grid-points", "2", "--grid-order", "given"];
    let whole = values(&search(&place, &own));
    let study = ["--study", "s.jsonl", "--trials"];
    let mut tried = values(&search(&place, &[&own[..], &study, &["5"]].concat()));
    // Neither the sampler nor its options need to be said again.
    let rest = ["minimize", "--space", "space.json", "--json", "--study", "s.jsonl"];
    let ran = place.run(&[&rest[..], &["--trials", "8", "--", "echo", "{x}"]].concat());
    assert_eq!(ran.code, Some(0), "{ran:?}");
    tried.extend(values(&ran));
    let ran = search(&place, &study[..2]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    tried.extend(values(&ran));
    assert_eq!(tried, whole);
    let ran = search(&place, &[&study[..2], &["--grid-points", "4"]].concat());
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let expected = "its sampler is grid:points=2,order=given, not grid:points=4,order=given";
    assert!(ran.stderr.contains(expected), "{ran:?}");
    let named = ["minimize", "--space", "space.json", "--json", "--sampler", "grid:points=2"];
    let ran = place.run(&[&named[..], &["--", "echo", "{x}"]].concat());
    assert_eq!(values(&ran).len(), 12);
}

#[test]
fn failed_points_are_not_lost_and_not_repeated() {
    let place = Place::new("grid-failed");
    let base = ["minimize", "--space", "space.json", "--sampler", "grid", "--json", "--jobs", "3"];
    let ran = place.run(&[&base[..], &["--", "sh", "-c", "test {n} -lt 9 && echo {x}"]].concat());
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!((&ran.summary()["finished"], &ran.summary()["failed"]), (&json!(24), &json!(12)));
    assert_eq!(values(&ran).iter().collect::<BTreeSet<_>>().len(), 36);
}

#[test]
fn a_huge_grid_starts_at_once_and_a_larger_one_is_refused() {
    let place = Place::new("grid-huge");
    let parameter =
        |index| format!("{{\"name\": \"x{index}\", \"type\": \"float\", \"low\": 0, \"high\": 1}}");
    let parameters: Vec<String> = (0..18).map(parameter).collect();
    fs::write(place.file("space.json"), format!("{{\"parameters\": [{}]}}", parameters.join(",")))
        .unwrap();
    let base =
        ["minimize", "--space", "space.json", "--sampler", "grid", "--json", "--trials", "5"];
    let ran = place.run(&[&base[..], &["--grid-points", "10", "--", "echo", "{x0}"]].concat());
    assert_eq!((ran.code, ran.trials().len()), (Some(0), 5), "{ran:?}");
    let ran = place.run(&[&base[..], &["--grid-points", "100", "--", "echo", "{x0}"]].concat());
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stderr.contains("100 points") && ran.stderr.contains("2^64"), "{ran:?}");
}

//! `--output` and `validate`.

use std::fs;

use serde_json::Value;

use super::Place;

fn json(place: &Place, name: &str) -> Value {
    serde_json::from_str(&place.read(name)).unwrap()
}

const DEFAULT: &str = r#"{"x": 2, "n": 1, "kind": "a b", "rate": 0.5}"#;

#[test]
fn a_study_leaves_its_files() {
    let place = Place::new("output");
    let options = ["--trials", "12", "--enqueue", DEFAULT, "--output", "out", "--study", "s.jsonl"];
    let ran = place.minimize(&options, &["echo", "{x}"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let best = ran.summary()["best"].clone();
    assert_eq!(json(&place, "out/best_config.json"), best["values"]);
    let results = json(&place, "out/optimization_results.json");
    assert_eq!((&results["best_score"], &results["num_evaluations"]), (&best["value"], &12.into()));
    assert!(results["optimization_time"].as_f64().unwrap() > 0.0);
    let all = results["all_results"].as_array().unwrap();
    assert_eq!(
        (all.len(), &all[0]["score"], &all[0]["params"]["x"]),
        (12, &2.0.into(), &2.0.into())
    );
    let metadata = json(&place, "out/optimization_metadata.json");
    assert_eq!(metadata["baseline"]["value"], 2.0);
    assert_eq!((&metadata["sampler"], &metadata["program"][0]), (&"random".into(), &"echo".into()));
    let summary = place.read("out/optimization_summary.txt");
    assert!(summary.contains("The default has 2, the best configuration 0"), "{summary}");

    // Nothing better than the default is said plainly.
    let options = ["--trials", "5", "--enqueue", DEFAULT, "--output", "flat"];
    assert_eq!(place.minimize(&options, &["echo", "1", "{x}", "3"]).code, Some(0));
    let summary = place.read("flat/optimization_summary.txt");
    assert!(summary.contains("No improvement over the default, 3"), "{summary}");
    // A best configuration of an earlier run does not stay.
    let options = ["--trials", "2", "--output", "flat"];
    assert_eq!(place.minimize(&options, &["false"]).code, Some(3));
    assert!(!place.file("flat/best_config.json").exists());
}

#[test]
fn the_winner_is_validated_beside_the_default() {
    let place = Place::new("validate");
    let options = ["--trials", "9", "--enqueue", DEFAULT, "--study", "s.jsonl"];
    assert_eq!(place.minimize(&options, &["echo", "{x}"]).code, Some(0));
    fs::write(place.file("criteria.txt"), "value < 2\nspeedup >= 1.3\n").unwrap();
    let script = "optiformer: metric speedup 1.5\\n%s\\n";
    let validate = |extra: &[&str], script: &str| {
        let fixed = ["validate", "s.jsonl", "--repeats", "2", "--json"];
        place.run(&[&fixed, extra, &["--", "printf", script, "{x}"]].concat())
    };
    let criteria = ["--criteria", "criteria.txt", "--output", "out"];
    let ran = validate(&criteria, script);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let document = json(&place, "out/validation_results.json");
    assert_eq!(document["passed"], true);
    let roles: Vec<&Value> =
        document["configurations"].as_array().unwrap().iter().map(|it| &it["role"]).collect();
    assert_eq!(roles, ["winner", "runner-up", "default"]);
    let default = &document["configurations"][2];
    assert_eq!(default["measured"]["value"]["values"], serde_json::json!([2.0, 2.0]));
    assert_eq!(default["criteria"][0]["verdict"], "fail");
    assert_eq!(default["criteria"][1]["verdict"], "pass");

    let slower = validate(&criteria, "optiformer: metric speedup 1.2\\n%s\\n");
    assert_eq!(slower.code, Some(4), "{slower:?}");
    let unmeasured = validate(&criteria, "%s\\n");
    assert_eq!(unmeasured.code, Some(4), "{unmeasured:?}");
    assert!(unmeasured.stdout.contains("not measured"));
    let text = place.run(&["validate", "s.jsonl", "--criteria", "criteria.txt", "--", "false"]);
    assert_eq!(text.code, Some(3), "{text:?}");
    assert!(text.stdout.contains("failed: exit code 1"), "{text:?}");
    fs::write(place.file("criteria.txt"), "value less 2\n").unwrap();
    let wrong = validate(&criteria, script);
    assert_eq!(wrong.code, Some(1));
    assert!(wrong.stderr.contains("criteria.txt: line 1"), "{wrong:?}");
}

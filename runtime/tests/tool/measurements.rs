//! Constraints, several objectives and intermediate values that programs print.

use super::Place;

/// A program whose objective is x and whose constraint is that x is at least 1.
const AT_LEAST_ONE: [&str; 4] = [
    "sh",
    "-c",
    r#"awk "BEGIN {{ printf \"optiformer: constraint size %.17g\\n%.17g\\n\", 1 - $1, $1 }}""#,
    "sh",
];

#[test]
fn the_best_configuration_satisfies_the_constraint() {
    let place = Place::new("constraint");
    let options = ["--constraint", "size", "--trials", "30", "--study", "study.jsonl"];
    let program = [&AT_LEAST_ONE[..], &["{x}"]].concat();
    let ran = place.minimize(&options, &program);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let summary = ran.summary();
    let best = summary["best"]["value"].as_f64().unwrap();
    assert!((1.0..2.0).contains(&best), "{best}");
    let feasible = ran.trials().iter().filter(|trial| trial["feasible"] == true).count();
    assert_eq!(summary["feasible"], feasible);
    assert!(0 < feasible && feasible < 30);
    assert_eq!(summary["best"]["constraints"]["size"].as_f64().unwrap(), 1.0 - best);
    // The same command continues the study; one without the constraint is another study.
    let more = [&options[..2], &["--trials", "31"], &options[4..]].concat();
    assert_eq!(place.minimize(&more, &program).trials().len(), 1);
    let other = ["--trials", "32", "--study", "study.jsonl"];
    let refused = place.minimize(&other, &program);
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("its constraints are size, not none"), "{refused:?}");
    let shown = place.run(&["show", "study.jsonl"]);
    assert!(shown.stdout.contains("constraint size: -"), "{shown:?}");
    assert!(shown.stdout.contains("(satisfied)"), "{shown:?}");
}

#[test]
fn what_violates_every_constraint_is_said_plainly() {
    let place = Place::new("infeasible");
    let program = ["printf", "optiformer: constraint size 2\\n%s", "{x}"];
    let arguments = [
        &["minimize", "--space", "space.json", "--sampler", "random", "--trials", "3"][..],
        &["--constraint", "size", "--"],
        &program,
    ]
    .concat();
    let ran = place.run(&arguments);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stdout.contains("every configuration violates a constraint"), "{ran:?}");
    assert!(ran.stdout.contains("3 finished, 0 failed, 0 feasible"), "{ran:?}");
}

#[test]
fn a_program_need_not_measure_what_violates_a_constraint() {
    let place = Place::new("unmeasured");
    let ran = place.run(&[
        "minimize",
        "--space",
        "space.json",
        "--constraint",
        "size",
        "--trials",
        "3",
        "--sampler",
        "random",
        "--",
        "printf",
        "optiformer: constraint size %s",
        "{n}",
    ]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert!(ran.stderr.contains("only the constraints were measured"), "{ran:?}");
    assert!(ran.stdout.contains("every configuration violates a constraint"), "{ran:?}");
}

#[test]
fn a_constraint_that_is_not_reported_fails_the_trial() {
    let place = Place::new("unreported");
    let ran = place.minimize(&["--constraint", "size", "--trials", "2"], &["echo", "{x}"]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    for trial in ran.trials() {
        assert_eq!(trial["reason"], "printed no value of the constraint \"size\"");
    }
    let twice = place.minimize(
        &["--constraint", "size", "--constraint", "size", "--trials", "2"],
        &["echo", "{x}"],
    );
    assert_eq!(twice.code, Some(2), "{twice:?}");
}

#[test]
fn penalties_replace_the_objective() {
    let place = Place::new("penalty");
    let program = [&AT_LEAST_ONE[..], &["{x}"]].concat();
    let ran = place.minimize(&["--constraint", "size", "--penalty", "--trials", "20"], &program);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let mut penalized = 0;
    for trial in ran.trials() {
        let (x, value) = (trial["values"]["x"].as_f64().unwrap(), trial["value"].as_f64().unwrap());
        let expected = if x < 1.0 { 100.0 * (2.0 - x) } else { x };
        assert!((value - expected).abs() < 1e-3, "{trial}");
        penalized += usize::from(x < 1.0);
    }
    assert!(0 < penalized && penalized < 20);
}

#[test]
fn several_objectives_have_a_pareto_front() {
    let place = Place::new("front");
    let script = "optiformer: objective low %s\\noptiformer: objective high %s\\n";
    let options = ["--objective", "low", "--objective", "high:max", "--trials", "25"];
    let ran = place.minimize(&options, &["printf", script, "{x}", "{x}"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let summary = ran.summary();
    assert!(summary["best"].is_null());
    // Every x is a compromise.
    assert_eq!(summary["front"].as_array().unwrap().len(), 25);
    let text = place.run(&[
        "minimize",
        "--space",
        "space.json",
        "--objective",
        "low",
        "--objective",
        "high:max",
        "--trials",
        "4",
        "--",
        "printf",
        script,
        "{x}",
        "{x}",
    ]);
    assert!(text.stdout.contains("Pareto front, 4 trials"), "{text:?}");
}

#[test]
fn steps_are_intermediate_values() {
    let place = Place::new("steps");
    let script = "optiformer: step 1 value 9\\noptiformer: step 2 value %s\\n0.5\\n";
    let ran = place.minimize(&["--trials", "2", "--study", "s.jsonl"], &["printf", script, "{n}"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    for trial in ran.trials() {
        assert_eq!(trial["value"], 0.5);
        assert_eq!(trial["reports"][0], serde_json::json!([1, 9.0]));
        assert_eq!(trial["reports"][1][1].as_f64(), trial["values"]["n"].as_f64());
    }
    assert_eq!(place.read("s.jsonl").matches("{\"report\":").count(), 4);
    // A step that goes back is a warning, and the trial is kept.
    let script = "optiformer: step 2 value 9\\noptiformer: step 1 value 8\\n0.5\\n";
    let ran =
        place.run(&["minimize", "--space", "space.json", "--trials", "1", "--", "printf", script]);
    assert!(ran.stderr.contains("warning: trial 0: step 1 is reported after step 2"), "{ran:?}");
    assert_eq!(ran.code, Some(0));
}

#[test]
fn a_point_may_leave_values_to_the_sampler() {
    let place = Place::new("open-point");
    let options = ["--trials", "2", "--study", "s.jsonl", "--enqueue", r#"{"rate": 0.5}"#];
    let ran = place.minimize(&options, &["echo", "{x}"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let first = &ran.trials()[0]["values"];
    assert_eq!((&first["rate"], &first["kind"]), (&0.5.into(), &"a b".into()));
    assert!(first["x"].is_number() && first["n"].is_number());
    // Repeating the command does not try it again.
    let more = ["--trials", "3", "--study", "s.jsonl", "--enqueue", r#"{"rate": 0.5}"#];
    assert_ne!(place.minimize(&more, &["echo", "{x}"]).trials()[0]["values"]["rate"], 0.5);
}

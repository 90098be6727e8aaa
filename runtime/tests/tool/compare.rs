//! `optiformer compare`, `--repeats`, `show --csv`, completions, manual pages, and the width of the
//! plot.

use std::fs;

use serde_json::{Value, json};

use super::Place;

/// Makes `count` studies called `NAME-1.jsonl`, …, whose best objectives are `offset` and more.
fn studies(place: &Place, name: &str, offset: f64, count: usize) -> Vec<String> {
    let names: Vec<String> = (1..=count).map(|number| format!("{name}-{number}.jsonl")).collect();
    for (number, file) in names.iter().enumerate() {
        let space = json!({"parameters": [{"name": "x", "type": "float", "low": 0, "high": 1}]});
        let header = json!({"optiformer": "journal", "version": 1, "direction": "minimize",
            "sampler": "random", "seed": number, "space": space});
        let mut text = format!("{header}\n");
        for id in 0..12 {
            let value = offset + 0.01 * number as f64 + 1.0 / f64::from(id + 1);
            let add = json!({"id": id, "values": {"x": 0.01 * f64::from(id)}, "value": value});
            text += &format!("{}\n", json!({"add": add}));
        }
        fs::write(place.file(file), text).unwrap();
    }
    names
}

#[test]
fn studies_of_several_objectives_compare_by_hypervolume() {
    let place = Place::new("compare-fronts");
    let space = json!({"parameters": [{"name": "x", "type": "float", "low": 0, "high": 1}]});
    fs::write(place.file("space.json"), space.to_string()).unwrap();
    let program = "echo optiformer: objective error {x}; echo optiformer: objective speed {x}";
    let run = |study: &str, speed: &str, more: &[&str]| {
        let base = ["minimize", "--space", "space.json", "--sampler", "sobol", "--objective"];
        let own = ["error", "--objective", speed, "--trials", "12", "--study", study];
        let ran = place.run(&[&base[..], &own, more, &["--", "sh", "-c", program]].concat());
        assert_eq!(ran.code, Some(0), "{ran:?}");
        ran
    };
    run("whole.jsonl", "speed:max", &[]);
    let ends = ["--enqueue", r#"{"x": 0}"#, "--enqueue", r#"{"x": 1}"#];
    run("ends.jsonl", "speed:max", &ends);
    let files = ["compare", "--group", "whole=whole.jsonl", "--group", "ends=ends.jsonl"];
    let ran = place.run(&[&files[..], &["--json"]].concat());
    let comparison = ran.lines()[0]["comparison"].clone();
    assert_eq!(comparison["quantity"], "hypervolume");
    assert_eq!(comparison["direction"], "maximize");
    let median = |round: usize, group: usize| {
        comparison["rounds"][round]["groups"][group]["median"].as_f64().unwrap()
    };
    // Errors and speeds are equal: no front has more than the half of the unit square, and the
    // margin.
    for group in 0..2 {
        assert!(0.0 < median(0, group) && median(0, group) < median(1, group));
        assert!(median(1, group) < (1.21 - 0.5) / 1.21);
    }
    let ran = place.run(&files);
    assert!(ran.stdout.contains("median of the hypervolume"), "{ran:?}");
    run("other.jsonl", "speed:min", &[]);
    let ran = place.run(&["compare", "whole.jsonl", "other.jsonl"]);
    let expected = "other.jsonl to minimize error and minimize speed";
    assert!(ran.code == Some(1) && ran.stderr.contains(expected), "{ran:?}");
}

#[test]
fn groups_are_compared_with_the_first() {
    let place = Place::new("compare");
    let (good, bad) = (studies(&place, "good", 1.0, 5), studies(&place, "bad", 2.0, 5));
    let groups = [format!("good={}", good.join(",")), format!("bad={}", bad.join(","))];
    let base = ["compare", "--group", &groups[0], "--group", &groups[1]];
    let ran = place.run(&[&base[..], &["--json"]].concat());
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let comparison = ran.lines()[0]["comparison"].clone();
    let rounds = comparison["rounds"].as_array().unwrap();
    assert_eq!(rounds.iter().map(|round| &round["trials"]).collect::<Vec<_>>(), [10, 12]);
    let last = &rounds[1]["groups"];
    let close = |value: &Value, expected: f64| {
        assert!((value.as_f64().unwrap() - expected).abs() < 1e-9, "{value} {expected}");
    };
    close(&last[0]["median"], 1.02 + 1.0 / 12.0);
    close(&last[0]["low"], 1.0 + 1.0 / 12.0);
    close(&last[0]["high"], 1.04 + 1.0 / 12.0);
    close(&last[0]["coverage"], 0.9375);
    // All of five are better than all of five: two of the 252 ways to divide ten.
    close(&last[1]["p"], 2.0 / 252.0);
    assert_eq!(last[0]["p"], Value::Null);

    let ran = place.run(&base);
    assert!(ran.stdout.contains("bad is worse than good (p = 0.008)"), "{ran:?}");
    let ran = place.run(&[&base[..], &["--paired"]].concat());
    assert!(ran.stdout.contains("p = 0.062") && ran.stdout.contains("Wilcoxon"), "{ran:?}");
    // Without groups they all are of one sampler.
    let files: Vec<&str> = good.iter().chain(&bad).map(String::as_str).collect();
    let ran = place.run(&[&["compare"][..], &files].concat());
    assert!(ran.stdout.contains("10 studies in 1 group") && ran.stdout.contains("random"));
}

#[test]
fn what_cannot_be_compared_is_said() {
    let place = Place::new("compare-errors");
    let (good, bad) = (studies(&place, "good", 1.0, 2), studies(&place, "bad", 2.0, 3));
    let groups = [format!("good={}", good.join(",")), format!("bad={}", bad.join(","))];
    let base = ["compare", "--group", &groups[0], "--group", &groups[1]];
    let ran = place.run(&[&base[..], &["--paired"]].concat());
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stderr.contains("other seeds"), "{ran:?}");
    let ran = place.run(&base);
    assert!(ran.stdout.contains("no p value can be below 0.2"), "{ran:?}");
    let other = place.read("good-1.jsonl").replace("minimize", "maximize");
    fs::write(place.file("up.jsonl"), other).unwrap();
    let ran = place.run(&["compare", "good-1.jsonl", "up.jsonl"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stderr.contains("up.jsonl to maximize"), "{ran:?}");
    for arguments in
        [&["compare"][..], &["compare", "--group", "a"], &["compare", "--group", "a=,b"]]
    {
        assert_eq!(place.run(arguments).code, Some(2), "{arguments:?}");
    }
}

#[test]
fn no_improvement_over_the_default_is_said() {
    let place = Place::new("compare-default");
    let best = r#"{"x": 0, "n": 1, "kind": "a b", "rate": 0.5}"#;
    let ran = place.minimize(
        &["--trials", "12", "--study", "s.jsonl", "--enqueue", best],
        &["sh", "-c", "echo $0", "{x}"],
    );
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let ran = place.run(&["compare", "s.jsonl"]);
    assert!(
        ran.stdout.contains("no improvement over the configuration given first (0)"),
        "{ran:?}"
    );
    let ran = place.run(&["report", "s.jsonl"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(
        place.read("report.html").contains("no improvement over the configuration given first")
    );
}

#[test]
fn repeats_are_studies_with_seeds_of_their_own() {
    let place = Place::new("repeats");
    let options = ["--trials", "6", "--repeats", "3", "--seed", "5", "--study", "s.jsonl"];
    let ran = place.minimize(&options, &["sh", "-c", "echo $0", "{x}"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(ran.trials().len(), 18);
    let comparison = ran.lines().pop().unwrap()["comparison"].clone();
    let runs = comparison["groups"][0]["studies"].as_array().unwrap();
    assert_eq!(runs.iter().map(|run| &run["seed"]).collect::<Vec<_>>(), [5, 6, 7]);
    for (number, run) in runs.iter().enumerate() {
        let file = format!("s-{}.jsonl", number + 1);
        assert_eq!(run["study"], json!(file));
        let alone = place.run(&["show", &file, "--json"]).summary();
        assert_eq!(alone["best"]["value"], run["best"]);
        // The same study as without repeats.
        let seed = (5 + number).to_string();
        let options = ["--trials", "6", "--seed", &seed, "--study", "alone.jsonl"];
        place.minimize(&options, &["sh", "-c", "echo $0", "{x}"]);
        assert_eq!(place.read("alone.jsonl"), place.read(&file));
        fs::remove_file(place.file("alone.jsonl")).unwrap();
    }
    // The same command again has nothing left to run.
    let ran = place.minimize(&options, &["sh", "-c", "touch ran; echo $0", "{x}"]);
    assert_eq!((ran.code, ran.trials().len()), (Some(0), 0), "{ran:?}");
    assert!(!place.file("ran").exists());
    let base = ["minimize", "--space", "space.json", "--sampler", "random"];
    let program = ["--", "sh", "-c", "exit 1", "{x}"];
    let failing = ["--trials", "2", "--repeats", "2"];
    assert_eq!(place.run(&[&base[..], &failing, &program].concat()).code, Some(3));
    let program = ["--", "echo", "{x}"];
    let ran = place.run(&[&base[..], &failing, &["--quiet"], &program].concat());
    assert!(ran.lines()[0]["value"].is_number(), "{ran:?}");
}

#[test]
fn csv_has_a_row_for_each_trial() {
    let place = Place::new("csv");
    let script = "case $0 in 'a b') echo 1.5;; *) exit 3;; esac";
    let options = ["--trials", "12", "--study", "s.jsonl"];
    place.minimize(&options, &["sh", "-c", script, "{kind}"]);
    let ran = place.run(&["show", "s.jsonl", "--csv"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let lines: Vec<&str> = ran.stdout.split("\r\n").collect();
    assert_eq!(lines[0], "trial,state,objective,reason,params_x,params_n,params_kind,params_rate");
    assert_eq!((lines.len(), lines[13]), (14, ""));
    for (id, line) in lines[1..13].iter().enumerate() {
        if line.contains("\"$c {}'\"\"\"") {
            assert!(line.starts_with(&format!("{id},failed,,")) && line.ends_with(','), "{line}");
        } else {
            assert!(line.starts_with(&format!("{id},finished,1.5,,")), "{line}");
            assert!(line.contains(",a b,") && !line.ends_with(','), "{line}");
        }
    }
    assert_eq!(place.run(&["show", "s.jsonl", "--csv", "--json"]).code, Some(2));
}

#[test]
fn completions_and_manual_pages_know_every_command() {
    let place = Place::new("manual");
    for shell in ["bash", "zsh", "fish"] {
        let ran = place.run(&["completions", shell]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        for word in ["minimize", "ask-tell", "report", "compare", "repeats"] {
            assert!(ran.stdout.contains(word), "{shell}: {word}");
        }
    }
    let ran = place.run(&["man"]);
    assert!(ran.stdout.starts_with(".") || ran.stdout.starts_with(".ie"), "{ran:?}");
    assert!(ran.stdout.contains(".TH optiformer 1") && ran.stdout.contains("compare"));
    let ran = place.run(&["man", "minimize"]);
    assert!(ran.stdout.contains("optiformer minimize") && ran.stdout.contains("repeats"));
    assert_eq!(place.run(&["man", "nothing"]).code, Some(2));
}

#[test]
fn output_fits_a_narrow_terminal() {
    let place = Place::new("narrow");
    let options = ["--trials", "30", "--study", "s.jsonl"];
    place.minimize(&options, &["sh", "-c", "echo $0", "{x}"]);
    for columns in ["40", "60"] {
        let mut tool = place.tool(&["show", "s.jsonl"]);
        let output = tool.env("COLUMNS", columns).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let plot = text.lines().filter(|line| line.contains(['┤', '└', '─']));
        let widest = plot.map(|line| line.chars().count()).max().unwrap();
        assert!(widest <= columns.parse().unwrap(), "{text}");
        assert!(widest > 30, "{text}");
    }
}

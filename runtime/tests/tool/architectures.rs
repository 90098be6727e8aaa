//! `optiformer architectures` and `optiformer recover`.

use std::fs;

use serde_json::{Value, json};

use super::Place;

fn list(place: &Place, budget: &str) -> Vec<Value> {
    let ran = place.run(&["architectures", "--budget", budget, "--features", "25", "--json"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    ran.lines()
}

#[test]
fn lists_have_the_deep_shapes_and_keep_to_the_budget() {
    let place = Place::new("architectures");
    for (budget, parameters) in [("2M", 2e6), ("20M", 2e7), ("350M", 3.5e8), ("2B", 2e9)] {
        for (index, shape) in list(&place, budget).iter().enumerate() {
            assert_eq!(shape["arch_idx"], json!(index));
            let ratio = shape["params"].as_f64().unwrap() / parameters;
            assert!((0.75..=1.25).contains(&ratio), "{shape}");
            assert!(shape["d_model"].as_u64().unwrap() % shape["n_heads"].as_u64().unwrap() == 0);
        }
    }
    let deep = |budget, width: u64, layers: u64| {
        list(&place, budget).into_iter().filter(move |shape| {
            shape["d_model"] == json!(width) && shape["n_layers"] == json!(layers)
        })
    };
    let heads: Vec<u64> = deep("2M", 64, 64).map(|it| it["n_heads"].as_u64().unwrap()).collect();
    assert!([8, 4, 2].iter().all(|count| heads.contains(count)), "{heads:?}");
    for layers in [160, 180] {
        assert!(
            deep("20M", 128, layers)
                .any(|it| it["n_heads"] == json!(8) && it["d_ff"] == json!(256))
        );
    }
    let csv = place.run(&["architectures", "--budget", "2M", "--features", "25", "--csv"]);
    assert_eq!(csv.stdout.lines().next(), Some("arch_idx,d_model,n_layers,n_heads,d_ff,params"));
    assert_eq!(csv.stdout.lines().count(), list(&place, "2M").len() + 1);
    let table = place.run(&["architectures", "--budget", "2000000", "--features", "25"]);
    assert_eq!(table.stdout.lines().count(), csv.stdout.lines().count());
}

#[test]
fn a_list_is_a_study() {
    let place = Place::new("architecture-study");
    let options = ["architectures", "--budget", "2M", "--features", "25", "--output", "a/shapes"];
    let ran = place.run(&options);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let base = [
        "minimize",
        "--space",
        "a/shapes/space.json",
        "--candidates",
        "a/shapes/architectures.csv",
    ];
    let own =
        ["--extremes", "--trials", "12", "--sampler", "random", "--json", "--study", "s.jsonl"];
    let program = ["--", "echo", "{arch_idx}{d_model}{n_layers}{n_heads}{d_ff}{params} {n_layers}"];
    let ran = place.run(&[&base[..], &own, &program].concat());
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let shapes = list(&place, "2M");
    for trial in ran.trials() {
        let index = trial["values"]["arch_idx"].as_u64().unwrap() as usize;
        assert_eq!(trial["values"], shapes[index]);
    }
    let depths = shapes.iter().map(|shape| shape["n_layers"].as_u64().unwrap());
    let first = ran.trials()[..6].to_vec();
    for depth in [depths.clone().min(), depths.max()] {
        assert!(
            first.iter().any(|trial| trial["values"]["n_layers"].as_u64() == depth),
            "{first:?}"
        );
    }
    // What the tool prints is a log that can be recovered from.
    let lost = ran.stdout.replace("\"n_heads\":", "\"heads\":");
    fs::write(place.file("log.jsonl"), lost).unwrap();
    let again = place.run(&["recover", "log.jsonl", "--budget", "2M", "--features", "25"]);
    assert_eq!(again.code, Some(0), "{again:?}");
    for (line, trial) in again.lines().iter().zip(ran.trials()) {
        assert_eq!(line["trial"]["values"]["n_heads"], trial["values"]["n_heads"]);
    }
}

#[test]
fn what_logs_lost_comes_back_from_the_index() {
    let place = Place::new("recover");
    let shapes = list(&place, "2M");
    let (one, two) = (&shapes[100], &shapes[200]);
    let line = |number: u32, shape: &Value| {
        format!(
            "2025-12-13 09:00:00 [INFO] Trial {number}: arch_idx={}, d_model={}, n_layers={}, params={}, lr=3.5e-4\n",
            shape["arch_idx"], shape["d_model"], shape["n_layers"], shape["params"]
        )
    };
    let text = format!(
        "starting\n{}epoch 1\n{}Trial 0: val_loss=0.52\n{}",
        line(0, one),
        line(1, two),
        json!({"trial": 2, "arch_idx": two["arch_idx"], "n_heads": null, "loss": 0.5})
    );
    fs::write(place.file("old.log"), text).unwrap();
    let recover = |log: &str| place.run(&["recover", log, "--budget", "2M", "--features", "25"]);
    let ran = recover("old.log");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stderr.contains("3 trials; recovered: 3 d_ff, 1 d_model, 3 n_heads"), "{ran:?}");
    let trials = ran.lines();
    assert_eq!(trials.len(), 3);
    for (number, (trial, shape)) in trials.iter().zip([one, two, two]).enumerate() {
        assert_eq!(trial["trial"], json!(number));
        for field in ["arch_idx", "d_model", "n_layers", "n_heads", "d_ff", "params"] {
            assert_eq!(trial[field], shape[field], "{field}");
        }
    }
    assert_eq!((&trials[0]["lr"], &trials[0]["val_loss"]), (&json!(3.5e-4), &json!(0.52)));
    // What it wrote is complete.
    fs::write(place.file("new.jsonl"), &ran.stdout).unwrap();
    let again = recover("new.jsonl");
    assert_eq!((again.code, again.stdout), (Some(0), ran.stdout));
    assert!(again.stderr.contains("recovered: nothing"), "{}", again.stderr);
}

#[test]
fn contradictions_are_reported_and_left_alone() {
    let place = Place::new("contradictions");
    let shapes = list(&place, "2M");
    let (one, index) = (&shapes[100], shapes.len());
    let text = format!(
        "Trial 0: arch_idx=100, d_model={}\nTrial 1: arch_idx=100, d_model=7\nTrial 2: arch_idx={index}\n\
         {{\"arch_idx\": 100, \"n_heads\": 3}}\n{{\"arch_idx\": 100\nTrial 5: d_model={}, n_layers={}\n",
        one["d_model"], one["d_model"], one["n_layers"]
    );
    fs::write(place.file("old.log"), text).unwrap();
    let ran = place.run(&["recover", "old.log", "--budget", "2M", "--features", "25"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    for words in [
        format!(
            "old.log line 2: contradiction: d_model is 7, but architecture 100 has {}",
            one["d_model"]
        ),
        format!(
            "old.log line 3: contradiction: arch_idx is {index}, but there are {index} architectures"
        ),
        "old.log line 4: contradiction: n_heads is 3".to_string(),
        "old.log line 5: not JSON".to_string(),
        "old.log line 6: no arch_idx, and ".to_string(),
        "3 trials contradict their index".to_string(),
    ] {
        assert!(ran.stderr.contains(&words), "{words}: {ran:?}");
    }
    let trials = ran.lines();
    assert_eq!(trials[0]["n_heads"], one["n_heads"]);
    assert_eq!(trials[1], json!({"trial": 1, "arch_idx": 100, "d_model": 7}));
    assert_eq!(trials[3], json!({"arch_idx": 100, "n_heads": 3}));
}

#[test]
fn what_cannot_be_is_an_error() {
    let place = Place::new("no-architectures");
    for (budget, code, words) in [
        ("100", 1, "no transformer shape"),
        ("100T", 1, "no transformer shape"),
        ("2G", 2, "not a number such as 2M"),
        ("0", 2, "between 1"),
        ("-2M", 2, "-2"),
    ] {
        let ran = place.run(&["architectures", "--budget", budget, "--features", "25"]);
        assert_eq!(ran.code, Some(code), "{ran:?}");
        assert!(ran.stderr.contains(words), "{ran:?}");
    }
    let ran = place.run(&["architectures", "--budget", "2M", "--features", "0"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    fs::write(place.file("empty.log"), "nothing\n").unwrap();
    for (log, words) in [("no.log", "no.log"), ("empty.log", "empty.log: no line is a trial")] {
        let ran = place.run(&["recover", log, "--budget", "2M", "--features", "25"]);
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(ran.stderr.contains(words), "{ran:?}");
    }
    fs::write(place.file("file"), "").unwrap();
    let options =
        ["architectures", "--budget", "2M", "--features", "25", "--output", "file/shapes"];
    let ran = place.run(&options);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stderr.contains("file/shapes"), "{ran:?}");
}

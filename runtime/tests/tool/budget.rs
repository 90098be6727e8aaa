//! `--budget`, and studies that were cut off.

use std::time::{Duration, Instant};

use serde_json::json;

use super::Place;

#[test]
fn no_trial_starts_after_the_budget_and_running_ones_finish() {
    let place = Place::new("budget");
    let start = Instant::now();
    let options = ["--budget", "1.2s", "--jobs", "2", "--study", "s.jsonl"];
    let ran = place.minimize(&options, &["sh", "-c", "sleep 0.5; echo {x}"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(start.elapsed() < Duration::from_secs(20), "{ran:?}");
    let (summary, count) = (ran.summary(), ran.trials().len());
    assert!((2..=6).contains(&count), "{ran:?}");
    assert_eq!((&summary["finished"], &summary["pending"]), (&json!(count), &json!(0)));
    assert_eq!(summary["interrupted"], json!(false));
    // A trial that takes longer than the budget finishes.
    let ran = place.minimize(&["--budget", "0.2s"], &["sh", "-c", "sleep 1; echo 1"]);
    assert_eq!((ran.code, ran.trials().len()), (Some(0), 1), "{ran:?}");
    // The number of trials still ends a study with time left, and a study goes on.
    let total = format!("{}", count + 2);
    let options = ["--budget", "1h", "--trials", &total, "--study", "s.jsonl"];
    let ran = place.minimize(&options, &["echo", "{x}"]);
    assert_eq!((ran.code, ran.trials().len()), (Some(0), 2), "{ran:?}");
    let ran = place.minimize(&["--budget", "0.3s"], &["false"]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
}

#[test]
fn a_spent_budget_is_said() {
    let place = Place::new("budget-note");
    let base = ["minimize", "--space", "space.json", "--sampler", "random", "--budget", "0.2s"];
    let ran = place
        .run(&[&base[..], &["--", "sh", "-c", "sleep 0.3; echo {x}{n}{kind}{rate} 1"]].concat());
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stderr.contains("the time budget is spent"), "{ran:?}");
}

#[test]
fn something_must_end_a_study() {
    let place = Place::new("endless");
    let ran = place.minimize(&["--study", "s.jsonl"], &["sh", "-c", "touch ran; echo 1"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.stderr.contains("--trials") && ran.stderr.contains("--budget"), "{ran:?}");
    assert!(!place.file("ran").exists() && !place.file("s.jsonl").exists());
}

#[test]
fn thirty_one_of_fifty_go_on_to_fifty() {
    let place = Place::new("thirty-one");
    let program = ["sh", "-c", "echo {x} >>runs; echo {x}"];
    for (trials, new) in [("31", 31), ("50", 19), ("50", 0)] {
        let ran = place.minimize(&["--trials", trials, "--study", "s.jsonl"], &program);
        assert_eq!((ran.code, ran.trials().len()), (Some(0), new), "{ran:?}");
    }
    assert_eq!(place.read("runs").lines().count(), 50);
    let options = ["--trials", "50", "--study", "whole.jsonl"];
    assert_eq!(place.minimize(&options, &program).code, Some(0));
    assert_eq!(place.read("s.jsonl"), place.read("whole.jsonl"));
}

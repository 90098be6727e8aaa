//! What counts as an objective, and what as a failure.

use std::time::{Duration, Instant};

use serde_json::json;

use super::Place;

#[test]
fn the_last_number_counts() {
    let place = Place::new("last-number");
    for (script, value) in [
        ("echo 1 2; echo loss=3.5", 3.5),
        ("echo -1.5e-3", -1.5e-3),
        ("printf 7", 7.0),
        ("echo 1; echo 2 >&2", 1.0),
        ("echo 4; cat", 4.0),
        ("yes 1 | head -100000; echo 2.5; echo done", 2.5),
    ] {
        let ran = place.minimize(&["--trials", "1"], &["sh", "-c", script]);
        assert_eq!(ran.code, Some(0), "{script}: {ran:?}");
        assert_eq!(ran.trials()[0]["value"], json!(value), "{script}");
    }
}

#[test]
fn failures_are_kept_with_their_reasons() {
    let place = Place::new("failures");
    for (script, reason) in [
        ("echo 1; exit 3", "exit code 3"),
        ("echo 1; kill -9 $$", "killed by signal 9"),
        ("echo nothing", "printed no number"),
        ("echo 1; echo nan", "the objective is NaN"),
        ("echo -inf", "the objective is -inf"),
        ("echo 1; sleep 60 & wait", "ran longer than 0.4 s"),
    ] {
        let options = ["--trials", "1", "--study", "study.jsonl", "--timeout", "0.4"];
        let start = Instant::now();
        let ran = place.minimize(&options, &["sh", "-c", script]);
        assert!(start.elapsed() < Duration::from_secs(20), "{script}");
        assert_eq!(ran.code, Some(3), "{script}: {ran:?}");
        let trial = &ran.trials()[0];
        assert_eq!((&trial["failed"], &trial["reason"]), (&json!(true), &json!(reason)));
        assert_eq!(ran.summary()["best"], json!(null));
        assert!(place.read("study.jsonl").contains(reason), "{script}");
        std::fs::remove_file(place.file("study.jsonl")).unwrap();
    }
}

#[test]
fn a_failing_program_shows_its_last_words() {
    let place = Place::new("last-words");
    let script = "for i in 1 2 3 4 5 6 7; do echo word $i >&2; done; test {n} -gt 4 && echo 1";
    let base = ["minimize", "--space", "space.json", "--sampler", "random", "--trials", "8"];
    let ran = place.run(&[&base[..], &["--", "sh", "-c", script]].concat());
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stderr.contains("failed: exit code 1"), "{ran:?}");
    assert!(ran.stderr.contains("    word 7\n") && !ran.stderr.contains("word 2"), "{ran:?}");
    let ran = place.run(&[&base[..], &["--verbose", "--", "sh", "-c", script]].concat());
    assert_eq!(ran.stderr.matches("word 2\n").count(), 8, "{ran:?}");
}

#[test]
fn values_arrive_as_they_are() {
    let place = Place::new("quoting");
    let program = ["sh", "-c", "printf '%s\\n' \"$@\" >>seen; echo 1", "sh"];
    let arguments = ["--kind={kind}", "{n},{{{n}}}", "{rate}", "{x}", "a  b\"'$HOME"];
    let ran = place.minimize(&["--trials", "12"], &[&program[..], &arguments].concat());
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let seen = place.read("seen");
    let lines: Vec<&str> = seen.lines().collect();
    let trials = ran.trials();
    assert_eq!(lines.len(), 5 * trials.len());
    let mut inactive = 0;
    for (trial, lines) in trials.iter().zip(lines.chunks(5)) {
        let values = &trial["values"];
        assert_eq!(lines[0], format!("--kind={}", values["kind"].as_str().unwrap()));
        assert_eq!(lines[1], format!("{0},{{{0}}}", values["n"]));
        match values.get("rate") {
            Some(rate) => assert_eq!(lines[2].parse::<f64>().ok(), rate.as_f64()),
            None => {
                assert_eq!(lines[2], "");
                inactive += 1;
            }
        }
        assert_eq!(lines[3].parse::<f64>().ok(), values["x"].as_f64());
        assert_eq!(lines[4], "a  b\"'$HOME");
    }
    assert!(inactive > 0 && inactive < trials.len());
}

#[test]
fn a_timeout_ends_all_that_the_program_started() {
    let place = Place::new("timeout");
    let script = "(sleep 1.5; echo late >late) & wait";
    let ran = place.minimize(&["--trials", "1", "--timeout", "0.2"], &["sh", "-c", script]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    std::thread::sleep(Duration::from_millis(1800));
    assert!(!place.file("late").exists());
}

#[test]
fn what_a_program_leaves_running_holds_nothing_up() {
    let place = Place::new("left-running");
    let start = Instant::now();
    let ran = place.minimize(&["--trials", "1"], &["sh", "-c", "sleep 15 & echo 5"]);
    assert_eq!(ran.trials()[0]["value"], json!(5.0));
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[test]
fn several_jobs_run_at_once() {
    let place = Place::new("jobs");
    // Each program waits until three others run beside it.
    let script = "touch here.$$; for i in $(seq 200); do test $(ls here.* | wc -l) -ge 4 && break; \
                  sleep 0.05; done; test $(ls here.* | wc -l) -ge 4 && echo {x}";
    let options = ["--trials", "10", "--jobs", "4", "--study", "study.jsonl"];
    let ran = place.minimize(&options, &["sh", "-c", script]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(ran.summary()["finished"], json!(10));
    let mut ids: Vec<_> = ran.trials().iter().map(|it| it["id"].as_u64().unwrap()).collect();
    ids.sort_unstable();
    assert_eq!(ids, (0..10).collect::<Vec<_>>());
    assert_eq!(ran.summary()["pending"], json!(0));
}

#[test]
fn a_program_that_failed_runs_again() {
    let place = Place::new("retry");
    let script = "echo x >>runs; test $(wc -l <runs) -ge 3 && echo 7";
    let ran = place.minimize(&["--trials", "1", "--retry", "2"], &["sh", "-c", script]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!((ran.trials().len(), &ran.trials()[0]["value"]), (1, &7.0.into()));
    std::fs::remove_file(place.file("runs")).unwrap();
    let ran = place.minimize(&["--trials", "1", "--retry", "1"], &["sh", "-c", script]);
    assert_eq!((ran.code, place.read("runs").lines().count()), (Some(3), 2));
}

#[test]
fn a_target_ends_the_study() {
    let place = Place::new("target");
    let options = ["--trials", "200", "--target", "1.5", "--study", "s.jsonl"];
    let ran = place.minimize(&options, &["echo", "{x}"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let trials = ran.trials();
    let (last, before) = trials.split_last().unwrap();
    assert!(last["value"].as_f64().unwrap() <= 1.5, "{last}");
    assert!(before.iter().all(|trial| trial["value"].as_f64().unwrap() > 1.5));
    assert!(place.minimize(&options, &["echo", "{x}"]).trials().is_empty());
}

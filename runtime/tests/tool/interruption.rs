//! Ctrl-C and requests to terminate.

use std::{
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use super::{Place, Ran, minimize};

#[test]
fn a_signal_stops_it_cleanly() {
    for (signal, name) in [(Signal::INT, "int"), (Signal::TERM, "term"), (Signal::QUIT, "quit")] {
        let place = Place::new(&format!("signal-{name}"));
        // The first two trials finish at once; the others would take for ever.
        let script = "echo $$ >>ids; test $(grep -n ^$$'$' ids | cut -d: -f1) -le 2 || { sleep 2; touch late; sleep 60; }; echo {x}"
            .replace("{ s", "{{ s").replace("; }", "; }}");
        let options = ["--trials", "9", "--jobs", "3", "--study", "s.jsonl"];
        let arguments = minimize(&options, &["sh", "-c", &script]);
        let mut command = place.tool(&arguments);
        let tool = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let start = Instant::now();
        let study = || std::fs::read_to_string(place.file("s.jsonl")).unwrap_or_default();
        while study().matches("\"ask\"").count() < 5 || study().matches("\"tell\"").count() < 2 {
            assert!(start.elapsed() < Duration::from_secs(20), "{}", study());
            thread::sleep(Duration::from_millis(10));
        }
        kill_process(Pid::from_child(&tool), signal).unwrap();
        let start = Instant::now();
        let ran = Ran::new(tool.wait_with_output().unwrap());
        assert!(start.elapsed() < Duration::from_secs(5));
        assert_eq!(ran.code, Some(130), "{ran:?}");
        let summary = ran.summary();
        assert_eq!(
            (&summary["interrupted"], &summary["finished"], &summary["pending"]),
            (&json!(true), &json!(2), &json!(3))
        );
        assert!(summary["best"]["value"].is_number());
        assert_eq!(study().matches("\"tell\"").count(), 2);

        // What was running runs again, as it was.
        let ran = place.minimize(&["--trials", "5", "--study", "s.jsonl"], &["echo", "1"]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert_eq!(study().matches("\"ask\"").count(), 5);
        thread::sleep(Duration::from_millis(1500));
        assert!(!place.file("late").exists(), "a program outlived the tool");
    }
}

#[test]
fn a_program_has_time_to_save() {
    let place = Place::new("grace");
    let script = "trap 'echo saved >>notes; exit 0' TERM; sleep 30 & wait";
    let options = ["--trials", "1", "--timeout", "0.3", "--grace", "10"];
    let ran = place.minimize(&options, &["sh", "-c", script]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert_eq!(place.read("notes"), "saved\n");
    assert_eq!(ran.trials()[0]["reason"], "ran longer than 0.3 s");
    // One that does not listen is killed.
    let start = Instant::now();
    let options = ["--trials", "1", "--timeout", "0.3", "--grace", "0.3"];
    let ran = place.minimize(&options, &["sh", "-c", "trap '' TERM; sleep 30"]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_study_file_that_is_removed_ends_the_run_with_an_error() {
    let place = Place::new("removed");
    let options = ["--trials", "3", "--study", "s.jsonl"];
    let ran = place.minimize(&options, &["sh", "-c", "rm -f s.jsonl; echo 1"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stderr.contains("somebody removed it"), "{ran:?}");
}

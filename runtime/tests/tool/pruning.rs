//! Programs that are ended early.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{Place, Ran};

/// Prints nine steps, all of which have the trial's number as their value, waiting after each.
const COUNTING: &str = "echo x >>starts; v=$(wc -l <starts); for s in 1 2 3 4 5 6 7 8 9; do \
                        echo optiformer: step $s value $v; sleep 0.05; done; echo $v";

fn steps(ran: &Ran) -> Vec<usize> {
    ran.trials().iter().map(|trial| trial["reports"].as_array().unwrap().len()).collect()
}

#[test]
fn poor_programs_are_ended() {
    let place = Place::new("pruned");
    // The process that a shell starts would write after the end of the program.
    let script = format!("(sleep 1.5; echo late >late.$$) & {COUNTING}; sleep 30");
    let good = "test $(wc -l <starts 2>/dev/null || echo 0) -lt 3";
    let script = format!("if {good}; then {COUNTING}; else {script}; fi");
    let options = ["--trials", "6", "--pruner", "asha:factor=3", "--study", "s.jsonl"];
    let start = Instant::now();
    let ran = place.minimize(&options, &["sh", "-c", &script]);
    assert!(start.elapsed() < Duration::from_secs(25), "{ran:?}");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    // Of up to five trials the best goes on from a rung, of six the second best does too.
    assert_eq!(steps(&ran), [9, 1, 1, 1, 1, 1]);
    let trials = ran.trials();
    assert!(trials[0]["value"].is_number() && trials[1].get("value").is_none());
    assert!(trials[1..].iter().all(|trial| trial["pruned"] == json!(true)));
    assert_eq!((&ran.summary()["pruned"], &ran.summary()["failed"]), (&json!(5), &json!(0)));
    assert_eq!(ran.summary()["best"]["id"], json!(0));
    std::thread::sleep(Duration::from_millis(1700));
    let late = std::fs::read_dir(&place.0).unwrap();
    assert!(late.flatten().all(|file| !file.file_name().to_string_lossy().starts_with("late")));
    // The study file knows its pruner, and goes on with no other.
    let journal = place.read("s.jsonl");
    assert!(journal.contains(r#""pruner":"asha:min=1,factor=3,rate=0,bootstrap=0""#));
    let script = COUNTING.replace("sleep 0.05", ":");
    let more = ["--trials", "7", "--study", "s.jsonl"];
    let ran = place.minimize(&more, &["sh", "-c", &script]);
    assert_eq!(steps(&ran), [1], "{ran:?}");
    let other = ["--trials", "8", "--study", "s.jsonl", "--pruner", "median"];
    let ran = place.minimize(&other, &["sh", "-c", &script]);
    assert!(ran.stderr.contains("its pruner is asha"), "{ran:?}");
}

#[test]
fn a_program_that_ends_at_once_is_pruned_all_the_same() {
    let place = Place::new("pruned-fast");
    let script = COUNTING.replace("sleep 0.05", ":");
    let options = ["--trials", "12", "--pruner", "asha:factor=2"];
    let ran = place.minimize(&options, &["sh", "-c", &script]);
    // What was printed after the decision does not count.
    assert_eq!(steps(&ran), [9, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1], "{ran:?}");
}

#[test]
fn steps_are_found_by_a_pattern() {
    let place = Place::new("pattern");
    let script = r#"echo x >>starts; v=$(wc -l <starts); for s in 1 2 3; do
        printf 'Epoch %s/3 loss: %s\r' $s $v >&2; sleep 0.05; done; echo "final loss: $v""#;
    let pattern = r"Epoch (?<step>\d+)/\d+ loss: (?<value>\S+)";
    let options = ["--trials", "3", "--pruner", "asha", "--step-pattern", pattern];
    let ran = place.minimize(&options, &["sh", "-c", script]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(steps(&ran), [3, 1, 1]);
    assert_eq!(ran.trials()[0]["value"], json!(1.0));
    for (option, text, part) in [
        ("--step-pattern", r"(?<step>\d+)", "no group named \"value\""),
        ("--pruner", "hyperband", "\"hyperband\" needs \"max\""),
        ("--pruner", "median:startup=x", "\"startup\" of \"median\" is a whole number"),
    ] {
        let ran = place.minimize(&["--trials", "1", option, text], &["echo", "1"]);
        assert_eq!(ran.code, Some(2));
        assert!(ran.stderr.contains(part), "{ran:?}");
    }
    let several = ["--objective", "a", "--objective", "b", "--pruner", "median", "--trials", "1"];
    let ran = place.minimize(&several, &["echo", "1"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("--pruner: a study of several objectives"), "{ran:?}");
}

#[test]
fn promoted_trials_go_on_where_the_earlier_ones_stopped() {
    let place = Place::new("promoted");
    let space = r#"{"parameters": [{"name": "x", "type": "float", "low": 0, "high": 4},
        {"name": "epochs", "type": "int", "low": 1, "high": 9, "fidelity": true}]}"#;
    std::fs::write(place.file("space.json"), space).unwrap();
    // Counts the epochs that it computes itself, and fails without the saved state.
    let script = r#"done=0; if test -n "$2"; then done=$(cat saved.$2) || exit 1; fi
        echo $(($3 - done)) >>computed; echo $3 >saved.$1; echo "$4""#;
    let program = ["sh", "-c", script, "sh", "{trial_id}", "{promoted_from}", "{epochs}", "{x}"];
    let options = ["minimize", "--space", "space.json", "--sampler", "hyperband", "--json"];
    let more = ["--trials", "30", "--study", "s.jsonl", "--"];
    let ran = place.run(&[&options[..], &more, &program].concat());
    assert_eq!((ran.code, &ran.summary()["failed"]), (Some(0), &json!(0)), "{ran:?}");
    let trials = ran.trials();
    let epochs = |trial: &serde_json::Value| trial["values"]["epochs"].as_u64().unwrap();
    let mut expected = 0;
    for trial in &trials {
        expected += epochs(trial);
        if let Some(source) = trial["promoted_from"].as_u64() {
            let source = &trials[source as usize];
            assert_eq!(source["values"]["x"], trial["values"]["x"]);
            expected -= epochs(source);
        }
    }
    let computed = place.read("computed");
    let computed: u64 = computed.lines().map(|line| line.parse::<u64>().unwrap()).sum();
    assert_eq!(computed, expected);
    assert!(trials.iter().any(|trial| trial["promoted_from"].is_u64()));
    assert_eq!(epochs(&ran.summary()["best"]), 9);
    // A space without a fidelity is no space for it.
    let place = Place::new("no-fidelity");
    let ran = place.run(&[&options[..], &["--trials", "1", "--", "echo", "1"]].concat());
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("needs a space with a fidelity"), "{ran:?}");
    let ran = place.minimize(&["--trials", "1"], &["echo", "{promoted_from}"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("\"fidelity\": true"), "{ran:?}");
}

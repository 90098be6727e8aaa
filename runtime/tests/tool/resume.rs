//! Studies that go on.

use std::{
    fs,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use serde_json::json;

use super::{Place, minimize, tool_path};

/// A program with an objective, and a failure where `n` is large.
const PROGRAM: [&str; 3] =
    ["sh", "-c", "test {n} -lt 8 && awk 'BEGIN {{ printf \"%.17g\\n\", ({x} - 1) ^ 2 + {n} }}'"];

fn options<'a>(sampler: &'a str, trials: &'a str, study: &'a str) -> Vec<&'a str> {
    let fixed = ["minimize", "--space", "space.json", "--seed", "11", "--json"];
    let own = ["--sampler", sampler, "--trials", trials, "--study", study, "--"];
    [&fixed[..], &own, &PROGRAM].concat()
}

#[test]
fn what_keeps_a_study_from_going_on_is_said_with_what_to_do() {
    let place = Place::new("going-on");
    let run = |sampler: &str, program: &str| {
        let base = ["minimize", "--space", "space.json", "--trials", "3", "--study", "s.jsonl"];
        place.run(&[&base[..], &["--sampler", sampler, "--", "sh", "-c", program]].concat())
    };
    assert_eq!(run("random", "exit 1").code, Some(3));
    let ran = run("random", "echo {x}{n}");
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert!(ran.stderr.contains("has 3 trials, all of which failed; a higher --trials"), "{ran:?}");
    let ran = run("tpe", "echo {x}{n}");
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let expected = "its sampler is random, not tpe (--allow-change goes on with another sampler";
    assert!(ran.stderr.contains(expected), "{ran:?}");
}

#[test]
fn half_and_half_is_the_whole() {
    let place = Place::new("halves");
    for sampler in ["random", "tpe"] {
        assert_eq!(place.run(&options(sampler, "50", "whole.jsonl")).code, Some(0));
        let first = place.run(&options(sampler, "25", "halves.jsonl"));
        let second = place.run(&options(sampler, "50", "halves.jsonl"));
        assert_eq!((first.trials().len(), second.trials().len()), (25, 25));
        assert_eq!(
            second.summary()["failed"],
            first.summary()["failed"]
                .as_u64()
                .map(|failed| {
                    json!(
                        failed
                            + second
                                .trials()
                                .iter()
                                .filter(|it| it["failed"] == json!(true))
                                .count() as u64
                    )
                })
                .unwrap()
        );
        assert_eq!(place.read("whole.jsonl"), place.read("halves.jsonl"), "{sampler}");
        let third = place.run(&options(sampler, "50", "halves.jsonl"));
        assert_eq!((third.code, third.trials().len()), (Some(0), 0));
        fs::remove_file(place.file("whole.jsonl")).unwrap();
        fs::remove_file(place.file("halves.jsonl")).unwrap();
    }
}

#[test]
fn a_killed_tool_loses_nothing() {
    let place = Place::new("killed");
    assert_eq!(place.run(&options("tpe", "40", "whole.jsonl")).code, Some(0));
    let mut kills = 0;
    let mut told = 0;
    for round in 0u64.. {
        assert!(round < 200, "it never ends");
        let mut tool = place
            .tool(&options("tpe", "40", "killed.jsonl"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Moments without a pattern; later and later, so that a slow machine gets on too.
        thread::sleep(Duration::from_millis(4 + (round * 7919) % 29 + round / 2));
        match tool.try_wait().unwrap() {
            Some(status) if status.success() => break,
            // A killed tool's last program may hold the study file for a moment longer.
            Some(_) => continue,
            None => {}
        }
        tool.kill().unwrap();
        tool.wait().unwrap();
        kills += 1;
        let study = fs::read_to_string(place.file("killed.jsonl")).unwrap_or_default();
        let now = study.matches("{\"tell\":").count();
        assert!(now >= told, "{told} trials were told, {now} are left");
        told = now;
    }
    assert!(kills >= 3, "killed only {kills} times");
    assert_eq!(place.read("killed.jsonl"), place.read("whole.jsonl"));
}

#[test]
fn a_study_goes_on_with_its_own_seed_and_sampler() {
    let place = Place::new("own-seed");
    assert_eq!(place.run(&options("random", "3", "s.jsonl")).code, Some(0));
    let base =
        ["minimize", "--space", "space.json", "--study", "s.jsonl", "--json", "--trials", "6"];
    let ran = place.run(&[&base[..], &["--"], &PROGRAM].concat());
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!((&ran.summary()["seed"], &ran.summary()["sampler"]), (&json!(11), &json!("random")));
    for (option, value, words) in
        [("--seed", "12", "seed is 11, not 12"), ("--sampler", "tpe", "sampler is random, not tpe")]
    {
        let ran = place.run(&[&base[..], &[option, value, "--"], &PROGRAM].concat());
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(ran.stderr.contains(words), "{ran:?}");
    }
    fs::write(place.file("space.json"), super::SPACE.replace("\"high\": 4", "\"high\": 5"))
        .unwrap();
    let before = place.read("s.jsonl");
    let ran = place.run(&[&base[..], &["--"], &PROGRAM].concat());
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stderr.contains("\"x\" is defined differently"), "{ran:?}");
    assert_eq!(place.read("s.jsonl"), before);
}

#[test]
fn a_torn_line_is_noted_and_damage_refused() {
    let place = Place::new("torn");
    assert_eq!(place.run(&options("random", "3", "s.jsonl")).code, Some(0));
    let whole = place.read("s.jsonl");
    fs::write(place.file("s.jsonl"), &whole[..whole.len() - 4]).unwrap();
    let base = ["minimize", "--space", "space.json", "--study", "s.jsonl", "--trials", "3", "--"];
    let ran = place.run(&[&base[..], &PROGRAM].concat());
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stderr.contains("was not finished and is dropped"), "{ran:?}");
    assert_eq!(place.read("s.jsonl"), whole);
    fs::write(place.file("s.jsonl"), whole.replacen("\"tell\"", "\"told\"", 1)).unwrap();
    let ran = place.run(&[&base[..], &PROGRAM].concat());
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stderr.contains("line 3 (byte "), "{ran:?}");
}

#[test]
fn a_full_disk_is_an_error_and_the_study_stays_whole() {
    let place = Place::new("full-disk");
    let arguments = minimize(&["--trials", "100", "--study", "s.jsonl"], &["echo", "1"]);
    let mut limited = Command::new("sh");
    // No file may grow beyond 8 blocks; a write beyond fails instead of killing the writer.
    limited.args(["-c", "trap '' XFSZ; ulimit -f 8; exec \"$0\" \"$@\""]).arg(tool_path());
    let ran = super::Ran::new(limited.args(&arguments).current_dir(&place.0).output().unwrap());
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stderr.contains("could not be written"), "{ran:?}");
    let (told, study) = (ran.trials().len(), place.read("s.jsonl"));
    assert!(told > 3 && study.ends_with('\n'));
    assert_eq!(study.matches("{\"tell\":").count(), told);
    let ran = place.run(&arguments);
    assert_eq!((ran.code, ran.trials().len()), (Some(0), 100 - told));
    let ran = place.minimize(&["--trials", "1", "--study", "/dev/full"], &["echo", "1"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
}

#[test]
fn one_study_file_has_one_writer() {
    let place = Place::new("writers");
    let arguments =
        minimize(&["--trials", "1", "--study", "s.jsonl"], &["sh", "-c", "sleep 30; echo 1"]);
    let mut first =
        place.tool(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while !place.file("s.jsonl").exists() || !place.read("s.jsonl").contains("ask") {
        thread::sleep(Duration::from_millis(10));
    }
    let ran = place.run(&arguments);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stderr.contains("another process is writing it"), "{ran:?}");
    assert_eq!(place.run(&["show", "s.jsonl"]).code, Some(0), "looking is allowed");
    let id = rustix::process::Pid::from_child(&first);
    rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
    assert_eq!(first.wait().unwrap().code(), Some(130));
}

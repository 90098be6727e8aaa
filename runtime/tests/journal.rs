//! The journal: what is written comes back, bit by bit; what is damaged is refused, or dropped
//! where that is safe.
#![cfg(feature = "std")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use optiformer::{
    ErrorKind, Result,
    samplers::{self, RandomSampler},
    space::{Configuration, Parameter, Space},
    study::{Direction, JournalSnapshot, Measurement, Objective, Outcome, StoredStudy, Study},
};

/// A file of this test's own that is not there yet.
fn file(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("journal-{name}.jsonl"));
    let _ = fs::remove_file(&path);
    path
}

fn space() -> Space {
    Space::new(vec![
        Parameter::float("x", -5.0, 5.0),
        Parameter::int("n", -3, 9),
        Parameter::categorical("kind", ["a \"quoted\"\n", "b"]),
        Parameter::float("rate", 1e-310, 1.0).log().when("kind", ["b"]),
    ])
    .unwrap()
}

fn open_with(path: &Path, sampler: &str) -> Result<StoredStudy> {
    let sampler = samplers::by_name(sampler).unwrap();
    StoredStudy::open(path, space(), Direction::Minimize, sampler, 5)
}

fn open(path: &Path) -> Result<StoredStudy> {
    open_with(path, "random")
}

fn at(x: f64, rate: f64) -> Configuration {
    Configuration::new(vec![Some(x), Some(1.0), Some(1.0), Some(rate)])
}

/// The study's trials, with every number as its bits.
fn bits(study: &Study) -> Vec<String> {
    let bits = |value: Option<f64>| value.map(f64::to_bits);
    let line = |trial: &optiformer::study::Trial| {
        let values: Vec<_> = trial.configuration.values().iter().map(|it| bits(*it)).collect();
        let value = bits(trial.value());
        format!("{} {values:?} {value:?} {:?} {:?}", trial.id, trial.origin, trial.reason)
    };
    study.trials().iter().map(line).collect()
}

fn objective(configuration: &Configuration) -> Outcome {
    let (x, n) = (configuration.get(0).unwrap(), configuration.get(1).unwrap());
    if n > 7.0 { Outcome::Failed } else { Outcome::Value((x - 1.0) * (x - 1.0) / 3.0 + n) }
}

fn step(study: &mut StoredStudy) {
    let trial = study.ask().unwrap();
    study.tell(trial.id, objective(&trial.configuration)).unwrap();
}

#[test]
fn everything_comes_back_bit_by_bit() {
    let path = file("bits");
    let mut study = open(&path).unwrap();
    let numbers = [-0.0, 0.1 + 0.2, 1e-310, 5e-324, f64::MAX, f64::MIN_POSITIVE, 1.0 / 3.0, -1e22];
    for number in numbers {
        study.add(at(-0.0, 1e-310), Outcome::Value(number)).unwrap();
        let x = number.clamp(-5.0, 5.0);
        study.enqueue(at(x, 0.1)).unwrap();
        let trial = study.ask().unwrap();
        study.tell(trial.id, Outcome::Value(number)).unwrap();
    }
    let zero = Configuration::new(vec![Some(0.5), Some(-0.0), Some(-0.0), None]);
    study.add(zero, Outcome::Value(f64::NAN)).unwrap();
    for index in 0..200 {
        let trial = study.ask().unwrap();
        match index % 4 {
            0 => study.fail(trial.id, "reason \u{1F600} \"x\"\n{}").unwrap(),
            1 => study.abandon(trial.id).unwrap(),
            2 => study.tell(trial.id, objective(&trial.configuration)).unwrap(),
            _ => {}
        }
    }
    study.enqueue(at(2.5, 0.5)).unwrap();
    let before = bits(study.study());
    drop(study);
    let snapshot = JournalSnapshot::read(&path).unwrap();
    assert_eq!(bits(snapshot.study()), before);
    assert_eq!((snapshot.sampler(), snapshot.seed()), ("random", 5));
    let study = open(&path).unwrap();
    assert_eq!(bits(study.study()), before);
    assert_eq!(study.study().queue().collect::<Vec<_>>(), [&at(2.5, 0.5)]);
    assert!(study.note().is_none());
}

#[test]
fn half_and_half_is_the_whole() {
    // The grid of this space has 36 points.
    for sampler in samplers::NAMES.iter().filter(|name| **name != "grid") {
        let run = |name: &str, stops: &[usize], pending: usize| {
            let path = file(&format!("half-{sampler}-{name}"));
            let mut study = open_with(&path, sampler).unwrap();
            study.enqueue(at(3.0, 0.5)).unwrap();
            for number in 0..50 {
                if stops.contains(&number) {
                    // Handed out, and lost with the process.
                    for _ in 0..pending {
                        study.ask().unwrap();
                    }
                    drop(study);
                    study = open_with(&path, sampler).unwrap();
                }
                step(&mut study);
            }
            bits(study.study())
        };
        let whole = run("whole", &[], 0);
        assert_eq!(whole.len(), 50);
        assert_eq!(run("halves", &[25], 0), whole, "{sampler}");
        assert_eq!(run("killed", &[1, 2, 25, 40, 49], 1), whole, "{sampler}");
    }
}

#[test]
fn pending_trials_come_again_first() {
    let path = file("pending");
    let mut study = open(&path).unwrap();
    let trials: Vec<_> = (0..3).map(|_| study.ask().unwrap()).collect();
    study.tell(1, Outcome::Value(1.0)).unwrap();
    drop(study);
    for _ in 0..2 {
        let mut study = open(&path).unwrap();
        assert_eq!(study.ask().unwrap(), trials[0]);
        assert_eq!(study.ask().unwrap(), trials[2]);
    }
    let mut study = open(&path).unwrap();
    study.tell(2, Outcome::Failed).unwrap();
    assert_eq!(study.ask().unwrap(), trials[0]);
    assert_eq!(study.ask().unwrap().id, 3);
}

#[test]
fn a_file_cut_anywhere_is_read_up_to_the_last_whole_line() {
    let path = file("cut");
    let mut study = open(&path).unwrap();
    for _ in 0..3 {
        step(&mut study);
    }
    drop(study);
    let bytes = fs::read(&path).unwrap();
    let lines = |bytes: &[u8]| bytes.iter().filter(|byte| **byte == b'\n').count();
    for length in 0..bytes.len() {
        fs::write(&path, &bytes[..length]).unwrap();
        let mut study = open(&path).unwrap_or_else(|error| panic!("cut at {length}: {error}"));
        let whole = lines(&bytes[..length]);
        let torn = whole > 0 && bytes[length - 1] != b'\n';
        assert_eq!(study.note().is_some(), torn, "cut at {length}");
        assert_eq!(study.study().trials().len(), whole / 2, "cut at {length}");
        let kept = if torn { length } else { fs::metadata(&path).unwrap().len() as usize };
        assert_eq!(fs::metadata(&path).unwrap().len() as usize, kept, "reading cuts nothing");
        // Going on waits for the disk at each trial: not from every byte.
        if length % 13 != 0 {
            continue;
        }
        while study.study().best().is_none() || study.study().trials().len() < 3 {
            step(&mut study);
        }
        if study.study().pending().count() > 0 {
            step(&mut study);
        }
        drop(study);
        assert_eq!(fs::read(&path).unwrap(), bytes, "cut at {length}");
    }
}

#[test]
fn damage_is_reported_with_line_and_byte() {
    let path = file("damage");
    let mut study = open(&path).unwrap();
    for _ in 0..3 {
        step(&mut study);
    }
    drop(study);
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let offset: usize = lines[..3].iter().map(|line| line.len()).sum();
    for (replacement, what) in [
        ("{\"ask\":{\"id\":1,\n", "EOF"),
        ("\n", "EOF"),
        ("{\"tell\":{\"id\":0,\"value\":1.0}}\n", "already told"),
        ("{\"tell\":{\"id\":7,\"value\":1.0}}\n", "unknown trial"),
        ("{\"tell\":{\"id\":7}}\n", "needed"),
        ("{\"frobnicate\":{}}\n", "frobnicate"),
        (
            "{\"ask\":{\"id\":5,\"origin\":\"asked\",\"values\":{\"x\":1,\"n\":1,\"kind\":\"b\",\"rate\":1}}}\n",
            "trial 5",
        ),
        (
            "{\"ask\":{\"id\":1,\"origin\":\"enqueued\",\"values\":{\"x\":1,\"n\":1,\"kind\":\"b\",\"rate\":1}}}\n",
            "enqueued",
        ),
        (
            "{\"ask\":{\"id\":1,\"origin\":\"asked\",\"values\":{\"x\":9,\"n\":1,\"kind\":\"b\",\"rate\":1}}}\n",
            "\"x\"",
        ),
        ("\u{0}\u{0}\u{0}\n", "expected value"),
    ] {
        let damaged: String = lines
            .iter()
            .enumerate()
            .map(|(i, line)| if i == 3 { replacement } else { line })
            .collect();
        fs::write(&path, &damaged).unwrap();
        for error in [open(&path).unwrap_err(), JournalSnapshot::read(&path).unwrap_err()] {
            assert_eq!(error.kind(), ErrorKind::InvalidJournal);
            let place = format!("line 4 (byte {offset})");
            assert!(error.context().contains(&place), "{error}");
            assert!(error.context().contains(what), "{error}");
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), damaged, "a refused file is left alone");
    }
}

#[test]
fn files_of_others_are_refused_and_left_alone() {
    let path = file("others");
    let future = "{\"optiformer\":\"journal\",\"version\":2}\n";
    for text in
        ["notes", "notes\n", "{}\n", "{\"optiformer\":\"journal\"}\n", future, "\n", "\u{0}"]
    {
        fs::write(&path, text).unwrap();
        let error = open(&path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidJournal, "{text:?}: {error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
    fs::write(&path, [0xFF, 0xFE, b'\n']).unwrap();
    assert_eq!(open(&path).unwrap_err().kind(), ErrorKind::InvalidJournal);
    assert_eq!(open(Path::new("/dev/null/x")).unwrap_err().kind(), ErrorKind::Io);
    assert_eq!(open(&std::env::temp_dir()).unwrap_err().kind(), ErrorKind::Io);
    #[cfg(unix)]
    for device in ["/dev/full", "/dev/zero"] {
        assert_eq!(open(Path::new(device)).unwrap_err().kind(), ErrorKind::Io);
        assert_eq!(JournalSnapshot::read(Path::new(device)).unwrap_err().kind(), ErrorKind::Io);
    }
}

#[test]
fn another_study_is_told_apart() {
    let path = file("another");
    drop(open(&path).unwrap());
    let other = |space: Space, direction, sampler: &str, seed| {
        let sampler = samplers::by_name(sampler).unwrap();
        let error = StoredStudy::open(&path, space, direction, sampler, seed).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidJournal);
        error.context().to_string()
    };
    let fewer = Space::new(space().parameters()[..3].to_vec()).unwrap();
    let renamed = Space::new(vec![Parameter::float("y", -5.0, 5.0)]).unwrap();
    let wider = Space::new(vec![Parameter::float("x", -5.0, 6.0)]).unwrap();
    let minimize = Direction::Minimize;
    assert!(other(fewer, minimize, "random", 5).contains("4 parameters, not 3"));
    assert!(other(renamed, minimize, "random", 5).contains("is \"x\", not \"y\""));
    assert!(other(wider, minimize, "random", 5).contains("\"x\" is defined differently"));
    assert!(other(space(), Direction::Maximize, "random", 5).contains("minimize, not maximize"));
    assert!(other(space(), minimize, "random", 6).contains("seed is 5, not 6"));
    #[cfg(feature = "classical")]
    assert!(other(space(), minimize, "tpe", 5).contains("sampler is random, not tpe"));
    // Fields of later versions are no difference.
    let text = unchecked(&fs::read_to_string(&path).unwrap());
    let text = text.replacen('{', "{\"color\":\"blue\",", 1);
    fs::write(&path, text + "{\"enqueue\":{\"color\":1,\"values\":{\"x\":1,\"n\":1,\"kind\":\"b\",\"rate\":1}}}\n")
        .unwrap();
    assert_eq!(open(&path).unwrap().study().queue().count(), 1);
}

#[cfg(any(unix, windows))]
#[test]
fn two_writers_are_one_too_many() {
    let path = file("locked");
    let first = open(&path).unwrap();
    let error = open(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    drop(first);
    open(&path).unwrap();
}

#[test]
fn a_study_in_memory_is_the_same_study() {
    let mut stored = open(&file("twin")).unwrap();
    let study = Study::new(space(), Direction::Minimize, Box::new(RandomSampler), 5);
    let mut memory = StoredStudy::in_memory(study);
    let mut plain = Study::new(space(), Direction::Minimize, Box::new(RandomSampler), 5);
    for _ in 0..20 {
        step(&mut stored);
        step(&mut memory);
        let trial = plain.ask().unwrap();
        plain.tell(trial.id, objective(&trial.configuration)).unwrap();
    }
    assert_eq!(bits(stored.study()), bits(&plain));
    assert_eq!(bits(memory.study()), bits(&plain));
}

#[test]
fn a_study_survives_as_a_text() {
    let make = |name: &str| samplers::by_name(name);
    let mut study = Study::new(space(), Direction::Maximize, make("tpe").unwrap(), 3);
    assert_eq!(Study::from_journal(study.to_journal().as_bytes(), make).unwrap().trials(), []);
    study.enqueue(at(1.25, 1e-310)).unwrap();
    for number in 0..20 {
        let trial = study.ask().unwrap();
        match number % 6 {
            2 => study.fail(trial.id, "out of \"memory\"").unwrap(),
            3 => study.tell(trial.id, Outcome::Value(f64::NAN)).unwrap(),
            4 => {}
            5 => study.abandon(trial.id).unwrap(),
            _ => study.tell(trial.id, objective(&trial.configuration)).unwrap(),
        }
    }
    study.add(at(0.1 + 0.2, 0.3), Outcome::Value(-0.0)).unwrap();
    study.add(at(-1.0, 0.5), Outcome::Failed).unwrap();
    let last = study.ask().unwrap();
    study.abandon(last.id).unwrap();
    study.enqueue(at(2.0, 1.0)).unwrap();

    let text = study.to_journal();
    let mut restored = Study::from_journal(text.as_bytes(), make).unwrap();
    assert_eq!(bits(&restored), bits(&study));
    assert_eq!(restored.to_journal(), text);
    assert!(restored.queue().eq(study.queue()));
    assert_eq!(
        JournalSnapshot::from_bytes(text.as_bytes()).unwrap().study().trials(),
        study.trials()
    );
    for _ in 0..5 {
        assert_eq!(restored.ask().unwrap(), study.ask().unwrap());
    }
    // Pending trials stay pending until they are offered.
    restored.offer_pending_again();
    assert_eq!(restored.ask().unwrap().id, 4);

    for cut in [0, 1, text.find('\n').unwrap(), text.len() - 1] {
        let error = Study::from_journal(&text.as_bytes()[..cut], make).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidJournal, "{cut}: {error}");
    }
    let unknown = unchecked(&text).replacen("\"tpe\"", "\"oracle\"", 1);
    let error = Study::from_journal(unknown.as_bytes(), make).unwrap_err();
    assert!(error.context().contains("\"oracle\""), "{error}");
}

/// The text of a journal without checksums, as somebody may write it by hand.
fn unchecked(text: &str) -> String {
    let line = |line: &str| match line.split_once(",\"crc32\":") {
        Some((record, _)) => format!("{record}}}\n"),
        None => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

#[test]
fn no_flipped_bit_goes_unnoticed() {
    let path = file("flipped");
    let mut study = open(&path).unwrap();
    for number in 0..4 {
        let trial = study.ask().unwrap();
        study.report(trial.id, 3, 0.5).unwrap();
        study.tell(trial.id, Outcome::Value(f64::from(number) + 0.25)).unwrap();
    }
    drop(study);
    let bytes = fs::read(&path).unwrap();
    let whole = JournalSnapshot::from_bytes(&bytes).unwrap();
    let last = bytes.len() - 1;
    for bit in 0..8 * bytes.len() {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        match JournalSnapshot::from_bytes(&flipped) {
            Err(error) => assert!(error.context().contains("byte"), "bit {bit}: {error}"),
            // Without its line break the last line is a torn one, which a note says.
            Ok(read) if bit / 8 == last => assert!(read.note().is_some()),
            // The name of the header's checksum: an unknown field, and nothing else has changed.
            Ok(read) => assert_eq!(read.study().to_journal(), whole.study().to_journal(), "{bit}"),
        }
    }
}

#[test]
fn files_of_the_first_version_are_read_and_continued() {
    let path = file("first-version");
    let mut study = open(&path).unwrap();
    let trial = study.ask().unwrap();
    study.tell(trial.id, Outcome::Value(0.5)).unwrap();
    drop(study);
    let text = unchecked(&fs::read_to_string(&path).unwrap());
    fs::write(&path, text.replacen("\"version\":2", "\"version\":1", 1)).unwrap();
    let mut study = open(&path).unwrap();
    assert_eq!(study.study().best().unwrap().value(), Some(0.5));
    let trial = study.ask().unwrap();
    study.tell(trial.id, Outcome::Value(0.25)).unwrap();
    drop(study);
    assert_eq!(JournalSnapshot::read(&path).unwrap().study().best().unwrap().value(), Some(0.25));
}

#[test]
fn constraints_objectives_and_reports_come_back() {
    let path = file("measured");
    let make = || {
        Study::new(space(), Direction::Minimize, Box::new(RandomSampler), 5)
            .with_objectives([Objective::maximize("accuracy"), Objective::minimize("latency")])
            .unwrap()
            .with_constraints(["memory", "a \"quoted\" name"])
            .unwrap()
    };
    let mut study = StoredStudy::open_as(&path, make()).unwrap();
    let ids: Vec<u64> = (0..5).map(|_| study.ask().unwrap().id).collect();
    let measured = |accuracy, latency, memory| {
        Measurement::new([accuracy, latency]).with_constraints([memory, -0.0])
    };
    study.tell(ids[0], measured(0.5, 2.0, -1.0)).unwrap();
    study.tell(ids[1], measured(0.9, 3.0, 0.5)).unwrap();
    study.tell(ids[2], measured(0.75, f64::NAN, 0.0)).unwrap();
    study.tell(ids[3], Measurement::new([]).with_constraints([1.0, 2.0])).unwrap();
    study.tell(ids[4], Outcome::Failed).unwrap();
    let before = study.study().trials().to_vec();
    assert_eq!(before[2].reason.as_deref(), Some("the objective \"latency\" is NaN"));
    assert_eq!(before[2].constraints, [0.0, -0.0]);
    assert_eq!(before[3].reason.as_deref(), Some("only the constraints were measured"));
    let front: Vec<u64> = study.study().pareto_front().iter().map(|trial| trial.id).collect();
    assert_eq!(front, [0]);
    drop(study);
    let study = StoredStudy::open_as(&path, make()).unwrap();
    assert_eq!(study.study().trials(), before);
    let text = study.study().to_journal();
    drop(study);
    assert_eq!(fs::read_to_string(&path).unwrap().lines().next(), text.lines().next());
    let again = Study::from_journal(text.as_bytes(), |_| Ok(Box::new(RandomSampler))).unwrap();
    assert_eq!(again.trials(), before);
    // Another study is told apart by its objectives and its constraints.
    let plain = Study::new(space(), Direction::Minimize, Box::new(RandomSampler), 5);
    let error = StoredStudy::open_as(&path, plain).unwrap_err();
    assert!(error.context().contains("accuracy (maximize), latency (minimize)"), "{error}");
    let fewer = make().with_constraints(["memory"]).unwrap();
    let error = StoredStudy::open_as(&path, fewer).unwrap_err();
    assert!(error.context().contains("constraints are memory, a \"quoted\" name"), "{error}");
}

#[cfg(unix)]
#[test]
fn a_file_that_is_removed_or_cut_is_an_error() {
    let path = file("removed");
    let mut study = open(&path).unwrap();
    let trial = study.ask().unwrap();
    let before = study.study().trials().to_vec();
    fs::remove_file(&path).unwrap();
    let error = study.tell(trial.id, Outcome::Value(1.0)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.context().contains("removed"), "{error}");
    assert_eq!(study.study().trials(), before);
    drop(study);

    let mut study = open(&path).unwrap();
    let trial = study.ask().unwrap();
    fs::File::options().write(true).open(&path).unwrap().set_len(10).unwrap();
    let error = study.tell(trial.id, Outcome::Value(1.0)).unwrap_err();
    assert!(error.context().contains("cut it to 10 of"), "{error}");
}

#[test]
fn a_study_goes_on_with_another_space_or_sampler() {
    let path = file("changed");
    let space = |json: &str| Space::from_json(json).unwrap();
    let narrow = space(
        r#"{"parameters": [{"name": "x", "type": "int", "low": 1, "high": 4},
            {"name": "kind", "type": "categorical", "choices": ["a", "b"]}]}"#,
    );
    let wide = space(
        r#"{"parameters": [{"name": "kind", "type": "categorical", "choices": ["c", "b", "a"]},
            {"name": "x", "type": "float", "low": 0, "high": 9}]}"#,
    );
    let sampled = |space: &Space, name: &str| {
        Study::new(space.clone(), Direction::Minimize, samplers::by_name(name).unwrap(), 5)
    };
    let mut study = StoredStudy::open_as(&path, sampled(&narrow, "random")).unwrap();
    let first = study.ask().unwrap();
    study.tell(first.id, Outcome::Value(1.0)).unwrap();
    study.enqueue(Configuration::new(vec![Some(4.0), None])).unwrap();
    let pending = study.ask().unwrap();
    let values = narrow.configuration_to_json(&first.configuration);
    drop(study);

    assert!(StoredStudy::open_as(&path, sampled(&wide, "random")).is_err());
    let mut study = StoredStudy::open_changed(&path, sampled(&wide, "random")).unwrap();
    let same = &study.study().trials()[0];
    let moved = wide.configuration_to_json(&same.configuration);
    assert_eq!((&moved["kind"], moved["x"].as_f64()), (&values["kind"], values["x"].as_f64()));
    assert_eq!(study.ask().unwrap().id, pending.id);
    study.ask().unwrap();
    drop(study);
    // The file is a study of the other space now, and of another sampler after that.
    #[cfg(feature = "classical")]
    {
        drop(StoredStudy::open_as(&path, sampled(&wide, "random")).unwrap());
        drop(StoredStudy::open_changed(&path, sampled(&wide, "tpe")).unwrap());
        let error = StoredStudy::open_as(&path, sampled(&wide, "random")).unwrap_err();
        assert!(error.context().contains("sampler is tpe, not random"), "{error}");
        let snapshot = JournalSnapshot::read(&path).unwrap();
        assert_eq!((snapshot.sampler(), snapshot.space()), ("tpe", &wide));
        drop(StoredStudy::open_as(&path, sampled(&wide, "tpe")).unwrap());
        // What a trial has must stay legal.
        let error = StoredStudy::open_changed(&path, sampled(&narrow, "tpe")).unwrap_err();
        assert!(error.context().contains("trial "), "{error}");
        let other = Study::new(wide, Direction::Maximize, samplers::by_name("tpe").unwrap(), 5);
        let error = StoredStudy::open_changed(&path, other).unwrap_err();
        assert!(error.context().contains("minimize, not maximize"), "{error}");
    }
}

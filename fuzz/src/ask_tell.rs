//! Lines of the ask-tell protocol.

use optiformer::{
    samplers,
    space::{Parameter, Space},
    study::{Direction, StoredStudy, Study, ask_tell},
};

use crate::check_legal;

/// Most lines of one input, and most trials of its study: asks with a count multiply.
const MAX_LINES: usize = 64;
const MAX_TRIALS: usize = 256;

/// Serves each line of the input on one study. Every line gets one line of JSON, and the study
/// stays sound. Returns whether no line got an error.
pub fn run(data: &[u8]) -> bool {
    let space = Space::new(vec![
        Parameter::float("x", 0.0, 1.0),
        Parameter::categorical("kind", ["a", "b"]),
        Parameter::int("n", 1, 4).when("kind", ["a"]),
    ])
    .expect("the space is valid");
    let sampler = samplers::by_name("tpe").expect("the sampler is built in");
    let mut study =
        StoredStudy::in_memory(Study::new(space, Direction::Maximize, sampler, data.len() as u64));
    let mut accepted = true;
    for line in data.split(|byte| *byte == b'\n').take(MAX_LINES) {
        let reply = ask_tell::respond(&mut study, line);
        assert!(reply.starts_with('{') && reply.ends_with('}') && !reply.contains('\n'), "{reply}");
        accepted &= !reply.starts_with("{\"error\"");
        if study.study().trials().len() > MAX_TRIALS {
            break;
        }
    }
    for trial in study.study().trials() {
        check_legal(study.study().space(), &trial.configuration);
    }
    accepted
}

/// A session with every request.
pub fn seeds() -> Vec<Vec<u8>> {
    let lines = [
        r#"{"ask":{}}"#,
        r#"{"ask":{"count":3,"explain":true}}"#,
        r#"{"tell":{"id":0,"value":1.5}}"#,
        r#"{"tell":{"id":1,"failed":true,"reason":"lost"}}"#,
        r#"{"add":{"values":{"x":0.5,"kind":"b"},"value":2}}"#,
        r#"{"enqueue":{"values":{"x":0.25,"kind":"a","n":2}}}"#,
        r#"{"abandon":{"id":2}}"#,
        r#"{"tell":{"id":3,"value":"-inf"}}"#,
        r#"{"best":{}}"#,
    ];
    vec![lines.join("\n").into_bytes()]
}

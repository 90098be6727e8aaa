//! Spaces made call by call, spaces read from documents, and the errors of both.

use std::{ffi::CString, ptr::null_mut};

use optiformer::space::Space;
use optiformer_ffi::{
    space::{
        SpaceHandle, optiformer_space_add_categorical, optiformer_space_add_float,
        optiformer_space_add_int, optiformer_space_free, optiformer_space_from_json,
        optiformer_space_new, optiformer_space_set_condition, optiformer_space_set_fidelity,
        optiformer_space_to_json,
    },
    status::{CError, MESSAGE_LENGTH, Status},
};
use serde_json::{Map, Value, json};

use super::record::layout;

/// Scenarios of calls, and documents with what becomes of them.
pub fn document() -> String {
    let built: Vec<_> = built().iter().map(|(name, calls)| build(name, calls)).collect();
    let read: Vec<_> = documents().iter().map(|(name, json)| read(name, json)).collect();
    let built = layout("built", "calls", &built);
    let read = layout("read", "", &read);
    let (built, read) = (built.trim_end().strip_suffix('}'), read.strip_prefix('{'));
    format!("{},\n{}", built.expect("an object"), read.expect("an object"))
}

fn built() -> Vec<(&'static str, Vec<Value>)> {
    let float = |name: &str, low: f64, high: f64, log: bool, step: f64| json!({"call": "add_float", "name": name, "low": low, "high": high, "log": log, "step": step});
    let int = |name: &str, low: i64, high: i64, log: bool, step: i64| json!({"call": "add_int", "name": name, "low": low, "high": high, "log": log, "step": step});
    let choice = |name: &str, choices: &[&str]| json!({"call": "add_categorical", "name": name, "choices": choices});
    let fidelity = |name: &str| json!({"call": "set_fidelity", "name": name});
    let condition = |name: &str, parent: &str, values: &[f64]| json!({"call": "set_condition", "name": name, "parent": parent, "values": values});
    vec![
        (
            "every kind of parameter",
            vec![
                float("x", -1.5, 2.5, false, 0.0),
                float("rate", 1e-5, 1.0, true, 0.0),
                float("dropout", 0.0, 0.5, false, 0.1),
                int("units", 1, 256, true, 1),
                int("batch", 16, 128, false, 16),
                choice("kind", &["sgd", "adam", "größe"]),
                float("momentum", 0.0, 0.99, false, 0.0),
                condition("momentum", "kind", &[0.0, 2.0]),
                float("decay", 0.1, 0.3, false, 0.0),
                condition("decay", "batch", &[32.0]),
            ],
        ),
        (
            "refused parameters leave the space as it was",
            vec![
                float("x", 0.0, 1.0, false, 0.0),
                float("x", 0.0, 1.0, false, 0.0),
                float("y", 1.0, 1.0, false, 0.0),
                float("y", 2.0, 1.0, false, 0.0),
                float("y", 0.0, 1.0, true, 0.0),
                float("y", 0.0, 1.0, false, -0.5),
                float("y", 1.0, 2.0, true, 0.5),
                int("n", 9, 3, false, 1),
                int("n", -1, 3, true, 1),
                choice("c", &[]),
                choice("c", &["a", "b", "a"]),
                int("n", 1, 3, false, 1),
            ],
        ),
        (
            "refused conditions leave the space as it was",
            vec![
                float("x", 0.0, 1.0, false, 0.0),
                choice("kind", &["a", "b"]),
                float("y", 0.0, 1.0, false, 0.0),
                condition("y", "kin", &[0.0]),
                condition("z", "kind", &[0.0]),
                condition("y", "x", &[0.5]),
                condition("x", "kind", &[0.0]),
                condition("y", "y", &[0.5]),
                condition("y", "kind", &[]),
                condition("y", "kind", &[1.0]),
            ],
        ),
        (
            "refused fidelities leave the space as it was",
            vec![
                int("epochs", 1, 81, true, 1),
                fidelity("epochs"),
                int("zero", 0, 9, false, 1),
                fidelity("zero"),
                choice("kind", &["a", "b"]),
                fidelity("kind"),
                float("share", 0.25, 1.0, false, 0.0),
                condition("share", "kind", &[0.0]),
                fidelity("share"),
                fidelity("epoch"),
                fidelity("epochs"),
                float("size", 0.5, 2.0, false, 0.0),
                fidelity("size"),
                condition("size", "epochs", &[1.0]),
            ],
        ),
    ]
}

fn documents() -> Vec<(&'static str, &'static str)> {
    vec![
        ("a document", r#"{"parameters":[{"name":"x","type":"float","low":0,"high":1}]}"#),
        (
            "choices of every kind",
            r#"{"parameters":[{"name":"c","type":"categorical","choices":["a",1,2.5,true,false]},
            {"name":"n","type":"int","low":1,"high":4,"when":{"parent":"c","is":[1,true]}}]}"#,
        ),
        ("no parameters", r#"{"parameters":[]}"#),
        ("cut short", r#"{"parameters":[{"name":"x""#),
        ("not an object", "[]"),
        (
            "a misspelt field",
            "{\"parameters\":[\n{\"name\":\"x\",\"type\":\"float\",\"low\":0,\"hihg\":1}]}",
        ),
        ("a misspelt type", r#"{"parameters":[{"name":"x","type":"flaot","low":0,"high":1}]}"#),
        ("no bound", r#"{"parameters":[{"name":"x","type":"float","low":0}]}"#),
        ("choices of a float", r#"{"parameters":[{"name":"x","type":"float","choices":["a"]}]}"#),
        ("bounds of a choice", r#"{"parameters":[{"name":"x","type":"categorical","low":0}]}"#),
        ("bounds the wrong way", r#"{"parameters":[{"name":"x","type":"int","low":3,"high":1}]}"#),
        (
            "an unknown parent",
            r#"{"parameters":[{"name":"x","type":"int","low":1,"high":3,"when":{"parent":"y","is":[1]}}]}"#,
        ),
    ]
}

/// A handle of the C interface, whose messages are those of every binding.
struct Handle(*mut SpaceHandle);

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: the handle came from the library and is freed once.
        unsafe { optiformer_space_free(self.0) }
    }
}

fn error() -> CError {
    CError { struct_size: size_of::<CError>(), status: -1, message: [0; MESSAGE_LENGTH] }
}

/// The status and message, or `None` after success.
fn failed(error: &CError) -> Option<Value> {
    let text: Vec<u8> =
        error.message.iter().map(|byte| *byte as u8).take_while(|byte| *byte != 0).collect();
    let name = std::str::from_utf8(Status::name(error.status)).expect("names are ASCII");
    let message = String::from_utf8(text).expect("messages are UTF-8");
    let failed = error.status != Status::Ok as i32;
    failed.then(|| json!({"status": name.trim_end_matches('\0'), "message": message}))
}

fn build(name: &str, calls: &[Value]) -> Map<String, Value> {
    let mut space = Handle(null_mut());
    // SAFETY: both pointers are to live values.
    let status = unsafe { optiformer_space_new(&mut space.0, &mut error()) };
    assert_eq!(status, Status::Ok as i32);
    let calls: Vec<Value> = calls
        .iter()
        .map(|call| {
            let mut answered = call.clone();
            if let Some(error) = apply(space.0, call) {
                answered["error"] = error;
            }
            answered
        })
        .collect();
    let mut scenario = Map::new();
    scenario.insert("name".into(), name.into());
    scenario.insert("json".into(), json_of(&space).into());
    scenario.insert("calls".into(), calls.into());
    scenario
}

/// Makes one call; its error, if it has one.
fn apply(space: *mut SpaceHandle, call: &Value) -> Option<Value> {
    let text = |key: &str| {
        let text = call[key].as_str().expect("a text of the scenario");
        CString::new(text).expect("the scenarios have no NUL")
    };
    let real = |key: &str| call[key].as_f64().expect("a number of the scenario");
    let whole = |key: &str| call[key].as_i64().expect("a whole number of the scenario");
    let log = call["log"] == true;
    let name = text("name");
    let mut error = error();
    match call["call"].as_str().expect("the scenario names the call") {
        // SAFETY: the handle is live and the texts end with NUL, in every call below too.
        "add_float" => unsafe {
            optiformer_space_add_float(
                space,
                name.as_ptr(),
                real("low"),
                real("high"),
                log.into(),
                real("step"),
                &mut error,
            )
        },
        // SAFETY: as above.
        "add_int" => unsafe {
            optiformer_space_add_int(
                space,
                name.as_ptr(),
                whole("low"),
                whole("high"),
                log.into(),
                whole("step"),
                &mut error,
            )
        },
        "add_categorical" => {
            let choices = call["choices"].as_array().expect("the choices of the scenario");
            let choices: Vec<CString> = choices
                .iter()
                .map(|choice| CString::new(choice.as_str().expect("a text")).expect("no NUL"))
                .collect();
            let pointers: Vec<_> = choices.iter().map(|choice| choice.as_ptr()).collect();
            // SAFETY: as above; there are as many pointers as the length says.
            unsafe {
                optiformer_space_add_categorical(
                    space,
                    name.as_ptr(),
                    pointers.as_ptr(),
                    pointers.len(),
                    &mut error,
                )
            }
        }
        // SAFETY: as above.
        "set_fidelity" => unsafe {
            optiformer_space_set_fidelity(space, name.as_ptr(), &mut error)
        },
        "set_condition" => {
            let parent = text("parent");
            let values = call["values"].as_array().expect("the values of the scenario");
            let values: Vec<f64> =
                values.iter().map(|value| value.as_f64().expect("a number")).collect();
            // SAFETY: as above; there are as many values as the length says.
            unsafe {
                optiformer_space_set_condition(
                    space,
                    name.as_ptr(),
                    parent.as_ptr(),
                    values.as_ptr(),
                    values.len(),
                    &mut error,
                )
            }
        }
        other => panic!("the scenarios have no call {other}"),
    };
    failed(&error)
}

/// The space as its document.
fn json_of(space: &Handle) -> String {
    let mut buffer = vec![0_u8; 4096];
    // SAFETY: the buffer is as long as the capacity says.
    let status = unsafe {
        optiformer_space_to_json(
            space.0,
            buffer.as_mut_ptr().cast(),
            buffer.len(),
            null_mut(),
            &mut error(),
        )
    };
    assert_eq!(status, Status::Ok as i32);
    let length = buffer.iter().position(|byte| *byte == 0).expect("a text ends with NUL");
    buffer.truncate(length);
    String::from_utf8(buffer).expect("documents are UTF-8")
}

fn read(name: &str, json: &str) -> Map<String, Value> {
    let text = CString::new(json).expect("the scenarios have no NUL");
    let (mut space, mut error) = (Handle(null_mut()), error());
    // SAFETY: the text ends with NUL, and both places are live.
    unsafe { optiformer_space_from_json(text.as_ptr(), &mut space.0, &mut error) };
    let mut scenario = Map::new();
    scenario.insert("name".into(), name.into());
    scenario.insert("document".into(), json.into());
    match failed(&error) {
        Some(error) => scenario.insert("error".into(), error),
        None => {
            assert_eq!(json_of(&space), Space::from_json(json).expect("read before").to_json());
            scenario.insert("json".into(), json_of(&space).into())
        }
    };
    scenario
}

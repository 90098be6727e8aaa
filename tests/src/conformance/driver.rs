//! Playing the documents through a program that speaks lines.
//!
//! A binding whose language has no JSON at hand is driven by words: a request is a line of words,
//! and so is an answer, `ok …` or `error STATUS message`. Texts are their bytes in hexadecimal
//! after an `x`, numbers are decimals that read back exactly, and `nan` stands for no value.

use std::{
    fmt::Write as _,
    io::{BufRead, BufReader, Write as _},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use serde_json::{Value, json};

/// A running program.
pub struct Driver {
    child: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

/// Why a scenario was played otherwise than the document says.
type Mismatch = String;

impl Driver {
    /// Starts a program.
    ///
    /// # Errors
    ///
    /// Where the operating system cannot.
    pub fn start(command: &mut Command) -> std::io::Result<Self> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let requests = child.stdin.take().expect("standard input is piped");
        let answers = BufReader::new(child.stdout.take().expect("standard output is piped"));
        Ok(Self { child, requests, answers })
    }

    /// Ends the input, and waits for the program to leave with success.
    ///
    /// # Errors
    ///
    /// Where it fails.
    pub fn finish(self) -> Result<(), Mismatch> {
        let Self { mut child, requests, .. } = self;
        drop(requests);
        let status = child.wait().map_err(|error| error.to_string())?;
        status.success().then_some(()).ok_or_else(|| format!("the program ended with {status}"))
    }

    /// Plays a document of `tests/conformance/`.
    ///
    /// # Errors
    ///
    /// The first step that is answered otherwise.
    pub fn play(&mut self, document: &Value) -> Result<usize, Mismatch> {
        let mut steps = 0;
        let all = document.as_object().expect("a document is an object");
        for (section, scenarios) in all {
            for scenario in scenarios.as_array().expect("scenarios are listed") {
                let played = match section.as_str() {
                    "built" => self.built(scenario),
                    "read" => self.read(scenario),
                    "studies" => self.study(scenario),
                    "suggestions" => self.suggestions(scenario),
                    other => panic!("there is no kind of scenario {other}"),
                };
                steps += played.map_err(|error| format!("{}: {error}", scenario["name"]))?;
            }
        }
        Ok(steps)
    }

    fn built(&mut self, scenario: &Value) -> Result<usize, Mismatch> {
        self.expect("space", &Ok(json!([])))?;
        let calls = scenario["calls"].as_array().expect("calls are listed");
        for call in calls {
            let name = word(&call["name"]);
            let kind = call["call"].as_str().expect("a call has a name");
            let rest = match kind {
                "add_float" | "add_int" => words(&["low", "high", "log", "step"], call),
                "add_categorical" => list(&call["choices"]),
                "set_fidelity" => String::new(),
                _ => format!("{} {}", word(&call["parent"]), list(&call["values"])),
            };
            self.expect(&format!("{kind} {name} {rest}"), &wanted(call, json!([])))?;
        }
        self.expect("json", &Ok(json!([scenario["json"]])))?;
        Ok(calls.len())
    }

    fn read(&mut self, scenario: &Value) -> Result<usize, Mismatch> {
        let wanted = wanted(scenario, json!([]));
        self.expect(&format!("read {}", word(&scenario["document"])), &wanted)?;
        if wanted.is_ok() {
            self.expect("json", &Ok(json!([scenario["json"]])))?;
        }
        Ok(1)
    }

    fn study(&mut self, scenario: &Value) -> Result<usize, Mismatch> {
        self.expect(&format!("read {}", text(&scenario["space"].to_string())), &Ok(json!([])))?;
        let options = [&scenario["direction"], &scenario["sampler"]].map(word).join(" ");
        let names = |key: &str| scenario[key].as_array().map_or(&[][..], Vec::as_slice);
        let request = format!(
            "study {options} {} {} {} {} {} {}",
            scenario["seed"].as_str().expect("a text"),
            names("constraints").len(),
            list(&scenario["constraints"]),
            names("objectives").len(),
            names("objectives")
                .iter()
                .map(|objective| words(&["name", "direction"], objective))
                .collect::<Vec<_>>()
                .join(" "),
            text(scenario["pruner"].as_str().unwrap_or_default()),
        );
        self.expect(&request, &wanted(scenario, json!([])))?;
        let steps = scenario["steps"].as_array().expect("steps are listed");
        for (number, step) in steps.iter().enumerate() {
            let returns = &step["returns"];
            let call = step["call"].as_str().expect("a step has a call");
            let (rest, answer) = match call {
                "ask" => (String::new(), row(&returns["id"], &returns["values"])),
                "tell" => (words(&["id", "value"], step), json!([])),
                "tell_failed" => (words(&["id"], step), json!([])),
                "add" => (words(&["value", "values"], step), json!([returns])),
                "tell_measured" => (counted(&["id"], step), json!([])),
                "add_measured" => {
                    (format!("{} {}", counted(&[], step), list(&step["values"])), json!([returns]))
                }
                "tell_pruned" => (words(&["id"], step), json!([])),
                "report" => (words(&["id", "step", "value"], step), json!([])),
                "should_stop" => (words(&["id"], step), json!([returns])),
                "promoted_from" if returns.is_null() => (words(&["id"], step), json!(["none"])),
                "promoted_from" => (words(&["id"], step), json!([returns])),
                "restore" => (String::new(), json!([])),
                "violation" => (words(&["id"], step), json!([returns])),
                "front" => (String::new(), returns.clone()),
                "trials" => {
                    let fields = ["id", "state", "values", "objectives", "constraints", "reports"];
                    let trials = returns.as_array().expect("trials are listed");
                    (String::new(), trials.iter().map(|trial| pick(trial, &fields)).collect())
                }
                "enqueue" => (list(&step["values"]), json!([])),
                "best" if returns.is_null() => (String::new(), json!(["none"])),
                "best" => {
                    let mut answer = row(&returns["id"], &returns["values"]);
                    answer.as_array_mut().expect("a list").insert(1, returns["value"].clone());
                    (String::new(), answer)
                }
                "counts" => {
                    let states = ["finished", "failed", "pending", "pruned"];
                    (String::new(), pick(returns, &states))
                }
                "explain" => {
                    let fields =
                        ["sampler", "origin", "median", "deviation", "improvement", "feasibility"];
                    (words(&["id"], step), pick(returns, &fields))
                }
                other => panic!("the driver has no call {other}"),
            };
            self.expect(&format!("{call} {rest}"), &wanted(step, answer))
                .map_err(|error| format!("step {number}: {error}"))?;
        }
        Ok(steps.len() + 1)
    }

    fn suggestions(&mut self, scenario: &Value) -> Result<usize, Mismatch> {
        self.expect(&format!("read {}", text(&scenario["space"].to_string())), &Ok(json!([])))?;
        let length = |key: &str| scenario[key].as_array().expect("rows are listed").len();
        let request = format!(
            "suggest {} {} {} {} {} {} {}",
            word(&scenario["sampler"]),
            scenario["seed"].as_str().expect("a text"),
            words(&["number", "count"], scenario),
            length("history"),
            length("pending"),
            words(&["losses"], scenario),
            words(&["history", "pending"], scenario),
        );
        let flat = scenario["returns"].as_array().map(|rows| {
            rows.iter().flat_map(|row| row.as_array().expect("a row is a list").clone()).collect()
        });
        let answer: Value = Value::Array(flat.unwrap_or_default());
        self.expect(&request, &wanted(scenario, answer))?;
        Ok(1)
    }

    /// Sends a request and compares the answer.
    fn expect(&mut self, request: &str, wanted: &Result<Value, Value>) -> Result<(), Mismatch> {
        let wanted = match wanted {
            Ok(answer) => format!("ok {}", list(answer)),
            Err(error) => format!(
                "error {} {}",
                error["status"].as_str().expect("a status is a text"),
                word(&error["message"])
            ),
        };
        let mut answer = String::new();
        writeln!(self.requests, "{request}")
            .and_then(|()| self.requests.flush())
            .and_then(|()| self.answers.read_line(&mut answer))
            .map_err(|error| format!("{request}: {error}"))?;
        let equal = answer.split_whitespace().map(normal).eq(wanted.split_whitespace().map(normal));
        equal
            .then_some(())
            .ok_or_else(|| format!("{request}\n  answers {answer}  and not  {wanted}"))
    }
}

/// The answer that a step wants: the error where there is one.
fn wanted(step: &Value, answer: Value) -> Result<Value, Value> {
    step.get("error").map_or(Ok(answer), |error| Err(error.clone()))
}

/// A word as it is compared: a number by its bits, anything else as it is.
fn normal(word: &str) -> Result<u64, &str> {
    match word.parse::<f64>() {
        Ok(number) if number.is_nan() => Ok(f64::NAN.to_bits()),
        Ok(number) => Ok(number.to_bits()),
        Err(_) => Err(word),
    }
}

fn row(id: &Value, values: &Value) -> Value {
    let mut row = vec![id.clone()];
    row.extend(values.as_array().into_iter().flatten().cloned());
    row.into()
}

fn pick(object: &Value, fields: &[&str]) -> Value {
    fields.iter().map(|field| object[*field].clone()).collect::<Vec<_>>().into()
}

/// The fields of a step, then its objectives and its constraints with their numbers before them.
fn counted(fields: &[&str], step: &Value) -> String {
    let length = |key: &str| step[key].as_array().expect("a list").len();
    format!(
        "{} {} {} {} {}",
        words(fields, step),
        length("objectives"),
        list(&step["objectives"]),
        length("constraints"),
        list(&step["constraints"])
    )
}

/// The fields of an object as words, lists one value after the other.
fn words(fields: &[&str], object: &Value) -> String {
    fields.iter().map(|field| word(&object[*field])).collect::<Vec<_>>().join(" ")
}

/// A list as words, none where it is missing; how many there are is known from the space.
fn list(values: &Value) -> String {
    values.as_array().map_or(&[][..], Vec::as_slice).iter().map(word).collect::<Vec<_>>().join(" ")
}

fn word(value: &Value) -> String {
    match value {
        Value::Null => "nan".into(),
        Value::Bool(value) => u8::from(*value).to_string(),
        Value::Number(number) => number.to_string(),
        // Numbers that JSON cannot hold, and the answer to what is best before anything is, or is
        // continued by a trial that continues none.
        Value::String(text) if ["nan", "inf", "-inf", "none"].contains(&text.as_str()) => {
            text.clone()
        }
        Value::String(value) => text(value),
        Value::Array(_) => list(value),
        Value::Object(_) => text(&value.to_string()),
    }
}

fn text(text: &str) -> String {
    let mut word = String::from("x");
    for byte in text.bytes() {
        write!(word, "{byte:02x}").expect("writing to a string succeeds");
    }
    word
}

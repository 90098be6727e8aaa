//! A study that writes down every call and its answer.

use optiformer::{
    Error,
    samplers::{self, Sampler},
    space::{Configuration, Space},
    study::{Direction, Measurement, Outcome, Study, Trial, TrialState},
};
use optiformer_ffi::status::{Failure, Status};
use serde_json::{Map, Value, json};

/// A study, and the calls so far.
pub struct Recorder {
    study: Study,
    steps: Vec<Value>,
}

impl Recorder {
    /// A study without calls.
    pub fn new(
        space: Space,
        direction: Direction,
        sampler: Box<dyn Sampler + Send>,
        seed: u64,
    ) -> Self {
        Self { study: Study::new(space, direction, sampler, seed), steps: Vec::new() }
    }

    /// A study without calls, with constraints or several objectives.
    pub fn of(study: Study) -> Self {
        Self { study, steps: Vec::new() }
    }

    /// The steps, each an object with the call, its arguments and what it returns.
    pub fn into_steps(self) -> Vec<Value> {
        self.steps
    }

    /// The next trial; an error is written down as the answer.
    pub fn ask(&mut self) -> Option<(u64, Configuration)> {
        let trial = self.study.ask();
        let answer = trial
            .as_ref()
            .map(|trial| json!({"id": trial.id, "values": values(&trial.configuration)}));
        self.step("ask", json!({}), answer.as_ref().map_err(|error| *error));
        trial.ok().map(|trial| (trial.id, trial.configuration))
    }

    /// Tells an objective, which need not be finite.
    pub fn tell(&mut self, id: u64, value: f64) {
        let answer = self.study.tell(id, Outcome::Value(value)).map(|()| Value::Null);
        self.step("tell", json!({"id": id, "value": number(value)}), answer.as_ref());
    }

    /// Tells a failure.
    pub fn tell_failed(&mut self, id: u64) {
        let answer = self.study.tell(id, Outcome::Failed).map(|()| Value::Null);
        self.step("tell_failed", json!({"id": id}), answer.as_ref());
    }

    /// Tells objectives and constraints.
    pub fn tell_measured(&mut self, id: u64, objectives: &[f64], constraints: &[f64]) {
        let measured = Measurement::new(objectives).with_constraints(constraints);
        let answer = self.study.tell(id, measured).map(|()| Value::Null);
        let arguments = json!({
            "id": id, "objectives": numbers(objectives), "constraints": numbers(constraints),
        });
        self.step("tell_measured", arguments, answer.as_ref());
    }

    /// Adds a trial with its objectives and constraints.
    pub fn add_measured(&mut self, row: &[f64], objectives: &[f64], constraints: &[f64]) {
        let measured = Measurement::new(objectives).with_constraints(constraints);
        let answer = self.study.add(configuration(row), measured).map(Value::from);
        let arguments = json!({
            "values": row_of(row),
            "objectives": numbers(objectives),
            "constraints": numbers(constraints),
        });
        self.step("add_measured", arguments, answer.as_ref());
    }

    /// Tells that a trial was ended early.
    pub fn tell_pruned(&mut self, id: u64) {
        let answer = self.study.tell(id, Outcome::Pruned).map(|()| Value::Null);
        self.step("tell_pruned", json!({"id": id}), answer.as_ref());
    }

    /// Reports an intermediate value.
    pub fn report(&mut self, id: u64, step: u64, value: f64) {
        let answer = self.study.report(id, step, value).map(|()| Value::Null);
        let arguments = json!({"id": id, "step": step, "value": number(value)});
        self.step("report", arguments, answer.as_ref());
    }

    /// Whether the pruner would end a trial; `false` also where that is an error.
    pub fn should_stop(&mut self, id: u64) -> bool {
        let answer = self.study.should_stop(id);
        let stops = answer.as_ref().is_ok_and(|stops| *stops);
        let answer = answer.map(Value::from);
        self.step("should_stop", json!({"id": id}), answer.as_ref());
        stops
    }

    /// The trial that a trial of this study continues.
    pub fn promoted_from(&mut self, id: u64) -> Option<u64> {
        let source = self.study.promoted_from(id);
        self.step("promoted_from", json!({"id": id}), Ok(&source.into()));
        source
    }

    /// The ids of the Pareto front.
    pub fn front(&mut self) {
        let ids: Vec<u64> = self.study.pareto_front().iter().map(|trial| trial.id).collect();
        self.step("front", json!({}), Ok(&ids.into()));
    }

    /// By how much a trial with measured constraints violates them.
    pub fn violation(&mut self, id: u64) {
        let violation = self.study.trial(id).expect("the trial is there").violation();
        self.step("violation", json!({"id": id}), Ok(&violation.into()));
    }

    /// Every trial as it is read back.
    pub fn trials(&mut self) {
        let counts = (self.study.objectives().len(), self.study.constraints().len());
        let trials = self.study.trials().iter().map(|trial| read_back(trial, counts));
        let answer: Value = trials.collect::<Vec<_>>().into();
        self.step("trials", json!({}), Ok(&answer));
    }

    /// Goes on with what was saved and restored.
    ///
    /// # Errors
    ///
    /// None for a sampler that has a name.
    pub fn restore(&mut self) -> Result<(), Error> {
        let saved = self.study.to_journal();
        self.study = Study::from_journal(saved.as_bytes(), samplers::by_name)?;
        self.step("restore", json!({}), Ok(&Value::Null));
        Ok(())
    }

    /// Adds a trial; a `value` that is not finite means a failed one.
    pub fn add(&mut self, row: &[f64], value: f64) {
        let answer = self.study.add(configuration(row), Outcome::Value(value)).map(Value::from);
        let arguments = json!({"values": row_of(row), "value": number(value)});
        self.step("add", arguments, answer.as_ref());
    }

    /// Enqueues a configuration.
    pub fn enqueue(&mut self, row: &[f64]) {
        let answer = self.study.enqueue(configuration(row)).map(|()| Value::Null);
        self.step("enqueue", json!({"values": row_of(row)}), answer.as_ref());
    }

    /// The best trial, `null` while there is none.
    pub fn best(&mut self) {
        let best = self.study.best().map_or(Value::Null, |best| {
            json!({
                "id": best.id,
                "values": values(&best.configuration),
                "value": best.value().expect("the best trial has an objective"),
            })
        });
        self.step("best", json!({}), Ok(&best));
    }

    /// Why a pending trial was suggested.
    pub fn explain(&mut self, id: u64) {
        let explanation = self.study.explanation(id).expect("the trial was suggested");
        let expected = explanation.expectation.map(|it| [it.median, it.deviation, it.improvement]);
        let [median, deviation, improvement] = expected.unwrap_or([f64::NAN; 3]);
        let answer = json!({
            "sampler": explanation.sampler,
            "origin": explanation.origin.name(),
            "median": number(median),
            "deviation": number(deviation),
            "improvement": number(improvement),
            "feasibility": number(explanation.feasibility.unwrap_or(f64::NAN)),
        });
        self.step("explain", json!({"id": id}), Ok(&answer));
    }

    /// How many trials there are of each state.
    pub fn counts(&mut self) {
        let count = |state| self.study.trials().iter().filter(|trial| trial.state == state).count();
        let answer = json!({
            "finished": count(TrialState::Finished),
            "failed": count(TrialState::Failed),
            "pending": count(TrialState::Pending),
            "pruned": count(TrialState::Pruned),
        });
        self.step("counts", json!({}), Ok(&answer));
    }

    fn step(&mut self, call: &str, arguments: Value, answer: Result<&Value, &Error>) {
        let Value::Object(mut step) = arguments else { unreachable!("arguments are an object") };
        step.insert("call".into(), call.into());
        put_answer(&mut step, answer);
        self.steps.push(step.into());
    }
}

/// A trial with NaN for each of `counts` objectives and constraints that it lacks.
fn read_back(trial: &Trial, counts: (usize, usize)) -> Value {
    let padded = |kept: &[f64], count: usize| {
        numbers(if kept.is_empty() { &[f64::NAN; 2][..count] } else { kept })
    };
    json!({
        "id": trial.id,
        "state": match trial.state {
            TrialState::Pending => "pending",
            TrialState::Finished => "finished",
            TrialState::Failed => "failed",
            TrialState::Pruned => "pruned",
        },
        "values": values(&trial.configuration),
        "objectives": padded(&trial.objectives, counts.0),
        "constraints": padded(&trial.constraints, counts.1),
        "reports": trial.reports,
    })
}

/// Adds what a call answered: `returns`, unless it returns nothing, or `error`.
pub fn put_answer(step: &mut Map<String, Value>, answer: Result<&Value, &Error>) {
    match answer {
        // That nothing is the best so far, or continued, is an answer too.
        Ok(Value::Null)
            if step.get("call").is_none_or(|call| call != "best" && call != "promoted_from") => {}
        Ok(answer) => {
            step.insert("returns".into(), answer.clone());
        }
        Err(error) => {
            step.insert("error".into(), failure(error.clone().into()));
        }
    }
}

/// A status with its message.
pub fn failure(failure: Failure) -> Value {
    let name = std::str::from_utf8(Status::name(failure.status as i32)).expect("names are ASCII");
    json!({"status": name.trim_end_matches('\0'), "message": failure.message})
}

/// A number, or the name of one that JSON cannot hold.
pub fn number(value: f64) -> Value {
    if value.is_finite() {
        value.into()
    } else if value.is_nan() {
        "nan".into()
    } else if value > 0.0 {
        "inf".into()
    } else {
        "-inf".into()
    }
}

/// Numbers as a list.
fn numbers(values: &[f64]) -> Value {
    values.iter().map(|value| number(*value)).collect::<Vec<_>>().into()
}

/// A configuration's values, `null` for an inactive parameter.
pub fn values(configuration: &Configuration) -> Value {
    configuration.values().to_vec().into()
}

/// A row of values, `null` for NaN.
fn row_of(row: &[f64]) -> Value {
    row.iter().map(|value| (!value.is_nan()).then_some(*value)).collect::<Vec<_>>().into()
}

/// A configuration from a row, where NaN means inactive.
pub fn configuration(row: &[f64]) -> Configuration {
    Configuration::new(row.iter().map(|value| (!value.is_nan()).then_some(*value)).collect())
}

/// Writes `{"name":[scenario, …]}`, with the entries of the array called `rows` in each scenario on
/// lines of their own: changes of single steps are then seen as such.
pub fn layout(name: &str, rows: &str, scenarios: &[Map<String, Value>]) -> String {
    let scenarios: Vec<String> = scenarios
        .iter()
        .map(|scenario| {
            let mut head = scenario.clone();
            let Some(Value::Array(lines)) = head.remove(rows) else {
                return Value::from(head).to_string();
            };
            let head = Value::from(head).to_string();
            let open = head.strip_suffix('}').expect("an object ends with a brace");
            if lines.is_empty() {
                return format!("{open},\"{rows}\":[]}}");
            }
            let lines: Vec<String> = lines.iter().map(Value::to_string).collect();
            format!("{open},\"{rows}\":[\n  {}\n]}}", lines.join(",\n  "))
        })
        .collect();
    format!("{{\"{name}\":[\n{}\n]}}\n", scenarios.join(",\n"))
}

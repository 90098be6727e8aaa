//! What a program says on standard output: its numbers, and lines that begin with `optiformer:`.

use std::collections::BTreeMap;

use optiformer::study::{Direction, Measurement, Outcome, Study};

use crate::number::NumberScanner;

/// What begins a line for the tool.
const PREFIX: &[u8] = b"optiformer:";
/// Longest such line, in bytes.
const LONGEST: usize = 4096;
/// The loss of a trial that violates a constraint by nothing, in the mode of penalties.
const PENALTY: f64 = 100.0;

/// Reads a program's standard output, piece by piece.
#[derive(Debug, Default)]
pub struct OutputScanner {
    /// The line so far, while it may be one for the tool.
    line: Vec<u8>,
    /// The line is not for the tool, so that its bytes go to `numbers`.
    is_plain: bool,
    numbers: NumberScanner,
    output: ProgramOutput,
}

/// What a program has said.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProgramOutput {
    /// The last number outside of the lines for the tool.
    pub number: Option<f64>,
    objectives: BTreeMap<String, f64>,
    constraints: BTreeMap<String, f64>,
    /// Other numbers, for validation.
    metrics: BTreeMap<String, f64>,
    /// The first line for the tool that could not be read.
    problem: Option<String>,
}

/// A line for the tool.
#[derive(Debug, PartialEq)]
enum Message {
    Objective(String, f64),
    Constraint(String, f64),
    Metric(String, f64),
    Step(u64, f64),
}

impl OutputScanner {
    /// Processes the next piece of the stream; `report` gets each step with its value.
    pub fn feed(&mut self, bytes: &[u8], report: &mut dyn FnMut(u64, f64)) {
        for &byte in bytes {
            if self.is_plain {
                self.numbers.feed(&[byte]);
                self.is_plain = byte != b'\n';
                continue;
            }
            self.line.push(byte);
            let seen = self.line.len().min(PREFIX.len());
            if self.line[..seen] != PREFIX[..seen] {
                self.numbers.feed(&self.line);
                self.line.clear();
                self.is_plain = byte != b'\n';
            } else if byte == b'\n' || self.line.len() > LONGEST {
                self.end_line(report);
                self.is_plain = byte != b'\n';
            }
        }
    }

    /// What the program has said, if its output ended here.
    pub fn finish(&mut self, report: &mut dyn FnMut(u64, f64)) -> ProgramOutput {
        if self.line.starts_with(PREFIX) {
            self.end_line(report);
        } else {
            self.numbers.feed(&self.line);
            self.line.clear();
        }
        ProgramOutput { number: self.numbers.last(), ..self.output.clone() }
    }

    fn end_line(&mut self, report: &mut dyn FnMut(u64, f64)) {
        let line = std::mem::take(&mut self.line);
        let text = String::from_utf8_lossy(&line[PREFIX.len()..]);
        match parse(text.trim()) {
            Some(Message::Objective(name, value)) => {
                self.output.objectives.insert(name, value);
            }
            Some(Message::Constraint(name, value)) => {
                self.output.constraints.insert(name, value);
            }
            Some(Message::Metric(name, value)) => {
                self.output.metrics.insert(name, value);
            }
            Some(Message::Step(step, value)) => report(step, value),
            None => {
                let shown: String = text.trim().chars().take(60).collect();
                let problem = format!("printed \"optiformer: {shown}\", which is not understood");
                self.output.problem.get_or_insert(problem);
            }
        }
    }
}

/// Parses `objective NAME NUMBER`, `constraint NAME NUMBER`, `metric NAME NUMBER` or `step NUMBER
/// value NUMBER`. Names may hold spaces.
fn parse(text: &str) -> Option<Message> {
    let (kind, rest) = text.split_once(char::is_whitespace)?;
    let (name, number) = rest.trim().rsplit_once(char::is_whitespace)?;
    let (name, number) = (name.trim(), number.parse::<f64>().ok()?);
    match kind {
        "objective" => Some(Message::Objective(name.to_string(), number)),
        "constraint" => Some(Message::Constraint(name.to_string(), number)),
        "metric" => Some(Message::Metric(name.to_string(), number)),
        "step" => {
            let step = name.strip_suffix("value")?.trim().parse().ok()?;
            Some(Message::Step(step, number))
        }
        _ => None,
    }
}

impl ProgramOutput {
    /// The outcome in `study`, or the reason why there is none.
    pub fn outcome(&self, study: &Study) -> Result<Outcome, String> {
        self.check_names(study, study.constraints())?;
        let constraints = self.constraints(study.constraints())?;
        if study.constraints().is_empty() && study.objectives().len() == 1 {
            return self.objectives(study).map(|objectives| Outcome::Value(objectives[0]));
        }
        let violates = constraints.iter().any(|value| *value > 0.0);
        let objectives = match self.objectives(study) {
            // A program need not measure a configuration that it may not use.
            Err(_) if violates => Vec::new(),
            objectives => objectives?,
        };
        Ok(Measurement::new(objectives).with_constraints(constraints).into())
    }

    /// The outcome in a study of one objective that knows nothing of the constraints `names`: one
    /// that violates them has −100 (1 + violation) as its objective, 100 (1 + violation) where the
    /// study minimizes.
    pub fn penalized(&self, study: &Study, names: &[String]) -> Result<Outcome, String> {
        self.check_names(study, names)?;
        let constraints = self.constraints(names)?;
        if let Some((name, value)) = names.iter().zip(&constraints).find(|it| !it.1.is_finite()) {
            return Err(format!("the constraint \"{name}\" is {value}"));
        }
        let violation: f64 = constraints.iter().map(|value| value.max(0.0)).sum();
        if violation > 0.0 {
            let loss = PENALTY * (1.0 + violation);
            let is_minimized = study.direction() == Direction::Minimize;
            return Ok(Outcome::Value(if is_minimized { loss } else { -loss }));
        }
        self.objectives(study).map(|objectives| Outcome::Value(objectives[0]))
    }

    /// Every number by its name, or the reason why there are none: the metrics, the objectives and
    /// the constraints of the study.
    pub fn measurements(&self, study: &Study) -> Result<BTreeMap<String, f64>, String> {
        self.check_names(study, study.constraints())?;
        let mut measured = self.metrics.clone();
        measured.extend(self.constraints.clone());
        measured.extend(self.objectives.clone());
        if let [only] = study.objectives()
            && let Some(value) = self.number
        {
            measured.entry(only.name.clone()).or_insert(value);
        }
        match measured.iter().find(|(_, value)| !value.is_finite()) {
            Some((name, value)) => Err(format!("\"{name}\" is {value}")),
            None if measured.is_empty() => Err("printed no number".to_string()),
            None => Ok(measured),
        }
    }

    /// Checks that every name belongs to the study.
    fn check_names(&self, study: &Study, constraints: &[String]) -> Result<(), String> {
        if let Some(problem) = &self.problem {
            return Err(problem.clone());
        }
        let is_objective = |name: &str| study.objectives().iter().any(|it| it.name == name);
        if let Some(name) = self.objectives.keys().find(|name| !is_objective(name)) {
            return Err(format!(
                "printed a value of \"{name}\", which is no objective of the study"
            ));
        }
        if let Some(name) = self.constraints.keys().find(|name| !constraints.contains(name)) {
            return Err(format!(
                "printed a value of \"{name}\", which is no constraint of the study"
            ));
        }
        Ok(())
    }

    fn objectives(&self, study: &Study) -> Result<Vec<f64>, String> {
        match study.objectives() {
            // The last number, unless the program names the objective.
            [only] => match self.objectives.get(&only.name).copied().or(self.number) {
                Some(value) if !value.is_finite() => Err(format!("the objective is {value}")),
                Some(value) => Ok(vec![value]),
                None => Err("printed no number".to_string()),
            },
            several => several
                .iter()
                .map(|objective| match self.objectives.get(&objective.name) {
                    Some(value) => Ok(*value),
                    None => {
                        Err(format!("printed no value of the objective \"{}\"", objective.name))
                    }
                })
                .collect(),
        }
    }

    fn constraints(&self, names: &[String]) -> Result<Vec<f64>, String> {
        let value = |name: &String| match self.constraints.get(name) {
            Some(value) => Ok(*value),
            None => Err(format!("printed no value of the constraint \"{name}\"")),
        };
        names.iter().map(value).collect()
    }
}

#[cfg(test)]
mod tests {
    use optiformer::{
        samplers,
        space::{Parameter, Space},
        study::Objective,
    };

    use super::*;

    /// What the text says, fed whole and byte by byte, and the steps.
    fn scan(text: &str) -> (ProgramOutput, Vec<(u64, f64)>) {
        let read = |pieces: Vec<&[u8]>| {
            let mut scanner = OutputScanner::default();
            let mut steps = Vec::new();
            let mut report = |step, value| steps.push((step, value));
            pieces.into_iter().for_each(|piece| scanner.feed(piece, &mut report));
            let output = scanner.finish(&mut report);
            (output, steps)
        };
        let whole = read(vec![text.as_bytes()]);
        assert_eq!(read(text.as_bytes().chunks(1).collect()), whole, "{text:?}");
        whole
    }

    fn study() -> Study {
        let space = Space::new(vec![Parameter::float("x", 0.0, 1.0)]).unwrap();
        Study::new(space, Direction::Maximize, samplers::by_name("random").unwrap(), 0)
    }

    #[test]
    fn lines_for_the_tool_are_told_from_the_objective() {
        let (output, steps) = scan(
            "epoch 1\noptiformer: step 1 value 0.5\nloss 0.25\noptiformer: constraint size 3\n\
             optiformer: step 2 value -1e-3\noptiformer: objective a b 4",
        );
        assert_eq!(output.number, Some(0.25));
        assert_eq!(steps, [(1, 0.5), (2, -1e-3)]);
        assert_eq!(output.objectives, BTreeMap::from([("a b".to_string(), 4.0)]));
        assert_eq!(output.constraints, BTreeMap::from([("size".to_string(), 3.0)]));
        // Only whole prefixes at the beginning of a line count.
        for text in ["optiform 7", " optiformer: constraint x 7", "optiformer 7\n", "o\n\no7 7"] {
            let (output, steps) = scan(text);
            assert_eq!((output.number, steps.len(), &output.problem), (Some(7.0), 0, &None));
        }
    }

    #[test]
    fn lines_that_are_not_understood_are_a_reason() {
        for text in
            ["optiformer: step two value 1\n1", "optiformer: constraint x\n1", "optiformer:\n1"]
        {
            let error = scan(text).0.outcome(&study()).unwrap_err();
            assert!(error.contains("not understood"), "{error}");
        }
        let long = format!("optiformer: constraint {} 1\n2", "x".repeat(10_000));
        assert!(scan(&long).0.outcome(&study()).is_err());
    }

    #[test]
    fn outcomes_need_every_value_of_the_study() {
        let plain = study();
        assert_eq!(scan("0.5").0.outcome(&plain), Ok(Outcome::Value(0.5)));
        assert_eq!(scan("optiformer: objective value 2").0.outcome(&plain), Ok(2.0.into()));
        let error = scan("1\noptiformer: constraint size 1").0.outcome(&plain).unwrap_err();
        assert_eq!(error, "printed a value of \"size\", which is no constraint of the study");

        let constrained = study().with_constraints(["size"]).unwrap();
        let error = scan("1").0.outcome(&constrained).unwrap_err();
        assert_eq!(error, "printed no value of the constraint \"size\"");
        let outcome = scan("1\noptiformer: constraint size -1").0.outcome(&constrained);
        assert_eq!(outcome, Ok(Measurement::new([1.0]).with_constraints([-1.0]).into()));
        // One that violates a constraint needs no objective; one that does not needs it.
        let outcome = scan("optiformer: constraint size 1").0.outcome(&constrained);
        assert_eq!(outcome, Ok(Measurement::new([]).with_constraints([1.0]).into()));
        let error = scan("optiformer: constraint size 0").0.outcome(&constrained).unwrap_err();
        assert_eq!(error, "printed no number");

        let objectives = [Objective::minimize("loss"), Objective::maximize("speed")];
        let several = study().with_objectives(objectives).unwrap();
        let text = "optiformer: objective speed 3\noptiformer: objective loss 2";
        assert_eq!(scan(text).0.outcome(&several), Ok(Measurement::new([2.0, 3.0]).into()));
        let error = scan("optiformer: objective loss 2").0.outcome(&several).unwrap_err();
        assert_eq!(error, "printed no value of the objective \"speed\"");
    }

    #[test]
    fn penalties_grow_with_the_violation() {
        let names = ["size".to_string()];
        let told = |text: &str| scan(text).0.penalized(&study(), &names);
        assert_eq!(told("7\noptiformer: constraint size 0"), Ok(Outcome::Value(7.0)));
        assert_eq!(told("7\noptiformer: constraint size 0.5"), Ok(Outcome::Value(-150.0)));
        assert_eq!(told("optiformer: constraint size 2"), Ok(Outcome::Value(-300.0)));
        assert!(told("7").is_err() && told("optiformer: constraint size -1").is_err());
        let error = told("7\noptiformer: constraint size inf").unwrap_err();
        assert_eq!(error, "the constraint \"size\" is inf");
    }
}

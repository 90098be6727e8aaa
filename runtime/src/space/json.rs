use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};

use super::{Choice, Configuration, Domain, Parameter, Space, domain::LARGEST_INT};
use crate::{Error, ErrorKind, Result};

/// The JSON document of a space.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    parameters: Vec<Entry>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    forbid: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    #[serde(rename = "type")]
    kind: Kind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    low: Option<Number>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    high: Option<Number>,
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    log: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    step: Option<Number>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    choices: Option<Vec<Choice>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    when: Option<When>,
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    fidelity: bool,
}

#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Float,
    Int,
    Categorical,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct When {
    parent: String,
    is: Vec<Choice>,
}

impl Space {
    /// Reads a space from its JSON document.
    ///
    /// ```
    /// let space = optiformer::space::Space::from_json(
    ///     r#"{"parameters": [
    ///         {"name": "x", "type": "float", "low": 0.001, "high": 1, "log": true},
    ///         {"name": "n", "type": "int", "low": 1, "high": 9, "step": 2},
    ///         {"name": "kind", "type": "categorical", "choices": ["a", "b"]},
    ///         {"name": "y", "type": "float", "low": 0, "high": 1,
    ///          "when": {"parent": "kind", "is": ["b"]}}
    ///     ]}"#,
    /// )?;
    /// assert_eq!(space.index_of("y"), Some(3));
    /// # Ok::<(), optiformer::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidSpace`], naming the parameter, or line and column, where the text is not
    /// such a document, else as [`Space::new`].
    pub fn from_json(text: &str) -> Result<Self> {
        let document: Document = serde_json::from_str(text)
            .map_err(|error| Error::new(ErrorKind::InvalidSpace, explain(text, &error)))?;
        let parameters = document.parameters.into_iter().map(Entry::into_parameter);
        Self::new(parameters.collect::<Result<Vec<_>>>()?)?.forbid(document.forbid)
    }

    /// The space as one line of JSON, which [`from_json`](Self::from_json) reads back as an equal
    /// space.
    pub fn to_json(&self) -> String {
        let parameters = self.parameters().iter().map(Entry::from_parameter).collect();
        let forbid = self.forbidden().map(ToString::to_string).collect();
        serde_json::to_string(&Document { parameters, forbid })
            .expect("a space holds only finite numbers and texts")
    }

    /// A configuration as a JSON object from names to values, without inactive parameters.
    pub fn configuration_to_json(
        &self,
        configuration: &Configuration,
    ) -> serde_json::Map<String, serde_json::Value> {
        let mut object = serde_json::Map::new();
        for (parameter, value) in self.parameters().iter().zip(configuration.values()) {
            if let Some(value) = value {
                let json = match parameter.to_choice(*value) {
                    Choice::Boolean(value) => value.into(),
                    Choice::Text(value) => value.into(),
                    // Whole numbers have no fraction, so that ints look like ints.
                    Choice::Number(value)
                        if !matches!(parameter.domain(), Domain::Float { .. })
                            && value == libm::floor(value)
                            && value.abs() < 9.0e15 =>
                    {
                        (value as i64).into()
                    }
                    Choice::Number(value) => value.into(),
                };
                object.insert(parameter.name().to_string(), json);
            }
        }
        object
    }

    /// Reads a configuration from a JSON object as
    /// [`configuration_to_json`](Self::configuration_to_json) writes it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidValue`], naming the parameter: unknown, missing, illegal, or given
    /// though inactive.
    pub fn configuration_from_json(
        &self,
        object: &serde_json::Map<String, serde_json::Value>,
    ) -> Result<Configuration> {
        let configuration = self.partial_from_json(object)?;
        self.validate(&configuration)?;
        Ok(configuration)
    }

    /// Reads values of some parameters, for [`Study::enqueue`](crate::study::Study::enqueue);
    /// parameters without a value are `None`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidValue`], naming the parameter: unknown or illegal.
    pub fn partial_from_json(
        &self,
        object: &serde_json::Map<String, serde_json::Value>,
    ) -> Result<Configuration> {
        for name in object.keys() {
            self.find(name)?;
        }
        let mut values = Vec::with_capacity(self.len());
        for parameter in self.parameters() {
            values.push(match object.get(parameter.name()) {
                None => None,
                Some(json) => {
                    let choice: Choice = serde_json::from_value(json.clone()).map_err(|_| {
                        Error::new(
                            ErrorKind::InvalidValue,
                            format!(
                                "parameter \"{}\" cannot be {json}; it is {}",
                                parameter.name(),
                                parameter.domain().describe()
                            ),
                        )
                    })?;
                    Some(parameter.from_choice(&choice)?)
                }
            });
        }
        Ok(Configuration::new(values))
    }
}

impl Entry {
    fn into_parameter(self) -> Result<Parameter> {
        let refuse = |what: &str| {
            let context = format!("parameter \"{}\": {what}", self.name);
            Err(Error::new(ErrorKind::InvalidSpace, context))
        };
        let domain = match self.kind {
            Kind::Categorical => {
                if self.low.is_some() || self.high.is_some() || self.step.is_some() || self.log {
                    return refuse("a categorical has no low, high, step or log");
                }
                match self.choices {
                    Some(choices) => Domain::Categorical { choices },
                    None => return refuse("\"choices\" is missing"),
                }
            }
            Kind::Float | Kind::Int => {
                if self.choices.is_some() {
                    return refuse("only a categorical has choices");
                }
                let (Some(low), Some(high)) = (&self.low, &self.high) else {
                    return refuse("\"low\" and \"high\" are needed");
                };
                let is_int = self.kind == Kind::Int;
                for (what, number) in
                    [("low", &self.low), ("high", &self.high), ("step", &self.step)]
                {
                    // A larger one would change silently in the conversion to a double.
                    if let Some(number) = number.as_ref().filter(|it| is_int && is_beyond(it)) {
                        return refuse(&format!("{what} {number} is beyond ±2^53"));
                    }
                }
                let [low, high] = [low, high].map(double);
                let step = self.step.as_ref().map(double);
                if is_int {
                    Domain::Int { low, high, log: self.log, step: step.unwrap_or(1.0) }
                } else {
                    Domain::Float { low, high, log: self.log, step }
                }
            }
        };
        let parameter = Parameter::new(self.name, domain);
        let parameter = if self.fidelity { parameter.fidelity() } else { parameter };
        Ok(match self.when {
            Some(when) => parameter.when(when.parent, when.is),
            None => parameter,
        })
    }

    fn from_parameter(parameter: &Parameter) -> Self {
        let (mut entry, domain) = (
            Self {
                name: parameter.name().to_string(),
                kind: Kind::Float,
                low: None,
                high: None,
                log: false,
                step: None,
                choices: None,
                when: parameter.condition().map(|condition| When {
                    parent: condition.parent.clone(),
                    is: condition.values.clone(),
                }),
                fidelity: parameter.is_fidelity(),
            },
            parameter.domain(),
        );
        match domain {
            Domain::Float { low, high, log, step } => {
                (entry.low, entry.high) = (Number::from_f64(*low), Number::from_f64(*high));
                (entry.log, entry.step) = (*log, step.and_then(Number::from_f64));
            }
            Domain::Int { low, high, log, step } => {
                entry.kind = Kind::Int;
                (entry.low, entry.high) = (Number::from_f64(*low), Number::from_f64(*high));
                entry.log = *log;
                entry.step = Number::from_f64(*step).filter(|_| *step != 1.0);
            }
            Domain::Categorical { choices } => {
                entry.kind = Kind::Categorical;
                entry.choices = Some(choices.clone());
            }
        }
        entry
    }
}

/// What is wrong with a document that serde refused with `error`, and with which parameter.
fn explain(text: &str, error: &serde_json::Error) -> String {
    const SHAPE: &str = r#"{"parameters": [{"name": "x", "type": "float", "low": 0, "high": 1}]}"#;
    let document = match serde_json::from_str::<Value>(text) {
        Ok(document) => document,
        Err(syntax) => return format!("the document cannot be read: {syntax}"),
    };
    let Some(Value::Array(entries)) = document.get("parameters") else {
        return format!("{error} (a space is an object like {SHAPE})");
    };
    for (index, entry) in entries.iter().enumerate() {
        let Err(what) = Entry::deserialize(entry) else { continue };
        // That of the text has line and column, but may be about something before the parameters.
        let (what, whole) = (what.to_string(), error.to_string());
        let what = if whole.starts_with(&what) { whole } else { what };
        return match entry.get("name") {
            Some(Value::String(name)) => format!("parameter \"{name}\": {what}"),
            _ => format!("parameter {}: {what}", index + 1),
        };
    }
    error.to_string()
}

/// Whether a whole number is one of those that doubles skip.
fn is_beyond(number: &Number) -> bool {
    let magnitude = number.as_u64().or_else(|| number.as_i64().map(i64::unsigned_abs));
    magnitude.is_some_and(|magnitude| magnitude > LARGEST_INT as u64)
}

/// The nearest double; JSON has no number without one.
fn double(number: &Number) -> f64 {
    number.as_f64().unwrap_or(f64::NAN)
}

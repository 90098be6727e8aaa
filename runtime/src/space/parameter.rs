use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use super::{
    Choice, Condition, Domain,
    describe::{quoted, shortest},
    domain::{FINEST_STEP, LARGEST_INT},
};
use crate::{Error, ErrorKind, Result};

/// A named dimension of the space.
///
/// ```
/// use optiformer::space::{Parameter, Space};
///
/// let space = Space::new(vec![
///     Parameter::float("learning_rate", 1e-4, 1.0).log(),
///     Parameter::int("hidden_units", 4, 256).log(),
///     Parameter::categorical("optimizer", ["sgd", "adam"]),
///     Parameter::float("momentum", 0.0, 0.99).when("optimizer", ["sgd"]),
/// ])?;
/// assert_eq!(space.len(), 4);
/// # Ok::<(), optiformer::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    name: String,
    domain: Domain,
    condition: Option<Condition>,
    is_fidelity: bool,
}

impl Parameter {
    /// A parameter over `domain`, which [`Space::new`](super::Space::new) checks.
    pub fn new(name: impl Into<String>, domain: Domain) -> Self {
        Self { name: name.into(), domain, condition: None, is_fidelity: false }
    }

    /// A real number in `[low, high]`.
    pub fn float(name: impl Into<String>, low: f64, high: f64) -> Self {
        Self::new(name, Domain::Float { low, high, log: false, step: None })
    }

    /// A whole number in `[low, high]`.
    pub fn int(name: impl Into<String>, low: i64, high: i64) -> Self {
        let (low, high) = (low as f64, high as f64);
        Self::new(name, Domain::Int { low, high, log: false, step: 1.0 })
    }

    /// One of `choices`, which have no order.
    pub fn categorical<C: Into<Choice>>(
        name: impl Into<String>,
        choices: impl IntoIterator<Item = C>,
    ) -> Self {
        let choices = choices.into_iter().map(Into::into).collect();
        Self::new(name, Domain::Categorical { choices })
    }

    /// Makes the scale logarithmic. No effect on a categorical.
    pub fn log(mut self) -> Self {
        match &mut self.domain {
            Domain::Float { log, .. } | Domain::Int { log, .. } => *log = true,
            Domain::Categorical { .. } => {}
        }
        self
    }

    /// Restricts the values to `low + k·step`. No effect on a categorical.
    pub fn step(mut self, size: f64) -> Self {
        match &mut self.domain {
            Domain::Float { step, .. } => *step = Some(size),
            Domain::Int { step, .. } => *step = size,
            Domain::Categorical { .. } => {}
        }
        self
    }

    /// Makes the parameter active only when `parent`, declared earlier, has one of `values`.
    pub fn when<C: Into<Choice>>(
        mut self,
        parent: impl Into<String>,
        values: impl IntoIterator<Item = C>,
    ) -> Self {
        let values = values.into_iter().map(Into::into).collect::<Vec<_>>();
        self.condition = Some(Condition { parent: parent.into(), values });
        self
    }

    /// Makes the parameter the fidelity of the space: how much of a trial's full cost is spent on
    /// it, such as a number of epochs or a share of the data. The sampler `hyperband` tries many
    /// configurations at low values and few at the highest.
    ///
    /// A space has one fidelity at most: a float or an int with `low` above zero, and without a
    /// condition.
    ///
    /// ```
    /// use optiformer::space::{Parameter, Space};
    ///
    /// let rate = Parameter::float("rate", 1e-4, 1.0).log();
    /// let space = Space::new(vec![rate, Parameter::int("epochs", 1, 81).fidelity()])?;
    /// assert_eq!(space.fidelity(), Some(1));
    /// # Ok::<(), optiformer::Error>(())
    /// ```
    pub fn fidelity(mut self) -> Self {
        self.is_fidelity = true;
        self
    }

    /// Whether the parameter is the fidelity of its space.
    pub fn is_fidelity(&self) -> bool {
        self.is_fidelity
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The set of values.
    pub fn domain(&self) -> &Domain {
        &self.domain
    }

    /// The condition under which the parameter is active; `None` for always.
    pub fn condition(&self) -> Option<&Condition> {
        self.condition.as_ref()
    }

    /// Formats a value for people: a choice as its text, an int without a decimal point.
    pub fn format(&self, value: f64) -> String {
        match &self.domain {
            Domain::Categorical { choices } => match choices.get(value as usize) {
                Some(choice) => choice.to_string(),
                None => format!("{value}"),
            },
            // Programs parse an int as such, so that 1000 is not 1e3.
            Domain::Int { .. } => format!("{value}"),
            Domain::Float { .. } => shortest(value),
        }
    }

    /// A value as JSON has it: a choice as itself, a number as a number.
    pub fn to_choice(&self, value: f64) -> Choice {
        match &self.domain {
            Domain::Categorical { choices } => {
                choices.get(value as usize).cloned().unwrap_or(Choice::Number(value))
            }
            _ => Choice::Number(value),
        }
    }

    /// The inverse of [`to_choice`](Self::to_choice).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidValue`] for a choice or number that the parameter cannot take.
    pub fn from_choice(&self, choice: &Choice) -> Result<f64> {
        let value = match (&self.domain, choice) {
            (Domain::Categorical { choices }, choice) => {
                choices.iter().position(|other| other == choice).map(|index| index as f64)
            }
            (_, Choice::Number(number)) => Some(*number),
            _ => None,
        };
        let Some(value) = value else {
            return Err(Error::new(
                ErrorKind::InvalidValue,
                format!(
                    "parameter \"{}\" cannot be {}; it is {}",
                    self.name,
                    quoted(choice),
                    self.domain.describe()
                ),
            ));
        };
        self.check_value(value)?;
        Ok(value)
    }

    /// Checks that `value` is legal (a category by its index).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidValue`], naming the parameter.
    pub fn check_value(&self, value: f64) -> Result<()> {
        if self.domain.contains(value) {
            return Ok(());
        }
        let legal =
            if value.is_finite() { self.domain.describe_value() } else { "finite".to_string() };
        Err(Error::new(
            ErrorKind::InvalidValue,
            format!("parameter \"{}\": {} is not {legal}", self.name, shortest(value)),
        ))
    }

    pub(super) fn check(&self) -> Result<()> {
        if self.name.is_empty() {
            return Err(Error::new(ErrorKind::InvalidSpace, "a parameter has an empty name"));
        }
        if let Domain::Float { low, high, log, .. } | Domain::Int { low, high, log, .. } =
            &self.domain
        {
            self.check_bounds(*low, *high, *log)?;
        }
        if self.is_fidelity {
            self.check_fidelity()?;
        }
        match &self.domain {
            Domain::Float { low, high, log, step: Some(step) } => {
                self.check_float_step(*low, *high, *log, *step)
            }
            Domain::Float { .. } => Ok(()),
            Domain::Int { low, high, log, step } => self.check_int_step(*low, *high, *log, *step),
            Domain::Categorical { choices } => self.check_choices(choices),
        }
    }

    /// The error that says what is wrong with this parameter.
    fn refuse(&self, what: String) -> Result<()> {
        let context = format!("parameter \"{}\": {what}", self.name);
        Err(Error::new(ErrorKind::InvalidSpace, context))
    }

    fn check_bounds(&self, low: f64, high: f64, log: bool) -> Result<()> {
        let (bottom, top) = (shortest(low), shortest(high));
        if !low.is_finite() || !high.is_finite() {
            return self.refuse(format!("bounds [{bottom}, {top}] are not finite"));
        }
        if low >= high {
            return self.refuse(format!(
                "low {bottom} is not below high {top} (a fixed value is a categorical parameter \
                 with one choice)"
            ));
        }
        if !(high - low).is_finite() {
            return self
                .refuse(format!("the range [{bottom}, {top}] is wider than a double holds"));
        }
        if log && low <= 0.0 {
            return self.refuse(format!("a log scale needs low above zero, not {bottom}"));
        }
        Ok(())
    }

    fn check_fidelity(&self) -> Result<()> {
        match &self.domain {
            Domain::Categorical { .. } => self.refuse(String::from(
                "a categorical cannot be the fidelity, which is a float or an int",
            )),
            Domain::Float { low, .. } | Domain::Int { low, .. } if *low <= 0.0 => {
                self.refuse(format!("a fidelity needs low above zero, not {}", shortest(*low)))
            }
            _ if self.condition.is_some() => {
                self.refuse(String::from("a fidelity has no condition"))
            }
            _ => Ok(()),
        }
    }

    fn check_float_step(&self, low: f64, high: f64, log: bool, step: f64) -> Result<()> {
        let (bottom, top, size) = (shortest(low), shortest(high), shortest(step));
        if !step.is_finite() || step <= 0.0 || step > high - low {
            return self.refuse(format!("step {size} does not fit into [{bottom}, {top}]"));
        }
        if log {
            return self.refuse(String::from("a log scale has no step"));
        }
        if step < FINEST_STEP * low.abs().max(high.abs()) {
            return self.refuse(format!("step {size} is too fine for [{bottom}, {top}]"));
        }
        Ok(())
    }

    fn check_int_step(&self, low: f64, high: f64, log: bool, step: f64) -> Result<()> {
        let (bottom, top, size) = (shortest(low), shortest(high), shortest(step));
        let is_whole = |number: f64| number == libm::floor(number) && number.abs() <= LARGEST_INT;
        if ![low, high, step].into_iter().all(is_whole) {
            return self.refuse(format!(
                "bounds [{bottom}, {top}] and step {size} must be whole numbers within ±2^53"
            ));
        }
        if step < 1.0 || step > high - low {
            return self.refuse(format!("step {size} does not fit into [{bottom}, {top}]"));
        }
        if log && step != 1.0 {
            return self.refuse(String::from("a log scale has no step"));
        }
        Ok(())
    }

    fn check_choices(&self, choices: &[Choice]) -> Result<()> {
        if choices.is_empty() {
            return self.refuse(String::from("no choices"));
        }
        for (index, choice) in choices.iter().enumerate() {
            if matches!(choice, Choice::Number(number) if !number.is_finite()) {
                return self.refuse(format!("choice {index} is not finite"));
            }
            if choices[..index].contains(choice) {
                return self.refuse(format!("choice \"{choice}\" is listed twice"));
            }
        }
        Ok(())
    }
}

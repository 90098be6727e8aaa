//! The search space: parameters, conditions, and the map to the unit cube.
//!
//! A [`Space`] is an ordered list of [`Parameter`]s. Every value is an `f64`: a number as itself, a
//! category by its index. A [`Configuration`] has one value per parameter, `None` where a condition
//! makes the parameter inactive.

mod choice;
mod condition;
mod configuration;
mod describe;
mod domain;
mod enumeration;
mod expression;
mod extremes;
mod forbidden;
mod json;
mod parameter;
mod search_box;

pub use choice::Choice;
pub use condition::Condition;
pub use configuration::Configuration;
pub use domain::Domain;
#[cfg(feature = "classical")]
pub(crate) use domain::FINEST_STEP;
pub use parameter::Parameter;
pub use search_box::SearchBox;

use alloc::{format, vec::Vec};

use self::forbidden::Forbidden;
use crate::{Error, ErrorKind, Result};

/// An ordered set of parameters with distinct names.
#[derive(Clone, Debug, PartialEq)]
pub struct Space {
    parameters: Vec<Parameter>,
    /// For each parameter: the index of its parent and the parent's values that activate it.
    activations: Vec<Option<(usize, Vec<f64>)>>,
    /// Combinations of values that are not legal.
    forbidden: Vec<Forbidden>,
}

impl Space {
    /// A space of these parameters.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidSpace`], naming the parameter: no parameters, an empty or duplicate
    /// name, bounds that are not finite or not `low < high`, `log` with `low ≤ 0`, a step that does
    /// not fit, no choices or duplicate ones, a condition on a parent that is not declared earlier,
    /// on values the parent cannot take, or on a fidelity; two fidelities, one that is categorical,
    /// conditional or not above zero, or one without other parameters.
    pub fn new(parameters: Vec<Parameter>) -> Result<Self> {
        if parameters.is_empty() {
            return Err(Error::new(
                ErrorKind::InvalidSpace,
                "a space needs at least one parameter",
            ));
        }
        let mut activations = Vec::with_capacity(parameters.len());
        for (index, parameter) in parameters.iter().enumerate() {
            let earlier = &parameters[..index];
            if earlier.iter().any(|other| other.name() == parameter.name()) {
                return Err(Error::new(
                    ErrorKind::InvalidSpace,
                    format!("parameter \"{}\" is declared twice", parameter.name()),
                ));
            }
            parameter.check()?;
            activations.push(match parameter.condition() {
                None => None,
                Some(condition) => Some(condition.resolve(parameter.name(), earlier)?),
            });
        }
        check_fidelity(&parameters)?;
        Ok(Self { parameters, activations, forbidden: Vec::new() })
    }

    /// The position of the [fidelity](Parameter::fidelity), where there is one.
    pub fn fidelity(&self) -> Option<usize> {
        self.parameters.iter().position(Parameter::is_fidelity)
    }

    /// The space without its fidelity; `None` where there is none.
    pub(crate) fn without_fidelity(&self) -> Option<Result<Self>> {
        self.fidelity()?;
        let others = self.parameters.iter().filter(|parameter| !parameter.is_fidelity());
        let others = Self::new(others.cloned().collect());
        Some(others.and_then(|others| others.forbid(self.forbidden())))
    }

    /// The parameters, in order.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// Number of parameters; at least one.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.parameters.len()
    }

    /// The position of the parameter called `name`.
    pub fn index_of(&self, name: &str) -> Option<usize> {
        self.parameters.iter().position(|parameter| parameter.name() == name)
    }

    /// The position of the parameter called `name`, or an error that lists the names.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidValue`] for a name that no parameter has.
    pub fn find(&self, name: &str) -> Result<usize> {
        self.index_of(name).ok_or_else(|| {
            let names = describe::names(self);
            let context = format!("the space has no parameter \"{name}\"; it has {names}");
            Error::new(ErrorKind::InvalidValue, context)
        })
    }

    /// Whether parameter `index` is active, given the values of the parameters before it.
    ///
    /// `earlier` holds at least the values of the parameters declared before `index`. Where it does
    /// not, and for an index that is not below [`len`](Self::len), the answer is `false`.
    pub fn is_active(&self, index: usize, earlier: &[Option<f64>]) -> bool {
        match self.activations.get(index) {
            None => false,
            Some(None) => true,
            Some(Some((parent, values))) => {
                earlier.get(*parent).copied().flatten().is_some_and(|value| values.contains(&value))
            }
        }
    }

    /// The parent of parameter `index` and the parent's values that activate it; `None` for one
    /// that is always active.
    pub(crate) fn activation(&self, index: usize) -> Option<(usize, &[f64])> {
        self.activations[index].as_ref().map(|(parent, values)| (*parent, &values[..]))
    }

    /// Whether any parameter has a condition.
    pub fn is_conditional(&self) -> bool {
        self.activations.iter().any(Option::is_some)
    }

    /// The configuration at a point of the unit cube (`unit.len() == self.len()`); always legal but
    /// for what [`forbid`](Self::forbid) excludes.
    ///
    /// Coordinates are clamped to `[0, 1]`. A coordinate that is missing or not a number counts as
    /// ½, and coordinates beyond the last parameter are ignored.
    pub fn from_unit(&self, unit: &[f64]) -> Configuration {
        let mut values = Vec::with_capacity(self.len());
        for (index, parameter) in self.parameters.iter().enumerate() {
            let value = self
                .is_active(index, &values)
                .then(|| parameter.domain().from_unit(unit.get(index).copied().unwrap_or(0.5)));
            values.push(value);
        }
        Configuration::new(values)
    }

    /// Coordinates of a configuration in the unit cube; ½ for an inactive parameter.
    pub fn to_unit(&self, configuration: &Configuration) -> Vec<f64> {
        self.parameters
            .iter()
            .zip(configuration.values())
            .map(|(parameter, value)| value.map_or(0.5, |value| parameter.domain().to_unit(value)))
            .collect()
    }

    /// As [`to_unit`](Self::to_unit), but NaN for an inactive parameter, which then cannot be
    /// mistaken for a coordinate.
    pub fn to_partial_unit(&self, configuration: &Configuration) -> Vec<f64> {
        let place = |(parameter, value): (&Parameter, &Option<f64>)| {
            value.map_or(f64::NAN, |value| parameter.domain().to_unit(value))
        };
        self.parameters.iter().zip(configuration.values()).map(place).collect()
    }

    /// Checks that a configuration belongs to this space.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidValue`], naming the parameter: a wrong number of values, a value that is
    /// missing, out of bounds or between steps, one given to an inactive parameter, or a
    /// combination that is forbidden.
    pub fn validate(&self, configuration: &Configuration) -> Result<()> {
        self.validate_values(configuration)?;
        match self.forbidden_by(configuration) {
            Some(expression) => {
                let context = format!("the configuration is forbidden: {expression}");
                Err(Error::new(ErrorKind::InvalidValue, context))
            }
            None => Ok(()),
        }
    }

    /// As [`validate`](Self::validate), but for forbidden combinations, which models may rate.
    ///
    /// # Errors
    ///
    /// As [`validate`](Self::validate).
    pub(crate) fn validate_values(&self, configuration: &Configuration) -> Result<()> {
        let values = configuration.values();
        if values.len() != self.len() {
            return Err(Error::new(
                ErrorKind::InvalidValue,
                format!("{} values for {} parameters", values.len(), self.len()),
            ));
        }
        for (index, parameter) in self.parameters.iter().enumerate() {
            match (self.is_active(index, values), values[index]) {
                (true, Some(value)) => parameter.check_value(value)?,
                (true, None) => {
                    return Err(Error::new(
                        ErrorKind::InvalidValue,
                        format!("parameter \"{}\" is active and has no value", parameter.name()),
                    ));
                }
                (false, Some(_)) => {
                    return Err(Error::new(
                        ErrorKind::InvalidValue,
                        format!("parameter \"{}\" is inactive and has a value", parameter.name()),
                    ));
                }
                (false, None) => {}
            }
        }
        Ok(())
    }
}

/// Checks that at most one parameter is a fidelity, beside others that do not depend on it.
fn check_fidelity(parameters: &[Parameter]) -> Result<()> {
    let refuse = |what: alloc::string::String| Err(Error::new(ErrorKind::InvalidSpace, what));
    let mut fidelities = parameters.iter().filter(|parameter| parameter.is_fidelity());
    let Some(fidelity) = fidelities.next() else { return Ok(()) };
    let name = fidelity.name();
    if let Some(other) = fidelities.next() {
        let other = other.name();
        return refuse(format!("parameter \"{other}\": the fidelity is already \"{name}\""));
    }
    let depends = |parameter: &&Parameter| {
        parameter.condition().is_some_and(|condition| condition.parent == name)
    };
    if let Some(child) = parameters.iter().find(depends) {
        let child = child.name();
        return refuse(format!(
            "parameter \"{child}\": its condition names \"{name}\", which is the fidelity"
        ));
    }
    if parameters.len() == 1 {
        return refuse(format!("parameter \"{name}\": a fidelity needs parameters beside it"));
    }
    Ok(())
}

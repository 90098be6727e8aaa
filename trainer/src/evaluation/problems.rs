//! What samplers are judged on.

use std::{path::Path, sync::Arc};

use optiformer::{
    Error, ErrorKind, Result,
    space::{Configuration, Parameter, Space},
};

use super::{
    functions::{FAMILIES, Family, Instance},
    tasks,
};
use crate::generators::function::{Function, FunctionOptions};

/// Seeds of validation functions begin here, far from those of training data.
const VALIDATION_SEED: u64 = 0x5EED_0000_0000;

/// The value of a configuration; `None` where a trial fails.
pub type Evaluate = Arc<dyn Fn(&Configuration) -> Option<f64> + Send + Sync>;

/// A problem to be minimised: a space, a function over it, and the least value there is.
#[derive(Clone)]
pub struct Problem {
    /// A name that no other problem of the suite has.
    pub name: String,
    /// What may be tried.
    pub space: Space,
    /// The value of a configuration; `None` where a trial fails.
    pub evaluate: Evaluate,
    /// The least value, where it is known.
    pub optimum: Option<f64>,
}

/// What a suite's problems are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Set {
    /// For choosing settings.
    Validation,
    /// For reporting only.
    Test,
}

/// Problems of one kind.
pub struct Suite {
    /// The name that tells it from others.
    pub name: String,
    /// What it is for.
    pub set: Set,
    /// Whether its problems are the same for all seeds.
    pub fixed: bool,
    /// The problems, each in the instance that the seed gives.
    pub make: Box<dyn Fn(u64) -> Vec<Problem> + Send + Sync>,
}

/// The functions suite, for testing: every family (or those of `names`, where there are any) in
/// every one of `dimensions`.
///
/// # Errors
///
/// A name that no family has.
pub fn functions(dimensions: &[usize], names: &[&str]) -> Result<Suite> {
    if let Some(unknown) = names.iter().find(|name| FAMILIES.iter().all(|one| one.name != **name)) {
        let known: Vec<&str> = FAMILIES.iter().map(|family| family.name).collect();
        let context = format!("there is no function \"{unknown}\"; there are {}", known.join(", "));
        return Err(Error::new(ErrorKind::InvalidValue, context));
    }
    let chosen = move |name: &str| names.is_empty() || names.contains(&name);
    let families: Vec<(usize, Family)> =
        FAMILIES.iter().copied().enumerate().filter(|(_, family)| chosen(family.name)).collect();
    let dimensions = dimensions.to_vec();
    let make = move |seed: u64| {
        let mut problems = Vec::new();
        for (number, family) in &families {
            for dimensions in dimensions.iter().copied() {
                problems.push(function(*family, dimensions, seed * 1000 + *number as u64));
            }
        }
        problems
    };
    let name = String::from("functions");
    Ok(Suite { name, set: Set::Test, fixed: false, make: Box::new(make) })
}

fn function(family: Family, dimensions: usize, seed: u64) -> Problem {
    let instance = Instance::new(family, dimensions, seed);
    let parameters = (0..dimensions).map(|index| Parameter::float(format!("x{index}"), -5.0, 5.0));
    let space = Space::new(parameters.collect()).expect("floats with good bounds");
    let cube = space.clone();
    Problem {
        name: format!("{}-{dimensions}", family.name),
        space,
        evaluate: Arc::new(move |configuration| {
            Some(instance.evaluate(&cube.to_unit(configuration)))
        }),
        optimum: Some(0.0),
    }
}

/// The generated suite, for validation: so many functions drawn as the training data's are, with
/// seeds of their own, whose number of parameters is among `dimensions`. Observations are noiseless
/// here, so that regrets can be compared.
pub fn generated(count: usize, dimensions: &[usize]) -> Suite {
    let dimensions = dimensions.to_vec();
    Suite {
        name: String::from("generated"),
        set: Set::Validation,
        fixed: false,
        make: Box::new(move |seed| validation_suite(count, &dimensions, seed)),
    }
}

/// A suite of real tuning problems, whose files are in `data`: one of [`tasks::NAMES`].
///
/// # Errors
///
/// A name that no suite has; data that are missing or malformed.
pub fn real(name: &str, data: Option<&Path>) -> Result<Suite> {
    let problems = match name {
        "yahpo" => tasks::yahpo::problems(data, false),
        "yahpo-2021" => tasks::yahpo::problems(data, true),
        "tables" => tasks::tables::problems(data),
        "digits" => tasks::digits::problems(data),
        _ => {
            let known = tasks::NAMES.join(", ");
            let context =
                format!("there is no suite \"{name}\"; there are functions, generated, {known}");
            return Err(Error::new(ErrorKind::InvalidValue, context));
        }
    }?;
    let set = if name == "yahpo-2021" { Set::Validation } else { Set::Test };
    let make = Box::new(move |_| problems.clone());
    Ok(Suite { name: String::from(name), set, fixed: true, make })
}

fn validation_suite(count: usize, dimensions: &[usize], seed: u64) -> Vec<Problem> {
    let options = FunctionOptions::default();
    (0..)
        .map(|index| (index, Function::draw(&options, VALIDATION_SEED + seed, index)))
        .filter(|(_, drawn)| dimensions.contains(&drawn.function.structure.kinds.len()))
        .take(count)
        .enumerate()
        .map(|(number, (_, drawn))| {
            let function = drawn.function;
            Problem {
                name: format!("generated-{number}"),
                space: function.space.clone(),
                optimum: Some(drawn.optimum.loss),
                evaluate: Arc::new(move |configuration| {
                    function.evaluate(&function.values(configuration))
                }),
            }
        })
        .collect()
}

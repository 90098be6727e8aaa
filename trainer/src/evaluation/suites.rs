//! Suites of problems, each for validation or for testing.

use std::{path::Path, sync::Arc};

use optiformer::{
    Error, ErrorKind, Result,
    space::{Parameter, Space},
};

use super::{
    functions::{BENCHMARK_FUNCTIONS, BenchmarkFunction, BenchmarkInstance},
    tasks,
};
use crate::{
    generators::{self, FunctionOptions, SampledFunction},
    problem::Problem,
};

/// Seeds of validation functions begin here, far from those of training data.
const VALIDATION_SEED: u64 = 0x5EED_0000_0000;

/// What a suite's problems are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
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
    pub split: Split,
    /// Whether its problems are the same for all seeds.
    pub fixed: bool,
    /// The problems, each in the instance that the seed gives.
    pub make: Box<dyn Fn(u64) -> Vec<Problem> + Send + Sync>,
}

/// The functions suite, for testing: every function (or those of `names`, where there are any) in
/// every one of `dimensions`.
///
/// # Errors
///
/// A name that no function has.
pub fn functions(dimensions: &[usize], names: &[&str]) -> Result<Suite> {
    if let Some(unknown) =
        names.iter().find(|name| BENCHMARK_FUNCTIONS.iter().all(|one| one.name != **name))
    {
        let known: Vec<&str> = BENCHMARK_FUNCTIONS.iter().map(|function| function.name).collect();
        let context = format!("there is no function \"{unknown}\"; there are {}", known.join(", "));
        return Err(Error::new(ErrorKind::InvalidValue, context));
    }
    let chosen = move |name: &str| names.is_empty() || names.contains(&name);
    let chosen_functions: Vec<(usize, BenchmarkFunction)> = BENCHMARK_FUNCTIONS
        .iter()
        .copied()
        .enumerate()
        .filter(|(_, function)| chosen(function.name))
        .collect();
    let dimensions = dimensions.to_vec();
    let make = move |seed: u64| {
        let mut problems = Vec::new();
        for (number, benchmark) in &chosen_functions {
            for dimensions in dimensions.iter().copied() {
                problems.push(benchmark_problem(
                    *benchmark,
                    dimensions,
                    seed * 1000 + *number as u64,
                ));
            }
        }
        problems
    };
    let name = String::from("functions");
    Ok(Suite { name, split: Split::Test, fixed: false, make: Box::new(make) })
}

fn benchmark_problem(function: BenchmarkFunction, dimensions: usize, seed: u64) -> Problem {
    let instance = BenchmarkInstance::new(function, dimensions, seed);
    let parameters = (0..dimensions).map(|index| Parameter::float(format!("x{index}"), -5.0, 5.0));
    let space = Space::new(parameters.collect()).expect("floats with good bounds");
    let cube = space.clone();
    Problem {
        name: format!("{}-{dimensions}", function.name),
        space,
        objective: Arc::new(move |configuration| {
            Some(instance.evaluate(&cube.to_unit(configuration)))
        }),
        optimum: Some(0.0),
    }
}

/// The generated suite, for validation: `count` functions drawn as the training data's are, with
/// seeds of their own, whose number of parameters is among `dimensions`. Observations are noiseless
/// here, so that regrets can be compared. The names have the generators'
/// [`VERSION`](generators::VERSION), so that runs of other functions are not mixed with these.
pub fn generated(count: usize, dimensions: &[usize]) -> Suite {
    let dimensions = dimensions.to_vec();
    Suite {
        name: String::from("generated"),
        split: Split::Validation,
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
    let split = if name == "yahpo-2021" { Split::Validation } else { Split::Test };
    let make = Box::new(move |_| problems.clone());
    Ok(Suite { name: String::from(name), split, fixed: true, make })
}

fn validation_suite(count: usize, dimensions: &[usize], seed: u64) -> Vec<Problem> {
    let options = FunctionOptions::default();
    (0..)
        .map(|index| (index, SampledFunction::draw(&options, VALIDATION_SEED + seed, index)))
        .filter(|(_, drawn)| dimensions.contains(&drawn.function.structure.kinds.len()))
        .take(count)
        .enumerate()
        .map(|(number, (_, drawn))| {
            let function = drawn.function;
            Problem {
                name: format!("generated-{}-{number}", generators::VERSION),
                space: function.space.clone(),
                optimum: Some(drawn.optimum.loss),
                objective: Arc::new(move |configuration| {
                    function.evaluate(&function.values(configuration))
                }),
            }
        })
        .collect()
}

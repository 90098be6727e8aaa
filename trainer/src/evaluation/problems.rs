//! What samplers are judged on.

use optiformer::space::{Configuration, Parameter, Space};

use super::functions::{FAMILIES, Instance};
use crate::generators::function::{Function, FunctionOptions};

/// Seeds of validation functions begin here, far from those of training data.
const VALIDATION_SEED: u64 = 0x5EED_0000_0000;

/// The value of a configuration; `None` where a trial fails.
pub type Evaluate = Box<dyn Fn(&Configuration) -> Option<f64> + Send + Sync>;

/// A problem to be minimised: a space, a function over it, and the least value there is.
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

/// The test suite: every family in every one of `dimensions`, the instance drawn by `seed`.
pub fn test_suite(dimensions: &[usize], seed: u64) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (number, family) in FAMILIES.iter().enumerate() {
        for dimensions in dimensions.iter().copied() {
            let instance = Instance::new(*family, dimensions, seed * 1000 + number as u64);
            let parameters =
                (0..dimensions).map(|index| Parameter::float(format!("x{index}"), -5.0, 5.0));
            let space = Space::new(parameters.collect()).expect("floats with good bounds");
            let cube = space.clone();
            problems.push(Problem {
                name: format!("{}-{dimensions}", family.name),
                space,
                evaluate: Box::new(move |configuration| {
                    Some(instance.evaluate(&cube.to_unit(configuration)))
                }),
                optimum: Some(0.0),
            });
        }
    }
    problems
}

/// The validation suite: so many functions drawn as the training data's are, with seeds of their own, whose number of parameters is among
/// `dimensions`. Observations are noiseless here, so that regrets can be compared.
pub fn validation_suite(count: usize, dimensions: &[usize], seed: u64) -> Vec<Problem> {
    let options = FunctionOptions::default();
    (0..)
        .map(|index| (index, Function::draw(&options, VALIDATION_SEED + seed, index)))
        .filter(|(_, drawn)| dimensions.contains(&drawn.function.structure.kinds.len()))
        .take(count)
        .enumerate()
        .map(|(number, (_, drawn))| {
            let function = drawn.function;
            Problem {
                name: format!("validation-{number}"),
                space: function.space.clone(),
                optimum: Some(drawn.optimum.loss),
                evaluate: Box::new(move |configuration| {
                    function.evaluate(&function.values(configuration))
                }),
            }
        })
        .collect()
}

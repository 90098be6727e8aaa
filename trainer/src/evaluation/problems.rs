//! What samplers are judged on.

use optiformer::space::{Parameter, Space};

use super::functions::{FAMILIES, Instance};

/// A problem to be minimised: a space, a function over its unit cube, and the least value there is.
pub struct Problem {
    /// A name that no other problem of the suite has.
    pub name: String,
    /// What may be tried.
    pub space: Space,
    /// The value at a point of the unit cube; `None` where a trial fails.
    pub evaluate: Box<dyn Fn(&[f64]) -> Option<f64> + Send + Sync>,
    /// The least value.
    pub optimum: f64,
}

/// The test suite: every family in every one of `dimensions`, the instance drawn by `seed`.
pub fn test_suite(dimensions: &[usize], seed: u64) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (number, family) in FAMILIES.iter().enumerate() {
        for dimensions in dimensions.iter().copied() {
            let instance = Instance::new(*family, dimensions, seed * 1000 + number as u64);
            let parameters =
                (0..dimensions).map(|index| Parameter::float(format!("x{index}"), -5.0, 5.0));
            problems.push(Problem {
                name: format!("{}-{dimensions}", family.name),
                space: Space::new(parameters.collect()).expect("floats with good bounds"),
                evaluate: Box::new(move |unit| Some(instance.evaluate(unit))),
                optimum: 0.0,
            });
        }
    }
    problems
}

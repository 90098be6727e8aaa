//! Functions from real problems, to train on beside synthetic ones.
//!
//! Real problems are few, so that each gives many functions: some parameters are held at a value,
//! ranges are cut, choices are left out. What a learner does over its whole space is then one case
//! among many, and a model learns what such functions are like rather than what they are.

use optiformer::{Error, ErrorKind, Result, space::Configuration};
use rand::{RngExt, SeedableRng, seq::SliceRandom};
use rayon::prelude::*;

use crate::{
    evaluation::problem::Problem,
    generators::{
        Function, Landscape, integrity::ProbeSet, optimum::Optimum, structure::Structure,
    },
    problem::{Activation, FunctionFamily, ParameterKind},
    random::SeededRng,
};

/// Share of the parameters that are held at a value.
const HELD: f64 = 0.25;
/// Share of the other parameters whose range is cut, or whose choices are fewer.
const CUT: f64 = 0.35;
/// Ordered levels beyond this number are a continuum.
const MAX_LEVELS: u64 = 101;
/// Draws of a problem after which it gives no function.
const TRIES: usize = 20;

/// Functions that are drawn once and trained on again and again, each time with another history.
#[derive(Default)]
pub struct FunctionBank {
    functions: Vec<(Function, Optimum)>,
}

impl FunctionBank {
    /// Draws `count` functions from the problems in turn, calling `progress` after each. Depends on
    /// the arguments alone; a problem that gives none is left out.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidValue`] when no problem gives a function.
    pub fn of_problems(
        problems: &[Problem],
        count: usize,
        seed: u64,
        progress: impl Fn() + Sync,
    ) -> Result<Self> {
        let draw = |index: usize| {
            let problem = &problems[index % problems.len().max(1)];
            let number = (index as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let drawn = draw(problem, &mut SeededRng::seed_from_u64(seed ^ number));
            progress();
            drawn
        };
        let count = if problems.is_empty() { 0 } else { count };
        let functions: Vec<(Function, Optimum)> =
            (0..count).into_par_iter().filter_map(draw).collect();
        if functions.is_empty() {
            let context = "no real problem gives a function to train on";
            return Err(Error::new(ErrorKind::InvalidValue, context));
        }
        Ok(Self { functions })
    }

    /// Number of functions.
    pub fn len(&self) -> usize {
        self.functions.len()
    }

    /// Whether there are no functions.
    pub fn is_empty(&self) -> bool {
        self.functions.is_empty()
    }

    /// One of the functions, and its best known point.
    ///
    /// # Panics
    ///
    /// When there are none.
    pub fn draw(&self, rng: &mut SeededRng) -> (&Function, &Optimum) {
        let (function, optimum) = &self.functions[rng.random_range(0..self.functions.len())];
        (function, optimum)
    }
}

/// A function of some of a problem's parameters that is worth learning from.
fn draw(problem: &Problem, rng: &mut SeededRng) -> Option<(Function, Optimum)> {
    (0..TRIES).find_map(|_| {
        let landscape = RestrictedProblem::draw(problem, rng)?;
        let structure = landscape.structure();
        let family = FunctionFamily::Network;
        let function =
            Function::over(structure, family, Box::new(landscape), rng).with_even_choices();
        let probes = ProbeSet::of(&function, rng);
        probes.check_values().ok()?;
        let optimum = Optimum::search(&function, &probes, rng)?;
        probes.check_optimum(optimum.loss).ok()?;
        Some((function, optimum))
    })
}

/// What a searched parameter may be.
#[derive(Clone, Debug, PartialEq)]
enum Range {
    /// A stretch of the unit interval.
    Unit { low: f64, high: f64 },
    /// Neighboring levels, from the first one on.
    Levels { first: u64, count: u16 },
    /// Some of the choices.
    Choices(Vec<u64>),
}

/// A problem over some of its parameters; the others are held.
struct RestrictedProblem {
    problem: Problem,
    /// The index of each searched parameter in the problem's space, and its range.
    searched: Vec<(usize, Range)>,
    /// Where the parameters that are not searched are held.
    held: Vec<f64>,
    activations: Vec<Option<Activation>>,
}

impl RestrictedProblem {
    /// Some of the parameters, over some of their ranges; `None` where too little is left.
    fn draw(problem: &Problem, rng: &mut SeededRng) -> Option<Self> {
        let parameters = problem.space.parameters();
        let held: Vec<f64> = (0..parameters.len()).map(|_| rng.random()).collect();
        let mut searched: Vec<(usize, Range)> = Vec::new();
        let mut activations = Vec::new();
        for (index, parameter) in parameters.iter().enumerate() {
            if rng.random_bool(HELD) {
                continue;
            }
            let activation = match parameter.condition() {
                None => None,
                Some(condition) => {
                    let parent = problem.space.index_of(&condition.parent)?;
                    let of_choice = |choice| parameters[parent].from_choice(choice).ok();
                    let activating: Vec<f64> =
                        condition.values.iter().filter_map(of_choice).collect();
                    let place = searched.iter().position(|(index, _)| *index == parent);
                    let Some(place) = place else {
                        // A held parent decides once and for all; one that is inactive itself
                        // cannot be told from here, and does not occur.
                        let value = parameters[parent].domain().from_unit(held[parent]);
                        if activating.contains(&value) {
                            searched.push((index, range(parameter.domain(), rng)));
                            activations.push(None);
                        }
                        continue;
                    };
                    let Range::Choices(choices) = &searched[place].1 else { return None };
                    let bit = |(bit, choice): (usize, &u64)| {
                        u64::from(activating.contains(&(*choice as f64))) << bit
                    };
                    let values = choices.iter().enumerate().map(bit).sum();
                    match values {
                        0 => continue,
                        values if values == (1 << choices.len()) - 1 => None,
                        values => Some(Activation { parent: place, values }),
                    }
                }
            };
            searched.push((index, range(parameter.domain(), rng)));
            activations.push(activation);
        }
        (!searched.is_empty()).then(|| Self {
            problem: problem.clone(),
            searched,
            held,
            activations,
        })
    }

    fn structure(&self) -> Structure {
        let kind = |(_, range): &(usize, Range)| match range {
            Range::Unit { .. } => ParameterKind::Continuous,
            Range::Levels { count, .. } => ParameterKind::Levels(*count),
            Range::Choices(choices) => ParameterKind::Categorical(choices.len() as u16),
        };
        Structure {
            activations: self.activations.clone(),
            ..Structure::plain(self.searched.iter().map(kind).collect())
        }
    }

    /// The problem's configuration at a point of the searched cube.
    fn configuration(&self, unit: &[f64]) -> Configuration {
        let mut whole = self.held.clone();
        for ((index, range), place) in self.searched.iter().zip(unit) {
            let domain = self.problem.space.parameters()[*index].domain();
            whole[*index] = match range {
                Range::Unit { low, high } => low + (high - low) * place,
                Range::Levels { first, count } => {
                    let level = (place * f64::from(count - 1)).round() as u64;
                    domain.to_unit(domain.level(first + level))
                }
                Range::Choices(choices) => {
                    let choice = (place * choices.len() as f64) as usize;
                    domain.to_unit(choices[choice.min(choices.len() - 1)] as f64)
                }
            };
        }
        self.problem.space.from_unit(&whole)
    }
}

/// The whole range of a parameter, or a part of it.
fn range(domain: &optiformer::space::Domain, rng: &mut SeededRng) -> Range {
    let cut = rng.random_bool(CUT);
    match domain.levels() {
        Some(count) if domain.is_categorical() => {
            let mut choices: Vec<u64> = (0..count).collect();
            if cut && count > 2 {
                choices.shuffle(rng);
                choices.truncate(rng.random_range(2..count) as usize);
            }
            Range::Choices(choices)
        }
        Some(count) if count <= MAX_LEVELS && !domain.is_log() => {
            let (mut first, mut left) = (0, count);
            if cut && count > 3 {
                left = rng.random_range(3..=count);
                first = rng.random_range(0..=count - left);
            }
            Range::Levels { first, count: left as u16 }
        }
        _ => {
            let length = if cut { rng.random_range(0.3..1.0) } else { 1.0 };
            let low = rng.random::<f64>() * (1.0 - length);
            Range::Unit { low, high: low + length }
        }
    }
}

impl Landscape for RestrictedProblem {
    fn dimensions(&self) -> usize {
        self.searched.len()
    }

    fn evaluate(&self, unit: &[f64]) -> f64 {
        self.outcome(unit).unwrap_or(f64::NAN)
    }

    fn outcome(&self, unit: &[f64]) -> Option<f64> {
        (self.problem.objective)(&self.configuration(unit)).filter(|loss| loss.is_finite())
    }

    fn description(&self) -> String {
        let parameters = self.problem.space.parameters();
        let names: Vec<&str> =
            self.searched.iter().map(|(index, _)| parameters[*index].name()).collect();
        format!("{} over {}", self.problem.name, names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use optiformer::space::{Parameter, Space};

    use super::*;

    /// A sum in which every parameter counts, `x` thrice while `kind` is "b".
    fn problem() -> Problem {
        let space = Space::new(vec![
            Parameter::categorical("kind", ["a", "b", "c"]),
            Parameter::int("levels", 2, 9),
            Parameter::float("rate", 1e-4, 1.0).log(),
            Parameter::float("x", -1.0, 3.0).when("kind", ["b"]),
        ])
        .unwrap();
        let objective = |configuration: &Configuration| {
            let value = |index| configuration.get(index);
            Some(value(0)? + 0.1 * value(1)? + value(2)?.ln() + value(3).map_or(0.0, |x| 3.0 * x))
        };
        let name = String::from("sum");
        Problem { name, space, objective: Arc::new(objective), optimum: None }
    }

    /// Values of the function are values of the problem, at a legal configuration that has the
    /// activity the structure says.
    #[test]
    fn functions_are_the_problem_over_a_part_of_its_space() {
        let problem = problem();
        let mut rng = SeededRng::seed_from_u64(3);
        let (mut conditional, mut partial) = (0, 0);
        for _ in 0..200 {
            let Some(restricted) = RestrictedProblem::draw(&problem, &mut rng) else { continue };
            let structure = restricted.structure();
            conditional += usize::from(structure.is_conditional());
            partial += usize::from(structure.kinds.len() < 4);
            let searched = restricted.searched.clone();
            let twin = RestrictedProblem { problem: problem.clone(), ..restricted };
            let held = twin.held.clone();
            let activations = twin.activations.clone();
            let other = RestrictedProblem {
                problem: problem.clone(),
                searched: searched.clone(),
                held,
                activations,
            };
            let family = FunctionFamily::Network;
            let function =
                Function::over(structure, family, Box::new(twin), &mut rng).with_even_choices();
            for _ in 0..20 {
                let values = function.uniform(&mut rng);
                let active = function.structure.active(&values);
                let unit: Vec<f64> = values
                    .iter()
                    .zip(&function.structure.kinds)
                    .map(|(value, kind)| match kind {
                        ParameterKind::Categorical(count) => (value + 0.5) / f64::from(*count),
                        kind => kind.place(*value),
                    })
                    .collect();
                let configuration = other.configuration(&unit);
                problem.space.validate(&configuration).unwrap();
                for ((index, _), active) in searched.iter().zip(active) {
                    assert_eq!(configuration.get(*index).is_some(), active);
                }
                let expected = (problem.objective)(&configuration).unwrap();
                assert!((function.evaluate(&values).unwrap() - expected).abs() < 1e-9);
            }
        }
        assert!(conditional > 20 && partial > 60, "{conditional} {partial}");
    }

    #[test]
    fn a_bank_depends_on_its_seed_and_has_an_optimum_for_each_function() {
        let bank = |seed| FunctionBank::of_problems(&[problem()], 12, seed, || ()).unwrap();
        let losses = |bank: &FunctionBank| -> Vec<f64> {
            bank.functions.iter().map(|(_, optimum)| optimum.loss).collect()
        };
        let (one, other) = (bank(1), bank(1));
        assert_eq!(losses(&one), losses(&other));
        assert_ne!(losses(&one), losses(&bank(2)));
        assert!(!one.is_empty() && one.len() <= 12);
        let mut rng = SeededRng::seed_from_u64(5);
        for _ in 0..50 {
            let (function, optimum) = one.draw(&mut rng);
            let values = function.uniform(&mut rng);
            assert!(function.evaluate(&values).unwrap() >= optimum.loss - 1e-6);
        }
        assert!(FunctionBank::of_problems(&[], 12, 1, || ()).is_err());
    }
}

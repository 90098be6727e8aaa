//! Functions from real problems, to train on beside synthetic ones.
//!
//! Real problems are few, so that each gives many functions: some parameters are held at a value,
//! ranges are cut, choices are left out. What a learner does over its whole space is then one case
//! among many, and a model learns what such functions are like rather than what they are.

use std::sync::atomic::{AtomicBool, Ordering};

use optiformer::{
    Error, ErrorKind, Result,
    space::{Configuration, Domain, Parameter},
};
use rand::{RngExt, SeedableRng, seq::SliceRandom};
use rayon::prelude::*;

use crate::{
    generators::{
        Function, Landscape, MAX_DIMENSIONS, integrity::ProbeSet, optimum::Optimum,
        structure::Structure,
    },
    problem::{Activation, FunctionFamily, ParameterKind, Problem},
    random::SeededRng,
};

/// Share of the parameters that are held at a value: one of four, so that most of a problem's
/// interactions are left, and no two functions of a small space need be alike.
const HELD: f64 = 0.25;
/// Share of the other parameters whose range is cut, or whose choices are fewer, as users' are.
const CUT: f64 = 0.35;
/// Levels of a linear parameter beyond this number are a continuum. Those of a logarithmic one
/// always are, since no kind has logarithmic levels that begin elsewhere than at 1.
const MAX_LEVELS: u64 = 101;
/// The most choices that a mask of activating values has bits for.
const MAX_CHOICES: u64 = 63;
/// Draws of a problem after which it gives no function.
const TRIES: usize = 20;

/// Functions that are drawn once and trained on again and again, each time with another history.
pub struct FunctionBank {
    functions: Vec<(Function, Optimum)>,
}

impl FunctionBank {
    /// Draws `count` functions from random problems, on all cores, calling `progress` after each.
    /// Depends on the arguments alone; draws that give no function worth learning from are left
    /// out. `None` once `interrupted` is set.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidValue`] when no problem gives a function;
    /// [`ErrorKind::Unsupported`], naming problem and parameter, for conditions on a parameter that
    /// is conditional itself or no categorical, and for categoricals of more than 63 choices.
    pub fn of_problems(
        problems: &[Problem],
        count: usize,
        seed: u64,
        interrupted: &AtomicBool,
        progress: impl Fn() + Sync,
    ) -> Result<Option<Self>> {
        problems.iter().try_for_each(check)?;
        let count = if problems.is_empty() { 0 } else { count };
        let functions: Vec<(Function, Optimum)> = (0..count)
            .into_par_iter()
            .filter_map(|index| {
                if interrupted.load(Ordering::Relaxed) {
                    return None;
                }
                let number = (index as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
                let mut rng = SeededRng::seed_from_u64(seed ^ number);
                let problem = &problems[rng.random_range(0..problems.len())];
                let drawn = draw(problem, &mut rng);
                progress();
                drawn
            })
            .collect();
        if interrupted.load(Ordering::Relaxed) {
            return Ok(None);
        }
        if functions.is_empty() {
            let context = "no real problem gives a function to train on";
            return Err(Error::new(ErrorKind::InvalidValue, context));
        }
        Ok(Some(Self { functions }))
    }

    /// Number of functions, at least 1.
    #[expect(clippy::len_without_is_empty, reason = "there is always a function")]
    pub fn len(&self) -> usize {
        self.functions.len()
    }

    /// A number that other functions would change: FNV-1a over the losses of the optima.
    pub fn digest(&self) -> u64 {
        let bits = self.functions.iter().map(|(_, optimum)| optimum.loss.to_bits());
        bits.flat_map(u64::to_le_bytes).fold(0xCBF2_9CE4_8422_2325, |digest, byte| {
            (digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
        })
    }

    /// One of the functions, and its best known point.
    pub fn draw(&self, rng: &mut SeededRng) -> (&Function, &Optimum) {
        let (function, optimum) = &self.functions[rng.random_range(0..self.functions.len())];
        (function, optimum)
    }
}

/// Whether functions can be made of a problem.
fn check(problem: &Problem) -> Result<()> {
    for parameter in problem.space.parameters() {
        let refuse = |what: &str| {
            let (problem, name) = (&problem.name, parameter.name());
            let context = format!("problem \"{problem}\", parameter \"{name}\": {what}");
            Err(Error::new(ErrorKind::Unsupported, context))
        };
        let domain = parameter.domain();
        if domain.is_categorical() && domain.levels() > Some(MAX_CHOICES) {
            return refuse("more than 63 choices");
        }
        let Some(condition) = parameter.condition() else { continue };
        let parent = problem.space.find(&condition.parent)?;
        let parent = &problem.space.parameters()[parent];
        if parent.condition().is_some() || !parent.domain().is_categorical() {
            return refuse("its condition is on a parameter that is conditional or no categorical");
        }
    }
    Ok(())
}

/// A function of some of a problem's parameters that is worth learning from.
fn draw(problem: &Problem, rng: &mut SeededRng) -> Option<(Function, Optimum)> {
    (0..TRIES).find_map(|_| {
        let landscape = RestrictedProblem::draw(problem, rng)?;
        let structure = landscape.structure();
        // Shards of data sets hold synthetic functions alone; the problems are networks.
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
enum SearchedRange {
    /// A stretch of the unit interval.
    Unit { low: f64, high: f64 },
    /// Neighboring levels, from the first one on.
    Levels { first: u64, count: u16 },
    /// Some of the choices.
    Choices(Vec<u64>),
}

impl SearchedRange {
    /// The whole range of a parameter, or a part of it.
    fn draw(domain: &Domain, rng: &mut SeededRng) -> Self {
        let cut = rng.random_bool(CUT);
        match domain.levels() {
            Some(count) if domain.is_categorical() => {
                let mut choices: Vec<u64> = (0..count).collect();
                if cut && count > 2 {
                    choices.shuffle(rng);
                    choices.truncate(rng.random_range(2..count) as usize);
                }
                Self::Choices(choices)
            }
            Some(count) if count <= MAX_LEVELS && !domain.is_log() => {
                let (mut first, mut left) = (0, count);
                if cut && count > 3 {
                    left = rng.random_range(3..=count);
                    first = rng.random_range(0..=count - left);
                }
                Self::Levels { first, count: left as u16 }
            }
            _ => {
                let length = if cut { rng.random_range(0.3..1.0) } else { 1.0 };
                let low = rng.random::<f64>() * (1.0 - length);
                Self::Unit { low, high: low + length }
            }
        }
    }

    fn kind(&self) -> ParameterKind {
        match self {
            Self::Unit { .. } => ParameterKind::Continuous,
            Self::Levels { count, .. } => ParameterKind::Levels(*count),
            Self::Choices(choices) => ParameterKind::Categorical(choices.len() as u16),
        }
    }

    /// The coordinate of the parameter at a place of the range: of levels in `[0, 1]` from the
    /// first to the last, of choices that of an evenly divided axis.
    fn coordinate(&self, domain: &Domain, place: f64) -> f64 {
        match self {
            Self::Unit { low, high } => low + (high - low) * place,
            Self::Levels { first, count } => {
                let level = (place * f64::from(count - 1)).round() as u64;
                domain.to_unit(domain.level(first + level))
            }
            Self::Choices(choices) => {
                let choice = (place * choices.len() as f64) as usize;
                domain.to_unit(choices[choice.min(choices.len() - 1)] as f64)
            }
        }
    }
}

/// A problem over some of its parameters; the others are held.
#[derive(Clone)]
struct RestrictedProblem {
    problem: Problem,
    /// The index of each searched parameter in the problem's space, and its range.
    searched: Vec<(usize, SearchedRange)>,
    /// Where the parameters that are not searched are held.
    held: Vec<f64>,
    /// When each searched parameter is active.
    activations: Vec<Option<Activation>>,
}

/// When a parameter of a restricted problem is active.
enum Activity {
    Never,
    Always,
    When(Activation),
}

impl RestrictedProblem {
    /// Some of the parameters, over some of their ranges; `None` where none is left.
    fn draw(problem: &Problem, rng: &mut SeededRng) -> Option<Self> {
        let parameters = problem.space.parameters();
        let held = (0..parameters.len()).map(|_| rng.random()).collect();
        let (searched, activations) = (Vec::new(), Vec::new());
        let mut drawn = Self { problem: problem.clone(), searched, held, activations };
        for (index, parameter) in parameters.iter().enumerate() {
            if rng.random_bool(HELD) || drawn.searched.len() == MAX_DIMENSIONS {
                continue;
            }
            let activation = match drawn.activity(parameter) {
                Activity::Never => continue,
                Activity::Always => None,
                Activity::When(activation) => Some(activation),
            };
            drawn.searched.push((index, SearchedRange::draw(parameter.domain(), rng)));
            drawn.activations.push(activation);
        }
        (!drawn.searched.is_empty()).then_some(drawn)
    }

    /// When a parameter is active, given what is searched and held of those before it.
    fn activity(&self, parameter: &Parameter) -> Activity {
        let Some(condition) = parameter.condition() else { return Activity::Always };
        let space = &self.problem.space;
        let parent = space.index_of(&condition.parent).expect("the space was checked");
        let parameters = space.parameters();
        let activates =
            |choice: u64| condition.values.contains(&parameters[parent].to_choice(choice as f64));
        let place = self.searched.iter().position(|(index, _)| *index == parent);
        let Some((place, SearchedRange::Choices(choices))) =
            place.map(|place| (place, &self.searched[place].1))
        else {
            // A held parent decides once and for all.
            let choice = parameters[parent].domain().from_unit(self.held[parent]) as u64;
            return if activates(choice) { Activity::Always } else { Activity::Never };
        };
        let bits = choices.iter().enumerate();
        let values = bits.map(|(bit, choice)| u64::from(activates(*choice)) << bit).sum();
        match values {
            0 => Activity::Never,
            all if all == (1 << choices.len()) - 1 => Activity::Always,
            values => Activity::When(Activation { parent: place, values }),
        }
    }

    fn structure(&self) -> Structure {
        let kinds = self.searched.iter().map(|(_, range)| range.kind()).collect();
        Structure { activations: self.activations.clone(), ..Structure::plain(kinds) }
    }

    /// The problem's configuration at a point of the searched cube.
    fn configuration(&self, unit: &[f64]) -> Configuration {
        let space = &self.problem.space;
        let mut whole = self.held.clone();
        for ((index, range), place) in self.searched.iter().zip(unit) {
            whole[*index] = range.coordinate(space.parameters()[*index].domain(), *place);
        }
        space.from_unit(&whole)
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

    use optiformer::space::Space;

    use super::*;

    /// A sum in which every parameter counts, `x` thrice while `kind` is "b"; fails where `levels`
    /// is 9.
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
            let sum =
                value(0)? + 0.1 * value(1)? + value(2)?.ln() + value(3).map_or(0.0, |x| 3.0 * x);
            (value(1)? < 9.0).then_some(sum)
        };
        let name = String::from("sum");
        Problem { name, space, objective: Arc::new(objective), optimum: None }
    }

    fn function_of(restricted: &RestrictedProblem, rng: &mut SeededRng) -> Function {
        let landscape = Box::new(restricted.clone());
        let family = FunctionFamily::Network;
        Function::over(restricted.structure(), family, landscape, rng).with_even_choices()
    }

    /// Values of the function are values of the problem, at a legal configuration that has the
    /// activity the structure says; where the problem fails, so does the function.
    #[test]
    fn functions_are_the_problem_over_a_part_of_its_space() {
        let problem = problem();
        let mut rng = SeededRng::seed_from_u64(3);
        let (mut conditional, mut partial, mut failed) = (0, 0, 0);
        for _ in 0..200 {
            let Some(restricted) = RestrictedProblem::draw(&problem, &mut rng) else { continue };
            let function = function_of(&restricted, &mut rng);
            let kinds = &function.structure.kinds;
            conditional += usize::from(function.structure.is_conditional());
            partial += usize::from(kinds.len() < 4);
            for _ in 0..20 {
                let values = function.uniform(&mut rng);
                let active = function.structure.active(&values);
                let place = |(value, kind): (&f64, &ParameterKind)| match kind {
                    ParameterKind::Categorical(count) => (value + 0.5) / f64::from(*count),
                    kind => kind.place(*value),
                };
                let unit: Vec<f64> = values.iter().zip(kinds).map(place).collect();
                let configuration = restricted.configuration(&unit);
                problem.space.validate(&configuration).unwrap();
                for ((index, _), active) in restricted.searched.iter().zip(active) {
                    assert_eq!(configuration.get(*index).is_some(), active);
                }
                let (found, expected) =
                    (function.evaluate(&values), (problem.objective)(&configuration));
                failed += usize::from(expected.is_none());
                assert_eq!(found.is_some(), expected.is_some());
                assert!((found.unwrap_or(0.0) - expected.unwrap_or(0.0)).abs() < 1e-9);
            }
        }
        assert!(
            conditional > 20 && partial > 60 && failed > 100,
            "{conditional} {partial} {failed}"
        );
    }

    #[test]
    fn ranges_begin_and_end_on_their_first_and_last_values() {
        let space = problem().space;
        let domain = |index: usize| space.parameters()[index].domain();
        let value = |range: &SearchedRange, index: usize, place| {
            domain(index).from_unit(range.coordinate(domain(index), place))
        };
        let levels = SearchedRange::Levels { first: 2, count: 4 };
        assert_eq!([0.0, 0.4, 1.0].map(|place| value(&levels, 1, place)), [4.0, 5.0, 7.0]);
        let choices = SearchedRange::Choices(vec![2, 0]);
        assert_eq!([0.25, 0.75, 1.0].map(|place| value(&choices, 0, place)), [2.0, 0.0, 0.0]);
        let half = SearchedRange::Unit { low: 0.5, high: 1.0 };
        assert!((value(&half, 2, 0.0) - 1e-2).abs() < 1e-9 && value(&half, 2, 1.0) == 1.0);
        let mut rng = SeededRng::seed_from_u64(1);
        let (mut cut, mut shuffled) = (0, 0);
        for _ in 0..200 {
            match SearchedRange::draw(domain(1), &mut rng) {
                SearchedRange::Levels { first, count } => {
                    assert!(count >= 3 && first + u64::from(count) <= 8);
                    cut += usize::from(count < 8);
                }
                other => panic!("{other:?}"),
            }
            let SearchedRange::Choices(choices) = SearchedRange::draw(domain(0), &mut rng) else {
                panic!("a categorical has choices")
            };
            shuffled += usize::from(choices.len() == 2);
        }
        assert!(cut > 30 && shuffled > 30, "{cut} {shuffled}");
    }

    #[test]
    fn a_bank_depends_on_its_seed_and_has_an_optimum_for_each_function() {
        let drawn = |seed, interrupted: bool| {
            let interrupted = AtomicBool::new(interrupted);
            FunctionBank::of_problems(&[problem()], 12, seed, &interrupted, || ()).unwrap()
        };
        let bank = |seed| drawn(seed, false).unwrap();
        assert!(drawn(1, true).is_none());
        let (one, other) = (bank(1), bank(1));
        assert_eq!(one.digest(), other.digest());
        assert_ne!(one.digest(), bank(2).digest());
        assert!((1..=12).contains(&one.len()));
        let mut rng = SeededRng::seed_from_u64(5);
        for _ in 0..50 {
            let (function, optimum) = one.draw(&mut rng);
            let values = function.uniform(&mut rng);
            assert!(function.evaluate(&values).is_none_or(|loss| loss >= optimum.loss - 1e-6));
        }
    }

    #[test]
    fn what_gives_no_functions_is_refused() {
        let error = |problems: &[Problem]| {
            let never = AtomicBool::new(false);
            let bank = FunctionBank::of_problems(problems, 4, 1, &never, || ());
            bank.err().unwrap().to_string()
        };
        assert!(error(&[]).contains("no real problem"));
        let with = |parameters| Problem { space: Space::new(parameters).unwrap(), ..problem() };
        let flat = Problem { objective: Arc::new(|_| Some(1.0)), ..problem() };
        assert!(error(&[flat]).contains("no real problem"));
        let many = with(vec![Parameter::categorical("many", (0..64).map(f64::from))]);
        let text = error(&[many]);
        assert!(text.contains("\"sum\", parameter \"many\": more than 63"), "{text}");
        let on_int = Parameter::float("x", 0.0, 1.0).when("n", [2.0]);
        let text = error(&[with(vec![Parameter::int("n", 1, 3), on_int])]);
        assert!(text.contains("parameter \"x\": its condition"), "{text}");
    }
}

//! Where a function is lowest, by search.
//!
//! From the best few of the surveyed points, a pattern search (Hooke and Jeeves, *"Direct Search"
//! Solution of Numerical and Statistical Problems*, 1961): steps along each axis, doubled where
//! they succeed and halved where they fail, and after each round a leap on along the way just made.
//! It needs no derivatives, keeps to legal values and meets bounds exactly.

use rand::RngExt;

use super::{Function, integrity::ProbeSet};
use crate::{problem::ParameterKind, random::SeededRng};

/// How many of the surveyed points are searched from.
const STARTS: usize = 5;
/// Evaluations per start, with up to [`FEW`] parameters; more in proportion beyond.
const BUDGET: usize = 200;
/// Evaluations of the last search, from the best point of all, likewise.
const FINAL_BUDGET: usize = 500;
/// Number of parameters up to which the budgets are enough.
const FEW: usize = 8;
/// Steps start at this share of an axis…
const FIRST_STEP: f64 = 0.1;
/// …and end below this one.
const LAST_STEP: f64 = 1e-5;

/// The best known point of a function.
#[derive(Clone, Debug, PartialEq)]
pub struct Optimum {
    /// One value per parameter, legal.
    pub values: Vec<f64>,
    /// The noiseless value there.
    pub loss: f64,
}

impl Optimum {
    /// Searches from what the landscape hints at and the best points of a survey that lie apart;
    /// `None` when it has no points.
    pub fn search(function: &Function, probes: &ProbeSet, rng: &mut SeededRng) -> Option<Self> {
        let mut starts: Vec<Self> = Vec::with_capacity(STARTS);
        for values in function.hints() {
            if let Some(loss) = function.evaluate(&values) {
                starts.push(Self { values, loss });
            }
        }
        if let Some(switch) = function.structure.switch {
            // Whichever landscape is the lowest, the search has been there.
            let count = function.structure.kinds[switch].count().unwrap_or(0);
            for value in (0..count).map(f64::from) {
                let best = probes.points().iter().find(|(_, values)| values[switch] == value);
                let best = best.map(|(loss, values)| Self { values: values.clone(), loss: *loss });
                starts.extend(best);
            }
        }
        let most = starts.len().max(1) + STARTS - 1;
        for (loss, values) in probes.points() {
            // Two starts in the same valley would end in the same place.
            let apart = starts.iter().all(|start| distance(function, &start.values, values) > 0.15);
            if apart {
                starts.push(Self { values: values.clone(), loss: *loss });
                if starts.len() == most {
                    break;
                }
            }
        }
        for start in &mut starts {
            start.descend(function, FIRST_STEP, budget(function, BUDGET), rng);
        }
        let mut best = starts.into_iter().min_by(|one, other| one.loss.total_cmp(&other.loss))?;
        best.descend(function, 0.02, budget(function, FINAL_BUDGET), rng);
        Some(best)
    }

    /// Takes over a better point, if this is one, and searches on from there. A crashed point is
    /// none.
    pub fn improve(&mut self, function: &Function, values: &[f64], rng: &mut SeededRng) {
        if let Some(loss) = function.evaluate(values)
            && loss < self.loss
        {
            *self = Self { values: values.to_vec(), loss };
            self.descend(function, 0.02, budget(function, FINAL_BUDGET), rng);
        }
    }

    /// A pattern search of at most `budget` evaluations, whose steps begin at a share `first` of
    /// each axis. The loss afterwards is at most the loss before.
    fn descend(&mut self, function: &Function, first: f64, budget: usize, rng: &mut SeededRng) {
        let dimensions = function.structure.kinds.len();
        let candidate = self.values.clone();
        let steps = vec![first; dimensions];
        let search = PatternSearch { function, best: self, steps, candidate, budget };
        // Out of evaluations or out of steps: either way the best point is kept.
        let _ = search.run(rng);
    }
}

/// A pattern search (Hooke and Jeeves 1961) in progress.
struct PatternSearch<'a> {
    function: &'a Function,
    best: &'a mut Optimum,
    /// The step along each axis, as a share of the axis.
    steps: Vec<f64>,
    /// The values that are evaluated next.
    candidate: Vec<f64>,
    /// Evaluations left.
    budget: usize,
}

/// The budget of evaluations is spent.
struct Exhausted;

impl PatternSearch<'_> {
    fn run(mut self, rng: &mut SeededRng) -> Result<(), Exhausted> {
        loop {
            let before = self.best.values.clone();
            let finest = self.poll(rng)?;
            if before != self.best.values {
                self.leap(&before, rng)?;
            } else if finest {
                return Ok(());
            }
        }
    }

    /// Tries a step along each axis; steps grow where it helps and shrink where it does not.
    /// Returns whether all of them are below [`LAST_STEP`].
    fn poll(&mut self, rng: &mut SeededRng) -> Result<bool, Exhausted> {
        let mut finest = true;
        for index in 0..self.steps.len() {
            let improved = self.poll_axis(index, rng)?;
            let step = &mut self.steps[index];
            *step = if improved { (2.0 * *step).min(0.3) } else { 0.5 * *step };
            finest &= *step < LAST_STEP;
        }
        Ok(finest)
    }

    /// Tries both directions of an axis, or two random choices; returns whether one is better.
    fn poll_axis(&mut self, index: usize, rng: &mut SeededRng) -> Result<bool, Exhausted> {
        let kind = self.function.structure.kinds[index];
        let sign = if rng.random_bool(0.5) { 1.0 } else { -1.0 };
        for direction in [sign, -sign] {
            self.candidate.copy_from_slice(&self.best.values);
            let from = self.candidate[index];
            self.candidate[index] = if kind.is_categorical() {
                self.function.uniform_value(index, rng)
            } else {
                kind.moved(from, direction * self.steps[index])
            };
            if self.candidate[index] == from {
                continue;
            }
            self.function.resample_activated(&self.best.values, &mut self.candidate, rng);
            if self.consider()? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Tries the last round's way once more, where the values are ordered.
    fn leap(&mut self, before: &[f64], rng: &mut SeededRng) -> Result<(), Exhausted> {
        for (index, kind) in self.function.structure.kinds.iter().enumerate() {
            let (from, to) = (before[index], self.best.values[index]);
            self.candidate[index] = match kind.count() {
                None => (2.0 * to - from).clamp(0.0, 1.0),
                Some(_) if kind.is_categorical() => to,
                Some(levels) => (2.0 * to - from).clamp(0.0, f64::from(levels) - 1.0),
            };
        }
        self.function.resample_activated(&self.best.values, &mut self.candidate, rng);
        if self.candidate != self.best.values {
            self.consider()?;
        }
        Ok(())
    }

    /// Evaluates the candidate and keeps it where it is better; returns whether it is.
    fn consider(&mut self) -> Result<bool, Exhausted> {
        self.budget = self.budget.checked_sub(1).ok_or(Exhausted)?;
        let better = self.function.evaluate(&self.candidate).filter(|loss| *loss < self.best.loss);
        if let Some(loss) = better {
            self.best.loss = loss;
            self.best.values.copy_from_slice(&self.candidate);
        }
        Ok(better.is_some())
    }
}

/// A budget of evaluations as this function's number of parameters asks for.
fn budget(function: &Function, budget: usize) -> usize {
    budget * function.structure.kinds.len().max(FEW) / FEW
}

/// The largest difference along an axis, in shares of the axis; 1 between choices.
fn distance(function: &Function, one: &[f64], other: &[f64]) -> f64 {
    function
        .structure
        .kinds
        .iter()
        .zip(one.iter().zip(other))
        .map(|(kind, (one, other))| match kind {
            ParameterKind::Categorical(_) => f64::from(u8::from(one != other)),
            kind => (kind.place(*one) - kind.place(*other)).abs(),
        })
        .fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::{
        super::{Landscape, structure::Structure, trend::Trend},
        *,
    };
    use crate::{
        generators::{FunctionOptions, SampledFunction},
        problem::FunctionFamily,
        random,
    };

    #[test]
    fn the_bottom_of_a_rotated_bowl_is_found() {
        let mut rng = SeededRng::seed_from_u64(3);
        for dimensions in [1, 2, 4] {
            for _ in 0..10 {
                let all: Vec<usize> = (0..dimensions).collect();
                let bowl = Box::new(Trend::bowl(dimensions, &all, &mut rng));
                let kinds = vec![ParameterKind::Continuous; dimensions];
                let function = Function::over(
                    Structure::plain(kinds),
                    FunctionFamily::GpPrior,
                    bowl.clone(),
                    &mut rng,
                );
                let probes = ProbeSet::of(&function, &mut rng);
                let optimum = Optimum::search(&function, &probes, &mut rng).unwrap();
                // The bottom by a search a hundred times as long.
                let mut lowest = bowl.evaluate(&optimum.values);
                assert_eq!(lowest, optimum.loss);
                let mut at = optimum.values.clone();
                for step in 0..100_000 {
                    let scale = 10f64.powf(-1.0 - 4.0 * f64::from(step) / 1e5);
                    let next: Vec<f64> = at
                        .iter()
                        .map(|x| (x + scale * random::normal(&mut rng)).clamp(0.0, 1.0))
                        .collect();
                    let value = bowl.evaluate(&next);
                    if value < lowest {
                        (lowest, at) = (value, next);
                    }
                }
                let regret = (optimum.loss - lowest) / probes.spread();
                assert!(regret < 0.05, "{} {dimensions}: {regret}", bowl.description());
            }
        }
    }

    #[test]
    fn the_optimum_is_legal_and_not_above_anything_surveyed() {
        for index in 0..80 {
            let SampledFunction { function, probes, mut optimum, mut rng } =
                SampledFunction::draw(&FunctionOptions::default(), 5, index);
            function.space.validate(&function.configuration(&optimum.values)).unwrap();
            assert_eq!(function.evaluate(&optimum.values), Some(optimum.loss));
            assert!(probes.points().iter().all(|(loss, _)| optimum.loss <= *loss));
            for _ in 0..100 {
                let values = function.near(&optimum.values, 0.1, &mut rng);
                let before = optimum.loss;
                optimum.improve(&function, &values, &mut rng);
                assert!(optimum.loss <= before);
                assert!(function.evaluate(&values).is_none_or(|loss| optimum.loss <= loss));
                function.space.validate(&function.configuration(&optimum.values)).unwrap();
            }
        }
    }
}

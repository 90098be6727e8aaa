//! Where a function is lowest, by search.
//!
//! From the best few of the surveyed points, a pattern search (Hooke and Jeeves, *"Direct Search"
//! Solution of Numerical and Statistical Problems*, 1961): steps along each axis, doubled where
//! they succeed and halved where they fail, and after each round a leap on along the way just made.
//! It needs no derivatives, keeps to legal values and meets bounds exactly.

use rand::RngExt;

use super::{function::Function, integrity::Survey, random::Generator};
use crate::dataset::kind::Kind;

/// How many of the surveyed points are searched from.
const STARTS: usize = 5;
/// Evaluations per start, with up to [`FEW`] parameters; more in proportion beyond.
const BUDGET: usize = 200;
/// Evaluations of the last search, from the best point of all, likewise.
const FINAL_BUDGET: usize = 500;
/// For so many parameters the budgets are enough.
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
    pub fn search(function: &Function, survey: &Survey, generator: &mut Generator) -> Option<Self> {
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
                let best = survey.points().iter().find(|(_, values)| values[switch] == value);
                let best = best.map(|(loss, values)| Self { values: values.clone(), loss: *loss });
                starts.extend(best);
            }
        }
        let most = starts.len().max(1) + STARTS - 1;
        for (loss, values) in survey.points() {
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
            start.descend(function, FIRST_STEP, budget(function, BUDGET), generator);
        }
        let mut best = starts.into_iter().min_by(|one, other| one.loss.total_cmp(&other.loss))?;
        best.descend(function, 0.02, budget(function, FINAL_BUDGET), generator);
        Some(best)
    }

    /// Takes over a better point, if this is one, and searches on from there. A crashed point is
    /// none.
    pub fn improve(&mut self, function: &Function, values: &[f64], generator: &mut Generator) {
        if let Some(loss) = function.evaluate(values)
            && loss < self.loss
        {
            *self = Self { values: values.to_vec(), loss };
            self.descend(function, 0.02, budget(function, FINAL_BUDGET), generator);
        }
    }

    /// Pattern search with at most so many evaluations; never ends higher than it began.
    fn descend(
        &mut self,
        function: &Function,
        first: f64,
        budget: usize,
        generator: &mut Generator,
    ) {
        let dimensions = function.structure.kinds.len();
        let mut steps = vec![first; dimensions];
        let mut left = budget;
        let mut consider = |values: &[f64], best: &mut Self| {
            if left == 0 {
                return None;
            }
            left -= 1;
            let better = function.evaluate(values).filter(|loss| *loss < best.loss);
            if let Some(loss) = better {
                best.loss = loss;
                best.values.copy_from_slice(values);
            }
            Some(better.is_some())
        };
        let mut candidate = self.values.clone();
        loop {
            let before = self.values.clone();
            let mut finest = true;
            for index in 0..dimensions {
                let mut improved = false;
                let sign = if generator.random_bool(0.5) { 1.0 } else { -1.0 };
                for turn in [sign, -sign] {
                    candidate.copy_from_slice(&self.values);
                    let kind = function.structure.kinds[index];
                    candidate[index] = if kind.is_categorical() {
                        function.uniform_value(index, generator)
                    } else {
                        kind.moved(candidate[index], turn * steps[index])
                    };
                    if candidate[index] == self.values[index] {
                        continue;
                    }
                    function.wake(&self.values, &mut candidate, generator);
                    match consider(&candidate, self) {
                        None => return,
                        Some(true) => {
                            improved = true;
                            break;
                        }
                        Some(false) => {}
                    }
                }
                steps[index] =
                    if improved { (2.0 * steps[index]).min(0.3) } else { 0.5 * steps[index] };
                finest &= steps[index] < LAST_STEP;
            }
            if before != self.values {
                // On along the way just made, where the values are ordered.
                for (index, kind) in function.structure.kinds.iter().enumerate() {
                    let (from, to) = (before[index], self.values[index]);
                    candidate[index] = match kind.count() {
                        None => (2.0 * to - from).clamp(0.0, 1.0),
                        Some(_) if kind.is_categorical() => to,
                        Some(levels) => (2.0 * to - from).clamp(0.0, f64::from(levels) - 1.0),
                    };
                }
                function.wake(&self.values, &mut candidate, generator);
                if candidate != self.values && consider(&candidate, self).is_none() {
                    return;
                }
            } else if finest {
                return;
            }
        }
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
            Kind::Categorical(_) => f64::from(u8::from(one != other)),
            kind => (kind.place(*one) - kind.place(*other)).abs(),
        })
        .fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::{
        super::{
            Family, Landscape,
            function::{Drawn, FunctionOptions},
            random,
            structure::Structure,
            trend::Trend,
        },
        *,
    };

    #[test]
    fn the_bottom_of_a_rotated_bowl_is_found() {
        let mut generator = Generator::seed_from_u64(3);
        for dimensions in [1, 2, 4] {
            for _ in 0..10 {
                let all: Vec<usize> = (0..dimensions).collect();
                let bowl = Box::new(Trend::bowl(dimensions, &all, &mut generator));
                let kinds = vec![Kind::Continuous; dimensions];
                let function = Function::over(
                    Structure::plain(kinds),
                    Family::GpPrior,
                    bowl.clone(),
                    &mut generator,
                );
                let survey = Survey::of(&function, &mut generator);
                let optimum = Optimum::search(&function, &survey, &mut generator).unwrap();
                // The bottom by a search a hundred times as long.
                let mut lowest = bowl.evaluate(&optimum.values);
                assert_eq!(lowest, optimum.loss);
                let mut at = optimum.values.clone();
                for step in 0..100_000 {
                    let scale = 10f64.powf(-1.0 - 4.0 * f64::from(step) / 1e5);
                    let next: Vec<f64> = at
                        .iter()
                        .map(|x| (x + scale * random::normal(&mut generator)).clamp(0.0, 1.0))
                        .collect();
                    let value = bowl.evaluate(&next);
                    if value < lowest {
                        (lowest, at) = (value, next);
                    }
                }
                let regret = (optimum.loss - lowest) / survey.spread();
                assert!(regret < 0.05, "{} {dimensions}: {regret}", bowl.description());
            }
        }
    }

    #[test]
    fn the_optimum_is_legal_and_not_above_anything_surveyed() {
        for index in 0..80 {
            let Drawn { function, survey, mut optimum, mut generator } =
                Function::draw(&FunctionOptions::default(), 5, index);
            function.space.validate(&function.configuration(&optimum.values)).unwrap();
            assert_eq!(function.evaluate(&optimum.values), Some(optimum.loss));
            assert!(survey.points().iter().all(|(loss, _)| optimum.loss <= *loss));
            for _ in 0..100 {
                let values = function.near(&optimum.values, 0.1, &mut generator);
                let before = optimum.loss;
                optimum.improve(&function, &values, &mut generator);
                assert!(optimum.loss <= before);
                assert!(function.evaluate(&values).is_none_or(|loss| optimum.loss <= loss));
                function.space.validate(&function.configuration(&optimum.values)).unwrap();
            }
        }
    }
}

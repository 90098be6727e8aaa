//! Which kinds of parameters a function has, and which of them are active when.

use rand::RngExt;

use super::{FunctionOptions, MAX_DIMENSIONS};
use crate::{
    problem::{Activation, ParameterKind, active},
    random::{self, SeededRng, log_uniform},
};

/// How often a function has 1, 2, … 20 parameters: mostly two to eight.
const DIMENSIONS: [f64; MAX_DIMENSIONS] = [
    6.0, 15.0, 15.0, 14.0, 12.0, 10.0, 8.0, 7.0, 2.4, 2.0, 1.6, 1.4, 1.0, 0.9, 0.8, 0.7, 0.6, 0.6,
    0.5, 0.5,
];
/// How often a parameter of a mixed function is continuous, an int, a log int, a float with a step,
/// or categorical. With the functions that are all continuous, more than half of all parameters
/// are.
const KINDS: [f64; 5] = [0.39, 0.2, 0.08, 0.1, 0.23];
/// Nobody needs an optimizer for fewer configurations, and functions of a handful of values are
/// soon all alike.
const FEWEST: u64 = 12;
/// How often a parameter behind the first switch is a switch itself.
const NESTED: f64 = 0.12;

/// Parameters, their conditions, and the switch if there is one.
#[derive(Clone, Debug, PartialEq)]
pub struct Structure {
    /// The kind of each parameter.
    pub kinds: Vec<ParameterKind>,
    /// When each parameter is active; `None` for always.
    pub activations: Vec<Option<Activation>>,
    /// The parameter whose value decides which landscape there is: "which model".
    pub switch: Option<usize>,
}

impl Structure {
    /// Parameters of these kinds, all of them always active.
    pub fn plain(kinds: Vec<ParameterKind>) -> Self {
        let activations = vec![None; kinds.len()];
        Self { kinds, activations, switch: None }
    }

    /// A random structure of `FEWEST` configurations at least.
    pub fn draw(options: &FunctionOptions, rng: &mut SeededRng) -> Self {
        loop {
            let structure = Self::draw_any(options, rng);
            let count = |kind: &ParameterKind| kind.count().map_or(FEWEST, u64::from);
            let configurations = structure.kinds.iter().map(count).fold(1, u64::saturating_mul);
            if configurations >= FEWEST {
                return structure;
            }
        }
    }

    fn draw_any(options: &FunctionOptions, rng: &mut SeededRng) -> Self {
        let most = options.max_dimensions.clamp(1, MAX_DIMENSIONS);
        let dimensions = 1 + random::weighted(&DIMENSIONS[..most], rng);
        let continuous = rng.random_bool(options.continuous);
        let kinds = (0..dimensions).map(|_| match continuous {
            true => ParameterKind::Continuous,
            false => kind(rng),
        });
        let mut structure = Self::plain(kinds.collect());
        if continuous || dimensions < 2 {
            return structure;
        }
        if rng.random_bool(options.conditional) {
            structure.condition(rng);
        } else if rng.random_bool(options.switched) {
            let at = rng.random_range(0..dimensions);
            structure.kinds[at] = ParameterKind::Categorical(rng.random_range(2..=6));
            structure.switch = Some(at);
        }
        structure
    }

    /// Makes one of the parameters but the last a switch, and some of those after it depend on its
    /// value.
    fn condition(&mut self, rng: &mut SeededRng) {
        let dimensions = self.kinds.len();
        // The sooner the switch comes, the more can depend on it.
        let at = (rng.random::<f64>().powi(2) * (dimensions - 1) as f64) as usize;
        // "How many layers" switches parameters on one after the other, "which model" each its own.
        let counting = rng.random_bool(0.25);
        self.kinds[at] = if counting {
            ParameterKind::Levels(rng.random_range(2..=6))
        } else {
            ParameterKind::Categorical(rng.random_range(2..=6))
        };
        // The landscape changes with the choice more often than not.
        self.switch = rng.random_bool(if counting { 0.3 } else { 0.75 }).then_some(at);
        let depending = rng.random_range(0.4..1.0);
        let mut parents = vec![at];
        // One at least depends on the switch.
        let certain = rng.random_range(at + 1..dimensions);
        for index in at + 1..dimensions {
            if index != certain && !rng.random_bool(depending) {
                continue;
            }
            let parent =
                if index == certain { at } else { parents[rng.random_range(0..parents.len())] };
            let values = some_values(self.kinds[parent], rng);
            self.activations[index] = Some(Activation { parent, values });
            if rng.random_bool(NESTED) {
                self.kinds[index] = ParameterKind::Categorical(rng.random_range(2..=4));
                parents.push(index);
            }
        }
    }

    /// Whether any parameter has a condition.
    pub fn is_conditional(&self) -> bool {
        self.activations.iter().any(Option::is_some)
    }

    /// Which parameters can be active when the switch has this value.
    pub fn reachable(&self, switch: usize, value: u16) -> Vec<usize> {
        (0..self.kinds.len())
            .filter(|index| {
                // Up the chain of parents; only the switch itself can forbid.
                let mut at = *index;
                while let Some(Activation { parent, values }) = self.activations[at] {
                    if parent == switch && values >> value & 1 == 0 {
                        return false;
                    }
                    at = parent;
                }
                true
            })
            .collect()
    }

    /// Which parameters are active at these values.
    pub fn active(&self, values: &[f64]) -> Vec<bool> {
        active(&self.activations, |index| values[index])
    }

    /// What an inactive parameter's value counts as: the middle of a continuum, the lowest level,
    /// the first choice.
    pub fn inactive_value(&self, index: usize) -> f64 {
        if self.kinds[index] == ParameterKind::Continuous { 0.5 } else { 0.0 }
    }
}

fn kind(rng: &mut SeededRng) -> ParameterKind {
    match random::weighted(&KINDS, rng) {
        0 => ParameterKind::Continuous,
        1 => ParameterKind::Levels(log_uniform(2.0, 101.0, rng) as u16),
        2 => ParameterKind::LogLevels(log_uniform(4.0, 1025.0, rng) as u16),
        3 => ParameterKind::Levels(rng.random_range(3..=21)),
        _ => ParameterKind::Categorical(rng.random_range(2..=12)),
    }
}

/// Some values of a parent, not all: from a count on for levels; one choice, or now and then any of
/// them.
fn some_values(parent: ParameterKind, rng: &mut SeededRng) -> u64 {
    let count = parent.count().unwrap_or(2);
    let all = (1u64 << count) - 1;
    match parent {
        ParameterKind::Levels(_) => all & !((1 << rng.random_range(1..count)) - 1),
        _ if rng.random_bool(0.7) => 1 << rng.random_range(0..count),
        _ => rng.random_range(1..all),
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;
    use crate::problem::space;

    #[test]
    fn structures_are_legal_and_as_frequent_as_asked() {
        let mut rng = SeededRng::seed_from_u64(2);
        let options =
            FunctionOptions { continuous: 0.0, conditional: 0.5, ..FunctionOptions::default() };
        let (mut conditional, mut nested, mut counting, mut large) = (0, 0, 0, 0);
        for _ in 0..1000 {
            let structure = Structure::draw(&options, &mut rng);
            let space = space(&structure.kinds, &structure.activations);
            assert_eq!(space.is_conditional(), structure.is_conditional());
            large += usize::from(structure.kinds.len() > 8);
            conditional += usize::from(structure.is_conditional());
            for activation in structure.activations.iter().flatten() {
                let parent = structure.kinds[activation.parent];
                assert!(parent.can_be_parent());
                // Neither never nor always.
                let count = u32::from(parent.count().unwrap());
                assert!((1..count).contains(&activation.values.count_ones()));
                assert!(activation.values >> count == 0);
                nested += usize::from(structure.activations[activation.parent].is_some());
                counting += usize::from(matches!(parent, ParameterKind::Levels(_)));
            }
        }
        // 94 % of the structures have two parameters or more.
        assert!((420..520).contains(&conditional), "{conditional}");
        assert!(nested > 20 && counting > 50, "{nested} {counting}");
        assert!((70..190).contains(&large), "{large}");
    }

    #[test]
    fn what_a_choice_forbids_cannot_be_reached() {
        let structure = Structure {
            kinds: vec![
                ParameterKind::Categorical(2),
                ParameterKind::Categorical(2),
                ParameterKind::Continuous,
            ],
            activations: vec![
                None,
                Some(Activation { parent: 0, values: 0b10 }),
                Some(Activation { parent: 1, values: 0b01 }),
            ],
            switch: Some(0),
        };
        assert_eq!(structure.reachable(0, 0), [0]);
        assert_eq!(structure.reachable(0, 1), [0, 1, 2]);
        assert_eq!(structure.active(&[1.0, 1.0, 0.3]), [true, true, false]);
    }
}

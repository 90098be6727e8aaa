//! Which kinds of parameters a function has, and which of them are active when.

use rand::RngExt;

use super::{
    function::{FunctionOptions, MOST_DIMENSIONS},
    random::{self, Generator, log_uniform},
};
use crate::dataset::kind::{Activation, Kind, active};

/// How often a function has 1, 2, … 20 parameters: mostly two to eight.
const DIMENSIONS: [f64; MOST_DIMENSIONS] = [
    6.0, 15.0, 15.0, 14.0, 12.0, 10.0, 8.0, 7.0, 2.4, 2.0, 1.6, 1.4, 1.0, 0.9, 0.8, 0.7, 0.6, 0.6,
    0.5, 0.5,
];
/// How often a parameter of a mixed function is continuous, an int, a log int, a float with a step,
/// or categorical. With the functions that are all continuous, more than half of all parameters
/// are.
const KINDS: [f64; 5] = [0.39, 0.2, 0.08, 0.1, 0.23];
/// Nobody needs an optimiser for fewer configurations, and functions of a handful of values are
/// soon all alike.
const FEWEST: u64 = 12;
/// How often a parameter behind the first switch is a switch itself.
const NESTED: f64 = 0.12;

/// Parameters, their conditions, and the switch if there is one.
#[derive(Clone, Debug, PartialEq)]
pub struct Structure {
    /// The kind of each parameter.
    pub kinds: Vec<Kind>,
    /// When each parameter is active; `None` for always.
    pub activations: Vec<Option<Activation>>,
    /// The parameter whose value decides which landscape there is: "which model".
    pub switch: Option<usize>,
}

impl Structure {
    /// Parameters of these kinds, all of them always active.
    pub fn plain(kinds: Vec<Kind>) -> Self {
        let activations = vec![None; kinds.len()];
        Self { kinds, activations, switch: None }
    }

    /// A random structure of `FEWEST` configurations at least.
    pub fn draw(options: &FunctionOptions, generator: &mut Generator) -> Self {
        loop {
            let structure = Self::draw_any(options, generator);
            let count = |kind: &Kind| kind.count().map_or(FEWEST, u64::from);
            let configurations = structure.kinds.iter().map(count).fold(1, u64::saturating_mul);
            if configurations >= FEWEST {
                return structure;
            }
        }
    }

    fn draw_any(options: &FunctionOptions, generator: &mut Generator) -> Self {
        let most = options.most_dimensions.clamp(1, MOST_DIMENSIONS);
        let dimensions = 1 + random::weighted(&DIMENSIONS[..most], generator);
        let continuous = generator.random_bool(options.continuous);
        let kinds = (0..dimensions).map(|_| match continuous {
            true => Kind::Continuous,
            false => kind(generator),
        });
        let mut structure = Self::plain(kinds.collect());
        if continuous || dimensions < 2 {
            return structure;
        }
        if generator.random_bool(options.conditional) {
            structure.condition(generator);
        } else if generator.random_bool(options.switched) {
            let at = generator.random_range(0..dimensions);
            structure.kinds[at] = Kind::Categorical(generator.random_range(2..=6));
            structure.switch = Some(at);
        }
        structure
    }

    /// Makes one of the parameters but the last a switch, and some of those after it depend on its
    /// value.
    fn condition(&mut self, generator: &mut Generator) {
        let dimensions = self.kinds.len();
        // The sooner the switch comes, the more can depend on it.
        let at = (generator.random::<f64>().powi(2) * (dimensions - 1) as f64) as usize;
        // "How many layers" switches parameters on one after the other, "which model" each its own.
        let counting = generator.random_bool(0.25);
        self.kinds[at] = if counting {
            Kind::Levels(generator.random_range(2..=6))
        } else {
            Kind::Categorical(generator.random_range(2..=6))
        };
        // The landscape changes with the choice more often than not.
        self.switch = generator.random_bool(if counting { 0.3 } else { 0.75 }).then_some(at);
        let depending = generator.random_range(0.4..1.0);
        let mut parents = vec![at];
        // One at least depends on the switch.
        let certain = generator.random_range(at + 1..dimensions);
        for index in at + 1..dimensions {
            if index != certain && !generator.random_bool(depending) {
                continue;
            }
            let parent = if index == certain {
                at
            } else {
                parents[generator.random_range(0..parents.len())]
            };
            let values = some_values(self.kinds[parent], generator);
            self.activations[index] = Some(Activation { parent, values });
            if generator.random_bool(NESTED) {
                self.kinds[index] = Kind::Categorical(generator.random_range(2..=4));
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
    pub fn resting(&self, index: usize) -> f64 {
        if self.kinds[index] == Kind::Continuous { 0.5 } else { 0.0 }
    }
}

fn kind(generator: &mut Generator) -> Kind {
    match random::weighted(&KINDS, generator) {
        0 => Kind::Continuous,
        1 => Kind::Levels(log_uniform(2.0, 101.0, generator) as u16),
        2 => Kind::LogLevels(log_uniform(4.0, 1025.0, generator) as u16),
        3 => Kind::Levels(generator.random_range(3..=21)),
        _ => Kind::Categorical(generator.random_range(2..=12)),
    }
}

/// Some values of a parent, not all: from a count on for levels; one choice, or now and then any of
/// them.
fn some_values(parent: Kind, generator: &mut Generator) -> u64 {
    let count = parent.count().unwrap_or(2);
    let all = (1u64 << count) - 1;
    match parent {
        Kind::Levels(_) => all & !((1 << generator.random_range(1..count)) - 1),
        _ if generator.random_bool(0.7) => 1 << generator.random_range(0..count),
        _ => generator.random_range(1..all),
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;
    use crate::dataset::kind::space;

    #[test]
    fn structures_are_legal_and_as_frequent_as_asked() {
        let mut generator = Generator::seed_from_u64(2);
        let options =
            FunctionOptions { continuous: 0.0, conditional: 0.5, ..FunctionOptions::default() };
        let (mut conditional, mut nested, mut counting, mut large) = (0, 0, 0, 0);
        for _ in 0..1000 {
            let structure = Structure::draw(&options, &mut generator);
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
                counting += usize::from(matches!(parent, Kind::Levels(_)));
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
            kinds: vec![Kind::Categorical(2), Kind::Categorical(2), Kind::Continuous],
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

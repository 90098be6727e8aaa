//! A landscape for each value of one parameter: "which model" decides what the others do.

use rand::RngExt;

use super::{
    Landscape,
    family::{draw_family, draw_landscape_among},
    structure::Structure,
};
use crate::{
    problem::FunctionFamily,
    random::{self, SeededRng, normal},
};

/// What there is at one value of the switch.
struct SwitchBranch {
    /// `None` where nothing but the switch matters.
    landscape: Option<Box<dyn Landscape>>,
    offset: f64,
}

/// Landscapes that one coordinate chooses between, perhaps on top of one that they share.
///
/// The coordinate's range is divided evenly among the parts.
pub struct Switched {
    dimensions: usize,
    switch: usize,
    parts: Vec<SwitchBranch>,
    /// The common landscape and its weight.
    shared: Option<(f64, Box<dyn Landscape>)>,
}

impl Switched {
    /// A landscape of the switch's parameters at each of its values; the first one's family is
    /// `family`, and `learners` says whether another's may be learners in closed form.
    ///
    /// # Panics
    ///
    /// When the structure's parameter `switch` is continuous.
    pub fn draw(
        structure: &Structure,
        switch: usize,
        family: FunctionFamily,
        learners: bool,
        rng: &mut SeededRng,
    ) -> Self {
        let dimensions = structure.kinds.len();
        let count = structure.kinds[switch].count().expect("a switch has values");
        let alike = rng.random_bool(0.6);
        // Some choices are hopeless, or it hardly matters which one it is.
        let apart = random::log_uniform(0.1, 2.0, rng);
        let parts = (0..count).map(|value| {
            let others: Vec<usize> = structure
                .reachable(switch, value)
                .into_iter()
                .filter(|index| *index != switch)
                .collect();
            let family = if alike || value == 0 { family } else { draw_family(learners, rng) };
            let landscape = (!others.is_empty())
                .then(|| draw_landscape_among(family, dimensions, &others, rng));
            SwitchBranch { landscape, offset: apart * normal(rng) }
        });
        let parts: Vec<SwitchBranch> = parts.collect();
        let always: Vec<usize> = (0..dimensions)
            .filter(|index| *index != switch && structure.activations[*index].is_none())
            .collect();
        let shared = (!always.is_empty() && rng.random_bool(0.4)).then(|| {
            let weight = rng.random_range(0.3..2.0);
            (weight, draw_landscape_among(family, dimensions, &always, rng))
        });
        Self { dimensions, switch, parts, shared }
    }

    fn part(&self, unit: &[f64]) -> &SwitchBranch {
        let place = (unit[self.switch] * self.parts.len() as f64) as usize;
        &self.parts[place.min(self.parts.len() - 1)]
    }
}

impl Landscape for Switched {
    fn dimensions(&self) -> usize {
        self.dimensions
    }

    fn evaluate(&self, unit: &[f64]) -> f64 {
        let part = self.part(unit);
        let own = part.landscape.as_ref().map_or(0.0, |landscape| landscape.evaluate(unit));
        let shared = self.shared.as_ref();
        part.offset + own + shared.map_or(0.0, |(weight, shared)| weight * shared.evaluate(unit))
    }

    fn hints(&self) -> Vec<Vec<f64>> {
        let mut hints = Vec::new();
        for (number, part) in self.parts.iter().enumerate() {
            for mut hint in part.landscape.iter().flat_map(|landscape| landscape.hints()) {
                hint[self.switch] = (number as f64 + 0.5) / self.parts.len() as f64;
                hints.push(hint);
            }
        }
        hints
    }

    fn description(&self) -> String {
        let parts = self.parts.iter().map(|part| match &part.landscape {
            Some(landscape) => landscape.description(),
            None => String::from("constant"),
        });
        let parts: Vec<String> = parts.collect();
        let shared = if self.shared.is_some() { " on a common one" } else { "" };
        format!("switch: {}{shared}", parts.join(" | "))
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;
    use crate::problem::{Activation, ParameterKind};

    /// A parameter that a choice leaves inactive changes nothing there, and something at another
    /// choice.
    #[test]
    fn a_part_looks_at_what_is_active_alone() {
        let mut rng = SeededRng::seed_from_u64(6);
        let structure = Structure {
            kinds: vec![
                ParameterKind::Categorical(2),
                ParameterKind::Continuous,
                ParameterKind::Continuous,
            ],
            activations: vec![
                None,
                Some(Activation { parent: 0, values: 0b01 }),
                Some(Activation { parent: 0, values: 0b10 }),
            ],
            switch: Some(0),
        };
        let mut changed = [false; 2];
        for _ in 0..40 {
            let switched =
                Switched::draw(&structure, 0, FunctionFamily::AdditiveHpo, true, &mut rng);
            for (choice, place) in [0.25, 0.75].into_iter().enumerate() {
                let (own, other) = (1 + choice, 2 - choice);
                let mut unit = [place, 0.3, 0.3];
                let before = switched.evaluate(&unit);
                unit[other] = 0.9;
                assert_eq!(switched.evaluate(&unit), before);
                unit[own] = 0.9;
                changed[choice] |= switched.evaluate(&unit) != before;
            }
        }
        assert_eq!(changed, [true; 2]);
    }
}

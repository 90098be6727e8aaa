//! The points of a grid by their numbers.

use alloc::{format, vec, vec::Vec};

use super::axis::Axis;
use crate::{
    Error, ErrorKind, Result,
    space::{Configuration, Space},
};

/// All legal combinations of the parameters' levels, numbered in lexicographic order (the last
/// parameter fastest) and never written down.
///
/// A point and its number are converted by mixed radix. Conditions make a forest of the parameters:
/// a level of a parent weighs as many combinations as its active children have, so that an inactive
/// parameter counts once.
#[derive(Clone, Debug)]
pub struct Lattice {
    space: Space,
    points: u64,
    parameters: Vec<Node>,
    total: u64,
}

/// A parameter with those that depend on it.
#[derive(Clone, Debug)]
struct Node {
    /// Number of combinations of this parameter, where active, and of all that depend on it.
    combinations: u64,
    /// The levels that activate children, ascending.
    branches: Vec<Branch>,
}

#[derive(Clone, Debug)]
struct Branch {
    level: u64,
    /// Number of combinations of the children that are active at this level.
    weight: u64,
    /// Number of combinations at the levels before.
    before: u64,
}

/// A level with its share of the combinations of a node.
struct Place {
    level: u64,
    before: u64,
    weight: u64,
}

impl Lattice {
    /// The grid with `points` levels in each dimension.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`] for more than 2⁶⁴ − 1 points.
    pub fn new(space: &Space, points: u64) -> Result<Self> {
        let size = space.len();
        let mut children = vec![Vec::new(); size];
        for (index, parameter) in space.parameters().iter().enumerate() {
            let condition = parameter.condition();
            if let Some(parent) = condition.and_then(|condition| space.index_of(&condition.parent))
            {
                children[parent].push(index);
            }
        }
        let too_many = || {
            let context = format!(
                "the grid with {points} points in each dimension has more than 2^64 - 1 points; \
                 take fewer points, or fix some parameters"
            );
            Error::new(ErrorKind::Unsupported, context)
        };
        let nothing = Node { combinations: 1, branches: Vec::new() };
        let mut parameters = vec![nothing; size];
        for index in (0..size).rev() {
            parameters[index] = Node::new(space, points, index, &children[index], &parameters)
                .ok_or_else(too_many)?;
        }
        let roots = space.parameters().iter().zip(&parameters);
        let mut roots = roots.filter(|(parameter, _)| parameter.condition().is_none());
        let total = roots.try_fold(1_u64, |total, (_, node)| total.checked_mul(node.combinations));
        let total = total.ok_or_else(too_many)?;
        Ok(Self { space: space.clone(), points, parameters, total })
    }

    /// The space.
    pub fn space(&self) -> &Space {
        &self.space
    }

    /// Number of points.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Point number `number`, below [`total`](Self::total).
    pub fn point(&self, number: u64) -> Configuration {
        let (mut rest, mut combinations) = (number, self.total);
        let mut values = Vec::with_capacity(self.space.len());
        for (index, node) in self.parameters.iter().enumerate() {
            if !self.space.is_active(index, &values) {
                values.push(None);
                continue;
            }
            let others = combinations / node.combinations;
            let place = node.locate(rest / others);
            rest -= place.before * others;
            combinations = others * place.weight;
            values.push(Some(self.axis(index).value(place.level)));
        }
        Configuration::new(values)
    }

    /// The number of a point; `None` for a configuration that lies between the points.
    pub fn number(&self, configuration: &Configuration) -> Option<u64> {
        let (mut number, mut combinations) = (0, self.total);
        for (index, node) in self.parameters.iter().enumerate() {
            let Some(value) = configuration.get(index) else { continue };
            let others = combinations / node.combinations;
            let place = node.place(self.axis(index).level_of(value)?);
            number += place.before * others;
            combinations = others * place.weight;
        }
        Some(number)
    }

    fn axis(&self, index: usize) -> Axis<'_> {
        Axis::new(self.space.parameters()[index].domain(), self.points)
    }
}

impl Node {
    /// The node of a parameter whose children have theirs; `None` if the combinations are too many.
    fn new(
        space: &Space,
        points: u64,
        index: usize,
        children: &[usize],
        nodes: &[Self],
    ) -> Option<Self> {
        let parameter = &space.parameters()[index];
        let axis = Axis::new(parameter.domain(), points);
        let mut weights: Vec<(u64, u64)> = Vec::new();
        for child in children {
            let mut levels = activating_levels(space, &axis, index, *child);
            levels.sort_unstable();
            levels.dedup();
            for level in levels {
                let combinations = nodes[*child].combinations;
                match weights.iter_mut().find(|(other, _)| *other == level) {
                    Some((_, weight)) => *weight = weight.checked_mul(combinations)?,
                    None => weights.push((level, combinations)),
                }
            }
        }
        weights.sort_unstable();
        let (mut branches, mut before, mut next) = (Vec::new(), 0_u64, 0);
        for (level, weight) in weights {
            before = before.checked_add(level - next)?;
            branches.push(Branch { level, weight, before });
            before = before.checked_add(weight)?;
            next = level + 1;
        }
        let combinations = before.checked_add(axis.count() - next)?;
        Some(Self { combinations, branches })
    }

    /// The level that has combination `number` of the node.
    fn locate(&self, number: u64) -> Place {
        let branch = self.branches.partition_point(|branch| branch.before <= number);
        match branch.checked_sub(1).map(|index| &self.branches[index]) {
            None => Place { level: number, before: number, weight: 1 },
            Some(Branch { level, weight, before }) if number - before < *weight => {
                Place { level: *level, before: *before, weight: *weight }
            }
            Some(Branch { level, weight, before }) => {
                let level = level + 1 + (number - before - weight);
                Place { level, before: number, weight: 1 }
            }
        }
    }

    /// A level with its share of the combinations.
    fn place(&self, level: u64) -> Place {
        let branch = self.branches.partition_point(|branch| branch.level <= level);
        match branch.checked_sub(1).map(|index| &self.branches[index]) {
            None => Place { level, before: level, weight: 1 },
            Some(branch) if branch.level == level => {
                Place { level, before: branch.before, weight: branch.weight }
            }
            Some(branch) => {
                let before = branch.before + branch.weight + (level - branch.level - 1);
                Place { level, before, weight: 1 }
            }
        }
    }
}

/// The levels of parameter `parent` that make `child` active.
fn activating_levels(space: &Space, axis: &Axis<'_>, parent: usize, child: usize) -> Vec<u64> {
    let parent = &space.parameters()[parent];
    let values = space.parameters()[child].condition().map_or(&[][..], |it| &it.values);
    let values = values.iter().filter_map(|choice| parent.from_choice(choice).ok());
    values.filter_map(|value| axis.level_of(value)).collect()
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::{samplers::tried_set::TriedSet, space::Parameter};

    fn conditional() -> Space {
        Space::new(vec![
            Parameter::categorical("model", ["tree", "net", "none"]),
            Parameter::int("depth", 1, 9).when("model", ["tree"]),
            Parameter::float("scale", 0.1, 2.0),
            Parameter::int("layers", 1, 3).when("model", ["net"]),
            Parameter::float("rate", 1e-4, 1.0).log().when("model", ["net", "none"]),
            Parameter::int("width 2", 4, 64).log().when("layers", [2.0, 3.0]),
            Parameter::categorical("last", ["a", "b"]),
            Parameter::int("width 3", 4, 64).log().when("layers", [3.0]),
        ])
        .unwrap()
    }

    /// The combinations of the levels, one parameter after the other: the plain twin.
    fn enumerate(space: &Space, points: u64, values: &mut Vec<Option<f64>>) -> Vec<Configuration> {
        let index = values.len();
        if index == space.len() {
            return vec![Configuration::new(values.clone())];
        }
        let axis = Axis::new(space.parameters()[index].domain(), points);
        let levels: Vec<Option<f64>> = match space.is_active(index, values) {
            true => (0..axis.count()).map(|level| Some(axis.value(level))).collect(),
            false => vec![None],
        };
        let mut all = Vec::new();
        for level in levels {
            values.push(level);
            all.extend(enumerate(space, points, values));
            values.pop();
        }
        all
    }

    #[test]
    fn points_are_those_of_nested_loops() {
        let plain = Space::new(vec![
            Parameter::float("x", 0.0, 1.0),
            Parameter::int("n", 1, 3),
            Parameter::categorical("k", ["a", "b"]),
        ])
        .unwrap();
        for space in [plain, conditional()] {
            for points in 1..=4 {
                let lattice = Lattice::new(&space, points).unwrap();
                let expected = enumerate(&space, points, &mut Vec::new());
                assert_eq!(lattice.total(), expected.len() as u64, "{points}");
                for (number, point) in expected.iter().enumerate() {
                    assert_eq!(&lattice.point(number as u64), point);
                    assert_eq!(lattice.number(point), Some(number as u64));
                    space.validate(point).unwrap();
                }
                let distinct: BTreeSet<_> = expected.iter().map(TriedSet::key).collect();
                assert_eq!(distinct.len(), expected.len());
            }
        }
    }

    #[test]
    fn a_parent_without_an_activating_level_has_no_children() {
        let space = Space::new(vec![
            Parameter::int("n", 1, 9),
            Parameter::float("x", 0.0, 1.0).when("n", [2.0]),
        ])
        .unwrap();
        let lattice = Lattice::new(&space, 3).unwrap();
        let points: Vec<_> = (0..lattice.total()).map(|number| lattice.point(number)).collect();
        assert_eq!(points, [1.0, 5.0, 9.0].map(|n| Configuration::new(vec![Some(n), None])));
        let between = Configuration::new(vec![Some(2.0), Some(0.5)]);
        assert_eq!(lattice.number(&between), None);
    }

    fn floats(count: usize) -> Space {
        let parameters = (0..count).map(|index| Parameter::float(format!("x{index}"), 0.0, 1.0));
        Space::new(parameters.collect()).unwrap()
    }

    #[test]
    fn too_many_points_are_refused() {
        assert_eq!(Lattice::new(&floats(40), 3).unwrap().total(), 3_u64.pow(40));
        for (dimensions, points) in [(41, 3), (64, 2), (2, u64::MAX), (1000, 1000)] {
            let error = Lattice::new(&floats(dimensions), points).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            assert!(error.context().contains("2^64"), "{error}");
        }
        assert_eq!(Lattice::new(&floats(1000), 1).unwrap().total(), 1);
    }

    proptest! {
        #[test]
        fn numbers_lead_back_in_huge_grids(dimensions in 1..7_usize, place in 0.0..1.0_f64) {
            for (dimensions, points) in [(dimensions, 1000), (18, 10), (9, 100)] {
                let lattice = Lattice::new(&floats(dimensions), points).unwrap();
                let number = ((lattice.total() as f64 * place) as u64).min(lattice.total() - 1);
                let point = lattice.point(number);
                prop_assert_eq!(lattice.number(&point), Some(number));
            }
        }
    }
}

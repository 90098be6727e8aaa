//! Random regression trees, forests and boosted stumps: piecewise constant, with plateaus and
//! jumps.
//!
//! Surrogates of real tuning problems are often forests fitted to a table of finished trials
//! (Eggensperger et al., *Efficient Benchmarking of Hyperparameter Optimizers via Surrogates*,
//! 2015). Here a tree either grows its values as a random walk from the root, so that neighboring
//! leaves are alike, or takes them from a smooth guide, as a fitted tree does.

use rand::RngExt;

use super::{Landscape, additive_hpo_surface::AdditiveHpoSurface, gp_prior::GpPrior};
use crate::random::{self, SeededRng, log_uniform, normal};

/// One tree: complete, all leaves at the same depth.
#[derive(Clone, Debug)]
struct Tree {
    /// Coordinate and threshold of each inner node; the children of node `i` are `2i + 1` (below)
    /// and `2i + 2`.
    splits: Vec<(usize, f64)>,
    /// From left to right.
    leaves: Vec<f64>,
}

/// How the trees of a forest come together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// A single deep one.
    Single,
    /// The mean of several deep ones.
    Bagged,
    /// The sum of many shallow ones, each worth less than the one before.
    Boosted,
}

/// A sum of random regression trees.
#[derive(Clone, Debug)]
pub struct Forest {
    dimensions: usize,
    relevant: Vec<usize>,
    trees: Vec<Tree>,
    form: Form,
    guided: bool,
    /// The middle of the lowest cell that was found.
    lowest: Vec<f64>,
}

/// A part of the cube: bounds of each coordinate.
type LeafBounds = Vec<(f64, f64)>;

/// How many uniform points the search for the lowest cell looks at first.
const PROBES: usize = 48;
/// How many intervals of an axis it looks at per round.
const INTERVALS: usize = 16;
/// Rounds over the axes.
const ROUNDS: usize = 3;

impl Forest {
    /// A random forest of the coordinates `relevant` (at least one).
    pub fn draw(dimensions: usize, relevant: &[usize], rng: &mut SeededRng) -> Self {
        let (form, count, depth) = match random::weighted(&[0.25, 0.45, 0.3], rng) {
            0 => (Form::Single, 1, rng.random_range(4..=7)),
            1 => (Form::Bagged, rng.random_range(4..=14), rng.random_range(3..=6)),
            _ => (Form::Boosted, rng.random_range(8..=40), rng.random_range(1..=2)),
        };
        let guide: Option<Box<dyn Landscape>> = match form {
            Form::Boosted => None,
            _ if rng.random_bool(0.4) => None,
            _ if rng.random_bool(0.5) => {
                let prior = GpPrior::draw(dimensions, relevant, rng);
                Some(Box::new(prior.sample(48, rng)))
            }
            _ => Some(Box::new(AdditiveHpoSurface::draw(dimensions, relevant, rng))),
        };
        let spread = rng.random_range(0.3..1.5);
        let importance: Vec<f64> = relevant.iter().map(|_| (spread * normal(rng)).exp()).collect();
        let decay = rng.random_range(0.9..1.0f64);
        let mut forest = Self {
            dimensions,
            relevant: relevant.to_vec(),
            trees: Vec::with_capacity(count),
            form,
            guided: guide.is_some(),
            lowest: Vec::new(),
        };
        for number in 0..count {
            let weight = match form {
                Form::Single => 1.0,
                Form::Bagged => 1.0 / count as f64,
                Form::Boosted => decay.powi(number as i32),
            };
            let tree = forest.grow(depth, weight, &importance, guide.as_deref(), rng);
            forest.trees.push(tree);
        }
        forest.lowest = forest.descend(rng);
        forest
    }

    /// A tree of this depth whose values are multiplied by `weight`.
    fn grow(
        &self,
        depth: u32,
        weight: f64,
        importance: &[f64],
        guide: Option<&dyn Landscape>,
        rng: &mut SeededRng,
    ) -> Tree {
        let inner = (1usize << depth) - 1;
        let mut splits = Vec::with_capacity(inner);
        let mut cells: Vec<LeafBounds> = vec![vec![(0.0, 1.0); self.dimensions]];
        // The value of each node, a random walk from the root.
        let mut walk = vec![0.0];
        let step_decay = log_uniform(0.5, 1.0, rng);
        for node in 0..inner {
            let coordinate = self.relevant[random::weighted(importance, rng)];
            let cell = cells[node].clone();
            let (low, high) = cell[coordinate];
            let threshold = low + (high - low) * rng.random_range(0.1..0.9);
            splits.push((coordinate, threshold));
            let level = (node + 1).ilog2();
            for bounds in [(low, threshold), (threshold, high)] {
                let mut child = cell.clone();
                child[coordinate] = bounds;
                cells.push(child);
                walk.push(walk[node] + step_decay.powi(level as i32) * normal(rng));
            }
        }
        let leaves = (inner..=2 * inner)
            .map(|node| {
                let value = match guide {
                    None => walk[node],
                    Some(guide) => {
                        let at: Vec<f64> = cells[node]
                            .iter()
                            .map(|(low, high)| low + (high - low) * rng.random::<f64>())
                            .collect();
                        guide.evaluate(&at)
                    }
                };
                weight * value
            })
            .collect();
        Tree { splits, leaves }
    }

    /// Where the forest is lowest as far as a descent along the axes, interval by interval, finds:
    /// exact along each axis when it has no more than [`INTERVALS`] of them.
    fn descend(&self, rng: &mut SeededRng) -> Vec<f64> {
        let mut best = random::point(self.dimensions, rng);
        let mut lowest = self.evaluate(&best);
        for _ in 0..PROBES {
            let point = random::point(self.dimensions, rng);
            let value = self.evaluate(&point);
            if value < lowest {
                (best, lowest) = (point, value);
            }
        }
        for _ in 0..ROUNDS {
            let mut improved = false;
            for coordinate in &self.relevant {
                let mut edges: Vec<f64> = self
                    .trees
                    .iter()
                    .flat_map(|tree| &tree.splits)
                    .filter(|(split, _)| split == coordinate)
                    .map(|(_, threshold)| *threshold)
                    .collect();
                edges.extend([0.0, 1.0]);
                edges.sort_unstable_by(f64::total_cmp);
                let stride = (edges.len() - 1).div_ceil(INTERVALS);
                let from = rng.random_range(0..stride);
                for pair in edges.windows(2).skip(from).step_by(stride) {
                    let before = best[*coordinate];
                    best[*coordinate] = 0.5 * (pair[0] + pair[1]);
                    let value = self.evaluate(&best);
                    if value < lowest {
                        lowest = value;
                        improved = true;
                    } else {
                        best[*coordinate] = before;
                    }
                }
            }
            if !improved {
                break;
            }
        }
        self.cell(&best).iter().map(|(low, high)| 0.5 * (low + high)).collect()
    }

    /// The largest box around a point on which no tree changes.
    fn cell(&self, unit: &[f64]) -> LeafBounds {
        let mut cell = vec![(0.0f64, 1.0f64); self.dimensions];
        for tree in &self.trees {
            let mut node = 0;
            while let Some((coordinate, threshold)) = tree.splits.get(node) {
                let (low, high) = &mut cell[*coordinate];
                if unit[*coordinate] > *threshold {
                    *low = low.max(*threshold);
                    node = 2 * node + 2;
                } else {
                    *high = high.min(*threshold);
                    node = 2 * node + 1;
                }
            }
        }
        cell
    }
}

impl Tree {
    fn evaluate(&self, unit: &[f64]) -> f64 {
        let mut node = 0;
        while let Some((coordinate, threshold)) = self.splits.get(node) {
            node = 2 * node + 1 + usize::from(unit[*coordinate] > *threshold);
        }
        self.leaves[node - self.splits.len()]
    }
}

impl Landscape for Forest {
    fn dimensions(&self) -> usize {
        self.dimensions
    }

    fn evaluate(&self, unit: &[f64]) -> f64 {
        self.trees.iter().map(|tree| tree.evaluate(unit)).sum()
    }

    fn hints(&self) -> Vec<Vec<f64>> {
        vec![self.lowest.clone()]
    }

    fn description(&self) -> String {
        let guided = if self.guided { "guided " } else { "" };
        match self.form {
            Form::Single => format!("{guided}tree of {} leaves", self.trees[0].leaves.len()),
            Form::Bagged => format!("{guided}forest of {} trees", self.trees.len()),
            Form::Boosted => format!("{} boosted trees", self.trees.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn a_tree_sends_points_to_the_leaf_of_their_cell() {
        // x₀ ≤ 0.5 ? (x₁ ≤ 0.25 ? 1 : 2) : (x₀ ≤ 0.75 ? 3 : 4)
        let tree =
            Tree { splits: vec![(0, 0.5), (1, 0.25), (0, 0.75)], leaves: vec![1.0, 2.0, 3.0, 4.0] };
        for (point, leaf) in
            [([0.1, 0.1], 1.0), ([0.5, 0.9], 2.0), ([0.7, 0.0], 3.0), ([0.9, 0.2], 4.0)]
        {
            assert_eq!(tree.evaluate(&point), leaf);
        }
    }

    #[test]
    fn forests_are_constant_on_cells_and_jump_between_them() {
        let mut rng = SeededRng::seed_from_u64(4);
        for _ in 0..200 {
            let forest = Forest::draw(3, &[0, 2], &mut rng);
            let point = random::point(3, &mut rng);
            let here = forest.evaluate(&point);
            let cell = forest.cell(&point);
            for _ in 0..10 {
                let inside: Vec<f64> = cell
                    .iter()
                    .map(|(low, high)| low + (high - low) * (1.0 - rng.random::<f64>()))
                    .collect();
                assert_eq!(forest.evaluate(&inside), here);
            }
            let mut values: Vec<f64> =
                (0..200).map(|_| forest.evaluate(&random::point(3, &mut rng))).collect();
            values.sort_unstable_by(f64::total_cmp);
            values.dedup();
            assert!(values.len() > 2 && values.len() < 200, "{}", forest.description());
        }
    }

    /// Against the best of many random points, the descent is seldom worse.
    #[test]
    fn the_lowest_cell_is_low() {
        let mut rng = SeededRng::seed_from_u64(9);
        let mut worse = 0;
        for _ in 0..100 {
            let forest = Forest::draw(3, &[0, 1, 2], &mut rng);
            let found = forest.evaluate(&forest.hints()[0]);
            let lowest = (0..1000)
                .map(|_| forest.evaluate(&random::point(3, &mut rng)))
                .fold(f64::INFINITY, f64::min);
            worse += usize::from(found > lowest + 1e-12);
        }
        assert!(worse < 40, "{worse} of 100");
    }
}

//! What has not been tried.

use std::collections::{BTreeMap, BTreeSet};

use optiformer::space::Configuration;

use super::columns::Columns;

/// Most pairs of cells that are followed.
const MOST_PAIRS: u64 = 2_000_000;

/// A cell: the parameter's index, and the number of its level or bin.
pub type Cell = (usize, u64);

/// The cells, ends and pairs of cells that are missing.
#[derive(Clone, Debug, Default)]
pub struct Gaps {
    cells: BTreeSet<Cell>,
    /// Number of cells of each parameter that a value falls in.
    totals_by_column: Vec<usize>,
    /// The parameter's index, and 0 for its lowest value or 1 for its highest.
    ends: BTreeSet<(usize, usize)>,
    /// The first cell is that of the earlier parameter. `None` if pairs are not followed.
    pairs: Option<BTreeSet<(Cell, Cell)>>,
    /// Number of legal pairs of cells of two parameters.
    totals: BTreeMap<(usize, usize), usize>,
}

impl Gaps {
    /// The gaps of a study that has tried nothing; with pairs where `strength` is 2.
    ///
    /// # Errors
    ///
    /// A message where there are too many pairs.
    pub fn new(columns: &Columns<'_>, strength: u64) -> Result<Self, String> {
        let count = |index: usize| columns.get(index).cells();
        let cells = (0..columns.len()).flat_map(|at| (0..count(at)).map(move |cell| (at, cell)));
        let ordered = (0..columns.len()).filter(|index| columns.get(*index).has_ends());
        let cells: BTreeSet<Cell> = cells.filter(|cell| columns.is_legal(*cell, *cell)).collect();
        let mut gaps = Self {
            totals_by_column: (0..columns.len())
                .map(|index| cells.range((index, 0)..(index + 1, 0)).count())
                .collect(),
            cells,
            ends: ordered.flat_map(|index| [(index, 0), (index, 1)]).collect(),
            pairs: None,
            totals: BTreeMap::new(),
        };
        if strength < 2 {
            return Ok(gaps);
        }
        let sides = || {
            (0..columns.len())
                .flat_map(|one| (one + 1..columns.len()).map(move |other| (one, other)))
        };
        let most: u64 = sides().map(|(one, other)| count(one).saturating_mul(count(other))).sum();
        if most > MOST_PAIRS {
            return Err(format!(
                "there are {most} pairs of levels, more than {MOST_PAIRS}: use --strength 1, or \
                 fewer --bins"
            ));
        }
        let mut pairs = BTreeSet::new();
        for (one, other) in sides() {
            let cells = (0..count(one)).flat_map(|a| (0..count(other)).map(move |b| (a, b)));
            let all = cells.map(|(a, b)| ((one, a), (other, b)));
            let before = pairs.len();
            pairs.extend(all.filter(|(a, b)| columns.is_legal(*a, *b)));
            gaps.totals.insert((one, other), pairs.len() - before);
        }
        gaps.pairs = Some(pairs);
        Ok(gaps)
    }

    /// Removes what a configuration tries.
    pub fn take(&mut self, columns: &Columns<'_>, configuration: &Configuration) {
        let cells = active(columns, configuration);
        for (at, cell) in cells.iter().enumerate() {
            self.cells.remove(cell);
            if let Some(pairs) = &mut self.pairs {
                cells[at + 1..].iter().for_each(|other| {
                    pairs.remove(&(*cell, *other));
                });
            }
        }
        for (index, value) in configuration.values().iter().enumerate() {
            let at = value.map_or([false; 2], |value| columns.at_ends(index, value));
            (0..2).filter(|end| at[*end]).for_each(|end| {
                self.ends.remove(&(index, end));
            });
        }
    }

    /// How many gaps `value` of parameter `index` fills, in itself and together with `others`.
    pub fn gain(&self, columns: &Columns<'_>, index: usize, value: f64, others: &[Cell]) -> usize {
        let cell = (index, columns.cell(index, value));
        let at = columns.at_ends(index, value);
        let ends = (0..2).filter(|end| at[*end] && self.ends.contains(&(index, *end))).count();
        let pairs = self.pairs.as_ref().map_or(0, |pairs| {
            let pair = |other: &Cell| if *other < cell { (*other, cell) } else { (cell, *other) };
            others.iter().filter(|other| pairs.contains(&pair(other))).count()
        });
        usize::from(self.cells.contains(&cell)) + ends + pairs
    }

    /// The first pair, or the first cell twice, that is missing.
    pub fn first(&self) -> Option<(Cell, Cell)> {
        let pair = self.pairs.as_ref().and_then(BTreeSet::first).copied();
        pair.or_else(|| self.cells.first().map(|cell| (*cell, *cell)))
    }

    /// Leaves out the gap that [`first`](Self::first), or else [`first_end`](Self::first_end), has.
    pub fn skip_first(&mut self) {
        let pairs = self.pairs.as_mut();
        if pairs.and_then(BTreeSet::pop_first).is_none() && self.cells.pop_first().is_none() {
            self.ends.pop_first();
        }
    }

    /// The first end that is missing.
    pub fn first_end(&self) -> Option<(usize, usize)> {
        self.ends.first().copied()
    }

    /// The cells of a parameter that are missing.
    pub fn cells(&self, index: usize) -> impl Iterator<Item = u64> {
        self.cells.range((index, 0)..(index + 1, 0)).map(|(_, cell)| *cell)
    }

    /// Number of cells of a parameter that a value falls in.
    pub fn cells_total(&self, index: usize) -> usize {
        self.totals_by_column[index]
    }

    /// Which ends of an ordered parameter have been tried.
    pub fn ends(&self, columns: &Columns<'_>, index: usize) -> [bool; 2] {
        let has = columns.get(index).has_ends();
        [0, 1].map(|end| has && !self.ends.contains(&(index, end)))
    }

    /// The pairs of cells that are missing.
    pub fn pairs(&self) -> impl Iterator<Item = (Cell, Cell)> {
        self.pairs.iter().flatten().copied()
    }

    /// Number of legal pairs of cells, where they are followed.
    pub fn pairs_total(&self) -> Option<usize> {
        self.pairs.as_ref().map(|_| self.totals.values().sum())
    }

    /// For two parameters: how many pairs of cells are missing, of how many.
    pub fn pairs_by_parameters(&self) -> BTreeMap<(usize, usize), (usize, usize)> {
        let mut counts: BTreeMap<_, _> =
            self.totals.iter().map(|(sides, total)| (*sides, (0, *total))).collect();
        for ((one, _), (other, _)) in self.pairs() {
            counts.entry((one, other)).and_modify(|(missing, _)| *missing += 1);
        }
        counts
    }
}

/// The cells of the active parameters.
fn active(columns: &Columns<'_>, configuration: &Configuration) -> Vec<Cell> {
    let cells = columns.cells(configuration).into_iter().enumerate();
    cells.filter_map(|(index, cell)| Some((index, cell?))).collect()
}

//! A small set of configurations that fills gaps.

use optiformer::space::Configuration;
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::{
    columns::Columns,
    gaps::{Cell, Gaps},
};

/// Most rows that are made, of which the one that fills most gaps is taken.
const CANDIDATES: usize = 20;

/// Rows that are drawn to find one that the space permits.
const DRAWS: usize = 1000;

/// Values that are compared for a row; with more of them fewer rows are made.
const COMPARED: usize = 20_000;

/// What each constrained parameter may be.
type Allowed = Vec<(usize, Vec<f64>)>;

/// Configurations that fill all gaps: a covering array around what was tried.
///
/// One row at a time: a gap is given, and the other parameters take the values that fill most gaps
/// with those before, the best of several rows with ties broken at random (AETG: D. M. Cohen, S. R.
/// Dalal, M. L. Fredman and G. C. Patton, IEEE Transactions on Software Engineering 23, 1997).
pub fn fill(columns: &Columns<'_>, mut gaps: Gaps, seed: u64) -> Vec<Configuration> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut rows = Vec::new();
    let values: usize = (0..columns.len()).map(|index| columns.get(index).options().len()).sum();
    let count = (COMPARED / values.max(1)).clamp(1, CANDIDATES);
    while let Some(allowed) = next(columns, &gaps) {
        let is_permitted =
            |(_, row): &(usize, Configuration)| columns.space().forbidden_by(row).is_none();
        let candidates = (0..count).map(|_| complete(columns, &gaps, &allowed, &mut rng));
        let mut candidates: Vec<_> = candidates.filter(is_permitted).collect();
        if candidates.is_empty() {
            // Without a view to other gaps there are more rows to choose from.
            let nothing = Gaps::default();
            let rows = (0..DRAWS).map(|_| complete(columns, &nothing, &allowed, &mut rng));
            candidates.extend(rows.filter(is_permitted).take(1));
        }
        // The first of those that fill most.
        candidates.sort_by_key(|(filled, _)| std::cmp::Reverse(*filled));
        let Some((_, row)) = candidates.into_iter().next() else {
            // What the space forbids cannot be filled.
            gaps.skip_first();
            continue;
        };
        gaps.take(columns, &row);
        rows.push(row);
    }
    rows
}

/// What fills the first gap.
fn next(columns: &Columns<'_>, gaps: &Gaps) -> Option<Allowed> {
    if let Some((one, other)) = gaps.first() {
        return columns.allowed(one, other);
    }
    let (index, end) = gaps.first_end()?;
    let value = columns.get(index).ends()?[end];
    let cell = (index, columns.cell(index, value));
    let mut allowed = columns.allowed(cell, cell)?;
    allowed.retain(|(other, _)| *other != index);
    allowed.push((index, vec![value]));
    Some(allowed)
}

/// A row with values that are allowed, and how many gaps it fills.
fn complete(
    columns: &Columns<'_>,
    gaps: &Gaps,
    allowed: &Allowed,
    rng: &mut Xoshiro256PlusPlus,
) -> (usize, Configuration) {
    let space = columns.space();
    let (mut values, mut filled) = (Vec::with_capacity(space.len()), 0);
    let mut cells: Vec<Cell> = Vec::new();
    for index in 0..space.len() {
        if !space.is_active(index, &values) {
            values.push(None);
            continue;
        }
        let options = allowed.iter().find(|(other, _)| *other == index);
        let options = options.map_or(columns.get(index).options(), |(_, values)| values);
        let gains = options.iter().map(|value| gaps.gain(columns, index, *value, &cells));
        let gains: Vec<usize> = gains.collect();
        let most = gains.iter().copied().max().unwrap_or(0);
        let best = options.iter().zip(&gains).filter(|(_, gain)| **gain == most);
        let best: Vec<f64> = best.map(|(value, _)| *value).collect();
        let value = best[rng.random_range(0..best.len())];
        cells.push((index, columns.cell(index, value)));
        values.push(Some(value));
        filled += most;
    }
    (filled, Configuration::new(values))
}

#[cfg(test)]
mod tests {
    use optiformer::space::{Parameter, Space};

    use super::*;

    fn filled(
        space: &Space,
        bins: u64,
        strength: u64,
        tried: &[Configuration],
    ) -> Vec<Configuration> {
        let columns = Columns::new(space, bins);
        let mut gaps = Gaps::new(&columns, strength).unwrap();
        tried.iter().for_each(|row| gaps.take(&columns, row));
        let rows = fill(&columns, gaps.clone(), 7);
        for row in &rows {
            space.validate(row).unwrap();
            gaps.take(&columns, row);
        }
        assert!(gaps.first().is_none() && gaps.first_end().is_none(), "{gaps:?}");
        rows
    }

    #[test]
    fn the_rows_fill_all_gaps_and_are_few() {
        let levels = (0..6).map(|index| Parameter::int(format!("n{index}"), 1, 3));
        let space = Space::new(levels.collect()).unwrap();
        // The smallest covering array has 12 rows.
        let rows = filled(&space, 5, 2, &[]);
        assert!((12..=17).contains(&rows.len()), "{}", rows.len());
        assert_eq!(filled(&space, 5, 1, &[]).len(), 3);
        assert_eq!(filled(&space, 5, 2, &rows).len(), 0);
        let fewer = filled(&space, 5, 2, &rows[..8]);
        assert!(!fewer.is_empty() && fewer.len() < rows.len());
    }

    #[test]
    fn bins_ends_and_conditions_are_filled() {
        let space = Space::new(vec![
            Parameter::categorical("kind", ["a", "b", "c"]),
            Parameter::float("x", 0.0, 1.0),
            Parameter::int("n", 1, 100).log(),
            Parameter::float("rate", 1e-4, 1.0).log().when("kind", ["a"]),
            Parameter::int("m", 1, 4).when("n", [50.0]),
            Parameter::float("y", 0.0, 1.0).when("m", [2.0, 3.0]),
            Parameter::categorical("fixed", [true]).when("kind", ["b", "c"]),
        ])
        .unwrap();
        for (bins, strength) in [(1, 1), (5, 1), (3, 2), (5, 2)] {
            let rows = filled(&space, bins, strength, &[]);
            assert!(rows.iter().any(|row| row.get(1) == Some(1.0)), "an end");
            assert!(rows.iter().any(|row| row.get(5) == Some(0.0)), "an end below conditions");
        }
    }

    #[test]
    fn cells_that_exclude_each_other_are_no_gap() {
        let space = Space::new(vec![
            Parameter::categorical("kind", ["a", "b"]),
            Parameter::int("n", 1, 2).when("kind", ["a"]),
            Parameter::int("m", 1, 2).when("kind", ["b"]),
        ])
        .unwrap();
        let gaps = Gaps::new(&Columns::new(&space, 5), 2).unwrap();
        assert_eq!(gaps.pairs_total(), Some(4));
        assert_eq!(filled(&space, 5, 2, &[]).len(), 4);
    }

    #[test]
    fn what_is_forbidden_is_not_filled() {
        let parameters = (0..3).map(|index| Parameter::int(format!("n{index}"), 1, 4));
        let space = Space::new(parameters.collect()).unwrap();
        let space = space.forbid(["n0 == n1", "n2 > 1 and n0 > 2"]).unwrap();
        let columns = Columns::new(&space, 5);
        let mut gaps = Gaps::new(&columns, 2).unwrap();
        for row in fill(&columns, gaps.clone(), 7) {
            space.validate(&row).unwrap();
            gaps.take(&columns, &row);
        }
        // Of 48 pairs, four with n0 equal to n1, and six with a large n0 and a large n2.
        assert_eq!(gaps.pairs().count(), 10);
    }

    #[test]
    fn too_many_pairs_are_refused() {
        let many = (0..3000).map(f64::from);
        let space = Space::new(vec![
            Parameter::categorical("p", many.clone()),
            Parameter::categorical("q", many),
        ])
        .unwrap();
        let error = Gaps::new(&Columns::new(&space, 5), 2).unwrap_err();
        assert!(error.contains("9000000") && error.contains("--strength 1"), "{error}");
        let few = (0..300).map(f64::from);
        let space = Space::new(vec![
            Parameter::categorical("p", few.clone()),
            Parameter::categorical("q", few),
        ])
        .unwrap();
        assert_eq!(filled(&space, 5, 1, &[]).len(), 300);
    }
}

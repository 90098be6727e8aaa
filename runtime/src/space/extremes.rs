//! A small design at the ends of all ranges.

use alloc::{collections::BTreeSet, vec, vec::Vec};

use rand::{Rng, RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::{Configuration, Domain, Space};

/// Work of the search for pairs: steps times parameters times rows.
const WORK: usize = 3_000_000;

/// Rows that are tried in place of a forbidden one.
const REPLACEMENTS: usize = 64;

/// Fewest and most steps of it.
const STEPS: (usize, usize) = (200, 50_000);

/// One in this number of steps that lose a single pair is taken, to leave a local optimum.
const TOLERATED: u32 = 40;

impl Space {
    /// At most `count` configurations at the ends of the ranges, to be tried before any other.
    ///
    /// Ordered parameters are at their lowest or highest value, and each is at both; categoricals
    /// take every choice, conditional parameters are visited where they are active; all in as few
    /// configurations as a greedy choice needs, as far as `count` allows. In what is free, as many
    /// pairs of ends as a local search finds occur together: a covering array of strength two where
    /// `count` is large enough for one (six configurations for up to ten two-valued parameters;
    /// G. O. H. Katona 1973, D. J. Kleitman and J. Spencer 1973). Configurations that add neither
    /// an end nor a pair are left out, and so is what the space [forbids](Self::forbid). The design
    /// is a function of the space, `count` and `seed`.
    ///
    /// ```
    /// use optiformer::space::{Parameter, Space};
    ///
    /// let space = Space::new(vec![
    ///     Parameter::float("rate", 1e-4, 1.0).log(),
    ///     Parameter::int("layers", 2, 64),
    /// ])?;
    /// let rates: Vec<_> = space.extremes(2, 0).iter().map(|it| it.get(0).unwrap()).collect();
    /// assert!(rates == [1e-4, 1.0] || rates == [1.0, 1e-4]);
    /// assert_eq!(space.extremes(6, 0).len(), 4);
    /// # Ok::<(), optiformer::Error>(())
    /// ```
    pub fn extremes(&self, count: usize, seed: u64) -> Vec<Configuration> {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let ends = Ends::new(self);
        let mut rows = ends.visit(count, &mut rng);
        ends.pair(&mut rows, &mut rng);
        ordered(rows).into_iter().map(Configuration::new).collect()
    }

    /// As [`extremes`](Self::extremes), but chosen among candidates: the indices of at most `count`
    /// of them, which together have the lowest and the highest value of each ordered parameter that
    /// occurs, and every choice that does, and many pairs of these.
    pub fn extremes_among(
        &self,
        candidates: &[Configuration],
        count: usize,
        seed: u64,
    ) -> Vec<usize> {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let ranges: Vec<_> = (0..self.len()).map(|index| range(candidates, index)).collect();
        let ends = |candidate: &Configuration| -> Vec<Value> {
            let is_end = |index: usize, value: f64| {
                self.parameters()[index].domain().is_categorical()
                    || ranges[index].is_some_and(|(low, high)| value == low || value == high)
            };
            let values = candidate.values().iter().enumerate();
            let values = values.filter_map(|(index, value)| Some((index, (*value)?)));
            values
                .filter(|(index, it)| is_end(*index, *it))
                .map(|(at, it)| (at, bits(it)))
                .collect()
        };
        let candidates: Vec<Vec<Value>> = candidates.iter().map(ends).collect();
        let (mut chosen, mut seen) = (Vec::new(), Seen::default());
        while chosen.len() < count {
            let (mut best, mut equals) = (((0, 0), 0), 0);
            for (index, ends) in candidates.iter().enumerate() {
                let gain = seen.gain(ends);
                if gain > best.0 {
                    (best, equals) = ((gain, index), 1);
                } else if gain == best.0 && gain != (0, 0) {
                    equals += 1;
                    if rng.random_range(0..equals) == 0 {
                        best.1 = index;
                    }
                }
            }
            if best.0 == (0, 0) {
                break;
            }
            seen.insert(&candidates[best.1]);
            chosen.push(best.1);
        }
        chosen
    }
}

/// The values of a row, as in a configuration.
type Row = Vec<Option<f64>>;

/// A parameter's index, and the bits of its value.
type Value = (usize, u64);

fn bits(value: f64) -> u64 {
    // Adding 0 turns −0 into 0.
    (value + 0.0).to_bits()
}

/// The smallest and the largest value of a parameter.
fn range(candidates: &[Configuration], index: usize) -> Option<(f64, f64)> {
    let values = candidates.iter().filter_map(|candidate| candidate.get(index));
    values.fold(None, |range, value| match range {
        None => Some((value, value)),
        Some((low, high)) => Some((f64::min(low, value), f64::max(high, value))),
    })
}

/// Values and pairs of values that occurred.
#[derive(Default)]
struct Seen {
    values: BTreeSet<Value>,
    pairs: BTreeSet<(Value, Value)>,
}

impl Seen {
    /// How many values, and how many pairs, are new in a row.
    fn gain(&self, row: &[Value]) -> (usize, usize) {
        let values = row.iter().filter(|value| !self.values.contains(value)).count();
        (values, pairs(row).filter(|pair| !self.pairs.contains(pair)).count())
    }

    fn insert(&mut self, row: &[Value]) {
        self.values.extend(row);
        self.pairs.extend(pairs(row));
    }
}

fn pairs(row: &[Value]) -> impl Iterator<Item = (Value, Value)> {
    row.iter().enumerate().flat_map(|(at, one)| row[at + 1..].iter().map(|other| (*one, *other)))
}

/// What the parameters' values in a design are.
struct Ends<'a> {
    space: &'a Space,
    /// Per parameter: the values that a design has.
    values: Vec<Vec<f64>>,
    /// Per parameter: those that depend on it, with the values that activate them.
    children: Vec<Vec<(usize, Vec<f64>)>>,
}

impl<'a> Ends<'a> {
    fn new(space: &'a Space) -> Self {
        let ends = |domain: &Domain| match domain {
            Domain::Categorical { choices } => (0..choices.len()).map(|at| at as f64).collect(),
            _ => vec![domain.from_unit(0.0), domain.from_unit(1.0)],
        };
        let mut values: Vec<Vec<f64>> =
            space.parameters().iter().map(|parameter| ends(parameter.domain())).collect();
        let mut children = vec![Vec::new(); space.len()];
        for (index, activation) in space.activations.iter().enumerate() {
            let Some((parent, activating)) = activation else { continue };
            // An int that activates a parameter between its ends takes that value too.
            if !activating.iter().any(|value| values[*parent].contains(value)) {
                values[*parent].extend(activating.first());
            }
            children[*parent].push((index, activating.clone()));
        }
        Self { space, values, children }
    }

    /// Rows that visit every value in as few of them as a greedy choice needs.
    fn visit(&self, count: usize, rng: &mut impl Rng) -> Vec<Row> {
        let mut seen = BTreeSet::new();
        let mut rows = Vec::new();
        for _ in 0..count {
            let row = self.complete(Vec::new(), |index, value| self.gain(index, value, &seen), rng);
            let Some(row) = self.permitted(row, &seen, rng) else { continue };
            let values = row.iter().enumerate();
            seen.extend(values.filter_map(|(index, value)| Some((index, bits((*value)?)))));
            rows.push(row);
        }
        rows
    }

    /// The row, or where it is forbidden one near it that is not and that has the most new values.
    fn permitted(&self, row: Row, seen: &BTreeSet<Value>, rng: &mut impl Rng) -> Option<Row> {
        if !self.is_forbidden(&row) {
            return Some(row);
        }
        let new = |row: &Row| {
            let values = row.iter().enumerate();
            let values = values.filter_map(|(index, value)| Some((index, bits((*value)?))));
            values.filter(|value| !seen.contains(value)).count()
        };
        let mut best: Option<(usize, Row)> = None;
        for _ in 0..REPLACEMENTS {
            let mut other = row.clone();
            for _ in 0..2 * row.len() {
                other = self.neighbor(&other, rng).unwrap_or(other);
                if !self.is_forbidden(&other) {
                    let gain = new(&other);
                    if best.as_ref().is_none_or(|(most, _)| gain > *most) {
                        best = Some((gain, other));
                    }
                    break;
                }
            }
        }
        best.map(|(_, row)| row)
    }

    fn is_forbidden(&self, row: &Row) -> bool {
        !self.space.forbidden.is_empty()
            && self.space.forbidden_by(&Configuration::new(row.clone())).is_some()
    }

    /// How many new values a parameter's value leads to, with those of the parameters that it
    /// activates.
    fn gain(&self, index: usize, value: f64, seen: &BTreeSet<Value>) -> usize {
        let active = self.children[index].iter().filter(|(_, values)| values.contains(&value));
        let best = |(child, _): &(usize, Vec<f64>)| {
            let gains = self.values[*child].iter().map(|value| self.gain(*child, *value, seen));
            gains.max().unwrap_or(0)
        };
        usize::from(!seen.contains(&(index, bits(value)))) + active.map(best).sum::<usize>()
    }

    /// Continues a row with the values of the largest gain, at random among equals.
    fn complete(
        &self,
        mut row: Row,
        gain: impl Fn(usize, f64) -> usize,
        rng: &mut impl Rng,
    ) -> Row {
        for index in row.len()..self.space.len() {
            if !self.space.is_active(index, &row) {
                row.push(None);
                continue;
            }
            let gains: Vec<_> =
                self.values[index].iter().map(|it| (gain(index, *it), *it)).collect();
            let most = gains.iter().map(|(gain, _)| *gain).max().unwrap_or(0);
            let best = gains.iter().filter(|(gain, _)| *gain == most).map(|(_, value)| *value);
            row.push(best.clone().nth(rng.random_range(0..best.count())));
        }
        row
    }

    /// Exchanges single values for as long as more pairs are found, without losing a value.
    fn pair(&self, rows: &mut Vec<Row>, rng: &mut impl Rng) {
        if rows.len() < 2 || self.space.len() < 2 {
            return;
        }
        let steps = (WORK / (rows.len() * self.space.len())).clamp(STEPS.0, STEPS.1);
        let (mut best, mut most, mut pairs) = (rows.clone(), 0, 0);
        for _ in 0..steps {
            let at = rng.random_range(0..rows.len());
            let Some(row) = self.neighbor(&rows[at], rng) else { continue };
            if self.is_forbidden(&row) {
                continue;
            }
            let before = unique(rows, at, &rows[at], &row);
            let after = unique(rows, at, &row, &rows[at]);
            let lost = before.1 - after.1;
            let tolerated = lost == 1 && rng.random_range(0..TOLERATED) == 0;
            if after.0 < before.0 || !(lost <= 0 || tolerated) {
                continue;
            }
            if after.0 > before.0 {
                // A new value is worth more than any number of pairs.
                most = i64::MIN;
            }
            rows[at] = row;
            pairs -= lost;
            if pairs > most {
                (best, most) = (rows.clone(), pairs);
            }
        }
        *rows = best;
    }

    /// A row with another value of one parameter, and new ones for the parameters that this makes
    /// active.
    fn neighbor(&self, row: &Row, rng: &mut impl Rng) -> Option<Row> {
        let index = rng.random_range(0..row.len());
        let values = &self.values[index];
        let (old, new) = (row[index]?, values[rng.random_range(0..values.len())]);
        if old == new {
            return None;
        }
        let mut changed = row.clone();
        changed[index] = Some(new);
        if !self.children[index].is_empty() {
            for index in index + 1..row.len() {
                changed[index] = match (self.space.is_active(index, &changed), row[index]) {
                    (false, _) => None,
                    (true, None) => {
                        let values = &self.values[index];
                        Some(values[rng.random_range(0..values.len())])
                    }
                    (true, value) => value,
                };
            }
        }
        Some(changed)
    }
}

/// Of the values in which `row` differs from `other`: how many, and how many of the pairs with one
/// of them, no row has but `row` at place `at`.
fn unique(rows: &[Row], at: usize, row: &Row, other: &Row) -> (i64, i64) {
    let (mut values, mut pairs) = (0, 0);
    let others: Vec<&Row> =
        rows.iter().enumerate().filter(|(r, _)| *r != at).map(|(_, it)| it).collect();
    for index in (0..row.len()).filter(|index| row[*index] != other[*index]) {
        if row[index].is_none() {
            continue;
        }
        let same: Vec<&Row> = others.iter().filter(|it| it[index] == row[index]).copied().collect();
        values += i64::from(same.is_empty());
        for second in 0..row.len() {
            // A pair of two values that differ counts once.
            let is_twice = second <= index && row[second] != other[second];
            if !is_twice && row[second].is_some() {
                pairs += i64::from(!same.iter().any(|it| it[second] == row[second]));
            }
        }
    }
    (values, pairs)
}

/// The rows in an order in which the first ones have the most new values, without those that have
/// neither a new value nor a new pair.
fn ordered(rows: Vec<Row>) -> Vec<Row> {
    let value = |(index, value): (usize, &Option<f64>)| Some((index, bits((*value)?)));
    let mut rest: Vec<(Row, Vec<Value>)> = rows
        .into_iter()
        .map(|row| {
            let values = row.iter().enumerate().filter_map(value).collect();
            (row, values)
        })
        .collect();
    let (mut ordered, mut seen) = (Vec::new(), BTreeSet::new());
    let mut done: Vec<Vec<Value>> = Vec::new();
    while !rest.is_empty() {
        let new = |values: &[Value]| values.iter().filter(|value| !seen.contains(*value)).count();
        let gains = rest.iter().map(|(_, values)| new(values)).enumerate();
        // The first of those with the most.
        let (at, gain) = gains.fold((0, 0), |best, next| if next.1 > best.1 { next } else { best });
        let (row, values) = rest.remove(at);
        let is_new = |(one, other): (Value, Value)| {
            !done.iter().any(|row| row.contains(&one) && row.contains(&other))
        };
        if gain > 0 || pairs(&values).any(is_new) {
            seen.extend(values.iter().copied());
            done.push(values);
            ordered.push(row);
        }
    }
    ordered
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use proptest::prelude::*;

    use super::*;
    use crate::space::Parameter;

    fn floats(count: usize) -> Space {
        let parameters = (0..count).map(|index| Parameter::float(format!("x{index}"), -1.0, 1.0));
        Space::new(parameters.collect()).unwrap()
    }

    /// The values and pairs of values of a design.
    fn covered(design: &[Configuration]) -> (usize, usize) {
        let mut seen = Seen::default();
        for row in design {
            let values = row.values().iter().enumerate();
            let row: Vec<Value> =
                values.filter_map(|(index, value)| Some((index, bits((*value)?)))).collect();
            seen.insert(&row);
        }
        (seen.values.len(), seen.pairs.len())
    }

    #[test]
    fn two_trials_have_all_ends_of_independent_ranges() {
        for count in 1..30 {
            assert_eq!(covered(&floats(count).extremes(2, 5)).0, 2 * count);
        }
    }

    #[test]
    fn few_parameters_have_all_pairs() {
        // The smallest covering arrays: N rows for (N − 1 choose ⌈N / 2⌉) parameters.
        for (count, parameters) in [(4, 2), (4, 3), (5, 4), (6, 8), (6, 10), (8, 15)] {
            for seed in 0..5 {
                let design = floats(parameters).extremes(count, seed);
                assert!(design.len() <= count);
                let pairs = 4 * parameters * (parameters - 1) / 2;
                assert_eq!(covered(&design), (2 * parameters, pairs), "{count}, {parameters}");
            }
        }
    }

    #[test]
    fn every_choice_and_conditional_end_is_visited() {
        let space = Space::new(vec![
            Parameter::categorical("kind", ["a", "b", "c"]),
            Parameter::int("n", 1, 9),
            Parameter::float("x", 0.0, 1.0).when("kind", ["a"]),
            Parameter::float("y", 0.0, 0.95).step(0.1).when("kind", ["b"]),
            Parameter::float("z", 1e-3, 1.0).log().when("n", [4.0, 5.0]),
        ])
        .unwrap();
        // Kind a and b twice each, c once; n at 1, 9, and twice at 4.
        let design = space.extremes(5, 1);
        assert_eq!(design.len(), 5);
        assert_eq!(covered(&design).0, 3 + 3 + 2 + 2 + 2);
        for configuration in &design {
            space.validate(configuration).unwrap();
        }
        assert!(design.iter().any(|it| it.get(3) == Some(0.9)), "the highest step");
        let few = space.extremes(3, 1);
        assert_eq!(covered(&few).0, 3 + 3 + 1 + 1 + 1, "{few:?}");
    }

    #[test]
    fn a_design_is_no_longer_than_it_needs() {
        assert_eq!(floats(1).extremes(6, 0).len(), 2);
        assert_eq!(floats(2).extremes(50, 0).len(), 4);
        assert!(floats(3).extremes(0, 0).is_empty());
        let one = Space::new(vec![Parameter::categorical("k", ["only"])]).unwrap();
        assert_eq!(one.extremes(6, 0).len(), 1);
    }

    #[test]
    fn forbidden_ends_are_left_out() {
        let space = floats(4).forbid(["x0 == x1", "x2 > 0 and x3 > 0"]).unwrap();
        for seed in 0..10 {
            let design = space.extremes(6, seed);
            assert!(design.iter().all(|row| space.validate(row).is_ok()));
            assert_eq!(covered(&design).0, 8, "{design:?}");
        }
        assert!(floats(1).forbid(["x0 < 2"]).unwrap().extremes(6, 0).is_empty());
    }

    #[test]
    fn candidates_have_their_own_ends() {
        let space = Space::new(vec![
            Parameter::int("n", 0, 100),
            Parameter::categorical("k", ["a", "b", "c", "unused"]),
        ])
        .unwrap();
        let at = |n: usize| Configuration::new(vec![Some(n as f64), Some((n % 3) as f64)]);
        let candidates: Vec<_> = (10..60).map(at).collect();
        let chosen = space.extremes_among(&candidates, 6, 0);
        let n: Vec<f64> = chosen.iter().map(|at| candidates[*at].get(0).unwrap()).collect();
        // 10 has choice b, 59 has c.
        assert_eq!(chosen.len(), 3);
        assert!(
            n.contains(&10.0) && n.contains(&59.0) && n.iter().any(|n| n % 3.0 == 0.0),
            "{n:?}"
        );
        assert_eq!(chosen, space.extremes_among(&candidates, 6, 0));
        assert!(space.extremes_among(&[], 6, 0).is_empty());
        assert_eq!(space.extremes_among(&candidates, 1, 0).len(), 1);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn a_design_is_legal_distinct_and_its_seeds_own(
            sizes in prop::collection::vec(0..5_usize, 1..9),
            count in 0..9_usize,
            seed: u64,
        ) {
            let parameter = |(index, size): (usize, &usize)| match size {
                0 => Parameter::float(format!("x{index}"), 1e-3, 1.0).log(),
                1 => Parameter::int(format!("x{index}"), -3, 4),
                size => Parameter::categorical(format!("x{index}"), (0..*size).map(|it| it as f64)),
            };
            let mut parameters: Vec<_> = sizes.iter().enumerate().map(parameter).collect();
            if parameters.len() > 3 && parameters[0].domain().is_categorical() {
                parameters[2] = parameters[2].clone().when("x0", [1.0]);
            }
            let space = Space::new(parameters).unwrap();
            let design = space.extremes(count, seed);
            prop_assert!(design.len() <= count);
            prop_assert_eq!(&design, &space.extremes(count, seed));
            for (at, row) in design.iter().enumerate() {
                prop_assert!(space.validate(row).is_ok());
                prop_assert!(!design[..at].contains(row));
            }
            // Independent parameters need as many rows as the longest has values.
            if !space.is_conditional() {
                let values = space.parameters().iter().map(|it| match it.domain() {
                    Domain::Categorical { choices } => choices.len(),
                    _ => 2,
                });
                let most: usize = values.map(|values| values.min(count)).sum();
                prop_assert_eq!(covered(&design).0, most);
            }
        }
    }
}

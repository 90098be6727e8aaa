use alloc::vec::Vec;

use crate::space::{Configuration, Space};

/// Encodes configurations as rows for the kernel, with one column per parameter.
///
/// A number is encoded as its position in the unit interval, a category as its index. An inactive
/// parameter is ½, or −1 if it is categorical, so that two points without it do not differ in it.
pub(super) struct Encoding<'a> {
    space: &'a Space,
    categorical: Vec<bool>,
    conditional: bool,
}

/// Encoding of an inactive categorical parameter.
const NO_CATEGORY: f64 = -1.0;

impl<'a> Encoding<'a> {
    pub(super) fn new(space: &'a Space) -> Self {
        let is_categorical = |index: usize| space.parameters()[index].domain().is_categorical();
        Self {
            space,
            categorical: (0..space.len()).map(is_categorical).collect(),
            conditional: space.is_conditional(),
        }
    }

    /// The space.
    pub(super) fn space(&self) -> &'a Space {
        self.space
    }

    /// `[columns]`: which columns hold categories.
    pub(super) fn categorical(&self) -> &[bool] {
        &self.categorical
    }

    /// Number of columns.
    pub(super) fn columns(&self) -> usize {
        self.categorical.len()
    }

    /// The columns that an input warp applies to: ordered, with more than two values.
    pub(super) fn warpable(&self) -> Vec<usize> {
        let is_warpable = |column: &usize| {
            let domain = self.space.parameters()[*column].domain();
            !domain.is_categorical() && domain.levels().is_none_or(|levels| levels > 2)
        };
        (0..self.columns()).filter(is_warpable).collect()
    }

    /// Appends the row of a configuration.
    pub(super) fn push(&self, configuration: &Configuration, rows: &mut Vec<f64>) {
        let values = configuration.values().iter().zip(self.space.parameters());
        rows.extend(values.zip(&self.categorical).map(|((value, parameter), categorical)| match (
            value,
            categorical,
        ) {
            (None, true) => NO_CATEGORY,
            (None, false) => 0.5,
            (Some(category), true) => *category,
            (Some(value), false) => parameter.domain().to_unit(*value),
        }));
    }

    /// Encodes a point of the unit cube into `row`, without rounding discrete numbers, and writes
    /// into `active` which of its coordinates are active.
    pub(super) fn encode_unit(&self, unit: &[f64], row: &mut [f64], active: &mut [bool]) {
        active.fill(true);
        if self.conditional {
            let configuration = self.space.from_unit(unit);
            for (flag, value) in active.iter_mut().zip(configuration.values()) {
                *flag = value.is_some();
            }
        }
        for index in 0..row.len() {
            row[index] = match (active[index], self.categorical[index]) {
                (false, true) => NO_CATEGORY,
                (false, false) => 0.5,
                (true, true) => self.space.parameters()[index].domain().from_unit(unit[index]),
                (true, false) => unit[index],
            };
        }
    }

    /// Moves the discrete coordinates of a point of the unit cube to the centers of their cells.
    pub(super) fn snap_to_grid(&self, unit: &mut [f64]) {
        for (place, parameter) in unit.iter_mut().zip(self.space.parameters()) {
            let domain = parameter.domain();
            if domain.levels().is_some() {
                *place = domain.to_unit(domain.from_unit(*place));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::space::Parameter;

    #[test]
    fn a_point_and_its_configuration_have_the_same_row() {
        let space = Space::new(vec![
            Parameter::categorical("kind", ["a", "b", "c"]),
            Parameter::float("x", 1e-3, 1.0).log().when("kind", ["b"]),
            Parameter::int("n", 1, 4),
            Parameter::categorical("inner", ["u", "v"]).when("kind", ["a"]),
        ])
        .unwrap();
        let encoding = Encoding::new(&space);
        for unit in [[0.1, 0.3, 0.9, 0.7], [0.5, 0.3, 0.2, 0.7], [0.9, 0.3, 0.2, 0.1]] {
            let mut snapped = unit;
            encoding.snap_to_grid(&mut snapped);
            let (mut row, mut active) = ([0.0; 4], [false; 4]);
            encoding.encode_unit(&snapped, &mut row, &mut active);
            let configuration = space.from_unit(&unit);
            let mut rows = Vec::new();
            encoding.push(&configuration, &mut rows);
            for (one, other) in row.iter().zip(&rows) {
                assert!((one - other).abs() < 1e-12, "{row:?} {rows:?}");
            }
            for (flag, value) in active.iter().zip(configuration.values()) {
                assert_eq!(*flag, value.is_some());
            }
        }
    }
}

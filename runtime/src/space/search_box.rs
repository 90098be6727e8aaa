//! A box in the unit cube that a search is confined to.

use alloc::{vec, vec::Vec};

/// An axis-parallel box in the unit cube.
///
/// A model that bins the coordinates of the box instead of those of the cube resolves finer steps
/// around the best trials.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchBox {
    low: Vec<f64>,
    high: Vec<f64>,
}

impl SearchBox {
    /// The unit cube.
    pub fn whole(dimensions: usize) -> Self {
        Self { low: vec![0.0; dimensions], high: vec![1.0; dimensions] }
    }

    /// The bounding box of `points`, `[points][dimensions]`, with each side scaled by `widening`
    /// about its center, at least `narrowest` long, and clipped to the unit cube. Dimensions for
    /// which `zoomable` is false stay whole.
    ///
    /// NaN, the coordinate of an inactive parameter, is ignored. A dimension without other
    /// coordinates stays whole, and without points the box has no dimensions.
    pub fn around(
        points: &[Vec<f64>],
        widening: f64,
        narrowest: f64,
        zoomable: impl Fn(usize) -> bool,
    ) -> Self {
        let dimensions = points.first().map_or(0, Vec::len);
        let mut search_box = Self::whole(dimensions);
        for dimension in (0..dimensions).filter(|dimension| zoomable(*dimension)) {
            let coordinates = points.iter().map(|point| point[dimension]);
            let bottom = coordinates.clone().fold(f64::INFINITY, f64::min);
            let top = coordinates.fold(f64::NEG_INFINITY, f64::max);
            if bottom > top {
                continue;
            }
            let half = (0.5 * widening * (top - bottom)).max(0.5 * narrowest).min(0.5);
            let middle = 0.5 * (bottom + top);
            // A box at the edge of the cube keeps at least half of its width.
            search_box.low[dimension] = (middle - half).max(0.0);
            search_box.high[dimension] = (middle + half).min(1.0);
        }
        search_box
    }

    /// Number of dimensions.
    pub fn dimensions(&self) -> usize {
        self.low.len()
    }

    /// Maps a coordinate of the unit cube so that the box becomes `[0, 1]`. The result lies outside
    /// `[0, 1]` where the coordinate lies outside the box.
    pub fn normalize(&self, dimension: usize, unit: f64) -> f64 {
        let (low, high) = (self.low[dimension], self.high[dimension]);
        if low == 0.0 && high == 1.0 { unit } else { (unit - low) / (high - low) }
    }

    /// Maps a coordinate in `[0, 1]` to the box, the inverse of [`normalize`](Self::normalize). The
    /// bounds of the box are reached exactly.
    pub fn denormalize(&self, dimension: usize, normalized: f64) -> f64 {
        let (low, high) = (self.low[dimension], self.high[dimension]);
        if normalized >= 1.0 { high } else { low + normalized.max(0.0) * (high - low) }
    }

    /// Whether a point of the unit cube lies in the box, bounds included. NaN lies in every box.
    pub fn contains(&self, unit: &[f64]) -> bool {
        unit.iter()
            .zip(self.low.iter().zip(&self.high))
            .all(|(unit, (low, high))| unit.is_nan() || (low <= unit && unit <= high))
    }

    /// Whether the box is the unit cube.
    pub fn is_whole(&self) -> bool {
        self.low.iter().all(|low| *low == 0.0) && self.high.iter().all(|high| *high == 1.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_box_contains_its_points_and_lies_in_the_cube(
            points in prop::collection::vec(prop::collection::vec(0.0..=1.0_f64, 3), 1..9),
            widening in 1.0..4.0_f64,
        ) {
            let search_box = SearchBox::around(&points, widening, 0.01, |dimension| dimension != 1);
            for point in &points {
                prop_assert!(search_box.contains(point));
            }
            prop_assert_eq!((search_box.low[1], search_box.high[1]), (0.0, 1.0));
            for dimension in 0..3 {
                prop_assert!(0.0 <= search_box.low[dimension] && search_box.high[dimension] <= 1.0);
                prop_assert!(search_box.high[dimension] - search_box.low[dimension] >= 0.005);
                for inner in [0.0, 0.3, 1.0] {
                    let unit = search_box.denormalize(dimension, inner);
                    prop_assert!((search_box.normalize(dimension, unit) - inner).abs() < 1e-9);
                }
            }
        }
    }

    #[test]
    fn nan_widens_no_box_and_lies_in_every_box() {
        let none = f64::NAN;
        let points = [vec![0.7, none, none], vec![0.8, 0.3, none], vec![none, 0.2, none]];
        let search_box = SearchBox::around(&points, 1.0, 0.01, |_| true);
        assert_eq!((search_box.low[0], search_box.high[0]), (0.7, 0.8));
        assert_eq!((search_box.low[1], search_box.high[1]), (0.2, 0.3));
        assert_eq!((search_box.low[2], search_box.high[2]), (0.0, 1.0));
        assert!(search_box.contains(&[none, 0.25, 0.9]) && search_box.contains(&[none; 3]));
        assert!(!search_box.contains(&[none, 0.4, 0.9]));
    }
}

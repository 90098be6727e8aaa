//! Where the model looks: the whole unit cube, or a box inside it.

use alloc::{vec, vec::Vec};

/// An axis-parallel box in the unit cube, whose coordinates are spread over all the bins.
///
/// A thousand bins resolve a thousandth of what is looked at; a box around the best trials makes
/// them finer. Categorical parameters are always seen whole.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    low: Vec<f64>,
    high: Vec<f64>,
}

impl View {
    /// The whole unit cube.
    pub fn whole(dimensions: usize) -> Self {
        Self { low: vec![0.0; dimensions], high: vec![1.0; dimensions] }
    }

    /// The box that `points` span, `widening` times as wide about its middle, no side shorter than
    /// `narrowest`, moved and cut so that it lies inside the unit cube. Dimensions for which
    /// `zoomable` is false stay whole.
    ///
    /// Without points it is the whole cube. A coordinate that is not a number, as an inactive
    /// parameter has, widens nothing; where all points have such, the dimension stays whole.
    pub fn around(
        points: &[Vec<f64>],
        widening: f64,
        narrowest: f64,
        zoomable: impl Fn(usize) -> bool,
    ) -> Self {
        let dimensions = points.first().map_or(0, Vec::len);
        let mut view = Self::whole(dimensions);
        for dimension in (0..dimensions).filter(|dimension| zoomable(*dimension)) {
            let coordinates = points.iter().map(|point| point[dimension]);
            let bottom = coordinates.clone().fold(f64::INFINITY, f64::min);
            let top = coordinates.fold(f64::NEG_INFINITY, f64::max);
            if bottom > top {
                continue;
            }
            let half = (0.5 * widening * (top - bottom)).max(0.5 * narrowest).min(0.5);
            let middle = 0.5 * (bottom + top);
            let low = (middle - half).max(0.0);
            let high = (middle + half).min(1.0);
            // A box at the edge of the cube keeps at least half of its width.
            view.low[dimension] = low;
            view.high[dimension] = high;
        }
        view
    }

    /// How many dimensions it has.
    pub fn dimensions(&self) -> usize {
        self.low.len()
    }

    /// A unit-cube coordinate as a coordinate of the box; may lie outside `[0, 1]`.
    pub fn inward(&self, dimension: usize, unit: f64) -> f64 {
        let (low, high) = (self.low[dimension], self.high[dimension]);
        if low == 0.0 && high == 1.0 { unit } else { (unit - low) / (high - low) }
    }

    /// A coordinate of the box as a unit-cube coordinate. The box's own bounds come out exactly.
    pub fn outward(&self, dimension: usize, inner: f64) -> f64 {
        let (low, high) = (self.low[dimension], self.high[dimension]);
        if inner >= 1.0 { high } else { low + inner.max(0.0) * (high - low) }
    }

    /// Whether a point of the unit cube lies in the box, bounds included. A coordinate that is not
    /// a number lies in every box.
    pub fn contains(&self, unit: &[f64]) -> bool {
        unit.iter()
            .zip(self.low.iter().zip(&self.high))
            .all(|(unit, (low, high))| unit.is_nan() || (low <= unit && unit <= high))
    }

    /// Whether it is the whole cube.
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
        fn a_box_holds_its_points_and_stays_in_the_cube(
            points in prop::collection::vec(prop::collection::vec(0.0..=1.0_f64, 3), 1..9),
            widening in 1.0..4.0_f64,
        ) {
            let view = View::around(&points, widening, 0.01, |dimension| dimension != 1);
            for point in &points {
                prop_assert!(view.contains(point));
            }
            prop_assert_eq!((view.low[1], view.high[1]), (0.0, 1.0));
            for dimension in 0..3 {
                prop_assert!(0.0 <= view.low[dimension] && view.high[dimension] <= 1.0);
                prop_assert!(view.high[dimension] - view.low[dimension] >= 0.005);
                for inner in [0.0, 0.3, 1.0] {
                    let unit = view.outward(dimension, inner);
                    prop_assert!((view.inward(dimension, unit) - inner).abs() < 1e-9);
                }
            }
        }
    }

    #[test]
    fn inactive_coordinates_widen_nothing_and_lie_in_every_box() {
        let none = f64::NAN;
        let points = [vec![0.7, none, none], vec![0.8, 0.3, none], vec![none, 0.2, none]];
        let view = View::around(&points, 1.0, 0.01, |_| true);
        assert_eq!((view.low[0], view.high[0]), (0.7, 0.8));
        assert_eq!((view.low[1], view.high[1]), (0.2, 0.3));
        assert_eq!((view.low[2], view.high[2]), (0.0, 1.0));
        assert!(view.contains(&[none, 0.25, 0.9]) && view.contains(&[none; 3]));
        assert!(!view.contains(&[none, 0.4, 0.9]));
    }
}

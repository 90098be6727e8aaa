//! Where the search is, and how far it dares to go.

use alloc::vec::Vec;

use super::{LocalSearchOptions, layout::Point};
use crate::trial::Observation;

/// The trust region, as the history determines it.
///
/// A run begins with a few spread trials; the best of them is the first centre. From then on a trial that is better than the centre becomes the
/// centre, and the radius grows if it lay far out; one that is worse, though it lay within reach, makes the radius smaller. When the radius
/// has become tiny the run has converged, and another begins.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Region {
    /// Where in the history the run begins.
    pub start: usize,
    /// The best trial of the run, if one has succeeded.
    pub centre: Option<usize>,
    /// Half the side of the region, as a share of the unit cube's.
    pub radius: f64,
}

/// A trial farther out than this share of the radius that was still better: the region was too small.
const FAR: f64 = 0.7;

/// How much the radius grows then.
const GROWTH: f64 = 1.6;

impl Region {
    /// Follows the finished trials; `points` are their places.
    pub fn follow(options: &LocalSearchOptions, history: &[Observation], points: &[Point]) -> Self {
        let begin = |start| Self { start, centre: None, radius: options.initial_radius };
        let mut region = begin(0);
        for (index, trial) in history.iter().enumerate() {
            let is_start = region.is_start(options, index);
            let Some(centre) = region.centre else {
                if trial.loss.is_some() {
                    region.centre = Some(index);
                }
                continue;
            };
            let (distance, same_choices) = points[index].distance(&points[centre]);
            let is_better =
                trial.loss.is_some_and(|loss| history[centre].loss.is_some_and(|best| loss < best));
            if is_better {
                region.centre = Some(index);
            }
            if is_start || !same_choices {
                continue;
            }
            if is_better {
                if distance > FAR * region.radius {
                    region.radius = (region.radius * GROWTH).min(0.5);
                }
            } else if distance <= 2.0 * region.radius {
                region.radius *= options.shrink;
            }
            if region.radius < options.least_radius {
                region = begin(index + 1);
            }
        }
        region
    }

    /// Whether trial `index` of the history belongs to the spread that the run begins with.
    pub fn is_start(&self, options: &LocalSearchOptions, index: usize) -> bool {
        index < self.start + options.startup_trials || self.centre.is_none()
    }
}

/// The finished trials' places, `[history]`.
pub(super) fn places(
    layout: &super::layout::Layout,
    space: &crate::space::Space,
    history: &[Observation],
) -> Vec<Point> {
    history.iter().map(|trial| layout.point(space, &trial.configuration)).collect()
}

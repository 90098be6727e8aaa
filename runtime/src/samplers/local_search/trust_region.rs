//! The trust region.

use alloc::vec::Vec;

use super::{
    LocalSearchOptions,
    encoder::{Point, PointEncoder},
};
use crate::{
    samplers::{
        history_cache::HistoryCache,
        merit::{GrowingOrder, TrialOrder},
    },
    space::Space,
    trial::Observation,
};

/// The trust region at the end of a history.
///
/// A run begins with a few spread trials, the best of which is the first center. A better trial
/// becomes the center, and the radius grows if it was far out; under constraints a feasible trial
/// is better than an infeasible one, and of infeasible ones the one that violates less. A worse
/// trial within reach shrinks the radius. A tiny radius ends the run, and another begins.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct TrustRegion {
    /// Index in the history of the run's first trial.
    pub start: usize,
    /// Best trial of the run, once one has succeeded.
    pub center: Option<usize>,
    /// Half the side of the region, as a fraction of the unit cube's.
    pub radius: f64,
}

/// The radius grows after a success beyond this fraction of it.
const EXPANSION_SHARE: f64 = 0.7;

/// Growth factor of the radius.
const EXPANSION_FACTOR: f64 = 1.6;

impl TrustRegion {
    fn initial(options: &LocalSearchOptions, start: usize) -> Self {
        Self { start, center: None, radius: options.initial_radius }
    }

    /// Updates the region with the last trial of `history`; `points` are the encoded trials.
    fn update(
        &mut self,
        options: &LocalSearchOptions,
        history: &[Observation],
        points: &[Point],
        order: &TrialOrder,
    ) {
        let index = history.len() - 1;
        let is_start = self.is_start(options, index);
        let Some(center) = self.center else {
            if history[index].loss.is_some() {
                self.center = Some(index);
            }
            return;
        };
        let (distance, same_choices) = points[index].distance(&points[center]);
        let is_better = order.merit(&history[index]).is_better(&order.merit(&history[center]));
        if is_better {
            self.center = Some(index);
        }
        if is_start || !same_choices {
            return;
        }
        if is_better {
            if distance > EXPANSION_SHARE * self.radius {
                self.radius = (self.radius * EXPANSION_FACTOR).min(0.5);
            }
        } else if distance <= 2.0 * self.radius {
            self.radius *= options.shrink_factor;
        }
        if self.radius < options.min_radius {
            *self = Self::initial(options, index + 1);
        }
    }

    /// Whether trial `index` belongs to the initial spread of the run.
    pub fn is_start(&self, options: &LocalSearchOptions, index: usize) -> bool {
        index < self.start + options.n_startup_trials || self.center.is_none()
    }
}

/// The regions along a history, cached so that only new trials are processed.
#[derive(Clone, Debug, Default)]
pub(super) struct TrustRegionTrace {
    history_cache: HistoryCache,
    encoder: PointEncoder,
    /// The encoded trials.
    pub(super) points: Vec<Point>,
    /// The region after each trial.
    regions: Vec<TrustRegion>,
}

impl TrustRegionTrace {
    /// The trust region after the whole history.
    pub(super) fn sync(
        &mut self,
        options: &LocalSearchOptions,
        space: &Space,
        history: &[Observation],
    ) -> TrustRegion {
        let same = self.history_cache.sync(space, history);
        if same == 0 {
            self.encoder = PointEncoder::new(space);
        }
        self.points.truncate(same);
        self.regions.truncate(same);
        let mut region =
            self.regions.last().cloned().unwrap_or_else(|| TrustRegion::initial(options, 0));
        let mut orders = GrowingOrder::default();
        for index in same..history.len() {
            self.points.push(self.encoder.point(space, &history[index].configuration));
            let history = &history[..=index];
            region.update(options, history, &self.points, orders.of(history));
            self.regions.push(region.clone());
        }
        region
    }

    /// The encoder of the current space.
    pub(super) fn encoder(&self) -> &PointEncoder {
        &self.encoder
    }
}

//! Where the search is, and how far it dares to go.

use alloc::vec::Vec;

use super::{
    LocalSearchOptions,
    encoder::{Point, PointEncoder},
};
use crate::{samplers::history_cache::HistoryCache, space::Space, trial::Observation};

/// The trust region, as the history determines it.
///
/// A run begins with a few spread trials; the best of them is the first center. From then on a
/// trial that is better than the center becomes the center, and the radius grows if it lay far out;
/// one that is worse, though it lay within reach, makes the radius smaller. When the radius has
/// become tiny the run has converged, and another begins.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct TrustRegion {
    /// Where in the history the run begins.
    pub start: usize,
    /// The best trial of the run, if one has succeeded.
    pub center: Option<usize>,
    /// Half the side of the region, as a share of the unit cube's.
    pub radius: f64,
}

/// A trial farther out than this share of the radius that was still better: the region was too
/// small.
const EXPANSION_SHARE: f64 = 0.7;

/// How much the radius grows then.
const EXPANSION_FACTOR: f64 = 1.6;

impl TrustRegion {
    fn initial(options: &LocalSearchOptions, start: usize) -> Self {
        Self { start, center: None, radius: options.initial_radius }
    }

    /// Takes in the last of these trials; `points` are their places.
    fn update(&mut self, options: &LocalSearchOptions, history: &[Observation], points: &[Point]) {
        let index = history.len() - 1;
        let is_start = self.is_start(options, index);
        let Some(center) = self.center else {
            if history[index].loss.is_some() {
                self.center = Some(index);
            }
            return;
        };
        let (distance, same_choices) = points[index].distance(&points[center]);
        let is_better = history[index]
            .loss
            .is_some_and(|loss| history[center].loss.is_some_and(|best| loss < best));
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

    /// Whether trial `index` of the history belongs to the spread that the run begins with.
    pub fn is_start(&self, options: &LocalSearchOptions, index: usize) -> bool {
        index < self.start + options.n_startup_trials || self.center.is_none()
    }
}

/// What was worked out for a history, trial by trial, so that the next one needs no more than what
/// is new in it.
#[derive(Clone, Debug, Default)]
pub(super) struct TrustRegionTrace {
    history_cache: HistoryCache,
    encoder: PointEncoder,
    /// The trials' places.
    pub(super) points: Vec<Point>,
    /// The region after each trial.
    regions: Vec<TrustRegion>,
}

impl TrustRegionTrace {
    /// Follows the finished trials to the region that they lead to.
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
        for index in same..history.len() {
            self.points.push(self.encoder.point(space, &history[index].configuration));
            region.update(options, &history[..=index], &self.points);
            self.regions.push(region.clone());
        }
        region
    }

    /// The space's parameters by kind.
    pub(super) fn encoder(&self) -> &PointEncoder {
        &self.encoder
    }
}

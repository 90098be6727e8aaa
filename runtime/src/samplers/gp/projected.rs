//! The process on a projection of a large space.

use alloc::{boxed::Box, vec::Vec};

use super::{GpOptions, GpPrediction, GpSampler};
use crate::{
    Result,
    samplers::{
        Fallback, Request, Sampler, Suggestion,
        projection::{Projection, ProjectionCache},
    },
    space::Configuration,
};

/// Maximum number of trials that a projection is modeled with: a refit of a study that is resumed
/// takes nine fits, each cubic in it.
const MAX_TRAIN_POINTS: usize = 100;

/// The projection of a history, and the process that models it.
#[derive(Clone, Debug, Default)]
pub(super) struct ProjectedGp {
    cache: ProjectionCache,
    sampler: GpSampler,
}

impl GpSampler {
    /// As [`explain`](Sampler::explain), on the projection.
    pub(super) fn explain_projected(&mut self, request: &Request<'_>) -> Result<Suggestion> {
        self.on_projection(request, |sampler, inner, projection| {
            let Suggestion { configuration, explanation } = sampler.explain(inner)?;
            let mut rng = projection.rng(request);
            let configuration = projection.lift(request, &configuration, &mut rng);
            let fallback = Fallback::Projection { modeled: inner.space.len() };
            Ok(Suggestion { configuration, explanation }.with_fallback(Some(fallback)))
        })
        .unwrap_or_else(|| self.sobol_point(request))
    }

    /// As [`propose`](Self::propose), on the projection.
    pub(super) fn propose_projected(
        &mut self,
        request: &Request<'_>,
        count: usize,
    ) -> Result<Vec<Configuration>> {
        let proposals = self.on_projection(request, |sampler, inner, projection| {
            let mut rng = projection.rng(request);
            let mut proposals: Vec<Configuration> = Vec::new();
            for proposal in sampler.propose(inner, count)? {
                let lifted = projection.lift(request, &proposal, &mut rng);
                if !proposals.contains(&lifted) {
                    proposals.push(lifted);
                }
            }
            Ok(proposals)
        });
        proposals.unwrap_or_else(|| Ok([self.sobol_point(request)?.configuration].into()))
    }

    /// As [`predict`](Self::predict), on the projection; the candidates are legal.
    pub(super) fn predict_projected(
        &mut self,
        request: &Request<'_>,
        candidates: &[Configuration],
    ) -> Option<Vec<GpPrediction>> {
        self.on_projection(request, |sampler, inner, projection| {
            let candidates: Vec<Configuration> =
                candidates.iter().map(|candidate| projection.project(candidate)).collect();
            sampler.try_predict(inner, &candidates)
        })?
    }

    /// As [`log_feasibility`](Self::log_feasibility), on the projection.
    pub(super) fn log_feasibility_projected(
        &mut self,
        request: &Request<'_>,
        candidates: &[Configuration],
    ) -> Option<Vec<f64>> {
        self.on_projection(request, |sampler, inner, projection| {
            let candidates: Vec<Configuration> =
                candidates.iter().map(|candidate| projection.project(candidate)).collect();
            sampler.log_feasibility(inner, &candidates)
        })?
    }

    /// As [`one_step_ahead`](Self::one_step_ahead): each trial is predicted on the projection that
    /// the trials before it select.
    pub(super) fn one_step_ahead_projected(
        &mut self,
        request: &Request<'_>,
        count: usize,
    ) -> Vec<Option<GpPrediction>> {
        let history = request.history;
        let first = history.len().saturating_sub(count);
        (first..history.len())
            .map(|trial| {
                let before = Request { history: &history[..trial], pending: &[], ..*request };
                let candidate = core::slice::from_ref(&history[trial].configuration);
                self.predict_projected(&before, candidate)?.first().copied()
            })
            .collect()
    }

    /// Calls `of` with the process that models the projection, and the projected request; `None`
    /// where nothing could be projected.
    fn on_projection<T>(
        &mut self,
        request: &Request<'_>,
        of: impl FnOnce(&mut GpSampler, &Request<'_>, &Projection) -> T,
    ) -> Option<T> {
        let mut projected = self.projected.take().unwrap_or_else(|| {
            let max_train_points = self.options.max_train_points.min(MAX_TRAIN_POINTS);
            let options = GpOptions { max_train_points, ..self.options.clone() };
            let sampler = GpSampler { options, ..GpSampler::default() };
            Box::new(ProjectedGp { cache: ProjectionCache::default(), sampler })
        });
        let ProjectedGp { cache, sampler } = &mut *projected;
        cache.project(request, |_| true);
        let result = cache
            .projection()
            .map(|projection| of(sampler, &cache.request(projection, request), projection));
        self.projected = Some(projected);
        result
    }
}

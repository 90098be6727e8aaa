//! Bayesian optimization with a Gaussian process.

mod acquisition;
mod bins;
mod cholesky;
mod covariance_cache;
mod encoding;
mod feasibility;
mod fits;
mod improvement;
mod input_warp;
mod kernel;
mod leave_one_out;
mod likelihood;
mod one_step_ahead;
mod options;
mod posterior;
mod prediction;
mod projected;
mod proposals;
mod search;
mod targets;

pub use bins::ScoreBins;
pub(super) use feasibility::{FeasibilityModel, FeasibilityRater};
pub use options::{GpOptions, TargetWarp};
pub use prediction::{GpPrediction, LossDistribution};

use alloc::{boxed::Box, collections::BTreeMap, format, vec::Vec};

use rand_xoshiro::Xoshiro256PlusPlus;

use self::{
    acquisition::Acquisition,
    covariance_cache::{CovarianceCache, covariance_of},
    encoding::Encoding,
    feasibility::Feasibility,
    fits::FitCache,
    posterior::{Posterior, Scratch},
    projected::ProjectedGp,
    search::{RatedPoint, SearchBudget, SearchResult},
    targets::TargetTransform,
};
use super::{
    Expectation, Explanation, Ranking, Request, Sampler, SobolSampler, Suggestion,
    history_cache::HistoryCache,
    merit::{Merit, TrialOrder, is_success},
    ranking,
    tried_set::{TriedSet, sample_untried},
};
use crate::{
    Error, ErrorKind, Result,
    acquisition::CandidateOrigin,
    space::{Configuration, Space},
    trial::Observation,
};

/// Gaussian process regression with expected improvement.
///
/// The kernel is Matérn-5/2 with one lengthscale per parameter, the hyperparameters are maximum a
/// posteriori estimates, and the suggestion maximizes the logarithm of the expected improvement.
/// Numbers are modeled on the unit interval, on a log scale where the parameter asks for it, and
/// categories by the Hamming distance.
///
/// - Failed trials count as the worst successful one, so that their neighborhood is avoided.
/// - Under constraints, each of which has a process of its own, the suggestion maximizes the
///   expected improvement on the best feasible trial times the probability that all constraints
///   hold; while no trial is feasible, that probability alone.
/// - Pending trials are conditioned on with their posterior means as losses.
/// - A configuration is suggested twice only if the whole space is tried.
/// - A history longer than [`GpOptions::max_train_points`] is modeled in part, and
///   [`Expectation::modeled`] reports the number of trials.
/// - Of more than 40 parameters the 32 that have explained the losses best are modeled, with at
///   most 100 trials; the others have the values of good trials or random ones
///   ([`Fallback::Projection`](super::Fallback::Projection)).
/// - Where a parameter has more than 100 choices, at most 140 trials are modeled.
/// - Of more than 128 pending trials the latest are conditioned on.
///
/// Hyperparameters are fitted to the first 8 trials and again each time that the history has grown
/// by an eighth, each fit starting where the previous one ended; at 16, 32, 64, … trials a fit
/// starts from the prior. A resumed study repeats the fits since then, at most nine. Fits are
/// cached for as long as the history keeps the prefix that they were fitted to.
///
/// J. Močkus, On Bayesian Methods for Seeking the Extremum (1974); D. R. Jones, M. Schonlau, W. J.
/// Welch, Efficient Global Optimization of Expensive Black-Box Functions, Journal of Global
/// Optimization 13 (1998); C. E. Rasmussen & C. K. I. Williams, Gaussian Processes for Machine
/// Learning (2006).
#[derive(Clone, Debug, Default)]
pub struct GpSampler {
    options: GpOptions,
    /// The history that the other fields were computed from.
    history_cache: HistoryCache,
    fits: FitCache,
    covariance: CovarianceCache,
    feasibility: FeasibilityModel,
    /// One-step-ahead predictions by the number of earlier trials; `None` without a prediction.
    one_step_ahead: BTreeMap<usize, Option<GpPrediction>>,
    /// What models a projection of a large space.
    projected: Option<Box<ProjectedGp>>,
}

/// The process conditioned on a history, with its target transform.
struct ConditionedGp<'a> {
    posterior: Posterior,
    transform: TargetTransform,
    /// The training points and their targets.
    kept: Vec<&'a Observation>,
    targets: Vec<f64>,
}

/// Number of the best trials that local samples are drawn around.
const CENTERS: usize = 5;
/// Number of pending trials that the process is conditioned on.
const MAX_PENDING: usize = 128;
/// Number of parameters beyond which a projection of the space is modeled.
const MAX_COLUMNS: usize = 40;
/// Number of choices of a parameter beyond which the model takes fewer trials.
const MANY_CHOICES: u64 = 100;
/// Number of those trials.
const MAX_POINTS_OF_MANY_CHOICES: usize = 140;
/// Optimizer steps per restart.
const REFINEMENT_STEPS: usize = 20;

impl GpSampler {
    /// A sampler with these options.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidValue`](crate::ErrorKind::InvalidValue), naming the option.
    pub fn new(options: GpOptions) -> Result<Self> {
        options.check()?;
        Ok(Self { options, ..Self::default() })
    }

    /// The options.
    pub fn options(&self) -> &GpOptions {
        &self.options
    }

    /// Predictions for the `candidates` given the history and the pending trials of the request,
    /// with the hyperparameters, transform and posterior of [`suggest`](Sampler::suggest). The
    /// number and the seed of the request have no effect.
    ///
    /// With fewer trials than [`GpOptions::n_startup_trials`], where `suggest` has no model, the
    /// hyperparameters are the initial guess.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidValue`], naming the candidate, if one is not legal in the space;
    /// [`ErrorKind::Unsupported`] if fewer than two trials succeeded, or if the covariance is
    /// numerically singular.
    pub fn predict(
        &mut self,
        request: &Request<'_>,
        candidates: &[Configuration],
    ) -> Result<Vec<GpPrediction>> {
        for (index, candidate) in candidates.iter().enumerate() {
            request.space.validate_values(candidate).map_err(|error| {
                Error::new(error.kind(), format!("candidate {index}: {}", error.context()))
            })?;
        }
        self.try_predict(request, candidates).ok_or_else(|| {
            let context = "gp: predictions need two trials that succeeded, and covariances that \
                           can be factored";
            Error::new(ErrorKind::Unsupported, context)
        })
    }

    /// The predictions for legal candidates; `None` where there is nothing to predict from.
    fn try_predict(
        &mut self,
        request: &Request<'_>,
        candidates: &[Configuration],
    ) -> Option<Vec<GpPrediction>> {
        if is_projected(request.space) {
            return self.predict_projected(request, candidates);
        }
        let encoding = Encoding::new(request.space);
        let conditioned = self.condition(request, &encoding)?;
        let mut rows = Vec::with_capacity(candidates.len() * encoding.columns());
        candidates.iter().for_each(|candidate| encoding.push(candidate, &mut rows));
        Some(conditioned.predict(&rows))
    }

    /// A quasi-random suggestion, for requests without a model.
    fn sobol_point(&self, request: &Request<'_>) -> Result<Suggestion> {
        let configuration = SobolSampler.suggest(request)?;
        let tried = TriedSet::new(request);
        if tried.contains(&configuration) {
            let configuration = sample_untried(request.space, &tried, &mut request.rng());
            return Ok(Suggestion::plain(configuration, self.name(), CandidateOrigin::Draw));
        }
        Ok(Suggestion::plain(configuration, self.name(), CandidateOrigin::Spread))
    }

    /// Whether the request belongs to the startup trials.
    fn is_starting(&self, history: &[Observation]) -> bool {
        history.len() < self.options.n_startup_trials || !has_two_losses(history)
    }

    /// The options, with fewer training points where a parameter has very many choices.
    fn options_for(&self, space: &Space) -> GpOptions {
        let mut options = self.options.clone();
        if has_many_choices(space) {
            options.max_train_points = options.max_train_points.min(MAX_POINTS_OF_MANY_CHOICES);
        }
        options
    }

    /// Drops the cached state that does not belong to this history.
    fn sync(&mut self, space: &Space, history: &[Observation]) {
        let same = self.history_cache.sync(space, history);
        self.fits.truncate(same);
        self.one_step_ahead.split_off(&same);
        self.covariance.truncate(same, same);
    }

    /// The process conditioned on the history and the pending trials; `None` if fewer than two
    /// trials succeeded or the covariance is numerically singular.
    fn condition<'a>(
        &mut self,
        request: &Request<'a>,
        encoding: &Encoding<'_>,
    ) -> Option<ConditionedGp<'a>> {
        let Request { space, history, .. } = *request;
        if !has_two_losses(history) {
            return None;
        }
        self.sync(space, history);
        let options = self.options_for(space);
        let fit = self.fits.current(history, encoding, &options);
        let kept = targets::select_training_points(history, options.max_train_points);
        let (targets, transform) = targets::standardize(&kept, fit.warp);
        let mut scratch = Scratch::default();
        let covariance = if kept.len() == history.len() {
            self.covariance.extended(&fit, history.iter(), encoding, &mut scratch)?.clone()
        } else {
            covariance_of(&fit, &kept, encoding, &mut scratch)?
        };
        let eligible = targets::eligible(&kept);
        let mut posterior = Posterior::new(covariance, &targets, |index| eligible[index]);
        let latest = request.pending.len().saturating_sub(MAX_PENDING);
        for pending in &request.pending[latest..] {
            let mut row = Vec::with_capacity(encoding.columns());
            encoding.push(pending, &mut row);
            posterior.condition_on_pending(&row, &mut scratch);
        }
        Some(ConditionedGp { posterior, transform, kept, targets })
    }

    /// The model of the constraints, conditioned on the history; `None` in a study without them.
    fn condition_feasibility(
        &mut self,
        request: &Request<'_>,
        encoding: &Encoding<'_>,
    ) -> Option<Feasibility> {
        let options = self.options_for(request.space);
        self.feasibility.condition(request, encoding, &options)
    }

    /// The logarithm of the probability that all constraints hold, for each of the candidates,
    /// which are legal; `None` in a study without constraints.
    pub(super) fn log_feasibility(
        &mut self,
        request: &Request<'_>,
        candidates: &[Configuration],
    ) -> Option<Vec<f64>> {
        if is_projected(request.space) {
            return self.log_feasibility_projected(request, candidates);
        }
        Some(self.feasibility_rater(request)?.log_probabilities(candidates))
    }

    /// The model of the constraints, of a space that is not projected; `None` in a study without
    /// them.
    pub(super) fn feasibility_rater<'a>(
        &mut self,
        request: &Request<'a>,
    ) -> Option<FeasibilityRater<'a>> {
        let options = self.options_for(request.space);
        self.feasibility.rater(request, &options)
    }

    /// Maximizes the acquisition function, with `extra_restarts` beyond those of the options.
    fn search(
        &self,
        request: &Request<'_>,
        encoding: &Encoding<'_>,
        conditioned: &ConditionedGp<'_>,
        feasibility: Option<&Feasibility>,
        extra_restarts: usize,
        rng: &mut Xoshiro256PlusPlus,
    ) -> SearchResult {
        let ConditionedGp { posterior, kept, targets, .. } = conditioned;
        let mut ranked: Vec<usize> = (0..kept.len()).collect();
        let order = TrialOrder::new(kept.iter().copied());
        let merit = |index: &usize| match order.merit(kept[*index]) {
            Merit::Feasible(_) => Merit::Feasible(targets[*index]),
            merit => merit,
        };
        ranked.sort_by(|one, other| merit(one).total_cmp(&merit(other)));
        let best: Vec<Vec<f64>> = ranked
            .iter()
            .filter(|index| kept[**index].loss.is_some())
            .take(CENTERS)
            .map(|index| request.space.to_unit(&kept[*index].configuration))
            .collect();
        let GpOptions { raw_samples, local_samples, num_restarts, .. } = self.options;
        let budget = SearchBudget {
            raw_samples,
            local_samples,
            num_restarts,
            max_steps: REFINEMENT_STEPS,
            extra_restarts,
        };
        let acquisition = Acquisition { loss: posterior, feasibility };
        search::search(acquisition, encoding, &best, budget, rng)
    }
}

impl ConditionedGp<'_> {
    /// Predictions for `rows`, `[points, columns]`.
    fn predict(&self, rows: &[f64]) -> Vec<GpPrediction> {
        let Self { posterior, transform, .. } = self;
        let (noise_variance, incumbent, transform) =
            (posterior.noise_variance(), posterior.incumbent(), *transform);
        let mut predictions = Vec::new();
        posterior.predict_each(rows, &mut Scratch::default(), |mean, deviation| {
            predictions.push(GpPrediction {
                mean,
                deviation,
                noise_variance,
                incumbent,
                transform,
            });
        });
        predictions
    }
}

impl Sampler for GpSampler {
    fn name(&self) -> &'static str {
        "gp"
    }

    fn suggest(&mut self, request: &Request<'_>) -> Result<Configuration> {
        Ok(self.explain(request)?.configuration)
    }

    fn explain(&mut self, request: &Request<'_>) -> Result<Suggestion> {
        if self.is_starting(request.history) {
            return self.sobol_point(request);
        }
        if is_projected(request.space) {
            return self.explain_projected(request);
        }
        let encoding = Encoding::new(request.space);
        let Some(conditioned) = self.condition(request, &encoding) else {
            // The covariance is numerically singular.
            return self.sobol_point(request);
        };
        let feasibility = self.condition_feasibility(request, &encoding);
        let mut rng = request.rng();
        let SearchResult { points, .. } =
            self.search(request, &encoding, &conditioned, feasibility.as_ref(), 0, &mut rng);
        let tried = TriedSet::new(request);
        let Some((configuration, point)) = best_untried(request.space, &tried, &points) else {
            let configuration = sample_untried(request.space, &tried, &mut rng);
            return Ok(Suggestion::plain(configuration, self.name(), CandidateOrigin::Draw));
        };
        let mut row = Vec::with_capacity(encoding.columns());
        encoding.push(&configuration, &mut row);
        let prediction = conditioned.predict(&row)[0];
        let latent = prediction.latent();
        let (mean, deviation) = (latent.mean(), latent.deviation());
        let range = latent.loss(mean + deviation) - latent.loss(mean - deviation);
        let modeled = conditioned.kept.len();
        let modeled = (modeled < request.history.len()).then_some(modeled);
        let expectation =
            Expectation::new(latent.median(), 0.5 * range, prediction.expected_improvement())
                .map(|expectation| Expectation { modeled, ..expectation });
        let (sampler, origin) = (self.name(), point.origin);
        let feasibility = feasibility.map(|feasibility| feasibility.probability(&row));
        let explanation = Explanation {
            sampler,
            origin,
            expectation,
            transformer_weight: None,
            feasibility,
            fallback: None,
        };
        Ok(Suggestion { configuration, explanation })
    }

    /// Ranks by the logarithm of the expected improvement, which tells apart what is far below the
    /// rounding of the improvement itself.
    fn choose(&mut self, request: &Request<'_>, candidates: &[Configuration]) -> Result<Ranking> {
        ranking::check(request, candidates)?;
        let Some(predictions) = self.try_predict(request, candidates) else {
            return Ok(Ranking::random(request, candidates.len()));
        };
        let mut logarithms: Vec<f64> =
            predictions.iter().map(GpPrediction::log_expected_improvement).collect();
        let mut values: Vec<f64> =
            predictions.iter().map(GpPrediction::expected_improvement).collect();
        if let Some(feasible) = self.log_feasibility(request, candidates) {
            weigh(request, &feasible, &mut logarithms, &mut values);
        }
        let order = ranking::descending(&logarithms);
        Ok(Ranking { sampler: self.name(), order, values })
    }
}

/// Whether a parameter has too many choices for the model to take all trials.
fn has_many_choices(space: &Space) -> bool {
    space.parameters().iter().any(|parameter| {
        let domain = parameter.domain();
        domain.is_categorical() && domain.levels().is_some_and(|levels| levels > MANY_CHOICES)
    })
}

/// Whether a space has too many parameters to be modeled without a projection.
pub(super) fn is_projected(space: &Space) -> bool {
    space.len() > MAX_COLUMNS
}

/// The best point with an untried configuration.
fn best_untried<'a>(
    space: &Space,
    tried: &TriedSet<'_>,
    points: &'a [RatedPoint],
) -> Option<(Configuration, &'a RatedPoint)> {
    points
        .iter()
        .map(|point| (space.from_unit(&point.unit), point))
        .find(|(configuration, _)| !tried.contains(configuration))
}

/// Whether at least two trials succeeded.
fn has_two_losses(history: &[Observation]) -> bool {
    history.iter().filter(|trial| trial.loss.is_some()).nth(1).is_some()
}

/// Weighs improvements, and their logarithms, by the logarithms of the probability of feasibility;
/// while no trial is feasible they are the probability alone.
fn weigh(request: &Request<'_>, feasible: &[f64], logarithms: &mut [f64], values: &mut [f64]) {
    let improves = request.history.iter().any(is_success);
    for ((logarithm, value), feasible) in logarithms.iter_mut().zip(values).zip(feasible) {
        (*logarithm, *value) = if improves {
            (*logarithm + feasible, *value * libm::exp(*feasible))
        } else {
            (*feasible, libm::exp(*feasible))
        };
    }
}

#[cfg(test)]
mod tests;

//! Bayesian optimisation with a Gaussian process.

mod bins;
mod cholesky;
mod encoding;
mod fits;
mod improvement;
mod input_warp;
mod kernel;
mod likelihood;
mod minimise;
mod one_step_ahead;
mod options;
mod posterior;
mod prediction;
mod proposals;
mod search;
mod targets;

pub use bins::ScoreBins;
pub use options::{GpOptions, Warp};
pub use prediction::{GpPrediction, LossDistribution};

use alloc::{collections::BTreeMap, format, vec::Vec};

use rand_xoshiro::Xoshiro256PlusPlus;

use self::{
    encoding::Encoding,
    fits::{Fit, Fits},
    posterior::{Covariance, Posterior, Scratch},
    search::{Effort, Found, Search},
    targets::Scale,
};
use super::{
    Expectation, Explanation, Request, Sampler, SobolSampler, Suggestion,
    history_cache::HistoryCache,
    tried_set::{TriedSet, sample_untried},
};
use crate::{
    Error, ErrorKind, Result,
    acquisition::CandidateOrigin,
    space::{Configuration, Space},
    trial::Observation,
};

/// A Gaussian process with expected improvement.
///
/// The losses are modelled by a process with a Matérn-5/2 kernel, one length scale a parameter,
/// whose hyperparameters are the most probable ones; the configuration with the largest expected
/// improvement is suggested. Numbers are modelled on the unit interval, in the logarithm where the
/// parameter says so, categories by whether they are the same.
///
/// - Failed trials count as bad as the worst one that did not fail, so that their neighbourhood is
///   avoided.
/// - Pending trials are taken for observed, with the loss that is expected of them.
/// - What was tried is not tried again as long as something else is left.
/// - Of a history longer than [`GpOptions::most_trials`] a part is modelled, and
///   [`Expectation::modeled`] says how much.
///
/// Hyperparameters are fitted to the first 8, 9, 10, … trials, then each time that these have grown
/// by an eighth, each fit beginning where the one before ended; at 16, 32, 64, … trials they are
/// fitted from scratch. A history that comes whole, as when a study is resumed, costs the fits
/// since then (at most nine); they are kept as long as the history begins with what they were
/// fitted to.
///
/// J. Močkus, On Bayesian Methods for Seeking the Extremum (1974); D. R. Jones, M. Schonlau, W. J.
/// Welch, Efficient Global Optimization of Expensive Black-Box Functions, Journal of Global
/// Optimization 13 (1998); C. E. Rasmussen & C. K. I. Williams, Gaussian Processes for Machine
/// Learning (2006).
#[derive(Clone, Debug, Default)]
pub struct GpSampler {
    options: GpOptions,
    /// What the rest was worked out from.
    trail: HistoryCache,
    fits: Fits,
    covariance: Option<KeptCovariance>,
    /// One-step-ahead predictions by the number of earlier trials; `None` where nothing could be
    /// said.
    ahead: BTreeMap<usize, Option<GpPrediction>>,
}

/// The covariance of the first trials of the history, under the hyperparameters of a fit.
#[derive(Clone, Debug)]
struct KeptCovariance {
    /// To so many trials.
    fit: usize,
    covariance: Covariance,
}

/// The process given a history, and what its targets mean.
struct Conditioned<'a> {
    posterior: Posterior,
    transform: Scale,
    /// The trials that are modelled, with their targets.
    kept: Vec<&'a Observation>,
    targets: Vec<f64>,
}

/// So many good trials are searched around.
const CENTRES: usize = 5;
/// Steps of the refinement of each start.
const REFINEMENT: usize = 20;

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

    /// What the process expects of each of the `candidates`, given the history and the pending
    /// trials of the request: with the very hyperparameters, transform and posterior that
    /// [`suggest`](Sampler::suggest) has for it. Number and seed of the request do not matter.
    ///
    /// Of fewer trials than [`GpOptions::startup_trials`], of which `suggest` models none, it is
    /// the posterior under the hyperparameters from which fits begin.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidValue`], naming the candidate, where one is not legal in the space;
    /// [`ErrorKind::Unsupported`] where there is nothing to predict from: fewer than two trials
    /// succeeded, or rounding has defeated the factorization.
    pub fn predict(
        &mut self,
        request: &Request<'_>,
        candidates: &[Configuration],
    ) -> Result<Vec<GpPrediction>> {
        for (index, candidate) in candidates.iter().enumerate() {
            request.space.validate(candidate).map_err(|error| {
                Error::new(error.kind(), format!("candidate {index}: {}", error.context()))
            })?;
        }
        let encoding = Encoding::new(request.space);
        let conditioned = self.condition(request, &encoding).ok_or_else(|| {
            let context = "gp: predictions need two trials that succeeded, and covariances that \
                           can be factored";
            Error::new(ErrorKind::Unsupported, context)
        })?;
        let mut rows = Vec::with_capacity(candidates.len() * encoding.columns());
        candidates.iter().for_each(|candidate| encoding.push(candidate, &mut rows));
        Ok(conditioned.predict(&rows))
    }

    /// A point of the even spread, where there is nothing to model.
    fn spread(&self, request: &Request<'_>) -> Result<Suggestion> {
        let configuration = SobolSampler.suggest(request)?;
        let known = TriedSet::new(request);
        if known.contains(&configuration) {
            let configuration = sample_untried(request.space, &known, &mut request.rng());
            return Ok(Suggestion::plain(configuration, self.name(), CandidateOrigin::Draw));
        }
        Ok(Suggestion::plain(configuration, self.name(), CandidateOrigin::Spread))
    }

    /// Whether the history is still an even spread.
    fn is_starting(&self, history: &[Observation]) -> bool {
        history.len() < self.options.startup_trials || !has_two(history)
    }

    /// Forgets what was worked out from another history.
    fn follow(&mut self, space: &Space, history: &[Observation]) {
        let same = self.trail.sync(space, history);
        self.fits.truncate(same);
        self.ahead.split_off(&same);
        if let Some(kept) = &mut self.covariance {
            kept.covariance.truncate(same);
        }
        if self.covariance.as_ref().is_some_and(|kept| kept.fit > same) {
            self.covariance = None;
        }
    }

    /// The process given the history and what is pending; `None` where fewer than two trials
    /// succeeded, and where rounding defeats the factorization.
    fn condition<'a>(
        &mut self,
        request: &Request<'a>,
        encoding: &Encoding<'_>,
    ) -> Option<Conditioned<'a>> {
        let Request { space, history, .. } = *request;
        if !has_two(history) {
            return None;
        }
        self.follow(space, history);
        let fit = self.fits.in_force(history, encoding, &self.options);
        let kept = targets::keep(history, self.options.most_trials);
        let (targets, transform) = targets::standardised(&kept, fit.warp);
        let mut scratch = Scratch::default();
        let covariance = if kept.len() == history.len() {
            self.covariance(&fit, history, encoding, &mut scratch)?.clone()
        } else {
            covariance_of(&fit, &kept, encoding, &mut scratch)?
        };
        let mut posterior = Posterior::new(covariance, &targets);
        for pending in request.pending {
            let mut row = Vec::with_capacity(encoding.columns());
            encoding.push(pending, &mut row);
            posterior.believe(&row, &mut scratch);
        }
        Some(Conditioned { posterior, transform, kept, targets })
    }

    /// The covariance of at least all of the trials; what is kept is extended, which gives the same
    /// bits as to begin from nothing.
    fn covariance(
        &mut self,
        fit: &Fit,
        history: &[Observation],
        encoding: &Encoding<'_>,
        scratch: &mut Scratch,
    ) -> Option<&Covariance> {
        let mut kept =
            self.covariance.take().filter(|kept| kept.fit == fit.trials).unwrap_or_else(|| {
                KeptCovariance {
                    fit: fit.trials,
                    covariance: Covariance::new(
                        fit.hyperparameters.clone(),
                        encoding.categorical(),
                    ),
                }
            });
        let missing = history.iter().skip(kept.covariance.len());
        let complete = extend(&mut kept.covariance, missing, encoding, scratch);
        let kept = self.covariance.insert(kept);
        complete.map(|()| &kept.covariance)
    }

    /// Looks for the largest expected improvement, with the options' effort and `further` starts
    /// more.
    fn search(
        &self,
        request: &Request<'_>,
        encoding: &Encoding<'_>,
        conditioned: &Conditioned<'_>,
        further: usize,
        generator: &mut Xoshiro256PlusPlus,
    ) -> Search {
        let Conditioned { posterior, kept, targets, .. } = conditioned;
        let mut ranked: Vec<usize> = (0..kept.len()).collect();
        ranked.sort_by(|one, other| targets[*one].total_cmp(&targets[*other]));
        let best: Vec<Vec<f64>> = ranked
            .iter()
            .filter(|index| kept[**index].loss.is_some())
            .take(CENTRES)
            .map(|index| request.space.to_unit(&kept[*index].configuration))
            .collect();
        let GpOptions { spread, near, starts, .. } = self.options;
        let effort = Effort { spread, near, starts, steps: REFINEMENT, further };
        search::search(posterior, encoding, &best, effort, generator)
    }
}

impl Conditioned<'_> {
    /// What is expected of `rows`, `[points, columns]`.
    fn predict(&self, rows: &[f64]) -> Vec<GpPrediction> {
        let Self { posterior, transform, .. } = self;
        let (noise, best, transform) = (posterior.noise(), posterior.best(), *transform);
        let mut predictions = Vec::new();
        posterior.predict_each(rows, &mut Scratch::default(), |mean, deviation| {
            predictions.push(GpPrediction { mean, deviation, noise, best, transform });
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
            return self.spread(request);
        }
        let encoding = Encoding::new(request.space);
        let Some(conditioned) = self.condition(request, &encoding) else {
            // Rounding has defeated the factorisation: an honest spread is better than none.
            return self.spread(request);
        };
        let mut generator = request.rng();
        let Search { found, .. } = self.search(request, &encoding, &conditioned, 0, &mut generator);
        let known = TriedSet::new(request);
        let Some((configuration, found)) = fresh(request.space, &known, &found) else {
            let configuration = sample_untried(request.space, &known, &mut generator);
            return Ok(Suggestion::plain(configuration, self.name(), CandidateOrigin::Draw));
        };
        let mut row = Vec::with_capacity(encoding.columns());
        encoding.push(&configuration, &mut row);
        let prediction = conditioned.predict(&row)[0];
        let latent = prediction.latent();
        let (mean, deviation) = (latent.mean(), latent.deviation());
        let range = latent.loss(mean + deviation) - latent.loss(mean - deviation);
        let modelled = conditioned.kept.len();
        let modelled = (modelled < request.history.len()).then_some(modelled);
        let expectation =
            Expectation::new(latent.median(), 0.5 * range, prediction.expected_improvement())
                .map(|expectation| Expectation { modeled: modelled, ..expectation });
        let (sampler, origin) = (self.name(), found.origin);
        let explanation = Explanation { sampler, origin, expectation, transformer_weight: None };
        Ok(Suggestion { configuration, explanation })
    }
}

/// The most promising point whose configuration was not tried.
fn fresh<'a>(
    space: &Space,
    known: &TriedSet<'_>,
    found: &'a [Found],
) -> Option<(Configuration, &'a Found)> {
    found
        .iter()
        .map(|found| (space.from_unit(&found.unit), found))
        .find(|(configuration, _)| !known.contains(configuration))
}

/// Whether at least two trials succeeded.
fn has_two(history: &[Observation]) -> bool {
    history.iter().filter(|trial| trial.loss.is_some()).nth(1).is_some()
}

/// The covariance of trials; `None` where rounding defeats the factorization.
fn covariance_of(
    fit: &Fit,
    trials: &[&Observation],
    encoding: &Encoding<'_>,
    scratch: &mut Scratch,
) -> Option<Covariance> {
    let mut covariance = Covariance::new(fit.hyperparameters.clone(), encoding.categorical());
    extend(&mut covariance, trials.iter().copied(), encoding, scratch)?;
    Some(covariance)
}

/// Adds trials to a covariance; `None` where rounding defeats the factorization.
fn extend<'a>(
    covariance: &mut Covariance,
    trials: impl Iterator<Item = &'a Observation>,
    encoding: &Encoding<'_>,
    scratch: &mut Scratch,
) -> Option<()> {
    let mut row = Vec::with_capacity(encoding.columns());
    for trial in trials {
        row.clear();
        encoding.push(&trial.configuration, &mut row);
        if !covariance.push(&row, scratch) {
            return None;
        }
    }
    Some(())
}

#[cfg(test)]
mod tests;

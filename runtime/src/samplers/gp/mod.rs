//! Bayesian optimisation with a Gaussian process.

mod cholesky;
mod encoding;
mod improvement;
mod kernel;
mod likelihood;
mod minimise;
mod options;
mod posterior;
mod search;
mod targets;

pub use options::{GpOptions, Warp};

use alloc::{vec, vec::Vec};

use self::{
    encoding::Encoding,
    improvement::log_expected_improvement,
    kernel::{Differences, Hyperparameters},
    likelihood::Likelihood,
    posterior::{Posterior, Scratch},
    search::Effort,
};
use super::{
    Expectation, Explanation, Request, Sampler, SobolSampler, Suggestion,
    history_cache::HistoryCache,
    tried_set::{TriedSet, sample_untried},
};
use crate::{Result, acquisition::CandidateOrigin, space::Configuration, trial::Observation};

/// A Gaussian process with expected improvement.
///
/// The losses are modelled by a process with a Matérn-5/2 kernel, one length scale a parameter, whose hyperparameters are the most
/// probable ones; the configuration with the largest expected improvement is suggested. Numbers are modelled on the unit interval, in
/// the logarithm where the parameter says so, categories by whether they are the same.
///
/// - Failed trials count as bad as the worst one that did not fail, so that their neighbourhood is avoided.
/// - Pending trials are taken for observed, with the loss that is expected of them.
/// - What was tried is not tried again as long as something else is left.
/// - Of a history longer than [`GpOptions::most_trials`] a part is modelled, and [`Expectation::modeled`] says how much.
///
/// Hyperparameters are fitted to the first 8, 9, 10, … trials, then each time that these have grown by an eighth, each fit beginning where the one
/// before ended; at 16, 32, 64, … trials they are fitted from scratch. A history that comes whole, as when a study is resumed, costs the fits since then (at
/// most nine); they are kept as long as the history begins with what they were fitted to.
///
/// J. Močkus, On Bayesian Methods for Seeking the Extremum (1974); D. R. Jones, M. Schonlau, W. J. Welch, Efficient Global
/// Optimization of Expensive Black-Box Functions, Journal of Global Optimization 13 (1998); C. E. Rasmussen & C. K. I. Williams,
/// Gaussian Processes for Machine Learning (2006).
#[derive(Clone, Debug, Default)]
pub struct GpSampler {
    options: GpOptions,
    trail: HistoryCache,
    fits: Vec<Fit>,
}

/// Hyperparameters fitted to the beginning of a history.
#[derive(Clone, Debug)]
struct Fit {
    /// To so many trials.
    trials: usize,
    hyperparameters: Hyperparameters,
    /// Whether the losses were warped.
    warp: bool,
}

/// So many good trials are searched around.
const CENTRES: usize = 5;
/// Steps of a fit.
const STEPS: usize = 15;

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

    /// The hyperparameters for a history; kept fits are used where they were fitted to the same trials.
    fn hyperparameters(
        &mut self,
        history: &[Observation],
        encoding: &Encoding<'_>,
    ) -> (Hyperparameters, bool) {
        let same = self.trail.sync(encoding.space(), history);
        self.fits.retain(|fit| fit.trials <= same);
        // The chain of fits begins anew each time that the history has doubled, so that one that comes whole costs a few fits, not all of them.
        let mut trials = self.options.startup_trials.min(history.len());
        while trials > 0 && 2 * trials <= history.len() {
            trials *= 2;
        }
        let mut current = (first_guess(encoding.columns()), false);
        let mut number = 0;
        loop {
            if let Some(fit) = self.fits.get(number).filter(|fit| fit.trials == trials) {
                current = (fit.hyperparameters.clone(), fit.warp);
            } else {
                self.fits.truncate(number);
                current = fit(&history[..trials], encoding, &self.options, &current.0);
                let (hyperparameters, warp) = current.clone();
                self.fits.push(Fit { trials, hyperparameters, warp });
            }
            number += 1;
            let next = trials + (trials / 8).max(1);
            if next > history.len() {
                return current;
            }
            trials = next;
        }
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
        let succeeded = request.history.iter().filter(|trial| trial.loss.is_some()).count();
        if request.history.len() < self.options.startup_trials || succeeded < 2 {
            return self.spread(request);
        }
        let space = request.space;
        let encoding = Encoding::new(space);
        let (hyperparameters, warp) = self.hyperparameters(request.history, &encoding);
        let kept = targets::keep(request.history, self.options.most_trials);
        let (losses, scale) = targets::standardised(&kept, warp);
        let mut rows = Vec::with_capacity(kept.len() * encoding.columns());
        for trial in &kept {
            encoding.push(&trial.configuration, &mut rows);
        }
        let mut generator = request.rng();
        let posterior = Posterior::new(&hyperparameters, encoding.categorical(), rows, &losses);
        let Some(mut posterior) = posterior else {
            // Rounding has defeated the factorisation: an honest spread is better than none.
            return self.spread(request);
        };
        let mut scratch = Scratch::default();
        for pending in request.pending {
            let mut row = Vec::with_capacity(encoding.columns());
            encoding.push(pending, &mut row);
            posterior.believe(&row, &mut scratch);
        }
        let mut ranked: Vec<usize> = (0..kept.len()).collect();
        ranked.sort_by(|one, other| losses[*one].total_cmp(&losses[*other]));
        let best: Vec<Vec<f64>> = ranked
            .iter()
            .filter(|index| kept[**index].loss.is_some())
            .take(CENTRES)
            .map(|index| space.to_unit(&kept[*index].configuration))
            .collect();
        let GpOptions { spread, near, starts, .. } = self.options;
        let effort = Effort { spread, near, starts, steps: 20 };
        let found = search::search(&posterior, &encoding, &best, effort, &mut generator);
        let known = TriedSet::new(request);
        let fresh = found
            .into_iter()
            .map(|found| (space.from_unit(&found.unit), found))
            .find(|(configuration, _)| !known.contains(configuration));
        let Some((configuration, found)) = fresh else {
            let configuration = sample_untried(space, &known, &mut generator);
            return Ok(Suggestion::plain(configuration, self.name(), CandidateOrigin::Draw));
        };
        let mut row = Vec::with_capacity(encoding.columns());
        encoding.push(&configuration, &mut row);
        let (mean, deviation) = posterior.predict(&row, &mut scratch);
        let (rating, ..) = log_expected_improvement(mean, deviation, posterior.best());
        let range = scale.loss(mean + deviation) - scale.loss(mean - deviation);
        let improvement = scale.gain(libm::exp(rating));
        let modelled = (kept.len() < request.history.len()).then_some(kept.len());
        let expectation = Expectation::new(scale.loss(mean), 0.5 * range, improvement)
            .map(|expectation| Expectation { modeled: modelled, ..expectation });
        let (sampler, origin) = (self.name(), found.origin);
        let explanation = Explanation { sampler, origin, expectation };
        Ok(Suggestion { configuration, explanation })
    }
}

fn first_guess(columns: usize) -> Hyperparameters {
    Hyperparameters { weights: vec![1.0; columns], scale: 1.0, noise: 1e-2 }
}

/// The most probable hyperparameters, searched for from `current` or from the first guess, whichever is likelier, and whether the losses are to be warped.
fn fit(
    history: &[Observation],
    encoding: &Encoding<'_>,
    options: &GpOptions,
    current: &Hyperparameters,
) -> (Hyperparameters, bool) {
    let kept = targets::keep(history, options.most_trials);
    if kept.iter().filter(|trial| trial.loss.is_some()).count() < 2 {
        return (current.clone(), false);
    }
    let mut rows = Vec::with_capacity(kept.len() * encoding.columns());
    for trial in &kept {
        encoding.push(&trial.configuration, &mut rows);
    }
    let differences = Differences::of(&rows, encoding.categorical());
    let guess = first_guess(encoding.columns());
    let warps: &[bool] = match options.warp {
        Warp::Never => &[false],
        Warp::Always => &[true],
        Warp::Likelier => &[false, true],
    };
    let fits = warps.iter().map(|warp| {
        let (losses, scale) = targets::standardised(&kept, *warp);
        let mut likelihood = Likelihood::new(&differences, &losses, encoding.columns());
        let from = [current, &guess]
            .map(|start| likelihood.improve(start, 0))
            .into_iter()
            .min_by(|one, other| one.1.total_cmp(&other.1))
            .map_or(guess.clone(), |(start, _)| start);
        let (fitted, loss) = likelihood.improve(&from, STEPS);
        // Densities of the losses themselves, whatever scale they are modelled on.
        let loss = loss - scale.log_slope(&kept);
        (loss, if loss.is_finite() { fitted } else { from }, *warp)
    });
    fits.min_by(|one, other| one.0.total_cmp(&other.0))
        .map_or((guess.clone(), false), |(_, fitted, warp)| (fitted, warp))
}

#[cfg(test)]
mod tests;

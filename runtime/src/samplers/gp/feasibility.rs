//! The probability that the constraints of a study hold.

use alloc::vec::Vec;

use super::{
    GpOptions, MAX_PENDING,
    covariance_cache::{CovarianceCache, covariance_of},
    encoding::Encoding,
    fits::{FitCache, warped_columns},
    kernel::{Hyperparameters, PairwiseSquaredDistances},
    likelihood::MarginalLikelihood,
    posterior::{Posterior, Scratch},
    targets::select_training_points,
};
use crate::{
    math::normal,
    samplers::{
        Request,
        constraint_values::{MAX_MODELED, standardize, values_of},
        history_cache::HistoryCache,
        merit::{constraint_count, is_success},
    },
    space::Configuration,
    trial::Observation,
};

/// Optimizer steps per fit.
const STEPS: usize = 15;
/// Number of standard deviations above the bound that a pending trial is taken to have.
const PENDING_MARGIN: f64 = 1.0;

/// One Gaussian process for each constraint, on its values at the trials that reported it.
///
/// Fits and covariances are cached by prefixes of the history, and change no bit of a prediction.
/// Of more than [`MAX_MODELED`] constraints the last process models the largest of the others.
#[derive(Clone, Debug, Default)]
pub(crate) struct FeasibilityModel {
    history_cache: HistoryCache,
    /// Number of constraints that the caches belong to.
    count: usize,
    constraints: Vec<ConstraintCache>,
}

/// What is kept of a constraint.
#[derive(Clone, Debug, Default)]
struct ConstraintCache {
    fits: FitCache,
    covariance: CovarianceCache,
}

/// The processes conditioned on a history.
pub(super) struct Feasibility {
    constraints: Vec<ConditionedConstraint>,
    columns: usize,
    has_feasible: bool,
}

struct ConditionedConstraint {
    posterior: Posterior,
    /// The target at which the constraint holds just so.
    bound: f64,
}

impl FeasibilityModel {
    /// The model of a request; `None` in a study without constraints.
    ///
    /// Pending trials matter only while no trial is feasible, where nothing else would keep
    /// suggestions away from them: each is taken to be infeasible.
    pub(super) fn condition(
        &mut self,
        request: &Request<'_>,
        encoding: &Encoding<'_>,
        options: &GpOptions,
    ) -> Option<Feasibility> {
        let Request { space, history, pending, .. } = *request;
        let count = constraint_count(history);
        if count == 0 {
            return None;
        }
        let same = self.history_cache.sync(space, history);
        if self.count != count {
            self.count = count;
            self.constraints.clear();
        }
        self.constraints.resize_with(count.min(MAX_MODELED), ConstraintCache::default);
        let has_feasible = history.iter().any(is_success);
        let believed = if has_feasible { 0 } else { pending.len().min(MAX_PENDING) };
        let given = Given {
            history,
            same,
            kept: select_training_points(history, options.max_train_points),
            pending: &pending[pending.len() - believed..],
            count,
            encoding,
            options,
        };
        let mut scratch = Scratch::default();
        let constraints = self.constraints.iter_mut().enumerate();
        let constraints = constraints
            .filter_map(|(index, cache)| cache.condition(index, &given, &mut scratch))
            .collect();
        Some(Feasibility { constraints, columns: encoding.columns(), has_feasible })
    }

    /// The model of a request, to rate configurations by; `None` in a study without constraints.
    pub(crate) fn rater<'a>(
        &mut self,
        request: &Request<'a>,
        options: &GpOptions,
    ) -> Option<FeasibilityRater<'a>> {
        let encoding = Encoding::new(request.space);
        let feasibility = self.condition(request, &encoding, options)?;
        Some(FeasibilityRater { encoding, feasibility })
    }
}

/// What the processes of all constraints are conditioned on.
struct Given<'a> {
    history: &'a [Observation],
    /// Length of the prefix that the caches belong to.
    same: usize,
    /// The training points.
    kept: Vec<&'a Observation>,
    pending: &'a [Configuration],
    /// Number of constraints.
    count: usize,
    encoding: &'a Encoding<'a>,
    options: &'a GpOptions,
}

impl ConstraintCache {
    /// The process of constraint `index`; `None` where no training point reported it, or where its
    /// covariance is numerically singular.
    fn condition(
        &mut self,
        index: usize,
        given: &Given<'_>,
        scratch: &mut Scratch,
    ) -> Option<ConditionedConstraint> {
        let Given { history, same, count, encoding, options, .. } = *given;
        let begun = history[..same].iter().filter(|trial| trial.constraints.len() > index);
        self.fits.truncate(same);
        self.covariance.truncate(same, begun.count());
        let (measured, values) = measured(&given.kept, index, count);
        if measured.is_empty() {
            return None;
        }
        let fit = self.fits.current_by(history.len(), encoding, options, |trials, start| {
            let fitted = fit(&history[..trials], (index, count), encoding, options, start);
            (fitted, false)
        });
        let covariance = if given.kept.len() == history.len() {
            let trials = measured.iter().copied();
            self.covariance.extended(&fit, trials, encoding, scratch)?.clone()
        } else {
            covariance_of(&fit, &measured, encoding, scratch)?
        };
        let (mut targets, bound) = standardize(&values);
        let mut posterior = Posterior::new(covariance, &targets, |_| true);
        let mut row = Vec::with_capacity(encoding.columns());
        for configuration in given.pending {
            row.clear();
            encoding.push(configuration, &mut row);
            let (mean, deviation) = posterior.predict(&row, scratch);
            let believed = mean.max(bound + PENDING_MARGIN * deviation);
            posterior.condition_on_target(&row, believed, &mut targets, scratch);
        }
        Some(ConditionedConstraint { posterior, bound })
    }
}

/// A conditioned model that rates configurations.
pub(crate) struct FeasibilityRater<'a> {
    encoding: Encoding<'a>,
    feasibility: Feasibility,
}

impl FeasibilityRater<'_> {
    /// Whether a trial is feasible, so that there is a loss to improve on.
    pub(crate) fn has_feasible(&self) -> bool {
        self.feasibility.has_feasible
    }

    /// The logarithm of the probability that all constraints hold, for each of the candidates,
    /// which are legal.
    pub(crate) fn log_probabilities(&self, candidates: &[Configuration]) -> Vec<f64> {
        let mut rows = Vec::with_capacity(candidates.len() * self.encoding.columns());
        candidates.iter().for_each(|candidate| self.encoding.push(candidate, &mut rows));
        self.feasibility.log_probabilities(&rows, &mut Scratch::default())
    }

    /// The logarithm of each candidate's expected improvement times the probability that all
    /// constraints hold; of that probability alone while no trial is feasible.
    pub(crate) fn rate(&self, candidates: &[Configuration], improvements: &[f64]) -> Vec<f64> {
        let mut ratings = self.log_probabilities(candidates);
        if self.has_feasible() {
            for (rating, improvement) in ratings.iter_mut().zip(improvements) {
                *rating += libm::log(improvement.max(f64::MIN_POSITIVE));
            }
        }
        ratings
    }
}

impl Feasibility {
    /// Whether a trial is feasible, so that there is a loss to improve on.
    pub(super) fn has_feasible(&self) -> bool {
        self.has_feasible
    }

    /// The logarithm of the probability that all constraints hold, at each of `rows`,
    /// `[points, columns]`. Constraints are independent, as their processes are.
    pub(super) fn log_probabilities(&self, rows: &[f64], scratch: &mut Scratch) -> Vec<f64> {
        let mut sums = alloc::vec![0.0; rows.len() / self.columns];
        for constraint in &self.constraints {
            let mut number = 0;
            constraint.posterior.predict_each(rows, scratch, |mean, deviation| {
                let (value, ..) = log_feasibility(mean, deviation, constraint.bound);
                sums[number] += value;
                number += 1;
            });
        }
        sums
    }

    /// Mean, deviation and bound of each constraint's target at a point.
    #[cfg(test)]
    pub(super) fn moments(&self, row: &[f64]) -> Vec<(f64, f64, f64)> {
        let of = |constraint: &ConditionedConstraint| {
            let (mean, deviation) = constraint.posterior.predict(row, &mut Scratch::default());
            (mean, deviation, constraint.bound)
        };
        self.constraints.iter().map(of).collect()
    }

    /// The probability that all constraints hold at a point, `[columns]`.
    pub(super) fn probability(&self, row: &[f64]) -> f64 {
        libm::exp(self.log_probabilities(row, &mut Scratch::default()).iter().sum())
    }

    /// The logarithm of it, with its gradient added to `gradient`, `[columns]`.
    pub(super) fn add_log_probability_with_gradient(
        &self,
        row: &[f64],
        gradient: &mut [f64],
        scratch: &mut Scratch,
    ) -> f64 {
        let mut slopes = alloc::vec![0.0; gradient.len()];
        let mut sum = 0.0;
        for ConditionedConstraint { posterior, bound } in &self.constraints {
            let of = |mean, deviation| log_feasibility(mean, deviation, *bound);
            sum += posterior.with_gradient(row, &mut slopes, scratch, of);
            gradient.iter_mut().zip(&slopes).for_each(|(sum, slope)| *sum += slope);
        }
        sum
    }
}

/// The trials that reported a constraint, with their values.
fn measured<'a>(
    trials: &[&'a Observation],
    index: usize,
    count: usize,
) -> (Vec<&'a Observation>, Vec<f64>) {
    let values = values_of(trials, index, count);
    trials.iter().zip(values).filter_map(|(trial, value)| Some((*trial, value?))).unzip()
}

/// Maximum a posteriori hyperparameters of a constraint, optimized from `current`.
fn fit(
    history: &[Observation],
    (index, count): (usize, usize),
    encoding: &Encoding<'_>,
    options: &GpOptions,
    current: &Hyperparameters,
) -> Hyperparameters {
    let kept = select_training_points(history, options.max_train_points);
    let (measured, values) = measured(&kept, index, count);
    if measured.len() < 2 {
        return current.clone();
    }
    let mut rows = Vec::with_capacity(measured.len() * encoding.columns());
    measured.iter().for_each(|trial| encoding.push(&trial.configuration, &mut rows));
    let distances = PairwiseSquaredDistances::new(&rows, encoding.categorical());
    let (targets, _) = standardize(&values);
    let warped_columns = warped_columns(history.len(), encoding, options);
    let mut likelihood = MarginalLikelihood::new(distances, &targets, encoding.columns())
        .with_warps(&rows, encoding.categorical(), warped_columns, options.input_warp);
    let (fitted, loss) = likelihood.optimize(current, STEPS);
    if loss.is_finite() { fitted } else { current.clone() }
}

/// `ln Φ((bound − μ)/σ)`, the logarithm of the probability of a target of at most `bound`, and its
/// slopes by mean and deviation.
fn log_feasibility(mean: f64, deviation: f64, bound: f64) -> (f64, f64, f64) {
    let z = (bound - mean) / deviation;
    let value = normal::log_cdf(z);
    let by_z = libm::exp(-0.5 * z * z - normal::HALF_LOG_TAU - value);
    (value, -by_z / deviation, -by_z * z / deviation)
}

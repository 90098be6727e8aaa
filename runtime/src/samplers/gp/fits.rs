//! When hyperparameters are fitted, and the cache of the fits.

use alloc::{collections::BTreeMap, vec, vec::Vec};

use super::{
    GpOptions, TargetWarp,
    encoding::Encoding,
    kernel::{Hyperparameters, PairwiseSquaredDistances},
    likelihood::MarginalLikelihood,
    targets,
};
use crate::trial::Observation;

/// Optimizer steps per fit.
const STEPS: usize = 15;
/// Number of told trials from which on inputs are warped: fewer do not determine two more numbers
/// for each parameter.
const INPUT_WARP_FROM: usize = 16;

/// Hyperparameters fitted to the beginning of a history.
#[derive(Clone, Debug)]
pub(super) struct Fit {
    /// Length of the prefix of the history it was fitted to; 0 for the initial guess.
    pub(super) trials: usize,
    pub(super) hyperparameters: Hyperparameters,
    /// Whether the targets are warped.
    pub(super) warp: bool,
}

/// Fits to prefixes of a history, by the number of trials.
///
/// Each number of trials has exactly one fit: within a chain a fit starts where the previous one
/// ended, and no two chains share a number.
#[derive(Clone, Debug, Default)]
pub(super) struct FitCache {
    by_trials: BTreeMap<usize, Fit>,
}

impl FitCache {
    /// Drops the fits to more than `trials` trials.
    pub(super) fn truncate(&mut self, trials: usize) {
        self.by_trials.split_off(&(trials + 1));
    }

    /// The fit that applies to a history: the last of the chain that started when the history last
    /// doubled. Before the startup trials are told it is the initial guess.
    ///
    /// The cached fits must belong to prefixes of this history; [`truncate`](Self::truncate) drops
    /// the others.
    pub(super) fn current(
        &mut self,
        history: &[Observation],
        encoding: &Encoding<'_>,
        options: &GpOptions,
    ) -> Fit {
        self.current_by(history.len(), encoding, options, |trials, start| {
            fit(&history[..trials], encoding, options, start)
        })
    }

    /// The same with a `fit` of the first trials of a history of `length`, which begins at given
    /// hyperparameters.
    pub(super) fn current_by(
        &mut self,
        length: usize,
        encoding: &Encoding<'_>,
        options: &GpOptions,
        fit: impl Fn(usize, &Hyperparameters) -> (Hyperparameters, bool),
    ) -> Fit {
        let hyperparameters = initial_hyperparameters(encoding.columns());
        let mut current = Fit { trials: 0, hyperparameters, warp: false };
        for trials in schedule(options.n_startup_trials, length) {
            current = match self.by_trials.get(&trials) {
                Some(kept) => kept.clone(),
                None => {
                    let (hyperparameters, warp) = fit(trials, &current.hyperparameters);
                    let fitted = Fit { trials, hyperparameters, warp };
                    self.by_trials.insert(trials, fitted.clone());
                    fitted
                }
            };
        }
        current
    }
}

/// Numbers of trials that are fitted one after another for a history of `length`.
///
/// The chain starts over whenever the history has doubled, so that a history that arrives at once
/// costs a few fits instead of all of them.
fn schedule(startup: usize, length: usize) -> impl Iterator<Item = usize> {
    let mut begin = startup;
    while 2 * begin <= length {
        begin *= 2;
    }
    let next = |trials: &usize| Some(trials + (trials / 8).max(1));
    core::iter::successors(Some(begin), next).take_while(move |trials| *trials <= length)
}

/// The columns whose inputs are warped behind this many trials.
pub(super) fn warped_columns(
    trials: usize,
    encoding: &Encoding<'_>,
    options: &GpOptions,
) -> Vec<usize> {
    let warps_inputs = options.input_warp > 0.0 && trials >= INPUT_WARP_FROM;
    if warps_inputs { encoding.warpable() } else { Vec::new() }
}

fn initial_hyperparameters(columns: usize) -> Hyperparameters {
    Hyperparameters {
        inverse_squared_lengthscales: vec![1.0; columns],
        outputscale: 1.0,
        noise_variance: 1e-2,
        input_warps: vec![],
    }
}

/// Maximum a posteriori hyperparameters, optimized from `current` or from the initial guess,
/// whichever is likelier, and whether the targets are warped.
fn fit(
    history: &[Observation],
    encoding: &Encoding<'_>,
    options: &GpOptions,
    current: &Hyperparameters,
) -> (Hyperparameters, bool) {
    let kept = targets::select_training_points(history, options.max_train_points);
    if kept.iter().filter(|trial| trial.loss.is_some()).count() < 2 {
        return (current.clone(), false);
    }
    let mut rows = Vec::with_capacity(kept.len() * encoding.columns());
    for trial in &kept {
        encoding.push(&trial.configuration, &mut rows);
    }
    let categorical = encoding.categorical();
    let distances = PairwiseSquaredDistances::new(&rows, categorical);
    let warped_columns = warped_columns(history.len(), encoding, options);
    let guess = initial_hyperparameters(encoding.columns());
    let warps: &[bool] = match options.target_warp {
        TargetWarp::Never => &[false],
        TargetWarp::Always => &[true],
        TargetWarp::MoreLikely => &[false, true],
    };
    let fits = warps.iter().map(|warp| {
        let (losses, transform) = targets::standardize(&kept, *warp);
        let likelihood = MarginalLikelihood::new(distances.clone(), &losses, encoding.columns());
        let mut likelihood =
            likelihood.with_warps(&rows, categorical, warped_columns.clone(), options.input_warp);
        let from = [current, &guess]
            .map(|start| likelihood.optimize(start, 0))
            .into_iter()
            .min_by(|one, other| one.1.total_cmp(&other.1))
            .map_or(guess.clone(), |(start, _)| start);
        let (fitted, loss) = likelihood.optimize(&from, STEPS);
        // Compares densities of the losses, which both transforms share.
        let loss = loss - transform.log_jacobian(&kept);
        (loss, if loss.is_finite() { fitted } else { from }, *warp)
    });
    fits.min_by(|one, other| one.0.total_cmp(&other.0))
        .map_or((guess.clone(), false), |(_, fitted, warp)| (fitted, warp))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_begins_at_every_doubling_and_shares_no_number_with_another() {
        let of = |length| schedule(8, length).collect::<Vec<_>>();
        assert_eq!(of(7), [0; 0]);
        assert_eq!(of(11), [8, 9, 10, 11]);
        assert_eq!(of(35), [32]);
        assert_eq!(of(100), [64, 72, 81, 91]);
        for startup in [1, 3, 8] {
            let mut last: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
            for length in 0..300 {
                let chain: Vec<usize> = schedule(startup, length).collect();
                for (place, trials) in chain.iter().enumerate() {
                    let before = last.entry(*trials).or_insert_with(|| chain[..place].to_vec());
                    assert_eq!(before[..], chain[..place], "{startup} {length} {trials}");
                }
            }
        }
    }
}

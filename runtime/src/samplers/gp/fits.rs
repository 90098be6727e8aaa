//! The hyperparameters of a history: when they are fitted, and what is kept of it.

use alloc::{collections::BTreeMap, vec, vec::Vec};

use super::{
    GpOptions, Warp,
    encoding::Encoding,
    kernel::{Differences, Hyperparameters},
    likelihood::Likelihood,
    targets,
};
use crate::trial::Observation;

/// Steps of a fit.
const STEPS: usize = 15;

/// Hyperparameters fitted to the beginning of a history.
#[derive(Clone, Debug)]
pub(super) struct Fit {
    /// To the first so many trials; 0 where nothing was fitted yet.
    pub(super) trials: usize,
    pub(super) hyperparameters: Hyperparameters,
    /// Whether the losses were warped.
    pub(super) warp: bool,
}

/// The fits to the beginnings of a history, by the number of trials.
///
/// A number of trials has one fit, whatever it is needed for: within a chain each begins where the
/// one before ended, and the chains share no number.
#[derive(Clone, Debug, Default)]
pub(super) struct Fits {
    by_trials: BTreeMap<usize, Fit>,
}

impl Fits {
    /// Forgets the fits to more than `trials` trials.
    pub(super) fn truncate(&mut self, trials: usize) {
        self.by_trials.split_off(&(trials + 1));
    }

    /// The fit in force for a history: the last of the chain that began when the history last
    /// doubled. Before the startup trials are told it is the first guess, from which fits begin.
    ///
    /// What is kept must have been fitted to the beginning of this very history.
    pub(super) fn in_force(
        &mut self,
        history: &[Observation],
        encoding: &Encoding<'_>,
        options: &GpOptions,
    ) -> Fit {
        let hyperparameters = first_guess(encoding.columns());
        let mut current = Fit { trials: 0, hyperparameters, warp: false };
        for trials in schedule(options.startup_trials, history.len()) {
            current = match self.by_trials.get(&trials) {
                Some(kept) => kept.clone(),
                None => {
                    let start = &current.hyperparameters;
                    let (hyperparameters, warp) = fit(&history[..trials], encoding, options, start);
                    let fitted = Fit { trials, hyperparameters, warp };
                    self.by_trials.insert(trials, fitted.clone());
                    fitted
                }
            };
        }
        current
    }
}

/// The numbers of trials that are fitted one after another for a history of `length`.
///
/// The chain begins from scratch each time that the history has doubled, so that one that comes
/// whole costs a few fits, not all of them.
fn schedule(startup: usize, length: usize) -> impl Iterator<Item = usize> {
    let mut begin = startup;
    while 2 * begin <= length {
        begin *= 2;
    }
    let next = |trials: &usize| Some(trials + (trials / 8).max(1));
    core::iter::successors(Some(begin), next).take_while(move |trials| *trials <= length)
}

fn first_guess(columns: usize) -> Hyperparameters {
    Hyperparameters { weights: vec![1.0; columns], scale: 1.0, noise: 1e-2, shapes: vec![] }
}

/// The most probable hyperparameters, searched for from `current` or from the first guess,
/// whichever is likelier, and whether the losses are to be warped.
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
    let categorical = encoding.categorical();
    let differences = Differences::of(&rows, categorical);
    let warped = if options.input_warp > 0.0 { encoding.bendable() } else { Vec::new() };
    let guess = first_guess(encoding.columns());
    let warps: &[bool] = match options.warp {
        Warp::Never => &[false],
        Warp::Always => &[true],
        Warp::Likelier => &[false, true],
    };
    let fits = warps.iter().map(|warp| {
        let (losses, scale) = targets::standardised(&kept, *warp);
        let likelihood = Likelihood::new(differences.clone(), &losses, encoding.columns());
        let mut likelihood =
            likelihood.with_warps(&rows, categorical, warped.clone(), options.input_warp);
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

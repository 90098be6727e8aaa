//! Training points of the process, and the transform from their losses to its targets.

use alloc::vec::Vec;

use crate::{
    samplers::merit::{TrialOrder, constraint_count, is_success},
    trial::Observation,
};

/// At most `most` trials in order: the best half, the latest quarter, and an even selection of the
/// rest.
pub(super) fn select_training_points(history: &[Observation], most: usize) -> Vec<&Observation> {
    if history.len() <= most {
        return history.iter().collect();
    }
    let mut ranked: Vec<usize> = (0..history.len()).collect();
    let order = TrialOrder::new(history);
    let merit = |index: &usize| order.merit(&history[*index]);
    ranked.select_nth_unstable_by(most / 2, |one, other| {
        merit(one).total_cmp(&merit(other)).then(one.cmp(other))
    });
    let mut kept: Vec<bool> = alloc::vec![false; history.len()];
    ranked.iter().take(most / 2).for_each(|index| kept[*index] = true);
    kept[history.len() - most / 4..].fill(true);
    let left: Vec<usize> = (0..history.len()).filter(|index| !kept[*index]).collect();
    let wanted = most.saturating_sub(kept.iter().filter(|flag| **flag).count()).min(left.len());
    for number in 0..wanted {
        kept[left[number * left.len() / wanted]] = true;
    }
    history.iter().zip(kept).filter_map(|(trial, keep)| keep.then_some(trial)).collect()
}

/// `[trials]`: which of them an improvement may be on. Under constraints these are the feasible
/// ones, as long as there is one.
pub(super) fn eligible(trials: &[&Observation]) -> Vec<bool> {
    let any = constraint_count(trials.iter().copied()) == 0
        || !trials.iter().any(|trial| is_success(trial));
    trials.iter().map(|trial| any || is_success(trial)).collect()
}

/// Increasing map from losses to the targets of the process, with its inverse.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct TargetTransform {
    best: f64,
    /// Half of the range of the losses.
    unit: f64,
    median: f64,
    spread: f64,
    worst: f64,
    warp: bool,
    mean: f64,
    /// Inverse of the standard deviation.
    factor: f64,
}

/// The losses standardized to mean 0 and variance 1, and the transform; a failed trial gets the
/// worst loss. With `warp`, losses beyond the median are first compressed: their distance `d` to
/// the median becomes `s·ln(1 + d/s)`, where `s` is the distance of the first quartile to the
/// median.
///
/// A stationary process fits its lengthscales to the steepest differences, and the magnitudes of
/// bad losses say little about where the best ones are.
pub(super) fn standardize(trials: &[&Observation], warp: bool) -> (Vec<f64>, TargetTransform) {
    let mut sorted: Vec<f64> = trials.iter().filter_map(|trial| trial.loss).collect();
    sorted.sort_by(f64::total_cmp);
    let best = sorted.first().copied().unwrap_or(0.0);
    let worst = sorted.last().copied().unwrap_or(0.0);
    let mut transform = TargetTransform {
        best,
        // Losses may be so large that their differences overflow.
        unit: (worst / 2.0 - best / 2.0).max(f64::MIN_POSITIVE),
        median: 0.0,
        spread: 1.0,
        worst,
        warp,
        mean: 0.0,
        factor: 1.0,
    };
    if sorted.is_empty() {
        return (alloc::vec![0.0; trials.len()], transform);
    }
    transform.median = transform.rescaled(sorted[sorted.len() / 2]);
    transform.spread = (transform.median - transform.rescaled(sorted[sorted.len() / 4])).max(1e-3);
    let mut losses: Vec<f64> = trials
        .iter()
        .map(|trial| transform.warped(trial.loss.unwrap_or(transform.worst)))
        .collect();
    let count = losses.len() as f64;
    transform.mean = losses.iter().sum::<f64>() / count;
    let squared = |loss: &f64| (loss - transform.mean) * (loss - transform.mean);
    let deviation = libm::sqrt(losses.iter().map(squared).sum::<f64>() / count);
    transform.factor = if deviation > 1e-12 { 1.0 / deviation } else { 1.0 };
    losses.iter_mut().for_each(|loss| *loss = (*loss - transform.mean) * transform.factor);
    (losses, transform)
}

impl TargetTransform {
    /// The loss of a target.
    pub(super) fn loss(&self, target: f64) -> f64 {
        let mut rescaled = target / self.factor + self.mean;
        if self.warp && rescaled > self.median {
            let distance = ((rescaled - self.median) / self.spread).min(600.0);
            rescaled = self.median + self.spread * libm::expm1(distance);
        }
        self.best + 2.0 * self.unit * rescaled
    }

    /// The target of a loss, the inverse of [`loss`](Self::loss). Losses may be infinite.
    pub(super) fn target(&self, loss: f64) -> f64 {
        (self.warped(loss) - self.mean) * self.factor
    }

    /// Logarithm of the derivative of [`target`](Self::target) at a loss, which turns a log density
    /// of targets into one of losses.
    pub(super) fn log_derivative(&self, loss: f64) -> f64 {
        self.log_warp_slope(self.rescaled(loss)) - libm::log(self.unit) - core::f64::consts::LN_2
    }

    /// Sum of [`log_derivative`](Self::log_derivative) over the trials, up to a constant that all
    /// transforms of the same losses share.
    pub(super) fn log_jacobian(&self, trials: &[&Observation]) -> f64 {
        let of = |trial: &&Observation| {
            self.log_warp_slope(self.rescaled(trial.loss.unwrap_or(self.worst)))
        };
        trials.iter().map(of).sum()
    }

    /// Logarithm of the derivative of the target by the rescaled loss.
    fn log_warp_slope(&self, rescaled: f64) -> f64 {
        let beyond = if self.warp { (rescaled - self.median).max(0.0) } else { 0.0 };
        libm::log(self.factor) - libm::log1p(beyond / self.spread)
    }

    /// A difference of targets below the best one, in units of the loss.
    pub(super) fn loss_difference(&self, difference: f64) -> f64 {
        2.0 * self.unit * difference / self.factor
    }

    fn rescaled(&self, loss: f64) -> f64 {
        (loss / 2.0 - self.best / 2.0) / self.unit
    }

    fn warped(&self, loss: f64) -> f64 {
        let rescaled = self.rescaled(loss);
        if self.warp && rescaled > self.median {
            self.median + self.spread * libm::log1p((rescaled - self.median) / self.spread)
        } else {
            rescaled
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::space::Configuration;

    fn trials(losses: &[Option<f64>]) -> Vec<Observation> {
        let of = |loss: &Option<f64>| Observation::new(Configuration::new(vec![]), *loss);
        losses.iter().map(of).collect()
    }

    #[test]
    fn the_scale_ignores_shift_and_unit_and_survives_the_largest_numbers() {
        let losses = [Some(3.0), Some(1.0), None, Some(2.0), Some(100.0), Some(1.5)];
        let history = trials(&losses);
        let kept: Vec<&Observation> = history.iter().collect();
        for warp in [false, true] {
            let (plain, transform) = standardize(&kept, warp);
            for (trial, target) in kept.iter().zip(&plain) {
                let loss = trial.loss.unwrap_or(100.0);
                assert!(
                    (transform.loss(*target) - loss).abs() < 1e-9,
                    "{loss} came back as {}",
                    transform.loss(*target)
                );
            }
            for loss in [0.3, 1.0, 2.2, 40.0, 250.0_f64] {
                let target = transform.target(loss);
                assert!((transform.loss(target) - loss).abs() < 1e-9 * loss);
                let step = 1e-4 * loss;
                let slope =
                    (transform.target(loss + step) - transform.target(loss - step)) / (2.0 * step);
                assert!((libm::log(slope) - transform.log_derivative(loss)).abs() < 1e-6, "{loss}");
            }
            let ends = [f64::NEG_INFINITY, f64::INFINITY];
            assert_eq!(ends.map(|loss| transform.target(loss)), ends);
            assert_eq!(plain[2], plain[4], "a failure counts as the worst");
            let moved: Vec<Option<f64>> =
                losses.iter().map(|loss| loss.map(|loss| 64.0 * loss - 1024.0)).collect();
            let moved = trials(&moved);
            let (moved, _) = standardize(&moved.iter().collect::<Vec<_>>(), warp);
            for (one, other) in plain.iter().zip(&moved) {
                assert!((one - other).abs() < 1e-12);
            }
        }
        let extreme = trials(&[Some(f64::MAX), Some(f64::MIN), Some(0.0)]);
        let (extreme, _) = standardize(&extreme.iter().collect::<Vec<_>>(), true);
        assert!(extreme.iter().all(|loss| loss.is_finite()), "{extreme:?}");
        let equal = trials(&[Some(7.0), Some(7.0), None]);
        assert_eq!(standardize(&equal.iter().collect::<Vec<_>>(), true).0, [0.0; 3]);
    }

    #[test]
    fn the_best_and_the_latest_are_kept() {
        let losses: Vec<Option<f64>> = (0..100).map(|n| Some(f64::from((n * 37) % 100))).collect();
        let history = trials(&losses);
        let kept = select_training_points(&history, 20);
        assert!((15..=20).contains(&kept.len()), "{}", kept.len());
        for wanted in 0..10 {
            assert!(kept.iter().any(|trial| trial.loss == Some(f64::from(wanted))));
        }
        for late in &losses[95..] {
            assert!(kept.iter().any(|trial| trial.loss == *late));
        }
        assert_eq!(select_training_points(&history, 100).len(), 100);
    }
}

//! Which trials are modelled, and their losses on a scale that suits a process.

use alloc::vec::Vec;

use crate::trial::Observation;

/// At most `most` trials, in their order: the best half, the latest quarter, and a spread of the
/// rest.
pub(super) fn keep(history: &[Observation], most: usize) -> Vec<&Observation> {
    if history.len() <= most {
        return history.iter().collect();
    }
    let mut ranked: Vec<usize> = (0..history.len()).collect();
    let loss = |index: usize| history[index].loss.unwrap_or(f64::INFINITY);
    let by_loss =
        |one: &usize, other: &usize| loss(*one).total_cmp(&loss(*other)).then(one.cmp(other));
    ranked.select_nth_unstable_by(most / 2, by_loss);
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

/// The map from losses to what is modelled, and back; increasing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scale {
    best: f64,
    /// Half of the range of the losses.
    unit: f64,
    median: f64,
    spread: f64,
    worst: f64,
    warp: bool,
    mean: f64,
    /// One over the standard deviation.
    factor: f64,
}

/// The losses with mean 0 and variance 1, and the map that made them so; a failed trial's is the
/// worst. With `warp`, losses beyond the median are first drawn together: the distance `d` to the
/// median becomes `s·ln(1 + d/s)`, where `s` is the distance of the best quarter.
///
/// A process takes all differences for equally important, and its length scales from the steepest.
/// How bad the bad trials are matters little to where the best ones are.
pub(super) fn standardised(trials: &[&Observation], warp: bool) -> (Vec<f64>, Scale) {
    let mut sorted: Vec<f64> = trials.iter().filter_map(|trial| trial.loss).collect();
    sorted.sort_by(f64::total_cmp);
    let best = sorted.first().copied().unwrap_or(0.0);
    let worst = sorted.last().copied().unwrap_or(0.0);
    let mut scale = Scale {
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
        return (alloc::vec![0.0; trials.len()], scale);
    }
    scale.median = scale.shrunk(sorted[sorted.len() / 2]);
    scale.spread = (scale.median - scale.shrunk(sorted[sorted.len() / 4])).max(1e-3);
    let mut losses: Vec<f64> =
        trials.iter().map(|trial| scale.warped(trial.loss.unwrap_or(scale.worst))).collect();
    let count = losses.len() as f64;
    scale.mean = losses.iter().sum::<f64>() / count;
    let squared = |loss: &f64| (loss - scale.mean) * (loss - scale.mean);
    let deviation = libm::sqrt(losses.iter().map(squared).sum::<f64>() / count);
    scale.factor = if deviation > 1e-12 { 1.0 / deviation } else { 1.0 };
    losses.iter_mut().for_each(|loss| *loss = (*loss - scale.mean) * scale.factor);
    (losses, scale)
}

impl Scale {
    /// The loss that is modelled as `target`.
    pub(super) fn loss(&self, target: f64) -> f64 {
        let mut place = target / self.factor + self.mean;
        if self.warp && place > self.median {
            let distance = ((place - self.median) / self.spread).min(600.0);
            place = self.median + self.spread * libm::expm1(distance);
        }
        self.best + 2.0 * self.unit * place
    }

    /// What a loss is modelled as: the inverse of [`loss`](Self::loss). Losses may be infinite.
    pub(super) fn target(&self, loss: f64) -> f64 {
        (self.warped(loss) - self.mean) * self.factor
    }

    /// The logarithm of the slope of [`target`](Self::target) at a loss: what a density of targets
    /// gains to be one of losses.
    pub(super) fn log_derivative(&self, loss: f64) -> f64 {
        self.log_bend(self.shrunk(loss)) - libm::log(self.unit) - core::f64::consts::LN_2
    }

    /// The logarithm of the density of losses over that of their targets, up to a constant that all
    /// scales of the same losses share.
    pub(super) fn log_slope(&self, trials: &[&Observation]) -> f64 {
        let of =
            |trial: &&Observation| self.log_bend(self.shrunk(trial.loss.unwrap_or(self.worst)));
        trials.iter().map(of).sum()
    }

    /// The logarithm of the slope of targets by places.
    fn log_bend(&self, place: f64) -> f64 {
        let beyond = if self.warp { (place - self.median).max(0.0) } else { 0.0 };
        libm::log(self.factor) - libm::log1p(beyond / self.spread)
    }

    /// How much better, in losses, a difference of targets below the best is.
    pub(super) fn gain(&self, difference: f64) -> f64 {
        2.0 * self.unit * difference / self.factor
    }

    fn shrunk(&self, loss: f64) -> f64 {
        (loss / 2.0 - self.best / 2.0) / self.unit
    }

    fn warped(&self, loss: f64) -> f64 {
        let place = self.shrunk(loss);
        if self.warp && place > self.median {
            self.median + self.spread * libm::log1p((place - self.median) / self.spread)
        } else {
            place
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::space::Configuration;

    fn trials(losses: &[Option<f64>]) -> Vec<Observation> {
        let of = |loss: &Option<f64>| Observation {
            configuration: Configuration::new(vec![]),
            loss: *loss,
        };
        losses.iter().map(of).collect()
    }

    #[test]
    fn the_scale_ignores_shift_and_unit_and_survives_the_largest_numbers() {
        let losses = [Some(3.0), Some(1.0), None, Some(2.0), Some(100.0), Some(1.5)];
        let history = trials(&losses);
        let kept: Vec<&Observation> = history.iter().collect();
        for warp in [false, true] {
            let (plain, scale) = standardised(&kept, warp);
            for (trial, target) in kept.iter().zip(&plain) {
                let loss = trial.loss.unwrap_or(100.0);
                assert!(
                    (scale.loss(*target) - loss).abs() < 1e-9,
                    "{loss} came back as {}",
                    scale.loss(*target)
                );
            }
            for loss in [0.3, 1.0, 2.2, 40.0, 250.0_f64] {
                let target = scale.target(loss);
                assert!((scale.loss(target) - loss).abs() < 1e-9 * loss);
                let step = 1e-4 * loss;
                let slope = (scale.target(loss + step) - scale.target(loss - step)) / (2.0 * step);
                assert!((libm::log(slope) - scale.log_derivative(loss)).abs() < 1e-6, "{loss}");
            }
            let ends = [f64::NEG_INFINITY, f64::INFINITY];
            assert_eq!(ends.map(|loss| scale.target(loss)), ends);
            assert_eq!(plain[2], plain[4], "a failure counts as the worst");
            let moved: Vec<Option<f64>> =
                losses.iter().map(|loss| loss.map(|loss| 64.0 * loss - 1024.0)).collect();
            let moved = trials(&moved);
            let (moved, _) = standardised(&moved.iter().collect::<Vec<_>>(), warp);
            for (one, other) in plain.iter().zip(&moved) {
                assert!((one - other).abs() < 1e-12);
            }
        }
        let extreme = trials(&[Some(f64::MAX), Some(f64::MIN), Some(0.0)]);
        let (extreme, _) = standardised(&extreme.iter().collect::<Vec<_>>(), true);
        assert!(extreme.iter().all(|loss| loss.is_finite()), "{extreme:?}");
        let equal = trials(&[Some(7.0), Some(7.0), None]);
        assert_eq!(standardised(&equal.iter().collect::<Vec<_>>(), true).0, [0.0; 3]);
    }

    #[test]
    fn the_best_and_the_latest_are_kept() {
        let losses: Vec<Option<f64>> = (0..100).map(|n| Some(f64::from((n * 37) % 100))).collect();
        let history = trials(&losses);
        let kept = keep(&history, 20);
        assert!((15..=20).contains(&kept.len()), "{}", kept.len());
        for wanted in 0..10 {
            assert!(kept.iter().any(|trial| trial.loss == Some(f64::from(wanted))));
        }
        for late in &losses[95..] {
            assert!(kept.iter().any(|trial| trial.loss == *late));
        }
        assert_eq!(keep(&history, 100).len(), 100);
    }
}

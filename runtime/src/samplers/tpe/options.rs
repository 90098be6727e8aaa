use alloc::format;

use crate::{Error, ErrorKind, Result};

/// Least bandwidth without the magic clip.
const MIN_BANDWIDTH: f64 = 1e-12;

/// Options of [`TpeSampler`](super::TpeSampler). The defaults are those of Optuna 5.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TpeOptions {
    /// Number of finished trials, failed ones included, before the model is used; until then trials
    /// are random. Default 10.
    pub n_startup_trials: usize,
    /// Number of candidates drawn from the density of the good trials. Default 24.
    pub n_ei_candidates: usize,
    /// Fraction of the finished trials that counts as good, rounded up. Default 0.1.
    pub gamma: f64,
    /// Largest number of good trials. Default 25.
    pub max_good_trials: usize,
    /// Number of most recent trials with full weight; older ones have less, in a linear ramp.
    /// Default 25.
    pub n_full_weight_trials: usize,
    /// Weight of the prior, a flat kernel over the whole range, relative to a recent trial. Default
    /// 1.
    pub prior_weight: f64,
    /// Whether bandwidths are clipped from below at `range / min(100, 2 + trials)`. Default true.
    pub consider_magic_clip: bool,
    /// Whether the bounds count as neighbors of the outermost kernels. Default false.
    pub consider_endpoints: bool,
    /// Whether parameters are modeled jointly, one kernel per trial. Default true.
    pub multivariate: bool,
    /// Whether pending trials count as bad, so that parallel suggestions differ. Default true.
    pub constant_liar: bool,
}

impl Default for TpeOptions {
    fn default() -> Self {
        Self {
            n_startup_trials: 10,
            n_ei_candidates: 24,
            gamma: 0.1,
            max_good_trials: 25,
            n_full_weight_trials: 25,
            prior_weight: 1.0,
            consider_magic_clip: true,
            consider_endpoints: false,
            multivariate: true,
            constant_liar: true,
        }
    }
}

impl TpeOptions {
    pub(super) fn check(&self) -> Result<()> {
        let refuse = |what| Err(Error::new(ErrorKind::InvalidValue, what));
        if self.n_ei_candidates == 0 {
            return refuse(format!(
                "TPE option \"n_ei_candidates\": {} is below 1",
                self.n_ei_candidates
            ));
        }
        if !(self.gamma > 0.0 && self.gamma <= 1.0) {
            return refuse(format!("TPE option \"gamma\": {} is not in (0, 1]", self.gamma));
        }
        // Without a prior, a candidate could have density zero under both models.
        if !(self.prior_weight > 0.0 && self.prior_weight <= 1e6) {
            let context =
                format!("TPE option \"prior_weight\": {} is not in (0, 1e6]", self.prior_weight);
            return refuse(context);
        }
        Ok(())
    }

    /// Number of good trials among `finished`.
    pub(super) fn good_count(&self, finished: usize) -> usize {
        (libm::ceil(self.gamma * finished as f64) as usize).min(self.max_good_trials).min(finished)
    }

    /// Least bandwidth among the kernels of `count` trials.
    pub(super) fn min_bandwidth(&self, count: usize) -> f64 {
        if self.consider_magic_clip { 1.0 / (count as f64 + 2.0).min(100.0) } else { MIN_BANDWIDTH }
    }

    /// Bandwidth of a kernel at `center`, given the distances to its neighbors below and above,
    /// where it has them; `alone` for a single kernel.
    ///
    /// J. Bergstra et al., Algorithms for Hyper-Parameter Optimization (2011), section 4.2.
    pub(super) fn bandwidth(
        &self,
        center: f64,
        (below, above): (Option<f64>, Option<f64>),
        alone: bool,
        min_bandwidth: f64,
    ) -> f64 {
        let width = if self.consider_endpoints || alone {
            below.unwrap_or(center).max(above.unwrap_or(1.0 - center))
        } else {
            below.unwrap_or(0.0).max(above.unwrap_or(0.0))
        };
        width.clamp(min_bandwidth, 1.0)
    }

    /// Weight of trial `index` of `count`, oldest first; in (0, 1].
    pub(super) fn weight(&self, index: usize, count: usize) -> f64 {
        let ramp = count.saturating_sub(self.n_full_weight_trials);
        if index >= ramp {
            return 1.0;
        }
        let lowest = 1.0 / count as f64;
        lowest + (1.0 - lowest) * index as f64 / (ramp.max(2) - 1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_a_ramp_and_a_plateau() {
        let options = TpeOptions::default();
        assert!((0..25).all(|index| options.weight(index, 25) == 1.0));
        // numpy.linspace(1 / 30, 1, num=5), then ones.
        let ramp = [1.0 / 30.0, 0.275, 31.0 / 60.0, 0.758_333_333_333_333_3, 1.0, 1.0];
        for (index, want) in ramp.into_iter().enumerate() {
            assert!((options.weight(index, 30) - want).abs() < 1e-12, "weight {index}");
        }
        assert_eq!(options.weight(0, 26), 1.0 / 26.0);
    }

    #[test]
    fn a_tenth_is_good_but_no_more_than_25() {
        let options = TpeOptions::default();
        let good: [usize; 5] = [0, 1, 10, 11, 1000].map(|finished| options.good_count(finished));
        assert_eq!(good, [0, 1, 1, 2, 25]);
    }

    #[test]
    fn options_that_make_no_sense_are_refused() {
        let bad: [fn(&mut TpeOptions); 6] = [
            |options| options.n_ei_candidates = 0,
            |options| options.gamma = 0.0,
            |options| options.gamma = f64::NAN,
            |options| options.gamma = 1.5,
            |options| options.prior_weight = 0.0,
            |options| options.prior_weight = f64::INFINITY,
        ];
        for spoil in bad {
            let mut options = TpeOptions::default();
            spoil(&mut options);
            let error = options.check().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidValue);
            assert!(error.context().contains("TPE option"), "{error}");
        }
    }
}

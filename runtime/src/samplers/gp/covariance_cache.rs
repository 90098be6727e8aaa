use alloc::vec::Vec;

use super::{
    encoding::Encoding,
    fits::Fit,
    posterior::{Covariance, Scratch},
};
use crate::trial::Observation;

/// The covariance of the beginning of a history under the hyperparameters of a fit, which grows
/// with the history.
#[derive(Clone, Debug, Default)]
pub(super) struct CovarianceCache {
    kept: Option<CachedCovariance>,
}

#[derive(Clone, Debug)]
struct CachedCovariance {
    /// Number of trials of the fit.
    fit: usize,
    covariance: Covariance,
}

impl CovarianceCache {
    /// Keeps what belongs to the first `same` trials, `points` of which are in the covariance.
    pub(super) fn truncate(&mut self, same: usize, points: usize) {
        self.kept = self.kept.take().filter(|kept| kept.fit <= same);
        if let Some(kept) = &mut self.kept {
            kept.covariance.truncate(points);
        }
    }

    /// The covariance of at least these trials, the first of those that it is extended with. Its
    /// bits do not depend on what was cached. `None` if it is numerically singular.
    pub(super) fn extended<'a>(
        &mut self,
        fit: &Fit,
        trials: impl Iterator<Item = &'a Observation>,
        encoding: &Encoding<'_>,
        scratch: &mut Scratch,
    ) -> Option<&Covariance> {
        let mut kept =
            self.kept.take().filter(|kept| kept.fit == fit.trials).unwrap_or_else(|| {
                CachedCovariance {
                    fit: fit.trials,
                    covariance: Covariance::new(
                        fit.hyperparameters.clone(),
                        encoding.categorical(),
                    ),
                }
            });
        let missing = trials.skip(kept.covariance.len());
        let complete = extend(&mut kept.covariance, missing, encoding, scratch);
        let kept = self.kept.insert(kept);
        complete.map(|()| &kept.covariance)
    }
}

/// Covariance of trials; `None` if it is numerically singular.
pub(super) fn covariance_of(
    fit: &Fit,
    trials: &[&Observation],
    encoding: &Encoding<'_>,
    scratch: &mut Scratch,
) -> Option<Covariance> {
    let mut covariance = Covariance::new(fit.hyperparameters.clone(), encoding.categorical());
    extend(&mut covariance, trials.iter().copied(), encoding, scratch)?;
    Some(covariance)
}

/// Adds trials to a covariance; `None` if it becomes numerically singular.
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

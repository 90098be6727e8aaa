use alloc::{format, vec::Vec};

use rand::{Rng, RngExt};

use super::Request;
use crate::{Error, ErrorKind, Result, space::Configuration};

/// The order of given configurations, as [`Sampler::choose`](super::Sampler::choose) returns it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Ranking {
    /// Name of the sampler whose model ranked the candidates; under `auto`, the one it delegated
    /// to. `random` where there was nothing to rank by.
    pub sampler: &'static str,
    /// Indices of all candidates, the most promising first.
    pub order: Vec<usize>,
    /// What each candidate was ranked by, `[candidates]` in the order they were given, larger is
    /// better: the expected improvement of the loss (`gp`, `stack`, `optiformer`), or the logarithm
    /// of the ratio of the densities of good and bad trials (`tpe`). Under constraints the
    /// improvement is multiplied by the probability that all hold; while no trial is feasible it is
    /// that probability. Empty where the sampler has no such number.
    pub values: Vec<f64>,
}

impl Ranking {
    /// Ranks by `values`, largest first; of equal ones the first that was given.
    #[cfg(feature = "classical")]
    pub(super) fn by_values(sampler: &'static str, values: Vec<f64>) -> Self {
        Self { sampler, order: descending(&values), values }
    }

    /// A random order.
    pub(super) fn random(request: &Request<'_>, count: usize) -> Self {
        let mut rng = request.rng();
        let mut order: Vec<usize> = (0..count).collect();
        shuffle(&mut order, &mut rng);
        Self { sampler: "random", order, values: Vec::new() }
    }
}

/// Indices by descending number, NaN last; of equal numbers the first.
pub(super) fn descending(numbers: &[f64]) -> Vec<usize> {
    let key =
        |index: usize| if numbers[index].is_nan() { f64::NEG_INFINITY } else { numbers[index] };
    let mut order: Vec<usize> = (0..numbers.len()).collect();
    order.sort_by(|one, other| key(*other).total_cmp(&key(*one)));
    order
}

/// Fisher & Yates.
fn shuffle(order: &mut [usize], rng: &mut impl Rng) {
    for last in (1..order.len()).rev() {
        order.swap(last, rng.random_range(0..=last));
    }
}

/// Whether two trials have succeeded, so that a model has something to go by.
#[cfg(feature = "classical")]
pub(super) fn has_two_losses(request: &Request<'_>) -> bool {
    request.history.iter().filter(|trial| trial.loss.is_some()).nth(1).is_some()
}

/// Checks the candidates of a choice.
///
/// # Errors
///
/// [`ErrorKind::InvalidValue`]: there are none, or one of them, which the message names, is not
/// legal in the space.
pub(super) fn check(request: &Request<'_>, candidates: &[Configuration]) -> Result<()> {
    if candidates.is_empty() {
        return Err(Error::new(ErrorKind::InvalidValue, "there are no candidates to choose among"));
    }
    for (index, candidate) in candidates.iter().enumerate() {
        request.space.validate_values(candidate).map_err(|error| {
            Error::new(error.kind(), format!("candidate {index}: {}", error.context()))
        })?;
    }
    Ok(())
}

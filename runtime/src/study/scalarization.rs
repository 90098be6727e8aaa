//! Several losses as one.

use alloc::{vec, vec::Vec};

use rand::{Rng, RngExt};

use crate::samplers::Request;

/// Weight of the sum beside the maximum, which keeps weakly dominated points from being optimal.
const AUGMENTATION: f64 = 0.05;

/// The losses of several objectives as one, as a study combines them for an ask.
///
/// `losses` are those of each trial, `[trials][objectives]`, each to be minimized; `None` for a
/// trial without them.
///
/// The combination is the augmented Chebyshev scalarization, with weights that the seed and the
/// number of `request` decide: of its history nothing is read.
///
/// ```
/// use optiformer::samplers::Request;
/// use optiformer::space::{Parameter, Space};
/// use optiformer::study::scalarize;
///
/// let space = Space::new(vec![Parameter::float("x", 0.0, 1.0)])?;
/// let request = Request { space: &space, history: &[], pending: &[], number: 7, seed: 1 };
/// let losses = [Some(vec![0.0, 3.0]), None, Some(vec![1.0, 5.0])];
/// let scalars = scalarize(&losses, 2, &request);
/// assert!(scalars[0] < scalars[2] && scalars[1].is_none());
/// # Ok::<(), optiformer::Error>(())
/// ```
///
/// # Panics
///
/// Where a trial has another number of losses than `objectives`.
pub fn scalarize(
    losses: &[Option<Vec<f64>>],
    objectives: usize,
    request: &Request<'_>,
) -> Vec<Option<f64>> {
    let fits = |losses: &Vec<f64>| losses.len() == objectives;
    assert!(losses.iter().flatten().all(fits), "a loss for each of {objectives} objectives");
    augmented_chebyshev(losses, &random_weights(objectives, &mut request.rng()))
}

/// Weights of objectives, at least 0 with sum 1, uniformly distributed on the simplex.
fn random_weights(count: usize, rng: &mut impl Rng) -> Vec<f64> {
    // Normalized exponential variables; 1 − u is above 0.
    let draws: Vec<f64> =
        (0..count).map(|_| -libm::log(1.0 - rng.random::<f64>()) + f64::MIN_POSITIVE).collect();
    let sum: f64 = draws.iter().sum();
    draws.into_iter().map(|draw| draw / sum).collect()
}

/// The augmented Chebyshev scalarization of losses `[trials][objectives]`, each objective first
/// scaled to the unit interval over the trials; `None` for a trial without losses.
///
/// J. Knowles, ParEGO: A Hybrid Algorithm with On-Line Landscape Approximation for Expensive
/// Multiobjective Optimization Problems, IEEE Transactions on Evolutionary Computation 10 (2006).
fn augmented_chebyshev(losses: &[Option<Vec<f64>>], weights: &[f64]) -> Vec<Option<f64>> {
    let mut ranges = vec![(f64::INFINITY, f64::NEG_INFINITY); weights.len()];
    for losses in losses.iter().flatten() {
        for ((low, high), loss) in ranges.iter_mut().zip(losses) {
            (*low, *high) = (low.min(*loss), high.max(*loss));
        }
    }
    let scalar = |losses: &Vec<f64>| {
        let (mut largest, mut sum) = (0.0_f64, 0.0);
        for ((loss, (low, high)), weight) in losses.iter().zip(&ranges).zip(weights) {
            // Halves, because the difference of the largest numbers overflows.
            let range = 0.5 * high - 0.5 * low;
            let scaled = if range > 0.0 { (0.5 * loss - 0.5 * low) / range } else { 0.0 };
            largest = largest.max(weight * scaled);
            sum += weight * scaled;
        }
        largest + AUGMENTATION * sum
    };
    losses.iter().map(|losses| losses.as_ref().map(scalar)).collect()
}

/// Indices of the losses `[points][objectives]` that no other point dominates, ascending. Of equal
/// points all are kept.
pub(super) fn non_dominated(losses: &[Vec<f64>]) -> Vec<usize> {
    let dominates = |one: &[f64], other: &[f64]| {
        one.iter().zip(other).all(|(one, other)| one <= other)
            && one.iter().zip(other).any(|(one, other)| one < other)
    };
    let is_front = |index: &usize| !losses.iter().any(|other| dominates(other, &losses[*index]));
    (0..losses.len()).filter(is_front).collect()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn weights_are_uniform_on_the_simplex() {
        let mut rng = rand_xoshiro::Xoshiro256PlusPlus::seed_from_u64(1);
        let mut means = [0.0; 3];
        let mut squares = 0.0;
        for _ in 0..20_000 {
            let weights = random_weights(3, &mut rng);
            assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            for (mean, weight) in means.iter_mut().zip(&weights) {
                *mean += weight / 20_000.0;
            }
            squares += weights[0] * weights[0] / 20_000.0;
        }
        // Dirichlet(1, 1, 1): mean 1/3, second moment 1/6.
        assert!(means.iter().all(|mean| (mean - 1.0 / 3.0).abs() < 0.01), "{means:?}");
        assert!((squares - 1.0 / 6.0).abs() < 0.01, "{squares}");
    }

    #[test]
    fn the_scalarization_follows_its_formula() {
        let losses = [Some(vec![0.0, 10.0]), None, Some(vec![2.0, 20.0]), Some(vec![1.0, 15.0])];
        let scalars = augmented_chebyshev(&losses, &[0.25, 0.75]);
        let expected = [Some(0.0), None, Some(0.75 + 0.05), Some(0.375 + 0.025)];
        for (scalar, expected) in scalars.iter().zip(expected) {
            assert_eq!(scalar.is_some(), expected.is_some());
            assert!((scalar.unwrap_or(0.0) - expected.unwrap_or(0.0)).abs() < 1e-12);
        }
        // Extreme and constant objectives stay finite.
        let extreme = [Some(vec![f64::MIN, 3.0]), Some(vec![f64::MAX, 3.0])];
        let scalars = augmented_chebyshev(&extreme, &[0.5, 0.5]);
        assert!(scalars.iter().flatten().all(|scalar| (0.0..=1.05).contains(scalar)));
    }

    #[test]
    fn the_front_has_what_nothing_dominates() {
        let losses = [[1.0, 4.0], [2.0, 2.0], [4.0, 1.0], [3.0, 3.0], [2.0, 2.0], [1.0, 5.0]];
        assert_eq!(non_dominated(&losses.map(Vec::from)), [0, 1, 2, 4]);
        assert_eq!(non_dominated(&[vec![1.0], vec![0.0], vec![0.0]]), [1, 2]);
        assert!(non_dominated(&[]).is_empty());
    }
}

//! The values of a constraint, and their transform to the targets of a process.

use alloc::vec::Vec;

use crate::trial::Observation;

/// Largest number of constraints with a process each; of more, the last process models the largest
/// of the others.
pub(crate) const MAX_MODELED: usize = 16;

/// Value, in units of the median, from which on a target grows with the logarithm.
const LINEAR: f64 = 1.0;

/// The values of constraint `index` of a number of modeled ones; `None` for trials that did not
/// report it.
pub(crate) fn values_of(trials: &[&Observation], index: usize, count: usize) -> Vec<Option<f64>> {
    if count <= MAX_MODELED || index + 1 < MAX_MODELED {
        return trials.iter().map(|trial| trial.constraints.get(index).copied()).collect();
    }
    // Constraints in different units are comparable relative to what is usual of each.
    let scales: Vec<f64> = (index..count)
        .map(|at| scale(trials.iter().filter_map(|trial| trial.constraints.get(at).copied())))
        .collect();
    let largest = |trial: &&Observation| {
        let values = trial.constraints.get(index..)?.iter().zip(&scales);
        values.map(|(value, scale)| rescaled(*value, *scale)).reduce(f64::max)
    };
    trials.iter().map(largest).collect()
}

/// The targets of measured values, with mean 0 and variance 1, and the target at which the
/// constraint holds just so.
///
/// Values are divided by the median of their magnitudes, which keeps 0 where it is, and grow with
/// the logarithm beyond it: how far a constraint is from its bound says little about where the
/// bound is.
pub(crate) fn standardize(values: &[f64]) -> (Vec<f64>, f64) {
    let scale = scale(values.iter().copied());
    let mut targets: Vec<f64> =
        values.iter().map(|value| compressed(rescaled(*value, scale))).collect();
    let bound = bound(&targets);
    let count = targets.len().max(1) as f64;
    let mean = targets.iter().sum::<f64>() / count;
    let squares = targets.iter().map(|target| (target - mean) * (target - mean));
    let deviation = libm::sqrt(squares.sum::<f64>() / count);
    let factor = if deviation > 1e-12 { 1.0 / deviation } else { 1.0 };
    targets.iter_mut().for_each(|target| *target = (*target - mean) * factor);
    (targets, (bound - mean) * factor)
}

/// The median magnitude of the values that are not 0; 1 where there are none.
pub(crate) fn scale(values: impl Iterator<Item = f64>) -> f64 {
    let mut magnitudes: Vec<f64> = values.map(f64::abs).filter(|value| *value > 0.0).collect();
    let middle = magnitudes.len() / 2;
    if magnitudes.is_empty() {
        return 1.0;
    }
    *magnitudes.select_nth_unstable_by(middle, f64::total_cmp).1
}

fn rescaled(value: f64, scale: f64) -> f64 {
    (value / scale).clamp(-f64::MAX, f64::MAX)
}

/// Odd, with a continuous slope.
fn compressed(value: f64) -> f64 {
    let beyond = value.abs() / LINEAR;
    if beyond <= 1.0 { value } else { LINEAR.copysign(value) * (1.0 + libm::log(beyond)) }
}

/// The largest compressed value at which the constraint holds: 0, or, where most feasible trials
/// have exactly 0, as of a count of what is wrong, half of the way to the least positive value. A
/// process that had the bound at its own observations would call each of them as likely feasible
/// as not.
fn bound(values: &[f64]) -> f64 {
    let feasible = values.iter().filter(|value| **value <= 0.0).count();
    let zeros = values.iter().filter(|value| **value == 0.0).count();
    if 2 * zeros <= feasible {
        return 0.0;
    }
    let least = values.iter().copied().filter(|value| *value > 0.0).reduce(f64::min);
    0.5 * least.unwrap_or(2.0)
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::space::Configuration;

    #[test]
    fn targets_keep_the_order_and_the_side_of_the_bound() {
        for values in [
            vec![-3.0, -0.5, 0.2, 7.0, 900.0, -1e6],
            vec![1e300, -1e300, 5.0, -0.0, f64::MAX],
            vec![5e-324, -5e-324, 1e300],
            vec![1.0, 0.0, 0.0, 3.0],
            vec![0.0; 3],
            vec![-4.0; 5],
            vec![4.0; 5],
        ] {
            let (targets, bound) = standardize(&values);
            assert!(targets.iter().all(|target| target.is_finite()), "{values:?}: {targets:?}");
            for (value, target) in values.iter().zip(&targets) {
                // What is tiny beside other values may be on the bound.
                let beyond = if *value > 0.0 { bound - target } else { target - bound };
                assert!(beyond < 1e-12, "{value}: {target} {bound}");
                for (other, beside) in values.iter().zip(&targets) {
                    assert!(value >= other || target <= beside, "{values:?}: {targets:?}");
                }
            }
        }
    }

    #[test]
    fn the_unit_has_no_effect() {
        let values = [-3.0, -0.5, 0.25, 7.0, 900.0, -1e6];
        let (targets, bound) = standardize(&values);
        let moved = values.map(|value| value * 1024.0);
        assert_eq!(standardize(&moved), (targets, bound));
    }

    #[test]
    fn a_count_of_what_is_wrong_has_its_bound_between_zero_and_one() {
        let (targets, bound) = standardize(&[0.0, 1.0, 0.0, 2.0]);
        assert!(targets[0] < bound && bound < targets[1], "{targets:?} {bound}");
        assert!((bound - 0.5 * (targets[0] + targets[1])).abs() < 1e-12);
    }

    #[test]
    fn what_has_no_process_of_its_own_is_modeled_by_its_largest() {
        let trial = |last: f64| {
            let mut constraints = vec![-1.0; MAX_MODELED + 2];
            constraints[MAX_MODELED + 1] = last;
            Observation::new(Configuration::new(vec![]), Some(0.0)).with_constraints(constraints)
        };
        let failed = Observation::new(Configuration::new(vec![]), None);
        let (one, other) = (trial(-100.0), trial(300.0));
        let trials = [&one, &failed, &other];
        let of = |index| values_of(&trials, index, MAX_MODELED + 2);
        assert_eq!(of(MAX_MODELED - 2), [Some(-1.0), None, Some(-1.0)]);
        assert_eq!(of(MAX_MODELED - 1), [Some(-100.0 / 300.0), None, Some(1.0)]);
    }
}

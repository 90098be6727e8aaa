//! How much each parameter has mattered so far: a screening of the parameters of a large space.

use alloc::{collections::BTreeMap, vec::Vec};

use super::merit::TrialOrder;
use crate::{
    space::{Parameter, Space},
    trial::Observation,
};

/// Least number of trials with the parameter active.
const MIN_TRIALS: usize = 5;

/// The share of the variance of the losses' ranks that each parameter explains by itself,
/// `[parameters]`: the adjusted coefficient of determination of a quadratic regression on a number,
/// and of the means of a category's groups, at most 1 and not below 0, times the share of the
/// trials in which it was active.
///
/// Infeasible trials rank behind the others by their violations, failed ones last. Ranks make the
/// measure independent of the losses' scale and of single very bad trials; the adjustment takes
/// what a parameter without influence explains by chance.
///
/// H. Theil, Economic Forecasts and Policy (1961), for the adjustment; the correlation ratio of K.
/// Pearson (1905) for categories.
pub(super) fn influences(space: &Space, history: &[Observation]) -> Vec<f64> {
    let ranks = ranks(history);
    let of = |(index, parameter): (usize, &Parameter)| {
        let pairs: Vec<(f64, f64)> = history
            .iter()
            .zip(&ranks)
            .filter_map(|(trial, rank)| Some((trial.configuration.get(index)?, *rank)))
            .collect();
        if pairs.len() < MIN_TRIALS {
            return 0.0;
        }
        let domain = parameter.domain();
        let explained = if domain.is_categorical() {
            explained_by_groups(&pairs)
        } else {
            let places = pairs.iter().map(|(value, rank)| (domain.to_unit(*value), *rank));
            explained_by_quadratic(&places.collect::<Vec<_>>())
        };
        explained.clamp(0.0, 1.0) * pairs.len() as f64 / history.len() as f64
    };
    space.parameters().iter().enumerate().map(of).collect()
}

/// Rank of each trial's loss, from 0 to 1; equal losses share the mean of their ranks.
fn ranks(history: &[Observation]) -> Vec<f64> {
    let by = TrialOrder::new(history);
    // Zeros of either sign are equal here.
    let compare =
        |one: usize, other: usize| by.merit(&history[one]).compare(&by.merit(&history[other]));
    let mut order: Vec<usize> = (0..history.len()).collect();
    order.sort_by(|one, other| by.merit(&history[*one]).total_cmp(&by.merit(&history[*other])));
    let mut ranks = alloc::vec![0.0; history.len()];
    for group in order.chunk_by(|one, other| compare(*one, *other).is_eq()) {
        let first = order.partition_point(|index| compare(*index, group[0]).is_lt());
        let rank = (first as f64 + 0.5 * group.len() as f64) / history.len() as f64;
        group.iter().for_each(|index| ranks[*index] = rank);
    }
    ranks
}

/// The adjusted coefficient of determination of `y` on `x` and `x²`.
fn explained_by_quadratic(pairs: &[(f64, f64)]) -> f64 {
    let count = pairs.len() as f64;
    let mean = |of: &dyn Fn(&(f64, f64)) -> f64| pairs.iter().map(of).sum::<f64>() / count;
    let (x_mean, y_mean) = (mean(&|pair| pair.0), mean(&|pair| pair.1));
    let square_mean = mean(&|pair| (pair.0 - x_mean) * (pair.0 - x_mean));
    let (mut xx, mut xs, mut ss) = (0.0, 0.0, 0.0);
    let (mut xy, mut sy, mut yy) = (0.0, 0.0, 0.0);
    for (x, y) in pairs {
        let (x, y) = (x - x_mean, y - y_mean);
        let square = x * x - square_mean;
        (xx, xs, ss) = (xx + x * x, xs + x * square, ss + square * square);
        (xy, sy, yy) = (xy + x * y, sy + square * y, yy + y * y);
    }
    if xx <= 1e-12 * count || yy <= 0.0 {
        return 0.0;
    }
    // The part of the square that is orthogonal to x, so that both explain by themselves.
    let rest = ss - xs * xs / xx;
    let curved = if rest > 1e-9 * ss { sy - xs * xy / xx } else { 0.0 };
    let explained = xy * xy / xx + if curved == 0.0 { 0.0 } else { curved * curved / rest };
    adjusted(explained / yy, pairs.len(), 2)
}

/// The adjusted correlation ratio of `y` over the groups of equal `x`.
fn explained_by_groups(pairs: &[(f64, f64)]) -> f64 {
    let count = pairs.len() as f64;
    let mean = pairs.iter().map(|pair| pair.1).sum::<f64>() / count;
    let total: f64 = pairs.iter().map(|pair| (pair.1 - mean) * (pair.1 - mean)).sum();
    let mut groups: BTreeMap<u64, (f64, f64)> = BTreeMap::new();
    for (choice, y) in pairs {
        let (size, sum) = groups.entry(*choice as u64).or_default();
        (*size, *sum) = (*size + 1.0, *sum + (y - mean));
    }
    if total <= 0.0 {
        return 0.0;
    }
    let between: f64 = groups.values().map(|(size, sum)| sum * sum / size).sum();
    adjusted(between / total, pairs.len(), groups.len() - 1)
}

/// Theil's adjustment of an explained share for the number of regressors.
fn adjusted(share: f64, count: usize, regressors: usize) -> f64 {
    if count <= regressors + 1 {
        return 0.0;
    }
    1.0 - (1.0 - share) * (count - 1) as f64 / (count - 1 - regressors) as f64
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use rand::{RngExt, SeedableRng};
    use rand_xoshiro::Xoshiro256PlusPlus;

    use super::*;

    #[test]
    fn what_matters_explains_more_than_what_does_not() {
        let mut parameters: Vec<Parameter> =
            (0..30).map(|index| Parameter::float(alloc::format!("x{index}"), 0.0, 1.0)).collect();
        parameters.push(Parameter::categorical("good", ["a", "b", "c"]));
        parameters.push(Parameter::categorical("bad", ["a", "b", "c"]));
        let space = Space::new(parameters).unwrap();
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(3);
        let history: Vec<Observation> = (0..120)
            .map(|number| {
                let unit: Vec<f64> = (0..space.len()).map(|_| rng.random::<f64>()).collect();
                let configuration = space.from_unit(&unit);
                // Linear in one, a parabola in another, and a category.
                let kind = configuration.get(30).unwrap();
                let loss = 2.0 * unit[4] + 6.0 * (unit[17] - 0.5) * (unit[17] - 0.5) + 0.7 * kind;
                Observation::new(configuration, (number % 10 != 9).then_some(loss))
            })
            .collect();
        let influences = influences(&space, &history);
        let mut order: Vec<usize> = (0..space.len()).collect();
        order.sort_by(|one, other| influences[*other].total_cmp(&influences[*one]));
        order[..3].sort_unstable();
        assert_eq!(order[..3], [4, 17, 30], "{influences:?}");
        assert!(influences.iter().all(|share| (0.0..=1.0).contains(share)));
    }

    #[test]
    fn ranks_are_shared_and_failures_come_last() {
        let trial = |loss| Observation::new(crate::space::Configuration::new(vec![]), loss);
        let history = [Some(2.0), None, Some(-1.0), Some(2.0)].map(trial);
        assert_eq!(ranks(&history), [0.5, 0.875, 0.125, 0.5]);
    }

    #[test]
    fn a_category_for_every_trial_explains_nothing() {
        let pairs: Vec<(f64, f64)> = (0..40).map(|n| (f64::from(n), f64::from(n % 7))).collect();
        assert_eq!(explained_by_groups(&pairs), 0.0);
        assert_eq!(explained_by_quadratic(&[(0.3, 1.0); 9]), 0.0);
        let constant: Vec<(f64, f64)> = (0..9).map(|n| (f64::from(n) / 9.0, 2.0)).collect();
        assert_eq!(explained_by_quadratic(&constant), 0.0);
    }
}

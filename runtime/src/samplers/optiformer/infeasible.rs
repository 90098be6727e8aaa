//! Infeasible trials without a model of their constraints.

use alloc::vec::Vec;

use crate::{
    samplers::merit::{Merit, TrialOrder, constraint_count},
    trial::Observation,
};

/// The history with other losses for infeasible trials, worse than those of all feasible ones and
/// in the order of their violations; `None` in a study without constraints.
///
/// The losses go on from the worst feasible one, by the range of the feasible losses for the worst
/// violation. While no trial is feasible they are the ranks of the violations.
pub(super) fn penalized(history: &[Observation]) -> Option<Vec<Observation>> {
    if constraint_count(history) == 0 {
        return None;
    }
    let order = TrialOrder::new(history);
    let mut infeasible: Vec<(Merit, usize)> = history
        .iter()
        .enumerate()
        .map(|(index, trial)| (order.merit(trial), index))
        .filter(|(merit, _)| matches!(merit, Merit::Infeasible(_)))
        .collect();
    infeasible.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.cmp(&other.1)));
    let feasible = || history.iter().filter(|it| it.is_feasible()).filter_map(|it| it.loss);
    let worst = feasible().reduce(f64::max).unwrap_or(0.0);
    let best = feasible().reduce(f64::min).unwrap_or(0.0);
    let range = (worst / 2.0 - best / 2.0) * 2.0;
    let range = if range > 0.0 { range.min(f64::MAX) } else { worst.abs().max(1.0) };
    let mut penalized: Vec<Observation> = history.to_vec();
    for (rank, (_, index)) in infeasible.iter().enumerate() {
        let share = (rank + 1) as f64 / infeasible.len() as f64;
        penalized[*index].loss = Some((worst + share * range).min(f64::MAX));
    }
    penalized.iter_mut().for_each(|trial| trial.constraints = Vec::new());
    Some(penalized)
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::space::Configuration;

    fn losses(trials: &[(Option<f64>, &[f64])]) -> Option<Vec<Option<f64>>> {
        let trial = |(loss, constraints): &(Option<f64>, &[f64])| {
            Observation::new(Configuration::new(vec![]), *loss).with_constraints(*constraints)
        };
        let history: Vec<Observation> = trials.iter().map(trial).collect();
        Some(penalized(&history)?.iter().map(|trial| trial.loss).collect())
    }

    #[test]
    fn the_more_is_violated_the_worse_and_nothing_feasible_is_as_bad() {
        let trials: [(Option<f64>, &[f64]); 6] = [
            (Some(3.0), &[-1.0]),
            (Some(-9.0), &[5.0]),
            (None, &[]),
            (Some(7.0), &[0.0]),
            (Some(99.0), &[1.0]),
            (Some(0.0), &[7.0]),
        ];
        let wanted = [Some(3.0), Some(7.0 + 8.0 / 3.0), None, Some(7.0), Some(7.0 + 4.0 / 3.0)];
        let penalized = losses(&trials).unwrap();
        assert_eq!((&penalized[..5], penalized[5]), (&wanted[..], Some(11.0)));
        let ranks = losses(&[(Some(3.0), &[2.0]), (Some(4.0), &[1.0])]).unwrap();
        assert_eq!(ranks, [Some(1.0), Some(0.5)]);
        assert_eq!(losses(&[(Some(3.0), &[]), (None, &[])]), None);
    }

    #[test]
    fn losses_at_the_ends_of_what_doubles_hold_stay_finite() {
        let trials: [(Option<f64>, &[f64]); 3] =
            [(Some(f64::MAX), &[-1.0]), (Some(f64::MIN), &[-0.0]), (Some(0.0), &[f64::MAX])];
        assert!(losses(&trials).unwrap().iter().flatten().all(|loss| loss.is_finite()));
    }
}

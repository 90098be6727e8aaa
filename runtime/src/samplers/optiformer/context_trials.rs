//! Selection of the search box and of the trials in the context of the model.

use alloc::{vec, vec::Vec};

use crate::{
    samplers::{
        Request,
        merit::{Merit, TrialOrder},
    },
    space::{Configuration, SearchBox, Space},
    trial::Observation,
};

/// Width of the search box relative to the bounding box of the best trials.
const ZOOM_WIDENING: f64 = 1.6;
/// Shortest side of the search box, where a bin is a millionth of the parameter's range.
const ZOOM_NARROWEST: f64 = 1e-3;
/// Number of best trials that candidates are made near.
const ELITE: usize = 5;

/// The part of a request that fits the context of the model.
#[derive(Clone, Debug)]
pub(crate) struct ContextTrials {
    /// The whole space, or a box around the best trials.
    pub search_box: SearchBox,
    /// The trials inside it.
    pub trials: Vec<Observation>,
    /// Their indices in the history.
    #[cfg(feature = "classical")]
    pub indices: Vec<usize>,
    /// The pending configurations inside it.
    pub pending: Vec<Configuration>,
    /// The best trials as points of the unit cube, best first.
    pub elite: Vec<Vec<f64>>,
}

impl ContextTrials {
    /// Selects the search box and at most `most` trials: the best, the latest, and an even
    /// selection of the rest. Pending trials take at most half of the places, the latest ones
    /// first.
    pub fn new(request: &Request<'_>, most: usize, zoom: bool) -> Self {
        let space = request.space;
        // Inactive parameters are NaN, which the box ignores.
        let units: Vec<Vec<f64>> = request
            .history
            .iter()
            .map(|trial| space.to_partial_unit(&trial.configuration))
            .collect();
        let search_box =
            if zoom { box_around_best(request, &units) } else { SearchBox::whole(space.len()) };
        let inside: Vec<usize> =
            (0..units.len()).filter(|index| search_box.contains(&units[*index])).collect();
        let pending: Vec<Configuration> = request
            .pending
            .iter()
            .filter(|configuration| search_box.contains(&space.to_partial_unit(configuration)))
            .cloned()
            .collect();
        let pending = pending[pending.len() - pending.len().min(most / 2)..].to_vec();
        let room = most.saturating_sub(pending.len()).max(1);
        let kept = best_latest_and_spread(request.history, &inside, room);
        let elite = ranked(request.history, &inside)
            .into_iter()
            .take(ELITE)
            .map(|index| space.to_unit(&request.history[index].configuration))
            .collect();
        Self {
            search_box,
            trials: kept.iter().map(|index| request.history[*index].clone()).collect(),
            #[cfg(feature = "classical")]
            indices: kept,
            pending,
            elite,
        }
    }
}

impl ContextTrials {
    /// Selects from a history in the unit cube, without pending trials.
    pub fn whole(space: &Space, history: &[Observation], most: usize) -> Self {
        let number = history.len() as u64;
        Self::new(&Request { space, history, pending: &[], number, seed: 0 }, most, false)
    }
}

/// The search box around the best quarter, 5 to 10, of the trials.
pub(crate) fn box_around_best(request: &Request<'_>, units: &[Vec<f64>]) -> SearchBox {
    let space: &Space = request.space;
    let all: Vec<usize> = (0..units.len()).collect();
    let best = ranked(request.history, &all);
    let count = (best.len() / 4).clamp(5, 10).min(best.len());
    let points: Vec<Vec<f64>> = best[..count].iter().map(|index| units[*index].clone()).collect();
    if points.is_empty() {
        return SearchBox::whole(space.len());
    }
    SearchBox::around(&points, ZOOM_WIDENING, ZOOM_NARROWEST, |dimension| {
        !space.parameters()[dimension].domain().is_categorical()
    })
}

/// The successful trials among `indices`, best first, infeasible ones behind the others; ties in
/// the order of the history.
pub(crate) fn ranked(history: &[Observation], indices: &[usize]) -> Vec<usize> {
    let order = TrialOrder::new(history);
    let mut finished: Vec<(Merit, usize)> = indices
        .iter()
        .map(|index| (order.merit(&history[*index]), *index))
        .filter(|(merit, _)| !merit.is_failed())
        .collect();
    finished.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.cmp(&other.1)));
    finished.into_iter().map(|(_, index)| index).collect()
}

/// At most `room` of `indices`, in order: a third are the best, a third the latest, and the rest
/// are evenly spaced.
pub(crate) fn best_latest_and_spread(
    history: &[Observation],
    indices: &[usize],
    room: usize,
) -> Vec<usize> {
    if indices.len() <= room {
        return indices.to_vec();
    }
    let mut kept = vec![false; history.len()];
    let third = room.div_ceil(3);
    for index in ranked(history, indices).into_iter().take(third) {
        kept[index] = true;
    }
    let mut free = room - kept.iter().filter(|kept| **kept).count();
    let latest: Vec<usize> =
        indices.iter().rev().copied().filter(|index| !kept[*index]).take(third.min(free)).collect();
    free -= latest.len();
    latest.into_iter().for_each(|index| kept[index] = true);
    let rest: Vec<usize> = indices.iter().copied().filter(|index| !kept[*index]).collect();
    let spread = free.min(rest.len());
    for place in 0..spread {
        kept[rest[place * rest.len() / spread]] = true;
    }
    indices.iter().copied().filter(|index| kept[*index]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Parameter;

    fn space() -> Space {
        Space::new(vec![Parameter::float("x", 0.0, 1.0), Parameter::float("y", 0.0, 1.0)]).unwrap()
    }

    fn history(space: &Space, losses: &[Option<f64>]) -> Vec<Observation> {
        let trial = |(index, loss): (usize, &Option<f64>)| {
            Observation::new(space.from_unit(&[index as f64 / losses.len() as f64, 0.5]), *loss)
        };
        losses.iter().enumerate().map(trial).collect()
    }

    #[test]
    fn a_long_history_keeps_the_best_the_latest_and_a_spread() {
        let space = space();
        let mut losses: Vec<Option<f64>> =
            (0..200).map(|i| Some(f64::from(i % 17) + 5.0)).collect();
        losses[40] = Some(0.5);
        losses[41] = None;
        let history = history(&space, &losses);
        let request =
            Request { space: &space, history: &history, pending: &[], number: 200, seed: 0 };
        let shown = ContextTrials::new(&request, 20, false);
        assert_eq!(shown.trials.len(), 20);
        assert_eq!(shown.elite[0], space.to_unit(&history[40].configuration));
        let kept: Vec<usize> = shown
            .trials
            .iter()
            .map(|trial| history.iter().position(|other| other == trial).unwrap())
            .collect();
        assert!(kept.contains(&40) && kept.contains(&199) && kept.contains(&194));
        assert!(kept.is_sorted() && kept.iter().filter(|index| **index < 100).count() >= 4);
    }

    #[test]
    fn a_box_keeps_trials_whose_parameters_are_inactive() {
        let space = Space::new(vec![
            Parameter::categorical("model", ["a", "b"]),
            Parameter::float("x", 0.0, 1.0).when("model", ["a"]),
            Parameter::float("y", 0.0, 1.0),
        ])
        .unwrap();
        let trial = |unit: &[f64], loss| Observation::new(space.from_unit(unit), Some(loss));
        let mut history: Vec<Observation> = (0..8)
            .map(|index| trial(&[0.2, 0.8 + 0.02 * f64::from(index % 2), 0.5], f64::from(index)))
            .collect();
        history.push(trial(&[0.9, 0.0, 0.5], 50.0));
        history.push(trial(&[0.2, 0.1, 0.5], 60.0));
        let request =
            Request { space: &space, history: &history, pending: &[], number: 10, seed: 0 };
        let shown = ContextTrials::new(&request, 100, true);
        assert!(!shown.search_box.is_whole());
        assert!(shown.trials.contains(&history[8]) && !shown.trials.contains(&history[9]));
    }
}

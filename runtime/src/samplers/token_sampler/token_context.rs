//! The part of a history that fits the context of a model over tokens.

use alloc::vec::Vec;

use crate::{
    samplers::{
        Request,
        optiformer::context_trials::{best_latest_and_spread, box_around_best, ranked},
    },
    space::SearchBox,
    tokenizer::{ScoreScale, Tokenizer, vocabulary::Token},
    trial::Observation,
};

/// The tokens of a request, with the search box and the score scale that they are written in.
#[derive(Clone, Debug)]
pub struct TokenContext {
    /// The search box.
    pub search_box: SearchBox,
    /// The prompt and the shown trials.
    pub tokens: Vec<Token>,
    /// Score scale of the shown trials.
    pub scale: ScoreScale,
    /// Score of the best shown trial.
    pub incumbent: f64,
    /// The best trials in the search box as points of the unit cube, best first.
    pub best: Vec<Vec<f64>>,
    /// Number of trials of the search box that do not fit.
    pub dropped: usize,
}

impl TokenContext {
    /// Selects the search box, the trials and the score scale, and writes at most `max_tokens`
    /// tokens.
    ///
    /// A longer history is reduced to the best trials, the latest, and an even selection of the
    /// rest. Pending trials get the median score, which keeps the model from repeating them.
    pub fn new(
        request: &Request<'_>,
        tokenizer: &Tokenizer,
        max_tokens: usize,
        zoom: bool,
    ) -> Self {
        let space = request.space;
        let units: Vec<Vec<f64>> = request
            .history
            .iter()
            .map(|observation| space.to_unit(&observation.configuration))
            .collect();
        // Inactive parameters are NaN, which the box ignores.
        let partial: Vec<Vec<f64>> = request
            .history
            .iter()
            .map(|observation| space.to_partial_unit(&observation.configuration))
            .collect();
        let search_box =
            if zoom { box_around_best(request, &partial) } else { SearchBox::whole(space.len()) };
        let inside: Vec<usize> =
            (0..partial.len()).filter(|index| search_box.contains(&partial[*index])).collect();
        let pending: Vec<_> = request
            .pending
            .iter()
            .filter(|configuration| search_box.contains(&space.to_partial_unit(configuration)))
            .collect();
        let room = (max_tokens.saturating_sub(2) / tokenizer.trial_length()).max(1);
        // Pending trials take at most half of the room, the latest ones.
        let waiting = &pending[pending.len() - pending.len().min(room / 2)..];
        let shown = select_trials(request.history, &inside, (room - waiting.len()).max(1));

        let losses: Vec<Option<f64>> =
            shown.iter().map(|index| request.history[*index].loss).collect();
        let scale = ScoreScale::fit(losses[..fitted_length(&losses)].iter().copied().flatten());
        let mut tokens = Tokenizer::prompt(0).to_vec();
        for index in &shown {
            let observation = &request.history[*index];
            let score = scale.bin(observation.loss);
            tokenizer.push_trial(&observation.configuration, score, &search_box, &mut tokens);
        }
        let mut finished: Vec<f64> = losses.iter().copied().flatten().collect();
        finished.sort_unstable_by(f64::total_cmp);
        let median = finished.get(finished.len() / 2).copied();
        for configuration in waiting {
            tokenizer.push_trial(configuration, scale.bin(median), &search_box, &mut tokens);
        }
        let incumbent = finished.first().map_or(1.0, |loss| scale.score(*loss));
        let best = ranked(request.history, &inside)
            .into_iter()
            .take(MAX_PARENTS)
            .map(|index| units[index].clone())
            .collect();
        Self { search_box, tokens, scale, incumbent, best, dropped: inside.len() - shown.len() }
    }
}

/// Number of the best trials that get neighbors.
const MAX_PARENTS: usize = 5;

/// Selects at most `room` of `indices`, in order.
///
/// The selection is repeated after eight more trials, or a quarter of `room` if that is less; until
/// then new trials are appended, so that tokens keep their cached keys and values.
fn select_trials(history: &[Observation], indices: &[usize], room: usize) -> Vec<usize> {
    if indices.len() <= room {
        return indices.to_vec();
    }
    let period = (room / 4).clamp(1, 8);
    let since = indices.len() % period;
    let (before, since) = indices.split_at(indices.len() - since);
    let mut chosen = best_latest_and_spread(history, before, room - (period - 1));
    chosen.extend_from_slice(since);
    chosen
}

/// Number of losses, from the first, that the score scale is fitted to.
///
/// The scale is fitted at each improvement and each time that the history has grown by a fifth, so
/// that tokens keep their cached keys and values in between.
fn fitted_length(losses: &[Option<f64>]) -> usize {
    let mut best = f64::INFINITY;
    let mut improved = 0;
    for (index, loss) in losses.iter().enumerate() {
        if let Some(loss) = loss
            && *loss < best
        {
            best = *loss;
            improved = index + 1;
        }
    }
    let mut grown = 1;
    loop {
        let next = grown + (grown / 5).max(1);
        if next > losses.len() {
            break;
        }
        grown = next;
    }
    improved.max(grown).min(losses.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    use crate::space::{Parameter, Space};

    fn history(space: &Space, losses: &[Option<f64>]) -> Vec<Observation> {
        losses
            .iter()
            .enumerate()
            .map(|(index, loss)| {
                Observation::new(space.from_unit(&[index as f64 / losses.len() as f64, 0.5]), *loss)
            })
            .collect()
    }

    fn space() -> Space {
        Space::new(vec![Parameter::float("x", 0.0, 1.0), Parameter::float("y", 0.0, 1.0)]).unwrap()
    }

    #[test]
    fn a_long_history_keeps_the_best_and_the_latest() {
        let space = space();
        let mut losses: Vec<Option<f64>> =
            (0..200).map(|i| Some(f64::from(i % 17) + 5.0)).collect();
        losses[40] = Some(0.5);
        losses[41] = None;
        let history = history(&space, &losses);
        let request =
            Request { space: &space, history: &history, pending: &[], number: 200, seed: 0 };
        let tokenizer = Tokenizer::new(&space).unwrap();
        let context = TokenContext::new(&request, &tokenizer, 142, false);
        // Four of the twenty places are for trials that come before the next selection.
        assert_eq!(context.tokens.len(), 2 + 16 * 7);
        assert_eq!(context.dropped, 184);
        assert_eq!(context.best[0], space.to_unit(&history[40].configuration));
        let all: Vec<usize> = (0..200).collect();
        let kept = select_trials(&history, &all, 20);
        assert!(kept.contains(&40) && kept.contains(&199) && kept.contains(&194));
        assert!(kept.windows(2).all(|pair| pair[0] < pair[1]) && kept.len() == 16);
        // The even selection reaches into the first half, beyond the best trial.
        assert!(kept.iter().filter(|index| **index < 100).count() >= 4);
    }

    #[test]
    fn what_is_shown_of_a_long_history_stays_for_a_while() {
        let space = space();
        let losses: Vec<Option<f64>> = (0..240).map(|i| Some(f64::from(i * 7 % 31))).collect();
        let history = history(&space, &losses);
        let shown = |count: usize| select_trials(&history, &(0..count).collect::<Vec<_>>(), 34);
        let mut stayed = 0;
        for count in 35..240 {
            let (before, after) = (shown(count - 1), shown(count));
            assert!(after.len() <= 34 && after.len() >= 27, "{}", after.len());
            assert_eq!(after.last(), Some(&(count - 1)));
            stayed += usize::from(after.starts_with(&before));
        }
        // Seven times of eight.
        assert!(stayed >= 205 * 7 / 8 - 1, "{stayed}");
    }

    #[test]
    fn the_scale_stays_while_nothing_improves() {
        let mut losses: Vec<Option<f64>> = (0..27).map(|i| Some(10.0 + f64::from(i))).collect();
        let before = fitted_length(&losses);
        losses.push(Some(99.0));
        assert_eq!(fitted_length(&losses), before);
        losses.push(Some(1.0));
        assert_eq!(fitted_length(&losses), losses.len());
        assert_eq!(fitted_length(&[]), 0);
        assert_eq!(fitted_length(&[None]), 1);
    }

    #[test]
    fn failed_and_pending_trials_are_shown() {
        let space = space();
        let history = history(&space, &[Some(1.0), None, Some(3.0)]);
        let pending = [space.from_unit(&[0.9, 0.9])];
        let request =
            Request { space: &space, history: &history, pending: &pending, number: 4, seed: 0 };
        let tokenizer = Tokenizer::new(&space).unwrap();
        let context = TokenContext::new(&request, &tokenizer, 512, false);
        assert_eq!(context.tokens.len(), 2 + 4 * 7);
        assert_eq!(context.tokens[2 + 2 * 7 - 1], crate::tokenizer::score::FAILED);
        assert_eq!(context.tokens[2 + 4 * 7 - 2], crate::tokenizer::vocabulary::SCORE);
    }

    /// The box is far from the center in the parameters of model a; a trial of model b, without
    /// these parameters, lies in it.
    #[test]
    fn zooming_keeps_trials_whose_parameters_are_inactive() {
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
        let tokenizer = Tokenizer::new(&space).unwrap();
        let context = TokenContext::new(&request, &tokenizer, 512, true);
        let units = |index: usize| space.to_partial_unit(&history[index].configuration);
        assert!(units(8)[1].is_nan() && context.search_box.contains(&units(8)));
        assert!(!context.search_box.contains(&units(9)));
        // Eight trials of three parameters and one of two.
        assert_eq!(context.tokens.len(), 2 + 8 * 9 + 7);
    }
}

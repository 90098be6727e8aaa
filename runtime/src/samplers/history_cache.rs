//! Tracks the longest history prefix shared with the previous request, so that cached state can be
//! reused.

use alloc::vec::Vec;

use crate::{
    space::{Configuration, Space},
    trial::Observation,
};

/// The trials of the previous request.
///
/// Most requests append one trial. When parallel trials finish out of order, one is inserted before
/// the last ones; another study shares no prefix. Comparing takes a few instructions per trial,
/// because clones of a configuration share their values.
#[derive(Clone, Debug, Default)]
pub(super) struct HistoryCache {
    space: Option<Space>,
    trials: Vec<Observation>,
    /// One digest per trial, scanned without touching the configurations' memory.
    digests: Vec<u64>,
}

impl HistoryCache {
    /// Replaces the history and returns the length of the prefix that it shares with the one
    /// before.
    pub(super) fn sync(&mut self, space: &Space, history: &[Observation]) -> usize {
        if self.space.as_ref() != Some(space) {
            self.space = Some(space.clone());
            self.trials.clear();
            self.digests.clear();
        }
        let pairs = self.trials.iter().zip(history);
        let same = pairs.take_while(|(one, other)| is_identical(one, other)).count();
        self.trials.truncate(same);
        self.trials.extend_from_slice(&history[same..]);
        self.digests.truncate(same);
        self.digests.extend(history[same..].iter().map(|trial| digest(&trial.configuration)));
        same
    }

    /// Whether a trial has this configuration.
    #[cfg(feature = "classical")]
    pub(super) fn contains(&self, configuration: &Configuration) -> bool {
        let wanted = digest(configuration);
        // Two passes: the first is comparisons alone, which the compiler vectorizes.
        let count = self.digests.iter().filter(|digest| **digest == wanted).count();
        let equal = |(at, _): (usize, &u64)| self.trials[at].configuration == *configuration;
        let mut places = self.digests.iter().enumerate().filter(|(_, digest)| **digest == wanted);
        count > 0 && places.any(equal)
    }
}

/// A digest that is equal for equal configurations (FNV-1a, one value at a time).
fn digest(configuration: &Configuration) -> u64 {
    configuration.values().iter().fold(0xCBF2_9CE4_8422_2325, |state, value| {
        // Adding 0 turns −0 into 0.
        let bits = value.map_or(u64::MAX, |value| (value + 0.0).to_bits());
        let mixed = (state ^ bits).wrapping_mul(0x0000_0100_0000_01B3);
        mixed ^ (mixed >> 32)
    })
}

fn is_identical(one: &Observation, other: &Observation) -> bool {
    one.loss.map(f64::to_bits) == other.loss.map(f64::to_bits)
        && is_equal_bitwise(&one.constraints, &other.constraints)
        && one.configuration.is_identical(&other.configuration)
}

fn is_equal_bitwise(some: &[f64], others: &[f64]) -> bool {
    some.len() == others.len()
        && some.iter().zip(others).all(|(one, other)| one.to_bits() == other.to_bits())
}

/// Length of the common prefix of two lists of configurations.
#[cfg(feature = "classical")]
pub(super) fn common_prefix<'a>(
    trials: impl Iterator<Item = &'a Configuration>,
    others: &[Configuration],
) -> usize {
    trials.zip(others).take_while(|(one, other)| one.is_identical(other)).count()
}

#[cfg(all(test, feature = "classical"))]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::space::Parameter;

    fn space(high: f64) -> Space {
        Space::new(vec![Parameter::float("x", 0.0, high)]).unwrap()
    }

    fn trial(x: f64, loss: Option<f64>) -> Observation {
        Observation::new(Configuration::new(vec![Some(x)]), loss)
    }

    #[test]
    fn what_was_tried_is_found() {
        let history: Vec<Observation> = (0..50).map(|x| trial(f64::from(x) / 64.0, None)).collect();
        let mut cache = HistoryCache::default();
        cache.sync(&space(1.0), &history);
        assert!(history.iter().all(|trial| cache.contains(&trial.configuration)));
        assert!(cache.contains(&trial(-0.0, None).configuration));
        assert!(!cache.contains(&trial(50.0 / 64.0, None).configuration));
        assert!(!cache.contains(&Configuration::new(vec![None])));
        cache.sync(&space(1.0), &history[..20]);
        assert!(!cache.contains(&history[20].configuration));
    }

    #[test]
    fn what_is_the_same_is_counted() {
        let mut history: Vec<Observation> =
            (0..5).map(|index| trial(f64::from(index) / 4.0, Some(1.0))).collect();
        let mut cache = HistoryCache::default();
        assert_eq!(cache.sync(&space(1.0), &history[..4]), 0);
        assert_eq!(cache.sync(&space(1.0), &history), 4);
        // In turn: equal numbers at another address; another loss; an inserted trial; fewer trials.
        history[1] = trial(0.25, Some(1.0));
        assert_eq!(cache.sync(&space(1.0), &history), 5);
        history[3].loss = None;
        assert_eq!(cache.sync(&space(1.0), &history), 3);
        history.insert(2, trial(0.9, Some(0.0)));
        assert_eq!(cache.sync(&space(1.0), &history), 2);
        assert_eq!(cache.sync(&space(1.0), &history[..4]), 4);
        assert_eq!(cache.sync(&space(1.0), &history), 4);
        assert_eq!(cache.sync(&space(2.0), &history), 0);
        // Zeros of different sign differ, because they do to some samplers.
        let zeros = [trial(0.0, Some(1.0)), trial(-0.0, Some(1.0))].map(|trial| vec![trial]);
        cache.sync(&space(1.0), &zeros[0]);
        assert_eq!(cache.sync(&space(1.0), &zeros[1]), 0);
    }
}

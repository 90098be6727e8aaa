//! The configurations that have been tried or are pending.

use alloc::{collections::BTreeSet, vec::Vec};
use core::cell::{Cell, OnceCell};

use rand::{Rng, RngExt};

use super::Request;
use crate::{
    space::{Configuration, Space},
    trial::Observation,
};

/// Largest finite space that is enumerated to find an untried configuration.
const MAX_ENUMERATED: usize = 4096;

/// Number of lookups served by a linear scan before a hash index is built.
const LINEAR_LOOKUPS: u32 = 8;

/// The set of finished and pending configurations, so that a sampler suggests nothing twice.
pub(crate) struct TriedSet<'a> {
    history: &'a [Observation],
    pending: &'a [Configuration],
    lookups: Cell<u32>,
    index: OnceCell<BTreeSet<Vec<Option<u64>>>>,
}

impl<'a> TriedSet<'a> {
    pub(crate) fn new(request: &Request<'a>) -> Self {
        let Request { history, pending, .. } = *request;
        Self { history, pending, lookups: Cell::new(0), index: OnceCell::new() }
    }

    pub(crate) fn contains(&self, configuration: &Configuration) -> bool {
        let lookups = self.lookups.replace(self.lookups.get() + 1);
        if lookups < LINEAR_LOOKUPS && self.index.get().is_none() {
            return self.configurations().any(|other| other == configuration);
        }
        self.index
            .get_or_init(|| self.configurations().map(Self::key).collect())
            .contains(&Self::key(configuration))
    }

    fn configurations(&self) -> impl Iterator<Item = &'a Configuration> {
        self.history.iter().map(|trial| &trial.configuration).chain(self.pending)
    }

    /// All untried configurations; `None` for a space too large to enumerate.
    pub(super) fn remaining(&self, space: &Space) -> Option<Vec<Configuration>> {
        let all = space.enumerate(MAX_ENUMERATED)?;
        Some(all.into_iter().filter(|one| !self.contains(one)).collect())
    }

    pub(super) fn key(configuration: &Configuration) -> Vec<Option<u64>> {
        // Adding 0 turns −0 into 0.
        configuration.values().iter().map(|value| value.map(|v| (v + 0.0).to_bits())).collect()
    }
}

/// A random untried configuration; after 256 attempts the first that is left, or any.
pub(super) fn sample_untried(
    space: &Space,
    tried: &TriedSet<'_>,
    rng: &mut impl Rng,
) -> Configuration {
    let mut draw = || {
        let unit: Vec<f64> = (0..space.len()).map(|_| rng.random::<f64>()).collect();
        space.from_unit(&unit)
    };
    for _ in 0..256 {
        let configuration = draw();
        if !tried.contains(&configuration) {
            return configuration;
        }
    }
    tried.remaining(space).and_then(|remaining| remaining.into_iter().next()).unwrap_or_else(draw)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Parameter;

    #[test]
    fn few_questions_and_many_have_the_same_answers() {
        let space = Space::new(alloc::vec![
            Parameter::int("n", -2, 2),
            Parameter::categorical("kind", ["a", "b"]),
            Parameter::float("x", 0.0, 1.0).when("kind", ["a"]),
        ])
        .unwrap();
        let of = |values: [Option<f64>; 3]| Configuration::new(values.to_vec());
        let trial = |values| Observation::new(of(values), None);
        let history =
            [trial([Some(0.0), Some(0.0), Some(0.5)]), trial([Some(1.0), Some(1.0), None])];
        let pending = [of([Some(2.0), Some(1.0), None])];
        let request =
            Request { space: &space, history: &history, pending: &pending, number: 3, seed: 0 };
        let tried = TriedSet::new(&request);
        for _ in 0..=LINEAR_LOOKUPS {
            for (values, expected) in [
                ([Some(-0.0), Some(0.0), Some(0.5)], true),
                ([Some(0.0), Some(0.0), Some(0.25)], false),
                ([Some(1.0), Some(1.0), None], true),
                ([Some(2.0), Some(1.0), None], true),
                ([Some(2.0), Some(0.0), Some(0.5)], false),
            ] {
                assert_eq!(tried.contains(&of(values)), expected, "{values:?}");
            }
        }
        assert!(tried.index.get().is_some());
    }
}

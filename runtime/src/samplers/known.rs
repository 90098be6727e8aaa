//! What need not be tried again.

use alloc::{collections::BTreeSet, vec::Vec};

use rand::{Rng, RngExt};

use super::Request;
use crate::space::{Configuration, Space};

/// What was tried or is being tried, for spaces where that can happen twice.
pub(super) struct Known {
    configurations: BTreeSet<Vec<Option<u64>>>,
}

impl Known {
    pub(super) fn of(request: &Request<'_>) -> Self {
        let tried = request.history.iter().map(|trial| &trial.configuration);
        Self { configurations: tried.chain(request.pending).map(Self::key).collect() }
    }

    pub(super) fn contains(&self, configuration: &Configuration) -> bool {
        self.configurations.contains(&Self::key(configuration))
    }

    pub(super) fn key(configuration: &Configuration) -> Vec<Option<u64>> {
        // Adding 0 makes −0 into 0.
        configuration.values().iter().map(|value| value.map(|v| (v + 0.0).to_bits())).collect()
    }
}

/// Something that was not tried, at random; anything when that is hard to find.
pub(super) fn untried(space: &Space, known: &Known, generator: &mut impl Rng) -> Configuration {
    let mut draw = || {
        let unit: Vec<f64> = (0..space.len()).map(|_| generator.random::<f64>()).collect();
        space.from_unit(&unit)
    };
    for _ in 0..256 {
        let configuration = draw();
        if !known.contains(&configuration) {
            return configuration;
        }
    }
    let all = space.enumerate(4096).unwrap_or_default();
    all.into_iter().find(|one| !known.contains(one)).unwrap_or_else(draw)
}

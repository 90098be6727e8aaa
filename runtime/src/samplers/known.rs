//! What need not be tried again.

use alloc::{collections::BTreeSet, vec::Vec};

#[cfg(feature = "classical")]
use rand::{Rng, RngExt};

use super::Request;
use crate::space::{Configuration, Space};

/// The largest finite space whose configurations are listed to find one that was not tried yet.
const LARGEST_LISTED: usize = 4096;

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

    /// All that was not tried yet; `None` of a space that is too large to be listed.
    pub(super) fn left(&self, space: &Space) -> Option<Vec<Configuration>> {
        let all = space.enumerate(LARGEST_LISTED)?;
        Some(all.into_iter().filter(|one| !self.contains(one)).collect())
    }

    pub(super) fn key(configuration: &Configuration) -> Vec<Option<u64>> {
        // Adding 0 makes −0 into 0.
        configuration.values().iter().map(|value| value.map(|v| (v + 0.0).to_bits())).collect()
    }
}

/// Something that was not tried, at random; anything when that is hard to find.
#[cfg(feature = "classical")]
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
    known.left(space).and_then(|left| left.into_iter().next()).unwrap_or_else(draw)
}

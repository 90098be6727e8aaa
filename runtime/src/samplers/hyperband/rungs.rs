use alloc::{
    collections::{BTreeMap, btree_map::Entry},
    vec,
    vec::Vec,
};

use crate::{
    samplers::{
        Request,
        fidelity::FidelitySpace,
        merit::{Merit, TrialOrder},
        tried_set::TriedSet,
    },
    space::Configuration,
    trial::Observation,
};

/// A configuration without its fidelity, to be looked up.
type Key = Vec<Option<u64>>;

/// The trials by the level of their fidelity.
#[derive(Debug)]
pub(super) struct Rungs {
    /// Per level, the trials that have an outcome, without their fidelity.
    finished: Vec<Vec<Observation>>,
    /// The pending trials, without their fidelity.
    pending: Vec<Configuration>,
    /// The highest level at which each configuration has been tried, or is pending.
    highest: BTreeMap<Key, usize>,
    /// Number of trials that were no promotions.
    draws: u64,
}

impl Rungs {
    /// Sorts the trials of a request into `levels`, ascending. A fidelity between two levels counts
    /// as the lower one, and one below the lowest as the lowest.
    pub fn new(space: &FidelitySpace, levels: &[f64], request: &Request<'_>) -> Self {
        let level_of = |configuration: &Configuration| {
            // A float may have been rounded in a text.
            let fidelity = space.of(configuration) * (1.0 + 1e-9);
            levels.iter().rposition(|level| *level <= fidelity).unwrap_or(0)
        };
        let mut rungs = Self {
            finished: vec![Vec::new(); levels.len()],
            pending: Vec::with_capacity(request.pending.len()),
            highest: BTreeMap::new(),
            draws: 0,
        };
        for trial in request.history {
            let level = level_of(&trial.configuration);
            let others = space.without(&trial.configuration);
            rungs.enter(&others, level);
            rungs.finished[level].push(Observation { configuration: others, ..trial.clone() });
        }
        for configuration in request.pending {
            let others = space.without(configuration);
            rungs.enter(&others, level_of(configuration));
            rungs.pending.push(others);
        }
        rungs
    }

    fn enter(&mut self, others: &Configuration, level: usize) {
        match self.highest.entry(TriedSet::key(others)) {
            Entry::Occupied(mut highest) if *highest.get() < level => {
                highest.insert(level);
            }
            // One that is tried once more at its level is a draw too.
            Entry::Occupied(_) => self.draws += 1,
            Entry::Vacant(place) => {
                place.insert(level);
                self.draws += 1;
            }
        }
    }

    /// The trials that have an outcome at a level, without their fidelity.
    pub fn finished(&self, level: usize) -> &[Observation] {
        &self.finished[level]
    }

    /// Number of trials that were no promotions.
    pub fn draws(&self) -> u64 {
        self.draws
    }

    /// The highest level at which a configuration has been tried.
    pub fn highest_level(&self, others: &Configuration) -> Option<usize> {
        self.highest.get(&TriedSet::key(others)).copied()
    }

    /// The pending configurations that have no outcome at a level, each once.
    pub fn pending_beside(&self, level: usize) -> Vec<Configuration> {
        let mut known: Vec<&Configuration> =
            self.finished[level].iter().map(|trial| &trial.configuration).collect();
        let mut pending = Vec::new();
        for configuration in &self.pending {
            if !known.contains(&configuration) {
                known.push(configuration);
                pending.push(configuration.clone());
            }
        }
        pending
    }

    /// The highest level with at least `enough` successful trials; where there is none, the one
    /// with the most, the higher of two.
    pub fn modeled_level(&self, enough: usize) -> usize {
        let successes = |level: &usize| {
            self.finished[*level].iter().filter(|trial| trial.loss.is_some()).count()
        };
        let mut levels = (0..self.finished.len()).rev();
        levels.find(|level| successes(level) >= enough).unwrap_or_else(|| {
            // The last of equals.
            (0..self.finished.len()).max_by_key(successes).unwrap_or(0)
        })
    }

    /// The configuration to be promoted, and the level it is promoted to.
    pub fn promotion(&self, reduction_factor: u64) -> Option<(&Configuration, usize)> {
        let below_the_top = self.finished.len().saturating_sub(1);
        (0..below_the_top).rev().find_map(|level| {
            let trials = &self.finished[level];
            let promoted = (trials.len() as u64 / reduction_factor) as usize;
            let merits = TrialOrder::new(trials);
            let mut order: Vec<(Merit, &Observation)> =
                trials.iter().map(|trial| (merits.merit(trial), trial)).collect();
            // Stable: the first of equals is promoted first. Failed trials are last.
            order.sort_by(|(one, _), (other, _)| one.total_cmp(other));
            let is_waiting = |(merit, trial): &(Merit, &Observation)| {
                !merit.is_failed() && self.highest_level(&trial.configuration) == Some(level)
            };
            let (_, best) = order.into_iter().take(promoted).find(is_waiting)?;
            Some((&best.configuration, level + 1))
        })
    }
}

//! Search for the candidate with the highest rating, without gradients.

use alloc::vec::Vec;

use rand::RngExt;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::context_trials::ContextTrials;
use crate::{
    Result,
    acquisition::{Candidate, CandidateOrigin, candidates},
    math::low_discrepancy::Kronecker,
    samplers::{
        Request,
        tried_set::{TriedSet, sample_untried},
    },
    space::Configuration,
};

/// Number of the best candidates that a round of refinement searches near.
const PARENTS: usize = 6;
/// Range of the distances of candidates from the best trials, as fractions of the sides of the box.
const LOCAL_STEPS: [f64; 2] = [0.003, 0.4];
/// Range of the distances in the first round of refinement, divided by four in each further round.
const REFINED_STEPS: [f64; 2] = [0.002, 0.12];

/// Numbers of candidates of each kind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CandidateCounts {
    /// Candidates near the best trials.
    pub local: usize,
    /// Quasi-random candidates in the search box.
    pub space: usize,
    /// Candidates near the best ones in each round.
    pub refined: usize,
    /// Number of rounds.
    pub rounds: usize,
}

/// Distinct candidates of a request, untried as long as the space has untried configurations.
pub(crate) struct CandidateSearch<'a> {
    request: &'a Request<'a>,
    context: &'a ContextTrials,
    tried: TriedSet<'a>,
    counts: CandidateCounts,
    rng: Xoshiro256PlusPlus,
    candidates: Vec<Candidate>,
    keys: alloc::collections::BTreeSet<Vec<Option<u64>>>,
}

impl<'a> CandidateSearch<'a> {
    /// A search in the box of `context`, starting with the given proposals.
    pub fn new(
        request: &'a Request<'a>,
        context: &'a ContextTrials,
        counts: CandidateCounts,
        proposals: impl IntoIterator<Item = Candidate>,
    ) -> Self {
        let mut search = Self {
            request,
            context,
            tried: TriedSet::new(request),
            counts,
            rng: request.rng(),
            candidates: Vec::new(),
            keys: Default::default(),
        };
        proposals.into_iter().for_each(|candidate| search.push(candidate));
        search.fill();
        search
    }

    /// Adds a candidate unless it was tried or added before.
    fn push(&mut self, candidate: Candidate) {
        if !self.tried.contains(&candidate.configuration)
            && self.keys.insert(TriedSet::key(&candidate.configuration))
        {
            self.candidates.push(candidate);
        }
    }

    /// Adds local and quasi-random candidates, and the untried configurations of a small space.
    fn fill(&mut self) {
        let CandidateCounts { local, space: spread, .. } = self.counts;
        let space = self.request.space;
        let offered = local + spread;
        if let Some(left) = self.tried.remaining(space).filter(|left| left.len() <= 2 * offered) {
            for configuration in left {
                self.push(Candidate { configuration, origin: CandidateOrigin::Spread });
            }
        }
        let elite = &self.context.elite;
        let local = if elite.is_empty() { 0 } else { local };
        for _ in 0..local {
            let configuration = self.near(elite, LOCAL_STEPS);
            self.push(Candidate { configuration, origin: CandidateOrigin::Neighbor });
        }
        let sequence = Kronecker::new(space.len(), self.rng.random());
        for index in 0..offered - local {
            let configuration =
                candidates::spread(space, &self.context.search_box, &sequence, index as u32);
            self.push(Candidate { configuration, origin: CandidateOrigin::Spread });
        }
        if self.candidates.is_empty() {
            // All candidates inside the box were tried.
            let configuration = sample_untried(space, &self.tried, &mut self.rng);
            self.candidates.push(Candidate { configuration, origin: CandidateOrigin::Draw });
        }
    }

    fn near(&mut self, parents: &[Vec<f64>], steps: [f64; 2]) -> Configuration {
        let (space, search_box) = (self.request.space, &self.context.search_box);
        candidates::neighbor_within(space, parents, search_box, steps, &mut self.rng)
    }

    /// The candidate with the highest rating, and its rating, after rounds of refinement near the
    /// best candidates.
    ///
    /// # Errors
    ///
    /// Those of `rate`.
    pub fn maximize(
        mut self,
        mut rate: impl FnMut(&[Configuration]) -> Result<Vec<f64>>,
    ) -> Result<(Candidate, f64)> {
        let mut ratings: Vec<f64> = Vec::new();
        let mut steps = REFINED_STEPS;
        for round in 0..=self.counts.rounds {
            let fresh: Vec<Configuration> = self.candidates[ratings.len()..]
                .iter()
                .map(|candidate| candidate.configuration.clone())
                .collect();
            if !fresh.is_empty() {
                ratings.extend(rate(&fresh)?);
            }
            if round == self.counts.rounds {
                break;
            }
            let parents = self.best(&ratings, PARENTS);
            let parents: Vec<Vec<f64>> = parents
                .into_iter()
                .map(|index| self.request.space.to_unit(&self.candidates[index].configuration))
                .collect();
            for _ in 0..self.counts.refined {
                let configuration = self.near(&parents, steps);
                self.push(Candidate { configuration, origin: CandidateOrigin::Refined });
            }
            steps = steps.map(|step| 0.25 * step);
        }
        let best = self.best(&ratings, 1)[0];
        Ok((self.candidates.swap_remove(best), ratings[best]))
    }

    /// Indices of the `count` candidates with the highest ratings, best first; of equal ones the
    /// first.
    fn best(&self, ratings: &[f64], count: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..ratings.len()).collect();
        order.sort_by(|one, other| ratings[*other].total_cmp(&ratings[*one]));
        order.truncate(count);
        order
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::{
        space::{Parameter, Space},
        trial::Observation,
    };

    const COUNTS: CandidateCounts =
        CandidateCounts { local: 40, space: 40, refined: 30, rounds: 2 };

    fn context(request: &Request<'_>) -> ContextTrials {
        ContextTrials::new(request, 100, false)
    }

    #[test]
    fn refinement_comes_close_to_a_maximum() {
        let space =
            Space::new(vec![Parameter::float("x", 0.0, 1.0), Parameter::float("y", 0.0, 1.0)])
                .unwrap();
        let request = Request { space: &space, history: &[], pending: &[], number: 0, seed: 3 };
        let context = context(&request);
        let distance = |configuration: &Configuration| {
            let of = |index: usize, place: f64| configuration.get(index).unwrap() - place;
            libm::hypot(of(0, 0.3), of(1, 0.7))
        };
        let search = |rounds| {
            let counts = CandidateCounts { rounds, ..COUNTS };
            CandidateSearch::new(&request, &context, counts, [])
                .maximize(|all| Ok(all.iter().map(|one| -distance(one)).collect()))
                .unwrap()
        };
        let (coarse, fine) = (search(0).1, search(2).1);
        assert!(fine > 0.5 * coarse && fine > -0.05, "{coarse} {fine}");
    }

    #[test]
    fn a_small_space_is_listed_and_never_repeated() {
        let space = Space::new(vec![Parameter::int("n", 1, 6)]).unwrap();
        let mut history: Vec<Observation> = Vec::new();
        for number in 0..6 {
            let request =
                Request { space: &space, history: &history, pending: &[], number, seed: 0 };
            let context = context(&request);
            let (candidate, _) = CandidateSearch::new(&request, &context, COUNTS, [])
                .maximize(|all| Ok(all.iter().map(|one| one.get(0).unwrap()).collect()))
                .unwrap();
            assert_eq!(candidate.configuration.get(0), Some(6.0 - number as f64));
            history.push(Observation::new(candidate.configuration, Some(0.0)));
        }
    }
}

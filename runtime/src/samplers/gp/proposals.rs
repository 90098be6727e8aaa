//! Several proposals for one request.

use alloc::vec::Vec;

use super::{
    Encoding, GpSampler, SearchResult, best_untried, is_projected,
    search::{RatedPoint, is_separate},
};
use crate::{
    Result,
    samplers::{
        Request,
        tried_set::{TriedSet, sample_untried},
    },
    space::Configuration,
};

impl GpSampler {
    /// At most `count` distinct configurations with large expected improvement that are neither
    /// tried nor pending.
    ///
    /// The first is that of [`suggest`](crate::samplers::Sampler::suggest). Then come the local
    /// maxima of the expected improvement and the points sampled on the way, best first, each of
    /// which differs from the earlier ones by a twentieth of the range of some parameter; if these
    /// are too few, closer points follow. The acquisition function is maximized from
    /// [`GpOptions::num_restarts`](super::GpOptions::num_restarts) points, or from `count` if that
    /// is larger.
    ///
    /// During the startup trials, and once all of a finite space is tried, the result is the
    /// suggestion alone.
    ///
    /// # Errors
    ///
    /// Those of `suggest`.
    pub fn propose(&mut self, request: &Request<'_>, count: usize) -> Result<Vec<Configuration>> {
        if count == 0 {
            return Ok(Vec::new());
        }
        let starting = self.is_starting(request.history);
        if is_projected(request.space) && !starting {
            return self.propose_projected(request, count);
        }
        let encoding = Encoding::new(request.space);
        let conditioned = if starting { None } else { self.condition(request, &encoding) };
        let Some(conditioned) = conditioned else {
            return Ok([self.sobol_point(request)?.configuration].into());
        };
        let feasibility = self.condition_feasibility(request, &encoding);
        let extra_restarts = count.saturating_sub(self.options.num_restarts);
        let mut rng = request.rng();
        let SearchResult { points, extra } = self.search(
            request,
            &encoding,
            &conditioned,
            feasibility.as_ref(),
            extra_restarts,
            &mut rng,
        );
        let tried = TriedSet::new(request);
        let Some((configuration, first)) = best_untried(request.space, &tried, &points) else {
            return Ok([sample_untried(request.space, &tried, &mut rng)].into());
        };
        let mut all: Vec<&RatedPoint> = points.iter().chain(&extra).collect();
        all.sort_by(|one, other| other.rating.total_cmp(&one.rating));
        let mut places: Vec<&[f64]> = [&first.unit[..]].into();
        let mut proposals: Vec<Configuration> = [configuration].into();
        for close in [false, true] {
            for point in &all {
                if proposals.len() == count {
                    return Ok(proposals);
                }
                if close || places.iter().all(|place| is_separate(place, &point.unit)) {
                    let configuration = request.space.from_unit(&point.unit);
                    if !tried.contains(&configuration) && !proposals.contains(&configuration) {
                        places.push(&point.unit);
                        proposals.push(configuration);
                    }
                }
            }
        }
        Ok(proposals)
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::{
        samplers::Sampler,
        space::{Parameter, Space},
        trial::Observation,
    };

    fn history(space: &Space, trials: u64) -> Vec<Observation> {
        let mut history = Vec::new();
        for number in 0..trials {
            let request = Request { space, history: &history, pending: &[], number, seed: 3 };
            let configuration = GpSampler::default().sobol_point(&request).unwrap().configuration;
            let unit = space.to_unit(&configuration);
            let loss = unit.iter().map(|x| libm::cos(9.0 * x)).sum();
            history.push(Observation::new(configuration, Some(loss)));
        }
        history
    }

    #[test]
    fn proposals_begin_with_the_suggestion_and_are_different_maxima() {
        let floats = vec![Parameter::float("x", -1.0, 2.0), Parameter::float("y", 0.0, 1.0)];
        let mixed = vec![
            Parameter::float("x", 1e-3, 1.0).log(),
            Parameter::categorical("kind", ["a", "b", "c"]),
            Parameter::int("n", 1, 50),
        ];
        for parameters in [floats, mixed] {
            let space = Space::new(parameters).unwrap();
            let history = history(&space, 25);
            let pending = [space.from_unit(&vec![0.33; space.len()])];
            for (number, count) in [(25, 1), (26, 5), (27, 12)] {
                let request = Request {
                    space: &space,
                    history: &history,
                    pending: &pending,
                    number,
                    seed: 3,
                };
                let mut sampler = GpSampler::default();
                let proposals = sampler.propose(&request, count).unwrap();
                assert_eq!(proposals.len(), count);
                assert_eq!(proposals[0], GpSampler::default().suggest(&request).unwrap());
                let tried = TriedSet::new(&request);
                for (index, one) in proposals.iter().enumerate() {
                    space.validate(one).unwrap();
                    assert!(!tried.contains(one) && !proposals[..index].contains(one));
                }
                for (index, one) in proposals.iter().take(3).enumerate() {
                    for other in &proposals[..index] {
                        assert!(is_separate(&space.to_unit(one), &space.to_unit(other)));
                    }
                }
                // Ranked by what the sampler maximizes, but for the first, which fewer restarts
                // have found.
                let ratings: Vec<f64> = sampler
                    .predict(&request, &proposals)
                    .unwrap()
                    .iter()
                    .map(|prediction| prediction.log_expected_improvement())
                    .collect();
                if count == 5 {
                    assert!(
                        ratings.windows(2).all(|pair| pair[0] >= pair[1] - 1e-9),
                        "{ratings:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_space_that_is_nearly_tried_has_what_is_left() {
        let space = Space::new(vec![Parameter::int("n", 1, 12)]).unwrap();
        let history = history(&space, 10);
        let request =
            Request { space: &space, history: &history, pending: &[], number: 10, seed: 3 };
        let proposals = GpSampler::default().propose(&request, 8).unwrap();
        assert_eq!(proposals.len(), 2, "{proposals:?}");
        assert!(GpSampler::default().propose(&request, 0).unwrap().is_empty());
        let request = Request { history: &history[..3], number: 3, ..request };
        let proposals = GpSampler::default().propose(&request, 8).unwrap();
        assert_eq!(proposals, [GpSampler::default().suggest(&request).unwrap()]);
    }
}

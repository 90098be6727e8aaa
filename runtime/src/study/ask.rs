//! How a study finds the next configuration.

use alloc::{format, vec::Vec};

use super::{Event, Study, Trial, TrialOrigin, TrialState, enqueued, scalarize};
use crate::{
    Error, ErrorKind, Result,
    acquisition::CandidateOrigin,
    samplers::{
        Explanation, Ranking, Request, Sampler, Suggestion, explain_permitted,
        fidelity::FidelitySpace, tried_set::TriedSet,
    },
    space::{Configuration, Space},
    trial::Observation,
};

impl Study {
    /// Hands out the next trial: the first enqueued configuration, else the sampler's suggestion.
    ///
    /// # Errors
    ///
    /// Those of the sampler's [`suggest`](Sampler::suggest); the study is then unchanged.
    pub fn ask(&mut self) -> Result<Trial> {
        if let Some(trial) = self.take_orphan() {
            return Ok(trial);
        }
        let (event, explanation) = self.prepare_ask()?;
        Ok(self.apply_ask(event, explanation))
    }

    /// Ranks configurations as the next trial, the most promising first; the study is unchanged.
    ///
    /// # Errors
    ///
    /// Those of the sampler's [`choose`](Sampler::choose).
    pub fn choose(&mut self, candidates: &[Configuration]) -> Result<Ranking> {
        let scalars = self.scalar_history();
        let request = Request {
            history: scalars.as_deref().unwrap_or(&self.history),
            pending: &self.pending,
            ..bare_request(&self.space, self.asked, self.seed)
        };
        self.sampler.choose(&request, candidates)
    }

    /// Restricts [`ask`](Self::ask) to given configurations, each of which it hands out once: the
    /// rows of a table, or a feasible set that no space describes. What is enqueued still comes
    /// first.
    ///
    /// With [`ErrorKind::Exhausted`] an ask says that all of them are in trials. A study file does
    /// not record the candidates: set them again when the study continues.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidValue`] where there are none, or where one, named by its index, is not
    /// legal in the space. The study is then unchanged.
    pub fn set_candidates(&mut self, candidates: Vec<Configuration>) -> Result<()> {
        if candidates.is_empty() {
            return Err(Error::new(ErrorKind::InvalidValue, "there are no candidates"));
        }
        let mut canonical = Vec::with_capacity(candidates.len());
        for (index, candidate) in candidates.into_iter().enumerate() {
            self.space.validate(&candidate).map_err(|error| {
                Error::new(error.kind(), format!("candidate {index}: {}", error.context()))
            })?;
            canonical.push(self.canonical(candidate));
        }
        self.candidates = Some(canonical);
        Ok(())
    }

    /// Makes [`ask`](Self::ask) hand out the pending trials again, unchanged, before anything new:
    /// for a study whose workers are gone.
    pub fn offer_pending_again(&mut self) {
        self.orphans = self.pending_ids.iter().copied().collect();
    }

    /// The next pending trial to be handed out again.
    pub(super) fn take_orphan(&mut self) -> Option<Trial> {
        let id = self.orphans.pop_front()?;
        self.trial(id).cloned()
    }

    /// The event of the next ask, not yet applied.
    pub(super) fn prepare_ask(&mut self) -> Result<(Event, Option<Explanation>)> {
        let id = self.next_id;
        if let Some(enqueued) = self.queue.front().cloned() {
            let configuration = self.complete(&enqueued)?;
            return Ok((Event::Ask { id, configuration, origin: TrialOrigin::Enqueued }, None));
        }
        let Suggestion { configuration, mut explanation } = self.suggest()?;
        let configuration = self.canonical(configuration);
        self.space.validate(&configuration)?;
        match &mut explanation.expectation {
            // What is expected of a weighted combination of the objectives means nothing to a user.
            expectation if self.objectives.len() > 1 => *expectation = None,
            Some(expectation) => {
                expectation.median = self.direction().loss(expectation.median);
            }
            None => {}
        }
        Ok((Event::Ask { id, configuration, origin: TrialOrigin::Asked }, Some(explanation)))
    }

    /// Applies a prepared ask, and returns the trial.
    pub(super) fn apply_ask(&mut self, event: Event, explanation: Option<Explanation>) -> Trial {
        self.apply(event);
        let trial = self.trials[self.trials.len() - 1].clone();
        self.explanations.extend(explanation.map(|explanation| (trial.id, explanation)));
        trial
    }

    /// The sampler's suggestion, among the candidates where there are any.
    fn suggest(&mut self) -> Result<Suggestion> {
        let scalars = self.scalar_history();
        let request = Request {
            history: scalars.as_deref().unwrap_or(&self.history),
            pending: &self.pending,
            ..bare_request(&self.space, self.asked, self.seed)
        };
        match &self.candidates {
            Some(candidates) => best_untried(&mut *self.sampler, &request, candidates),
            None if self.sampler.sets_fidelity() => self.sampler.explain(&request),
            None => explain_at_highest_fidelity(&mut *self.sampler, &request),
        }
    }

    /// An enqueued configuration with the values that it leaves open.
    fn complete(&mut self, enqueued: &Configuration) -> Result<Configuration> {
        if self.space.validate(enqueued).is_ok() {
            return Ok(enqueued.clone());
        }
        let suggested = self.suggest()?.configuration;
        let request = bare_request(&self.space, self.asked, self.seed);
        let completed = enqueued::complete(&self.space, enqueued, &suggested, &mut request.rng())?;
        let completed = self.canonical(completed);
        self.space.validate(&completed)?;
        Ok(completed)
    }

    /// Of several objectives, the history with the combination of this ask as the loss.
    fn scalar_history(&self) -> Option<Vec<Observation>> {
        if self.objectives.len() == 1 {
            return None;
        }
        let finished = |id: &u64| {
            let trial = self.trial(*id).filter(|trial| trial.state == TrialState::Finished)?;
            Some(self.losses(&trial.objectives))
        };
        let losses: Vec<Option<Vec<f64>>> = self.history_ids.iter().map(finished).collect();
        let request = bare_request(&self.space, self.asked, self.seed);
        let scalars = scalarize(&losses, self.objectives.len(), &request);
        let pairs = self.history.iter().zip(scalars);
        Some(pairs.map(|(trial, loss)| Observation { loss, ..trial.clone() }).collect())
    }
}

/// A request without trials, of which the random numbers are those of ask `number`.
fn bare_request(space: &Space, number: u64, seed: u64) -> Request<'_> {
    Request { space, history: &[], pending: &[], number, seed }
}

/// The suggestion of a sampler that does not set the fidelity of the space, where it has one.
fn explain_at_highest_fidelity(
    sampler: &mut dyn Sampler,
    request: &Request<'_>,
) -> Result<Suggestion> {
    let Some(space) = FidelitySpace::new(request.space)? else {
        return explain_permitted(sampler, request);
    };
    let highest = space.highest();
    let is_highest = |configuration: &Configuration| space.of(configuration) >= highest;
    let history = request.history.iter().filter(|trial| is_highest(&trial.configuration));
    let history: Vec<Observation> = history
        .map(|trial| Observation {
            configuration: space.without(&trial.configuration),
            ..trial.clone()
        })
        .collect();
    let pending = request.pending.iter().filter(|configuration| is_highest(configuration));
    let pending: Vec<Configuration> = pending.map(|pending| space.without(pending)).collect();
    let reduced =
        Request { space: &space.others, history: &history, pending: &pending, ..*request };
    let mut suggestion = explain_permitted(sampler, &reduced)?;
    suggestion.configuration = space.at(&suggestion.configuration, highest);
    Ok(suggestion)
}

/// The candidate that the sampler ranks first among those without a trial.
fn best_untried(
    sampler: &mut dyn Sampler,
    request: &Request<'_>,
    candidates: &[Configuration],
) -> Result<Suggestion> {
    let tried = TriedSet::new(request);
    let untried: Vec<Configuration> =
        candidates.iter().filter(|candidate| !tried.contains(candidate)).cloned().collect();
    if untried.is_empty() {
        let context = format!("all {} candidates were tried", candidates.len());
        return Err(Error::new(ErrorKind::Exhausted, context));
    }
    let Ranking { sampler, order, .. } = sampler.choose(request, &untried)?;
    Ok(Suggestion::plain(untried[order[0]].clone(), sampler, CandidateOrigin::Given))
}

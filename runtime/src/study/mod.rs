//! The ask-and-tell interface: the state of one optimization.
//!
//! A [`Study`] hands out [`Trial`]s and is told their outcomes, in any order. Any number of trials
//! may be pending, and trials from elsewhere can be added.
//!
//! ```
//! use optiformer::samplers::RandomSampler;
//! use optiformer::space::{Parameter, Space};
//! use optiformer::study::{Direction, Outcome, Study};
//!
//! let space = Space::new(vec![Parameter::float("x", 0.0, 5.0)])?;
//! let mut study = Study::new(space, Direction::Minimize, Box::new(RandomSampler), 1);
//! for _ in 0..20 {
//!     let trial = study.ask()?;
//!     let x = trial.configuration.values()[0].unwrap();
//!     study.tell(trial.id, Outcome::Value((x - 2.0) * (x - 2.0)))?;
//! }
//! assert!(study.best().unwrap().value().unwrap() < 1.0);
//! # Ok::<(), optiformer::Error>(())
//! ```
//!
//! # What a suggestion depends on
//!
//! A suggestion depends on the space, the seed, the finished trials in the order of their ids, the
//! pending ones, and the number of earlier asks; on nothing else. A study that is stored, stopped
//! and read back therefore continues as if it had not stopped. A failed ask does not count.

#[cfg(feature = "std")]
pub mod ask_tell;
mod direction;
mod event;
#[cfg(feature = "std")]
mod journal;
mod outcome;
#[cfg(feature = "std")]
mod saved;
#[cfg(feature = "std")]
mod stored;
mod trial;

pub use direction::Direction;
#[cfg(feature = "std")]
pub use journal::JournalSnapshot;
pub use outcome::Outcome;
#[cfg(feature = "std")]
pub use stored::StoredStudy;
pub use trial::{Trial, TrialOrigin, TrialState};

use alloc::{boxed::Box, collections::VecDeque, format, string::String, vec::Vec};
use core::fmt;

use event::Event;

use crate::{
    Error, ErrorKind, Result,
    acquisition::CandidateOrigin,
    samplers::{Explanation, Ranking, Request, Sampler, Suggestion, tried_set::TriedSet},
    space::{Configuration, Domain, Space},
    trial::Observation,
};

/// One optimization: a space, a direction, a sampler, and the trials so far.
pub struct Study {
    space: Space,
    direction: Direction,
    sampler: Box<dyn Sampler + Send>,
    seed: u64,
    /// In the order of their ids, without abandoned ones.
    trials: Vec<Trial>,
    /// Ids of the pending trials, ascending, so that an ask does not scan the finished ones.
    pending_ids: Vec<u64>,
    /// Their configurations, so that an ask copies none of them.
    pending: Vec<Configuration>,
    next_id: u64,
    /// Number of successful asks.
    asked: u64,
    /// Enqueued configurations that have not been handed out.
    queue: VecDeque<Configuration>,
    /// Pending trials of a process that is gone, to be handed out first.
    orphans: VecDeque<u64>,
    /// The finished trials as samplers see them, and their ids, in the order of the ids.
    history: Vec<Observation>,
    history_ids: Vec<u64>,
    /// Explanations of the pending trials that this process asked for, in units of the objective.
    explanations: Vec<(u64, Explanation)>,
    /// The only configurations that the sampler may choose among, where there are any.
    candidates: Option<Vec<Configuration>>,
}

impl Study {
    /// A study without trials.
    pub fn new(
        space: Space,
        direction: Direction,
        sampler: Box<dyn Sampler + Send>,
        seed: u64,
    ) -> Self {
        Self {
            space,
            direction,
            sampler,
            seed,
            trials: Vec::new(),
            pending_ids: Vec::new(),
            pending: Vec::new(),
            next_id: 0,
            asked: 0,
            queue: VecDeque::new(),
            orphans: VecDeque::new(),
            history: Vec::new(),
            history_ids: Vec::new(),
            explanations: Vec::new(),
            candidates: None,
        }
    }

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
        let request = Request {
            space: &self.space,
            history: &self.history,
            pending: &self.pending,
            number: self.asked,
            seed: self.seed,
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

    /// Why the sampler suggested a trial, in units of the objective and in the study's
    /// [`direction`](Self::direction).
    ///
    /// `None` for a trial that was enqueued or added, that has its outcome, or that was asked for
    /// before the study was read from a file: explanations are not stored.
    pub fn explanation(&self, id: u64) -> Option<&Explanation> {
        let place = self.explanations.binary_search_by_key(&id, |(of, _)| *of).ok()?;
        Some(&self.explanations[place].1)
    }

    /// Records the outcome of a pending trial. An objective that is not finite counts as a failure.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::UnknownTrial`] for an id that was never handed out or was abandoned,
    /// [`ErrorKind::AlreadyTold`] for a trial that was told before. The study is then unchanged.
    pub fn tell(&mut self, id: u64, outcome: Outcome) -> Result<()> {
        let event = Event::Tell { id, outcome, reason: unusable(outcome) };
        self.check(&event)?;
        self.apply(event);
        Ok(())
    }

    /// As [`tell`](Self::tell) with [`Outcome::Failed`]; the reason goes to [`Trial::reason`].
    ///
    /// # Errors
    ///
    /// As [`tell`](Self::tell).
    pub fn fail(&mut self, id: u64, reason: impl Into<String>) -> Result<()> {
        let event = Event::Tell { id, outcome: Outcome::Failed, reason: Some(reason.into()) };
        self.check(&event)?;
        self.apply(event);
        Ok(())
    }

    /// Enqueues a configuration, such as a known good one, to be handed out before the sampler is
    /// asked. The queue is first in, first out.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidValue`] for a configuration that is not legal in the space.
    pub fn enqueue(&mut self, configuration: Configuration) -> Result<()> {
        let event = Event::Enqueue { configuration: self.canonical(configuration) };
        self.check(&event)?;
        self.apply(event);
        Ok(())
    }

    /// Adds a trial from elsewhere, and returns its id.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidValue`] for a configuration that is not legal in the space.
    pub fn add(&mut self, configuration: Configuration, outcome: Outcome) -> Result<u64> {
        let event = self.prepare_add(configuration, outcome);
        self.check(&event)?;
        let id = self.next_id;
        self.apply(event);
        Ok(id)
    }

    /// Abandons a pending trial: it leaves the study without an outcome, and its id is not reused.
    ///
    /// # Errors
    ///
    /// As [`tell`](Self::tell).
    pub fn abandon(&mut self, id: u64) -> Result<()> {
        let event = Event::Abandon { id };
        self.check(&event)?;
        self.apply(event);
        Ok(())
    }

    /// The finished trial with the best objective, the first among equals. `None` before any has
    /// finished.
    pub fn best(&self) -> Option<&Trial> {
        let mut best: Option<(&Trial, f64)> = None;
        for trial in &self.trials {
            if let Some(value) = trial.value()
                && best.is_none_or(|(_, other)| self.direction.is_better(value, other))
            {
                best = Some((trial, value));
            }
        }
        best.map(|(trial, _)| trial)
    }

    /// The trials, in the order of their ids.
    pub fn trials(&self) -> &[Trial] {
        &self.trials
    }

    /// The trial with this id; `None` if it never existed or was abandoned.
    pub fn trial(&self, id: u64) -> Option<&Trial> {
        self.position(id).map(|position| &self.trials[position])
    }

    /// The pending trials, in the order of their ids.
    pub fn pending(&self) -> impl Iterator<Item = &Trial> {
        self.pending_ids.iter().filter_map(|id| self.trial(*id))
    }

    /// The enqueued configurations that have not been handed out.
    pub fn queue(&self) -> impl Iterator<Item = &Configuration> {
        self.queue.iter()
    }

    /// The search space.
    pub fn space(&self) -> &Space {
        &self.space
    }

    /// The direction of optimization.
    pub fn direction(&self) -> Direction {
        self.direction
    }

    /// The seed of all random numbers.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The name of the sampler.
    pub fn sampler_name(&self) -> &'static str {
        self.sampler.name()
    }

    /// Makes [`ask`](Self::ask) hand out the pending trials again, unchanged, before anything new:
    /// for a study whose workers are gone.
    pub fn offer_pending_again(&mut self) {
        self.orphans = self.pending_ids.iter().copied().collect();
    }

    /// The next pending trial to be handed out again.
    fn take_orphan(&mut self) -> Option<Trial> {
        let id = self.orphans.pop_front()?;
        self.trial(id).cloned()
    }

    /// The event of the next ask, not yet applied.
    fn prepare_ask(&mut self) -> Result<(Event, Option<Explanation>)> {
        let id = self.next_id;
        if let Some(configuration) = self.queue.front() {
            let configuration = configuration.clone();
            return Ok((Event::Ask { id, configuration, origin: TrialOrigin::Enqueued }, None));
        }
        let request = Request {
            space: &self.space,
            history: &self.history,
            pending: &self.pending,
            number: self.asked,
            seed: self.seed,
        };
        let Suggestion { configuration, mut explanation } = match &self.candidates {
            Some(candidates) => best_untried(&mut *self.sampler, &request, candidates)?,
            None => self.sampler.explain(&request)?,
        };
        let configuration = self.canonical(configuration);
        self.space.validate(&configuration)?;
        if let Some(expectation) = &mut explanation.expectation {
            expectation.median = self.direction.loss(expectation.median);
        }
        Ok((Event::Ask { id, configuration, origin: TrialOrigin::Asked }, Some(explanation)))
    }

    /// The event that adds a trial, not yet applied.
    fn prepare_add(&self, configuration: Configuration, outcome: Outcome) -> Event {
        let configuration = self.canonical(configuration);
        Event::Add { id: self.next_id, configuration, outcome, reason: unusable(outcome) }
    }

    /// Checks that `event` fits the current state.
    fn check(&self, event: &Event) -> Result<()> {
        match event {
            Event::Ask { id, configuration, origin } => {
                self.check_new(*id)?;
                if *origin == TrialOrigin::Enqueued && self.queue.front() != Some(configuration) {
                    return Err(Error::new(
                        ErrorKind::InvalidValue,
                        format!("trial {id} is not the configuration that was enqueued first"),
                    ));
                }
                self.space.validate(configuration)
            }
            Event::Add { id, configuration, .. } => {
                self.check_new(*id)?;
                self.space.validate(configuration)
            }
            Event::Enqueue { configuration } => self.space.validate(configuration),
            Event::Tell { id, .. } | Event::Abandon { id } => match self.trial(*id) {
                Some(trial) if trial.is_pending() => Ok(()),
                Some(_) => {
                    Err(Error::new(ErrorKind::AlreadyTold, format!("trial {id} has its outcome")))
                }
                None if *id < self.next_id => {
                    Err(Error::new(ErrorKind::UnknownTrial, format!("trial {id} was abandoned")))
                }
                None => Err(Error::new(
                    ErrorKind::UnknownTrial,
                    format!("trial {id} was never handed out"),
                )),
            },
        }
    }

    fn check_new(&self, id: u64) -> Result<()> {
        if id == self.next_id {
            return Ok(());
        }
        let context = format!("trial {id} where trial {} should come next", self.next_id);
        Err(Error::new(ErrorKind::InvalidValue, context))
    }

    /// Applies a checked or prepared ask, and returns the trial.
    fn apply_ask(&mut self, event: Event, explanation: Option<Explanation>) -> Trial {
        self.apply(event);
        let trial = self.trials[self.trials.len() - 1].clone();
        self.explanations.extend(explanation.map(|explanation| (trial.id, explanation)));
        trial
    }

    /// Applies a checked event.
    fn apply(&mut self, event: Event) {
        match event {
            Event::Ask { id, configuration, origin } => {
                if origin == TrialOrigin::Enqueued {
                    self.queue.pop_front();
                }
                self.asked += 1;
                self.next_id = id + 1;
                let state = TrialState::Pending;
                self.push_pending(id, &configuration);
                self.trials.push(Trial { id, configuration, state, origin, reason: None });
            }
            Event::Add { id, configuration, outcome, reason } => {
                self.next_id = id + 1;
                let (state, origin) = (TrialState::Pending, TrialOrigin::Added);
                self.push_pending(id, &configuration);
                self.trials.push(Trial { id, configuration, state, origin, reason: None });
                self.finish(id, outcome, reason);
            }
            Event::Tell { id, outcome, reason } => self.finish(id, outcome, reason),
            Event::Enqueue { configuration } => self.queue.push_back(configuration),
            Event::Abandon { id } => {
                if let Some(position) = self.position(id) {
                    self.trials.remove(position);
                }
                self.remove_pending(id);
            }
        }
    }

    /// Records the outcome of a pending trial and inserts it into the history.
    fn finish(&mut self, id: u64, outcome: Outcome, reason: Option<String>) {
        let Some(position) = self.position(id) else { return };
        let trial = &mut self.trials[position];
        trial.state = outcome.finite().map_or(TrialState::Failed, TrialState::Finished);
        trial.reason = reason;
        let loss = trial.value().map(|value| self.direction.loss(value));
        let observation = Observation::new(trial.configuration.clone(), loss);
        let place = self.history_ids.partition_point(|other| *other < id);
        self.history_ids.insert(place, id);
        self.history.insert(place, observation);
        self.remove_pending(id);
    }

    /// Adds a trial to the pending ones; ids are ascending.
    fn push_pending(&mut self, id: u64, configuration: &Configuration) {
        self.pending_ids.push(id);
        self.pending.push(configuration.clone());
    }

    /// Removes what is kept of a pending trial.
    fn remove_pending(&mut self, id: u64) {
        if let Ok(place) = self.pending_ids.binary_search(&id) {
            self.pending_ids.remove(place);
            self.pending.remove(place);
        }
        self.orphans.retain(|orphan| *orphan != id);
        if let Ok(place) = self.explanations.binary_search_by_key(&id, |(of, _)| *of) {
            self.explanations.remove(place);
        }
    }

    fn position(&self, id: u64) -> Option<usize> {
        self.trials.binary_search_by_key(&id, |trial| trial.id).ok()
    }

    /// The configuration without negative zeros of ints, which JSON cannot represent.
    fn canonical(&self, configuration: Configuration) -> Configuration {
        let values = configuration.values().iter().enumerate().map(|(index, value)| {
            let parameter = self.space.parameters().get(index);
            let is_float = parameter.is_none_or(|it| matches!(it.domain(), Domain::Float { .. }));
            value.map(|value| if !is_float && value == 0.0 { 0.0 } else { value })
        });
        Configuration::new(values.collect())
    }
}

/// The reason why an objective counts as a failure, if it does.
fn unusable(outcome: Outcome) -> Option<String> {
    match outcome {
        Outcome::Value(value) if !value.is_finite() => Some(format!("the objective is {value}")),
        Outcome::Value(_) | Outcome::Failed => None,
    }
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

impl fmt::Debug for Study {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Study")
            .field("direction", &self.direction)
            .field("sampler", &self.sampler.name())
            .field("seed", &self.seed)
            .field("trials", &self.trials)
            .finish_non_exhaustive()
    }
}

//! Ask, try, tell: the state of one optimization.
//!
//! A [`Study`] hands out [`Trial`]s and is told how they went. It can be told in any order, any
//! number of trials may be pending, and trials made elsewhere can be added.
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
//! On the space, the seed, the trials that finished (in the order of their ids), those that are
//! pending, and the number of asks that were answered before; on nothing else. So a study that is
//! written down, stopped and read back goes on as if it had not been stopped. An ask that fails
//! counts for nothing.

#[cfg(feature = "std")]
pub mod ask_tell;
mod direction;
mod event;
#[cfg(feature = "std")]
mod journal;
mod outcome;
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
    samplers::{Explanation, Request, Sampler, Suggestion},
    space::{Configuration, Domain, Space},
    trial::Observation,
};

/// One optimization: a space, a direction, a sampler, and the trials so far.
pub struct Study {
    space: Space,
    direction: Direction,
    sampler: Box<dyn Sampler + Send>,
    seed: u64,
    /// In the order of their ids; abandoned trials are taken out.
    trials: Vec<Trial>,
    /// The pending trials, by rising id: every ask looks at them, and not at all the others.
    pending_ids: Vec<u64>,
    next_id: u64,
    /// How many asks were answered.
    asked: u64,
    /// Enqueued configurations that wait to be asked for.
    queue: VecDeque<Configuration>,
    /// Pending trials whose process died: handed out again before anything else.
    orphans: VecDeque<u64>,
    /// The finished trials as samplers see them, with their ids, in the order of those.
    history: Vec<Observation>,
    history_ids: Vec<u64>,
    /// Why the pending trials were suggested, in units of the objective; of trials that this
    /// process asked for.
    explanations: Vec<(u64, Explanation)>,
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
            next_id: 0,
            asked: 0,
            queue: VecDeque::new(),
            orphans: VecDeque::new(),
            history: Vec::new(),
            history_ids: Vec::new(),
            explanations: Vec::new(),
        }
    }

    /// Hands out the next trial: an enqueued configuration if one waits, else the sampler's
    /// suggestion.
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

    /// Why the sampler suggested a trial, in units of the objective, larger or smaller being better
    /// as the [`direction`](Self::direction) has it.
    ///
    /// `None` for a trial that was not suggested (it was enqueued or added), that has its outcome,
    /// or that was asked for before the study was read from a file: reasons are not written down.
    pub fn explanation(&self, id: u64) -> Option<&Explanation> {
        self.explanations.iter().find(|(of, _)| *of == id).map(|(_, explanation)| explanation)
    }

    /// Takes in how a pending trial went. An objective that is not finite is kept as a failure.
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

    /// As [`tell`](Self::tell) with [`Outcome::Failed`], with the reason kept in [`Trial::reason`].
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

    /// Lets `configuration`, a point known to be good, be handed out before the sampler is asked.
    /// Several are handed out in the order they came.
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

    /// Adds a trial that was made elsewhere, and returns its id.
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

    /// Gives up a pending trial that nobody will finish: it leaves the study without a verdict, and
    /// its id is not used again.
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

    /// The finished trial with the best objective; of equals the first. `None` before any has
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

    /// The trial with this id, unless it never was or was abandoned.
    pub fn trial(&self, id: u64) -> Option<&Trial> {
        self.position(id).map(|position| &self.trials[position])
    }

    /// The trials that were handed out and not told, in the order of their ids.
    pub fn pending(&self) -> impl Iterator<Item = &Trial> {
        self.pending_ids.iter().filter_map(|id| self.trial(*id))
    }

    /// The enqueued configurations that wait to be asked for.
    pub fn queue(&self) -> impl Iterator<Item = &Configuration> {
        self.queue.iter()
    }

    /// What may be tried.
    pub fn space(&self) -> &Space {
        &self.space
    }

    /// Whether small or large objectives are wanted.
    pub fn direction(&self) -> Direction {
        self.direction
    }

    /// The seed that everything random comes from.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The name of the sampler.
    pub fn sampler_name(&self) -> &'static str {
        self.sampler.name()
    }

    /// Lets [`ask`](Self::ask) hand out the pending trials once more, with the ids and
    /// configurations they have, before anything new: for a study whose workers are gone.
    pub fn offer_pending_again(&mut self) {
        self.orphans = self.pending_ids.iter().copied().collect();
    }

    /// The next pending trial that is to be handed out again.
    fn take_orphan(&mut self) -> Option<Trial> {
        let id = self.orphans.pop_front()?;
        self.trial(id).cloned()
    }

    /// What the next ask will do, without doing it.
    fn prepare_ask(&mut self) -> Result<(Event, Option<Explanation>)> {
        let id = self.next_id;
        if let Some(configuration) = self.queue.front() {
            let configuration = configuration.clone();
            return Ok((Event::Ask { id, configuration, origin: TrialOrigin::Enqueued }, None));
        }
        let pending: Vec<Configuration> =
            self.pending().map(|trial| trial.configuration.clone()).collect();
        let Suggestion { configuration, mut explanation } = self.sampler.explain(&Request {
            space: &self.space,
            history: &self.history,
            pending: &pending,
            number: self.asked,
            seed: self.seed,
        })?;
        let configuration = self.canonical(configuration);
        self.space.validate(&configuration)?;
        if let Some(expectation) = &mut explanation.expectation {
            expectation.median = self.direction.loss(expectation.median);
        }
        Ok((Event::Ask { id, configuration, origin: TrialOrigin::Asked }, Some(explanation)))
    }

    /// What adding a trial will do, without doing it.
    fn prepare_add(&self, configuration: Configuration, outcome: Outcome) -> Event {
        let configuration = self.canonical(configuration);
        Event::Add { id: self.next_id, configuration, outcome, reason: unusable(outcome) }
    }

    /// Whether `event` can happen to the study as it stands.
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

    /// Applies an ask that was checked or prepared, and returns the trial.
    fn apply_ask(&mut self, event: Event, explanation: Option<Explanation>) -> Trial {
        self.apply(event);
        let trial = self.trials[self.trials.len() - 1].clone();
        self.explanations.extend(explanation.map(|explanation| (trial.id, explanation)));
        trial
    }

    /// Lets a checked event happen.
    fn apply(&mut self, event: Event) {
        match event {
            Event::Ask { id, configuration, origin } => {
                if origin == TrialOrigin::Enqueued {
                    self.queue.pop_front();
                }
                self.asked += 1;
                self.next_id = id + 1;
                let state = TrialState::Pending;
                self.pending_ids.push(id);
                self.trials.push(Trial { id, configuration, state, origin, reason: None });
            }
            Event::Add { id, configuration, outcome, reason } => {
                self.next_id = id + 1;
                let (state, origin) = (TrialState::Pending, TrialOrigin::Added);
                self.pending_ids.push(id);
                self.trials.push(Trial { id, configuration, state, origin, reason: None });
                self.finish(id, outcome, reason);
            }
            Event::Tell { id, outcome, reason } => self.finish(id, outcome, reason),
            Event::Enqueue { configuration } => self.queue.push_back(configuration),
            Event::Abandon { id } => {
                if let Some(position) = self.position(id) {
                    self.trials.remove(position);
                }
                self.pending_ids.retain(|pending| *pending != id);
                self.orphans.retain(|orphan| *orphan != id);
                self.explanations.retain(|(of, _)| *of != id);
            }
        }
    }

    /// Gives a pending trial its outcome and puts it into the history at its place.
    fn finish(&mut self, id: u64, outcome: Outcome, reason: Option<String>) {
        let Some(position) = self.position(id) else { return };
        let trial = &mut self.trials[position];
        trial.state = outcome.finite().map_or(TrialState::Failed, TrialState::Finished);
        trial.reason = reason;
        let loss = trial.value().map(|value| self.direction.loss(value));
        let observation = Observation { configuration: trial.configuration.clone(), loss };
        let place = self.history_ids.partition_point(|other| *other < id);
        self.history_ids.insert(place, id);
        self.history.insert(place, observation);
        self.pending_ids.retain(|pending| *pending != id);
        self.orphans.retain(|orphan| *orphan != id);
        self.explanations.retain(|(of, _)| *of != id);
    }

    fn position(&self, id: u64) -> Option<usize> {
        self.trials.binary_search_by_key(&id, |trial| trial.id).ok()
    }

    /// The configuration with the zero of an int always positive: JSON writes ints without a sign
    /// on zero.
    fn canonical(&self, configuration: Configuration) -> Configuration {
        let values = configuration.values().iter().enumerate().map(|(index, value)| {
            let parameter = self.space.parameters().get(index);
            let is_float = parameter.is_none_or(|it| matches!(it.domain(), Domain::Float { .. }));
            value.map(|value| if !is_float && value == 0.0 { 0.0 } else { value })
        });
        Configuration::new(values.collect())
    }
}

/// Why an objective cannot be compared, if so.
fn unusable(outcome: Outcome) -> Option<String> {
    match outcome {
        Outcome::Value(value) if !value.is_finite() => Some(format!("the objective is {value}")),
        Outcome::Value(_) | Outcome::Failed => None,
    }
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

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
//! # Constraints and several objectives
//!
//! A study can have constraints, values that shall be at most 0, and more than one objective. Both
//! are told as a [`Measurement`]:
//!
//! ```
//! # use optiformer::samplers::RandomSampler;
//! # use optiformer::space::{Parameter, Space};
//! # use optiformer::study::{Direction, Measurement, Study};
//! let space = Space::new(vec![Parameter::float("x", 0.0, 5.0)])?;
//! let mut study = Study::new(space, Direction::Maximize, Box::new(RandomSampler), 1)
//!     .with_constraints(["weight"])?;
//! for _ in 0..20 {
//!     let trial = study.ask()?;
//!     let x = trial.configuration.values()[0].unwrap();
//!     study.tell(trial.id, Measurement::new([x]).with_constraints([x - 2.0]))?;
//! }
//! assert!(study.best().unwrap().value().unwrap() <= 2.0);
//! # Ok::<(), optiformer::Error>(())
//! ```
//!
//! # What a suggestion depends on
//!
//! A suggestion depends on the space, the seed, the finished trials in the order of their ids, the
//! pending ones, and the number of earlier asks; on nothing else. A study that is stored, stopped
//! and read back therefore continues as if it had not stopped. A failed ask does not count.

mod ask;
#[cfg(feature = "std")]
pub mod ask_tell;
mod direction;
mod enqueued;
mod event;
#[cfg(feature = "std")]
mod journal;
mod json;
mod objective;
mod optimize;
mod outcome;
mod pruner;
mod results;
#[cfg(feature = "std")]
mod saved;
mod scalarization;
#[cfg(feature = "std")]
mod stored;
mod trial;

pub use direction::Direction;
#[cfg(feature = "std")]
pub use journal::JournalSnapshot;
pub use objective::Objective;
pub use outcome::{Measurement, Outcome};
pub use pruner::{
    HyperbandPruner, PatientPruner, PercentilePruner, Pruner, SuccessiveHalvingPruner,
};
pub use scalarization::scalarize;
#[cfg(feature = "std")]
pub use stored::StoredStudy;
pub use trial::{Trial, TrialOrigin, TrialState};

use alloc::{boxed::Box, collections::VecDeque, format, string::String, vec, vec::Vec};
use core::fmt;

use event::Event;

use crate::{
    Error, ErrorKind, Result,
    samplers::{Explanation, Sampler},
    space::{Configuration, Domain, Space},
    trial::Observation,
};

/// One optimization: a space, objectives, a sampler, and the trials so far.
pub struct Study {
    space: Space,
    /// At least one.
    objectives: Vec<Objective>,
    /// Names of the constraints.
    constraints: Vec<String>,
    sampler: Box<dyn Sampler + Send>,
    /// The sampler's name with its options.
    sampler_spec: String,
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
    /// Enqueued configurations that have not been handed out, with values left open.
    queue: VecDeque<Configuration>,
    /// Pending trials of a process that is gone, to be handed out first.
    orphans: VecDeque<u64>,
    /// The finished trials as samplers see them, and their ids, in the order of the ids.
    history: Vec<Observation>,
    history_ids: Vec<u64>,
    /// Explanations of the pending trials that this process asked for, in units of the objective.
    explanations: Vec<(u64, Explanation)>,
    /// The sampler's name in a study file that went on with another one than its header names.
    #[cfg(feature = "std")]
    recorded_sampler: Option<String>,
    /// The only configurations that the sampler may choose among, where there are any.
    candidates: Option<Vec<Configuration>>,
    /// The rule that ends trials early, where there is one.
    pruner: Option<Pruner>,
}

impl Study {
    /// A study without trials, with one objective and no constraints.
    pub fn new(
        space: Space,
        direction: Direction,
        sampler: Box<dyn Sampler + Send>,
        seed: u64,
    ) -> Self {
        Self {
            space,
            objectives: vec![Objective::unnamed(direction)],
            constraints: Vec::new(),
            sampler_spec: sampler.spec(),
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
            #[cfg(feature = "std")]
            recorded_sampler: None,
            candidates: None,
            pruner: None,
        }
    }

    /// The same study with these objectives instead of one without a name.
    ///
    /// Of several objectives, each ask minimizes another weighted combination, so that the trials
    /// spread along the Pareto front; [`pareto_front`](Self::pareto_front) has the result.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidValue`]: no objectives, an empty name or one that occurs twice, several
    /// in a study with a pruner, or a study that has trials.
    pub fn with_objectives(mut self, objectives: impl Into<Vec<Objective>>) -> Result<Self> {
        let objectives = objectives.into();
        if objectives.is_empty() {
            return Err(Error::new(ErrorKind::InvalidValue, "a study needs an objective"));
        }
        objective::check_names("objectives", objectives.iter().map(|it| it.name.as_str()))?;
        self.check_without_trials("objectives")?;
        check_pruning(self.pruner.as_ref(), &objectives)?;
        self.objectives = objectives;
        Ok(self)
    }

    /// The same study with a rule that ends trials early, which
    /// [`should_stop`](Self::should_stop) applies.
    ///
    /// ```
    /// use optiformer::{Direction, Outcome, Parameter, RandomSampler, Space, Study};
    /// use optiformer::study::HyperbandPruner;
    ///
    /// let space = Space::new(vec![Parameter::float("x", 0.0, 1.0)])?;
    /// let mut study = Study::new(space, Direction::Minimize, Box::new(RandomSampler), 0)
    ///     .with_pruner(HyperbandPruner::new(27))?;
    /// for _ in 0..20 {
    ///     let trial = study.ask()?;
    ///     let x = trial.configuration.values()[0].unwrap();
    ///     let mut outcome = Outcome::Pruned;
    ///     for epoch in 1..=27 {
    ///         let loss = x + 1.0 / epoch as f64;
    ///         study.report(trial.id, epoch, loss)?;
    ///         if study.should_stop(trial.id)? {
    ///             break;
    ///         }
    ///         if epoch == 27 {
    ///             outcome = Outcome::Value(loss);
    ///         }
    ///     }
    ///     study.tell(trial.id, outcome)?;
    /// }
    /// assert!(study.trials().iter().any(|trial| trial.reports.len() < 27));
    /// # Ok::<(), optiformer::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidValue`]: an option out of range, a study of several objectives, or one
    /// that has trials.
    pub fn with_pruner(mut self, pruner: impl Into<Pruner>) -> Result<Self> {
        let pruner = pruner.into();
        pruner.check()?;
        self.check_without_trials("pruner")?;
        check_pruning(Some(&pruner), &self.objectives)?;
        self.pruner = Some(pruner);
        Ok(self)
    }

    /// The same study with constraints of these names: values that are told with each trial and
    /// shall be at most 0.
    ///
    /// Samplers model each constraint, and the best trial is the best one that is feasible.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidValue`]: an empty name or one that occurs twice, or a study that has
    /// trials.
    pub fn with_constraints<T: Into<String>>(
        mut self,
        names: impl IntoIterator<Item = T>,
    ) -> Result<Self> {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        objective::check_names("constraints", names.iter().map(String::as_str))?;
        self.check_without_trials("constraints")?;
        self.constraints = names;
        Ok(self)
    }

    fn check_without_trials(&self, what: &str) -> Result<()> {
        if self.next_id == 0 {
            return Ok(());
        }
        let context = format!("the {what} of a study are set before its first trial");
        Err(Error::new(ErrorKind::InvalidValue, context))
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

    /// Records the outcome of a pending trial. An objective or a constraint that is not finite
    /// counts as a failure.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::UnknownTrial`] for an id that was never handed out or was abandoned,
    /// [`ErrorKind::AlreadyTold`] for a trial that was told before, [`ErrorKind::InvalidValue`] for
    /// another number of objectives or constraints than the study has. The study is then unchanged.
    pub fn tell(&mut self, id: u64, outcome: impl Into<Outcome>) -> Result<()> {
        let event = self.prepare_tell(id, outcome.into(), None)?;
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
        let event = self.prepare_tell(id, Outcome::Failed, Some(reason.into()))?;
        self.check(&event)?;
        self.apply(event);
        Ok(())
    }

    /// Records an intermediate value of a pending trial: its objective at this step, such as an
    /// epoch. Steps ascend within a trial.
    ///
    /// # Errors
    ///
    /// As [`tell`](Self::tell); [`ErrorKind::InvalidValue`] for a step that is not above the one
    /// before, a value that is not finite, and a study of several objectives.
    pub fn report(&mut self, id: u64, step: u64, value: f64) -> Result<()> {
        let event = Event::Report { id, step, value };
        self.check(&event)?;
        self.apply(event);
        Ok(())
    }

    /// Whether the pruner would end a pending trial now, for its intermediate values. Ask after
    /// each [`report`](Self::report), because a rule looks at a step only while it is the last one;
    /// a trial that is ended is told as [`Outcome::Pruned`].
    ///
    /// `false` before the trial's first report, and in a study without a pruner.
    ///
    /// # Errors
    ///
    /// As [`tell`](Self::tell).
    pub fn should_stop(&self, id: u64) -> Result<bool> {
        self.check_pending(id)?;
        let (Some(pruner), Some(trial)) = (&self.pruner, self.trial(id)) else { return Ok(false) };
        Ok(pruner.should_stop(&self.trials, trial, self.direction(), self.seed))
    }

    /// Enqueues a configuration, such as a known good one, to be handed out before the sampler is
    /// asked. The queue is first in, first out.
    ///
    /// Values that are `None` though their parameters are active are filled in from the sampler's
    /// suggestion when the configuration is handed out. A parent without a value gets the first
    /// that activates the parameters that have one.
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
    /// [`ErrorKind::InvalidValue`] for a configuration that is not legal in the space, and for
    /// another number of objectives or constraints than the study has.
    pub fn add(
        &mut self,
        configuration: Configuration,
        outcome: impl Into<Outcome>,
    ) -> Result<u64> {
        let event = self.prepare_add(configuration, outcome.into())?;
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

    /// The best finished trial, the first among equals: of the feasible ones that with the best
    /// objective, and where none is feasible the one that violates the constraints least, by
    /// [`Trial::violation`].
    ///
    /// In a space with a [fidelity](crate::space::Parameter::fidelity), the best trial at the
    /// highest fidelity that any has finished at: objectives at different fidelities do not
    /// compare.
    ///
    /// `None` before any has finished, and in a study of several objectives, which has a
    /// [`pareto_front`](Self::pareto_front).
    pub fn best(&self) -> Option<&Trial> {
        let [objective] = &self.objectives[..] else { return None };
        let mut best: Option<(&Trial, (f64, f64))> = None;
        for trial in self.comparable() {
            let loss = objective.direction.loss(trial.objectives[0]);
            let key = (trial.violation(), loss);
            if best.is_none_or(|(_, other)| key < other) {
                best = Some((trial, key));
            }
        }
        best.map(|(trial, _)| trial)
    }

    /// The feasible finished trials that no other one dominates, in the order of their ids: none is
    /// at least as good in every objective and better in one.
    ///
    /// In a study of one objective these are all trials with the best value. In a space with a
    /// fidelity, only trials at the highest one compare, as in [`best`](Self::best).
    pub fn pareto_front(&self) -> Vec<&Trial> {
        let candidates = self.comparable().filter(|trial| trial.is_feasible());
        let candidates: Vec<&Trial> = candidates.collect();
        let losses: Vec<Vec<f64>> =
            candidates.iter().map(|trial| self.losses(&trial.objectives)).collect();
        scalarization::non_dominated(&losses).into_iter().map(|index| candidates[index]).collect()
    }

    /// The finished trials whose objectives compare, in the order of their ids: those at the
    /// highest fidelity that any has finished at, and all where the space has no
    /// [fidelity](crate::space::Parameter::fidelity).
    pub fn comparable(&self) -> impl Iterator<Item = &Trial> {
        let fidelity = self.space.fidelity();
        let of = move |trial: &Trial| fidelity.and_then(|index| trial.configuration.get(index));
        let finished = || self.trials.iter().filter(|trial| trial.state == TrialState::Finished);
        let highest = finished().filter_map(of).reduce(f64::max);
        finished().filter(move |trial| of(trial) == highest)
    }

    /// The trial that a trial continues, in a space with a
    /// [fidelity](crate::space::Parameter::fidelity): of the earlier finished trials with the same
    /// other values and a lower fidelity, the one with the highest.
    ///
    /// A program that saves its state under the trial's id can go on from there. `None` where there
    /// is no such trial, or none with this id.
    pub fn promoted_from(&self, id: u64) -> Option<u64> {
        let (index, position) = (self.space.fidelity()?, self.position(id)?);
        let values = self.trials[position].configuration.values();
        let fidelity = |trial: &&Trial| trial.configuration.get(index).unwrap_or(0.0);
        let is_source = |trial: &&Trial| {
            let others = trial.configuration.values();
            trial.state == TrialState::Finished
                && others[index] < values[index]
                && others[..index] == values[..index]
                && others[index + 1..] == values[index + 1..]
        };
        let sources = self.trials[..position].iter().filter(is_source);
        let source = sources.max_by(|one, other| fidelity(one).total_cmp(&fidelity(other)));
        source.map(|trial| trial.id)
    }

    /// Objectives as losses, each to be minimized.
    fn losses(&self, objectives: &[f64]) -> Vec<f64> {
        let pairs = self.objectives.iter().zip(objectives);
        pairs.map(|(objective, value)| objective.direction.loss(*value)).collect()
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

    /// The direction of optimization, of the first of several objectives.
    pub fn direction(&self) -> Direction {
        self.objectives[0].direction
    }

    /// The objectives, at least one.
    pub fn objectives(&self) -> &[Objective] {
        &self.objectives
    }

    /// The names of the constraints.
    pub fn constraints(&self) -> &[String] {
        &self.constraints
    }

    /// The rule that ends trials early, where there is one.
    pub fn pruner(&self) -> Option<&Pruner> {
        self.pruner.as_ref()
    }

    /// The seed of all random numbers.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The name of the sampler.
    pub fn sampler_name(&self) -> &'static str {
        self.sampler.name()
    }

    /// The sampler's name with the options that differ from the defaults, as
    /// [`by_name`](crate::samplers::by_name) takes it.
    pub fn sampler_spec(&self) -> &str {
        &self.sampler_spec
    }

    /// The event that tells a trial, not yet applied.
    fn prepare_tell(&self, id: u64, outcome: Outcome, reason: Option<String>) -> Result<Event> {
        self.check_pending(id)?;
        Ok(Event::Tell { id, result: self.result(outcome, reason)? })
    }

    /// The event that adds a trial, not yet applied.
    fn prepare_add(&self, configuration: Configuration, outcome: Outcome) -> Result<Event> {
        let configuration = self.canonical(configuration);
        Ok(Event::Add { id: self.next_id, configuration, result: self.result(outcome, None)? })
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

/// Checks that a study with these objectives can have this pruner.
fn check_pruning(pruner: Option<&Pruner>, objectives: &[Objective]) -> Result<()> {
    if pruner.is_none() || objectives.len() == 1 {
        return Ok(());
    }
    Err(Error::new(ErrorKind::InvalidValue, "a study of several objectives prunes no trials"))
}

impl fmt::Debug for Study {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Study")
            .field("objectives", &self.objectives)
            .field("sampler", &self.sampler.name())
            .field("seed", &self.seed)
            .field("trials", &self.trials)
            .finish_non_exhaustive()
    }
}

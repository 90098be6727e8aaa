use alloc::{format, string::String, vec::Vec};

use super::{Outcome, Study, Trial, TrialOrigin, TrialState, enqueued};
#[cfg(feature = "std")]
use crate::space::Space;
use crate::{Error, ErrorKind, Result, space::Configuration, trial::Observation};

/// A change of a study. A study is the result of its events.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Event {
    /// A trial was handed out.
    Ask { id: u64, configuration: Configuration, origin: TrialOrigin },
    /// A pending trial reported an intermediate value.
    Report { id: u64, step: u64, value: f64 },
    /// A trial was told.
    Tell { id: u64, result: TrialResult },
    /// A trial made elsewhere was added.
    Add { id: u64, configuration: Configuration, result: TrialResult },
    /// A configuration was enqueued; values that are missing are filled in when it is handed out.
    Enqueue { configuration: Configuration },
    /// A pending trial was abandoned.
    Abandon { id: u64 },
    /// The study goes on with another sampler or another space.
    #[cfg(feature = "std")]
    Change { sampler: Option<String>, space: Option<Space> },
}

/// An outcome as a study keeps it: numbers are finite, and all of their kind or none are there.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct TrialResult {
    pub state: TrialState,
    pub objectives: Vec<f64>,
    pub constraints: Vec<f64>,
    pub reason: Option<String>,
}

impl TrialResult {
    /// The result of a trial that has one.
    #[cfg(feature = "std")]
    pub fn of(trial: &Trial) -> Self {
        let Trial { state, objectives, constraints, reason, .. } = trial.clone();
        Self { state, objectives, constraints, reason }
    }
}

impl Study {
    /// The result that `outcome` stands for in this study.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidValue`]: another number of objectives or constraints than the study has.
    pub(super) fn result(&self, outcome: Outcome, reason: Option<String>) -> Result<TrialResult> {
        self.check_outcome(&outcome)?;
        let (objectives, constraints) = (outcome.objectives(), outcome.constraints());
        let is_finite = |numbers: &[f64]| numbers.iter().all(|number| number.is_finite());
        let kept = |numbers: &[f64]| if is_finite(numbers) { numbers.to_vec() } else { Vec::new() };
        let is_usable = is_finite(objectives) && is_finite(constraints);
        let state = match &outcome {
            Outcome::Pruned => TrialState::Pruned,
            Outcome::Failed => TrialState::Failed,
            _ if is_usable && !objectives.is_empty() => TrialState::Finished,
            _ => TrialState::Failed,
        };
        let is_finished = state == TrialState::Finished;
        Ok(TrialResult {
            state,
            objectives: if is_finished { objectives.to_vec() } else { Vec::new() },
            constraints: kept(constraints),
            reason: reason.or_else(|| self.unusable(&outcome)),
        })
    }

    /// The reason why a measurement counts as a failure, if it does.
    fn unusable(&self, outcome: &Outcome) -> Option<String> {
        let is_named = self.objectives.len() > 1;
        for (objective, value) in self.objectives.iter().zip(outcome.objectives()) {
            if !value.is_finite() {
                let name =
                    if is_named { format!(" \"{}\"", objective.name) } else { String::new() };
                return Some(format!("the objective{name} is {value}"));
            }
        }
        for (name, value) in self.constraints.iter().zip(outcome.constraints()) {
            if !value.is_finite() {
                return Some(format!("the constraint \"{name}\" is {value}"));
            }
        }
        matches!(outcome, Outcome::Measured(measured) if measured.objectives.is_empty())
            .then(|| "only the constraints were measured".into())
    }

    /// Checks that an outcome has as many numbers as the study has objectives and constraints.
    fn check_outcome(&self, outcome: &Outcome) -> Result<()> {
        let invalid = |context: String| Err(Error::new(ErrorKind::InvalidValue, context));
        if *outcome == Outcome::Pruned && self.objectives.len() > 1 {
            return invalid("a study of several objectives prunes no trials".into());
        }
        if matches!(outcome, Outcome::Pruned | Outcome::Failed) {
            return Ok(());
        }
        let (told, wanted) = (outcome.objectives().len(), self.objectives.len());
        let is_infeasible = told == 0 && !outcome.constraints().iter().all(|value| *value <= 0.0);
        if told != wanted && !is_infeasible {
            let names = self.objectives.iter().map(|objective| objective.name.as_str());
            return invalid(mismatch("objective", names, told));
        }
        if outcome.constraints().len() != self.constraints.len() {
            let names = self.constraints.iter().map(String::as_str);
            return invalid(mismatch("constraint", names, outcome.constraints().len()));
        }
        Ok(())
    }

    /// Checks that `event` fits the current state.
    pub(super) fn check(&self, event: &Event) -> Result<()> {
        match event {
            Event::Ask { id, configuration, origin } => {
                self.check_new(*id)?;
                let is_next = self
                    .queue
                    .front()
                    .is_some_and(|enqueued| enqueued::matches(enqueued, configuration));
                if *origin == TrialOrigin::Enqueued && !is_next {
                    return Err(Error::new(
                        ErrorKind::InvalidValue,
                        format!("trial {id} is not the configuration that was enqueued first"),
                    ));
                }
                self.space.validate(configuration)
            }
            Event::Add { id, configuration, result } => {
                self.check_new(*id)?;
                self.check_result(result)?;
                self.space.validate(configuration)
            }
            Event::Enqueue { configuration } => enqueued::check(&self.space, configuration),
            Event::Report { id, step, value } => self.check_report(*id, *step, *value),
            Event::Tell { id, result } => {
                self.check_pending(*id)?;
                self.check_result(result)
            }
            Event::Abandon { id } => self.check_pending(*id),
            #[cfg(feature = "std")]
            Event::Change { space: Some(space), .. } => self.check_space(space),
            #[cfg(feature = "std")]
            Event::Change { space: None, .. } => Ok(()),
        }
    }

    /// Checks the numbers of a result from a file.
    fn check_result(&self, result: &TrialResult) -> Result<()> {
        let TrialResult { state, objectives, constraints, .. } = result;
        let wanted = if *state == TrialState::Finished { self.objectives.len() } else { 0 };
        if objectives.len() != wanted {
            let names = self.objectives.iter().map(|objective| objective.name.as_str());
            let context = mismatch("objective", names, objectives.len());
            return Err(Error::new(ErrorKind::InvalidValue, context));
        }
        let may_lack = *state != TrialState::Finished && constraints.is_empty();
        if constraints.len() != self.constraints.len() && !may_lack {
            let names = self.constraints.iter().map(String::as_str);
            let context = mismatch("constraint", names, constraints.len());
            return Err(Error::new(ErrorKind::InvalidValue, context));
        }
        Ok(())
    }

    fn check_report(&self, id: u64, step: u64, value: f64) -> Result<()> {
        self.check_pending(id)?;
        let invalid = |context: String| Err(Error::new(ErrorKind::InvalidValue, context));
        if self.objectives.len() > 1 {
            return invalid("a study of several objectives has no intermediate values".into());
        }
        if !value.is_finite() {
            return invalid(format!("trial {id}: the value of step {step} is {value}"));
        }
        let last = self.trial(id).and_then(|trial| trial.reports.last());
        match last {
            Some((last, _)) if *last >= step => {
                invalid(format!("trial {id}: step {step} is reported after step {last}"))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn check_pending(&self, id: u64) -> Result<()> {
        let unknown = |context| Err(Error::new(ErrorKind::UnknownTrial, context));
        match self.trial(id) {
            Some(trial) if trial.is_pending() => Ok(()),
            Some(_) => {
                Err(Error::new(ErrorKind::AlreadyTold, format!("trial {id} has its outcome")))
            }
            None if id < self.next_id => unknown(format!("trial {id} was abandoned")),
            None => unknown(format!("trial {id} was never handed out")),
        }
    }

    fn check_new(&self, id: u64) -> Result<()> {
        if id == self.next_id {
            return Ok(());
        }
        let context = format!("trial {id} where trial {} should come next", self.next_id);
        Err(Error::new(ErrorKind::InvalidValue, context))
    }

    /// Applies a checked event.
    pub(super) fn apply(&mut self, event: Event) {
        match event {
            Event::Ask { id, configuration, origin } => {
                if origin == TrialOrigin::Enqueued {
                    self.queue.pop_front();
                }
                self.asked += 1;
                self.next_id = id + 1;
                self.push_pending(id, configuration, origin);
            }
            Event::Add { id, configuration, result } => {
                self.next_id = id + 1;
                self.push_pending(id, configuration, TrialOrigin::Added);
                self.finish(id, result);
            }
            Event::Report { id, step, value } => {
                if let Some(position) = self.position(id) {
                    self.trials[position].reports.push((step, value));
                }
            }
            Event::Tell { id, result } => self.finish(id, result),
            Event::Enqueue { configuration } => self.queue.push_back(configuration),
            Event::Abandon { id } => {
                if let Some(position) = self.position(id) {
                    self.trials.remove(position);
                }
                self.remove_pending(id);
            }
            #[cfg(feature = "std")]
            Event::Change { sampler, space } => {
                self.recorded_sampler = sampler.or(self.recorded_sampler.take());
                if let Some(space) = space {
                    self.change_space(space);
                }
            }
        }
    }

    /// Checks that every configuration of the study is legal in another space.
    #[cfg(feature = "std")]
    fn check_space(&self, space: &Space) -> Result<()> {
        for trial in &self.trials {
            moved(&self.space, space, &trial.configuration)
                .and_then(|configuration| space.validate(&configuration))
                .map_err(|error| {
                    let context = format!("trial {}: {}", trial.id, error.context());
                    Error::new(error.kind(), context)
                })?;
        }
        for enqueued in &self.queue {
            let enqueued = moved(&self.space, space, enqueued)?;
            enqueued::check(space, &enqueued)?;
        }
        Ok(())
    }

    /// Replaces the space by another one that was checked.
    #[cfg(feature = "std")]
    fn change_space(&mut self, space: Space) {
        let before = core::mem::replace(&mut self.space, space);
        let after = &self.space;
        let change = |configuration: &mut Configuration| {
            if let Ok(moved) = moved(&before, after, configuration) {
                *configuration = moved;
            }
        };
        self.trials.iter_mut().for_each(|trial| change(&mut trial.configuration));
        self.history.iter_mut().for_each(|trial| change(&mut trial.configuration));
        self.pending.iter_mut().for_each(change);
        self.queue.iter_mut().for_each(change);
    }

    /// Records the result of a pending trial and inserts it into the history.
    fn finish(&mut self, id: u64, result: TrialResult) {
        let Some(position) = self.position(id) else { return };
        let trial = &mut self.trials[position];
        let TrialResult { state, objectives, constraints, reason } = result;
        (trial.state, trial.reason) = (state, reason);
        (trial.objectives, trial.constraints) = (objectives, constraints);
        let value = match state {
            // What samplers learn from a trial that was ended early.
            TrialState::Pruned => trial.reports.last().map(|(_, value)| *value),
            _ => trial.value(),
        };
        let loss = value.map(|value| self.objectives[0].direction.loss(value));
        let observation = Observation::new(trial.configuration.clone(), loss)
            .with_constraints(trial.constraints.clone());
        let place = self.history_ids.partition_point(|other| *other < id);
        self.history_ids.insert(place, id);
        self.history.insert(place, observation);
        self.remove_pending(id);
    }

    /// Adds a pending trial; ids are ascending.
    fn push_pending(&mut self, id: u64, configuration: Configuration, origin: TrialOrigin) {
        self.pending_ids.push(id);
        self.pending.push(configuration.clone());
        self.trials.push(Trial::pending(id, configuration, origin));
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

    pub(super) fn position(&self, id: u64) -> Option<usize> {
        self.trials.binary_search_by_key(&id, |trial| trial.id).ok()
    }
}

/// A configuration of one space in another one: the values of the same names.
#[cfg(feature = "std")]
fn moved(from: &Space, to: &Space, configuration: &Configuration) -> Result<Configuration> {
    to.partial_from_json(&from.configuration_to_json(configuration))
}

/// The message for another number of values than there are names: `kind` is what they are of.
fn mismatch<'a>(kind: &str, names: impl Iterator<Item = &'a str>, told: usize) -> String {
    let names: Vec<&str> = names.collect();
    let plural = |count: usize| if count == 1 { "" } else { "s" };
    let (count, listed) = (names.len(), names.join(", "));
    let listed = if count == 0 { String::new() } else { format!(" ({listed})") };
    format!(
        "the study has {count} {kind}{}{listed}, and {told} {kind} value{} told",
        plural(count),
        if told == 1 { " was" } else { "s were" }
    )
}

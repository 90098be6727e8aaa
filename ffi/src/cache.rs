//! What the stateless interface may keep from one call to the next: time, never a suggestion.
//!
//! A [`Session`] is the sampler of one study with the history it has seen. A call without a cache
//! makes one and drops it; a call with a cache takes the session whose history it continues, and
//! puts it back.

use std::sync::{Mutex, PoisonError};

use optiformer::{
    samplers::{Ranking, Request, Sampler, explain_permitted},
    space::{Configuration, Space},
    study::scalarize,
    trial::Observation,
};

use crate::{
    pointer,
    sampler::SamplerKey,
    space::configuration,
    status::{CError, CallResult, Failure, Status, boundary, free},
};

/// Number of sessions that a cache keeps.
const CAPACITY: usize = 8;

/// The sessions of up to `CAPACITY` studies, which any number of threads may share.
#[derive(Default)]
pub struct CacheHandle {
    /// From the one that was used least recently to the latest. A session in use is not among
    /// them, so that the lock is never held while a sampler works.
    sessions: Mutex<Vec<Session>>,
}

/// The finished trials as a caller passes them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Finished<'a> {
    /// `[trials, parameters]`, row by row.
    pub rows: &'a [f64],
    /// `[trials, objectives]`, row by row.
    pub losses: &'a [f64],
    /// `[trials, constraint_count]`, row by row.
    pub constraints: &'a [f64],
    /// Number of losses of a trial, at least 1.
    pub objectives: usize,
    /// Number of constraints.
    pub constraint_count: usize,
}

impl Finished<'_> {
    /// Number of trials.
    fn len(&self) -> usize {
        self.losses.len() / self.objectives
    }
}

/// One study of the stateless interface: its sampler, and the trials as samplers see them.
pub struct Session {
    key: SamplerKey,
    space: Space,
    objectives: usize,
    constraint_count: usize,
    sampler: Box<dyn Sampler + Send>,
    /// What the caller passed, to be compared bit by bit.
    rows: Vec<f64>,
    losses: Vec<f64>,
    constraints: Vec<f64>,
    /// The same trials. What the next call passes again keeps its configurations, by which the
    /// sampler knows them at a glance. Of several objectives a call combines the losses.
    history: Vec<Observation>,
    /// The losses of several objectives, `[trials][objectives]`; empty where there is one.
    several: Vec<Option<Vec<f64>>>,
}

impl CacheHandle {
    /// The session that a history continues, or a new one; it has no trial that the history lacks.
    ///
    /// # Errors
    ///
    /// Those of making the sampler.
    pub fn take(
        &self,
        key: SamplerKey,
        space: &Space,
        finished: &Finished<'_>,
    ) -> Result<Session, Failure> {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let shared = |session: &Session| {
            let is_same = session.key == key && session.space == *space;
            let shared = if is_same { session.shared(finished)? } else { return None };
            // Less is another study, or not worth taking this one's session away.
            (2 * shared >= session.history.len()).then_some(shared)
        };
        let shared = sessions.iter().enumerate().filter_map(|(at, it)| Some((shared(it)?, at)));
        match shared.max() {
            Some((shared, place)) => {
                let mut session = sessions.remove(place);
                session.truncate(shared);
                Ok(session)
            }
            None => {
                drop(sessions);
                Session::new(key, space.clone(), finished)
            }
        }
    }

    /// Keeps a session, in place of the one that was used least recently.
    pub fn put(&self, session: Session) {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let dropped = (sessions.len() >= CAPACITY).then(|| sessions.remove(0));
        sessions.push(session);
        drop(sessions);
        // Freeing a long history takes a while: after the lock.
        drop(dropped);
    }
}

impl Session {
    /// A study without trials, for trials with as many losses and constraints as these.
    ///
    /// # Errors
    ///
    /// Those of making the sampler.
    pub fn new(key: SamplerKey, space: Space, finished: &Finished<'_>) -> Result<Self, Failure> {
        let sampler = key.sampler()?;
        Ok(Self {
            key,
            space,
            objectives: finished.objectives,
            constraint_count: finished.constraint_count,
            sampler,
            rows: Vec::new(),
            losses: Vec::new(),
            constraints: Vec::new(),
            history: Vec::new(),
            several: Vec::new(),
        })
    }

    /// Number of trials at the beginning that are these, bit by bit; `None` where those have other
    /// numbers of losses or constraints.
    fn shared(&self, finished: &Finished<'_>) -> Option<usize> {
        if (self.objectives, self.constraint_count)
            != (finished.objectives, finished.constraint_count)
        {
            return None;
        }
        let mut shared = same_prefix(&self.rows, finished.rows) / self.space.len();
        shared = shared.min(same_prefix(&self.losses, finished.losses) / self.objectives);
        // Without constraints all trials have the same ones.
        let same = same_prefix(&self.constraints, finished.constraints);
        Some(shared.min(same.checked_div(self.constraint_count).unwrap_or(usize::MAX)))
    }

    /// Forgets the trials from number `length` on.
    fn truncate(&mut self, length: usize) {
        self.history.truncate(length);
        self.several.truncate(length);
        self.rows.truncate(length * self.space.len());
        self.losses.truncate(length * self.objectives);
        self.constraints.truncate(length * self.constraint_count);
    }

    /// Adds the trials of a history that the session lacks; those it has are the first of them.
    ///
    /// # Errors
    ///
    /// [`Status::InvalidValue`], naming the row and the parameter; the session then has the trials
    /// before it.
    pub fn extend(&mut self, finished: &Finished<'_>) -> CallResult {
        let known = self.history.len();
        self.history.reserve(finished.len() - known);
        for index in known..finished.len() {
            let values = row(finished.rows, index, self.space.len());
            let losses = row(finished.losses, index, self.objectives);
            let constraints = row(finished.constraints, index, self.constraint_count);
            let configuration = checked(&self.space, values, "history", index)?;
            let (losses_if_any, measured) = outcome(losses, constraints);
            let loss = losses_if_any.filter(|_| self.objectives == 1).map(|losses| losses[0]);
            let trial = Observation::new(configuration, loss).with_constraints(measured);
            self.history.push(trial);
            if self.objectives > 1 {
                self.several.push(losses_if_any.map(<[f64]>::to_vec));
            }
            self.rows.extend_from_slice(values);
            self.losses.extend_from_slice(losses);
            self.constraints.extend_from_slice(constraints);
        }
        Ok(())
    }

    /// Of several objectives, the history with their combination for trial `number` as the loss.
    fn scalar_history(&self, number: u64, seed: u64) -> Option<Vec<Observation>> {
        if self.objectives == 1 {
            return None;
        }
        let request = Request { space: &self.space, history: &[], pending: &[], number, seed };
        let scalars = scalarize(&self.several, self.objectives, &request);
        let trial = |(trial, loss): (&Observation, Option<f64>)| {
            let mut trial = trial.clone();
            trial.loss = loss;
            trial
        };
        Some(self.history.iter().zip(scalars).map(trial).collect())
    }

    /// `count` suggestions, each made with those before it pending.
    ///
    /// # Errors
    ///
    /// Those of the sampler.
    pub fn suggest(
        &mut self,
        mut pending: Vec<Configuration>,
        number: u64,
        seed: u64,
        count: usize,
    ) -> Result<Vec<Configuration>, Failure> {
        let waiting = pending.len();
        for index in 0..count as u64 {
            let number = number.wrapping_add(index);
            let scalars = self.scalar_history(number, seed);
            let request = Request {
                space: &self.space,
                history: scalars.as_deref().unwrap_or(&self.history),
                pending: &pending,
                number,
                seed,
            };
            let configuration = explain_permitted(&mut *self.sampler, &request)?.configuration;
            pending.push(configuration);
        }
        Ok(pending.split_off(waiting))
    }

    /// The order of given candidates, the most promising first.
    ///
    /// # Errors
    ///
    /// Those of the sampler.
    pub fn choose(
        &mut self,
        pending: &[Configuration],
        number: u64,
        seed: u64,
        candidates: &[Configuration],
    ) -> Result<Ranking, Failure> {
        let scalars = self.scalar_history(number, seed);
        let (space, history) = (&self.space, scalars.as_deref().unwrap_or(&self.history));
        let request = Request { space, history, pending, number, seed };
        Ok(self.sampler.choose(&request, candidates)?)
    }
}

/// Row `index` of a matrix whose rows have `width` values.
fn row(values: &[f64], index: usize, width: usize) -> &[f64] {
    &values[index * width..(index + 1) * width]
}

/// What was observed of a trial: its losses, `None` for one that failed, and the values of its
/// constraints, all of them or none.
///
/// A trial that lacks some of the values counts as one that lacks all of them, and has failed where
/// one of those that it has is violated: its loss says nothing about feasible trials.
fn outcome<'a>(losses: &'a [f64], constraints: &'a [f64]) -> (Option<&'a [f64]>, &'a [f64]) {
    let is_measured = constraints.iter().all(|value| value.is_finite());
    let is_violated = constraints.iter().any(|value| *value > 0.0);
    let has_failed = losses.iter().any(|loss| !loss.is_finite()) || (!is_measured && is_violated);
    ((!has_failed).then_some(losses), if is_measured { constraints } else { &[] })
}

/// A configuration of the caller's, legal in the space.
///
/// # Errors
///
/// [`Status::InvalidValue`], naming array, row and parameter.
pub fn checked(
    space: &Space,
    values: &[f64],
    array: &str,
    row: usize,
) -> Result<Configuration, Failure> {
    let configuration = configuration(values);
    space.validate(&configuration).map_err(|error| {
        let message = format!("{array}, row {row}: {}", error.context());
        Failure::new(Status::InvalidValue, message)
    })?;
    Ok(configuration)
}

/// Length of the common beginning of two arrays, bit by bit: a NaN is itself, −0 is not 0.
fn same_prefix(one: &[f64], other: &[f64]) -> usize {
    // Blocks without a branch inside, which the compiler vectorizes.
    const BLOCK: usize = 64;
    let is_same = |(one, other): &(&[f64], &[f64])| {
        let differing = |(a, b): (&f64, &f64)| a.to_bits() ^ b.to_bits();
        one.iter().zip(*other).map(differing).fold(0, |all, bits| all | bits) == 0
    };
    let blocks = one.chunks_exact(BLOCK).zip(other.chunks_exact(BLOCK));
    let start = BLOCK * blocks.take_while(is_same).count();
    let rest = one[start..].iter().zip(&other[start..]);
    start + rest.take_while(|(a, b)| a.to_bits() == b.to_bits()).count()
}

/// An empty cache.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn optiformer_cache_new(
    out: *mut *mut CacheHandle,
    error: *mut CError,
) -> i32 {
    boundary(error, || {
        // SAFETY: the caller passes null or a writable place.
        unsafe { pointer::hand_out(out, || Ok(CacheHandle::default())) }
    })
}

/// Frees a cache.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn optiformer_cache_free(cache: *mut CacheHandle) {
    // SAFETY: the caller passes null or a handle that it frees once.
    unsafe { free(cache) }
}

#[cfg(test)]
mod tests {
    use optiformer::space::Parameter;

    use super::*;

    fn key(name: &str) -> SamplerKey {
        // SAFETY: a string, and no model.
        unsafe {
            let name = std::ffi::CString::new(name).unwrap();
            SamplerKey::new(name.as_ptr(), std::ptr::null())
        }
        .unwrap()
    }

    fn space(high: f64) -> Space {
        Space::new(vec![Parameter::float("x", 0.0, high), Parameter::float("y", 0.0, 1.0)]).unwrap()
    }

    fn finished<'a>(rows: &'a [f64], losses: &'a [f64]) -> Finished<'a> {
        Finished { rows, losses, objectives: 1, ..Finished::default() }
    }

    /// The number of trials that a cache had of a history.
    fn take_and_put(
        cache: &CacheHandle,
        name: &str,
        space: &Space,
        rows: &[f64],
        losses: &[f64],
    ) -> usize {
        let finished = finished(rows, losses);
        let mut session = cache.take(key(name), space, &finished).unwrap();
        let shared = session.history.len();
        session.extend(&finished).unwrap();
        assert_eq!(session.history.len(), losses.len());
        cache.put(session);
        shared
    }

    #[test]
    fn prefixes_are_counted_as_a_plain_loop_counts_them() {
        let one: Vec<f64> = (0..300).map(f64::from).collect();
        for at in [0, 1, 63, 64, 65, 127, 128, 200, 299] {
            for changed in [f64::NAN, -0.0] {
                let mut other = one.clone();
                other[at] = changed;
                let plain =
                    one.iter().zip(&other).take_while(|(a, b)| a.to_bits() == b.to_bits()).count();
                assert_eq!((same_prefix(&one, &other), plain), (at, at));
                assert_eq!(same_prefix(&other, &other), 300);
                assert_eq!(same_prefix(&other, &other[..at]), at);
            }
        }
    }

    #[test]
    fn a_session_is_found_by_sampler_space_and_history() {
        let cache = CacheHandle::default();
        let rows: Vec<f64> = (0..40).map(|index| f64::from(index) / 64.0).collect();
        let losses: Vec<f64> = (0..20).map(f64::from).collect();
        assert_eq!(take_and_put(&cache, "tpe", &space(1.0), &rows[..36], &losses[..18]), 0);
        assert_eq!(take_and_put(&cache, "tpe", &space(1.0), &rows, &losses), 18);
        // Another sampler, another space, and another study of the same space.
        assert_eq!(take_and_put(&cache, "gp", &space(1.0), &rows, &losses), 0);
        assert_eq!(take_and_put(&cache, "tpe", &space(2.0), &rows, &losses), 0);
        assert_eq!(take_and_put(&cache, "tpe", &space(1.0), &rows[..2], &losses[..1]), 0);
        // The first one is as it was, also after a loss was edited and the last trials deleted.
        assert_eq!(take_and_put(&cache, "tpe", &space(1.0), &rows, &losses), 20);
        let mut edited = losses.clone();
        edited[15] = f64::NAN;
        assert_eq!(take_and_put(&cache, "tpe", &space(1.0), &rows, &edited), 15);
        assert_eq!(take_and_put(&cache, "tpe", &space(1.0), &rows[..24], &losses[..12]), 12);
    }

    #[test]
    fn only_so_many_sessions_are_kept() {
        let cache = CacheHandle::default();
        for high in 1..=CAPACITY + 3 {
            take_and_put(&cache, "random", &space(high as f64), &[0.5, 0.5], &[1.0]);
        }
        assert_eq!(cache.sessions.lock().unwrap().len(), CAPACITY);
        assert_eq!(take_and_put(&cache, "random", &space(4.0), &[0.5, 0.5], &[1.0]), 1);
        assert_eq!(take_and_put(&cache, "random", &space(3.0), &[0.5, 0.5], &[1.0]), 0);
    }

    #[test]
    fn an_illegal_row_leaves_the_trials_before_it() {
        let none = finished(&[], &[]);
        let mut session = Session::new(key("tpe"), space(1.0), &none).unwrap();
        let illegal = finished(&[0.5, 0.5, 0.5, 7.0, 0.1, 0.1], &[1.0, 2.0, 3.0]);
        let refused = session.extend(&illegal);
        assert!(refused.unwrap_err().message.contains("history, row 1: parameter \"y\""));
        assert_eq!((session.history.len(), session.rows.len(), session.losses.len()), (1, 2, 1));
        session.extend(&finished(&[0.5, 0.5, 0.5, 0.7], &[1.0, 2.0])).unwrap();
        assert_eq!(session.history.len(), 2);
    }

    #[test]
    fn constraints_are_observed_as_a_whole() {
        let none: &[f64] = &[];
        let losses: &[f64] = &[1.0];
        let (nan, infinite) = (f64::NAN, f64::INFINITY);
        assert_eq!(outcome(losses, &[0.5, -1.0]), (Some(losses), &[0.5, -1.0][..]));
        assert_eq!(outcome(losses, none), (Some(losses), none));
        assert_eq!(outcome(losses, &[nan, nan]), (Some(losses), none));
        assert_eq!(outcome(losses, &[-1.0, nan]), (Some(losses), none));
        assert_eq!(outcome(losses, &[-infinite, -1.0]), (Some(losses), none));
        assert_eq!(outcome(losses, &[0.5, nan]), (None, none));
        assert_eq!(outcome(losses, &[infinite, -1.0]), (None, none));
        assert_eq!(outcome(&[1.0, nan], &[-1.0]), (None, &[-1.0][..]));
    }

    #[test]
    fn a_session_is_found_by_its_constraints_and_losses() {
        let cache = CacheHandle::default();
        let rows: Vec<f64> = (0..40).map(|index| f64::from(index) / 64.0).collect();
        let losses: Vec<f64> = (0..20).map(f64::from).collect();
        let mut constraints: Vec<f64> = (0..20).map(|index| f64::from(index) - 3.0).collect();
        let shared = |finished: Finished<'_>| {
            let mut session = cache.take(key("tpe"), &space(1.0), &finished).unwrap();
            let shared = session.history.len();
            session.extend(&finished).unwrap();
            cache.put(session);
            shared
        };
        let plain = finished(&rows, &losses);
        assert_eq!(shared(plain), 0);
        let one = Finished { constraints: &constraints, constraint_count: 1, ..plain };
        assert_eq!(shared(one), 0);
        assert_eq!(shared(one), 20);
        constraints[15] = 7.0;
        let one = Finished { constraints: &constraints, constraint_count: 1, ..plain };
        assert_eq!(shared(one), 15);
        let two = Finished { rows: &rows[..20], objectives: 2, ..plain };
        assert_eq!((shared(two), shared(two), shared(plain)), (0, 10, 20));
    }
}

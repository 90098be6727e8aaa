//! What the stateless interface may keep from one call to the next: time, never a suggestion.
//!
//! A [`Session`] is the sampler of one study with the history it has seen. A call without a cache
//! makes one and drops it; a call with a cache takes the session whose history it continues, and
//! puts it back.

use std::sync::{Mutex, PoisonError};

use optiformer::{
    samplers::{Ranking, Request, Sampler, explain_permitted},
    space::{Configuration, Space},
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

/// One study of the stateless interface: its sampler, and the trials as samplers see them.
pub struct Session {
    key: SamplerKey,
    space: Space,
    sampler: Box<dyn Sampler + Send>,
    /// The rows and losses as the caller passed them, to be compared bit by bit.
    rows: Vec<f64>,
    losses: Vec<f64>,
    /// The same trials. What the next call passes again keeps its configurations, by which the
    /// sampler knows them at a glance.
    history: Vec<Observation>,
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
        rows: &[f64],
        losses: &[f64],
    ) -> Result<Session, Failure> {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let shared = |session: &Session| {
            let is_same = session.key == key && session.space == *space;
            let shared = if is_same { session.shared(rows, losses) } else { return None };
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
                Session::new(key, space.clone())
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
    /// A study without trials.
    ///
    /// # Errors
    ///
    /// Those of making the sampler.
    pub fn new(key: SamplerKey, space: Space) -> Result<Self, Failure> {
        let sampler = key.sampler()?;
        Ok(Self { key, space, sampler, rows: Vec::new(), losses: Vec::new(), history: Vec::new() })
    }

    /// Number of trials at the beginning that are those of these rows and losses, bit by bit.
    fn shared(&self, rows: &[f64], losses: &[f64]) -> usize {
        let same = same_prefix(&self.rows, rows) / self.space.len();
        same.min(same_prefix(&self.losses, losses))
    }

    /// Forgets the trials from number `length` on.
    fn truncate(&mut self, length: usize) {
        self.history.truncate(length);
        self.rows.truncate(length * self.space.len());
        self.losses.truncate(length);
    }

    /// Adds the trials of a history that the session lacks; those it has are the first of them.
    ///
    /// # Errors
    ///
    /// [`Status::InvalidValue`], naming the row and the parameter; the session then has the trials
    /// before it.
    pub fn extend(&mut self, rows: &[f64], losses: &[f64]) -> CallResult {
        let known = self.history.len();
        self.history.reserve(losses.len() - known);
        let trials = rows.chunks_exact(self.space.len()).zip(losses).enumerate();
        for (index, (values, loss)) in trials.skip(known) {
            let configuration = checked(&self.space, values, "history", index)?;
            let loss_if_finite = loss.is_finite().then_some(*loss);
            self.history.push(Observation::new(configuration, loss_if_finite));
            self.rows.extend_from_slice(values);
            self.losses.push(*loss);
        }
        Ok(())
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
            let request = Request {
                space: &self.space,
                history: &self.history,
                pending: &pending,
                number: number.wrapping_add(index),
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
        let (space, history) = (&self.space, &self.history);
        let request = Request { space, history, pending, number, seed };
        Ok(self.sampler.choose(&request, candidates)?)
    }
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

    /// The number of trials that a cache had of a history.
    fn take_and_put(
        cache: &CacheHandle,
        name: &str,
        space: &Space,
        rows: &[f64],
        losses: &[f64],
    ) -> usize {
        let mut session = cache.take(key(name), space, rows, losses).unwrap();
        let shared = session.history.len();
        session.extend(rows, losses).unwrap();
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
        let mut session = Session::new(key("tpe"), space(1.0)).unwrap();
        let refused = session.extend(&[0.5, 0.5, 0.5, 7.0, 0.1, 0.1], &[1.0, 2.0, 3.0]);
        assert!(refused.unwrap_err().message.contains("history, row 1: parameter \"y\""));
        assert_eq!((session.history.len(), session.rows.len(), session.losses.len()), (1, 2, 1));
        session.extend(&[0.5, 0.5, 0.5, 0.7], &[1.0, 2.0]).unwrap();
        assert_eq!(session.history.len(), 2);
    }
}

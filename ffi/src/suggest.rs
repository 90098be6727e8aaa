//! The stateless interface: suggestions without a study.

use std::{ffi::c_char, mem::offset_of};

use optiformer::space::{Configuration, Space};

use crate::{
    cache::{CacheHandle, Finished, Session, checked},
    model::ModelHandle,
    pointer,
    sampler::SamplerKey,
    space::{SpaceHandle, write_configuration},
    status::{CError, Failure, Status, boundary},
};

/// Options of a suggestion.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct SuggestOptions {
    /// `sizeof(optiformer_suggest_options)`.
    pub struct_size: usize,
    /// The sampler's name; null for "auto".
    pub sampler: *const c_char,
    /// The model for samplers that use one; null for the embedded one.
    pub model: *const ModelHandle,
    /// The study's seed.
    pub seed: u64,
    /// Number of the requested trial, from 0.
    pub number: u64,
    /// What is kept from one call to the next; null for nothing.
    pub cache: *const CacheHandle,
    /// Number of losses of a trial; 0 for one.
    pub objective_count: usize,
    /// Values of the constraints, `[finished, constraint_count]`.
    pub constraints: *const f64,
    /// Number of constraints.
    pub constraint_count: usize,
}

/// Size of [`SuggestOptions`] when it was published; fixed forever.
const FIRST_SIZE: usize = offset_of!(SuggestOptions, number) + size_of::<u64>();

const DEFAULTS: SuggestOptions = SuggestOptions {
    struct_size: size_of::<SuggestOptions>(),
    sampler: std::ptr::null(),
    model: std::ptr::null(),
    seed: 0,
    number: 0,
    cache: std::ptr::null(),
    objective_count: 0,
    constraints: std::ptr::null(),
    constraint_count: 0,
};

/// The values of the caller's array, one row of `width` values after the other.
///
/// # Safety
///
/// `values` is null or has `rows` times `width` values.
unsafe fn values<'a>(
    values: *const f64,
    rows: usize,
    width: usize,
    name: &str,
) -> Result<&'a [f64], Failure> {
    let count = rows.checked_mul(width).ok_or_else(|| {
        Failure::new(Status::InvalidValue, format!("{name}: {rows} rows are too many"))
    })?;
    // SAFETY: the caller vouches for the values.
    unsafe { pointer::slice(values, count, name) }
}

/// What the calls of the stateless interface share: a space, options, and the trials so far.
struct Call<'a> {
    space: &'a Space,
    options: SuggestOptions,
    finished: Finished<'a>,
    pending: &'a [f64],
}

impl<'a> Call<'a> {
    /// Checks the pointers and borrows what they point to.
    ///
    /// # Safety
    ///
    /// As the header says of the arguments of these names.
    #[allow(clippy::too_many_arguments)]
    unsafe fn new(
        space: *const SpaceHandle,
        options: *const SuggestOptions,
        history: *const f64,
        losses: *const f64,
        finished: usize,
        pending: *const f64,
        waiting: usize,
    ) -> Result<Self, Failure> {
        // SAFETY: the caller passes null or a live handle.
        let space = unsafe { pointer::shared(space, "space") }?.space()?;
        // SAFETY: the caller passes null or a struct that begins with its size; any bytes make one.
        let options = unsafe { pointer::options(options, DEFAULTS, FIRST_SIZE, "options") }?;
        // SAFETY: the caller passes null or an array of that many values, here and below.
        let rows = unsafe { values(history, finished, space.len(), "history") }?;
        let objectives = options.objective_count.max(1);
        // SAFETY: as above.
        let losses = unsafe { values(losses, finished, objectives, "losses") }?;
        let constraint_count = options.constraint_count;
        // SAFETY: as above.
        let constraints =
            unsafe { values(options.constraints, finished, constraint_count, "constraints") }?;
        // SAFETY: as above.
        let pending = unsafe { values(pending, waiting, space.len(), "pending") }?;
        let finished = Finished { rows, losses, constraints, objectives, constraint_count };
        Ok(Self { space, options, finished, pending })
    }

    /// The rows of an array as configurations.
    fn rows(&self, values: &[f64], name: &str) -> Result<Vec<Configuration>, Failure> {
        let rows = values.chunks_exact(self.space.len()).enumerate();
        rows.map(|(row, values)| checked(self.space, values, name, row)).collect()
    }

    /// Calls `ask` with a session that knows the history, and the pending trials.
    ///
    /// # Safety
    ///
    /// The options hold null or a string, and null or live handles.
    unsafe fn answer<T>(
        &self,
        ask: impl FnOnce(&mut Session, Vec<Configuration>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let Self { space, options, finished, .. } = self;
        // SAFETY: the caller vouches for the options.
        let key = unsafe { SamplerKey::new(options.sampler, options.model) }?;
        // SAFETY: as above.
        let cache = unsafe { pointer::maybe(options.cache, "cache") }?;
        let mut session = match cache {
            Some(cache) => cache.take(key, space, finished)?,
            None => Session::new(key, (*space).clone(), finished)?,
        };
        // A panic on the way drops the session, whatever state it is in.
        let answered = session.extend(finished).and_then(|()| {
            let pending = self.rows(self.pending, "pending")?;
            ask(&mut session, pending)
        });
        if let Some(cache) = cache {
            cache.put(session);
        }
        answered
    }
}

/// The next configurations to try.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
#[allow(clippy::too_many_arguments)]
pub unsafe extern "C" fn optiformer_suggest(
    space: *const SpaceHandle,
    options: *const SuggestOptions,
    history: *const f64,
    losses: *const f64,
    finished: usize,
    pending: *const f64,
    waiting: usize,
    out: *mut f64,
    count: usize,
    error: *mut CError,
) -> i32 {
    boundary(error, || {
        // SAFETY: the caller vouches for the arguments.
        let call =
            unsafe { Call::new(space, options, history, losses, finished, pending, waiting) }?;
        let size = count.checked_mul(call.space.len()).ok_or_else(|| {
            Failure::new(Status::InvalidValue, format!("{count} suggestions are too many"))
        })?;
        // SAFETY: the caller passes null or an array of that many writable values.
        let out = unsafe { pointer::slice_mut(out, size, "out") }?;
        let SuggestOptions { number, seed, .. } = call.options;
        // SAFETY: the caller vouches for the options.
        let suggested = unsafe {
            call.answer(|session, pending| session.suggest(pending, number, seed, count))
        }?;
        for (values, configuration) in out.chunks_exact_mut(call.space.len()).zip(&suggested) {
            write_configuration(configuration, values);
        }
        Ok(())
    })
}

/// The order of given configurations.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
#[allow(clippy::too_many_arguments)]
pub unsafe extern "C" fn optiformer_choose(
    space: *const SpaceHandle,
    options: *const SuggestOptions,
    history: *const f64,
    losses: *const f64,
    finished: usize,
    pending: *const f64,
    waiting: usize,
    candidates: *const f64,
    count: usize,
    order: *mut usize,
    ratings: *mut f64,
    error: *mut CError,
) -> i32 {
    boundary(error, || {
        // SAFETY: the caller vouches for the arguments.
        let call =
            unsafe { Call::new(space, options, history, losses, finished, pending, waiting) }?;
        // SAFETY: the caller passes null or an array of that many values.
        let candidates = unsafe { values(candidates, count, call.space.len(), "candidates") }?;
        // SAFETY: the caller passes null or an array of that many writable values.
        let order = unsafe { pointer::slice_mut(order, count, "order") }?;
        // SAFETY: as above.
        let ratings = unsafe { pointer::column(ratings, count, 1, "ratings") }?;
        let SuggestOptions { number, seed, .. } = call.options;
        let candidates = call.rows(candidates, "candidates")?;
        // SAFETY: the caller vouches for the options.
        let ranking = unsafe {
            call.answer(|session, pending| session.choose(&pending, number, seed, &candidates))
        }?;
        order.copy_from_slice(&ranking.order);
        let ranked_by = ranking.values.into_iter().chain(std::iter::repeat(f64::NAN));
        ratings.iter_mut().zip(ranked_by).for_each(|(rating, value)| *rating = value);
        Ok(())
    })
}

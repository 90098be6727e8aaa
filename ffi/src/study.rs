//! Handles of studies.

use std::{ffi::c_char, mem::offset_of};

use optiformer::study::{Outcome, StoredStudy, TrialState};

use crate::{
    cache::CacheHandle,
    model::ModelHandle,
    pointer,
    space::{SpaceHandle, check_count, configuration, write_configuration},
    status::{CError, CallResult, Failure, Status, boundary, free},
    study_options::{CheckedOptions, StudyOptions},
};

/// A study, and whether an earlier call left it in an unknown state.
pub struct StudyHandle {
    stored: StoredStudy,
    poisoned: bool,
}

impl StudyHandle {
    /// A study, in a file or in memory.
    pub fn new(stored: StoredStudy) -> Self {
        Self { stored, poisoned: false }
    }
}

// SAFETY: all that is not `Sync` in a study is its sampler and its file. What the C functions do
// with a `const` handle (`best`, `trials`, `should_stop`, `to_journal`) touches neither: the study
// keeps the sampler's name and options as a text of its own.
unsafe impl Sync for StudyHandle {}

// The header lets C callers move a handle to another thread, and share it while it is `const`: Rust
// must allow both.
const _: () = {
    const fn shareable<T: Send + Sync>() {}
    shareable::<ModelHandle>();
    shareable::<SpaceHandle>();
    shareable::<StudyHandle>();
    shareable::<CacheHandle>();
};

/// Runs `body` on a study, and poisons it if `body` panics.
pub(crate) fn with_study(
    study: *mut StudyHandle,
    error: *mut CError,
    body: impl FnOnce(&mut StoredStudy) -> CallResult,
) -> i32 {
    boundary(error, || {
        // SAFETY: the caller of the C function passes null or a handle that nobody else uses.
        let handle = unsafe { pointer::exclusive(study, "study") }?;
        check_whole(handle)?;
        // If the body panics, the mark stays.
        handle.poisoned = true;
        let outcome = body(&mut handle.stored);
        handle.poisoned = false;
        outcome
    })
}

/// A study that is only read.
///
/// # Safety
///
/// `study` is null or a live handle that nobody changes meanwhile.
pub unsafe fn shared_study<'a>(study: *const StudyHandle) -> Result<&'a StoredStudy, Failure> {
    // SAFETY: the caller vouches for the handle.
    let handle = unsafe { pointer::shared(study, "study") }?;
    check_whole(handle)?;
    Ok(&handle.stored)
}

fn check_whole(handle: &StudyHandle) -> CallResult {
    if handle.poisoned {
        return Err(Failure::new(Status::Poisoned, "an earlier call failed; free the study"));
    }
    Ok(())
}

/// A study over a copy of a space.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn optiformer_study_new(
    space: *const SpaceHandle,
    options: *const StudyOptions,
    out: *mut *mut StudyHandle,
    error: *mut CError,
) -> i32 {
    boundary(error, || {
        // SAFETY: the caller passes null or a live handle.
        let space = unsafe { pointer::shared(space, "space") }?.space()?.clone();
        // SAFETY: the caller passes null or a struct that begins with its size, whose pointers are
        // null or what they should be.
        let options = unsafe { CheckedOptions::read(options) }?;
        let make = || Ok(StudyHandle::new(StoredStudy::in_memory(options.study(space)?)));
        // SAFETY: the caller passes null or a writable place.
        unsafe { pointer::hand_out(out, make) }
    })
}

/// The next trial.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn optiformer_study_ask(
    study: *mut StudyHandle,
    id: *mut u64,
    values: *mut f64,
    count: usize,
    error: *mut CError,
) -> i32 {
    with_study(study, error, |study| {
        check_count(study.study().space(), count)?;
        // SAFETY: the caller passes null or a writable place.
        let id = unsafe { pointer::exclusive(id, "id") }?;
        // SAFETY: the caller passes null or an array of that many writable values.
        let values = unsafe { pointer::slice_mut(values, count, "values") }?;
        let trial = study.ask()?;
        *id = trial.id;
        write_configuration(&trial.configuration, values);
        Ok(())
    })
}

/// Tells an outcome.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn optiformer_study_tell(
    study: *mut StudyHandle,
    id: u64,
    value: f64,
    error: *mut CError,
) -> i32 {
    with_study(study, error, |study| Ok(study.tell(id, Outcome::Value(value))?))
}

/// Tells a failure.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn optiformer_study_tell_failed(
    study: *mut StudyHandle,
    id: u64,
    error: *mut CError,
) -> i32 {
    with_study(study, error, |study| Ok(study.tell(id, Outcome::Failed)?))
}

/// Adds a trial from elsewhere.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn optiformer_study_add(
    study: *mut StudyHandle,
    values: *const f64,
    count: usize,
    value: f64,
    id: *mut u64,
    error: *mut CError,
) -> i32 {
    with_study(study, error, |study| {
        check_count(study.study().space(), count)?;
        // SAFETY: the caller passes null or an array of that many values.
        let values = unsafe { pointer::slice(values, count, "values") }?;
        // SAFETY: the caller passes null or a writable place.
        let id = unsafe { pointer::optional(id, "id") }?;
        let added = study.add(configuration(values), Outcome::Value(value))?;
        if let Some(id) = id {
            *id = added;
        }
        Ok(())
    })
}

/// Enqueues a configuration.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn optiformer_study_enqueue(
    study: *mut StudyHandle,
    values: *const f64,
    count: usize,
    error: *mut CError,
) -> i32 {
    with_study(study, error, |study| {
        check_count(study.study().space(), count)?;
        // SAFETY: the caller passes null or an array of that many values.
        let values = unsafe { pointer::slice(values, count, "values") }?;
        Ok(study.enqueue(configuration(values))?)
    })
}

/// The best trial so far.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn optiformer_study_best(
    study: *const StudyHandle,
    id: *mut u64,
    values: *mut f64,
    count: usize,
    value: *mut f64,
    error: *mut CError,
) -> i32 {
    boundary(error, || {
        // SAFETY: the caller passes null or a live handle that nobody changes meanwhile.
        let study = unsafe { shared_study(study) }?.study();
        check_count(study.space(), count)?;
        let best = study.best().ok_or_else(|| {
            let reason = match study.objectives().len() {
                1 => "no trial has finished",
                _ => "of several objectives there is a Pareto front, and no best trial",
            };
            Failure::new(Status::NotFound, reason)
        })?;
        // SAFETY: the caller passes null or an array of that many writable values.
        let values = unsafe { pointer::slice_mut(values, count, "values") }?;
        // SAFETY: the caller passes null or a writable place.
        let value = unsafe { pointer::exclusive(value, "value") }?;
        // SAFETY: the caller passes null or a writable place.
        let id = unsafe { pointer::optional(id, "id") }?;
        *value = best.value().unwrap_or(f64::NAN);
        write_configuration(&best.configuration, values);
        if let Some(id) = id {
            *id = best.id;
        }
        Ok(())
    })
}

/// The caller's explanation struct.
#[repr(C)]
pub struct CExplanation {
    /// `sizeof(optiformer_explanation)`.
    pub struct_size: usize,
    /// Name of the sampler that made the suggestion.
    pub sampler: [c_char; 32],
    /// How the configuration was generated.
    pub origin: [c_char; 32],
    /// Median of the predicted values; NaN, like the next two, without a prediction.
    pub median: f64,
    /// Half of the central interval that holds about two thirds of the predicted values.
    pub deviation: f64,
    /// Expected improvement on the best value.
    pub improvement: f64,
    /// Probability that all constraints hold; NaN without a prediction.
    pub feasibility: f64,
}

/// Size of [`CExplanation`] when it was published; fixed forever.
const FIRST_EXPLANATION: usize = offset_of!(CExplanation, improvement) + size_of::<f64>();

/// A string of at most 31 bytes with its NUL; the library's names are shorter.
fn short_text(text: &str) -> [c_char; 32] {
    let mut short = [0; 32];
    for (place, byte) in short[..31].iter_mut().zip(text.bytes()) {
        *place = byte as c_char;
    }
    short
}

/// Why a pending trial was suggested.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn optiformer_study_explain(
    study: *const StudyHandle,
    id: u64,
    out: *mut CExplanation,
    error: *mut CError,
) -> i32 {
    boundary(error, || {
        // SAFETY: the caller passes null or a live handle that nobody changes meanwhile.
        let study = unsafe { shared_study(study) }?.study();
        // SAFETY: the caller passes null or a place that begins with its size.
        let size = *unsafe { pointer::shared(out.cast::<usize>(), "out") }?;
        if size < FIRST_EXPLANATION {
            let message = format!("out: struct_size {size} is below {FIRST_EXPLANATION}");
            return Err(Failure::new(Status::InvalidValue, message));
        }
        if study.trial(id).is_none() {
            let message = format!("trial {id} was never handed out, or was abandoned");
            return Err(Failure::new(Status::UnknownTrial, message));
        }
        let explanation = study.explanation(id).ok_or_else(|| {
            let message = format!("trial {id} was not suggested, or is no longer pending");
            Failure::new(Status::NotFound, message)
        })?;
        let expected = explanation.expectation.map_or([f64::NAN; 3], |expectation| {
            [expectation.median, expectation.deviation, expectation.improvement]
        });
        let [median, deviation, improvement] = expected;
        let whole = CExplanation {
            struct_size: size,
            sampler: short_text(explanation.sampler),
            origin: short_text(explanation.origin.name()),
            median,
            deviation,
            improvement,
            feasibility: explanation.feasibility.unwrap_or(f64::NAN),
        };
        let known = size.min(size_of::<CExplanation>());
        // SAFETY: `size` bytes of the caller's struct, an older one or a newer one, are writable.
        unsafe {
            std::ptr::copy_nonoverlapping((&raw const whole).cast::<u8>(), out.cast::<u8>(), known);
        }
        Ok(())
    })
}

/// The number of trials that have finished, have failed and are pending.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn optiformer_study_counts(
    study: *const StudyHandle,
    finished: *mut usize,
    failed: *mut usize,
    pending: *mut usize,
    error: *mut CError,
) -> i32 {
    boundary(error, || {
        // SAFETY: the caller passes null or a live handle that nobody changes meanwhile.
        let study = unsafe { shared_study(study) }?.study();
        let mut counts = [0; 3];
        for trial in study.trials() {
            counts[match trial.state {
                TrialState::Finished => 0,
                TrialState::Failed => 1,
                TrialState::Pending => 2,
                TrialState::Pruned => continue,
            }] += 1;
        }
        // SAFETY: the caller passes null or a writable place, three times.
        let places = unsafe {
            [
                pointer::optional(finished, "finished")?,
                pointer::optional(failed, "failed")?,
                pointer::optional(pending, "pending")?,
            ]
        };
        for (place, count) in places.into_iter().zip(counts) {
            if let Some(place) = place {
                *place = count;
            }
        }
        Ok(())
    })
}

/// Frees a study.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn optiformer_study_free(study: *mut StudyHandle) {
    // SAFETY: the caller passes null or a handle that it frees once.
    unsafe { free(study) }
}

#[cfg(test)]
mod tests {
    use optiformer::{
        Result,
        samplers::{Request, Sampler},
        space::{Configuration, Parameter, Space},
        study::{Direction, Study},
    };

    use super::*;

    struct Broken;

    impl Sampler for Broken {
        fn name(&self) -> &'static str {
            "broken"
        }

        fn suggest(&mut self, _: &Request<'_>) -> Result<Configuration> {
            panic!("planted")
        }
    }

    #[test]
    fn a_panic_poisons_the_study() {
        let space = Space::new(vec![Parameter::float("x", 0.0, 1.0)]).unwrap();
        let study = Study::new(space, Direction::Minimize, Box::new(Broken), 0);
        let handle = Box::into_raw(Box::new(StudyHandle::new(StoredStudy::in_memory(study))));
        let (mut id, mut value) = (7, 0.5);
        let none = std::ptr::null_mut();
        // SAFETY: the handle lives, and so do the places.
        unsafe {
            assert_eq!(optiformer_study_ask(handle, &mut id, &mut value, 1, none), 12);
            assert_eq!((id, value), (7, 0.5));
            assert_eq!(optiformer_study_tell(handle, 0, 1.0, none), 13);
            assert_eq!(
                optiformer_study_best(handle, none.cast(), &mut value, 1, &mut value.clone(), none),
                13
            );
            optiformer_study_free(handle);
        }
    }
}

//! Studies that outlive the process: in files and buffers, and read back.

use std::{ffi::c_char, path::Path};

use optiformer::study::{JournalSnapshot, StoredStudy, Study, TrialState};
use serde_json::json;

use crate::{
    model::ModelHandle,
    pointer,
    sampler::SamplerKey,
    space::{SpaceHandle, write_configuration},
    status::{CError, Failure, Status, boundary},
    study::{StudyHandle, shared_study, with_study},
    study_options::{CheckedOptions, StudyOptions},
};

/// A study in a file.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn optiformer_study_open(
    path: *const c_char,
    space: *const SpaceHandle,
    options: *const StudyOptions,
    out: *mut *mut StudyHandle,
    error: *mut CError,
) -> i32 {
    boundary(error, || {
        // SAFETY: the caller passes null or a string.
        let path = Path::new(unsafe { pointer::text(path, "path") }?);
        // SAFETY: the caller passes null or a live handle.
        let space = unsafe { pointer::maybe(space, "space") }?;
        // SAFETY: the caller passes null or a struct that begins with its size, whose pointers are
        // null or what they should be.
        let mut options = unsafe { CheckedOptions::read(options) }?;
        let make = || {
            let space = match space {
                Some(space) => {
                    // As in the tool, the rule of a study that goes on need not be said again.
                    if options.pruner.is_none() {
                        let begun = JournalSnapshot::read_begun(path)?;
                        options.pruner = begun.and_then(|begun| begun.pruner().cloned());
                    }
                    space.space()?.clone()
                }
                None => {
                    // What the file says, but for the model, which it does not hold.
                    let snapshot = JournalSnapshot::read(path)?;
                    options.key.name = snapshot.sampler().to_string();
                    options.seed = snapshot.seed();
                    options.objectives = snapshot.study().objectives().to_vec();
                    options.constraints = snapshot.study().constraints().to_vec();
                    options.pruner = snapshot.pruner().cloned();
                    snapshot.space().clone()
                }
            };
            Ok(StudyHandle::new(StoredStudy::open_as(path, options.study(space)?)?))
        };
        // SAFETY: the caller passes null or a writable place.
        unsafe { pointer::hand_out(out, make) }
    })
}

/// Writes a study to a buffer.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn optiformer_study_save(
    study: *const StudyHandle,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
    error: *mut CError,
) -> i32 {
    boundary(error, || {
        // SAFETY: the caller passes null or a live handle that nobody changes meanwhile.
        let text = unsafe { shared_study(study) }?.study().to_journal();
        // SAFETY: the caller passes null or an array of that many bytes.
        unsafe { pointer::write_text(&text, buffer, capacity, needed) }
    })
}

/// Writes what a study came to to a buffer.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn optiformer_study_results(
    study: *const StudyHandle,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
    error: *mut CError,
) -> i32 {
    boundary(error, || {
        // SAFETY: the caller passes null or a live handle that nobody changes meanwhile.
        let text = unsafe { shared_study(study) }?.study().results_to_json().to_string();
        // SAFETY: the caller passes null or an array of that many bytes.
        unsafe { pointer::write_text(&text, buffer, capacity, needed) }
    })
}

/// A study from what [`optiformer_study_save`] wrote.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn optiformer_study_restore(
    text: *const c_char,
    model: *const ModelHandle,
    out: *mut *mut StudyHandle,
    error: *mut CError,
) -> i32 {
    boundary(error, || {
        // SAFETY: the caller passes null or a string.
        let text = unsafe { pointer::text(text, "text") }?;
        // SAFETY: no name, and null or a live handle.
        let mut key = unsafe { SamplerKey::new(std::ptr::null(), model) }?;
        let make = || {
            let study = Study::from_journal(text.as_bytes(), |name| {
                key.name = name.to_string();
                key.sampler()
            })?;
            Ok(StudyHandle::new(StoredStudy::in_memory(study)))
        };
        // SAFETY: the caller passes null or a writable place.
        unsafe { pointer::hand_out(out, make) }
    })
}

/// Abandons a trial.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn optiformer_study_abandon(
    study: *mut StudyHandle,
    id: u64,
    error: *mut CError,
) -> i32 {
    with_study(study, error, |study| Ok(study.abandon(id)?))
}

/// Hands out the pending trials again.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn optiformer_study_offer_pending(
    study: *mut StudyHandle,
    error: *mut CError,
) -> i32 {
    with_study(study, error, |study| {
        study.offer_pending_again();
        Ok(())
    })
}

/// The number of a state.
pub fn code(state: TrialState) -> i32 {
    match state {
        TrialState::Pending => 0,
        TrialState::Finished => 1,
        TrialState::Failed => 2,
        TrialState::Pruned => 3,
    }
}

/// All trials, column by column.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
#[allow(clippy::too_many_arguments)]
pub unsafe extern "C" fn optiformer_study_trials(
    study: *const StudyHandle,
    ids: *mut u64,
    states: *mut i32,
    values: *mut f64,
    objectives: *mut f64,
    capacity: usize,
    count: *mut usize,
    error: *mut CError,
) -> i32 {
    boundary(error, || {
        // SAFETY: the caller passes null or a live handle that nobody changes meanwhile.
        let study = unsafe { shared_study(study) }?.study();
        let trials = study.trials();
        // SAFETY: the caller passes null or a writable place.
        *unsafe { pointer::exclusive(count, "count") }? = trials.len();
        if [ids.is_null(), states.is_null(), values.is_null(), objectives.is_null()] == [true; 4] {
            return Ok(());
        }
        if capacity < trials.len() {
            let message = format!("there are {} trials and room for {capacity}", trials.len());
            return Err(Failure::new(Status::BufferTooSmall, message));
        }
        // SAFETY: the caller passes null or an array of that many writable values, four times.
        let (ids, states, values, objectives) = unsafe {
            (
                pointer::column(ids, trials.len(), 1, "ids")?,
                pointer::column(states, trials.len(), 1, "states")?,
                pointer::column(values, trials.len(), study.space().len(), "values")?,
                pointer::column(objectives, trials.len(), 1, "objectives")?,
            )
        };
        for (id, trial) in ids.iter_mut().zip(trials) {
            *id = trial.id;
        }
        for (state, trial) in states.iter_mut().zip(trials) {
            *state = code(trial.state);
        }
        for (row, trial) in values.chunks_exact_mut(study.space().len()).zip(trials) {
            write_configuration(&trial.configuration, row);
        }
        for (objective, trial) in objectives.iter_mut().zip(trials) {
            *objective = trial.value().unwrap_or(f64::NAN);
        }
        Ok(())
    })
}

/// A copy of a study's space.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn optiformer_study_space(
    study: *const StudyHandle,
    out: *mut *mut SpaceHandle,
    error: *mut CError,
) -> i32 {
    boundary(error, || {
        // SAFETY: the caller passes null or a live handle that nobody changes meanwhile.
        let study = unsafe { shared_study(study) }?.study();
        // SAFETY: the caller passes null or a writable place.
        unsafe { pointer::hand_out(out, || Ok(study.space().clone().into())) }
    })
}

/// Describes a study as JSON.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn optiformer_study_description(
    study: *const StudyHandle,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
    error: *mut CError,
) -> i32 {
    boundary(error, || {
        // SAFETY: the caller passes null or a live handle that nobody changes meanwhile.
        let stored = unsafe { shared_study(study) }?;
        let study = stored.study();
        let description = json!({
            "direction": study.direction().as_str(),
            "objectives": study
                .objectives()
                .iter()
                .map(|it| json!({"name": it.name, "direction": it.direction.as_str()}))
                .collect::<Vec<_>>(),
            "constraints": study.constraints(),
            "sampler": study.sampler_spec(),
            "pruner": study.pruner().map(ToString::to_string),
            "seed": study.seed(),
            "note": stored.note(),
        });
        // SAFETY: the caller passes null or an array of that many bytes.
        unsafe { pointer::write_text(&description.to_string(), buffer, capacity, needed) }
    })
}

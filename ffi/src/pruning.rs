//! Trials that are ended early, and trials that go on where others ended.

use crate::{
    measurements::trial,
    pointer,
    status::{CError, Failure, Status, boundary},
    stored::code,
    study::{StudyHandle, shared_study},
};

/// Whether the pruner would end a trial now.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn optiformer_study_should_stop(
    study: *const StudyHandle,
    id: u64,
    out: *mut i32,
    error: *mut CError,
) -> i32 {
    boundary(error, || {
        // SAFETY: the caller passes null or a live handle that nobody changes meanwhile.
        let study = unsafe { shared_study(study) }?.study();
        // SAFETY: the caller passes null or a writable place.
        let out = unsafe { pointer::exclusive(out, "out") }?;
        *out = study.should_stop(id)?.into();
        Ok(())
    })
}

/// The trial that a trial continues.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn optiformer_study_promoted_from(
    study: *const StudyHandle,
    id: u64,
    out: *mut u64,
    error: *mut CError,
) -> i32 {
    boundary(error, || {
        // SAFETY: the caller passes null or a live handle that nobody changes meanwhile.
        let study = unsafe { shared_study(study) }?.study();
        // SAFETY: the caller passes null or a writable place.
        let out = unsafe { pointer::exclusive(out, "out") }?;
        let id = trial(study, id)?.id;
        *out = study.promoted_from(id).ok_or_else(|| {
            Failure::new(Status::NotFound, format!("trial {id} continues no other trial"))
        })?;
        Ok(())
    })
}

/// The number of trials in a state.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn optiformer_study_state_count(
    study: *const StudyHandle,
    state: i32,
    out: *mut usize,
    error: *mut CError,
) -> i32 {
    boundary(error, || {
        // SAFETY: the caller passes null or a live handle that nobody changes meanwhile.
        let study = unsafe { shared_study(study) }?.study();
        // SAFETY: the caller passes null or a writable place.
        let out = unsafe { pointer::exclusive(out, "out") }?;
        if !(0..=3).contains(&state) {
            let message = format!("state {state} is none of OPTIFORMER_PENDING (0) to _PRUNED (3)");
            return Err(Failure::new(Status::InvalidValue, message));
        }
        *out = study.trials().iter().filter(|trial| code(trial.state) == state).count();
        Ok(())
    })
}

//! What trials of a study measure: objectives, constraints and intermediate values.

use optiformer::study::{Measurement, Outcome, Study, Trial};

use crate::{
    pointer,
    space::{check_count, configuration},
    status::{CError, Failure, Status, boundary},
    study::{StudyHandle, shared_study, with_study},
};

/// A measurement from the caller's arrays.
///
/// # Safety
///
/// Each pointer is null or has as many values as its count says.
unsafe fn measurement(
    objectives: *const f64,
    objective_count: usize,
    constraints: *const f64,
    constraint_count: usize,
) -> Result<Measurement, Failure> {
    // SAFETY: the caller vouches for the arrays, here and below.
    let objectives = unsafe { pointer::slice(objectives, objective_count, "objectives") }?;
    // SAFETY: as above.
    let constraints = unsafe { pointer::slice(constraints, constraint_count, "constraints") }?;
    Ok(Measurement::new(objectives).with_constraints(constraints))
}

/// Tells objectives and constraints.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn optiformer_study_tell_measured(
    study: *mut StudyHandle,
    id: u64,
    objectives: *const f64,
    objective_count: usize,
    constraints: *const f64,
    constraint_count: usize,
    error: *mut CError,
) -> i32 {
    with_study(study, error, |study| {
        // SAFETY: the caller passes null or arrays of that many values.
        let measured =
            unsafe { measurement(objectives, objective_count, constraints, constraint_count) }?;
        Ok(study.tell(id, measured)?)
    })
}

/// Tells that a trial was ended early.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn optiformer_study_tell_pruned(
    study: *mut StudyHandle,
    id: u64,
    error: *mut CError,
) -> i32 {
    with_study(study, error, |study| Ok(study.tell(id, Outcome::Pruned)?))
}

/// Reports an intermediate value.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn optiformer_study_report(
    study: *mut StudyHandle,
    id: u64,
    step: u64,
    value: f64,
    error: *mut CError,
) -> i32 {
    with_study(study, error, |study| Ok(study.report(id, step, value)?))
}

/// Adds a trial from elsewhere with its objectives and constraints.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
#[allow(clippy::too_many_arguments)]
pub unsafe extern "C" fn optiformer_study_add_measured(
    study: *mut StudyHandle,
    values: *const f64,
    count: usize,
    objectives: *const f64,
    objective_count: usize,
    constraints: *const f64,
    constraint_count: usize,
    id: *mut u64,
    error: *mut CError,
) -> i32 {
    with_study(study, error, |study| {
        check_count(study.study().space(), count)?;
        // SAFETY: the caller passes null or arrays of that many values.
        let (values, measured) = unsafe {
            (
                pointer::slice(values, count, "values")?,
                measurement(objectives, objective_count, constraints, constraint_count)?,
            )
        };
        // SAFETY: the caller passes null or a writable place.
        let id = unsafe { pointer::optional(id, "id") }?;
        let added = study.add(configuration(values), measured)?;
        if let Some(id) = id {
            *id = added;
        }
        Ok(())
    })
}

/// How many numbers belong to a trial.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn optiformer_study_shape(
    study: *const StudyHandle,
    parameters: *mut usize,
    objectives: *mut usize,
    constraints: *mut usize,
    error: *mut CError,
) -> i32 {
    boundary(error, || {
        // SAFETY: the caller passes null or a live handle that nobody changes meanwhile.
        let study = unsafe { shared_study(study) }?.study();
        let counts = [study.space().len(), study.objectives().len(), study.constraints().len()];
        // SAFETY: the caller passes null or a writable place, three times.
        let places = unsafe {
            [
                pointer::optional(parameters, "parameters")?,
                pointer::optional(objectives, "objectives")?,
                pointer::optional(constraints, "constraints")?,
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

/// Writes numbers to a row, and NaN where there are fewer.
fn write_row(numbers: &[f64], row: &mut [f64]) {
    let padded = numbers.iter().copied().chain(std::iter::repeat(f64::NAN));
    row.iter_mut().zip(padded).for_each(|(place, number)| *place = number);
}

/// Objectives and constraints of all trials.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn optiformer_study_measurements(
    study: *const StudyHandle,
    objectives: *mut f64,
    constraints: *mut f64,
    capacity: usize,
    count: *mut usize,
    error: *mut CError,
) -> i32 {
    boundary(error, || {
        // SAFETY: the caller passes null or a live handle that nobody changes meanwhile.
        let study = unsafe { shared_study(study) }?.study();
        let trials = study.trials();
        // SAFETY: the caller passes null or a writable place.
        let count = unsafe { pointer::exclusive(count, "count") }?;
        *count = trials.len();
        if objectives.is_null() && constraints.is_null() {
            return Ok(());
        }
        check_room(trials.len(), capacity, "trials")?;
        let widths = (study.objectives().len(), study.constraints().len());
        // SAFETY: the caller passes null or an array of that many writable values, twice.
        let (objectives, constraints) = unsafe {
            (
                pointer::column(objectives, trials.len(), widths.0, "objectives")?,
                pointer::column(constraints, trials.len(), widths.1, "constraints")?,
            )
        };
        for (row, trial) in objectives.chunks_exact_mut(widths.0).zip(trials) {
            write_row(&trial.objectives, row);
        }
        // A study without constraints has no values to be cut into rows.
        for (row, trial) in constraints.chunks_exact_mut(widths.1.max(1)).zip(trials) {
            write_row(&trial.constraints, row);
        }
        Ok(())
    })
}

/// The trial with this id.
pub fn trial(study: &Study, id: u64) -> Result<&Trial, Failure> {
    study.trial(id).ok_or_else(|| {
        let message = format!("trial {id} was never handed out, or was abandoned");
        Failure::new(Status::UnknownTrial, message)
    })
}

/// Refuses an output that is too short for `wanted` things.
fn check_room(wanted: usize, capacity: usize, things: &str) -> Result<(), Failure> {
    if wanted <= capacity {
        return Ok(());
    }
    let message = format!("there are {wanted} {things} and room for {capacity}");
    Err(Failure::new(Status::BufferTooSmall, message))
}

/// By how much a trial violates the constraints.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn optiformer_study_violation(
    study: *const StudyHandle,
    id: u64,
    violation: *mut f64,
    error: *mut CError,
) -> i32 {
    boundary(error, || {
        // SAFETY: the caller passes null or a live handle that nobody changes meanwhile.
        let study = unsafe { shared_study(study) }?.study();
        // SAFETY: the caller passes null or a writable place.
        let violation = unsafe { pointer::exclusive(violation, "violation") }?;
        let trial = trial(study, id)?;
        let is_measured = trial.constraints.len() == study.constraints().len();
        *violation = if is_measured { trial.violation() } else { f64::NAN };
        Ok(())
    })
}

/// The intermediate values of a trial.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn optiformer_study_reports(
    study: *const StudyHandle,
    id: u64,
    steps: *mut u64,
    values: *mut f64,
    capacity: usize,
    count: *mut usize,
    error: *mut CError,
) -> i32 {
    boundary(error, || {
        // SAFETY: the caller passes null or a live handle that nobody changes meanwhile.
        let study = unsafe { shared_study(study) }?.study();
        // SAFETY: the caller passes null or a writable place.
        let count = unsafe { pointer::exclusive(count, "count") }?;
        let reports = &trial(study, id)?.reports;
        *count = reports.len();
        if steps.is_null() && values.is_null() {
            return Ok(());
        }
        check_room(reports.len(), capacity, "reports")?;
        // SAFETY: the caller passes null or an array of that many writable values, twice.
        let (steps, values) = unsafe {
            (
                pointer::column(steps, reports.len(), 1, "steps")?,
                pointer::column(values, reports.len(), 1, "values")?,
            )
        };
        steps.iter_mut().zip(reports).for_each(|(place, (step, _))| *place = *step);
        values.iter_mut().zip(reports).for_each(|(place, (_, value))| *place = *value);
        Ok(())
    })
}

/// The trials of the Pareto front.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn optiformer_study_front(
    study: *const StudyHandle,
    ids: *mut u64,
    capacity: usize,
    count: *mut usize,
    error: *mut CError,
) -> i32 {
    boundary(error, || {
        // SAFETY: the caller passes null or a live handle that nobody changes meanwhile.
        let front = unsafe { shared_study(study) }?.study().pareto_front();
        // SAFETY: the caller passes null or a writable place.
        let count = unsafe { pointer::exclusive(count, "count") }?;
        *count = front.len();
        if ids.is_null() {
            return Ok(());
        }
        check_room(front.len(), capacity, "trials")?;
        // SAFETY: the caller passes null or an array of that many writable values.
        let ids = unsafe { pointer::column(ids, front.len(), 1, "ids") }?;
        ids.iter_mut().zip(front).for_each(|(place, trial)| *place = trial.id);
        Ok(())
    })
}

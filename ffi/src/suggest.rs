//! The stateless interface: suggestions without a study.

use std::{ffi::c_char, mem::offset_of};

use optiformer::{
    samplers::Request,
    space::{Configuration, Space},
    trial::Observation,
};

use crate::{
    model::ModelHandle,
    pointer,
    sampler::sampler,
    space::{SpaceHandle, configuration, write_configuration},
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
}

/// Size of [`SuggestOptions`] when it was published; fixed forever.
const FIRST_SIZE: usize = offset_of!(SuggestOptions, number) + size_of::<u64>();

const DEFAULTS: SuggestOptions = SuggestOptions {
    struct_size: size_of::<SuggestOptions>(),
    sampler: std::ptr::null(),
    model: std::ptr::null(),
    seed: 0,
    number: 0,
};

/// Converts the rows of the caller's array to configurations.
///
/// # Safety
///
/// `values` is null or has `rows` times as many values as the space has parameters.
unsafe fn rows(
    space: &Space,
    values: *const f64,
    rows: usize,
    name: &str,
) -> Result<Vec<Configuration>, Failure> {
    let count = rows.checked_mul(space.len()).ok_or_else(|| {
        Failure::new(Status::InvalidValue, format!("{name}: {rows} rows are too many"))
    })?;
    // SAFETY: the caller vouches for the values.
    let values = unsafe { pointer::slice(values, count, name) }?;
    values
        .chunks_exact(space.len())
        .enumerate()
        .map(|(row, values)| {
            let configuration = configuration(values);
            space.validate(&configuration).map_err(|error| {
                Failure::new(
                    Status::InvalidValue,
                    format!("{name}, row {row}: {}", error.context()),
                )
            })?;
            Ok(configuration)
        })
        .collect()
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
        // SAFETY: the caller passes null or a live handle.
        let space = unsafe { pointer::shared(space, "space") }?.space()?;
        // SAFETY: the caller passes null or a struct that begins with its size; any bytes make one.
        let options = unsafe { pointer::options(options, DEFAULTS, FIRST_SIZE, "options") }?;
        // SAFETY: the caller passes null or an array of that many values, here and below.
        let configurations = unsafe { rows(space, history, finished, "history") }?;
        // SAFETY: as above.
        let losses = unsafe { pointer::slice(losses, finished, "losses") }?;
        // SAFETY: as above.
        let mut pending = unsafe { rows(space, pending, waiting, "pending") }?;
        let size = count.checked_mul(space.len()).ok_or_else(|| {
            Failure::new(Status::InvalidValue, format!("{count} suggestions are too many"))
        })?;
        // SAFETY: the caller passes null or an array of that many writable values.
        let out = unsafe { pointer::slice_mut(out, size, "out") }?;
        let history: Vec<Observation> = configurations
            .into_iter()
            .zip(losses)
            .map(|(configuration, loss)| Observation {
                configuration,
                loss: loss.is_finite().then_some(*loss),
            })
            .collect();
        // SAFETY: the options hold null or a string, and null or a live handle.
        let mut sampler = unsafe { sampler(options.sampler, options.model) }?;
        let mut suggested = Vec::with_capacity(count);
        for index in 0..count as u64 {
            let request = Request {
                space,
                history: &history,
                pending: &pending,
                number: options.number.wrapping_add(index),
                seed: options.seed,
            };
            let configuration = sampler.suggest(&request)?;
            pending.push(configuration.clone());
            suggested.push(configuration);
        }
        for (values, configuration) in out.chunks_exact_mut(space.len()).zip(&suggested) {
            write_configuration(configuration, values);
        }
        Ok(())
    })
}

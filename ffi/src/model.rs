//! Handles of models.

use std::{ffi::c_char, sync::Arc};

use optiformer::model::Model;

use crate::{
    pointer,
    status::{CError, Outcome, boundary},
};

/// A model; immutable, so that any number of threads may use it.
pub struct ModelHandle {
    /// What it is.
    pub model: Arc<Model>,
}

fn hand_out(model: Model, out: *mut *mut ModelHandle) -> Outcome {
    // SAFETY: the caller of the C function passes null or a writable place.
    let out = unsafe { pointer::exclusive(out, "out") }?;
    *out = Box::into_raw(Box::new(ModelHandle { model: Arc::new(model) }));
    Ok(())
}

/// Reads a weights file.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn optiformer_model_open(
    path: *const c_char,
    out: *mut *mut ModelHandle,
    error: *mut CError,
) -> i32 {
    boundary(error, || {
        // SAFETY: the caller passes null or a string.
        let path = unsafe { pointer::text(path, "path") }?;
        hand_out(Model::open(path)?, out)
    })
}

/// Reads a weights file that is in memory; nothing of it is kept.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn optiformer_model_from_bytes(
    bytes: *const u8,
    length: usize,
    out: *mut *mut ModelHandle,
    error: *mut CError,
) -> i32 {
    boundary(error, || {
        // SAFETY: the caller passes null or so many bytes.
        let bytes = unsafe { pointer::slice(bytes, length, "bytes") }?;
        hand_out(Model::from_bytes(bytes)?, out)
    })
}

/// The model that is part of the library.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn optiformer_model_builtin(
    out: *mut *mut ModelHandle,
    error: *mut CError,
) -> i32 {
    boundary(error, || hand_out(Model::pico()?, out))
}

/// Describes a model as JSON.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn optiformer_model_description(
    model: *const ModelHandle,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
    error: *mut CError,
) -> i32 {
    boundary(error, || {
        // SAFETY: the caller passes null or a live handle.
        let model = &unsafe { pointer::shared(model, "model") }?.model;
        let text = format!(
            "{{\"config\":{},\"parameters\":{},\"trained_context\":{},\"score_rule\":\"{}\",\"kernels\":\"{}\"}}",
            model.config().to_json(),
            model.config().parameters(),
            model.metadata().trained_context,
            model.metadata().score_rule,
            model.kernels().name(),
        );
        // SAFETY: the caller passes null or so many bytes.
        unsafe { pointer::write_text(&text, buffer, capacity, needed) }
    })
}

/// Frees a model; studies made with it keep what they need.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn optiformer_model_free(model: *mut ModelHandle) {
    if !model.is_null() {
        // SAFETY: the handle came from `Box::into_raw` and is freed once.
        drop(unsafe { Box::from_raw(model) });
    }
}

//! Handles of models.

use std::{ffi::c_char, sync::Arc};

use optiformer::model::Model;

use crate::{
    pointer,
    status::{CError, boundary, free},
};

/// An immutable model, which any number of threads may share.
pub struct ModelHandle {
    /// The model.
    pub model: Arc<Model>,
}

impl From<Model> for ModelHandle {
    fn from(model: Model) -> Self {
        Self { model: Arc::new(model) }
    }
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
        // SAFETY: the caller passes null or a writable place.
        unsafe { pointer::hand_out(out, || Ok(Model::open(path)?.into())) }
    })
}

/// Reads a weights file from memory, without keeping the bytes.
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
        // SAFETY: the caller passes null or an array of that many bytes.
        let bytes = unsafe { pointer::slice(bytes, length, "bytes") }?;
        // SAFETY: the caller passes null or a writable place.
        unsafe { pointer::hand_out(out, || Ok(Model::from_bytes(bytes)?.into())) }
    })
}

/// The embedded model.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn optiformer_model_builtin(
    out: *mut *mut ModelHandle,
    error: *mut CError,
) -> i32 {
    boundary(error, || {
        // SAFETY: the caller passes null or a writable place.
        unsafe { pointer::hand_out(out, || Ok(Model::pico()?.into())) }
    })
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
        // SAFETY: the caller passes null or an array of that many bytes.
        unsafe { pointer::write_text(&text, buffer, capacity, needed) }
    })
}

/// Frees a model; studies that use it stay valid.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn optiformer_model_free(model: *mut ModelHandle) {
    // SAFETY: the caller passes null or a handle that it frees once.
    unsafe { free(model) }
}

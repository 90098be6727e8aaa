//! Samplers by name.

use std::{ffi::c_char, sync::Arc};

use optiformer::{
    model::Model,
    samplers::{self, OptiFormerOptions, OptiFormerSampler, Sampler},
};

use crate::{
    model::ModelHandle,
    pointer,
    status::{Failure, Status},
};

/// The learned sampler's name.
const LEARNED: &str = "optiformer";

/// The sampler called `name` (null for the learned one) with a model (null for the built-in one).
///
/// # Safety
///
/// `name` is null or a string, `model` null or a live handle.
pub unsafe fn sampler(
    name: *const c_char,
    model: *const ModelHandle,
) -> Result<Box<dyn Sampler + Send>, Failure> {
    let name = if name.is_null() {
        LEARNED
    } else {
        // SAFETY: the caller passes a string.
        unsafe { pointer::text(name, "sampler") }?
    };
    // SAFETY: the caller passes null or a live handle.
    let model = unsafe { model.as_ref() };
    if name != LEARNED {
        if model.is_some() {
            let message = format!("sampler \"{name}\" has no use for a model");
            return Err(Failure::new(Status::InvalidValue, message));
        }
        return Ok(samplers::by_name(name)?);
    }
    let model = match model {
        Some(handle) => Arc::clone(&handle.model),
        None => Arc::new(Model::pico()?),
    };
    Ok(Box::new(OptiFormerSampler::new(model, OptiFormerOptions::default())?))
}

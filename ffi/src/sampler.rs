//! Samplers by name.

use std::{ffi::c_char, sync::Arc};

use optiformer::{
    model::Model,
    samplers::{self, AutoOptions, AutoSampler, Sampler},
};

use crate::{
    model::ModelHandle,
    pointer,
    status::{Failure, Status},
};

/// The default sampler.
const DEFAULT: &str = "auto";
/// The transformer's name.
const LEARNED: &str = "optiformer";

/// The sampler called `name` (null for the default) with a model (null for the built-in one).
///
/// # Safety
///
/// `name` is null or a string, `model` null or a live handle.
pub unsafe fn sampler(
    name: *const c_char,
    model: *const ModelHandle,
) -> Result<Box<dyn Sampler + Send>, Failure> {
    let name = if name.is_null() {
        DEFAULT
    } else {
        // SAFETY: the caller passes a string.
        unsafe { pointer::text(name, "sampler") }?
    };
    // SAFETY: the caller passes null or a live handle.
    let model = unsafe { model.as_ref() }.map(|handle| Arc::clone(&handle.model));
    match (name, model) {
        (LEARNED, model) => {
            let model = model.map_or_else(Model::shared_pico, Ok)?;
            Ok(samplers::transformer(model, 1)?)
        }
        (DEFAULT, Some(model)) => {
            Ok(Box::new(AutoSampler::new(Some(model), AutoOptions::default())?))
        }
        (_, Some(_)) => {
            let message = format!("sampler \"{name}\" has no use for a model");
            Err(Failure::new(Status::InvalidValue, message))
        }
        (_, None) => Ok(samplers::by_name(name)?),
    }
}

//! Samplers by name.

use std::{ffi::c_char, sync::Arc};

use optiformer::{
    Result,
    model::Model,
    samplers::{self, Sampler},
};

use crate::{model::ModelHandle, pointer, status::Failure};

/// What a sampler is made of: its name, and its model unless that is the built-in one.
pub struct SamplerKey {
    /// The name.
    pub name: String,
    model: Option<Arc<Model>>,
}

impl PartialEq for SamplerKey {
    /// Whether two keys make the same sampler; models are the same when they share their weights.
    fn eq(&self, other: &Self) -> bool {
        let is_same_model = match (&self.model, &other.model) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (None, None) => true,
            _ => false,
        };
        self.name == other.name && is_same_model
    }
}

impl SamplerKey {
    /// The sampler called `name` (null for the default) with a model (null for the built-in one).
    ///
    /// # Errors
    ///
    /// [`InvalidText`](crate::status::Status::InvalidText) for a name that is not UTF-8.
    ///
    /// # Safety
    ///
    /// `name` is null or a string, `model` null or a live handle.
    pub unsafe fn new(
        name: *const c_char,
        model: *const ModelHandle,
    ) -> std::result::Result<Self, Failure> {
        let name = if name.is_null() {
            samplers::DEFAULT
        } else {
            // SAFETY: the caller passes a string.
            unsafe { pointer::text(name, "sampler") }?
        };
        // SAFETY: the caller passes null or a live handle.
        let model = unsafe { pointer::maybe(model, "model") }?;
        let model = model.map(|handle| Arc::clone(&handle.model));
        Ok(Self { name: name.to_string(), model })
    }

    /// Makes the sampler.
    ///
    /// # Errors
    ///
    /// Those of [`samplers::by_name_with`].
    pub fn sampler(&self) -> Result<Box<dyn Sampler + Send>> {
        samplers::by_name_with(&self.name, self.model.clone(), 1)
    }
}

use alloc::{boxed::Box, format};

use super::{RandomSampler, Sampler};
use crate::{Error, ErrorKind, Result};

/// The names that [`by_name`] knows in this build.
pub const NAMES: &[&str] = &[
    #[cfg(feature = "classical")]
    "auto",
    "random",
    #[cfg(feature = "classical")]
    "sobol",
    #[cfg(feature = "classical")]
    "tpe",
    #[cfg(feature = "classical")]
    "gp",
    #[cfg(feature = "classical")]
    "cma_es",
    #[cfg(feature = "classical")]
    "local_search",
];

/// The sampler called `name`, with its default options.
///
/// # Errors
///
/// [`ErrorKind::InvalidValue`], listing [`NAMES`].
pub fn by_name(name: &str) -> Result<Box<dyn Sampler + Send>> {
    match name {
        #[cfg(feature = "classical")]
        "auto" => Ok(Box::new(super::AutoSampler::default())),
        "random" => Ok(Box::new(RandomSampler)),
        #[cfg(feature = "classical")]
        "sobol" => Ok(Box::new(super::SobolSampler)),
        #[cfg(feature = "classical")]
        "tpe" => Ok(Box::new(super::TpeSampler::default())),
        #[cfg(feature = "classical")]
        "gp" => Ok(Box::new(super::GpSampler::default())),
        #[cfg(feature = "classical")]
        "cma_es" => Ok(Box::new(super::CmaEsSampler::default())),
        #[cfg(feature = "classical")]
        "local_search" => Ok(Box::new(super::LocalSearchSampler::default())),
        _ => Err(Error::new(
            ErrorKind::InvalidValue,
            format!("there is no sampler \"{name}\" in this build; there are {}", NAMES.join(", ")),
        )),
    }
}

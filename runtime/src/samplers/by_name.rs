use alloc::{boxed::Box, format, sync::Arc};

use super::{
    OptiFormerOptions, OptiFormerSampler, RandomSampler, Sampler, TokenSampler, TokenSamplerOptions,
};
use crate::{
    Error, ErrorKind, Result,
    model::{Model, Sequence},
};

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

/// The sampler that [`transformer`] makes.
const LEARNED: &str = "optiformer";

/// The sampler called `name`, with its default options.
///
/// # Errors
///
/// [`ErrorKind::InvalidValue`]: for `optiformer`, which [`transformer`] makes of a model, and for
/// an unknown name, listing all that there are.
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
        LEARNED => Err(Error::new(
            ErrorKind::InvalidValue,
            format!("sampler \"{LEARNED}\" is made of a model: see samplers::transformer"),
        )),
        _ => Err(Error::new(
            ErrorKind::InvalidValue,
            format!(
                "there is no sampler \"{name}\" in this build; there are {} and {LEARNED}",
                NAMES.join(", ")
            ),
        )),
    }
}

/// The sampler `optiformer` with a model's weights, on so many threads: [`OptiFormerSampler`], or
/// [`TokenSampler`] for a model that reads a token a value.
///
/// # Errors
///
/// Those of the sampler's `new`.
pub fn transformer(model: Arc<Model>, threads: usize) -> Result<Box<dyn Sampler + Send>> {
    match model.config().sequence() {
        Sequence::Trials => {
            let options = OptiFormerOptions { threads, ..OptiFormerOptions::default() };
            Ok(Box::new(OptiFormerSampler::new(model, options)?))
        }
        Sequence::Tokens => {
            let options = TokenSamplerOptions { threads, ..TokenSamplerOptions::default() };
            Ok(Box::new(TokenSampler::new(model, options)?))
        }
    }
}

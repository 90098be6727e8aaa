use alloc::{boxed::Box, format, sync::Arc};

use super::{
    OptiFormerOptions, OptiFormerSampler, RandomSampler, Sampler, TokenSampler, TokenSamplerOptions,
};
use crate::{
    Error, ErrorKind, Result,
    model::{Model, Sequence},
};

/// Names of the samplers of this build that need no model.
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
    #[cfg(feature = "classical")]
    "grid",
];

/// Name of the sampler that is a trained transformer. It is available in every build, but needs a
/// model in builds without the feature `pico`.
pub const TRANSFORMER: &str = "optiformer";

/// Name of the sampler for spaces with a [fidelity](crate::space::Parameter::fidelity), in builds
/// with the feature `classical`.
pub const MULTI_FIDELITY: &str = "hyperband";

/// Name of the default sampler of this build.
pub const DEFAULT: &str = if cfg!(feature = "classical") { "auto" } else { TRANSFORMER };

/// The sampler called `name`, with its default options and the embedded model.
///
/// # Errors
///
/// Those of [`by_name_with`].
pub fn by_name(name: &str) -> Result<Box<dyn Sampler + Send>> {
    by_name_with(name, None, 1)
}

/// The sampler called `name`, with its default options. Those of the grid may follow:
/// `grid:points=5,order=given`, as [`GridOptions`](super::GridOptions) describes them. `model`
/// replaces the embedded model of [`TRANSFORMER`], and makes `auto`, also in [`MULTI_FIDELITY`],
/// use a transformer; `threads` is the number of threads of [`TRANSFORMER`].
///
/// # Errors
///
/// [`ErrorKind::InvalidValue`] for an unknown name, listing [`NAMES`], and for a model that the
/// sampler has no use for; [`ErrorKind::Unsupported`] for [`TRANSFORMER`] without a model in a
/// build without the feature `pico`, and for a model that the sampler cannot use.
pub fn by_name_with(
    name: &str,
    model: Option<Arc<Model>>,
    threads: usize,
) -> Result<Box<dyn Sampler + Send>> {
    if name == TRANSFORMER {
        return transformer(model.map_or_else(embedded, Ok)?, threads);
    }
    if model.is_some() {
        check_model(name)?;
    }
    #[cfg(feature = "classical")]
    if let Some(options) = name.strip_prefix("grid:") {
        return Ok(Box::new(super::GridSampler::new(options.parse()?)?));
    }
    match name {
        #[cfg(feature = "classical")]
        "auto" if model.is_some() => {
            Ok(Box::new(super::AutoSampler::new(model, super::AutoOptions::default())?))
        }
        #[cfg(feature = "classical")]
        "auto" => Ok(Box::new(super::AutoSampler::default())),
        #[cfg(feature = "classical")]
        MULTI_FIDELITY => Ok(Box::new(super::HyperbandSampler::new(
            by_name_with("auto", model, threads)?,
            super::HyperbandOptions::default(),
        )?)),
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
        #[cfg(feature = "classical")]
        "grid" => Ok(Box::new(super::GridSampler::default())),
        _ => Err(Error::new(
            ErrorKind::InvalidValue,
            format!(
                "there is no sampler \"{name}\" in this build; there are {}{} and {TRANSFORMER}",
                NAMES.join(", "),
                if cfg!(feature = "classical") { ", hyperband" } else { "" }
            ),
        )),
    }
}

/// Checks that the sampler called `name` has a use for a model.
///
/// # Errors
///
/// [`ErrorKind::InvalidValue`] if it has none.
pub fn check_model(name: &str) -> Result<()> {
    if name == TRANSFORMER
        || (cfg!(feature = "classical") && ["auto", MULTI_FIDELITY].contains(&name))
    {
        return Ok(());
    }
    let context = format!("sampler \"{name}\" has no use for a model");
    Err(Error::new(ErrorKind::InvalidValue, context))
}

/// The embedded model.
fn embedded() -> Result<Arc<Model>> {
    #[cfg(feature = "pico")]
    return Model::shared_pico();
    #[cfg(not(feature = "pico"))]
    return Err(Error::new(
        ErrorKind::Unsupported,
        "this build has no embedded model: pass one, or build with the feature pico",
    ));
}

/// The sampler [`TRANSFORMER`] with a model and a number of threads: [`OptiFormerSampler`], or
/// [`TokenSampler`] for a model that reads one token per value.
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

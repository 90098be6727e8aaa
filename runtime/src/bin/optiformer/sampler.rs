//! Chooses the sampler of a study.

use std::{path::Path, sync::Arc};

use optiformer::{
    Error, ErrorKind,
    model::Model,
    samplers::{self, AutoOptions, AutoSampler, Sampler},
    study::JournalSnapshot,
};

use crate::{Failure, arguments::StudyOptions};

/// The transformer's name.
const LEARNED: &str = "optiformer";

/// The default sampler, which accepts other weights than the built-in ones.
const DEFAULT: &str = if cfg!(feature = "classical") { "auto" } else { LEARNED };

/// Sampler and seed of the study: from the command line, else from the study file, else the
/// defaults.
pub fn choose(options: &StudyOptions) -> Result<(Box<dyn Sampler + Send>, u64), Failure> {
    let snapshot = match &options.study {
        Some(path) if options.sampler.is_none() || options.seed.is_none() => {
            JournalSnapshot::read_begun(path)?
        }
        _ => None,
    };
    let recorded = snapshot.as_ref().map(JournalSnapshot::sampler);
    let name = options.sampler.as_deref().or(recorded).unwrap_or(DEFAULT);
    let seed = options.seed.or(snapshot.as_ref().map(JournalSnapshot::seed)).unwrap_or(0);
    let sampler = sampler(name, options).map_err(|error| match error.kind() {
        ErrorKind::InvalidValue => Failure::Usage(error.context().to_string()),
        _ => error.into(),
    })?;
    Ok((sampler, seed))
}

/// The sampler called `name`, with the weights, threads and device of the options.
fn sampler(name: &str, options: &StudyOptions) -> Result<Box<dyn Sampler + Send>, Error> {
    match (name, options.model.as_deref()) {
        (LEARNED, model) => learned(model, options),
        #[cfg(feature = "classical")]
        (DEFAULT, Some(model)) => {
            let model = Arc::new(Model::open(model)?);
            Ok(Box::new(AutoSampler::new(Some(model), AutoOptions::default())?))
        }
        (_, Some(_)) => Err(Error::new(
            ErrorKind::InvalidValue,
            format!("--model is for the samplers auto and {LEARNED}, not for {name}"),
        )),
        (_, None) => samplers::by_name(name),
    }
}

/// The sampler that is a model, on the CPU or on a graphics processor.
fn learned(model: Option<&Path>, options: &StudyOptions) -> Result<Box<dyn Sampler + Send>, Error> {
    let weights = Arc::new(model.map_or_else(embedded, Model::open)?);
    let threads = options.threads as usize;
    #[cfg(feature = "gpu")]
    if let Some(sampler) = on_device(&weights, model, threads, &options.device)? {
        return Ok(sampler);
    }
    samplers::transformer(weights, threads)
}

/// The sampler with its candidates ranked on a device; `None`, with the reason on standard error,
/// where that cannot be had.
#[cfg(feature = "gpu")]
fn on_device(
    weights: &Arc<Model>,
    model: Option<&Path>,
    threads: usize,
    name: &str,
) -> Result<Option<Box<dyn Sampler + Send>>, Error> {
    use optiformer::{
        gpu::{Device, GpuModel, GpuPrecision},
        model::{Sequence, Weights},
        samplers::{TokenSampler, TokenSamplerOptions},
    };

    let device = Device::by_name(name)?;
    if device == Device::Cpu {
        return Ok(None);
    }
    let refuse = |reason: &dyn std::fmt::Display| {
        eprintln!("optiformer: ranking on the CPU: {reason}");
        Ok(None)
    };
    if weights.config().sequence() != Sequence::Tokens {
        return refuse(&"the weights read a row a trial, which takes the CPU a millisecond");
    }
    let gpu = match device.open() {
        Ok(gpu) => gpu,
        Err(reason) => return refuse(&reason),
    };
    let (config, _, tensors) = match model {
        Some(path) => {
            let bytes = std::fs::read(path).map_err(|error| {
                Error::new(ErrorKind::Io, format!("{}: {error}", path.display()))
            })?;
            Weights::from_bytes(&bytes)?
        }
        #[cfg(feature = "pico")]
        None => Weights::pico()?,
        #[cfg(not(feature = "pico"))]
        None => return Ok(None),
    };
    match GpuModel::new(&gpu, &config, &tensors, GpuPrecision::F16) {
        Ok(model) => {
            let options = TokenSamplerOptions { threads, ..TokenSamplerOptions::default() };
            let sampler = TokenSampler::new(Arc::clone(weights), options)?;
            Ok(Some(Box::new(sampler.with_gpu(Arc::new(model), device)?)))
        }
        Err(reason) => refuse(&reason),
    }
}

/// The embedded weights.
fn embedded() -> Result<Model, Error> {
    #[cfg(feature = "pico")]
    return Model::pico();
    #[cfg(not(feature = "pico"))]
    return Err(Error::new(
        ErrorKind::Unsupported,
        "this build has no weights of its own: name a file with --model, or build with the feature pico",
    ));
}

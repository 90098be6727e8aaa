//! Chooses the sampler of a study.

use std::{path::Path, sync::Arc};

use optiformer::{
    Error, ErrorKind,
    model::Model,
    samplers::{self, AutoOptions, AutoSampler, OptiFormerOptions, OptiFormerSampler, Sampler},
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
        (LEARNED, model) => Ok(Box::new(learned(model, options)?)),
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

/// The transformer, on the CPU or on a graphics processor.
fn learned(model: Option<&Path>, options: &StudyOptions) -> Result<OptiFormerSampler, Error> {
    let settings =
        OptiFormerOptions { threads: options.threads as usize, ..OptiFormerOptions::default() };
    let weights = model.map_or_else(embedded, Model::open)?;
    let sampler = OptiFormerSampler::new(Arc::new(weights), settings)?;
    #[cfg(feature = "gpu")]
    return on_device(sampler, model, &options.device);
    #[cfg(not(feature = "gpu"))]
    Ok(sampler)
}

/// Moves the ranking to a device. Where the device is unavailable, the CPU ranks and standard error
/// has the reason.
#[cfg(feature = "gpu")]
fn on_device(
    sampler: OptiFormerSampler,
    model: Option<&Path>,
    name: &str,
) -> Result<OptiFormerSampler, Error> {
    use optiformer::{
        gpu::{Device, GpuModel, GpuPrecision},
        model::Weights,
    };

    let device = Device::by_name(name)?;
    if device == Device::Cpu {
        return Ok(sampler);
    }
    let gpu = match device.open() {
        Ok(gpu) => gpu,
        Err(reason) => {
            eprintln!("optiformer: ranking on the CPU: {reason}");
            return Ok(sampler);
        }
    };
    let (config, _, weights) = match model {
        Some(path) => {
            let bytes = std::fs::read(path).map_err(|error| {
                Error::new(ErrorKind::Io, format!("{}: {error}", path.display()))
            })?;
            Weights::from_bytes(&bytes)?
        }
        #[cfg(feature = "pico")]
        None => Weights::pico()?,
        #[cfg(not(feature = "pico"))]
        None => return Ok(sampler),
    };
    match GpuModel::new(&gpu, &config, &weights, GpuPrecision::F16) {
        Ok(model) => sampler.with_gpu(Arc::new(model), device),
        Err(reason) => {
            eprintln!("optiformer: ranking on the CPU: {reason}");
            Ok(sampler)
        }
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

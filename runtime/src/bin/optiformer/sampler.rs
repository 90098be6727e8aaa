//! Which sampler a study uses.

use std::{path::Path, sync::Arc};

use optiformer::{
    Error, ErrorKind,
    model::Model,
    samplers::{self, AutoOptions, AutoSampler, OptiFormerOptions, OptiFormerSampler, Sampler},
    study::Recording,
};

use crate::{Failure, arguments::StudyOptions};

/// The sampler that is a model and nothing else.
const LEARNED: &str = "optiformer";

/// The sampler of studies whose user names none. Other weights than its own can be given to it.
const DEFAULT: &str = if cfg!(feature = "classical") { "auto" } else { LEARNED };

/// The sampler and seed of the study: as the command line has them, else as the study file, else the defaults.
pub fn choose(options: &StudyOptions) -> Result<(Box<dyn Sampler + Send>, u64), Failure> {
    let recording = match &options.study {
        Some(path) if options.sampler.is_none() || options.seed.is_none() => {
            Recording::read_begun(path)?
        }
        _ => None,
    };
    let recorded = recording.as_ref().map(Recording::sampler);
    let name = options.sampler.as_deref().or(recorded).unwrap_or(DEFAULT);
    let seed = options.seed.or(recording.as_ref().map(Recording::seed)).unwrap_or(0);
    let threads = options.threads as usize;
    let sampler =
        sampler(name, options.model.as_deref(), threads).map_err(|error| match error.kind() {
            ErrorKind::InvalidValue => Failure::Usage(error.context().to_string()),
            _ => error.into(),
        })?;
    Ok((sampler, seed))
}

/// The sampler called `name`, with the weights of `model` where one is given.
fn sampler(
    name: &str,
    model: Option<&Path>,
    threads: usize,
) -> Result<Box<dyn Sampler + Send>, Error> {
    match (name, model) {
        (LEARNED, model) => {
            let model = model.map_or_else(embedded, Model::open)?;
            let options = OptiFormerOptions { threads, ..OptiFormerOptions::default() };
            Ok(Box::new(OptiFormerSampler::new(Arc::new(model), options)?))
        }
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

/// The weights that are part of the program.
fn embedded() -> Result<Model, Error> {
    #[cfg(feature = "pico")]
    return Model::pico();
    #[cfg(not(feature = "pico"))]
    return Err(Error::new(
        ErrorKind::Unsupported,
        "this build has no weights of its own: name a file with --model, or build with the feature pico",
    ));
}

//! Which sampler a study uses.

use optiformer::{
    Error, ErrorKind, Result,
    samplers::{RandomSampler, Sampler},
    study::Recording,
};

use crate::arguments::StudyOptions;

/// The sampler of studies whose user names none.
pub const DEFAULT: &str = "random";

/// The sampler and seed of the study: as the command line has them, else as the study file, else the defaults.
pub fn choose(options: &StudyOptions) -> Result<(Box<dyn Sampler + Send>, u64)> {
    // A file that cannot be read is complained about when it is opened for good.
    let recording = match &options.study {
        Some(path) if options.sampler.is_none() || options.seed.is_none() => {
            Recording::read(path).ok()
        }
        _ => None,
    };
    let recorded = recording.as_ref().map(Recording::sampler);
    let name = options.sampler.as_deref().or(recorded).unwrap_or(DEFAULT);
    let seed = options.seed.or(recording.as_ref().map(Recording::seed)).unwrap_or(0);
    if options.model.is_some() && name != "optiformer" {
        return Err(Error::new(
            ErrorKind::Unsupported,
            format!("--model is for the sampler optiformer, not for {name}"),
        ));
    }
    Ok((by_name(name)?, seed))
}

fn by_name(name: &str) -> Result<Box<dyn Sampler + Send>> {
    match name {
        "random" => Ok(Box::new(RandomSampler)),
        _ => Err(Error::new(ErrorKind::Unsupported, format!("there is no sampler \"{name}\""))),
    }
}

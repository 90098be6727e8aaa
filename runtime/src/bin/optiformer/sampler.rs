//! Chooses the sampler of a study.

use std::sync::Arc;

use optiformer::{
    Error, ErrorKind,
    model::Model,
    samplers::{self, GridOptions, GridSampler, Sampler},
    study::{JournalSnapshot, Pruner},
};

use crate::{Failure, arguments::StudyOptions};

/// Name of the sampler that ends by itself.
pub const GRID: &str = "grid";

/// What a study file says unless the command line does.
pub struct Choice {
    pub sampler: Box<dyn Sampler + Send>,
    pub pruner: Option<Pruner>,
    pub seed: u64,
}

/// The study's sampler by its name, and with its options where they differ from the defaults: from
/// the command line, else from the study file, else the default.
pub fn name(options: &StudyOptions) -> Result<String, Failure> {
    let recorded = match options.sampler.as_deref() {
        None | Some(GRID) => recorded(options)?,
        Some(_) => None,
    };
    Ok(name_among(options, recorded.as_ref()))
}

/// Sampler, pruner and seed of the study: from the command line, else from the study file, else the
/// defaults.
pub fn choose(options: &StudyOptions) -> Result<Choice, Failure> {
    let recorded = recorded(options)?;
    let name = name_among(options, recorded.as_ref());
    let seed = options.seed.or(recorded.as_ref().map(JournalSnapshot::seed)).unwrap_or(0);
    let sampler = sampler(&name, options).map_err(|error| match error.kind() {
        ErrorKind::InvalidValue => Failure::Usage(error.context().to_string()),
        _ => error.into(),
    })?;
    let pruner = recorded.as_ref().and_then(JournalSnapshot::pruner);
    Ok(Choice { sampler, pruner: options.pruner.as_ref().or(pruner).cloned(), seed })
}

/// The study in the file, where it has begun.
fn recorded(options: &StudyOptions) -> Result<Option<JournalSnapshot>, Failure> {
    let Some(path) = &options.study else { return Ok(None) };
    Ok(JournalSnapshot::read_begun(path)?)
}

fn name_among(options: &StudyOptions, recorded: Option<&JournalSnapshot>) -> String {
    let given = options.sampler.as_deref();
    // A grid that goes on has the points that it had.
    let goes_on = |name: &&str| given.is_none() || (given == Some(GRID) && is_grid(name));
    let recorded = recorded.map(JournalSnapshot::sampler).filter(goes_on);
    recorded.or(given).unwrap_or(samplers::DEFAULT).to_string()
}

/// The sampler called `name`, with the model, threads and device of the options.
fn sampler(name: &str, options: &StudyOptions) -> Result<Box<dyn Sampler + Send>, Error> {
    let threads = options.threads as usize;
    let model = match &options.model {
        Some(path) => {
            samplers::check_model(name).map_err(|error| {
                Error::new(error.kind(), format!("--model: {}", error.context()))
            })?;
            Some(Arc::new(Model::open(path)?))
        }
        None => None,
    };
    #[cfg(feature = "gpu")]
    if name == samplers::TRANSFORMER
        && let Some(sampler) = on_device(model.as_ref(), options)?
    {
        return Ok(sampler);
    }
    if is_grid(name) {
        return Ok(Box::new(grid(name, options)?));
    }
    if options.grid_points.is_some() || options.grid_order.is_some() {
        let option = if options.grid_points.is_some() { "--grid-points" } else { "--grid-order" };
        let context = format!("{option} is for the sampler {GRID}, and this one is {name}");
        return Err(Error::new(ErrorKind::InvalidValue, context));
    }
    samplers::by_name_with(name, model, threads)
}

/// Whether a sampler that is called so is the grid.
pub fn is_grid(name: &str) -> bool {
    name.split(':').next() == Some(GRID)
}

/// The grid called `name`, with the options of the command line.
pub fn grid(name: &str, options: &StudyOptions) -> Result<GridSampler, Error> {
    let (_, recorded) = name.split_once(':').unwrap_or((name, ""));
    let mut grid: GridOptions = recorded.parse()?;
    grid.points = options.grid_points.unwrap_or(grid.points);
    grid.order = options.grid_order.map_or(grid.order, Into::into);
    GridSampler::new(grid)
}

/// The sampler of a model over tokens, with candidates ranked on a graphics processor; `None`, with
/// the reason on standard error, if the CPU is to rank.
#[cfg(feature = "gpu")]
fn on_device(
    model: Option<&Arc<Model>>,
    options: &StudyOptions,
) -> Result<Option<Box<dyn Sampler + Send>>, Error> {
    use optiformer::{
        gpu::{Device, GpuModel, GpuPrecision},
        model::{Sequence, Weights},
        samplers::{TokenSampler, TokenSamplerOptions},
    };

    const ROWS: &str = "the model reads one row per trial, which takes the CPU a millisecond";
    let device = Device::by_name(&options.device)?;
    if device == Device::Cpu {
        return Ok(None);
    }
    let refuse = |reason: &dyn std::fmt::Display| {
        eprintln!("optiformer: ranking on the CPU: {reason}");
        Ok(None)
    };
    // The embedded model reads rows.
    let Some((model, path)) = model.zip(options.model.as_ref()) else { return refuse(&ROWS) };
    if model.config().sequence() != Sequence::Tokens {
        return refuse(&ROWS);
    }
    let gpu = match device.open() {
        Ok(gpu) => gpu,
        Err(reason) => return refuse(&reason),
    };
    let bytes = std::fs::read(path)
        .map_err(|error| Error::new(ErrorKind::Io, format!("{}: {error}", path.display())))?;
    let (config, _, weights) = Weights::from_bytes(&bytes)?;
    match GpuModel::new(&gpu, &config, &weights, GpuPrecision::F16) {
        Ok(on_gpu) => {
            let threads = options.threads as usize;
            let options = TokenSamplerOptions { threads, ..TokenSamplerOptions::default() };
            let sampler = TokenSampler::new(Arc::clone(model), options)?;
            Ok(Some(Box::new(sampler.with_gpu(Arc::new(on_gpu), device)?)))
        }
        Err(reason) => refuse(&reason),
    }
}

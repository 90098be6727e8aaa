//! Samplers by the names that the evaluation gives them.

use std::sync::Arc;

use optiformer::{
    Error, ErrorKind, Result,
    model::Model,
    samplers::{self, OptiFormerOptions, OptiFormerSampler, Sampler},
};

/// A sampler by the name that the evaluation gives it; the learned ones share `model`.
///
/// Beside the runtime's own names there are variants of the learned sampler: `optiformer-policy` (the policy alone), `optiformer-whole`
/// (no zoom), and `optiformer:NAME=VALUE:…` with the options `startup`, `policy`, `neighbours`, `spread`, `policy_only`, `zoom`, `zoom_from`, `whole_every`,
/// `temperature` (of the policy), `apart` and `score_temperature`.
///
/// # Errors
///
/// [`ErrorKind::InvalidValue`] for an unknown name or option, or a learned sampler without a model.
pub fn sampler(name: &str, model: Option<&Arc<Model>>) -> Result<Box<dyn Sampler + Send>> {
    let defaults = OptiFormerOptions::default();
    let options = match name {
        "optiformer-policy" => OptiFormerOptions { policy_only: true, zoom: false, ..defaults },
        "optiformer-whole" => OptiFormerOptions { zoom: false, ..defaults },
        _ => match name.strip_prefix("optiformer") {
            Some(rest) if rest.is_empty() || rest.starts_with(':') => variant(rest)?,
            _ => return samplers::by_name(name),
        },
    };
    let model = model.ok_or_else(|| {
        Error::new(ErrorKind::InvalidValue, format!("sampler \"{name}\" needs a model"))
    })?;
    Ok(Box::new(OptiFormerSampler::new(Arc::clone(model), options)?))
}

/// Options written as `:NAME=VALUE:NAME=VALUE`.
fn variant(text: &str) -> Result<OptiFormerOptions> {
    let mut options = OptiFormerOptions::default();
    for part in text.split(':').skip(1) {
        let bad = || {
            let context = format!("\"{part}\" is no option of the sampler optiformer");
            Error::new(ErrorKind::InvalidValue, context)
        };
        fn read<T: std::str::FromStr>(value: &str, bad: impl Fn() -> Error) -> Result<T> {
            value.parse().map_err(|_| bad())
        }
        let (name, value) = part.split_once('=').ok_or_else(bad)?;
        match name {
            "startup" => options.startup = read(value, bad)?,
            "policy" => options.policy = read(value, bad)?,
            "neighbours" => options.neighbours = read(value, bad)?,
            "spread" => options.spread = read(value, bad)?,
            "policy_only" => options.policy_only = read(value, bad)?,
            "zoom" => options.zoom = read(value, bad)?,
            "temperature" => options.sampling.temperature = read(value, bad)?,
            "zoom_from" => options.zoom_from = read(value, bad)?,
            "whole_every" => options.whole_every = read(value, bad)?,
            "apart" => options.apart = read(value, bad)?,
            "score_temperature" => options.score_temperature = read(value, bad)?,
            _ => return Err(bad()),
        }
    }
    Ok(options)
}

/// Whether a sampler's suggestions depend on the weights.
pub fn is_learned(name: &str) -> bool {
    name.starts_with("optiformer") || name.starts_with("auto")
}

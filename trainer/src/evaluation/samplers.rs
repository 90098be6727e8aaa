//! Samplers by the names that the evaluation gives them.

use std::sync::Arc;

use optiformer::{
    Error, ErrorKind, Result,
    model::Model,
    samplers::{
        self, AutoOptions, AutoSampler, GpOptions, GpSampler, OptiFormerOptions, OptiFormerSampler,
        Sampler, Warp,
    },
};

/// A sampler by the name that the evaluation gives it; the learned ones share `model`.
///
/// Beside the runtime's own names there are variants of the learned sampler: `optiformer-policy` (the policy alone), `optiformer-whole`
/// (no zoom), and `optiformer:NAME=VALUE:…` with the options `startup`, `startup_share`, `policy`, `neighbours`, `spread`, `refined`, `policy_only`, `zoom`, `zoom_from`, `whole_every`,
/// `temperature` (of the policy), `apart` and `score_temperature`; `gp:NAME=VALUE:…` with the fields of [`GpOptions`], and `auto:NAME=VALUE:…` with those of [`AutoOptions`].
///
/// # Errors
///
/// [`ErrorKind::InvalidValue`] for an unknown name or option, or a learned sampler without a model.
pub fn sampler(name: &str, model: Option<&Arc<Model>>) -> Result<Box<dyn Sampler + Send>> {
    let defaults = OptiFormerOptions::default();
    if let Some(rest) = name.strip_prefix("gp:") {
        return Ok(Box::new(GpSampler::new(gp_variant(&format!(":{rest}"))?)?));
    }
    if name == "auto" || name.starts_with("auto:") {
        let options = auto_variant(&name["auto".len()..])?;
        return Ok(Box::new(AutoSampler::new(model.cloned(), options)?));
    }
    let options = match name {
        "optiformer-policy" => {
            OptiFormerOptions { policy: 8, policy_only: true, zoom: false, ..defaults }
        }
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

/// Calls `set` with the name and the value of each option of `sampler`, written as `:NAME=VALUE:NAME=VALUE`; it says whether it knew the option and could read
/// the value.
fn each_option(
    sampler: &str,
    text: &str,
    mut set: impl FnMut(&str, &str) -> Option<()>,
) -> Result<()> {
    for part in text.split(':').skip(1) {
        part.split_once('=').and_then(|(name, value)| set(name, value)).ok_or_else(|| {
            let context = format!("\"{part}\" is no option of the sampler {sampler}");
            Error::new(ErrorKind::InvalidValue, context)
        })?;
    }
    Ok(())
}

fn gp_variant(text: &str) -> Result<GpOptions> {
    let mut options = GpOptions::default();
    each_option("gp", text, |name, value| {
        match name {
            "startup_trials" => options.startup_trials = value.parse().ok()?,
            "spread" => options.spread = value.parse().ok()?,
            "near" => options.near = value.parse().ok()?,
            "starts" => options.starts = value.parse().ok()?,
            "most_trials" => options.most_trials = value.parse().ok()?,
            "input_warp" => options.input_warp = value.parse().ok()?,
            "warp" => {
                options.warp = match value {
                    "never" => Warp::Never,
                    "always" => Warp::Always,
                    "likelier" => Warp::Likelier,
                    _ => return None,
                }
            }
            _ => return None,
        }
        Some(())
    })?;
    Ok(options)
}

fn auto_variant(text: &str) -> Result<AutoOptions> {
    let mut options = AutoOptions::default();
    each_option("auto", text, |name, value| {
        match name {
            "learned_until" => options.learned_until = value.parse().ok()?,
            "local_until" => options.local_until = value.parse().ok()?,
            "refine_from" => options.refine_from = value.parse().ok()?,
            "refine_every" => options.refine_every = value.parse().ok()?,
            "long_from" => options.long_from = value.parse().ok()?,
            "long_every" => options.long_every = value.parse().ok()?,
            _ => return None,
        }
        Some(())
    })?;
    Ok(options)
}

fn variant(text: &str) -> Result<OptiFormerOptions> {
    let mut options = OptiFormerOptions::default();
    each_option("optiformer", text, |name, value| {
        match name {
            "startup" => options.startup = value.parse().ok()?,
            "startup_share" => options.startup_share = value.parse().ok()?,
            "policy" => options.policy = value.parse().ok()?,
            "neighbours" => options.neighbours = value.parse().ok()?,
            "spread" => options.spread = value.parse().ok()?,
            "refined" => options.refined = value.parse().ok()?,
            "policy_only" => options.policy_only = value.parse().ok()?,
            "zoom" => options.zoom = value.parse().ok()?,
            "temperature" => options.sampling.temperature = value.parse().ok()?,
            "zoom_from" => options.zoom_from = value.parse().ok()?,
            "whole_every" => options.whole_every = value.parse().ok()?,
            "apart" => options.apart = value.parse().ok()?,
            "score_temperature" => options.score_temperature = value.parse().ok()?,
            _ => return None,
        }
        Some(())
    })?;
    Ok(options)
}

/// Whether a sampler's suggestions depend on the weights.
pub fn is_learned(name: &str) -> bool {
    name.starts_with("optiformer") || name.starts_with("auto")
}

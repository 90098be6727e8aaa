//! Samplers by the names that the evaluation gives them.

use std::sync::Arc;

use optiformer::{
    Error, ErrorKind, Result,
    model::{Model, Sequence},
    samplers::{
        self, AdaptationOptions, AutoOptions, AutoSampler, GpOptions, GpSampler, OptiFormerOptions,
        OptiFormerSampler, Sampler, TargetWarp, TokenSampler, TokenSamplerOptions,
    },
};

/// A sampler by the name that the evaluation gives it; the learned ones share `model`.
///
/// Beside the runtime's own names there are variants: `optiformer:NAME=VALUE:…` with the fields of
/// [`OptiFormerOptions`] (of [`TokenSamplerOptions`] where the model reads a token a value) and
/// `temperature` for the policy's, `adapt=lbfgs8` or `adapt=adamw24` and `l2_penalty` for the
/// adaptation's, `gp:NAME=VALUE:…` with those of [`GpOptions`], and `auto:NAME=VALUE:…` with those
/// of [`AutoOptions`].
///
/// # Errors
///
/// [`ErrorKind::InvalidValue`] for an unknown name or option, or a learned sampler without a model.
pub fn sampler(name: &str, model: Option<&Arc<Model>>) -> Result<Box<dyn Sampler + Send>> {
    if let Some(rest) = name.strip_prefix("gp:") {
        return Ok(Box::new(GpSampler::new(gp_variant(&format!(":{rest}"))?)?));
    }
    if name == "auto" || name.starts_with("auto:") {
        let options = auto_variant(&name["auto".len()..])?;
        return Ok(Box::new(AutoSampler::new(model.cloned(), options)?));
    }
    let Some(rest) = name.strip_prefix("optiformer").filter(|r| r.is_empty() || r.starts_with(':'))
    else {
        return samplers::by_name(name);
    };
    let model = model.map(Arc::clone).ok_or_else(|| {
        Error::new(ErrorKind::InvalidValue, format!("sampler \"{name}\" needs a model"))
    })?;
    Ok(match model.config().sequence() {
        Sequence::Trials => Box::new(OptiFormerSampler::new(model, variant(rest)?)?),
        Sequence::Tokens => Box::new(TokenSampler::new(model, token_variant(rest)?)?),
    })
}

/// Calls `set` with the name and the value of each option of `sampler`, written as
/// `:NAME=VALUE:NAME=VALUE`; it says whether it knew the option and could read the value.
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
            "n_startup_trials" => options.n_startup_trials = value.parse().ok()?,
            "raw_samples" => options.raw_samples = value.parse().ok()?,
            "local_samples" => options.local_samples = value.parse().ok()?,
            "num_restarts" => options.num_restarts = value.parse().ok()?,
            "max_train_points" => options.max_train_points = value.parse().ok()?,
            "input_warp" => options.input_warp = value.parse().ok()?,
            "target_warp" => {
                options.target_warp = match value {
                    "never" => TargetWarp::Never,
                    "always" => TargetWarp::Always,
                    "more_likely" => TargetWarp::MoreLikely,
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
            "local_until" => options.local_until = value.parse().ok()?,
            "refine_from" => options.refine_from = value.parse().ok()?,
            "refine_every" => options.refine_every = value.parse().ok()?,
            "long_from" => options.long_from = value.parse().ok()?,
            "long_every" => options.long_every = value.parse().ok()?,
            "stack_from" => options.stack_from = value.parse().ok()?,
            "stack_until" => options.stack_until = value.parse().ok()?,
            "risk_neutral_from" => options.risk_neutral_from = value.parse().ok()?,
            "improvement_cap" => options.improvement_cap = value.parse().ok()?,
            "transformer_weight" => options.transformer_weight = Some(value.parse().ok()?),
            "log_score_discount" => options.log_score_discount = value.parse().ok()?,
            "num_gp_candidates" => options.num_gp_candidates = value.parse().ok()?,
            "num_policy_candidates" => options.num_policy_candidates = value.parse().ok()?,
            "num_local_candidates" => options.num_local_candidates = value.parse().ok()?,
            "num_space_candidates" => options.num_space_candidates = value.parse().ok()?,
            "num_refined_candidates" => options.num_refined_candidates = value.parse().ok()?,
            "zoom_from" => options.zoom_from = value.parse().ok()?,
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
            "n_startup_trials" => options.n_startup_trials = value.parse().ok()?,
            "num_policy_candidates" => options.num_policy_candidates = value.parse().ok()?,
            "num_local_candidates" => options.num_local_candidates = value.parse().ok()?,
            "num_space_candidates" => options.num_space_candidates = value.parse().ok()?,
            "num_refined_candidates" => options.num_refined_candidates = value.parse().ok()?,
            "refinement_rounds" => options.refinement_rounds = value.parse().ok()?,
            "policy_only" => options.policy_only = value.parse().ok()?,
            "zoom" => options.zoom = value.parse().ok()?,
            "temperature" => options.sampling.temperature = value.parse().ok()?,
            "zoom_from" => options.zoom_from = value.parse().ok()?,
            "global_every" => options.global_every = value.parse().ok()?,
            "score_temperature" => options.score_temperature = value.parse().ok()?,
            "adapt" => {
                let penalty = options.adaptation.map(|adaptation| adaptation.l2_penalty);
                let mut adaptation = adaptation(value)?;
                adaptation.l2_penalty = penalty.unwrap_or(adaptation.l2_penalty);
                options.adaptation = Some(adaptation);
            }
            "l2_penalty" => {
                let adaptation = options.adaptation.get_or_insert(AdaptationOptions::LBFGS);
                adaptation.l2_penalty = value.parse().ok()?;
            }
            _ => return None,
        }
        Some(())
    })?;
    Ok(options)
}

/// An adaptation by its name: the optimizer, `lbfgs` or `adamw`, and the number of steps.
pub(super) fn adaptation(name: &str) -> Option<AdaptationOptions> {
    [("lbfgs", AdaptationOptions::LBFGS), ("adamw", AdaptationOptions::ADAM_W)]
        .into_iter()
        .find_map(|(optimizer, options)| {
            let max_steps = name.strip_prefix(optimizer)?.parse().ok()?;
            Some(AdaptationOptions { max_steps, ..options })
        })
}

fn token_variant(text: &str) -> Result<TokenSamplerOptions> {
    let mut options = TokenSamplerOptions::default();
    each_option("optiformer", text, |name, value| {
        match name {
            "n_startup_trials" => options.n_startup_trials = value.parse().ok()?,
            "startup_share" => options.startup_share = value.parse().ok()?,
            "num_policy_candidates" => options.num_policy_candidates = value.parse().ok()?,
            "num_local_candidates" => options.num_local_candidates = value.parse().ok()?,
            "num_space_candidates" => options.num_space_candidates = value.parse().ok()?,
            "num_refined_candidates" => options.num_refined_candidates = value.parse().ok()?,
            "policy_only" => options.policy_only = value.parse().ok()?,
            "zoom" => options.zoom = value.parse().ok()?,
            "temperature" => options.sampling.temperature = value.parse().ok()?,
            "zoom_from" => options.zoom_from = value.parse().ok()?,
            "global_every" => options.global_every = value.parse().ok()?,
            "min_distance" => options.min_distance = value.parse().ok()?,
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

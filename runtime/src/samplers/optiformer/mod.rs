//! The learned sampler: the transformer proposes, and ranks what it and others propose.
//!
//! 1. The history, or the part of it inside a box around the best trials, becomes rows
//!    ([`tokenizer::rows`](crate::tokenizer::rows)), and the rows keys and values.
//! 2. Candidates: drawn from the model's policy, near the best trials, spread over the search box.
//! 3. The model's distribution of each candidate's score gives its expected improvement.
//! 4. Rounds of refinement search near the best candidates; the best of all is suggested.

pub(crate) mod context_trials;
#[cfg(feature = "classical")]
mod log_score;
mod options;
pub(crate) mod search;
pub(crate) mod surrogate;

pub use options::OptiFormerOptions;

use alloc::{format, sync::Arc};

use self::{
    context_trials::ContextTrials,
    search::{Effort, Search},
    surrogate::{TransformerSurrogate, has_scale},
};
use super::{Expectation, Explanation, Request, Sampler, Suggestion, tried_set::TriedSet};
use crate::{
    Error, ErrorKind, Result,
    acquisition::{Candidate, CandidateOrigin, candidates},
    model::{Model, Sequence},
    space::Configuration,
    tokenizer::{score, vocabulary},
};

/// The startup spreads over this share of each range, around the middle.
const STARTUP_SHARE: f64 = 0.7;
/// The first trial lies within this share.
const FIRST_SHARE: f64 = 0.1;

/// Suggests what a trained transformer expects to improve most.
///
/// The model reads a row a trial ([`Sequence::Trials`]); Müller et al. 2023 (*PFNs4BO*) describe
/// the approach of a transformer trained to predict as the surrogate of Bayesian optimization.
#[derive(Debug)]
pub struct OptiFormerSampler {
    surrogate: TransformerSurrogate,
    options: OptiFormerOptions,
}

impl OptiFormerSampler {
    /// A sampler with a model's weights, which many samplers may share.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`] when the weights were trained with another sequence, vocabulary
    /// or score rule, [`ErrorKind::InvalidValue`] for options that are out of range.
    pub fn new(model: Arc<Model>, options: OptiFormerOptions) -> Result<Self> {
        check_model(&model)?;
        options.check()?;
        let surrogate =
            TransformerSurrogate::new(model, options.score_temperature, options.threads);
        Ok(Self { surrogate, options })
    }

    /// The weights.
    pub fn model(&self) -> &Arc<Model> {
        self.surrogate.model()
    }

    /// The options.
    pub fn options(&self) -> &OptiFormerOptions {
        &self.options
    }

    /// The candidate that is suggested, and what the model expects of it where it was ranked.
    fn choose(&mut self, request: &Request<'_>) -> Result<(Candidate, Option<Expectation>)> {
        self.surrogate.check(request.space)?;
        if let Some(candidate) = startup_trial(request, self.options.n_startup_trials) {
            return Ok((candidate, None));
        }
        let zoom = self.options.zoom && self.zooms(request);
        let shown = ContextTrials::new(request, self.surrogate.max_trials(), zoom);
        let conditioned = self.surrogate.condition(request.space, &shown)?;
        let mut rng = request.rng();
        let drawn = self.surrogate.draw_policy(
            &conditioned,
            self.options.num_policy_candidates,
            &self.options.sampling,
            &mut rng,
        )?;
        let drawn = drawn
            .into_iter()
            .map(|configuration| Candidate { configuration, origin: CandidateOrigin::Policy });
        // Where all losses are the same, scores have no unit, and the model nothing to go by.
        if self.options.policy_only || !has_scale(&shown.trials) {
            let effort = Effort { local: 0, space: 1, refined: 0, rounds: 0 };
            let (candidate, _) = Search::new(request, &shown, effort, drawn)
                .maximize(|all| Ok((0..all.len()).map(|index| -(index as f64)).collect()))?;
            return Ok((candidate, None));
        }
        let effort = Effort {
            local: self.options.num_local_candidates,
            space: self.options.num_space_candidates,
            refined: self.options.num_refined_candidates,
            rounds: self.options.refinement_rounds,
        };
        let (candidate, _) = Search::new(request, &shown, effort, drawn).maximize(|all| {
            let predictions = self.surrogate.predict(&conditioned, all)?;
            Ok(predictions.iter().map(|one| one.expected_improvement).collect())
        })?;
        let chosen = core::slice::from_ref(&candidate.configuration);
        let prediction = self.surrogate.predict(&conditioned, chosen)?[0];
        let expectation =
            Expectation::of_score(&prediction, conditioned.incumbent, &conditioned.scale);
        let modeled = (shown.trials.len() < request.history.len()).then_some(shown.trials.len());
        let expectation = expectation.map(|expectation| Expectation { modeled, ..expectation });
        Ok((candidate, expectation))
    }

    /// Whether a trial is asked for inside a box, once there is something to zoom in on.
    fn zooms(&self, request: &Request<'_>) -> bool {
        let finished = request.history.iter().filter(|trial| trial.loss.is_some()).count();
        let every = self.options.global_every;
        finished >= self.options.zoom_from && (every == 0 || !request.number.is_multiple_of(every))
    }
}

/// Refuses weights that the samplers cannot use.
pub(crate) fn check_model(model: &Model) -> Result<()> {
    let metadata = model.metadata();
    for (what, have, want) in [
        ("sequence", model.config().sequence().name(), Sequence::Trials.name()),
        ("vocabulary", metadata.vocabulary.as_str(), vocabulary::NAME),
        ("score_rule", metadata.score_rule.as_str(), score::RULE),
    ] {
        if have != want {
            let context = format!("the weights have {what} \"{have}\", not \"{want}\"");
            return Err(Error::new(ErrorKind::Unsupported, context));
        }
    }
    Ok(())
}

/// One of the first `count` trials, before the model is asked: the first near the middle of the
/// space, the others spread around it.
pub(crate) fn startup_trial(request: &Request<'_>, count: usize) -> Option<Candidate> {
    let begun = request.history.len() + request.pending.len();
    if begun >= count {
        return None;
    }
    let share = if begun == 0 { FIRST_SHARE } else { STARTUP_SHARE };
    let configuration =
        candidates::central(request.space, request.number as u32, request.seed, share);
    let tried = TriedSet::new(request);
    (!tried.contains(&configuration))
        .then_some(Candidate { configuration, origin: CandidateOrigin::Spread })
}

impl Sampler for OptiFormerSampler {
    fn name(&self) -> &'static str {
        "optiformer"
    }

    fn suggest(&mut self, request: &Request<'_>) -> Result<Configuration> {
        Ok(self.choose(request)?.0.configuration)
    }

    fn explain(&mut self, request: &Request<'_>) -> Result<Suggestion> {
        let (Candidate { configuration, origin }, expectation) = self.choose(request)?;
        let explanation =
            Explanation { sampler: self.name(), origin, expectation, transformer_weight: None };
        Ok(Suggestion { configuration, explanation })
    }
}

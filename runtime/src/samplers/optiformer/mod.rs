//! The transformer as a sampler: its policy proposes candidates, and its predictions rank them.
//!
//! 1. The history, or its part inside a box around the best trials, is written as rows
//!    ([`tokenizer::rows`](crate::tokenizer::rows)), whose keys and values are cached.
//! 2. Candidates are drawn from the policy, near the best trials, and quasi-randomly in the box.
//! 3. The predicted distribution of each candidate's score gives its expected improvement.
//! 4. Rounds of refinement add candidates near the best ones; the best of all is suggested.

mod adaptation;
mod constraints;
pub(crate) mod context_trials;
#[cfg(any(test, not(feature = "classical")))]
mod infeasible;
mod log_score;
mod options;
pub(crate) mod search;
pub(crate) mod surrogate;

pub use adaptation::{AdaptationOptimizer, AdaptationOptions, AdaptationScores};
pub use options::OptiFormerOptions;

use alloc::{format, sync::Arc, vec, vec::Vec};

use self::{
    adaptation::Adaptation,
    constraints::{ConditionedConstraints, ConstraintModel},
    context_trials::ContextTrials,
    search::{CandidateCounts, CandidateSearch},
    surrogate::{ConditionedTransformer, TransformerSurrogate, has_scale},
};
use super::{
    Expectation, Explanation, Ranking, Request, Sampler, Suggestion, ranking, tried_set::TriedSet,
};
use crate::{
    Error, ErrorKind, Result,
    acquisition::{Candidate, CandidateOrigin, candidates},
    model::{Model, Sequence},
    space::Configuration,
    tokenizer::{score, vocabulary},
};

/// Fraction of each range, around its center, that startup trials cover.
const STARTUP_SHARE: f64 = 0.7;
/// Number of candidates of a choice that are ranked at once, which bounds the memory.
const CHUNK: usize = 512;
/// The same for the first trial.
const FIRST_SHARE: f64 = 0.1;

/// A suggested candidate and what is expected of it.
struct Proposal {
    candidate: Candidate,
    expectation: Option<Expectation>,
    feasibility: Option<f64>,
}

impl Proposal {
    /// A candidate that was not ranked.
    fn plain(candidate: Candidate) -> Self {
        Self { candidate, expectation: None, feasibility: None }
    }
}

/// Suggests the candidate with the largest expected improvement under a transformer.
///
/// Under constraints the improvement is on the best feasible trial, and candidates are ranked by it
/// times the probability that all constraints hold, which Gaussian processes give; while no trial
/// is feasible, by that probability alone. Without the feature `classical` infeasible trials count
/// as worse than all feasible ones instead, in the order of their violations.
///
/// The model reads one row per trial ([`Sequence::Trials`]). Müller et al. 2023 (*PFNs4BO*) use a
/// transformer that is trained to predict as the surrogate of Bayesian optimization.
#[derive(Debug)]
pub struct OptiFormerSampler {
    surrogate: TransformerSurrogate,
    adaptation: Option<Adaptation>,
    constraints: ConstraintModel,
    options: OptiFormerOptions,
}

impl OptiFormerSampler {
    /// A sampler with the weights of a model, which samplers may share.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`] for weights of another sequence, vocabulary or score rule,
    /// [`ErrorKind::InvalidValue`] for options out of range.
    pub fn new(model: Arc<Model>, options: OptiFormerOptions) -> Result<Self> {
        check_model(&model)?;
        options.check()?;
        let surrogate =
            TransformerSurrogate::new(model, options.score_temperature, options.threads);
        let adaptation = options.adaptation.map(Adaptation::new);
        Ok(Self { surrogate, adaptation, constraints: ConstraintModel::default(), options })
    }

    /// The weights.
    pub fn model(&self) -> &Arc<Model> {
        self.surrogate.model()
    }

    /// The options.
    pub fn options(&self) -> &OptiFormerOptions {
        &self.options
    }

    /// Log scores of the last `count` told trials with and without the
    /// [adaptation](OptiFormerOptions::adaptation), each given the earlier trials, oldest first.
    /// `None` for a trial before which no two losses differ, and for each trial if the option is
    /// off.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`] for a space that the model has too few slots or tokens for.
    pub fn one_step_ahead(
        &mut self,
        request: &Request<'_>,
        count: usize,
    ) -> Result<Vec<Option<AdaptationScores>>> {
        let Request { space, history, .. } = *request;
        self.surrogate.check(space)?;
        match &mut self.adaptation {
            Some(adaptation) => {
                adaptation.one_step_ahead(&mut self.surrogate, space, history, count)
            }
            None => Ok(vec![None; count.min(history.len())]),
        }
    }

    /// The suggested candidate, with the expectation of the model and the probability of
    /// feasibility if it was ranked.
    fn propose(&mut self, request: &Request<'_>) -> Result<Proposal> {
        self.surrogate.check(request.space)?;
        let history = self.constraints.history(request.history);
        let request = &Request { history: &history, ..*request };
        if let Some(candidate) = startup_trial(request, self.options.n_startup_trials) {
            return Ok(Proposal::plain(candidate));
        }
        if let Some(adaptation) = &mut self.adaptation {
            adaptation.adapt(&mut self.surrogate, request.space, request.history)?;
        }
        let zoom = self.options.zoom && self.is_zoomed(request);
        let context = ContextTrials::new(request, self.surrogate.max_trials(), zoom);
        let conditioned = self.surrogate.condition(request.space, &context)?;
        let drawn = self.draw_policy(request, &conditioned)?;
        // Scores have no unit if all losses are equal.
        if self.options.policy_only || !has_scale(&context.trials) {
            let counts = CandidateCounts { local: 0, space: 1, refined: 0, rounds: 0 };
            let (candidate, _) = CandidateSearch::new(request, &context, counts, drawn)
                .maximize(|all| Ok((0..all.len()).map(|index| -(index as f64)).collect()))?;
            return Ok(Proposal::plain(candidate));
        }
        let constraints = self.constraints.condition(request);
        let candidate =
            self.maximize_improvement(request, (&context, &conditioned), &constraints, drawn)?;
        let chosen = core::slice::from_ref(&candidate.configuration);
        let prediction = self.surrogate.predict(&conditioned, chosen)?[0];
        let ConditionedTransformer { improvement, scale, .. } = &conditioned;
        let expectation = Expectation::of_score(&prediction, improvement.incumbent(), scale);
        let trials = context.trials.len();
        let modeled = (trials < request.history.len()).then_some(trials);
        let expectation = expectation.map(|expectation| Expectation { modeled, ..expectation });
        let feasibility = constraints.probability(&candidate.configuration);
        Ok(Proposal { candidate, expectation, feasibility })
    }

    /// Candidates from the policy.
    fn draw_policy(
        &mut self,
        request: &Request<'_>,
        conditioned: &ConditionedTransformer,
    ) -> Result<Vec<Candidate>> {
        let OptiFormerOptions { num_policy_candidates, sampling, .. } = &self.options;
        let (count, mut rng) = (*num_policy_candidates, request.rng());
        let drawn = self.surrogate.draw_policy(conditioned, count, sampling, &mut rng)?;
        let origin = CandidateOrigin::Policy;
        Ok(drawn.into_iter().map(|configuration| Candidate { configuration, origin }).collect())
    }

    /// The candidate with the largest expected improvement.
    fn maximize_improvement(
        &mut self,
        request: &Request<'_>,
        (context, conditioned): (&ContextTrials, &ConditionedTransformer),
        constraints: &ConditionedConstraints<'_>,
        drawn: Vec<Candidate>,
    ) -> Result<Candidate> {
        let counts = CandidateCounts {
            local: self.options.num_local_candidates,
            space: self.options.num_space_candidates,
            refined: self.options.num_refined_candidates,
            rounds: self.options.refinement_rounds,
        };
        let search = CandidateSearch::new(request, context, counts, drawn);
        let (candidate, _) = search.maximize(|all| {
            let predictions = self.surrogate.predict(conditioned, all)?;
            let improvements = predictions.iter().map(|one| one.expected_improvement).collect();
            Ok(constraints.rate(all, improvements))
        })?;
        Ok(candidate)
    }

    /// Whether a suggestion is made inside a box around the best trials.
    fn is_zoomed(&self, request: &Request<'_>) -> bool {
        let finished = request.history.iter().filter(|trial| trial.loss.is_some()).count();
        let every = self.options.global_every;
        finished >= self.options.zoom_from && (every == 0 || !request.number.is_multiple_of(every))
    }
}

/// Checks that a model has the sequence, vocabulary and score rule of this library.
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

/// The next of `count` startup trials, unless it was tried: the first is near the center of the
/// space, the others are quasi-random.
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
        Ok(self.propose(request)?.candidate.configuration)
    }

    fn explain(&mut self, request: &Request<'_>) -> Result<Suggestion> {
        let Proposal { candidate, expectation, feasibility } = self.propose(request)?;
        let Candidate { configuration, origin } = candidate;
        let explanation = Explanation {
            sampler: self.name(),
            origin,
            expectation,
            transformer_weight: None,
            feasibility,
            fallback: None,
        };
        Ok(Suggestion { configuration, explanation })
    }

    /// Ranks by the expected improvement under the model's distribution of the score. The model
    /// looks at the whole space, since candidates may lie anywhere.
    fn choose(&mut self, request: &Request<'_>, candidates: &[Configuration]) -> Result<Ranking> {
        ranking::check(request, candidates)?;
        self.surrogate.check(request.space)?;
        let history = self.constraints.history(request.history);
        let request = &Request { history: &history, ..*request };
        let context_trials = ContextTrials::new(request, self.surrogate.max_trials(), false);
        if !has_scale(&context_trials.trials) {
            return Ok(Ranking::random(request, candidates.len()));
        }
        let conditioned = self.surrogate.condition(request.space, &context_trials)?;
        let mut values = Vec::with_capacity(candidates.len());
        for chunk in candidates.chunks(CHUNK) {
            let predictions = self.surrogate.predict(&conditioned, chunk)?;
            values.extend(predictions.iter().map(|one| one.expected_improvement));
        }
        let slope = conditioned.scale.slope(conditioned.improvement.incumbent());
        let constraints = self.constraints.condition(request);
        let order = ranking::descending(&constraints.rate(candidates, values.clone()));
        values.iter_mut().for_each(|value| *value *= slope);
        constraints.weigh(candidates, &mut values);
        Ok(Ranking { sampler: self.name(), order, values })
    }
}

//! The stack of transformer and Gaussian process: both rate every candidate, and each counts as
//! much as it has predicted the trials told so far.
//!
//! The weights are those of Bayesian model averaging with a discount (Raftery, Kárný and Ettler
//! 2010, *Online prediction under model uncertainty via dynamic model averaging*): the exponential
//! of the discounted sum of each surrogate's log scores, one step ahead. A trial's score depends on
//! the trials before it alone.

use alloc::{sync::Arc, vec::Vec};

use super::AutoOptions;
use crate::{
    Result,
    acquisition::{Candidate, CandidateOrigin, Prediction},
    generation::SamplingOptions,
    model::Model,
    samplers::{
        Expectation, Explanation, GpSampler, Request, Sampler, Suggestion,
        gp::ScoreBins,
        history_cache::HistoryCache,
        optiformer::{
            context_trials::ContextTrials,
            search::{Effort, Search},
            surrogate::{Conditioned, TransformerSurrogate, has_scale},
        },
    },
    space::Configuration,
    tokenizer::{ScoreScale, vocabulary::BINS},
};

/// Number of latest trials that weights look back on: at a discount of 0.9, those before count less
/// than a thirtieth.
const WINDOW: usize = 32;
/// Rounds of refinement.
const ROUNDS: usize = 2;
/// Least logarithm of a probability that a surrogate is charged with, so that no single surprise
/// decides.
const LEAST_LOG: f64 = -9.0;
/// Inside a box, every so many suggestions looks at the whole space.
const GLOBAL_EVERY: u64 = 3;

/// The transformer beside a Gaussian process, and what it predicted of told trials.
#[derive(Debug)]
pub(super) struct Stack {
    transformer: TransformerSurrogate,
    cache: HistoryCache,
    /// The transformer's log score of each told trial; not a number where it was not asked.
    log_scores: Vec<f64>,
}

impl Stack {
    pub fn new(model: Arc<Model>) -> Self {
        let transformer = TransformerSurrogate::new(model, 1.0, 1);
        Self { transformer, cache: HistoryCache::default(), log_scores: Vec::new() }
    }

    /// Whether the transformer has slots and tokens for a space, and trials that give scores a
    /// unit.
    pub fn can_rank(&self, request: &Request<'_>) -> bool {
        self.transformer.check(request.space).is_ok() && has_scale(request.history)
    }

    /// The candidate that the stack rates highest.
    ///
    /// # Errors
    ///
    /// What the model or the process says.
    pub fn explain(
        &mut self,
        request: &Request<'_>,
        gp: &mut GpSampler,
        step: Configuration,
        options: &AutoOptions,
    ) -> Result<Suggestion> {
        let weight = match options.transformer_weight {
            Some(weight) => weight.clamp(0.0, 1.0),
            None => self.transformer_weight(request, gp, options.log_score_discount)?,
        };
        let finished = request.history.iter().filter(|trial| trial.loss.is_some()).count();
        let zoom = options.zoom_from > 0
            && finished >= options.zoom_from
            && !request.number.is_multiple_of(GLOBAL_EVERY);
        let mut shown = ContextTrials::new(request, self.transformer.max_trials(), zoom);
        if zoom && !has_scale(&shown.trials) {
            shown = ContextTrials::new(request, self.transformer.max_trials(), false);
        }
        if !has_scale(&shown.trials) {
            return gp.explain(request);
        }
        let conditioned = self.transformer.condition(request.space, &shown)?;
        // The transformer reads what lies outside its search box as if it lay on the edge.
        let is_inside = |candidate: &Candidate| {
            shown.search_box.contains(&request.space.to_partial_unit(&candidate.configuration))
        };
        let proposals = self.proposals(request, &conditioned, gp, step, options)?;
        let effort = Effort {
            local: options.num_local_candidates,
            space: options.num_space_candidates,
            refined: options.num_refined_candidates,
            rounds: ROUNDS,
        };
        let mut rate = |all: &[Configuration]| -> Result<Vec<(Prediction, Prediction)>> {
            let learned = self.transformer.predict(&conditioned, all)?;
            let modeled = gp_predictions(gp, request, &conditioned, all)?;
            Ok(learned.into_iter().zip(modeled).collect())
        };
        let stacked = |(learned, modeled): &(Prediction, Prediction)| {
            weight * learned.expected_improvement + (1.0 - weight) * modeled.expected_improvement
        };
        let proposals = proposals.into_iter().filter(is_inside);
        let (candidate, _) = Search::new(request, &shown, effort, proposals)
            .maximize(|all| Ok(rate(all)?.iter().map(stacked).collect()))?;
        let both = rate(core::slice::from_ref(&candidate.configuration))?[0];
        let expectation = mixture(&both, weight, conditioned.incumbent, &conditioned.scale);
        let explanation = Explanation {
            sampler: "stack",
            origin: candidate.origin,
            expectation,
            transformer_weight: Some(weight),
        };
        Ok(Suggestion { configuration: candidate.configuration, explanation })
    }

    /// What other samplers would try, and draws from the policy.
    fn proposals(
        &mut self,
        request: &Request<'_>,
        conditioned: &Conditioned,
        gp: &mut GpSampler,
        step: Configuration,
        options: &AutoOptions,
    ) -> Result<Vec<Candidate>> {
        let mut proposals = Vec::new();
        let mut add = |configurations: Vec<Configuration>, origin| {
            proposals.extend(
                configurations.into_iter().map(|configuration| Candidate { configuration, origin }),
            );
        };
        add(gp.propose(request, options.num_gp_candidates)?, CandidateOrigin::Refined);
        add(alloc::vec![step], CandidateOrigin::Step);
        let drawn = self.transformer.draw_policy(
            conditioned,
            options.num_policy_candidates,
            &SamplingOptions::default(),
            &mut request.rng(),
        )?;
        add(drawn, CandidateOrigin::Policy);
        Ok(proposals)
    }

    /// The transformer's weight: from how well both have predicted the latest trials.
    fn transformer_weight(
        &mut self,
        request: &Request<'_>,
        gp: &mut GpSampler,
        discount: f64,
    ) -> Result<f64> {
        let history = request.history;
        let same = self.cache.sync(request.space, history);
        self.log_scores.truncate(same);
        self.log_scores.resize(history.len(), f64::NAN);
        let count = WINDOW.min(history.len());
        let first = history.len() - count;
        let modeled = gp.one_step_ahead(request, count);
        let mut difference = 0.0;
        for (index, modeled) in (first..history.len()).zip(modeled) {
            let (before, trial) = (&history[..index], &history[index]);
            let (Some(modeled), Some(loss)) = (modeled, trial.loss) else { continue };
            // Both are asked for the same bin, on the scale that the transformer is shown.
            let shown = ContextTrials::whole(request.space, before, self.transformer.max_trials());
            if !has_scale(&shown.trials) {
                continue;
            }
            if self.log_scores[index].is_nan() {
                self.log_scores[index] =
                    self.transformer.log_score(request.space, &shown, trial)?;
            }
            let scale = ScoreScale::fit(shown.trials.iter().filter_map(|trial| trial.loss));
            let of_gp = modeled.observed().log_bin(&scale, scale.bin(Some(loss))).max(LEAST_LOG);
            let age = (history.len() - 1 - index) as i32;
            let charged = self.log_scores[index].max(LEAST_LOG) - of_gp;
            difference += libm::pow(discount, f64::from(age)) * charged;
        }
        Ok(1.0 / (1.0 + libm::exp(-difference)))
    }
}

/// What the process expects of the scores of some configurations.
fn gp_predictions(
    gp: &mut GpSampler,
    request: &Request<'_>,
    conditioned: &Conditioned,
    configurations: &[Configuration],
) -> Result<Vec<Prediction>> {
    let mut bins = ScoreBins::new(conditioned.scale);
    let mut probabilities = [0.0; BINS];
    let predictions = gp.predict(request, configurations)?;
    let of_scores = predictions.iter().map(|prediction| {
        bins.fill(&prediction.latent(), &mut probabilities);
        Prediction::new(&probabilities, conditioned.incumbent)
    });
    Ok(of_scores.collect())
}

/// What the stack expects of a candidate, in units of the loss.
fn mixture(
    (learned, modeled): &(Prediction, Prediction),
    weight: f64,
    incumbent: f64,
    scale: &ScoreScale,
) -> Option<Expectation> {
    let mix = |one: f64, other: f64| weight * one + (1.0 - weight) * other;
    let mean = mix(learned.mean, modeled.mean);
    let second = |one: &Prediction| one.deviation * one.deviation + one.mean * one.mean;
    let variance = mix(second(learned), second(modeled)) - mean * mean;
    let prediction = Prediction {
        mean,
        deviation: libm::sqrt(variance.max(0.0)),
        expected_improvement: mix(learned.expected_improvement, modeled.expected_improvement),
    };
    Expectation::of_score(&prediction, incumbent, scale)
}

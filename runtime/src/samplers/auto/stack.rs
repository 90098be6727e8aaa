//! The stack of transformer and Gaussian process, a weighted mixture of the predictions of both.
//!
//! A model with [prediction slots](crate::tokenizer::rows::PREDICTION_SLOTS) reads what the process
//! predicts of each trial from the others, and of each candidate (Wolpert 1992, *Stacked
//! Generalization*); its gate weighs the two for each candidate (Jacobs, Jordan, Nowlan and Hinton
//! 1991, *Adaptive Mixtures of Local Experts*).
//!
//! Otherwise the weights are those of dynamic model averaging (Raftery, Kárný and Ettler 2010,
//! *Online prediction under model uncertainty via dynamic model averaging*): proportional to the
//! exponential of the discounted sum of one-step-ahead log scores. The log score of a trial depends
//! on the trials before it and on its own outcome.

use alloc::{sync::Arc, vec::Vec};

use super::{
    AutoOptions,
    rating::{Rating, mixture},
};
use crate::{
    Error, ErrorKind, Result,
    acquisition::{Candidate, CandidateOrigin, Improvement, Prediction},
    generation::SamplingOptions,
    model::Model,
    samplers::{
        Explanation, GpPrediction, GpSampler, Ranking, Request, Sampler, Suggestion,
        gp::{ScoreBins, is_projected},
        history_cache::HistoryCache,
        optiformer::{
            context_trials::ContextTrials,
            search::{CandidateCounts, CandidateSearch},
            surrogate::{ConditionedTransformer, TransformerSurrogate, has_scale},
        },
        ranking,
    },
    space::Configuration,
    tokenizer::{ScoreScale, vocabulary::BINS},
};

/// Number of the latest trials that enter the weights. At a discount of 0.9 an earlier trial would
/// count less than 1/29.
const WINDOW: usize = 32;
/// Number of given candidates, the best by the Gaussian process, that the transformer rates too.
const PRESELECTED: usize = 256;
/// Number of rounds of refinement.
const ROUNDS: usize = 2;
/// Lower bound of a log score, so that a single surprise does not decide.
const MIN_LOG_PROBABILITY: f64 = -9.0;
/// Period of the suggestions that look at the whole space in spite of the zoom.
const GLOBAL_EVERY: u64 = 3;

/// Both surrogates of one suggestion.
struct Conditioned {
    transformer: ConditionedTransformer,
    /// Weight of the transformer; `None` where its gate has one for each candidate.
    weight: Option<f64>,
}

/// The transformer, with the cached comparison of its log scores with those of the process.
#[derive(Debug)]
pub(super) struct Stack {
    transformer: TransformerSurrogate,
    cache: HistoryCache,
    /// Log score of the transformer minus that of the process, for each trial; NaN if it is not
    /// computed.
    log_score_differences: Vec<f64>,
}

impl Stack {
    pub fn new(model: Arc<Model>) -> Self {
        let transformer = TransformerSurrogate::new(model, 1.0, 1);
        Self { transformer, cache: HistoryCache::default(), log_score_differences: Vec::new() }
    }

    /// Whether the transformer can read the space, with the predictions of the process where it
    /// reads them, and the losses differ.
    pub fn can_rank(&self, request: &Request<'_>) -> bool {
        let is_readable = !self.transformer.reads_predictions() || !is_projected(request.space);
        is_readable && self.transformer.check(request.space).is_ok() && has_scale(request.history)
    }

    /// The candidate with the largest expected improvement, explained; under constraints the
    /// improvement on the best feasible trial, times the probability that all hold.
    ///
    /// # Errors
    ///
    /// Those of the model and of the process.
    pub fn explain(
        &mut self,
        request: &Request<'_>,
        gp: &mut GpSampler,
        step: Configuration,
        options: &AutoOptions,
    ) -> Result<Suggestion> {
        let feasibility = gp.feasibility_rater(request);
        if feasibility.as_ref().is_some_and(|rater| !rater.has_feasible()) {
            // There is no loss to improve on, of which the surrogates are models.
            return gp.explain(request);
        }
        let Some(context) = self.context(request, options) else { return gp.explain(request) };
        let conditioned = self.condition(request, &context, gp, options)?;
        // The transformer cannot read configurations outside its search box.
        let is_inside = |candidate: &Candidate| {
            context.search_box.contains(&request.space.to_partial_unit(&candidate.configuration))
        };
        let proposals = self.proposals(request, &conditioned, gp, step, options)?;
        let counts = CandidateCounts {
            local: options.num_local_candidates,
            space: options.num_space_candidates,
            refined: options.num_refined_candidates,
            rounds: ROUNDS,
        };
        let proposals = proposals.into_iter().filter(is_inside);
        let (candidate, _) =
            CandidateSearch::new(request, &context, counts, proposals).maximize(|all| {
                let improvements = self.expected_improvements(request, &conditioned, gp, all)?;
                Ok(match &feasibility {
                    Some(feasibility) => feasibility.rate(all, &improvements),
                    None => improvements,
                })
            })?;
        let chosen = core::slice::from_ref(&candidate.configuration);
        let rating = self.rate(request, &conditioned, gp, &candidate.configuration)?;
        let feasibility = feasibility.map(|rater| libm::exp(rater.log_probabilities(chosen)[0]));
        let explanation = Explanation {
            sampler: "stack",
            origin: candidate.origin,
            expectation: rating.expectation(&conditioned.transformer),
            transformer_weight: Some(rating.weight),
            feasibility,
            fallback: None,
        };
        Ok(Suggestion { configuration: candidate.configuration, explanation })
    }

    /// The trials that the transformer is shown: those in the search box, unless this suggestion
    /// looks at the whole space or their losses are equal. `None` where those of all are equal.
    fn context(&self, request: &Request<'_>, options: &AutoOptions) -> Option<ContextTrials> {
        let zoom = options.zoom_from > 0
            && finished(request) >= options.zoom_from
            && !request.number.is_multiple_of(GLOBAL_EVERY);
        let of = |zoom| {
            let context = ContextTrials::new(request, self.transformer.max_trials(), zoom);
            has_scale(&context.trials).then_some(context)
        };
        if zoom { of(true).or_else(|| of(false)) } else { of(false) }
    }

    /// Ranks the candidates that the process has ranked first by both surrogates; the others stay
    /// behind them in the order of the process.
    ///
    /// # Errors
    ///
    /// What the model or the process says.
    pub fn choose(
        &mut self,
        request: &Request<'_>,
        gp: &mut GpSampler,
        mut ranking: Ranking,
        candidates: &[Configuration],
        options: &AutoOptions,
    ) -> Result<Ranking> {
        let context_trials = ContextTrials::new(request, self.transformer.max_trials(), false);
        if !has_scale(&context_trials.trials) {
            return Ok(ranking);
        }
        let feasibility = gp.feasibility_rater(request);
        if feasibility.as_ref().is_some_and(|rater| !rater.has_feasible()) {
            return Ok(ranking);
        }
        let conditioned = self.condition(request, &context_trials, gp, options)?;
        let count = candidates.len().min(PRESELECTED);
        let first: Vec<Configuration> =
            ranking.order[..count].iter().map(|index| candidates[*index].clone()).collect();
        let mut stacked = self.expected_improvements(request, &conditioned, gp, &first)?;
        let transformer = &conditioned.transformer;
        let slope = transformer.scale.slope(transformer.improvement.incumbent());
        let places = match &feasibility {
            Some(feasibility) => ranking::descending(&feasibility.rate(&first, &stacked)),
            None => ranking::descending(&stacked),
        };
        let places: Vec<usize> = places.into_iter().map(|at| ranking.order[at]).collect();
        if let Some(feasibility) = feasibility {
            let logarithms = feasibility.log_probabilities(&first);
            stacked.iter_mut().zip(logarithms).for_each(|(value, it)| *value *= libm::exp(it));
        }
        for (at, value) in stacked.into_iter().enumerate() {
            ranking.values[ranking.order[at]] = slope * value;
        }
        ranking.order[..count].copy_from_slice(&places);
        ranking.sampler = "stack";
        Ok(ranking)
    }

    /// Weighs the surrogates and conditions the transformer, with the improvement that this length
    /// of history asks for.
    fn condition(
        &mut self,
        request: &Request<'_>,
        context: &ContextTrials,
        gp: &mut GpSampler,
        options: &AutoOptions,
    ) -> Result<Conditioned> {
        // First, because log scores are conditioned on earlier trials, in the same cache.
        let weight = self.weight(request, gp, options)?;
        let mut transformer = if self.transformer.reads_predictions() {
            let left_out = gp.leave_one_out(request).ok_or_else(|| {
                let context = "gp: the covariance cannot be factored";
                Error::new(ErrorKind::Unsupported, context)
            })?;
            let left_out: Vec<GpPrediction> =
                context.indices.iter().map(|index| left_out[*index]).collect();
            let told = Request { pending: &[], ..*request };
            let believed = gp.predict(&told, &context.pending)?;
            self.transformer.condition_with(request.space, context, &left_out, &believed)?
        } else {
            self.transformer.condition(request.space, context)?
        };
        let is_risk_neutral = !self.transformer.reads_predictions();
        if is_risk_neutral && finished(request) >= options.risk_neutral_from {
            let incumbent = transformer.improvement.incumbent();
            transformer.improvement = Improvement::in_losses(incumbent, options.improvement_cap);
        }
        Ok(Conditioned { transformer, weight })
    }

    /// Expected improvements of configurations under both surrogates.
    fn expected_improvements(
        &mut self,
        request: &Request<'_>,
        conditioned: &Conditioned,
        gp: &mut GpSampler,
        all: &[Configuration],
    ) -> Result<Vec<f64>> {
        let ConditionedTransformer { scale, improvement, .. } = &conditioned.transformer;
        let mut bins = ScoreBins::new(*scale);
        let predictions = self.predict(request, conditioned, gp, all)?.into_iter();
        let improvements = predictions.map(|(learned, weight, modeled)| {
            let modeled = bins.expected_improvement(&modeled.latent(), improvement);
            mixture(weight, learned.expected_improvement, modeled)
        });
        Ok(improvements.collect())
    }

    /// What both surrogates predict of a configuration.
    fn rate(
        &mut self,
        request: &Request<'_>,
        conditioned: &Conditioned,
        gp: &mut GpSampler,
        configuration: &Configuration,
    ) -> Result<Rating> {
        let one = core::slice::from_ref(configuration);
        let (learned, weight, modeled) = self.predict(request, conditioned, gp, one)?[0];
        let ConditionedTransformer { scale, improvement, .. } = &conditioned.transformer;
        let mut probabilities = [0.0; BINS];
        ScoreBins::new(*scale).fill(&modeled.latent(), &mut probabilities);
        let modeled = Prediction::new(&probabilities, improvement);
        Ok(Rating { learned, modeled, weight })
    }

    /// Predictions of configurations: the transformer's, its weight, and the process's.
    fn predict(
        &mut self,
        request: &Request<'_>,
        conditioned: &Conditioned,
        gp: &mut GpSampler,
        all: &[Configuration],
    ) -> Result<Vec<(Prediction, f64, GpPrediction)>> {
        let Conditioned { transformer, weight } = conditioned;
        let modeled = gp.predict(request, all)?;
        let learned = if self.transformer.reads_predictions() {
            self.transformer.predict_with(transformer, all, &modeled)?
        } else {
            let predictions = self.transformer.predict(transformer, all)?;
            predictions.into_iter().map(|prediction| (prediction, 1.0)).collect()
        };
        let both = learned.into_iter().zip(modeled);
        let weighted =
            both.map(|((learned, gate), modeled)| (learned, weight.unwrap_or(gate), modeled));
        Ok(weighted.collect())
    }

    /// Candidates from the process, local search and the policy.
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
            &conditioned.transformer,
            options.num_policy_candidates,
            &SamplingOptions::default(),
            &mut request.rng(),
        )?;
        add(drawn, CandidateOrigin::Policy);
        Ok(proposals)
    }

    /// Weight of the transformer: the one that the options fix, or that of the log scores of both
    /// surrogates. `None` where the gate of the model has one for each candidate.
    fn weight(
        &mut self,
        request: &Request<'_>,
        gp: &mut GpSampler,
        options: &AutoOptions,
    ) -> Result<Option<f64>> {
        if let Some(weight) = options.transformer_weight {
            return Ok(Some(weight.clamp(0.0, 1.0)));
        }
        if self.transformer.reads_predictions() {
            return Ok(None);
        }
        let discount = options.log_score_discount;
        let history = request.history;
        self.compare_log_scores(request, gp)?;
        let first = history.len().saturating_sub(WINDOW);
        let ages = (0..history.len() - first).rev();
        let difference: f64 = self.log_score_differences[first..]
            .iter()
            .zip(ages)
            .map(|(difference, age)| libm::pow(discount, age as f64) * difference)
            .sum();
        Ok(Some(1.0 / (1.0 + libm::exp(-difference))))
    }

    /// Computes those differences of the log scores of the last [`WINDOW`] trials that are not
    /// cached.
    fn compare_log_scores(&mut self, request: &Request<'_>, gp: &mut GpSampler) -> Result<()> {
        let history = request.history;
        let same = self.cache.sync(request.space, history);
        self.log_score_differences.truncate(same);
        self.log_score_differences.resize(history.len(), f64::NAN);
        let first = history.len().saturating_sub(WINDOW);
        let missing = self.log_score_differences[first..].iter().position(|one| one.is_nan());
        let Some(missing) = missing.map(|place| first + place) else { return Ok(()) };
        let modeled = gp.one_step_ahead(request, history.len() - missing);
        for (index, modeled) in (missing..history.len()).zip(modeled) {
            if self.log_score_differences[index].is_nan() {
                self.log_score_differences[index] =
                    self.log_score_difference(request, index, modeled)?;
            }
        }
        Ok(())
    }

    /// The log score of the transformer minus that of the process, for one trial; 0 where it failed
    /// or one of them predicts nothing.
    fn log_score_difference(
        &mut self,
        request: &Request<'_>,
        index: usize,
        modeled: Option<GpPrediction>,
    ) -> Result<f64> {
        let (before, trial) = (&request.history[..index], &request.history[index]);
        let (Some(modeled), Some(loss)) = (modeled, trial.loss) else { return Ok(0.0) };
        let context = ContextTrials::whole(request.space, before, self.transformer.max_trials());
        if !has_scale(&context.trials) {
            return Ok(0.0);
        }
        let of_transformer = self.transformer.log_score(request.space, &context, trial)?;
        // Both predict the same bin, on the score scale of the transformer.
        let scale = ScoreScale::fit(context.trials.iter().filter_map(|trial| trial.loss));
        let of_gp = modeled.observed().log_bin(&scale, scale.bin(Some(loss)));
        Ok(of_transformer.max(MIN_LOG_PROBABILITY) - of_gp.max(MIN_LOG_PROBABILITY))
    }
}

/// Number of trials that did not fail.
fn finished(request: &Request<'_>) -> usize {
    request.history.iter().filter(|trial| trial.loss.is_some()).count()
}

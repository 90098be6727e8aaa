//! The sampler for models that read one token per value
//! ([`Sequence::Tokens`](crate::model::Sequence::Tokens)), the baseline of the ablation of formats.
//! [`OptiFormerSampler`](super::OptiFormerSampler) is for the embedded model.
//!
//! 1. The history is written as tokens ([`TokenContext`]), in the whole space or in a box around
//!    the best trials.
//! 2. Candidates are drawn from the policy of the model, near the best trials, and quasi-randomly.
//! 3. The model predicts the distribution of each candidate's score, and the candidate with the
//!    largest expected improvement is suggested.
//!
//! Candidates share the keys and values of the history and pass the layers together.

mod backend;
mod policy;
mod ranking;
pub mod token_context;

pub use backend::{LogitsBackend, LogitsBatch};

use alloc::{boxed::Box, format, string::String, sync::Arc, vec::Vec};

use rand::RngExt;
use rand_xoshiro::Xoshiro256PlusPlus;
use token_context::TokenContext;

use super::{Expectation, Explanation, Request, Sampler, Suggestion, tried_set::TriedSet};
use crate::{
    Error, ErrorKind, Result,
    acquisition::{Candidate, CandidateOrigin, Prediction, candidates},
    generation::SamplingOptions,
    math::low_discrepancy::Kronecker,
    model::{Branches, Cache, Model, Workspace},
    space::{Configuration, SearchBox, Space},
    tokenizer::{
        Tokenizer, score,
        sequence::MOST_PARAMETERS,
        vocabulary::{self, Token},
    },
};

/// Options of [`TokenSampler`].
#[derive(Clone, Debug, PartialEq)]
pub struct TokenSamplerOptions {
    /// Number of quasi-random trials before the model is used. Default: 6.
    pub n_startup_trials: usize,
    /// Fraction of each numerical range, around its center, that the startup trials cover. The
    /// first one stays within a tenth. Default: 0.7.
    pub startup_share: f64,
    /// Number of candidates drawn from the policy. Default: 0.
    pub num_policy_candidates: usize,
    /// Number of candidates near the best trials. Default: 6.
    pub num_local_candidates: usize,
    /// Number of quasi-random candidates in the search box. Default: 24.
    pub num_space_candidates: usize,
    /// Number of candidates near the best ranked ones, in each of two rounds. Default: 10.
    pub num_refined_candidates: usize,
    /// Suggests the first draw from the policy without ranking. Default: off.
    pub policy_only: bool,
    /// Makes some suggestions inside a box around the best trials. Default: on.
    pub zoom: bool,
    /// Number of finished trials before the first of these. Default: 14.
    pub zoom_from: usize,
    /// Period of the suggestions that look at the whole space nevertheless; 0 for none. Default: 3.
    pub global_every: u64,
    /// Sampling of the policy's tokens.
    pub sampling: SamplingOptions,
    /// Minimum distance of a candidate from each trial in at least one parameter, as a fraction of
    /// the side of the box; different categories are always far apart. The model cannot resolve
    /// smaller distances, and overestimates the improvement there. Default: 0.2.
    pub min_distance: f64,
    /// Divisor of the logits of scores, in addition to the temperature in the weights file.
    /// Default: 1.
    pub score_temperature: f32,
    /// Number of threads, without influence on the suggestion. Without the standard library there
    /// is one. Default: 1.
    pub threads: usize,
}

impl Default for TokenSamplerOptions {
    fn default() -> Self {
        Self {
            n_startup_trials: 6,
            startup_share: 0.7,
            num_policy_candidates: 0,
            num_local_candidates: 6,
            num_space_candidates: 24,
            num_refined_candidates: 10,
            policy_only: false,
            zoom: true,
            zoom_from: 14,
            global_every: 3,
            sampling: SamplingOptions::default(),
            min_distance: 0.2,
            score_temperature: 1.0,
            threads: 1,
        }
    }
}

/// Maximum number of threads.
const MAX_THREADS: usize = 1024;

/// Maximum number of tokens of a question: two for each parameter, and three.
const MAX_QUESTION_TOKENS: usize = 2 * MOST_PARAMETERS + 3;

/// Number of rounds of refinement, and of the best candidates that are refined.
const ROUNDS: usize = 2;
const PARENTS: usize = 3;

/// Suggests the candidate with the largest expected improvement under a transformer over tokens.
#[derive(Debug)]
pub struct TokenSampler {
    model: Arc<Model>,
    options: TokenSamplerOptions,
    max_tokens: usize,
    /// For contexts in the whole space, and in a box: suggestions alternate between the two, and
    /// each cache keeps its prefix.
    caches: [Cache; 2],
    /// Index of the cache of the current suggestion.
    active_cache: usize,
    branches: Branches,
    workspace: Workspace,
    backend: Option<Box<dyn LogitsBackend>>,
}

impl TokenSampler {
    /// A sampler with a model's weights, which many samplers may share.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`] when the weights were trained with another vocabulary or score
    /// rule, [`ErrorKind::InvalidValue`] for options that leave no candidate or are out of range.
    pub fn new(model: Arc<Model>, options: TokenSamplerOptions) -> Result<Self> {
        let metadata = model.metadata();
        for (what, have, want) in [
            ("vocabulary", &metadata.vocabulary, vocabulary::NAME),
            ("score_rule", &metadata.score_rule, score::RULE),
        ] {
            if have != want {
                let context = format!("the weights have {what} \"{have}\", not \"{want}\"");
                return Err(Error::new(ErrorKind::Unsupported, context));
            }
        }
        options.sampling.check()?;
        let bad = |what: &str| Err(Error::new(ErrorKind::InvalidValue, String::from(what)));
        if !(options.score_temperature > 0.0 && options.score_temperature.is_finite()) {
            return bad("score_temperature must be above 0");
        }
        if options.num_policy_candidates
            + options.num_local_candidates
            + options.num_space_candidates
            == 0
        {
            return bad(
                "num_policy_candidates, num_local_candidates and num_space_candidates are all 0",
            );
        }
        if !(options.min_distance >= 0.0 && options.min_distance < 1.0) {
            return bad("min_distance must be at least 0 and below 1");
        }
        if !(options.startup_share > 0.0 && options.startup_share <= 1.0) {
            return bad("startup_share must be above 0 and at most 1");
        }
        if !(1..=MAX_THREADS).contains(&options.threads) {
            return bad("threads must be between 1 and 1024");
        }
        if options.policy_only && options.num_policy_candidates == 0 {
            return bad("policy_only needs num_policy_candidates of at least 1");
        }
        let max_tokens = metadata.trained_context.min(model.config().max_positions / 2);
        let caches = [(); 2].map(|()| model.cache(max_tokens + MAX_QUESTION_TOKENS));
        let mut workspace = Workspace::new();
        workspace.set_threads(options.threads);
        Ok(Self {
            branches: model.branches(),
            workspace,
            model,
            options,
            max_tokens,
            caches,
            active_cache: 0,
            backend: None,
        })
    }

    /// The weights.
    pub fn model(&self) -> &Arc<Model> {
        &self.model
    }

    /// Sets the engine that ranks candidates in place of the CPU.
    pub fn with_backend(mut self, backend: Box<dyn LogitsBackend>) -> Self {
        self.backend = Some(backend);
        self
    }

    /// The engine that ranks candidates in place of the CPU, if there is one.
    pub fn backend(&self) -> Option<&dyn LogitsBackend> {
        self.backend.as_deref()
    }

    /// The caches of the CPU, for the tests of backends.
    #[cfg(all(test, feature = "gpu"))]
    pub(crate) fn caches(&self) -> &[Cache; 2] {
        &self.caches
    }

    /// Maximum number of tokens of a context.
    pub fn max_context(&self) -> usize {
        self.max_tokens
    }

    /// The suggested candidate, with the expectation of the model if it was ranked.
    fn choose(&mut self, request: &Request<'_>) -> Result<(Candidate, Option<Expectation>)> {
        let tokenizer = Tokenizer::new(request.space)?;
        let tried = TriedSet::new(request);
        if let Some(candidate) = self.startup_trial(request, &tried) {
            return Ok((candidate, None));
        }
        let zoom = self.options.zoom && self.is_zoomed(request);
        let context = TokenContext::new(request, &tokenizer, self.max_tokens, zoom);
        self.active_cache = usize::from(zoom);
        let candidates = self.candidates(request, &tokenizer, &context)?;
        if self.options.policy_only {
            let is_untried = |candidate: &&Candidate| !tried.contains(&candidate.configuration);
            let untried = candidates.iter().find(is_untried).or(candidates.first());
            return Ok((untried.expect("the options ask for at least one").clone(), None));
        }
        let mut offered = self.select_untried(request, &tried, &context, candidates);
        let mut ranked = self.rank(&offered, &tokenizer, &context)?;
        let mut rng = request.rng();
        for _ in 0..if self.options.num_refined_candidates > 0 { ROUNDS } else { 0 } {
            let more = self.refinements(request, &tried, &context, &offered, &ranked, &mut rng);
            ranked.extend(self.rank(&more, &tokenizer, &context)?);
            offered.extend(more);
        }
        let (best, prediction) = ranked
            .into_iter()
            .enumerate()
            .reduce(|best, other| {
                let better = other.1.expected_improvement > best.1.expected_improvement;
                if better { other } else { best }
            })
            .expect("there is at least one candidate");
        let expectation = Expectation::of_score(&prediction, context.incumbent, &context.scale);
        Ok((offered.swap_remove(best), expectation))
    }

    /// The next of the startup trials, unless these are over or it was tried.
    fn startup_trial(&self, request: &Request<'_>, tried: &TriedSet<'_>) -> Option<Candidate> {
        let begun = request.history.len() + request.pending.len();
        if begun >= self.options.n_startup_trials {
            return None;
        }
        let (index, share) = (request.number as u32, self.options.startup_share);
        let share = if begun == 0 && share < 1.0 { share.min(0.1) } else { share };
        let configuration = candidates::central(request.space, index, request.seed, share);
        let candidate = Candidate { configuration, origin: CandidateOrigin::Spread };
        (!tried.contains(&candidate.configuration)).then_some(candidate)
    }

    /// The distinct candidates to rank: untried ones, distant from all trials if there are any;
    /// without untried candidates, the remaining configurations of a small space.
    fn select_untried(
        &self,
        request: &Request<'_>,
        tried: &TriedSet<'_>,
        context: &TokenContext,
        mut candidates: Vec<Candidate>,
    ) -> Vec<Candidate> {
        remove_repeated(&mut candidates);
        let untried: Vec<Candidate> = candidates
            .iter()
            .filter(|candidate| !tried.contains(&candidate.configuration))
            .cloned()
            .collect();
        if untried.is_empty() {
            return remaining(request.space, tried).unwrap_or(candidates);
        }
        let distant = self.distant(request, context, &untried);
        if distant.is_empty() { untried } else { distant }
    }

    /// The candidates with the minimum distance from all trials.
    fn distant(
        &self,
        request: &Request<'_>,
        context: &TokenContext,
        offered: &[Candidate],
    ) -> Vec<Candidate> {
        let trials = taken_units(request);
        let far = |candidate: &&Candidate| {
            let unit = request.space.to_unit(&candidate.configuration);
            trials.iter().all(|trial| {
                !is_close(
                    request.space,
                    &context.search_box,
                    &unit,
                    trial,
                    self.options.min_distance,
                )
            })
        };
        offered.iter().filter(far).cloned().collect()
    }

    /// New candidates near those with the largest expected improvement.
    fn refinements(
        &self,
        request: &Request<'_>,
        tried: &TriedSet<'_>,
        context: &TokenContext,
        offered: &[Candidate],
        ranked: &[Prediction],
        rng: &mut Xoshiro256PlusPlus,
    ) -> Vec<Candidate> {
        let mut order: Vec<usize> = (0..offered.len()).collect();
        let rating = |index: &usize| ranked[*index].expected_improvement;
        order.sort_by(|one, other| rating(other).total_cmp(&rating(one)));
        let parents: Vec<Vec<f64>> = order
            .iter()
            .take(PARENTS)
            .map(|index| request.space.to_unit(&offered[*index].configuration))
            .collect();
        let mut more: Vec<Candidate> = (0..self.options.num_refined_candidates)
            .map(|_| Candidate {
                configuration: candidates::neighbor(
                    request.space,
                    &parents,
                    &context.search_box,
                    rng,
                ),
                origin: CandidateOrigin::Refined,
            })
            .filter(|candidate| {
                offered.iter().all(|other| other.configuration != candidate.configuration)
                    && !tried.contains(&candidate.configuration)
            })
            .collect();
        remove_repeated(&mut more);
        self.distant(request, context, &more)
    }

    /// Whether a suggestion is made inside a box around the best trials.
    fn is_zoomed(&self, request: &Request<'_>) -> bool {
        let finished = request.history.iter().filter(|trial| trial.loss.is_some()).count();
        let whole = self.options.global_every;
        finished >= self.options.zoom_from && (whole == 0 || !request.number.is_multiple_of(whole))
    }

    /// Makes the cache hold exactly these two lists of tokens, reusing the prefix that it has of
    /// them.
    fn fill_cache(&mut self, history: &[Token], more: &[Token]) -> Result<()> {
        let cache = &mut self.caches[self.active_cache];
        let wanted = history.iter().chain(more);
        let common = cache.tokens().iter().zip(wanted).take_while(|(a, b)| a == b).count();
        cache.truncate(common);
        for part in
            [&history[common.min(history.len())..], &more[common.saturating_sub(history.len())..]]
        {
            if !part.is_empty() {
                self.model.extend(cache, part, &mut self.workspace)?;
            }
        }
        Ok(())
    }

    fn candidates(
        &mut self,
        request: &Request<'_>,
        tokenizer: &Tokenizer,
        context: &TokenContext,
    ) -> Result<Vec<Candidate>> {
        let mut rng = request.rng();
        let mut offered = Vec::new();
        let drawn = self.draw_policy(tokenizer, context, &mut rng)?;
        offered.extend(
            drawn
                .into_iter()
                .map(|configuration| Candidate { configuration, origin: CandidateOrigin::Policy }),
        );
        if self.options.policy_only {
            return Ok(offered);
        }
        if !context.best.is_empty() {
            offered.extend((0..self.options.num_local_candidates).map(|_| Candidate {
                configuration: candidates::neighbor(
                    request.space,
                    &context.best,
                    &context.search_box,
                    &mut rng,
                ),
                origin: CandidateOrigin::Neighbor,
            }));
        }
        // Without a best trial quasi-random candidates replace its neighbors.
        let missing = if context.best.is_empty() { self.options.num_local_candidates } else { 0 };
        let sequence = Kronecker::new(request.space.len(), rng.random());
        offered.extend((0..self.options.num_space_candidates + missing).map(|index| Candidate {
            configuration: candidates::spread(
                request.space,
                &context.search_box,
                &sequence,
                index as u32,
            ),
            origin: CandidateOrigin::Spread,
        }));
        Ok(offered)
    }
}

impl Sampler for TokenSampler {
    fn name(&self) -> &'static str {
        "optiformer"
    }

    fn suggest(&mut self, request: &Request<'_>) -> Result<Configuration> {
        Ok(self.choose(request)?.0.configuration)
    }

    fn explain(&mut self, request: &Request<'_>) -> Result<Suggestion> {
        let (Candidate { configuration, origin }, expectation) = self.choose(request)?;
        let explanation = Explanation {
            sampler: self.name(),
            origin,
            expectation,
            transformer_weight: None,
            feasibility: None,
            fallback: None,
        };
        Ok(Suggestion { configuration, explanation })
    }
}

/// The finished and pending trials as points of the unit cube.
fn taken_units(request: &Request<'_>) -> Vec<Vec<f64>> {
    let finished = request.history.iter().map(|observation| &observation.configuration);
    finished.chain(request.pending).map(|trial| request.space.to_unit(trial)).collect()
}

/// Whether two points of the unit cube differ by less than `distance` of the side of the box in
/// every parameter.
fn is_close(
    space: &Space,
    search_box: &SearchBox,
    one: &[f64],
    other: &[f64],
    distance: f64,
) -> bool {
    space.parameters().iter().enumerate().all(|(dimension, parameter)| {
        let (a, b) = (one[dimension], other[dimension]);
        if parameter.domain().is_categorical() {
            a == b
        } else {
            (search_box.normalize(dimension, a) - search_box.normalize(dimension, b)).abs()
                < distance
        }
    })
}

/// Keeps the first of equal candidates.
fn remove_repeated(candidates: &mut Vec<Candidate>) {
    let mut kept: Vec<Candidate> = Vec::with_capacity(candidates.len());
    for candidate in candidates.drain(..) {
        if kept.iter().all(|other| other.configuration != candidate.configuration) {
            kept.push(candidate);
        }
    }
    *candidates = kept;
}

/// At most 64 untried configurations of a finite space; `None` if there are none, or if the space
/// is too large to enumerate.
fn remaining(space: &Space, tried: &TriedSet<'_>) -> Option<Vec<Candidate>> {
    let left = tried.remaining(space)?;
    let stride = left.len().div_ceil(64).max(1);
    let some: Vec<Candidate> = left
        .into_iter()
        .step_by(stride)
        .map(|configuration| Candidate { configuration, origin: CandidateOrigin::Spread })
        .collect();
    (!some.is_empty()).then_some(some)
}

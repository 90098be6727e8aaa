//! The learned sampler of models that read a token a value, as the founding guide has it: the
//! baseline of the ablation of the format. Models that ship are asked by
//! [`OptiFormerSampler`](super::OptiFormerSampler).
//!
//! 1. The history becomes tokens ([`Context`]), the whole space or a box around the best trials.
//! 2. Candidates: drawn from the model's policy, neighbours of the best trials, an even spread.
//! 3. The model's distribution of each candidate's score gives its expected improvement; the best
//!    is suggested.
//!
//! All candidates share the history's keys and values, and go through the weights together.

pub mod context;
#[cfg(feature = "gpu")]
mod gpu_ranking;
mod policy;
mod ranking;

use alloc::{format, string::String, sync::Arc, vec::Vec};

use context::Context;
use rand::RngExt;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::{Expectation, Explanation, Request, Sampler, Suggestion, tried_set::TriedSet};
use crate::{
    Error, ErrorKind, Result,
    acquisition::{Candidate, CandidateOrigin, Prediction, candidates},
    generation::SamplingOptions,
    model::{Branches, Cache, Model, Workspace},
    space::{Configuration, SearchBox, Space},
    tokenizer::{
        Tokenizer, score,
        sequence::MOST_PARAMETERS,
        vocabulary::{self, Token},
    },
};

/// How [`TokenSampler`] makes and chooses candidates.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenSamplerOptions {
    /// The first so many trials are an even spread over the space, before the model is asked.
    pub startup: usize,
    /// Of each numerical parameter's range, the startup spreads over this share around the middle;
    /// its first point over no more than a tenth.
    pub startup_share: f64,
    /// How many candidates are drawn from the policy.
    pub policy: usize,
    /// How many candidates are neighbours of the best trials.
    pub neighbours: usize,
    /// How many candidates are spread evenly over the search box.
    pub spread: usize,
    /// How many candidates are made around the best ranked ones, twice; 0 for none.
    pub refined: usize,
    /// Whether the first candidate of the policy is taken as it is, without ranking.
    pub policy_only: bool,
    /// Whether some suggestions are made inside a box around the best trials.
    pub zoom: bool,
    /// From so many finished trials on.
    pub zoom_from: usize,
    /// Every so many suggestions one looks at the whole space all the same; 0 for none.
    pub whole_every: u64,
    /// How the policy's tokens are drawn.
    pub sampling: SamplingOptions,
    /// Candidates are left out that lie closer than this to a trial in every parameter, as a share
    /// of the box's side: the model cannot tell them from it, and takes what it does not know for
    /// hope. Different choices are never close.
    pub apart: f64,
    /// Divides the score's logits, on top of the temperature that the weights file names.
    pub score_temperature: f32,
    /// Candidates are spread over so many threads; the suggestion is the same for any number.
    /// Without the standard library there is one.
    pub threads: usize,
}

impl Default for TokenSamplerOptions {
    fn default() -> Self {
        Self {
            startup: 6,
            startup_share: 0.7,
            policy: 0,
            neighbours: 6,
            spread: 24,
            refined: 10,
            policy_only: false,
            zoom: true,
            zoom_from: 14,
            whole_every: 3,
            sampling: SamplingOptions::default(),
            apart: 0.2,
            score_temperature: 1.0,
            threads: 1,
        }
    }
}

/// The most threads that may be asked for.
const MOST_THREADS: usize = 1024;

/// Room for a candidate's tokens behind the history's: two for each of the most parameters, and
/// three.
const MOST_QUESTION: usize = 2 * MOST_PARAMETERS + 3;

/// Rounds of candidates around the best ranked ones, and around how many.
const ROUNDS: usize = 2;
const PARENTS: usize = 3;

/// Suggests what a trained transformer expects to improve most.
#[derive(Debug)]
pub struct TokenSampler {
    model: Arc<Model>,
    options: TokenSamplerOptions,
    most_tokens: usize,
    /// Of the search box of the whole space, and of a box: they take turns, and each finds most of
    /// its tokens again.
    caches: [Cache; 2],
    /// Which of them the suggestion is made with.
    looking: usize,
    branches: Branches,
    workspace: Workspace,
    #[cfg(feature = "gpu")]
    gpu: Option<gpu_ranking::GpuRanking>,
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
        if options.policy + options.neighbours + options.spread == 0 {
            return bad("policy, neighbours and spread are all 0: nothing can be suggested");
        }
        if !(options.apart >= 0.0 && options.apart < 1.0) {
            return bad("apart must be at least 0 and below 1");
        }
        if !(options.startup_share > 0.0 && options.startup_share <= 1.0) {
            return bad("startup_share must be above 0 and at most 1");
        }
        if !(1..=MOST_THREADS).contains(&options.threads) {
            return bad("threads must be between 1 and 1024");
        }
        if options.policy_only && options.policy == 0 {
            return bad("policy_only needs policy of at least 1");
        }
        let most_tokens = metadata.trained_context.min(model.config().max_positions / 2);
        let caches = [(); 2].map(|()| model.cache(most_tokens + MOST_QUESTION));
        let mut workspace = Workspace::new();
        workspace.set_threads(options.threads);
        Ok(Self {
            branches: model.branches(),
            workspace,
            model,
            options,
            most_tokens,
            caches,
            looking: 0,
            #[cfg(feature = "gpu")]
            gpu: None,
        })
    }

    /// The weights.
    pub fn model(&self) -> &Arc<Model> {
        &self.model
    }

    /// The candidate that is suggested, and what the model expects of it where it was ranked.
    fn choose(&mut self, request: &Request<'_>) -> Result<(Candidate, Option<Expectation>)> {
        let tokenizer = Tokenizer::new(request.space)?;
        let known = TriedSet::new(request);
        let begun = request.history.len() + request.pending.len();
        if begun < self.options.startup {
            let (index, share) = (request.number as u32, self.options.startup_share);
            let share = if begun == 0 && share < 1.0 { share.min(0.1) } else { share };
            let configuration = candidates::central(request.space, index, request.seed, share);
            let candidate = Candidate { configuration, origin: CandidateOrigin::Spread };
            if !known.contains(&candidate.configuration) {
                return Ok((candidate, None));
            }
        }
        let zoom = self.options.zoom && self.zooms(request);
        let context = Context::new(request, &tokenizer, self.most_tokens, zoom);
        self.looking = usize::from(zoom);
        let mut offered = self.candidates(request, &tokenizer, &context)?;
        if self.options.policy_only {
            let mut drawn = offered.into_iter();
            let first = drawn.next().expect("the options ask for at least one");
            let candidate = core::iter::once(first.clone())
                .chain(drawn)
                .find(|candidate| !known.contains(&candidate.configuration))
                .unwrap_or(first);
            return Ok((candidate, None));
        }
        remove_repeated(&mut offered);
        let fresh: Vec<Candidate> = offered
            .iter()
            .filter(|candidate| !known.contains(&candidate.configuration))
            .cloned()
            .collect();
        if !fresh.is_empty() {
            let apart = self.apart(request, &context, &fresh);
            offered = if apart.is_empty() { fresh } else { apart };
        } else if let Some(left) = left(request.space, &known) {
            offered = left;
        }
        let mut ranked = self.rank(&offered, &tokenizer, &context)?;
        let mut rng = request.rng();
        for _ in 0..if self.options.refined > 0 { ROUNDS } else { 0 } {
            let more = self.refinements(request, &known, &context, &offered, &ranked, &mut rng);
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

    /// Those candidates that the model can tell from all trials.
    fn apart(
        &self,
        request: &Request<'_>,
        context: &Context,
        offered: &[Candidate],
    ) -> Vec<Candidate> {
        let trials = taken_units(request);
        let far = |candidate: &&Candidate| {
            let unit = request.space.to_unit(&candidate.configuration);
            trials.iter().all(|trial| {
                !is_close(request.space, &context.search_box, &unit, trial, self.options.apart)
            })
        };
        offered.iter().filter(far).cloned().collect()
    }

    /// New candidates around those with the largest expected improvement.
    fn refinements(
        &self,
        request: &Request<'_>,
        known: &TriedSet,
        context: &Context,
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
        let mut more: Vec<Candidate> = (0..self.options.refined)
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
                    && !known.contains(&candidate.configuration)
            })
            .collect();
        remove_repeated(&mut more);
        self.apart(request, context, &more)
    }

    /// Whether a trial is asked for inside a box, once there is something to zoom in on.
    fn zooms(&self, request: &Request<'_>) -> bool {
        let finished = request.history.iter().filter(|trial| trial.loss.is_some()).count();
        let whole = self.options.whole_every;
        finished >= self.options.zoom_from && (whole == 0 || !request.number.is_multiple_of(whole))
    }

    /// Brings the cache to hold exactly these tokens, one list behind the other; what it has of
    /// them already is kept.
    fn show(&mut self, history: &[Token], more: &[Token]) -> Result<()> {
        let cache = &mut self.caches[self.looking];
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
        context: &Context,
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
            offered.extend((0..self.options.neighbours).map(|_| Candidate {
                configuration: candidates::neighbor(
                    request.space,
                    &context.best,
                    &context.search_box,
                    &mut rng,
                ),
                origin: CandidateOrigin::Neighbor,
            }));
        }
        // Without a best trial there are no neighbours: the spread takes their place.
        let missing = if context.best.is_empty() { self.options.neighbours } else { 0 };
        let seed = rng.random::<u64>();
        offered.extend((0..self.options.spread + missing).map(|index| Candidate {
            configuration: candidates::spread(
                request.space,
                &context.search_box,
                index as u32,
                seed,
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
        let explanation =
            Explanation { sampler: self.name(), origin, expectation, transformer_weight: None };
        Ok(Suggestion { configuration, explanation })
    }
}

/// The finished and pending trials as points of the unit cube.
fn taken_units(request: &Request<'_>) -> Vec<Vec<f64>> {
    let finished = request.history.iter().map(|observation| &observation.configuration);
    finished.chain(request.pending).map(|trial| request.space.to_unit(trial)).collect()
}

/// Whether two points of the unit cube differ by less than `apart` of the box's side in every
/// parameter.
fn is_close(space: &Space, search_box: &SearchBox, one: &[f64], other: &[f64], apart: f64) -> bool {
    space.parameters().iter().enumerate().all(|(dimension, parameter)| {
        let (a, b) = (one[dimension], other[dimension]);
        if parameter.domain().is_categorical() {
            a == b
        } else {
            (search_box.normalize(dimension, a) - search_box.normalize(dimension, b)).abs() < apart
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

/// What is left of a finite space, at most 64 configurations; `None` when nothing is, or the space
/// is too large to list.
fn left(space: &Space, known: &TriedSet) -> Option<Vec<Candidate>> {
    let left = known.remaining(space)?;
    let stride = left.len().div_ceil(64).max(1);
    let some: Vec<Candidate> = left
        .into_iter()
        .step_by(stride)
        .map(|configuration| Candidate { configuration, origin: CandidateOrigin::Spread })
        .collect();
    (!some.is_empty()).then_some(some)
}

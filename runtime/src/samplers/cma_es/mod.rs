//! The covariance matrix adaptation evolution strategy.

mod categorical;
mod distribution;
mod layout;
mod margin;
mod options;
mod samples;
mod search;
mod strategy;

pub use options::CmaEsOptions;

use alloc::vec::Vec;

use self::search::Search;
use super::{Request, Sampler, SobolSampler, history_cache::HistoryCache};
use crate::{Result, space::Configuration};

/// CMA-ES with margin: a normal distribution that moves, grows and turns towards what works.
///
/// It searches the unit cube of the space in generations of λ trials. After each, the mean moves to
/// the weighted mean of the better half, the covariance stretches along the directions in which
/// trials succeeded and shrinks along those in which they failed (active CMA), and a step length
/// grows while the mean keeps its course. It is invariant under rotations of the numerical
/// parameters and under monotone transformations of the objective.
///
/// - The first trial is a point of an even spread, and the search starts in the middle of the
///   space. After trials that others made (another sampler, the user) it starts at the best of
///   them: the more there are, the smaller the first step.
/// - Ints and steps have a margin: their neighboring values keep a probability, however small the
///   step has become.
/// - Categorical parameters have independent probabilities that follow the best trials of each
///   generation.
/// - An inactive parameter drifts at random: its draws are ranked by what they had no part in.
/// - Failed trials rank last and never pull the mean; after a generation of nothing else the search
///   starts elsewhere.
/// - Trials in a generation that came from elsewhere take part in it, by their place and not
///   farther than a long draw would be.
/// - What is drawn beyond a bound is tried at the bound. The mean stays inside.
/// - A run that has converged is followed by one elsewhere with a larger population (IPOP).
///
/// The generations are found again from the history, so that a study that is resumed goes on as
/// before.
///
/// N. Hansen, The CMA Evolution Strategy: A Tutorial, arXiv:1604.00772v2 (2023); R. Hamano et al.,
/// CMA-ES with Margin, GECCO 2022; A. Auger, N. Hansen, A Restart CMA Evolution Strategy With
/// Increasing Population Size, CEC 2005.
#[derive(Clone, Debug, Default)]
pub struct CmaEsSampler {
    options: CmaEsOptions,
    cache: Option<Cache>,
}

/// What was worked out for a request, to go on from with the next one.
#[derive(Clone, Debug)]
struct Cache {
    seed: u64,
    history_cache: HistoryCache,
    /// What the last generations led to, oldest first, for when a trial is put in between those
    /// that were there.
    checkpoints: Vec<Checkpoint>,
}

/// The search after some trials.
#[derive(Clone, Debug)]
struct Checkpoint {
    search: Search,
    /// The best trial before the search began.
    best: Option<usize>,
    /// Whether a trial of the search itself was seen.
    has_started: bool,
    /// So many trials, and nothing beyond them, led here.
    seen: usize,
}

/// Generations that can be gone back to: parallel trials finish out of order, but seldom so late.
const MAX_CHECKPOINTS: usize = 4;

impl CmaEsSampler {
    /// A sampler with these options.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidValue`](crate::ErrorKind::InvalidValue), naming the option.
    pub fn new(options: CmaEsOptions) -> Result<Self> {
        options.check()?;
        Ok(Self { options, cache: None })
    }

    /// The options.
    pub fn options(&self) -> &CmaEsOptions {
        &self.options
    }

    /// The search that the history leads to.
    ///
    /// It began before the first trial that it would have made itself: after its first trial, or
    /// after 30 of another sampler. Where there is no such trial, it begins now.
    fn search(&mut self, request: &Request<'_>) -> (&Search, &HistoryCache) {
        let Request { space, history, .. } = *request;
        let reusable = self.cache.take().filter(|cache| cache.seed == request.seed);
        let mut cache = reusable.unwrap_or_else(|| Cache {
            seed: request.seed,
            history_cache: HistoryCache::default(),
            checkpoints: Vec::new(),
        });
        let same = cache.history_cache.sync(space, history);
        cache.checkpoints.retain(|checkpoint| checkpoint.seen <= same);
        let better = |best: Option<usize>, other: usize| match (best, history[other].loss) {
            (Some(at), Some(loss)) if history[at].loss.is_some_and(|least| loss >= least) => best,
            (_, None) => best,
            _ => Some(other),
        };
        let begin = |start, best| {
            let search = Search::new(&self.options, request, start, best);
            Checkpoint { search, best, has_started: false, seen: start }
        };
        let mut checkpoint = cache.checkpoints.pop().unwrap_or_else(|| {
            let start = self.options.n_startup_trials;
            begin(start, (0..start).fold(None, better))
        });
        while !checkpoint.has_started && checkpoint.search.start() < history.len() {
            let start = checkpoint.search.start();
            if checkpoint.search.generated(space, &history[start].configuration) {
                checkpoint.has_started = true;
                checkpoint.seen = start + 1;
            } else {
                checkpoint = begin(start + 1, better(checkpoint.best, start));
            }
        }
        while checkpoint.search.start() + checkpoint.search.population() <= history.len() {
            if cache.checkpoints.len() + 1 == MAX_CHECKPOINTS {
                cache.checkpoints.remove(0);
            }
            cache.checkpoints.push(checkpoint.clone());
            checkpoint.search.advance(&self.options, request);
            checkpoint.seen = checkpoint.seen.max(checkpoint.search.start());
        }
        cache.checkpoints.push(checkpoint);
        let Cache { history_cache, checkpoints, .. } = self.cache.insert(cache);
        (&checkpoints[checkpoints.len() - 1].search, history_cache)
    }
}

impl Sampler for CmaEsSampler {
    fn name(&self) -> &'static str {
        "cma_es"
    }

    fn suggest(&mut self, request: &Request<'_>) -> Result<Configuration> {
        if request.history.len() < self.options.n_startup_trials {
            return SobolSampler.suggest(request);
        }
        let (search, history_cache) = self.search(request);
        let position = request.history.len() - search.start() + request.pending.len();
        Ok(search.propose(request.space, position, |configuration| {
            history_cache.contains(configuration) || request.pending.contains(configuration)
        }))
    }
}

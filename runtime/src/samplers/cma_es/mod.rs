//! The covariance matrix adaptation evolution strategy.

mod categorical;
mod covariance;
mod distribution;
mod layout;
mod margin;
mod options;
mod samples;
mod search;
mod strategy;

pub use options::CmaEsOptions;

use alloc::vec::Vec;

use self::{layout::Layout, search::Search};
use super::{
    Fallback, Request, Sampler, SobolSampler, Suggestion, history_cache::HistoryCache,
    merit::GrowingOrder,
};
use crate::{Result, acquisition::CandidateOrigin, space::Configuration};

/// CMA-ES with margin, restarts and categorical parameters.
///
/// The search distribution is a normal distribution over the unit cube, sampled in generations of λ
/// trials. After each generation the mean moves to the weighted mean of the better half. The
/// covariance grows along successful directions and shrinks along unsuccessful ones (active CMA),
/// and σ adapts by cumulative step-size adaptation. The search is invariant under rotations of the
/// numerical parameters and under monotone transformations of the objective.
///
/// - The first trial is a Sobol point, and the search starts in the middle of the space. After
///   trials from elsewhere (another sampler, the user) it starts at the best of them, with a σ that
///   shrinks with their number.
/// - Ints and steps have a margin: neighboring values keep a probability, however small σ has
///   become.
/// - Categorical parameters have independent probabilities that move toward the best trials of
///   each generation.
/// - The coordinate of an inactive parameter drifts at random, because its rank does not depend on
///   it.
/// - Under constraints trials rank by Deb's rules: feasible ones by their losses, then infeasible
///   ones by how much they violate.
/// - Failed trials rank last and do not attract the mean; after a generation of failures the search
///   restarts elsewhere.
/// - Trials from elsewhere take part in the generation (injection), at a clipped distance.
/// - Samples beyond a bound are tried at the bound, and the mean stays inside.
/// - With more than 80 parameters the covariance is diagonal (sep-CMA-ES), and samples are
///   independent instead of orthogonal, so that a generation costs its samples and no more.
/// - A converged run is followed by one elsewhere with a larger population (IPOP).
///
/// The generations are reconstructed from the history, so a resumed study continues unchanged.
///
/// N. Hansen, The CMA Evolution Strategy: A Tutorial, arXiv:1604.00772v2 (2023); R. Hamano et al.,
/// CMA-ES with Margin, GECCO 2022; R. Ros, N. Hansen, A Simple Modification in CMA-ES Achieving
/// Linear Time and Space Complexity, PPSN 2008; A. Auger, N. Hansen, A Restart CMA Evolution
/// Strategy With Increasing Population Size, CEC 2005.
#[derive(Clone, Debug, Default)]
pub struct CmaEsSampler {
    options: CmaEsOptions,
    cache: Option<Cache>,
}

/// State derived from a request, to continue from with the next one.
#[derive(Clone, Debug)]
struct Cache {
    seed: u64,
    history_cache: HistoryCache,
    /// The search after each of the last generations, oldest first, for trials that are inserted
    /// late.
    checkpoints: Vec<Checkpoint>,
}

/// The search after a prefix of the history.
#[derive(Clone, Debug)]
struct Checkpoint {
    search: Search,
    /// Best trial before the search began.
    best: Option<usize>,
    /// Whether a trial of the search itself was found.
    has_started: bool,
    /// Length of the prefix that led here.
    seen: usize,
}

/// Number of checkpoints: parallel trials finish out of order, but rarely later than this.
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

    /// The options of this sampler.
    pub fn options(&self) -> &CmaEsOptions {
        &self.options
    }

    /// The search at the end of the history.
    ///
    /// It begins before the first trial that it would have suggested itself: after its first trial,
    /// or after 30 of another sampler. Without such a trial it begins now.
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
        let mut orders = GrowingOrder::default();
        let mut better = |best: Option<usize>, other: usize| {
            let order = orders.of(&history[..=other]);
            let merit = |index: usize| order.merit(&history[index]);
            match best {
                _ if merit(other).is_failed() => best,
                Some(at) if !merit(other).is_better(&merit(at)) => best,
                _ => Some(other),
            }
        };
        let begin = |start, best| {
            let search = Search::new(&self.options, request, start, best);
            Checkpoint { search, best, has_started: false, seen: start }
        };
        let mut checkpoint = cache.checkpoints.pop().unwrap_or_else(|| {
            let start = self.options.n_startup_trials;
            begin(start, (0..start).fold(None, &mut better))
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

    fn explain(&mut self, request: &Request<'_>) -> Result<Suggestion> {
        let fallback =
            Layout::new(request.space).is_large().then_some(Fallback::DiagonalCovariance);
        let configuration = self.suggest(request)?;
        let suggestion = Suggestion::plain(configuration, self.name(), CandidateOrigin::Draw);
        Ok(suggestion.with_fallback(fallback))
    }
}

//! The default sampler, which delegates each trial to another one.

mod options;
mod rating;
mod stack;

pub use options::AutoOptions;

use alloc::sync::Arc;

use self::stack::Stack;
use super::{
    GpSampler, LocalSearchSampler, Ranking, Request, Sampler, Suggestion, TpeSampler,
    optiformer::check_model, tried_set::TriedSet,
};
use crate::{ErrorKind, Result, model::Model, space::Configuration};

/// Delegates each trial to the sampler that is best at its stage of a study; the default choice.
///
/// The number of the trial alone decides which sampler it is delegated to, and each sampler uses
/// the whole history. In a range of numbers the trials of the Gaussian process are ranked by a
/// stack of the process and the transformer, if there is a model that can read the space. Its
/// candidates come from both, from local search and from the neighborhood of the best trials. They
/// are rated by the expected improvement under both, weighted by how well each has predicted the
/// finished trials, or, with a model that reads the predictions of the process, by its gate. The
/// defaults of [`AutoOptions`] were chosen on validation problems, which are not part of the
/// reported results.
///
/// Under constraints all of these know them: the ratings of the stack are weighed by the process's
/// probability that all hold, and while no trial is feasible the process takes its place.
///
/// [`default`](Self::default) uses the embedded model in a build with the feature `pico`.
#[derive(Debug)]
pub struct AutoSampler {
    options: AutoOptions,
    stack: Option<Stack>,
    gp: GpSampler,
    local_search: LocalSearchSampler,
    tpe: TpeSampler,
}

/// The sampler that a trial is delegated to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Delegate {
    Stack,
    Gp,
    LocalSearch,
    Tpe,
}

impl Default for AutoSampler {
    fn default() -> Self {
        #[cfg(feature = "pico")]
        let model = Model::shared_pico().ok();
        #[cfg(not(feature = "pico"))]
        let model = None;
        Self::new(model, AutoOptions::default()).unwrap_or_else(|_| Self::without_model())
    }
}

impl AutoSampler {
    /// A sampler with these options. Without a model, the Gaussian process replaces the stack.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) for weights of another sequence,
    /// vocabulary or score rule; [`ErrorKind::InvalidValue`](crate::ErrorKind::InvalidValue) for
    /// options out of range.
    pub fn new(model: Option<Arc<Model>>, options: AutoOptions) -> Result<Self> {
        options.check()?;
        if let Some(model) = &model {
            check_model(model)?;
        }
        Ok(Self { options, stack: model.map(Stack::new), ..Self::without_model() })
    }

    fn without_model() -> Self {
        Self {
            options: AutoOptions::default(),
            stack: None,
            gp: GpSampler::default(),
            local_search: LocalSearchSampler::default(),
            tpe: TpeSampler::default(),
        }
    }

    /// The options.
    pub fn options(&self) -> &AutoOptions {
        &self.options
    }

    /// The sampler of trial `number`, if the stack is available.
    fn delegate(&self, number: u64) -> Delegate {
        let AutoOptions {
            local_until,
            refine_from,
            refine_every,
            long_from,
            long_every,
            stack_from,
            stack_until,
            ..
        } = self.options;
        let is_scheduled = |from: u64, every: u64| {
            every > 0 && number >= from && (number - from) % every == every - 1
        };
        let in_range = (stack_from..stack_until).contains(&number);
        let is_early = number < local_until && !(in_range && self.stack.is_some());
        if is_early || is_scheduled(refine_from, refine_every) {
            Delegate::LocalSearch
        } else if is_scheduled(long_from, long_every) {
            Delegate::Tpe
        } else if in_range {
            Delegate::Stack
        } else {
            Delegate::Gp
        }
    }

    /// The suggestion of the stack. Where it cannot rank, local search replaces it in the first
    /// trials and the Gaussian process later.
    fn explain_stack(&mut self, request: &Request<'_>) -> Result<Suggestion> {
        let Some(stack) = self.stack.as_mut().filter(|stack| stack.can_rank(request)) else {
            return if request.number < self.options.local_until {
                self.local_search.explain(request)
            } else {
                self.gp.explain(request)
            };
        };
        let step = self.local_search.suggest(request)?;
        match stack.explain(request, &mut self.gp, step, &self.options) {
            // The covariance is singular; the process alone suggests a quasi-random point.
            Err(error) if error.kind() == ErrorKind::Unsupported => self.gp.explain(request),
            suggestion => suggestion,
        }
    }
}

impl Sampler for AutoSampler {
    fn name(&self) -> &'static str {
        "auto"
    }

    fn suggest(&mut self, request: &Request<'_>) -> Result<Configuration> {
        Ok(self.explain(request)?.configuration)
    }

    fn explain(&mut self, request: &Request<'_>) -> Result<Suggestion> {
        match self.delegate(request.number) {
            Delegate::Stack => self.explain_stack(request),
            Delegate::Gp => self.gp.explain(request),
            Delegate::LocalSearch => self.local_search.explain(request),
            Delegate::Tpe => {
                let suggestion = self.tpe.explain(request)?;
                if TriedSet::new(request).contains(&suggestion.configuration) {
                    return self.gp.explain(request);
                }
                Ok(suggestion)
            }
        }
    }

    /// Ranks by the Gaussian process; among the first trials, from the second success on, the best
    /// 256 of them by the stack, where it can read the space.
    fn choose(&mut self, request: &Request<'_>, candidates: &[Configuration]) -> Result<Ranking> {
        let ranking = self.gp.choose(request, candidates)?;
        let is_early = request.number < self.options.stack_until;
        match self.stack.as_mut().filter(|stack| is_early && stack.can_rank(request)) {
            Some(stack) if ranking.sampler == self.gp.name() => {
                let unranked = ranking.clone();
                match stack.choose(request, &mut self.gp, ranking, candidates, &self.options) {
                    // A covariance is singular.
                    Err(error) if error.kind() == ErrorKind::Unsupported => Ok(unranked),
                    ranking => ranking,
                }
            }
            _ => Ok(ranking),
        }
    }
}

#[cfg(test)]
mod tests;

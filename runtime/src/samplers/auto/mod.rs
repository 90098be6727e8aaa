//! The best mixture of samplers that was found.

mod options;
mod stack;

pub use options::AutoOptions;

use alloc::sync::Arc;

use self::stack::Stack;
use super::{
    GpSampler, LocalSearchSampler, Request, Sampler, Suggestion, TpeSampler,
    optiformer::check_model, tried_set::TriedSet,
};
use crate::{ErrorKind, Result, model::Model, space::Configuration};

/// Asks other samplers, each where it is best: what to use where nothing speaks for another.
///
/// Which one is asked depends on the number of the trial alone, and all of them look at the whole
/// history, whoever made it. Trials that the Gaussian process is asked for are ranked by a stack of
/// the process and the transformer, where there is a model that can read the space: candidates from
/// both, from local search and from near the best trials, rated by the expected improvement under
/// both, each weighted by how well it has predicted the trials told so far. The defaults of
/// [`AutoOptions`] were chosen by measurement on problems that nothing is reported on.
///
/// [`default`](Self::default) has the embedded model in a build with the feature `pico`.
#[derive(Debug)]
pub struct AutoSampler {
    options: AutoOptions,
    stack: Option<Stack>,
    gp: GpSampler,
    local_search: LocalSearchSampler,
    tpe: TpeSampler,
}

/// Who is asked for a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Choice {
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
    /// A mixture with these options; without a model, the stack's trials are the Gaussian
    /// process's.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) when the weights were trained with
    /// another sequence, vocabulary or score rule;
    /// [`ErrorKind::InvalidValue`](crate::ErrorKind::InvalidValue) for options out of range.
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

    /// Who is asked for trial `number`, while the stack can be.
    fn choice(&self, number: u64) -> Choice {
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
        if number < local_until || is_scheduled(refine_from, refine_every) {
            Choice::LocalSearch
        } else if is_scheduled(long_from, long_every) {
            Choice::Tpe
        } else if (stack_from..stack_until).contains(&number) {
            Choice::Stack
        } else {
            Choice::Gp
        }
    }

    /// What the stack suggests; the process where it cannot be asked.
    fn ask_stack(&mut self, request: &Request<'_>) -> Result<Suggestion> {
        let Some(stack) = self.stack.as_mut().filter(|stack| stack.can_rank(request)) else {
            return self.gp.explain(request);
        };
        let step = self.local_search.suggest(request)?;
        match stack.explain(request, &mut self.gp, step, &self.options) {
            // The process cannot be factored: it suggests an even spread by itself.
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
        match self.choice(request.number) {
            Choice::Stack => self.ask_stack(request),
            Choice::Gp => self.gp.explain(request),
            Choice::LocalSearch => self.local_search.explain(request),
            Choice::Tpe => {
                let suggestion = self.tpe.explain(request)?;
                if TriedSet::new(request).contains(&suggestion.configuration) {
                    return self.gp.explain(request);
                }
                Ok(suggestion)
            }
        }
    }
}

#[cfg(test)]
mod tests;

//! The best mixture of samplers that was found.

mod options;

pub use options::AutoOptions;

use alloc::sync::Arc;

use super::{
    GpSampler, LocalSearchSampler, OptiFormerOptions, OptiFormerSampler, Request, Sampler,
    Suggestion, TpeSampler,
};
use crate::{ErrorKind, Result, model::Model, space::Configuration};

/// Asks other samplers, each where it is best: what to use where nothing speaks for another.
///
/// Which one is asked depends on the number of the trial alone, and all of them look at the whole history, whoever made it.
/// The defaults of [`AutoOptions`] were chosen by measurement on problems that nothing is reported on.
///
/// The default is without a model.
#[derive(Debug, Default)]
pub struct AutoSampler {
    options: AutoOptions,
    learned: Option<OptiFormerSampler>,
    process: GpSampler,
    local: LocalSearchSampler,
    parzen: TpeSampler,
}

/// Who is asked for a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    Learned,
    Process,
    Local,
    Parzen,
}

impl AutoSampler {
    /// A mixture with these options; without a model, the learned sampler's trials are the Gaussian process's.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidValue`](crate::ErrorKind::InvalidValue), naming the option; those of [`OptiFormerSampler::new`].
    pub fn new(model: Option<Arc<Model>>, options: AutoOptions) -> Result<Self> {
        options.check()?;
        let learned = model
            .map(|model| OptiFormerSampler::new(model, OptiFormerOptions::default()))
            .transpose()?;
        Ok(Self {
            options,
            learned,
            process: GpSampler::default(),
            local: LocalSearchSampler::default(),
            parzen: TpeSampler::default(),
        })
    }

    /// The options.
    pub fn options(&self) -> &AutoOptions {
        &self.options
    }

    fn turn(&self, number: u64) -> Turn {
        let AutoOptions { learned_until, refine_from, refine_every, long_from, long_every } =
            self.options;
        let falls = |from: u64, every: u64| {
            every > 0 && number >= from && (number - from) % every == every - 1
        };
        if number < learned_until && self.learned.is_some() {
            Turn::Learned
        } else if falls(refine_from, refine_every) {
            Turn::Local
        } else if falls(long_from, long_every) {
            Turn::Parzen
        } else {
            Turn::Process
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
        match self.turn(request.number) {
            Turn::Learned => {
                let learned =
                    self.learned.as_mut().expect("a turn of the learned sampler needs one");
                match learned.explain(request) {
                    // A space that the vocabulary cannot say.
                    Err(error) if error.kind() == ErrorKind::Unsupported => {
                        self.process.explain(request)
                    }
                    suggestion => suggestion,
                }
            }
            Turn::Process => self.process.explain(request),
            Turn::Local => self.local.explain(request),
            Turn::Parzen => self.parzen.explain(request),
        }
    }
}

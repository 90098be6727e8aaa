use alloc::format;

use crate::{Error, ErrorKind, Result};

/// What can be chosen about [`AutoSampler`](super::AutoSampler).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct AutoOptions {
    /// The learned sampler is asked for the trials with numbers below this, where there is a model; 0 for none. Default 0.
    pub learned_until: u64,
    /// From this number on, local search is asked for some of the trials. Default 15.
    pub refine_from: u64,
    /// For every so many of them one; 0 for none. Default 2.
    pub refine_every: u64,
    /// From this number on, the tree-structured Parzen estimator is asked for some of the trials: it looks where the process, which sees a part of a long history, does not. Default 200.
    pub long_from: u64,
    /// For every so many of them one; 0 for none. Default 0.
    pub long_every: u64,
}

impl Default for AutoOptions {
    fn default() -> Self {
        Self { learned_until: 0, refine_from: 15, refine_every: 2, long_from: 200, long_every: 0 }
    }
}

impl AutoOptions {
    pub(super) fn check(&self) -> Result<()> {
        if self.refine_every == 1 && self.long_every > 0 && self.refine_from <= self.long_from {
            let context = format!(
                "auto option \"long_every\": {} has no effect, as refine_every is 1",
                self.long_every
            );
            return Err(Error::new(ErrorKind::InvalidValue, context));
        }
        Ok(())
    }
}

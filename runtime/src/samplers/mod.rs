//! Everything that suggests: one trait, and the samplers behind it.

#[cfg(feature = "classical")]
mod auto;
mod by_name;
#[cfg(feature = "classical")]
mod cma_es;
#[cfg(feature = "classical")]
mod gp;
#[cfg(feature = "classical")]
mod history_cache;
#[cfg(feature = "classical")]
mod local_search;
pub(crate) mod low_discrepancy;
pub mod optiformer;
mod random;
#[cfg(feature = "classical")]
mod sobol;
mod suggestion;
#[cfg(feature = "classical")]
mod tpe;
mod tried_set;

#[cfg(feature = "classical")]
pub use auto::{AutoOptions, AutoSampler};
pub use by_name::{NAMES, by_name};
#[cfg(feature = "classical")]
pub use cma_es::{CmaEsOptions, CmaEsSampler};
#[cfg(feature = "classical")]
pub use gp::{GpOptions, GpSampler, Warp};
#[cfg(feature = "classical")]
pub use local_search::{LocalSearchOptions, LocalSearchSampler};
pub use optiformer::{OptiFormerOptions, OptiFormerSampler};
pub use random::RandomSampler;
#[cfg(feature = "classical")]
pub use sobol::SobolSampler;
pub use suggestion::{Expectation, Explanation, Suggestion};
#[cfg(feature = "classical")]
pub use tpe::{TpeOptions, TpeSampler};

use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::{
    Result,
    space::{Configuration, Space},
    trial::Observation,
};
pub use crate::{acquisition::CandidateOrigin, generation::SamplingOptions};

/// What a sampler is asked: everything it may depend on.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// What may be tried.
    pub space: &'a Space,
    /// The finished trials, in the order they were asked. Their configurations are legal in
    /// `space`.
    pub history: &'a [Observation],
    /// Trials handed out and not finished.
    pub pending: &'a [Configuration],
    /// The number of the trial that is asked for, counted from 0 over the whole study.
    pub number: u64,
    /// The study's seed.
    pub seed: u64,
}

impl Request<'_> {
    /// A random number generator for this trial, the same whenever the seed and the number are.
    pub fn rng(&self) -> Xoshiro256PlusPlus {
        // Two rounds of seeding keep neighboring (seed, number) pairs apart.
        Xoshiro256PlusPlus::seed_from_u64(
            self.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(32)
                ^ self.number.wrapping_mul(0xD1B5_4A32_D192_ED03),
        )
    }
}

/// Proposes the next trial.
///
/// A suggestion depends on the request alone: a sampler may cache, but the cache must not change
/// what it says. So a study that is stopped and resumed goes on as if it had not been.
pub trait Sampler {
    /// The sampler's name, as `--sampler` takes it.
    fn name(&self) -> &'static str;

    /// The next configuration to try; legal in `request.space`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) for a space that the sampler
    /// cannot search, [`ErrorKind::Exhausted`](crate::ErrorKind::Exhausted) where it never repeats
    /// itself and everything has been tried.
    fn suggest(&mut self, request: &Request<'_>) -> Result<Configuration>;

    /// The same, with the reasons for it.
    ///
    /// # Errors
    ///
    /// Those of [`suggest`](Self::suggest).
    fn explain(&mut self, request: &Request<'_>) -> Result<Suggestion> {
        Ok(Suggestion::plain(self.suggest(request)?, self.name(), CandidateOrigin::Draw))
    }
}

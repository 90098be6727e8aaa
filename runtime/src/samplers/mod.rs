//! The [`Sampler`] trait and its implementations.

#[cfg(feature = "classical")]
mod auto;
mod by_name;
#[cfg(feature = "classical")]
mod cma_es;
#[cfg(feature = "classical")]
mod constraint_values;
pub(crate) mod fidelity;
#[cfg(feature = "classical")]
mod gp;
#[cfg(feature = "classical")]
mod grid;
mod history_cache;
#[cfg(feature = "classical")]
mod hyperband;
#[cfg(feature = "classical")]
mod influence;
#[cfg(feature = "classical")]
mod local_search;
mod merit;
pub mod optiformer;
mod permitted;
#[cfg(feature = "classical")]
mod projection;
mod random;
mod ranking;
#[cfg(feature = "classical")]
mod sobol;
mod suggestion;
pub mod token_sampler;
#[cfg(feature = "classical")]
mod tpe;
pub(crate) mod tried_set;

#[cfg(feature = "classical")]
pub use auto::{AutoOptions, AutoSampler};
pub use by_name::{
    DEFAULT, MULTI_FIDELITY, NAMES, TRANSFORMER, by_name, by_name_with, check_model, transformer,
};
#[cfg(feature = "classical")]
pub use cma_es::{CmaEsOptions, CmaEsSampler};
#[cfg(feature = "classical")]
pub use gp::{GpOptions, GpPrediction, GpSampler, LossDistribution, ScoreBins, TargetWarp};
#[cfg(feature = "classical")]
pub use grid::{GridOptions, GridOrder, GridSampler};
#[cfg(feature = "classical")]
pub use hyperband::{HyperbandOptions, HyperbandSampler};
#[cfg(feature = "classical")]
pub use local_search::{LocalSearchOptions, LocalSearchSampler};
pub use optiformer::{
    AdaptationOptimizer, AdaptationOptions, AdaptationScores, OptiFormerOptions, OptiFormerSampler,
};
pub use permitted::explain_permitted;
pub use random::RandomSampler;
pub use ranking::Ranking;
#[cfg(feature = "classical")]
pub use sobol::SobolSampler;
pub use suggestion::{Expectation, Explanation, Fallback, Suggestion};
pub use token_sampler::{LogitsBackend, LogitsBatch, TokenSampler, TokenSamplerOptions};
#[cfg(feature = "classical")]
pub use tpe::{TpeOptions, TpeSampler};

use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;

use alloc::string::String;

use crate::{
    Result,
    space::{Configuration, Space},
    trial::Observation,
};
pub use crate::{acquisition::CandidateOrigin, generation::SamplingOptions};

/// Everything that a suggestion may depend on.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The search space.
    pub space: &'a Space,
    /// The finished trials, in the order they were asked. Their configurations are legal in
    /// `space`.
    pub history: &'a [Observation],
    /// Configurations of trials that have not finished.
    pub pending: &'a [Configuration],
    /// Number of the requested trial, counted from 0 over the whole study.
    pub number: u64,
    /// The study's seed.
    pub seed: u64,
}

impl Request<'_> {
    /// The random number generator of this trial: a function of seed and number.
    pub fn rng(&self) -> Xoshiro256PlusPlus {
        // The two multipliers keep neighboring (seed, number) pairs apart.
        Xoshiro256PlusPlus::seed_from_u64(
            self.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(32)
                ^ self.number.wrapping_mul(0xD1B5_4A32_D192_ED03),
        )
    }
}

/// A strategy that suggests the next configuration.
///
/// A suggestion is a function of the request: a sampler may cache, and the cache changes no
/// suggestion. A study that is stopped and resumed therefore continues as if it had not stopped.
pub trait Sampler {
    /// The sampler's name, as in [`by_name`].
    fn name(&self) -> &'static str;

    /// The sampler's name with the options that [`by_name`] can set and that differ from the
    /// defaults, as it takes them. A study file records it.
    fn spec(&self) -> String {
        String::from(self.name())
    }

    /// Suggests the next configuration, legal in `request.space`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) for a space that the sampler
    /// cannot search, [`ErrorKind::Exhausted`](crate::ErrorKind::Exhausted) where it never repeats
    /// itself and everything has been tried.
    fn suggest(&mut self, request: &Request<'_>) -> Result<Configuration>;

    /// Whether the sampler sets the [fidelity](crate::space::Parameter::fidelity) of a space. A
    /// study lets the other samplers search the parameters beside it, from the trials at the
    /// highest fidelity, and hands out what they suggest at the highest.
    fn sets_fidelity(&self) -> bool {
        false
    }

    /// Suggests the next configuration and explains it.
    ///
    /// # Errors
    ///
    /// Those of [`suggest`](Self::suggest).
    fn explain(&mut self, request: &Request<'_>) -> Result<Suggestion> {
        Ok(Suggestion::plain(self.suggest(request)?, self.name(), CandidateOrigin::Draw))
    }

    /// Ranks given configurations, the most promising first: for a table, a pool, or a feasible set
    /// that no space describes.
    ///
    /// Like a suggestion, the ranking is a function of the request and the candidates. Candidates
    /// that were tried are ranked with the others, and equal ones get equal places next to each
    /// other. Before two trials have succeeded the order is random.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported), naming the sampler, for one that
    /// rates no configurations but its own;
    /// [`ErrorKind::InvalidValue`](crate::ErrorKind::InvalidValue) where there are no candidates,
    /// or where one, named by its index, is not legal in the space.
    fn choose(&mut self, request: &Request<'_>, candidates: &[Configuration]) -> Result<Ranking> {
        let _ = (request, candidates);
        let context = alloc::format!(
            "the sampler \"{}\" cannot choose among given candidates; auto, gp, tpe, local_search, \
             optiformer and random can",
            self.name()
        );
        Err(crate::Error::new(crate::ErrorKind::Unsupported, context))
    }
}

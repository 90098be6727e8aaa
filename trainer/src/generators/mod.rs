//! Synthetic functions with known optima, as varied as tuning problems are.
//!
//! A [`Landscape`] is a function over the unit cube, drawn from one of several
//! [families](crate::problem::FunctionFamily) and [warped](warp). A [`Function`] is a landscape
//! with a search space of mixed kinds laid over it, observation noise, and perhaps a region where
//! trials fail; some parameters may be active only for some values of another ([`structure`]). What
//! cannot teach anything is thrown out ([`integrity`]), and a search over the noiseless function
//! says where its optimum is ([`optimum`]).
//!
//! Everything is drawn from an explicit generator: the same seed gives the same function.

pub mod additive_hpo_surface;
pub mod classic_test_function;
pub mod cosine;
pub mod diversity;
pub mod gp_prior;
pub mod integrity;
pub mod kernel;
pub mod optimum;
pub mod random_network;
pub mod spectral_learner;
pub mod structure;
pub mod symbolic;
pub mod trees;
pub mod trend;
pub mod warp;

mod failure_region;
mod family;
mod function;
mod landscape;
mod noise;
mod options;
mod sampled;
mod sum;
mod switch;

pub use family::draw_landscape;
pub use function::Function;
pub use landscape::Landscape;
pub use options::{FunctionOptions, MAX_DIMENSIONS};
pub use sampled::SampledFunction;

/// Raised when the same seed begins to give other functions, so that shards made before are not
/// gone on with.
pub const VERSION: u32 = 7;

//! Synthetic functions with known optima, as varied as tuning problems are.
//!
//! A [`Landscape`] is a function over the unit cube, drawn from one of several [families](Family)
//! and [warped](warp). A [`Function`](function::Function) is a landscape with a search space of
//! mixed kinds laid over it, observation noise, and perhaps a region where trials fail; some
//! parameters may be active only for some values of another ([`structure`]). What cannot teach
//! anything is thrown out ([`integrity`]), and a search over the noiseless function says where its
//! optimum is ([`optimum`]).
//!
//! Everything is drawn from an explicit generator: the same seed gives the same function.

pub mod cosine;
pub mod diversity;
pub mod function;
pub mod gp_prior;
pub mod integrity;
pub mod kernel;
pub mod network;
pub mod optimum;
pub mod random;
pub mod response;
pub mod structure;
mod switch;
pub mod symbolic;
pub mod terrain;
pub mod trees;
pub mod trend;
pub mod warp;

mod crash;
mod family;
mod landscape;
mod noise;
mod sum;

pub use family::Family;
pub use landscape::Landscape;

/// Raised when the same seed begins to give other functions, so that shards made before are not
/// gone on with.
pub const VERSION: u32 = 5;

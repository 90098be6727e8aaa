//! Functions to optimise, drawn at random: what the model learns from.
//!
//! A [`Landscape`] is a function over the unit cube. A [`Function`](function::Function) is a landscape with a search space of
//! mixed kinds laid over it, observation noise, perhaps a region where trials crash, and its optimum.

pub mod function;
pub mod gp_prior;
pub mod random;
pub mod symbolic;
pub mod warp;

use rand::RngExt;
use rand_xoshiro::Xoshiro256PlusPlus;
use serde::{Deserialize, Serialize};

/// A function over the unit cube, to be minimised.
pub trait Landscape: Send + Sync {
    /// The value at a point; `unit` has one coordinate per dimension.
    fn evaluate(&self, unit: &[f64]) -> f64;
    /// What it is, for people.
    fn description(&self) -> String;
}

/// Where a landscape comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Family {
    /// A draw from a Gaussian process, perhaps with a trend.
    GpPrior,
    /// A random expression.
    Symbolic,
}

impl Family {
    /// Every family.
    pub const ALL: [Self; 2] = [Self::GpPrior, Self::Symbolic];

    /// A landscape of this family, warped at random.
    pub fn draw(self, dimensions: usize, generator: &mut Xoshiro256PlusPlus) -> Box<dyn Landscape> {
        let plain: Box<dyn Landscape> = match self {
            Self::GpPrior => Box::new(gp_prior::GpPrior::draw(dimensions, generator)),
            Self::Symbolic => Box::new(symbolic::Symbolic::draw(dimensions, generator)),
        };
        if generator.random_bool(0.5) {
            Box::new(warp::Warped::draw(plain, dimensions, generator))
        } else {
            plain
        }
    }
}

use rand::RngExt;
use serde::{Deserialize, Serialize};

use super::{
    Landscape,
    gp_prior::GpPrior,
    network::Network,
    random::{self, Generator, log_uniform},
    response::Response,
    sum::Sum,
    symbolic::Symbolic,
    terrain::Terrain,
    trees::Forest,
    trend::Trend,
    warp::Warped,
};

/// Where a landscape comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Family {
    /// A draw from a Gaussian process, perhaps with a trend.
    GpPrior,
    /// A random expression.
    Symbolic,
    /// A small random neural network.
    Network,
    /// A sum of responses as the parameters of learning algorithms have them.
    Response,
    /// A tree, a forest or boosted stumps.
    Trees,
    /// A valley, a ridge, basins and the like.
    Terrain,
}

/// How often a parameter does not matter. One always does, so that with few parameters fewer than
/// that do not.
const IRRELEVANT: f64 = 0.38;

impl Family {
    /// Every family, in the order of their codes in files.
    pub const ALL: [Self; 6] =
        [Self::GpPrior, Self::Symbolic, Self::Network, Self::Response, Self::Trees, Self::Terrain];

    /// A random family, in the mixture that the training data has.
    pub fn any(generator: &mut Generator) -> Self {
        Self::ALL[random::weighted(&[0.36, 0.11, 0.1, 0.19, 0.12, 0.12], generator)]
    }

    /// A landscape of this family over so many coordinates (at least one), warped at random. About
    /// three in ten coordinates do not matter; at least one does.
    pub fn draw(self, dimensions: usize, generator: &mut Generator) -> Box<dyn Landscape> {
        self.draw_among(dimensions, &(0..dimensions).collect::<Vec<usize>>(), generator)
    }

    /// As [`draw`](Self::draw); only `candidates` (at least one, in order) may matter.
    pub fn draw_among(
        self,
        dimensions: usize,
        candidates: &[usize],
        generator: &mut Generator,
    ) -> Box<dyn Landscape> {
        let certain = candidates[generator.random_range(0..candidates.len())];
        let relevant: Vec<usize> = candidates
            .iter()
            .copied()
            .filter(|index| *index == certain || !generator.random_bool(IRRELEVANT))
            .collect();
        let plain: Box<dyn Landscape> = match self {
            Self::GpPrior => gaussian(dimensions, &relevant, generator),
            Self::Symbolic => Box::new(Symbolic::draw(dimensions, &relevant, generator)),
            Self::Network => Box::new(Network::draw(dimensions, &relevant, generator)),
            Self::Response => Box::new(Response::draw(dimensions, &relevant, generator)),
            Self::Trees => Box::new(Forest::draw(dimensions, &relevant, generator)),
            Self::Terrain => Box::new(Terrain::draw(dimensions, &relevant, generator)),
        };
        Box::new(Warped::draw(plain, &relevant, generator))
    }
}

/// A Gaussian process alone, on a slope, or as ripples on a bowl.
fn gaussian(
    dimensions: usize,
    relevant: &[usize],
    generator: &mut Generator,
) -> Box<dyn Landscape> {
    let features = log_uniform(64.0, 256.0, generator) as usize;
    let prior = GpPrior::draw(dimensions, relevant, generator);
    let process = Box::new(prior.sample(features, generator));
    match random::weighted(&[0.35, 0.1, 0.55], generator) {
        0 => process,
        1 => {
            let slope = Trend::slope(dimensions, relevant, generator);
            Box::new(Sum(vec![(1.0, process), (log_uniform(0.3, 3.0, generator), Box::new(slope))]))
        }
        _ => {
            let bowl = Trend::bowl(dimensions, relevant, generator);
            let ripples = log_uniform(0.01, 2.0, generator);
            Box::new(Sum(vec![(1.0, Box::new(bowl)), (ripples, process)]))
        }
    }
}

//! Landscapes of each family.

use rand::RngExt;

use super::{
    Landscape, additive_hpo_surface::AdditiveHpoSurface,
    classic_test_function::ClassicTestFunction, gp_prior::GpPrior, random_network::RandomNetwork,
    spectral_learner::SpectralLearner, sum::Sum, symbolic::Symbolic, trees::Forest, trend::Trend,
    warp::Warped,
};
use crate::{
    problem::FunctionFamily,
    random::{self, SeededRng, log_uniform},
};

/// How often a parameter does not matter. One always does, so that with few parameters fewer than
/// that do not.
const IRRELEVANT: f64 = 0.38;

/// A random family, in the mixture of the training data, with or without learners.
pub(super) fn draw_family(learners: bool, rng: &mut SeededRng) -> FunctionFamily {
    let weights: &[f64] = if learners {
        &[0.31, 0.09, 0.09, 0.14, 0.1, 0.09, 0.18]
    } else {
        &[0.36, 0.11, 0.1, 0.19, 0.12, 0.12]
    };
    FunctionFamily::ALL[random::weighted(weights, rng)]
}

/// A randomly warped landscape of a family over `dimensions` coordinates (at least one).
///
/// About three in ten coordinates are irrelevant; at least one is relevant.
pub fn draw_landscape(
    family: FunctionFamily,
    dimensions: usize,
    rng: &mut SeededRng,
) -> Box<dyn Landscape> {
    let all: Vec<usize> = (0..dimensions).collect();
    draw_landscape_among(family, dimensions, &all, rng)
}

/// As [`draw_landscape`], with relevant coordinates from `candidates` alone (at least one, in
/// order).
pub(super) fn draw_landscape_among(
    family: FunctionFamily,
    dimensions: usize,
    candidates: &[usize],
    rng: &mut SeededRng,
) -> Box<dyn Landscape> {
    let certain = candidates[rng.random_range(0..candidates.len())];
    let relevant: Vec<usize> = candidates
        .iter()
        .copied()
        .filter(|index| *index == certain || !rng.random_bool(IRRELEVANT))
        .collect();
    let plain: Box<dyn Landscape> = match family {
        FunctionFamily::GpPrior => gaussian(dimensions, &relevant, rng),
        FunctionFamily::Symbolic => Box::new(Symbolic::draw(dimensions, &relevant, rng)),
        FunctionFamily::Network => Box::new(RandomNetwork::draw(dimensions, &relevant, rng)),
        FunctionFamily::AdditiveHpo => {
            Box::new(AdditiveHpoSurface::draw(dimensions, &relevant, rng))
        }
        FunctionFamily::Trees => Box::new(Forest::draw(dimensions, &relevant, rng)),
        FunctionFamily::SpectralLearner => learner(dimensions, &relevant, rng),
        FunctionFamily::ClassicTest => {
            Box::new(ClassicTestFunction::draw(dimensions, &relevant, rng))
        }
    };
    Box::new(Warped::draw(plain, &relevant, rng))
}

/// A Gaussian process alone, on a slope, or as ripples on a bowl.
fn gaussian(dimensions: usize, relevant: &[usize], rng: &mut SeededRng) -> Box<dyn Landscape> {
    let features = log_uniform(64.0, 256.0, rng) as usize;
    let prior = GpPrior::draw(dimensions, relevant, rng);
    let process = Box::new(prior.sample(features, rng));
    match random::weighted(&[0.35, 0.1, 0.55], rng) {
        0 => process,
        1 => {
            let slope = Trend::slope(dimensions, relevant, rng);
            Box::new(Sum(vec![(1.0, process), (log_uniform(0.3, 3.0, rng), Box::new(slope))]))
        }
        _ => {
            let bowl = Trend::bowl(dimensions, relevant, rng);
            let ripples = log_uniform(0.01, 2.0, rng);
            Box::new(Sum(vec![(1.0, Box::new(bowl)), (ripples, process)]))
        }
    }
}

/// A learner whose error is known, alone or with what no theory explains of it.
fn learner(dimensions: usize, relevant: &[usize], rng: &mut SeededRng) -> Box<dyn Landscape> {
    let learner = Box::new(SpectralLearner::draw(dimensions, relevant, rng));
    if rng.random_bool(0.4) {
        return learner;
    }
    let rest = GpPrior::draw(dimensions, relevant, rng).sample(64, rng);
    Box::new(Sum(vec![(1.0, learner), (log_uniform(0.003, 0.1, rng), Box::new(rest))]))
}

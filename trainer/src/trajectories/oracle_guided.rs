use rand::RngExt;

use crate::{
    generators::Function,
    random::{self, SeededRng, log_uniform},
};

/// So many of the best trials are stepped from.
const ELITE: usize = 5;

/// A recipe for a history, and what it remembers of it.
pub(super) struct OracleGuidedPolicy {
    /// Trials before which everything is uniform, as a share of the study.
    warm_up: f64,
    /// How often a trial is uniform, a step from one of the best, or near the optimum.
    mixture: [f64; 3],
    /// How much the steps' scale shrinks over the study, in powers of ten.
    shrinkage: f64,
    /// The best trials so far, the best first.
    elite: Vec<(f64, Vec<f64>)>,
}

impl OracleGuidedPolicy {
    pub(super) fn draw(rng: &mut SeededRng) -> Self {
        // Some histories never come near the optimum but by their own steps: the best cluster is
        // not always the right one.
        let near = if rng.random_bool(0.3) { 0.0 } else { log_uniform(0.02, 0.5, rng) };
        Self {
            warm_up: rng.random_range(0.05..0.5),
            mixture: [log_uniform(0.05, 1.0, rng), rng.random_range(0.1..1.0), near],
            shrinkage: rng.random_range(0.0..2.0),
            elite: Vec::with_capacity(ELITE + 1),
        }
    }

    /// The values of the next trial, `progress` of the way (in `[0, 1)`) through the study.
    pub(super) fn next(
        &self,
        function: &Function,
        optimum: &[f64],
        progress: f64,
        rng: &mut SeededRng,
    ) -> Vec<f64> {
        if progress < self.warm_up || self.elite.is_empty() {
            return function.uniform(rng);
        }
        match random::weighted(&self.mixture, rng) {
            0 => function.uniform(rng),
            1 => {
                // The best one most often.
                let place = (rng.random::<f64>().powi(2) * self.elite.len() as f64) as usize;
                let shrunk = 10f64.powf(-self.shrinkage * progress);
                let scale = (shrunk * log_uniform(0.02, 0.5, rng)).max(0.001);
                step(function, &self.elite[place].1, scale, rng)
            }
            _ => step(function, optimum, log_uniform(0.002, 0.4, rng), rng),
        }
    }

    /// Remembers a trial; a failed one is nothing to step from.
    pub(super) fn tell(&mut self, values: &[f64], loss: Option<f64>) {
        let Some(loss) = loss else { return };
        let place = self.elite.partition_point(|(other, _)| *other <= loss);
        if place < ELITE {
            self.elite.insert(place, (loss, values.to_vec()));
            self.elite.truncate(ELITE);
        }
    }
}

/// Values near others but not the same: from a bound, every second step would stop where it began.
fn step(function: &Function, from: &[f64], scale: f64, rng: &mut SeededRng) -> Vec<f64> {
    let to = function.near(from, scale, rng);
    if to == from { function.uniform(rng) } else { to }
}

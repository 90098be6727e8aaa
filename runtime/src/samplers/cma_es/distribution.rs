//! The multivariate normal search distribution and its update.

use alloc::vec::Vec;

use super::{
    covariance::{Covariance, Update},
    strategy::Strategy,
};
use crate::math::dot;

/// The normal distribution with mean `m` and covariance `σ² A C A`, `A` diagonal, and its evolution
/// paths.
///
/// `A` is the identity except for discrete coordinates, whose spread the margin maintains (see
/// [`margin`](super::margin)).
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Distribution {
    /// m, `[n]`, in the unit cube.
    pub mean: Vec<f64>,
    /// σ.
    pub sigma: f64,
    /// The diagonal of A, `[n]`.
    pub scales: Vec<f64>,
    /// C, `[n, n]`.
    covariance: Covariance,
    /// p_σ, `[n]`.
    sigma_path: Vec<f64>,
    /// p_c, `[n]`.
    covariance_path: Vec<f64>,
    generations: u32,
}

/// A trial of the completed generation, as the update uses it.
#[derive(Clone, Debug)]
pub(super) struct Ranked {
    /// `A⁻¹ (x − m) / σ`, `[n]`.
    pub offset: Vec<f64>,
    /// Whether the trial succeeded; a failed one does not attract the mean.
    pub succeeded: bool,
}

/// Largest σ: a wider normal distribution is nearly uniform over the unit cube.
const MAX_SIGMA: f64 = 0.5;

impl Distribution {
    /// An isotropic distribution around `mean` with standard deviation `sigma`, and a full
    /// covariance.
    #[cfg(test)]
    pub fn new(mean: Vec<f64>, sigma: f64) -> Self {
        Self::isotropic(mean, sigma, false)
    }

    /// An isotropic distribution around `mean` with standard deviation `sigma`, whose covariance
    /// may stay diagonal.
    pub fn isotropic(mean: Vec<f64>, sigma: f64, is_diagonal: bool) -> Self {
        let n = mean.len();
        Self {
            mean,
            sigma,
            scales: alloc::vec![1.0; n],
            covariance: Covariance::identity(n, is_diagonal),
            sigma_path: alloc::vec![0.0; n],
            covariance_path: alloc::vec![0.0; n],
            generations: 0,
        }
    }

    /// `B D z`: the offset of a sample, from a standard normal vector, `[n]`.
    pub fn offset(&self, normal: &[f64]) -> Vec<f64> {
        self.covariance.root(normal)
    }

    /// The point at an offset: `m + σ A offset`.
    pub fn point(&self, offset: &[f64]) -> Vec<f64> {
        (0..offset.len())
            .map(|index| self.mean[index] + self.spread(index) * offset[index])
            .collect()
    }

    /// `σ A` along one coordinate: the length of a unit offset in the unit cube.
    pub fn spread(&self, index: usize) -> f64 {
        self.sigma * self.scales[index]
    }

    /// The standard deviation along one coordinate.
    pub fn deviation(&self, index: usize) -> f64 {
        self.spread(index) * libm::sqrt(self.covariance.variance(index))
    }

    /// Mahalanobis length of an offset.
    pub fn length(&self, offset: &[f64]) -> f64 {
        let whitened = self.covariance.whiten(offset);
        libm::sqrt(dot(&whitened, &whitened))
    }

    /// Condition number of the covariance.
    pub fn condition(&self) -> f64 {
        let (least, most) = self
            .covariance
            .eigenvalues()
            .iter()
            .fold((f64::INFINITY, 0.0f64), |(least, most), value| {
                (least.min(*value), most.max(*value))
            });
        most / least
    }

    /// Updates the distribution with a generation, best trial first; `ranked.len()` is λ.
    ///
    /// Equations (41) to (47) of the tutorial, with c_m = 1.
    pub fn update(&mut self, ranked: &[Ranked], strategy: &Strategy) {
        let n = self.mean.len();
        let step = self.recombine(ranked, strategy);
        for (index, step) in step.iter().enumerate() {
            self.mean[index] += self.sigma * self.scales[index] * step;
        }
        self.generations += 1;

        let rate = strategy.c_sigma;
        let push = libm::sqrt(rate * (2.0 - rate) * strategy.mu_eff);
        let whitened = self.covariance.inverse_root(&step);
        for (path, step) in self.sigma_path.iter_mut().zip(&whitened) {
            *path = (1.0 - rate) * *path + push * step;
        }
        let path_length = libm::sqrt(dot(&self.sigma_path, &self.sigma_path));
        let growth = rate / strategy.d_sigma * (path_length / strategy.chi_n - 1.0);
        self.sigma = (self.sigma * libm::exp(growth.min(1.0))).min(MAX_SIGMA);

        // h_σ stalls the covariance path while the σ path is long.
        let bias_correction =
            libm::sqrt(1.0 - libm::pow(1.0 - rate, 2.0 * f64::from(self.generations)));
        let threshold = (1.4 + 2.0 / (n as f64 + 1.0)) * strategy.chi_n;
        let h_sigma = path_length / bias_correction < threshold;
        let rate = strategy.c_c;
        let push = if h_sigma { libm::sqrt(rate * (2.0 - rate) * strategy.mu_eff) } else { 0.0 };
        for (path, step) in self.covariance_path.iter_mut().zip(&step) {
            *path = (1.0 - rate) * *path + push * step;
        }
        let missing = if h_sigma { 0.0 } else { rate * (2.0 - rate) };
        self.update_covariance(ranked, strategy, missing);
    }

    /// Weighted mean of the best offsets.
    fn recombine(&self, ranked: &[Ranked], strategy: &Strategy) -> Vec<f64> {
        let mut step = alloc::vec![0.0; self.mean.len()];
        let parents = ranked.iter().zip(&strategy.weights).take(strategy.parents);
        let mut total = 0.0;
        for (trial, weight) in parents.filter(|(trial, _)| trial.succeeded) {
            total += weight;
            for (sum, offset) in step.iter_mut().zip(&trial.offset) {
                *sum += weight * offset;
            }
        }
        if total > 0.0 {
            step.iter_mut().for_each(|sum| *sum /= total);
        }
        step
    }

    fn update_covariance(&mut self, ranked: &[Ranked], strategy: &Strategy, missing: f64) {
        let n = self.mean.len();
        let (one, many) = (strategy.c_1, strategy.c_mu);
        let weights: Vec<f64> = ranked
            .iter()
            .zip(&strategy.weights)
            .map(|(trial, weight)| {
                if *weight >= 0.0 {
                    return if trial.succeeded { *weight } else { 0.0 };
                }
                // Equation (46): a long offset with a negative weight would make the covariance
                // indefinite.
                let length = self.length(&trial.offset);
                weight * n as f64 / (length * length).max(1e-300)
            })
            .map(|weight| if weight.is_finite() { weight } else { 0.0 })
            .collect();
        let sum: f64 = ranked
            .iter()
            .zip(&strategy.weights)
            .filter(|(trial, weight)| trial.succeeded || **weight < 0.0)
            .map(|(_, weight)| weight)
            .sum();
        let kept = 1.0 + one * missing - one - many * sum;
        let offsets: Vec<(f64, &[f64])> = ranked
            .iter()
            .zip(&weights)
            .map(|(trial, weight)| (*weight, &trial.offset[..]))
            .collect();
        let (path, offsets) = (&self.covariance_path[..], &offsets[..]);
        self.covariance.update(Update { kept, one, path, many, offsets });
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_xoshiro::Xoshiro256PlusPlus;

    use super::*;
    use crate::samplers::cma_es::samples::GenerationSampler;

    /// A generation of samples, ranked by `loss`.
    fn generation(
        distribution: &Distribution,
        strategy: &Strategy,
        seed: u64,
        loss: impl Fn(&[f64]) -> f64,
    ) -> Vec<Ranked> {
        let coordinates = distribution.mean.len();
        let population = strategy.population;
        let generation_sampler =
            GenerationSampler { seed, coordinates, categorical: 0, population };
        let mut trials: Vec<(f64, Ranked)> = generation_sampler
            .generation()
            .iter()
            .map(|sample| {
                let offset = distribution.offset(&sample.normal);
                let succeeded = true;
                (loss(&distribution.point(&offset)), Ranked { offset, succeeded })
            })
            .collect();
        trials.sort_by(|one, other| one.0.total_cmp(&other.0));
        trials.into_iter().map(|(_, trial)| trial).collect()
    }

    fn evolve(
        n: usize,
        generations: u64,
        is_diagonal: bool,
        loss: impl Fn(&[f64]) -> f64 + Copy,
    ) -> Distribution {
        let strategy = Strategy::new(n, Strategy::default_population(n), is_diagonal);
        let mut distribution = Distribution::isotropic(alloc::vec![0.5; n], 1.0 / 6.0, is_diagonal);
        for seed in 0..generations {
            let ranked = generation(&distribution, &strategy, seed, loss);
            distribution.update(&ranked, &strategy);
        }
        distribution
    }

    #[test]
    fn the_covariance_learns_the_inverse_of_the_hessian() {
        // Half-axes of the level sets: 1, 10 and 100 times as long.
        let weights = [1.0, 1e-2, 1e-4];
        for is_diagonal in [false, true] {
            let distribution = evolve(3, 120, is_diagonal, |x| {
                weights.iter().zip(x).map(|(weight, x)| weight * (x - 0.4) * (x - 0.4)).sum()
            });
            let ratio = distribution.deviation(2) / distribution.deviation(0);
            assert!((30.0..300.0).contains(&ratio), "{ratio}");
            assert!((distribution.mean[0] - 0.4).abs() < 1e-8, "{distribution:?}");
        }
    }

    #[test]
    fn the_covariance_stays_positive_definite_whatever_is_ranked() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(4);
        for (n, is_diagonal) in [(1, false), (2, false), (5, true), (5, false), (12, false)] {
            let strategy = Strategy::new(n, Strategy::default_population(n), is_diagonal);
            let mut distribution = Distribution::isotropic(alloc::vec![0.5; n], 0.2, is_diagonal);
            for _ in 0..300 {
                // Offsets of any length, some of them flat or repeated.
                let scale = libm::exp(20.0 * (rng.random::<f64>() - 0.5));
                let flat = rng.random::<f64>() < 0.3;
                let ranked: Vec<Ranked> = (0..strategy.population)
                    .map(|_| {
                        let mut offset: Vec<f64> =
                            (0..n).map(|_| scale * (rng.random::<f64>() - 0.5)).collect();
                        if flat {
                            offset[1..].fill(0.0);
                        }
                        Ranked { offset, succeeded: rng.random::<f64>() < 0.7 }
                    })
                    .collect();
                distribution.update(&ranked, &strategy);
                assert!(distribution.covariance.eigenvalues().iter().all(|value| *value > 0.0));
                assert!(distribution.condition() < 1.1e14, "{}", distribution.condition());
                assert!(distribution.sigma.is_finite() && distribution.sigma <= MAX_SIGMA);
                assert!(distribution.length(&alloc::vec![1.0; n]).is_finite());
                distribution.mean.fill(0.5);
            }
        }
    }

    #[test]
    fn failures_do_not_pull() {
        let strategy = Strategy::new(2, 6, false);
        let mut distribution = Distribution::new(alloc::vec![0.5; 2], 0.2);
        let right = Ranked { offset: alloc::vec![1.0, 0.0], succeeded: true };
        let left = Ranked { offset: alloc::vec![-1.0, 0.0], succeeded: false };
        let mut ranked = alloc::vec![right];
        ranked.extend(core::iter::repeat_n(left, 5));
        distribution.update(&ranked, &strategy);
        assert!((distribution.mean[0] - 0.7).abs() < 1e-12 && distribution.mean[1] == 0.5);
    }
}

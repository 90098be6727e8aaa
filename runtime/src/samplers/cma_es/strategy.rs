//! The strategy parameters.

use alloc::vec::Vec;

/// The default strategy parameters of CMA-ES for a number of dimensions and a population size.
///
/// N. Hansen, The CMA Evolution Strategy: A Tutorial, arXiv:1604.00772v2 (2023), table 1 and
/// equations (49)–(58).
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Strategy {
    /// Population size λ.
    pub population: usize,
    /// Recombination weight of each rank, best first, `[λ]`: the first μ positive with sum 1, the
    /// others at most 0.
    pub weights: Vec<f64>,
    /// Number μ of positive weights.
    pub parents: usize,
    /// Variance effective selection mass μ_eff of the positive weights.
    pub mu_eff: f64,
    /// Learning rate c_σ of the σ path.
    pub c_sigma: f64,
    /// Damping d_σ of the step-size update.
    pub d_sigma: f64,
    /// Learning rate c_c of the covariance path.
    pub c_c: f64,
    /// Learning rate c_1 of the rank-one update.
    pub c_1: f64,
    /// Learning rate c_μ of the rank-μ update.
    pub c_mu: f64,
    /// χ_n = E‖N(0, I)‖.
    pub chi_n: f64,
}

impl Strategy {
    /// Default population size λ = 4 + ⌊3 ln n⌋, equation (48).
    pub fn default_population(n: usize) -> usize {
        4 + libm::floor(3.0 * libm::log(n.max(1) as f64)) as usize
    }

    /// The parameters for `n ≥ 1` dimensions and a population of at least 4. A diagonal covariance
    /// has fewer elements and learns `(n + 2)/3` times as fast (Ros & Hansen 2008).
    pub fn new(n: usize, population: usize, is_diagonal: bool) -> Self {
        let dimensions = n as f64;
        let raw: Vec<f64> = (1..=population)
            .map(|rank| libm::log((population as f64 + 1.0) / 2.0) - libm::log(rank as f64))
            .collect();
        let parents = population / 2;
        let mass = |weights: &[f64]| {
            let (sum, squares) =
                weights.iter().fold((0.0, 0.0), |(sum, squares), w| (sum + w, squares + w * w));
            if squares > 0.0 { sum * sum / squares } else { 0.0 }
        };
        let (positive, negative) = raw.split_at(parents);
        let (mu_eff, negative_mu_eff) = (mass(positive), mass(negative));
        let c_sigma = (mu_eff + 2.0) / (dimensions + mu_eff + 5.0);
        let excess = libm::sqrt((mu_eff - 1.0) / (dimensions + 1.0)) - 1.0;
        let c_c = (4.0 + mu_eff / dimensions) / (dimensions + 4.0 + 2.0 * mu_eff / dimensions);
        let faster = if is_diagonal { (dimensions + 2.0) / 3.0 } else { 1.0 };
        let c_1 = (faster * 2.0 / ((dimensions + 1.3) * (dimensions + 1.3) + mu_eff)).min(0.5);
        let c_mu = (faster * 2.0 * (0.25 + mu_eff + 1.0 / mu_eff - 2.0)
            / ((dimensions + 2.0) * (dimensions + 2.0) + mu_eff))
            .min(1.0 - c_1);
        // Equations (50)–(53): the sum of the negative weights.
        let limits = [
            1.0 + c_1 / c_mu,
            1.0 + 2.0 * negative_mu_eff / (mu_eff + 2.0),
            (1.0 - c_1 - c_mu) / (dimensions * c_mu),
        ];
        let negative_sum = limits.into_iter().fold(f64::INFINITY, f64::min).max(0.0);
        let positive_total: f64 = positive.iter().sum();
        let negative_total: f64 = negative.iter().map(|weight| -weight).sum();
        let weights = raw
            .iter()
            .enumerate()
            .map(|(rank, weight)| {
                if rank < parents {
                    weight / positive_total
                } else if negative_total > 0.0 {
                    weight.min(0.0) * negative_sum / negative_total
                } else {
                    0.0
                }
            })
            .collect();
        Self {
            population,
            weights,
            parents,
            mu_eff,
            c_sigma,
            d_sigma: 1.0 + 2.0 * excess.max(0.0) + c_sigma,
            c_c,
            c_1,
            c_mu,
            chi_n: libm::sqrt(dimensions)
                * (1.0 - 1.0 / (4.0 * dimensions) + 1.0 / (21.0 * dimensions * dimensions)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_dimensions_have_the_published_values() {
        // Values of cmaes 0.13.1 for n = 10; its c_μ lacks the ¼ of the tutorial's later edition.
        let strategy = Strategy::new(10, Strategy::default_population(10), false);
        assert_eq!((strategy.population, strategy.parents), (10, 5));
        for (what, got, want) in [
            ("mu_eff", strategy.mu_eff, 3.167_299_281_410_702),
            ("c_sigma", strategy.c_sigma, 0.284_428_587_946_367_5),
            ("d_sigma", strategy.d_sigma, 1.284_428_587_946_367_5),
            ("c_c", strategy.c_c, 0.294_990_383_035_622_25),
            ("c_1", strategy.c_1, 0.015_283_824_524_751_714),
            ("c_mu", strategy.c_mu, 0.020_154_282_761_208_09 + 0.5 / (144.0 + strategy.mu_eff)),
        ] {
            assert!((got - want).abs() < 1e-12 * want, "{what}: {got}, not {want}");
        }
    }

    #[test]
    fn weights_fall_and_sum_as_they_should() {
        for n in [1, 2, 5, 20, 100] {
            for population in [4, 5, Strategy::default_population(n), 60] {
                let strategy = Strategy::new(n, population, n == 100);
                let (parents, others) = strategy.weights.split_at(strategy.parents);
                assert!((parents.iter().sum::<f64>() - 1.0).abs() < 1e-12);
                assert!(strategy.weights.is_sorted_by(|a, b| a >= b), "{:?}", strategy.weights);
                assert!(parents.iter().all(|weight| *weight > 0.0));
                assert!(others.iter().all(|weight| *weight <= 0.0));
                // The factor of the old covariance is never negative: equation (47).
                let sum: f64 = strategy.weights.iter().sum();
                let kept = 1.0 - strategy.c_1 - strategy.c_mu * sum;
                assert!(kept >= -1e-12, "n {n}, λ {population}: {kept}");
            }
        }
    }
}

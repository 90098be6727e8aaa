//! The search distribution of categorical parameters.

use alloc::vec::Vec;

/// Independent categorical distributions, one per categorical parameter.
///
/// The probabilities move toward the best trials of each generation and stay above a margin: R.
/// Hamano, S. Saito, M. Nomura, K. Uchida, S. Shirakawa, CatCMA: Stochastic Optimization for
/// Mixed-Category Problems, GECCO 2024, equations (6) and (13), with a fixed learning rate.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct CategoricalDistribution {
    /// For each categorical parameter, the probability of each choice.
    probabilities: Vec<Vec<f64>>,
}

impl CategoricalDistribution {
    /// Uniform distributions; `counts[k]` is the number of choices of parameter `k`.
    pub fn uniform(counts: impl Iterator<Item = usize>) -> Self {
        Self { probabilities: counts.map(|count| alloc::vec![1.0 / count as f64; count]).collect() }
    }

    /// The quantile function of parameter `index`: the choice at `place`, in `[0, 1)`.
    pub fn quantile(&self, index: usize, place: f64) -> usize {
        let probabilities = &self.probabilities[index];
        let mut rest = place;
        for (choice, probability) in probabilities.iter().enumerate() {
            rest -= probability;
            if rest < 0.0 {
                return choice;
            }
        }
        probabilities.len() - 1
    }

    /// Moves the probabilities of parameter `index` by the learning rate `rate` toward the
    /// frequencies among the best trials.
    ///
    /// `chosen` yields choice and weight of each selected trial in which the parameter was active;
    /// the weights need not sum to 1. No probability falls below `margin`, or below half an even
    /// share where there are many choices.
    pub fn update(
        &mut self,
        index: usize,
        chosen: impl Iterator<Item = (usize, f64)>,
        rate: f64,
        margin: f64,
    ) {
        let probabilities = &mut self.probabilities[index];
        let count = probabilities.len();
        let mut frequencies = alloc::vec![0.0; count];
        let mut total = 0.0;
        for (choice, weight) in chosen {
            frequencies[choice] += weight;
            total += weight;
        }
        if total <= 0.0 {
            return;
        }
        for (probability, frequency) in probabilities.iter_mut().zip(&frequencies) {
            *probability += rate * (frequency / total - *probability);
        }
        let least = margin.min(0.5 / count as f64);
        probabilities.iter_mut().for_each(|probability| *probability = probability.max(least));
        // The probabilities above the margin pay for those lifted to it, in proportion.
        let sum: f64 = probabilities.iter().sum();
        let above = sum - least * count as f64;
        if above > 0.0 {
            for probability in probabilities.iter_mut() {
                *probability += (1.0 - sum) / above * (*probability - least);
            }
        }
    }

    /// The probabilities of parameter `index`.
    #[cfg(test)]
    pub fn of(&self, index: usize) -> &[f64] {
        &self.probabilities[index]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_wins_becomes_likely_and_nothing_impossible() {
        let mut choices = CategoricalDistribution::uniform([3, 1].into_iter());
        for _ in 0..100 {
            choices.update(0, [(1, 0.7), (1, 0.3)].into_iter(), 0.3, 0.05);
            choices.update(1, [(0, 1.0)].into_iter(), 0.3, 0.05);
        }
        let probabilities = choices.of(0);
        assert!((probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert!((probabilities[0] - 0.05).abs() < 1e-9 && (probabilities[1] - 0.9).abs() < 1e-9);
        assert_eq!(choices.of(1), [1.0]);
        // An update without trials changes nothing.
        let before = choices.clone();
        choices.update(0, core::iter::empty(), 0.3, 0.05);
        assert_eq!(choices, before);
    }

    #[test]
    fn places_map_to_choices_by_probability() {
        let choices = CategoricalDistribution::uniform([4].into_iter());
        let places = [0.0, 0.24, 0.26, 0.51, 0.76, 1.0];
        assert_eq!(places.map(|place| choices.quantile(0, place)), [0, 0, 1, 2, 3, 3]);
    }
}

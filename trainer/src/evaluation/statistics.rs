//! Paired comparisons of samplers.

use rand::{RngExt, SeedableRng};

use crate::random::SeededRng;

/// The share of pairs in which the first is smaller; equal pairs count half.
pub fn win_rate(pairs: &[(f64, f64)]) -> f64 {
    let wins: f64 = pairs
        .iter()
        .map(|(ours, theirs)| match ours.total_cmp(theirs) {
            std::cmp::Ordering::Less => 1.0,
            std::cmp::Ordering::Equal => 0.5,
            std::cmp::Ordering::Greater => 0.0,
        })
        .sum();
    wins / pairs.len().max(1) as f64
}

/// A 95 % interval of the win rate: the percentile bootstrap over tasks (Efron 1979), the pairs of
/// a task staying together.
pub fn win_rate_interval(tasks: &[Vec<(f64, f64)>], seed: u64) -> (f64, f64) {
    const RESAMPLES: usize = 2000;
    let mut rng = SeededRng::seed_from_u64(seed);
    let mut rates: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            let drawn: Vec<(f64, f64)> = (0..tasks.len())
                .flat_map(|_| tasks[rng.random_range(0..tasks.len())].iter().copied())
                .collect();
            win_rate(&drawn)
        })
        .collect();
    rates.sort_unstable_by(f64::total_cmp);
    (rates[RESAMPLES / 40], rates[RESAMPLES - 1 - RESAMPLES / 40])
}

/// A 95 % interval of the mean over tasks, by the percentile bootstrap over them.
pub fn mean_interval(means: &[f64], seed: u64) -> (f64, f64) {
    const RESAMPLES: usize = 2000;
    let mut rng = SeededRng::seed_from_u64(seed);
    let mut draw = || {
        let drawn = (0..means.len()).map(|_| means[rng.random_range(0..means.len())]);
        drawn.sum::<f64>() / means.len().max(1) as f64
    };
    let mut resampled: Vec<f64> = (0..RESAMPLES).map(|_| draw()).collect();
    resampled.sort_unstable_by(f64::total_cmp);
    (resampled[RESAMPLES / 40], resampled[RESAMPLES - 1 - RESAMPLES / 40])
}

/// The two-sided p-value of the Wilcoxon signed-rank test (Wilcoxon 1945) by its normal
/// approximation with the correction for ties; 1 when all differences are zero.
pub fn wilcoxon(pairs: &[(f64, f64)]) -> f64 {
    let mut differences: Vec<f64> =
        pairs.iter().map(|(ours, theirs)| ours - theirs).filter(|d| *d != 0.0).collect();
    differences.sort_unstable_by(|one, other| one.abs().total_cmp(&other.abs()));
    let count = differences.len() as f64;
    if differences.is_empty() {
        return 1.0;
    }
    let (mut positive, mut ties, mut start) = (0.0, 0.0, 0);
    while start < differences.len() {
        let mut end = start;
        while end < differences.len() && differences[end].abs() == differences[start].abs() {
            end += 1;
        }
        let rank = (start + end + 1) as f64 / 2.0;
        positive += rank * differences[start..end].iter().filter(|d| **d > 0.0).count() as f64;
        let tied = (end - start) as f64;
        ties += tied * tied * tied - tied;
        start = end;
    }
    let mean = count * (count + 1.0) / 4.0;
    let variance = count * (count + 1.0) * (2.0 * count + 1.0) / 24.0 - ties / 48.0;
    let z = (positive - mean).abs() / variance.sqrt();
    libm::erfc(z / std::f64::consts::SQRT_2)
}

/// The median; not a number for none.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        count => 0.5 * (sorted[(count - 1) / 2] + sorted[count / 2]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_count_half() {
        assert_eq!(win_rate(&[(1.0, 2.0), (2.0, 1.0), (3.0, 3.0), (0.0, 1.0)]), 0.625);
    }

    #[test]
    fn wilcoxon_agrees_with_scipy() {
        // scipy.stats.wilcoxon(x, y, method="approx", correction=False)
        let pairs: Vec<(f64, f64)> = [1.2, 3.4, 2.2, 5.0, 4.1, 0.3, 2.9, 3.3]
            .into_iter()
            .zip([0.8, 3.0, 2.5, 4.0, 4.0, 0.9, 1.9, 2.2])
            .collect();
        assert!((wilcoxon(&pairs) - 0.122_565).abs() < 1e-3, "{}", wilcoxon(&pairs));
        assert_eq!(wilcoxon(&[(1.0, 1.0)]), 1.0);
    }

    #[test]
    fn the_interval_of_a_mean_shrinks_with_the_root_of_the_tasks() {
        let means: Vec<f64> = (0..100).map(|task| f64::from(task % 10)).collect();
        let (low, high) = mean_interval(&means, 1);
        // A standard deviation of 2.87 over 100 tasks: 4.5 ± 0.56.
        assert!((low - 3.94).abs() < 0.1 && (high - 5.06).abs() < 0.1, "{low} {high}");
    }

    #[test]
    fn the_interval_holds_the_rate() {
        let tasks: Vec<Vec<(f64, f64)>> =
            (0..20).map(|task| vec![(f64::from(task % 4), 1.5); 3]).collect();
        let all: Vec<_> = tasks.concat();
        let (low, high) = win_rate_interval(&tasks, 1);
        assert!(low < win_rate(&all) && win_rate(&all) < high && high - low < 0.6);
    }
}

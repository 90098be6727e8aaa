//! Medians and rank tests for small samples.

/// Most observations of an exact test; larger samples take the normal approximation.
const EXACT: usize = 40;

/// The median; not a number for none.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        // Halved first, so that the sum of two huge values is finite.
        count => 0.5 * sorted[(count - 1) / 2] + 0.5 * sorted[count / 2],
    }
}

/// An interval of the median between two of the values, and the probability that it covers the
/// median of what they were drawn from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MedianInterval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// The coverage, at least 0.95 where there are enough values for it.
    pub coverage: f64,
}

/// The narrowest symmetric interval of order statistics that covers the median with 95 %; from the
/// smallest to the largest value where no narrower one does. `None` for no values.
///
/// H. A. David, H. N. Nagaraja, Order Statistics (2003), section 7.1.
pub fn median_interval(values: &[f64]) -> Option<MedianInterval> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let count = sorted.len();
    // Probability that `below` of the values are below the median, from 0 on.
    let mut probability = 0.5f64.powi(count as i32);
    let (mut tail, mut found) = (0.0, None);
    for below in 0..count.div_ceil(2) {
        tail += probability;
        let coverage = (1.0 - 2.0 * tail).max(0.0);
        if found.is_none() || coverage >= 0.95 {
            let (low, high) = (sorted[below], sorted[count - 1 - below]);
            found = Some(MedianInterval { low, high, coverage });
        }
        probability *= (count - below) as f64 / (below + 1) as f64;
    }
    found
}

/// The two-sided p-value of the Mann–Whitney test that two independent samples come from one
/// distribution: exact, given the ties, up to forty values; 1 where a sample is empty.
///
/// H. B. Mann, D. R. Whitney, On a Test of Whether one of Two Random Variables is Stochastically
/// Larger than the Other (1947).
pub fn mann_whitney(ours: &[f64], theirs: &[f64]) -> f64 {
    let all: Vec<f64> = ours.iter().chain(theirs).copied().collect();
    let (m, n) = (ours.len(), theirs.len());
    if m == 0 || n == 0 {
        return 1.0;
    }
    let ranks = doubled_ranks(&all);
    let sum: usize = ranks[..m].iter().sum();
    if all.len() <= EXACT {
        let total: usize = ranks.iter().sum();
        // [chosen][sum]: how many subsets of this number of ranks have this sum.
        let mut subsets = vec![vec![0.0; total + 1]; m + 1];
        subsets[0][0] = 1.0;
        for rank in &ranks {
            for chosen in (1..=m).rev() {
                for place in (*rank..=total).rev() {
                    subsets[chosen][place] += subsets[chosen - 1][place - rank];
                }
            }
        }
        return two_sided(&subsets[m], sum);
    }
    let (m, n, count) = (m as f64, n as f64, all.len() as f64);
    let mean = m * (count + 1.0);
    let variance = m * n / 12.0 * (count + 1.0 - ties(&ranks) / (count * (count - 1.0)));
    normal_p(sum as f64 - mean, 4.0 * variance)
}

/// The two-sided p-value of the Wilcoxon signed-rank test that the differences of pairs are
/// symmetric around zero: exact, given the ties, up to forty pairs. Pairs without a difference are
/// left out; 1 where none is left.
///
/// F. Wilcoxon, Individual Comparisons by Ranking Methods (1945).
pub fn wilcoxon(pairs: &[(f64, f64)]) -> f64 {
    // Halved, so that the difference of two huge values is finite.
    let differences: Vec<f64> = pairs
        .iter()
        .map(|(ours, theirs)| 0.5 * ours - 0.5 * theirs)
        .filter(|difference| *difference != 0.0)
        .collect();
    if differences.is_empty() {
        return 1.0;
    }
    let magnitudes: Vec<f64> = differences.iter().map(|difference| difference.abs()).collect();
    let ranks = doubled_ranks(&magnitudes);
    let positive =
        ranks.iter().zip(&differences).filter(|it| *it.1 > 0.0).map(|(rank, _)| rank).sum();
    let total: usize = ranks.iter().sum();
    if ranks.len() <= EXACT {
        let mut subsets = vec![0.0; total + 1];
        subsets[0] = 1.0;
        for rank in &ranks {
            for place in (*rank..=total).rev() {
                subsets[place] += subsets[place - rank];
            }
        }
        return two_sided(&subsets, positive);
    }
    let count = ranks.len() as f64;
    let variance = count * (count + 1.0) * (2.0 * count + 1.0) / 24.0 - ties(&ranks) / 48.0;
    normal_p(positive as f64 - total as f64 / 2.0, 4.0 * variance)
}

/// Twice the ranks, from 2 on, of values among each other; equal ones share the mean of theirs.
fn doubled_ranks(values: &[f64]) -> Vec<usize> {
    let rank = |value: &f64| {
        let below = values.iter().filter(|other| *other < value).count();
        let equal = values.iter().filter(|other| *other == value).count();
        2 * below + equal + 1
    };
    values.iter().map(rank).collect()
}

/// `Σ t³ − t` over the groups of equal ranks.
fn ties(ranks: &[usize]) -> f64 {
    // Each of t equal ranks adds t² − 1.
    let equal = |rank: &usize| ranks.iter().filter(|other| *other == rank).count() as f64;
    ranks.iter().map(|rank| equal(rank).powi(2) - 1.0).sum()
}

/// Share of the outcomes, counted by their statistic, that are at least as far from the middle as
/// `observed`.
fn two_sided(counts: &[f64], observed: usize) -> f64 {
    let total: f64 = counts.iter().sum();
    let mean: f64 =
        counts.iter().enumerate().map(|(at, count)| at as f64 * count).sum::<f64>() / total;
    let distance = (observed as f64 - mean).abs() - 1e-9;
    let far = counts.iter().enumerate().filter(|(at, _)| (*at as f64 - mean).abs() >= distance);
    (far.map(|(_, count)| count).sum::<f64>() / total).min(1.0)
}

/// The two-sided p-value of a statistic with steps of 2, by its normal approximation with the
/// correction for continuity.
fn normal_p(deviation: f64, variance: f64) -> f64 {
    if variance <= 0.0 {
        return 1.0;
    }
    let z = (deviation.abs() - 1.0).max(0.0) / variance.sqrt();
    libm::erfc(z / std::f64::consts::SQRT_2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() < 2e-6 * expected.max(0.01), "{found} {expected}");
    }

    #[test]
    fn intervals_of_the_median_have_the_coverage_of_the_binomial_distribution() {
        let values = [5.0, 1.0, 4.0, 2.0, 3.0, 6.0, 8.0, 7.0];
        // 1 − 2 (1 + 8) / 2⁸ is below 95 %, so it is the whole range.
        let interval = median_interval(&values).unwrap();
        assert_eq!((interval.low, interval.high), (1.0, 8.0));
        close(interval.coverage, 1.0 - 2.0 / 256.0);
        let interval = median_interval(&[&values[..], &[9.0]].concat()).unwrap();
        assert_eq!((interval.low, interval.high), (2.0, 8.0));
        close(interval.coverage, 1.0 - 2.0 * 10.0 / 512.0);
        let three = median_interval(&[1.0, 2.0, 3.0]).unwrap();
        assert_eq!((three.low, three.high, three.coverage), (1.0, 3.0, 0.75));
        assert_eq!(median_interval(&[2.0]).unwrap().coverage, 0.0);
        assert_eq!(median_interval(&[]), None);
    }

    #[test]
    fn small_samples_have_exact_p_values() {
        // scipy.stats.mannwhitneyu(method="exact")
        let (ours, theirs) = ([1.2, 3.4, 2.2, 5.0, 4.1], [0.8, 3.0, 2.5, 0.1, 0.4, 0.9]);
        close(mann_whitney(&ours, &theirs), 0.051_948_051_948);
        // All ways to divide, and all signs, counted one by one with the mean ranks of ties.
        let (ours, theirs) = ([1.0, 2.0, 2.0, 3.0, 7.0], [2.0, 3.0, 4.0, 5.0, 5.0, 6.0]);
        close(mann_whitney(&ours, &theirs), 0.268_398_268_4);
        let differences = [4.0, 4.0, -3.0, 10.0, 1.0, -6.0, 10.0, 11.0, 5.0, -2.0];
        close(wilcoxon(&differences.map(|difference| (difference, 0.0))), 0.123_046_875);
        // Three against three cannot do better.
        close(mann_whitney(&[1.0, 2.0, 3.0], &[4.0, 5.0, 6.0]), 0.1);
        close(wilcoxon(&[(1.0, 2.0), (1.0, 3.0), (1.0, 4.0)]), 0.25);
    }

    #[test]
    fn large_samples_have_normal_p_values() {
        // scipy.stats.mannwhitneyu(method="asymptotic")
        let ours: Vec<f64> = (0..30).map(|index| 2.0 * f64::from(index)).collect();
        let theirs: Vec<f64> = (0..25).map(|index| 3.0 * f64::from(index) + 0.5).collect();
        close(mann_whitney(&ours, &theirs), 0.207_929_272_48);
        let ours: Vec<f64> = (0..30).map(|index| f64::from(index / 3)).collect();
        let theirs: Vec<f64> = (0..20).map(|index| f64::from(index / 2 + 1)).collect();
        close(mann_whitney(&ours, &theirs), 0.261_068_248_37);
        // scipy.stats.wilcoxon(method="asymptotic", correction=True)
        let pairs: Vec<(f64, f64)> = (0..50)
            .map(|index| (f64::from(index * 37 % 101), f64::from(index * 53 % 97 - 4)))
            .collect();
        close(wilcoxon(&pairs), 0.155865602732);
    }

    #[test]
    fn nothing_and_equal_samples_differ_in_nothing() {
        assert_eq!(mann_whitney(&[], &[1.0]), 1.0);
        assert_eq!(mann_whitney(&[1.0; 3], &[1.0; 4]), 1.0);
        assert_eq!(mann_whitney(&[1.0; 30], &[1.0; 40]), 1.0);
        assert_eq!(wilcoxon(&[(1.0, 1.0)]), 1.0);
        assert_eq!(wilcoxon(&[]), 1.0);
        assert_eq!(median(&[1e308, 1e308, 1e308, 1e308]), 1e308);
    }
}

//! The brackets of Hyperband.

use alloc::vec::Vec;

/// How Hyperband spreads configurations over brackets: bracket `s` runs successive halving that
/// begins at `reduction_factor^s` times the smallest resource, from many configurations that begin
/// with little to a few that begin with the largest resource.
///
/// L. Li, K. Jamieson, G. DeSalvo, A. Rostamizadeh, A. Talwalkar, Hyperband: A Novel Bandit-Based
/// Approach to Hyperparameter Optimization, JMLR 18 (2018), algorithm 1, where brackets are counted
/// the other way round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Brackets {
    /// How many of `total` configurations go to each bracket.
    shares: Vec<u64>,
    total: u64,
}

impl Brackets {
    /// `count` brackets, at least one.
    pub fn new(count: u32, reduction_factor: u64) -> Self {
        let count = count.max(1);
        let share = |bracket: u32| {
            let rungs = u64::from(count - bracket);
            // ⌈(s_max + 1) / (s + 1) · η^s⌉ with s = rungs − 1.
            let configurations =
                u64::from(count).saturating_mul(reduction_factor.saturating_pow(rungs as u32 - 1));
            // Far below 2^64, so that the sum of all shares is.
            configurations.div_ceil(rungs).min(1 << 48)
        };
        let shares: Vec<u64> = (0..count).map(share).collect();
        let total = shares.iter().sum();
        Self { shares, total }
    }

    /// Number of brackets in which a resource can be multiplied by `reduction_factor` from `lowest`
    /// on without exceeding `highest`: `⌊log(highest / lowest)⌋ + 1`.
    pub fn count(lowest: u64, highest: u64, reduction_factor: u64) -> u32 {
        let (mut count, mut resource) = (1, lowest.max(1));
        while let Some(next) = resource.checked_mul(reduction_factor.max(2))
            && next <= highest
        {
            (count, resource) = (count + 1, next);
        }
        count
    }

    /// The bracket of configuration `number` of the study with this seed.
    ///
    /// The multiples of the golden ratio are spread evenly over the unit interval, so that any few
    /// consecutive configurations are divided among the brackets as all of them are.
    pub fn of(&self, number: u64, seed: u64) -> usize {
        const GOLDEN_RATIO: u64 = 0x9E37_79B9_7F4A_7C15;
        // The finalizer of SplitMix64 (Steele, Lea & Flood 2014).
        let mut place = seed.wrapping_add(GOLDEN_RATIO);
        place = (place ^ (place >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        place = (place ^ (place >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        place ^= place >> 31;
        place = place.wrapping_add(number.wrapping_mul(GOLDEN_RATIO));
        let mut rest = ((u128::from(place) * u128::from(self.total)) >> 64) as u64;
        for (bracket, share) in self.shares.iter().enumerate() {
            if rest < *share {
                return bracket;
            }
            rest -= share;
        }
        0
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    #[test]
    fn shares_are_those_of_the_paper() {
        // Table 1 of the paper, R = 81 and η = 3: 81, 34, 15, 8 and 5 configurations.
        assert_eq!(Brackets::new(5, 3).shares, [81, 34, 15, 8, 5]);
        assert_eq!(Brackets::count(1, 81, 3), 5);
        assert_eq!(Brackets::count(1, 80, 3), 4);
        // 243 is 3^5, though its logarithm in floating point is a little less.
        assert_eq!(Brackets::count(1, 243, 3), 6);
        assert_eq!(Brackets::count(5, 4, 3), 1);
        assert_eq!(Brackets::count(1, u64::MAX, 2), 64);
        assert_eq!(Brackets::new(64, 2).shares.len(), 64);
    }

    #[test]
    fn every_run_of_configurations_is_divided_alike() {
        let brackets = Brackets::new(5, 3);
        for seed in 0..20 {
            for start in [0, 17, 1_000_000] {
                let mut counts = vec![0_i64; 5];
                for number in start..start + 143 {
                    counts[brackets.of(number, seed)] += 1;
                }
                for (count, share) in counts.iter().zip(&brackets.shares) {
                    assert!((count - *share as i64).abs() <= 3, "{counts:?}");
                }
            }
        }
        let firsts: Vec<usize> = (0..20).map(|seed| brackets.of(0, seed)).collect();
        assert!(firsts.iter().any(|bracket| *bracket != firsts[0]));
    }
}

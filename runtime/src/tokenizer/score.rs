//! The map from losses to scores in `[0, 1]`: the rule `softsign-1`.
//!
//! Let `b` be the best loss of the trials the scale was fitted to, `m` their median, and `t = (loss
//! − b) / (m − b)`, so that the best is at `t = 0` and the median at `t = 1`. With headroom `h =
//! ¼`,
//!
//! ```text
//! s(t) = h + (1 − h) · t / (1 + t)          for t ≥ 0
//! s(t) = h · (1 − u / (1 + u)),  u = −t · (1 − h) / h    for t < 0
//! ```
//!
//! The map is smooth, increasing and one-to-one from the reals to `(0, 1)`. It does not change when
//! all losses are shifted or scaled by a positive constant; bad losses, however far out, share the
//! upper end and never flatten the good one; a quarter of the bins lies beyond the incumbent. As a
//! study converges, the median approaches the best and the scale zooms in by itself.

use alloc::vec::Vec;

use super::{numerical, vocabulary::Token};

/// The name of the rule in a weights file's metadata.
pub const RULE: &str = "softsign-1";
/// Score of the best loss, and so the fraction of the bins for better ones.
pub const HEADROOM: f64 = 0.25;
/// The bin of a trial that failed. No finite loss is put there.
pub const FAILED: Token = 999;

/// The map from losses to `[0, 1]` and back, fitted to some trials.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScoreScale {
    best: f64,
    spread: f64,
    /// Shrinks losses so huge that their differences would overflow; 1 otherwise.
    shrink: f64,
}

impl ScoreScale {
    /// Fits the scale to finite losses, in any order. Without any, every loss counts as the best.
    pub fn fit(losses: impl IntoIterator<Item = f64>) -> Self {
        let mut losses: Vec<f64> = losses.into_iter().filter(|loss| loss.is_finite()).collect();
        if losses.is_empty() {
            return Self { best: 0.0, spread: 1.0, shrink: 1.0 };
        }
        let largest = losses.iter().fold(0.0_f64, |largest, loss| largest.max(loss.abs()));
        let shrink = if largest > 1e150 { 1e-160 } else { 1.0 };
        losses.iter_mut().for_each(|loss| *loss *= shrink);
        losses.sort_unstable_by(f64::total_cmp);
        let count = losses.len();
        let best = losses[0];
        let median = 0.5 * (losses[(count - 1) / 2] + losses[count / 2]);
        let mean = losses.iter().map(|loss| (loss - best) / count as f64).sum::<f64>();
        // More than half of the trials may share the best loss, as on a plateau.
        let spread = if median > best { median - best } else { mean };
        Self { best, spread: if spread > 0.0 { spread } else { 1.0 }, shrink }
    }

    /// The score of a loss, in `[0, 1]`; smaller is better.
    pub fn score(&self, loss: f64) -> f64 {
        let distance = (loss * self.shrink - self.best) / self.spread;
        if distance >= 0.0 {
            // Written so that an infinite distance gives 1, not a quotient of infinities.
            HEADROOM + (1.0 - HEADROOM) * (1.0 - 1.0 / (1.0 + distance))
        } else {
            HEADROOM / (1.0 - distance * (1.0 - HEADROOM) / HEADROOM)
        }
    }

    /// The bin of a trial's outcome: the bin of its score, or [`FAILED`].
    pub fn bin(&self, loss: Option<f64>) -> Token {
        match loss {
            Some(loss) => numerical::bin(self.score(loss)).min(FAILED - 1),
            None => FAILED,
        }
    }

    /// The loss at a score strictly between 0 and 1: the inverse of [`score`](Self::score).
    pub fn loss(&self, score: f64) -> f64 {
        (self.best + distance(score) * self.spread) / self.shrink
    }

    /// The slope of [`loss`](Self::loss) at a score: what a small improvement of it is worth.
    pub fn slope(&self, score: f64) -> f64 {
        let step = 1e-3;
        let at = |score: f64| self.loss(score.clamp(0.002, 0.998));
        (at(score + step) - at(score - step)) / (2.0 * step)
    }
}

/// The distance `t` from the best loss, in units of the median's, at a score strictly between 0 and
/// 1.
pub(crate) fn distance(score: f64) -> f64 {
    if score >= HEADROOM {
        let share = (score - HEADROOM) / (1.0 - HEADROOM);
        share / (1.0 - share)
    } else {
        -(HEADROOM / score - 1.0) * HEADROOM / (1.0 - HEADROOM)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_best_is_at_the_headroom_and_the_median_half_way_up() {
        let scale = ScoreScale::fit([3.0, 1.0, 2.0, 9.0, 4.0]);
        assert_eq!(scale.score(1.0), HEADROOM);
        assert_eq!(scale.score(3.0), HEADROOM + (1.0 - HEADROOM) / 2.0);
        assert!(scale.score(0.0) < HEADROOM && scale.score(-1e9) > 0.0);
    }

    #[test]
    fn extreme_losses_have_scores() {
        for losses in
            [[-1e308, 1e308, 0.0], [5e-324, 0.0, 1e308], [7.0, 7.0, 7.0], [0.0, 0.0, 1e-320]]
        {
            let scale = ScoreScale::fit(losses);
            for loss in losses.into_iter().chain([1.7e308, -1.7e308]) {
                let score = scale.score(loss);
                assert!((0.0..=1.0).contains(&score), "{losses:?}: {loss} scores {score}");
            }
        }
        assert_eq!(ScoreScale::fit([]).bin(None), FAILED);
        assert!(ScoreScale::fit([0.0, 1.0, 2.0]).bin(Some(f64::MAX)) < FAILED);
    }

    proptest! {
        #[test]
        fn shifts_and_scales_change_nothing(
            losses in prop::collection::vec(-100.0..100.0_f64, 2..30),
            shift in -1e3..1e3_f64,
            factor in 1e-3..1e3_f64,
        ) {
            let plain = ScoreScale::fit(losses.iter().copied());
            let moved = ScoreScale::fit(losses.iter().map(|loss| loss * factor + shift));
            for loss in &losses {
                let difference = plain.score(*loss) - moved.score(loss * factor + shift);
                prop_assert!(difference.abs() < 1e-6);
            }
        }

        #[test]
        fn scores_keep_the_order_and_can_be_turned_back(
            losses in prop::collection::vec(-10.0..10.0_f64, 3..30),
            first in -30.0..30.0_f64,
            second in -30.0..30.0_f64,
        ) {
            let scale = ScoreScale::fit(losses.iter().copied());
            if first < second {
                prop_assert!(scale.score(first) <= scale.score(second));
            }
            let score = scale.score(first);
            if score > 1e-4 && score < 1.0 - 1e-4 {
                let back = scale.loss(score);
                prop_assert!((back - first).abs() < 1e-6 * (1.0 + first.abs()), "{first} came back as {back}");
            }
        }
    }
}

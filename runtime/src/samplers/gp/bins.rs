//! Probabilities of the score bins under a distribution of the loss.

use alloc::vec::Vec;
use core::ops::Range;

use super::{LossDistribution, kernel::exponential_within, targets::TargetTransform};
use crate::{
    acquisition::Improvement,
    tokenizer::{
        ScoreScale,
        score::FAILED,
        vocabulary::{BINS, Token},
    },
};

/// Last bin of finite losses, which includes all worse ones.
const LAST: usize = FAILED as usize - 1;
/// Distance from the mean, in standard deviations, beyond which the mass is below 1e-15.
const REACH: f64 = 8.0;

/// Computes the probabilities of the 1000 score bins for a sequence of distributions.
///
/// Bin `b` holds the losses whose [score](ScoreScale::score) lies in `[b/1000, (b+1)/1000)`; bin
/// 998 takes all finite losses beyond, and bin 999, [`FAILED`], none. The targets of the bins'
/// edges are kept from one distribution to the next as long as both come of the same history.
#[derive(Clone, Debug)]
pub struct ScoreBins {
    scale: ScoreScale,
    transform: Option<TargetTransform>,
    /// `[999]`: the targets of the edges `b/1000`, valid in the range `known`.
    targets: Vec<f64>,
    known: Range<usize>,
    /// `[999]`: distance of the edges from the mean in standard deviations, and the mass beyond.
    places: Vec<f64>,
    tails: Vec<f64>,
}

impl ScoreBins {
    /// Bins of scores on this scale.
    pub fn new(scale: ScoreScale) -> Self {
        let [targets, places, tails] = [0, 1, 2].map(|_| alloc::vec![0.0; LAST + 1]);
        Self { scale, transform: None, targets, known: 0..0, places, tails }
    }

    /// The scale.
    pub fn scale(&self) -> &ScoreScale {
        &self.scale
    }

    /// The probabilities of the bins into `out`, `[1000]`; they sum to 1.
    ///
    /// # Panics
    ///
    /// Where `out` does not have 1000 entries.
    pub fn fill(&mut self, distribution: &LossDistribution, out: &mut [f32]) {
        assert_eq!(out.len(), BINS, "the score has {BINS} bins");
        out.fill(0.0);
        let edges = self.edges(distribution);
        let masses = self.masses(distribution, edges.clone());
        out[edges.start - 1] = masses.below(0) as f32;
        out[edges.end - 1] = (1.0 - masses.below(edges.len() - 1)) as f32;
        for (probability, mass) in out[edges.start..].iter_mut().zip(masses.between()) {
            *probability = mass as f32;
        }
    }

    /// The expected improvement under a distribution: that of the probabilities that
    /// [`fill`](Self::fill) computes, in double precision, without those of the bins that gain
    /// nothing.
    pub fn expected_improvement(
        &mut self,
        distribution: &LossDistribution,
        improvement: &Improvement,
    ) -> f64 {
        let gains = improvement.positive_gains();
        let all = self.edges(distribution);
        // The bin above the last edge gains nothing where edges are left out.
        let edges = all.start..all.end.min(gains.len() + 1);
        if edges.is_empty() {
            return 0.0;
        }
        let masses = self.masses(distribution, edges.clone());
        let gain = |bin: usize| f64::from(gains.get(bin).copied().unwrap_or(0.0));
        let outermost = gain(edges.start - 1) * masses.below(0)
            + gain(edges.end - 1) * (1.0 - masses.below(edges.len() - 1));
        let inner = gains[edges.start.min(gains.len())..].iter().zip(masses.between());
        outermost + inner.map(|(gain, mass)| f64::from(*gain) * mass).sum::<f64>()
    }

    /// The masses on either side of the edges `edges`, at least one, whose targets are known.
    fn masses(&mut self, distribution: &LossDistribution, edges: Range<usize>) -> Masses<'_> {
        let LossDistribution { mean, deviation, .. } = *distribution;
        let targets = &self.targets[edges];
        let (places, tails) = (&mut self.places[..targets.len()], &mut self.tails[..targets.len()]);
        for ((place, tail), target) in places.iter_mut().zip(tails.iter_mut()).zip(targets) {
            *place = (target - mean) / deviation;
            *tail = tail_mass(place.abs());
        }
        Masses { places, tails }
    }

    /// The inner edges near the mean, at least one, with their targets computed.
    fn edges(&mut self, distribution: &LossDistribution) -> Range<usize> {
        let LossDistribution { mean, deviation, transform } = *distribution;
        if self.transform != Some(transform) {
            self.transform = Some(transform);
            self.known = 0..0;
        }
        let bin = |target: f64| (self.scale.score(transform.loss(target)) * BINS as f64) as usize;
        // One more bin on either side allows for rounding.
        let first = bin(mean - REACH * deviation).saturating_sub(1).clamp(1, LAST);
        let end = (bin(mean + REACH * deviation) + 3).clamp(first + 1, LAST + 1);
        if self.known.is_empty() {
            self.known = first..first;
        }
        let target = |edge: &mut f64, at: usize| {
            *edge = transform.target(edge_loss(&self.scale, at));
        };
        let (start, stop) = (self.known.start, self.known.end);
        for at in (first..start).chain(stop..end) {
            target(&mut self.targets[at], at);
        }
        self.known = start.min(first)..stop.max(end);
        first..end
    }
}

/// The mass of a distribution about some edges.
struct Masses<'a> {
    /// Distance of each edge from the mean in standard deviations.
    places: &'a [f64],
    /// The mass beyond each edge, away from the mean.
    tails: &'a [f64],
}

impl<'a> Masses<'a> {
    /// The mass below an edge.
    fn below(&self, at: usize) -> f64 {
        if self.places[at] > 0.0 { 1.0 - self.tails[at] } else { self.tails[at] }
    }

    /// The mass between each edge and the next one.
    fn between(&self) -> impl Iterator<Item = f64> + use<'a> {
        self.places.windows(2).zip(self.tails.windows(2)).map(|(places, tails)| {
            // The tails are precise where they are small; 1 less a tail is not.
            let apart = if places[0] > 0.0 { tails[0] - tails[1] } else { tails[1] - tails[0] };
            let across = 1.0 - tails[0] - tails[1];
            let mass = if places[0] <= 0.0 && places[1] > 0.0 { across } else { apart };
            mass.max(0.0)
        })
    }
}

/// The inner edges below and above a bin; `None` where it reaches to infinity. [`FAILED`] has
/// neither.
pub(super) fn edges(bin: Token) -> [Option<usize>; 2] {
    let bin = usize::from(bin);
    match bin {
        0 => [None, Some(1)],
        LAST => [Some(LAST), None],
        1..LAST => [Some(bin), Some(bin + 1)],
        _ => [None, None],
    }
}

/// The loss at an edge, `1..=998`.
pub(super) fn edge_loss(scale: &ScoreScale, edge: usize) -> f64 {
    scale.loss(edge as f64 / BINS as f64)
}

/// `1 − Φ(x)` for `x ≥ 0`, to a relative 1e-10 up to 9 and that of 9 beyond; without a branch, so
/// that loops over it become vectors.
///
/// `φ(x)` times a polynomial in `(x − 4)/(x + 4)`, the change of variable of M. M. Shepherd &
/// J. G. Laframboise, Chebyshev Approximation of (1 + 2x)exp(x²)erfc x in 0 ≤ x < ∞, Mathematics of
/// Computation 36 (1981); the coefficients interpolate at the Chebyshev points of `0 ≤ x ≤ 9`.
#[inline(always)]
fn tail_mass(x: f64) -> f64 {
    const COEFFICIENTS: [f64; 13] = [
        8.647_233_025_096_606e-7,
        1.194_178_392_671_196_6e-5,
        3.214_513_014_383_291e-5,
        -4.665_357_114_170_426e-5,
        -1.887_751_727_243_446_1e-4,
        6.385_721_896_151_992e-4,
        5.077_625_049_068_144e-4,
        -8.492_039_980_754_765e-3,
        3.086_479_438_638_808_2e-2,
        -7.170_741_053_120_515e-2,
        0.124_379_255_512_852_82,
        -0.170_397_721_502_575_5,
        9.441_064_130_129_98e-2,
    ];
    // Not `f64::min`, whose answer to NaN costs instructions.
    let x = if x < 9.0 { x } else { 9.0 };
    let t = (x - 4.0) / (x + 4.0);
    let mut sum = 0.0;
    for coefficient in COEFFICIENTS {
        sum = sum * t + coefficient;
    }
    sum * exponential_within(-0.5 * x * x)
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::{
        acquisition::Prediction, math::normal, samplers::gp::targets, space::Configuration,
        trial::Observation,
    };

    #[test]
    fn tails_are_those_of_the_normal_distribution() {
        for step in 0..=9000 {
            let x = f64::from(step) / 1000.0;
            let (ours, slow) = (tail_mass(x), normal::cdf(-x));
            assert!((ours / slow - 1.0).abs() < 1e-10, "{x}: {ours:e} and {slow:e}");
        }
        assert!(tail_mass(f64::INFINITY) < 2e-19);
    }

    /// A history's scale and transform.
    fn scales(losses: &[f64], warp: bool) -> (ScoreScale, TargetTransform) {
        let of = |loss: &f64| Observation::new(Configuration::new(vec![]), Some(*loss));
        let trials: Vec<Observation> = losses.iter().map(of).collect();
        let kept: Vec<&Observation> = trials.iter().collect();
        let transform = targets::standardize(&kept, warp).1;
        (ScoreScale::fit(losses.iter().copied()), transform)
    }

    #[test]
    fn bins_are_differences_of_the_distribution_function() {
        let losses = [3.0, 1.0, 2.5, 90.0, 1.4, 7.0, 2.0];
        for warp in [false, true] {
            let (scale, transform) = scales(&losses, warp);
            let mut bins = ScoreBins::new(scale);
            for (mean, deviation) in
                [(0.0, 1.0), (-0.4, 0.01), (-0.6, 0.3), (3.0, 0.2), (-9.0, 0.5), (0.1, 40.0)]
            {
                let distribution = LossDistribution { mean, deviation, transform };
                let mut out = [0.5; BINS];
                bins.fill(&distribution, &mut out);
                let mut alone = [0.5; BINS];
                distribution.fill_bins(&scale, &mut alone);
                assert_eq!(out, alone, "edges that are kept change nothing");
                for (bin, probability) in out.iter().enumerate() {
                    let slow = libm::exp(distribution.log_bin(&scale, bin as Token));
                    let error = (f64::from(*probability) - slow).abs();
                    assert!(
                        error < 1e-6 * slow + 1e-14,
                        "{mean} {deviation}, bin {bin}: {probability:e}, not {slow:e}"
                    );
                }
                let sum: f64 = out.iter().map(|probability| f64::from(*probability)).sum();
                assert!((sum - 1.0).abs() < 1e-5, "{sum}");
                assert_eq!(out[usize::from(FAILED)], 0.0);
            }
        }
    }

    /// Against the sum over all bins.
    #[test]
    fn expected_improvements_are_those_of_the_filled_bins() {
        let losses = [3.0, 1.0, 2.5, 90.0, 1.4, 7.0, 2.0];
        for warp in [false, true] {
            let (scale, transform) = scales(&losses, warp);
            let mut bins = ScoreBins::new(scale);
            let incumbents = [scale.score(1.0), 0.0, 5e-4, 0.5, 1.0];
            let improvements = incumbents.into_iter().flat_map(|incumbent| {
                [Improvement::in_scores(incumbent), Improvement::in_losses(incumbent, 3.0)]
            });
            for improvement in improvements {
                for (mean, deviation) in
                    [(0.0, 1.0), (-0.4, 0.01), (-0.6, 0.3), (3.0, 0.2), (-9.0, 0.5), (0.1, 40.0)]
                {
                    let distribution = LossDistribution { mean, deviation, transform };
                    let mut filled = [0.0; BINS];
                    bins.fill(&distribution, &mut filled);
                    let slow = Prediction::new(&filled, &improvement).expected_improvement;
                    let fast = bins.expected_improvement(&distribution, &improvement);
                    assert!((fast - slow).abs() < 1e-6 * slow + 1e-12, "{mean}: {fast} and {slow}");
                }
            }
        }
    }

    #[test]
    fn a_loss_is_in_the_bin_that_has_its_mass() {
        let losses = [3.0, 1.0, 2.5, 90.0, 1.4, 7.0, 2.0];
        let (scale, transform) = scales(&losses, true);
        for loss in [-60.0, 0.52, 1.05, 2.4, 30.0, 4e5] {
            let distribution =
                LossDistribution { mean: transform.target(loss), deviation: 1e-7, transform };
            let mut out = [0.0; BINS];
            distribution.fill_bins(&scale, &mut out);
            assert!(out[usize::from(scale.bin(Some(loss)))] > 0.999, "{loss}");
            assert!(distribution.log_bin(&scale, scale.bin(Some(loss))) > -1e-3, "{loss}");
        }
    }

    #[test]
    fn extreme_histories_have_bins() {
        for losses in [[7.0; 3], [f64::MAX, f64::MIN, 0.0], [0.0, 5e-324, 1e-310]] {
            let (scale, transform) = scales(&losses, false);
            for (mean, deviation) in [(0.0, 1.0), (-3.0, 1e-3), (1e3, 1e3)] {
                let distribution = LossDistribution { mean, deviation, transform };
                let mut out = [0.0; BINS];
                distribution.fill_bins(&scale, &mut out);
                let sum: f64 = out.iter().map(|probability| f64::from(*probability)).sum();
                assert!((sum - 1.0).abs() < 1e-5, "{losses:?}: {sum}");
                for bin in [0, 250, 998, FAILED] {
                    assert!(distribution.log_bin(&scale, bin) <= 0.0, "{losses:?}");
                }
            }
        }
    }
}

//! Samples tokens from logits: legal tokens only, with temperature, top-k and top-p.

use alloc::vec::Vec;

use crate::{Error, ErrorKind, Result, kernels::Kernels, tokenizer::sequence::LegalTokens};

/// Options of token sampling.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SamplingOptions {
    /// Divides the logits. Below 1 the distribution sharpens; 0 takes the likeliest token.
    pub temperature: f32,
    /// Number of the likeliest tokens that are kept; 0 for all.
    pub top_k: usize,
    /// Probability mass of the likeliest tokens that are kept (nucleus sampling, Holtzman et al.
    /// 2020); 1 for all.
    pub top_p: f32,
}

impl Default for SamplingOptions {
    fn default() -> Self {
        Self { temperature: 1.0, top_k: 0, top_p: 1.0 }
    }
}

impl SamplingOptions {
    /// Checks the options.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidValue`] for a negative or non-finite temperature, or a `top_p` outside
    /// `(0, 1]`.
    pub fn check(&self) -> Result<()> {
        if !self.temperature.is_finite() || self.temperature < 0.0 {
            let context = alloc::format!("temperature {} must be at least 0", self.temperature);
            return Err(Error::new(ErrorKind::InvalidValue, context));
        }
        if !(self.top_p > 0.0 && self.top_p <= 1.0) {
            let context = alloc::format!("top_p {} must be above 0 and at most 1", self.top_p);
            return Err(Error::new(ErrorKind::InvalidValue, context));
        }
        Ok(())
    }
}

/// Replaces the logits of `legal.range` (`[range]`) by probabilities; illegal tokens get 0, and the
/// rest sums to 1.
pub fn distribution(logits: &mut [f32], legal: &LegalTokens, options: &SamplingOptions) {
    if let Some(mask) = &legal.mask {
        for (logit, allowed) in logits.iter_mut().zip(mask) {
            if !allowed {
                *logit = f32::NEG_INFINITY;
            }
        }
    }
    let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    if options.temperature == 0.0 {
        let first = logits.iter().position(|logit| *logit == highest);
        for (index, logit) in logits.iter_mut().enumerate() {
            *logit = if Some(index) == first { 1.0 } else { 0.0 };
        }
        return;
    }
    let kernels = Kernels::best();
    // Subtract first: the likeliest logits stay at 0 for any temperature.
    for logit in logits.iter_mut() {
        *logit = (*logit - highest) / options.temperature;
    }
    let total = kernels.exp_and_sum(logits, 0.0);
    kernels.scale(logits, 1.0 / total);
    if legal.mask.is_some() {
        // Exponentials do not reach 0.
        let least = libm::expf(-80.0);
        logits.iter_mut().filter(|probability| **probability < least).for_each(|p| *p = 0.0);
    }
    if (options.top_k > 0 && options.top_k < logits.len()) || options.top_p < 1.0 {
        keep_likeliest(logits, options);
    }
}

/// Samples an index from probabilities; `uniform` in `[0, 1)` is the random number.
pub fn draw(probabilities: &[f32], uniform: f64) -> usize {
    let total: f64 = probabilities.iter().map(|probability| f64::from(*probability)).sum();
    let mut left = uniform * total;
    let mut last = 0;
    for (index, probability) in probabilities.iter().enumerate() {
        if *probability > 0.0 {
            last = index;
            left -= f64::from(*probability);
            if left < 0.0 {
                break;
            }
        }
    }
    last
}

fn normalize(weights: &mut [f32]) {
    let total: f32 = weights.iter().sum();
    for weight in weights {
        *weight /= total;
    }
}

fn keep_likeliest(probabilities: &mut [f32], options: &SamplingOptions) {
    let mut order: Vec<usize> = (0..probabilities.len()).collect();
    // Ties keep the lower token, so that the result does not depend on the sort.
    order.sort_by(|one, other| probabilities[*other].total_cmp(&probabilities[*one]));
    let most = if options.top_k == 0 { order.len() } else { options.top_k.min(order.len()) };
    let mut reached = 0.0;
    let mut kept = 0;
    while kept < most && (kept == 0 || reached < options.top_p) {
        reached += probabilities[order[kept]];
        kept += 1;
    }
    for index in &order[kept..] {
        probabilities[*index] = 0.0;
    }
    normalize(probabilities);
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use proptest::prelude::*;

    use super::*;

    fn all(count: u16) -> LegalTokens {
        LegalTokens { range: 0..count, mask: None }
    }

    #[test]
    fn illegal_tokens_are_never_drawn() {
        let legal = LegalTokens { range: 0..4, mask: Some(vec![false, true, false, true]) };
        let mut logits = [50.0, 0.0, 50.0, 1.0];
        distribution(&mut logits, &legal, &SamplingOptions::default());
        assert_eq!((logits[0], logits[2]), (0.0, 0.0));
        for step in 0..100 {
            assert!([1, 3].contains(&draw(&logits, f64::from(step) / 100.0)));
        }
    }

    #[test]
    fn temperature_zero_is_greedy() {
        let mut logits = [0.1, 0.7, 0.7, -3.0];
        let options = SamplingOptions { temperature: 0.0, ..SamplingOptions::default() };
        distribution(&mut logits, &all(4), &options);
        assert_eq!(logits, [0.0, 1.0, 0.0, 0.0]);
    }

    #[test]
    fn the_smallest_temperature_is_nearly_greedy() {
        for temperature in [1e-8, 1e-30, 1e-40] {
            let mut logits = [10.1, 10.7, f32::NEG_INFINITY, -3.0];
            let options = SamplingOptions { temperature, ..SamplingOptions::default() };
            distribution(&mut logits, &all(4), &options);
            assert!(logits[1] > 0.999 && logits[0] < 1e-6, "{logits:?}");
        }
    }

    #[test]
    fn top_k_and_top_p_cut_the_tail() {
        let base = [0.5_f32, 0.3, 0.15, 0.05].map(libm::logf);
        let cut = |top_k, top_p| {
            let mut logits = base;
            let options = SamplingOptions { temperature: 1.0, top_k, top_p };
            distribution(&mut logits, &all(4), &options);
            logits.iter().filter(|probability| **probability > 0.0).count()
        };
        assert_eq!(
            (cut(2, 1.0), cut(0, 0.79), cut(0, 0.81), cut(0, 1e-6), cut(9, 1.0)),
            (2, 2, 3, 1, 4)
        );
    }

    proptest! {
        #[test]
        fn what_remains_sums_to_one(
            logits in prop::collection::vec(-30.0_f32..30.0, 1..50),
            temperature in 0.05_f32..5.0,
            top_k in 0_usize..60,
            top_p in 0.01_f32..=1.0,
        ) {
            let mut values = logits.clone();
            let legal = all(values.len() as u16);
            distribution(&mut values, &legal, &SamplingOptions { temperature, top_k, top_p });
            prop_assert!((values.iter().sum::<f32>() - 1.0).abs() < 1e-4);
            prop_assert!(values[draw(&values, 0.999_999)] > 0.0);
        }
    }
}

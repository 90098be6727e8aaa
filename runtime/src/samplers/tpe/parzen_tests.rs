//! Compares the estimator with a plain twin that follows the formulas.

use alloc::{vec, vec::Vec};

use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::*;

/// Density (mass, for cells) of one kernel in one dimension, by definition.
fn plain_kernel(center: f64, width: f64, interval: Interval) -> f64 {
    let inside = normal::cdf((1.0 - center) / width) - normal::cdf(-center / width);
    if interval.left == interval.right {
        let z = (interval.left - center) / width;
        libm::exp(-0.5 * z * z) / (width * libm::sqrt(core::f64::consts::TAU)) / inside
    } else {
        let mass = normal::cdf((interval.right - center) / width)
            - normal::cdf((interval.left - center) / width);
        mass / inside
    }
}

/// Bandwidths by definition: quadratic in the number of trials.
fn plain_widths(centers: &[f64]) -> Vec<f64> {
    let min_bandwidth = 1.0 / (centers.len() as f64 + 2.0).min(100.0);
    let width = |index: usize| {
        let center = centers[index];
        if centers.len() == 1 {
            return center.max(1.0 - center);
        }
        // Among equal centers only the first has a neighbor below and only the last one above.
        let place = |other: usize| (centers[other], other);
        let others = || (0..centers.len()).filter(|&other| other != index);
        let below = others().filter(|&o| place(o) < place(index)).map(|o| center - centers[o]);
        let above = others().filter(|&o| place(o) > place(index)).map(|o| centers[o] - center);
        let nearest = |distances: Vec<f64>| distances.into_iter().reduce(f64::min).unwrap_or(0.0);
        nearest(below.collect()).max(nearest(above.collect()))
    };
    (0..centers.len()).map(|index| width(index).clamp(min_bandwidth, 1.0)).collect()
}

/// `centers[dimension][trial]`.
fn plain_density(domains: &[&Domain], centers: &[Vec<f64>], intervals: &[Interval]) -> f64 {
    let count = centers[0].len();
    let weight = |kernel: usize| {
        if kernel < count { TpeOptions::default().weight(kernel, count) } else { 1.0 }
    };
    let total: f64 = (0..=count).map(weight).sum();
    let mut density = 0.0;
    for kernel in 0..=count {
        let mut product = weight(kernel) / total;
        for (dimension, domain) in domains.iter().enumerate() {
            product *= match domain {
                Domain::Categorical { choices } if kernel < count => {
                    let share = 1.0 / (count as f64 + 1.0);
                    let hit = if centers[dimension][kernel] == intervals[dimension].left {
                        1.0
                    } else {
                        0.0
                    };
                    (hit + share) / (1.0 + share * choices.len() as f64)
                }
                Domain::Categorical { choices } => 1.0 / choices.len() as f64,
                _ if kernel < count => {
                    let bandwidths = plain_widths(&centers[dimension]);
                    plain_kernel(
                        centers[dimension][kernel],
                        bandwidths[kernel],
                        intervals[dimension],
                    )
                }
                _ => plain_kernel(0.5, 1.0, intervals[dimension]),
            };
        }
        density += product;
    }
    density
}

fn domains() -> Vec<Domain> {
    vec![
        Domain::Float { low: -2.0, high: 3.0, log: false, step: None },
        Domain::Float { low: 1e-4, high: 1.0, log: true, step: None },
        Domain::Int { low: 0.0, high: 9.0, log: false, step: 1.0 },
        Domain::Int { low: 1.0, high: 300.0, log: true, step: 1.0 },
        Domain::Float { low: 0.0, high: 1.0, log: false, step: Some(0.25) },
        Domain::Categorical { choices: vec!["a".into(), "b".into(), "c".into()] },
    ]
}

/// Random legal trials: `[dimension][trial]`.
fn trials(domains: &[Domain], count: usize, seed: u64) -> Vec<Vec<f64>> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut draw = |domain: &Domain| {
        let value = domain.from_unit(rng.random::<f64>());
        if domain.is_categorical() { value } else { domain.to_unit(value) }
    };
    domains.iter().map(|domain| (0..count).map(|_| draw(domain)).collect()).collect()
}

#[test]
fn densities_equal_the_plain_twin() {
    let (owned, mut estimator) = (domains(), ParzenEstimator::default());
    let domains: Vec<&Domain> = owned.iter().collect();
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(5);
    // A smaller fit reuses the buffers of a larger one.
    for count in [60, 0, 1, 2, 7, 30] {
        let centers = trials(&owned, count, count as u64);
        estimator.fit(&TpeOptions::default(), &domains, count, |d, t| centers[d][t]);
        let mut intervals = Vec::new();
        (0..24).for_each(|_| estimator.sample(&mut rng, &domains, &mut intervals));
        let mut densities = Vec::new();
        estimator.log_density(&intervals, &mut densities);
        assert_eq!(densities.len(), 24);
        for (density, intervals) in densities.iter().zip(intervals.chunks(domains.len())) {
            let want = libm::log(plain_density(&domains, &centers, intervals));
            assert!((density - want).abs() < 1e-9, "{count} trials: {density}, not {want}");
        }
    }
}

#[test]
fn densities_of_one_dimension_sum_to_one() {
    for domain in domains() {
        let centers = trials(core::slice::from_ref(&domain), 12, 3);
        let mut estimator = ParzenEstimator::default();
        estimator.fit(&TpeOptions::default(), &[&domain], 12, |d, t| centers[d][t]);
        let (intervals, volume): (Vec<Interval>, f64) = match domain.levels() {
            Some(levels) if domain.is_categorical() => {
                let interval = |level| Interval { left: level as f64, right: level as f64 };
                ((0..levels).map(interval).collect(), 1.0)
            }
            Some(levels) => {
                let unit = |level| domain.to_unit(domain.level(level));
                ((0..levels).map(|level| Interval::around(&domain, unit(level))).collect(), 1.0)
            }
            None => {
                let unit = |step| (f64::from(step) + 0.5) / 2e4;
                ((0..20_000).map(|step| Interval::around(&domain, unit(step))).collect(), 1.0 / 2e4)
            }
        };
        let mut densities = Vec::new();
        estimator.log_density(&intervals, &mut densities);
        let sum: f64 = densities.iter().map(|density| libm::exp(*density) * volume).sum();
        assert!((sum - 1.0).abs() < 1e-6, "{domain:?} sums to {sum}");
    }
}

#[test]
fn draws_follow_the_density() {
    // χ² over 10 cells of equal width, 20 000 draws: the 99.9 % quantile for 9 degrees of freedom
    // is 27.9.
    for domain in [&domains()[0], &domains()[2], &domains()[5]] {
        let centers = trials(core::slice::from_ref(domain), 5, 11);
        let mut estimator = ParzenEstimator::default();
        estimator.fit(&TpeOptions::default(), &[domain], 5, |d, t| centers[d][t]);
        let bins = domain.levels().unwrap_or(10) as usize;
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
        let mut intervals = Vec::new();
        (0..20_000).for_each(|_| estimator.sample(&mut rng, &[domain], &mut intervals));
        let mut counts = vec![0.0; bins];
        for interval in &intervals {
            let bin = match domain {
                Domain::Categorical { .. } => interval.left,
                _ => 0.5 * (interval.left + interval.right) * bins as f64,
            };
            counts[bin as usize] += 1.0;
        }
        let wide = (0..bins)
            .map(|bin| match domain {
                Domain::Categorical { .. } => Interval { left: bin as f64, right: bin as f64 },
                _ => Interval {
                    left: bin as f64 / bins as f64,
                    right: (bin + 1) as f64 / bins as f64,
                },
            })
            .collect::<Vec<_>>();
        let mut expected = Vec::new();
        estimator.log_density(&wide, &mut expected);
        let statistic: f64 = counts
            .iter()
            .zip(&expected)
            .map(|(count, log)| {
                let expected = 20_000.0 * libm::exp(*log);
                (count - expected) * (count - expected) / expected
            })
            .sum();
        assert!(statistic < 27.9, "{domain:?}: χ² = {statistic}");
    }
}

#[test]
fn every_cell_leads_back_to_its_value() {
    for domain in domains().into_iter().filter(|domain| !domain.is_categorical()) {
        for level in 0..domain.levels().unwrap_or(0) {
            let value = domain.level(level);
            let back = Interval::around(&domain, domain.to_unit(value)).value(&domain);
            assert_eq!(back, value, "{domain:?}");
        }
    }
}

//! The Parzen estimator: a mixture density over a few parameters, one kernel per trial.
//!
//! Coordinates are those of [`Domain::to_unit`]. A numerical kernel is a normal distribution
//! truncated to [0, 1]. A parameter with steps, or an int, has cells, and a kernel's weight is its
//! mass over the cell.

use alloc::vec::Vec;

use rand::{Rng, RngExt};

use super::TpeOptions;
use crate::math::normal;
use crate::space::Domain;

/// Cells narrower than this are treated as points: the width is the same for every kernel, so it
/// cancels in a ratio.
const MIN_INTERVAL_WIDTH: f64 = 1e-6;
/// Bandwidths from the center beyond which a kernel's mass is below the rounding of 1.
const MAX_STANDARD_DEVIATIONS: f64 = 8.5;

/// A candidate's value in one dimension: a cell `[left, right]` of the unit interval, a point
/// (`left == right`), or a category (`left`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Interval {
    pub(super) left: f64,
    pub(super) right: f64,
}

/// Constants of a normal kernel truncated to the unit interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Kernel {
    /// 1 / (2·bandwidth²).
    pub(super) half_precision: f64,
    /// Log mass of the untruncated kernel in [0, 1].
    pub(super) log_inside: f64,
    /// −ln(bandwidth·√2π) − `log_inside`: the log density at the center.
    pub(super) log_norm: f64,
}

impl Kernel {
    pub(super) fn new(center: f64, width: f64) -> Self {
        let (below, above) = (center / width, (1.0 - center) / width);
        // The masses outside need no evaluation where they vanish against 1.
        let outside = if below > MAX_STANDARD_DEVIATIONS && above > MAX_STANDARD_DEVIATIONS {
            0.0
        } else {
            normal::cdf(-below) + normal::cdf(-above)
        };
        let inside = 1.0 - outside;
        Self {
            half_precision: 0.5 / (width * width),
            log_inside: if outside == 0.0 { 0.0 } else { libm::log(inside) },
            log_norm: -libm::log(width * inside) - normal::HALF_LOG_TAU,
        }
    }

    /// Log of the kernel's mass over a cell.
    pub(super) fn log_mass(&self, center: f64, width: f64, interval: Interval) -> f64 {
        normal::log_mass((interval.left - center) / width, (interval.right - center) / width)
            - self.log_inside
    }
}

/// One dimension of all kernels, `[kernels]` each.
#[derive(Clone, Debug, Default)]
struct Column {
    /// Number of categories; 0 for a number.
    categories: usize,
    /// Center, or the observed category; the last kernel is the prior.
    centers: Vec<f64>,
    /// Standard deviation.
    bandwidths: Vec<f64>,
    kernels: Vec<Kernel>,
    /// Kernels by ascending center, without the prior.
    order: Vec<usize>,
    /// An equal kernel that comes earlier in `order`, or the kernel itself.
    duplicate_of: Vec<usize>,
}

/// A mixture of products of one-dimensional kernels. Buffers persist between fits.
#[derive(Clone, Debug, Default)]
pub(super) struct ParzenEstimator {
    log_weights: Vec<f64>,
    /// Cumulative sums of the weights.
    cumulative: Vec<f64>,
    columns: Vec<Column>,
    /// `[candidates, kernels]`: the log density of each kernel at each candidate.
    terms: Vec<f64>,
    /// `[candidates, kernels]`: log masses over one dimension's cells.
    masses: Vec<f64>,
    prior_weight: f64,
}

impl ParzenEstimator {
    /// Fits one kernel to each of `count` trials, oldest first, and the prior.
    ///
    /// `coordinate(d, t)` is the coordinate of trial `t` in dimension `d`: in the unit interval, or
    /// a category.
    pub(super) fn fit(
        &mut self,
        options: &TpeOptions,
        domains: &[&Domain],
        count: usize,
        coordinate: impl Fn(usize, usize) -> f64,
    ) {
        self.prior_weight = options.prior_weight;
        self.log_weights.clear();
        self.cumulative.clear();
        let mut total = 0.0;
        for kernel in 0..=count {
            let weight =
                if kernel < count { options.weight(kernel, count) } else { options.prior_weight };
            total += weight;
            self.cumulative.push(total);
            self.log_weights.push(libm::log(weight));
        }
        let log_total = libm::log(total);
        self.log_weights.iter_mut().for_each(|weight| *weight -= log_total);
        self.columns.resize_with(domains.len(), Column::default);
        for (dimension, (column, domain)) in self.columns.iter_mut().zip(domains).enumerate() {
            column.centers.clear();
            column.centers.extend((0..count).map(|trial| coordinate(dimension, trial)));
            match domain {
                Domain::Categorical { choices } => {
                    column.categories = choices.len();
                    column.centers.push(f64::NAN);
                }
                _ => column.fit_bandwidths(options),
            }
        }
    }

    /// Samples a candidate and appends its value in each dimension.
    pub(super) fn sample(
        &self,
        rng: &mut impl Rng,
        domains: &[&Domain],
        intervals: &mut Vec<Interval>,
    ) {
        let total = self.cumulative[self.cumulative.len() - 1];
        let drawn = rng.random::<f64>() * total;
        let kernel = self
            .cumulative
            .partition_point(|&reached| reached <= drawn)
            .min(self.cumulative.len() - 1);
        for (column, domain) in self.columns.iter().zip(domains) {
            let uniform = rng.random::<f64>();
            intervals.push(if column.categories > 0 {
                let category = column.draw_category(kernel, uniform, self.prior_weight);
                Interval { left: category, right: category }
            } else {
                let (center, width) = (column.centers[kernel], column.bandwidths[kernel]);
                let (low, high) = (-center / width, (1.0 - center) / width);
                Interval::around(
                    domain,
                    center + width * normal::truncated_quantile(uniform, low, high),
                )
            });
        }
    }

    /// Log density at each candidate (`cells`: `[candidates, dimensions]`), up to factors that
    /// depend on the candidate alone.
    pub(super) fn log_density(&mut self, intervals: &[Interval], densities: &mut Vec<f64>) {
        let (kernels, dimensions) = (self.log_weights.len(), self.columns.len());
        self.terms.clear();
        for _ in 0..intervals.len() / dimensions {
            self.terms.extend_from_slice(&self.log_weights);
        }
        for (dimension, column) in self.columns.iter().enumerate() {
            let column_intervals = intervals[dimension..].iter().step_by(dimensions);
            self.masses.resize(self.terms.len(), 0.0);
            for (candidate, interval) in column_intervals.clone().enumerate() {
                let terms = &mut self.terms[candidate * kernels..][..kernels];
                if column.categories > 0 {
                    column.add_category(interval.left, self.prior_weight, terms);
                } else if interval.left == interval.right {
                    column.add_point(interval.left, terms);
                } else {
                    // Candidates of an integer parameter share cells: each cell's masses are
                    // computed once.
                    let first = column_intervals.clone().position(|other| other == interval);
                    let first = first.unwrap_or(candidate);
                    let masses = &mut self.masses[first * kernels..][..kernels];
                    if first == candidate {
                        column.masses(*interval, masses);
                    }
                    terms.iter_mut().zip(masses).for_each(|(term, mass)| *term += *mass);
                }
            }
        }
        densities.clear();
        densities.extend(self.terms.chunks_exact(kernels).map(log_sum));
    }
}

impl Interval {
    /// The cell of a legal value, or the category.
    pub(super) fn of_value(domain: &Domain, value: f64) -> Self {
        match domain {
            Domain::Categorical { .. } => Self { left: value, right: value },
            domain => Self::around(domain, domain.to_unit(value)),
        }
    }

    /// The cell of the legal value nearest to `unit`.
    fn around(domain: &Domain, unit: f64) -> Self {
        let unit = unit.clamp(0.0, 1.0);
        let (center, left, right) = match domain {
            Domain::Float { step: None, .. } => return Self { left: unit, right: unit },
            Domain::Int { low, high, log: true, .. } => {
                let (bottom, top) = (libm::log(low - 0.5), libm::log(high + 0.5));
                let value = domain.from_unit(unit);
                let place = |value: f64| (libm::log(value) - bottom) / (top - bottom);
                (place(value), place(value - 0.5), place(value + 0.5))
            }
            _ => {
                let levels = domain.levels().unwrap_or(1) as f64;
                let level = libm::floor(unit * levels).min(levels - 1.0);
                ((level + 0.5) / levels, level / levels, (level + 1.0) / levels)
            }
        };
        if right - left < MIN_INTERVAL_WIDTH {
            // The midpoint maps back to the same level: it is half a cell from the next.
            return Self { left: center, right: center };
        }
        Self { left, right }
    }

    /// The legal value that this stands for.
    pub(super) fn value(self, domain: &Domain) -> f64 {
        match domain {
            Domain::Categorical { .. } => self.left,
            _ => domain.from_unit(0.5 * (self.left + self.right)),
        }
    }
}

impl Column {
    /// Sets each bandwidth from the distances to the neighbors, and appends the prior.
    fn fit_bandwidths(&mut self, options: &TpeOptions) {
        self.categories = 0;
        let centers = &mut self.centers;
        let count = centers.len();
        self.order.clear();
        self.order.extend(0..count);
        self.order
            .sort_unstable_by(|&a, &b| centers[a].total_cmp(&centers[b]).then_with(|| a.cmp(&b)));
        let min_bandwidth = options.min_bandwidth(count);
        self.bandwidths.clear();
        self.bandwidths.resize(count, 0.0);
        self.duplicate_of.clear();
        self.duplicate_of.extend(0..=count);
        for (place, &kernel) in self.order.iter().enumerate() {
            let center = centers[kernel];
            let left = (place > 0).then(|| center - centers[self.order[place - 1]]);
            let right = (place + 1 < count).then(|| centers[self.order[place + 1]] - center);
            self.bandwidths[kernel] =
                options.bandwidth(center, (left, right), count == 1, min_bandwidth);
            if place > 0 {
                let before = self.order[place - 1];
                if centers[before] == center && self.bandwidths[before] == self.bandwidths[kernel] {
                    self.duplicate_of[kernel] = before;
                }
            }
        }
        centers.push(0.5);
        self.bandwidths.push(1.0);
        self.order.push(count);
        self.kernels.clear();
        let shapes = centers.iter().zip(&self.bandwidths);
        self.kernels.extend(shapes.map(|(center, width)| Kernel::new(*center, *width)));
    }

    /// Adds each kernel's log density at the point `x`.
    fn add_point(&self, x: f64, terms: &mut [f64]) {
        let kernels = self.centers.iter().zip(&self.kernels);
        for (term, (center, kernel)) in terms.iter_mut().zip(kernels) {
            let distance = x - center;
            *term += kernel.log_norm - distance * distance * kernel.half_precision;
        }
    }

    /// Writes each kernel's log mass over the cell.
    fn masses(&self, interval: Interval, masses: &mut [f64]) {
        for &kernel in &self.order {
            masses[kernel] = if self.duplicate_of[kernel] != kernel {
                masses[self.duplicate_of[kernel]]
            } else {
                self.kernels[kernel].log_mass(
                    self.centers[kernel],
                    self.bandwidths[kernel],
                    interval,
                )
            };
        }
    }

    /// Adds each kernel's log probability of a category.
    fn add_category(&self, category: f64, prior_weight: f64, terms: &mut [f64]) {
        let (hit, miss) = category_probabilities(self.categories, self.centers.len(), prior_weight);
        let (hit, miss) = (libm::log(hit), libm::log(miss));
        let last = terms.len() - 1;
        for (term, center) in terms.iter_mut().zip(&self.centers).take(last) {
            *term += if *center == category { hit } else { miss };
        }
        terms[last] -= libm::log(self.categories as f64);
    }

    /// The category at quantile `uniform` of a kernel's distribution.
    fn draw_category(&self, kernel: usize, uniform: f64, prior_weight: f64) -> f64 {
        let (hit, miss) = category_probabilities(self.categories, self.centers.len(), prior_weight);
        let extra = hit - miss;
        let prior = kernel + 1 == self.centers.len();
        // The distribution is uniform except for the extra mass on the kernel's own category.
        if !prior && uniform < extra {
            return self.centers[kernel];
        }
        let flat = if prior { uniform } else { (uniform - extra) / (1.0 - extra) };
        libm::floor(flat * self.categories as f64).min(self.categories as f64 - 1.0)
    }
}

/// Probabilities that one of `kernels` kernels, the prior among them, gives to its own category and
/// to each other one.
pub(super) fn category_probabilities(
    categories: usize,
    kernels: usize,
    prior_weight: f64,
) -> (f64, f64) {
    let share = prior_weight / kernels as f64;
    let total = 1.0 + share * categories as f64;
    ((1.0 + share) / total, share / total)
}

/// Terms e⁻⁴⁰ times smaller than the largest are below the rounding of the sum.
pub(super) const NEGLIGIBLE: f64 = -40.0;

/// Log-sum-exp: ln Σ exp(terms).
pub(super) fn log_sum(terms: &[f64]) -> f64 {
    let largest = terms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let below = terms.iter().map(|term| term - largest);
    let sum: f64 = below.filter(|&below| below > NEGLIGIBLE).map(libm::exp).sum();
    largest + libm::log(sum)
}

#[cfg(test)]
#[path = "parzen_tests.rs"]
mod tests;

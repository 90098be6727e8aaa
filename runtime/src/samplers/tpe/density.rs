//! The density of a [`KernelSet`] at a few candidates, with a bound that skips distant kernels.

use alloc::vec::Vec;

use super::{
    TpeOptions,
    kernel_set::{KernelRow, KernelSet},
    parzen::{Interval, Kernel, NEGLIGIBLE, category_probabilities, log_sum},
};
use crate::math::normal;

/// Candidates evaluated at once.
const LANES: usize = 8;
/// Dimensions added between two checks of the bound.
const STRIDE: usize = 4;
/// Slack of the bound, far above its rounding error.
const ROUNDING_SLACK: f64 = 1.0;
/// Slots of the [`MassCache`]; a power of two.
const MASS_CACHE_SIZE: usize = 4096;

/// One number for each of eight candidates.
type Lanes = [f64; LANES];

/// Sums the kernels of a [`KernelSet`] and the prior. Buffers and the mass cache persist between
/// calls.
#[derive(Clone, Debug, Default)]
pub(super) struct Density {
    columns: Vec<Column>,
    /// `[dimensions + 1]`: an upper bound on what the dimensions from this one on add to a kernel's
    /// log density.
    log_bounds: Vec<f64>,
    blocks: Vec<Block>,
    /// `[candidates]`: the log densities of the kernels that pass the bound.
    terms: Vec<Vec<f64>>,
    masses: MassCache,
}

/// How one dimension enters the sum.
#[derive(Clone, Copy, Debug)]
enum Column {
    /// Every candidate is a point.
    Points,
    /// Some candidates are cells: the fast pass adds a bound, and the exact mass follows.
    Intervals,
    /// Log probabilities of a kernel's own category and of any other.
    Categories { hit: f64, miss: f64 },
}

/// Up to eight candidates, in lanes.
#[derive(Clone, Debug, Default)]
struct Block {
    /// `[dimensions]`: the middle of the cell, or the category.
    middles: Vec<Lanes>,
    /// `[dimensions]`: half of the cell's width, and the log of the width; 0 for points.
    halves: Vec<Lanes>,
    spans: Vec<Lanes>,
    /// The prior's log density, and the largest term seen.
    priors: Lanes,
    largest: Lanes,
}

impl Density {
    /// Log density at each candidate (`cells`: `[candidates, dimensions]`), up to factors that
    /// depend on the candidate alone. Equal in every bit to
    /// [`ParzenEstimator`](super::parzen::ParzenEstimator) for the same trials.
    ///
    /// A kernel is skipped when its log density cannot come within 41 of the prior's or of another
    /// kernel's: it would not change a digit of the sum. Most kernels fail after a few dimensions,
    /// because the narrowest kernel at the edge bounds what a dimension can add.
    pub(super) fn log_density(
        &mut self,
        options: &TpeOptions,
        kernel_set: &KernelSet,
        intervals: &[Interval],
        densities: &mut Vec<f64>,
    ) {
        let (count, dimensions) = (kernel_set.count(), kernel_set.dimensions());
        let candidates = intervals.len() / dimensions;
        let weights = (0..count).map(|index| options.weight(index, count));
        let total = weights.chain([options.prior_weight]).fold(0.0, |sum, weight| sum + weight);
        let log_total = libm::log(total);
        self.prepare(options, kernel_set, intervals, log_total);
        self.terms.resize_with(candidates, Vec::new);
        self.terms.iter_mut().for_each(Vec::clear);
        let exact = !self.columns.iter().any(|column| matches!(column, Column::Intervals));
        for (index, row) in kernel_set.members().enumerate() {
            let log_weight = || libm::log(options.weight(index, count)) - log_total;
            self.add_kernel(row, log_weight, log_total, intervals, exact);
        }
        densities.clear();
        densities.extend(self.terms.iter_mut().enumerate().map(|(candidate, terms)| {
            terms.push(self.blocks[candidate / LANES].priors[candidate % LANES]);
            log_sum(terms)
        }));
    }

    /// Adds a kernel's terms at the candidates where it passes the bound. The terms are `exact` if
    /// no candidate is a cell.
    fn add_kernel(
        &mut self,
        row: KernelRow<'_>,
        log_weight: impl Fn() -> f64,
        log_total: f64,
        intervals: &[Interval],
        exact: bool,
    ) {
        let Self { columns, log_bounds, blocks, terms, masses } = self;
        let dimensions = columns.len();
        let mut computed_weight = None;
        for (number, block) in blocks.iter_mut().enumerate() {
            // A trial's weight is at most 1.
            let first = STRIDE.min(dimensions);
            let mut sums = [-log_total; LANES];
            block.add(columns, row, 0..first, &mut sums);
            if !block.is_relevant(&sums, log_bounds[first]) {
                continue;
            }
            let weight = *computed_weight.get_or_insert_with(&log_weight);
            let Some(sums) = block.log_densities(columns, row, log_bounds, weight) else {
                continue;
            };
            for (lane, terms) in terms[number * LANES..].iter_mut().take(LANES).enumerate() {
                if sums[lane] < block.least(lane) {
                    continue;
                }
                let candidate = number * LANES + lane;
                let term = if exact {
                    sums[lane]
                } else {
                    let intervals = &intervals[candidate * dimensions..][..dimensions];
                    exact_term(columns, row, intervals, weight, masses)
                };
                block.largest[lane] = block.largest[lane].max(term);
                terms.push(term);
            }
        }
    }

    /// Prepares the columns, their bounds, and the candidates.
    fn prepare(
        &mut self,
        options: &TpeOptions,
        kernel_set: &KernelSet,
        intervals: &[Interval],
        log_total: f64,
    ) {
        let dimensions = kernel_set.dimensions();
        self.columns.clear();
        self.columns.extend(
            (0..dimensions).map(|dimension| Column::new(options, kernel_set, intervals, dimension)),
        );
        self.bound_columns(options.min_bandwidth(kernel_set.count()));
        let candidates = intervals.len() / dimensions;
        self.blocks.resize_with(candidates.div_ceil(LANES), Block::default);
        let log_prior = libm::log(options.prior_weight) - log_total;
        for (block, intervals) in self.blocks.iter_mut().zip(intervals.chunks(LANES * dimensions)) {
            block.load(&kernel_set.categories, intervals, log_prior);
        }
    }

    /// Computes the bounds of the log density over the last columns.
    fn bound_columns(&mut self, min_bandwidth: f64) {
        // The highest density is that of the narrowest kernel at the edge, where half of it is cut
        // off.
        let inside = normal::cdf(1.0 / min_bandwidth) - 0.5;
        let highest = -libm::log(min_bandwidth * inside) - normal::HALF_LOG_TAU;
        let dimensions = self.columns.len();
        self.log_bounds.clear();
        self.log_bounds.resize(dimensions + 1, 0.0);
        for dimension in (0..dimensions).rev() {
            // A point among cells has the same bound as other points.
            let most = match self.columns[dimension] {
                Column::Points | Column::Intervals => highest.max(0.0),
                Column::Categories { .. } => 0.0,
            };
            self.log_bounds[dimension] = self.log_bounds[dimension + 1] + most;
        }
    }
}

impl Column {
    /// The column of a dimension of the candidates (`intervals`: `[candidates, dimensions]`).
    fn new(
        options: &TpeOptions,
        kernel_set: &KernelSet,
        intervals: &[Interval],
        dimension: usize,
    ) -> Self {
        let categories = kernel_set.categories[dimension];
        if categories > 0 {
            let (hit, miss) =
                category_probabilities(categories, kernel_set.count() + 1, options.prior_weight);
            return Self::Categories { hit: libm::log(hit), miss: libm::log(miss) };
        }
        let mut intervals = intervals[dimension..].iter().step_by(kernel_set.dimensions());
        if intervals.all(|interval| interval.left == interval.right) {
            Self::Points
        } else {
            Self::Intervals
        }
    }
}

impl Block {
    /// Loads up to eight candidates, `[candidates, dimensions]`, with the log density of the prior,
    /// whose weight is `log_prior`. `categories` has the number of categories of each dimension, 0
    /// for a number.
    fn load(&mut self, categories: &[usize], intervals: &[Interval], log_prior: f64) {
        let prior = Kernel::new(0.5, 1.0);
        let dimensions = categories.len();
        for numbers in [&mut self.middles, &mut self.halves, &mut self.spans] {
            numbers.clear();
            numbers.resize(dimensions, [0.0; LANES]);
        }
        // Lanes without a candidate are never relevant.
        self.priors = [f64::INFINITY; LANES];
        for (lane, intervals) in intervals.chunks_exact(dimensions).enumerate() {
            let mut term = log_prior;
            for (dimension, interval) in intervals.iter().enumerate() {
                let categories = categories[dimension];
                if categories > 0 {
                    term -= libm::log(categories as f64);
                    self.middles[dimension][lane] = interval.left;
                } else if interval.left == interval.right {
                    term += point(interval.left, 0.5, prior.half_precision, prior.log_norm);
                    self.middles[dimension][lane] = interval.left;
                } else {
                    term += prior.log_mass(0.5, 1.0, *interval);
                    let width = interval.right - interval.left;
                    self.middles[dimension][lane] = 0.5 * (interval.left + interval.right);
                    self.halves[dimension][lane] = 0.5 * width;
                    self.spans[dimension][lane] = libm::log(width);
                }
            }
            self.priors[lane] = term;
        }
        self.largest = self.priors;
    }

    /// Log densities of a kernel with this log weight; `None` once it is irrelevant to all
    /// candidates. Cells have bounds in place of densities.
    #[inline]
    fn log_densities(
        &self,
        columns: &[Column],
        row: KernelRow<'_>,
        log_bounds: &[f64],
        log_weight: f64,
    ) -> Option<Lanes> {
        let (mut sums, mut done) = ([log_weight; LANES], 0);
        while done < columns.len() {
            let next = (done + STRIDE).min(columns.len());
            self.add(columns, row, done..next, &mut sums);
            done = next;
            if !self.is_relevant(&sums, log_bounds[done]) {
                return None;
            }
        }
        Some(sums)
    }

    /// Log density from which on a kernel is relevant to a candidate.
    fn least(&self, lane: usize) -> f64 {
        self.largest[lane] + (NEGLIGIBLE - ROUNDING_SLACK)
    }

    /// Whether a kernel whose sums can still grow by `log_bound` is relevant to any candidate.
    fn is_relevant(&self, sums: &Lanes, log_bound: f64) -> bool {
        (0..LANES).any(|lane| sums[lane] + log_bound >= self.least(lane))
    }

    /// Adds some dimensions of a kernel to the sums, exactly for points and categories, as a bound
    /// for cells.
    #[inline(always)]
    fn add(
        &self,
        columns: &[Column],
        row: KernelRow<'_>,
        dimensions: core::ops::Range<usize>,
        sums: &mut Lanes,
    ) {
        for dimension in dimensions {
            let (center, middles) = (row.centers[dimension], &self.middles[dimension]);
            match columns[dimension] {
                Column::Points => {
                    let (half_precision, log_norm) =
                        (row.half_precision[dimension], row.log_norms[dimension]);
                    for lane in 0..LANES {
                        sums[lane] += point(middles[lane], center, half_precision, log_norm);
                    }
                }
                Column::Intervals => {
                    // The density at the cell's nearest point, taken over the whole cell.
                    let (half_precision, log_norm) =
                        (row.half_precision[dimension], row.log_norms[dimension]);
                    let (halves, spans) = (&self.halves[dimension], &self.spans[dimension]);
                    for lane in 0..LANES {
                        let distance = ((middles[lane] - center).abs() - halves[lane]).max(0.0);
                        sums[lane] += log_norm + spans[lane] - distance * distance * half_precision;
                    }
                }
                Column::Categories { hit, miss } => {
                    for lane in 0..LANES {
                        sums[lane] += if center == middles[lane] { hit } else { miss };
                    }
                }
            }
        }
    }
}

/// Log density of a kernel at a point.
fn point(x: f64, center: f64, half_precision: f64, log_norm: f64) -> f64 {
    let distance = x - center;
    log_norm - distance * distance * half_precision
}

/// Exact log density of a kernel at one candidate, with the masses of cells.
fn exact_term(
    columns: &[Column],
    row: KernelRow<'_>,
    intervals: &[Interval],
    log_weight: f64,
    masses: &mut MassCache,
) -> f64 {
    let mut term = log_weight;
    for (dimension, interval) in intervals.iter().enumerate() {
        let center = row.centers[dimension];
        term += match columns[dimension] {
            Column::Categories { hit, miss } => {
                if center == interval.left {
                    hit
                } else {
                    miss
                }
            }
            _ if interval.left == interval.right => point(
                interval.left,
                center,
                row.half_precision[dimension],
                row.log_norms[dimension],
            ),
            _ => masses.of(center, row.bandwidths[dimension], *interval),
        };
    }
    term
}

/// A direct-mapped cache of kernels' masses over cells, which integer parameters repeat.
#[derive(Clone, Debug, Default)]
struct MassCache {
    /// Key: the bits of center, bandwidth and both ends of the cell. Value: the log mass.
    known: Vec<([u64; 4], f64)>,
}

impl MassCache {
    fn of(&mut self, center: f64, width: f64, interval: Interval) -> f64 {
        // No center has these bits.
        self.known.resize(MASS_CACHE_SIZE, ([u64::MAX; 4], 0.0));
        let key = [center, width, interval.left, interval.right].map(f64::to_bits);
        let mixed = key.iter().fold(0u64, |mixed, bits| {
            (mixed.rotate_left(23) ^ bits).wrapping_mul(0x9E37_79B9_7F4A_7C15)
        });
        let place = &mut self.known[(mixed >> 40) as usize % MASS_CACHE_SIZE];
        if place.0 != key {
            *place = (key, Kernel::new(center, width).log_mass(center, width, interval));
        }
        place.1
    }
}

#[cfg(test)]
#[path = "density_tests.rs"]
mod tests;

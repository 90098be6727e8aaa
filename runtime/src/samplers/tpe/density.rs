//! The density of many kernels at a few candidates, without looking at those that are too far away to matter.

use alloc::vec::Vec;

use super::{
    TpeOptions,
    crowd::{Crowd, Row},
    parzen::{Cell, Kernel, NEGLIGIBLE, category_probabilities, log_sum},
};
use crate::samplers::normal;

/// So many candidates are rated at once.
const LANES: usize = 8;
/// After so many dimensions it is asked again whether a kernel may matter.
const STRIDE: usize = 4;
/// What a bound may be wrong by through rounding, and far more.
const SLACK: f64 = 1.0;
/// Masses that are remembered for each estimator; a power of two.
const REMEMBERED: usize = 4096;

/// Numbers for eight candidates.
type Lanes = [f64; LANES];

/// Sums a [`Crowd`]'s kernels and the prior. Buffers, and masses that were worked out, live on.
#[derive(Clone, Debug, Default)]
pub(super) struct Density {
    columns: Vec<Column>,
    /// `[dimensions + 1]`: what the dimensions from this one on can add to a kernel's logarithm at most.
    reaches: Vec<f64>,
    blocks: Vec<Block>,
    /// `[candidates]`: the logarithms of the kernels that matter.
    terms: Vec<Vec<f64>>,
    masses: Masses,
}

/// What is needed to know of one dimension.
#[derive(Clone, Copy, Debug)]
enum Column {
    /// Every candidate is a point.
    Points,
    /// Some are cells: what is added before the exact mass is known is a bound.
    Cells,
    /// The logarithms of the probabilities of a kernel's own category and of another.
    Categories { hit: f64, miss: f64 },
}

/// Up to eight candidates.
#[derive(Clone, Debug, Default)]
struct Block {
    /// `[dimensions]`: the middle of the cell, or the category.
    middles: Vec<Lanes>,
    /// `[dimensions]`: half of its width, and the logarithm of the width; 0 for points.
    halves: Vec<Lanes>,
    spans: Vec<Lanes>,
    /// The prior's logarithm, and the largest that was seen.
    priors: Lanes,
    largest: Lanes,
}

impl Density {
    /// The logarithm of the density at each of the candidates (`cells`: `[candidates, dimensions]`), up to factors that depend on the
    /// candidate alone: what [`ParzenEstimator`](super::parzen::ParzenEstimator) says of the same trials, bit by bit.
    ///
    /// A kernel whose logarithm cannot come within 41 of the prior's, or of another kernel's, would not change a digit of the sum. Most are found
    /// to be so after a few dimensions, since no kernel is higher than the narrowest at the edge.
    pub(super) fn log_density(
        &mut self,
        options: &TpeOptions,
        crowd: &Crowd,
        cells: &[Cell],
        densities: &mut Vec<f64>,
    ) {
        let (count, dimensions) = (crowd.count(), crowd.dimensions());
        let candidates = cells.len() / dimensions;
        let weights = (0..count).map(|index| options.weight(index, count));
        let total = weights.chain([options.prior_weight]).fold(0.0, |sum, weight| sum + weight);
        let log_total = libm::log(total);
        self.prepare(options, crowd, cells, log_total);
        self.terms.resize_with(candidates, Vec::new);
        self.terms.iter_mut().for_each(Vec::clear);
        let exact = !self.columns.iter().any(|column| matches!(column, Column::Cells));
        let Self { columns, reaches, blocks, terms, masses } = self;
        for (index, row) in crowd.members().enumerate() {
            let mut log_weight = None;
            for (number, block) in blocks.iter_mut().enumerate() {
                // No weight of a trial is above 1.
                let first = STRIDE.min(dimensions);
                let mut sums = [-log_total; LANES];
                block.add(columns, row, 0..first, &mut sums);
                if !block.matters(&sums, reaches[first]) {
                    continue;
                }
                let weight = *log_weight
                    .get_or_insert_with(|| libm::log(options.weight(index, count)) - log_total);
                sums = [weight; LANES];
                let mut done = 0;
                while done < dimensions && (done == 0 || block.matters(&sums, reaches[done])) {
                    let next = (done + STRIDE).min(dimensions);
                    block.add(columns, row, done..next, &mut sums);
                    done = next;
                }
                if done < dimensions || !block.matters(&sums, 0.0) {
                    continue;
                }
                for (lane, terms) in terms[number * LANES..].iter_mut().take(LANES).enumerate() {
                    if sums[lane] < block.least(lane) {
                        continue;
                    }
                    let candidate = number * LANES + lane;
                    let term = if exact {
                        sums[lane]
                    } else {
                        let cells = &cells[candidate * dimensions..][..dimensions];
                        whole(columns, row, cells, weight, masses)
                    };
                    block.largest[lane] = block.largest[lane].max(term);
                    terms.push(term);
                }
            }
        }
        densities.clear();
        densities.extend(self.terms.iter_mut().enumerate().map(|(candidate, terms)| {
            terms.push(self.blocks[candidate / LANES].priors[candidate % LANES]);
            log_sum(terms)
        }));
    }

    /// Sets up the columns, their bounds, and the candidates.
    fn prepare(&mut self, options: &TpeOptions, crowd: &Crowd, cells: &[Cell], log_total: f64) {
        let (count, dimensions) = (crowd.count(), crowd.dimensions());
        let narrowest = options.narrowest(count);
        // The narrowest kernel at the edge, where half of it is cut off.
        let inside = normal::cdf(1.0 / narrowest) - 0.5;
        let highest = -libm::log(narrowest * inside) - normal::HALF_LOG_TAU;
        let column = |dimension: usize| {
            let categories = crowd.categories[dimension];
            if categories > 0 {
                let (hit, miss) =
                    category_probabilities(categories, count + 1, options.prior_weight);
                return Column::Categories { hit: libm::log(hit), miss: libm::log(miss) };
            }
            let mut cells = cells[dimension..].iter().step_by(dimensions);
            if cells.all(|cell| cell.left == cell.right) { Column::Points } else { Column::Cells }
        };
        self.columns.clear();
        self.columns.extend((0..dimensions).map(column));
        self.reaches.clear();
        self.reaches.resize(dimensions + 1, 0.0);
        for dimension in (0..dimensions).rev() {
            // Points among cells are as high as other points.
            let most = match self.columns[dimension] {
                Column::Points | Column::Cells => highest.max(0.0),
                Column::Categories { .. } => 0.0,
            };
            self.reaches[dimension] = self.reaches[dimension + 1] + most;
        }
        let candidates = cells.len() / dimensions;
        self.blocks.resize_with(candidates.div_ceil(LANES), Block::default);
        let prior = Kernel::new(0.5, 1.0);
        let log_prior = libm::log(options.prior_weight) - log_total;
        for (block, cells) in self.blocks.iter_mut().zip(cells.chunks(LANES * dimensions)) {
            block.middles.clear();
            block.middles.resize(dimensions, [0.0; LANES]);
            block.halves.clear();
            block.halves.resize(dimensions, [0.0; LANES]);
            block.spans.clear();
            block.spans.resize(dimensions, [0.0; LANES]);
            // Lanes without a candidate never matter.
            block.priors = [f64::INFINITY; LANES];
            for (lane, cells) in cells.chunks_exact(dimensions).enumerate() {
                let mut term = log_prior;
                for (dimension, cell) in cells.iter().enumerate() {
                    let categories = crowd.categories[dimension];
                    if categories > 0 {
                        term -= libm::log(categories as f64);
                        block.middles[dimension][lane] = cell.left;
                    } else if cell.left == cell.right {
                        term += point(cell.left, 0.5, prior.sharpness, prior.peak);
                        block.middles[dimension][lane] = cell.left;
                    } else {
                        term += prior.log_mass(0.5, 1.0, *cell);
                        let width = cell.right - cell.left;
                        block.middles[dimension][lane] = 0.5 * (cell.left + cell.right);
                        block.halves[dimension][lane] = 0.5 * width;
                        block.spans[dimension][lane] = libm::log(width);
                    }
                }
                block.priors[lane] = term;
            }
            block.largest = block.priors;
        }
    }
}

impl Block {
    /// What a kernel's logarithm must reach to matter to a candidate.
    fn least(&self, lane: usize) -> f64 {
        self.largest[lane] + (NEGLIGIBLE - SLACK)
    }

    /// Whether a kernel whose sums can still grow by `reach` matters to any candidate.
    fn matters(&self, sums: &Lanes, reach: f64) -> bool {
        (0..LANES).any(|lane| sums[lane] + reach >= self.least(lane))
    }

    /// Adds some dimensions of a kernel to the sums: exactly, but for cells.
    #[inline(always)]
    fn add(
        &self,
        columns: &[Column],
        row: Row<'_>,
        dimensions: core::ops::Range<usize>,
        sums: &mut Lanes,
    ) {
        for dimension in dimensions {
            let (centre, middles) = (row.centres[dimension], &self.middles[dimension]);
            match columns[dimension] {
                Column::Points => {
                    let (sharpness, peak) = (row.sharpness[dimension], row.peaks[dimension]);
                    for lane in 0..LANES {
                        sums[lane] += point(middles[lane], centre, sharpness, peak);
                    }
                }
                Column::Cells => {
                    // The kernel's height at the cell's nearest point, over the whole cell.
                    let (sharpness, peak) = (row.sharpness[dimension], row.peaks[dimension]);
                    let (halves, spans) = (&self.halves[dimension], &self.spans[dimension]);
                    for lane in 0..LANES {
                        let distance = ((middles[lane] - centre).abs() - halves[lane]).max(0.0);
                        sums[lane] += peak + spans[lane] - distance * distance * sharpness;
                    }
                }
                Column::Categories { hit, miss } => {
                    for lane in 0..LANES {
                        sums[lane] += if centre == middles[lane] { hit } else { miss };
                    }
                }
            }
        }
    }
}

/// The logarithm of a kernel's density at a point.
fn point(x: f64, centre: f64, sharpness: f64, peak: f64) -> f64 {
    let distance = x - centre;
    peak - distance * distance * sharpness
}

/// The logarithm of a kernel at one candidate, cells and all.
fn whole(
    columns: &[Column],
    row: Row<'_>,
    cells: &[Cell],
    log_weight: f64,
    masses: &mut Masses,
) -> f64 {
    let mut term = log_weight;
    for (dimension, cell) in cells.iter().enumerate() {
        let centre = row.centres[dimension];
        term += match columns[dimension] {
            Column::Categories { hit, miss } => {
                if centre == cell.left {
                    hit
                } else {
                    miss
                }
            }
            _ if cell.left == cell.right => {
                point(cell.left, centre, row.sharpness[dimension], row.peaks[dimension])
            }
            _ => masses.of(centre, row.widths[dimension], *cell),
        };
    }
    term
}

/// Masses of kernels over cells, which ints meet again and again. Each has one place, where the next that falls there takes over.
#[derive(Clone, Debug, Default)]
struct Masses {
    /// Centre, width and the cell's ends, bit by bit; and the logarithm of the mass.
    known: Vec<([u64; 4], f64)>,
}

impl Masses {
    fn of(&mut self, centre: f64, width: f64, cell: Cell) -> f64 {
        // No centre is this one.
        self.known.resize(REMEMBERED, ([u64::MAX; 4], 0.0));
        let key = [centre, width, cell.left, cell.right].map(f64::to_bits);
        let mixed = key.iter().fold(0u64, |mixed, bits| {
            (mixed.rotate_left(23) ^ bits).wrapping_mul(0x9E37_79B9_7F4A_7C15)
        });
        let place = &mut self.known[(mixed >> 40) as usize % REMEMBERED];
        if place.0 != key {
            *place = (key, Kernel::new(centre, width).log_mass(centre, width, cell));
        }
        place.1
    }
}

#[cfg(test)]
#[path = "density_tests.rs"]
mod tests;

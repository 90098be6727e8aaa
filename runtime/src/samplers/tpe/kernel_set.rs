//! The kernels of many trials, updated from one suggestion to the next.

use alloc::vec::Vec;

use super::{TpeOptions, parzen::Kernel};
use crate::space::Domain;

/// Number of kernels beyond which they are computed a block of dimensions at a time.
const MAX_UNBLOCKED: usize = 1 << 16;
/// Dimensions of a block: a cache line of doubles.
const BLOCK: usize = 8;

/// One kernel for each member trial, equal in every bit to those of
/// [`ParzenEstimator`](super::parzen::ParzenEstimator), but updated in place: a kernel's bandwidth
/// depends on its two neighbors alone.
///
/// Trials are rows, oldest first; only some rows are members. Adding or removing a member costs a
/// binary search and a shift of each dimension's order.
#[derive(Clone, Debug, Default)]
pub(super) struct KernelSet {
    /// Number of categories of each dimension; 0 for a number.
    pub(super) categories: Vec<usize>,
    /// `[rows]`: whether the row is a member.
    members: Vec<bool>,
    count: usize,
    /// `[rows, dimensions]`: the trial's coordinate in the unit interval, or its category.
    centers: Vec<f64>,
    /// `[rows, dimensions]`, valid for members: standard deviation, 1 / (2·bandwidth²), and log
    /// density at the center.
    bandwidths: Vec<f64>,
    half_precision: Vec<f64>,
    log_norms: Vec<f64>,
    /// For each numerical dimension, the members by ascending center; ties by age.
    orders: Vec<Vec<u32>>,
    /// Least bandwidth at the last fit, and whether there was a single member.
    fitted: (f64, bool),
}

/// The kernels of one member, `[dimensions]` each.
#[derive(Clone, Copy, Debug)]
pub(super) struct KernelRow<'a> {
    pub(super) centers: &'a [f64],
    pub(super) bandwidths: &'a [f64],
    pub(super) half_precision: &'a [f64],
    pub(super) log_norms: &'a [f64],
}

impl KernelSet {
    /// An empty set over these domains.
    pub(super) fn new(domains: &[&Domain]) -> Self {
        let categories = |domain: &&Domain| match domain {
            Domain::Categorical { choices } => choices.len(),
            _ => 0,
        };
        Self {
            categories: domains.iter().map(categories).collect(),
            orders: alloc::vec![Vec::new(); domains.len()],
            ..Self::default()
        }
    }

    /// Number of rows, members or not.
    pub(super) fn rows(&self) -> usize {
        self.members.len()
    }

    /// Number of members.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn dimensions(&self) -> usize {
        self.categories.len()
    }

    /// Coordinate of a row in one dimension.
    pub(super) fn center(&self, row: usize, dimension: usize) -> f64 {
        self.centers[row * self.dimensions() + dimension]
    }

    /// Reserves room for `rows` more rows, so that a history that comes whole is copied once.
    pub(super) fn reserve(&mut self, rows: usize) {
        let more = rows * self.dimensions();
        for numbers in
            [&mut self.centers, &mut self.bandwidths, &mut self.half_precision, &mut self.log_norms]
        {
            numbers.reserve(more);
        }
    }

    /// Appends a row, `[dimensions]`, that is not a member yet; NaN where the trial has no value.
    pub(super) fn push(&mut self, centers: impl Iterator<Item = f64>) {
        self.centers.extend(centers);
        let size = self.centers.len();
        debug_assert_eq!(size, (self.rows() + 1) * self.dimensions());
        self.members.push(false);
        // NaN differs from every bandwidth, so the kernel is computed when the row becomes a
        // member.
        self.bandwidths.resize(size, f64::NAN);
        self.half_precision.resize(size, 0.0);
        self.log_norms.resize(size, 0.0);
    }

    /// Keeps the first `rows` rows.
    pub(super) fn truncate(&mut self, options: &TpeOptions, rows: usize) {
        if rows >= self.rows() {
            return;
        }
        let leaving = (rows..self.rows()).filter(|row| self.members[*row]).count();
        if leaving > 0 {
            self.set_members(options, |row, members| row < rows && members[row]);
        }
        self.members.truncate(rows);
        let size = rows * self.dimensions();
        for numbers in
            [&mut self.centers, &mut self.bandwidths, &mut self.half_precision, &mut self.log_norms]
        {
            numbers.truncate(size);
        }
    }

    /// Makes exactly those rows members for which `belongs(row, current members)` holds.
    pub(super) fn set_members(
        &mut self,
        options: &TpeOptions,
        belongs: impl Fn(usize, &[bool]) -> bool,
    ) {
        let before = &self.members;
        let changed: Vec<usize> =
            (0..before.len()).filter(|row| belongs(*row, before) != before[*row]).collect();
        let joining = changed.iter().filter(|row| !self.members[**row]).count();
        let count = self.count + joining - (changed.len() - joining);
        let fitted = (options.min_bandwidth(count), count == 1);
        // Single updates shift half of each order; sorting costs about ten comparisons per member.
        if changed.len() > 4 + count / 16 || fitted != self.fitted {
            for row in changed {
                self.members[row] = !self.members[row];
            }
            self.count = count;
            self.fitted = fitted;
            if count * self.dimensions() > MAX_UNBLOCKED {
                self.rebuild_in_blocks(options);
            } else {
                self.rebuild(options);
            }
            return;
        }
        for row in changed {
            if self.members[row] {
                self.remove(options, row);
            } else {
                self.insert(options, row);
            }
        }
    }

    /// The kernels of the members, oldest first.
    pub(super) fn members(&self) -> impl Iterator<Item = KernelRow<'_>> {
        let rows = self.members.iter().enumerate().filter(|(_, member)| **member);
        let size = self.dimensions();
        rows.map(move |(row, _)| KernelRow {
            centers: &self.centers[row * size..][..size],
            bandwidths: &self.bandwidths[row * size..][..size],
            half_precision: &self.half_precision[row * size..][..size],
            log_norms: &self.log_norms[row * size..][..size],
        })
    }

    /// Sorts every dimension's members, and updates their kernels.
    fn rebuild(&mut self, options: &TpeOptions) {
        self.sort();
        for dimension in 0..self.dimensions() {
            for place in 0..self.orders[dimension].len() {
                self.fit(options, dimension, place);
            }
        }
    }

    /// The same for many kernels. Rows are far apart in memory, so that a few dimensions at a time
    /// are copied out of them, which together take a cache line of each row.
    fn rebuild_in_blocks(&mut self, options: &TpeOptions) {
        let size = self.dimensions();
        let rows: Vec<u32> =
            (0..self.rows() as u32).filter(|row| self.members[*row as usize]).collect();
        let mut columns: [Vec<(f64, u32)>; BLOCK] = Default::default();
        let mut widths: [Vec<f64>; BLOCK] = Default::default();
        for first in (0..size).step_by(BLOCK) {
            let block = first..(first + BLOCK).min(size);
            for (column, dimension) in columns.iter_mut().zip(block.clone()) {
                column.clear();
                column.extend(rows.iter().map(|row| (self.center(*row as usize, dimension), *row)));
            }
            for ((column, widths), dimension) in
                columns.iter_mut().zip(&mut widths).zip(block.clone())
            {
                if self.categories[dimension] == 0 {
                    column.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
                    self.orders[dimension].clear();
                    self.orders[dimension].extend(column.iter().map(|(_, row)| *row));
                    self.bandwidths_of(options, column, widths);
                }
            }
            for (place, row) in rows.iter().enumerate() {
                for (widths, dimension) in widths.iter().zip(block.clone()) {
                    if self.categories[dimension] == 0 {
                        self.set_kernel(*row as usize * size + dimension, widths[place]);
                    }
                }
            }
        }
    }

    /// Bandwidths of a sorted column's kernels, `[members]` by row.
    fn bandwidths_of(&self, options: &TpeOptions, column: &[(f64, u32)], widths: &mut Vec<f64>) {
        let (min_bandwidth, alone) = self.fitted;
        let mut by_row: Vec<(u32, f64)> = column
            .iter()
            .enumerate()
            .map(|(place, (own, row))| {
                let below = (place > 0).then(|| own - column[place - 1].0);
                let above = column.get(place + 1).map(|other| other.0 - own);
                (*row, options.bandwidth(*own, (below, above), alone, min_bandwidth))
            })
            .collect();
        by_row.sort_unstable_by_key(|(row, _)| *row);
        widths.clear();
        widths.extend(by_row.iter().map(|(_, width)| *width));
    }

    /// Sorts every dimension's members.
    fn sort(&mut self) {
        let size = self.dimensions();
        let Self { categories, members, centers, orders, .. } = self;
        for (dimension, order) in orders.iter_mut().enumerate() {
            if categories[dimension] > 0 {
                continue;
            }
            let center = |row: u32| centers[row as usize * size + dimension];
            // The remaining members are a sorted run, which the sort recognizes.
            order.retain(|row| members[*row as usize]);
            let mut known = alloc::vec![false; members.len()];
            order.iter().for_each(|row| known[*row as usize] = true);
            let joining = (0..members.len()).filter(|row| members[*row] && !known[*row]);
            order.extend(joining.map(|row| row as u32));
            order.sort_by(|a, b| center(*a).total_cmp(&center(*b)).then_with(|| a.cmp(b)));
        }
    }

    fn insert(&mut self, options: &TpeOptions, row: usize) {
        self.members[row] = true;
        self.count += 1;
        for dimension in 0..self.dimensions() {
            if self.categories[dimension] > 0 {
                continue;
            }
            let place = self.place(row, dimension);
            self.orders[dimension].insert(place, row as u32);
            for place in place.saturating_sub(1)..=place + 1 {
                self.fit(options, dimension, place);
            }
        }
    }

    fn remove(&mut self, options: &TpeOptions, row: usize) {
        self.members[row] = false;
        self.count -= 1;
        for dimension in 0..self.dimensions() {
            if self.categories[dimension] > 0 {
                continue;
            }
            let place = self.place(row, dimension);
            self.orders[dimension].remove(place);
            for place in place.saturating_sub(1)..=place {
                self.fit(options, dimension, place);
            }
        }
    }

    /// Position of a row, member or not, in a dimension's order.
    fn place(&self, row: usize, dimension: usize) -> usize {
        let (size, own) = (self.dimensions(), self.center(row, dimension));
        self.orders[dimension].partition_point(|other| {
            let center = self.centers[*other as usize * size + dimension];
            center.total_cmp(&own).then_with(|| (*other as usize).cmp(&row)).is_lt()
        })
    }

    /// Updates the kernel at a position of the order, if there is one.
    fn fit(&mut self, options: &TpeOptions, dimension: usize, place: usize) {
        let order = &self.orders[dimension];
        let Some(&row) = order.get(place) else { return };
        let center = |row: u32| self.center(row as usize, dimension);
        let own = center(row);
        let below = (place > 0).then(|| own - center(order[place - 1]));
        let above = order.get(place + 1).map(|other| center(*other) - own);
        let (min_bandwidth, alone) = self.fitted;
        let width = options.bandwidth(own, (below, above), alone, min_bandwidth);
        self.set_kernel(row as usize * self.dimensions() + dimension, width);
    }

    /// Gives the kernel at a place of the arrays its bandwidth.
    fn set_kernel(&mut self, at: usize, width: f64) {
        if self.bandwidths[at] != width {
            let kernel = Kernel::new(self.centers[at], width);
            self.bandwidths[at] = width;
            self.half_precision[at] = kernel.half_precision;
            self.log_norms[at] = kernel.log_norm;
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_xoshiro::Xoshiro256PlusPlus;

    use super::*;
    use crate::space::Parameter;

    #[test]
    fn blocks_compute_the_same_kernels() {
        let options = TpeOptions::default();
        let float = |index: usize| Parameter::float(alloc::format!("x{index}"), 0.0, 1.0);
        let mut parameters: Vec<Parameter> = (0..19).map(float).collect();
        parameters[9] = Parameter::categorical("kind", ["a", "b", "c"]);
        let domains: Vec<&Domain> = parameters.iter().map(Parameter::domain).collect();
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
        let mut set = KernelSet::new(&domains);
        for _ in 0..60 {
            // Some centers are equal, and the category is a whole number.
            set.push((0..19).map(|_| libm::floor(30.0 * rng.random::<f64>()) / 30.0));
        }
        set.set_members(&options, |row, _| row % 7 != 3);
        let mut blocked = set.clone();
        blocked.bandwidths.fill(f64::NAN);
        blocked.orders.iter_mut().for_each(Vec::clear);
        blocked.rebuild_in_blocks(&options);
        assert_eq!(set.orders, blocked.orders);
        for (one, other) in set.members().zip(blocked.members()) {
            for dimension in (0..19).filter(|dimension| *dimension != 9) {
                assert_eq!(one.bandwidths[dimension], other.bandwidths[dimension]);
                assert_eq!(one.log_norms[dimension], other.log_norms[dimension]);
                assert_eq!(one.half_precision[dimension], other.half_precision[dimension]);
            }
        }
    }
}

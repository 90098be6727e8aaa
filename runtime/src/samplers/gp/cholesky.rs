use alloc::vec::Vec;

pub(super) use crate::math::dot_in_lanes as dot;

/// The Cholesky factor `L` of a symmetric positive definite matrix `A = L·Lᵀ`, `[n, n]` by rows,
/// the upper part unused.
///
/// Golub & Van Loan, Matrix Computations, 4th edition, algorithm 4.2.2 (by rows, so that memory is
/// read in order).
#[derive(Clone, Debug, Default)]
pub(super) struct Cholesky {
    size: usize,
    lower: Vec<f64>,
}

impl Cholesky {
    /// Factors `matrix`, `[size, size]` by rows, of which the lower half is read. Returns false,
    /// with an unusable factor, if it is not positive definite to within rounding.
    pub(super) fn factor(&mut self, matrix: &[f64], size: usize) -> bool {
        self.size = 0;
        self.lower.clear();
        (0..size).all(|row| self.append(&matrix[row * size..][..=row]))
    }

    /// Adds a row to the matrix, with its `size + 1` entries up to the diagonal. Returns false,
    /// without a change, if the result would not be positive definite.
    pub(super) fn append(&mut self, row: &[f64]) -> bool {
        let size = self.size;
        debug_assert_eq!(row.len(), size + 1);
        // Rows are stored one after another, each with its diagonal: row `i` begins at i·(i+1)/2.
        let start = self.lower.len();
        self.lower.extend_from_slice(row);
        let (earlier, fresh) = self.lower.split_at_mut(start);
        for column in 0..size {
            let other = row_of(earlier, column);
            let value = (fresh[column] - dot(&fresh[..column], &other[..column])) / other[column];
            fresh[column] = value;
        }
        let pivot = fresh[size] - dot(&fresh[..size], &fresh[..size]);
        if pivot > 1e-14 * row[size] && pivot.is_finite() {
            fresh[size] = libm::sqrt(pivot);
            self.size += 1;
            true
        } else {
            self.lower.truncate(start);
            false
        }
    }

    /// Number of rows.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// Drops all rows but the first `size`, which leaves the factor of the leading block.
    pub(super) fn truncate(&mut self, size: usize) {
        self.size = self.size.min(size);
        self.lower.truncate(self.size * (self.size + 1) / 2);
    }

    /// `L⁻¹·b` in place, `[m]` with m ≤ n; with fewer than n, of the leading block.
    pub(super) fn solve_lower(&self, b: &mut [f64]) {
        self.solve_lower_each(b, b.len());
    }

    /// [`solve_lower`](Self::solve_lower) for each right-hand side of `b`, `[sides, size]`. They
    /// are interleaved by row, so that the divisions of different sides overlap; the bits of each
    /// do not depend on the others.
    pub(super) fn solve_lower_each(&self, b: &mut [f64], size: usize) {
        debug_assert!(size <= self.size && (size == 0 || b.len().is_multiple_of(size)));
        for row in 0..size {
            let factor = row_of(&self.lower, row);
            for b in b.chunks_exact_mut(size) {
                b[row] = (b[row] - dot(&factor[..row], &b[..row])) / factor[row];
            }
        }
    }

    /// `L⁻ᵀ·b` in place, `[m]` with m ≤ n; with fewer than n, of the leading block.
    pub(super) fn solve_upper(&self, b: &mut [f64]) {
        debug_assert!(b.len() <= self.size);
        for row in (0..b.len()).rev() {
            let factor = row_of(&self.lower, row);
            let (before, here) = b.split_at_mut(row);
            here[0] /= factor[row];
            subtract_scaled(before, here[0], &factor[..row]);
        }
    }

    /// `ln det A`.
    pub(super) fn log_determinant(&self) -> f64 {
        2.0 * (0..self.size).map(|row| libm::log(row_of(&self.lower, row)[row])).sum::<f64>()
    }

    /// The lower half of `A⁻¹` into `inverse`, `[n, n]` by rows; the upper half and `scratch` are
    /// overwritten.
    ///
    /// `A⁻¹ = L⁻ᵀ·L⁻¹`, both products a tile at a time, whose sums stay in registers. Each sum has
    /// its terms in ascending order.
    pub(super) fn inverse(&self, inverse: &mut Vec<f64>, scratch: &mut Vec<f64>) {
        let size = self.size;
        // Rows of whole tiles: what lies beyond the matrix is 0.
        let stride = size.next_multiple_of(WIDE);
        scratch.clear();
        scratch.resize(size * stride, 0.0);
        for row in 0..size {
            let factor = row_of(&self.lower, row);
            let (earlier, fresh) = scratch.split_at_mut(row * stride);
            let scale = 1.0 / factor[row];
            for start in (0..row).step_by(WIDE) {
                let others = earlier[start * stride..].chunks_exact(stride);
                let mut sums = [0.0; WIDE];
                for (factor, other) in factor[start..row].iter().zip(others) {
                    add_scaled(&mut sums, -factor, tile(other, start));
                }
                for (entry, sum) in fresh[start..row].iter_mut().zip(sums) {
                    *entry = sum * scale;
                }
            }
            fresh[row] = scale;
        }
        inverse.clear();
        inverse.resize(size * size, 0.0);
        for first in (0..size).step_by(2) {
            let last = (first + 2).min(size);
            for start in (0..last).step_by(NARROW) {
                let (mut sums, mut next_sums) = ([0.0; NARROW], [0.0; NARROW]);
                for row in scratch[first * stride..].chunks_exact(stride) {
                    let others = tile(row, start);
                    add_scaled(&mut sums, row[first], others);
                    add_scaled(&mut next_sums, row[first + 1], others);
                }
                for (row, sums) in (first..last).zip([sums, next_sums]) {
                    let end = (start + NARROW).min(size);
                    inverse[row * size..][start..end].copy_from_slice(&sums[..end - start]);
                }
            }
        }
    }
}

/// Columns of a tile, for one row and for each of two: as many sums as fit the registers of every
/// processor.
const WIDE: usize = 16;
const NARROW: usize = 8;

/// The entries of a tile's columns.
#[inline(always)]
fn tile<const COLUMNS: usize>(row: &[f64], start: usize) -> &[f64; COLUMNS] {
    row[start..].first_chunk().expect("rows are padded to whole tiles")
}

/// `sums += factor·row`.
#[inline(always)]
fn add_scaled<const COLUMNS: usize>(sums: &mut [f64; COLUMNS], factor: f64, row: &[f64; COLUMNS]) {
    for lane in 0..COLUMNS {
        sums[lane] += factor * row[lane];
    }
}

fn row_of(lower: &[f64], row: usize) -> &[f64] {
    &lower[row * (row + 1) / 2..][..=row]
}

/// `y −= factor·x`.
fn subtract_scaled(y: &mut [f64], factor: f64, x: &[f64]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y -= factor * x;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A matrix that is positive definite by construction.
    fn matrix(size: usize) -> Vec<f64> {
        let entry = |row: usize, column: usize| libm::sin((row * 7 + column * 3) as f64);
        let mut matrix = alloc::vec![0.0; size * size];
        for row in 0..size {
            for column in 0..size {
                matrix[row * size + column] =
                    (0..size).map(|inner| entry(row, inner) * entry(column, inner)).sum::<f64>()
                        + if row == column { 0.5 } else { 0.0 };
            }
        }
        matrix
    }

    #[test]
    fn the_factor_gives_the_matrix_back_and_solves_it() {
        let size = 21;
        let matrix = matrix(size);
        let mut factor = Cholesky::default();
        assert!(factor.factor(&matrix, size));
        for row in 0..size {
            for column in 0..=row {
                let (a, b) = (row_of(&factor.lower, row), row_of(&factor.lower, column));
                let product = dot(&a[..=column], &b[..=column]);
                assert!((product - matrix[row * size + column]).abs() < 1e-10);
            }
        }
        let wanted: Vec<f64> = (0..size).map(|index| index as f64 - 3.5).collect();
        let mut solved: Vec<f64> =
            (0..size).map(|row| dot(&matrix[row * size..][..size], &wanted)).collect();
        factor.solve_lower(&mut solved);
        factor.solve_upper(&mut solved);
        for (one, other) in solved.iter().zip(&wanted) {
            assert!((one - other).abs() < 1e-8);
        }
    }

    #[test]
    fn the_inverse_times_the_matrix_is_the_identity() {
        let size = 13;
        let matrix = matrix(size);
        let mut factor = Cholesky::default();
        assert!(factor.factor(&matrix, size));
        let (mut inverse, mut scratch) = (Vec::new(), Vec::new());
        factor.inverse(&mut inverse, &mut scratch);
        let full = |row: usize, column: usize| inverse[row.max(column) * size + row.min(column)];
        for row in 0..size {
            for column in 0..size {
                let product: f64 =
                    (0..size).map(|inner| full(row, inner) * matrix[inner * size + column]).sum();
                let wanted = if row == column { 1.0 } else { 0.0 };
                assert!((product - wanted).abs() < 1e-8, "{row} {column}: {product}");
            }
        }
    }

    /// The slow twin: row by row of L⁻¹, whose outer products add up to A⁻¹.
    fn inverse_by_rows(factor: &Cholesky) -> Vec<f64> {
        let size = factor.size;
        let [mut inverse, mut lower] = [(); 2].map(|()| alloc::vec![0.0; size * size]);
        for row in 0..size {
            let entries = row_of(&factor.lower, row);
            let (earlier, fresh) = lower.split_at_mut(row * size);
            for column in 0..row {
                let other = &earlier[column * size..][..=column];
                subtract_scaled(&mut fresh[..=column], entries[column], other);
            }
            fresh[row] = 1.0;
            let scale = 1.0 / entries[row];
            fresh[..=row].iter_mut().for_each(|entry| *entry *= scale);
            for first in 0..=row {
                let sum = &mut inverse[first * size..][..=first];
                subtract_scaled(sum, -fresh[first], &fresh[..=first]);
            }
        }
        inverse
    }

    #[test]
    fn tiles_change_no_bit_of_the_inverse() {
        for size in [1, 2, 7, 8, 9, 24, 61] {
            let matrix = matrix(size);
            let mut factor = Cholesky::default();
            assert!(factor.factor(&matrix, size));
            let (mut inverse, mut scratch) = (Vec::new(), Vec::new());
            factor.inverse(&mut inverse, &mut scratch);
            let slow = inverse_by_rows(&factor);
            for row in 0..size {
                for column in 0..=row {
                    let at = row * size + column;
                    assert_eq!(inverse[at].to_bits(), slow[at].to_bits(), "{size}: {row} {column}");
                }
            }
        }
    }

    #[test]
    fn the_leading_block_is_solved_as_if_nothing_followed() {
        let (size, leading) = (17, 9);
        let matrix = matrix(size);
        let (mut whole, mut part) = (Cholesky::default(), Cholesky::default());
        assert!((0..size).all(|row| whole.append(&matrix[row * size..][..=row])));
        assert!((0..leading).all(|row| part.append(&matrix[row * size..][..=row])));
        let wanted: Vec<f64> = (0..leading).map(|index| libm::cos(index as f64)).collect();
        let solve = |factor: &Cholesky| {
            let mut b = wanted.clone();
            factor.solve_lower(&mut b);
            factor.solve_upper(&mut b);
            b
        };
        assert_eq!(solve(&whole), solve(&part));
        let mut sides: Vec<f64> = (0..3 * leading).map(|index| libm::sin(index as f64)).collect();
        let alone: Vec<f64> = sides
            .chunks(leading)
            .flat_map(|side| {
                let mut b = side.to_vec();
                part.solve_lower(&mut b);
                b
            })
            .collect();
        whole.solve_lower_each(&mut sides, leading);
        assert_eq!(sides, alone);
        whole.truncate(leading);
        assert_eq!((whole.size(), &whole.lower), (leading, &part.lower));
    }

    #[test]
    fn what_is_not_positive_definite_is_refused() {
        let mut factor = Cholesky::default();
        assert!(!factor.factor(&[1.0, 2.0, 2.0, 1.0], 2));
        assert!(!factor.factor(&[0.0], 1));
        assert!(factor.factor(&[4.0], 1));
        assert!(!factor.append(&[4.0, 4.0]));
        assert_eq!(factor.size(), 1);
        assert!(factor.append(&[2.0, 5.0]));
        assert!((factor.log_determinant() - libm::log(16.0)).abs() < 1e-12);
    }
}

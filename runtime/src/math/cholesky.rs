//! The Cholesky decomposition.

use alloc::vec::Vec;

/// `K = L Lᵀ` with `L` lower triangular.
///
/// G. H. Golub, C. F. Van Loan, Matrix Computations (4th edition), algorithm 4.2.1.
#[derive(Clone, Debug)]
pub(crate) struct Cholesky {
    /// `[n, n]` by rows; entries above the diagonal are unused.
    lower: Vec<f64>,
    size: usize,
}

impl Cholesky {
    /// Factors `matrix`, `[size, size]`, of which the lower triangle is read; `None` where it is
    /// not positive definite.
    pub fn new(mut matrix: Vec<f64>, size: usize) -> Option<Self> {
        for row in 0..size {
            for column in 0..=row {
                let (before, current) = matrix.split_at(row * size);
                let sum: f64 = if column < row {
                    let other = &before[column * size..][..column];
                    current[..column].iter().zip(other).map(|(a, b)| a * b).sum()
                } else {
                    current[..column].iter().map(|a| a * a).sum()
                };
                let rest = matrix[row * size + column] - sum;
                matrix[row * size + column] = if column < row {
                    rest / matrix[column * size + column]
                } else if rest > 0.0 && rest.is_finite() {
                    libm::sqrt(rest)
                } else {
                    return None;
                };
            }
        }
        Some(Self { lower: matrix, size })
    }

    /// `L⁻¹ b`, `[size]`.
    pub fn solve_lower(&self, b: &[f64]) -> Vec<f64> {
        let mut x = Vec::with_capacity(self.size);
        for (row, b) in b.iter().enumerate() {
            let elements = &self.lower[row * self.size..][..row];
            let sum: f64 = elements.iter().zip(&x).map(|(a, b)| a * b).sum();
            x.push((b - sum) / self.lower[row * self.size + row]);
        }
        x
    }

    /// `K⁻¹ b`, `[size]`.
    pub fn solve(&self, b: &[f64]) -> Vec<f64> {
        let mut x = self.solve_lower(b);
        for row in (0..self.size).rev() {
            x[row] /= self.lower[row * self.size + row];
            let (value, elements) = (x[row], &self.lower[row * self.size..][..row]);
            x[..row].iter_mut().zip(elements).for_each(|(x, element)| *x -= element * value);
        }
        x
    }

    /// ½ ln det K.
    pub fn half_log_determinant(&self) -> f64 {
        (0..self.size).map(|index| libm::log(self.lower[index * self.size + index])).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_is_solved() {
        let matrix = alloc::vec![4.0, 0.0, 0.0, 2.0, 5.0, 0.0, -2.0, 1.0, 6.0];
        let full = [[4.0, 2.0, -2.0], [2.0, 5.0, 1.0], [-2.0, 1.0, 6.0]];
        let factor = Cholesky::new(matrix, 3).unwrap();
        let x = factor.solve(&[1.0, 2.0, 3.0]);
        for (row, want) in full.iter().zip([1.0, 2.0, 3.0]) {
            let got: f64 = row.iter().zip(&x).map(|(a, x)| a * x).sum();
            assert!((got - want).abs() < 1e-12, "{got}, not {want}");
        }
        // The determinant is 4·29 − 2·14 − 2·12 = 64.
        assert!((2.0 * factor.half_log_determinant() - libm::log(64.0)).abs() < 1e-12);
    }

    #[test]
    fn what_is_not_positive_definite_is_refused() {
        assert!(Cholesky::new(alloc::vec![1.0, 0.0, 2.0, 1.0], 2).is_none());
        assert!(Cholesky::new(alloc::vec![f64::NAN], 1).is_none());
    }
}

//! The eigendecomposition of a symmetric matrix, by Jacobi's method.

use alloc::vec::Vec;

use super::dot;

/// `C = B · diag(values) · Bᵀ` with orthonormal columns of `B`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Eigen {
    /// The eigenvalues, `[n]`, in no particular order.
    pub values: Vec<f64>,
    /// `B`, `[n, n]` by rows: column `k` is the eigenvector of `values[k]`.
    pub vectors: Vec<f64>,
}

/// Sweeps after which Jacobi's method has converged for every matrix of doubles; six to ten is
/// usual.
const MAX_SWEEPS: usize = 60;

impl Eigen {
    /// The decomposition of the identity, `[n, n]`.
    pub fn identity(n: usize) -> Self {
        let mut vectors = alloc::vec![0.0; n * n];
        (0..n).for_each(|index| vectors[index * n + index] = 1.0);
        Self { values: alloc::vec![1.0; n], vectors }
    }

    /// Decomposes a symmetric matrix, `[n, n]` by rows, of which the upper triangle is read.
    ///
    /// Cyclic Jacobi rotations are slower than tridiagonalization by a small factor, but the
    /// vectors stay orthonormal and the small eigenvalues of a positive definite matrix have a high
    /// relative precision.
    ///
    /// G. H. Golub, C. F. Van Loan, Matrix Computations (4th edition), algorithm 8.5.2.
    pub fn new(matrix: &[f64], n: usize) -> Self {
        debug_assert_eq!(matrix.len(), n * n);
        let mut work = matrix.to_vec();
        let mut vectors = Self::identity(n).vectors;
        for row in 0..n {
            for column in 0..row {
                work[row * n + column] = work[column * n + row];
            }
        }
        for _ in 0..MAX_SWEEPS {
            let mut rotated = false;
            for p in 0..n {
                for q in p + 1..n {
                    rotated |= rotate(&mut work, &mut vectors, n, p, q);
                }
            }
            if !rotated {
                break;
            }
        }
        Self { values: (0..n).map(|index| work[index * n + index]).collect(), vectors }
    }

    /// `B · x`, for `x` of `[n]`.
    pub fn apply(&self, x: &[f64]) -> Vec<f64> {
        let n = self.values.len();
        (0..n).map(|row| dot(&self.vectors[row * n..][..n], x)).collect()
    }

    /// `Bᵀ · x`, for `x` of `[n]`.
    pub fn apply_transpose(&self, x: &[f64]) -> Vec<f64> {
        let n = self.values.len();
        let mut turned = alloc::vec![0.0; n];
        for (row, x) in x.iter().enumerate() {
            let vector = &self.vectors[row * n..][..n];
            turned.iter_mut().zip(vector).for_each(|(sum, element)| *sum += element * x);
        }
        turned
    }
}

/// Zeroes element `(p, q)`; returns false where it is too small to change its diagonal.
fn rotate(work: &mut [f64], vectors: &mut [f64], n: usize, p: usize, q: usize) -> bool {
    let (app, aqq, apq) = (work[p * n + p], work[q * n + q], work[p * n + q]);
    if apq == 0.0 || apq.abs() <= 1e-17 * libm::sqrt(app.abs()) * libm::sqrt(aqq.abs()) {
        return false;
    }
    let theta = (aqq - app) / (2.0 * apq);
    let tangent = if theta.abs() > 1e150 {
        0.5 / theta
    } else {
        libm::copysign(1.0, theta) / (theta.abs() + libm::sqrt(theta * theta + 1.0))
    };
    let cosine = 1.0 / libm::sqrt(tangent * tangent + 1.0);
    let sine = tangent * cosine;
    let turn = |matrix: &mut [f64], first: usize, second: usize| {
        let (a, b) = (matrix[first], matrix[second]);
        matrix[first] = cosine * a - sine * b;
        matrix[second] = sine * a + cosine * b;
    };
    for k in 0..n {
        turn(work, k * n + p, k * n + q);
        turn(vectors, k * n + p, k * n + q);
    }
    for k in 0..n {
        turn(work, p * n + k, q * n + k);
    }
    (work[p * n + q], work[q * n + p]) = (0.0, 0.0);
    true
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_xoshiro::Xoshiro256PlusPlus;

    use super::*;

    /// `B · diag(values) · Bᵀ`.
    fn rebuilt(eigen: &Eigen, n: usize) -> Vec<f64> {
        let column = |row: usize, k: usize| eigen.vectors[row * n + k];
        (0..n * n)
            .map(|at| (0..n).map(|k| column(at / n, k) * eigen.values[k] * column(at % n, k)).sum())
            .collect()
    }

    #[test]
    fn the_factors_multiply_to_the_matrix() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(3);
        for n in [1, 2, 3, 7, 20, 40] {
            let root: Vec<f64> = (0..n * n).map(|_| rng.random::<f64>() - 0.5).collect();
            let matrix: Vec<f64> = (0..n * n)
                .map(|at| dot(&root[at / n * n..][..n], &root[at % n * n..][..n]))
                .collect();
            let eigen = Eigen::new(&matrix, n);
            for (got, want) in rebuilt(&eigen, n).iter().zip(&matrix) {
                assert!((got - want).abs() < 1e-13 * n as f64, "{n}: {got}, not {want}");
            }
            assert!(eigen.values.iter().all(|value| *value > 0.0), "{n}");
            for at in 0..n * n {
                let product: f64 = (0..n)
                    .map(|k| eigen.vectors[k * n + at / n] * eigen.vectors[k * n + at % n])
                    .sum();
                let want = if at / n == at % n { 1.0 } else { 0.0 };
                assert!((product - want).abs() < 1e-13, "{n}: BᵀB has {product} for {want}");
            }
            let x: Vec<f64> = (0..n).map(|index| index as f64 - 0.5).collect();
            for (got, want) in eigen.apply_transpose(&eigen.apply(&x)).iter().zip(&x) {
                assert!((got - want).abs() < 1e-12, "{got}, not {want}");
            }
        }
    }

    #[test]
    fn known_values_come_out_whatever_the_scale() {
        // The eigenvalues of [[2, 1], [1, 2]] are 1 and 3.
        for scale in [1e-200, 1.0, 1e200] {
            let matrix = [2.0 * scale, scale, scale, 2.0 * scale];
            let mut values = Eigen::new(&matrix, 2).values;
            values.sort_by(f64::total_cmp);
            assert!((values[0] / scale - 1.0).abs() < 1e-14, "{values:?}");
            assert!((values[1] / scale - 3.0).abs() < 1e-14, "{values:?}");
        }
    }
}

//! The covariance matrix of the search distribution.

use alloc::vec::Vec;

use crate::math::Eigen;

/// Number of coordinates and choices beyond which the covariance is diagonal: the decomposition of
/// a full one is cubic, and it has more elements than a study has trials to learn them from.
///
/// R. Ros, N. Hansen, A Simple Modification in CMA-ES Achieving Linear Time and Space Complexity,
/// PPSN 2008.
pub(super) const MAX_FULL: usize = 80;

/// Least eigenvalue as a fraction of the largest, which keeps the covariance positive definite
/// under rounding.
const MIN_EIGENVALUE_RATIO: f64 = 1e-14;

/// The covariance `C`, and what samples are made with.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Covariance {
    /// `C = B D² Bᵀ`.
    Full {
        /// C, `[n, n]`.
        matrix: Vec<f64>,
        /// Its decomposition; the values are the squares of D.
        eigen: Eigen,
    },
    /// The variances, `[n]`.
    Diagonal(Vec<f64>),
}

/// The terms of an update: `kept·C + one·p·pᵀ + many·Σ wᵢ·yᵢ·yᵢᵀ`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Update<'a> {
    pub kept: f64,
    pub one: f64,
    /// p, `[n]`.
    pub path: &'a [f64],
    pub many: f64,
    /// The pairs of wᵢ and yᵢ, `[n]`.
    pub offsets: &'a [(f64, &'a [f64])],
}

impl Covariance {
    /// The identity, `[n, n]`.
    pub fn identity(n: usize, is_diagonal: bool) -> Self {
        if is_diagonal {
            return Self::Diagonal(alloc::vec![1.0; n]);
        }
        let eigen = Eigen::identity(n);
        Self::Full { matrix: eigen.vectors.clone(), eigen }
    }

    /// `B D z`, for `z` of `[n]`.
    pub fn root(&self, z: &[f64]) -> Vec<f64> {
        let stretched = z.iter().zip(self.eigenvalues()).map(|(z, value)| z * libm::sqrt(*value));
        match self {
            Self::Full { eigen, .. } => eigen.apply(&stretched.collect::<Vec<f64>>()),
            Self::Diagonal(_) => stretched.collect(),
        }
    }

    /// `D⁻¹ Bᵀ y`: `C^(−½) y`, up to a rotation.
    pub fn whiten(&self, y: &[f64]) -> Vec<f64> {
        let mut turned = match self {
            Self::Full { eigen, .. } => eigen.apply_transpose(y),
            Self::Diagonal(_) => y.to_vec(),
        };
        for (element, value) in turned.iter_mut().zip(self.eigenvalues()) {
            *element /= libm::sqrt(*value);
        }
        turned
    }

    /// `C^(−½) y = B D⁻¹ Bᵀ y`.
    pub fn inverse_root(&self, y: &[f64]) -> Vec<f64> {
        let whitened = self.whiten(y);
        match self {
            Self::Full { eigen, .. } => eigen.apply(&whitened),
            Self::Diagonal(_) => whitened,
        }
    }

    /// Variance along one coordinate.
    pub fn variance(&self, index: usize) -> f64 {
        match self {
            Self::Full { matrix, eigen } => matrix[index * eigen.values.len() + index],
            Self::Diagonal(variances) => variances[index],
        }
    }

    /// Eigenvalues, `[n]`.
    pub fn eigenvalues(&self) -> &[f64] {
        match self {
            Self::Full { eigen, .. } => &eigen.values,
            Self::Diagonal(variances) => variances,
        }
    }

    /// Equation (47) of Hansen's tutorial; of a diagonal covariance, its diagonal.
    pub fn update(&mut self, update: Update<'_>) {
        let element = |old: f64, row: usize, column: usize| {
            let Update { kept, one, path, many, offsets } = update;
            let outer: f64 =
                offsets.iter().map(|(weight, offset)| weight * offset[row] * offset[column]).sum();
            kept * old + one * (path[row] * path[column]) + many * outer
        };
        match self {
            Self::Full { matrix, eigen } => {
                let n = eigen.values.len();
                for row in 0..n {
                    for column in row..n {
                        let updated = element(matrix[row * n + column], row, column);
                        matrix[row * n + column] = updated;
                        matrix[column * n + row] = updated;
                    }
                }
            }
            Self::Diagonal(variances) => {
                for (index, variance) in variances.iter_mut().enumerate() {
                    *variance = element(*variance, index, index);
                }
            }
        }
        self.decompose();
    }

    /// Recomputes the eigendecomposition, and lifts eigenvalues that rounding has made too small.
    fn decompose(&mut self) {
        if let Self::Full { matrix, eigen } = self {
            *eigen = Eigen::new(matrix, eigen.values.len());
        }
        let n = self.eigenvalues().len();
        let most = self.eigenvalues().iter().fold(0.0f64, |most, value| most.max(*value));
        let floor = most * MIN_EIGENVALUE_RATIO;
        if !most.is_finite() || most <= 0.0 {
            // The covariance has under- or overflowed: restart as a sphere.
            *self = Self::identity(n, matches!(self, Self::Diagonal(_)));
            return;
        }
        match self {
            Self::Full { matrix, eigen } if eigen.values.iter().any(|value| *value < floor) => {
                eigen.values.iter_mut().for_each(|value| *value = value.max(floor));
                for row in 0..n {
                    for column in 0..n {
                        matrix[row * n + column] = (0..n)
                            .map(|k| {
                                eigen.vectors[row * n + k]
                                    * eigen.values[k]
                                    * eigen.vectors[column * n + k]
                            })
                            .sum();
                    }
                }
            }
            Self::Full { .. } => {}
            Self::Diagonal(variances) => {
                variances.iter_mut().for_each(|variance| *variance = variance.max(floor));
            }
        }
    }
}

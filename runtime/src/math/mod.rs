//! Linear algebra, the normal distribution and a low-discrepancy sequence, for the samplers.
//!
//! Matrices are in double precision and have at most a few hundred rows. The transformer has its
//! own arithmetic in [`kernels`](crate::kernels).

#[cfg(feature = "classical")]
mod cholesky;
#[cfg(feature = "classical")]
mod eigen;
pub(crate) mod low_discrepancy;
#[cfg(feature = "classical")]
pub(crate) mod normal;
pub(crate) mod random_normal;

#[cfg(feature = "classical")]
pub(crate) use cholesky::Cholesky;
#[cfg(feature = "classical")]
pub(crate) use eigen::Eigen;

/// `Σ aᵢ·bᵢ`, from the first term to the last.
#[cfg(feature = "classical")]
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

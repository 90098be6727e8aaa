//! Linear algebra, the normal distribution, a low-discrepancy sequence and a permutation, for the
//! samplers.
//!
//! Matrices are in double precision and have at most a few hundred rows. The transformer has its
//! own arithmetic in [`kernels`](crate::kernels).

#[cfg(feature = "classical")]
pub(crate) mod box_lbfgs;
#[cfg(feature = "classical")]
mod cholesky;
#[cfg(feature = "classical")]
mod eigen;
pub(crate) mod lbfgs;
pub(crate) mod low_discrepancy;
#[cfg(feature = "classical")]
pub(crate) mod normal;
#[cfg(feature = "classical")]
pub(crate) mod permutation;
pub(crate) mod random_normal;

#[cfg(feature = "classical")]
pub(crate) use cholesky::Cholesky;
#[cfg(feature = "classical")]
pub(crate) use eigen::Eigen;

/// The finalizer of SplitMix64, a bijection of 64 bits that spreads each of them over all (G. L.
/// Steele, D. Lea and C. H. Flood, Fast Splittable Pseudorandom Number Generators, OOPSLA 2014).
#[cfg(feature = "classical")]
pub(crate) fn mix(bits: u64) -> u64 {
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

/// `Σ aᵢ·bᵢ`, from the first term to the last.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// `Σ aᵢ·bᵢ` in eight sums, so that no addition waits for the one before it.
#[inline]
pub(crate) fn dot_in_lanes(a: &[f64], b: &[f64]) -> f64 {
    let size = a.len().min(b.len());
    let (a_chunks, a_rest) = a[..size].as_chunks::<8>();
    let (b_chunks, b_rest) = b[..size].as_chunks::<8>();
    let rest = dot(a_rest, b_rest);
    let mut sums = [0.0; 8];
    for (a, b) in a_chunks.iter().zip(b_chunks) {
        for lane in 0..8 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let [a, b, c, d, e, f, g, h] = sums;
    ((a + e) + (b + f)) + ((c + g) + (d + h)) + rest
}

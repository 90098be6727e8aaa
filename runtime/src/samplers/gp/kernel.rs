use alloc::vec::Vec;

use super::{cholesky::dot, input_warp::Kumaraswamy};

/// Hyperparameters of the kernel and the likelihood, all positive.
///
/// The covariance of the losses at two points is `outputscale · matern(r²)` with `r² = Σ wᵢ·dᵢ²`,
/// where `wᵢ` is an inverse squared lengthscale and `dᵢ` the difference of two numerical
/// coordinates, or whether two categories differ (Hamming).
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Hyperparameters {
    /// `[columns]`.
    pub(super) inverse_squared_lengthscales: Vec<f64>,
    /// Prior variance of the function.
    pub(super) outputscale: f64,
    /// Variance of the observation noise.
    pub(super) noise_variance: f64,
    /// `[columns]`: the input warps, `None` for a column without one. Empty if no column has one.
    pub(super) input_warps: Vec<Option<Kumaraswamy>>,
}

impl Hyperparameters {
    /// A coordinate after its input warp.
    pub(super) fn warp(&self, column: usize, value: f64) -> f64 {
        self.input_warp(column).map_or(value, |warp| warp.warp(value))
    }

    /// The input warp of a column, if it has one.
    pub(super) fn input_warp(&self, column: usize) -> Option<Kumaraswamy> {
        self.input_warps.get(column).copied().flatten()
    }
}

/// The Matérn kernel with ν = 5/2 as a function of the squared distance, and its derivative by it.
///
/// C. E. Rasmussen & C. K. I. Williams, Gaussian Processes for Machine Learning (2006), equation
/// 4.17, with lengthscale 1.
#[inline(always)]
pub(super) fn matern(squared: f64) -> (f64, f64) {
    let r = square_root(5.0 * squared);
    let decay = exponential(-r);
    ((1.0 + r + r * r / 3.0) * decay, -5.0 / 6.0 * (1.0 + r) * decay)
}

/// The square root. The standard library's becomes an instruction, also of vectors; both round
/// correctly, so that they agree in every bit.
#[inline(always)]
fn square_root(x: f64) -> f64 {
    #[cfg(feature = "std")]
    return x.sqrt();
    #[cfg(not(feature = "std"))]
    libm::sqrt(x)
}

/// `eˣ` for `x ≤ 0`, to about 1e-15 relative; 0 below −700. Without a branch, as what follows.
///
/// The kernel spends most of its time here, and needs neither subnormal results nor positive
/// arguments.
#[inline(always)]
fn exponential(x: f64) -> f64 {
    let value = exponential_within(if x < -700.0 { -700.0 } else { x });
    if x < -700.0 { 0.0 } else { value }
}

/// The same for `−700 ≤ x ≤ 0` alone, without a branch, so that loops over it become vectors.
///
/// Cody & Waite's reduction to |t| ≤ ln 2 / 2, then Taylor's polynomial.
#[inline(always)]
pub(super) fn exponential_within(x: f64) -> f64 {
    const HIGH: f64 = 6.931_471_803_691_238e-1;
    const LOW: f64 = 1.908_214_929_270_587_7e-10;
    // Adding and taking away 1.5·2⁵² rounds to the nearest whole number, which the sum has in its
    // last bits.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    let shifted = x * core::f64::consts::LOG2_E + ROUND;
    let whole = shifted - ROUND;
    let t = (x - whole * HIGH) - whole * LOW;
    let mut sum = 1.0 / 6_227_020_800.0;
    for factor in [
        1.0 / 479_001_600.0,
        1.0 / 39_916_800.0,
        1.0 / 3_628_800.0,
        1.0 / 362_880.0,
        1.0 / 40_320.0,
        1.0 / 5_040.0,
        1.0 / 720.0,
        1.0 / 120.0,
        1.0 / 24.0,
        1.0 / 6.0,
        0.5,
        1.0,
        1.0,
    ] {
        sum = sum * t + factor;
    }
    f64::from_bits(sum.to_bits().wrapping_add(shifted.to_bits() << 52))
}

/// Squared distances of all pairs of rows in each column, the part of the kernel matrix that does
/// not depend on the hyperparameters.
#[derive(Clone, Debug, Default)]
pub(super) struct PairwiseSquaredDistances {
    columns: usize,
    /// `[pairs, columns]`; pair (i, j) with j < i is number i·(i−1)/2 + j.
    squared: Vec<f64>,
}

impl PairwiseSquaredDistances {
    /// Distances of `rows`, `[n, columns]`; `categorical` marks the columns of categories.
    pub(super) fn new(rows: &[f64], categorical: &[bool]) -> Self {
        let mut distances = Self { columns: categorical.len(), squared: Vec::new() };
        distances.update(rows, categorical);
        distances
    }

    /// Recomputes the distances for other rows.
    pub(super) fn update(&mut self, rows: &[f64], categorical: &[bool]) {
        let columns = self.columns;
        let count = rows.len() / columns;
        self.squared.clear();
        self.squared.reserve(count * (count - count.min(1)) / 2 * columns);
        for i in 0..count {
            for j in 0..i {
                let (one, other) = (&rows[i * columns..], &rows[j * columns..]);
                self.squared.extend(
                    (0..columns).map(|at| squared_difference(one[at], other[at], categorical[at])),
                );
            }
        }
    }

    /// Calls `each(i, j, squared_distances, r²)` for every pair with j < i, in order.
    pub(super) fn for_each(
        &self,
        inverse_squared_lengthscales: &[f64],
        mut each: impl FnMut(usize, usize, &[f64], f64),
    ) {
        let (mut i, mut j) = (1, 0);
        for distances in self.squared.chunks_exact(self.columns) {
            each(i, j, distances, dot(distances, inverse_squared_lengthscales));
            j += 1;
            if j == i {
                (i, j) = (i + 1, 0);
            }
        }
    }
}

/// The squared difference of two coordinates: 0 or 1 for categories.
pub(super) fn squared_difference(one: f64, other: f64, categorical: bool) -> f64 {
    if categorical { if one == other { 0.0 } else { 1.0 } } else { (one - other) * (one - other) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_is_libm_s() {
        for step in 0..70_000 {
            let x = -f64::from(step) * 0.01;
            let (ours, theirs) = (exponential(x), libm::exp(x));
            assert!((ours / theirs - 1.0).abs() < 2e-15, "{x}: {ours} and {theirs}");
        }
        assert_eq!(exponential(0.0), 1.0);
        assert_eq!(exponential(-1e9), 0.0);
    }

    #[test]
    fn the_kernel_is_matern_and_its_derivative_is_right() {
        assert_eq!(matern(0.0).0, 1.0);
        // (1 + √5 + 5/3)·exp(−√5).
        assert!((matern(1.0).0 - 0.523_994_108_831_820_3).abs() < 1e-12);
        for squared in [0.01, 0.3, 1.0, 4.0, 30.0] {
            let step = 1e-6 * squared;
            let slope = (matern(squared + step).0 - matern(squared - step).0) / (2.0 * step);
            assert!((slope - matern(squared).1).abs() < 1e-7);
        }
    }

    #[test]
    fn pairs_come_in_order() {
        let rows = [0.0, 0.0, 0.5, 1.0, 0.5, 0.0];
        let distances = PairwiseSquaredDistances::new(&rows, &[false, true]);
        let mut seen = Vec::new();
        distances.for_each(&[4.0, 10.0], |i, j, _, squared| seen.push((i, j, squared)));
        assert_eq!(seen, [(1, 0, 11.0), (2, 0, 1.0), (2, 1, 10.0)]);
    }
}

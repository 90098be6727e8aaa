use alloc::vec::Vec;

use super::{cholesky::dot, input_warp::Shape};

/// What the kernel and the likelihood depend on, all above 0.
///
/// The covariance of the losses at two points is `scale · matern(r²)` with `r² = Σ weightᵢ·dᵢ²`,
/// where `dᵢ` is the difference of two numerical coordinates, or whether two categories differ
/// (Hamming).
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Hyperparameters {
    /// `[columns]`: inverse squared length scales.
    pub(super) weights: Vec<f64>,
    /// The variance of the function.
    pub(super) scale: f64,
    /// The variance of the noise.
    pub(super) noise: f64,
    /// `[columns]`: how inputs are warped; `None` for a column that is not. Empty where none is.
    pub(super) shapes: Vec<Option<Shape>>,
}

impl Hyperparameters {
    /// A coordinate as the kernel sees it.
    pub(super) fn warped(&self, column: usize, place: f64) -> f64 {
        self.shape(column).map_or(place, |shape| shape.place(place))
    }

    /// How a column is warped, if it is.
    pub(super) fn shape(&self, column: usize) -> Option<Shape> {
        self.shapes.get(column).copied().flatten()
    }
}

/// The Matérn kernel with ν = 5/2 as a function of the squared distance, and its derivative by it.
///
/// C. E. Rasmussen & C. K. I. Williams, Gaussian Processes for Machine Learning (2006), equation
/// 4.17, with the length scale 1.
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

/// The squared distances of every pair of rows in every column, for fitting: what does not change
/// with the hyperparameters.
#[derive(Clone, Debug, Default)]
pub(super) struct Differences {
    columns: usize,
    /// `[pairs, columns]`; pair (i, j) with j < i is number i·(i−1)/2 + j.
    squared: Vec<f64>,
}

impl Differences {
    /// Of `rows`, `[n, columns]`; `categorical` says which columns hold categories.
    pub(super) fn of(rows: &[f64], categorical: &[bool]) -> Self {
        let mut differences = Self { columns: categorical.len(), squared: Vec::new() };
        differences.fill(rows, categorical);
        differences
    }

    /// Works them out again for other rows.
    pub(super) fn fill(&mut self, rows: &[f64], categorical: &[bool]) {
        let columns = self.columns;
        let count = rows.len() / columns;
        self.squared.clear();
        self.squared.reserve(count * (count - count.min(1)) / 2 * columns);
        for i in 0..count {
            for j in 0..i {
                let (one, other) = (&rows[i * columns..], &rows[j * columns..]);
                self.squared
                    .extend((0..columns).map(|at| difference(one[at], other[at], categorical[at])));
            }
        }
    }

    /// Calls `each(i, j, differences, r²)` for every pair with j < i, in order.
    pub(super) fn for_each(
        &self,
        weights: &[f64],
        mut each: impl FnMut(usize, usize, &[f64], f64),
    ) {
        let (mut i, mut j) = (1, 0);
        for differences in self.squared.chunks_exact(self.columns) {
            each(i, j, differences, dot(differences, weights));
            j += 1;
            if j == i {
                (i, j) = (i + 1, 0);
            }
        }
    }
}

/// The squared difference of two coordinates: 0 or 1 for categories.
pub(super) fn difference(one: f64, other: f64, categorical: bool) -> f64 {
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
        let differences = Differences::of(&rows, &[false, true]);
        let mut seen = Vec::new();
        differences.for_each(&[4.0, 10.0], |i, j, _, squared| seen.push((i, j, squared)));
        assert_eq!(seen, [(1, 0, 11.0), (2, 0, 1.0), (2, 1, 10.0)]);
    }
}

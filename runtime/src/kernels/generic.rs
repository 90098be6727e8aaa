//! The algorithms, once, over any [`Vector`].

use super::{PANEL, vector::Vector};

/// `out[r, c] = Σ_i x[r, i] · panels[c / 32][i][c % 32]` for `rows` rows and `columns / 32` panels (rounded up).
///
/// `x` has rows `x_stride` apart, of which `depth` numbers count; `out` has rows `out_stride` apart and gets whole panels. A panel is
/// `panel_stride` numbers after the one before it.
///
/// # Safety
///
/// The CPU must have what `V` needs. All of the numbers named above must be readable, and writable in `out`.
#[inline(always)]
pub unsafe fn product<V: Vector, const BIG: usize, const WIDE: usize>(product: super::Product) {
    let super::Product { x, x_stride, rows, depth, panels, panel_stride, columns, out, out_stride } =
        product;
    for panel in 0..columns.div_ceil(PANEL) {
        for part in 0..PANEL / (WIDE * V::LANES) {
            let column = part * WIDE * V::LANES;
            let mut row = 0;
            while row < rows {
                // SAFETY: row, panel and column are within what the caller vouches for.
                unsafe {
                    let weights = panels.add(panel * panel_stride + column);
                    let x = x.add(row * x_stride);
                    let out = out.add(row * out_stride + panel * PANEL + column);
                    match rows - row {
                        left if left >= BIG => {
                            block::<V, BIG, WIDE>(x, x_stride, depth, weights, out, out_stride);
                            row += BIG;
                        }
                        left if left >= 4 => {
                            block::<V, 4, WIDE>(x, x_stride, depth, weights, out, out_stride);
                            row += 4;
                        }
                        _ => {
                            block::<V, 1, WIDE>(x, x_stride, depth, weights, out, out_stride);
                            row += 1;
                        }
                    }
                }
            }
        }
    }
}

/// `ROWS × WIDE` vectors of the product, kept in registers over the whole depth.
#[inline(always)]
unsafe fn block<V: Vector, const ROWS: usize, const WIDE: usize>(
    x: *const f32,
    x_stride: usize,
    depth: usize,
    weights: *const f32,
    out: *mut f32,
    out_stride: usize,
) {
    // SAFETY: the caller vouches for all that is read and written.
    unsafe {
        let mut sums = [[V::splat(0.0); WIDE]; ROWS];
        for step in 0..depth {
            let row: [V; WIDE] =
                core::array::from_fn(|part| V::load(weights.add(step * PANEL + part * V::LANES)));
            for (index, sums) in sums.iter_mut().enumerate() {
                let value = V::splat(*x.add(index * x_stride + step));
                for (sum, weight) in sums.iter_mut().zip(row) {
                    *sum = value.multiply_add(weight, *sum);
                }
            }
        }
        for (index, sums) in sums.into_iter().enumerate() {
            for (part, sum) in sums.into_iter().enumerate() {
                sum.store(out.add(index * out_stride + part * V::LANES));
            }
        }
    }
}

/// `e^x` to within two units in the last place, for `x ≤ 88`; 0 far below.
///
/// Cody and Waite's reduction `x = n ln 2 + r` with `ln 2` in two parts, and a polynomial of degree 6 in `r` (the coefficients of
/// Cephes' `expf`, Moshier 1992).
#[inline(always)]
pub unsafe fn exponential<V: Vector>(x: V) -> V {
    // SAFETY: arithmetic in registers; the caller vouches for the CPU.
    unsafe {
        let x = x.maximum(V::splat(-87.0));
        // Adding and taking away 1.5 · 2²³ rounds to a whole number.
        let magic = V::splat(12_582_912.0);
        let n = x.multiply_add(V::splat(core::f32::consts::LOG2_E), magic).subtract(magic);
        let r = n.multiply_add(V::splat(-0.693_359_4), x);
        let r = n.multiply_add(V::splat(2.121_944_4e-4), r);
        let mut sum = V::splat(1.987_569_1e-4);
        for coefficient in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
            sum = sum.multiply_add(r, V::splat(coefficient));
        }
        let one = V::splat(1.0);
        let small = sum.multiply_add(r.multiply(r), r).add(one);
        small.multiply(n.power_of_two())
    }
}

/// The same for one number.
#[inline(always)]
unsafe fn exponential_of<V: Vector>(x: f32) -> f32 {
    // SAFETY: the array holds as many lanes as any vector here has.
    unsafe {
        let mut lanes = [0.0_f32; 16];
        exponential(V::splat(x)).store(lanes.as_mut_ptr());
        lanes[0]
    }
}

/// Turns logits into probabilities in place.
#[inline(always)]
pub unsafe fn softmax<V: Vector>(row: &mut [f32]) {
    // SAFETY: the pointers stay within the slice.
    unsafe {
        let highest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let shift = V::splat(highest);
        let whole = row.len() / V::LANES * V::LANES;
        let mut sums = V::splat(0.0);
        for place in (0..whole).step_by(V::LANES) {
            let pointer = row.as_mut_ptr().add(place);
            let value = exponential(V::load(pointer).subtract(shift));
            value.store(pointer);
            sums = sums.add(value);
        }
        let mut total = total(sums);
        for value in &mut row[whole..] {
            *value = exponential_of::<V>(*value - highest);
            total += *value;
        }
        let inverse = 1.0 / total;
        row.iter_mut().for_each(|value| *value *= inverse);
    }
}

#[inline(always)]
unsafe fn total<V: Vector>(sums: V) -> f32 {
    let mut lanes = [0.0_f32; 16];
    // SAFETY: the array holds as many lanes as any vector here has.
    unsafe { sums.store(lanes.as_mut_ptr()) };
    lanes.iter().sum()
}

/// `gate ← gate / (1 + e^−gate) · up`.
#[inline(always)]
pub unsafe fn gated<V: Vector>(gate: &mut [f32], up: &[f32]) {
    debug_assert_eq!(gate.len(), up.len());
    // SAFETY: the pointers stay within the slices, which are equally long.
    unsafe {
        let whole = gate.len() / V::LANES * V::LANES;
        let (one, zero) = (V::splat(1.0), V::splat(0.0));
        // e^x overflows above 88; a gate that low is zero all the same.
        let floor = V::splat(-80.0);
        for place in (0..whole).step_by(V::LANES) {
            let pointer = gate.as_mut_ptr().add(place);
            let value = V::load(pointer).maximum(floor);
            let sigmoid = one.divide(exponential(zero.subtract(value)).add(one));
            value.multiply(sigmoid).multiply(V::load(up.as_ptr().add(place))).store(pointer);
        }
        for (gate, up) in gate[whole..].iter_mut().zip(&up[whole..]) {
            let value = gate.max(-80.0);
            *gate = value / (1.0 + exponential_of::<V>(-value)) * up;
        }
    }
}

/// `Σ one · other`.
#[inline(always)]
pub unsafe fn dot<V: Vector>(one: &[f32], other: &[f32]) -> f32 {
    debug_assert_eq!(one.len(), other.len());
    // SAFETY: the pointers stay within the slices, which are equally long.
    unsafe {
        let whole = one.len() / V::LANES * V::LANES;
        let mut sums = V::splat(0.0);
        for place in (0..whole).step_by(V::LANES) {
            let (a, b) = (V::load(one.as_ptr().add(place)), V::load(other.as_ptr().add(place)));
            sums = a.multiply_add(b, sums);
        }
        let rest: f32 = one[whole..].iter().zip(&other[whole..]).map(|(a, b)| a * b).sum();
        total(sums) + rest
    }
}

/// `out ← out + factor · row`.
#[inline(always)]
pub unsafe fn accumulate<V: Vector>(factor: f32, row: &[f32], out: &mut [f32]) {
    debug_assert_eq!(row.len(), out.len());
    // SAFETY: the pointers stay within the slices, which are equally long.
    unsafe {
        let whole = row.len() / V::LANES * V::LANES;
        let factors = V::splat(factor);
        for place in (0..whole).step_by(V::LANES) {
            let pointer = out.as_mut_ptr().add(place);
            factors.multiply_add(V::load(row.as_ptr().add(place)), V::load(pointer)).store(pointer);
        }
        for (value, out) in row[whole..].iter().zip(&mut out[whole..]) {
            *out += factor * value;
        }
    }
}

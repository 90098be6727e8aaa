//! The floating-point algorithms, generic over [`Vector`].

use super::{PANEL, vector::Vector};

/// `out[r, c] (+)= Σ_i x[r, i] · panels[c / 32][i][c % 32]` for `rows` rows and `columns / 32`
/// panels (rounded up).
///
/// `x` has rows of `depth` numbers, `x_stride` apart; `out` has rows of whole panels, `out_stride`
/// apart; panels are `panel_stride` numbers apart. Rows are [`padded`](super::padded): as many are
/// read and written. A sum has the same bits for any number of rows.
///
/// # Safety
///
/// The CPU must have what `V` needs. All of the numbers named above must be readable, and writable
/// in `out`.
#[inline(always)]
pub unsafe fn product<V: Vector, const BIG: usize, const MIDDLE: usize, const WIDE: usize>(
    product: super::Product,
) {
    let super::Product { rows, columns, panel_stride, x_stride, out_stride, .. } = product;
    let mut panel = 0;
    while panel < columns.div_ceil(PANEL) {
        // A single row has too few sums to hide latency; those of four panels do.
        let panels = if rows == 1 && panel + 4 <= columns.div_ceil(PANEL) { 4 } else { 1 };
        for part in 0..PANEL / (WIDE * V::LANES) {
            let column = part * WIDE * V::LANES;
            let mut row = 0;
            while row < rows {
                // SAFETY: row, panel and column are within what the caller vouches for.
                unsafe {
                    let tile = super::Product {
                        x: product.x.add(row * x_stride),
                        panels: product.panels.add(panel * panel_stride + column),
                        out: product.out.add(row * out_stride + panel * PANEL + column),
                        ..product
                    };
                    let left = rows - row;
                    if panels == 4 {
                        block::<V, 1, WIDE, 4>(tile);
                        row += 1;
                    } else if left > MIDDLE {
                        block::<V, BIG, WIDE, 1>(tile);
                        row += BIG;
                    } else if left > 4 {
                        block::<V, MIDDLE, WIDE, 1>(tile);
                        row += MIDDLE;
                    } else if left > 1 {
                        block::<V, 4, WIDE, 1>(tile);
                        row += 4;
                    } else {
                        block::<V, 1, WIDE, 1>(tile);
                        row += 1;
                    }
                }
            }
        }
        panel += panels;
    }
}

/// A register tile of `PANELS × ROWS × WIDE` vectors, over the whole depth.
#[inline(always)]
unsafe fn block<V: Vector, const ROWS: usize, const WIDE: usize, const PANELS: usize>(
    tile: super::Product,
) {
    let super::Product { x, x_stride, depth, panels, panel_stride, out, out_stride, add, .. } =
        tile;
    // SAFETY: the caller vouches for all that is read and written.
    unsafe {
        let mut sums = [[[V::splat(0.0); WIDE]; ROWS]; PANELS];
        for step in 0..depth {
            for (panel, sums) in sums.iter_mut().enumerate() {
                let from = panels.add(panel * panel_stride + step * PANEL);
                let mut row = [V::splat(0.0); WIDE];
                for (part, number) in row.iter_mut().enumerate() {
                    *number = V::load(from.add(part * V::LANES));
                }
                for (index, sums) in sums.iter_mut().enumerate() {
                    let value = V::splat(*x.add(index * x_stride + step));
                    for (sum, weight) in sums.iter_mut().zip(row) {
                        *sum = value.mul_add(weight, *sum);
                    }
                }
            }
        }
        for (panel, sums) in sums.iter().enumerate() {
            put(sums, out.add(panel * PANEL), out_stride, add);
        }
    }
}

/// Writes a tile, or adds it to the output. Separate branches let the compiler unroll both and keep
/// the tile in registers.
#[inline(always)]
pub unsafe fn put<V: Vector, const ROWS: usize, const WIDE: usize>(
    tile: &[[V; WIDE]; ROWS],
    out: *mut f32,
    stride: usize,
    add: bool,
) {
    // SAFETY: the caller vouches for the memory.
    unsafe {
        if add {
            for (index, row) in tile.iter().enumerate() {
                for (part, value) in row.iter().enumerate() {
                    let pointer = out.add(index * stride + part * V::LANES);
                    value.add(V::load(pointer)).store(pointer);
                }
            }
        } else {
            for (index, row) in tile.iter().enumerate() {
                for (part, value) in row.iter().enumerate() {
                    value.store(out.add(index * stride + part * V::LANES));
                }
            }
        }
    }
}

/// `e^x` to within two ULPs, for `x ≤ 88`; arguments below −87 are clamped.
///
/// Cody and Waite's reduction `x = n ln 2 + r` with `ln 2` in two parts, and a polynomial of degree
/// 7 in `r` (the coefficients of Cephes' `expf`, Moshier 1992).
#[inline(always)]
pub unsafe fn exp<V: Vector>(x: V) -> V {
    // SAFETY: arithmetic in registers; the caller vouches for the CPU.
    unsafe {
        let x = x.max(V::splat(-87.0));
        // Adding and subtracting 1.5 · 2²³ rounds to a whole number.
        let magic = V::splat(12_582_912.0);
        let n = x.mul_add(V::splat(core::f32::consts::LOG2_E), magic).sub(magic);
        let r = n.mul_add(V::splat(-0.693_359_4), x);
        let r = n.mul_add(V::splat(2.121_944_4e-4), r);
        let mut sum = V::splat(1.987_569_1e-4);
        for coefficient in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
            sum = sum.mul_add(r, V::splat(coefficient));
        }
        let one = V::splat(1.0);
        let small = sum.mul_add(r.mul(r), r).add(one);
        small.mul(n.exp2_int())
    }
}

/// [`exp`] of one number.
#[inline(always)]
unsafe fn exp_scalar<V: Vector>(x: f32) -> f32 {
    // SAFETY: the array holds as many lanes as any vector here has.
    unsafe {
        let mut lanes = [0.0_f32; 16];
        exp(V::splat(x)).store(lanes.as_mut_ptr());
        lanes[0]
    }
}

/// `row ← e^(row − highest)`; returns the sum.
#[inline(always)]
pub unsafe fn exp_and_sum<V: Vector>(row: &mut [f32], highest: f32) -> f32 {
    // SAFETY: the pointers stay within the slice.
    unsafe {
        let shift = V::splat(highest);
        let whole = row.len() / V::LANES * V::LANES;
        let mut sums = V::splat(0.0);
        for place in (0..whole).step_by(V::LANES) {
            let pointer = row.as_mut_ptr().add(place);
            let value = exp(V::load(pointer).sub(shift));
            value.store(pointer);
            sums = sums.add(value);
        }
        let mut total = sums.reduce_sum();
        for value in &mut row[whole..] {
            *value = exp_scalar::<V>(*value - highest);
            total += *value;
        }
        total
    }
}

/// The sums over `w = e^((row − highest) · sharpness)` of `w`, `w · gap`, `w · gap²` and `w ·
/// gain`, where `gap = first − index · step` and `gains` has a gain for each entry of `row`.
#[inline(always)]
pub unsafe fn gaps<V: Vector>(
    row: &[f32],
    highest: f32,
    sharpness: f32,
    first: f32,
    step: f32,
    gains: &[f32],
) -> [f32; 4] {
    assert_eq!(row.len(), gains.len(), "a gain for each entry");
    // SAFETY: the pointers stay within the slices, which are equally long; the arrays hold as many
    // lanes as any vector here has.
    unsafe {
        let (shift, sharpness) = (V::splat(highest), V::splat(sharpness));
        let (first, back, lanes) = (V::splat(first), V::splat(-step), V::splat(V::LANES as f32));
        let numbers: [f32; 16] = core::array::from_fn(|lane| lane as f32);
        let mut index = V::load(numbers.as_ptr());
        let mut sums = [V::splat(0.0); 4];
        let whole = row.len() / V::LANES * V::LANES;
        for place in (0..whole).step_by(V::LANES) {
            let value = V::load(row.as_ptr().add(place)).sub(shift).mul(sharpness);
            // Whole numbers are exact, and the gap is rounded once.
            let gain = V::load(gains.as_ptr().add(place));
            sums = add_gaps(sums, value, index.mul_add(back, first), gain);
            index = index.add(lanes);
        }
        if whole < row.len() {
            // Padding has a negligible weight.
            let mut rest = [f32::MIN; 16];
            rest[..row.len() - whole].copy_from_slice(&row[whole..]);
            let value = V::load(rest.as_ptr()).sub(shift).mul(sharpness);
            let mut rest = [0.0; 16];
            rest[..row.len() - whole].copy_from_slice(&gains[whole..]);
            let gain = V::load(rest.as_ptr());
            sums = add_gaps(sums, value, index.mul_add(back, first), gain);
        }
        [sums[0].reduce_sum(), sums[1].reduce_sum(), sums[2].reduce_sum(), sums[3].reduce_sum()]
    }
}

#[inline(always)]
unsafe fn add_gaps<V: Vector>(sums: [V; 4], value: V, gap: V, gain: V) -> [V; 4] {
    // SAFETY: arithmetic in registers; the caller vouches for the CPU.
    unsafe {
        let weight = exp(value);
        let weighted = weight.mul(gap);
        [
            sums[0].add(weight),
            sums[1].add(weighted),
            weighted.mul_add(gap, sums[2]),
            weight.mul_add(gain, sums[3]),
        ]
    }
}

/// The largest number, and `−∞` of none.
#[inline(always)]
pub unsafe fn max<V: Vector>(row: &[f32]) -> f32 {
    // SAFETY: the pointers stay within the slice, the array holds as many lanes as any vector here
    // has.
    unsafe {
        let whole = row.len() / V::LANES * V::LANES;
        let mut most = V::splat(f32::NEG_INFINITY);
        for place in (0..whole).step_by(V::LANES) {
            most = most.max(V::load(row.as_ptr().add(place)));
        }
        let most = if whole > 0 { most.reduce_max() } else { f32::NEG_INFINITY };
        row[whole..].iter().copied().fold(most, f32::max)
    }
}

/// `row ← row · factor`.
#[inline(always)]
pub unsafe fn scale<V: Vector>(row: &mut [f32], factor: f32) {
    for value in row {
        *value *= factor;
    }
}

/// `row ← row + other`.
#[inline(always)]
pub unsafe fn add<V: Vector>(row: &mut [f32], other: &[f32]) {
    for (value, other) in row.iter_mut().zip(other) {
        *value += other;
    }
}

/// Rotates the pairs `(i, i + half)` of every head of `2 · half` numbers; `turn` holds the cosines,
/// then the sines.
#[inline(always)]
pub unsafe fn rope<V: Vector>(row: &mut [f32], turn: &[f32]) {
    let half = turn.len() / 2;
    let (cosines, sines) = turn.split_at(half);
    for head in row.chunks_exact_mut(2 * half) {
        let (ones, others) = head.split_at_mut(half);
        for index in 0..half {
            let (one, other) = (ones[index], others[index]);
            ones[index] = one * cosines[index] - other * sines[index];
            others[index] = other * cosines[index] + one * sines[index];
        }
    }
}

/// `out = x / √(mean(x²) + epsilon) · gain`.
#[inline(always)]
pub unsafe fn rms_norm<V: Vector>(x: &[f32], gain: &[f32], epsilon: f32, out: &mut [f32]) {
    // SAFETY: the slice is as long as itself.
    let square = unsafe { dot::<V>(x, x) };
    let scale = 1.0 / libm::sqrtf(square / x.len() as f32 + epsilon);
    for ((out, x), gain) in out.iter_mut().zip(x).zip(gain) {
        *out = x * scale * gain;
    }
}

/// `gate ← gate / (1 + e^−gate) · up`.
#[inline(always)]
pub unsafe fn swiglu<V: Vector>(gate: &mut [f32], up: &[f32]) {
    debug_assert_eq!(gate.len(), up.len());
    // SAFETY: the pointers stay within the slices, which are equally long.
    unsafe {
        let whole = gate.len() / V::LANES * V::LANES;
        let (one, zero) = (V::splat(1.0), V::splat(0.0));
        // e^x overflows above 88; a gate this low is zero in any case.
        let floor = V::splat(-80.0);
        for place in (0..whole).step_by(V::LANES) {
            let pointer = gate.as_mut_ptr().add(place);
            let value = V::load(pointer).max(floor);
            let sigmoid = exp(zero.sub(value)).add(one).reciprocal();
            value.mul(sigmoid).mul(V::load(up.as_ptr().add(place))).store(pointer);
        }
        for (gate, up) in gate[whole..].iter_mut().zip(&up[whole..]) {
            let value = gate.max(-80.0);
            *gate = value / (1.0 + exp_scalar::<V>(-value)) * up;
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
            sums = a.mul_add(b, sums);
        }
        let rest: f32 = one[whole..].iter().zip(&other[whole..]).map(|(a, b)| a * b).sum();
        sums.reduce_sum() + rest
    }
}

/// `out[p] = factor · Σ one · other` for each of as many parts as `out` has numbers.
#[inline(always)]
pub unsafe fn dots_of_parts<V: Vector>(one: &[f32], other: &[f32], factor: f32, out: &mut [f32]) {
    let size = one.len() / out.len();
    for ((one, other), out) in one.chunks_exact(size).zip(other.chunks_exact(size)).zip(out) {
        // SAFETY: the caller vouches for the CPU.
        *out = factor * unsafe { dot::<V>(one, other) };
    }
}

/// `row ← row + weights[p] · other` for each part `p` of as many as there are weights.
#[inline(always)]
pub unsafe fn add_parts<V: Vector>(row: &mut [f32], other: &[f32], weights: &[f32]) {
    let size = row.len() / weights.len();
    let parts = row.chunks_exact_mut(size).zip(other.chunks_exact(size)).zip(weights);
    for ((row, other), weight) in parts {
        for (value, other) in row.iter_mut().zip(other) {
            *value += weight * other;
        }
    }
}

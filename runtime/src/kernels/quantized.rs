//! The integer algorithms, generic over [`Integers`].
//!
//! Each row of activations has a scale, and each column of a matrix. Sums are exact integers.
//! Attention weights have sixteen bits, because many small ones weigh as much as a large one.

use super::{PANEL, integers::Integers, vector::Vector};

/// Steps of two after which 16-bit sums are converted to floats: 256 · 32767 · 127 is below 2³¹.
const PAIRS: usize = 128;

/// Prefetch distance of a single row, in bytes.
const AHEAD: usize = 2048;

/// Quantizes `row` to bytes between −127 and 127: `row ≈ scale · bytes`. Returns the scale; 0, with
/// zeros, for a row of numbers below 1e-30 or with an infinite one.
///
/// With `biased`, each byte is stored plus 128 where the products need it. The end of `out` gets
/// zeros.
#[inline(always)]
pub unsafe fn quantize<I: Integers>(row: &[f32], out: &mut [u8], biased: bool) -> f32 {
    debug_assert!(out.len() >= row.len());
    // SAFETY: the pointers stay within the slices, the arrays hold as many lanes as any vector here
    // has.
    unsafe {
        let lanes = I::Floats::LANES;
        let whole = row.len() / lanes * lanes;
        let mut most = I::Floats::splat(0.0);
        let zero = I::Floats::splat(0.0);
        for place in (0..whole).step_by(lanes) {
            let value = I::Floats::load(row.as_ptr().add(place));
            most = most.max(value).max(zero.sub(value));
        }
        let ends = row[whole..].iter().map(|value| value.abs());
        let most = ends.fold(most.reduce_max(), f32::max);
        // Outside this range the quotient is not finite, or the row is negligible.
        if !(1e-30..=f32::MAX).contains(&most) {
            out.fill(if biased && I::BIASED { 0x80 } else { 0 });
            return 0.0;
        }
        let inverse = 127.0 / most;
        let factor = I::Floats::splat(inverse);
        for place in (0..whole).step_by(lanes) {
            let value = I::Floats::load(row.as_ptr().add(place));
            I::store_bytes(value.mul(factor), out.as_mut_ptr().add(place));
        }
        if whole < row.len() {
            let mut bytes = [0_u8; 16];
            let mut rest = [0.0_f32; 16];
            rest[..row.len() - whole].copy_from_slice(&row[whole..]);
            let value = I::Floats::load(rest.as_ptr());
            I::store_bytes(value.mul(factor), bytes.as_mut_ptr());
            out[whole..row.len()].copy_from_slice(&bytes[..row.len() - whole]);
        }
        if out.len() > row.len() {
            out[row.len()..].fill(0);
        }
        if biased && I::BIASED {
            out.iter_mut().for_each(|byte| *byte ^= 0x80);
        }
        most / 127.0
    }
}

/// Tiles a product: for each panel, the largest blocks of rows first. A single row keeps four sums
/// per output and a few rows two, so that additions do not wait for each other.
///
/// A macro, because a closure would be compiled without the caller's instruction set.
macro_rules! tiles {
    ($product:ident, $step:expr, $integers:ident, $big:ident, $middle:ident, $wide:ident, $block:ident,
        |$row:ident, $panel:ident, $column:ident| $tile:expr) => {
        for $panel in 0..$product.columns.div_ceil(PANEL) {
            for $column in ($panel * PANEL..($panel + 1) * PANEL).step_by($step) {
                let mut $row = 0;
                while $row < $product.rows {
                    // SAFETY: row, panel and column are within what the caller vouches for.
                    unsafe {
                        let tile = $tile;
                        let left = $product.rows - $row;
                        if left > $middle {
                            $block::<$integers, $big, $wide, 1>(tile);
                            $row += $big;
                        } else if left > 4 {
                            $block::<$integers, $middle, $wide, 1>(tile);
                            $row += $middle;
                        } else if left > 1 {
                            $block::<$integers, 4, $wide, 2>(tile);
                            $row += 4;
                        } else {
                            $block::<$integers, 1, $wide, 4>(tile);
                            $row += 1;
                        }
                    }
                }
            }
        }
    };
}

/// Adds the partial sums.
#[inline(always)]
unsafe fn gather<I: Integers, const ROWS: usize, const WIDE: usize, const DEEP: usize>(
    sums: &[[[I; WIDE]; ROWS]; DEEP],
) -> [[I; WIDE]; ROWS] {
    let mut all = sums[0];
    for more in &sums[1..] {
        for (sums, more) in all.iter_mut().zip(more) {
            for (sum, more) in sums.iter_mut().zip(more) {
                // SAFETY: the caller vouches for the CPU.
                *sum = unsafe { sum.add(*more) };
            }
        }
    }
    all
}

/// Quantizes parts of `size` numbers, each with its own scale and padded to a multiple of four
/// bytes.
#[inline(always)]
pub unsafe fn quantize_parts<I: Integers>(
    row: &[f32],
    size: usize,
    out: &mut [u8],
    scales: &mut [f32],
    biased: bool,
) {
    let parts = row.chunks_exact(size).zip(out.chunks_exact_mut(size.next_multiple_of(4)));
    for ((part, out), scale) in parts.zip(scales) {
        // SAFETY: the caller vouches for the CPU.
        *scale = unsafe { quantize::<I>(part, out, biased) };
    }
}

/// As [`generic::product`](super::generic::product) for bytes: sums are multiplied by the scales of
/// row and column.
///
/// # Safety
///
/// As there.
#[inline(always)]
pub unsafe fn byte_product<
    I: Integers,
    const BIG: usize,
    const MIDDLE: usize,
    const WIDE: usize,
>(
    product: super::ByteProduct,
) {
    let lanes = I::Floats::LANES;
    tiles!(product, lanes * WIDE, I, BIG, MIDDLE, WIDE, byte_block, |row, panel, column| {
        super::ByteProduct {
            x: product.x.add(row * product.x_stride),
            row_scales: product.row_scales.add(row),
            panels: product.panels.add(panel * product.panel_stride + column % PANEL * 4),
            column_scales: product.column_scales.add(column),
            offsets: product.offsets.add(column),
            out: product.out.add(row * product.out_stride + column),
            ..product
        }
    });
}

#[inline(always)]
unsafe fn byte_block<I: Integers, const ROWS: usize, const WIDE: usize, const DEEP: usize>(
    tile: super::ByteProduct,
) {
    let super::ByteProduct {
        row_scales, quads, column_scales, offsets, out, out_stride, add, ..
    } = tile;
    let lanes = I::Floats::LANES;
    // SAFETY: the caller vouches for all that is read and written.
    unsafe {
        let mut sums = [[[I::zero(); WIDE]; ROWS]; DEEP];
        if I::BIASED {
            let mut all = [I::zero(); WIDE];
            for (part, offset) in all.iter_mut().enumerate() {
                *offset = I::load(offsets.add(part * lanes));
            }
            sums[0] = [all; ROWS];
        }
        let whole = quads / DEEP * DEEP;
        for step in (0..whole).step_by(DEEP) {
            for (deep, sums) in sums.iter_mut().enumerate() {
                byte_step(tile, step + deep, sums);
            }
        }
        for step in whole..quads {
            byte_step(tile, step, &mut sums[0]);
        }
        let mut scales = [I::Floats::splat(0.0); WIDE];
        for (part, scale) in scales.iter_mut().enumerate() {
            *scale = I::Floats::load(column_scales.add(part * lanes));
        }
        let all = gather(&sums);
        let mut values = [[I::Floats::splat(0.0); WIDE]; ROWS];
        for (index, (values, sums)) in values.iter_mut().zip(&all).enumerate() {
            let row_scale = I::Floats::splat(*row_scales.add(index));
            for ((value, sum), scale) in values.iter_mut().zip(sums).zip(scales) {
                *value = sum.to_floats().mul(row_scale).mul(scale);
            }
        }
        super::generic::put(&values, out, out_stride, add);
    }
}

/// Adds the products of one group of four bytes.
#[inline(always)]
unsafe fn byte_step<I: Integers, const ROWS: usize, const WIDE: usize>(
    tile: super::ByteProduct,
    step: usize,
    sums: &mut [[I; WIDE]; ROWS],
) {
    // SAFETY: the caller vouches for all that is read.
    unsafe {
        let from = tile.panels.add(step * 4 * PANEL);
        if ROWS == 1 {
            // A single row uses each weight once and is bound by memory.
            I::prefetch(from.wrapping_add(AHEAD));
            I::prefetch(from.wrapping_add(AHEAD + 64));
        }
        let mut bytes = [I::load_bytes(from); WIDE];
        for (part, bytes) in bytes.iter_mut().enumerate().skip(1) {
            *bytes = I::load_bytes(from.add(part * I::Floats::LANES * 4));
        }
        for (index, sums) in sums.iter_mut().enumerate() {
            let four = I::splat_quad(tile.x.add(index * tile.x_stride + 4 * step));
            for (sum, bytes) in sums.iter_mut().zip(bytes) {
                *sum = sum.add_quads(four, bytes);
            }
        }
    }
}

/// `out[r, c] (+)= factor[r] · Σ_i x[r, i] · panels[c / 32][i / 2][c % 32][i % 2]`: rows of 16-bit
/// numbers times bytes.
///
/// # Safety
///
/// As [`byte_product`].
#[inline(always)]
pub unsafe fn pair_product<
    I: Integers,
    const BIG: usize,
    const MIDDLE: usize,
    const WIDE: usize,
>(
    product: super::PairProduct,
) {
    let lanes = I::Floats::LANES;
    tiles!(product, lanes * WIDE, I, BIG, MIDDLE, WIDE, pair_block, |row, panel, column| {
        super::PairProduct {
            x: product.x.add(row * product.x_stride),
            factors: product.factors.add(row),
            panels: product.panels.add(panel * product.panel_stride + column % PANEL * 2),
            out: product.out.add(row * product.out_stride + column),
            ..product
        }
    });
}

#[inline(always)]
unsafe fn pair_block<I: Integers, const ROWS: usize, const WIDE: usize, const DEEP: usize>(
    tile: super::PairProduct,
) {
    let super::PairProduct { factors, pairs, out, out_stride, add, .. } = tile;
    // SAFETY: the caller vouches for all that is read and written.
    unsafe {
        let mut add = add;
        let mut begin = 0;
        // At least once, so that no pairs give zeros.
        while begin < pairs || begin == 0 {
            let end = pairs.min(begin + PAIRS);
            let mut sums = [[[I::zero(); WIDE]; ROWS]; DEEP];
            let whole = begin + (end - begin) / DEEP * DEEP;
            for step in (begin..whole).step_by(DEEP) {
                for (deep, sums) in sums.iter_mut().enumerate() {
                    pair_step(tile, step + deep, sums);
                }
            }
            for step in whole..end {
                pair_step(tile, step, &mut sums[0]);
            }
            let all = gather(&sums);
            let mut values = [[I::Floats::splat(0.0); WIDE]; ROWS];
            for (index, (values, sums)) in values.iter_mut().zip(&all).enumerate() {
                let factor = I::Floats::splat(*factors.add(index));
                for (value, sum) in values.iter_mut().zip(sums) {
                    *value = sum.to_floats().mul(factor);
                }
            }
            super::generic::put(&values, out, out_stride, add);
            add = true;
            begin += PAIRS;
        }
    }
}

/// Adds the products of one group of two numbers.
#[inline(always)]
unsafe fn pair_step<I: Integers, const ROWS: usize, const WIDE: usize>(
    tile: super::PairProduct,
    step: usize,
    sums: &mut [[I; WIDE]; ROWS],
) {
    // SAFETY: the caller vouches for all that is read.
    unsafe {
        let from = tile.panels.add(step * 2 * PANEL);
        let mut shorts = [I::load_shorts(from); WIDE];
        for (part, shorts) in shorts.iter_mut().enumerate().skip(1) {
            *shorts = I::load_shorts(from.add(part * I::Floats::LANES * 2));
        }
        for (index, sums) in sums.iter_mut().enumerate() {
            let two = I::splat_pair(tile.x.add(index * tile.x_stride + 2 * step));
            for (sum, shorts) in sums.iter_mut().zip(shorts) {
                *sum = sum.add_pairs(two, shorts);
            }
        }
    }
}

/// `2^x` with a relative error below 3 · 10⁻⁶, for `x` between −126 and 127; smaller arguments are
/// clamped.
///
/// The nearest whole number becomes the exponent; the rest, within ±½, enters a Taylor series of
/// degree 5.
#[inline(always)]
unsafe fn exp2<V: Vector>(x: V) -> V {
    // SAFETY: arithmetic in registers; the caller vouches for the CPU.
    unsafe {
        let x = x.max(V::splat(-126.0));
        let whole = x.round();
        let rest = x.sub(whole);
        // (ln 2)^k / k! for k from 5 to 0.
        let mut sum = V::splat(1.333_355_8e-3);
        let coefficients =
            [9.618_129e-3, 5.550_411e-2, 0.240_226_5, core::f32::consts::LN_2, 1.0_f32];
        for coefficient in coefficients {
            sum = sum.mul_add(rest, V::splat(coefficient));
        }
        sum.mul(whole.exp2_int())
    }
}

/// `weights = 2^(scores − highest) · value_scales · factor` in 16 bits; returns the sum of the
/// powers.
///
/// `factor` must keep every product at most 32767. `weights` is padded with zeros.
#[inline(always)]
pub unsafe fn softmax_weights<I: Integers>(
    scores: &[f32],
    highest: f32,
    value_scales: &[f32],
    factor: f32,
    weights: &mut [i16],
) -> f32 {
    debug_assert!(value_scales.len() >= scores.len() && weights.len() >= scores.len());
    // SAFETY: the pointers stay within the slices, the arrays hold as many lanes as any vector here
    // has.
    unsafe {
        let lanes = I::Floats::LANES;
        let (shift, factors) = (I::Floats::splat(highest), I::Floats::splat(factor));
        let mut sums = I::Floats::splat(0.0);
        let whole = scores.len() / lanes * lanes;
        for place in (0..whole).step_by(lanes) {
            let score = I::Floats::load(scores.as_ptr().add(place));
            let value = exp2(score.sub(shift));
            sums = sums.add(value);
            let scale = I::Floats::load(value_scales.as_ptr().add(place)).mul(factors);
            I::store_shorts(value.mul(scale), weights.as_mut_ptr().add(place));
        }
        if whole < scores.len() {
            let count = scores.len() - whole;
            // Padding has a negligible weight.
            let mut rest = [f32::MIN; 16];
            let mut scales = [0.0_f32; 16];
            let mut shorts = [0_i16; 16];
            rest[..count].copy_from_slice(&scores[whole..]);
            scales[..count].copy_from_slice(&value_scales[whole..whole + count]);
            let value = exp2(I::Floats::load(rest.as_ptr()).sub(shift));
            let scale = I::Floats::load(scales.as_ptr()).mul(factors);
            I::store_shorts(value.mul(scale), shorts.as_mut_ptr());
            sums = sums.add(value);
            weights[whole..scores.len()].copy_from_slice(&shorts[..count]);
        }
        weights[scores.len()..].fill(0);
        sums.reduce_sum()
    }
}

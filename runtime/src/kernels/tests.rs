//! Compares every compiled kernel with plain loops.

extern crate std;

use alloc::{vec, vec::Vec};
use std::println;

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::*;

fn numbers(count: usize, rng: &mut Xoshiro256PlusPlus) -> Vec<f32> {
    (0..count).map(|_| rng.random_range(-1.0..1.0)).collect()
}

fn bytes(count: usize, rng: &mut Xoshiro256PlusPlus) -> Vec<i8> {
    (0..count).map(|_| rng.random_range(-127..=127)).collect()
}

/// Rows, depths and columns around the kernels' tile sizes.
const SHAPES: [(usize, usize, usize); 9] = [
    (1, 1, 1),
    (1, 40, 200),
    (2, 7, 33),
    (5, 64, 32),
    (11, 128, 64),
    (13, 12, 31),
    (29, 31, 100),
    (12, 5, 32),
    (8, 300, 48),
];

/// Whether a test has time for a product of this shape: Miri interprets each instruction.
fn is_affordable(&(rows, depth, columns): &(usize, usize, usize)) -> bool {
    !cfg!(miri) || rows * depth * columns < 3000
}

#[test]
fn the_kernels_of_this_cpu_are_tested() {
    let names: Vec<&str> = Kernels::available().map(Kernels::name).collect();
    println!("kernels tested here: {names:?}");
    assert_eq!(names[0], "portable");
    #[cfg(target_arch = "aarch64")]
    assert!(names.contains(&"neon"));
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    assert!(names.contains(&"simd128"));
    #[cfg(all(target_arch = "x86_64", feature = "std", not(miri)))]
    {
        // Where the operating system has a list of features: no kernel that this CPU could run may
        // be missing.
        if let Ok(description) = std::fs::read_to_string("/proc/cpuinfo") {
            let has = |flag: &str| description.split_whitespace().any(|word| word == flag);
            let avx512 = has("avx512f") && has("avx512bw") && has("avx512vl");
            assert_eq!(names.contains(&"avx2"), has("avx2") && has("fma"));
            assert_eq!(names.contains(&"avx512"), avx512);
            assert_eq!(names.contains(&"avx512-vnni"), avx512 && has("avx512_vnni"));
        }
    }
}

#[test]
fn products_are_sums_of_products() {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
    for (rows, depth, columns) in SHAPES.into_iter().filter(is_affordable) {
        let x_stride = depth + 3;
        let out_stride = columns.next_multiple_of(PANEL) + 1;
        let x = numbers(padded(rows) * x_stride, &mut rng);
        let weights = numbers(columns * depth, &mut rng);
        let packed = Packed::new(columns, depth, |column, row| {
            row.copy_from_slice(&weights[column * depth..(column + 1) * depth]);
        });
        for kernels in Kernels::available() {
            let mut out = vec![9.0; padded(rows) * out_stride];
            for add in [false, true] {
                let to = Destination { numbers: &mut out, stride: out_stride, add };
                kernels.product(&x, x_stride, rows, packed.panels(), to);
                for row in 0..rows {
                    for column in 0..columns {
                        let sum: f64 = (0..depth)
                            .map(|step| {
                                f64::from(x[row * x_stride + step])
                                    * f64::from(weights[column * depth + step])
                            })
                            .sum();
                        let expected = if add { 2.0 * sum } else { sum };
                        let difference = f64::from(out[row * out_stride + column]) - expected;
                        assert!(difference.abs() < 3e-5, "{}: {difference}", kernels.name());
                    }
                    assert_eq!(out[row * out_stride + out_stride - 1], 9.0, "beyond the panels");
                }
            }
        }
    }
}

/// A row's result must not depend on the other rows.
#[test]
fn a_row_s_product_is_the_same_to_the_bit_among_any_others() {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(11);
    let (depth, columns, most) = if cfg!(miri) { (5, 32, 13) } else { (57, 160, 24) };
    let x = numbers(most * depth, &mut rng);
    let weights = numbers(columns * depth, &mut rng);
    let packed = Packed::new(columns, depth, |column, row| {
        row.copy_from_slice(&weights[column * depth..(column + 1) * depth]);
    });
    for kernels in Kernels::available() {
        let product = |rows: usize| {
            let mut out = vec![0.0; padded(rows) * columns];
            let to = Destination { numbers: &mut out, stride: columns, add: false };
            kernels.product(&x, depth, rows, packed.panels(), to);
            out.truncate(rows * columns);
            out
        };
        let all = product(most);
        for rows in 1..most {
            assert_eq!(product(rows), all[..rows * columns], "{} {rows}", kernels.name());
        }
    }
}

#[test]
fn quantized_rows_are_within_half_a_step() {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(5);
    for length in [1, 15, 16, 33, 100] {
        let row = numbers(length, &mut rng);
        let most = row.iter().fold(0.0_f32, |most, number| most.max(number.abs()));
        // The same arithmetic, number by number.
        let factor = 127.0 / most;
        let want: Vec<i8> = row.iter().map(|number| libm::rintf(number * factor) as i8).collect();
        for kernels in Kernels::available() {
            let mut out = vec![1_i8; length + 3];
            let scale = kernels.quantize_for_panels(&row, &mut out);
            assert_eq!(out[..length], want, "{}", kernels.name());
            assert_eq!(out[length..], [0; 3]);
            for (byte, number) in out.iter().zip(&row) {
                assert!((f32::from(*byte) * scale - number).abs() <= scale * 0.5001);
            }
            assert_eq!(kernels.quantize_for_panels(&vec![0.0; length], &mut out), 0.0);
            assert_eq!(out[..length], vec![0; length]);
        }
    }
}

#[test]
fn products_of_bytes_are_exact() {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(6);
    for (rows, depth, columns) in SHAPES.into_iter().filter(is_affordable) {
        let stride = depth.next_multiple_of(4) + 4;
        let x = numbers(padded(rows) * depth, &mut rng);
        let mut weights = bytes(columns * depth, &mut rng);
        // The largest sums that there are.
        weights[..depth].fill(127);
        let scales: Vec<f32> = numbers(columns, &mut rng).iter().map(|x| x.abs() + 0.1).collect();
        let packed = PackedBytes::new(columns, depth, |column, row| {
            row.copy_from_slice(&weights[column * depth..(column + 1) * depth]);
            scales[column]
        });
        for kernels in Kernels::available() {
            let mut quantized = vec![0_u8; padded(rows) * stride];
            let mut row_scales = vec![0.0; padded(rows)];
            let mut plain = vec![0_i8; rows * depth];
            for row in 0..rows {
                let from = &x[row * depth..(row + 1) * depth];
                let out = &mut quantized[row * stride..(row + 1) * stride - 4];
                row_scales[row] = kernels.quantize(from, out);
                let out = &mut plain[row * depth..(row + 1) * depth];
                assert_eq!(kernels.quantize_for_panels(from, out), row_scales[row]);
            }
            let out_stride = columns.next_multiple_of(PANEL);
            let mut out = vec![0.0; padded(rows) * out_stride];
            for add in [false, true] {
                let to = Destination { numbers: &mut out, stride: out_stride, add };
                let x = QuantizedRows { bytes: &quantized, stride, scales: &row_scales };
                kernels.byte_product(&x, rows, packed.panels(), to);
            }
            for row in 0..rows {
                for column in 0..columns {
                    let sum: i32 = (0..depth)
                        .map(|step| {
                            i32::from(plain[row * depth + step])
                                * i32::from(weights[column * depth + step])
                        })
                        .sum();
                    let once = sum as f32 * row_scales[row] * scales[column];
                    let have = out[row * out_stride + column];
                    assert_eq!(have, once + once, "{}: {row}, {column}", kernels.name());
                }
            }
        }
    }
}

#[test]
fn products_of_pairs_are_exact() {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
    let shapes =
        [(1_usize, 3_usize, 5_usize), (2, 700, 32), (11, 64, 40), (13, 255, 64), (5, 9, 33)];
    for (rows, depth, columns) in shapes.into_iter().filter(is_affordable) {
        let pairs = depth.div_ceil(2);
        let wide = columns.next_multiple_of(PANEL);
        let stride = 2 * pairs;
        let mut x: Vec<i16> =
            (0..padded(rows) * stride).map(|_| rng.random_range(0..=32767)).collect();
        // The largest sums that there are.
        x[..stride].fill(32767);
        let factors: Vec<f32> = numbers(padded(rows), &mut rng);
        let mut values = vec![0_i8; pairs * wide * 2];
        let plain = bytes(depth * columns, &mut rng);
        for step in 0..depth {
            for column in 0..columns {
                let panel = column / PANEL * pairs * 2 * PANEL;
                let place = step / 2 * 2 * PANEL + column % PANEL * 2 + step % 2;
                values[panel + place] = plain[step * columns + column];
            }
        }
        let panels = PairPanels { bytes: &values, stride: pairs * 2 * PANEL, pairs, columns };
        let mut portable: Option<Vec<f32>> = None;
        for kernels in Kernels::available() {
            let mut out = vec![0.0; padded(rows) * wide];
            let to = Destination { numbers: &mut out, stride: wide, add: false };
            kernels.pair_product(&x, stride, &factors, rows, panels, to);
            for row in 0..rows {
                for column in 0..columns {
                    let terms = (0..depth).map(|step| {
                        i64::from(x[row * stride + step])
                            * i64::from(plain[step * columns + column])
                    });
                    let (sum, size) =
                        terms.fold((0, 0), |(sum, size), term| (sum + term, size + term.abs()));
                    let factor = f64::from(factors[row]);
                    let error = f64::from(out[row * wide + column]) - sum as f64 * factor;
                    // Exact within 256 steps, and rounded where those are added.
                    assert!(error.abs() <= 3e-7 * size as f64 * factor.abs(), "{error}");
                }
            }
            out.truncate(rows * wide);
            let first = portable.get_or_insert_with(|| out.clone());
            assert_eq!(&out, first, "{} and portable", kernels.name());
        }
    }
}

#[test]
fn weights_are_powers_of_two_in_sixteen_bits() {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(8);
    for length in [1, 8, 16, 37, 600] {
        let scores: Vec<f32> = numbers(length, &mut rng).iter().map(|x| x * 40.0).collect();
        let scales: Vec<f32> = numbers(length, &mut rng).iter().map(|x| x.abs()).collect();
        let highest = scores.iter().copied().fold(f32::MIN, f32::max);
        let exact: Vec<f64> =
            scores.iter().map(|x| libm::exp2(f64::from(*x) - f64::from(highest))).collect();
        for kernels in Kernels::available() {
            assert_eq!(kernels.max(&scores), highest);
            let mut weights = vec![7_i16; length + 2];
            let sum = kernels.softmax_weights(&scores, highest, &scales, 32_767.0, &mut weights);
            assert_eq!(weights[length..], [0, 0]);
            let want: f64 = exact.iter().sum();
            // 3 · 10⁻⁶ of the power, and a rounding for each sum.
            assert!((f64::from(sum) - want).abs() < 6e-6 * want, "{}: {sum}", kernels.name());
            for ((weight, exact), scale) in weights.iter().zip(&exact).zip(&scales) {
                let want = exact * f64::from(*scale) * 32_767.0;
                assert!((f64::from(*weight) - want).abs() < 0.5 + 5e-6 * want.max(1e5));
            }
        }
    }
    assert_eq!(Kernels::best().max(&[]), f32::NEG_INFINITY);
}

#[test]
fn exponentials_are_within_four_units_in_the_last_place() {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(2);
    for length in [1, 5, 16, 33, 700] {
        let logits: Vec<f32> = numbers(length, &mut rng).iter().map(|x| x * 20.0).collect();
        let highest = logits.iter().copied().fold(f32::MIN, f32::max);
        let terms: Vec<f64> =
            logits.iter().map(|x| libm::exp(f64::from(*x) - f64::from(highest))).collect();
        let total: f64 = terms.iter().sum();
        for kernels in Kernels::available() {
            let mut row = logits.clone();
            let sum = kernels.exp_and_sum(&mut row, highest);
            assert!((f64::from(sum) - total).abs() < 4.0e-6 * total);
            for (have, want) in row.iter().zip(&terms) {
                let relative = (f64::from(*have) - want).abs() / want;
                // Two ULPs for the exponential; the shift by the maximum is exact to half a unit of
                // the logit, 40 · 2⁻²⁴.
                assert!(relative < 4.0e-6, "{}: {relative}", kernels.name());
            }
        }
    }
}

#[test]
fn gates_agree_with_the_formula() {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(3);
    for length in [1, 16, 45] {
        let gate: Vec<f32> = numbers(length, &mut rng)
            .iter()
            .enumerate()
            .map(|(index, x)| if index == 0 { -300.0 } else { x * 30.0 })
            .collect();
        let up = numbers(length, &mut rng);
        for kernels in Kernels::available() {
            let mut out = gate.clone();
            kernels.swiglu(&mut out, &up);
            for ((have, gate), up) in out.iter().zip(&gate).zip(&up) {
                let gate = f64::from(*gate);
                let want = gate / (1.0 + libm::exp(-gate)) * f64::from(*up);
                assert!((f64::from(*have) - want).abs() < 1e-6 * (1.0 + want.abs()));
            }
        }
    }
}

#[test]
fn sums_norms_and_turns_agree() {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(4);
    for length in [2, 8, 32, 130] {
        let (one, other) = (numbers(length, &mut rng), numbers(length, &mut rng));
        let expected: f32 = one.iter().zip(&other).map(|(a, b)| a * b).sum();
        for kernels in Kernels::available() {
            assert!((kernels.dot(&one, &other) - expected).abs() < 1e-5);
            let mut sum = one.clone();
            kernels.add(&mut sum, &other);
            kernels.scale(&mut sum, 0.5);
            for ((sum, one), other) in sum.iter().zip(&one).zip(&other) {
                assert!((sum - 0.5 * (one + other)).abs() < 1e-6);
            }
            // Four parts of a row that has whole ones.
            let size = length / 4;
            if length % 4 == 0 {
                let mut dots = [0.0; 4];
                kernels.dots_of_parts(&one, &other, 0.5, &mut dots);
                let mut sum = one.clone();
                kernels.add_parts(&mut sum, &other, &dots);
                for (part, dot) in dots.iter().enumerate() {
                    let place = part * size..(part + 1) * size;
                    let terms = one[place.clone()].iter().zip(&other[place.clone()]);
                    assert!((dot - 0.5 * terms.map(|(a, b)| a * b).sum::<f32>()).abs() < 1e-5);
                    for index in place {
                        let want = one[index] + dot * other[index];
                        assert!((sum[index] - want).abs() < 1e-6, "{}", kernels.name());
                    }
                }
            }
            let mut normal = vec![0.0; length];
            kernels.rms_norm(&one, &vec![1.0; length], 1e-5, &mut normal);
            let square: f32 = normal.iter().map(|x| x * x).sum::<f32>() / length as f32;
            assert!((square - 1.0).abs() < 0.01);
            // A quarter of a turn takes the first half to the second, and the second to minus the
            // first.
            let half = length / 2;
            let quarter: Vec<f32> = (0..length).map(|i| if i < half { 0.0 } else { 1.0 }).collect();
            let mut turned = one.clone();
            kernels.rope(&mut turned, &quarter);
            for index in 0..half {
                assert_eq!(turned[index], -one[index + half]);
                assert_eq!(turned[index + half], one[index]);
            }
        }
    }
}

#[test]
#[should_panic(expected = "out is too short")]
fn short_slices_are_refused() {
    let packed = Packed::new(2, 2, |_, row| row.fill(1.0));
    let to = Destination { numbers: &mut [0.0; 31], stride: 32, add: false };
    Kernels::best().product(&[1.0, 2.0], 2, 1, packed.panels(), to);
}

#[test]
fn rows_are_padded_to_what_kernels_take() {
    let have: Vec<usize> = [0, 1, 2, 4, 5, 8, 9, 12, 13, 14, 25].map(padded).to_vec();
    assert_eq!(have, [0, 1, 4, 4, 8, 8, 12, 12, 13, 16, 25]);
}

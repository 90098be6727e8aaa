//! Every compiled kernel against the plainest way to say the same.

extern crate std;

use alloc::{vec, vec::Vec};
use std::println;

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::*;

fn numbers(count: usize, generator: &mut Xoshiro256PlusPlus) -> Vec<f32> {
    (0..count).map(|_| generator.random_range(-1.0..1.0)).collect()
}

#[test]
fn the_kernels_of_this_cpu_are_tested() {
    let names: Vec<&str> = Kernels::available().map(Kernels::name).collect();
    println!("kernels tested here: {names:?}");
    assert_eq!(names[0], "portable");
    #[cfg(all(target_arch = "x86_64", feature = "std"))]
    {
        // The operating system's own list, where there is one: no kernel that this CPU could run may be left out.
        if let Ok(description) = std::fs::read_to_string("/proc/cpuinfo") {
            let has = |flag: &str| description.split_whitespace().any(|word| word == flag);
            assert_eq!(names.contains(&"avx2"), has("avx2") && has("fma"));
            assert_eq!(names.contains(&"avx512"), has("avx512f"));
        }
    }
}

#[test]
fn products_are_sums_of_products() {
    let mut generator = Xoshiro256PlusPlus::seed_from_u64(1);
    for (rows, depth, columns) in [(1_usize, 1_usize, 1_usize), (3, 7, 33), (13, 128, 64), (29, 31, 100), (12, 5, 32)]
    {
        let x_stride = depth + 3;
        let out_stride = columns.next_multiple_of(PANEL) + 1;
        let x = numbers(rows * x_stride, &mut generator);
        let weights = numbers(columns * depth, &mut generator);
        let packed = Packed::new(&weights, columns, depth);
        for column in 0..columns {
            let row: Vec<f32> = packed.row(column).collect();
            assert_eq!(row, weights[column * depth..(column + 1) * depth]);
        }
        for kernels in Kernels::available() {
            let mut out = vec![9.0; rows * out_stride];
            kernels.product(&x, x_stride, rows, &packed, &mut out, out_stride);
            for row in 0..rows {
                for column in 0..columns {
                    let expected: f64 = (0..depth)
                        .map(|step| {
                            f64::from(x[row * x_stride + step])
                                * f64::from(weights[column * depth + step])
                        })
                        .sum();
                    let difference = f64::from(out[row * out_stride + column]) - expected;
                    assert!(difference.abs() < 1e-5, "{}: {difference}", kernels.name());
                }
                assert_eq!(out[row * out_stride + out_stride - 1], 9.0, "beyond the panels");
            }
        }
    }
}

#[test]
fn softmax_is_within_four_units_in_the_last_place_of_its_terms() {
    let mut generator = Xoshiro256PlusPlus::seed_from_u64(2);
    for length in [1, 5, 16, 33, 700] {
        let logits: Vec<f32> = numbers(length, &mut generator).iter().map(|x| x * 20.0).collect();
        let highest = logits.iter().copied().fold(f32::MIN, f32::max);
        let terms: Vec<f64> =
            logits.iter().map(|x| libm::exp(f64::from(*x) - f64::from(highest))).collect();
        let total: f64 = terms.iter().sum();
        for kernels in Kernels::available() {
            let mut row = logits.clone();
            kernels.softmax(&mut row);
            for (have, term) in row.iter().zip(&terms) {
                let want = term / total;
                let relative = (f64::from(*have) - want).abs() / want;
                // Two units for the exponential, two for rounded sums and the quotient; the shift by the highest is exact
                // to half a unit of the logit, 40 · 2⁻²⁴.
                assert!(relative < 4.0e-6, "{}: {relative}", kernels.name());
            }
        }
    }
}

#[test]
fn gates_agree_with_the_formula() {
    let mut generator = Xoshiro256PlusPlus::seed_from_u64(3);
    for length in [1, 16, 45] {
        let gate: Vec<f32> = numbers(length, &mut generator)
            .iter()
            .enumerate()
            .map(|(index, x)| if index == 0 { -300.0 } else { x * 30.0 })
            .collect();
        let up = numbers(length, &mut generator);
        for kernels in Kernels::available() {
            let mut out = gate.clone();
            kernels.gated(&mut out, &up);
            for ((have, gate), up) in out.iter().zip(&gate).zip(&up) {
                let gate = f64::from(*gate);
                let want = gate / (1.0 + libm::exp(-gate)) * f64::from(*up);
                assert!((f64::from(*have) - want).abs() < 1e-6 * (1.0 + want.abs()));
            }
        }
    }
}

#[test]
fn sums_and_norms_agree() {
    let mut generator = Xoshiro256PlusPlus::seed_from_u64(4);
    for length in [1, 8, 31, 128] {
        let (one, other) = (numbers(length, &mut generator), numbers(length, &mut generator));
        let expected: f32 = one.iter().zip(&other).map(|(a, b)| a * b).sum();
        for kernels in Kernels::available() {
            assert!((kernels.dot(&one, &other) - expected).abs() < 1e-5);
            let mut sum = one.clone();
            kernels.accumulate(0.5, &other, &mut sum);
            for ((sum, one), other) in sum.iter().zip(&one).zip(&other) {
                assert!((sum - (one + 0.5 * other)).abs() < 1e-6);
            }
            let mut normal = vec![0.0; length];
            kernels.normalise(&one, &vec![1.0; length], 1e-5, &mut normal);
            let square: f32 = normal.iter().map(|x| x * x).sum::<f32>() / length as f32;
            assert!((square - 1.0).abs() < 0.01);
        }
    }
}

#[test]
#[should_panic(expected = "out is too short")]
fn short_slices_are_refused() {
    let packed = Packed::new(&[1.0; 4], 2, 2);
    Kernels::best().product(&[1.0, 2.0], 2, 1, &packed, &mut [0.0; 2], 32);
}

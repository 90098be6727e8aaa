//! Random expressions: rugged, discontinuous, with ridges and poles that no Gaussian process has.

use rand::RngExt;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::{Landscape, random::normal};

/// An operation of the flat program; each leaves one number on the stack.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Operation {
    /// `scale · x_i + shift`.
    Variable {
        index: usize,
        scale: f64,
        shift: f64,
    },
    Constant(f64),
    Sin,
    Cos,
    Exp,
    Abs,
    Sqrt,
    Square,
    Negate,
    Add,
    Subtract,
    Multiply,
    Divide,
}

use Operation::*;

const UNARY: [Operation; 7] = [Sin, Cos, Exp, Abs, Sqrt, Square, Negate];
const BINARY: [Operation; 4] = [Add, Subtract, Multiply, Divide];
/// How often an inner node has one operand.
const UNARY_SHARE: f64 = 0.3;
/// Every intermediate result is kept within this, so that nothing overflows.
const LARGEST: f64 = 1e6;

/// A random expression in postfix order.
#[derive(Clone, Debug)]
pub struct Symbolic {
    program: Vec<Operation>,
}

impl Symbolic {
    /// An expression two to five levels deep in which most variables occur.
    pub fn draw(dimensions: usize, generator: &mut Xoshiro256PlusPlus) -> Self {
        let mut program = Vec::new();
        let depth = generator.random_range(2..=5);
        grow(depth, dimensions, generator, &mut program);
        // Variables that the tree left out join as a sum, most of them: some stay irrelevant.
        for index in 0..dimensions {
            let occurs = program.iter().any(
                |operation| matches!(operation, Variable { index: other, .. } if *other == index),
            );
            if !occurs && (generator.random_bool(0.6) || dimensions == 1) {
                grow(1, dimensions, generator, &mut program);
                program.push(variable(index, generator));
                program.push(UNARY[generator.random_range(0..UNARY.len())]);
                program.push(Multiply);
                program.push(Add);
            }
        }
        Self { program }
    }
}

fn variable(index: usize, generator: &mut Xoshiro256PlusPlus) -> Operation {
    // The cube's side becomes an interval of 1 to 10, about anywhere near zero.
    let scale = 10f64.powf(generator.random_range(0.0..1.0));
    Variable { index, scale, shift: -scale * generator.random_range(-0.2..1.2) }
}

fn grow(
    depth: usize,
    dimensions: usize,
    generator: &mut Xoshiro256PlusPlus,
    program: &mut Vec<Operation>,
) {
    if depth == 0 {
        program.push(if generator.random_bool(0.8) {
            variable(generator.random_range(0..dimensions), generator)
        } else {
            Constant(2.0 * normal(generator))
        });
    } else if generator.random_bool(UNARY_SHARE) {
        grow(depth - 1, dimensions, generator, program);
        program.push(UNARY[generator.random_range(0..UNARY.len())]);
    } else {
        grow(depth - 1, dimensions, generator, program);
        grow(depth - 1, dimensions, generator, program);
        program.push(BINARY[generator.random_range(0..BINARY.len())]);
    }
}

impl Landscape for Symbolic {
    fn evaluate(&self, unit: &[f64]) -> f64 {
        let mut stack: Vec<f64> = Vec::with_capacity(8);
        for operation in &self.program {
            let value = match *operation {
                Variable { index, scale, shift } => scale * unit[index] + shift,
                Constant(value) => value,
                operation => {
                    let last = stack.pop().unwrap_or(0.0);
                    match operation {
                        Sin => last.sin(),
                        Cos => last.cos(),
                        Exp => last.min(20.0).exp(),
                        Abs => last.abs(),
                        Sqrt => last.abs().sqrt(),
                        Square => last * last,
                        Negate => -last,
                        _ => {
                            let first = stack.pop().unwrap_or(0.0);
                            match operation {
                                Add => first + last,
                                Subtract => first - last,
                                Multiply => first * last,
                                // Protected: the divisor keeps its sign and a distance from zero.
                                _ => first / (last.abs().max(0.05)).copysign(last),
                            }
                        }
                    }
                }
            };
            stack.push(value.clamp(-LARGEST, LARGEST));
        }
        stack.pop().unwrap_or(0.0)
    }

    fn description(&self) -> String {
        format!("expression of {} operations", self.program.len())
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn values_are_finite_everywhere() {
        let mut generator = Xoshiro256PlusPlus::seed_from_u64(9);
        for _ in 0..2000 {
            let dimensions = generator.random_range(1..=8);
            let expression = Symbolic::draw(dimensions, &mut generator);
            for corner in 0..10 {
                let unit: Vec<f64> = (0..dimensions)
                    .map(|_| match corner {
                        0 => 0.0,
                        1 => 1.0,
                        2 => f64::from(u8::from(generator.random::<bool>())),
                        _ => generator.random(),
                    })
                    .collect();
                assert!(expression.evaluate(&unit).is_finite(), "{expression:?} at {unit:?}");
            }
        }
    }

    #[test]
    fn a_program_leaves_one_number() {
        let mut generator = Xoshiro256PlusPlus::seed_from_u64(10);
        for _ in 0..500 {
            let expression = Symbolic::draw(3, &mut generator);
            let mut height = 0_i64;
            for operation in &expression.program {
                height += match operation {
                    Variable { .. } | Constant(_) => 1,
                    Add | Subtract | Multiply | Divide => -1,
                    _ => 0,
                };
                assert!(height >= 1);
            }
            assert_eq!(height, 1);
        }
    }

    #[test]
    fn division_by_zero_is_protected() {
        let one_over_x = Symbolic {
            program: vec![Constant(1.0), Variable { index: 0, scale: 1.0, shift: 0.0 }, Divide],
        };
        assert_eq!(one_over_x.evaluate(&[0.0]), 20.0);
        assert_eq!(one_over_x.evaluate(&[0.5]), 2.0);
    }
}

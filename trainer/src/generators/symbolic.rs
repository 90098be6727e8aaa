//! Random expression trees: rugged, kinked and discontinuous landscapes.
//!
//! The grammar is that of genetic programming (Koza 1992): coordinates and constants, `+ − × ÷`,
//! `sin cos exp |·| √ ²` and negation, each protected so that no input gives anything but a finite
//! number.

use std::fmt::Write;

use rand::RngExt;

use super::Landscape;
use crate::random::{SeededRng, log_uniform, normal};

/// No intermediate value leaves `[-LARGEST, LARGEST]`.
const LARGEST: f64 = 1e6;
/// The smallest divisor, in magnitude.
const SMALLEST_DIVISOR: f64 = 0.1;
/// The deepest tree that is drawn; its program needs one more place on the stack.
const DEEPEST: usize = 7;

/// One step of a program in postfix order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Instruction {
    /// Pushes coordinate `index`, stretched: `offset + factor · x`.
    Coordinate {
        /// Which coordinate.
        index: usize,
        /// The value at 0.
        offset: f64,
        /// The width of the range.
        factor: f64,
    },
    /// Pushes a number.
    Constant(f64),
    /// Replaces the top.
    Unary(Unary),
    /// Replaces the two topmost, the right operand being the top.
    Binary(Binary),
}

/// A function of one operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unary {
    /// Sine.
    Sin,
    /// Cosine.
    Cos,
    /// Exponential.
    Exp,
    /// Magnitude.
    Abs,
    /// Root of the magnitude.
    Sqrt,
    /// Square.
    Square,
    /// Negation.
    Negate,
}

/// A function of two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binary {
    /// Sum.
    Add,
    /// Difference.
    Subtract,
    /// Product.
    Multiply,
    /// Quotient; a divisor nearer to 0 than 0.1 counts as 0.1 with its sign.
    Divide,
}

impl Unary {
    const ALL: [Self; 7] =
        [Self::Sin, Self::Cos, Self::Exp, Self::Abs, Self::Sqrt, Self::Square, Self::Negate];

    fn apply(self, operand: f64) -> f64 {
        match self {
            Self::Sin => operand.sin(),
            Self::Cos => operand.cos(),
            Self::Exp => operand.min(14.0).exp(),
            Self::Abs => operand.abs(),
            Self::Sqrt => operand.abs().sqrt(),
            Self::Square => operand * operand,
            Self::Negate => -operand,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Sin => "sin",
            Self::Cos => "cos",
            Self::Exp => "exp",
            Self::Abs => "abs",
            Self::Sqrt => "sqrt",
            Self::Square => "square",
            Self::Negate => "-",
        }
    }
}

impl Binary {
    const ALL: [Self; 4] = [Self::Add, Self::Subtract, Self::Multiply, Self::Divide];

    fn apply(self, left: f64, right: f64) -> f64 {
        match self {
            Self::Add => left + right,
            Self::Subtract => left - right,
            Self::Multiply => left * right,
            Self::Divide => left / right.abs().max(SMALLEST_DIVISOR).copysign(right),
        }
    }

    fn symbol(self) -> char {
        match self {
            Self::Add => '+',
            Self::Subtract => '-',
            Self::Multiply => '*',
            Self::Divide => '/',
        }
    }
}

/// A random expression of the coordinates.
#[derive(Clone, Debug)]
pub struct Symbolic {
    dimensions: usize,
    program: Vec<Instruction>,
}

impl Symbolic {
    /// A random tree that uses each of the coordinates `relevant` (at least one) once or more.
    pub fn draw(dimensions: usize, relevant: &[usize], rng: &mut SeededRng) -> Self {
        // Each coordinate sees its own stretch of the real line, the same wherever it occurs.
        let ranges: Vec<Instruction> = relevant
            .iter()
            .map(|index| {
                let factor = log_uniform(0.5, 10.0, rng);
                let offset = -factor * rng.random::<f64>() + 0.3 * normal(rng);
                Instruction::Coordinate { index: *index, offset, factor }
            })
            .collect();
        let mut program = Vec::new();
        // A tree that has room for every coordinate, and a term for each it left out.
        let room = (usize::BITS - relevant.len().leading_zeros()) as usize;
        let depth = rng.random_range(room + 1..=(room + 3).min(DEEPEST - 1));
        grow(depth, &ranges, &mut program, rng);
        for range in &ranges {
            if program.contains(range) {
                continue;
            }
            program.push(*range);
            if rng.random_bool(0.6) {
                program.push(Instruction::Constant(normal(rng)));
                program.push(Instruction::Binary(Binary::Add));
                let unary = Unary::ALL[rng.random_range(0..Unary::ALL.len())];
                program.push(Instruction::Unary(unary));
            }
            let joint = [Binary::Add, Binary::Add, Binary::Subtract, Binary::Multiply];
            program.push(Instruction::Binary(joint[rng.random_range(0..joint.len())]));
        }
        Self { dimensions, program }
    }

    /// The program, in postfix order.
    pub fn program(&self) -> &[Instruction] {
        &self.program
    }
}

/// Appends a random tree of at most `depth` levels above its leaves.
fn grow(depth: usize, ranges: &[Instruction], program: &mut Vec<Instruction>, rng: &mut SeededRng) {
    if depth == 0 || (depth < 3 && rng.random_bool(0.15)) {
        program.push(if rng.random_bool(0.8) {
            ranges[rng.random_range(0..ranges.len())]
        } else {
            Instruction::Constant(2.0 * normal(rng))
        });
    } else if rng.random_bool(0.35) {
        grow(depth - 1, ranges, program, rng);
        let unary = Unary::ALL[rng.random_range(0..Unary::ALL.len())];
        program.push(Instruction::Unary(unary));
    } else {
        grow(depth - 1, ranges, program, rng);
        grow(depth - 1, ranges, program, rng);
        let binary = Binary::ALL[rng.random_range(0..Binary::ALL.len())];
        program.push(Instruction::Binary(binary));
    }
}

impl Landscape for Symbolic {
    fn dimensions(&self) -> usize {
        self.dimensions
    }

    fn evaluate(&self, unit: &[f64]) -> f64 {
        // A postfix program of a tree with d levels above its leaves never holds more than d + 1
        // values; the terms added afterwards need three.
        let mut stack = [0.0; DEEPEST + 1];
        let mut top = 0;
        for instruction in &self.program {
            let value = match *instruction {
                Instruction::Coordinate { index, offset, factor } => {
                    top += 1;
                    offset + factor * unit[index]
                }
                Instruction::Constant(value) => {
                    top += 1;
                    value
                }
                Instruction::Unary(unary) => unary.apply(stack[top - 1]),
                Instruction::Binary(binary) => {
                    top -= 1;
                    binary.apply(stack[top - 1], stack[top])
                }
            };
            stack[top - 1] = value.clamp(-LARGEST, LARGEST);
        }
        stack[0]
    }

    fn description(&self) -> String {
        let mut stack: Vec<String> = Vec::new();
        for instruction in &self.program {
            let text = match *instruction {
                Instruction::Coordinate { index, .. } => format!("x{index}"),
                Instruction::Constant(value) => format!("{value:.2}"),
                Instruction::Unary(unary) => {
                    format!("{}({})", unary.name(), stack.pop().unwrap_or_default())
                }
                Instruction::Binary(binary) => {
                    let right = stack.pop().unwrap_or_default();
                    let mut text = format!("({}", stack.pop().unwrap_or_default());
                    let _ = write!(text, "{}{right})", binary.symbol());
                    text
                }
            };
            stack.push(text);
        }
        format!("symbolic {}", stack.pop().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;
    use crate::random::point;

    /// The expression, node by node, without a stack: the slow twin of the program.
    fn recursive(program: &[Instruction], unit: &[f64]) -> (f64, usize) {
        let (last, rest) = program.split_last().unwrap();
        let (value, used) = match *last {
            Instruction::Coordinate { index, offset, factor } => (offset + factor * unit[index], 0),
            Instruction::Constant(value) => (value, 0),
            Instruction::Unary(unary) => {
                let (operand, used) = recursive(rest, unit);
                (unary.apply(operand), used)
            }
            Instruction::Binary(binary) => {
                let (right, used) = recursive(rest, unit);
                let (left, more) = recursive(&rest[..rest.len() - used], unit);
                (binary.apply(left, right), used + more)
            }
        };
        (value.clamp(-LARGEST, LARGEST), used + 1)
    }

    #[test]
    fn no_tree_gives_anything_but_finite_numbers_anywhere() {
        let mut rng = SeededRng::seed_from_u64(1);
        let mut seen = std::collections::BTreeSet::new();
        for number in 0..4000 {
            let dimensions = 1 + number % 8;
            let relevant: Vec<usize> = (0..dimensions).collect();
            let tree = Symbolic::draw(dimensions, &relevant, &mut rng);
            let mut points = vec![vec![0.0; dimensions], vec![1.0; dimensions]];
            points.extend((0..20).map(|_| point(dimensions, &mut rng)));
            for point in points {
                let value = tree.evaluate(&point);
                assert!(value.is_finite(), "{} at {point:?}", tree.description());
                assert_eq!(recursive(&tree.program, &point), (value, tree.program.len()));
            }
            for instruction in tree.program() {
                seen.insert(match instruction {
                    Instruction::Unary(unary) => unary.name().to_owned(),
                    Instruction::Binary(binary) => format!(" {}", binary.symbol()),
                    _ => String::from("leaf"),
                });
            }
            for coordinate in &relevant {
                assert!(tree.program.iter().any(|step| matches!(step,
                    Instruction::Coordinate { index, .. } if index == coordinate)));
            }
        }
        assert_eq!(seen.len(), 12, "{seen:?}");
    }

    #[test]
    fn every_operation_is_protected_where_it_is_not_defined() {
        let unary = |unary: Unary, value: f64| unary.apply(value);
        assert!(unary(Unary::Exp, LARGEST).is_finite());
        assert_eq!(unary(Unary::Sqrt, -4.0), 2.0);
        assert_eq!(Binary::Divide.apply(1.0, 0.0), 10.0);
        assert_eq!(Binary::Divide.apply(1.0, -0.0), -10.0);
        assert_eq!(Binary::Divide.apply(6.0, -2.0), -3.0);
        assert_eq!(Binary::Divide.apply(0.0, 0.0), 0.0);
    }
}

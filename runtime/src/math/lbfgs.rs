//! L-BFGS with a line search for the strong Wolfe conditions.

use alloc::{collections::VecDeque, vec, vec::Vec};

use super::dot_in_lanes;

/// Number of steps in the history.
const HISTORY: usize = 8;
/// Fraction of the linear decrease that a step must achieve (`c₁`).
const SUFFICIENT: f64 = 1e-4;
/// Fraction of the slope that may be left after a step (`c₂`).
const CURVATURE: f64 = 0.9;
/// Maximum number of evaluations of a line search.
const EVALUATIONS: usize = 12;

/// Takes up to `steps` steps from `x` towards the minimum of a smooth `function`, which writes its
/// gradient into its second argument, and calls `after` with each point reached.
///
/// J. Nocedal, S. J. Wright, Numerical Optimization (2nd edition), algorithm 7.5. Stops early where
/// the gradient vanishes or the line search finds no decrease.
pub(crate) fn minimize(
    x: &mut Vec<f64>,
    steps: usize,
    mut function: impl FnMut(&[f64], &mut [f64]) -> f64,
    mut after: impl FnMut(&[f64]),
) {
    let mut gradient = vec![0.0; x.len()];
    let mut value = function(x, &mut gradient);
    let mut history = LbfgsHistory::default();
    for _ in 0..steps {
        let norm = libm::sqrt(dot_in_lanes(&gradient, &gradient));
        if !(value.is_finite() && norm > 1e-12) {
            break;
        }
        let direction = history.direction(&gradient);
        // Without curvature yet, the first step has length 1 at most.
        let first = if history.is_empty() { (1.0 / norm).min(1.0) } else { 1.0 };
        let start = Point { length: 0.0, value, slope: dot_in_lanes(&direction, &gradient) };
        let mut line = Line {
            x: x.as_slice(),
            direction: &direction,
            function: &mut function,
            point: x.clone(),
            gradient: vec![0.0; x.len()],
            left: EVALUATIONS,
        };
        let Some(reached) = line.search(start, first) else { break };
        let Line { point, gradient: slope_there, .. } = line;
        history.push(x, &point, &gradient, &slope_there);
        value = reached.value;
        *x = point;
        gradient = slope_there;
        after(x);
    }
}

/// A place on the line.
#[derive(Clone, Copy)]
struct Point {
    length: f64,
    value: f64,
    slope: f64,
}

/// The function along a direction of descent.
struct Line<'a, F> {
    x: &'a [f64],
    direction: &'a [f64],
    function: &'a mut F,
    /// The point that was evaluated last, and its gradient.
    point: Vec<f64>,
    gradient: Vec<f64>,
    left: usize,
}

impl<F: FnMut(&[f64], &mut [f64]) -> f64> Line<'_, F> {
    /// The function at a length; a value that is not finite counts as infinite.
    fn at(&mut self, length: f64) -> Point {
        self.left -= 1;
        for ((point, x), direction) in self.point.iter_mut().zip(self.x).zip(self.direction) {
            *point = x + length * direction;
        }
        let value = (self.function)(&self.point, &mut self.gradient);
        let slope = dot_in_lanes(self.direction, &self.gradient);
        if value.is_finite() && slope.is_finite() {
            Point { length, value, slope }
        } else {
            Point { length, value: f64::INFINITY, slope: f64::INFINITY }
        }
    }

    /// A place that satisfies the strong Wolfe conditions (Nocedal & Wright, algorithm 3.5), the
    /// last that was evaluated; where evaluations run out, one of sufficient decrease, or `None`.
    fn search(&mut self, start: Point, first: f64) -> Option<Point> {
        let (mut before, mut length) = (start, first);
        // One evaluation is left for the zoom.
        while self.left > 1 {
            let here = self.at(length);
            if !decreases(&start, &here) || (before.length > 0.0 && here.value >= before.value) {
                return self.zoom(start, before, here);
            }
            if here.slope.abs() <= -CURVATURE * start.slope {
                return Some(here);
            }
            if here.slope >= 0.0 {
                return self.zoom(start, here, before);
            }
            before = here;
            length *= 2.0;
        }
        Some(before).filter(|point| point.length > 0.0)
    }

    /// Algorithm 3.6: `low` has the least value so far that decreases sufficiently, and a place as
    /// wanted lies between it and `high`.
    fn zoom(&mut self, start: Point, mut low: Point, mut high: Point) -> Option<Point> {
        while self.left > 1 {
            let here = self.at(between(&low, &high));
            if !decreases(&start, &here) || here.value >= low.value {
                high = here;
                continue;
            }
            if here.slope.abs() <= -CURVATURE * start.slope {
                return Some(here);
            }
            if here.slope * (high.length - low.length) >= 0.0 {
                high = low;
            }
            low = here;
        }
        // Point and gradient are those of the place that is returned.
        (low.length > 0.0).then(|| self.at(low.length))
    }
}

/// The Armijo condition.
fn decreases(start: &Point, here: &Point) -> bool {
    here.value <= start.value + SUFFICIENT * here.length * start.slope
}

/// The minimum of the cubic through both places (Nocedal & Wright, equation 3.59), where it lies
/// well between them; else the middle.
fn between(low: &Point, high: &Point) -> f64 {
    let width = high.length - low.length;
    let middle = low.length + 0.5 * width;
    let first = low.slope + high.slope - 3.0 * (low.value - high.value) / (-width);
    let root = first * first - low.slope * high.slope;
    if !root.is_finite() || root < 0.0 {
        return middle;
    }
    let second = libm::copysign(libm::sqrt(root), width);
    let share = (high.slope + second - first) / (high.slope - low.slope + 2.0 * second);
    let cubic = high.length - width * share;
    let inside = (cubic - low.length) / width;
    if (0.1..=0.9).contains(&inside) { cubic } else { middle }
}

/// The latest steps and the changes of the gradient (Nocedal & Wright, algorithm 7.4).
#[derive(Default)]
pub(crate) struct LbfgsHistory {
    /// Step s, change y and 1/(s·y), oldest first.
    pairs: VecDeque<(Vec<f64>, Vec<f64>, f64)>,
}

impl LbfgsHistory {
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    #[cfg(feature = "classical")]
    pub fn clear(&mut self) {
        self.pairs.clear();
    }

    pub fn push(&mut self, from: &[f64], to: &[f64], slope: &[f64], slope_there: &[f64]) {
        let step: Vec<f64> = to.iter().zip(from).map(|(to, from)| to - from).collect();
        let change: Vec<f64> = slope_there.iter().zip(slope).map(|(to, from)| to - from).collect();
        let product = dot_in_lanes(&step, &change);
        // The matrix stays positive definite only with positive curvature.
        if product > 1e-10 * dot_in_lanes(&change, &change) {
            if self.pairs.len() == HISTORY {
                self.pairs.pop_front();
            }
            self.pairs.push_back((step, change, 1.0 / product));
        }
    }

    /// Minus the approximate inverse Hessian times `free`; 0 where `free` is 0.
    pub fn direction(&self, free: &[f64]) -> Vec<f64> {
        let mut direction: Vec<f64> = free.iter().map(|slope| -slope).collect();
        let mut shares = Vec::with_capacity(self.pairs.len());
        for (step, change, inverse) in self.pairs.iter().rev() {
            let share = inverse * dot_in_lanes(step, &direction);
            add(&mut direction, -share, change);
            shares.push(share);
        }
        if let Some((_, change, inverse)) = self.pairs.back() {
            let scale = 1.0 / (inverse * dot_in_lanes(change, change));
            direction.iter_mut().for_each(|entry| *entry *= scale);
        }
        for ((step, change, inverse), share) in self.pairs.iter().zip(shares.into_iter().rev()) {
            let correction = share - inverse * dot_in_lanes(change, &direction);
            add(&mut direction, correction, step);
        }
        for (entry, slope) in direction.iter_mut().zip(free) {
            if *slope == 0.0 {
                *entry = 0.0;
            }
        }
        direction
    }
}

fn add(y: &mut [f64], factor: f64, x: &[f64]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += factor * x;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rosenbrock(x: &[f64], gradient: &mut [f64]) -> f64 {
        let (a, b) = (1.0 - x[0], x[1] - x[0] * x[0]);
        gradient[0] = -2.0 * a - 400.0 * x[0] * b;
        gradient[1] = 200.0 * b;
        a * a + 100.0 * b * b
    }

    #[test]
    fn a_curved_valley_is_followed_to_its_end() {
        let mut x = vec![-1.2, 1.0];
        let mut values = vec![rosenbrock(&x, &mut [0.0; 2])];
        minimize(&mut x, 100, rosenbrock, |x| values.push(rosenbrock(x, &mut [0.0; 2])));
        assert!((x[0] - 1.0).abs() < 1e-6 && (x[1] - 1.0).abs() < 1e-6, "{x:?}");
        assert!(values.windows(2).all(|pair| pair[1] < pair[0]), "{values:?}");
        let mut few = vec![-1.2, 1.0];
        let mut count = 0;
        minimize(&mut few, 5, rosenbrock, |_| count += 1);
        assert_eq!(count, 5);
    }

    #[test]
    fn every_line_ends_where_the_strong_wolfe_conditions_hold() {
        let quadratic = |x: &[f64], gradient: &mut [f64]| {
            (gradient[0], gradient[1]) = (2.0 * (x[0] - 3.0), 20.0 * (x[1] + 1.0));
            0.25 * gradient[0] * gradient[0] + 0.025 * gradient[1] * gradient[1]
        };
        // Beginnings that are far too short and far too long.
        for (function, x) in [
            (&rosenbrock as &dyn Fn(&[f64], &mut [f64]) -> f64, [-1.2, 1.0]),
            (&quadratic, [9.0; 2]),
        ] {
            for first in [1e-3, 0.02, 1.0, 50.0] {
                let mut gradient = [0.0; 2];
                let value = function(&x, &mut gradient);
                let norm = libm::sqrt(dot_in_lanes(&gradient, &gradient));
                let direction = gradient.map(|slope| -slope / norm);
                let start = Point { length: 0.0, value, slope: -norm };
                let (point, gradient) = (x.to_vec(), vec![0.0; 2]);
                let mut function = function;
                let (function, left) = (&mut function, 40);
                let mut line =
                    Line { x: &x, direction: &direction, function, point, gradient, left };
                let reached = line.search(start, first).unwrap();
                assert!(reached.value <= value - SUFFICIENT * reached.length * norm);
                assert!(reached.slope.abs() <= CURVATURE * norm);
                assert_eq!(dot_in_lanes(&line.gradient, &direction), reached.slope);
            }
        }
    }

    #[test]
    fn values_that_are_not_finite_are_walked_around() {
        let mut x = vec![3.0];
        let function = |x: &[f64], gradient: &mut [f64]| {
            gradient[0] = 1.0 - 1.0 / x[0];
            if x[0] <= 0.0 { f64::NAN } else { x[0] - libm::log(x[0]) }
        };
        minimize(&mut x, 30, function, |_| ());
        assert!((x[0] - 1.0).abs() < 1e-6, "{x:?}");
    }
}

//! Constrained problems; tests/scripts/constrained_problems.py has the same in Python, with their
//! sources, and compares the values.

use std::f64::consts::PI;

use optiformer::space::{Configuration, Parameter, Space};

/// The objective, to be minimized, and the constraints, each at most 0 where it holds.
pub type Values = (f64, Vec<f64>);

/// A constrained problem.
pub struct Problem {
    pub name: &'static str,
    pub space: Space,
    /// Values of the parameters, a choice by its index.
    pub evaluate: fn(&[f64]) -> Values,
    /// The best known objective of a feasible point.
    pub best: f64,
}

impl Problem {
    /// The values of a configuration.
    pub fn values(&self, configuration: &Configuration) -> Values {
        let values: Vec<f64> =
            configuration.values().iter().map(|value| value.unwrap_or(0.0)).collect();
        (self.evaluate)(&values)
    }
}

fn floats(bounds: &[(f64, f64)]) -> Vec<Parameter> {
    let float = |(index, (low, high)): (usize, &(f64, f64))| {
        Parameter::float(format!("x{index}"), *low, *high)
    };
    bounds.iter().enumerate().map(float).collect()
}

/// The problems that results are reported on.
pub fn problems() -> Vec<Problem> {
    let problem = |name, parameters, evaluate, best| Problem {
        name,
        space: Space::new(parameters).expect("the bounds are in order"),
        evaluate,
        best,
    };
    let ten = [(-10.0, 10.0); 10];
    let mut vessel = floats(&[(10.0, 200.0); 4]);
    vessel[0] = Parameter::int("x0", 1, 99);
    vessel[1] = Parameter::int("x1", 1, 99);
    let mut reducer = floats(&[
        (2.6, 3.6),
        (0.7, 0.8),
        (17.0, 28.0),
        (7.3, 8.3),
        (7.3, 8.3),
        (2.9, 3.9),
        (5.0, 5.5),
    ]);
    reducer[2] = Parameter::int("x2", 17, 28);
    let g04_box = [(78.0, 102.0), (33.0, 45.0), (27.0, 45.0), (27.0, 45.0), (27.0, 45.0)];
    let mut g10_box = [(10.0, 1000.0); 8];
    g10_box[0] = (100.0, 10000.0);
    g10_box[1..3].fill((1000.0, 10000.0));
    let beam_box = [(0.1, 2.0), (0.1, 10.0), (0.1, 10.0), (0.1, 2.0)];
    let spring_box = [(0.05, 2.0), (0.25, 1.3), (2.0, 15.0)];
    vec![
        problem("g04", floats(&g04_box), g04, -30_665.538_671_783_317),
        problem("g06", floats(&[(13.0, 100.0), (0.0, 100.0)]), g06, -6_961.813_875_580_156),
        problem("g07", floats(&ten), g07, 24.306_209_068_179_547),
        problem("g08", floats(&[(0.0, 10.0); 2]), g08, -0.095_825_041_418_035_9),
        problem("g09", floats(&ten[..7]), g09, 680.630_057_374_402_1),
        problem("g10", floats(&g10_box), g10, 7_049.248_020_528_67),
        problem("g12", floats(&[(0.0, 10.0); 3]), g12, -1.0),
        problem("g24", floats(&[(0.0, 3.0), (0.0, 4.0)]), g24, -5.508_013_271_595_358),
        problem("welded_beam", floats(&beam_box), welded_beam, 1.724_852_308_597_366_4),
        problem("pressure_vessel", vessel, pressure_vessel, 6_059.714_335_048_436),
        problem("speed_reducer", reducer, speed_reducer, 2_994.471_066_1),
        problem("tension_spring", floats(&spring_box), tension_spring, 0.012_665_232_788),
        problem("ellipsoid", floats(&[(-5.0, 5.0); 5]), ellipsoid, 6.193_799_509_902_694),
        problem("rastrigin", floats(&[(-5.0, 5.0); 4]), rastrigin, 2.984_877_171_283_907),
    ]
}

/// Other problems, which the samplers' defaults were chosen on.
pub fn tuning() -> Vec<Problem> {
    let problem = |name, parameters, evaluate, best| Problem {
        name,
        space: Space::new(parameters).expect("the bounds are in order"),
        evaluate,
        best,
    };
    let mixed = vec![
        Parameter::float("rate", 1e-4, 1.0).log(),
        Parameter::int("units", 1, 256),
        Parameter::categorical("kind", ["small", "medium", "large"]),
    ];
    vec![
        problem("gardner_waves", floats(&[(0.0, 6.0); 2]), gardner_waves, -1.888_751_361_450_595),
        problem(
            "gardner_islands",
            floats(&[(0.0, 6.0); 2]),
            gardner_islands,
            0.253_235_895_954_743_83,
        ),
        problem("gramacy", floats(&[(0.0, 1.0); 2]), gramacy, 0.599_788_052_009_540_9),
        problem("hartmann", floats(&[(0.0, 1.0); 6]), hartmann, -2.959_442_795_711_521_7),
        problem("rosenbrock", floats(&[(-1.5, 1.5), (-0.5, 2.5)]), rosenbrock, 0.0),
        problem(
            "three_bar_truss",
            floats(&[(0.01, 1.0); 2]),
            three_bar_truss,
            263.895_843_375_807_43,
        ),
        problem("cantilever", floats(&[(0.1, 100.0); 5]), cantilever, 1.339_956_360_571_711_3),
        problem(
            "branin_disc",
            floats(&[(-5.0, 10.0), (0.0, 15.0)]),
            branin_disc,
            0.397_887_357_729_738_16,
        ),
        problem("sphere_planes", floats(&[(-2.0, 2.0); 6]), sphere_planes, 0.866_666_666_666_666_7),
        problem("budget", mixed, budget, 0.129_099_444_873_580_55),
    ]
}

/// Points of the unit cube that the values are compared at.
pub fn samples(dimensions: usize, count: usize) -> Vec<Vec<f64>> {
    let place = |index: usize, dimension: usize| {
        let place = (index + 1) as f64 * 0.754_877_666 + (dimension + 1) as f64 * 0.569_840_296;
        place % 1.0
    };
    (0..count)
        .map(|index| (0..dimensions).map(|dimension| place(index, dimension)).collect())
        .collect()
}

fn square(x: f64) -> f64 {
    x * x
}

/// `x`, kept away from 0 so that it can divide.
fn apart(x: f64) -> f64 {
    if x.abs() > 1e-12 { x } else { 1e-12 }
}

fn g04(x: &[f64]) -> Values {
    let u = 85.334407 + 0.0056858 * x[1] * x[4] + 0.0006262 * x[0] * x[3] - 0.0022053 * x[2] * x[4];
    let v = 80.51249 + 0.0071317 * x[1] * x[4] + 0.0029955 * x[0] * x[1] + 0.0021813 * x[2] * x[2];
    let w = 9.300961 + 0.0047026 * x[2] * x[4] + 0.0012547 * x[0] * x[2] + 0.0019085 * x[2] * x[3];
    let f = 5.3578547 * x[2] * x[2] + 0.8356891 * x[0] * x[4] + 37.293239 * x[0] - 40792.141;
    (f, vec![u - 92.0, -u, v - 110.0, 90.0 - v, w - 25.0, 20.0 - w])
}

fn g06(x: &[f64]) -> Values {
    let f = (x[0] - 10.0).powi(3) + (x[1] - 20.0).powi(3);
    let inner = 100.0 - square(x[0] - 5.0) - square(x[1] - 5.0);
    (f, vec![inner, square(x[0] - 6.0) + square(x[1] - 5.0) - 82.81])
}

fn g07(x: &[f64]) -> Values {
    let &[a, b, c, d, e, f, g, h, i, j] = x else { unreachable!("ten parameters") };
    let value = a * a + b * b + a * b - 14.0 * a - 16.0 * b
        + square(c - 10.0)
        + 4.0 * square(d - 5.0)
        + square(e - 3.0)
        + 2.0 * square(f - 1.0)
        + 5.0 * g * g
        + 7.0 * square(h - 11.0)
        + 2.0 * square(i - 10.0)
        + square(j - 7.0)
        + 45.0;
    let constraints = vec![
        -105.0 + 4.0 * a + 5.0 * b - 3.0 * g + 9.0 * h,
        10.0 * a - 8.0 * b - 17.0 * g + 2.0 * h,
        -8.0 * a + 2.0 * b + 5.0 * i - 2.0 * j - 12.0,
        3.0 * square(a - 2.0) + 4.0 * square(b - 3.0) + 2.0 * c * c - 7.0 * d - 120.0,
        5.0 * a * a + 8.0 * b + square(c - 6.0) - 2.0 * d - 40.0,
        a * a + 2.0 * square(b - 2.0) - 2.0 * a * b + 14.0 * e - 6.0 * f,
        0.5 * square(a - 8.0) + 2.0 * square(b - 4.0) + 3.0 * e * e - f - 30.0,
        -3.0 * a + 6.0 * b + 12.0 * square(i - 8.0) - 7.0 * j,
    ];
    (value, constraints)
}

fn g08(x: &[f64]) -> Values {
    let waves = (2.0 * PI * x[0]).sin().powi(3) * (2.0 * PI * x[1]).sin();
    let f = -waves / apart(x[0].powi(3) * (x[0] + x[1]));
    (f, vec![x[0] * x[0] - x[1] + 1.0, 1.0 - x[0] + square(x[1] - 4.0)])
}

fn g09(x: &[f64]) -> Values {
    let &[a, b, c, d, e, f, g] = x else { unreachable!("seven parameters") };
    let value = square(a - 10.0)
        + 5.0 * square(b - 12.0)
        + c.powi(4)
        + 3.0 * square(d - 11.0)
        + 10.0 * e.powi(6)
        + 7.0 * f * f
        + g.powi(4)
        - 4.0 * f * g
        - 10.0 * f
        - 8.0 * g;
    let constraints = vec![
        -127.0 + 2.0 * a * a + 3.0 * b.powi(4) + c + 4.0 * d * d + 5.0 * e,
        -282.0 + 7.0 * a + 3.0 * b + 10.0 * c * c + d - e,
        -196.0 + 23.0 * a + b * b + 6.0 * f * f - 8.0 * g,
        4.0 * a * a + b * b - 3.0 * a * b + 2.0 * c * c + 5.0 * f - 11.0 * g,
    ];
    (value, constraints)
}

fn g10(x: &[f64]) -> Values {
    let constraints = vec![
        -1.0 + 0.0025 * (x[3] + x[5]),
        -1.0 + 0.0025 * (x[4] + x[6] - x[3]),
        -1.0 + 0.01 * (x[7] - x[4]),
        -x[0] * x[5] + 833.33252 * x[3] + 100.0 * x[0] - 83333.333,
        -x[1] * x[6] + 1250.0 * x[4] + x[1] * x[3] - 1250.0 * x[3],
        -x[2] * x[7] + 1250000.0 + x[2] * x[4] - 2500.0 * x[4],
    ];
    (x[0] + x[1] + x[2], constraints)
}

fn g12(x: &[f64]) -> Values {
    let f = -(100.0 - x.iter().map(|each| square(each - 5.0)).sum::<f64>()) / 100.0;
    // The nearest of the 729 balls.
    let nearest = |each: f64| (each + 0.5).floor().clamp(1.0, 9.0);
    let distance: f64 = x.iter().map(|each| square(each - nearest(*each))).sum();
    (f, vec![distance - 0.0625])
}

fn g24(x: &[f64]) -> Values {
    let (a, b) = (x[0], x[1]);
    let constraints = vec![
        -2.0 * a.powi(4) + 8.0 * a.powi(3) - 8.0 * a * a + b - 2.0,
        -4.0 * a.powi(4) + 32.0 * a.powi(3) - 88.0 * a * a + 96.0 * a + b - 36.0,
    ];
    (-a - b, constraints)
}

fn welded_beam(x: &[f64]) -> Values {
    let &[h, l, t, b] = x else { unreachable!("four parameters") };
    let (load, length, young, shear) = (6000.0, 14.0, 30e6, 12e6);
    let root = 2f64.sqrt();
    let primary = load / (root * h * l);
    let radius = (0.25 * l * l + square(0.5 * (h + t))).sqrt();
    let polar = 2.0 * root * h * l * (l * l / 12.0 + square(0.5 * (h + t)));
    let secondary = load * (length + 0.5 * l) * radius / polar;
    let stress =
        (primary * primary + primary * secondary * l / radius + secondary * secondary).sqrt();
    let stiffness: f64 = young / (4.0 * shear);
    let buckling = 4.013 * young * t * b.powi(3) / (6.0 * square(length))
        * (1.0 - 0.5 * t / length * stiffness.sqrt());
    let cost = 0.04811 * t * b * (14.0 + l);
    let constraints = vec![
        stress - 13600.0,
        6.0 * load * length / (b * t * t) - 30000.0,
        h - b,
        0.10471 * h * h + cost - 5.0,
        0.125 - h,
        4.0 * load * length.powi(3) / (young * t.powi(3) * b) - 0.25,
        load - buckling,
    ];
    (1.10471 * h * h * l + cost, constraints)
}

fn pressure_vessel(x: &[f64]) -> Values {
    let (shell, head, radius, length) = (0.0625 * x[0], 0.0625 * x[1], x[2], x[3]);
    let f = 0.6224 * shell * radius * length
        + 1.7781 * head * square(radius)
        + 3.1661 * square(shell) * length
        + 19.84 * square(shell) * radius;
    let volume = PI * square(radius) * length + 4.0 / 3.0 * PI * radius.powi(3);
    let constraints =
        vec![0.0193 * radius - shell, 0.00954 * radius - head, 1296000.0 - volume, length - 240.0];
    (f, constraints)
}

// The problem is defined with 0.7854, which is not π/4.
#[allow(clippy::approx_constant)]
fn speed_reducer(x: &[f64]) -> Values {
    let &[a, b, c, d, e, f, g] = x else { unreachable!("seven parameters") };
    let value = 0.7854 * a * b * b * (3.3333 * c * c + 14.9334 * c - 43.0934)
        - 1.508 * a * (f * f + g * g)
        + 7.4777 * (f.powi(3) + g.powi(3))
        + 0.7854 * (d * f * f + e * g * g);
    let constraints = vec![
        27.0 / (a * b * b * c) - 1.0,
        397.5 / (a * b * b * c * c) - 1.0,
        1.93 * d.powi(3) / (b * c * f.powi(4)) - 1.0,
        1.93 * e.powi(3) / (b * c * g.powi(4)) - 1.0,
        (square(745.0 * d / (b * c)) + 16.9e6).sqrt() / (110.0 * f.powi(3)) - 1.0,
        (square(745.0 * e / (b * c)) + 157.5e6).sqrt() / (85.0 * g.powi(3)) - 1.0,
        b * c / 40.0 - 1.0,
        5.0 * b / a - 1.0,
        a / (12.0 * b) - 1.0,
        (1.5 * f + 1.9) / d - 1.0,
        (1.1 * g + 1.9) / e - 1.0,
    ];
    (value, constraints)
}

fn tension_spring(x: &[f64]) -> Values {
    let &[wire, coil, turns] = x else { unreachable!("three parameters") };
    let shear = 4.0 * square(coil) - wire * coil;
    let constraints = vec![
        1.0 - coil.powi(3) * turns / (71785.0 * wire.powi(4)),
        shear / apart(12566.0 * (coil * wire.powi(3) - wire.powi(4)))
            + 1.0 / (5108.0 * square(wire))
            - 1.0,
        1.0 - 140.45 * wire / (square(coil) * turns),
        (coil + wire) / 1.5 - 1.0,
    ];
    ((turns + 2.0) * coil * square(wire), constraints)
}

fn ellipsoid(x: &[f64]) -> Values {
    let optimum = [1.5, -2.0, 0.5, 2.5, -1.0];
    let term =
        |(index, (a, b)): (usize, (&f64, &f64))| 10f64.powf(0.75 * index as f64) * square(a - b);
    let f = x.iter().zip(&optimum).enumerate().map(term).sum();
    (f, vec![x.iter().sum::<f64>() + 1.0, x[0] - x[1] - 1.0])
}

fn rastrigin(x: &[f64]) -> Values {
    let optimum = [0.5, -1.0, 1.5, 0.0];
    let term = |(a, b): (&f64, &f64)| square(a - b) - 10.0 * (2.0 * PI * (a - b)).cos() + 10.0;
    let f = x.iter().zip(&optimum).map(term).sum();
    (f, vec![x.iter().sum::<f64>() + 1.5, x[0] - 2.0 * x[3] - 1.0])
}

fn gardner_waves(x: &[f64]) -> Values {
    let f = (2.0 * x[0]).cos() * x[1].cos() + x[0].sin();
    (f, vec![x[0].cos() * x[1].cos() - x[0].sin() * x[1].sin() + 0.5])
}

fn gardner_islands(x: &[f64]) -> Values {
    (x[0].sin() + x[1], vec![x[0].sin() * x[1].sin() + 0.95])
}

fn gramacy(x: &[f64]) -> Values {
    let wave = 0.5 * (2.0 * PI * (square(x[0]) - 2.0 * x[1])).sin();
    (x[0] + x[1], vec![1.5 - x[0] - 2.0 * x[1] - wave, square(x[0]) + square(x[1]) - 1.5])
}

fn hartmann(x: &[f64]) -> Values {
    const WEIGHTS: [f64; 4] = [1.0, 1.2, 3.0, 3.2];
    const SCALES: [[f64; 6]; 4] = [
        [10.0, 3.0, 17.0, 3.5, 1.7, 8.0],
        [0.05, 10.0, 17.0, 0.1, 8.0, 14.0],
        [3.0, 3.5, 1.7, 10.0, 17.0, 8.0],
        [17.0, 8.0, 0.05, 10.0, 0.1, 14.0],
    ];
    const CENTERS: [[f64; 6]; 4] = [
        [0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886],
        [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
        [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650],
        [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381],
    ];
    let mut f = 0.0;
    for ((weight, scales), centers) in WEIGHTS.iter().zip(&SCALES).zip(&CENTERS) {
        let places = x.iter().zip(scales.iter().zip(centers));
        let distance: f64 = places.map(|(a, (scale, center))| scale * square(a - center)).sum();
        f -= weight * (-distance).exp();
    }
    (f, vec![x.iter().map(|a| a * a).sum::<f64>().sqrt() - 0.8])
}

fn rosenbrock(x: &[f64]) -> Values {
    let f = square(1.0 - x[0]) + 100.0 * square(x[1] - square(x[0]));
    (f, vec![(x[0] - 1.0).powi(3) - x[1] + 1.0, x[0] + x[1] - 2.0])
}

fn three_bar_truss(x: &[f64]) -> Values {
    let root = 2f64.sqrt();
    let divisor = root * square(x[0]) + 2.0 * x[0] * x[1];
    let constraints = vec![
        2.0 * (root * x[0] + x[1]) / divisor - 2.0,
        2.0 * x[1] / divisor - 2.0,
        2.0 / (root * x[1] + x[0]) - 2.0,
    ];
    ((2.0 * root * x[0] + x[1]) * 100.0, constraints)
}

fn cantilever(x: &[f64]) -> Values {
    let weights = [61.0, 37.0, 19.0, 7.0, 1.0];
    let sag: f64 = weights.iter().zip(x).map(|(weight, a)| weight / a.powi(3)).sum();
    (0.0624 * x.iter().sum::<f64>(), vec![sag - 1.0])
}

fn branin_disc(x: &[f64]) -> Values {
    let (a, b) = (x[0], x[1]);
    let f = square(b - 5.1 / (4.0 * PI * PI) * a * a + 5.0 / PI * a - 6.0)
        + 10.0 * (1.0 - 1.0 / (8.0 * PI)) * a.cos()
        + 10.0;
    (f, vec![square(a - 2.5) + square(b - 7.5) - 50.0, 3.0 - a])
}

fn sphere_planes(x: &[f64]) -> Values {
    let f = x.iter().enumerate().map(|(index, a)| square(a - 0.1 * (index + 1) as f64)).sum();
    (f, vec![2.0 - x[..3].iter().sum::<f64>(), x[3] + x[4] - x[5] + 0.5])
}

fn budget(x: &[f64]) -> Values {
    let &[rate, units, kind] = x else { unreachable!("three parameters") };
    // Kinds differ in what they reach and in what a unit costs.
    let (reach, cost) = [(0.3, 1.0), (0.1, 2.0), (0.0, 6.0)][kind as usize];
    let loss = reach + 0.5 / units.sqrt() + 0.02 * square(rate.ln() + 4.0);
    (loss, vec![cost * units - 90.0, 0.1 * units * (rate / 1e-4).ln() - 12.0])
}

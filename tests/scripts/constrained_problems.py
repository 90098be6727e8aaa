#!/usr/bin/env python3
"""Constrained problems in pure Python, the twin of runtime/examples/constrained/problems.rs.

Each problem has a space, an objective to minimize, and constraints that hold where they are at most 0. `PROBLEMS` are those that
results are reported on; `TUNING` are others, which defaults were chosen on.

    python tests/scripts/constrained_problems.py   # checks that the Rust problems have the same values

Sources: J. J. Liang et al., Problem Definitions and Evaluation Criteria for the CEC 2006 Special Session on Constrained Real-Parameter
Optimization (G04 to G24); C. A. Coello Coello (2000, 2002) for the welded beam, the pressure vessel, the speed reducer and the
tension spring; J. R. Gardner et al. (2014) and R. B. Gramacy et al. (2016) for problems named after them.
"""

import json
import math
import subprocess
import sys
from dataclasses import dataclass
from math import cos, exp, pi, sin, sqrt
from typing import Callable, List, Sequence, Tuple, Union


@dataclass(frozen=True)
class Float:
    """A number in [low, high], on a logarithmic scale if `log`."""

    low: float
    high: float
    log: bool = False


@dataclass(frozen=True)
class Int:
    """A whole number in [low, high]."""

    low: int
    high: int


@dataclass(frozen=True)
class Choice:
    """One of the choices, which the functions below get as its index."""

    choices: Tuple[str, ...]


Parameter = Union[Float, Int, Choice]


@dataclass(frozen=True)
class Problem:
    """A constrained problem. `evaluate` gives the objective, to be minimized, and the constraints, each at most 0 where it holds."""

    name: str
    space: Sequence[Parameter]
    evaluate: Callable[[Sequence[float]], Tuple[float, List[float]]]
    best: float
    """The best known objective of a feasible point."""

    def unit(self, point: Sequence[float]) -> List[float]:
        """The values at a point of the unit cube."""
        values: List[float] = []
        for parameter, place in zip(self.space, point):
            if isinstance(parameter, Float):
                low, high = (math.log(parameter.low), math.log(parameter.high)) if parameter.log else (parameter.low, parameter.high)
                value = low + place * (high - low)
                values.append(exp(value) if parameter.log else value)
            elif isinstance(parameter, Int):
                count = parameter.high - parameter.low + 1
                values.append(float(parameter.low + min(int(place * count), count - 1)))
            else:
                values.append(float(min(int(place * len(parameter.choices)), len(parameter.choices) - 1)))
        return values


def apart(x):
    """`x`, kept away from 0 so that it can divide."""
    return x if abs(x) > 1e-12 else 1e-12


def g04(x):
    u = 85.334407 + 0.0056858 * x[1] * x[4] + 0.0006262 * x[0] * x[3] - 0.0022053 * x[2] * x[4]
    v = 80.51249 + 0.0071317 * x[1] * x[4] + 0.0029955 * x[0] * x[1] + 0.0021813 * x[2] * x[2]
    w = 9.300961 + 0.0047026 * x[2] * x[4] + 0.0012547 * x[0] * x[2] + 0.0019085 * x[2] * x[3]
    f = 5.3578547 * x[2] * x[2] + 0.8356891 * x[0] * x[4] + 37.293239 * x[0] - 40792.141
    return f, [u - 92.0, -u, v - 110.0, 90.0 - v, w - 25.0, 20.0 - w]


def g06(x):
    f = (x[0] - 10.0) ** 3 + (x[1] - 20.0) ** 3
    return f, [
        100.0 - (x[0] - 5.0) ** 2 - (x[1] - 5.0) ** 2,
        (x[0] - 6.0) ** 2 + (x[1] - 5.0) ** 2 - 82.81,
    ]


def g07(x):
    a, b, c, d, e, f, g, h, i, j = x
    value = (
        a * a + b * b + a * b - 14.0 * a - 16.0 * b + (c - 10.0) ** 2 + 4.0 * (d - 5.0) ** 2 + (e - 3.0) ** 2
        + 2.0 * (f - 1.0) ** 2 + 5.0 * g * g + 7.0 * (h - 11.0) ** 2 + 2.0 * (i - 10.0) ** 2 + (j - 7.0) ** 2 + 45.0
    )
    return value, [
        -105.0 + 4.0 * a + 5.0 * b - 3.0 * g + 9.0 * h,
        10.0 * a - 8.0 * b - 17.0 * g + 2.0 * h,
        -8.0 * a + 2.0 * b + 5.0 * i - 2.0 * j - 12.0,
        3.0 * (a - 2.0) ** 2 + 4.0 * (b - 3.0) ** 2 + 2.0 * c * c - 7.0 * d - 120.0,
        5.0 * a * a + 8.0 * b + (c - 6.0) ** 2 - 2.0 * d - 40.0,
        a * a + 2.0 * (b - 2.0) ** 2 - 2.0 * a * b + 14.0 * e - 6.0 * f,
        0.5 * (a - 8.0) ** 2 + 2.0 * (b - 4.0) ** 2 + 3.0 * e * e - f - 30.0,
        -3.0 * a + 6.0 * b + 12.0 * (i - 8.0) ** 2 - 7.0 * j,
    ]


def g08(x):
    f = -(sin(2.0 * pi * x[0]) ** 3) * sin(2.0 * pi * x[1]) / apart(x[0] ** 3 * (x[0] + x[1]))
    return f, [x[0] * x[0] - x[1] + 1.0, 1.0 - x[0] + (x[1] - 4.0) ** 2]


def g09(x):
    a, b, c, d, e, f, g = x
    value = (
        (a - 10.0) ** 2 + 5.0 * (b - 12.0) ** 2 + c**4 + 3.0 * (d - 11.0) ** 2 + 10.0 * e**6 + 7.0 * f * f + g**4
        - 4.0 * f * g - 10.0 * f - 8.0 * g
    )
    return value, [
        -127.0 + 2.0 * a * a + 3.0 * b**4 + c + 4.0 * d * d + 5.0 * e,
        -282.0 + 7.0 * a + 3.0 * b + 10.0 * c * c + d - e,
        -196.0 + 23.0 * a + b * b + 6.0 * f * f - 8.0 * g,
        4.0 * a * a + b * b - 3.0 * a * b + 2.0 * c * c + 5.0 * f - 11.0 * g,
    ]


def g10(x):
    return x[0] + x[1] + x[2], [
        -1.0 + 0.0025 * (x[3] + x[5]),
        -1.0 + 0.0025 * (x[4] + x[6] - x[3]),
        -1.0 + 0.01 * (x[7] - x[4]),
        -x[0] * x[5] + 833.33252 * x[3] + 100.0 * x[0] - 83333.333,
        -x[1] * x[6] + 1250.0 * x[4] + x[1] * x[3] - 1250.0 * x[3],
        -x[2] * x[7] + 1250000.0 + x[2] * x[4] - 2500.0 * x[4],
    ]


def g12(x):
    f = -(100.0 - sum((each - 5.0) ** 2 for each in x)) / 100.0
    # The nearest of the 729 balls.
    nearest = (min(max(math.floor(each + 0.5), 1.0), 9.0) for each in x)
    return f, [sum((each - near) ** 2 for each, near in zip(x, nearest)) - 0.0625]


def g24(x):
    a, b = x
    return -a - b, [
        -2.0 * a**4 + 8.0 * a**3 - 8.0 * a**2 + b - 2.0,
        -4.0 * a**4 + 32.0 * a**3 - 88.0 * a**2 + 96.0 * a + b - 36.0,
    ]


def welded_beam(x):
    h, l, t, b = x
    load, length, young, shear = 6000.0, 14.0, 30e6, 12e6
    primary = load / (sqrt(2.0) * h * l)
    radius = sqrt(0.25 * l * l + (0.5 * (h + t)) ** 2)
    polar = 2.0 * sqrt(2.0) * h * l * (l * l / 12.0 + (0.5 * (h + t)) ** 2)
    secondary = load * (length + 0.5 * l) * radius / polar
    stress = sqrt(primary * primary + primary * secondary * l / radius + secondary * secondary)
    buckling = 4.013 * young * t * b**3 / (6.0 * length**2) * (1.0 - 0.5 * t / length * sqrt(young / (4.0 * shear)))
    cost = 0.04811 * t * b * (14.0 + l)
    return 1.10471 * h * h * l + cost, [
        stress - 13600.0,
        6.0 * load * length / (b * t * t) - 30000.0,
        h - b,
        0.10471 * h * h + cost - 5.0,
        0.125 - h,
        4.0 * load * length**3 / (young * t**3 * b) - 0.25,
        load - buckling,
    ]


def pressure_vessel(x):
    shell, head, radius, length = 0.0625 * x[0], 0.0625 * x[1], x[2], x[3]
    f = (
        0.6224 * shell * radius * length + 1.7781 * head * radius**2 + 3.1661 * shell**2 * length
        + 19.84 * shell**2 * radius
    )
    return f, [
        0.0193 * radius - shell,
        0.00954 * radius - head,
        1296000.0 - pi * radius**2 * length - 4.0 / 3.0 * pi * radius**3,
        length - 240.0,
    ]


def speed_reducer(x):
    a, b, c, d, e, f, g = x
    value = (
        0.7854 * a * b * b * (3.3333 * c * c + 14.9334 * c - 43.0934) - 1.508 * a * (f * f + g * g)
        + 7.4777 * (f**3 + g**3) + 0.7854 * (d * f * f + e * g * g)
    )
    return value, [
        27.0 / (a * b * b * c) - 1.0,
        397.5 / (a * b * b * c * c) - 1.0,
        1.93 * d**3 / (b * c * f**4) - 1.0,
        1.93 * e**3 / (b * c * g**4) - 1.0,
        sqrt((745.0 * d / (b * c)) ** 2 + 16.9e6) / (110.0 * f**3) - 1.0,
        sqrt((745.0 * e / (b * c)) ** 2 + 157.5e6) / (85.0 * g**3) - 1.0,
        b * c / 40.0 - 1.0,
        5.0 * b / a - 1.0,
        a / (12.0 * b) - 1.0,
        (1.5 * f + 1.9) / d - 1.0,
        (1.1 * g + 1.9) / e - 1.0,
    ]


def tension_spring(x):
    wire, coil, turns = x
    return (turns + 2.0) * coil * wire**2, [
        1.0 - coil**3 * turns / (71785.0 * wire**4),
        (4.0 * coil**2 - wire * coil) / apart(12566.0 * (coil * wire**3 - wire**4)) + 1.0 / (5108.0 * wire**2) - 1.0,
        1.0 - 140.45 * wire / (coil**2 * turns),
        (coil + wire) / 1.5 - 1.0,
    ]


def ellipsoid(x):
    optimum = [1.5, -2.0, 0.5, 2.5, -1.0]
    f = sum(10.0 ** (0.75 * index) * (a - b) ** 2 for index, (a, b) in enumerate(zip(x, optimum)))
    return f, [sum(x) + 1.0, x[0] - x[1] - 1.0]


def rastrigin(x):
    optimum = [0.5, -1.0, 1.5, 0.0]
    f = sum((a - b) ** 2 - 10.0 * cos(2.0 * pi * (a - b)) + 10.0 for a, b in zip(x, optimum))
    return f, [sum(x) + 1.5, x[0] - 2.0 * x[3] - 1.0]


def gardner_waves(x):
    f = cos(2.0 * x[0]) * cos(x[1]) + sin(x[0])
    return f, [cos(x[0]) * cos(x[1]) - sin(x[0]) * sin(x[1]) + 0.5]


def gardner_islands(x):
    return sin(x[0]) + x[1], [sin(x[0]) * sin(x[1]) + 0.95]


def gramacy(x):
    return x[0] + x[1], [
        1.5 - x[0] - 2.0 * x[1] - 0.5 * sin(2.0 * pi * (x[0] ** 2 - 2.0 * x[1])),
        x[0] ** 2 + x[1] ** 2 - 1.5,
    ]


HARTMANN_WEIGHTS = [1.0, 1.2, 3.0, 3.2]
HARTMANN_SCALES = [
    [10.0, 3.0, 17.0, 3.5, 1.7, 8.0],
    [0.05, 10.0, 17.0, 0.1, 8.0, 14.0],
    [3.0, 3.5, 1.7, 10.0, 17.0, 8.0],
    [17.0, 8.0, 0.05, 10.0, 0.1, 14.0],
]
HARTMANN_CENTERS = [
    [0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886],
    [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
    [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650],
    [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381],
]


def hartmann(x):
    f = 0.0
    for weight, scales, centers in zip(HARTMANN_WEIGHTS, HARTMANN_SCALES, HARTMANN_CENTERS):
        f -= weight * exp(-sum(scale * (a - center) ** 2 for scale, a, center in zip(scales, x, centers)))
    return f, [sqrt(sum(a * a for a in x)) - 0.8]


def rosenbrock(x):
    f = (1.0 - x[0]) ** 2 + 100.0 * (x[1] - x[0] ** 2) ** 2
    return f, [(x[0] - 1.0) ** 3 - x[1] + 1.0, x[0] + x[1] - 2.0]


def three_bar_truss(x):
    root = sqrt(2.0)
    divisor = root * x[0] ** 2 + 2.0 * x[0] * x[1]
    return (2.0 * root * x[0] + x[1]) * 100.0, [
        2.0 * (root * x[0] + x[1]) / divisor - 2.0,
        2.0 * x[1] / divisor - 2.0,
        2.0 / (root * x[1] + x[0]) - 2.0,
    ]


def cantilever(x):
    return 0.0624 * sum(x), [sum(weight / a**3 for weight, a in zip([61.0, 37.0, 19.0, 7.0, 1.0], x)) - 1.0]


def branin_disc(x):
    a, b = x
    f = (b - 5.1 / (4.0 * pi**2) * a * a + 5.0 / pi * a - 6.0) ** 2 + 10.0 * (1.0 - 1.0 / (8.0 * pi)) * cos(a) + 10.0
    return f, [(a - 2.5) ** 2 + (b - 7.5) ** 2 - 50.0, 3.0 - a]


def sphere_planes(x):
    f = sum((a - 0.1 * index) ** 2 for index, a in enumerate(x, start=1))
    return f, [2.0 - sum(x[:3]), x[3] + x[4] - x[5] + 0.5]


def budget(x):
    rate, units, kind = x
    # Kinds differ in what they reach and in what a unit costs.
    reach, cost = [0.3, 0.1, 0.0][int(kind)], [1.0, 2.0, 6.0][int(kind)]
    loss = reach + 0.5 / sqrt(units) + 0.02 * (math.log(rate) + 4.0) ** 2
    return loss, [cost * units - 90.0, 0.1 * units * math.log(rate / 1e-4) - 12.0]


def floats(*bounds):
    return [Float(low, high) for low, high in bounds]


PROBLEMS = [
    Problem("g04", floats((78.0, 102.0), (33.0, 45.0), *[(27.0, 45.0)] * 3), g04, -30665.538671783317),
    Problem("g06", floats((13.0, 100.0), (0.0, 100.0)), g06, -6961.813875580156),
    Problem("g07", floats(*[(-10.0, 10.0)] * 10), g07, 24.306209068179547),
    Problem("g08", floats(*[(0.0, 10.0)] * 2), g08, -0.0958250414180359),
    Problem("g09", floats(*[(-10.0, 10.0)] * 7), g09, 680.6300573744021),
    Problem("g10", floats((100.0, 10000.0), *[(1000.0, 10000.0)] * 2, *[(10.0, 1000.0)] * 5), g10, 7049.24802052867),
    Problem("g12", floats(*[(0.0, 10.0)] * 3), g12, -1.0),
    Problem("g24", floats((0.0, 3.0), (0.0, 4.0)), g24, -5.508013271595358),
    Problem("welded_beam", floats((0.1, 2.0), (0.1, 10.0), (0.1, 10.0), (0.1, 2.0)), welded_beam, 1.7248523085973664),
    Problem("pressure_vessel", [Int(1, 99), Int(1, 99), Float(10.0, 200.0), Float(10.0, 200.0)], pressure_vessel, 6059.714335048436),
    Problem(
        "speed_reducer",
        [Float(2.6, 3.6), Float(0.7, 0.8), Int(17, 28), *floats((7.3, 8.3), (7.3, 8.3), (2.9, 3.9), (5.0, 5.5))],
        speed_reducer,
        2994.4710661,
    ),
    Problem("tension_spring", floats((0.05, 2.0), (0.25, 1.3), (2.0, 15.0)), tension_spring, 0.012665232788),
    Problem("ellipsoid", floats(*[(-5.0, 5.0)] * 5), ellipsoid, 6.193799509902694),
    Problem("rastrigin", floats(*[(-5.0, 5.0)] * 4), rastrigin, 2.984877171283907),
]

TUNING = [
    Problem("gardner_waves", floats(*[(0.0, 6.0)] * 2), gardner_waves, -1.888751361450595),
    Problem("gardner_islands", floats(*[(0.0, 6.0)] * 2), gardner_islands, 0.25323589595474383),
    Problem("gramacy", floats(*[(0.0, 1.0)] * 2), gramacy, 0.5997880520095409),
    Problem("hartmann", floats(*[(0.0, 1.0)] * 6), hartmann, -2.9594427957115217),
    Problem("rosenbrock", floats((-1.5, 1.5), (-0.5, 2.5)), rosenbrock, 0.0),
    Problem("three_bar_truss", floats(*[(0.01, 1.0)] * 2), three_bar_truss, 263.89584337580743),
    Problem("cantilever", floats(*[(0.1, 100.0)] * 5), cantilever, 1.3399563605717113),
    Problem("branin_disc", floats((-5.0, 10.0), (0.0, 15.0)), branin_disc, 0.39788735772973816),
    Problem("sphere_planes", floats(*[(-2.0, 2.0)] * 6), sphere_planes, 0.8666666666666667),
    Problem("budget", [Float(1e-4, 1.0, log=True), Int(1, 256), Choice(("small", "medium", "large"))], budget, 0.12909944487358055),
]


def samples(dimensions: int, count: int) -> List[List[float]]:
    """Points of the unit cube, the same as in problems.rs."""
    return [
        [((index + 1) * 0.754877666 + (dimension + 1) * 0.569840296) % 1.0 for dimension in range(dimensions)]
        for index in range(count)
    ]


def check() -> int:
    """Compares the values with those that the Rust example prints; returns the number of differences."""
    command = ["cargo", "run", "--quiet", "--profile", "quick", "-p", "optiformer", "--example", "constrained", "--", "--values"]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    theirs = {entry["name"]: entry for entry in map(json.loads, lines)}
    ours = {problem.name: problem for problem in PROBLEMS + TUNING}
    wrong = len(theirs.keys() ^ ours.keys())
    for name in theirs.keys() & ours.keys():
        problem, entry = ours[name], theirs[name]
        wrong += problem.best != entry["best"]
        for point, values in zip(samples(len(problem.space), len(entry["values"])), entry["values"], strict=True):
            objective, constraints = problem.evaluate(problem.unit(point))
            for one, other in zip([objective, *constraints], values, strict=True):
                if not math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9):
                    wrong += 1
                    print(f"{name} at {point}: {one} here, {other} in Rust")
    print(f"{len(ours)} problems, {wrong} differences")
    return wrong


if __name__ == "__main__":
    sys.exit(min(check(), 1))

"""Holds one of our samplers against one of Optuna's: the same problems, seeds and numbers of trials.

    python tests/scripts/compare_samplers.py --sampler cma_es --peer CmaEsSampler
    python tests/scripts/compare_samplers.py --sampler tpe --peer TPESampler --seeds 20 --budgets 50

Needs optuna and scipy (and, for CmaEsSampler, cmaes). Exits with 1 when ours is worse at any budget (one-sided Wilcoxon signed-rank test over all
pairs, p < 0.05), or less than ten times as fast. The problems are those of runtime/examples/sampler_runs.rs.
"""

import argparse
import json
import math
import os
import pathlib
import subprocess
import sys
import time
import warnings

import optuna
from scipy.stats import wilcoxon

ROOT = pathlib.Path(__file__).resolve().parents[2]


def optimum(seed, dimension):
    place = (seed + 1) * 0.754877666 + (dimension + 1) * 0.569840296
    return 6.0 * (place - math.floor(place)) - 3.0


def rounded(x):
    """To the nearest whole number, halves away from zero, as Rust does it."""
    return math.copysign(math.floor(abs(x) + 0.5), x)


def shifted_value(problem, x):
    n = len(x)
    squares = sum(v * v for v in x)
    if problem == "sphere":
        return squares
    if problem == "turned":
        x = list(x)
        for i in range(1, n):
            a, b = x[i - 1], x[i]
            x[i - 1] = math.cos(0.7) * a - math.sin(0.7) * b
            x[i] = math.sin(0.7) * a + math.cos(0.7) * b
    if problem in ("ellipsoid", "turned"):
        return sum(10 ** (3 * i / (n - 1)) * v * v for i, v in enumerate(x))
    if problem == "rosenbrock":
        moved = [v + 1 for v in x]
        return sum(100 * (b - a * a) ** 2 + (1 - a) ** 2 for a, b in zip(moved, moved[1:]))
    if problem == "powers":
        return sum(abs(v) ** (2 + 4 * i / (n - 1)) for i, v in enumerate(x))
    if problem == "absolute":
        return sum((i + 1) * abs(v) for i, v in enumerate(x))
    if problem == "rastrigin":
        return 10 * n + sum(v * v - 10 * math.cos(math.tau * v) for v in x)
    if problem == "ackley":
        waves = sum(math.cos(math.tau * v) for v in x)
        return 20 - 20 * math.exp(-0.2 * math.sqrt(squares / n)) + math.e - math.exp(waves / n)
    if problem == "griewank":
        waves = math.prod(math.cos(4 * v / math.sqrt(i + 1)) for i, v in enumerate(x))
        return 1 + squares / 10 - waves
    if problem == "styblinski":
        moved = [v - 2.90353402777118 for v in x]
        return sum(0.5 * (v**4 - 16 * v**2 + 5 * v) + 39.16616570377142 for v in moved)
    if problem == "terrace":
        return sum(rounded(2 * v) ** 2 + 0.01 * v * v for v in x)
    if problem == "levy":
        w = [1 + v / 4 for v in x]
        inner = sum((v - 1) ** 2 * (1 + 10 * math.sin(math.pi * v + 1) ** 2) for v in w[:-1])
        last = (w[-1] - 1) ** 2 * (1 + math.sin(math.tau * w[-1]) ** 2)
        return math.sin(math.pi * w[0]) ** 2 + inner + last
    raise ValueError(problem)


def value(problem, x, seed):
    if problem == "corner":
        distances = [v + 5 if optimum(seed, i) < 0 else 5 - v for i, v in enumerate(x)]
        return sum((i + 1) * (v + 0.1 * v * v) for i, v in enumerate(distances))
    if problem == "ints":
        return sum(3**i * (v - rounded(10 * optimum(seed, i))) ** 2 for i, v in enumerate(x))
    if problem == "mixed":
        log_rate = math.log(x[0]) - math.log(0.01) - optimum(seed, 0) / 2
        units = (x[1] - 32) / 16 - optimum(seed, 1) / 3
        batch = math.log2(x[2]) - 4 - optimum(seed, 2) / 2
        return log_rate**2 / 4 + units**2 + batch**2 / 4 + x[3] * 0.5
    if problem == "kinds":
        costs = [(0, 1, 2, 4)[(int(x[3 + i]) + seed + i) % 4] for i in range(3)]
        first = (x[0] - optimum(seed, 0) + 0.25 * costs[0]) ** 2
        return first + (x[1] - optimum(seed, 1)) ** 2 + (x[2] - optimum(seed, 2)) ** 2 + sum(costs)
    if problem == "conditional":
        shared = (x[1] - optimum(seed, 0)) ** 2 / 4
        if x[0] == 0:
            return shared + (x[2] - optimum(seed, 1)) ** 2 + (math.log2(x[3]) - 3) ** 2 / 4
        return shared + 1 + (x[4] - optimum(seed, 2)) ** 2
    return shifted_value(problem, [v - optimum(seed, i) for i, v in enumerate(x)])


def suggest(problem, dimensions, trial):
    """One number per parameter: a choice by its index, an inactive one as nan."""

    def floating(i):
        return trial.suggest_float(f"x{i}", -5, 5)

    if problem == "mixed":
        return [
            trial.suggest_float("rate", 1e-4, 1.0, log=True),
            trial.suggest_int("units", 1, 64),
            trial.suggest_int("batch", 1, 256, log=True),
            "abc".index(trial.suggest_categorical("kind", ["a", "b", "c"])),
        ]
    if problem == "ints":
        return [trial.suggest_int(f"x{i}", -50, 50) for i in range(dimensions)]
    if problem == "kinds":
        kinds = [trial.suggest_categorical(f"k{i}", ["a", "b", "c", "d"]) for i in range(3)]
        return [floating(i) for i in range(3)] + ["abcd".index(kind) for kind in kinds]
    if problem == "conditional":
        is_net = trial.suggest_categorical("kind", ["net", "tree"]) == "net"
        shared = floating(0)
        if is_net:
            return [0, shared, floating(1), trial.suggest_int("units", 1, 64, log=True), math.nan]
        return [1, shared, math.nan, math.nan, floating(2)]
    return [floating(i) for i in range(dimensions)]


def run_peer(peer, options, problem, dimensions, seed, budgets):
    """Best value at each budget, and seconds per suggestion; the objective itself takes next to nothing."""
    sampler = getattr(optuna.samplers, peer)(seed=seed, **options)
    study = optuna.create_study(sampler=sampler)
    start = time.perf_counter()
    study.optimize(lambda trial: value(problem, suggest(problem, dimensions, trial), seed), n_trials=budgets[-1])
    seconds = (time.perf_counter() - start) / budgets[-1]
    values = [trial.value for trial in study.trials]
    return seconds, [min(values[:budget]) for budget in budgets]


def run_ours(sampler, seeds, budgets):
    """(problem, dimensions, seed), seconds and the best values of every run."""
    command = ["cargo", "run", "--release", "--quiet", "--package", "optiformer", "--example", "sampler_runs"]
    environment = {"SAMPLER": sampler, "SEEDS": str(seeds), "BUDGETS": ",".join(map(str, budgets))}
    result = subprocess.run(command, cwd=ROOT, env=os.environ | environment, stdout=subprocess.PIPE, text=True, check=True)
    for line in result.stdout.splitlines():
        kind, problem, dimensions, seed, first, *numbers = line.split()
        key, numbers = (problem, int(dimensions), int(seed)), [float(number) for number in numbers]
        if kind == "run":
            yield key, float(first), numbers
        else:
            here = value(problem, numbers, int(seed))
            if not math.isclose(here, float(first), rel_tol=1e-9):
                raise SystemExit(f"{problem}: {here} here, {first} in sampler_runs.rs")


def compared(pairs):
    """Wins, and the p values that ours is worse and better; pairs of best values, compared by their logarithms."""
    # Logarithms put problems of different scales on one scale.
    logs = [math.log(ours + 1e-12) - math.log(theirs + 1e-12) for ours, theirs in pairs]
    if all(difference == 0 for difference in logs):
        return 0, 1.0, 1.0
    worse, better = (wilcoxon(logs, alternative=side).pvalue for side in ("greater", "less"))
    return sum(difference < 0 for difference in logs), worse, better


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sampler", required=True, help="a sampler of ours")
    parser.add_argument("--peer", required=True, help="the name of a class in optuna.samplers")
    parser.add_argument("--peer-options", type=json.loads, default={}, metavar="JSON", help="what to construct it with, beside the seed")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--budgets", default="25,50,100", help="numbers of trials, rising (default %(default)s)")
    parser.add_argument("--peer-runs", type=pathlib.Path, metavar="FILE", help="keep the peer's runs in this file, and use those that are there")
    arguments = parser.parse_args()
    budgets = [int(budget) for budget in arguments.budgets.split(",")]
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore")

    known = {}
    if arguments.peer_runs and arguments.peer_runs.exists():
        known = json.loads(arguments.peer_runs.read_text())
    problems = {}
    for key, seconds, bests in run_ours(arguments.sampler, arguments.seeds, budgets):
        name = json.dumps([arguments.peer, arguments.peer_options, *key, budgets])
        if name not in known:
            known[name] = run_peer(arguments.peer, arguments.peer_options, *key, budgets)
        their_seconds, theirs = known[name]
        problems.setdefault(key[:2], []).append((list(zip(bests, theirs)), seconds, their_seconds))
    if arguments.peer_runs:
        arguments.peer_runs.write_text(json.dumps(known))

    runs = [run for runs in problems.values() for run in runs]
    print(f"{arguments.sampler} against {arguments.peer} of optuna {optuna.__version__}: {len(problems)} problems, {arguments.seeds} seeds")
    print("medians of the best value, ours/theirs, and in how many runs ours is better")
    print(f"{'problem':<16}" + "".join(f"{f'{budget} trials':>28}" for budget in budgets))
    for (problem, dimensions), of_problem in problems.items():
        cells = ""
        for at in range(len(budgets)):
            pairs = [pairs[at] for pairs, _, _ in of_problem]
            ours, theirs = (sorted(pair[side] for pair in pairs)[len(pairs) // 2] for side in (0, 1))
            cells += f"{f'{ours:.3g}/{theirs:.3g} {compared(pairs)[0]:>3}':>28}"
        print(f"{f'{problem} {dimensions}':<16}{cells}")
    failed = False
    for at, budget in enumerate(budgets):
        wins, worse, better = compared([pairs[at] for pairs, _, _ in runs])
        failed |= worse < 0.05
        print(f"{budget} trials: {wins} of {len(runs)} won; p (ours worse) {worse:.2g}, p (ours better) {better:.2g}")
    micros = [1e6 * sum(run[k] for run in runs) / len(runs) for k in (1, 2)]
    print(f"time per suggestion: ours {micros[0]:.1f} µs, Optuna's {micros[1]:.0f} µs (its bookkeeping included)")
    return int(failed or 10 * micros[0] > micros[1])


if __name__ == "__main__":
    sys.exit(main())

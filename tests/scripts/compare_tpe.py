"""Holds our TPE against Optuna's: the same functions, 20 seeds of 50 trials each.

    python tests/scripts/compare_tpe.py

Needs optuna and scipy. Exits with 1 when ours is worse (one-sided Wilcoxon signed-rank test over all pairs, p < 0.05).
The functions are those of runtime/tests/tpe_runs.rs.
"""

import math
import pathlib
import subprocess
import sys
import time

import optuna
from scipy.stats import wilcoxon

ROOT = pathlib.Path(__file__).resolve().parents[2]
TRIALS = 50


def optimum(seed, dimension):
    place = (seed + 1) * 0.754877666 + (dimension + 1) * 0.569840296
    return 6.0 * (place - math.floor(place)) - 3.0


def value(function, x):
    n = len(x)
    squares = sum(v * v for v in x)
    if function == "sphere":
        return squares
    if function == "ellipsoid":
        return sum(10 ** (3 * i / (n - 1)) * v * v for i, v in enumerate(x))
    if function == "rosenbrock":
        shifted = [v + 1 for v in x]
        return sum(100 * (b - a * a) ** 2 + (1 - a) ** 2 for a, b in zip(shifted, shifted[1:]))
    if function == "rastrigin":
        return 10 * n + sum(v * v - 10 * math.cos(math.tau * v) for v in x)
    if function == "ackley":
        waves = sum(math.cos(math.tau * v) for v in x)
        return 20 - 20 * math.exp(-0.2 * math.sqrt(squares / n)) + math.e - math.exp(waves / n)
    if function == "griewank":
        waves = math.prod(math.cos(4 * v / math.sqrt(i + 1)) for i, v in enumerate(x))
        return 1 + squares / 10 - waves
    raise ValueError(function)


def mixed(trial, seed):
    rate = trial.suggest_float("rate", 1e-4, 1.0, log=True)
    units = trial.suggest_int("units", 1, 64)
    batch = trial.suggest_int("batch", 1, 256, log=True)
    kind = trial.suggest_categorical("kind", ["a", "b", "c"])
    log_rate = math.log(rate) - math.log(0.01) - optimum(seed, 0) / 2
    units = (units - 32) / 16 - optimum(seed, 1) / 3
    batch = math.log2(batch) - 4 - optimum(seed, 2) / 2
    return log_rate**2 / 4 + units**2 + batch**2 / 4 + "abc".index(kind) * 0.5


def run_optuna(function, dimensions, seed):
    """Best value and seconds per suggestion; the objective itself takes next to nothing."""

    def objective(trial):
        if function == "mixed":
            return mixed(trial, seed)
        x = [trial.suggest_float(f"x{i}", -5, 5) for i in range(dimensions)]
        return value(function, [v - optimum(seed, i) for i, v in enumerate(x)])

    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    start = time.perf_counter()
    study.optimize(objective, n_trials=TRIALS)
    return study.best_value, (time.perf_counter() - start) / TRIALS


def run_ours():
    command = ["cargo", "test", "--release", "--package", "optiformer", "--test", "tpe_runs"]
    command += ["--", "--ignored", "--nocapture", "print_runs"]
    output = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for line in output.splitlines():
        # The harness may have begun the first line.
        _, found, rest = line.partition("run ")
        fields = rest.split()
        if found and len(fields) == 5:
            function, dimensions, seed, best, seconds = fields
            yield function, int(dimensions), int(seed), float(best), float(seconds)


def main():
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    rows = {}
    for function, dimensions, seed, best, seconds in run_ours():
        theirs, their_seconds = run_optuna(function, dimensions, seed)
        pair = (best, theirs, seconds, their_seconds)
        rows.setdefault(f"{function} {dimensions}", []).append(pair)
    print(f"optuna {optuna.__version__}, {TRIALS} trials; medians of the best value")
    print(f"{'function':<14}{'ours':>10}{'optuna':>10}{'wins':>8}{'p (ours worse)':>16}")
    # Logarithms put functions of different scales on one scale.
    differences = []
    for name, pairs in rows.items():
        ours, theirs = sorted(p[0] for p in pairs), sorted(p[1] for p in pairs)
        logs = [math.log(p[0] + 1e-12) - math.log(p[1] + 1e-12) for p in pairs]
        differences += logs
        wins = sum(d < 0 for d in logs)
        worse = wilcoxon(logs, alternative="greater").pvalue
        middle = len(pairs) // 2
        print(f"{name:<14}{ours[middle]:>10.4g}{theirs[middle]:>10.4g}"
              f"{wins:>5}/{len(pairs)}{worse:>16.3f}")
    worse = wilcoxon(differences, alternative="greater").pvalue
    better = wilcoxon(differences, alternative="less").pvalue
    wins = sum(d < 0 for d in differences)
    print(f"all: {wins} of {len(differences)} won; p (ours worse) {worse:.3f}, p (ours better) {better:.3f}")
    every = [pair for pairs in rows.values() for pair in pairs]
    micros = [1e6 * sum(p[k] for p in every) / len(every) for k in (2, 3)]
    print(f"time per suggestion: ours {micros[0]:.0f} µs, Optuna's {micros[1]:.0f} µs")
    return int(worse < 0.05)


if __name__ == "__main__":
    sys.exit(main())

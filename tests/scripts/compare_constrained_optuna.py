#!/usr/bin/env python3
"""Counts feasible trials of a constrained Optuna study, with OptiFormerSampler and with Optuna's own samplers.

The objective pulls away from where the constraint holds: (x - 0.8)^2 + (y - 0.5)^2 in the unit square, with x <= 0.2 told by
`trial.set_constraint`. A sampler that ignores the constraint suggests few feasible trials; the best feasible value is 0.36.

    pip install ./ffi/python optuna
    python tests/scripts/compare_constrained_optuna.py                       # 80 trials, three seeds
    python tests/scripts/compare_constrained_optuna.py --trials 40 auto gp   # only these
"""

import argparse
import warnings

import optuna
from optiformer.optuna import OptiFormerSampler

OURS = ("auto", "gp", "tpe", "local_search", "cma_es", "optiformer", "random")
PEERS = {"optuna_tpe": optuna.samplers.TPESampler, "optuna_gp": optuna.samplers.GPSampler}


def objective(trial):
    x, y = trial.suggest_float("x", 0.0, 1.0), trial.suggest_float("y", 0.0, 1.0)
    trial.set_constraint("x", x - 0.2)
    return (x - 0.8) ** 2 + (y - 0.5) ** 2


def run(name, seed, trials):
    """The number of feasible trials, and the best value among them."""
    sampler = PEERS[name](seed=seed) if name in PEERS else OptiFormerSampler(seed=seed, sampler=name)
    study = optuna.create_study(sampler=sampler)
    study.optimize(objective, n_trials=trials)
    values = [trial.value for trial in study.trials if trial.params["x"] <= 0.2]
    return len(values), min(values, default=float("nan"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("samplers", nargs="*", default=[*OURS, *PEERS], help="samplers of the library, optuna_tpe, optuna_gp")
    parser.add_argument("--trials", type=int, default=80)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore")
    print(f"| sampler | feasible of {options.trials} | best feasible value |\n|---|---|---|")
    for name in options.samplers:
        runs = [run(name, seed, options.trials) for seed in range(options.seeds)]
        counts = ", ".join(str(count) for count, _ in runs)
        print(f"| `{name}` | {counts} | {', '.join(f'{value:.4f}' for _, value in runs)} |", flush=True)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Compares our samplers with Optuna's on studies with constraints, and on studies with two objectives.

    pip install ./ffi/python optuna==5.0.0 cmaes torch scipy
    python tests/scripts/compare_measured_studies.py constrained --seeds 10 --output constrained.csv
    python tests/scripts/compare_measured_studies.py objectives --seeds 10 --output objectives.csv
    pip install onnxruntime     # error and training time of networks, by a surrogate of YAHPO-Gym in DIR/yahpo/lcbench
    python tests/scripts/compare_measured_studies.py objectives --data DIR --output lcbench.csv

Every run is a study of Optuna, ours with OptiFormerSampler in it. Constrained: the fourteen problems of constrained_problems.py, judged by
the regret of the best feasible trial. Objectives: ZDT1, 2, 3, 6, DTLZ2, DTLZ7, Kursawe's and Fonseca and Fleming's function, or with
--data error and training time of networks on four data sets, judged by the hypervolume of the Pareto front below a reference point that
is the same for every sampler.

Each run is a line of the output file per checkpoint, and is not made again when the script is called once more; Ctrl-C loses those
under way. The table says in which share of the runs (problem and seed) our sampler is better than the peer, ties counted as half, with a
95 % bootstrap interval over problems.
"""

import argparse
import csv
import functools
import itertools
import json
import math
import multiprocessing
import pathlib
import random
import time
import warnings

import constrained_problems

CHECKPOINTS = (25, 50, 100)
OURS = ("auto", "gp", "tpe", "cma_es")
CONSTRAINED_PEERS = ("optuna_tpe", "optuna_gp", "optuna_cmaes")
OBJECTIVES_PEERS = ("optuna_tpe", "optuna_gp", "optuna_nsga2")
FIELDS = ("problem", "sampler", "seed", "trials", "value", "seconds")


# Two objectives


def zdt(front, tail_power=1.0):
    """A problem of Zitzler, Deb and Thiele's family, with its front's shape over the first variable."""

    def evaluate(x):
        tail = 1 + 9 * (sum(x[1:]) / (len(x) - 1)) ** tail_power
        first = x[0]
        return first, tail * front(first, tail)

    return evaluate


def zdt6(x):
    first = 1 - math.exp(-4 * x[0]) * math.sin(6 * math.pi * x[0]) ** 6
    tail = 1 + 9 * (sum(x[1:]) / (len(x) - 1)) ** 0.25
    return first, tail * (1 - (first / tail) ** 2)


def dtlz2(x):
    tail = 1 + sum((value - 0.5) ** 2 for value in x[1:])
    return tail * math.cos(x[0] * math.pi / 2), tail * math.sin(x[0] * math.pi / 2)


def dtlz7(x):
    tail = 1 + 9 * sum(x[1:]) / (len(x) - 1)
    height = 2 - x[0] / (1 + tail) * (1 + math.sin(3 * math.pi * x[0]))
    return x[0], (1 + tail) * height


def kursawe(x):
    x = [10 * value - 5 for value in x]
    first = sum(-10 * math.exp(-0.2 * math.hypot(one, other)) for one, other in itertools.pairwise(x))
    return first, sum(abs(value) ** 0.8 + 5 * math.sin(value**3) for value in x)


def fonseca(x):
    x = [8 * value - 4 for value in x]
    shift = 1 / math.sqrt(len(x))
    return tuple(1 - math.exp(-sum((value + sign * shift) ** 2 for value in x)) for sign in (-1, 1))


# Name, number of variables in the unit cube, function, reference point.
OBJECTIVES = {
    "zdt1": (6, zdt(lambda first, tail: 1 - math.sqrt(first / tail)), (1.1, 6.0)),
    "zdt2": (6, zdt(lambda first, tail: 1 - (first / tail) ** 2), (1.1, 6.0)),
    "zdt3": (
        6,
        zdt(lambda first, tail: 1 - math.sqrt(first / tail) - first / tail * math.sin(10 * math.pi * first)),
        (1.1, 6.0),
    ),
    "zdt6": (6, zdt6, (1.1, 10.0)),
    "dtlz2": (6, dtlz2, (2.5, 2.5)),
    "dtlz7": (6, dtlz7, (1.1, 22.0)),
    "kursawe": (3, kursawe, (-4.0, 25.0)),
    "fonseca": (3, fonseca, (1.1, 1.1)),
}

# What the surrogate takes, in its order: name, bounds, whether an int, whether on a log scale.
LCBENCH = (
    ("batch_size", 16, 512, True, True),
    ("learning_rate", 1e-4, 0.1, False, True),
    ("momentum", 0.1, 0.99, False, False),
    ("weight_decay", 1e-5, 0.1, False, False),
    ("num_layers", 1, 5, True, False),
    ("max_units", 64, 1024, True, True),
    ("max_dropout", 0.0, 1.0, False, False),
)
LCBENCH_TASKS = ("3945", "126029", "167190", "189862")
EPOCHS = 52


@functools.cache
def lcbench_network(folder):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    codes = json.loads((folder / "encoding.json").read_text())["OpenML_task_id"]
    return onnxruntime.InferenceSession(str(folder / "model.onnx"), options), codes


class Lcbench:
    """Error and training time of networks on a data set, after 52 epochs, by a surrogate of YAHPO-Gym."""

    def __init__(self, folder, task):
        self.folder, self.task = folder, task

    def measure(self, values):
        import numpy

        network, codes = lcbench_network(self.folder)
        numbers = numpy.array([[EPOCHS, *values]], dtype=numpy.float32)
        task = numpy.array([[codes[self.task]]], dtype=numpy.int32)
        # The first outputs are the seconds and the validation accuracy in percent.
        seconds, accuracy = network.run(None, {"x_cat": task, "x_cont": numbers})[0][0][:2]
        return 100.0 - float(accuracy), float(seconds)

    def suggest(self, trial):
        return [
            trial.suggest_int(name, low, high, log=log) if whole else trial.suggest_float(name, low, high, log=log)
            for name, low, high, whole, log in LCBENCH
        ]

    @functools.cached_property
    def reference(self):
        """Behind the worst of 1,000 random configurations in each objective."""
        draw, points = random.Random(0), []
        for _ in range(1000):
            row = []
            for _, low, high, whole, log in LCBENCH:
                value = low * (high / low) ** draw.random() if log else low + (high - low) * draw.random()
                row.append(round(value) if whole else value)
            points.append(self.measure(row))
        return tuple(1.1 * max(values) for values in zip(*points))


def hypervolume(points, reference):
    """The area that points dominate below the reference point."""
    area, bound = 0.0, reference[1]
    for first, second in sorted(points):
        if first < reference[0] and second < bound:
            area += (reference[0] - first) * (bound - second)
            bound = second
    return area


# Runs


def sampler(name, seed):
    import optuna

    peers = {
        "optuna_tpe": optuna.samplers.TPESampler,
        "optuna_gp": optuna.samplers.GPSampler,
        "optuna_cmaes": optuna.samplers.CmaEsSampler,
        "optuna_nsga2": optuna.samplers.NSGAIISampler,
        "random": optuna.samplers.RandomSampler,
    }
    if name in peers:
        return peers[name](seed=seed)
    from optiformer.optuna import OptiFormerSampler

    return OptiFormerSampler(seed=seed, sampler=name)


def suggest(trial, space):
    """The configuration of a trial in the space of a constrained problem."""
    values = []
    for index, parameter in enumerate(space):
        name = f"x{index}"
        if isinstance(parameter, constrained_problems.Choice):
            values.append(trial.suggest_categorical(name, parameter.choices))
        elif isinstance(parameter, constrained_problems.Int):
            values.append(trial.suggest_int(name, parameter.low, parameter.high))
        else:
            values.append(trial.suggest_float(name, parameter.low, parameter.high, log=parameter.log))
    return values


def constrained_values(problem_name, name, seed, trials):
    """The best feasible objective minus the best known one after each trial; infinite before the first."""
    import optuna

    problem = next(it for it in constrained_problems.PROBLEMS if it.name == problem_name)
    study = optuna.create_study(sampler=sampler(name, seed))
    best, values = math.inf, []
    for _ in range(trials):
        trial = study.ask()
        objective, constraints = problem.evaluate(suggest(trial, problem.space))
        for index, value in enumerate(constraints):
            trial.set_constraint(f"c{index}", value)
        study.tell(trial, objective)
        if all(value <= 0 for value in constraints):
            best = min(best, objective)
        values.append(best - problem.best)
    return values


def objectives_values(problem_name, name, seed, trials):
    """The negative hypervolume after each trial, so that smaller is better."""
    import optuna

    problem = OBJECTIVES[problem_name]
    if isinstance(problem, Lcbench):
        reference = problem.reference

        def measure(trial):
            return problem.measure(problem.suggest(trial))
    else:
        dimensions, function, reference = problem

        def measure(trial):
            return function([trial.suggest_float(f"x{index}", 0.0, 1.0) for index in range(dimensions)])

    study = optuna.create_study(sampler=sampler(name, seed), directions=["minimize"] * 2)
    points, values = [], []
    for _ in range(trials):
        trial = study.ask()
        point = measure(trial)
        study.tell(trial, point)
        points.append(point)
        values.append(-hypervolume(points, reference))
    return values


def run(job):
    kind, problem, name, seed, trials = job
    warnings.simplefilter("ignore")
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        import torch

        torch.set_num_threads(1)
    except ImportError:
        pass
    values_of = constrained_values if kind == "constrained" else objectives_values
    start = time.process_time()
    values = values_of(problem, name, seed, trials)
    seconds = time.process_time() - start
    return [(problem, name, seed, count, values[count - 1], seconds) for count in CHECKPOINTS if count <= trials]


# The table


def read(path):
    if not path.exists():
        return {}
    with path.open() as lines:
        rows = csv.DictReader(lines)
        return {
            (row["problem"], row["sampler"], int(row["seed"]), int(row["trials"])): float(row["value"]) for row in rows
        }


def share(results, ours, peer, trials):
    """The share of runs in which ours is better, with its interval and the number of runs; None without a pair."""
    by_problem = {}
    for (problem, name, seed, count), value in results.items():
        theirs = results.get((problem, peer, seed, trials))
        if name == ours and count == trials and theirs is not None:
            won = 0.5 if value == theirs else float(value < theirs)
            by_problem.setdefault(problem, []).append(won)
    if not by_problem:
        return None
    means = [sum(wins) / len(wins) for wins in by_problem.values()]
    generator = random.Random(0)
    draws = sorted(sum(generator.choices(means, k=len(means))) / len(means) for _ in range(2000))
    return sum(means) / len(means), draws[50], draws[1949], sum(map(len, by_problem.values()))


def table(results, ours, peers):
    print("| ours | against | " + " | ".join(f"{count} trials" for count in CHECKPOINTS) + " | runs |")
    print("|---|---|" + "---|" * (len(CHECKPOINTS) + 1))
    for name, peer in itertools.product(ours, peers):
        shares = [share(results, name, peer, count) for count in CHECKPOINTS]
        if any(shares):
            cells = [f"{s[0]:.0%} [{s[1]:.0%}, {s[2]:.0%}]" if s else "" for s in shares]
            print(f"| {name} | {peer} | {' | '.join(cells)} | {max(s[3] for s in shares if s)} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=["constrained", "objectives"])
    parser.add_argument("--samplers", help="names, separated by commas")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--output", type=pathlib.Path, required=True)
    parser.add_argument("--data", type=pathlib.Path, help="the directory with yahpo/lcbench, whose objectives replace the others")
    options = parser.parse_args()
    constrained = options.kind == "constrained"
    if options.data:
        # The processes of the pool are forks, which have what is set here.
        OBJECTIVES.clear()
        folder = options.data / "yahpo" / "lcbench"
        OBJECTIVES.update({f"lcbench-{task}": Lcbench(folder, task) for task in LCBENCH_TASKS})
    peers = CONSTRAINED_PEERS if constrained else OBJECTIVES_PEERS
    ours = OURS if constrained else ("auto", "gp", "tpe")
    problems = [it.name for it in constrained_problems.PROBLEMS] if constrained else list(OBJECTIVES)
    names = options.samplers.split(",") if options.samplers else [*ours, *peers]
    results = read(options.output)
    last = max(count for count in CHECKPOINTS if count <= options.trials)
    jobs = [
        (options.kind, problem, name, seed, options.trials)
        # Seed by seed, so that an early end leaves whole comparisons.
        for seed, name, problem in itertools.product(range(options.seeds), names, problems)
        if (problem, name, seed, last) not in results
    ]
    is_new = not options.output.exists()
    with options.output.open("a", newline="") as lines, multiprocessing.Pool(options.jobs, maxtasksperchild=20) as pool:
        writer = csv.writer(lines)
        if is_new:
            writer.writerow(FIELDS)
        for done, rows in enumerate(pool.imap_unordered(run, jobs), 1):
            writer.writerows(rows)
            lines.flush()
            print(f"\r{done}/{len(jobs)} runs", end="", flush=True)
    print()
    table(read(options.output), ours, peers)


if __name__ == "__main__":
    main()

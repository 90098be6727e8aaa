"""What a suggestion costs behind long histories: ours, Optuna's and rustuna's, in alternation, on the same histories.

    cargo build --release -p optiformer --example suggestion_times
    python tests/scripts/compare_suggestion_times.py
    python tests/scripts/compare_suggestion_times.py --methods tpe --dimensions 10 --trials 100,1000 --limit 10

Needs optuna (and, for its CmaEsSampler and GPSampler, cmaes, scipy and torch) and rustuna; a library that is not installed is left out. Every study is
filled with the same random trials, then asked and told. Each library has a process and takes its turn; no two work at once, and each has one thread.
Times are of one ask (with every suggest_float) and one tell, in milliseconds of the processor, so that other programs on the machine do not
count: the first of a process, which begins from nothing but the history, and the median of those after it. A library that has not answered
within `--limit` seconds of the clock is given up: "> 20 s". One that raises an exception has "failed", and standard error says of what.
"""

import argparse
import importlib.metadata
import json
import multiprocessing
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
MASK = (1 << 64) - 1

# Our sampler's name, and the peers'.
METHODS = {
    "tpe": {"optuna": "TPESampler", "rustuna": "TPESampler"},
    "gp": {"optuna": "GPSampler"},
    "cma_es": {"optuna": "CmaEsSampler", "rustuna": "CmaEsSampler"},
    "local_search": {},
    "auto": {},
    "sobol": {},
    "random": {"optuna": "RandomSampler", "rustuna": "RandomSampler"},
}


def uniform(trial, dimension):
    """The number in [0, 1) that runtime/examples/suggestion_times.rs has for this place."""
    mixed = ((trial << 16 | dimension) + 1) * 0x9E3779B97F4A7C15 & MASK
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9 & MASK
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB & MASK
    return ((mixed ^ (mixed >> 31)) >> 11) / 2**53


def objective(values):
    return sum((1.0 + index) * (x - 1.0) * (x - 1.0) for index, x in enumerate(values))


def histories(dimensions, trials):
    for trial in range(trials):
        values = [10.0 * uniform(trial, dimension) - 5.0 for dimension in range(dimensions)]
        yield {f"x{index}": x for index, x in enumerate(values)}, objective(values)


def filled(library, sampler, dimensions, trials):
    """A study of `library` that has these trials behind it."""
    if library == "optuna":
        import optuna as module
        import warnings

        warnings.simplefilter("ignore")
        module.logging.set_verbosity(module.logging.ERROR)
        complete = module.trial.TrialState.COMPLETE
    else:
        import rustuna as module

        complete = module.trial.TrialState.COMPLETE
    study = module.create_study(sampler=getattr(module.samplers, sampler)(seed=0))
    create = module.trial.create_trial if library == "optuna" else module.create_trial
    distributions = {
        f"x{index}": module.distributions.FloatDistribution(-5.0, 5.0) for index in range(dimensions)
    }
    for params, value in histories(dimensions, trials):
        study.add_trial(
            create(state=complete, value=value, params=params, distributions=distributions)
        )
    return study


def step(study, library, dimensions):
    start = time.process_time()
    trial = study.ask()
    values = [trial.suggest_float(f"x{index}", -5.0, 5.0) for index in range(dimensions)]
    asked = time.process_time() - start
    value = objective(values)
    start = time.process_time()
    study.tell(trial if library == "optuna" else trial.number, value)
    return asked + time.process_time() - start


def serve(pipe, library, sampler, dimensions, trials):
    """Fills a study, says so, and then measures a step whenever it is told to."""
    study = filled(library, sampler, dimensions, trials)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
    pipe.send("filled")
    while True:
        pipe.recv()
        try:
            pipe.send(step(study, library, dimensions))
        except Exception as error:
            pipe.send(f"{type(error).__name__}: {error}")


class Peer:
    """Another library's study, in a process that can be given up."""

    def __init__(self, library, sampler, dimensions, trials, limit):
        self.limit, self.first, self.seconds, self.outcome = limit, None, [], None
        self.library = library
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(
            target=serve, args=(theirs, library, sampler, dimensions, trials), daemon=True
        )
        self.process.start()
        if not self.pipe.poll(600):
            raise TimeoutError(f"{library} did not take {trials} trials in ten minutes")
        self.pipe.recv()

    def turn(self, asks):
        for _ in range(asks):
            if self.outcome or sum(self.seconds) > self.limit:
                return
            self.pipe.send("step")
            if not self.pipe.poll(self.limit):
                self.outcome = f"> {self.limit:g} s"
                self.process.kill()
                return
            took = self.pipe.recv()
            if isinstance(took, str):
                self.outcome = "failed"
                print(f"{self.library}: {took}", file=sys.stderr)
                return
            if self.first is None:
                self.first = took
            else:
                self.seconds.append(took)

    def close(self):
        self.process.kill()
        self.process.join()


def ours(binary, method, dimensions, trials, asks, limit):
    command = [binary, "--samplers", method, "--dimensions", dimensions, "--trials", trials]
    command += ["--asks", asks, "--limit", limit, "--all"]
    output = subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True)
    return json.loads(output.stdout)


def shown(seconds):
    return f"{1e3 * seconds:.3g}" if seconds < 1 else f"{1e3 * seconds:.0f}"


def cell(arguments, method, dimensions, trials):
    peers = {
        library: Peer(library, sampler, dimensions, trials, arguments.limit)
        for library, sampler in METHODS[method].items()
        if library in arguments.libraries
    }
    own, first = [], []
    for _ in range(arguments.rounds):
        mine = ours(arguments.binary, method, dimensions, trials, arguments.asks, arguments.limit)
        own += mine["seconds"]
        first.append(mine["first"])
        for peer in peers.values():
            # The first ask of a peer comes on top, as ours does.
            peer.turn(arguments.asks + (peer.first is None))
    result = {
        "method": method,
        "dimensions": dimensions,
        "trials": trials,
        "ours": statistics.median(own),
        "ours_first": statistics.median(first),
        "ours_most": max(own),
        "asks": len(own),
    }
    for library, peer in peers.items():
        result[library] = statistics.median(peer.seconds) if peer.seconds else None
        result[f"{library}_first"] = peer.first
        result[f"{library}_asks"] = len(peer.seconds)
        result[f"{library}_outcome"] = peer.outcome
        peer.close()
    return result


def row(result, arguments):
    columns = [result["method"], str(result["dimensions"]), f"{result['trials']:,}"]
    columns += [shown(result[key]) for key in ("ours", "ours_first", "ours_most")]
    for library in arguments.libraries:
        # One that has answered once and not again is known by that once.
        median = result.get(library) or result.get(f"{library}_first")
        if median is not None:
            columns += [shown(median), f"{median / result['ours']:.3g} ×"]
        else:
            columns += [result.get(f"{library}_outcome") or "–", "–"]
    return "| " + " | ".join(columns) + " |"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    target = os.environ.get("CARGO_TARGET_DIR", ROOT / "target")
    binary = pathlib.Path(target) / "release" / "examples" / "suggestion_times"
    parser.add_argument("--binary", default=str(binary))
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--dimensions", default="10,40")
    parser.add_argument("--trials", default="100,1000,10000")
    parser.add_argument("--asks", type=int, default=5, help="asks of each library in each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--limit", type=float, default=20.0, help="seconds for a library's asks in a cell")
    parser.add_argument("--json", type=pathlib.Path, help="appends one line for each cell")
    arguments = parser.parse_args()
    # Before any library is loaded, and inherited by every process.
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS"):
        os.environ[name] = "1"
    versions = {}
    for library in ("optuna", "rustuna"):
        try:
            versions[library] = importlib.metadata.version(library)
        except importlib.metadata.PackageNotFoundError:
            print(f"{library} is not installed and is left out", file=sys.stderr)
    arguments.libraries = list(versions)
    named = [f"{library} {version}" for library, version in versions.items()]
    print(f"{platform.machine()}, {', '.join(named)}; milliseconds of the processor, one ask and tell\n")
    header = ["sampler", "dimensions", "trials", "ours", "ours, first", "ours, most"]
    header += [entry for name in named for entry in (name, "to ours")]
    print("| " + " | ".join(header) + " |\n|" + "---|" * len(header), flush=True)
    for method in arguments.methods.split(","):
        for dimensions in map(int, arguments.dimensions.split(",")):
            for trials in map(int, arguments.trials.split(",")):
                result = cell(arguments, method, dimensions, trials)
                print(row(result, arguments), flush=True)
                if arguments.json:
                    with arguments.json.open("a") as file:
                        file.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()

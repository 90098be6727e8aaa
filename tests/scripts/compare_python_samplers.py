"""What a trial costs in Python: ask, every suggest_float and tell, through Optuna with its samplers and ours, and with rustuna.

    pip install ./ffi/python optuna==5.0.0 rustuna==0.2.0
    python tests/scripts/compare_python_samplers.py            # behind long histories
    python tests/scripts/compare_python_samplers.py --growing  # while a study grows from nothing

Milliseconds of the processor, one thread. "nothing" is a sampler that gives every parameter the same value: what remains is Optuna's
own storage. Each library and history has a process of its own, which fills a study with random trials and then asks and tells; the first
ask, which reads the whole history, stands apart, and the median and the worst are of those after it. What has not answered within
`--limit` seconds of the clock is given up.
"""

import argparse
import importlib.metadata
import multiprocessing
import os
import platform
import statistics
import time
import warnings

from compare_suggestion_times import histories, objective

# The names of the table: the library that keeps the study, and the sampler in it.
METHODS = {
    "nothing": ("optuna", "nothing"),
    "ours, tpe": ("optuna", "tpe"),
    "ours, auto": ("optuna", "auto"),
    "Optuna's TPESampler": ("optuna", "TPESampler"),
    "rustuna's TPESampler": ("rustuna", "TPESampler"),
}
RANGES = [(5, 100), (100, 200), (250, 350), (450, 550), (850, 950)]


def sampler(library, name):
    if library == "rustuna":
        import rustuna

        return getattr(rustuna.samplers, name)(seed=0)
    import optuna

    if name == "nothing":

        class Nothing(optuna.samplers.BaseSampler):
            def infer_relative_search_space(self, study, trial):
                return {}

            def sample_relative(self, study, trial, search_space):
                return {}

            def sample_independent(self, study, trial, name, distribution):
                return 0.0

        return Nothing()
    if name.endswith("Sampler"):
        return getattr(optuna.samplers, name)(seed=0)
    from optiformer.optuna import OptiFormerSampler

    return OptiFormerSampler(seed=0, sampler=name)


def filled(library, name, dimensions, trials):
    module = importlib.import_module(library)
    if library == "optuna":
        module.logging.set_verbosity(module.logging.ERROR)
        create = module.trial.create_trial
    else:
        create = module.create_trial
    study = module.create_study(sampler=sampler(library, name))
    distributions = {f"x{place}": module.distributions.FloatDistribution(-5.0, 5.0) for place in range(dimensions)}
    state = module.trial.TrialState.COMPLETE
    for params, value in histories(dimensions, trials):
        study.add_trial(create(state=state, value=value, params=params, distributions=distributions))
    return study


def step(study, library, dimensions):
    start = time.process_time()
    trial = study.ask()
    values = [trial.suggest_float(f"x{place}", -5.0, 5.0) for place in range(dimensions)]
    study.tell(trial if library == "optuna" else trial.number, objective(values))
    return 1e3 * (time.process_time() - start)


def serve(pipe, method, dimensions, trials, asks, limit):
    warnings.simplefilter("ignore")
    library, name = METHODS[method]
    study, spent, times = filled(library, name, dimensions, trials), 0.0, []
    while len(times) < asks and spent < 1e3 * limit:
        times.append(step(study, library, dimensions))
        spent += times[-1]
    pipe.send(times)


def measured(method, dimensions, trials, asks, limit):
    """Milliseconds of each ask and tell, in a process of its own."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(theirs, method, dimensions, trials, asks, limit), daemon=True)
    process.start()
    answered = ours.poll(600)
    times = ours.recv() if answered else []
    process.kill()
    process.join()
    return times


def shown(times):
    return f"{statistics.median(times):.3g}" if times else "–"


def behind_histories(arguments, methods):
    print("| parameters | trials | sampler | median | first | most |\n|---|---|---|---|---|---|")
    for dimensions in arguments.dimensions:
        for trials in arguments.trials:
            for method in methods:
                times = measured(method, dimensions, trials, arguments.asks + 1, arguments.limit)
                later = times[1:]
                most = f"{max(later):.3g}" if later else "–"
                cells = [dimensions, f"{trials:,}", method, shown(later), shown(times[:1]), most]
                print("| " + " | ".join(map(str, cells)) + " |", flush=True)


def growing(arguments, methods):
    ranges = [f"{low}–{high}" for low, high in RANGES]
    print(f"| parameters | sampler | {' | '.join(ranges)} |\n|---|---|{'---|' * len(ranges)}")
    for dimensions in arguments.dimensions:
        for method in methods:
            times = measured(method, dimensions, 0, RANGES[-1][1], 600)
            cells = [dimensions, method, *(shown(times[low:high]) for low, high in RANGES)]
            print("| " + " | ".join(map(str, cells)) + " |", flush=True)


def main():
    def numbers(text):
        return [int(number) for number in text.split(",")]

    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--methods", default=";".join(METHODS), help="names in the table, with semicolons between them")
    parser.add_argument("--dimensions", type=numbers, default=[6, 40])
    parser.add_argument("--trials", type=numbers, default=[100, 1000, 10000])
    parser.add_argument("--asks", type=int, default=40)
    parser.add_argument("--limit", type=float, default=30.0)
    parser.add_argument("--growing", action="store_true")
    arguments = parser.parse_args()
    # Before any library is loaded, and inherited by every process.
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS"):
        os.environ[name] = "1"
    versions, left_out = [], set()
    for library in ("optiformer", "optuna", "rustuna"):
        try:
            versions.append(f"{library} {importlib.metadata.version(library)}")
        except importlib.metadata.PackageNotFoundError:
            left_out.add(library)
    methods = [name for name in arguments.methods.split(";") if METHODS[name][0] not in left_out]
    print(f"{platform.machine()}, Python {platform.python_version()}, {', '.join(versions)}; milliseconds of the processor\n")
    (growing if arguments.growing else behind_histories)(arguments, methods)


if __name__ == "__main__":
    main()

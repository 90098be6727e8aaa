"""Grid search and Bayesian optimization by one call each, and files of what they found."""

import json
import os
import pathlib
import sys
import time
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Union

from ._minimize import Exceptions, _constrained, next_trial
from ._model import Model
from ._space import Space
from ._study import Study, ToldTrial

Path = Union[str, "os.PathLike[str]"]


class SearchResult(NamedTuple):
    """What a search found.

    Attributes:
        best_params: The best configuration, of those that violate no constraint; None where there is none.
        best_score: Its value; None where there is none.
        optimization_time: Seconds.
        all_results: The trials that have ended, in their order.
        converged: Whether the last third of the trials, and at least ten of them, improved nothing.
        study: The study, which can go on.
    """

    best_params: Optional[Dict[str, Any]]
    best_score: Optional[float]
    optimization_time: float
    all_results: List[ToldTrial]
    converged: bool
    study: Study

    @property
    def num_evaluations(self) -> int:
        """The number of trials that have ended."""
        return len(self.all_results)

    @property
    def num_feasible(self) -> int:
        """The number of finished trials that violate no constraint."""
        return sum(trial.value is not None and trial.is_feasible for trial in self.all_results)


def bayesian_optimization(
    objective: Callable[[Dict[str, Any]], Any],
    space: Union[Space, Mapping[str, Any]],
    n_calls: int = 50,
    *,
    direction: str = "minimize",
    constraints: Any = (),
    x0: Union[Mapping[str, Any], Sequence[Mapping[str, Any]]] = (),
    sampler: str = "auto",
    model: Optional[Model] = None,
    seed: int = 0,
    path: Optional[Path] = None,
    catch: Exceptions = (),
    verbose: bool = False,
) -> SearchResult:
    """Optimizes a function of a few parameters that is costly to evaluate.

    Args:
        objective: Gets a dictionary of the active parameters and returns its value; None, or a value that is not finite, for a
            trial that failed.
        space: What may be tried, a `Space` or the mapping that one is made of.
        n_calls: How often the objective is called, with the calls of a study in `path`.
        direction: "minimize" or "maximize".
        constraints: Names of values that shall be at most 0; the objective then returns `(value, constraints)`, these in their
            order or by name. Or SciPy's `NonlinearConstraint`s, as for `minimize`.
        x0: A configuration, or a list of them, to try first.
        sampler: One of the library's samplers, as for `Study`.
        model: Weights for "optiformer" and "auto".
        seed: Seed of all suggestions; the same seed and values give the same trials.
        path: A file that keeps the trials. The same call goes on where it was interrupted, and repeats nothing.
        catch: Exceptions of the objective by which a trial counts as failed; others end the search and reach the caller.
        verbose: Whether each trial is printed on standard error.

    Raises:
        Error: for a space or an option, naming it.
        ValueError: for a number of calls below 1, or an objective that returns other constraints than were named.
    """
    if n_calls < 1:
        raise ValueError(f"n_calls is {n_calls}, and at least one is needed")
    options = {"direction": direction, "sampler": sampler, "model": model, "seed": seed}
    return _search(objective, space, n_calls, options, constraints, x0, path, catch, verbose)


def grid_search(
    objective: Callable[[Dict[str, Any]], Any],
    space: Union[Space, Mapping[str, Any]],
    n_points: int = 3,
    *,
    order: str = "random",
    n_calls: Optional[int] = None,
    direction: str = "minimize",
    constraints: Any = (),
    seed: int = 0,
    path: Optional[Path] = None,
    catch: Exceptions = (),
    verbose: bool = False,
) -> SearchResult:
    """Tries every combination of evenly spaced values, each once.

    Args:
        n_points: Points in each dimension: floats have both ends, ints and steps have at most their values, and categories have all
            their choices.
        order: "random", drawn by the seed, or "given": the last parameter changes fastest.
        n_calls: How many of the points are tried; all of them when None.
        objective, space, direction, constraints, seed, path, catch, verbose: As for `bayesian_optimization`.

    Raises:
        Error: as `bayesian_optimization`, and for options of the grid.
        ValueError: as `bayesian_optimization`.
    """
    if n_calls is not None and n_calls < 1:
        raise ValueError(f"n_calls is {n_calls}, and at least one is needed")
    options = {"direction": direction, "sampler": f"grid:points={n_points},order={order}", "seed": seed}
    return _search(objective, space, n_calls, options, constraints, (), path, catch, verbose)


def save_results(result: SearchResult, folder: Path) -> None:
    """Writes what a search found, in a folder that is made where it is missing.

    `best_config.json` (not there without a feasible trial) and `optimization_results.json` are those of the tool's `--output`;
    `optimization_metadata.json` has sampler, seed, direction, constraints and the search space, `optimization_summary.txt` the best
    configuration for people.

    Raises:
        OSError: where a file cannot be written.
    """
    place = pathlib.Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    best = place / "best_config.json"
    if result.best_params is None:
        # That of an earlier search would be taken for this one's.
        best.unlink(missing_ok=True)
    else:
        _write_json(best, result.best_params)
    results = {**result.study.results(), "optimization_time": result.optimization_time}
    _write_json(place / "optimization_results.json", results)
    header = json.loads(result.study.save().partition("\n")[0])
    metadata = {name: header[name] for name in ("sampler", "seed", "direction", "constraints") if name in header}
    _write_json(place / "optimization_metadata.json", {**metadata, "search_space": header["space"]})
    (place / "optimization_summary.txt").write_text(_summary(result), encoding="utf-8")


def _search(
    objective: Callable[[Dict[str, Any]], Any],
    space: Union[Space, Mapping[str, Any]],
    n_calls: Optional[int],
    options: Dict[str, Any],
    constraints: Any,
    x0: Union[Mapping[str, Any], Sequence[Mapping[str, Any]]],
    path: Optional[Path],
    catch: Exceptions,
    verbose: bool,
) -> SearchResult:
    evaluate, names = _constrained(objective, constraints)
    if path is None:
        study = Study(space, constraints=names, **options)
    else:
        study = Study.open(path, space, constraints=names, **options)
    started = time.monotonic()
    try:
        _run(study, evaluate, n_calls, x0, catch, verbose)
        if path is None:
            return _result(study, time.monotonic() - started)
        # A copy in memory, so that the file is free for the next call.
        copied = Study.restore(study.save(), space if isinstance(space, Space) else Space(space), model=options.get("model"))
        return _result(copied, time.monotonic() - started)
    finally:
        if path is not None:
            study.close()


def _run(
    study: Study,
    evaluate: Callable[..., Any],
    n_calls: Optional[int],
    x0: Union[Mapping[str, Any], Sequence[Mapping[str, Any]]],
    catch: Exceptions,
    verbose: bool,
) -> None:
    counts = study.counts()
    done = counts.finished + counts.failed + counts.pruned
    if done + counts.pending == 0:
        for point in [x0] if isinstance(x0, Mapping) else x0:
            study.enqueue(point)
    while n_calls is None or done < n_calls:
        trial = next_trial(study)
        if trial is None:
            break
        try:
            value, measured = evaluate(dict(trial.parameters))
        except catch:
            value, measured = None, None
        study.tell(trial, value, constraints=measured)
        done += 1
        if verbose:
            told, best = study.told(trial), study.best()
            shown = "none" if best is None else f"{best.value:g}"
            print(f"trial {done}: {told.value} (best {shown}) {trial.parameters}", file=sys.stderr)


def _result(study: Study, seconds: float) -> SearchResult:
    found = study.best()
    best = None if found is None else study.told(found.id)
    if best is not None and not best.is_feasible:
        best = None
    return SearchResult(
        best_params=None if best is None else dict(best.parameters),
        best_score=None if best is None else best.value,
        optimization_time=seconds,
        all_results=study.trials,
        converged=study.results()["converged"],
        study=study,
    )


def _summary(result: SearchResult) -> str:
    lines = [f"{result.num_evaluations} trials in {result.optimization_time:.1f} s, {result.num_feasible} of them feasible"]
    if result.best_params is None:
        lines.append("best: none; every trial failed or violates a constraint")
    else:
        width = max(map(len, result.best_params), default=0)
        lines.append(f"best: {result.best_score:g}")
        lines.extend(f"  {name:{width}}  {value}" for name, value in result.best_params.items())
    return "\n".join(lines) + "\n"


def _write_json(path: pathlib.Path, document: Any) -> None:
    def plain(value: Any) -> Any:
        # Numbers of NumPy's, which choices may be.
        return value.item() if hasattr(value, "item") else str(value)

    path.write_text(json.dumps(document, indent=2, default=plain) + "\n", encoding="utf-8")

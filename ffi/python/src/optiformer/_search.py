"""Grid search and Bayesian optimization by one call each, and files of what they found."""

import json
import math
import os
import pathlib
import sys
import time
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Union

from ._library import Error
from ._minimize import _constrained
from ._space import Space
from ._study import Study, ToldTrial

# A study has converged if the last third of its trials, at least this many, improved nothing.
_MIN_STALE = 10


class SearchResult(NamedTuple):
    """What a search found.

    Attributes:
        best_params: The best configuration, of those that violate no constraint; None where there is none.
        best_score: Its value; None where there is none.
        optimization_time: Seconds.
        all_results: The trials that have ended, in their order.
        converged: Whether the last third of the trials improved nothing.
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
    x0: Sequence[Mapping[str, Any]] = (),
    sampler: str = "auto",
    seed: int = 0,
    verbose: bool = False,
) -> SearchResult:
    """Optimizes a function of a few parameters that is costly to evaluate.

    Args:
        objective: Gets a dictionary of the active parameters and returns its value; None, or a value that is not finite, for a
            trial that failed.
        space: What may be tried, a `Space` or the mapping that one is made of.
        n_calls: How often the objective is called.
        direction: "minimize" or "maximize".
        constraints: Names of values that shall be at most 0; the objective then returns `(value, constraints)`, these in their
            order or by name. Or SciPy's `NonlinearConstraint`s, as for `minimize`.
        x0: Configurations to try first; the first of them counts as the default that the search improves on.
        sampler: One of the library's samplers, as for `Study`.
        seed: Seed of all suggestions; the same seed and values give the same trials.
        verbose: Whether each trial is printed on standard error.

    Raises:
        Error: for a space or an option, naming it.
        ValueError: for a number of calls below 1, or an objective that returns other constraints than were named.
    """
    if n_calls < 1:
        raise ValueError(f"n_calls is {n_calls}, and at least one is needed")
    return _search(objective, space, n_calls, direction, constraints, x0, sampler, seed, verbose)


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
    verbose: bool = False,
) -> SearchResult:
    """Tries every combination of evenly spaced values, each once.

    Args:
        n_points: Points in each dimension: floats have both ends, ints and steps have at most their values, and categories have all
            their choices.
        order: "random", drawn by the seed, or "given": the last parameter changes fastest.
        n_calls: How many of the points are tried; all of them when None.
        objective, space, direction, constraints, seed, verbose: As for `bayesian_optimization`.

    Raises:
        Error: as `bayesian_optimization`, and for options of the grid.
    """
    if n_calls is not None and n_calls < 1:
        raise ValueError(f"n_calls is {n_calls}, and at least one is needed")
    sampler = f"grid:points={n_points},order={order}"
    return _search(objective, space, n_calls, direction, constraints, (), sampler, seed, verbose)


def save_results(result: SearchResult, folder: Union[str, "os.PathLike[str]"]) -> None:
    """Writes what a search found as the files that the tool's `--output` writes.

    `best_config.json` (not there without a feasible trial), `optimization_results.json`, `optimization_metadata.json` and
    `optimization_summary.txt`, in a folder that is made where it is missing.

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
    numbers = {
        "best_score": result.best_score,
        "optimization_time": result.optimization_time,
        "num_evaluations": result.num_evaluations,
        "num_feasible": result.num_feasible,
        "converged": result.converged,
        "all_results": [_described(trial) for trial in result.all_results],
    }
    _write_json(place / "optimization_results.json", numbers)
    header = json.loads(result.study.save().partition("\n")[0])
    metadata = {name: header[name] for name in ("sampler", "seed", "direction", "constraints") if name in header}
    _write_json(place / "optimization_metadata.json", {**metadata, "search_space": header["space"]})
    (place / "optimization_summary.txt").write_text(_summary(result), encoding="utf-8")


def _search(
    objective: Callable[[Dict[str, Any]], Any],
    space: Union[Space, Mapping[str, Any]],
    n_calls: Optional[int],
    direction: str,
    constraints: Any,
    x0: Sequence[Mapping[str, Any]],
    sampler: str,
    seed: int,
    verbose: bool,
) -> SearchResult:
    evaluate, names = _constrained(objective, constraints)
    study = Study(space, direction=direction, sampler=sampler, seed=seed, constraints=names)
    for point in [x0] if isinstance(x0, Mapping) else x0:
        study.enqueue(point)
    sign, started = -1.0 if direction == "maximize" else 1.0, time.monotonic()
    told: List[ToldTrial] = []
    best: Optional[ToldTrial] = None
    while n_calls is None or len(told) < n_calls:
        try:
            trial = study.ask()
        except Error as error:
            if error.name != "EXHAUSTED":
                raise
            break
        value, measured = evaluate(dict(trial.parameters))
        study.tell(trial, value, constraints=measured)
        told.append(study.told(trial))
        if told[-1].value is not None and told[-1].is_feasible and (best is None or sign * told[-1].value < sign * best.value):
            best = told[-1]
        if verbose:
            best_value = "none" if best is None else f"{best.value:g}"
            print(f"trial {len(told)}: {told[-1].value} (best {best_value}) {trial.parameters}", file=sys.stderr)
    stale = 0 if best is None else sum(trial.id > best.id for trial in told)
    return SearchResult(
        best_params=None if best is None else dict(best.parameters),
        best_score=None if best is None else best.value,
        optimization_time=time.monotonic() - started,
        all_results=told,
        converged=stale >= _MIN_STALE and 3 * stale >= len(told),
        study=study,
    )


def _described(trial: ToldTrial) -> Dict[str, Any]:
    described = {"id": trial.id, "params": trial.parameters, "score": trial.value}
    if trial.value is None:
        described["failed"] = True
    if trial.constraints is not None:
        described.update(constraints=trial.constraints, feasible=trial.is_feasible)
    return described


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

    def finite(value: Any) -> Any:
        if isinstance(value, float) and not math.isfinite(value):
            return None
        if isinstance(value, dict):
            return {name: finite(its) for name, its in value.items()}
        return [finite(its) for its in value] if isinstance(value, (list, tuple)) else value

    path.write_text(json.dumps(finite(document), indent=2, default=plain) + "\n", encoding="utf-8")

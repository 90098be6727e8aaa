"""Minimization by one call, in the manner of SciPy."""

import math
import sys
import time
from collections.abc import Generator, Mapping
from typing import Any, Callable, Optional, Sequence, Tuple, Type, Union

from ._library import Error
from ._model import Model
from ._space import Space
from ._study import Study, ToldTrial, Trial, Trial

Exceptions = Union[Type[BaseException], Tuple[Type[BaseException], ...]]


class OptimizeResult(dict):
    """What a minimization found: a dictionary whose entries are attributes too, as SciPy's is.

    Attributes:
        x: The best configuration, as the objective got it; None when no trial has finished.
        fun: Its value; NaN when no trial has finished.
        nfev: How often the objective was called.
        nfail: How many of these trials failed.
        npruned: How many of them were ended early by the pruner.
        constraints: The values of the constraints at `x`, by name; None without constraints.
        maxcv: The largest violation of a constraint at `x`: 0 where all hold; NaN when no trial has finished.
        trials: All trials in their order, each with `id`, `parameters`, `value`, which is None for one that failed or was
            pruned, `state`, `constraints` and `reports`.
        success: Whether any trial has finished, and violates no constraint.
        status: 0 after all trials, 1 when the callback stopped, 2 when the time was up, 3 when everything has been tried.
        message: The status in words.
    """

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    __setattr__ = dict.__setitem__
    __delattr__ = dict.__delitem__

    def __dir__(self):
        return list(self)

    def __repr__(self) -> str:
        width = max(map(len, self), default=0)
        shown = {name: f"{len(value)} trials" if name == "trials" else repr(value) for name, value in self.items()}
        return "\n".join(f"{name:>{width}}: {value}" for name, value in shown.items())


MESSAGES = (
    "All trials were made.",
    "The callback stopped the minimization.",
    "The time was up.",
    "Everything has been tried.",
)


def minimize(
    fun: Callable[..., Any],
    space: Union[Space, Mapping[str, Any], Sequence[Tuple[float, float]]],
    trials: int = 100,
    *,
    args: Tuple[Any, ...] = (),
    x0: Any = None,
    callback: Optional[Callable[[OptimizeResult], Any]] = None,
    catch: Exceptions = (),
    timeout: Optional[float] = None,
    seed: int = 0,
    sampler: str = "auto",
    model: Optional[Model] = None,
    constraints: Any = (),
    pruner: Optional[str] = None,
) -> OptimizeResult:
    """Minimizes a function of a few parameters that is costly to evaluate.

    Args:
        fun: The objective, `fun(x, *args)`. It gets a dictionary of the active parameters; where `space` is a sequence of
            bounds, an array of NumPy's where that is imported, else a list of floats. A trial for which it returns None or a value
            that is not finite has failed, and is avoided. A generator yields intermediate values, of the steps 1, 2 and so on,
            before it returns its value; values that are not finite are left out.
        space: What may be tried: a `Space`, the mapping that one is made of, or pairs of bounds as SciPy takes them.
        trials: How many trials are made.
        args: What `fun` gets besides.
        x0: A configuration, or a list of them, to try first.
        callback: Called after each trial with the result so far, by position. When it returns something true or raises
            StopIteration, the minimization ends.
        catch: Exceptions of `fun` by which a trial counts as failed; others end the minimization and reach the caller.
        timeout: Seconds after which no further trial begins.
        seed: Seed of all suggestions; the same seed and values give the same trials.
        sampler: One of the library's samplers, as for `Study`.
        model: Weights for "optiformer", "auto" and "hyperband".
        constraints: What shall hold, which the samplers learn from the trials. Either names of values that shall be at
            most 0: `fun` then returns its value and these, `(value, constraints)`, in their order or by name, with a value
            of None for a trial that failed after they were measured. Or constraints as SciPy has them,
            a `NonlinearConstraint` (lb <= fun(x) <= ub) or a list of them; they are evaluated behind `fun`.
        pruner: The rule that closes generators whose intermediate values are poor, as for `Study`.

    Raises:
        Error: for a space or an option, naming it.
        ValueError: for a number of trials below 1, an `x0` that is not in the space, or a `fun` that gives other constraints
            than were named.
    """
    if trials < 1:
        raise ValueError(f"trials is {trials}, and at least one is needed")
    is_box = not isinstance(space, (Space, Mapping, str))
    if is_box:
        space = {f"x{place}": (float(low), float(high)) for place, (low, high) in enumerate(_pairs(space))}
    objective = _Objective(fun)
    evaluate, names = _constrained(objective, constraints)
    study = Study(space, seed=seed, sampler=sampler, model=model, constraints=names, pruner=pruner)
    for point in _starts(x0, is_box):
        study.enqueue(dict(zip(space, point)) if is_box else point)
    started, best = time.monotonic(), None
    told = []
    for _ in range(trials):
        if timeout is not None and time.monotonic() - started >= timeout:
            return _result(told, best, is_box, 2)
        trial = next_trial(study)
        if trial is None:
            return _result(told, best, is_box, 3)
        objective.begin(study, trial)
        try:
            value, measured = evaluate(_argument(trial.parameters, is_box), *args)
        except _Pruned:
            study.tell_pruned(trial)
        except catch:
            study.tell(trial, None)
        else:
            study.tell(trial, value, constraints=measured)
        told.append(study.told(trial))
        found = study.best()
        best = None if found is None else study.told(found.id)
        if callback is not None and _stops(callback, _result(told, best, is_box, 0)):
            return _result(told, best, is_box, 1)
    return _result(told, best, is_box, 0)


class _Pruned(BaseException):
    """That the pruner ended a trial; no exception of the objective's, which `catch` may name."""


class _Objective:
    """A function, or a generator whose intermediate values are reported."""

    def __init__(self, fun: Callable[..., Any]) -> None:
        self.fun = fun

    def begin(self, study: Study, trial: Trial) -> None:
        """Says whose values come next."""
        self.study, self.trial = study, trial

    def __call__(self, *point: Any) -> Any:
        returned = self.fun(*point)
        if not isinstance(returned, Generator):
            return returned
        step = 0
        while True:
            try:
                value = float(next(returned))
            except StopIteration as ended:
                return ended.value
            step += 1
            if not math.isfinite(value):
                continue
            self.study.report(self.trial, step, value)
            if self.study.should_stop(self.trial):
                returned.close()
                raise _Pruned


def next_trial(study: Study) -> Optional[Trial]:
    """The next trial; None where everything has been tried."""
    try:
        return study.ask()
    except Error as error:
        if error.name == "EXHAUSTED":
            return None
        raise


def _constrained(fun: Callable[..., Any], constraints: Any) -> Tuple[Callable[..., Any], Sequence[str]]:
    """A function that gives the value and the constraints, and the names of these."""
    if isinstance(constraints, str):
        raise TypeError(f"constraints are a list of names, not the text {constraints!r}")
    if hasattr(constraints, "lb"):
        constraints = [constraints]
    constraints = list(constraints)
    if not constraints:
        return (lambda *point: (fun(*point), None)), ()
    if all(isinstance(name, str) for name in constraints):
        return (lambda *point: _pair(fun(*point), constraints)), constraints
    sides = [_sides(place, constraint) for place, constraint in enumerate(constraints)]
    names = [name for its_names, _ in sides for name in its_names]

    def evaluate(x: Any, *rest: Any) -> Any:
        value = fun(x, *rest)
        return value, [number for _, numbers in sides for number in numbers(x)]

    return evaluate, names


def _pair(returned: Any, names: Sequence[str]) -> Any:
    if returned is None:
        return None, None
    if not isinstance(returned, tuple) or len(returned) != 2:
        raise ValueError(f"fun returned {returned!r}, and with constraints it returns (value, constraints)")
    value, measured = returned
    if measured is not None and len(measured) != len(names):
        raise ValueError(f"fun returned {len(measured)} values of the constraints {', '.join(names)}")
    return value, measured


def _sides(place: int, constraint: Any) -> Tuple[Sequence[str], Callable[[Any], Any]]:
    """A constraint of SciPy's as names and values that shall be at most 0, one for each bound that is finite."""
    if not all(hasattr(constraint, name) for name in ("fun", "lb", "ub")):
        raise TypeError(f"constraint {place}: {constraint!r} is no name and no NonlinearConstraint")
    bounds = [_flat(constraint.lb), _flat(constraint.ub)]
    count = max(map(len, bounds))
    low, high = (bound * count if len(bound) == 1 else bound for bound in bounds)
    if len(low) != len(high):
        raise ValueError(f"constraint {place}: {len(low)} lower and {len(high)} upper bounds")
    kept = [(index, -1.0, bound) for index, bound in enumerate(low) if bound > -math.inf]
    kept += [(index, 1.0, bound) for index, bound in enumerate(high) if bound < math.inf]
    names = [f"c{place}[{index}] {'<=' if sign > 0 else '>='} {bound:g}" for index, sign, bound in kept]

    def values(x: Any) -> Sequence[float]:
        numbers = _flat(constraint.fun(x))
        if len(numbers) != count and count > 1:
            raise ValueError(f"constraint {place}: its function gives {len(numbers)} values, and it has {count} bounds")
        if count == 1 and len(numbers) > 1:
            # One pair of bounds is for every value; of these the worst decides.
            return [max(sign * (number - bound) for number in numbers) for _, sign, bound in kept]
        return [sign * (numbers[index] - bound) for index, sign, bound in kept]

    return names, values


def _flat(values: Any) -> Sequence[float]:
    return [float(value) for value in values] if hasattr(values, "__len__") else [float(values)]


def _pairs(bounds: Any) -> Any:
    # SciPy's Bounds has two arrays.
    return list(zip(bounds.lb, bounds.ub)) if hasattr(bounds, "lb") and hasattr(bounds, "ub") else bounds


def _starts(x0: Any, is_box: bool) -> Sequence[Any]:
    if x0 is None:
        return ()
    if is_box:
        # One point is a sequence of numbers, several are a sequence of points.
        return x0 if len(x0) and hasattr(x0[0], "__len__") else [x0]
    return [x0] if isinstance(x0, Mapping) else x0


def _argument(parameters: Any, is_box: bool) -> Any:
    if not is_box:
        return dict(parameters)
    values = list(parameters.values())
    numpy = sys.modules.get("numpy")
    return values if numpy is None else numpy.array(values)


def _stops(callback: Callable[[OptimizeResult], Any], result: OptimizeResult) -> bool:
    try:
        return bool(callback(result))
    except StopIteration:
        return True


def _result(told: Sequence[ToldTrial], best: Optional[ToldTrial], is_box: bool, status: int) -> OptimizeResult:
    states = [trial.state for trial in told]
    constraints = None if best is None else best.constraints
    return OptimizeResult(
        x=None if best is None else _argument(best.parameters, is_box),
        fun=float("nan") if best is None else best.value,
        nfev=len(told),
        nfail=states.count("failed"),
        npruned=states.count("pruned"),
        constraints=constraints,
        maxcv=float("nan") if best is None else max([0.0, *(constraints or {}).values()]),
        trials=list(told),
        success=best is not None and best.is_feasible,
        status=status,
        message=MESSAGES[status],
    )

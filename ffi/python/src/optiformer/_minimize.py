"""Minimization by one call, in the manner of SciPy."""

import sys
import time
from collections.abc import Mapping
from typing import Any, Callable, Optional, Sequence, Tuple, Type, Union

from ._model import Model
from ._space import Space
from ._study import Study, ToldTrial

Exceptions = Union[Type[BaseException], Tuple[Type[BaseException], ...]]


class OptimizeResult(dict):
    """What a minimization found: a dictionary whose entries are attributes too, as SciPy's is.

    Attributes:
        x: The best configuration, as the objective got it; None when no trial has finished.
        fun: Its value; NaN when no trial has finished.
        nfev: How often the objective was called.
        nfail: How many of these trials failed.
        trials: All trials in their order, each with `id`, `parameters` and `value`, which is None for a failed one.
        success: Whether any trial has finished.
        status: 0 after all trials, 1 when the callback stopped, 2 when the time was up.
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


MESSAGES = ("All trials were made.", "The callback stopped the minimization.", "The time was up.")


def minimize(
    fun: Callable[..., Optional[float]],
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
) -> OptimizeResult:
    """Minimizes a function of a few parameters that is costly to evaluate.

    Args:
        fun: The objective, `fun(x, *args)`. It gets a dictionary of the active parameters; where `space` is a sequence of
            bounds, an array of NumPy's where that is imported, else a list of floats. A trial for which it returns None or a value
            that is not finite has failed, and is avoided.
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
        model: Weights for "optiformer".

    Raises:
        Error: for a space or an option, naming it.
        ValueError: for a number of trials below 1, or an `x0` that is not in the space.
    """
    if trials < 1:
        raise ValueError(f"trials is {trials}, and at least one is needed")
    is_box = not isinstance(space, (Space, Mapping, str))
    if is_box:
        space = {f"x{place}": (float(low), float(high)) for place, (low, high) in enumerate(_pairs(space))}
    study = Study(space, seed=seed, sampler=sampler, model=model)
    for point in _starts(x0, is_box):
        study.enqueue(dict(zip(space, point)) if is_box else point)
    started, failures, best = time.monotonic(), 0, None
    told = []
    for _ in range(trials):
        if timeout is not None and time.monotonic() - started >= timeout:
            return _result(told, best, failures, is_box, 2)
        trial = study.ask()
        try:
            value = fun(_argument(trial.parameters, is_box), *args)
        except catch:
            value = None
        study.tell(trial, value)
        told.append(study.told(trial))
        value = told[-1].value
        failures += value is None
        if value is not None and (best is None or value < best.value):
            best = told[-1]
        if callback is not None and _stops(callback, _result(told, best, failures, is_box, 0)):
            return _result(told, best, failures, is_box, 1)
    return _result(told, best, failures, is_box, 0)


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


def _result(
    told: Sequence[ToldTrial], best: Optional[ToldTrial], failures: int, is_box: bool, status: int
) -> OptimizeResult:
    return OptimizeResult(
        x=None if best is None else _argument(best.parameters, is_box),
        fun=float("nan") if best is None else best.value,
        nfev=len(told),
        nfail=failures,
        trials=list(told),
        success=best is not None,
        status=status,
        message=MESSAGES[status],
    )

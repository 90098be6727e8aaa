"""Suggestions without a study."""

import array
import ctypes
import sys
from typing import Any, List, Optional, Sequence, Tuple

from ._cache import Cache
from ._library import SuggestOptions, call, doubles, encoded, integer, is_array, matrix, pointer, unsigned
from ._model import Model
from ._space import Space


def suggest(
    space: Space,
    history: Any = (),
    losses: Sequence[float] = (),
    pending: Any = (),
    *,
    count: int = 1,
    seed: int = 0,
    number: int = 0,
    sampler: str = "auto",
    model: Optional[Model] = None,
    cache: Optional[Cache] = None,
    constraints: Any = None,
) -> Any:
    """The next configurations to try, to minimize a loss: a pure function of its arguments.

    A configuration is a list of floats: a choice by its place, NaN for a parameter that is not active. A history that is an
    array of NumPy's is taken as it is, and the suggestions are then rows of an array too.

    Args:
        space: What may be tried.
        history: The configurations that were tried, in order: [trials, parameters].
        losses: How they went, to be minimized; not finite for a failed trial, which is avoided. Of several objectives
            [trials, objectives]: they count as in a study, suggestion by suggestion in another combination.
        pending: Configurations without an outcome so far: [trials, parameters].
        count: How many suggestions are wanted; each takes those before it for pending.
        seed: The study's seed.
        number: The number of the trial that is asked for, from 0.
        sampler: "auto", "optiformer", "gp", "tpe", "cma_es", "local_search", "grid", "sobol" or "random".
        model: Weights for "optiformer" and "auto"; those that are part of the library if None.
        cache: What is kept from call to call, to make later ones faster.
        constraints: The values of the constraints, [trials, constraints]: at most 0 where it holds, not finite where it was not
            measured. A trial that lacks some of them counts as one that lacks them all, and as failed where one that it has
            is above 0.

    Raises:
        Error: "INVALID_VALUE", naming array, row and parameter; "UNSUPPORTED" for more parameters or choices than
            the model has names for.
    """
    count = integer("count", count, 0, 2**31)
    options = _options(sampler, model, seed, number, cache)
    with space._lock:
        request = _request(space, options, history, losses, pending, constraints)
        size = len(space)
        out = (ctypes.c_double * (count * size))()
        call("optiformer_suggest", *request, out, count)
    if is_array(history):
        return sys.modules["numpy"].array(out, dtype=float).reshape(count, size)
    return [list(out[row * size : (row + 1) * size]) for row in range(count)]


def choose(
    space: Space,
    candidates: Any,
    history: Any = (),
    losses: Sequence[float] = (),
    pending: Any = (),
    *,
    seed: int = 0,
    number: int = 0,
    sampler: str = "auto",
    model: Optional[Model] = None,
    cache: Optional[Cache] = None,
    constraints: Any = None,
) -> Tuple[List[int], List[float]]:
    """The order in which to try given configurations: the rows of a table, or a feasible set that no space describes.

    Args:
        space: What may be tried.
        candidates: The configurations to rank: [candidates, parameters]. Tried ones are ranked with the others.
        history, losses, pending, seed, number, sampler, model, cache, constraints: As for `suggest`.

    Returns:
        The candidates' places in `candidates`, the most promising first (in random order before two trials have
        succeeded); and what each candidate is ranked by, in the order of `candidates`, larger is better: the expected
        improvement, or for "tpe" the logarithm of the ratio of densities; NaN where the sampler has no such number.

    Raises:
        Error: As `suggest`; "INVALID_VALUE" without candidates; "UNSUPPORTED" for "sobol" and "cma_es".
    """
    options = _options(sampler, model, seed, number, cache)
    with space._lock:
        request = _request(space, options, history, losses, pending, constraints)
        given, count = matrix("candidates", candidates, len(space))
        order = (ctypes.c_size_t * count)()
        ratings = (ctypes.c_double * count)()
        call("optiformer_choose", *request, given, count, order, ratings)
    return list(order), list(ratings)


def suggest_flat(
    space: Space,
    rows: "array.array[float]",
    losses: "array.array[float]",
    pending: Sequence[Sequence[float]],
    *,
    seed: int,
    number: int,
    sampler: str,
    model: Optional[Model],
    cache: Cache,
    objective_count: int = 1,
    constraints: Optional["array.array[float]"] = None,
    constraint_count: int = 0,
) -> List[float]:
    """One suggestion, as `suggest` makes it, from rows that lie one after the other: nothing is converted for each call."""
    options = _options(sampler, model, seed, number, cache)
    options.objective_count = objective_count
    if constraints is not None:
        options.constraints, options.constraint_count = pointer(constraints), constraint_count
    with space._lock:
        size = len(space)
        waiting, _ = matrix("pending", pending, size)
        out = (ctypes.c_double * size)()
        finished = len(losses) // objective_count
        call(
            "optiformer_suggest",
            space._handle,
            ctypes.byref(options),
            pointer(rows),
            pointer(losses),
            finished,
            waiting,
            len(pending),
            out,
            1,
        )
    return list(out)


def _request(
    space: Space, options: SuggestOptions, history: Any, losses: Any, pending: Any, constraints: Any
) -> Tuple[Any, ...]:
    """The arguments that the calls share: space, options and the trials so far. The space is locked."""
    if len(history) != len(losses):
        raise ValueError(f"{len(history)} trials and {len(losses)} losses")
    size = len(space)
    finished, _ = matrix("history", history, size)
    running, waiting = matrix("pending", pending, size)
    if len(losses) and hasattr(losses[0], "__len__"):
        options.objective_count = len(losses[0])
        told, _ = matrix("losses", losses, len(losses[0]), "objectives")
    else:
        told = doubles(losses)
    if constraints is not None:
        if len(constraints) != len(history):
            raise ValueError(f"{len(history)} trials and {len(constraints)} rows of constraints")
        options.constraint_count = len(constraints[0]) if len(constraints) else 0
        # The struct has the address alone; this keeps what is there.
        options.held, _ = matrix("constraints", constraints, options.constraint_count, "constraints")
        options.constraints = options.held
    return space._handle, ctypes.byref(options), finished, told, len(losses), running, waiting


def _options(
    sampler: str, model: Optional[Model], seed: int, number: int, cache: Optional[Cache]
) -> SuggestOptions:
    return SuggestOptions(
        struct_size=ctypes.sizeof(SuggestOptions),
        sampler=encoded("sampler", sampler),
        model=model._handle if model is not None else None,
        seed=unsigned("seed", seed),
        number=unsigned("number", number),
        cache=cache._handle if cache is not None else None,
    )

"""Suggestions without a study."""

import ctypes
from typing import List, Optional, Sequence

from ._library import SuggestOptions, call, doubles, encoded, integer, unsigned
from ._model import Model
from ._space import Space


def suggest(
    space: Space,
    history: Sequence[Sequence[float]] = (),
    losses: Sequence[float] = (),
    pending: Sequence[Sequence[float]] = (),
    *,
    count: int = 1,
    seed: int = 0,
    number: int = 0,
    sampler: str = "auto",
    model: Optional[Model] = None,
) -> List[List[float]]:
    """The next configurations to try, to minimize a loss: a pure function of its arguments.

    A configuration is a list of floats: a choice by its place, NaN for a parameter that is not active.

    Args:
        space: What may be tried.
        history: The configurations that were tried, in order.
        losses: How they went, to be minimized; not finite for a failed trial, which is avoided.
        pending: Configurations without an outcome so far.
        count: How many suggestions are wanted; each takes those before it for pending.
        seed: The study's seed.
        number: The number of the trial that is asked for, from 0.
        sampler: "auto", "optiformer", "gp", "tpe", "cma_es", "local_search", "sobol" or "random".
        model: Weights for "optiformer"; those that are part of the library if None. "auto" takes them, but has no
            place for them as yet.

    Raises:
        Error: "INVALID_VALUE", naming array, row and parameter; "UNSUPPORTED" for more parameters or choices than
            the model has names for.
    """
    if len(history) != len(losses):
        raise ValueError(f"{len(history)} trials and {len(losses)} losses")
    count = integer("count", count, 0, 2**31)
    options = SuggestOptions(
        struct_size=ctypes.sizeof(SuggestOptions),
        sampler=encoded("sampler", sampler),
        model=model._handle if model is not None else None,
        seed=unsigned("seed", seed),
        number=unsigned("number", number),
    )
    with space._lock:
        size = len(space)
        for name, rows in (("history", history), ("pending", pending)):
            for index, row in enumerate(rows):
                if len(row) != size:
                    raise ValueError(f"{name}, row {index}: {len(row)} values for {size} parameters")
        out = (ctypes.c_double * (count * size))()
        call(
            "optiformer_suggest",
            space._handle,
            ctypes.byref(options),
            doubles([value for row in history for value in row]),
            doubles(losses),
            len(losses),
            doubles([value for row in pending for value in row]),
            len(pending),
            out,
            count,
        )
    return [list(out[row * size : (row + 1) * size]) for row in range(count)]

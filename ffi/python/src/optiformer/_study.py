"""Ask and tell."""

import ctypes
import math
from typing import Any, Dict, NamedTuple, Optional

from ._library import Error, ExplanationStruct, Handle, StudyOptions, call, doubles, encoded, unsigned
from ._model import Model
from ._space import Space


class Trial(NamedTuple):
    """A configuration with the id to tell its outcome by; parameters that are not active are missing."""

    id: int
    parameters: Dict[str, Any]


class Best(NamedTuple):
    """A finished trial."""

    id: int
    parameters: Dict[str, Any]
    value: float


class Explanation(NamedTuple):
    """Why a trial was suggested, in units of the objective; the numbers are NaN where nothing was predicted.

    Attributes:
        sampler: The sampler that suggested it; under "auto" the one that was asked.
        origin: "policy": drawn from the transformer's policy; "neighbor" of a good trial; "spread": a point of an even
            spread; "refined" to where the acquisition is largest; "step" of a local model; "draw": anything else.
        median: The median of the predicted values.
        deviation: Half of the range of about two thirds of the predicted values.
        improvement: By how much the best value is expected to improve; at least 0.
    """

    sampler: str
    origin: str
    median: float
    deviation: float
    improvement: float


class Counts(NamedTuple):
    """How many trials there are of each state."""

    finished: int
    failed: int
    pending: int


class Study(Handle):
    """One optimization, which hands out trials and is told how they went.

    Threads that share a study wait for each other. Any number of trials may be pending.

    Args:
        space: What may be tried; later changes of it have no effect.
        direction: "minimize" or "maximize".
        seed: Seed of all suggestions; the same seed and answers give the same study.
        sampler: "auto", "optiformer", "gp", "tpe", "cma_es", "local_search", "sobol" or "random".
        model: Weights for "optiformer"; the ones that are part of the library when None. "auto" takes them, but has no
            place for them as yet.

    Raises:
        Error: naming the option.
    """

    _free = "optiformer_study_free"

    def __init__(
        self,
        space: Space,
        *,
        direction: str = "minimize",
        seed: int = 0,
        sampler: str = "auto",
        model: Optional[Model] = None,
    ) -> None:
        if direction not in ("minimize", "maximize"):
            raise ValueError(f"direction is 'minimize' or 'maximize', not {direction!r}")
        options = StudyOptions(
            struct_size=ctypes.sizeof(StudyOptions),
            direction=int(direction == "maximize"),
            sampler=encoded("sampler", sampler),
            model=model._handle if model is not None else None,
            seed=unsigned("seed", seed),
        )
        with space._lock:
            super().__init__("optiformer_study_new", space._handle, ctypes.byref(options))
            self._layout = space._layout.copy()
        self._count = len(self._layout.names)

    def ask(self) -> Trial:
        """The next trial."""
        trial, values = ctypes.c_uint64(), (ctypes.c_double * self._count)()
        self._call("optiformer_study_ask", ctypes.byref(trial), values, self._count)
        return Trial(trial.value, self._layout.parameters(list(values)))

    def tell(self, trial: int, value: Optional[float]) -> None:
        """How a trial went; None, or a value that is not finite, for a failed one.

        Raises:
            Error: "UNKNOWN_TRIAL" or "ALREADY_TOLD".
        """
        trial = unsigned("trial", trial)
        self._call("optiformer_study_tell", trial, math.nan if value is None else value)

    def tell_failed(self, trial: int) -> None:
        """That a trial failed: it is kept, and avoided."""
        self._call("optiformer_study_tell_failed", unsigned("trial", trial))

    def add(self, parameters: Dict[str, Any], value: Optional[float]) -> int:
        """Adds a trial that was made elsewhere, and returns its id."""
        trial, values = ctypes.c_uint64(), doubles(self._layout.values(parameters))
        value = math.nan if value is None else value
        self._call("optiformer_study_add", values, self._count, value, ctypes.byref(trial))
        return trial.value

    def enqueue(self, parameters: Dict[str, Any]) -> None:
        """A configuration to try before any other."""
        values = doubles(self._layout.values(parameters))
        self._call("optiformer_study_enqueue", values, self._count)

    def best(self) -> Optional[Best]:
        """The best trial so far; None when none has finished."""
        trial, value = ctypes.c_uint64(), ctypes.c_double()
        values = (ctypes.c_double * self._count)()
        out = ctypes.byref(trial), values, self._count, ctypes.byref(value)
        try:
            self._call("optiformer_study_best", *out)
        except Error as error:
            if error.name == "NOT_FOUND":
                return None
            raise
        return Best(trial.value, self._layout.parameters(list(values)), value.value)

    def explain(self, trial: int) -> Explanation:
        """Why a trial, which is pending, was suggested.

        Raises:
            Error: "UNKNOWN_TRIAL"; "NOT_FOUND" for a trial that was told, enqueued or added.
        """
        out = ExplanationStruct(struct_size=ctypes.sizeof(ExplanationStruct))
        self._call("optiformer_study_explain", unsigned("trial", trial), ctypes.byref(out))
        return Explanation(out.sampler.decode(), out.origin.decode(), out.median, out.deviation, out.improvement)

    def counts(self) -> Counts:
        """How many trials have finished, failed, and are pending."""
        counts = [ctypes.c_size_t() for _ in Counts._fields]
        self._call("optiformer_study_counts", *map(ctypes.byref, counts))
        return Counts(*(count.value for count in counts))

    def _call(self, function: str, *arguments: Any) -> None:
        with self._lock:
            call(function, self._handle, *arguments)

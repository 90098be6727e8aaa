"""Ask and tell."""

import ctypes
import math
from collections.abc import Mapping
from typing import Any, Dict, List, NamedTuple, Optional, Union

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


class ToldTrial(NamedTuple):
    """A trial that was told or added.

    Attributes:
        id: Its number, counted from 0 in the order in which trials were asked for or added.
        parameters: Its configuration, without the parameters that were not active.
        value: How it went; None for a failed one.
    """

    id: int
    parameters: Dict[str, Any]
    value: Optional[float]


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
        space: What may be tried, a `Space` or the mapping that one is made of; later changes of it have no effect.
        direction: "minimize" or "maximize".
        seed: Seed of all suggestions; the same seed and answers give the same study.
        sampler: "auto", "optiformer", "gp", "tpe", "cma_es", "local_search", "grid", "sobol" or "random".
        model: Weights for "optiformer" and "auto"; the ones that are part of the library when None.

    Raises:
        Error: naming the option.
    """

    _free = "optiformer_study_free"

    def __init__(
        self,
        space: Union[Space, Mapping[str, Any]],
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
        space = space if isinstance(space, Space) else Space(space)
        with space._lock:
            super().__init__("optiformer_study_new", space._handle, ctypes.byref(options))
            self._layout = space._layout.copy()
        self._count = len(self._layout.names)
        self._pending: Dict[int, Dict[str, Any]] = {}
        self._told: Dict[int, ToldTrial] = {}

    def ask(self) -> Trial:
        """The next trial."""
        trial, values = ctypes.c_uint64(), (ctypes.c_double * self._count)()
        with self._lock:
            call("optiformer_study_ask", self._handle, ctypes.byref(trial), values, self._count)
            parameters = self._layout.parameters(list(values))
            # A copy, so that the caller may change what it gets.
            self._pending[trial.value] = dict(parameters)
        return Trial(trial.value, parameters)

    def tell(self, trial: Union[int, Trial], value: Optional[float]) -> None:
        """How a trial, or the one with an id, went; None, or a value that is not finite, for a failed one.

        Raises:
            Error: "UNKNOWN_TRIAL" or "ALREADY_TOLD".
        """
        number = _identity(trial)
        value = math.nan if value is None else float(value)
        with self._lock:
            call("optiformer_study_tell", self._handle, number, value)
            self._record(number, self._pending.pop(number), value)

    def tell_failed(self, trial: Union[int, Trial]) -> None:
        """That a trial failed: it is kept, and avoided."""
        self.tell(trial, None)

    def add(self, parameters: Mapping[str, Any], value: Optional[float]) -> int:
        """Adds a trial that was made elsewhere, and returns its id."""
        trial, values = ctypes.c_uint64(), doubles(self._layout.values(parameters))
        value = math.nan if value is None else float(value)
        with self._lock:
            call("optiformer_study_add", self._handle, values, self._count, value, ctypes.byref(trial))
            self._record(trial.value, self._layout.parameters(list(values)), value)
        return trial.value

    def told(self, trial: Union[int, Trial]) -> ToldTrial:
        """A trial that was told or added.

        Raises:
            KeyError: for any other.
        """
        with self._lock:
            return self._told[_identity(trial)]

    @property
    def trials(self) -> List[ToldTrial]:
        """The trials that were told or added, in the order of their ids."""
        with self._lock:
            return [self._told[number] for number in sorted(self._told)]

    @property
    def pending(self) -> List[Trial]:
        """The trials without an outcome so far, in the order of their ids."""
        with self._lock:
            return [Trial(number, dict(parameters)) for number, parameters in sorted(self._pending.items())]

    def enqueue(self, parameters: Mapping[str, Any]) -> None:
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

    def explain(self, trial: Union[int, Trial]) -> Explanation:
        """Why a trial, which is pending, was suggested.

        Raises:
            Error: "UNKNOWN_TRIAL"; "NOT_FOUND" for a trial that was told, enqueued or added.
        """
        out = ExplanationStruct(struct_size=ctypes.sizeof(ExplanationStruct))
        self._call("optiformer_study_explain", _identity(trial), ctypes.byref(out))
        return Explanation(out.sampler.decode(), out.origin.decode(), out.median, out.deviation, out.improvement)

    def counts(self) -> Counts:
        """How many trials have finished, failed, and are pending."""
        counts = [ctypes.c_size_t() for _ in Counts._fields]
        self._call("optiformer_study_counts", *map(ctypes.byref, counts))
        return Counts(*(count.value for count in counts))

    def _record(self, number: int, parameters: Dict[str, Any], value: float) -> None:
        self._told[number] = ToldTrial(number, parameters, value if math.isfinite(value) else None)

    def _call(self, function: str, *arguments: Any) -> None:
        with self._lock:
            call(function, self._handle, *arguments)


def _identity(trial: Union[int, Trial]) -> int:
    return unsigned("trial", trial.id if isinstance(trial, Trial) else trial)

"""OptiFormer: a transformer that has watched many optimisations proposes the next trial.

`Study` asks and tells; `suggest` needs no study; `optiformer.optuna` has a sampler for Optuna.
"""

import ctypes
import math
from typing import Any, Dict, List, NamedTuple, Optional, Sequence

from ._library import Error, StudyOptions, SuggestOptions, call, doubles, library, text

__version__ = library.optiformer_version_string().decode()
__all__ = ["Best", "Error", "Model", "Space", "Study", "Trial", "__version__", "suggest"]


class _Handle:
    """Owns what a function of the library handed out."""

    _free = ""

    def __init__(self, function, *arguments):
        handle = ctypes.c_void_p()
        call(function, *arguments, ctypes.byref(handle))
        self._handle = handle

    def __del__(self):
        # The handle is missing when making it failed; the library is gone when the interpreter ends.
        handle, self._handle = getattr(self, "_handle", None), None
        if handle is not None and library is not None:
            getattr(library, self._free)(handle)


class Model(_Handle):
    """Immutable weights, which any number of studies and threads may share."""

    _free = "optiformer_model_free"

    def __init__(self, path: Optional[str] = None, *, data: Optional[bytes] = None):
        """The weights of a file, of a file in memory, or the ones that are part of the library."""
        if path is not None and data is not None:
            raise ValueError("a model comes from a path or from data, not from both")
        if path is not None:
            super().__init__("optiformer_model_open", str(path).encode())
        elif data is not None:
            super().__init__("optiformer_model_from_bytes", data, len(data))
        else:
            super().__init__("optiformer_model_builtin")

    @property
    def description(self) -> str:
        """What it is, as JSON."""
        return text("optiformer_model_description", self._handle)


class Space(_Handle):
    """What may be tried: an ordered list of parameters."""

    _free = "optiformer_space_free"

    def __init__(self, json: Optional[str] = None):
        """An empty space, or the one of a JSON document of floats, ints and choices."""
        self._names: List[str] = []
        self._kinds: List[Any] = []
        if json is None:
            super().__init__("optiformer_space_new")
            return
        import json as parser

        super().__init__("optiformer_space_from_json", json.encode())
        for parameter in parser.loads(json)["parameters"]:
            kind = parameter["choices"] if parameter["type"] == "categorical" else parameter["type"]
            self._names.append(parameter["name"])
            self._kinds.append(kind)

    def _added(self, name, kind):
        self._names.append(name)
        self._kinds.append(kind)
        return self

    def add_float(self, name: str, low: float, high: float, *, log: bool = False, step: Optional[float] = None):
        """Adds a real number in [low, high]."""
        step = 0.0 if step is None else step
        call("optiformer_space_add_float", self._handle, name.encode(), low, high, bool(log), step)
        return self._added(name, "float")

    def add_int(self, name: str, low: int, high: int, *, log: bool = False, step: int = 1):
        """Adds a whole number in [low, high]."""
        call("optiformer_space_add_int", self._handle, name.encode(), low, high, bool(log), step)
        return self._added(name, "int")

    def add_categorical(self, name: str, choices: Sequence[Any]):
        """Adds a choice among any values; the library knows them by their place."""
        labels = [f"{index}".encode() for index in range(len(choices))]
        array = (ctypes.c_char_p * len(labels))(*labels)
        call("optiformer_space_add_categorical", self._handle, name.encode(), array, len(labels))
        return self._added(name, list(choices))

    def set_condition(self, name: str, parent: str, values: Sequence[Any]):
        """Makes `name` active only when `parent` has one of `values`."""
        kind = self._kinds[self._names.index(parent)] if parent in self._names else None
        numbers = [kind.index(value) if isinstance(kind, list) else value for value in values]
        array = doubles(numbers)
        call("optiformer_space_set_condition", self._handle, name.encode(), parent.encode(), array, len(numbers))
        return self

    def __len__(self):
        return len(self._names)

    @property
    def names(self) -> List[str]:
        """The parameters' names, in order."""
        return list(self._names)

    def to_json(self) -> str:
        """The space as a JSON document."""
        return text("optiformer_space_to_json", self._handle)

    def _parameters(self, values) -> Dict[str, Any]:
        result = {}
        for name, kind, value in zip(self._names, self._kinds, values):
            if math.isnan(value):
                continue
            if isinstance(kind, list):
                value = kind[int(value)]
            elif kind == "int":
                value = int(value)
            result[name] = value
        return result

    def _values(self, parameters: Dict[str, Any]) -> List[float]:
        unknown = set(parameters) - set(self._names)
        if unknown:
            raise ValueError(f"the space has no parameter {sorted(unknown)}")
        values = []
        for name, kind in zip(self._names, self._kinds):
            if name not in parameters:
                values.append(math.nan)
            elif isinstance(kind, list):
                if parameters[name] not in kind:
                    raise ValueError(f"parameter {name!r} cannot be {parameters[name]!r}")
                values.append(float(kind.index(parameters[name])))
            else:
                values.append(float(parameters[name]))
        return values


class Trial(NamedTuple):
    """A configuration with the id to tell its outcome by; parameters that are not active are missing."""

    id: int
    parameters: Dict[str, Any]


class Best(NamedTuple):
    """A finished trial."""

    id: int
    parameters: Dict[str, Any]
    value: float


class Study(_Handle):
    """Ask for trials, and tell how they went. Not for several threads at once."""

    _free = "optiformer_study_free"

    def __init__(
        self,
        space: Space,
        *,
        direction: str = "minimize",
        seed: int = 0,
        sampler: str = "optiformer",
        model: Optional[Model] = None,
    ):
        if direction not in ("minimize", "maximize"):
            raise ValueError(f"direction is 'minimize' or 'maximize', not {direction!r}")
        options = StudyOptions(
            struct_size=ctypes.sizeof(StudyOptions),
            direction=int(direction == "maximize"),
            sampler=sampler.encode(),
            model=model._handle if model is not None else None,
            seed=seed,
        )
        super().__init__("optiformer_study_new", space._handle, ctypes.byref(options))
        self._space = space
        self._count = len(space)

    def ask(self) -> Trial:
        """The next trial."""
        trial, values = ctypes.c_uint64(), (ctypes.c_double * self._count)()
        call("optiformer_study_ask", self._handle, ctypes.byref(trial), values, self._count)
        return Trial(trial.value, self._space._parameters(values))

    def tell(self, trial: int, value: Optional[float]) -> None:
        """How a trial went; None, or a value that is not finite, for a failed one."""
        call("optiformer_study_tell", self._handle, trial, math.nan if value is None else value)

    def add(self, parameters: Dict[str, Any], value: Optional[float]) -> int:
        """A trial that was made elsewhere."""
        trial, values = ctypes.c_uint64(), doubles(self._space._values(parameters))
        value = math.nan if value is None else value
        call("optiformer_study_add", self._handle, values, self._count, value, ctypes.byref(trial))
        return trial.value

    def enqueue(self, parameters: Dict[str, Any]) -> None:
        """A configuration to try before any other."""
        values = doubles(self._space._values(parameters))
        call("optiformer_study_enqueue", self._handle, values, self._count)

    def best(self) -> Optional[Best]:
        """The best trial so far; None when none has finished."""
        trial, value = ctypes.c_uint64(), ctypes.c_double()
        values = (ctypes.c_double * self._count)()
        out = ctypes.byref(trial), values, self._count, ctypes.byref(value)
        try:
            call("optiformer_study_best", self._handle, *out)
        except Error as error:
            if error.name == "NOT_FOUND":
                return None
            raise
        return Best(trial.value, self._space._parameters(values), value.value)


def suggest(
    space: Space,
    history: Sequence[Sequence[float]] = (),
    losses: Sequence[float] = (),
    pending: Sequence[Sequence[float]] = (),
    *,
    count: int = 1,
    seed: int = 0,
    number: int = 0,
    sampler: str = "optiformer",
    model: Optional[Model] = None,
) -> List[List[float]]:
    """The next configurations to try, to minimise the loss: a pure function of its arguments.

    A configuration is a list of floats: a choice by its place, NaN for a parameter that is not active. A loss that is not finite
    means a failed trial.
    """
    if len(history) != len(losses):
        raise ValueError(f"{len(history)} trials and {len(losses)} losses")
    size = len(space)
    for name, rows in (("history", history), ("pending", pending)):
        for index, row in enumerate(rows):
            if len(row) != size:
                raise ValueError(f"{name}, row {index}: {len(row)} values for {size} parameters")
    options = SuggestOptions(
        struct_size=ctypes.sizeof(SuggestOptions),
        sampler=sampler.encode(),
        model=model._handle if model is not None else None,
        seed=seed,
        number=number,
    )
    flat = [value for row in history for value in row]
    waiting = [value for row in pending for value in row]
    out = (ctypes.c_double * (count * size))()
    call(
        "optiformer_suggest",
        space._handle,
        ctypes.byref(options),
        doubles(flat),
        doubles(losses),
        len(losses),
        doubles(waiting),
        len(pending),
        out,
        count,
    )
    return [list(out[row * size : (row + 1) * size]) for row in range(count)]

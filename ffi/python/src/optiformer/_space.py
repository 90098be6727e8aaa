"""Search spaces."""

import ctypes
import json
import math
import numbers
from collections.abc import Mapping
from typing import Any, Dict, Iterable, List, Optional, Sequence, Union

from ._library import Handle, call, doubles, encoded, integer, signed, text

# Maximum number of names or choices in an error message.
MOST_LISTED = 20


class Space(Handle):
    """What may be tried: an ordered list of parameters.

    Args:
        parameters: The parameters by their names, or the space as a JSON document, as the command-line tool reads it; an
            empty space without it. A parameter is a pair of bounds, of ints or of floats, with "log" behind it for a
            logarithmic scale, `(1e-4, 1.0, "log")`; a list of choices, `["sgd", "adam"]`; or a mapping as in the document,
            `{"type": "float", "low": 0.0, "high": 0.99, "when": {"parent": "optimizer", "is": ["sgd"]}}`; one of them may have
            `"fidelity": True`.

    Raises:
        Error: "INVALID_SPACE", naming the line or the parameter.
        TypeError: for a parameter that is none of these, naming it.
    """

    _free = "optiformer_space_free"

    def __init__(self, parameters: Union[Mapping[str, Any], str, None] = None) -> None:
        self._layout = Layout()
        if parameters is None or isinstance(parameters, Mapping):
            super().__init__("optiformer_space_new")
            fidelities = []
            for name, parameter in (parameters or {}).items():
                if isinstance(parameter, Mapping) and "fidelity" in parameter:
                    parameter = dict(parameter)
                    if parameter.pop("fidelity"):
                        fidelities.append(name)
                self._add_parameter(name, parameter)
            # Last, because a fidelity needs parameters beside it.
            for name in fidelities:
                self.set_fidelity(name)
            return
        super().__init__("optiformer_space_from_json", encoded("parameters", parameters))
        for parameter in json.loads(parameters)["parameters"]:
            kind = parameter["choices"] if parameter["type"] == "categorical" else parameter["type"]
            self._layout.add(parameter["name"], kind)

    def add_float(
        self, name: str, low: float, high: float, *, log: bool = False, step: Optional[float] = None
    ) -> "Space":
        """Adds a real number in [low, high]; on a logarithmic scale with `log`; only low + k * step with `step`."""
        if step is not None and step == 0:
            raise ValueError(f"parameter {name!r}: a step of 0 is none; leave it out")
        step = 0.0 if step is None else step
        return self._add("optiformer_space_add_float", name, "float", low, high, bool(log), step)

    def add_int(self, name: str, low: int, high: int, *, log: bool = False, step: int = 1) -> "Space":
        """Adds a whole number in [low, high], within ±2^53; only low + k * step."""
        low, high = signed(f"parameter {name!r}: low", low), signed(f"parameter {name!r}: high", high)
        step = integer(f"parameter {name!r}: step", step, 1, 2**63 - 1)
        return self._add("optiformer_space_add_int", name, "int", low, high, bool(log), step)

    def add_categorical(self, name: str, choices: Sequence[Any]) -> "Space":
        """Adds a choice among any values; the library knows them by their places."""
        choices = list(choices)
        # Texts are kept, so that they are seen in the JSON document; anything else goes by its
        # number.
        are_names = len(set(map(type, choices))) == 1 and type(choices[0]) is str
        labels = [encoded("choice", choice if are_names else str(place)) for place, choice in enumerate(choices)]
        array = (ctypes.c_char_p * len(labels))(*labels)
        return self._add("optiformer_space_add_categorical", name, choices, array, len(labels))

    def set_condition(self, name: str, parent: str, values: Sequence[Any]) -> "Space":
        """Makes `name` active only when `parent`, added before it, has one of `values`."""
        array = doubles([self._layout.number(parent, value) for value in values])
        with self._lock:
            call(
                "optiformer_space_set_condition",
                self._handle,
                encoded("name", name),
                encoded("parent", parent),
                array,
                len(values),
            )
        return self

    def set_fidelity(self, name: str) -> "Space":
        """Makes `name`, a number above 0 without a condition, the fidelity: how much of a trial's full cost is spent on it, such as
        epochs. The sampler "hyperband" tries many configurations at low fidelities; every other one hands out the highest."""
        with self._lock:
            call("optiformer_space_set_fidelity", self._handle, encoded("name", name))
        return self

    def __reduce__(self) -> Any:
        # The document has the library's side of it, the kinds have choices of any type.
        return _restored, (self.to_json() if len(self) else None, self._layout.kinds)

    def __len__(self) -> int:
        return len(self._layout.names)

    @property
    def names(self) -> List[str]:
        """The parameters' names, in order."""
        return list(self._layout.names)

    def to_json(self) -> str:
        """The space as a JSON document."""
        with self._lock:
            return text("optiformer_space_to_json", self._handle)

    def _add_parameter(self, name: str, parameter: Any) -> None:
        if isinstance(parameter, Mapping):
            self._add_mapping(name, dict(parameter))
        elif isinstance(parameter, list):
            self.add_categorical(name, parameter)
        elif isinstance(parameter, tuple) and _are_bounds(parameter):
            low, high = parameter[:2]
            log = len(parameter) == 3
            if isinstance(low, numbers.Integral) and isinstance(high, numbers.Integral):
                self.add_int(name, low, high, log=log)
            else:
                self.add_float(name, low, high, log=log)
        else:
            raise TypeError(
                f"parameter {name!r}: {parameter!r} is no (low, high), no (low, high, 'log'), no list of choices and no mapping"
            )

    def _add_mapping(self, name: str, parameter: Dict[str, Any]) -> None:
        add = {"float": self.add_float, "int": self.add_int, "categorical": self.add_categorical}
        kind, when = parameter.pop("type", None), parameter.pop("when", None)
        if kind not in add:
            raise TypeError(f"parameter {name!r}: its type is 'float', 'int' or 'categorical', not {kind!r}")
        try:
            add[kind](name, **parameter)
        except TypeError as error:
            raise TypeError(f"parameter {name!r}: {error}") from None
        if when is not None:
            if not isinstance(when, Mapping) or set(when) != {"parent", "is"}:
                raise TypeError(f"parameter {name!r}: 'when' has a 'parent' and 'is', a list of its values, not {when!r}")
            self.set_condition(name, when["parent"], when["is"])

    def _add(self, function: str, name: str, kind: Any, *arguments: Any) -> "Space":
        with self._lock:
            call(function, self._handle, encoded("name", name), *arguments)
            self._layout.add(name, kind)
        return self


def _restored(document: Optional[str], kinds: List[Any]) -> Space:
    space = Space(document)
    space._layout.kinds = list(kinds)
    return space


def _are_bounds(parameter: Sequence[Any]) -> bool:
    is_pair = len(parameter) == 2 or (len(parameter) == 3 and parameter[2] == "log")
    return is_pair and all(isinstance(bound, numbers.Real) for bound in parameter[:2])


class Layout:
    """The parameters' names and kinds, which is what it takes to go between dictionaries and rows of doubles.

    A kind is "float", "int", or a list of choices.
    """

    def __init__(self) -> None:
        self.names: List[str] = []
        self.kinds: List[Any] = []
        self.places: Dict[str, int] = {}

    def add(self, name: str, kind: Any) -> None:
        """Another parameter."""
        self.places[name] = len(self.names)
        self.names.append(name)
        self.kinds.append(kind)

    def copy(self) -> "Layout":
        """A layout that does not grow with this one."""
        copied = Layout()
        copied.names, copied.kinds, copied.places = list(self.names), list(self.kinds), dict(self.places)
        return copied

    def number(self, name: str, value: Any) -> float:
        """A value of parameter `name` as a double: a choice by its place."""
        kind = self.kinds[self.places[name]] if name in self.places else "float"
        if not isinstance(kind, list):
            try:
                return float(value)
            except (TypeError, ValueError):
                raise ValueError(f"parameter {name!r} cannot be {value!r}, which is no number") from None
        # 1, 1.0 and True are equal in Python, and may be three choices.
        for place, choice in enumerate(kind):
            if choice is value or (type(choice) is type(value) and choice == value):
                return float(place)
        for place, choice in enumerate(kind):
            if choice == value:
                return float(place)
        raise ValueError(f"parameter {name!r} cannot be {value!r}; it is one of {_listed(map(repr, kind))}")

    def parameters(self, values: Sequence[float]) -> Dict[str, Any]:
        """A row of doubles as a dictionary, without the parameters that are not active."""
        result: Dict[str, Any] = {}
        for name, kind, value in zip(self.names, self.kinds, values):
            if math.isnan(value):
                continue
            if isinstance(kind, list):
                result[name] = kind[int(value)]
            else:
                result[name] = int(value) if kind == "int" else float(value)
        return result

    def values(self, parameters: Mapping[str, Any]) -> List[float]:
        """The inverse of `parameters`."""
        unknown = sorted(set(parameters) - set(self.names))
        if unknown:
            names = _listed(map(repr, unknown))
            raise ValueError(f"the space has no parameter {names}; it has {_listed(self.names)}")
        return [self.number(name, parameters[name]) if name in parameters else math.nan for name in self.names]


def _listed(items: Iterable[str]) -> str:
    """The first of some names or choices, and how many are left out: a parameter may have thousands."""
    items = list(items)
    more = f" and {len(items) - MOST_LISTED} more" if len(items) > MOST_LISTED else ""
    return ", ".join(items[:MOST_LISTED]) + more

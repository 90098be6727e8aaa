"""A study's trials as the library takes them, for one set of parameters."""

import array
import bisect
import math
from typing import Any, Dict, List, Mapping, Optional, Sequence, Set, Tuple

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from .._cache import Cache
from .._space import Space
from ._follower import Follower
from ._structure import Part


class View(Follower):
    """The finished trials that have some parameters, as rows of doubles with their losses and constraints, in the order of their numbers.

    A row has NaN for a parameter that is not active. A trial that lacks an active parameter, or has a value outside today's range
    of one, has no row.
    """

    def __init__(self, part: Part, directions: Sequence[StudyDirection]) -> None:
        super().__init__()
        self.part = part
        self.names = tuple(part.distributions)
        self.space = _space(part)
        self.cache = Cache()
        self._directions = tuple(directions)
        self._places = {name: place for place, name in enumerate(self.names)}
        self.clear()

    def clear(self) -> None:
        self._numbers: List[int] = []
        #: The rows, one after the other.
        self.rows = array.array("d")
        #: Losses for each row, one for each objective, to be minimized; not numbers for a failed trial.
        self.losses = array.array("d")
        #: The names of the constraints that these trials have.
        self.constraint_names: Tuple[str, ...] = ()
        #: Their values for each row; not numbers where a trial has none.
        self.constraints = array.array("d")

    @property
    def objective_count(self) -> int:
        """The number of losses of a row."""
        return len(self._directions)

    def take(self, trial: FrozenTrial) -> None:
        row = self.row(internal(trial, self.part.distributions))
        if row is None:
            return
        place = bisect.bisect(self._numbers, trial.number)
        self._numbers.insert(place, trial.number)
        _insert(self.losses, place, _losses(trial, self._directions))
        _insert(self.rows, place, row)
        constraints = trial.constraints if trial.system_attrs else {}
        new = set(constraints).difference(self.constraint_names)
        if new:
            self._name(new)
        _insert(self.constraints, place, [constraints.get(name, math.nan) for name in self.constraint_names])

    def _name(self, new: Set[str]) -> None:
        """More constraints, which the trials so far do not have. The order of the names is theirs, whichever trial came first."""
        old, self.constraint_names = self.constraint_names, tuple(sorted({*self.constraint_names, *new}))
        places = [old.index(name) if name in old else None for name in self.constraint_names]
        rows = [self.constraints[start : start + len(old)] for start in range(0, len(self.constraints), len(old) or 1)]
        rows = rows or [()] * (len(self._numbers) - 1)
        wider = [math.nan if place is None else row[place] for row in rows for place in places]
        self.constraints = array.array("d", wider)

    def row(self, values: Mapping[str, float]) -> Optional[List[float]]:
        """Values in Optuna's internal representation as a row, or None."""
        row: List[float] = []
        for name, distribution in self.part.distributions.items():
            condition = self.part.conditions.get(name)
            # NaN, of a parent that is not active, is none of the values.
            if condition is not None and row[self._places[condition.parent]] not in condition.values:
                row.append(math.nan)
                continue
            value = values.get(name)
            if value is None or not distribution._contains(value):
                return None
            row.append(value)
        return row

    def parameters(self, row: Sequence[float]) -> Dict[str, Any]:
        """A row as the objective sees it, without the parameters that are not active."""
        distributions = self.part.distributions.items()
        return {name: _external(it, value) for (name, it), value in zip(distributions, row) if not math.isnan(value)}


def internal(trial: FrozenTrial, distributions: Mapping[str, BaseDistribution]) -> Dict[str, float]:
    """A trial's parameters in the internal representation of today's distributions, without those that have none."""
    values, params = {}, trial.params
    for name, distribution in distributions.items():
        if name not in params:
            continue
        value = params[name]
        kind = type(value)
        # Floats and ints need no more than this, and they are what takes the time.
        if (kind is float or kind is int) and not isinstance(distribution, CategoricalDistribution):
            values[name] = float(value)
            continue
        try:
            values[name] = float(distribution.to_internal_repr(value))
        except (TypeError, ValueError):
            # A choice that was withdrawn, or a number where today there are choices.
            pass
    return values


def _insert(matrix: "array.array[float]", place: int, row: Sequence[float]) -> None:
    """Puts a row into a matrix whose rows lie one after the other."""
    matrix[place * len(row) : place * len(row)] = array.array("d", row)


def _losses(trial: FrozenTrial, directions: Sequence[StudyDirection]) -> Sequence[float]:
    """What was observed, to be minimized; not numbers for a trial that failed."""
    values: Optional[Sequence[float]] = None
    if trial.state == TrialState.COMPLETE:
        values = trial.values
    elif trial.state == TrialState.PRUNED and trial.intermediate_values:
        values = [trial.intermediate_values[max(trial.intermediate_values)]]
    if values is None or len(values) != len(directions):
        return [math.nan] * len(directions)
    return [-value if direction == StudyDirection.MAXIMIZE else value for value, direction in zip(values, directions)]


def _space(part: Part) -> Space:
    space = Space()
    for name, distribution in part.distributions.items():
        if isinstance(distribution, CategoricalDistribution):
            space.add_categorical(name, range(len(distribution.choices)))
        elif isinstance(distribution, IntDistribution):
            space.add_int(name, distribution.low, distribution.high, log=distribution.log, step=distribution.step)
        elif isinstance(distribution, FloatDistribution):
            space.add_float(name, distribution.low, distribution.high, log=distribution.log, step=distribution.step)
        else:
            raise NotImplementedError(f"parameter {name!r}: {distribution} is not known to OptiFormerSampler")
        if name in part.conditions:
            space.set_condition(name, part.conditions[name].parent, [int(it) for it in part.conditions[name].values])
    return space


def _external(distribution: BaseDistribution, value: float) -> Any:
    """A suggested double as the objective function sees it."""
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[int(value)]
    if isinstance(distribution, IntDistribution):
        return int(value)
    return value

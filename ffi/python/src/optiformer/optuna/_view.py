"""A study's trials as the library takes them, for one set of parameters."""

import array
import bisect
import math
from typing import Any, Dict, List, Mapping, Optional, Sequence

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from .._cache import Cache
from .._space import Space
from ._follower import Follower
from ._structure import Part


class View(Follower):
    """The finished trials that have some parameters, as rows of doubles with their losses, in the order of their numbers.

    A row has NaN for a parameter that is not active. A trial that lacks an active parameter, or has a value outside today's range
    of one, has no row.
    """

    def __init__(self, part: Part, direction: StudyDirection) -> None:
        super().__init__()
        self.part = part
        self.names = tuple(part.distributions)
        self.space = _space(part)
        self.cache = Cache()
        self._direction = direction
        self._places = {name: place for place, name in enumerate(self.names)}
        self.clear()

    def clear(self) -> None:
        self._numbers: List[int] = []
        #: The rows, one after the other.
        self.rows = array.array("d")
        #: A loss for each row, to be minimized; not a number for a failed trial.
        self.losses = array.array("d")

    def take(self, trial: FrozenTrial) -> None:
        row = self.row(internal(trial, self.part.distributions))
        if row is None:
            return
        place = bisect.bisect(self._numbers, trial.number)
        self._numbers.insert(place, trial.number)
        self.losses.insert(place, _loss(trial, self._direction))
        self.rows[place * len(row) : place * len(row)] = array.array("d", row)

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


def _loss(trial: FrozenTrial, direction: StudyDirection) -> float:
    """What was observed, to be minimized; not a number for a trial that failed or violates a constraint."""
    if trial.state == TrialState.COMPLETE:
        value = trial.value
    elif trial.state == TrialState.PRUNED and trial.intermediate_values:
        value = trial.intermediate_values[max(trial.intermediate_values)]
    else:
        value = None
    if value is None or (trial.system_attrs and any(it > 0 for it in trial.constraints.values())):
        return math.nan
    return -value if direction == StudyDirection.MAXIMIZE else value


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

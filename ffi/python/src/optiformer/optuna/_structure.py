"""The search space of a define-by-run objective, read off its trials."""

from typing import Any, Dict, FrozenSet, Iterable, List, NamedTuple, Optional, Sequence, Set, Tuple

from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState

from ._follower import Follower

# An int with more values than this is not looked at as a parent.
MOST_VALUES = 64

Distributions = Dict[str, BaseDistribution]


class Condition(NamedTuple):
    """A parameter is active when its parent has one of some values, in Optuna's internal representation."""

    parent: str
    values: Tuple[float, ...]


class Part(NamedTuple):
    """Parameters that are suggested together: parents come before what depends on them."""

    distributions: Distributions
    conditions: Dict[str, Condition]


class Structure(Follower):
    """Which parameters the completed trials of a study have, and what decides whether a trial has them.

    `parts` is the outcome. Parameters that every trial has are one part. A parameter that some trials lack joins it with a condition
    when the values of a categorical or int parameter of that part tell exactly which trials have it. What remains is put into
    parts by the trials that have it, as Optuna's group decomposition does. Parameters whose distribution changes are in no part.
    """

    def __init__(self) -> None:
        super().__init__()
        self.clear()

    def clear(self) -> None:
        self._distributions: Distributions = {}
        self._changing: Set[str] = set()
        # For each set of parameters that occurred together the values of those that may be parents.
        self._shapes: Dict[FrozenSet[str], Dict[str, Set[float]]] = {}
        self._parts: Optional[List[Part]] = None

    def take(self, trial: FrozenTrial) -> None:
        if trial.state != TrialState.COMPLETE:
            return
        for name, distribution in trial.distributions.items():
            known = self._distributions.setdefault(name, distribution)
            if known is not distribution and known != distribution and name not in self._changing:
                self._changing.add(name)
                self._parts = None
        names = frozenset(trial.distributions)
        if names not in self._shapes:
            self._shapes[names] = {name: set() for name in names if _may_be_parent(trial.distributions[name])}
            self._parts = None
        for name, values in self._shapes[names].items():
            value = trial.distributions[name].to_internal_repr(trial.params[name])
            if value not in values:
                values.add(value)
                # With one shape nothing is conditional, whatever the values.
                if len(self._shapes) > 1:
                    self._parts = None

    @property
    def parts(self) -> List[Part]:
        """What is suggested together, the part that every trial has first."""
        if self._parts is None:
            self._parts = self._found()
        return self._parts

    def _found(self) -> List[Part]:
        names = sorted(
            name
            for name, distribution in self._distributions.items()
            if name not in self._changing and not distribution.single()
        )
        core = {name: self._distributions[name] for name in names if all(name in shape for shape in self._shapes)}
        conditions: Dict[str, Condition] = {}
        left = [name for name in names if name not in core]
        while True:
            # A parameter that found its place may be the parent of others.
            found = {name: condition for name in left for condition in [self._condition(name, core)] if condition}
            if not found:
                break
            conditions.update(found)
            core.update((name, self._distributions[name]) for name in found)
            left = [name for name in left if name not in found]
        groups: Dict[Tuple[bool, ...], Distributions] = {}
        for name in left:
            signature = tuple(name in shape for shape in self._shapes)
            groups.setdefault(signature, {})[name] = self._distributions[name]
        parts = [Part(group, {}) for group in sorted(groups.values(), key=list)]
        return [Part(core, conditions)] * bool(core) + parts

    def _condition(self, name: str, parents: Iterable[str]) -> Optional[Condition]:
        """The first parent whose values tell which trials have a parameter."""
        for parent in parents:
            present: Set[float] = set()
            absent: Set[float] = set()
            fits = _may_be_parent(self._distributions[parent])
            for shape, values in self._shapes.items():
                if parent in shape:
                    (present if name in shape else absent).update(values.get(parent, ()))
                else:
                    fits = fits and name not in shape
            if fits and not present & absent:
                return Condition(parent, tuple(_generalized(self._distributions[parent], present, absent)))
        return None


def _may_be_parent(distribution: BaseDistribution) -> bool:
    if isinstance(distribution, IntDistribution):
        return (distribution.high - distribution.low) // distribution.step < MOST_VALUES and not distribution.single()
    return isinstance(distribution, CategoricalDistribution) and not distribution.single()


def _generalized(distribution: BaseDistribution, present: Set[float], absent: Set[float]) -> Sequence[float]:
    """The values with which a parameter is active: those seen, and ints beyond them on the side away from those without it."""
    values = set(present)
    if isinstance(distribution, IntDistribution):
        legal = range(distribution.low, distribution.high + 1, distribution.step)
        if not absent or max(absent) < min(present):
            values.update(value for value in legal if value >= min(present))
        if not absent or min(absent) > max(present):
            values.update(value for value in legal if value <= max(present))
    return sorted(map(float, values))


def with_names(parts: Iterable[Part], names: Dict[str, Any]) -> List[Part]:
    """The same parts with some of their parameters only.

    A parameter whose parent is not among them makes a part of its own: whether it is active cannot be told.
    """
    result = []
    for part in parts:
        kept = {name: it for name, it in part.distributions.items() if name in names}
        if len(kept) == len(part.distributions):
            result.append(part)
            continue
        conditions = {name: it for name, it in part.conditions.items() if name in kept and it.parent in kept}
        # One without its parent may be the parent of others, which then go with it.
        apart = {name for name in kept if name in part.conditions and name not in conditions}
        joint = {name: it for name, it in kept.items() if name not in apart and not _depends(name, apart, conditions)}
        if joint:
            result.append(Part(joint, {name: it for name, it in conditions.items() if name in joint}))
        result.extend(Part({name: it}, {}) for name, it in kept.items() if name not in joint)
    return result


def _depends(name: str, others: Set[str], conditions: Dict[str, Condition]) -> bool:
    while name in conditions:
        name = conditions[name].parent
        if name in others:
            return True
    return False

"""The sampler."""

import math
import random
import threading
import time
import weakref
import zlib
from typing import Any, Callable, Dict, List, Optional, Sequence, Set, Tuple

from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.exceptions import TrialPruned
from optuna.samplers import BaseSampler
from optuna.storages import InMemoryStorage
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from .._library import Error
from .._model import Model
from .._space import Space
from .._suggest import suggest, suggest_flat
from ._follower import identity
from ._structure import Distributions, Part, Structure, with_names
from ._view import View, internal

# The attribute by which a trial shows other processes what it was given before its objective has
# asked for it.
GIVEN = "optiformer:given"
# For how many seconds a trial waits for those that began before it to show what they were given,
# and how much earlier these may have begun. A suggestion takes milliseconds, but a machine may have
# many more workers than processors.
PATIENCE, FRESH = 3.0, 10.0
# How many sets of parameters are kept for a study. A parameter whose range grows with each trial
# has a set for each.
MOST_VIEWS = 64


class OptiFormerSampler(BaseSampler):
    """Suggests the next trial: by the best mixture of samplers that was found ("auto"), or by one of them.

    Parameters that every completed trial has are suggested together. So are conditional ones, where the value of one categorical or
    int parameter tells which trials have them: the conditions are read off the completed trials. Others that occur in the same
    trials are suggested together, apart from the rest; a parameter whose range changes, or that no completed trial has, by itself,
    from the trials that have it.

    Completed trials count with their value, pruned ones with their last intermediate value; failed ones are avoided, and
    running ones kept away from. Trials with a value outside today's range of a parameter are left out. What `trial.set_constraint`
    or `constraints_func` says of a constraint is modeled, so that trials are suggested where the constraints are likely to
    hold. In a study of several objectives each trial minimizes another weighted combination of them, so that the trials spread
    along the Pareto front.

    A suggestion depends on the seed, the trial's number and the trials before it, so that a study goes on after a restart as it
    would have, given the same seed. With several jobs Optuna draws a new seed for each.

    Threads may share the sampler, which suggests to one after the other, and it can be pickled. Processes that share a storage know of
    each other's running trials: what each was given is kept in its system attributes.

    Where every point of the grid has been tried, of each of the sets of parameters that are suggested apart, `study.optimize`
    ends, with a pruned trial that has no parameters.

    Args:
        seed: Seed of all suggestions; drawn at random when None.
        sampler: One of the library's samplers: "auto", "optiformer", "gp", "tpe", "cma_es", "local_search",
            "grid", "sobol", "random".
        model: Weights for "optiformer" and "auto"; the ones that are part of the library when None.
        constraints_func: Gives a finished trial's constraint values; one above 0 is violated. They are stored as Optuna's own samplers
            store them, and `trial.set_constraint` works as well. A trial that lacks some constraints that others have counts as
            one without any, and as failed where it violates one.

    Raises:
        optiformer.Error: while suggesting, for ints beyond ±2^53, and with "optiformer" for more parameters or choices than
            the model has names for (64 of each).
    """

    def __init__(
        self,
        seed: Optional[int] = None,
        *,
        sampler: str = "auto",
        model: Optional[Model] = None,
        constraints_func: Optional[Callable[[FrozenTrial], Sequence[float]]] = None,
    ) -> None:
        if model is not None and sampler not in ("auto", "optiformer"):
            raise ValueError(f"sampler {sampler!r} has no use for a model")
        self._sampler = sampler
        self._model = Model() if model is None and sampler == "optiformer" else model
        self._constraints_func = constraints_func
        self._seed = _checked(seed)
        self._forget()
        # A sampler that does not exist is noticed here rather than in the first trial.
        suggest(Space().add_float("x", 0.0, 1.0), sampler=sampler, model=self._model, count=0)

    def _forget(self) -> None:
        self._lock = threading.Lock()
        # What running trials were given by this sampler: their storage knows it only parameter by
        # parameter, as the objective asks.
        self._given: Dict[Tuple[Any, ...], Dict[str, float]] = {}
        # The trials that this sampler has begun and not finished.
        self._own: Set[Tuple[Any, ...]] = set()
        # What was read off each study so far; all of it could be read again.
        self._memories: "weakref.WeakKeyDictionary[Any, Dict[Any, _Memory]]" = weakref.WeakKeyDictionary()

    def __getstate__(self) -> Dict[str, Any]:
        left = ("_lock", "_given", "_own", "_memories")
        return {name: value for name, value in self.__dict__.items() if name not in left}

    def __setstate__(self, state: Dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._forget()

    def reseed_rng(self) -> None:
        """Draws another seed."""
        self._seed = _checked(None)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Notes that the trial is this sampler's."""
        with self._lock:
            self._own.add(_key(study, trial))

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> Dict[str, BaseDistribution]:
        """The parameters that are suggested together with others, and that have more than one value."""
        trials = study.get_trials(deepcopy=False)
        with self._lock:
            structure = self._memory(study).structure
            structure.follow(trials)
            return {name: it for part in structure.parts for name, it in part.distributions.items()}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: Dict[str, BaseDistribution]
    ) -> Dict[str, Any]:
        """Values for the parameters of `search_space`, without those that are not active."""
        suggested = {name: _only(it) for name, it in search_space.items() if it.single()}
        open_space = {name: it for name, it in search_space.items() if name not in suggested}
        if not open_space:
            return suggested
        is_shared = not isinstance(study._storage, InMemoryStorage)
        trials = self._trials_behind_earlier_ones(study, trial) if is_shared else study.get_trials(deepcopy=False)
        given: Dict[str, float] = {}
        with self._lock:
            memory = self._memory(study)
            memory.structure.follow(trials)
            parts = _parts(memory.structure, open_space)
            exhausted: List[Tuple[Part, Error]] = []
            for part in parts:
                try:
                    suggested.update(self._suggest(study, memory, trial, trials, part, given))
                except Error as error:
                    if error.name != "EXHAUSTED":
                        raise
                    exhausted.append((part, error))
            for part, error in exhausted:
                if len(exhausted) == len(parts):
                    _end(study, error)
                    raise error
                # Others that occur apart from these have points left.
                suggested.update(self._suggest(study, memory, trial, trials, part, given, "random"))
        if is_shared:
            study._storage.set_trial_system_attr(trial._trial_id, GIVEN, given)
        return suggested

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """A value for one parameter, from the trials that have it."""
        if param_distribution.single():
            return _only(param_distribution)
        trials = study.get_trials(deepcopy=False)
        part = Part({param_name: param_distribution}, {})
        with self._lock:
            memory = self._memory(study)
            try:
                return self._suggest(study, memory, trial, trials, part, {})[param_name]
            except Error as error:
                if error.name != "EXHAUSTED":
                    raise
                # One parameter has few points, of which other parameters make many.
                return self._suggest(study, memory, trial, trials, part, {}, "random")[param_name]

    def after_trial(
        self, study: Study, trial: FrozenTrial, state: TrialState, values: Optional[Sequence[float]]
    ) -> None:
        """Stores the constraints' values, and forgets what the trial was given: from now on the storage has it."""
        try:
            if self._constraints_func is not None and state in (TrialState.COMPLETE, TrialState.PRUNED):
                constraints = tuple(map(float, self._constraints_func(trial)))
                if any(map(math.isnan, constraints)):
                    raise ValueError(f"constraints_func gave trial {trial.number} a constraint that is not a number")
                study._storage.set_trial_system_attr(trial._trial_id, "constraints", constraints)
        finally:
            with self._lock:
                self._given.pop(_key(study, trial), None)
                self._own.discard(_key(study, trial))

    def _suggest(
        self,
        study: Study,
        memory: "_Memory",
        trial: FrozenTrial,
        trials: Sequence[FrozenTrial],
        part: Part,
        given: Dict[str, float],
        sampler: Optional[str] = None,
    ) -> Dict[str, Any]:
        view = memory.view(part, study)
        view.follow(trials)
        pending = []
        for other in map(trials.__getitem__, view.open):
            if other.state == TrialState.RUNNING and other.number != trial.number:
                known = self._given.get(_key(study, other)) or other.system_attrs.get(GIVEN) or {}
                row = view.row({**known, **internal(other, part.distributions)})
                if row is not None:
                    pending.append(row)
        row = suggest_flat(
            view.space,
            view.rows,
            view.losses,
            pending,
            seed=self._seed_for(view.names),
            number=trial.number,
            sampler=sampler or self._sampler,
            model=None if sampler else self._model,
            cache=view.cache,
            objective_count=view.objective_count,
            constraints=view.constraints,
            constraint_count=len(view.constraint_names),
        )
        given.update((name, value) for name, value in zip(view.names, row) if not math.isnan(value))
        self._given.setdefault(_key(study, trial), {}).update(given)
        return view.parameters(row)

    def _trials_behind_earlier_ones(self, study: Study, trial: FrozenTrial) -> List[FrozenTrial]:
        """All trials, once those of other processes that began just before this one show what they were given.

        Without that, processes that begin trials at the same moment would give them the same parameters. Numbers decide who goes first,
        and a process that died in between is not waited for.
        """
        patience = time.monotonic() + PATIENCE
        # A storage may read a trial's attributes and its parameters at different moments, so that
        # the parameters are newer. Seen a second time without the attribute, they come from another
        # sampler.
        had_params: Set[int] = set()
        while True:
            trials = study.get_trials(deepcopy=False)
            undecided = [it for it in trials[-MOST_VIEWS:] if self._is_undecided(study, trial, it, had_params)]
            if time.monotonic() > patience or not undecided:
                return trials
            had_params.update(it._trial_id for it in undecided if it.params)
            time.sleep(0.005)

    def _is_undecided(self, study: Study, trial: FrozenTrial, other: FrozenTrial, had_params: Set[int]) -> bool:
        if other.number >= trial.number or other.state != TrialState.RUNNING or _key(study, other) in self._own:
            return False
        if GIVEN in other.system_attrs or other._trial_id in had_params:
            return False
        if other.datetime_start is None or trial.datetime_start is None:
            return False
        return abs((trial.datetime_start - other.datetime_start).total_seconds()) < FRESH

    def _memory(self, study: Study) -> "_Memory":
        # Under Hyperband a study is seen as several, each with the trials of a bracket.
        key = study._study_id, getattr(study, "_bracket_id", None)
        try:
            memories = self._memories.setdefault(study._storage, {})
        except TypeError:
            # A storage that cannot be referred to weakly, or that has no hash.
            return _Memory()
        return memories.setdefault(key, _Memory())

    def _seed_for(self, names: Sequence[str]) -> int:
        """The seed for a space. Parameters of one trial that are suggested apart must not be drawn with the same numbers."""
        salt = zlib.crc32("\0".join(names).encode())
        return (self._seed + salt * 0x9E3779B97F4A7C15) % 2**64


class _Memory:
    """What was read off a study's trials so far."""

    def __init__(self) -> None:
        self.structure = Structure()
        self._views: Dict[Tuple[str, ...], View] = {}

    def view(self, part: Part, study: Study) -> View:
        """The trials of some parameters; the latest part and the least recently used are forgotten."""
        names = tuple(part.distributions)
        view = self._views.pop(names, None)
        if view is None or (view.part is not part and view.part != part):
            view = View(part, study.directions)
        self._views[names] = view
        if len(self._views) > MOST_VIEWS:
            del self._views[next(iter(self._views))]
        return view


def _parts(structure: Structure, search_space: Distributions) -> List[Part]:
    """The parts of a search space that is all of the structure's, some of it, or another."""
    known = {name: it for part in structure.parts for name, it in part.distributions.items()}
    same = {name: it for name, it in search_space.items() if name in known and known[name] == it}
    others = {name: it for name, it in search_space.items() if name not in same}
    return with_names(structure.parts, same) + [Part(others, {})] * bool(others)


def _key(study: Study, trial: FrozenTrial) -> Tuple[Any, ...]:
    # Studies of different storages may have the same numbers.
    return study._study_id, *identity(trial)


def _end(study: Study, error: Error) -> None:
    """The end of `study.optimize`, with the running trial as a pruned one; outside of it, nothing."""
    try:
        study.stop()
    except RuntimeError:
        return
    raise TrialPruned(f"{error.message}: the study ends") from error


def _checked(seed: Optional[int]) -> int:
    if seed is None:
        return random.SystemRandom().getrandbits(63)
    if not 0 <= seed < 2**64:
        raise ValueError(f"seed {seed} is not between 0 and 2**64 - 1")
    return int(seed)


def _only(distribution: BaseDistribution) -> Any:
    """The one value of a distribution that has no other."""
    return distribution.choices[0] if isinstance(distribution, CategoricalDistribution) else distribution.low

"""OptiFormer as an Optuna sampler: `optuna.create_study(sampler=OptiFormerSampler())`."""

import math
import random
import threading
import zlib
from typing import Any, Dict, List, Optional, Sequence, Tuple

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler
from optuna.search_space import intersection_search_space
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from ._model import Model
from ._space import Space
from ._suggest import suggest

__all__ = ["OptiFormerSampler"]


class OptiFormerSampler(BaseSampler):
    """Suggests the next trial: by the best mixture of samplers that was found ("auto"), or by one of them.

    Parameters that every finished trial has are suggested together (`sample_relative`); others, as in a conditional or growing space,
    one by one, each from its own history (`sample_independent`). Completed trials count with their value, pruned ones with their
    last intermediate value, failed ones as failed; running ones are pending. Trials with a value outside today's range of a
    parameter are left out.

    A suggestion depends on the seed, the trial's number and the trials before it, so that a study goes on after a restart as it
    would have, given the same seed. With several jobs Optuna draws a new seed for each.

    Threads may share the sampler, which suggests to one after the other, and it can be pickled.

    Args:
        seed: Seed of all suggestions; drawn at random when None.
        sampler: One of the library's samplers: "auto", "optiformer", "gp", "tpe", "cma_es", "local_search",
            "sobol", "random".
        model: Weights for "optiformer"; the ones that are part of the library when None. "auto" takes them, but has no
            place for them as yet.

    Raises:
        optiformer.Error: while suggesting, for ints beyond ±2^53, and with "optiformer" for more parameters or choices than
            the model has names for (64 of each).
    """

    def __init__(
        self, seed: Optional[int] = None, *, sampler: str = "auto", model: Optional[Model] = None
    ) -> None:
        if model is not None and sampler not in ("auto", "optiformer"):
            raise ValueError(f"sampler {sampler!r} has no use for a model")
        self._sampler = sampler
        self._model = Model() if model is None and sampler == "optiformer" else model
        self._seed = _checked(seed)
        self._lock = threading.Lock()
        # What running trials were given by this sampler: their storage knows it only parameter by parameter, as the objective asks.
        self._given: Dict[Any, Dict[Tuple[str, ...], List[float]]] = {}
        # A sampler that does not exist is noticed here rather than in the first trial.
        suggest(Space().add_float("x", 0.0, 1.0), sampler=sampler, model=self._model, count=0)

    def __getstate__(self) -> Dict[str, Any]:
        return {**self.__dict__, "_lock": None, "_given": {}}

    def __setstate__(self, state: Dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = threading.Lock()

    def reseed_rng(self) -> None:
        """Draws another seed."""
        self._seed = _checked(None)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> Dict[str, BaseDistribution]:
        """The parameters that all completed trials have, and that have more than one value."""
        _check_objective(study)
        space = intersection_search_space(study.get_trials(deepcopy=False))
        return {name: distribution for name, distribution in space.items() if not distribution.single()}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: Dict[str, BaseDistribution]
    ) -> Dict[str, Any]:
        """Values for all parameters of `search_space`, suggested together."""
        return self._suggest(study, trial, search_space)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """A value for one parameter, from the trials that have it."""
        return self._suggest(study, trial, {param_name: param_distribution})[param_name]

    def after_trial(
        self, study: Study, trial: FrozenTrial, state: TrialState, values: Optional[Sequence[float]]
    ) -> None:
        """Forgets what the trial was given: from now on the storage has it."""
        with self._lock:
            self._given.pop(_identity(study, trial), None)

    def _suggest(
        self, study: Study, trial: FrozenTrial, distributions: Dict[str, BaseDistribution]
    ) -> Dict[str, Any]:
        _check_objective(study)
        suggested = {name: _only(distribution) for name, distribution in distributions.items() if distribution.single()}
        names = [name for name in distributions if name not in suggested]
        if not names:
            return suggested
        space = Space()
        for name in names:
            _add(space, name, distributions[name])
        with self._lock:
            history, losses, pending = self._trials(study, trial, names, distributions)
            values = suggest(
                space,
                history,
                losses,
                pending,
                seed=self._seed_for(names),
                number=trial.number,
                sampler=self._sampler,
                model=self._model,
            )[0]
            self._given.setdefault(_identity(study, trial), {})[tuple(names)] = values
        for name, value in zip(names, values):
            suggested[name] = _external(distributions[name], value)
        return suggested

    def _trials(
        self, study: Study, trial: FrozenTrial, names: Sequence[str], distributions: Dict[str, BaseDistribution]
    ) -> Tuple[List[List[float]], List[float], List[List[float]]]:
        """The other trials' values of some parameters: of the finished ones with their losses, and of the pending ones."""
        history: List[List[float]] = []
        losses: List[float] = []
        pending: List[List[float]] = []
        for other in study.get_trials(deepcopy=False):
            if other.number == trial.number:
                continue
            row = _row(other, names, distributions)
            if other.state.is_finished():
                if row is not None:
                    history.append(row)
                    losses.append(_loss(other, study.direction))
            elif other.state == TrialState.RUNNING:
                row = row or self._given.get(_identity(study, other), {}).get(tuple(names))
                if row is not None and all(distributions[name]._contains(value) for name, value in zip(names, row)):
                    pending.append(row)
        return history, losses, pending

    def _seed_for(self, names: Sequence[str]) -> int:
        """The seed for a space. Parameters of one trial that are suggested apart must not be drawn with the same numbers."""
        salt = zlib.crc32(names[0].encode()) if len(names) == 1 else 0
        return (self._seed + salt * 0x9E3779B97F4A7C15) % 2**64


def _identity(study: Study, trial: FrozenTrial) -> Any:
    # Two storages may have the same numbers; their trials do not start in the same microsecond.
    return study._study_id, trial._trial_id, trial.datetime_start


def _checked(seed: Optional[int]) -> int:
    if seed is None:
        return random.SystemRandom().getrandbits(63)
    if not 0 <= seed < 2**64:
        raise ValueError(f"seed {seed} is not between 0 and 2**64 - 1")
    return int(seed)


def _check_objective(study: Study) -> None:
    if len(study.directions) > 1:
        raise ValueError(f"OptiFormerSampler optimizes one objective, and the study has {len(study.directions)}")


def _only(distribution: BaseDistribution) -> Any:
    """The one value of a distribution that has no other."""
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[0]
    assert isinstance(distribution, (FloatDistribution, IntDistribution))
    return distribution.low


def _add(space: Space, name: str, distribution: BaseDistribution) -> None:
    if isinstance(distribution, CategoricalDistribution):
        space.add_categorical(name, range(len(distribution.choices)))
    elif isinstance(distribution, IntDistribution):
        space.add_int(name, distribution.low, distribution.high, log=distribution.log, step=distribution.step)
    elif isinstance(distribution, FloatDistribution):
        space.add_float(name, distribution.low, distribution.high, log=distribution.log, step=distribution.step)
    else:
        raise NotImplementedError(f"parameter {name!r}: {distribution} is not known to OptiFormerSampler")


def _row(
    trial: FrozenTrial, names: Sequence[str], distributions: Dict[str, BaseDistribution]
) -> Optional[List[float]]:
    """A trial's values of some parameters; None when it lacks one, or has one that is not in today's range."""
    row = []
    for name in names:
        if name not in trial.params:
            return None
        try:
            value = float(distributions[name].to_internal_repr(trial.params[name]))
        except (TypeError, ValueError):
            return None
        if not distributions[name]._contains(value):
            return None
        row.append(value)
    return row


def _loss(trial: FrozenTrial, direction: StudyDirection) -> float:
    """What was observed, to be minimized; not a number for a failed trial."""
    if trial.state == TrialState.COMPLETE:
        value = trial.value
    elif trial.state == TrialState.PRUNED and trial.intermediate_values:
        value = trial.intermediate_values[max(trial.intermediate_values)]
    else:
        value = None
    if value is None:
        return math.nan
    return -value if direction == StudyDirection.MAXIMIZE else value


def _external(distribution: BaseDistribution, value: float) -> Any:
    """A suggested double as the objective function sees it."""
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[int(value)]
    if isinstance(distribution, IntDistribution):
        return int(value)
    return value

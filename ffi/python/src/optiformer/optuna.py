"""OptiFormer as an Optuna sampler: `optuna.create_study(sampler=OptiFormerSampler())`."""

import math
import random
import threading
from typing import Any, Dict, Optional, Sequence

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler
from optuna.search_space import IntersectionSearchSpace
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from . import Model, Space, suggest

__all__ = ["OptiFormerSampler"]


class OptiFormerSampler(BaseSampler):
    """Suggests what a trained transformer expects to improve most.

    Parameters that every finished trial has are suggested together (`sample_relative`); others, as in a conditional or growing space, one by
    one, each from its own history (`sample_independent`). Completed trials count with their value, pruned ones with their last
    intermediate value, failed ones as failed; running ones are pending. With a seed and one worker a study repeats exactly.

    Args:
        seed: Seed of all suggestions; drawn at random when None.
        sampler: One of the library's samplers: "optiformer", "tpe", "sobol", "random".
        model: Weights for "optiformer"; the ones that are part of the library when None.
    """

    def __init__(self, seed: Optional[int] = None, *, sampler: str = "optiformer", model: Optional[Model] = None):
        if model is not None and sampler != "optiformer":
            raise ValueError(f"sampler {sampler!r} has no use for a model")
        self._sampler = sampler
        self._model = Model() if model is None and sampler == "optiformer" else model
        self._seed = self._checked(seed)
        self._spaces: Dict[Any, IntersectionSearchSpace] = {}
        self._lock = threading.Lock()

    @staticmethod
    def _checked(seed):
        if seed is None:
            return random.SystemRandom().getrandbits(63)
        if not 0 <= seed < 2**64:
            raise ValueError(f"seed {seed} is not between 0 and 2**64 - 1")
        return int(seed)

    def reseed_rng(self) -> None:
        self._seed = self._checked(None)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> Dict[str, BaseDistribution]:
        with self._lock:
            common = self._spaces.setdefault(study._study_id, IntersectionSearchSpace())
            space = common.calculate(study)
        return {name: distribution for name, distribution in space.items() if not distribution.single()}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: Dict[str, BaseDistribution]
    ) -> Dict[str, Any]:
        if not search_space:
            return {}
        return self._suggest(study, trial, search_space)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        return self._suggest(study, trial, {param_name: param_distribution})[param_name]

    def _suggest(
        self, study: Study, trial: FrozenTrial, distributions: Dict[str, BaseDistribution]
    ) -> Dict[str, Any]:
        if len(study.directions) > 1:
            raise ValueError("OptiFormerSampler optimises one objective, and the study has several")
        fixed = {name: _only(distribution) for name, distribution in distributions.items() if distribution.single()}
        names = [name for name in distributions if name not in fixed]
        if not names:
            return fixed
        space = Space()
        for name in names:
            _add(space, name, distributions[name])
        sign = -1.0 if study.direction == StudyDirection.MAXIMIZE else 1.0
        history, losses, pending = [], [], []
        for other in study.get_trials(deepcopy=False):
            if other.number == trial.number:
                continue
            row = _row(other, names, distributions)
            if row is None:
                continue
            if other.state == TrialState.RUNNING:
                pending.append(row)
            elif other.state in (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL):
                history.append(row)
                losses.append(_loss(other, sign))
        # Parameters of one trial that are suggested apart must not be drawn with the same numbers.
        salt = sum(ord(letter) * 31**place for place, letter in enumerate(names[0])) if len(names) == 1 else 0
        seed = (self._seed + salt * 0x9E3779B97F4A7C15) % 2**64
        values = suggest(
            space,
            history,
            losses,
            pending,
            seed=seed,
            number=trial.number,
            sampler=self._sampler,
            model=self._model,
        )[0]
        suggested = {name: _external(distributions[name], value) for name, value in zip(names, values)}
        return {**fixed, **suggested}


def _only(distribution: BaseDistribution) -> Any:
    """The one value of a distribution that has no other."""
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[0]
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


def _row(trial: FrozenTrial, names: Sequence[str], distributions: Dict[str, BaseDistribution]):
    """A trial's values of some parameters; None when it lacks one, or has one that is not in today's range."""
    row = []
    for name in names:
        if name not in trial.params:
            return None
        distribution = distributions[name]
        try:
            value = float(distribution.to_internal_repr(trial.params[name]))
        except ValueError:
            return None
        if not distribution._contains(value):
            return None
        row.append(value)
    return row


def _loss(trial: FrozenTrial, sign: float) -> float:
    """What was observed, to be minimised; not a number for a failed trial."""
    if trial.state == TrialState.COMPLETE and trial.value is not None:
        return sign * trial.value
    if trial.state == TrialState.PRUNED and trial.intermediate_values:
        return sign * trial.intermediate_values[max(trial.intermediate_values)]
    return math.nan


def _external(distribution: BaseDistribution, value: float) -> Any:
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[int(value)]
    if isinstance(distribution, IntDistribution):
        return int(value)
    return value

"""OptiFormer as a search algorithm of Ray Tune: `tune.TuneConfig(search_alg=OptiFormerSearch())`."""

import array
import bisect
import math
import pickle
from collections.abc import Mapping
from typing import Any, Dict, List, Optional, Sequence, Tuple, Union

from ._cache import Cache
from ._library import unsigned
from ._model import Model
from ._requires import requires
from ._space import Space
from ._suggest import suggest, suggest_flat

with requires("ray", "ray[tune]"):
    from ray.tune.search import Searcher
    from ray.tune.search.sample import Categorical, Domain, Float, Integer, LogUniform, Quantized, Uniform
    from ray.tune.search.variant_generator import parse_spec_vars
    from ray.tune.utils.util import flatten_dict, unflatten_dict

__all__ = ["OptiFormerSearch"]


class OptiFormerSearch(Searcher):
    """Suggests the configurations of Tune's trials.

    A trial counts with the last result that it reported, also when a scheduler stopped it early; one that ended by an error, or
    without the metric, has failed and is avoided; running ones are kept away from. Suggestions depend on the seed and on the order of
    trials and results alone. `Tuner.restore` goes on where the experiment stopped.

    Args:
        space: What may be tried: an `optiformer.Space`, the mapping that one is made of, or Tune's own search space
            (`{"lr": tune.loguniform(1e-4, 1e-1)}`). Without it, the tuner's `param_space` is taken. A name such as
            `"optimizer/lr"` stands for a value in a dictionary in the configuration.
        metric: The result to optimize; the tuner's without it.
        mode: "min" or "max"; the tuner's without it.
        points_to_evaluate: Configurations to try first.
        seed: Seed of all suggestions.
        sampler: One of the library's samplers, as for `optiformer.Study`.
        model: Weights for "optiformer".

    Raises:
        ValueError: for a list of metrics, a distribution that the library lacks (naming the parameter), or a point that is
            not in the space.
        optiformer.Error: for a sampler that does not exist.
    """

    def __init__(
        self,
        space: Union[Space, Mapping[str, Any], None] = None,
        metric: Optional[str] = None,
        mode: Optional[str] = None,
        *,
        points_to_evaluate: Optional[Sequence[Mapping[str, Any]]] = None,
        seed: int = 0,
        sampler: str = "auto",
        model: Optional[Model] = None,
    ) -> None:
        if isinstance(metric, (list, tuple)) or isinstance(mode, (list, tuple)):
            raise ValueError("OptiFormerSearch optimizes one metric")
        super().__init__(metric=metric, mode=mode)
        self._points = [dict(point) for point in points_to_evaluate or ()]
        self._seed = unsigned("seed", seed)
        self._sampler = sampler
        self._model = Model() if model is None and sampler == "optiformer" else model
        suggest(Space().add_float("x", 0.0, 1.0), sampler=sampler, model=self._model, count=0)
        self._space: Optional[Space] = None
        # The trials in the order in which they were suggested or added: their number and row by
        # Tune's id, while they are pending.
        self._pending: Dict[str, Tuple[int, List[float]]] = {}
        self._begun = 0
        self._numbers: List[int] = []
        self._rows = array.array("d")
        self._losses = array.array("d")
        self._cache = Cache()
        if space is not None:
            self._set_space(space)

    def set_search_properties(self, metric: Optional[str], mode: Optional[str], config: Dict, **spec: Any) -> bool:
        """Takes what the tuner was given; False when there is a space already, or none to be found."""
        if metric:
            self._metric = metric
        if mode:
            self._mode = mode
        if self._space is not None:
            # What Tune could not resolve without a space of its own is an error that it reports.
            return not _distributions(config)
        if not _distributions(config):
            return False
        self._set_space(config)
        return True

    def suggest(self, trial_id: str) -> Optional[Dict]:
        """The configuration for a trial."""
        space = self._checked()
        if trial_id not in self._pending:
            number, self._begun = self._begun, self._begun + 1
            self._pending[trial_id] = number, self._next(space, number)
        return self._configuration(space, self._pending[trial_id][1])

    def on_trial_complete(self, trial_id: str, result: Optional[Dict] = None, error: bool = False) -> None:
        """Takes a trial's last result."""
        if trial_id not in self._pending:
            return
        number, row = self._pending.pop(trial_id)
        self._record(number, row, None if error or not result else flatten_dict(result).get(self._metric))

    def add_evaluated_point(
        self,
        parameters: Dict,
        value: float,
        error: bool = False,
        pruned: bool = False,
        intermediate_values: Optional[List[float]] = None,
    ) -> None:
        """Adds a trial that was made elsewhere."""
        row = self._row(self._checked(), parameters)
        number, self._begun = self._begun, self._begun + 1
        self._record(number, row, None if error else value)

    def get_state(self) -> Dict:
        """What `save` writes."""
        return dict(self.__dict__)

    def set_state(self, state: Dict) -> None:
        """Goes on from what `get_state` gave."""
        self.__dict__.update(state)

    def save(self, checkpoint_path: str) -> None:
        """Writes trials, pending ones and settings into a file."""
        with open(checkpoint_path, "wb") as file:
            pickle.dump(self.get_state(), file)

    def restore(self, checkpoint_path: str) -> None:
        """Goes on from a file that `save` wrote, which must come from a place that is trusted: it is a pickle."""
        with open(checkpoint_path, "rb") as file:
            self.set_state(pickle.load(file))

    def _set_space(self, space: Union[Space, Mapping[str, Any]]) -> None:
        if not isinstance(space, Space):
            found = _distributions(space)
            space = _converted(found) if found else Space(space)
        for point in self._points:
            self._row(space, point)
        self._space = space

    def _checked(self) -> Space:
        if self._space is None:
            raise RuntimeError("OptiFormerSearch has no search space: give it one, or give the tuner a param_space")
        if not self._metric or not self._mode:
            raise RuntimeError("OptiFormerSearch has no metric or no mode: give both to it or to the tuner's TuneConfig")
        return self._space

    def _next(self, space: Space, number: int) -> List[float]:
        if self._points:
            return self._row(space, self._points.pop(0))
        return suggest_flat(
            space,
            self._rows,
            self._losses,
            [row for _, row in self._pending.values()],
            seed=self._seed,
            number=number,
            sampler=self._sampler,
            model=self._model,
            cache=self._cache,
        )

    def _record(self, number: int, row: Sequence[float], value: Any) -> None:
        loss = math.nan if value is None else float(value)
        place = bisect.bisect(self._numbers, number)
        self._numbers.insert(place, number)
        self._losses.insert(place, -loss if self._mode == "max" else loss)
        self._rows[place * len(row) : place * len(row)] = array.array("d", row)

    def _row(self, space: Space, point: Mapping[str, Any]) -> List[float]:
        flat = flatten_dict(dict(point))
        # Tune's configurations have constants too.
        row = space._layout.values({name: value for name, value in flat.items() if name in space._layout.places})
        suggest(space, [row], [0.0], sampler="random", count=0)
        return row

    def _configuration(self, space: Space, row: Sequence[float]) -> Dict:
        return unflatten_dict(space._layout.parameters(row))


def _distributions(config: Mapping[str, Any]) -> Dict[str, Domain]:
    """The parameters of a search space of Tune's by their names, such as "optimizer/lr" in nested dictionaries."""
    _, domains, grids = parse_spec_vars(dict(config))
    if grids:
        raise ValueError(f"parameter {'/'.join(grids[0][0])!r}: OptiFormerSearch makes no grid; use tune.choice")
    return {"/".join(map(str, path)): domain for path, domain in domains}


def _converted(domains: Mapping[str, Domain]) -> Space:
    space = Space()
    for name, domain in domains.items():
        sampler, step = domain.get_sampler(), None
        if isinstance(sampler, Quantized):
            sampler, step = sampler.get_sampler(), sampler.q
        log = isinstance(sampler, LogUniform)
        if isinstance(domain, Categorical) and isinstance(sampler, Uniform):
            space.add_categorical(name, domain.categories)
        elif isinstance(domain, Float) and isinstance(sampler, (Uniform, LogUniform)):
            space.add_float(name, domain.lower, domain.upper, log=log, step=step)
        elif isinstance(domain, Integer) and isinstance(sampler, (Uniform, LogUniform)):
            # Tune's upper bound is exclusive, but for quantized ints.
            space.add_int(name, domain.lower, domain.upper - (step is None), log=log, step=step or 1)
        else:
            raise ValueError(
                f"parameter {name!r}: OptiFormerSearch has no {type(domain).__name__} with {type(sampler).__name__} draws"
            )
    return space

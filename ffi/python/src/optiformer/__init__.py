"""OptiFormer: a transformer that has watched many optimizations proposes the next trial.

`minimize` is one call, `Study` asks and tells, `suggest` needs no study; `optiformer.optuna` has a sampler for Optuna.
"""

from ._cache import Cache
from ._library import Error, library
from ._minimize import OptimizeResult, minimize
from ._model import Model
from ._space import Space
from ._study import Best, Counts, Explanation, Study, ToldTrial, Trial
from ._suggest import choose, suggest

__version__: str = library.optiformer_version_string().decode()
__all__ = [
    "Best",
    "Cache",
    "Counts",
    "Error",
    "Explanation",
    "Model",
    "OptimizeResult",
    "Space",
    "Study",
    "ToldTrial",
    "Trial",
    "__version__",
    "minimize",
    "suggest",
    "choose",
]

"""OptiFormer, a black-box optimizer: it proposes the next configuration to try, given the results so far.

`minimize`, `bayesian_optimization` and `grid_search` are one call each, `Study` asks and tells, `suggest` needs no study;
`optiformer.optuna` has a sampler for Optuna.
"""

from ._cache import Cache
from ._library import Error, library
from ._minimize import OptimizeResult, minimize
from ._model import Model
from ._search import SearchResult, bayesian_optimization, grid_search, save_results
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
    "SearchResult",
    "Space",
    "Study",
    "ToldTrial",
    "Trial",
    "__version__",
    "bayesian_optimization",
    "choose",
    "grid_search",
    "minimize",
    "save_results",
    "suggest",
]

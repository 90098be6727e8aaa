"""OptiFormer: a transformer that has watched many optimizations proposes the next trial.

`Study` asks and tells; `suggest` needs no study; `optiformer.optuna` has a sampler for Optuna.
"""

from ._library import Error, library
from ._model import Model
from ._space import Space
from ._study import Best, Counts, Explanation, Study, Trial
from ._suggest import suggest

__version__: str = library.optiformer_version_string().decode()
__all__ = ["Best", "Counts", "Error", "Explanation", "Model", "Space", "Study", "Trial", "__version__", "suggest"]

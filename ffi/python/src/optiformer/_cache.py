"""What suggestions keep from one call to the next."""

from typing import Any

from ._library import Handle


class Cache(Handle):
    """What `suggest` keeps from one call to the next: it changes the time of a suggestion alone.

    It knows its eight latest studies by sampler, model, space and the beginning of the history, so that one cache serves several
    studies, and any number of threads. A copy, or one that was pickled, begins empty.
    """

    _free = "optiformer_cache_free"

    def __init__(self) -> None:
        super().__init__("optiformer_cache_new")

    def __reduce__(self) -> Any:
        return Cache, ()

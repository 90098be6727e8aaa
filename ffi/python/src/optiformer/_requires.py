"""An import error that says how to install the library that an adapter needs."""

from contextlib import contextmanager
from typing import Iterator

__all__ = ["requires"]


@contextmanager
def requires(package: str, requirement: str) -> Iterator[None]:
    """Adds the command that installs `requirement` to the error of an import of `package` in the block."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != package:
            raise
        raise ModuleNotFoundError(f"{error}: pip install '{requirement}'", name=error.name) from error

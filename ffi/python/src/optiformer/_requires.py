"""What an adapter says where the library that it adapts to is not installed."""

from contextlib import contextmanager
from typing import Iterator

__all__ = ["requires"]


@contextmanager
def requires(package: str, requirement: str) -> Iterator[None]:
    """Imports within the block fail with the command that installs `requirement` where `package` is missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != package:
            raise
        raise ImportError(f"{error}: pip install '{requirement}'", name=error.name) from error

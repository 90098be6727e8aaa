"""Weights."""

import os
from typing import Optional, Union

from ._library import Handle, encoded, text


class Model(Handle):
    """Immutable weights, which any number of studies and threads may share.

    Args:
        path: A weights file.
        data: A weights file in memory. With neither, the weights that are part of the library.

    Raises:
        Error: "IO" when the file cannot be read, "INVALID_WEIGHTS" when it is damaged or of another format.
    """

    _free = "optiformer_model_free"

    def __init__(self, path: Union[str, "os.PathLike[str]", None] = None, *, data: Optional[bytes] = None) -> None:
        if path is not None and data is not None:
            raise ValueError("a model comes from a path or from data, not from both")
        self._path = None if path is None else os.path.abspath(os.fspath(path))
        self._data = None if data is None else bytes(data)
        if self._path is not None:
            super().__init__("optiformer_model_open", encoded("path", self._path))
        elif self._data is not None:
            super().__init__("optiformer_model_from_bytes", self._data, len(self._data))
        else:
            super().__init__("optiformer_model_builtin")

    def __copy__(self) -> "Model":
        return self

    def __deepcopy__(self, memo: object) -> "Model":
        return self

    def __reduce__(self):
        return _restored, (self._path, self._data)

    @property
    def description(self) -> str:
        """What it is, as JSON."""
        return text("optiformer_model_description", self._handle)


def _restored(path: Optional[str], data: Optional[bytes]) -> Model:
    return Model(path, data=data)

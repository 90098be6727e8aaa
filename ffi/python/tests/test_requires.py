"""Adapters whose library is missing."""

import importlib
import sys

import pytest


@pytest.mark.parametrize(
    ("module", "package", "requirement"),
    [("optuna", "optuna", "optuna>=5"), ("ray", "ray", r"ray\[tune\]"), ("sklearn", "sklearn", "scikit-learn")],
)
def test_a_missing_library_is_said_with_what_installs_it(monkeypatch, module, package, requirement):
    # None in sys.modules is a module that cannot be found.
    for name in [it for it in sys.modules if it.partition(".")[0] == package or it.startswith(f"optiformer.{module}")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ModuleNotFoundError, match=f"pip install '{requirement}'"):
        importlib.import_module(f"optiformer.{module}")

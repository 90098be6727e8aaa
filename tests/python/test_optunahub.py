"""The package for OptunaHub, loaded as optunahub loads it from a registry."""

from __future__ import annotations

import pathlib
import re
import runpy

import optuna
import optunahub
import pytest
import yaml

ROOT = pathlib.Path(__file__).parents[2]
REGISTRY = ROOT / "ffi/python/optunahub/package"
PACKAGE = "samplers/optiformer"
FOLDER = REGISTRY / PACKAGE


def load(package):
    assert package == PACKAGE
    return optunahub.load_local_module(package, registry_root=str(REGISTRY))


@pytest.fixture
def local(monkeypatch):
    """Has the examples load this package, where they name the published one; gives the studies that they make."""
    studies = []
    create = optuna.create_study

    def create_study(**options):
        studies.append(create(**options))
        return studies[-1]

    monkeypatch.setattr(optunahub, "load_module", load)
    monkeypatch.setattr(optuna, "create_study", create_study)
    return studies


def test_sampler_runs_a_study():
    module = load(PACKAGE)
    assert module.__all__ == ["OptiFormerSampler"]
    assert issubclass(module.OptiFormerSampler, optuna.samplers.BaseSampler)
    study = optuna.create_study(sampler=module.OptiFormerSampler(seed=3))
    study.optimize(lambda trial: (trial.suggest_float("x", -5, 5) - 1) ** 2, n_trials=20)
    assert len(study.trials) == 20
    assert study.best_value < 0.05


def test_example_runs(local, capsys):
    runpy.run_path(str(FOLDER / "example.py"), run_name="__main__")
    (study,) = local
    assert len(study.trials) == 40
    assert str(study.best_value) in capsys.readouterr().out
    assert study.best_value < 0.2


def test_readme_is_what_the_registry_reads(local):
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    _, front, body = text.split("---\n", 2)
    matter = yaml.safe_load(front)
    assert set(matter) == {"author", "title", "description", "tags", "optuna_versions", "license"}
    assert "sampler" in matter["tags"]
    assert matter["license"] == "MIT License"
    # The version that the tests run with.
    assert matter["optuna_versions"] == [optuna.__version__]
    for heading in ("Abstract", "Class or Function Names", "Installation", "APIs", "Example"):
        assert f"\n## {heading}\n" in body

    exec(re.search(r"```python\n(.*?)```", body, re.DOTALL)[1], {})
    (study,) = local
    assert len(study.trials) == 30
    assert study.best_value < 0.5


def test_folder_is_complete():
    names = {path.name for path in FOLDER.iterdir()} - {"__pycache__"}
    assert names == {"__init__.py", "README.md", "LICENSE", "example.py", "requirements.txt"}
    assert (FOLDER / "LICENSE").read_text() == (ROOT / "LICENSE-MIT").read_text()

"""The package without Optuna."""

import math
import pathlib
import re

import optiformer
import pytest


def space():
    return (
        optiformer.Space()
        .add_float("x", -5.0, 5.0)
        .add_int("n", 1, 9)
        .add_categorical("c", ["a", None, 3])
        .add_float("y", 1e-4, 1.0, log=True)
        .set_condition("y", "c", [None, 3])
    )


def test_a_study_minimises():
    study = optiformer.Study(space(), seed=4)
    assert study.best() is None
    study.enqueue({"x": 4.0, "n": 2, "c": "a"})
    seen = []
    for number in range(30):
        trial = study.ask()
        parameters = trial.parameters
        assert ("y" in parameters) == (parameters["c"] != "a")
        if number == 0:
            assert parameters == {"x": 4.0, "n": 2, "c": "a"}
        loss = (parameters["x"] - 1) ** 2 + abs(parameters["n"] - 4) + ("y" not in parameters)
        seen.append(loss)
        study.tell(trial.id, None if number == 3 else loss)
    del seen[3]
    assert study.best().value == min(seen)
    with pytest.raises(optiformer.Error) as caught:
        study.tell(0, 1.0)
    assert caught.value.name == "ALREADY_TOLD"


def test_suggestions_repeat_and_pending_trials_are_avoided():
    history = [[0.5, 3, 0, math.nan], [1.5, 4, 1, 0.01]]
    one = optiformer.suggest(space(), history, [1.0, 0.5], count=3, seed=9, number=2)
    again = optiformer.suggest(space(), history, [1.0, 0.5], count=3, seed=9, number=2)
    assert str(one) == str(again)
    assert len({str(row) for row in one}) == 3


def test_bad_input_names_the_parameter():
    with pytest.raises(optiformer.Error, match='"x"'):
        optiformer.Space().add_float("x", 1.0, 0.0)
    with pytest.raises(optiformer.Error, match="history, row 0"):
        optiformer.suggest(space(), [[9.0, 3, 0, math.nan]], [1.0])
    with pytest.raises(ValueError, match="row 0: 1 values"):
        optiformer.suggest(space(), [[9.0]], [1.0])
    with pytest.raises(ValueError, match="losses"):
        optiformer.suggest(space(), [], [1.0])
    with pytest.raises(optiformer.Error, match="no sampler|there is no sampler"):
        optiformer.Study(space(), sampler="nonesuch")
    with pytest.raises(optiformer.Error, match="IO"):
        optiformer.Model("no/such/file")
    with pytest.raises(optiformer.Error, match="INVALID_WEIGHTS"):
        optiformer.Model(data=b"garbage")
    with pytest.raises(ValueError, match="nonesuch"):
        optiformer.Study(space()).add({"nonesuch": 1}, 0.0)


def test_the_declarations_are_those_of_the_header():
    from optiformer import _library

    header = pathlib.Path(__file__).parents[3] / "include" / "optiformer.h"
    code = re.sub(r"/\*.*?\*/", "", header.read_text(), flags=re.S)
    declared = dict(re.findall(r"(optiformer_\w+)\(([^)]*)\)", code))
    for name, arguments in _library._FALLIBLE.items():
        assert len(declared[name].split(",")) == len(arguments), name
    fallible = {name for name, arguments in declared.items() if "optiformer_error" in arguments}
    assert fallible == set(_library._FALLIBLE)
    assert optiformer.__version__ == ".".join(re.findall(r"VERSION_(?:MAJOR|MINOR|PATCH) (\d+)", code))

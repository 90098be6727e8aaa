"""Pruners and fidelities: studies and `minimize`."""

import math
import pickle

import optiformer
import pytest

SPACE = {"x": (0.0, 1.0), "kind": ["a", "b"]}
STAGED = {"epochs": {"type": "int", "low": 1, "high": 9, "fidelity": True}, "x": (0.0, 1.0)}


def run(study, value):
    """The step at which a trial that reports `value` is pruned; None for one that finishes."""
    trial = study.ask()
    assert study.should_stop(trial) is False
    for step in range(1, 4):
        study.report(trial, step, value)
        if study.should_stop(trial):
            study.tell_pruned(trial)
            return step
    study.tell(trial, value)
    return None


def test_a_pruner_ends_poor_trials(tmp_path):
    path, options = tmp_path / "study.jsonl", {"sampler": "random", "seed": 3}
    study = optiformer.Study.open(path, SPACE, pruner="median:startup=2", **options)
    # The median of 1 and 2 is 1.5.
    assert [run(study, value) for value in (1.0, 2.0, 1.25, 1.75)] == [None, None, None, 1]
    assert study.counts() == optiformer.Counts(finished=3, failed=0, pending=0, pruned=1)
    with pytest.raises(optiformer.Error, match="ALREADY_TOLD: trial 3"):
        study.should_stop(3)
    with pytest.raises(optiformer.Error, match="UNKNOWN_TRIAL: trial 9"):
        study.should_stop(9)
    assert run(optiformer.Study.restore(study.save()), 1.75) == 1
    del study
    with pytest.raises(optiformer.Error, match="its pruner is median:startup=2"):
        optiformer.Study.open(path, SPACE, pruner="median", **options)
    # The rule of the file goes on, whether the rest is said again or not.
    for arguments in ((path, SPACE), (path,)):
        study = optiformer.Study.open(*arguments, **options)
        assert run(study, 1.75) == 1
        del study
    without = optiformer.Study(SPACE, **options)
    assert [run(without, value) for value in (1.0, 2.0, 99.0)] == [None] * 3


@pytest.mark.parametrize(
    "options, error, message",
    [
        ({"pruner": "medium"}, optiformer.Error, 'no "medium"'),
        ({"pruner": ""}, optiformer.Error, "pruner"),
        ({"pruner": "hyperband"}, optiformer.Error, 'needs "max"'),
        ({"pruner": "median", "objectives": ["a", "b"]}, optiformer.Error, "prunes no trials"),
        ({"pruner": 5}, TypeError, "pruner must be a str"),
    ],
)
def test_pruners_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        optiformer.Study(SPACE, **options)


def test_a_fidelity_is_raised():
    study, asked, promotions = optiformer.Study(STAGED, sampler="hyperband"), {}, 0
    for _ in range(12):
        trial = study.ask()
        source = study.promoted_from(trial)
        if source is not None:
            promotions += 1
            assert asked[source]["x"] == trial.parameters["x"] and asked[source]["epochs"] < trial.parameters["epochs"]
        asked[trial.id] = trial.parameters
        study.tell(trial, trial.parameters["x"] + 1 / trial.parameters["epochs"])
    assert 0 < promotions < 12
    assert study.best().parameters["epochs"] == max(trial.parameters["epochs"] for trial in study.trials)
    with pytest.raises(optiformer.Error, match="UNKNOWN_TRIAL: trial 77"):
        study.promoted_from(77)
    assert optiformer.Study(STAGED, sampler="random").ask().parameters["epochs"] == 9


def test_spaces_have_a_fidelity():
    space = optiformer.Space(STAGED)
    assert space.to_json().count('"fidelity":true') == 1 and pickle.loads(pickle.dumps(space)).to_json() == space.to_json()
    assert optiformer.Space().add_int("epochs", 1, 9).add_float("x", 0, 1).set_fidelity("epochs").to_json() == space.to_json()
    assert "fidelity" not in optiformer.Space({**STAGED, "epochs": {"type": "int", "low": 1, "high": 9, "fidelity": False}}).to_json()
    with pytest.raises(optiformer.Error, match="fidelity needs parameters beside it"):
        optiformer.Space({"epochs": STAGED["epochs"]})
    with pytest.raises(optiformer.Error, match='already "epochs"'):
        optiformer.Space({**STAGED, "share": {"type": "float", "low": 0.1, "high": 1.0, "fidelity": True}})
    with pytest.raises(optiformer.Error, match="INVALID_VALUE"):
        space.set_fidelity("epoch")


def test_minimize_reports_what_a_generator_yields():
    closed = []

    def fun(x):
        try:
            for step in range(5):
                yield x["x"] + 1 / (step + 1)
        except GeneratorExit:
            closed.append(x)
            raise
        return x["x"]

    result = optiformer.minimize(fun, SPACE, 30, sampler="random", seed=1, pruner="median:startup=3")
    pruned = [trial for trial in result.trials if trial.state == "pruned"]
    assert [trial.parameters for trial in pruned] == closed and 0 < len(pruned) == result.npruned < 27
    assert result.nfail == 0 and result.nfev == 30 and all(trial.value is None for trial in pruned)
    finished = [trial for trial in result.trials if trial.state == "finished"]
    assert all(len(trial.reports) == 5 for trial in finished) and result.fun == min(trial.value for trial in finished)
    # Without a rule all of them end by themselves.
    assert optiformer.minimize(fun, SPACE, 30, sampler="random", seed=1).npruned == 0


def test_minimize_counts_what_goes_wrong_in_a_generator():
    def fun(x):
        yield math.nan
        yield 0.5
        if x[0] > 0.5:
            raise ArithmeticError
        return x[0], [x[0] - 0.25]

    options = {"sampler": "random", "seed": 2, "constraints": ["c"], "pruner": "median"}
    result = optiformer.minimize(fun, [(0.0, 1.0)], 20, catch=ArithmeticError, **options)
    assert 0 < result.nfail < 20 and result.npruned == 0 and result.maxcv == 0.0
    assert all(trial.reports == ((2, 0.5),) for trial in result.trials)
    with pytest.raises(ArithmeticError):
        optiformer.minimize(fun, [(0.0, 1.0)], 20, **options)


def test_minimize_ends_at_the_highest_fidelity():
    result = optiformer.minimize(lambda x: x["x"] + 0.1 * x["epochs"], STAGED, 20, sampler="hyperband", seed=1)
    # Values at different fidelities do not compare: here they are lower at low ones.
    top = max(trial.parameters["epochs"] for trial in result.trials)
    assert result.x["epochs"] == top and result.fun == min(t.value for t in result.trials if t.parameters["epochs"] == top)
    assert result.fun > min(trial.value for trial in result.trials)

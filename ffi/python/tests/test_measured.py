"""Constraints, several objectives and intermediate values: studies, `minimize`, suggestions without a study."""

import math

import numpy
import optiformer
import pytest
from scipy.optimize import NonlinearConstraint

SPACE = {"x": (0.0, 1.0), "kind": ["a", 2, None], "n": {"type": "int", "low": 1, "high": 9, "when": {"parent": "kind", "is": ["a"]}}}


def test_constraints_are_told_in_order_or_by_name():
    study = optiformer.Study(SPACE, sampler="random", constraints=["size", "price"])
    assert study.constraints == ["size", "price"] and study.objectives == ["value"]
    for value, constraints in [(1.0, [2.0, -1.0]), (5.0, {"price": 0.5, "size": 0.0}), (9.0, (-1.0, 0.0)), (0.5, [0.1, 0.0])]:
        study.tell(study.ask(), value, constraints=constraints)
    assert study.best().value == 9.0 and [trial.id for trial in study.front()] == [2]
    assert study.told(1).constraints == {"size": 0.0, "price": 0.5} and not study.told(1).is_feasible and study.told(2).is_feasible
    assert [study.violation(number) for number in range(4)] == [2.0, 0.5, 0.0, 0.1]
    failed, other = study.ask(), study.ask()
    study.tell(failed, None, constraints=[1.0, 1.0])
    study.tell(other, None)
    assert study.told(failed)[2:6] == (None, "failed", None, {"size": 1.0, "price": 1.0})
    assert study.told(other)[2:6] == (None, "failed", None, None) and math.isnan(study.violation(other))
    trial = study.ask()
    with pytest.raises(optiformer.Error, match=r"2 constraints \(size, price\), and 0"):
        study.tell(trial, 1.0)
    with pytest.raises(optiformer.Error, match="and 1 constraint value was told"):
        study.tell(trial, 1.0, constraints=[1.0])
    with pytest.raises(ValueError, match="size, price, and size were told"):
        study.tell(trial, 1.0, constraints={"size": 1.0})
    study.tell(trial, 2.0, constraints=[math.nan, 0.0])
    assert study.told(trial).state == "failed" and study.counts() == (4, 3, 0, 0)
    assert study.add({"x": 0.5, "kind": 2}, 0.25, constraints={"size": -1, "price": -1}) == 7 and study.best().id == 7


def test_several_objectives_have_a_front():
    study = optiformer.Study(SPACE, sampler="random", objectives={"error": "minimize", "speed": "maximize"})
    for values in [(1.0, 1.0), {"speed": 3.0, "error": 2.0}, [2.0, 2.0], (0.5, 0.5), (3.0, math.inf), None]:
        study.tell(study.ask(), values)
    assert [trial.id for trial in study.front()] == [0, 1, 3] and study.best() is None
    assert study.told(1).objectives == {"error": 2.0, "speed": 3.0} and study.told(1).value == 2.0
    assert [trial.state for trial in study.trials] == ["finished"] * 4 + ["failed"] * 2
    trial = study.ask()
    with pytest.raises(optiformer.Error, match="several objectives"):
        study.report(trial, 1, 1.0)
    with pytest.raises(optiformer.Error, match=r"2 objectives \(error, speed\)"):
        study.tell(trial, 1.0)
    with pytest.raises(ValueError, match="direction of an objective"):
        optiformer.Study(SPACE, objectives={"error": "min"})
    with pytest.raises(ValueError, match="no objectives"):
        optiformer.Study(SPACE, objectives=[])
    with pytest.raises(TypeError, match="list of names"):
        optiformer.Study(SPACE, constraints="size")
    with pytest.raises(optiformer.Error, match="occurs twice"):
        optiformer.Study(SPACE, objectives=["a", "a"])


def test_a_pruned_trial_counts_with_its_last_intermediate_value():
    study, told = (optiformer.Study({"x": (0.0, 1.0)}, sampler="tpe", seed=4) for _ in range(2))
    for _ in range(30):
        one, other = study.ask(), told.ask()
        assert one == other
        value = (one.parameters["x"] - 0.3) ** 2
        if one.id % 3:
            study.report(one, 1, 5.0)
            study.report(one, 7, value)
            study.tell_pruned(one)
        else:
            study.tell(one, value)
        told.tell(other, value)
    assert study.told(1).state == "pruned" and study.told(1).value is None and study.told(1).reports[0] == (1, 5.0)
    assert study.reports(2) == list(study.told(2).reports) and study.counts() == (10, 0, 0, 20)
    with pytest.raises(optiformer.Error, match="ALREADY_TOLD"):
        study.report(1, 9, 1.0)


def test_a_study_outlives_the_process(tmp_path):
    path, options = tmp_path / "study.jsonl", {"sampler": "tpe", "seed": 5, "constraints": ["size"]}
    study = optiformer.Study.open(path, SPACE, **options)
    for value in (1.0, 2.0, None):
        trial = study.ask()
        study.tell(trial, value, constraints=[-1.0 if value == 2.0 else 1.0])
    pending = study.ask()
    study.report(pending, 3, 0.5)
    known, saved = study.trials, study.save()
    with pytest.raises(optiformer.Error, match="another process"):
        optiformer.Study.open(path)
    del study
    with pytest.raises(optiformer.Error, match="constraints"):
        optiformer.Study.open(path, SPACE, sampler="tpe", seed=5)
    again = optiformer.Study.open(path, SPACE, **options)
    assert again.trials == known and again.pending == [pending] and again.best().value == 2.0
    assert again.ask() == pending and again.save() == saved
    again.tell(pending, 3.0, constraints=[0.0])
    assert again.told(pending).reports == ((3, 0.5),)
    del again
    # Without the space choices that are no texts go by their numbers.
    bare = optiformer.Study.open(path)
    assert bare.constraints == ["size"] and [trial.value for trial in bare.trials] == [1.0, 2.0, None, 3.0]
    assert {trial.parameters["kind"] for trial in bare.trials} <= {"0", "1", "2"}
    restored = optiformer.Study.restore(saved, optiformer.Space(SPACE))
    assert restored.trials == known and restored.pending == [pending]
    restored.abandon(pending)
    assert restored.pending == [] and restored.ask().id == 4
    restored.offer_pending()
    assert restored.ask().id == 4
    with pytest.raises(ValueError, match="not that of the study"):
        optiformer.Study.restore(saved, optiformer.Space({"x": (0, 1)}))
    with pytest.raises(optiformer.Error, match="INVALID_JOURNAL"):
        optiformer.Study.restore(saved[:-9])


def test_minimize_takes_constraints_by_name():
    def fun(x):
        if x["y"] > 0.95:
            return None
        return x["x"] + x["y"], {"sum": 0.5 - x["x"] - x["y"]}

    result = optiformer.minimize(fun, {"x": (0.0, 1.0), "y": (0.0, 1.0)}, 40, seed=2, sampler="random", constraints=["sum"])
    feasible = [trial for trial in result.trials if trial.constraints and trial.constraints["sum"] <= 0]
    assert 0 < len(feasible) < 40 and result.fun == min(trial.value for trial in feasible) >= 0.5
    assert result.success and result.maxcv == 0.0 and result.constraints["sum"] <= 0
    impossible = optiformer.minimize(lambda x: (0.0, [1.0 + x[0]]), [(0, 1)], 20, sampler="random", constraints=["c"])
    assert not impossible.success and impossible.maxcv == min(trial.constraints["c"] for trial in impossible.trials)
    for broken, message in [(lambda x: 1.0, "returns"), (lambda x: (1.0, [1.0, 2.0]), "2 values of the constraints c")]:
        with pytest.raises(ValueError, match=message):
            optiformer.minimize(broken, [(0, 1)], 2, constraints=["c"])
    with pytest.raises(TypeError, match="list of names"):
        optiformer.minimize(fun, [(0, 1)], 2, constraints="c")
    with pytest.raises(TypeError, match="constraint 0"):
        optiformer.minimize(fun, [(0, 1)], 2, constraints=[3])


def test_minimize_takes_the_constraints_of_scipy():
    bounded = NonlinearConstraint(lambda x: [x[0] + x[1], x[0] - x[1]], [0.5, -numpy.inf], [numpy.inf, 0.1])
    result = optiformer.minimize(lambda x: x[0] + x[1], [(0, 1), (0, 1)], 60, seed=1, sampler="random", constraints=bounded)
    assert list(result.constraints) == ["c0[0] >= 0.5", "c0[1] <= 0.1"]
    assert result.success and result.x[0] + result.x[1] >= 0.5 and result.x[0] - result.x[1] <= 0.1
    both = [bounded, NonlinearConstraint(lambda x: x[0], 0.2, 0.4)]
    result = optiformer.minimize(lambda x: x[0] + x[1], [(0, 1), (0, 1)], 60, seed=1, sampler="random", constraints=both)
    assert 0.2 <= result.x[0] <= 0.4 and len(result.constraints) == 4
    whole = NonlinearConstraint(lambda x: x, 0.3, 0.9)
    result = optiformer.minimize(lambda x: x[0] + x[1], [(0, 1), (0, 1)], 60, seed=1, sampler="random", constraints=whole)
    assert min(result.x) >= 0.3 and max(result.x) <= 0.9


@pytest.mark.parametrize("sampler", ["tpe", "gp"])
def test_a_study_and_calls_without_one_suggest_the_same(sampler):
    space = optiformer.Space({"x": (0.0, 1.0), "y": (0.0, 1.0)})
    study = optiformer.Study(space, sampler=sampler, seed=6, objectives=["a", "b"], constraints=["c"])
    cache, history, losses, constraints = optiformer.Cache(), [], [], []
    for number in range(20):
        trial = study.ask()
        row = list(trial.parameters.values())
        request = (space, history, losses), {"seed": 6, "number": number, "sampler": sampler, "constraints": constraints}
        assert [row] == optiformer.suggest(*request[0], **request[1]) == optiformer.suggest(*request[0], **request[1], cache=cache)
        study.tell(trial, [row[0], 1 - row[0] * row[1]], constraints=[0.5 - row[1]])
        history.append(row)
        losses.append([row[0], 1 - row[0] * row[1]])
        constraints.append([0.5 - row[1]])
    arrays = [numpy.array(it) for it in (history, losses, constraints)]
    options = {"seed": 6, "number": 20, "sampler": sampler}
    suggested = optiformer.suggest(space, *arrays[:2], constraints=arrays[2], **options)
    assert suggested.tolist() == [list(study.ask().parameters.values())]
    order, _ = optiformer.choose(space, history, history, losses, constraints=constraints, **options)
    assert sorted(order) == list(range(20))
    with pytest.raises(ValueError, match="rows of constraints"):
        optiformer.suggest(space, history, losses, constraints=constraints[1:])
    with pytest.raises(ValueError, match="constraints, row 3: 2 values for 1 constraints"):
        optiformer.suggest(space, history, losses, constraints=constraints[:3] + [[0.0, 0.0]] + constraints[4:])
    with pytest.raises(ValueError, match="losses, row 1: 1 values for 2 objectives"):
        optiformer.suggest(space, history, losses[:1] + [[1.0]] + losses[2:])

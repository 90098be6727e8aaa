"""Minimization by one call, spaces from mappings, and NumPy in and out."""

import math
import time

import numpy
import optiformer
import pytest

SPACE = {
    "rate": (1e-4, 1.0, "log"),
    "units": (4, 256),
    "optimizer": ["sgd", "adam"],
    "momentum": {"type": "float", "low": 0.0, "high": 0.99, "when": {"parent": "optimizer", "is": ["sgd"]}},
}


def loss(x):
    return (math.log(x["rate"]) + 4) ** 2 + (x["units"] / 64 - 1) ** 2 + x.get("momentum", 1.0)


def test_a_mapping_is_a_space():
    built = (
        optiformer.Space()
        .add_float("rate", 1e-4, 1.0, log=True)
        .add_int("units", 4, 256)
        .add_categorical("optimizer", ["sgd", "adam"])
        .add_float("momentum", 0.0, 0.99)
        .set_condition("momentum", "optimizer", ["sgd"])
    )
    assert optiformer.Space(SPACE).to_json() == built.to_json()
    steps = optiformer.Space({"n": {"type": "int", "low": 0, "high": 10, "step": 5}})
    assert '"step":5' in steps.to_json()
    ints = optiformer.Space({"n": (numpy.int64(1), numpy.int32(8))})
    assert '"int"' in ints.to_json()


@pytest.mark.parametrize(
    "parameter, message",
    [
        ((1.0,), "'bad'"),
        (("a", "b"), "'bad'"),
        ((0, 1, "linear"), "'bad'"),
        (3, "'bad'"),
        ({"type": "real", "low": 0, "high": 1}, "'real'"),
        ({"type": "float", "low": 0, "top": 1}, "'bad'.*top"),
        ({"type": "float", "low": 0.0, "high": 1.0, "when": "always"}, "'bad'.*always"),
    ],
)
def test_a_parameter_that_is_none_is_named(parameter, message):
    with pytest.raises(TypeError, match=message):
        optiformer.Space({"bad": parameter})


def test_minimize_finds_the_minimum_of_a_mapping():
    result = optiformer.minimize(loss, SPACE, 40, seed=1)
    assert result.success and result.status == 0 and result.nfev == 40 == len(result.trials) and result.nfail == 0
    assert result.fun == min(trial.value for trial in result.trials) == loss(result.x) < 1.0
    assert [trial.id for trial in result.trials] == list(range(40))
    assert result["fun"] == result.fun and "fun" in dir(result) and "40 trials" in repr(result)
    with pytest.raises(AttributeError):
        result.nonesuch
    again = optiformer.minimize(loss, SPACE, 40, seed=1)
    assert [trial.parameters for trial in again.trials] == [trial.parameters for trial in result.trials]


def test_minimize_takes_bounds_as_scipy_does():
    def rosenbrock(x, a):
        assert isinstance(x, numpy.ndarray) and x.shape == (2,)
        return numpy.float32((a - x[0]) ** 2 + 10 * (x[1] - x[0] ** 2) ** 2)

    class Bounds:
        lb, ub = [-2, -2], [2, 2]

    one = optiformer.minimize(rosenbrock, [(-2, 2), (-2, 2)], 30, args=(1.0,), x0=[0.5, 0.25])
    assert list(one.trials[0].parameters.values()) == [0.5, 0.25]
    assert one.fun <= 0.25 and isinstance(one.x, numpy.ndarray) and isinstance(one.fun, float)
    other = optiformer.minimize(rosenbrock, Bounds, 30, args=(1.0,), x0=numpy.array([[0.5, 0.25]]))
    assert other.fun == one.fun


def test_a_callback_ends_it_by_a_value_or_by_stop_iteration():
    def by_value(result):
        return result.nfev == 5

    def by_exception(result):
        if result.nfev == 5:
            raise StopIteration

    for callback in (by_value, by_exception):
        result = optiformer.minimize(loss, SPACE, 40, callback=callback)
        assert result.nfev == 5 and result.status == 1 and "callback" in result.message and result.success


def test_failures_are_trials_too():
    def fragile(x):
        if x["units"] % 2:
            raise ArithmeticError
        return None if x["optimizer"] == "sgd" else loss(x)

    result = optiformer.minimize(fragile, SPACE, 30, catch=ArithmeticError)
    assert result.nfail == sum(trial.value is None for trial in result.trials) > 0
    with pytest.raises(ArithmeticError):
        optiformer.minimize(fragile, SPACE, 30)
    nothing = optiformer.minimize(lambda x: None, SPACE, 3)
    assert not nothing.success and nothing.x is None and math.isnan(nothing.fun)


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="trials"):
        optiformer.minimize(loss, SPACE, 0)
    with pytest.raises(ValueError, match="nonesuch"):
        optiformer.minimize(loss, SPACE, 3, x0={"nonesuch": 1.0})
    with pytest.raises(optiformer.Error, match="rate"):
        optiformer.minimize(loss, SPACE, 3, x0={"rate": 7.0, "units": 4, "optimizer": "adam"})


def test_no_trial_begins_when_the_time_is_up():
    result = optiformer.minimize(lambda x: time.sleep(0.02) or 1.0, SPACE, 1000, timeout=0.1)
    assert result.status == 2 and 1 <= result.nfev <= 6


def test_a_study_takes_trials_and_numpy_and_gives_its_trials_back():
    study = optiformer.Study(SPACE, direction="maximize")
    first, second = study.ask(), study.ask()
    assert study.pending == [first, second]
    first.parameters["rate"] = 17.0
    study.tell(second, numpy.float32(0.5))
    study.tell_failed(first)
    third = study.add({"rate": numpy.float64(0.5), "units": numpy.int64(8), "optimizer": numpy.str_("adam")}, 2)
    assert study.pending == [] and study.counts() == (2, 1, 0, 0)
    assert [(trial.id, trial.value) for trial in study.trials] == [(0, None), (1, 0.5), (third, 2.0)]
    assert study.trials[0].parameters["rate"] <= 1.0 and study.told(third).parameters["units"] == 8
    assert study.best().value == 2.0
    with pytest.raises(ValueError, match="'units' cannot be 'many'"):
        study.add({"rate": 0.5, "units": "many", "optimizer": "adam"}, 2)
    with pytest.raises(optiformer.Error, match="ALREADY_TOLD"):
        study.tell(second, 1.0)


def test_suggestions_of_arrays_are_arrays():
    space = optiformer.Space({"x": (0.0, 1.0), "n": (1, 9)})
    rows = [[0.5, 3.0], [0.25, 4.0], [0.75, 9.0]]
    listed = optiformer.suggest(space, rows, [1.0, 2.0, 3.0], [rows[0]], count=2, number=3)
    losses = numpy.array([1.0, 2.0, 3.0])
    for history in (numpy.array(rows), numpy.array(rows, dtype=numpy.float32), numpy.asfortranarray(rows)):
        arrays = optiformer.suggest(space, history, losses, numpy.array([rows[0]]), count=2, number=3)
        assert isinstance(arrays, numpy.ndarray) and arrays.shape == (2, 2) and arrays.tolist() == listed
    with pytest.raises(ValueError, match="history: an array of 3×1"):
        optiformer.suggest(space, numpy.zeros((3, 1)), losses)

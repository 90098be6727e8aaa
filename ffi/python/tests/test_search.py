"""Grid search and Bayesian optimization by one call each."""

import json

import optiformer
import pytest

SPACE = {"rate": (1e-4, 1.0, "log"), "units": (4, 256), "optimizer": ["sgd", "adam"]}


def score(x):
    return -abs(x["units"] - 64) / 64 - (x["optimizer"] == "sgd") - abs(x["rate"] - 0.01)


def test_a_grid_tries_every_point_once(tmp_path):
    result = optiformer.grid_search(score, SPACE, 4, direction="maximize", order="given")
    assert result.num_evaluations == 4 * 4 * 2 == len({str(trial.parameters) for trial in result.all_results})
    values = [trial.value for trial in result.all_results]
    assert result.best_score == max(values) and score(result.best_params) == result.best_score
    first = result.all_results[0].parameters
    assert first == {"rate": 1e-4, "units": 4, "optimizer": "sgd"}
    some = optiformer.grid_search(score, SPACE, 4, n_calls=5, seed=1)
    assert some.num_evaluations == 5
    # The study knows the grid: it goes on with the points that are left.
    again = optiformer.Study.restore(some.study.save())
    for _ in range(27):
        again.tell(again.ask(), 0.0)
    with pytest.raises(optiformer.Error, match="EXHAUSTED|tried"):
        again.ask()
    with pytest.raises(optiformer.Error, match="at least one point"):
        optiformer.grid_search(score, SPACE, 0)
    with pytest.raises(optiformer.Error, match="order is random or given"):
        optiformer.grid_search(score, SPACE, order="up")
    with pytest.raises(ValueError, match="n_calls is 0"):
        optiformer.grid_search(score, SPACE, n_calls=0)


def test_an_optimization_keeps_its_constraint_and_its_default(tmp_path, capsys):
    def constrained(x):
        if x["units"] > 250:
            return None, None
        return score(x), {"memory": x["units"] - 40}

    default = {"rate": 0.5, "units": 8, "optimizer": "sgd"}
    result = optiformer.bayesian_optimization(
        constrained, SPACE, 30, direction="maximize", constraints=["memory"], x0=[default], verbose=True, seed=2
    )
    assert result.all_results[0].parameters == default
    assert result.num_evaluations == 30
    assert result.best_params["units"] <= 40 and result.best_params["optimizer"] == "adam"
    feasible = [trial.value for trial in result.all_results if trial.value is not None and trial.parameters["units"] <= 40]
    assert result.best_score == max(feasible) and result.num_feasible == len(feasible)
    assert capsys.readouterr().err.count("\n") == 30
    optiformer.save_results(result, tmp_path / "results" / "phase3")
    read = {path.name: path.read_text() for path in (tmp_path / "results" / "phase3").iterdir()}
    assert json.loads(read["best_config.json"]) == result.best_params
    results = json.loads(read["optimization_results.json"])
    assert results["best_score"] == result.best_score and len(results["all_results"]) == 30
    assert results["all_results"][0]["params"] == default and results["all_results"][0]["feasible"] is True
    assert results == {**result.study.results(), "optimization_time": result.optimization_time}
    metadata = json.loads(read["optimization_metadata.json"])
    assert metadata["sampler"] == "auto" and metadata["constraints"] == ["memory"] and metadata["seed"] == 2
    assert len(metadata["search_space"]["parameters"]) == 3
    assert "optimizer  adam" in read["optimization_summary.txt"]


def test_without_a_feasible_trial_there_is_no_best(tmp_path):
    result = optiformer.bayesian_optimization(lambda x: (1.0, [2.0]), SPACE, 3, constraints=["never"])
    assert result.best_params is None and result.best_score is None and not result.converged
    (tmp_path / "best_config.json").write_text("{}")
    optiformer.save_results(result, tmp_path)
    assert not (tmp_path / "best_config.json").exists()
    assert "violates a constraint" in (tmp_path / "optimization_summary.txt").read_text()


def test_an_interrupted_search_goes_on_without_repeating(tmp_path):
    calls = []

    def interrupted(x):
        calls.append(x)
        if len(calls) == 8:
            raise KeyboardInterrupt
        return score(x)

    options = dict(direction="maximize", sampler="tpe", seed=3, path=tmp_path / "search.jsonl")
    with pytest.raises(KeyboardInterrupt):
        optiformer.bayesian_optimization(interrupted, SPACE, 20, **options)
    result = optiformer.bayesian_optimization(interrupted, SPACE, 20, **options)
    # The eighth call had no outcome and is made again.
    assert result.num_evaluations == 20 and len(calls) == 21 and calls[7] == calls[8]
    # The file is free again, for the next call and for others.
    more = optiformer.bayesian_optimization(interrupted, SPACE, 22, **options)
    assert more.num_evaluations == 22 and result.study.counts().finished == 20
    with optiformer.Study.open(options["path"]) as study:
        assert len(study.trials) == 22
    with pytest.raises(optiformer.Error, match="NULL_POINTER"):
        study.ask()
    whole = optiformer.bayesian_optimization(score, SPACE, 20, **{**options, "path": None})
    assert [trial.parameters for trial in whole.all_results] == [trial.parameters for trial in result.all_results]


def test_exceptions_that_are_caught_fail_the_trial():
    def failing(x):
        if x["optimizer"] == "sgd":
            raise ZeroDivisionError
        return score(x)

    result = optiformer.grid_search(failing, SPACE, 2, direction="maximize", catch=ZeroDivisionError)
    assert result.num_evaluations == 8 and result.num_feasible == 4
    with pytest.raises(ZeroDivisionError):
        optiformer.grid_search(failing, SPACE, 2)


def test_the_best_is_at_the_highest_fidelity():
    space = {"x": (0.0, 1.0), "epochs": {"type": "int", "low": 1, "high": 9, "fidelity": True}}
    result = optiformer.bayesian_optimization(lambda x: x["x"] + x["epochs"], space, 30, sampler="hyperband", seed=1)
    assert len({trial.parameters["epochs"] for trial in result.all_results}) > 1
    assert result.best_params["epochs"] == 9 and result.best_score >= 9


def test_a_minimization_ends_where_everything_has_been_tried():
    result = optiformer.minimize(lambda x: len(x["kind"]), {"kind": ["a", "bb", "ccc"]}, trials=50, sampler="grid")
    assert result.nfev == 3 and result.status == 3 and result.fun == 1
    assert "tried" in result.message


def test_a_search_that_improves_no_more_has_converged():
    values = iter([1.0] + [2.0] * 10)
    assert optiformer.bayesian_optimization(lambda x: next(values), SPACE, 11, sampler="random").converged
    with pytest.raises(ValueError, match="n_calls is 0"):
        optiformer.bayesian_optimization(score, SPACE, 0)

"""The search algorithm of Ray Tune's: its own calls, and real tuning with actors."""

import math
import pickle

import optiformer
import pytest

ray = pytest.importorskip("ray", reason="ray is not installed")
tune = pytest.importorskip("ray.tune", reason="ray has no tune: pip install 'ray[tune]'")

from optiformer.ray import OptiFormerSearch  # noqa: E402

SPACE = {
    "x": tune.uniform(-5.0, 5.0),
    "model": {"rate": tune.loguniform(1e-4, 1.0), "layers": tune.randint(1, 5), "constant": 7},
    "kind": tune.choice(["a", None, 3]),
    "width": tune.quniform(0.0, 1.0, 0.25),
    "units": tune.qrandint(8, 64, 8),
}


def loss(config):
    return (config["x"] - 1) ** 2 + abs(math.log10(config["model"]["rate"]) + 2) + (config["kind"] is not None)


def made(**options):
    search = OptiFormerSearch(**options)
    assert search.set_search_properties("loss", "min", SPACE)
    return search


def run(search, numbers):
    configs = []
    for number in numbers:
        configs.append(search.suggest(f"t{number}"))
        search.on_trial_complete(f"t{number}", {"loss": loss(configs[-1])})
    return configs


def test_every_kind_of_parameter_stays_in_its_range():
    for config in run(made(seed=1), range(30)):
        assert -5 <= config["x"] <= 5 and 1e-4 <= config["model"]["rate"] <= 1 and config["model"]["layers"] in range(1, 5)
        assert config["kind"] in ("a", None, 3) and config["width"] in (0, 0.25, 0.5, 0.75, 1) and config["units"] % 8 == 0


def test_a_search_that_was_saved_goes_on_as_it_would_have(tmp_path):
    whole = run(made(seed=2), range(24))
    first = made(seed=2)
    configs = run(first, range(10))
    running = first.suggest("t10")
    first.save(str(tmp_path / "state"))
    second = OptiFormerSearch()
    second.restore(str(tmp_path / "state"))
    assert second.suggest("t10") == running
    second.on_trial_complete("t10", {"loss": loss(running)})
    assert configs + [running] + run(second, range(11, 24)) == whole
    assert pickle.loads(pickle.dumps(first)).suggest("t10") == running


def test_running_trials_are_kept_away_from_and_failed_ones_are_history():
    search = OptiFormerSearch({"a": (0, 2), "b": [0, 1, 2, 3]}, metric="loss", mode="max")
    started = [search.suggest(str(number)) for number in range(12)]
    assert len({tuple(config.values()) for config in started}) == 12
    for number, config in enumerate(started):
        error = number % 4 == 1
        search.on_trial_complete(str(number), None if error else {"loss": config["a"]}, error=error)
    assert sum(map(math.isnan, search._losses)) == 3 and min(search._losses[:1]) <= 0
    search.on_trial_complete("0", {"loss": 1.0})
    assert len(search._losses) == 12


def test_order_of_completion_does_not_matter_to_what_is_known():
    one, other = made(seed=3), made(seed=3)
    for search, order in ((one, range(8)), (other, reversed(range(8)))):
        configs = [search.suggest(str(number)) for number in range(8)]
        for number in order:
            search.on_trial_complete(str(number), {"loss": loss(configs[number])})
    assert one.suggest("next") == other.suggest("next")


def test_points_come_first_and_evaluated_ones_are_history():
    point = {"x": 1.0, "model": {"rate": 0.01, "layers": 2}, "kind": "a", "width": 0.5, "units": 16}
    search = made(points_to_evaluate=[point])
    found = search.suggest("0")
    assert found["x"] == 1.0 and found["model"]["rate"] == 0.01
    search.add_evaluated_point(point, 0.25)
    assert list(search._losses) == [0.25]
    with pytest.raises(optiformer.Error, match='"x"'):
        search.add_evaluated_point({**point, "x": 50.0}, 0.25)


def test_what_cannot_be_done_is_said():
    with pytest.raises(ValueError, match="one metric"):
        OptiFormerSearch(metric=["a", "b"], mode=["min", "min"])
    with pytest.raises(ValueError, match="'g'"):
        OptiFormerSearch({"g": tune.grid_search([1, 2])})
    with pytest.raises(ValueError, match="'n'.*Normal"):
        OptiFormerSearch({"n": tune.randn(0, 1)})
    with pytest.raises(optiformer.Error, match="nonesuch"):
        OptiFormerSearch(sampler="nonesuch")
    with pytest.raises(RuntimeError, match="search space"):
        OptiFormerSearch().suggest("0")
    with pytest.raises(RuntimeError, match="metric"):
        OptiFormerSearch({"x": (0.0, 1.0)}).suggest("0")


@pytest.fixture(scope="module")
def cluster():
    # Eight actors on however few processors there are.
    ray.init(num_cpus=8, include_dashboard=False, logging_level="error", log_to_driver=False)
    yield
    ray.shutdown()


def objective():
    """The objective, by value: an actor cannot import the module of a test."""

    def fragile(config):
        from ray import tune

        if config["x"] > 4.5:
            raise ArithmeticError
        tune.report({"loss": (config["x"] - 1) ** 2 + config["n"]})

    return fragile


def tuned(path, search, samples):
    param_space = {"x": tune.uniform(-5.0, 5.0), "n": tune.randint(0, 10)}
    settings = tune.RunConfig(name="study", storage_path=str(path), verbose=0)
    tuning = tune.TuneConfig(search_alg=search, metric="loss", mode="min", num_samples=samples, max_concurrent_trials=8)
    return tune.Tuner(objective(), param_space=param_space, tune_config=tuning, run_config=settings)


def test_eight_actors_lose_no_trial(cluster, tmp_path):
    results = tuned(tmp_path, OptiFormerSearch(seed=1), 32).fit()
    assert len(results) == 32
    assert len({(result.config["x"], result.config["n"]) for result in results}) == 32
    for result in results:
        assert (result.error is not None) == (result.config["x"] > 4.5)
    assert results.get_best_result().metrics["loss"] < 1.0


def test_a_tuner_that_is_restored_has_all_its_trials(cluster, tmp_path):
    tuned(tmp_path, OptiFormerSearch(seed=2), 8).fit()
    restored = tune.Tuner.restore(str(tmp_path / "study"), trainable=objective(), resume_errored=False)
    results = restored.fit()
    assert len(results) == 8
    search = OptiFormerSearch(seed=2)
    search.restore_from_dir(str(tmp_path / "study"))
    values = sorted(result.metrics["loss"] for result in results if result.error is None)
    assert sorted(loss for loss in search._losses if not math.isnan(loss)) == values
    assert len(search._losses) == 8 and not search._pending

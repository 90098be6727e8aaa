"""The Optuna sampler."""

import optiformer
import optuna
import pytest
from optiformer.optuna import OptiFormerSampler

optuna.logging.set_verbosity(optuna.logging.ERROR)


def mixed(trial):
    x = trial.suggest_float("x", -5.0, 5.0)
    rate = trial.suggest_float("rate", 1e-5, 1.0, log=True)
    step = trial.suggest_float("step", 0.0, 1.0, step=0.25)
    n = trial.suggest_int("n", 2, 11, step=3)
    m = trial.suggest_int("m", 1, 1000, log=True)
    c = trial.suggest_categorical("c", ["a", None, 2.5, True])
    fixed = trial.suggest_int("fixed", 7, 7)
    assert -5 <= x <= 5 and 1e-5 <= rate <= 1 and step in (0.0, 0.25, 0.5, 0.75, 1.0)
    assert n in (2, 5, 8, 11) and isinstance(n, int) and 1 <= m <= 1000 and isinstance(m, int)
    assert c in ("a", None, 2.5, True) and fixed == 7
    return (x - 1) ** 2 + step + n + m / 100 + (c != "a")


def values(study):
    return [trial.params for trial in study.trials]


def test_a_parabola_in_ten_trials():
    study = optuna.create_study(sampler=OptiFormerSampler(seed=0))
    study.optimize(lambda trial: (trial.suggest_float("x", 0.0, 5.0) - 2.0) ** 2, n_trials=10)
    points = [trial.params["x"] for trial in study.trials]
    assert all(0.0 <= point <= 5.0 for point in points)
    assert len(set(points)) == 10
    assert study.best_value < 1.0


@pytest.mark.parametrize("name", ["auto", "optiformer", "gp", "tpe", "cma_es", "local_search", "sobol", "random"])
def test_every_kind_of_parameter_stays_in_its_range(name):
    study = optuna.create_study(sampler=OptiFormerSampler(seed=1, sampler=name))
    study.optimize(mixed, n_trials=25)
    assert len(study.trials) == 25


def test_a_seed_repeats_a_study_and_another_does_not():
    studies = []
    for seed in [3, 3, 4]:
        study = optuna.create_study(sampler=OptiFormerSampler(seed=seed))
        study.optimize(mixed, n_trials=15)
        studies.append(values(study))
    assert studies[0] == studies[1] != studies[2]


def test_a_resumed_study_goes_on_as_it_would_have():
    whole = optuna.create_study(sampler=OptiFormerSampler(seed=5))
    whole.optimize(mixed, n_trials=20)
    storage = optuna.storages.InMemoryStorage()
    first = optuna.create_study(study_name="s", storage=storage, sampler=OptiFormerSampler(seed=5))
    first.optimize(mixed, n_trials=10)
    second = optuna.load_study(study_name="s", storage=storage, sampler=OptiFormerSampler(seed=5))
    second.optimize(mixed, n_trials=10)
    assert values(second) == values(whole)


def test_maximizing_mirrors_minimizing():
    down = optuna.create_study(sampler=OptiFormerSampler(seed=6))
    down.optimize(lambda trial: (trial.suggest_float("x", 0, 1) - 0.3) ** 2, n_trials=20)
    up = optuna.create_study(direction="maximize", sampler=OptiFormerSampler(seed=6))
    up.optimize(lambda trial: -((trial.suggest_float("x", 0, 1) - 0.3) ** 2), n_trials=20)
    assert values(down) == values(up)


def test_failed_pruned_and_parallel_trials():
    def objective(trial):
        x = trial.suggest_float("x", 0, 1)
        if trial.number % 5 == 1:
            raise ArithmeticError
        if trial.number % 5 == 2:
            trial.report(x, 1)
            raise optuna.TrialPruned
        if trial.number % 5 == 3:
            return float("nan")
        return x

    study = optuna.create_study(sampler=OptiFormerSampler(seed=7))
    study.optimize(objective, n_trials=24, n_jobs=4, catch=(ArithmeticError,))
    assert len(study.trials) == 24
    assert len({trial.params["x"] for trial in study.trials}) == 24


def test_conditional_and_growing_spaces():
    def objective(trial):
        kind = trial.suggest_categorical("kind", ["linear", "curved"])
        loss = trial.suggest_float("x", -1, 1) ** 2
        if kind == "curved":
            loss += trial.suggest_float("bend", 0, 1)
        if trial.number > 8:
            loss += trial.suggest_int("late", 0, 3 + trial.number)
        return loss

    study = optuna.create_study(sampler=OptiFormerSampler(seed=8))
    study.optimize(objective, n_trials=25)
    assert any("bend" in trial.params for trial in study.trials)


def test_discrete_spaces_are_not_repeated_while_something_is_left():
    study = optuna.create_study(sampler=OptiFormerSampler(seed=9))
    # The first trial's parameters are suggested one by one, the others together.
    study.optimize(lambda t: t.suggest_int("a", 0, 3) + t.suggest_categorical("b", [0, 1, 2]), n_trials=12)
    assert len({tuple(sorted(trial.params.items())) for trial in study.trials}) == 12


def test_a_study_ends_where_the_grid_does():
    def objective(trial):
        return trial.suggest_int("a", 0, 1) + trial.suggest_categorical("b", [0, 1])

    study = optuna.create_study(sampler=OptiFormerSampler(seed=0, sampler="grid"))
    study.optimize(objective, n_trials=8)
    states = [trial.state for trial in study.trials]
    assert states == [optuna.trial.TrialState.COMPLETE] * 4 + [optuna.trial.TrialState.PRUNED]
    assert len({tuple(sorted(trial.params.items())) for trial in study.trials[:4]}) == 4
    # Nothing to end: who asks by hand gets the error.
    with pytest.raises(optiformer.Error, match="all 4 points"):
        objective(study.ask())


def test_a_grid_begins_although_one_parameter_has_few_points():
    def objective(trial):
        value = trial.suggest_int("a", 0, 1) + trial.suggest_categorical("b", [0, 1])
        if trial.number < 5:
            raise ValueError("the machine is not ready")
        return value

    study = optuna.create_study(sampler=OptiFormerSampler(seed=0, sampler="grid"))
    study.optimize(objective, n_trials=20, catch=(ValueError,))
    complete = study.get_trials(states=[optuna.trial.TrialState.COMPLETE])
    assert len({tuple(sorted(trial.params.items())) for trial in complete}) == len(complete) >= 1


def test_what_cannot_be_done_is_said():
    with pytest.raises(ValueError, match="seed"):
        OptiFormerSampler(seed=-1)
    with pytest.raises(ValueError, match="model"):
        OptiFormerSampler(sampler="tpe", model=optiformer.Model())

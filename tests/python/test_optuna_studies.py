"""Whole Optuna studies: resumed from files, with several jobs, with unusual values."""

import copy
import pickle
import threading

import optiformer
import optuna
import pytest
from optiformer.optuna import OptiFormerSampler

optuna.logging.set_verbosity(optuna.logging.ERROR)


def mixed(trial):
    x = trial.suggest_float("x", -5.0, 5.0)
    n = trial.suggest_int("n", 1, 100, log=True)
    c = trial.suggest_categorical("c", ["a", "b"])
    return (x - 1) ** 2 + abs(n - 10) / 10 + (c == "a")


def parameters(study):
    return [trial.params for trial in study.trials]


@pytest.mark.parametrize("name", ["auto", "optiformer", "tpe"])
def test_twenty_five_and_twenty_five_are_fifty(tmp_path, name):
    whole = optuna.create_study(sampler=OptiFormerSampler(seed=2, sampler=name))
    whole.optimize(mixed, n_trials=50)
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(tmp_path / "journal")))
    for _ in range(2):
        part = optuna.create_study(
            study_name="s", storage=storage, load_if_exists=True, sampler=OptiFormerSampler(seed=2, sampler=name)
        )
        part.optimize(mixed, n_trials=25)
    assert parameters(part) == parameters(whole)


def test_a_database_gives_the_same_study(tmp_path):
    in_memory = optuna.create_study(sampler=OptiFormerSampler(seed=3))
    in_memory.optimize(mixed, n_trials=12)
    stored = optuna.create_study(storage=f"sqlite:///{tmp_path}/study.db", sampler=OptiFormerSampler(seed=3))
    stored.optimize(mixed, n_trials=12)
    assert parameters(stored) == parameters(in_memory)


def test_one_sampler_serves_two_studies():
    alone = optuna.create_study(sampler=OptiFormerSampler(seed=4))
    alone.optimize(lambda trial: trial.suggest_float("x", 0, 1) + trial.suggest_float("y", 0, 1), n_trials=12)
    sampler = OptiFormerSampler(seed=4)
    first = optuna.create_study(sampler=sampler)
    first.optimize(mixed, n_trials=12)
    # Both are study 0 of a storage of their own.
    second = optuna.create_study(sampler=sampler)
    second.optimize(lambda trial: trial.suggest_float("x", 0, 1) + trial.suggest_float("y", 0, 1), n_trials=12)
    assert parameters(second) == parameters(alone)


def test_four_jobs_try_different_things():
    barrier = threading.Barrier(4)

    def objective(trial):
        x, y = trial.suggest_float("x", 0, 1), trial.suggest_float("y", 0, 1)
        # All four are running when any of them ends.
        barrier.wait(timeout=60)
        return (x - 0.5) ** 2 + (y - 0.5) ** 2

    study = optuna.create_study(sampler=OptiFormerSampler(seed=5))
    study.optimize(objective, n_trials=32, n_jobs=4)
    assert not study.sampler._given
    assert len({tuple(trial.params.values()) for trial in study.trials}) == 32
    assert all(trial.state == optuna.trial.TrialState.COMPLETE for trial in study.trials)


def test_trials_that_start_at_the_same_moment_know_of_each_other():
    """Twelve configurations for ten workers, none of which has shown the storage what it was given."""
    distributions = {"a": optuna.distributions.IntDistribution(0, 2), "b": optuna.distributions.IntDistribution(0, 3)}
    study = optuna.create_study(sampler=OptiFormerSampler(seed=16))
    for _ in range(2):
        trial = study.ask(distributions)
        study.tell(trial, trial.params["a"] + trial.params["b"])
    seen = [tuple(trial.params.values()) for trial in study.trials]
    started = [study.ask() for _ in range(10)]
    for trial in started:
        frozen = study._storage.get_trial(trial._trial_id)
        seen.append(tuple(study.sampler.sample_relative(study, frozen, distributions).values()))
    assert len(set(seen)) == 12


def test_a_trial_waits_for_another_process_to_show_what_it_gave_out(tmp_path):
    """Two samplers, each with a storage of its own, as in two processes."""

    def process():
        backend = optuna.storages.journal.JournalFileBackend(str(tmp_path / "journal"))
        storage = optuna.storages.JournalStorage(backend)
        return optuna.create_study(
            storage=storage, study_name="s", load_if_exists=True, sampler=OptiFormerSampler(seed=5, sampler="gp")
        )

    def ask(trial):
        return trial.suggest_float("x", 0, 1), trial.suggest_float("y", 0, 1)

    one, other = process(), process()
    one.optimize(lambda trial: sum(ask(trial)), n_trials=12)
    earlier, later = one.ask(), other.ask()
    given = []
    waiting = threading.Thread(target=lambda: given.append(ask(later)))
    waiting.start()
    waiting.join(0.1)
    assert waiting.is_alive()
    earlier.relative_params
    waiting.join(0.3)
    assert not waiting.is_alive() and given[0] != ask(earlier)
    # One that died before it showed anything is not waited for any longer than that.
    other.tell(later, 1.0)
    one.ask()
    ask(other.ask())


def test_pending_trials_are_kept_away_from():
    study = optuna.create_study(sampler=OptiFormerSampler(seed=6))
    distributions = {"a": optuna.distributions.IntDistribution(0, 2), "b": optuna.distributions.IntDistribution(0, 3)}
    for _ in range(2):
        trial = study.ask(distributions)
        study.tell(trial, trial.params["a"] + trial.params["b"])
    asked = [tuple(trial.params.values()) for trial in study.trials]
    asked += [tuple(study.ask(distributions).params.values()) for _ in range(10)]
    assert len(set(asked)) == 12


def test_a_finite_space_may_be_asked_for_more_than_it_has():
    for name in ["auto", "optiformer", "gp", "tpe", "cma_es", "local_search", "sobol", "random"]:
        study = optuna.create_study(sampler=OptiFormerSampler(seed=7, sampler=name))
        study.optimize(lambda trial: trial.suggest_int("a", 0, 1) + trial.suggest_categorical("b", [0, 1]), n_trials=10)
        assert study.best_value == 0


def test_choices_of_any_type():
    choices = (None, True, 2, 2.5, "2")

    def objective(trial):
        choice = trial.suggest_categorical("c", choices)
        assert any(choice is other for other in choices)
        return choices.index(choice) + trial.suggest_float("x", 0, 1)

    study = optuna.create_study(sampler=OptiFormerSampler(seed=8))
    study.optimize(objective, n_trials=20)
    assert {str(trial.params["c"]) for trial in study.trials} > {"None"}


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_choices_that_are_objects():
    choices = [("tanh", 2), ("relu", 3), (), ("relu", 4)]
    study = optuna.create_study(sampler=OptiFormerSampler(seed=9))
    study.optimize(lambda t: len(t.suggest_categorical("c", choices)) + t.suggest_float("x", 0, 1), n_trials=12)
    assert study.best_params["c"] == ()


def test_ranges_of_odd_sizes():
    def objective(trial):
        tiny = trial.suggest_float("tiny", 1e-300, 2e-300)
        wide = trial.suggest_float("wide", -1e300, 1e300)
        large = trial.suggest_int("large", -(2**53), 2**53)
        thirds = trial.suggest_float("thirds", 0.1, 1.0, step=0.3)
        assert 1e-300 <= tiny <= 2e-300 and -1e300 <= wide <= 1e300 and -(2**53) <= large <= 2**53
        assert min(abs(thirds - value) for value in (0.1, 0.4, 0.7, 1.0)) < 1e-12
        return wide / 1e300 + thirds

    study = optuna.create_study(sampler=OptiFormerSampler(seed=10))
    study.optimize(objective, n_trials=12)


def test_ints_beyond_doubles_are_refused_by_name():
    study = optuna.create_study(sampler=OptiFormerSampler(seed=11))
    with pytest.raises(optiformer.Error, match='"huge"'):
        study.optimize(lambda trial: trial.suggest_int("huge", 0, 2**60), n_trials=1)


def test_what_is_larger_than_the_vocabulary_is_refused_by_the_model_alone():
    def objective(trial):
        return float(trial.suggest_categorical("many", list(range(100))))

    study = optuna.create_study(sampler=OptiFormerSampler(seed=12, sampler="optiformer"))
    with pytest.raises(optiformer.Error, match="many"):
        study.optimize(objective, n_trials=6)
    for name in ["auto", "tpe"]:
        study = optuna.create_study(sampler=OptiFormerSampler(seed=12, sampler=name))
        study.optimize(objective, n_trials=6)


def test_enqueued_and_added_trials_are_history():
    study = optuna.create_study(sampler=OptiFormerSampler(seed=13))
    study.enqueue_trial({"x": 1.0, "n": 10, "c": "b"})
    study.add_trial(
        optuna.create_trial(
            params={"x": 4.0},
            distributions={"x": optuna.distributions.FloatDistribution(-5.0, 5.0)},
            value=9.0,
        )
    )
    study.optimize(mixed, n_trials=10)
    assert study.best_value == 0.0


@pytest.mark.parametrize("restore", [copy.deepcopy, lambda sampler: pickle.loads(pickle.dumps(sampler))])
def test_a_copied_sampler_goes_on_alike(restore):
    sampler = OptiFormerSampler(seed=14)
    one = optuna.create_study(sampler=sampler)
    other = optuna.create_study(sampler=restore(sampler))
    for study in (one, other):
        study.optimize(mixed, n_trials=10)
    assert parameters(one) == parameters(other)


def test_without_a_seed_two_studies_differ_and_reseeding_changes_the_draws():
    studies = [optuna.create_study(sampler=OptiFormerSampler()) for _ in range(2)]
    studies.append(optuna.create_study(sampler=OptiFormerSampler(seed=15)))
    studies.append(optuna.create_study(sampler=OptiFormerSampler(seed=15)))
    studies[3].sampler.reseed_rng()
    for study in studies:
        study.optimize(mixed, n_trials=8)
    assert len({str(parameters(study)) for study in studies}) == 4


def test_a_sampler_that_does_not_exist_is_refused_at_once():
    with pytest.raises(optiformer.Error, match="nonesuch"):
        OptiFormerSampler(sampler="nonesuch")

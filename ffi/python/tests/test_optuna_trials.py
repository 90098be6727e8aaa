"""How the Optuna sampler reads a study: each trial once, and the space from what the trials have."""

import copy
import math
import random
import warnings

import optiformer
import optuna
import pytest
from optiformer.optuna import OptiFormerSampler
from optiformer.optuna._follower import Follower
from optiformer.optuna._structure import Condition, Part, Structure, with_names
from optiformer.optuna._view import View
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState, create_trial

optuna.logging.set_verbosity(optuna.logging.ERROR)


class Counting(Follower):
    def __init__(self):
        super().__init__()
        self.clear()

    def clear(self):
        self.taken = []

    def take(self, trial):
        self.taken.append(trial.number)


class CopyingStorage(optuna.storages.InMemoryStorage):
    """Gives copies of its trials, as storages outside the process do, and can lose some."""

    def __init__(self):
        super().__init__()
        self.lost = set()

    def get_all_trials(self, study_id, deepcopy=True, states=None):
        trials = super().get_all_trials(study_id, True, states)
        return [trial for trial in trials if trial.number not in self.lost]


def test_each_finished_trial_is_taken_once():
    storage = CopyingStorage()
    study = optuna.create_study(storage=storage)
    counting = Counting()
    started = [study.ask() for _ in range(6)]
    counting.follow(study.get_trials())
    assert counting.taken == [] and counting.open == [0, 1, 2, 3, 4, 5]
    for place in (4, 1):
        study.tell(started[place], 1.0)
    counting.follow(study.get_trials())
    counting.follow(study.get_trials())
    assert counting.taken == [1, 4] and counting.open == [0, 2, 3, 5]
    study.tell(started[0], state=TrialState.FAIL)
    study.tell(study.ask(), 2.0)
    counting.follow(study.get_trials())
    assert counting.taken == [1, 4, 0, 6] and counting.open == [2, 3, 5]
    storage.lost = {1}
    counting.follow(study.get_trials())
    assert counting.taken == [0, 4, 6] and counting.open == [1, 2, 4]
    storage.lost = {1, 6}
    counting.follow(study.get_trials())
    assert counting.taken == [0, 4]


def objective(trial):
    x = trial.suggest_float("x", -2.0, 2.0)
    kind = trial.suggest_categorical("kind", ["a", "b", "c"])
    loss = x**2 + (trial.suggest_int("bend", 1, 9) if kind == "b" else 3)
    if trial.number % 7 == 3:
        loss += trial.suggest_float("seldom", 0.0, 1.0)
    if trial.number > 12:
        loss += trial.suggest_float("late", 0.0, trial.number)
    return loss


class Forgetful(OptiFormerSampler):
    """The slow twin, which reads the whole study for each suggestion."""

    def infer_relative_search_space(self, study, trial):
        self._memories.clear()
        return super().infer_relative_search_space(study, trial)

    def sample_relative(self, study, trial, search_space):
        self._memories.clear()
        return super().sample_relative(study, trial, search_space)

    def sample_independent(self, study, trial, name, distribution):
        self._memories.clear()
        return super().sample_independent(study, trial, name, distribution)


def events(sampler, storage, seed):
    """A study in which trials overlap, finish out of order, fail, are pruned, added and lost; all parameters suggested."""
    rng = random.Random(seed)
    study = optuna.create_study(storage=storage, sampler=sampler)
    running = []
    for _ in range(60):
        event = rng.random()
        if event < 0.55 or not running:
            trial = study.ask()
            running.append((trial, objective(trial)))
        elif event < 0.9:
            trial, loss = running.pop(rng.randrange(len(running)))
            outcome = rng.random()
            if outcome < 0.15:
                study.tell(trial, state=TrialState.FAIL)
            elif outcome < 0.3:
                trial.report(loss, 1)
                study.tell(trial, state=TrialState.PRUNED)
            else:
                study.tell(trial, loss)
        elif event < 0.95:
            study.add_trial(create_trial(params={"x": 1.0}, distributions={"x": FloatDistribution(-2, 2)}, value=1.0))
        elif isinstance(storage, CopyingStorage):
            numbers = [trial.number for trial in study.get_trials() if trial.state.is_finished()]
            storage.lost.update(numbers[:1])
    return [trial.params for trial in study.get_trials()]


@pytest.mark.parametrize("kind", ["in memory", "copies", "journal"])
@pytest.mark.parametrize("name", ["auto", "tpe"])
def test_reading_only_what_is_new_changes_nothing(tmp_path, kind, name):
    def storage(place):
        if kind == "journal":
            backend = optuna.storages.journal.JournalFileBackend(str(tmp_path / place))
            return optuna.storages.JournalStorage(backend)
        return CopyingStorage() if kind == "copies" else optuna.storages.InMemoryStorage()

    for seed in range(1 if kind == "journal" else 3):
        fast = events(OptiFormerSampler(seed=seed, sampler=name), storage(f"fast{seed}"), seed)
        slow = events(Forgetful(seed=seed, sampler=name), storage(f"slow{seed}"), seed)
        assert fast == slow


X = FloatDistribution(0.0, 1.0)
KIND = CategoricalDistribution(["a", "b", "c"])
LAYERS = IntDistribution(1, 6)


def structure(*trials):
    """The parts of a study with these trials, given by the values of their parameters."""
    distributions = {"kind": KIND, "layers": LAYERS}
    study = optuna.create_study()
    for params in trials:
        its = {name: distributions.get(name, X) for name in params}
        study.add_trial(create_trial(params=params, distributions=its, value=0.0))
    found = Structure()
    found.follow(study.trials)
    return found.parts


def test_a_space_without_conditions_is_one_part():
    assert structure({"y": 0.5, "x": 0.5}, {"x": 0.1, "y": 0.2}) == [Part({"x": X, "y": X}, {})]
    assert structure() == []


def test_the_value_that_decides_about_a_parameter_is_found():
    parts = structure({"kind": "a", "x": 0.5}, {"kind": "b"}, {"kind": "a", "x": 0.2}, {"kind": "b"})
    assert parts == [Part({"kind": KIND, "x": X}, {"x": Condition("kind", (0.0,))})]


def test_an_int_that_decides_is_a_threshold():
    parts = structure({"layers": 1}, {"layers": 3, "x": 0.5}, {"layers": 4, "x": 0.5, "y": 0.5}, {"layers": 2})
    conditions = {"x": Condition("layers", (3.0, 4.0, 5.0, 6.0)), "y": Condition("layers", (4.0, 5.0, 6.0))}
    assert parts == [Part({"layers": LAYERS, "x": X, "y": X}, conditions)]
    below = structure({"layers": 5}, {"layers": 2, "x": 0.5})
    assert below[0].conditions == {"x": Condition("layers", (1.0, 2.0))}


def test_conditions_are_nested():
    parts = structure(
        {"kind": "a"}, {"kind": "b", "layers": 1}, {"kind": "b", "layers": 4, "x": 0.5}, {"kind": "b", "layers": 1}
    )
    assert [list(part.distributions) for part in parts] == [["kind", "layers", "x"]]
    assert parts[0].conditions["layers"] == Condition("kind", (1.0,))
    assert parts[0].conditions["x"].parent == "layers"


def test_what_no_value_decides_is_put_together_by_the_trials_that_have_it():
    parts = structure({"x": 0.1, "u": 0.1, "v": 0.2}, {"x": 0.2}, {"x": 0.3, "w": 0.5})
    assert parts == [Part({"x": X}, {}), Part({"u": X, "v": X}, {}), Part({"w": X}, {})]


def test_a_range_that_changes_is_in_no_part():
    study = optuna.create_study()
    for high in (1.0, 2.0):
        distributions = {"x": X, "y": FloatDistribution(0.0, high)}
        study.add_trial(create_trial(params={"x": 0.5, "y": 0.5}, distributions=distributions, value=0.0))
    found = Structure()
    found.follow(study.trials)
    assert found.parts == [Part({"x": X}, {})]


def test_a_part_without_some_of_its_parameters():
    (part,) = structure({"kind": "a"}, {"kind": "b", "layers": 1}, {"kind": "b", "layers": 4, "x": 0.5})
    assert with_names([part], {"kind": 0, "layers": 0, "x": 0}) == [part]
    without_x = with_names([part], {"kind": 0, "layers": 0})
    assert without_x == [Part({"kind": KIND, "layers": LAYERS}, {"layers": part.conditions["layers"]})]
    without_kind = with_names([part], {"layers": 0, "x": 0})
    assert without_kind == [Part({"layers": LAYERS}, {}), Part({"x": X}, {})]


def test_conditional_parameters_are_suggested_together_and_nothing_falls_back():
    """Once each kind was seen, no parameter is asked for by itself, and none is suggested that is not asked for."""

    class Watched(OptiFormerSampler):
        alone = []

        def sample_independent(self, study, trial, name, distribution):
            self.alone.append((trial.number, name))
            return super().sample_independent(study, trial, name, distribution)

        def sample_relative(self, study, trial, search_space):
            self.suggested = super().sample_relative(study, trial, search_space)
            return self.suggested

    def conditional(trial):
        kind = trial.suggest_categorical("kind", ["a", "b", "c"])
        if kind == "a":
            loss = trial.suggest_float("rate", 1e-3, 1.0, log=True) + 1
        elif kind == "b":
            loss = sum(trial.suggest_float(f"x{place}", 0, 1) ** 2 for place in range(trial.suggest_int("layers", 1, 3)))
        else:
            loss = 2.0
        if trial.number >= 30:
            assert trial.relative_params == trial.params
        return loss

    sampler = Watched(seed=3)
    study = optuna.create_study(sampler=sampler)
    for kind, layers in [("a", 1), ("b", 1), ("b", 2), ("b", 3), ("c", 1)]:
        study.enqueue_trial({"kind": kind, "layers": layers})
    study.optimize(conditional, n_trials=60)
    assert max(number for number, _ in sampler.alone) < 30
    assert study.best_value < 0.2


def test_a_constraint_that_is_violated_is_avoided():
    def constrained(trial):
        x, y = trial.suggest_float("x", 0, 1), trial.suggest_float("y", 0, 1)
        trial.set_constraint("sum", 1.0 - x - y)
        return x + 2 * y

    study = optuna.create_study(sampler=OptiFormerSampler(seed=1))
    study.optimize(constrained, n_trials=60)
    late = [trial for trial in study.trials[20:] if trial.params["x"] + trial.params["y"] >= 1.0]
    # The optimum lies on the constraint's edge, where half of a search's trials fall on either
    # side; one that ignores the constraint goes to the origin.
    assert len(late) > 8 and study.best_value < 1.1


def test_a_constraints_function_is_stored_as_optuna_stores_it():
    def constraints(trial):
        return [1.0 - trial.params["x"]]

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sampler = OptiFormerSampler(seed=1, constraints_func=constraints)
    study = optuna.create_study(sampler=sampler)
    study.optimize(lambda trial: trial.suggest_float("x", 0, 2), n_trials=40)
    stored = study.trials[5]
    assert list(stored.system_attrs["constraints"]) == constraints(stored) and len(stored.constraints) == 1
    assert 1.0 <= study.best_trial.params["x"] < 1.1
    broken = optuna.create_study(sampler=OptiFormerSampler(seed=1, constraints_func=lambda trial: [float("nan")]))
    with pytest.raises(ValueError, match="not a number"):
        broken.optimize(lambda trial: trial.suggest_float("x", 0, 2), n_trials=2)
    assert not broken.sampler._given and not broken.sampler._own


def test_choices_that_were_withdrawn_are_left_out():
    """A storage may hold trials of another choice; places among the choices must not be mixed up."""
    study = optuna.create_study(sampler=OptiFormerSampler(seed=2, sampler="tpe"))
    for choice, value in [("old", 0.0), ("good", 1.0), ("bad", 5.0)] * 8:
        distributions = {"c": CategoricalDistribution(["old", "bad", "good"]), "x": X}
        study.add_trial(create_trial(params={"c": choice, "x": 0.5}, distributions=distributions, value=value))
    new = {"c": CategoricalDistribution(["good", "bad"]), "x": X}
    frozen = study._storage.get_trial(study.ask()._trial_id)
    picked = [study.sampler.sample_relative(study, frozen, new)["c"] for _ in range(1)]
    assert picked == ["good"]


def test_hyperband_gives_each_bracket_its_own_trials():
    def pruned(trial):
        x = trial.suggest_float("x", 0, 1)
        for step in range(9):
            trial.report(x + 1 / (step + 1), step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return x

    pruner = optuna.pruners.HyperbandPruner(min_resource=1, max_resource=9)
    study = optuna.create_study(sampler=OptiFormerSampler(seed=1), pruner=pruner)
    study.optimize(pruned, n_trials=40)
    assert study.best_value < 0.1
    (memories,) = study.sampler._memories.values()
    assert len(memories) > 1
    assert copy.deepcopy(study.sampler)._memories is not study.sampler._memories


def finished(directions, trials):
    """A view of a study with these trials: values, constraints by name, and what else a trial has."""
    study = optuna.create_study(directions=directions)
    for values, constraints, rest in trials:
        trial = create_trial(params={"x": 0.5}, distributions={"x": X}, values=values, constraints=constraints, **rest)
        study.add_trial(trial)
    view = View(Part({"x": X}, {}), study.directions)
    view.follow(study.trials)
    return view


def test_constraints_of_both_kinds_are_read_by_their_names():
    old = {"system_attrs": {"constraints": [2.0, -1.0]}}
    trials = [([1.0], None, {}), ([2.0], {"b": 1.0}, {}), ([3.0], {"a": -1.0, "b": 0.5}, {}), ([4.0], None, old)]
    view = finished(["maximize"], trials)
    assert view.constraint_names == ("0", "1", "a", "b") and list(view.losses) == [-1.0, -2.0, -3.0, -4.0]
    nan = math.nan
    wanted = [nan, nan, nan, nan, nan, nan, nan, 1.0, nan, nan, -1.0, 0.5, 2.0, -1.0, nan, nan]
    assert str(list(view.constraints)) == str(wanted)
    # The order of the names is the same, whichever trial came first.
    assert finished(["maximize"], trials[::-1]).constraint_names == view.constraint_names


def test_losses_of_several_objectives_lie_side_by_side():
    pruned = {"state": TrialState.PRUNED, "intermediate_values": {1: 3.0, 4: 2.0}}
    view = finished(["minimize", "maximize"], [([1.0, 2.0], None, {}), (None, None, {"state": TrialState.FAIL}), (None, None, pruned)])
    assert view.objective_count == 2 and str(list(view.losses)) == "[1.0, -2.0, nan, nan, nan, nan]"
    assert list(finished(["minimize"], [(None, None, pruned)]).losses) == [2.0]


@pytest.mark.parametrize("name", ["tpe", "gp"])
def test_several_objectives_are_combined_as_in_the_library(name):
    def objectives(trial):
        x, y = trial.suggest_float("x", 0, 1), trial.suggest_float("y", 0, 1)
        trial.set_constraint("y", 0.2 - y)
        return x, (1 - x) ** 2 + y

    sampler = OptiFormerSampler(seed=5, sampler=name)
    study = optuna.create_study(directions=["minimize", "maximize"], sampler=sampler)
    study.optimize(objectives, n_trials=16)
    space = optiformer.Space({"x": (0.0, 1.0), "y": (0.0, 1.0)})
    for trial in study.trials[2:]:
        before = study.trials[: trial.number]
        suggested = optiformer.suggest(
            space,
            [[it.params["x"], it.params["y"]] for it in before],
            [[it.values[0], -it.values[1]] for it in before],
            constraints=[[it.constraints["y"]] for it in before],
            seed=sampler._seed_for(("x", "y")),
            number=trial.number,
            sampler=name,
        )
        assert suggested == [[trial.params["x"], trial.params["y"]]]


def test_several_objectives_spread_along_the_front():
    def objectives(trial):
        x, y = trial.suggest_float("x", 0, 1), trial.suggest_float("y", 0, 1)
        return x + y, (1 - x) ** 2 + y

    study = optuna.create_study(directions=["minimize", "minimize"], sampler=OptiFormerSampler(seed=3))
    study.optimize(objectives, n_trials=40)
    front = sorted(trial.params["x"] for trial in study.best_trials)
    # The front is y = 0; random trials have a tenth of theirs below 0.1.
    near = [trial for trial in study.trials[10:] if trial.params["y"] < 0.1]
    assert len(near) > 10 and len(front) >= 5 and front[0] < 0.25 and front[-1] > 0.5

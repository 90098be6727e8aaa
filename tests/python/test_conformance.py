"""The scenarios of tests/conformance through the Python package: every answer, numbers exactly."""

import json
import math
import pathlib

import optiformer
import pytest

FOLDER = pathlib.Path(__file__).resolve().parents[1] / "conformance"


def scenarios(file, section):
    return json.loads((FOLDER / file).read_text(encoding="utf-8"))[section]


def names(scenario):
    return scenario["name"]


def expect(step, call):
    """What a call returns; None after the error that the step wants."""
    if "error" not in step:
        return call()
    with pytest.raises(optiformer.Error) as caught:
        call()
    assert {"status": caught.value.name, "message": caught.value.message} == step["error"]
    return None


class Converter:
    """Between rows of numbers, with None for an inactive parameter, and dictionaries."""

    def __init__(self, space):
        self.parameters = space["parameters"]

    def named(self, row):
        pairs = zip(self.parameters, row)
        return {
            parameter["name"]: parameter["choices"][int(value)] if "choices" in parameter else value
            for parameter, value in pairs
            if value is not None
        }

    def row(self, named):
        assert set(named) <= {parameter["name"] for parameter in self.parameters}
        return [self.number(parameter, named.get(parameter["name"])) for parameter in self.parameters]

    @staticmethod
    def number(parameter, value):
        if value is None:
            return None
        return float(parameter["choices"].index(value) if "choices" in parameter else value)


def number(value):
    return float(value) if isinstance(value, str) else value


def numbers(values):
    return [number(value) for value in values]


def read_back(study, converter):
    """The trials as the scenarios have them."""
    trials = [*study.trials, *study.pending]

    def row(named, names):
        return [named[name] for name in names] if named else ["nan"] * len(names)

    return [
        {
            "id": trial.id,
            "state": getattr(trial, "state", "pending"),
            "values": converter.row(trial.parameters),
            "objectives": row(getattr(trial, "objectives", None), study.objectives),
            "constraints": row(getattr(trial, "constraints", None), study.constraints),
            "reports": list(map(list, study.reports(trial))),
        }
        for trial in sorted(trials, key=lambda trial: trial.id)
    ]


def play(study, converter, step):
    call, returns = step["call"], step.get("returns")
    if call == "ask":
        trial = expect(step, study.ask)
        if trial is not None:
            assert {"id": trial.id, "values": converter.row(trial.parameters)} == returns
    elif call == "tell":
        expect(step, lambda: study.tell(step["id"], number(step["value"])))
    elif call == "tell_measured":
        measured = {"constraints": numbers(step["constraints"])} if step["constraints"] else {}
        expect(step, lambda: study.tell(step["id"], numbers(step["objectives"]), **measured))
    elif call == "add_measured":
        measured = {"constraints": numbers(step["constraints"])} if step["constraints"] else {}
        values, objectives = converter.named(step["values"]), numbers(step["objectives"])
        assert expect(step, lambda: study.add(values, objectives, **measured)) == returns
    elif call == "tell_pruned":
        expect(step, lambda: study.tell_pruned(step["id"]))
    elif call == "report":
        expect(step, lambda: study.report(step["id"], step["step"], number(step["value"])))
    elif call == "should_stop":
        assert expect(step, lambda: study.should_stop(step["id"])) == returns
    elif call == "promoted_from":
        assert study.promoted_from(step["id"]) == returns
    elif call == "front":
        assert [trial.id for trial in study.front()] == returns
    elif call == "violation":
        assert study.violation(step["id"]) == returns
    elif call == "trials":
        assert read_back(study, converter) == returns
    elif call == "tell_failed":
        expect(step, lambda: study.tell_failed(step["id"]))
    elif call == "add":
        added = expect(step, lambda: study.add(converter.named(step["values"]), number(step["value"])))
        assert added == returns
    elif call == "enqueue":
        expect(step, lambda: study.enqueue(converter.named(step["values"])))
    elif call == "best":
        best = study.best()
        found = best and {"id": best.id, "values": converter.row(best.parameters), "value": best.value}
        assert found == returns
    elif call == "counts":
        assert study.counts()._asdict() == returns
    elif call == "explain":
        found = study.explain(step["id"])._asdict()
        assert {key: "nan" if value != value else value for key, value in found.items()} == returns
    else:
        raise AssertionError(f"the scenarios have no call {call}")


@pytest.mark.parametrize("scenario", scenarios("studies.json", "studies"), ids=names)
def test_study(scenario):
    space = optiformer.Space(json.dumps(scenario["space"]))
    options = {"direction": scenario["direction"], "sampler": scenario["sampler"], "seed": int(scenario["seed"])}
    options["constraints"], options["pruner"] = scenario.get("constraints", ()), scenario.get("pruner")
    if "objectives" in scenario:
        options["objectives"] = {objective["name"]: objective["direction"] for objective in scenario["objectives"]}
    study = expect(scenario, lambda: optiformer.Study(space, **options))
    converter = Converter(scenario["space"])
    for index, step in enumerate(scenario["steps"]):
        try:
            if step["call"] == "restore":
                study = optiformer.Study.restore(study.save())
            else:
                play(study, converter, step)
        except AssertionError as error:
            raise AssertionError(f"step {index}, {step}") from error


@pytest.mark.parametrize("scenario", scenarios("spaces.json", "built"), ids=names)
def test_space_made_call_by_call(scenario):
    space, choices = optiformer.Space(), {}
    for call in scenario["calls"]:
        if call["call"] == "add_categorical":
            expect(call, lambda: space.add_categorical(call["name"], call["choices"]))
            choices.setdefault(call["name"], call["choices"])
        elif call["call"] == "set_condition":
            labels = choices.get(call["parent"])
            values = [labels[int(value)] if labels else value for value in call["values"]]
            expect(call, lambda: space.set_condition(call["name"], call["parent"], values))
        elif call["call"] == "set_fidelity":
            expect(call, lambda: space.set_fidelity(call["name"]))
        elif call["call"] == "add_float":
            step = call["step"] or None
            expect(call, lambda: space.add_float(call["name"], call["low"], call["high"], log=call["log"], step=step))
        else:
            expect(
                call,
                lambda: space.add_int(call["name"], call["low"], call["high"], log=call["log"], step=call["step"]),
            )
    assert space.to_json() == scenario["json"]


@pytest.mark.parametrize("scenario", scenarios("spaces.json", "read"), ids=names)
def test_space_from_a_document(scenario):
    space = expect(scenario, lambda: optiformer.Space(scenario["document"]))
    if space is not None:
        assert space.to_json() == scenario["json"]


@pytest.mark.parametrize("scenario", scenarios("suggestions.json", "suggestions"), ids=names)
def test_suggestions(scenario):
    def rows(key):
        return [[math.nan if value is None else value for value in row] for row in scenario[key]]

    space = optiformer.Space(json.dumps(scenario["space"]))
    losses = [math.nan if loss is None else loss for loss in scenario["losses"]]
    options = {key: scenario[key] for key in ("count", "number", "sampler")}
    call = lambda: optiformer.suggest(  # noqa: E731
        space, rows("history"), losses, rows("pending"), seed=int(scenario["seed"]), **options
    )
    found = expect(scenario, call)
    if found is not None:
        assert [[None if math.isnan(value) else value for value in row] for row in found] == scenario["returns"]

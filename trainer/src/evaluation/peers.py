"""Other people's samplers, for the evaluation: reads one JSON message a line, answers with one.

{"new": {"peer": ..., "seed": ..., "space": [...]}} begins a study and answers with the peer's version;
{"ask": true} answers with the next trial's values: a number, the index of a choice, or null where inactive;
{"tell": loss} (null for a failed trial) finishes it. With "hyperband": STEPS in "new", Optuna prunes: {"report": {"step": ..., "value": ...}}
answers "stops", and {"prune": true} finishes a trial early. With "fidelity": [LOW, HIGH] in "new", the peer sets it, and answers have
"fidelity". Answers carry the seconds that the peer took.
"""

import json
import math
import sys
import time
import warnings

warnings.simplefilter("ignore")


def is_active(parameter, values):
    condition = parameter.get("condition")
    return condition is None or values[condition["parent"]] in condition["values"]


class Optuna:
    """One of Optuna's samplers with its defaults, asked by define-by-run."""

    def __init__(self, name, seed, space, hyperband=None):
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        kind = {
            "optuna-random": optuna.samplers.RandomSampler,
            "optuna-tpe": optuna.samplers.TPESampler,
            "optuna-gp": optuna.samplers.GPSampler,
            "optuna-cma_es": optuna.samplers.CmaEsSampler,
            "optuna-qmc": optuna.samplers.QMCSampler,
        }[name]
        self.version = f"optuna {optuna.__version__}"
        self.states = optuna.trial.TrialState
        pruner = optuna.pruners.HyperbandPruner(1, hyperband, 3) if hyperband else optuna.pruners.NopPruner()
        # Brackets follow from the study's name.
        self.study = optuna.create_study(sampler=kind(seed=seed), pruner=pruner, study_name=f"seed-{seed}")
        self.space = space

    def ask(self):
        self.trial = trial = self.study.ask()
        values = []
        for parameter in self.space:
            name, kind = parameter["name"], parameter["kind"]
            if not is_active(parameter, values):
                values.append(None)
            elif kind == "categorical":
                values.append(trial.suggest_categorical(name, list(range(parameter["choices"]))))
            elif kind == "int":
                values.append(trial.suggest_int(name, int(parameter["low"]), int(parameter["high"]), log=parameter["log"], step=int(parameter["step"])))
            else:
                values.append(trial.suggest_float(name, parameter["low"], parameter["high"], log=parameter["log"], step=parameter["step"]))
        return values

    def report(self, step, value):
        self.trial.report(value, step)
        return bool(self.trial.should_prune())

    def prune(self):
        self.study.tell(self.trial, state=self.states.PRUNED)

    def tell(self, loss):
        if loss is None:
            self.study.tell(self.trial, state=self.states.FAIL)
        else:
            self.study.tell(self.trial, loss)


class Skopt:
    """scikit-optimize's Gaussian process. It knows no conditions (inactive parameters are asked for and left out) and no failures (they
    count as the worst loss so far)."""

    def __init__(self, name, seed, space):
        import skopt
        from skopt.space import Categorical, Integer, Real

        def dimension(parameter):
            if parameter["kind"] == "categorical":
                return Categorical(list(range(parameter["choices"])))
            prior = "log-uniform" if parameter["log"] else "uniform"
            if parameter["kind"] == "int" and parameter["step"] == 1:
                return Integer(int(parameter["low"]), int(parameter["high"]), prior=prior)
            if parameter["step"] is not None:
                levels = math.floor((parameter["high"] - parameter["low"]) / parameter["step"] + 1e-9)
                return Integer(0, levels)
            return Real(parameter["low"], parameter["high"], prior=prior)

        self.version = f"scikit-optimize {skopt.__version__}"
        self.space = space
        self.worst = 0.0
        self.optimizer = skopt.Optimizer([dimension(p) for p in space], base_estimator="GP", random_state=seed)

    def ask(self):
        self.point = self.optimizer.ask()
        values = []
        for parameter, value in zip(self.space, self.point):
            value = value.item() if hasattr(value, "item") else value
            if not is_active(parameter, values):
                value = None
            elif parameter["kind"] != "categorical" and parameter["step"] is not None and not (parameter["kind"] == "int" and parameter["step"] == 1):
                value = parameter["low"] + value * parameter["step"]
            values.append(value)
        return values

    def tell(self, loss):
        if loss is not None:
            self.worst = max(self.worst, loss)
        self.optimizer.tell(self.point, self.worst if loss is None else loss)


class Hebo:
    """HEBO with its defaults."""

    def __init__(self, name, seed, space):
        import hebo
        import numpy
        import torch
        from hebo.design_space.design_space import DesignSpace
        from hebo.optimizers.hebo import HEBO

        numpy.random.seed(seed)
        torch.manual_seed(seed)

        def dimension(parameter):
            found = {"name": parameter["name"]}
            if parameter["kind"] == "categorical":
                return found | {"type": "cat", "categories": list(range(parameter["choices"]))}
            found |= {"lb": parameter["low"], "ub": parameter["high"]}
            if parameter["kind"] == "int":
                return found | {"type": "pow_int" if parameter["log"] else "int", "base": 10}
            return found | {"type": "pow" if parameter["log"] else "num", "base": 10}

        self.numpy = numpy
        self.version = f"hebo {getattr(hebo, '__version__', '')}"
        self.space = space
        self.worst = 0.0
        self.optimizer = HEBO(DesignSpace().parse([dimension(p) for p in space]))

    def ask(self):
        self.point = self.optimizer.suggest()
        row = self.point.iloc[0]
        values = []
        for parameter in self.space:
            value = row[parameter["name"]]
            values.append(float(value) if is_active(parameter, values) else None)
        return values

    def tell(self, loss):
        if loss is not None:
            self.worst = max(self.worst, loss)
        value = self.worst if loss is None else loss
        self.optimizer.observe(self.point, self.numpy.array([[value]]))


class Smac:
    """SMAC3's multi-fidelity facade: a random forest, and Hyperband with brackets of powers of three, which is BOHB's place."""

    def __init__(self, name, seed, space, fidelity):
        import importlib.metadata
        import logging
        import tempfile

        import smac
        from ConfigSpace import Categorical, ConfigurationSpace, Float, InCondition, Integer
        from smac.runhistory.dataclasses import TrialValue
        from smac.runhistory.enumerations import StatusType

        logging.disable(logging.CRITICAL)
        self.version = f"smac {importlib.metadata.version('smac')}"
        self.space, self.value, self.status = space, TrialValue, StatusType
        configurations = ConfigurationSpace(seed=seed)

        def dimension(parameter):
            if parameter["kind"] == "categorical":
                return Categorical(parameter["name"], list(range(parameter["choices"])))
            kind, as_bound = (Integer, int) if parameter["kind"] == "int" else (Float, float)
            bounds = as_bound(parameter["low"]), as_bound(parameter["high"])
            return kind(parameter["name"], bounds, log=parameter["log"])

        dimensions = [dimension(parameter) for parameter in space]
        configurations.add(dimensions)
        for parameter, child in zip(space, dimensions):
            if parameter.get("condition"):
                condition = parameter["condition"]
                configurations.add(InCondition(child, dimensions[condition["parent"]], [int(value) for value in condition["values"]]))
        low, high = fidelity
        scenario = smac.Scenario(
            configurations,
            deterministic=True,
            n_trials=1_000_000,
            min_budget=low,
            max_budget=high,
            seed=seed,
            output_directory=tempfile.mkdtemp(),
        )
        facade = smac.MultiFidelityFacade
        intensifier = facade.get_intensifier(scenario, eta=3)
        self.smac = facade(scenario, lambda config, seed, budget: 0.0, intensifier=intensifier, logging_level=False, overwrite=True)

    def ask(self):
        self.info = self.smac.ask()
        self.fidelity = float(self.info.budget)
        found = dict(self.info.config)
        return [float(found[parameter["name"]]) if parameter["name"] in found else None for parameter in self.space]

    def tell(self, loss):
        if loss is None:
            self.smac.tell(self.info, self.value(cost=math.inf, status=self.status.CRASHED))
        else:
            self.smac.tell(self.info, self.value(cost=loss))


def new(message):
    name = message["peer"]
    if name.startswith("optuna-"):
        return Optuna(name, message["seed"], message["space"], message.get("hyperband"))
    if name == "skopt-gp":
        return Skopt(name, message["seed"], message["space"])
    if name == "hebo":
        return Hebo(name, message["seed"], message["space"])
    if name == "smac-hyperband":
        return Smac(name, message["seed"], message["space"], message["fidelity"])
    raise ValueError(f'there is no peer "{name}"; there are optuna-random, optuna-qmc, optuna-tpe, optuna-gp, optuna-cma_es, skopt-gp, hebo, smac-hyperband')


def main():
    peer = None
    # What a peer prints must not get between the answers.
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        message = json.loads(line)
        answer = {}
        started = time.perf_counter()
        try:
            if "new" in message:
                peer = new(message["new"])
                answer["version"] = peer.version
            elif "ask" in message:
                answer["values"] = peer.ask()
                if hasattr(peer, "fidelity"):
                    answer["fidelity"] = peer.fidelity
            elif "report" in message:
                answer["stops"] = peer.report(message["report"]["step"], message["report"]["value"])
            elif "prune" in message:
                peer.prune()
            else:
                peer.tell(message["tell"])
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        answer["seconds"] = time.perf_counter() - started
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()

"""Tunes mixed parameters, one of them conditional."""

import math

import optuna
import optunahub


def objective(trial: optuna.Trial) -> float:
    rate = trial.suggest_float("rate", 1e-4, 1.0, log=True)
    units = trial.suggest_int("units", 4, 256)
    loss = abs(math.log10(rate) + 2) + abs(units - 64) / 256
    if trial.suggest_categorical("optimizer", ["sgd", "adam"]) == "sgd":
        loss += trial.suggest_float("momentum", 0.0, 0.99) / 10
    return loss


if __name__ == "__main__":
    module = optunahub.load_module("samplers/optiformer")
    study = optuna.create_study(sampler=module.OptiFormerSampler(seed=1))
    study.optimize(objective, n_trials=40)
    print(study.best_value, study.best_params)

"""OptiFormer as an Optuna sampler: `optuna.create_study(sampler=OptiFormerSampler())`."""

from .._requires import requires

with requires("optuna", "optuna>=5"):
    from ._sampler import OptiFormerSampler

__all__ = ["OptiFormerSampler"]

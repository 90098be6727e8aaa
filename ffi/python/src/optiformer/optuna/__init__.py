"""OptiFormer as an Optuna sampler: `optuna.create_study(sampler=OptiFormerSampler())`."""

from ._sampler import OptiFormerSampler

__all__ = ["OptiFormerSampler"]

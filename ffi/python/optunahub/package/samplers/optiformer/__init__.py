"""OptiFormer's sampler, from the package that has the library in it."""

from optiformer.optuna import OptiFormerSampler

__all__ = ["OptiFormerSampler"]

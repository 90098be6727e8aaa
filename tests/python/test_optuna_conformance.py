"""Optuna's own tests of samplers, put to every sampler of the library."""

import pytest
from optiformer.optuna import OptiFormerSampler
from optuna.testing.pytest_samplers import BasicSamplerTestCase, MultiObjectiveSamplerTestCase, RelativeSamplerTestCase


@pytest.fixture(params=["auto", "optiformer", "gp", "tpe", "cma_es", "local_search", "sobol", "random"])
def sampler(request):
    return lambda: OptiFormerSampler(seed=0, sampler=request.param)


class TestBasic(BasicSamplerTestCase):
    @pytest.fixture
    def sampler(self, sampler):
        return sampler


class TestRelative(RelativeSamplerTestCase):
    @pytest.fixture
    def sampler(self, sampler):
        return sampler


class TestSeveralObjectives(MultiObjectiveSamplerTestCase):
    @pytest.fixture
    def sampler(self, sampler):
        return sampler

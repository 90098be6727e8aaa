"""The constrained problems of the Rust benchmark and of tests/scripts have the same values, and the best known ones are reached."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))

import constrained_problems  # noqa: E402


def test_both_languages_have_the_same_problems():
    assert constrained_problems.check() == 0


def test_no_feasible_sample_is_better_than_the_best_known():
    feasible = 0
    for problem in constrained_problems.PROBLEMS + constrained_problems.TUNING:
        for point in constrained_problems.samples(len(problem.space), 2000):
            objective, constraints = problem.evaluate(problem.unit(point))
            if max(constraints) <= 0.0:
                feasible += 1
                assert objective >= problem.best - 1e-9, problem.name
    assert feasible > 1000

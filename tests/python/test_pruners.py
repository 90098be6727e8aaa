"""Decisions of the pruners beside those of Optuna's, on the same curves and in the same order.

OPTIFORMER_TOOL names the tool; tests/run.sh builds it. The two differ by definition, and are not compared, where one report
completes several rungs at once, at max_resource, from which on ours end no trial, where patience wraps successive halving, which
Optuna's then asks about rungs completed long ago, and in the assignment of trials to the brackets of Hyperband, for which
Optuna gets ours.
"""

import json
import os
import random
import subprocess

import optuna
import pytest
from optuna.pruners import HyperbandPruner, MedianPruner, PatientPruner, PercentilePruner, SuccessiveHalvingPruner

optuna.logging.set_verbosity(optuna.logging.ERROR)

TOOL = os.environ.get("OPTIFORMER_TOOL")
MASK = (1 << 64) - 1
SEED = 5

pytestmark = [
    pytest.mark.skipif(not TOOL, reason="OPTIFORMER_TOOL is not set"),
    pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning"),
]


def brackets(count, factor):
    """The assignment of runtime/src/brackets.rs."""
    shares = [-(-count * factor ** (count - 1 - bracket) // (count - bracket)) for bracket in range(count)]
    golden = 0x9E3779B97F4A7C15
    offset = (SEED + golden) & MASK
    offset = ((offset ^ (offset >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    offset = ((offset ^ (offset >> 27)) * 0x94D049BB133111EB) & MASK
    offset ^= offset >> 31

    def of(number):
        place = (((offset + number * golden) & MASK) * sum(shares)) >> 64
        for bracket, share in enumerate(shares):
            if place < share:
                return bracket
            place -= share
        raise AssertionError

    return of


class Hyperband(HyperbandPruner):
    def _get_bracket_id(self, study, trial):
        # Optuna asks before the first decision too, when it does not know the brackets yet.
        return brackets(self._n_brackets, self._reduction_factor)(trial.number) if self._n_brackets else 0


PRUNERS = {
    "median": lambda: MedianPruner(),
    "median:startup=2,warmup=3,interval=4": lambda: MedianPruner(2, 3, 4),
    "percentile:25,startup=0": lambda: PercentilePruner(25.0, 0),
    "percentile:73.5,startup=3,warmup=1,interval=2,min_trials=6": lambda: PercentilePruner(73.5, 3, 1, 2, n_min_trials=6),
    "percentile:0,startup=1": lambda: PercentilePruner(0.0, 1),
    "percentile:100,startup=1": lambda: PercentilePruner(100.0, 1),
    "asha": lambda: SuccessiveHalvingPruner(min_resource=1),
    "asha:min=1,factor=3": lambda: SuccessiveHalvingPruner(min_resource=1, reduction_factor=3),
    "asha:min=2,factor=2,rate=1": lambda: SuccessiveHalvingPruner(2, 2, 1),
    "asha:min=3,factor=2,bootstrap=4": lambda: SuccessiveHalvingPruner(3, 2, 0, 4),
    "hyperband:min=1,max=27,factor=3": lambda: Hyperband(1, 27, 3),
    "hyperband:min=2,max=40,factor=2,bootstrap=2": lambda: Hyperband(2, 40, 2, 2),
    "patient:2:median:startup=1": lambda: PatientPruner(MedianPruner(1), 2),
    "patient:3,min_delta=0.05:percentile:40,startup=2": lambda: PatientPruner(PercentilePruner(40.0, 2), 3, 0.05),
    "patient:4": lambda: PatientPruner(None, 4),
}


class Session:
    """A study behind the tool's JSON lines."""

    def __init__(self, folder, pruner, direction):
        space = folder / "space.json"
        space.write_text('{"parameters": [{"name": "x", "type": "float", "low": 0, "high": 1}]}')
        command = [TOOL, "ask-tell", "--space", space, "--sampler", "random", "--seed", str(SEED)]
        command += ["--pruner", pruner, "--direction", direction]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __call__(self, **request):
        print(json.dumps(request), file=self.process.stdin, flush=True)
        reply = json.loads(self.process.stdout.readline())
        assert "error" not in reply, reply
        return reply

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        assert self.process.wait(timeout=30) == 0


def curve(rng):
    """Steps from 1 on, some of which are left out, and values that fall to a limit with noise and ties."""
    limit, speed = rng.random(), rng.uniform(0.05, 1.0)
    step, curve = 1, []
    while step < 27:
        value = limit + 2.0**-(speed * step) + 0.1 * rng.gauss(0, 1)
        curve.append((step, round(value, rng.choice([1, 17]))))
        step += rng.choice([1, 1, 1, 2])
    return curve


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
@pytest.mark.parametrize("pruner", PRUNERS)
def test_decisions_are_those_of_optuna(tmp_path, pruner, direction):
    rng = random.Random(f"{pruner} {direction}")
    study = optuna.create_study(direction=direction, pruner=PRUNERS[pruner]())
    states = optuna.trial.TrialState
    decisions, workers = [], []
    with Session(tmp_path, pruner, direction) as session:
        for _ in range(60):
            # Up to four trials at a time, each of which makes one step in turn.
            while len(workers) < 4:
                trial = study.ask()
                assert session(ask={})["trial"]["id"] == trial.number
                # Some programs go on though they should stop.
                workers.append((trial, curve(rng), rng.random() < 0.15))
            while len(workers) == 4:
                worker = rng.choice(workers)
                trial, steps, is_deaf = worker
                step, value = steps.pop(0)
                trial.report(value, step)
                reply = session(report={"id": trial.number, "step": step, "value": value})
                stops = trial.should_prune()
                assert reply["should_stop"] == stops, (trial.number, step, value)
                decisions.append(stops)
                if stops and not is_deaf:
                    study.tell(trial, state=states.PRUNED)
                    session(tell={"id": trial.number, "pruned": True})
                elif not steps:
                    study.tell(trial, value)
                    session(tell={"id": trial.number, "value": value})
                else:
                    continue
                workers.remove(worker)
    # Each pruner ends some trials and lets others go on.
    assert 0 < sum(decisions) < len(decisions)

"""One Optuna study of eight worker processes, on a PostgreSQL server that is started here."""

import inspect
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import optuna
import pytest
from optiformer.optuna import OptiFormerSampler
from optuna.trial import TrialState

optuna.logging.set_verbosity(optuna.logging.ERROR)
WORKERS = 8


def server_program(name):
    """Debian keeps the server's programs off the PATH."""
    folders = [str(folder) for folder in sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
    return shutil.which(name) or shutil.which(name, path=os.pathsep.join(folders))


@pytest.fixture(scope="module")
def server():
    """The URL of a server that listens on a socket in a folder of its own."""
    if server_program("initdb") is None or server_program("postgres") is None:
        pytest.skip("PostgreSQL is not installed (.ci/run installs system packages)")
    pytest.importorskip("psycopg", reason="psycopg, the driver for PostgreSQL, is not installed")
    folder = tempfile.mkdtemp(prefix="pg-")
    # The server refuses to run as root.
    user = {"user": "postgres"} if os.geteuid() == 0 else {}
    if user:
        shutil.chown(folder, "postgres")
    data = f"{folder}/data"
    command = [server_program("initdb"), "-D", data, "-U", "optuna", "-A", "trust", "--no-sync"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/", **user)
    # What is lost when the machine goes down is of no matter here.
    settings = ["listen_addresses=", f"unix_socket_directories={folder}", "fsync=off", "synchronous_commit=off"]
    command = [server_program("postgres"), "-D", data, *(word for it in settings for word in ("-c", it))]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", **user)
    try:
        deadline = time.monotonic() + 30
        while not pathlib.Path(folder, ".s.PGSQL.5432").exists():
            assert process.poll() is None and time.monotonic() < deadline, "the server did not start"
            time.sleep(0.05)
        yield f"postgresql+psycopg://optuna@/postgres?host={folder}"
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)
        shutil.rmtree(folder)


# A worker gets the storage's URL, the study's name and the number of trials that the study shall
# have.
WORKER = """
import os, sys, time, warnings
import optuna
from optiformer.optuna import OptiFormerSampler
from optuna.storages import RDBStorage, RetryHeartbeatStaleTrialCallback
from optuna.study import MaxTrialsCallback
from optuna.trial import TrialState

warnings.simplefilter("ignore")
optuna.logging.set_verbosity(optuna.logging.ERROR)
url, name, trials, victim = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4] == "victim"
retry = RetryHeartbeatStaleTrialCallback(max_retry=1)
storage = RDBStorage(url, heartbeat_interval=1, grace_period=3, heartbeat_stale_trial_callback=retry)
study = optuna.load_study(study_name=name, storage=storage, sampler=OptiFormerSampler())
def objective(trial):
{objective}
study.optimize(objective, callbacks=[MaxTrialsCallback(trials, states=(TrialState.COMPLETE,))])
"""


def discrete(trial):
    a, b = trial.suggest_int("a", 0, 7), trial.suggest_int("b", 0, 7)
    c = trial.suggest_categorical("c", ["u", "v", "w"])
    time.sleep(0.02)
    return (a - 5) ** 2 + (b - 2) ** 2 + (c != "v")


def continuous(trial):
    x, y, z = (trial.suggest_float(name, -5.0, 5.0) for name in "xyz")
    time.sleep(0.02)
    return (x - 1) ** 2 + (y + 2) ** 2 + (x * y - z) ** 2 / 5


def workers(url, name, objective, trials, victims=()):
    body = inspect.getsource(objective).partition("\n")[2]
    if victims:
        body = "    if victim: time.sleep(1.5), print('begun', flush=True), time.sleep(600)\n" + body
    source = WORKER.replace("{objective}", body)
    processes = []
    for number in range(WORKERS):
        role = "victim" if number in victims else "worker"
        command = [sys.executable, "-c", source, url, name, str(trials), role]
        processes.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
    return processes


def test_no_trial_is_lost_and_nothing_discrete_is_tried_twice(server):
    study = optuna.create_study(storage=server, study_name="discrete")
    for process in workers(server, "discrete", discrete, 80):
        assert process.wait(60) == 0
    trials = study.trials
    assert len(trials) >= 80 and all(trial.state == TrialState.COMPLETE for trial in trials)
    assert [trial.number for trial in trials] == list(range(len(trials)))
    numbers = {}
    for trial in trials:
        numbers.setdefault(tuple(sorted(trial.params.items())), []).append(trial.number)
    # The first trials know of no parameters, and draw them one by one.
    assert not [them for them in numbers.values() if len(them) > 1 and max(them) >= 2 * WORKERS]
    assert study.best_value == 0


def test_a_killed_workers_trial_is_made_again_and_eight_workers_find_what_one_finds(server):
    study = optuna.create_study(storage=server, study_name="continuous")
    processes = workers(server, "continuous", continuous, 80, victims=(0,))
    assert processes[0].stdout.readline() == "begun\n"
    processes[0].kill()
    assert all(process.wait(60) == 0 for process in processes[1:])
    trials = study.trials
    # A worker notices that another has died when it begins a trial after the grace period.
    deadline = time.monotonic() + 20
    while any(trial.state == TrialState.RUNNING for trial in trials) and time.monotonic() < deadline:
        time.sleep(0.5)
        assert all(process.wait(60) == 0 for process in workers(server, "continuous", continuous, len(trials) + 1))
        trials = study.trials
    failed = [trial for trial in trials if trial.state == TrialState.FAIL]
    assert len(failed) == 1
    assert [trial.number for trial in trials] == list(range(len(trials)))
    alone = optuna.create_study(sampler=OptiFormerSampler(seed=1))
    alone.optimize(continuous, n_trials=40)
    # The usual price of parallelism: eight at a time know less than one after the other.
    print(f"eight workers, {len(trials)} trials: {study.best_value:.2g}; one, 40 trials: {alone.best_value:.2g}")
    assert study.best_value < alone.best_value + 0.1

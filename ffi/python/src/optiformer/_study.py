"""Ask and tell."""

import ctypes
import json
import math
import os
from collections.abc import Mapping
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple, Union

from ._library import Error, ExplanationStruct, Handle, StudyOptions, call, doubles, encoded, text, texts, unsigned
from ._model import Model
from ._space import Layout, Space

#: What was measured, in the study's order or by name.
Numbers = Union[Sequence[float], Mapping[str, float]]
#: Names of objectives, to be minimized, or their directions by name.
Objectives = Union[Sequence[str], Mapping[str, str]]


class Trial(NamedTuple):
    """A configuration with the id to tell its outcome by; parameters that are not active are missing."""

    id: int
    parameters: Dict[str, Any]


class Best(NamedTuple):
    """A finished trial."""

    id: int
    parameters: Dict[str, Any]
    value: float


class ToldTrial(NamedTuple):
    """A trial that was told or added.

    Attributes:
        id: Its number, counted from 0 in the order in which trials were asked for or added.
        parameters: Its configuration, without the parameters that were not active.
        value: How it went, the first of several objectives; None for one that failed or was pruned.
        state: "finished", "failed" or "pruned".
        objectives: The objectives by name; None for one that failed or was pruned.
        constraints: The values of the constraints by name; None where they were not measured, and in a study without.
        reports: Its intermediate values, as pairs of step and value by ascending step.
    """

    id: int
    parameters: Dict[str, Any]
    value: Optional[float]
    state: str = "finished"
    objectives: Optional[Dict[str, float]] = None
    constraints: Optional[Dict[str, float]] = None
    reports: Tuple[Tuple[int, float], ...] = ()

    @property
    def is_feasible(self) -> bool:
        """Whether every constraint that was measured holds."""
        return all(value <= 0 for value in (self.constraints or {}).values())


class Explanation(NamedTuple):
    """Why a trial was suggested, in units of the objective; the numbers are NaN where nothing was predicted.

    Attributes:
        sampler: The sampler that suggested it; under "auto" the one that was asked.
        origin: "policy": drawn from the transformer's policy; "neighbor" of a good trial; "spread": a point of an even
            spread; "refined" to where the acquisition is largest; "step" of a local model; "promoted" from a lower fidelity;
            "draw": anything else.
        median: The median of the predicted values.
        deviation: Half of the range of about two thirds of the predicted values.
        improvement: By how much the best value is expected to improve; at least 0.
        feasibility: The probability that all constraints hold.
    """

    sampler: str
    origin: str
    median: float
    deviation: float
    improvement: float
    feasibility: float = math.nan


class Counts(NamedTuple):
    """How many trials have finished, have failed, are pending, and were pruned."""

    finished: int
    failed: int
    pending: int
    pruned: int


class Study(Handle):
    """One optimization, which hands out trials and is told how they went.

    Threads that share a study wait for each other. Any number of trials may be pending.

    Args:
        space: What may be tried, a `Space` or the mapping that one is made of; later changes of it have no effect.
        direction: "minimize" or "maximize".
        seed: Seed of all suggestions; the same seed and answers give the same study.
        sampler: "auto", "optiformer", "gp", "tpe", "cma_es", "local_search", "grid", "sobol" or "random"; "hyperband" for a
            space with a fidelity.
        model: Weights for "optiformer", "auto" and "hyperband"; the ones that are part of the library when None.
        constraints: Names of constraints: values that are told with each trial and shall be at most 0.
        objectives: Names of several objectives, or a mapping from their names to "minimize" and "maximize". The trials
            then spread along the Pareto front, which `front` has.
        pruner: The rule that `should_stop` applies, as the tool's `--pruner` takes it: "median", "percentile:25",
            "asha:min=1,max=81", "hyperband:max=81", "patient:5:median".

    Raises:
        Error: naming the option.
    """

    _free = "optiformer_study_free"

    def __init__(
        self,
        space: Union[Space, Mapping[str, Any]],
        *,
        direction: str = "minimize",
        seed: int = 0,
        sampler: str = "auto",
        model: Optional[Model] = None,
        constraints: Sequence[str] = (),
        objectives: Optional[Objectives] = None,
        pruner: Optional[str] = None,
    ) -> None:
        options = _options(direction, seed, sampler, model, constraints, objectives, pruner)
        space = space if isinstance(space, Space) else Space(space)
        with space._lock:
            super().__init__("optiformer_study_new", space._handle, ctypes.byref(options))
            self._begin(space._layout.copy())

    @classmethod
    def open(
        cls,
        path: Union[str, "os.PathLike[str]"],
        space: Union[Space, Mapping[str, Any], None] = None,
        *,
        direction: str = "minimize",
        seed: int = 0,
        sampler: str = "auto",
        model: Optional[Model] = None,
        constraints: Sequence[str] = (),
        objectives: Optional[Objectives] = None,
        pruner: Optional[str] = None,
    ) -> "Study":
        """The study in a file, or a new one there.

        Each change is in the file when its call returns. Trials that were pending when the file was last closed are
        asked for first. The file is locked until the study is freed.

        Args:
            path: The file.
            space: What may be tried. Without it the file must exist, and of the other options `model` alone counts.
            direction, seed, sampler, model, constraints, objectives, pruner: As for a `Study`; those of a file that exists. A
                pruner of None is the file's.

        Raises:
            Error: "IO" where the file cannot be opened or another process has it; "INVALID_JOURNAL" for a damaged file,
                and for another study than the one that is asked for, naming what differs.
        """
        options = _options(direction, seed, sampler, model, constraints, objectives, pruner)
        where = encoded("path", os.fspath(path))
        study = cls.__new__(cls)
        if space is None:
            Handle.__init__(study, "optiformer_study_open", where, None, ctypes.byref(options))
            study._begin(study.space._layout)
            return study
        space = space if isinstance(space, Space) else Space(space)
        with space._lock:
            Handle.__init__(study, "optiformer_study_open", where, space._handle, ctypes.byref(options))
            study._begin(space._layout.copy())
        return study

    @classmethod
    def restore(cls, saved: str, space: Optional[Space] = None, *, model: Optional[Model] = None) -> "Study":
        """A study in memory from what `save` gave; it goes on as the one that was saved would have.

        Args:
            saved: The text.
            space: The space of the study; it need only be given where choices are no texts, which alone are saved.
            model: Weights for "optiformer" and "auto".

        Raises:
            Error: "INVALID_JOURNAL", with line and byte.
            ValueError: for another space than the study's.
        """
        study = cls.__new__(cls)
        handle = model._handle if model is not None else None
        Handle.__init__(study, "optiformer_study_restore", encoded("saved", saved), handle)
        own = study.space
        if space is not None and space.to_json() != own.to_json():
            raise ValueError("the space is not that of the study")
        study._begin((space or own)._layout.copy())
        return study

    def _begin(self, layout: Layout) -> None:
        """Reads what the study is made of, and its trials if it has some."""
        self._layout, self._count = layout, len(layout.names)
        described = json.loads(text("optiformer_study_description", self._handle))
        self._objectives: List[str] = [objective["name"] for objective in described["objectives"]]
        self._constraints: List[str] = described["constraints"]
        self._pending: Dict[int, Dict[str, Any]] = {}
        self._reports: Dict[int, List[Tuple[int, float]]] = {}
        self._told: Dict[int, ToldTrial] = {}
        self._read_back()

    def _read_back(self) -> None:
        size = ctypes.c_size_t()
        call("optiformer_study_trials", self._handle, None, None, None, None, 0, ctypes.byref(size))
        if size.value == 0:
            return
        rows, widths = size.value, (self._count, len(self._objectives), len(self._constraints))
        ids, states = (ctypes.c_uint64 * rows)(), (ctypes.c_int32 * rows)()
        values, objectives, constraints = ((ctypes.c_double * (rows * width))() for width in widths)
        call("optiformer_study_trials", self._handle, ids, states, values, None, rows, ctypes.byref(size))
        call("optiformer_study_measurements", self._handle, objectives, constraints, rows, ctypes.byref(size))
        for row, (number, state) in enumerate(zip(ids, states)):
            its = [matrix[row * width : (row + 1) * width] for matrix, width in zip((values, objectives, constraints), widths)]
            parameters = self._layout.parameters(its[0])
            self._reports[number] = self._read_reports(number)
            if _STATES[state] == "pending":
                self._pending[number] = parameters
            else:
                self._record(number, parameters, its[1], its[2], is_pruned=_STATES[state] == "pruned")

    def _read_reports(self, number: int) -> List[Tuple[int, float]]:
        size = ctypes.c_size_t()
        call("optiformer_study_reports", self._handle, number, None, None, 0, ctypes.byref(size))
        steps, values = (ctypes.c_uint64 * size.value)(), (ctypes.c_double * size.value)()
        call("optiformer_study_reports", self._handle, number, steps, values, size.value, ctypes.byref(size))
        return list(zip(steps, values))

    def ask(self) -> Trial:
        """The next trial."""
        trial, values = ctypes.c_uint64(), (ctypes.c_double * self._count)()
        with self._lock:
            call("optiformer_study_ask", self._handle, ctypes.byref(trial), values, self._count)
            parameters = self._layout.parameters(list(values))
            # A copy, so that the caller may change what it gets.
            self._pending[trial.value] = dict(parameters)
        return Trial(trial.value, parameters)

    def tell(
        self, trial: Union[int, Trial], value: Union[float, Numbers, None], *, constraints: Optional[Numbers] = None
    ) -> None:
        """How a trial, or the one with an id, went.

        Args:
            trial: The trial.
            value: Its value, or of several objectives all values, in their order or by name. None, or a value that is not
                finite, for a failed trial.
            constraints: The values of the study's constraints, in their order or by name, each at most 0 where it holds.
                The samplers learn from those of a failed trial too.

        Raises:
            Error: "UNKNOWN_TRIAL" or "ALREADY_TOLD"; "INVALID_VALUE" for other objectives or constraints than the study has.
        """
        number = _identity(trial)
        with self._lock:
            told = self._tell("optiformer_study_tell", (number,), (), value, constraints)
            self._record(number, self._pending.pop(number), *told)

    def tell_failed(self, trial: Union[int, Trial]) -> None:
        """That a trial failed: it is kept, and avoided."""
        self.tell(trial, None)

    def tell_pruned(self, trial: Union[int, Trial]) -> None:
        """That a trial was ended early: its last intermediate value counts for later suggestions.

        Raises:
            Error: As `tell`; "INVALID_VALUE" in a study of several objectives.
        """
        number = _identity(trial)
        with self._lock:
            call("optiformer_study_tell_pruned", self._handle, number)
            self._record(number, self._pending.pop(number), (), (), is_pruned=True)

    def report(self, trial: Union[int, Trial], step: int, value: float) -> None:
        """An intermediate value of a trial that is pending: its objective at a step, such as an epoch. Steps ascend.

        Raises:
            Error: As `tell`; "INVALID_VALUE" for a step that is not above the one before, a value that is not finite, and a
                study of several objectives.
        """
        number, step, value = _identity(trial), unsigned("step", step), float(value)
        with self._lock:
            call("optiformer_study_report", self._handle, number, step, value)
            self._reports.setdefault(number, []).append((step, value))

    def should_stop(self, trial: Union[int, Trial]) -> bool:
        """Whether the pruner would end a trial, which is pending, for its intermediate values. Ask after each `report`; a trial that is
        ended is told by `tell_pruned`. False before the first report, and in a study without a pruner.

        Raises:
            Error: As `tell`.
        """
        stops = ctypes.c_int32()
        self._call("optiformer_study_should_stop", _identity(trial), ctypes.byref(stops))
        return bool(stops.value)

    def promoted_from(self, trial: Union[int, Trial, ToldTrial]) -> Optional[int]:
        """The id of the trial that a trial continues, in a space with a fidelity: of the earlier finished trials with the same other
        values and a lower fidelity, the one with the highest. None where there is none.

        Raises:
            Error: "UNKNOWN_TRIAL".
        """
        source = ctypes.c_uint64()
        is_there = self._finds("optiformer_study_promoted_from", _identity(trial), ctypes.byref(source))
        return source.value if is_there else None

    def add(
        self,
        parameters: Mapping[str, Any],
        value: Union[float, Numbers, None],
        *,
        constraints: Optional[Numbers] = None,
    ) -> int:
        """Adds a trial that was made elsewhere, with what `tell` takes, and returns its id."""
        trial, values = ctypes.c_uint64(), doubles(self._layout.values(parameters))
        with self._lock:
            before, after = (values, self._count), (ctypes.byref(trial),)
            told = self._tell("optiformer_study_add", before, after, value, constraints)
            self._record(trial.value, self._layout.parameters(list(values)), *told)
        return trial.value

    def _tell(
        self, function: str, before: Tuple[Any, ...], after: Tuple[Any, ...], value: Any, constraints: Optional[Numbers]
    ) -> Tuple[List[float], List[float]]:
        """Tells or adds a trial; what the library was told of it."""
        several, names = self._objectives, self._constraints
        if len(several) == 1 and not isinstance(value, (Mapping, list, tuple)):
            objectives = [math.nan if value is None else float(value)]
        else:
            objectives = [math.nan] * len(several) if value is None else _numbers("objective", several, value)
        if len(several) == 1 == len(objectives) and not names and constraints is None:
            call(function, self._handle, *before, objectives[0], *after)
            return objectives, []
        if constraints is None:
            # Of a failed trial nothing more may be known.
            measured = [math.nan] * len(names) if value is None else []
        else:
            measured = _numbers("constraint", names, constraints)
        arrays = doubles(objectives), len(objectives), doubles(measured), len(measured)
        call(function + "_measured", self._handle, *before, *arrays, *after)
        return objectives, measured

    def told(self, trial: Union[int, Trial]) -> ToldTrial:
        """A trial that was told or added.

        Raises:
            KeyError: for any other.
        """
        with self._lock:
            return self._told[_identity(trial)]

    @property
    def trials(self) -> List[ToldTrial]:
        """The trials that were told or added, in the order of their ids."""
        with self._lock:
            return [self._told[number] for number in sorted(self._told)]

    @property
    def pending(self) -> List[Trial]:
        """The trials without an outcome so far, in the order of their ids."""
        with self._lock:
            return [Trial(number, dict(parameters)) for number, parameters in sorted(self._pending.items())]

    def enqueue(self, parameters: Mapping[str, Any]) -> None:
        """A configuration to try before any other; active parameters that are missing are filled in when it is asked for."""
        values = doubles(self._layout.values(parameters))
        self._call("optiformer_study_enqueue", values, self._count)

    def abandon(self, trial: Union[int, Trial]) -> None:
        """That a trial, which is pending, will have no outcome: it leaves the study."""
        number = _identity(trial)
        with self._lock:
            call("optiformer_study_abandon", self._handle, number)
            del self._pending[number]

    def offer_pending(self) -> None:
        """Lets the trials that are pending now be asked for again: for a study whose workers are gone."""
        self._call("optiformer_study_offer_pending")

    def best(self) -> Optional[Best]:
        """The best trial so far; None when none has finished, and in a study of several objectives.

        Under constraints it is the best feasible trial, and while there is none the one that violates them least.
        """
        trial, value = ctypes.c_uint64(), ctypes.c_double()
        values = (ctypes.c_double * self._count)()
        if not self._finds("optiformer_study_best", ctypes.byref(trial), values, self._count, ctypes.byref(value)):
            return None
        return Best(trial.value, self._layout.parameters(list(values)), value.value)

    def front(self) -> List[ToldTrial]:
        """The Pareto front, in the order of the ids: the feasible trials that no other one beats in one objective without being
        worse in another. Of one objective these are all trials with the best value."""
        with self._lock:
            size = ctypes.c_size_t()
            call("optiformer_study_front", self._handle, None, 0, ctypes.byref(size))
            ids = (ctypes.c_uint64 * size.value)()
            call("optiformer_study_front", self._handle, ids, size.value, ctypes.byref(size))
            return [self._told[number] for number in ids]

    def violation(self, trial: Union[int, Trial]) -> float:
        """By how much a trial violates the constraints, 0 where they hold; NaN where they were not measured."""
        violation = ctypes.c_double()
        self._call("optiformer_study_violation", _identity(trial), ctypes.byref(violation))
        return violation.value

    def reports(self, trial: Union[int, Trial, ToldTrial]) -> List[Tuple[int, float]]:
        """The intermediate values of a trial, as pairs of step and value by ascending step."""
        number = _identity(trial)
        with self._lock:
            return self._read_reports(number)

    def explain(self, trial: Union[int, Trial]) -> Explanation:
        """Why a trial, which is pending, was suggested.

        Raises:
            Error: "UNKNOWN_TRIAL"; "NOT_FOUND" for a trial that was told, enqueued or added.
        """
        out = ExplanationStruct(struct_size=ctypes.sizeof(ExplanationStruct))
        self._call("optiformer_study_explain", _identity(trial), ctypes.byref(out))
        predicted = out.median, out.deviation, out.improvement, out.feasibility
        return Explanation(out.sampler.decode(), out.origin.decode(), *predicted)

    def counts(self) -> Counts:
        """How many trials have finished, have failed, are pending, and were pruned."""
        counts = {state: ctypes.c_size_t() for state in Counts._fields}
        with self._lock:
            for state, count in counts.items():
                call("optiformer_study_state_count", self._handle, _STATES.index(state), ctypes.byref(count))
        return Counts(**{state: count.value for state, count in counts.items()})

    def results(self) -> Dict[str, Any]:
        """What the study came to, as the tool's `--output` has it.

        `best_score` of the feasible trials, `num_evaluations`, `num_feasible`, `converged` (the last third of the trials, and at
        least ten of them, improved nothing) and `all_results`, the trials that have ended, each with `params` and `score`. Of
        several objectives `best_score` and `converged` are None, and there is the `pareto_front`. Choices that are no texts go
        by their numbers.
        """
        with self._lock:
            return json.loads(text("optiformer_study_results", self._handle))

    def save(self) -> str:
        """The whole study as a text, which `restore` and the command-line tool read."""
        with self._lock:
            return text("optiformer_study_save", self._handle)

    @property
    def space(self) -> Space:
        """A copy of the space; choices that are no texts go by their numbers."""
        copy = Space.__new__(Space)
        Handle.__init__(copy, "optiformer_study_space", self._handle)
        copy._layout = Layout()
        for parameter in json.loads(copy.to_json())["parameters"]:
            copy._layout.add(parameter["name"], parameter.get("choices", parameter["type"]))
        return copy

    @property
    def objectives(self) -> List[str]:
        """The names of the objectives; ["value"] where none was given."""
        return list(self._objectives)

    @property
    def constraints(self) -> List[str]:
        """The names of the constraints."""
        return list(self._constraints)

    def _record(
        self,
        number: int,
        parameters: Dict[str, Any],
        objectives: Sequence[float],
        constraints: Sequence[float],
        *,
        is_pruned: bool = False,
    ) -> None:
        """Keeps a told trial as the library does: numbers are finite, and all of their kind or none are there."""
        measured = dict(zip(self._constraints, constraints)) if constraints and all(map(math.isfinite, constraints)) else None
        is_usable = all(map(math.isfinite, (*objectives, *constraints))) and len(objectives) > 0
        named = dict(zip(self._objectives, objectives)) if is_usable and not is_pruned else None
        state = "pruned" if is_pruned else "finished" if named else "failed"
        value = objectives[0] if named else None
        reports = tuple(self._reports.pop(number, ()))
        self._told[number] = ToldTrial(number, parameters, value, state, named, measured, reports)

    def _call(self, function: str, *arguments: Any) -> None:
        with self._lock:
            call(function, self._handle, *arguments)

    def _finds(self, function: str, *arguments: Any) -> bool:
        """Calls a function; False where it has nothing to report."""
        try:
            self._call(function, *arguments)
        except Error as error:
            if error.name == "NOT_FOUND":
                return False
            raise
        return True


_STATES = ("pending", "finished", "failed", "pruned")


def _options(
    direction: str,
    seed: int,
    sampler: str,
    model: Optional[Model],
    constraints: Sequence[str],
    objectives: Optional[Objectives],
    pruner: Optional[str],
) -> StudyOptions:
    names, constraint_count = texts("constraints", constraints)
    several, objective_count = texts("objectives", [] if objectives is None else objectives)
    if objectives is not None and objective_count == 0:
        raise ValueError("there are no objectives")
    directions = objectives.values() if isinstance(objectives, Mapping) else [direction] * objective_count
    return StudyOptions(
        struct_size=ctypes.sizeof(StudyOptions),
        direction=_direction("direction", direction),
        sampler=encoded("sampler", sampler),
        model=model._handle if model is not None else None,
        seed=unsigned("seed", seed),
        constraints=names,
        constraint_count=constraint_count,
        objectives=several,
        directions=(ctypes.c_int32 * objective_count)(*(_direction("the direction of an objective", it) for it in directions)),
        objective_count=objective_count,
        pruner=None if pruner is None else encoded("pruner", pruner),
    )


def _direction(what: str, direction: str) -> int:
    if direction not in ("minimize", "maximize"):
        raise ValueError(f"{what} is 'minimize' or 'maximize', not {direction!r}")
    return int(direction == "maximize")


def _numbers(kind: str, names: Sequence[str], numbers: Numbers) -> List[float]:
    """Numbers in the order of their names; how many there are is checked by the library."""
    if not isinstance(numbers, Mapping):
        return [float(number) for number in (numbers if hasattr(numbers, "__iter__") else [numbers])]
    if set(numbers) != set(names):
        raise ValueError(f"the study has the {kind}s {', '.join(names)}, and {', '.join(map(str, numbers))} were told")
    return [float(numbers[name]) for name in names]


def _identity(trial: Union[int, Trial, ToldTrial]) -> int:
    return unsigned("trial", trial.id if isinstance(trial, (Trial, ToldTrial)) else trial)

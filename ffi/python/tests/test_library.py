"""The package without Optuna."""

import concurrent.futures
import copy
import ctypes
import math
import pathlib
import pickle
import re

import optiformer
import pytest


def space():
    return (
        optiformer.Space()
        .add_float("x", -5.0, 5.0)
        .add_int("n", 1, 9)
        .add_categorical("c", ["a", None, 3])
        .add_float("y", 1e-4, 1.0, log=True)
        .set_condition("y", "c", [None, 3])
    )


def test_a_study_minimizes():
    study = optiformer.Study(space(), seed=4)
    assert study.best() is None
    study.enqueue({"x": 4.0, "n": 2, "c": "a"})
    seen, reasons = [], []
    for number in range(30):
        trial = study.ask()
        parameters = trial.parameters
        assert ("y" in parameters) == (parameters["c"] != "a")
        if number == 0:
            assert parameters == {"x": 4.0, "n": 2, "c": "a"}
        if number == 0:
            with pytest.raises(optiformer.Error, match="NOT_FOUND"):
                study.explain(trial.id)
        else:
            reasons.append(study.explain(trial.id))
        loss = (parameters["x"] - 1) ** 2 + abs(parameters["n"] - 4) + ("y" not in parameters)
        seen.append(loss)
        study.tell(trial.id, None if number == 3 else loss)
    del seen[3]
    assert study.best().value == min(seen)
    assert {reason.sampler for reason in reasons} >= {"stack"}
    assert {reason.origin for reason in reasons} >= {"spread", "refined"}
    assert math.isnan(reasons[0].median) and reasons[20].improvement >= 0
    with pytest.raises(optiformer.Error) as caught:
        study.tell(0, 1.0)
    assert caught.value.name == "ALREADY_TOLD"


def test_suggestions_repeat_and_pending_trials_are_avoided():
    history = [[0.5, 3, 0, math.nan], [1.5, 4, 1, 0.01]]
    one = optiformer.suggest(space(), history, [1.0, 0.5], count=3, seed=9, number=2)
    again = optiformer.suggest(space(), history, [1.0, 0.5], count=3, seed=9, number=2)
    assert str(one) == str(again)
    assert len({str(row) for row in one}) == 3


def test_bad_input_names_the_parameter():
    with pytest.raises(optiformer.Error, match='"x"'):
        optiformer.Space().add_float("x", 1.0, 0.0)
    with pytest.raises(optiformer.Error, match="history, row 0"):
        optiformer.suggest(space(), [[9.0, 3, 0, math.nan]], [1.0])
    with pytest.raises(ValueError, match="row 0: 1 values"):
        optiformer.suggest(space(), [[9.0]], [1.0])
    with pytest.raises(ValueError, match="losses"):
        optiformer.suggest(space(), [], [1.0])
    with pytest.raises(optiformer.Error, match="no sampler|there is no sampler"):
        optiformer.Study(space(), sampler="nonesuch")
    with pytest.raises(optiformer.Error, match="IO"):
        optiformer.Model("no/such/file")
    with pytest.raises(optiformer.Error, match="INVALID_WEIGHTS"):
        optiformer.Model(data=b"garbage")
    with pytest.raises(ValueError, match="nonesuch"):
        optiformer.Study(space()).add({"nonesuch": 1}, 0.0)


def test_what_c_cannot_hold_is_refused():
    with pytest.raises(ValueError, match="NUL"):
        optiformer.Space().add_float("x\0y", 0.0, 1.0)
    with pytest.raises(ValueError, match="seed -1"):
        optiformer.Study(space(), seed=-1)
    with pytest.raises(ValueError, match="high"):
        optiformer.Space().add_int("n", 0, 2**64 + 5)
    with pytest.raises(optiformer.Error, match="n.*2\\^53"):
        optiformer.Space().add_int("n", 0, 2**53 + 1)
    with pytest.raises(TypeError):
        optiformer.Space().add_int("n", 0, 2.5)
    with pytest.raises(ValueError, match="trial"):
        optiformer.Study(space()).tell(-1, 0.0)
    with pytest.raises(ValueError, match="count"):
        optiformer.suggest(space(), count=-1)
    with pytest.raises(TypeError, match="name"):
        optiformer.Space().add_float(None, 0.0, 1.0)


def test_equal_choices_of_different_types_are_kept_apart():
    one = optiformer.Space().add_categorical("c", [1, True, 1.0]).add_float("x", 0.0, 1.0)
    study = optiformer.Study(one.set_condition("x", "c", [True]), sampler="random")
    study.enqueue({"c": True, "x": 0.5})
    assert study.ask().parameters["c"] is True
    for _ in range(20):
        parameters = study.ask().parameters
        assert ("x" in parameters) == (parameters["c"] is True)


def test_json_there_and_back():
    text = space().to_json()
    again = optiformer.Space(text)
    assert again.to_json() == text and again.names == ["x", "n", "c", "y"] and len(again) == 4
    named = optiformer.Space().add_categorical("kind", ["sgd", "adam"])
    assert "sgd" in named.to_json()
    assert optiformer.Study(optiformer.Space(named.to_json())).ask().parameters["kind"] in ("sgd", "adam")


def test_a_space_that_grows_leaves_its_studies_alone():
    growing = optiformer.Space().add_float("x", 0.0, 1.0)
    study = optiformer.Study(growing)
    growing.add_float("later", 0.0, 1.0)
    assert list(study.ask().parameters) == ["x"]
    with pytest.raises(ValueError, match="later"):
        study.add({"x": 0.5, "later": 0.5}, 1.0)


def test_handles_are_not_freed_twice():
    model = optiformer.Model()
    assert copy.copy(model) is model and copy.deepcopy(model) is model
    assert pickle.loads(pickle.dumps(model)).description == model.description
    for duplicate in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="cannot be copied"):
            duplicate(optiformer.Study(space()))


def test_a_copied_space_is_the_same_and_grows_by_itself():
    original = space()
    for copied in (copy.copy(original), copy.deepcopy(original), pickle.loads(pickle.dumps(original))):
        assert copied.to_json() == original.to_json()
        study = optiformer.Study(copied)
        study.enqueue({"x": 1.0, "n": 2, "c": None, "y": 0.5})
        assert study.ask().parameters["c"] is None
        copied.add_float("later", 0.0, 1.0)
    assert original.names == ["x", "n", "c", "y"]
    assert len(copy.copy(optiformer.Space())) == 0


def test_a_model_of_a_file_is_that_of_its_bytes(tmp_path):
    weights = pathlib.Path(__file__).parents[3] / "runtime" / "weights" / "pico.safetensors"
    rows = [
        optiformer.suggest(space(), [[0.5, 3, 0, math.nan]] * 4, [1.0, 2.0, 3.0, 4.0], number=4, model=model)
        for model in (None, optiformer.Model(), optiformer.Model(weights), optiformer.Model(data=weights.read_bytes()))
    ]
    assert len({str(row) for row in rows}) == 1
    (tmp_path / "cut").write_bytes(weights.read_bytes()[:5000])
    with pytest.raises(optiformer.Error, match="INVALID_WEIGHTS"):
        optiformer.Model(tmp_path / "cut")


def test_threads_may_share_a_study():
    study = optiformer.Study(space(), seed=1, sampler="tpe")

    def work(_):
        for _ in range(25):
            trial = study.ask()
            study.tell(trial.id, trial.parameters["x"] ** 2)

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert study.counts() == (100, 0, 0, 0)


# How ctypes writes the types of the header.
TYPES = {
    "int": "c_int",
    "double": "c_double",
    "size_t": "c_size_t",
    "int32_t": "c_int32",
    "int64_t": "c_int64",
    "uint32_t": "c_uint32",
    "uint64_t": "c_uint64",
    "optiformer_status": "c_int32",
    # Bytes, which Python has as one type.
    "char*": "c_char_p",
    "uint8_t*": "c_char_p",
    "char**": "LP_c_char_p",
    "double*": "LP_c_double",
    "int32_t*": f"LP_{ctypes.c_int32.__name__}",
    "size_t*": "LP_c_size_t",
    "uint64_t*": "LP_c_uint64",
    "optiformer_model*": "c_void_p",
    "optiformer_space*": "c_void_p",
    "optiformer_study*": "c_void_p",
    "optiformer_cache*": "c_void_p",
    "optiformer_model**": "LP_c_void_p",
    "optiformer_space**": "LP_c_void_p",
    "optiformer_study**": "LP_c_void_p",
    "optiformer_cache**": "LP_c_void_p",
    "optiformer_error*": "LP_ErrorStruct",
    "optiformer_explanation*": "LP_ExplanationStruct",
    "optiformer_study_options*": "LP_StudyOptions",
    "optiformer_suggest_options*": "LP_SuggestOptions",
    "void": "None",
}


def ctypes_name(declaration, *, is_named=True):
    words = declaration.replace("*", " * ").replace("const", " ").split()
    return TYPES["".join(words[:-1] if is_named else words)]


def python_name(kind):
    """The name of a ctypes type; c_size_t, c_ulong and c_uint64 are one type on some platforms."""
    return "None" if kind is None else kind.__name__.replace("_ulong", "_uint64").replace("_long", "_int64")


def test_the_declarations_are_those_of_the_header():
    from optiformer import _library

    header = pathlib.Path(__file__).parents[3] / "include" / "optiformer.h"
    code = re.sub(r"/\*.*?\*/", "", header.read_text(encoding="utf-8"), flags=re.S)
    declared = {}
    for result, name, arguments in re.findall(r"^([\w *]+?)(optiformer_\w+)\(([^)]*)\);", code, flags=re.M):
        arguments = [] if arguments == "void" else arguments.split(",")
        declared[name] = (ctypes_name(result, is_named=False), [ctypes_name(it) for it in arguments])
    expected = {name: ("c_int32", arguments) for name, arguments in _library._FALLIBLE.items()}
    for name, (result, arguments) in _library._INFALLIBLE.items():
        expected[name] = (python_name(result), arguments)
    expected = {name: (result, list(map(python_name, arguments))) for name, (result, arguments) in expected.items()}
    # What c_int32 and c_size_t are called differs from platform to platform, in the same way on
    # both sides.
    same = {"c_int32": "c_int", "c_uint32": "c_uint", "c_size_t": "c_uint64", "LP_c_size_t": "LP_c_uint64"}

    def canonical(functions):
        return {name: (same.get(r, r), [same.get(a, a) for a in args]) for name, (r, args) in functions.items()}

    assert len(declared) > 20
    assert canonical(declared) == canonical(expected)
    assert optiformer.__version__ == ".".join(re.findall(r"VERSION_(?:MAJOR|MINOR|PATCH) (\d+)", code))


@pytest.mark.parametrize("struct", ["error", "study_options", "suggest_options"])
def test_the_structs_have_the_fields_of_the_header(struct):
    from optiformer import _library

    header = pathlib.Path(__file__).parents[3] / "include" / "optiformer.h"
    code = re.sub(r"/\*.*?\*/", "", header.read_text(encoding="utf-8"), flags=re.S)
    body = re.search(rf"typedef struct optiformer_{struct} {{(.*?)}}", code, flags=re.S).group(1)
    fields = re.findall(r"(\w+)(?:\[\d+\])?;", body)
    name = {"error": "ErrorStruct", "study_options": "StudyOptions", "suggest_options": "SuggestOptions"}[struct]
    assert [field for field, _ in getattr(_library, name)._fields_] == fields


def test_given_candidates_are_ranked():
    space = optiformer.Space().add_float("x", 0.0, 1.0).add_float("y", 0.0, 1.0)

    def loss(row):
        return (row[0] - 0.7) ** 2 + (row[1] - 0.2) ** 2

    history = [[0.37 * index % 1.0, 0.73 * index % 1.0] for index in range(30)]
    candidates = [[0.61 * index % 1.0, 0.29 * index % 1.0] for index in range(200)]
    losses = [loss(row) for row in history]
    for sampler in ("auto", "gp", "tpe", "local_search"):
        order, ratings = optiformer.choose(space, candidates, history, losses, sampler=sampler, number=30)
        assert sorted(order) == list(range(200)) and len(ratings) == 200
        first = sum(loss(candidates[index]) for index in order[:10])
        assert first < 0.5 * sum(loss(candidates[index]) for index in order) / 20
        assert optiformer.choose(space, candidates, history, losses, sampler=sampler, number=30)[0] == order
    with pytest.raises(optiformer.Error, match="candidates, row 1: .*x"):
        optiformer.choose(space, [[0.5, 0.5], [2.0, 0.5]], history, losses)
    with pytest.raises(optiformer.Error, match="sobol.* cannot choose"):
        optiformer.choose(space, candidates, history, losses, sampler="sobol")
    with pytest.raises(optiformer.Error, match="candidates"):
        optiformer.choose(space, [], history, losses)


def test_errors_list_what_is_legal_and_stay_short():
    study = optiformer.Study({"kind": ["a", "b"], "place": list(range(1000))}, seed=0)
    with pytest.raises(ValueError, match="'kind' cannot be 'c'; it is one of 'a', 'b'$"):
        study.enqueue({"kind": "c", "place": 1})
    with pytest.raises(ValueError, match="one of 0, 1, .*, 19 and 980 more$"):
        study.enqueue({"kind": "a", "place": 1000})
    with pytest.raises(ValueError, match="no parameter 'kin'; it has kind, place$"):
        study.enqueue({"kin": "a"})

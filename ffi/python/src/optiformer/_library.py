"""The shared library's functions, as optiformer.h declares them."""

import array
import ctypes
import operator
import pathlib
import sys
import threading
from ctypes import POINTER, c_char, c_char_p, c_double, c_int, c_int32, c_int64, c_size_t, c_uint32, c_uint64, c_void_p

_NAMES = {"win32": "optiformer.dll", "cygwin": "optiformer.dll", "darwin": "liboptiformer.dylib"}


class Error(Exception):
    """A status other than OK.

    Attributes:
        status: The number that the C function returned.
        name: The status's name, such as "INVALID_SPACE".
        message: What it is about.
    """

    def __init__(self, status: int, name: str, message: str) -> None:
        super().__init__(status, name, message)
        self.status = status
        self.name = name
        self.message = message

    def __str__(self) -> str:
        return f"{self.name}: {self.message}"


class ErrorStruct(ctypes.Structure):
    _fields_ = [("struct_size", c_size_t), ("status", c_int32), ("message", c_char * 512)]


class ExplanationStruct(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("sampler", c_char * 32),
        ("origin", c_char * 32),
        ("median", c_double),
        ("deviation", c_double),
        ("improvement", c_double),
        ("feasibility", c_double),
    ]


class StudyOptions(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("direction", c_int32),
        ("sampler", c_char_p),
        ("model", c_void_p),
        ("seed", c_uint64),
        ("constraints", POINTER(c_char_p)),
        ("constraint_count", c_size_t),
        ("objectives", POINTER(c_char_p)),
        ("directions", POINTER(c_int32)),
        ("objective_count", c_size_t),
        ("pruner", c_char_p),
    ]


class SuggestOptions(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("sampler", c_char_p),
        ("model", c_void_p),
        ("seed", c_uint64),
        ("number", c_uint64),
        ("cache", c_void_p),
        ("objective_count", c_size_t),
        ("constraints", POINTER(c_double)),
        ("constraint_count", c_size_t),
    ]


_error = POINTER(ErrorStruct)
_doubles = POINTER(c_double)
_count = POINTER(c_size_t)
# Objectives, their number, constraints, their number.
_measured = [_doubles, c_size_t, _doubles, c_size_t]
_text = [c_char_p, c_size_t, POINTER(c_size_t), _error]
# Space, options, history, losses, their number, pending trials, their number.
_request = [c_void_p, POINTER(SuggestOptions), _doubles, _doubles, c_size_t, _doubles, c_size_t]

# Functions that return a status; the last argument is the error struct, which `call` adds.
_FALLIBLE = {
    "optiformer_model_open": [c_char_p, POINTER(c_void_p), _error],
    "optiformer_model_from_bytes": [c_char_p, c_size_t, POINTER(c_void_p), _error],
    "optiformer_model_builtin": [POINTER(c_void_p), _error],
    "optiformer_model_description": [c_void_p, *_text],
    "optiformer_space_new": [POINTER(c_void_p), _error],
    "optiformer_space_from_json": [c_char_p, POINTER(c_void_p), _error],
    "optiformer_space_add_float": [c_void_p, c_char_p, c_double, c_double, c_int, c_double, _error],
    "optiformer_space_add_int": [c_void_p, c_char_p, c_int64, c_int64, c_int, c_int64, _error],
    "optiformer_space_add_categorical": [c_void_p, c_char_p, POINTER(c_char_p), c_size_t, _error],
    "optiformer_space_set_condition": [c_void_p, c_char_p, c_char_p, _doubles, c_size_t, _error],
    "optiformer_space_set_fidelity": [c_void_p, c_char_p, _error],
    "optiformer_space_name": [c_void_p, c_size_t, *_text],
    "optiformer_space_to_json": [c_void_p, *_text],
    "optiformer_study_new": [c_void_p, POINTER(StudyOptions), POINTER(c_void_p), _error],
    "optiformer_study_ask": [c_void_p, POINTER(c_uint64), _doubles, c_size_t, _error],
    "optiformer_study_tell": [c_void_p, c_uint64, c_double, _error],
    "optiformer_study_tell_failed": [c_void_p, c_uint64, _error],
    "optiformer_study_tell_measured": [c_void_p, c_uint64, *_measured, _error],
    "optiformer_study_tell_pruned": [c_void_p, c_uint64, _error],
    "optiformer_study_report": [c_void_p, c_uint64, c_uint64, c_double, _error],
    "optiformer_study_should_stop": [c_void_p, c_uint64, POINTER(c_int32), _error],
    "optiformer_study_promoted_from": [c_void_p, c_uint64, POINTER(c_uint64), _error],
    "optiformer_study_add": [c_void_p, _doubles, c_size_t, c_double, POINTER(c_uint64), _error],
    "optiformer_study_add_measured": [c_void_p, _doubles, c_size_t, *_measured, POINTER(c_uint64), _error],
    "optiformer_study_enqueue": [c_void_p, _doubles, c_size_t, _error],
    "optiformer_study_best": [c_void_p, POINTER(c_uint64), _doubles, c_size_t, _doubles, _error],
    "optiformer_study_front": [c_void_p, POINTER(c_uint64), c_size_t, _count, _error],
    "optiformer_study_violation": [c_void_p, c_uint64, _doubles, _error],
    "optiformer_study_explain": [c_void_p, c_uint64, POINTER(ExplanationStruct), _error],
    "optiformer_study_counts": [c_void_p, POINTER(c_size_t), POINTER(c_size_t), POINTER(c_size_t), _error],
    "optiformer_study_state_count": [c_void_p, c_int32, _count, _error],
    "optiformer_study_trials": [
        c_void_p,
        POINTER(c_uint64),
        POINTER(c_int32),
        _doubles,
        _doubles,
        c_size_t,
        POINTER(c_size_t),
        _error,
    ],
    "optiformer_study_shape": [c_void_p, _count, _count, _count, _error],
    "optiformer_study_measurements": [c_void_p, _doubles, _doubles, c_size_t, _count, _error],
    "optiformer_study_reports": [c_void_p, c_uint64, POINTER(c_uint64), _doubles, c_size_t, _count, _error],
    "optiformer_study_abandon": [c_void_p, c_uint64, _error],
    "optiformer_study_offer_pending": [c_void_p, _error],
    "optiformer_study_space": [c_void_p, POINTER(c_void_p), _error],
    "optiformer_study_description": [c_void_p, *_text],
    "optiformer_study_open": [c_char_p, c_void_p, POINTER(StudyOptions), POINTER(c_void_p), _error],
    "optiformer_study_results": [c_void_p, *_text],
    "optiformer_study_save": [c_void_p, *_text],
    "optiformer_study_restore": [c_char_p, c_void_p, POINTER(c_void_p), _error],
    "optiformer_cache_new": [POINTER(c_void_p), _error],
    "optiformer_suggest": [*_request, _doubles, c_size_t, _error],
    "optiformer_choose": [*_request, _doubles, c_size_t, POINTER(c_size_t), _doubles, _error],
}

# Functions that cannot fail: result and arguments.
_INFALLIBLE = {
    "optiformer_version": (c_uint32, []),
    "optiformer_version_string": (c_char_p, []),
    "optiformer_status_name": (c_char_p, [c_int]),
    "optiformer_space_count": (c_size_t, [c_void_p]),
    "optiformer_model_free": (None, [c_void_p]),
    "optiformer_space_free": (None, [c_void_p]),
    "optiformer_study_free": (None, [c_void_p]),
    "optiformer_cache_free": (None, [c_void_p]),
}


def _load():
    path = pathlib.Path(__file__).with_name(_NAMES.get(sys.platform, "liboptiformer.so"))
    if not path.exists():
        raise ImportError(f"{path} is missing: install the package with pip, which builds it")
    loaded = ctypes.CDLL(str(path))
    for name, arguments in _FALLIBLE.items():
        getattr(loaded, name).restype, getattr(loaded, name).argtypes = c_int32, arguments
    for name, (result, arguments) in _INFALLIBLE.items():
        getattr(loaded, name).restype, getattr(loaded, name).argtypes = result, arguments
    return loaded


library = _load()


def call(name, *arguments):
    """Calls a function and raises what it says."""
    error = ErrorStruct(struct_size=ctypes.sizeof(ErrorStruct))
    status = getattr(library, name)(*arguments, ctypes.byref(error))
    if status != 0:
        status_name = library.optiformer_status_name(status).decode()
        raise Error(status, status_name, error.message.decode("utf-8", "replace"))


def text(name, *arguments):
    """Calls a function that writes a text: for its length, then for the text."""
    needed = c_size_t()
    call(name, *arguments, None, 0, ctypes.byref(needed))
    buffer = ctypes.create_string_buffer(needed.value)
    call(name, *arguments, buffer, needed.value, None)
    return buffer.value.decode()


def texts(what, values):
    """A C array of texts, and their number."""
    if isinstance(values, str):
        raise TypeError(f"{what} are a list of names, not the text {values!r}")
    encoded_values = [encoded(f"a name of {what}", value) for value in values]
    return (c_char_p * len(encoded_values))(*encoded_values), len(encoded_values)


def doubles(values):
    """A C array of doubles."""
    return (c_double * len(values))(*values)


def pointer(values):
    """Where an `array` of doubles has them. It must stay as it is while the pointer is used; a ctypes array would lock it for longer."""
    return ctypes.cast(values.buffer_info()[0], _doubles)


def is_array(value):
    """Whether a value is an array of NumPy's, which is not imported for that."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, numpy.ndarray)


def matrix(name, rows, width, of="parameters"):
    """Rows of doubles, one after the other in a C array, and their number; `of` says what a row has."""
    if is_array(rows):
        numpy = sys.modules["numpy"]
        if rows.ndim != 2 or rows.shape[1] != width:
            shape = "×".join(map(str, rows.shape))
            raise ValueError(f"{name}: an array of {shape} values for rows of {width} {of}")
        rows = numpy.ascontiguousarray(rows, dtype=numpy.float64)
        # The array lives as long as what points into it.
        start = rows.ctypes.data_as(_doubles)
        start.array = rows
        return start, len(rows)
    flat = array.array("d")
    for index, row in enumerate(rows):
        if len(row) != width:
            raise ValueError(f"{name}, row {index}: {len(row)} values for {width} {of}")
        flat.extend(row)
    start = pointer(flat)
    start.array = flat
    return start, len(rows)


def encoded(what, value):
    """A text for C, which ends at the first NUL."""
    if not isinstance(value, str):
        raise TypeError(f"{what} must be a str, not {type(value).__name__}")
    if "\0" in value:
        raise ValueError(f"{what} {value!r} has a NUL character")
    return value.encode()


def integer(what, value, low, high):
    """A whole number that C's type holds; ctypes would quietly wrap others around."""
    number = operator.index(value)
    if not low <= number <= high:
        raise ValueError(f"{what} {number} is not between {low} and {high}")
    return number


def unsigned(what, value):
    """A number for a uint64_t."""
    return integer(what, value, 0, 2**64 - 1)


def signed(what, value):
    """A number for an int64_t."""
    return integer(what, value, -(2**63), 2**63 - 1)


class Handle:
    """Owns what a function of the library handed out.

    `_lock` is held during every call that uses the handle exclusively, so that threads which share an object wait for each other.
    """

    _free = ""

    def __init__(self, function, *arguments):
        handle = c_void_p()
        call(function, *arguments, ctypes.byref(handle))
        self._handle = handle
        self._lock = threading.Lock()

    def close(self) -> None:
        """Frees it, and closes its file if it has one; what is called afterwards fails with "NULL_POINTER"."""
        with self._lock:
            self._release()

    def __enter__(self):
        return self

    def __exit__(self, *exception) -> None:
        self.close()

    def _release(self) -> None:
        # The handle is missing when making it failed; the library is gone when the interpreter
        # ends.
        handle, self._handle = getattr(self, "_handle", None), None
        if handle is not None and library is not None:
            getattr(library, self._free)(handle)

    def __del__(self):
        self._release()

    def __reduce__(self):
        # A copy would free the same handle once more.
        raise TypeError(f"a {type(self).__name__} cannot be copied or pickled")

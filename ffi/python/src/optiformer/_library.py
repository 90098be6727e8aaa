"""The shared library's functions, as optiformer.h declares them."""

import ctypes
import pathlib
import sys
from ctypes import POINTER, c_char, c_char_p, c_double, c_int, c_int32, c_int64, c_size_t, c_uint64, c_void_p

_NAMES = {"win32": "optiformer_ffi.dll", "darwin": "liboptiformer_ffi.dylib"}


class Error(Exception):
    """A status other than OK; `status` is its number, `name` its name."""

    def __init__(self, status, name, message):
        super().__init__(f"{name}: {message}")
        self.status = status
        self.name = name


class ErrorStruct(ctypes.Structure):
    _fields_ = [("struct_size", c_size_t), ("status", c_int32), ("message", c_char * 512)]


class StudyOptions(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("direction", c_int32),
        ("sampler", c_char_p),
        ("model", c_void_p),
        ("seed", c_uint64),
    ]


class SuggestOptions(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("sampler", c_char_p),
        ("model", c_void_p),
        ("seed", c_uint64),
        ("number", c_uint64),
    ]


_error = POINTER(ErrorStruct)
_doubles = POINTER(c_double)
_text = [c_char_p, c_size_t, POINTER(c_size_t), _error]

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
    "optiformer_space_to_json": [c_void_p, *_text],
    "optiformer_study_new": [c_void_p, POINTER(StudyOptions), POINTER(c_void_p), _error],
    "optiformer_study_ask": [c_void_p, POINTER(c_uint64), _doubles, c_size_t, _error],
    "optiformer_study_tell": [c_void_p, c_uint64, c_double, _error],
    "optiformer_study_tell_failed": [c_void_p, c_uint64, _error],
    "optiformer_study_add": [c_void_p, _doubles, c_size_t, c_double, POINTER(c_uint64), _error],
    "optiformer_study_enqueue": [c_void_p, _doubles, c_size_t, _error],
    "optiformer_study_best": [c_void_p, POINTER(c_uint64), _doubles, c_size_t, _doubles, _error],
    "optiformer_study_counts": [c_void_p, POINTER(c_size_t), POINTER(c_size_t), POINTER(c_size_t), _error],
    "optiformer_suggest": [
        c_void_p,
        POINTER(SuggestOptions),
        _doubles,
        _doubles,
        c_size_t,
        _doubles,
        c_size_t,
        _doubles,
        c_size_t,
        _error,
    ],
}

library = ctypes.CDLL(str(pathlib.Path(__file__).with_name(_NAMES.get(sys.platform, "liboptiformer_ffi.so"))))
for _name, _arguments in _FALLIBLE.items():
    getattr(library, _name).argtypes = _arguments
    getattr(library, _name).restype = c_int32
for _name in ["optiformer_model_free", "optiformer_space_free", "optiformer_study_free"]:
    getattr(library, _name).argtypes = [c_void_p]
    getattr(library, _name).restype = None
library.optiformer_space_count.argtypes = [c_void_p]
library.optiformer_space_count.restype = c_size_t
library.optiformer_version_string.argtypes = []
library.optiformer_version_string.restype = c_char_p
library.optiformer_status_name.argtypes = [c_int]
library.optiformer_status_name.restype = c_char_p


def call(name, *arguments):
    """Calls a function and raises what it says."""
    error = ErrorStruct(struct_size=ctypes.sizeof(ErrorStruct))
    status = getattr(library, name)(*arguments, ctypes.byref(error))
    if status != 0:
        status_name = library.optiformer_status_name(status).decode()
        raise Error(status, status_name, error.message.decode("utf-8", "replace"))


def text(name, handle):
    """Calls a function that writes a text: for its length, then for the text."""
    needed = c_size_t()
    call(name, handle, None, 0, ctypes.byref(needed))
    buffer = ctypes.create_string_buffer(needed.value)
    call(name, handle, buffer, needed.value, None)
    return buffer.value.decode()


def doubles(values):
    """A C array of doubles."""
    return (c_double * len(values))(*values)

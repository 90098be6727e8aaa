#!/usr/bin/env python3
"""Writes OptiFormer.jl/src/LibOptiFormer.jl, the declarations of include/optiformer.h in Julia.

    ffi/julia/generate.py            writes the file
    ffi/julia/generate.py --check    fails where the file is not what would be written
"""

import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
HEADER = HERE.parents[1] / "include" / "optiformer.h"
TARGET = HERE / "OptiFormer.jl" / "src" / "LibOptiFormer.jl"

PLAIN = {
    "char": "UInt8",
    "double": "Cdouble",
    "int": "Cint",
    "int32_t": "Int32",
    "int64_t": "Int64",
    "optiformer_status": "Int32",
    "size_t": "Csize_t",
    "uint32_t": "UInt32",
    "uint64_t": "UInt64",
    "uint8_t": "UInt8",
    "void": "Cvoid",
}

HEAD = '''# Made by ffi/julia/generate.py from include/optiformer.h, which documents everything here: do not
# edit.

"""
The functions of `optiformer.h`, as they are.
"""
module LibOptiFormer

import ..library

'''


def code(header):
    """The header without comments and preprocessor lines, and with one space between words."""
    header = re.sub(r"/\*.*?\*/", " ", header, flags=re.DOTALL)
    header = re.sub(r"\\\n", " ", header)
    kept = [line for line in header.splitlines() if not line.startswith("#")]
    return re.sub(r"\s+", " ", " ".join(kept)).replace('extern "C" {', "")


def constants(header):
    """Names and values of the numbers that the header defines."""
    return re.findall(r"^#define (OPTIFORMER_\w+) (\d+)\b", header, flags=re.MULTILINE)


def declarator(text):
    """The type, with its stars and without const, the name, and the length of an array."""
    match = re.fullmatch(r"\s*(.*?)(\w+)\s*(?:\[(\d+)\])?\s*", text)
    kind = re.sub(r"\bconst\b", "", match[1]).replace(" ", "")
    return kind, match[2], match[3]


def structs(header):
    """Names of the structs with their fields, which are (type, name, array length)."""
    found = re.findall(r"typedef struct (\w+) \{(.*?)\} \w+;", code(header))
    return {name: [declarator(field) for field in fields.split(";") if field.strip()] for name, fields in found}


def functions(header):
    """Names of the functions with result type and parameters, which are (type, name, None)."""
    found = {}
    without = re.sub(r"typedef [^;{]*;|typedef struct \w+ \{.*?\} \w+;", " ", code(header))
    for result, name, parameters in re.findall(r"([\w ]+[ *]+)(optiformer_\w+)\(([^)]*)\);", without):
        listed = [] if parameters.strip() == "void" else [declarator(part) for part in parameters.split(",")]
        found[name] = declarator(result + "result")[0], listed
    return found


def julia(kind, structures, texts=True):
    """A C type in Julia. A text that is passed in is a Cstring, one that is written to a pointer."""
    if kind == "char*" and texts:
        return "Cstring"
    if kind.endswith("*"):
        return f"Ptr{{{julia(kind[:-1], structures)}}}"
    if kind in PLAIN:
        return PLAIN[kind]
    # A handle: nothing is known of what it points to.
    return kind if kind in structures else "Cvoid"


def declaration(name, result, parameters, structures):
    """A function that calls the library's."""
    types = [julia(kind, structures, texts=parameter != "buffer") for kind, parameter, _ in parameters]
    listed = ", ".join(types) + ("," if len(types) == 1 else "")
    names = ", ".join(parameter for _, parameter, _ in parameters)
    arguments = f", {names}" if names else ""
    call = f"ccall((:{name}, library), {julia(result, structures)}, ({listed}){arguments})"
    return f"{name}({names}) =\n    {call}\n"


def structure(name, fields, structures):
    """A struct of the same layout."""
    lines = [f"struct {name}"]
    for kind, field, length in fields:
        element = julia(kind, structures, texts=length is None)
        lines.append(f"    {field}::{f'NTuple{{{length}, {element}}}' if length else element}")
    return "\n".join([*lines, "end\n"])


def generated(header):
    """The text of the Julia file."""
    structures = structs(header)
    parts = ["\n".join(f"const {name} = {value}" for name, value in constants(header)) + "\n"]
    parts += [structure(name, fields, structures) for name, fields in structures.items()]
    parts += [declaration(name, *rest, structures) for name, rest in functions(header).items()]
    return HEAD + "\n".join(parts) + "\nend\n"


def main(arguments):
    text = generated(HEADER.read_text(encoding="utf-8"))
    if arguments == ["--check"]:
        if TARGET.read_text(encoding="utf-8") != text:
            sys.exit(f"{TARGET} is not what the header says: run {__file__}")
    elif arguments:
        sys.exit(__doc__)
    else:
        TARGET.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])

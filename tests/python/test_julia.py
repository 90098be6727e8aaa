"""The Julia package, of which no Julia runs here: its syntax, and its declarations and calls against the header."""

import importlib.util
import pathlib
import re

import pytest
import tree_sitter
import tree_sitter_julia

ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "ffi" / "julia" / "OptiFormer.jl"
SOURCES = sorted(PACKAGE.rglob("*.jl"))
PARSER = tree_sitter.Parser(tree_sitter.Language(tree_sitter_julia.language()))

# How Julia writes the types of C; written once more, so that a wrong entry of the generator is
# seen.
SCALARS = {"double": "Cdouble", "int": "Cint", "size_t": "Csize_t", "int32_t": "Int32", "optiformer_status": "Int32"}
SCALARS |= {"int64_t": "Int64", "uint32_t": "UInt32", "uint64_t": "UInt64", "uint8_t": "UInt8", "void": "Cvoid"}


def parsed(path):
    return PARSER.parse(path.read_bytes()).root_node


def walk(node):
    yield node
    for child in node.children:
        yield from walk(child)


def text(node):
    return node.text.decode()


def arguments(call):
    """The positional arguments of a call."""
    (listed,) = [child for child in call.children if child.type == "argument_list"]
    return [child for child in listed.named_children if child.type not in ("comment", "keyword_argument")]


def calls(root):
    return [node for node in walk(root) if node.type == "call_expression"]


def plain_header():
    header = (ROOT / "include" / "optiformer.h").read_text(encoding="utf-8")
    return re.sub(r"/\*.*?\*/", " ", header, flags=re.DOTALL)


def julia_type(c_type, name, is_array=False):
    """What Julia must say for a parameter or field of C."""
    words = c_type.replace("const", " ").split()
    stars = c_type.count("*")
    base = words[0].rstrip("*")
    if base == "char":
        # A text that the caller passes is checked for NUL; one that the library writes is bytes.
        is_input = "const char" in c_type and stars > 0
        inner, stars = ("Cstring", stars - 1) if is_input else ("UInt8", stars)
    elif base in SCALARS:
        inner = SCALARS[base]
    elif base.endswith(("options", "error", "explanation")):
        inner = base
    else:
        inner = "Cvoid"
    assert not (is_array and stars), name
    return "Ptr{" * stars + inner + "}" * stars


def declared():
    """The functions of the header: result, names and types of the parameters."""
    functions = {}
    for match in re.finditer(r"^([a-z]\w*(?: \w+)*[ *]+)(optiformer_\w+)\(([^)]*)\);", plain_header(), flags=re.MULTILINE):
        result, name, listed = match.groups()
        parameters = [] if listed.strip() == "void" else [" ".join(part.split()) for part in listed.split(",")]
        names = [re.search(r"\w+$", parameter)[0] for parameter in parameters]
        types = [julia_type(parameter[: -len(own)], own) for parameter, own in zip(parameters, names)]
        functions[name] = julia_type(result, "result"), names, types
    return functions


def test_every_source_parses():
    assert len(SOURCES) >= 9
    for path in SOURCES:
        wrong = [node for node in walk(parsed(path)) if node.type == "ERROR" or node.is_missing]
        assert not wrong, [(path.name, node.start_point, text(node)[:80]) for node in wrong]


@pytest.mark.parametrize("page", ["docs/julia.md", "ffi/julia/OptiFormer.jl/src/optimize.jl"])
def test_examples_parse_and_use_what_is_exported(page):
    examples = re.findall(r"^```julia\n(.*?)^```", (ROOT / page).read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    assert examples
    exported = re.findall(r"^export (.*)$", (PACKAGE / "src" / "OptiFormer.jl").read_text(encoding="utf-8"), flags=re.MULTILINE)
    known = {name.strip() for line in exported for name in line.split(",")} | {"abs", "log10", "println"}
    for example in examples:
        root = PARSER.parse(example.encode()).root_node
        assert not root.has_error, example
        called = {text(call.children[0]) for call in calls(root)}
        assert called <= known, called - known


def test_a_broken_source_does_not_parse():
    # Otherwise the test above could not fail.
    root = PARSER.parse(b"function f(x)\n    g(x\nend\n").root_node
    assert root.has_error


def test_the_declarations_are_generated():
    path = ROOT / "ffi" / "julia" / "generate.py"
    specification = importlib.util.spec_from_file_location("generate", path)
    generate = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(generate)
    header = generate.HEADER.read_text(encoding="utf-8")
    assert generate.TARGET.read_text(encoding="utf-8") == generate.generated(header), f"run {path}"


def test_every_ccall_has_the_types_order_and_names_of_the_header():
    found = {}
    for call in calls(parsed(PACKAGE / "src" / "LibOptiFormer.jl")):
        if text(call.children[0]) != "ccall":
            continue
        place, result, types, *names = arguments(call)
        symbol = re.fullmatch(r"\(:(\w+), library\)", text(place))[1]
        listed = [text(child) for child in types.named_children]
        found[symbol] = text(result), [text(name) for name in names], listed
    assert found == declared()
    assert len(found) > 25


def test_structs_have_the_fields_of_the_header():
    wanted = {}
    for match in re.finditer(r"typedef struct (\w+) \{(.*?)\}", plain_header(), flags=re.DOTALL):
        fields = []
        for field in filter(str.strip, match[2].split(";")):
            kind, name, length = re.fullmatch(r"\s*(.*?)(\w+)(?:\[(\d+)\])?\s*", field, flags=re.DOTALL).groups()
            element = julia_type(kind, name, is_array=length is not None)
            fields.append((name, f"NTuple{{{length}, {element}}}" if length else element))
        wanted[match[1]] = fields
    found = {}
    for node in walk(parsed(PACKAGE / "src" / "LibOptiFormer.jl")):
        if node.type == "struct_definition":
            fields = [text(child).split("::") for child in node.named_children if child.type == "typed_expression"]
            name = re.match(r"struct (\w+)", text(node))[1]
            found[name] = [tuple(field) for field in fields]
    assert found == wanted


@pytest.mark.parametrize("path", [path for path in SOURCES if path.name != "LibOptiFormer.jl"], ids=lambda path: path.name)
def test_calls_of_the_library_have_as_many_arguments_as_it_takes(path):
    structs = {name: len(fields) for name, fields in struct_sizes().items()}
    functions = {name: len(names) for name, (_, names, _) in declared().items()}
    for call in calls(parsed(path)):
        match = re.fullmatch(r"LibOptiFormer\.(\w+)", text(call.children[0]))
        if match:
            wanted = {**functions, **structs}.get(match[1])
            assert wanted is not None, f"{path.name}: the header has no {match[1]}"
            assert len(arguments(call)) == wanted, f"{path.name}: {text(call)}"


def struct_sizes():
    found = re.finditer(r"typedef struct (\w+) \{(.*?)\}", plain_header(), flags=re.DOTALL)
    return {match[1]: [field for field in match[2].split(";") if field.strip()] for match in found}


def test_the_package_calls_every_function_that_a_study_needs():
    sources = "".join(path.read_text(encoding="utf-8") for path in SOURCES if path.name != "LibOptiFormer.jl")
    for name in declared():
        if name.startswith(("optiformer_study_", "optiformer_model_free", "optiformer_space_add", "optiformer_choose")):
            assert f"LibOptiFormer.{name}" in sources, f"nothing calls {name}"


def test_exported_names_are_defined_and_documented():
    source = "".join(path.read_text(encoding="utf-8") for path in SOURCES if path.parent.name == "src")
    exported = re.findall(r"^export (.*)$", source, flags=re.MULTILINE)
    names = [name.strip() for line in exported for name in line.split(",")]
    assert len(names) > 15
    for name in names:
        definition = rf'"""?\n(?:mutable )?(?:struct|function) {re.escape(name)}\b|"\n(?:mutable )?struct {re.escape(name)}\b'
        signature = rf"^    {re.escape(name)}\("
        assert re.search(definition, source) or re.search(signature, source, flags=re.MULTILINE), f"{name} has no docs"

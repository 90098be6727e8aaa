"""The wheels and the source distribution that build_wheels.py leaves in the folder of OPTIFORMER_DIST."""

import importlib.util
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import zipfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DIST = os.environ.get("OPTIFORMER_DIST")
pytestmark = pytest.mark.skipif(DIST is None, reason="OPTIFORMER_DIST names no folder with wheels: tests/run.sh wheels makes one")

PROGRAM = """
import optiformer, sys
assert "numpy" not in sys.modules
result = optiformer.minimize(lambda x: (x["x"] - 1) ** 2 + x["n"], {"x": (-5.0, 5.0), "n": (0, 9)}, 25)
assert result.fun < 1, result
suggested = optiformer.suggest(optiformer.Space({"x": (0.0, 1.0)}), [[0.5]], [1.0], sampler="optiformer", number=1)
print(optiformer.__version__, suggested)
"""


def build_wheels():
    path = ROOT / "ffi" / "python" / "build_wheels.py"
    spec = importlib.util.spec_from_file_location("build_wheels", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def wheel(platform):
    found = list(pathlib.Path(DIST).glob(f"*-{platform}.whl"))
    assert len(found) == 1, found
    return found[0]


def library(platform, folder):
    with zipfile.ZipFile(wheel(platform)) as archive:
        return archive.extract("optiformer/liboptiformer.so", folder)


def output(*command, **options):
    return subprocess.run(list(map(str, command)), check=True, stdout=subprocess.PIPE, text=True, **options).stdout


def installed(archive, folder):
    """The Python of an empty environment into which one package was installed."""
    output(sys.executable, "-m", "venv", folder)
    python = folder / "bin" / "python"
    output(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", archive)
    return python


@pytest.mark.parametrize("platform", build_wheels().TARGETS)
def test_a_wheel_needs_what_its_tag_promises(platform):
    assert build_wheels().problems(wheel(platform)) == []
    with zipfile.ZipFile(wheel(platform)) as archive:
        names = archive.namelist()
        metadata = next(archive.read(name).decode() for name in names if name.endswith("METADATA"))
    assert "optiformer/py.typed" in names
    assert not [line for line in metadata.splitlines() if line.startswith("Requires-Dist") and "extra ==" not in line]


@pytest.mark.parametrize(
    "platform, claimed, problem",
    [
        ("manylinux_2_17_x86_64", "manylinux_2_17_aarch64", "ELF machine 62"),
        ("manylinux_2_17_x86_64", "manylinux_2_5_x86_64", "needs GLIBC_2."),
        ("manylinux_2_17_x86_64", "musllinux_1_2_x86_64", "needs GLIBC_2."),
    ],
)
def test_a_wheel_with_a_wrong_tag_is_noticed(tmp_path, platform, claimed, problem):
    original = wheel(platform)
    renamed = tmp_path / original.name.replace(platform, claimed)
    shutil.copy(original, renamed)
    assert problem in "\n".join(build_wheels().problems(renamed))


def test_the_wheel_for_this_processor_works_in_an_empty_environment(tmp_path):
    python = installed(wheel(f"manylinux_2_17_{os.uname().machine}"), tmp_path / "venv")
    assert output(python, "-c", PROGRAM, cwd=tmp_path)


def test_the_source_distribution_builds_by_itself(tmp_path):
    (archive,) = pathlib.Path(DIST).glob("*.tar.gz")
    with tarfile.open(archive) as sources:
        names = [name.partition("/")[2] for name in sources.getnames()]
    assert {"rust/Cargo.toml", "rust/Cargo.lock", "rust/runtime/src/lib.rs", "rust/ffi/src/lib.rs"} <= set(names)
    python = installed(archive, tmp_path / "venv")
    assert output(python, "-c", PROGRAM, cwd=tmp_path)


COMPILERS = {
    "manylinux_2_17_x86_64": (["cc"], []),
    "musllinux_1_2_x86_64": (["musl-gcc"], []),
    "manylinux_2_17_aarch64": (["aarch64-linux-gnu-gcc"], ["qemu-aarch64", "-L", "/usr/aarch64-linux-gnu"]),
}


@pytest.mark.parametrize("platform", COMPILERS)
def test_another_machines_loader_takes_the_library(tmp_path, platform):
    """Without a Python for that machine, a C program does what ctypes does."""
    compiler, runner = COMPILERS[platform]
    for tool in [compiler[0], *runner[:1]]:
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed (.ci/run installs system packages)")
    program = tmp_path / "load"
    output(*compiler, "-std=c99", ROOT / "tests" / "c" / "load.c", "-o", program, "-ldl")
    assert 0 <= float(output(*runner, program, library(platform, tmp_path))) <= 1

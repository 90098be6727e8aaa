"""Builds the shared library with cargo and puts it into the package."""

import json
import pathlib
import shutil
import subprocess
import sys

from setuptools import Distribution, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py

HERE = pathlib.Path(__file__).resolve().parent
CRATE = HERE.parent
NAMES = {"win32": "optiformer_ffi.dll", "cygwin": "optiformer_ffi.dll", "darwin": "liboptiformer_ffi.dylib"}
LIBRARY = NAMES.get(sys.platform, "liboptiformer_ffi.so")


def cargo(*arguments):
    """What cargo prints on standard output."""
    if shutil.which("cargo") is None:
        sys.exit("optiformer is built with cargo, which is not on the PATH: see https://rustup.rs")
    command = ["cargo", *arguments, "--manifest-path", str(CRATE / "Cargo.toml")]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, encoding="utf-8")
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} failed with status {done.returncode}; its messages are above")
    return done.stdout


def built_library():
    """The path of the shared library, after building it. Where cargo puts it depends on its settings, so it is asked."""
    messages = cargo("build", "--release", "--lib", "--message-format=json-render-diagnostics")
    for line in messages.splitlines():
        for name in json.loads(line).get("filenames", []):
            if pathlib.Path(name).name == LIBRARY:
                return name
    sys.exit(f"cargo built no {LIBRARY}")


class BuildWithCargo(build_py):
    """Copies the modules, and the library beside them."""

    def run(self):
        package = HERE / "src" / "optiformer" if self.editable_mode else pathlib.Path(self.build_lib) / "optiformer"
        if not self.editable_mode:
            # What an earlier build left must not travel along.
            shutil.rmtree(package, ignore_errors=True)
        super().run()
        package.mkdir(parents=True, exist_ok=True)
        shutil.copy2(built_library(), package / LIBRARY)


class PlatformWheel(bdist_wheel):
    """A wheel for this platform and any Python 3: the library knows nothing of Python's own interface."""

    def get_tag(self):
        return "py3", "none", super().get_tag()[2]


class BinaryDistribution(Distribution):
    """Makes the wheel one for this platform."""

    def has_ext_modules(self):
        return True


metadata = json.loads(cargo("metadata", "--no-deps", "--format-version", "1"))
setup(
    version=next(package["version"] for package in metadata["packages"] if package["name"] == "optiformer-ffi"),
    cmdclass={"build_py": BuildWithCargo, "bdist_wheel": PlatformWheel},
    distclass=BinaryDistribution,
    # Not into the source tree.
    options={"build": {"build_base": str(pathlib.Path(metadata["target_directory"]) / "python")}},
)

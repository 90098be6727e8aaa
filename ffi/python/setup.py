"""Builds the shared library with cargo and puts it into the package."""

import json
import pathlib
import shutil
import subprocess
import sys

from setuptools import Distribution, setup
from setuptools.command.build_py import build_py

HERE = pathlib.Path(__file__).resolve().parent
CRATE = HERE.parent
NAMES = {"win32": "optiformer_ffi.dll", "darwin": "liboptiformer_ffi.dylib"}
LIBRARY = NAMES.get(sys.platform, "liboptiformer_ffi.so")


def cargo(*arguments):
    if shutil.which("cargo") is None:
        sys.exit("optiformer is built with cargo, which is not on the PATH: see https://rustup.rs")
    command = ["cargo", *arguments, "--manifest-path", str(CRATE / "Cargo.toml")]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def metadata():
    return json.loads(cargo("metadata", "--no-deps", "--format-version", "1"))


class BuildWithCargo(build_py):
    def run(self):
        super().run()
        cargo("build", "--release", "-p", "optiformer-ffi")
        source = pathlib.Path(metadata()["target_directory"]) / "release" / LIBRARY
        target = pathlib.Path(self.build_lib) / "optiformer"
        target.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target / LIBRARY)


class BinaryDistribution(Distribution):
    def has_ext_modules(self):
        return True


def version():
    return next(p["version"] for p in metadata()["packages"] if p["name"] == "optiformer-ffi")


setup(version=version(), cmdclass={"build_py": BuildWithCargo}, distclass=BinaryDistribution)

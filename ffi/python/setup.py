"""Builds the shared library with cargo and puts it into the package.

Two environment variables, which build_wheels.py sets, replace the build: `OPTIFORMER_LIBRARY` is a shared library that is
there already, `OPTIFORMER_PLATFORM` the wheel's platform tag, such as `manylinux_2_17_x86_64`.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

from setuptools import Distribution, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

HERE = pathlib.Path(__file__).resolve().parent
# A source distribution brings the Rust sources along; in a clone of the repository they lie around
# the package.
RUST = HERE / "rust" if (HERE / "rust").is_dir() else HERE.parent.parent
# What the library is built from besides the crate in ffi, which has the languages' folders beside
# it.
SOURCES = ["runtime", "include", "Cargo.lock", "README.md", "LICENSE-MIT", "LICENSE-APACHE"]
# What the package calls the library, whatever cargo calls it.
NAMES = {"win32": "optiformer.dll", "cygwin": "optiformer.dll", "darwin": "liboptiformer.dylib"}
LIBRARY = NAMES.get(sys.platform, "liboptiformer.so")


def version():
    """The workspace's version, which is that of every package in it."""
    return re.search(r'^version = "(.+?)"', (RUST / "Cargo.toml").read_text(encoding="utf-8"), re.M).group(1)


def built_library():
    """The path of the shared library, after building it. Where cargo puts it depends on its settings, so it is asked."""
    if shutil.which("cargo") is None:
        sys.exit("optiformer is built with cargo, which is not on the PATH: see https://rustup.rs")
    command = ["cargo", "build", "--release", "--lib", "--message-format=json-render-diagnostics"]
    command += ["--manifest-path", str(RUST / "ffi" / "Cargo.toml")]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, encoding="utf-8")
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} failed with status {done.returncode}; its messages are above")
    for line in done.stdout.splitlines():
        message = json.loads(line)
        if "cdylib" in message.get("target", {}).get("crate_types", []):
            for name in message.get("filenames", []):
                if pathlib.Path(name).suffix in (".so", ".dylib", ".dll"):
                    return name
    sys.exit("cargo built no shared library")


class BuildWithCargo(build_py):
    """Copies the modules, and the library beside them."""

    def run(self):
        package = HERE / "src" / "optiformer" if self.editable_mode else pathlib.Path(self.build_lib) / "optiformer"
        if not self.editable_mode:
            # What an earlier build left must not travel along.
            shutil.rmtree(package, ignore_errors=True)
        super().run()
        package.mkdir(parents=True, exist_ok=True)
        shutil.copy2(os.environ.get("OPTIFORMER_LIBRARY") or built_library(), package / LIBRARY)


class SourcesWithRust(sdist):
    """A source distribution that builds by itself: with the Rust sources, as a workspace of the two crates it needs."""

    def make_release_tree(self, base_dir, files):
        super().make_release_tree(base_dir, files)
        rust = pathlib.Path(base_dir) / "rust"
        crate = [f"ffi/{path.name}" for path in (RUST / "ffi").iterdir() if path.is_file() or path.name == "src"]
        for name in SOURCES + crate:
            source, copy = RUST / name, rust / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, copy, ignore=shutil.ignore_patterns("target", "*.proptest-regressions"))
            else:
                shutil.copy2(source, copy)
        workspace = (RUST / "Cargo.toml").read_text(encoding="utf-8")
        workspace = re.sub(r"^members = .*$", 'members = ["runtime", "ffi"]', workspace, flags=re.M)
        workspace = re.sub(r"^(exclude|default-members) = .*\n", "", workspace, flags=re.M)
        (rust / "Cargo.toml").write_text(workspace, encoding="utf-8")


class PlatformWheel(bdist_wheel):
    """A wheel for one platform and any Python 3: the library knows nothing of Python's own interface."""

    def get_tag(self):
        return "py3", "none", os.environ.get("OPTIFORMER_PLATFORM") or super().get_tag()[2]


class BinaryDistribution(Distribution):
    """Makes the wheel one for this platform."""

    def has_ext_modules(self):
        return True


# Not into the source tree.
build_base = RUST / os.environ.get("CARGO_TARGET_DIR", "target") / "python"
setup(
    version=version(),
    cmdclass={"build_py": BuildWithCargo, "sdist": SourcesWithRust, "bdist_wheel": PlatformWheel},
    distclass=BinaryDistribution,
    options={"build": {"build_base": str(build_base)}},
)

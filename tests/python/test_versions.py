"""Every package of the repository has the version of the workspace."""

import json
import pathlib
import re
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[2]


def toml(path):
    return tomllib.loads((ROOT / path).read_text(encoding="utf-8"))


def test_all_packages_have_the_version_of_the_workspace():
    workspace = toml("Cargo.toml")["workspace"]
    version = workspace["package"]["version"]
    header = (ROOT / "include" / "optiformer.h").read_text(encoding="utf-8")
    parts = (re.search(rf"#define OPTIFORMER_VERSION_{part} (\d+)", header)[1] for part in ("MAJOR", "MINOR", "PATCH"))
    package, lock = (json.loads((ROOT / "ffi/js" / name).read_text(encoding="utf-8")) for name in ("package.json", "package-lock.json"))
    versions = {
        "include/optiformer.h": ".".join(parts),
        "ffi/js/package.json": package["version"],
        "ffi/js/package-lock.json": lock["version"],
        "ffi/julia/OptiFormer.jl/Project.toml": toml("ffi/julia/OptiFormer.jl/Project.toml")["version"],
        "Cargo.toml: optiformer": workspace["dependencies"]["optiformer"]["version"],
    }
    assert versions == dict.fromkeys(versions, version)


def test_the_header_of_the_version_is_kept():
    version = toml("Cargo.toml")["workspace"]["package"]["version"]
    assert (ROOT / "tests" / "abi" / version / "optiformer.h").is_file()

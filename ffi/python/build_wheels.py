"""Builds the source distribution and the Linux wheels that install elsewhere, into `dist/`.

    pip install build cargo-zigbuild ziglang
    python ffi/python/build_wheels.py
    python ffi/python/build_wheels.py --platforms manylinux_2_17_x86_64 --out /tmp/dist

The wheels are `manylinux_2_17` (glibc of 2012 and later) and `musllinux_1_2` (Alpine) for x86-64 and AArch64. Each is linked
by zig, which knows which symbols that glibc has, and from one source tree on one machine: no container is needed. Every wheel is
checked before it is kept: the glibc symbols that its library asks for, the libraries that it links, and the processor.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent

# The wheel's platform tag and the target that cargo-zigbuild knows.
TARGETS = {
    "manylinux_2_17_x86_64": "x86_64-unknown-linux-gnu.2.17",
    "manylinux_2_17_aarch64": "aarch64-unknown-linux-gnu.2.17",
    "musllinux_1_2_x86_64": "x86_64-unknown-linux-musl",
    "musllinux_1_2_aarch64": "aarch64-unknown-linux-musl",
}

# What a wheel may link (PEP 600 allows more; the library needs no more), and the processors'
# numbers in ELF.
ALLOWED = re.compile(r"(libc|libm|libdl|libpthread|librt|ld-linux-x86-64|ld-linux-aarch64)\.so(\.\d+)?|libgcc_s\.so\.1")
MACHINES = {"x86_64": 62, "aarch64": 183}


def shared_library(target, arguments):
    """The path of the shared library for a target, after building it."""
    environment = dict(os.environ)
    if "musl" in target:
        # A shared library must not bring a C library of its own.
        environment["RUSTFLAGS"] = environment.get("RUSTFLAGS", "") + " -C target-feature=-crt-static"
    command = ["cargo", "zigbuild", "--release", "--lib", "-p", "optiformer-ffi", "--target", target]
    command += ["--message-format=json-render-diagnostics", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    for line in done.stdout.splitlines():
        message = json.loads(line) if line.startswith("{") else {}
        if "cdylib" in message.get("target", {}).get("crate_types", []):
            for name in message.get("filenames", []):
                if name.endswith(".so"):
                    return pathlib.Path(name)
    sys.exit(f"cargo built no shared library for {target}")


def text(data, offset):
    """The text at an offset, which ends at the first NUL."""
    return data[offset : data.index(b"\0", offset)].decode()


def sections(data):
    """The sections of a 64-bit little-endian ELF file by name: (offset, size, linked section's offset)."""
    table = struct.unpack_from("<Q", data, 40)[0]
    entry, count, names = struct.unpack_from("<HHH", data, 58)
    headers = [struct.unpack_from("<IIQQQQII", data, table + place * entry) for place in range(count)]
    return {
        text(data, headers[names][4] + header[0]): (header[4], header[5], headers[header[6]][4]) for header in headers
    }


def requirements(data):
    """The libraries that an ELF file links, and the versions of symbols that it asks of them."""
    found = sections(data)
    offset, size, strings = found[".dynamic"]
    entries = struct.iter_unpack("<qQ", data[offset : offset + size])
    libraries = [text(data, strings + value) for tag, value in entries if tag == 1]
    versions = set()
    if ".gnu.version_r" in found:
        offset, _, strings = found[".gnu.version_r"]
        while True:
            _, count, _, first, following = struct.unpack_from("<HHIII", data, offset)
            need = offset + first
            for _ in range(count):
                _, _, _, name, step = struct.unpack_from("<IHHII", data, need)
                versions.add(text(data, strings + name))
                need += step
            if not following:
                break
            offset += following
    return libraries, versions


def problems(wheel):
    """What keeps a wheel from working on every machine that its tag promises."""
    tag = wheel.stem.split("-")[-1]
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.endswith(".so")]
        if len(names) != 1:
            return [f"{len(names)} shared libraries instead of one"]
        data = archive.read(names[0])
    found = []
    if data[:6] != b"\x7fELF\x02\x01":
        return ["the library is no 64-bit little-endian ELF file"]
    machine = struct.unpack_from("<H", data, 18)[0]
    if machine != next(number for name, number in MACHINES.items() if tag.endswith(name)):
        found.append(f"the library is for ELF machine {machine}")
    libraries, versions = requirements(data)
    found += [f"links {library}" for library in libraries if not ALLOWED.fullmatch(library)]
    if tag.startswith("musllinux"):
        found += [f"needs {version}" for version in sorted(versions)]
        # Alpine has it only where a compiler is installed.
        found += [f"links {library}" for library in libraries if library.startswith("libgcc_s")]
    else:
        limit = tuple(map(int, tag.split("_")[1:3]))
        for version in sorted(versions):
            match = re.fullmatch(r"GLIBC_(\d+(?:\.\d+)+)", version)
            if match and tuple(map(int, match.group(1).split("."))) > limit:
                found.append(f"needs {version}")
    return found


def wheel(platform, library, out):
    """Builds the wheel around a library; the path."""
    environment = {**os.environ, "OPTIFORMER_LIBRARY": str(library), "OPTIFORMER_PLATFORM": platform}
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(out), str(HERE)]
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    return next(out.glob(f"*{platform}.whl"))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--platforms", default=",".join(TARGETS), help="wheels to build, by their tags; none if empty")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "dist")
    parser.add_argument("--no-sdist", action="store_true", help="leave out the source distribution")
    parser.add_argument("cargo", nargs="*", help="arguments for cargo, behind --")
    arguments = parser.parse_args()
    platforms = [platform for platform in arguments.platforms.split(",") if platform]
    unknown = sorted(set(platforms) - set(TARGETS))
    if unknown:
        parser.error(f"no platform {', '.join(unknown)}; there are {', '.join(TARGETS)}")
    if platforms and shutil.which("cargo-zigbuild") is None:
        parser.error("cargo-zigbuild is not on the PATH: pip install cargo-zigbuild ziglang")
    arguments.out.mkdir(parents=True, exist_ok=True)
    if not arguments.no_sdist:
        command = [sys.executable, "-m", "build", "--sdist", "--outdir", str(arguments.out), str(HERE)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    failed = False
    for platform in platforms:
        built = wheel(platform, shared_library(TARGETS[platform], arguments.cargo), arguments.out)
        found = problems(built)
        failed |= bool(found)
        print(f"{built.name}: {built.stat().st_size / 2**20:.1f} MB", *found, sep="\n  ", flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()

#!/usr/bin/env bash
# Prepares what the tests need beyond Rust and a C compiler: the virtual environment .venv with the
# packages of tests/requirements.txt, and the Rust targets that are built or tested for.
# Done once, a second run takes no time. The environment takes about 6 GB with torch's CUDA
# libraries; without an NVIDIA driver it has torch's build for CPUs, if PyTorch's index can be
# reached.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# An environment cannot make itself: the Python that makes .venv must come from outside it.
PATH=${PATH//"$PWD/.venv/bin:"/}

die() {
    printf 'tests/setup.sh: %s\n' "$*" >&2
    exit 1
}

for tool in cargo cc c++ make python3; do
    command -v "$tool" >/dev/null || die "$tool is not installed (.ci/run installs system packages)"
done
python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    die "Python 3.11 or later is needed, python3 is $(python3 --version 2>&1)"

pip_install() {
    .venv/bin/python -m pip install --disable-pip-version-check --progress-bar off "$@"
}

# The packages that the installed torch requires on this machine, one a line. A requirement of
# several extras is one line for each of them.
requirements_of_torch() {
    .venv/bin/python - <<'PYTHON'
from importlib.metadata import requires

from pip._vendor.packaging.requirements import Requirement

for line in requires("torch") or []:
    requirement = Requirement(line)
    if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
        for extra in sorted(requirement.extras) or [""]:
            name = f"{requirement.name}[{extra}]" if extra else requirement.name
            print(f"{name}{requirement.specifier}")
PYTHON
}

# The stamp names what was installed, and is written last: a broken run leaves none.
stamp=.venv/installed-requirements
wanted=$(sed 's/#.*//; /^[[:space:]]*$/d' tests/requirements.txt && python3 -c 'import sys; print(sys.version)')
if [[ ! -x .venv/bin/python || ! -f $stamp || $(<"$stamp") != "$wanted" ]] ||
    ! .venv/bin/python -c '' 2>/dev/null; then
    if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
        echo 'creating .venv'
        python3 -c 'import ensurepip, venv' 2>/dev/null ||
            die "python3 lacks venv (Debian: apt-get install python3-venv)"
        python3 -m venv --clear .venv
    fi
    rm -f "$stamp"
    torch=$(grep -m1 '^torch==' tests/requirements.txt) || die "tests/requirements.txt has no torch"
    if [[ $(uname -s) == Linux ]] && ! command -v nvidia-smi >/dev/null; then
        # The build for CPUs satisfies the requirement below.
        pip_install --quiet --retries 0 --timeout 10 --no-deps \
            --index-url https://download.pytorch.org/whl/cpu "$torch" 2>/dev/null ||
            echo "torch comes from PyPI, with CUDA: PyTorch's index cannot be reached"
    fi
    # pip keeps the archives of one call until the last is installed. One call for each of torch's
    # requirements, and one for the rest, need 2 GB less of the disk than one call for all.
    echo 'installing tests/requirements.txt into .venv'
    pip_install --no-deps "$torch"
    requirements_of_torch | while IFS= read -r requirement; do
        pip_install "$requirement" </dev/null
    done
    pip_install -r tests/requirements.txt
    printf '%s\n' "$wanted" >"$stamp"
fi

targets=(thumbv7em-none-eabihf wasm32-unknown-unknown aarch64-unknown-linux-gnu wasm32-wasip1)
# For the wheels.
targets+=(x86_64-unknown-linux-gnu x86_64-unknown-linux-musl aarch64-unknown-linux-musl)
if command -v rustup >/dev/null; then
    installed=$(rustup target list --installed)
    for target in "${targets[@]}"; do
        grep -qx "$target" <<<"$installed" || rustup target add "$target"
    done
else
    echo "rustup is not there: ${targets[*]} must come with the Rust installation"
fi

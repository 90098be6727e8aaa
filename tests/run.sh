#!/usr/bin/env bash
# The one test command: sets up what the tests need, then runs everything.
#
#   tests/run.sh                every step, stopping at the first that fails
#   tests/run.sh --fast         formatting, lints and tests of the runtime: minutes, no libtorch
#   tests/run.sh --keep-going   every step, whatever fails
#   tests/run.sh rust python    only these steps (and setup, if they need it), in the list's order
#   tests/run.sh --list         the steps
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD

# Name and meaning of every step; the function step_NAME does it.
steps=(
    "setup|virtual environment and Rust targets"
    "fmt|formatting"
    "clippy|lints of every target, with all features and with none"
    "docs|documentation builds without warnings; Markdown has one sentence or one paragraph a line"
    "rust|Rust, C and C++ tests of everything that needs no libtorch"
    "fuzz|fuzz targets with deterministic mutations, twenty seconds each"
    "kernels|kernels of other processors: NEON under qemu, WebAssembly under Node.js"
    "gpu|the forward pass on a graphics processor, or on a software one, against the CPU's"
    "trainer|trainer tests, with libtorch from the virtual environment"
    "no_std|runtime without an operating system: builds, and studies on an emulated microcontroller"
    "python|Python package: install and tests; declarations of the Julia package"
    "go|Go package: formatting, vet, tests with the race detector, the example of its page"
    "js|JavaScript package: build, types, tests, the example of its page"
    "pages|links between pages, the book, the demo page in a headless Chromium"
    "wheels|Python wheels for other machines, and the source distribution: build, checks and installation"
    "smoke|trainer smoke test, quick form"
    "example|the tool tunes the digits program with every sampler; a study of the routing cache"
)

step_setup() {
    tests/setup.sh
}

step_fmt() {
    cargo fmt --all --check
    tests/scripts/check_comments.sh
}

# One profile and one set of features for lints and tests, so that dependencies are built once each.
step_fast() {
    step_fmt
    cargo clippy -p optiformer --all-targets --features cli -- -D warnings
    cargo test -p optiformer --features cli
}

# Everything that includes torch-sys is built in one profile, because building it takes minutes.
step_clippy() {
    cargo clippy --profile quick --workspace --all-targets --all-features -- -D warnings
    cargo clippy --profile quick -p optiformer --no-default-features -- -D warnings
}

step_docs() {
    python tests/scripts/check_markdown.py
    RUSTDOCFLAGS="-D warnings" cargo doc --profile quick --workspace --all-features --no-deps
}

# The dev profile: optimized a little, with overflow checks and debug assertions.
step_rust() {
    OPTIFORMER_GPU_TESTS=skip cargo test --all-features
}

step_fuzz() {
    OPTIFORMER_FUZZ_SECONDS=20 cargo test -p optiformer-fuzz -- --nocapture
}

# Any adapter will do, Mesa's software adapter too; without one the step fails.
step_gpu() {
    OPTIFORMER_GPU_TESTS=required cargo test --all-features --lib gpu
    OPTIFORMER_GPU_TESTS=required cargo test --all-features --test gpu
}

# The same tests of every kernel as on this machine. The test prints which kernels ran, and fails if
# one of the target's is missing.
step_kernels() {
    local tool
    for tool in qemu-aarch64 aarch64-linux-gnu-gcc node; do
        command -v "$tool" >/dev/null || {
            echo "$tool is not installed (.ci/run installs system packages)"
            return 1
        }
    done
    CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc \
        CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="qemu-aarch64 -L /usr/aarch64-linux-gnu" \
        cargo test --profile quick -p optiformer --lib --target aarch64-unknown-linux-gnu \
        kernels -- --nocapture
    RUSTFLAGS="-C target-feature=+simd128" \
        CARGO_TARGET_WASM32_WASIP1_RUNNER="node --no-warnings $root/tests/scripts/run_wasi.mjs" \
        cargo test --profile quick -p optiformer --lib --no-default-features \
        --features classical --target wasm32-wasip1 kernels -- --nocapture
}

step_trainer() {
    cargo test --profile quick -p optiformer-trainer
}

step_no_std() {
    local target
    for target in thumbv7em-none-eabihf wasm32-unknown-unknown; do
        cargo build -p optiformer --lib --no-default-features --target "$target"
    done
    tests/scripts/check_firmware.sh
}

# pip builds the package again each time: it cannot see whether the Rust sources changed.
step_python() {
    install_python_package
    cargo build --profile quick -p optiformer --features cli
    OPTIFORMER_TOOL=$root/target/quick/optiformer python -m pytest -q ffi/python/tests tests/python
}

step_wheels() {
    python ffi/python/build_wheels.py --out "$scratch/dist"
    OPTIFORMER_DIST=$scratch/dist python -m pytest -q tests/python/test_wheels.py
}

# The static library of the Python package's profile, so that it is built once.
step_go() {
    local folder=$scratch/go-example unformatted
    ffi/go/build.sh
    cd ffi/go
    unformatted=$("$(go env GOROOT)/bin/gofmt" -l .)
    [[ -z $unformatted ]] || {
        printf 'gofmt would change %s\n' "$unformatted"
        return 1
    }
    go vet ./...
    go test -race ./...
    mkdir "$folder"
    example_of "$root/docs/go.md" go >"$folder/main.go"
    cd "$folder"
    go mod init example
    go mod edit -require github.com/optiformer/optiformer/ffi/go@v0.0.0 \
        -replace "github.com/optiformer/optiformer/ffi/go=$root/ffi/go"
    go run .
}

step_js() {
    local folder=$scratch/js-example
    ffi/js/build.sh
    (cd ffi/js && npm ci --silent --no-audit && npx tsc -p . && node --test test/*.test.js)
    # What a user installs is the package and not the folder.
    mkdir "$folder"
    (cd ffi/js && npm pack --silent --pack-destination "$folder")
    example_of "$root/docs/javascript.md" js >"$folder/example.mjs"
    cd "$folder"
    npm install --silent --no-audit --offline ./optiformer-*.tgz
    node example.mjs
}

step_pages() {
    command -v "${CHROMIUM:-chromium}" >/dev/null || {
        echo "chromium is not installed (.ci/run installs system packages)"
        return 1
    }
    ffi/js/build.sh
    docs/build_book.sh --output "$scratch/book"
    python tests/scripts/check_links.py "$scratch/book"
    OPTIFORMER_BOOK=$scratch/book node --test tests/pages/*.test.mjs
}

# The first block of code of language $2 in page $1.
example_of() {
    awk -v begin="\`\`\`$2" '$0 == begin { inside = 1; next } /^```/ { if (inside) exit } inside' "$1"
}

step_smoke() {
    install_python_package
    cargo run --profile quick -p optiformer-trainer -- smoke --quick
}

step_example() {
    local sampler study
    for sampler in random sobol tpe gp cma_es local_search optiformer auto; do
        study=$scratch/$sampler.jsonl
        runtime/examples/digits/tune.sh \
            --sampler "$sampler" --trials 6 --seed 1 --quiet --study "$study"
        [[ -s $study ]] || {
            echo "the tool left no study file at $study"
            return 1
        }
    done
    runtime/examples/routing_cache/study.sh --trials 6 --seeds 1 --samplers auto,random \
        --penalized gp --output "$scratch/routing-cache"
    [[ -s $scratch/routing-cache/validation_results.json ]] || {
        echo "the study of the routing cache left no validation"
        return 1
    }
}

install_python_package() {
    [[ -e $scratch/python-package ]] && return
    python -m pip install --disable-pip-version-check --quiet --force-reinstall --no-deps ./ffi/python
    touch "$scratch/python-package"
}

usage() {
    sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"
}

list() {
    local step
    for step in "${steps[@]}"; do printf '%-9s %s\n' "${step%%|*}" "${step#*|}"; done
}

is_step() {
    local step
    for step in "${steps[@]}"; do [[ ${step%%|*} == "$1" ]] && return; done
    return 1
}

# Whether step $1 was asked for; every step is when none was named.
is_wanted() {
    ((${#wanted[@]} == 0)) || [[ " ${wanted[*]} " == *" $1 "* ]]
}

duration() {
    printf '%d:%02d' $(($1 / 60)) $(($1 % 60))
}

keep_going=false
wanted=()
while (($#)); do
    case $1 in
        --keep-going) keep_going=true ;;
        --fast) steps=("fast|formatting, lints and tests of the runtime") ;;
        --list) list && exit ;;
        -h | --help) usage && exit ;;
        *)
            is_step "$1" || {
                printf 'tests/run.sh: no step %s; the steps are\n' "$1" >&2
                list >&2
                exit 2
            }
            wanted+=("$1")
            ;;
    esac
    shift
done

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# The trainer links the libtorch of the virtual environment that comes first on the path.
export VIRTUAL_ENV=$root/.venv PATH=$root/.venv/bin:$PATH LIBTORCH_USE_PYTORCH=1
unset PYTHONHOME

# What uses the virtual environment or the targets sets them up first.
for name in clippy docs trainer no_std python wheels go js pages smoke; do
    if ((${#wanted[@]})) && is_wanted "$name"; then wanted+=(setup); fi
done

chosen=()
for step in "${steps[@]}"; do
    if is_wanted "${step%%|*}"; then chosen+=("$step"); fi
done

passed=0 failed=0 number=0
summary=()
for step in "${chosen[@]}"; do
    name=${step%%|*} meaning=${step#*|}
    number=$((number + 1))
    if ((failed)) && ! $keep_going; then
        summary+=("$(printf 'not run  %-9s' "$name")")
        continue
    fi
    printf '\n=== %d/%d %s: %s\n' "$number" "${#chosen[@]}" "$name" "$meaning"
    started=$SECONDS
    # A shell of its own, outside any condition, so that `set -e` holds inside the step.
    set +e
    (set -e && "step_$name")
    status=$?
    set -e
    took=$(duration $((SECONDS - started)))
    if ((status == 0)); then
        result=passed passed=$((passed + 1))
    else
        result=FAILED failed=$((failed + 1))
    fi
    printf -- '--- %s: %s in %s min\n' "$name" "$result" "$took"
    summary+=("$(printf '%-8s %-9s %7s' "$result" "$name" "$took")")
done

printf '\n=== summary\n'
printf '%s\n' "${summary[@]}"
printf '%d passed, %d failed\n' "$passed" "$failed"
((failed == 0))

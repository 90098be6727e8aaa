#!/usr/bin/env bash
# Builds the tool and the program, and tunes the program with the tool.
#
#   runtime/examples/digits/tune.sh                          40 trials
#   runtime/examples/digits/tune.sh --sampler tpe --seed 3   another sampler, another seed
#
# Arguments go to `optiformer minimize`; --trials, --sampler, --space and --study have defaults.
# The study file is runs/digits-SAMPLER.jsonl in the repository (digits-SAMPLER-seedK.jsonl with
# --seed K). An existing study is continued: remove the file to begin again.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../../.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}

# The value of option $1 among the arguments after $2; $2 when it is not there.
value_of() {
    local name=$1 value=$2
    shift 2
    while (($#)); do
        case $1 in
            "$name") value=${2-} ;;
            "$name="*) value=${1#*=} ;;
        esac
        shift
    done
    printf '%s' "$value"
}

# Whether option $1 is among the arguments after it.
given() {
    local name=$1 argument
    shift
    for argument; do
        case $argument in "$name" | "$name="*) return 0 ;; esac
    done
    return 1
}

options=()
given --space "$@" || options+=(--space "$here/space.json")
given --trials "$@" || options+=(--trials 40)
given --sampler "$@" || options+=(--sampler auto)
if ! given --study "$@"; then
    study=digits-$(value_of --sampler auto "$@")
    if given --seed "$@"; then study+=-seed$(value_of --seed "" "$@"); fi
    mkdir -p "$root/runs"
    options+=(--study "$root/runs/$study.jsonl")
fi

quiet=()
if given --quiet "$@" || given --json "$@"; then quiet=(--quiet); fi
cargo build --manifest-path "$root/Cargo.toml" --release "${quiet[@]}" \
    -p optiformer --features cli --bin optiformer --example digits

# The tool puts values in place of {names}; the empty value of an inactive {momentum} is "not
# given".
exec "$target/release/optiformer" minimize "${options[@]}" "$@" -- \
    "$target/release/examples/digits" \
    --learning-rate "{learning_rate}" \
    --batch-size "{batch_size}" \
    --optimizer "{optimizer}" \
    --momentum "{momentum}" \
    --weight-decay "{weight_decay}" \
    --hidden-units "{hidden_units}" \
    --layers "{layers}" \
    --activation "{activation}" \
    --dropout "{dropout}"

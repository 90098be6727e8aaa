#!/usr/bin/env bash
# Builds the program and compares samplers on its thresholds; validates the best on held-out text.
#
#   runtime/examples/routing_cache/study.sh                          50 trials, three seeds
#   runtime/examples/routing_cache/study.sh --trials 6 --seeds 1     a quick look
#   runtime/examples/routing_cache/study.sh --samplers tpe,cma_es    other samplers
#
# Arguments go to `routing_cache study`. The results are in runs/routing_cache in the repository
# unless --output names another folder.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../../.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}

output=(--output "$root/runs/routing_cache")
for argument; do
    case $argument in --output | --output=*) output=() ;; esac
done

cargo build --manifest-path "$root/Cargo.toml" --release \
    -p optiformer --features cli --example routing_cache
exec "$target/release/examples/routing_cache" study "${output[@]}" "$@"

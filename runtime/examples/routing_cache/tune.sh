#!/usr/bin/env bash
# Tunes the thresholds with the tool, as any program is tuned, and validates on held-out text.
#
#   runtime/examples/routing_cache/tune.sh                   50 trials of the default sampler
#   runtime/examples/routing_cache/tune.sh --sampler gp      another sampler
#   runtime/examples/routing_cache/tune.sh --penalty         a penalty in place of the constraint
#
# Arguments go to `optiformer maximize`. The study file and the results are in runs/routing_tool in
# the repository. An existing study is continued: remove the folder to begin again.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../../.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
output=$root/runs/routing_tool
default='{"frequency_threshold": 50, "entropy_threshold": 0.5, "confidence_threshold": 0.8,
    "cache_size": 1000, "cache_ttl_seconds": 60, "context_window_size": 4}'

mkdir -p "$output"
cargo build --manifest-path "$root/Cargo.toml" --release \
    -p optiformer --features cli --bin optiformer --example routing_cache

program=("$target/release/examples/routing_cache" measure)
for name in frequency_threshold entropy_threshold confidence_threshold \
    cache_size cache_ttl_seconds context_window_size; do
    program+=("--${name//_/-}" "{$name}")
done

trials=(--trials 50)
for argument; do
    case $argument in --trials | --trials=*) trials=() ;; esac
done
"$target/release/optiformer" maximize --space "$here/space.json" "${trials[@]}" \
    --constraint quality_loss --enqueue "$default" --study "$output/study.jsonl" \
    --output "$output" "$@" -- "${program[@]}" --baseline "$output/validation.baseline"
"$target/release/optiformer" validate "$output/study.jsonl" --criteria "$here/criteria.txt" \
    --repeats 5 --output "$output" -- "${program[@]}" --part test --baseline "$output/test.baseline"

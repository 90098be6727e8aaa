#!/usr/bin/env bash
# Builds the WebAssembly module of the npm package: optiformer.wasm, with the weights inside.
#
#   ffi/js/build.sh              optimized for speed
#   ffi/js/build.sh --profile P  another profile
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
case ${1-} in
    -h | --help)
        sed -n '2,/^set/{/^#/s/^# \{0,1\}//p;}' "${BASH_SOURCE[0]}"
        exit
        ;;
esac
arguments=(--release)
(($#)) && arguments=("$@")

command -v cargo >/dev/null || {
    echo 'build.sh: cargo is not on the PATH: see https://rustup.rs' >&2
    exit 1
}
# Where cargo puts the module depends on its settings, so it is asked. Symbols would double the
# size.
module=$(RUSTFLAGS="-C target-feature=+simd128 -C strip=symbols" cargo build \
    --manifest-path "$here/wasm/Cargo.toml" --target wasm32-unknown-unknown "${arguments[@]}" \
    --message-format=json-render-diagnostics |
    grep -o '"[^"]*/optiformer\.wasm"' | tail -1 | tr -d '"')
[[ -e $module ]] || {
    echo 'build.sh: cargo built no WebAssembly module' >&2
    exit 1
}
cp "$module" "$here/src/optiformer.wasm"
printf 'optiformer.wasm: %d bytes, %d compressed\n' \
    "$(wc -c <"$here/src/optiformer.wasm")" "$(gzip -9c "$here/src/optiformer.wasm" | wc -c)"

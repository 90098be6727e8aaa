#!/usr/bin/env bash
# Builds the static library with cargo, and puts it and the header where the Go package looks for
# them.
#
#   ffi/go/build.sh              the release profile
#   ffi/go/build.sh --profile P  another one
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$here/../..
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
mkdir -p "$here/native"
# Where cargo puts the library depends on its settings, so it is asked.
library=$(cargo build --manifest-path "$root/ffi/Cargo.toml" "${arguments[@]}" --lib \
    --message-format=json-render-diagnostics |
    grep -o '"[^"]*/lib[^"/]*\.a"' | tail -1 | tr -d '"')
[[ -e $library ]] || {
    echo 'build.sh: cargo built no static library' >&2
    exit 1
}
cp "$library" "$here/native/liboptiformer.a"
cp "$root/include/optiformer.h" "$here/native/optiformer.h"
# Go looks for changes at the package's own files alone: without this header it would link and test
# with the library of before.
printf '// Checksum and size of native/liboptiformer.a: %s\n' "$(cksum <"$library")" \
    >"$here/library_digest.h"

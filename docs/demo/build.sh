#!/usr/bin/env bash
# Assembles a folder that any web server serves: the page, with the JavaScript package beside it.
#
#   docs/demo/build.sh --output DIR    builds the package's WebAssembly module if it is not there
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
package=$here/../../ffi/js

[[ ${1-} == --output && -n ${2-} && $# == 2 ]] || {
    sed -n '2,/^set/{/^#/s/^# \{0,1\}//p;}' "${BASH_SOURCE[0]}" >&2
    exit 2
}
output=$2

[[ -e $package/src/optiformer.wasm ]] || "$package/build.sh"
mkdir -p "$output/optiformer"
cp "$here"/*.html "$here"/*.css "$here"/*.js "$output"
cp "$package"/src/*.js "$package/src/optiformer.wasm" "$output/optiformer"

# What a visitor's browser fetches: as it is, and from a server that compresses.
total=0 compressed=0
while IFS= read -r file; do
    total=$((total + $(wc -c <"$file")))
    compressed=$((compressed + $(gzip -9c "$file" | wc -c)))
done < <(find "$output" -type f)
printf '%s: %d bytes, %d compressed\n' "$output" "$total" "$compressed"

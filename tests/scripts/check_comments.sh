#!/usr/bin/env bash
# Checks that no comment line is wider than 100 columns, in any language; rustfmt checks the code.
#
#   tests/scripts/check_comments.sh          every room
#   tests/scripts/check_comments.sh PATH…    these files and folders
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

rooms=(.ci docs ffi fuzz include runtime tests trainer Cargo.toml deny.toml)
(($#)) && rooms=("$@")

names=()
for ending in rs py go js mjs ts jl sh toml c h hpp cpp; do names+=(-o -name "*.$ending"); done
# Headers as they were released stay so, and native is built.
mapfile -d '' files < <(find "${rooms[@]}" \( -name target -o -name node_modules -o -path ffi/go/native -o -path tests/abi \) -prune -o \
    -type f \( -name run "${names[@]}" \) -print0)
((${#files[@]})) || {
    echo 'no sources found' >&2
    exit 1
}
# Characters, not bytes: a Greek letter is one column. What begins with # may be code: attributes
# and macros.
if LC_ALL=C.UTF-8 grep -nHE '^[[:space:]]*(//|/?\*[ *]|# )' -- "${files[@]}" |
    LC_ALL=C.UTF-8 grep -E '^[^:]*:[0-9]+:.{101,}$'; then
    echo 'these comments are wider than 100 columns'
    exit 1
fi

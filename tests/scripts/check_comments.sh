#!/usr/bin/env bash
# Checks that no comment line in Rust sources is wider than 100 columns; rustfmt checks the code.
#
#   tests/scripts/check_comments.sh          every room
#   tests/scripts/check_comments.sh PATH…    these files and folders
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

rooms=(ffi fuzz runtime tests trainer)
(($#)) && rooms=("$@")

mapfile -d '' files < <(find "${rooms[@]}" -name target -prune -o -name '*.rs' -print0)
((${#files[@]})) || {
    echo 'no Rust sources found' >&2
    exit 1
}
# Characters, not bytes: a Greek letter is one column.
if LC_ALL=C.UTF-8 grep -nHE '^ *//.{0,}$' -- "${files[@]}" |
    LC_ALL=C.UTF-8 grep -E '^[^:]*:[0-9]+:.{101,}$'; then
    echo 'these comments are wider than 100 columns'
    exit 1
fi

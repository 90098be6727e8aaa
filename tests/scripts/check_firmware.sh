#!/usr/bin/env bash
# Runs the studies of runtime/examples/firmware on an emulated Cortex-M4, and compares every
# suggestion and every result, bit by bit, with those of this machine. Prints what the programs
# take; docs/firmware.md has the table.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

for tool in qemu-system-arm size; do
    command -v "$tool" >/dev/null || {
        echo "$tool is not installed (.ci/run installs system packages)"
        exit 1
    }
done

board=thumbv7em-none-eabihf built=$PWD/target/firmware
build() {
    cargo build --quiet --locked --manifest-path runtime/examples/firmware/Cargo.toml \
        --target-dir "$built" "$@"
}
build --target "$board" --profile small --bin tune_tpe --bin tune_local_search
build --target "$board" --release --bin tune_transformer
build

# With `-icount shift=0` the board's clock advances by a nanosecond per instruction.
emulate() {
    timeout 300 qemu-system-arm -M mps2-an386 -nographic -monitor none -serial none \
        -semihosting-config enable=on,target=native -icount shift=0 -kernel "$1"
}

# Bytes of the sections $2 of program $1.
bytes() {
    size -A "$1" | awk -v wanted="$2" 'index(wanted, $1 " ") { sum += $2 } END { print sum }'
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0
# Program, profile, and the cost that its best trial has to stay below.
while read -r name profile limit; do
    program=$built/$board/$profile/$name
    emulate "$program" </dev/null >"$scratch/board" || {
        echo "$name: the board failed, with the last lines"
        tail -n 6 "$scratch/board"
        failed=1
        continue
    }
    "$built/debug/$name" >"$scratch/here"
    if ! diff <(grep -v '^#' "$scratch/board") "$scratch/here" >"$scratch/difference"; then
        echo "$name: the board differs from this machine:"
        head -n 6 "$scratch/difference"
        failed=1
    fi
    best=$(awk '/^best/ { print $4 + 0 }' "$scratch/here")
    awk -v best="${best:-1e9}" -v limit="$limit" 'BEGIN { exit !(best < limit) }' || {
        echo "$name: the best cost is ${best:-missing}, not below $limit"
        failed=1
    }
    grep -q '^# heap' "$scratch/board" || {
        echo "$name: the board reported no measurements"
        failed=1
    }
    printf '%s: flash %d bytes, static RAM %d, best cost %s\n' "$name" \
        "$(bytes "$program" '.vector_table .text .rodata .data ')" \
        "$(bytes "$program" '.data .bss ')" "$best"
    grep '^#' "$scratch/board"
done <<'EOF'
tune_transformer release 6.5
tune_tpe small 6.5
tune_local_search small 5.5
EOF
exit $failed

#!/usr/bin/env bash
# What only a nightly toolchain can check: data races, and undefined behavior in unsafe code.
#
#   tests/scripts/check_sanitizers.sh            both
#   tests/scripts/check_sanitizers.sh threads    ThreadSanitizer over threads that share handles
#   tests/scripts/check_sanitizers.sh miri       Miri over the portable kernels and the C interface
#
# The standard library is built with the sanitizer as well, so that its locks are understood.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

# Skips the check called $1 where the nightly toolchain lacks component $2.
has() {
    rustup component list --toolchain nightly --installed 2>/dev/null | grep -q "^$2" && return
    echo "skipped: $1 needs a nightly toolchain with $2:"
    echo "    rustup toolchain install nightly --component $2"
    return 1
}

check_threads() {
    has ThreadSanitizer rust-src || return 0
    local target
    target=$(rustc +nightly -vV | sed -n 's/^host: //p')
    RUSTFLAGS=-Zsanitizer=thread CARGO_TARGET_DIR=target/threads cargo +nightly test \
        -Zbuild-std --target "$target" -p optiformer-ffi --test threads
}

check_miri() {
    has Miri miri || return 0
    export CARGO_TARGET_DIR=target/miri MIRIFLAGS=-Zmiri-disable-isolation
    cargo +nightly miri test -p optiformer-ffi --lib
    # Miri runs no assembly, which libm has for square roots.
    cargo +nightly miri test -p optiformer --lib --features libm/force-soft-floats -- kernels::
}

checks=("$@")
((${#checks[@]})) || checks=(threads miri)
for check in "${checks[@]}"; do
    case $check in
        threads | miri) "check_$check" ;;
        *)
            echo "$0: no check $check; there are threads and miri" >&2
            exit 2
            ;;
    esac
done

#!/bin/sh
# Builds liboptiformer and installs it: the shared and the static library, the headers, a
# pkg-config file and a CMake package.
#
#   ffi/install.sh --prefix DIR     below DIR, which programs will look into
#     --libdir DIR                  below the prefix, for libraries: "lib" unless given
#     --destdir DIR                 a folder to install into that will become "/", for packages
#     --profile NAME                of cargo: "release" unless given
#     --target TRIPLE               for another machine, with the linker that cargo has for it
#     --offline                     cargo does not ask the registry
set -eu

usage() {
    sed -n '2,/^set/{/^#/s/^# \{0,1\}//p;}' "$0"
}

fail() {
    printf 'install.sh: %s\n' "$1" >&2
    exit 2
}

prefix='' libdir=lib destdir='' profile=release target='' offline=''
while [ $# -gt 0 ]; do
    case $1 in
        -h | --help) usage && exit ;;
        --offline) offline=--offline && shift && continue ;;
    esac
    [ $# -ge 2 ] || fail "$1 needs a value, or is not an option (--help lists them)"
    case $1 in
        --prefix) prefix=$2 ;;
        --libdir) libdir=$2 ;;
        --destdir) destdir=$2 ;;
        --profile) profile=$2 ;;
        --target) target=$2 ;;
        *) fail "there is no option $1 (--help lists them)" ;;
    esac
    shift 2
done
case $prefix in
    /*) ;;
    '') fail '--prefix is needed' ;;
    *) fail "--prefix must be an absolute path, not $prefix" ;;
esac
case $libdir in
    /* | *..* | '') fail "--libdir is a folder below the prefix, not \"$libdir\"" ;;
esac

# Where the caller stands may have a cargo configuration of its own: only this repository's counts.
cd "$(dirname "$0")/.."
cargo=${CARGO:-cargo}
set -- --profile "$profile"
[ -z "$target" ] || set -- "$@" --target "$target"
# shellcheck disable=SC2086
"$cargo" build --quiet --package optiformer-ffi $offline "$@"
version=$("$cargo" pkgid $offline --package optiformer-ffi)
version=${version##*[@#]}
major=${version%%.*}
built=$("$cargo" metadata $offline --no-deps --format-version 1 | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
case $profile in
    dev) built=$built${target:+/$target}/debug ;;
    *) built=$built${target:+/$target}/$profile ;;
esac

include=$destdir$prefix/include lib=$destdir$prefix/$libdir
mkdir -p "$include" "$lib/pkgconfig" "$lib/cmake/optiformer"
install -m 644 include/optiformer.h include/optiformer.hpp "$include"
install -m 644 "$built/liboptiformer_ffi.a" "$lib/liboptiformer.a"
case ${target:-$(uname -s)} in
    *apple* | Darwin)
        shared=liboptiformer.$version.dylib soname=liboptiformer.$major.dylib name=liboptiformer.dylib
        needs='m'
        install -m 755 "$built/liboptiformer_ffi.dylib" "$lib/$shared"
        ;;
    *)
        shared=liboptiformer.so.$version soname=liboptiformer.so.$major name=liboptiformer.so
        needs='pthread dl m'
        install -m 755 "$built/liboptiformer_ffi.so" "$lib/$shared"
        ;;
esac
ln -sf "$shared" "$lib/$soname"
ln -sf "$soname" "$lib/$name"

# The prefix as seen from the library folder, so that the whole can be moved.
up=$(printf '%s' "$libdir" | sed 's![^/][^/]*!..!g')
private=$(printf '%s' "$needs" | sed 's/\([^ ][^ ]*\)/-l\1/g')
fill() {
    sed -e "s!@VERSION@!$version!g" -e "s!@MAJOR@!$major!g" -e "s!@LIBDIR@!$libdir!g" -e "s!@UP@!$up!g" \
        -e "s!@SHARED@!$shared!g" -e "s!@SONAME@!$soname!g" -e "s!@PRIVATE@!$private!g" \
        -e "s!@NEEDS@!$(printf '%s' "$needs" | tr ' ' ';')!g" "ffi/install/$1.in" >"$2/$1"
    chmod 644 "$2/$1"
}
fill optiformer.pc "$lib/pkgconfig"
fill optiformerConfig.cmake "$lib/cmake/optiformer"
fill optiformerConfigVersion.cmake "$lib/cmake/optiformer"

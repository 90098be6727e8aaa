# Builds the shared library with cargo and puts it beside this file; Pkg.build("OptiFormer") runs
# it.
using Libdl

const ROOT = normpath(joinpath(@__DIR__, "..", "..", "..", ".."))

Sys.which("cargo") === nothing && error("OptiFormer is built with cargo, which is not on the PATH: see https://rustup.rs")
target = mktempdir()
run(`cargo build --release --lib --manifest-path $(joinpath(ROOT, "ffi", "Cargo.toml")) --target-dir $target`)
folder = joinpath(target, "release")
built = filter(name -> endswith(name, "." * Libdl.dlext) && occursin("optiformer", name), readdir(folder))
isempty(built) && error("cargo built no shared library in $folder")
cp(joinpath(folder, first(built)), joinpath(@__DIR__, "liboptiformer." * Libdl.dlext); force = true)

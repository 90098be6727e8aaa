"""
A black-box optimizer: it proposes the next configuration to try, given the results so far.

[`Space`](@ref) says what may be tried, [`ask!`](@ref) and [`tell!`](@ref) make a [`Study`](@ref) trial by trial,
[`optimize`](@ref) runs a whole one, and [`suggest`](@ref) serves callers that keep trials of their own. What the library
refuses is an [`OptiFormerError`](@ref).
"""
module OptiFormer

using Libdl

export Best, Counts, Explanation, Model, OptiFormerError, Ranking, Space, StoredTrial, Study, Trial
export add!, ask!, best, counts, enqueue!, explain, optimize, optimize!, suggest, tell!, tell_failed!
export abandon!, choose, front, offer_pending!, open_study, report!, restore, results, save, tell_pruned!, trials, violation
export promoted_from, should_stop

"The shared library: what the variable `OPTIFORMER_LIBRARY` named when the package was precompiled, or what `Pkg.build` made."
const library = get(ENV, "OPTIFORMER_LIBRARY", joinpath(@__DIR__, "..", "deps", "liboptiformer." * Libdl.dlext))

include("LibOptiFormer.jl")
include("errors.jl")
include("model.jl")
include("space.jl")
include("study.jl")
include("measured.jl")
include("stored.jl")
include("optimize.jl")
include("suggest.jl")

"The library's version."
version() = VersionNumber(unsafe_string(LibOptiFormer.optiformer_version_string()))

end

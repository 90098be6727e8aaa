"""
    optimize(objective, space; trials = 100, direction = :minimize, sampler = "auto", model = nothing, seed = 0)

Runs a study of a function and gives its best trial, or `nothing` when none has finished. The objective gets a named tuple, and
returns a number, or `nothing` for a failed trial. An exception that it throws ends the study.

```julia
using OptiFormer

space = Space(rate = (low = 1e-4, high = 1.0, log = true), units = 4:256)
found = optimize(x -> abs(log10(x.rate) + 2) + abs(x.units - 64) / 256, space; trials = 40)
println(found.value, " at ", found.values)
```
"""
function optimize(objective, space::Space; trials = 100, options...)
    return optimize!(objective, Study(space; options...); trials = trials)
end

"""
    optimize!(objective, study; trials = 100)

As [`optimize`](@ref), with more trials of a study, and fewer where everything has been tried.
"""
function optimize!(objective, study::Study; trials = 100)
    for _ in 1:trials
        trial = next!(study)
        trial === nothing && break
        tell!(study, trial, objective(trial.values))
    end
    return best(study)
end

"The next trial, or `nothing` where everything has been tried."
function next!(study::Study)
    try
        return ask!(study)
    catch error
        error isa OptiFormerError && error.status == :EXHAUSTED || rethrow()
        return nothing
    end
end

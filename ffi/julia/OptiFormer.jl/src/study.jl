"A configuration with the id to tell its outcome by; parameters that are not active are `nothing`."
struct Trial{V<:NamedTuple}
    id::UInt64
    values::V
end

"A finished trial."
struct Best{V<:NamedTuple}
    id::UInt64
    values::V
    value::Float64
end

"""
Why a trial was suggested, in units of the objective; the numbers are NaN where nothing was predicted.

- `sampler`: the one that suggested it; under "auto" the one that was asked.
- `origin`: "policy", drawn from the transformer's policy; "neighbor" of a good trial; "spread", a point of an even spread; "refined"
  to where the acquisition is largest; "step" of a local model; "draw", anything else.
- `median` of the predicted values, `deviation` (half of the range of about two thirds of them), and `improvement`, by how much the
  best value is expected to improve.
"""
struct Explanation
    sampler::String
    origin::String
    median::Float64
    deviation::Float64
    improvement::Float64
end

"Numbers of trials of each state."
struct Counts
    finished::Int
    failed::Int
    pending::Int
end

"""
    Study(space; direction = :minimize, sampler = "auto", model = nothing, seed = 0)

One optimization, which hands out trials and is told how they went. Tasks that share a study wait for each other, and any number
of trials may be pending.

The sampler is "auto", "optiformer", "gp", "tpe", "cma_es", "local_search", "grid", "sobol" or "random"; a `model` has weights for
"optiformer". The same seed and answers give the same study.

Throws an [`OptiFormerError`](@ref) that names the option.
"""
mutable struct Study
    handle::Ptr{Cvoid}
    layout::Vector{Layout}
    lock::ReentrantLock

    function Study(space::Space; direction = :minimize, sampler = "auto", model = nothing, seed = 0)
        direction in (:minimize, :maximize) ||
            throw(invalid("direction is :minimize or :maximize, not $(repr(direction))"))
        maximizes = direction == :maximize ? LibOptiFormer.OPTIFORMER_MAXIMIZE : LibOptiFormer.OPTIFORMER_MINIMIZE
        name = text("sampler", sampler)
        handle = GC.@preserve name model begin
            options = Ref(
                LibOptiFormer.optiformer_study_options(
                    sizeof(LibOptiFormer.optiformer_study_options),
                    maximizes,
                    Base.unsafe_convert(Cstring, name),
                    model === nothing ? C_NULL : model.handle,
                    unsigned_number("seed", seed),
                ),
            )
            handed_out((out, error) -> LibOptiFormer.optiformer_study_new(space, options, out, error))
        end
        study = new(handle, copy(space.layout), ReentrantLock())
        return finalizer(study -> LibOptiFormer.optiformer_study_free(study.handle), study)
    end
end

# A call that is given the study keeps it from the garbage collector.
Base.unsafe_convert(::Type{Ptr{Cvoid}}, study::Study) = study.handle

"A whole number that a 64-bit field holds."
function unsigned_number(what, value)
    value isa Integer && 0 <= value <= typemax(UInt64) && return UInt64(value)
    throw(invalid("$what $value is no whole number from 0 to 2^64 - 1"))
end

"Calls `call` with an error struct, while no other task uses the study."
exclusively(call, study::Study) = lock(() -> check(call), study.lock)

"""
    ask!(study) -> Trial

The next trial.
"""
function ask!(study::Study)
    id, values = Ref{UInt64}(0), fill(NaN, length(study.layout))
    exclusively(study) do error
        LibOptiFormer.optiformer_study_ask(study, id, values, length(values), error)
    end
    return Trial(id[], named(study.layout, values))
end

"""
    tell!(study, trial, value)

How a trial, or the one with an id, went. A `value` that is `nothing` or not finite counts as a failed trial.

Throws an [`OptiFormerError`](@ref): `:UNKNOWN_TRIAL` or `:ALREADY_TOLD`.
"""
function tell!(study::Study, id::Integer, value::Real)
    number = unsigned_number("trial", id)
    exclusively(error -> LibOptiFormer.optiformer_study_tell(study, number, value, error), study)
end

tell!(study::Study, id::Integer, ::Nothing) = tell_failed!(study, id)
tell!(study::Study, trial::Trial, value) = tell!(study, trial.id, value)

"""
    tell_failed!(study, trial)

That a trial failed: it is kept, and avoided.
"""
function tell_failed!(study::Study, id::Integer)
    number = unsigned_number("trial", id)
    exclusively(error -> LibOptiFormer.optiformer_study_tell_failed(study, number, error), study)
end

tell_failed!(study::Study, trial::Trial) = tell_failed!(study, trial.id)

"""
    add!(study, values::NamedTuple, value) -> id

Adds a trial that was made elsewhere.
"""
function add!(study::Study, values::NamedTuple, value)
    id, numbers = Ref{UInt64}(0), row(study.layout, values)
    objective = value === nothing ? NaN : value
    exclusively(study) do error
        LibOptiFormer.optiformer_study_add(study, numbers, length(numbers), objective, id, error)
    end
    return id[]
end

"""
    enqueue!(study, values::NamedTuple)

A configuration to try before any other.
"""
function enqueue!(study::Study, values::NamedTuple)
    numbers = row(study.layout, values)
    exclusively(study) do error
        LibOptiFormer.optiformer_study_enqueue(study, numbers, length(numbers), error)
    end
end

"""
    best(study) -> Union{Best,Nothing}

The best trial so far, of equals the first; `nothing` when none has finished.
"""
function best(study::Study)
    id, value, values = Ref{UInt64}(0), Ref{Cdouble}(NaN), fill(NaN, length(study.layout))
    try
        exclusively(study) do error
            LibOptiFormer.optiformer_study_best(study, id, values, length(values), value, error)
        end
    catch error
        error isa OptiFormerError && error.status == :NOT_FOUND && return nothing
        rethrow()
    end
    return Best(id[], named(study.layout, values), value[])
end

"""
    explain(study, trial) -> Explanation

Why a trial, which is pending, was suggested.

Throws an [`OptiFormerError`](@ref): `:UNKNOWN_TRIAL`; `:NOT_FOUND` for a trial that was told, enqueued or added.
"""
function explain(study::Study, id::Integer)
    number, empty = unsigned_number("trial", id), ntuple(_ -> 0x00, 32)
    size = sizeof(LibOptiFormer.optiformer_explanation)
    out = Ref(LibOptiFormer.optiformer_explanation(size, empty, empty, NaN, NaN, NaN))
    exclusively(error -> LibOptiFormer.optiformer_study_explain(study, number, out, error), study)
    found = out[]
    return Explanation(text_of(found.sampler), text_of(found.origin), found.median, found.deviation, found.improvement)
end

explain(study::Study, trial::Trial) = explain(study, trial.id)

"""
    counts(study) -> Counts

How many trials have finished, failed, and are pending.
"""
function counts(study::Study)
    finished, failed, pending = Ref{Csize_t}(0), Ref{Csize_t}(0), Ref{Csize_t}(0)
    exclusively(study) do error
        LibOptiFormer.optiformer_study_counts(study, finished, failed, pending, error)
    end
    return Counts(finished[], failed[], pending[])
end

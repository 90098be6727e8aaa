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
  to where the acquisition is largest; "step" of a local model; "promoted" from a lower fidelity; "draw", anything else.
- `median` of the predicted values, `deviation` (half of the range of about two thirds of them), and `improvement`, by how much the
  best value is expected to improve; `feasibility`, the probability that all constraints hold.
"""
struct Explanation
    sampler::String
    origin::String
    median::Float64
    deviation::Float64
    improvement::Float64
    feasibility::Float64
end

"Numbers of trials of each state."
struct Counts
    finished::Int
    failed::Int
    pending::Int
    pruned::Int
end

"""
    Study(space; direction = :minimize, sampler = "auto", model = nothing, seed = 0, constraints = [], objectives = [], pruner = nothing)

One optimization, which hands out trials and is told how they went. Tasks that share a study wait for each other, and any number
of trials may be pending.

The sampler is "auto", "optiformer", "gp", "tpe", "cma_es", "local_search", "grid", "sobol" or "random", and "hyperband" for a space
with a fidelity; a `model` has weights for "optiformer", "auto" and "hyperband". The same seed and answers give the same study.

`constraints` are names of values that are told with each trial and shall be at most 0. `objectives` are pairs of names and
directions, `["error" => :minimize, "speed" => :maximize]`; of several the trials spread along the Pareto front, which
[`front`](@ref) has.

`pruner` is the rule that [`should_stop`](@ref) applies, as the tool's `--pruner` takes it: "median", "percentile:25",
"asha:min=1,max=81", "hyperband:max=81", "patient:5:median".

Throws an [`OptiFormerError`](@ref) that names the option.
"""
mutable struct Study
    handle::Ptr{Cvoid}
    layout::Vector{Layout}
    lock::ReentrantLock
    # How many values of each kind a trial has.
    objectives::Int
    constraints::Int

    function Study(handle::Ptr{Cvoid}, layout::Vector{Layout})
        study = new(handle, copy(layout), ReentrantLock(), 1, 0)
        finalizer(study -> LibOptiFormer.optiformer_study_free(study.handle), study)
        objectives, constraints = Ref{Csize_t}(0), Ref{Csize_t}(0)
        exclusively(study) do error
            LibOptiFormer.optiformer_study_shape(study, C_NULL, objectives, constraints, error)
        end
        study.objectives, study.constraints = objectives[], constraints[]
        return study
    end
end

Study(space::Space; options...) = with_options(; options...) do raw
    Study(handed_out((out, error) -> LibOptiFormer.optiformer_study_new(space, raw, out, error)), space.layout)
end

"Calls `call` with the options of a study as C has them."
function with_options(
    call;
    direction = :minimize,
    sampler = "auto",
    model = nothing,
    seed = 0,
    constraints = [],
    objectives = [],
    pruner = nothing,
)
    name = text("sampler", sampler)
    rule = pruner === nothing ? nothing : text("pruner", pruner)
    constraint_names = [text("constraint", constraint) for constraint in constraints]
    objective_names = [text("objective", first(objective)) for objective in objectives]
    directions = Int32[direction_number(last(objective)) for objective in objectives]
    GC.@preserve name rule model constraint_names objective_names directions begin
        constraint_pointers = Cstring[Base.unsafe_convert(Cstring, it) for it in constraint_names]
        objective_pointers = Cstring[Base.unsafe_convert(Cstring, it) for it in objective_names]
        GC.@preserve constraint_pointers objective_pointers begin
            options = Ref(
                LibOptiFormer.optiformer_study_options(
                    sizeof(LibOptiFormer.optiformer_study_options),
                    direction_number(direction),
                    Base.unsafe_convert(Cstring, name),
                    model === nothing ? C_NULL : model.handle,
                    unsigned_number("seed", seed),
                    pointer(constraint_pointers),
                    length(constraint_pointers),
                    pointer(objective_pointers),
                    pointer(directions),
                    length(objective_pointers),
                    rule === nothing ? Cstring(C_NULL) : Base.unsafe_convert(Cstring, rule),
                ),
            )
            return call(options)
        end
    end
end

"A direction as C has it."
function direction_number(direction)
    direction in (:minimize, :maximize) || throw(invalid("direction is :minimize or :maximize, not $(repr(direction))"))
    return direction == :maximize ? LibOptiFormer.OPTIFORMER_MAXIMIZE : LibOptiFormer.OPTIFORMER_MINIMIZE
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

"As [`exclusively`](@ref); whether there was anything to report."
function finds(call, study::Study)
    try
        exclusively(call, study)
    catch error
        error isa OptiFormerError && error.status == :NOT_FOUND && return false
        rethrow()
    end
    return true
end

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
    tell!(study, trial, objectives, constraints)

How a trial, or the one with an id, went. A `value` that is `nothing` or not finite counts as a failed trial. In a study with
constraints or several objectives both are told as vectors, in the order of the study's; `objectives` may be empty where a
constraint is violated and nothing else was measured.

Throws an [`OptiFormerError`](@ref): `:UNKNOWN_TRIAL` or `:ALREADY_TOLD`; `:INVALID_VALUE` for other objectives or constraints than the
study has.
"""
function tell!(study::Study, id::Integer, value::Real)
    number = unsigned_number("trial", id)
    exclusively(error -> LibOptiFormer.optiformer_study_tell(study, number, value, error), study)
end

function tell!(study::Study, id::Integer, objectives::AbstractVector, constraints::AbstractVector = Cdouble[])
    number, measured, limits = unsigned_number("trial", id), Vector{Cdouble}(objectives), Vector{Cdouble}(constraints)
    exclusively(study) do error
        LibOptiFormer.optiformer_study_tell_measured(
            study, number, measured, length(measured), limits, length(limits), error,
        )
    end
end

tell!(study::Study, trial::Trial, objectives, constraints) = tell!(study, trial.id, objectives, constraints)

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
    add!(study, values::NamedTuple, objectives, constraints) -> id

Adds a trial that was made elsewhere, with what [`tell!`](@ref) takes.
"""
function add!(study::Study, values::NamedTuple, objectives::AbstractVector, constraints::AbstractVector = Cdouble[])
    id, numbers = Ref{UInt64}(0), row(study.layout, values)
    measured, limits = Vector{Cdouble}(objectives), Vector{Cdouble}(constraints)
    exclusively(study) do error
        LibOptiFormer.optiformer_study_add_measured(
            study, numbers, length(numbers), measured, length(measured), limits, length(limits), id, error,
        )
    end
    return id[]
end

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

A configuration to try before any other. Active parameters that it lacks are filled in when it is asked for.
"""
function enqueue!(study::Study, values::NamedTuple)
    numbers = row(study.layout, values)
    exclusively(study) do error
        LibOptiFormer.optiformer_study_enqueue(study, numbers, length(numbers), error)
    end
end

"""
    best(study) -> Union{Best,Nothing}

The best trial so far, of equals the first; `nothing` when none has finished, and in a study of several objectives. Under
constraints it is the best feasible trial, and while there is none the one that violates them least.
"""
function best(study::Study)
    id, value, values = Ref{UInt64}(0), Ref{Cdouble}(NaN), fill(NaN, length(study.layout))
    is_there = finds(study) do error
        LibOptiFormer.optiformer_study_best(study, id, values, length(values), value, error)
    end
    is_there || return nothing
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
    out = Ref(LibOptiFormer.optiformer_explanation(size, empty, empty, NaN, NaN, NaN, NaN))
    exclusively(error -> LibOptiFormer.optiformer_study_explain(study, number, out, error), study)
    found = out[]
    predicted = found.median, found.deviation, found.improvement, found.feasibility
    return Explanation(text_of(found.sampler), text_of(found.origin), predicted...)
end

explain(study::Study, trial::Trial) = explain(study, trial.id)

"""
    counts(study) -> Counts

How many trials have finished, have failed, are pending, and were pruned.
"""
counts(study::Study) = lock(study.lock) do
    finished, failed, pending, pruned = Ref{Csize_t}(0), Ref{Csize_t}(0), Ref{Csize_t}(0), Ref{Csize_t}(0)
    check(error -> LibOptiFormer.optiformer_study_counts(study, finished, failed, pending, error))
    check() do error
        LibOptiFormer.optiformer_study_state_count(study, LibOptiFormer.OPTIFORMER_PRUNED, pruned, error)
    end
    return Counts(finished[], failed[], pending[], pruned[])
end

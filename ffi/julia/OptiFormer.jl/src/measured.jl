"""
A trial that is read back.

- `state`: `:pending`, `:finished`, `:failed` or `:pruned`.
- `objectives` and `constraints`, in the order of the study's; NaN for what was not measured, objectives also of a trial that has
  not finished.
- `reports`: pairs of a step and an intermediate value, by ascending step.
"""
struct StoredTrial{V<:NamedTuple}
    id::UInt64
    values::V
    state::Symbol
    objectives::Vector{Float64}
    constraints::Vector{Float64}
    reports::Vector{Pair{UInt64,Float64}}
end

"""
    tell_pruned!(study, trial)

That a trial was ended early, because its intermediate values were poor. The last of them counts for later suggestions.

Throws an [`OptiFormerError`](@ref) as [`tell!`](@ref) does, and `:INVALID_VALUE` in a study of several objectives.
"""
function tell_pruned!(study::Study, id::Integer)
    number = unsigned_number("trial", id)
    exclusively(error -> LibOptiFormer.optiformer_study_tell_pruned(study, number, error), study)
end

tell_pruned!(study::Study, trial::Trial) = tell_pruned!(study, trial.id)

"""
    report!(study, trial, step, value)

An intermediate value of a trial, which is pending: its objective at a step, such as an epoch. Steps ascend within a trial.

Throws an [`OptiFormerError`](@ref) as [`tell!`](@ref) does; `:INVALID_VALUE` for a step that is not above the one before, a value that
is not finite, and a study of several objectives.
"""
function report!(study::Study, id::Integer, step::Integer, value::Real)
    number, place = unsigned_number("trial", id), unsigned_number("step", step)
    exclusively(error -> LibOptiFormer.optiformer_study_report(study, number, place, value, error), study)
end

report!(study::Study, trial::Trial, step, value) = report!(study, trial.id, step, value)

"""
    should_stop(study, trial) -> Bool

Whether the pruner would end a trial, which is pending, for its intermediate values. Ask after each [`report!`](@ref); a trial that is
ended is told by [`tell_pruned!`](@ref). `false` before the first report, and in a study without a pruner.

Throws an [`OptiFormerError`](@ref) as [`tell!`](@ref) does.
"""
function should_stop(study::Study, id::Integer)
    number, out = unsigned_number("trial", id), Ref{Int32}(0)
    exclusively(error -> LibOptiFormer.optiformer_study_should_stop(study, number, out, error), study)
    return out[] != 0
end

should_stop(study::Study, trial::Trial) = should_stop(study, trial.id)

"""
    promoted_from(study, trial) -> Union{UInt64,Nothing}

The id of the trial that a trial continues, in a space with a fidelity: of the earlier finished trials with the same other values and
a lower fidelity, the one with the highest. `nothing` where there is none.

Throws an [`OptiFormerError`](@ref): `:UNKNOWN_TRIAL`.
"""
function promoted_from(study::Study, id::Integer)
    number, out = unsigned_number("trial", id), Ref{UInt64}(0)
    is_there = finds(error -> LibOptiFormer.optiformer_study_promoted_from(study, number, out, error), study)
    return is_there ? out[] : nothing
end

promoted_from(study::Study, trial::Trial) = promoted_from(study, trial.id)

"""
    front(study) -> Vector{UInt64}

The ids of the Pareto front, ascending: the trials that violate no constraint and that no other such trial beats, being at least as
good in every objective and better in one. Of one objective these are all trials with the best value.
"""
function front(study::Study)
    count = Ref{Csize_t}(0)
    exclusively(error -> LibOptiFormer.optiformer_study_front(study, C_NULL, 0, count, error), study)
    ids = zeros(UInt64, count[])
    exclusively(error -> LibOptiFormer.optiformer_study_front(study, ids, length(ids), count, error), study)
    return ids[1:count[]]
end

"""
    violation(study, trial) -> Float64

By how much a trial violates the constraints: 0 where they hold, NaN where they were not measured.
"""
function violation(study::Study, id::Integer)
    number, out = unsigned_number("trial", id), Ref{Cdouble}(NaN)
    exclusively(error -> LibOptiFormer.optiformer_study_violation(study, number, out, error), study)
    return out[]
end

violation(study::Study, trial::Trial) = violation(study, trial.id)

"""
    trials(study) -> Vector{StoredTrial}

All trials, in the order of their ids and without abandoned ones.
"""
trials(study::Study) = lock(study.lock) do
    count = Ref{Csize_t}(0)
    check() do error
        LibOptiFormer.optiformer_study_trials(study, C_NULL, C_NULL, C_NULL, C_NULL, 0, count, error)
    end
    size = Int(count[])
    ids, states = zeros(UInt64, size), zeros(Int32, size)
    values = zeros(Cdouble, length(study.layout), size)
    objectives, constraints = zeros(Cdouble, study.objectives, size), zeros(Cdouble, study.constraints, size)
    check() do error
        LibOptiFormer.optiformer_study_trials(study, ids, states, values, C_NULL, size, count, error)
    end
    check() do error
        LibOptiFormer.optiformer_study_measurements(study, objectives, constraints, size, count, error)
    end
    names = (:pending, :finished, :failed, :pruned)
    return [
        StoredTrial(
            ids[place],
            named(study.layout, values[:, place]),
            names[states[place] + 1],
            objectives[:, place],
            constraints[:, place],
            reports(study, ids[place]),
        ) for place in 1:size
    ]
end

"The intermediate values of a trial; the study is locked."
function reports(study::Study, id::UInt64)
    count = Ref{Csize_t}(0)
    check(error -> LibOptiFormer.optiformer_study_reports(study, id, C_NULL, C_NULL, 0, count, error))
    steps, values = zeros(UInt64, count[]), zeros(Cdouble, count[])
    check(error -> LibOptiFormer.optiformer_study_reports(study, id, steps, values, length(steps), count, error))
    return Pair{UInt64,Float64}[step => value for (step, value) in zip(steps, values)]
end

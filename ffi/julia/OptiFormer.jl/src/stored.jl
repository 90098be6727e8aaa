"""
    open_study(path, space; options...) -> Study

Opens the study in a file, or creates it; the options are those of a [`Study`](@ref). Each change is in the file when its call returns.
Trials that were pending when the file was last closed are asked for first. The file is locked until the study is garbage.

Throws an [`OptiFormerError`](@ref): `:IO` where the file cannot be opened or another process has it; `:INVALID_JOURNAL` for a damaged
file, and for another study than the one that is asked for, naming what differs.
"""
open_study(path::AbstractString, space::Space; options...) = with_options(; options...) do raw
    place = text("path", path)
    Study(handed_out((out, error) -> LibOptiFormer.optiformer_study_open(place, space, raw, out, error)), space.layout)
end

"""
    results(study) -> String

What the study came to, as JSON: `best_score` of the feasible trials, `num_evaluations`, `num_feasible`, `converged` and
`all_results`, the trials that have ended, each with `params` and `score`; of several objectives the `pareto_front`.
"""
results(study::Study) = lock(study.lock) do
    written((buffer, capacity, needed, error) -> LibOptiFormer.optiformer_study_results(study, buffer, capacity, needed, error))
end

"""
    save(study) -> String

The whole study as a text, which [`restore`](@ref) and the command-line tool read.
"""
save(study::Study) = lock(study.lock) do
    written((buffer, capacity, needed, error) -> LibOptiFormer.optiformer_study_save(study, buffer, capacity, needed, error))
end

"""
    restore(saved, space; model = nothing) -> Study

A study in memory from what [`save`](@ref) gave; it goes on as the one that was saved would have. `space` is that of the study.

Throws an [`OptiFormerError`](@ref): `:INVALID_JOURNAL`, with line and byte; `:INVALID_VALUE` for another space.
"""
function restore(saved::AbstractString, space::Space; model = nothing)
    document = text("saved", saved)
    handle = GC.@preserve model handed_out() do out, error
        LibOptiFormer.optiformer_study_restore(document, model === nothing ? C_NULL : model.handle, out, error)
    end
    study = Study(handle, space.layout)
    json(study) == json(space) || throw(invalid("the space is not that of the study"))
    return study
end

"The document of a study's space."
function json(study::Study)
    space = handed_out((out, error) -> LibOptiFormer.optiformer_study_space(study, out, error))
    try
        return written() do buffer, capacity, needed, error
            LibOptiFormer.optiformer_space_to_json(space, buffer, capacity, needed, error)
        end
    finally
        LibOptiFormer.optiformer_space_free(space)
    end
end

"""
    abandon!(study, trial)

Lets a trial, which is pending, leave the study without an outcome; its id is not used again.

Throws an [`OptiFormerError`](@ref): `:UNKNOWN_TRIAL` or `:ALREADY_TOLD`.
"""
function abandon!(study::Study, id::Integer)
    number = unsigned_number("trial", id)
    exclusively(error -> LibOptiFormer.optiformer_study_abandon(study, number, error), study)
end

abandon!(study::Study, trial::Trial) = abandon!(study, trial.id)

"""
    offer_pending!(study)

Lets the trials that are pending now be asked for again, unchanged, before anything new: for a study whose workers are gone.
"""
offer_pending!(study::Study) = exclusively(error -> LibOptiFormer.optiformer_study_offer_pending(study, error), study)

"Objectives, constraints, sampler, seed and a note about its file, as JSON."
description(study::Study) = lock(study.lock) do
    written() do buffer, capacity, needed, error
        LibOptiFormer.optiformer_study_description(study, buffer, capacity, needed, error)
    end
end

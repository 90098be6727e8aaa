# Made by ffi/julia/generate.py from include/optiformer.h, which documents everything here: do not
# edit.

"""
The functions of `optiformer.h`, as they are.
"""
module LibOptiFormer

import ..library

const OPTIFORMER_VERSION_MAJOR = 0
const OPTIFORMER_VERSION_MINOR = 1
const OPTIFORMER_VERSION_PATCH = 0
const OPTIFORMER_OK = 0
const OPTIFORMER_NULL_POINTER = 1
const OPTIFORMER_INVALID_VALUE = 2
const OPTIFORMER_INVALID_SPACE = 3
const OPTIFORMER_INVALID_WEIGHTS = 4
const OPTIFORMER_UNKNOWN_TRIAL = 5
const OPTIFORMER_ALREADY_TOLD = 6
const OPTIFORMER_UNSUPPORTED = 7
const OPTIFORMER_EXHAUSTED = 8
const OPTIFORMER_IO = 9
const OPTIFORMER_BUFFER_TOO_SMALL = 10
const OPTIFORMER_NOT_FOUND = 11
const OPTIFORMER_PANIC = 12
const OPTIFORMER_POISONED = 13
const OPTIFORMER_INVALID_TEXT = 14
const OPTIFORMER_INVALID_JOURNAL = 15
const OPTIFORMER_MINIMIZE = 0
const OPTIFORMER_MAXIMIZE = 1
const OPTIFORMER_PENDING = 0
const OPTIFORMER_FINISHED = 1
const OPTIFORMER_FAILED = 2
const OPTIFORMER_PRUNED = 3

struct optiformer_error
    struct_size::Csize_t
    status::Int32
    message::NTuple{512, UInt8}
end

struct optiformer_study_options
    struct_size::Csize_t
    direction::Int32
    sampler::Cstring
    model::Ptr{Cvoid}
    seed::UInt64
    constraints::Ptr{Cstring}
    constraint_count::Csize_t
    objectives::Ptr{Cstring}
    directions::Ptr{Int32}
    objective_count::Csize_t
    pruner::Cstring
end

struct optiformer_explanation
    struct_size::Csize_t
    sampler::NTuple{32, UInt8}
    origin::NTuple{32, UInt8}
    median::Cdouble
    deviation::Cdouble
    improvement::Cdouble
    feasibility::Cdouble
end

struct optiformer_suggest_options
    struct_size::Csize_t
    sampler::Cstring
    model::Ptr{Cvoid}
    seed::UInt64
    number::UInt64
    cache::Ptr{Cvoid}
    objective_count::Csize_t
    constraints::Ptr{Cdouble}
    constraint_count::Csize_t
end

optiformer_version() =
    ccall((:optiformer_version, library), UInt32, ())

optiformer_version_string() =
    ccall((:optiformer_version_string, library), Cstring, ())

optiformer_status_name(status) =
    ccall((:optiformer_status_name, library), Cstring, (Cint,), status)

optiformer_model_open(path, out, error) =
    ccall((:optiformer_model_open, library), Int32, (Cstring, Ptr{Ptr{Cvoid}}, Ptr{optiformer_error}), path, out, error)

optiformer_model_from_bytes(bytes, length, out, error) =
    ccall((:optiformer_model_from_bytes, library), Int32, (Ptr{UInt8}, Csize_t, Ptr{Ptr{Cvoid}}, Ptr{optiformer_error}), bytes, length, out, error)

optiformer_model_builtin(out, error) =
    ccall((:optiformer_model_builtin, library), Int32, (Ptr{Ptr{Cvoid}}, Ptr{optiformer_error}), out, error)

optiformer_model_description(model, buffer, capacity, needed, error) =
    ccall((:optiformer_model_description, library), Int32, (Ptr{Cvoid}, Ptr{UInt8}, Csize_t, Ptr{Csize_t}, Ptr{optiformer_error}), model, buffer, capacity, needed, error)

optiformer_model_free(model) =
    ccall((:optiformer_model_free, library), Cvoid, (Ptr{Cvoid},), model)

optiformer_space_new(out, error) =
    ccall((:optiformer_space_new, library), Int32, (Ptr{Ptr{Cvoid}}, Ptr{optiformer_error}), out, error)

optiformer_space_from_json(json, out, error) =
    ccall((:optiformer_space_from_json, library), Int32, (Cstring, Ptr{Ptr{Cvoid}}, Ptr{optiformer_error}), json, out, error)

optiformer_space_add_float(space, name, low, high, log, step, error) =
    ccall((:optiformer_space_add_float, library), Int32, (Ptr{Cvoid}, Cstring, Cdouble, Cdouble, Cint, Cdouble, Ptr{optiformer_error}), space, name, low, high, log, step, error)

optiformer_space_add_int(space, name, low, high, log, step, error) =
    ccall((:optiformer_space_add_int, library), Int32, (Ptr{Cvoid}, Cstring, Int64, Int64, Cint, Int64, Ptr{optiformer_error}), space, name, low, high, log, step, error)

optiformer_space_add_categorical(space, name, choices, count, error) =
    ccall((:optiformer_space_add_categorical, library), Int32, (Ptr{Cvoid}, Cstring, Ptr{Cstring}, Csize_t, Ptr{optiformer_error}), space, name, choices, count, error)

optiformer_space_set_condition(space, name, parent, values, count, error) =
    ccall((:optiformer_space_set_condition, library), Int32, (Ptr{Cvoid}, Cstring, Cstring, Ptr{Cdouble}, Csize_t, Ptr{optiformer_error}), space, name, parent, values, count, error)

optiformer_space_set_fidelity(space, name, error) =
    ccall((:optiformer_space_set_fidelity, library), Int32, (Ptr{Cvoid}, Cstring, Ptr{optiformer_error}), space, name, error)

optiformer_space_count(space) =
    ccall((:optiformer_space_count, library), Csize_t, (Ptr{Cvoid},), space)

optiformer_space_name(space, index, buffer, capacity, needed, error) =
    ccall((:optiformer_space_name, library), Int32, (Ptr{Cvoid}, Csize_t, Ptr{UInt8}, Csize_t, Ptr{Csize_t}, Ptr{optiformer_error}), space, index, buffer, capacity, needed, error)

optiformer_space_to_json(space, buffer, capacity, needed, error) =
    ccall((:optiformer_space_to_json, library), Int32, (Ptr{Cvoid}, Ptr{UInt8}, Csize_t, Ptr{Csize_t}, Ptr{optiformer_error}), space, buffer, capacity, needed, error)

optiformer_space_free(space) =
    ccall((:optiformer_space_free, library), Cvoid, (Ptr{Cvoid},), space)

optiformer_study_new(space, options, out, error) =
    ccall((:optiformer_study_new, library), Int32, (Ptr{Cvoid}, Ptr{optiformer_study_options}, Ptr{Ptr{Cvoid}}, Ptr{optiformer_error}), space, options, out, error)

optiformer_study_ask(study, id, values, count, error) =
    ccall((:optiformer_study_ask, library), Int32, (Ptr{Cvoid}, Ptr{UInt64}, Ptr{Cdouble}, Csize_t, Ptr{optiformer_error}), study, id, values, count, error)

optiformer_study_tell(study, id, value, error) =
    ccall((:optiformer_study_tell, library), Int32, (Ptr{Cvoid}, UInt64, Cdouble, Ptr{optiformer_error}), study, id, value, error)

optiformer_study_tell_failed(study, id, error) =
    ccall((:optiformer_study_tell_failed, library), Int32, (Ptr{Cvoid}, UInt64, Ptr{optiformer_error}), study, id, error)

optiformer_study_tell_measured(study, id, objectives, objective_count, constraints, constraint_count, error) =
    ccall((:optiformer_study_tell_measured, library), Int32, (Ptr{Cvoid}, UInt64, Ptr{Cdouble}, Csize_t, Ptr{Cdouble}, Csize_t, Ptr{optiformer_error}), study, id, objectives, objective_count, constraints, constraint_count, error)

optiformer_study_tell_pruned(study, id, error) =
    ccall((:optiformer_study_tell_pruned, library), Int32, (Ptr{Cvoid}, UInt64, Ptr{optiformer_error}), study, id, error)

optiformer_study_report(study, id, step, value, error) =
    ccall((:optiformer_study_report, library), Int32, (Ptr{Cvoid}, UInt64, UInt64, Cdouble, Ptr{optiformer_error}), study, id, step, value, error)

optiformer_study_should_stop(study, id, out, error) =
    ccall((:optiformer_study_should_stop, library), Int32, (Ptr{Cvoid}, UInt64, Ptr{Int32}, Ptr{optiformer_error}), study, id, out, error)

optiformer_study_promoted_from(study, id, out, error) =
    ccall((:optiformer_study_promoted_from, library), Int32, (Ptr{Cvoid}, UInt64, Ptr{UInt64}, Ptr{optiformer_error}), study, id, out, error)

optiformer_study_add(study, values, count, value, id, error) =
    ccall((:optiformer_study_add, library), Int32, (Ptr{Cvoid}, Ptr{Cdouble}, Csize_t, Cdouble, Ptr{UInt64}, Ptr{optiformer_error}), study, values, count, value, id, error)

optiformer_study_add_measured(study, values, count, objectives, objective_count, constraints, constraint_count, id, error) =
    ccall((:optiformer_study_add_measured, library), Int32, (Ptr{Cvoid}, Ptr{Cdouble}, Csize_t, Ptr{Cdouble}, Csize_t, Ptr{Cdouble}, Csize_t, Ptr{UInt64}, Ptr{optiformer_error}), study, values, count, objectives, objective_count, constraints, constraint_count, id, error)

optiformer_study_enqueue(study, values, count, error) =
    ccall((:optiformer_study_enqueue, library), Int32, (Ptr{Cvoid}, Ptr{Cdouble}, Csize_t, Ptr{optiformer_error}), study, values, count, error)

optiformer_study_best(study, id, values, count, value, error) =
    ccall((:optiformer_study_best, library), Int32, (Ptr{Cvoid}, Ptr{UInt64}, Ptr{Cdouble}, Csize_t, Ptr{Cdouble}, Ptr{optiformer_error}), study, id, values, count, value, error)

optiformer_study_front(study, ids, capacity, count, error) =
    ccall((:optiformer_study_front, library), Int32, (Ptr{Cvoid}, Ptr{UInt64}, Csize_t, Ptr{Csize_t}, Ptr{optiformer_error}), study, ids, capacity, count, error)

optiformer_study_violation(study, id, violation, error) =
    ccall((:optiformer_study_violation, library), Int32, (Ptr{Cvoid}, UInt64, Ptr{Cdouble}, Ptr{optiformer_error}), study, id, violation, error)

optiformer_study_explain(study, id, out, error) =
    ccall((:optiformer_study_explain, library), Int32, (Ptr{Cvoid}, UInt64, Ptr{optiformer_explanation}, Ptr{optiformer_error}), study, id, out, error)

optiformer_study_counts(study, finished, failed, pending, error) =
    ccall((:optiformer_study_counts, library), Int32, (Ptr{Cvoid}, Ptr{Csize_t}, Ptr{Csize_t}, Ptr{Csize_t}, Ptr{optiformer_error}), study, finished, failed, pending, error)

optiformer_study_state_count(study, state, out, error) =
    ccall((:optiformer_study_state_count, library), Int32, (Ptr{Cvoid}, Int32, Ptr{Csize_t}, Ptr{optiformer_error}), study, state, out, error)

optiformer_study_trials(study, ids, states, values, objectives, capacity, count, error) =
    ccall((:optiformer_study_trials, library), Int32, (Ptr{Cvoid}, Ptr{UInt64}, Ptr{Int32}, Ptr{Cdouble}, Ptr{Cdouble}, Csize_t, Ptr{Csize_t}, Ptr{optiformer_error}), study, ids, states, values, objectives, capacity, count, error)

optiformer_study_shape(study, parameters, objectives, constraints, error) =
    ccall((:optiformer_study_shape, library), Int32, (Ptr{Cvoid}, Ptr{Csize_t}, Ptr{Csize_t}, Ptr{Csize_t}, Ptr{optiformer_error}), study, parameters, objectives, constraints, error)

optiformer_study_measurements(study, objectives, constraints, capacity, count, error) =
    ccall((:optiformer_study_measurements, library), Int32, (Ptr{Cvoid}, Ptr{Cdouble}, Ptr{Cdouble}, Csize_t, Ptr{Csize_t}, Ptr{optiformer_error}), study, objectives, constraints, capacity, count, error)

optiformer_study_reports(study, id, steps, values, capacity, count, error) =
    ccall((:optiformer_study_reports, library), Int32, (Ptr{Cvoid}, UInt64, Ptr{UInt64}, Ptr{Cdouble}, Csize_t, Ptr{Csize_t}, Ptr{optiformer_error}), study, id, steps, values, capacity, count, error)

optiformer_study_abandon(study, id, error) =
    ccall((:optiformer_study_abandon, library), Int32, (Ptr{Cvoid}, UInt64, Ptr{optiformer_error}), study, id, error)

optiformer_study_offer_pending(study, error) =
    ccall((:optiformer_study_offer_pending, library), Int32, (Ptr{Cvoid}, Ptr{optiformer_error}), study, error)

optiformer_study_space(study, out, error) =
    ccall((:optiformer_study_space, library), Int32, (Ptr{Cvoid}, Ptr{Ptr{Cvoid}}, Ptr{optiformer_error}), study, out, error)

optiformer_study_description(study, buffer, capacity, needed, error) =
    ccall((:optiformer_study_description, library), Int32, (Ptr{Cvoid}, Ptr{UInt8}, Csize_t, Ptr{Csize_t}, Ptr{optiformer_error}), study, buffer, capacity, needed, error)

optiformer_study_open(path, space, options, out, error) =
    ccall((:optiformer_study_open, library), Int32, (Cstring, Ptr{Cvoid}, Ptr{optiformer_study_options}, Ptr{Ptr{Cvoid}}, Ptr{optiformer_error}), path, space, options, out, error)

optiformer_study_save(study, buffer, capacity, needed, error) =
    ccall((:optiformer_study_save, library), Int32, (Ptr{Cvoid}, Ptr{UInt8}, Csize_t, Ptr{Csize_t}, Ptr{optiformer_error}), study, buffer, capacity, needed, error)

optiformer_study_results(study, buffer, capacity, needed, error) =
    ccall((:optiformer_study_results, library), Int32, (Ptr{Cvoid}, Ptr{UInt8}, Csize_t, Ptr{Csize_t}, Ptr{optiformer_error}), study, buffer, capacity, needed, error)

optiformer_study_restore(text, model, out, error) =
    ccall((:optiformer_study_restore, library), Int32, (Cstring, Ptr{Cvoid}, Ptr{Ptr{Cvoid}}, Ptr{optiformer_error}), text, model, out, error)

optiformer_study_free(study) =
    ccall((:optiformer_study_free, library), Cvoid, (Ptr{Cvoid},), study)

optiformer_cache_new(out, error) =
    ccall((:optiformer_cache_new, library), Int32, (Ptr{Ptr{Cvoid}}, Ptr{optiformer_error}), out, error)

optiformer_cache_free(cache) =
    ccall((:optiformer_cache_free, library), Cvoid, (Ptr{Cvoid},), cache)

optiformer_suggest(space, options, history, losses, finished, pending, waiting, out, count, error) =
    ccall((:optiformer_suggest, library), Int32, (Ptr{Cvoid}, Ptr{optiformer_suggest_options}, Ptr{Cdouble}, Ptr{Cdouble}, Csize_t, Ptr{Cdouble}, Csize_t, Ptr{Cdouble}, Csize_t, Ptr{optiformer_error}), space, options, history, losses, finished, pending, waiting, out, count, error)

optiformer_choose(space, options, history, losses, finished, pending, waiting, candidates, count, order, ratings, error) =
    ccall((:optiformer_choose, library), Int32, (Ptr{Cvoid}, Ptr{optiformer_suggest_options}, Ptr{Cdouble}, Ptr{Cdouble}, Csize_t, Ptr{Cdouble}, Csize_t, Ptr{Cdouble}, Csize_t, Ptr{Csize_t}, Ptr{Cdouble}, Ptr{optiformer_error}), space, options, history, losses, finished, pending, waiting, candidates, count, order, ratings, error)

end
